package definition_test

import (
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"reflect"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/services"
	"docusign-auth-proxy/internal/spool"
	"docusign-auth-proxy/translate/soaprest/definition"
	"docusign-auth-proxy/translate/soaprest/element"
	"docusign-auth-proxy/translate/soaprest/fault"
)

const (
	api   = "/api/3.0/api.asmx"
	dsapi = "/api/3.0/dsapi.asmx"
)

// node is XML as it stands.
type node struct {
	XMLName  xml.Name
	Attrs    []xml.Attr `xml:",any,attr"`
	Text     string     `xml:",chardata"`
	Children []node     `xml:",any"`
}

// tree makes the elements of an operation as package element would.
func tree(service, text string) (*element.Element, error) {
	var n node
	if err := xml.Unmarshal([]byte(text), &n); err != nil {
		return nil, err
	}
	o := services.ByPath(service).Description().Operation(n.XMLName.Local)
	if o == nil {
		return nil, fmt.Errorf("%s is no operation", n.XMLName.Local)
	}
	return grow(&n, o.In, "", pool())
}

func grow(n *node, t *services.Type, path string, pool *spool.Pool) (*element.Element, error) {
	e := &element.Element{Name: n.XMLName.Local, Type: t, Path: path}
	switch {
	case t.Base == "base64Binary":
		raw, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(n.Text), ""))
		if err != nil {
			return nil, err
		}
		e.Bytes = pool.New()
		_, err = e.Bytes.Write(raw)
		return e, err
	case t.Base == "string" && len(t.Enum) == 0:
		e.Text = n.Text
	default:
		e.Text = strings.TrimSpace(n.Text)
	}
	seen := map[string]int{}
	for i := range n.Children {
		c := &n.Children[i]
		of := t.Element(c.XMLName.Local)
		if of == nil {
			return nil, fmt.Errorf("%s has no %s", path, c.XMLName.Local)
		}
		seen[of.Name]++
		below := strings.TrimPrefix(path+"/"+of.Name, "/")
		if of.Many {
			below = fmt.Sprintf("%s[%d]", below, seen[of.Name])
		}
		child, err := grow(c, of.Type, below, pool)
		if err != nil {
			return nil, err
		}
		if !isNil(c) {
			e.Children = append(e.Children, child)
		}
	}
	return e, nil
}

func isNil(n *node) bool {
	for _, a := range n.Attrs {
		if a.Name.Local == "nil" && a.Value == "true" {
			return true
		}
	}
	return false
}

// settings are the defaults of the configuration.
func settings() definition.Settings { return definition.Settings{SignHere: 21, InitialHere: 16} }

// order is a template whose labels FieldData names.
const order = `{"recipients": {"recipientCount": "2", "signers": [{"recipientId": "1", "roleName": "Customer", "tabs": {
	"signHereTabs": [{"tabLabel": "sig1"}],
	"textTabs": [{"tabLabel": "order"}, {"tabLabel": "both"}],
	"numberTabs": [{"tabLabel": "both"}],
	"checkboxTabs": [{"tabLabel": "agree"}],
	"listTabs": [{"tabLabel": "colour"}],
	"radioGroupTabs": [{"groupName": "kind", "radios": [{"value": "new"}, {"value": "old"}]}]
	}}], "carbonCopies": [{"recipientId": "2", "roleName": "Boss"}]}}`

// missing is the id of a template that is not there.
const missing = "70000000-1111-4222-8333-000000000009"

// makeOf makes the definition of an operation, whichever it is.
func makeOf(root *element.Element, s definition.Settings) (*definition.Definition, error) {
	switch root.Name {
	case "CreateEnvelope":
		return definition.Envelope(root.Name, root.Child("Envelope"), "created", s)
	case "CreateAndSendEnvelope":
		return definition.Envelope(root.Name, root.Child("Envelope"), "sent", s)
	case "CreateEnvelopeFromTemplates":
		return definition.FromTemplates(root.Name, root, s, func(id string) (*definition.Template, error) {
			if id == missing {
				return nil, fault.Named("Envelope_Does_Not_Exist", "Nothing was sent.")
			}
			t := &definition.Template{}
			return t, json.Unmarshal([]byte(order), t)
		})
	case "CreateEnvelopeFromTemplatesAndForms":
		return definition.FromTemplatesAndForms(root.Name, root, s)
	}
	return nil, fmt.Errorf("%s makes no envelope", root.Name)
}

// parts are the JSON of a body and the bytes of its documents.
func parts(t testing.TB, d *definition.Definition) (string, []string) {
	t.Helper()
	contentType, body := d.Encode()
	raw := read(t, body)
	if again := read(t, body); again != raw {
		t.Fatal("the body reads differently the second time")
	}
	if int64(len(raw)) != body.Len() {
		t.Fatalf("Len is %d of %d bytes", body.Len(), len(raw))
	}
	kind, parameters, err := mime.ParseMediaType(contentType)
	if err != nil {
		t.Fatal(err)
	}
	if kind == "application/json" {
		return raw, nil
	}
	var all []string
	r := multipart.NewReader(strings.NewReader(raw), parameters["boundary"])
	for {
		p, err := r.NextPart()
		if err == io.EOF {
			return all[0], all[1:]
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(p)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(content))
	}
}

func read(t testing.TB, b definition.Body) string {
	t.Helper()
	raw, err := io.ReadAll(b.Open())
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// same compares two texts of JSON.
func same(t testing.TB, got, want string) {
	t.Helper()
	var a, b any
	if err := json.Unmarshal([]byte(got), &a); err != nil {
		t.Fatalf("%v in %s", err, got)
	}
	if err := json.Unmarshal([]byte(want), &b); err != nil {
		t.Fatalf("%v in the wanted %s", err, want)
	}
	if !reflect.DeepEqual(a, b) {
		t.Errorf("got  %s\nwant %s", indented(a), indented(b))
	}
}

func indented(v any) string {
	text, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		return err.Error()
	}
	return string(text)
}

func pool() *spool.Pool { return spool.New("", spool.MaxMemory, 1<<30) }
