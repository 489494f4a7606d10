package definition_test

import (
	"encoding/json"
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

// tree reads an element of an operation as it stands in a message.
func tree(service, text string) (*element.Element, error) {
	name := operationIn(text)
	namespace := services.ByPath(service).Namespace
	text = strings.Replace(text, "<"+name, "<"+name+` xmlns="`+namespace+`"`, 1)
	return whole(service, `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>`+text+
		"</s:Body></s:Envelope>")
}

// whole reads a whole message.
func whole(service, text string) (*element.Element, error) {
	_, body, _ := strings.Cut(text, ":Body>")
	message, s := strings.NewReader(text), services.ByPath(service)
	m, err := element.Read("text/xml; charset=utf-8", message, s, operationIn(body), pool())
	if err != nil {
		return nil, err
	}
	return m.Root, nil
}

// operationIn is the name of the first element.
func operationIn(text string) string {
	text = strings.TrimLeft(text, " \r\n\t<")
	return text[:strings.IndexAny(text, " />")]
}

func pool() *spool.Pool { return spool.New("", spool.MaxMemory, 1<<30) }

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
