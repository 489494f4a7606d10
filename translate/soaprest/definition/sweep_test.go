package definition_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/services"
	"docusign-auth-proxy/translate/soaprest/definition"
	"docusign-auth-proxy/translate/soaprest/element"
	"docusign-auth-proxy/translate/soaprest/fault"
)

// base is a message that lacks nothing: with one tab of that type for a signer, or without one for a recipient of any
// type.
func base(recipient, tab, custom string, path []string) string {
	name := path[len(path)-1]
	extra := ""
	switch custom {
	case "List":
		extra = "<CustomTabListItems>Red;Blue</CustomTabListItems><CustomTabListValues>r;b</CustomTabListValues>"
	case "Radio":
		extra = "<CustomTabRadioGroupName>kind</CustomTabRadioGroupName>"
	}
	if custom != "" {
		extra += "<CustomTabType>" + custom + "</CustomTabType>"
	}
	if slices.Contains(path, "AnchorTabItem") && name != "AnchorTabString" {
		extra += "<AnchorTabItem><AnchorTabString>here</AnchorTabString></AnchorTabItem>"
	}
	recipient += "</Type>"
	if strings.HasPrefix(recipient, "InPersonSigner") {
		recipient += "<SignerName>Cora</SignerName>"
	}
	tabs, fields := "", ""
	if tab != "" {
		tabs = `<Tabs><Tab><DocumentID>1</DocumentID><RecipientID>1</RecipientID><PageNumber>1</PageNumber>
			<XPosition>100</XPosition><YPosition>200</YPosition><Type>` + tab + "</Type>" + extra + "</Tab></Tabs>"
	}
	if slices.Contains(path, "CustomField") {
		fields = "<CustomFields><CustomField><CustomFieldType>List</CustomFieldType></CustomField></CustomFields>"
	}
	return `<CreateAndSendEnvelope><Envelope><TransactionID>t</TransactionID><Documents>
		<Document><ID>1</ID><Name>One</Name><PDFBytes>JVBERg==</PDFBytes></Document>
		<Document><ID>2</ID><Name>Two</Name><PDFBytes>JVBERg==</PDFBytes></Document></Documents>
		<Recipients><Recipient><ID>1</ID><UserName>Ben</UserName><Email>ben@example.com</Email><Type>` + recipient +
		"</Recipient></Recipients>" + tabs + "<Subject>Please sign</Subject>" + fields +
		"</Envelope></CreateAndSendEnvelope>"
}

// telling is a value that no other element of a base has; text is what JSON must show of it.
func telling(name string, t *services.Type) (value, text string) {
	if special, found := map[string]string{
		"VaultingMode": "EODeStore", "FontStyle": "Mistral", "DeliveryMethod": "Fax", "Unit": "Mms",
		"SigningLocation": "InPerson", "DocumentID": "2", "ScaleValue": "0.7", "Show": "true", "Required": "true",
		"CustomTabListItems": "Telling;Other", "CustomTabListValues": "telling;other",
	}[name]; found {
		text, _, _ = strings.Cut(special, ";")
		return special, text
	}
	switch {
	case name == "CustomTabListSelectedValue":
		return "b", "true"
	case len(t.Enum) > 0:
		last := t.Enum[len(t.Enum)-1]
		return last, last
	case t.Base == "boolean":
		return "true", "true"
	case name == "PDFBytes": // a part of its own
		return "dGVsbGluZw==", "telling"
	case t.Base == "base64Binary":
		return "dGVsbGluZw==", "dGVsbGluZw=="
	case t.Base == "dateTime":
		return "1990-01-02T00:00:00", "1990-01-02"
	case t.Base == "string":
		return "telling " + name, "telling " + name
	}
	return "71", "71"
}

// leaves are the paths to all texts below a type, with their types.
func leaves(t *services.Type, path []string, found func([]string, *services.Type)) {
	for _, e := range t.Elements {
		below := append(slices.Clone(path), e.Name)
		if e.Type.Base != "" {
			found(below, e.Type)
		} else {
			leaves(e.Type, below, found)
		}
	}
}

// set puts a text at a path, and makes what leads to it where it is not there.
func set(root *element.Element, path []string, in *services.Type, value string) (*element.Element, error) {
	e := root
	for _, name := range path {
		of := in.Element(name)
		in = of.Type
		child := e.Child(name)
		if child == nil {
			child = &element.Element{Name: name, Type: of.Type, Path: strings.TrimPrefix(e.Path+"/"+name, "/")}
			e.Children = append(e.Children, child)
		}
		e = child
	}
	if in.Base != "base64Binary" {
		e.Text = value
		return e, nil
	}
	raw, err := base64.StdEncoding.DecodeString(value)
	if err != nil {
		return nil, err
	}
	e.Bytes = pool().New()
	_, err = e.Bytes.Write(raw)
	return e, err
}

// values are all texts of JSON, by where they stand.
func values(v any, at string, into map[string]string) {
	switch v := v.(type) {
	case map[string]any:
		for member, of := range v {
			values(of, at+"."+member, into)
		}
	case []any:
		for i, of := range v {
			values(of, fmt.Sprintf("%s[%d]", at, i), into)
		}
	default:
		into[at] = fmt.Sprint(v)
	}
}

func valuesOf(t *testing.T, root *element.Element) (map[string]string, []string, error) {
	t.Helper()
	d, err := makeOf(root, settings())
	if err != nil {
		return nil, nil, err
	}
	text, documents := parts(t, d)
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	definition.Conforms(t, v)
	all := map[string]string{}
	values(v, "", all)
	for i, document := range documents {
		all[fmt.Sprintf("part %d", i)] = document
	}
	return all, d.Dropped, nil
}

// fate tells what became of an element whose value was set: shown, refused, dropped, changed (the JSON, but it does not
// have the value) or silent.
func fate(t *testing.T, service, message string, path []string, leaf *services.Type) string {
	t.Helper()
	root, err := tree(service, message)
	if err != nil {
		t.Fatal(err)
	}
	before, _, err := valuesOf(t, root)
	if err != nil {
		t.Fatalf("the base is refused: %v", err)
	}
	value, text := telling(path[len(path)-1], leaf)
	e, err := set(root, path, root.Type, value)
	if err != nil {
		t.Fatal(err)
	}
	after, dropped, err := valuesOf(t, root)
	if err != nil {
		checkFault(t, err, root.Name, path)
		return "refused"
	}
	for at, is := range after {
		is, was := strings.ToLower(is), strings.ToLower(before[at])
		if is != was && (strings.Contains(is, strings.ToLower(text)) || strings.Contains(is, strings.ToLower(value))) {
			return "shown"
		}
	}
	switch {
	case slices.ContainsFunc(dropped, func(d string) bool { return strings.HasPrefix(e.Path, d) }):
		return "dropped"
	case !maps.Equal(before, after):
		return "changed"
	}
	return "silent"
}

// checkFault holds that a fault is the caller's, and names the operation and the element or what it stands in.
func checkFault(t *testing.T, err error, operation string, path []string) {
	t.Helper()
	var f *fault.Fault
	if !errors.As(err, &f) {
		t.Fatalf("%v: %v is no fault", path, err)
	}
	named := slices.ContainsFunc(path[1:], func(name string) bool { return strings.Contains(f.Error(), name) })
	if !f.Client || !named || !f.Schema && !strings.HasPrefix(f.Reason, operation+": ") ||
		!strings.HasSuffix(f.Error(), "Nothing was sent.") {
		t.Errorf("%v: %+v", path, f)
	}
}

// notSeen are the elements whose value the JSON does not have as it came, or only the list of what was left out.
func notSeen() map[string]string {
	const (
		button = "REST has no name of a button, a group or a list"
		signed = "a signature and an attachment have no letters"
		given  = "REST has it for what a signer may write into"
		silent = "nobody but a signer signs"
	)
	return map[string]string{
		"Envelope/AccountId":       "goes into the path",
		"Envelope/CustomFieldType": "decides the array",
		"Envelope/TransactionID":   "names a call, and an inline template is none",

		"EnvelopeInformation/AccountId":          "goes into the path",
		"EnvelopeInformation/CustomFieldType":    "decides the array",
		"EnvelopeInformation/UseAccountDefaults": "is true without it, too (SOAP-REST.md §3.5)",
		"TemplateReference/TemplateLocation":     "has one value that is carried out",
		"TemplateReference/Sequence":             "orders the references",
		"TemplateReference/TabLabel":             "changes nothing where the template does not have it (§4.8)",
		"operation/ActivateEnvelope":             "decides the status",

		"Recipient/Type":                       "decides the array",
		"Recipient/AutoNavigation":             "nobody but a signer is led through a document (SOAP-REST.md §5.1)",
		"Recipient/SignerName":                 "is read for in-person signers alone (SOAP-REST.md §3.3)",
		"Recipient/SignatureName":              silent,
		"Recipient/SignatureInitials":          silent,
		"Recipient/FontStyle":                  silent,
		"Recipient/TemplateAccessCodeRequired": "means something in templates alone (SOAP-REST.md §3.3)",
		"Recipient/RoleName":                   "comes after an assigned role (§4.8)",
		"Tab/Type":                             "decides the array",
		"Tab/CustomTabType":                    "decides the array, of custom tabs alone",
		"Tab/YPosition":                        "is corrected for signatures and initials (SOAP-REST.md §3.4)",
		"Tab/Name":                             button,
		"Tab/CustomTabRequired":                given, "Tab/CustomTabLocked": given,
		"Tab/Font": signed, "Tab/FontColor": signed, "Tab/FontSize": signed,
		"Tab/Bold": signed, "Tab/Italic": signed, "Tab/Underline": signed,
	}
}

// TestEachElementArrivesOrIsNamed sets each element of an envelope that the service describes, for each type of
// recipient and of tab: its value is in the JSON, or the fault names it (SOAP-REST.md §5.1).
func TestEachElementArrivesOrIsNamed(t *testing.T) {
	used := map[string]bool{}
	for _, service := range []string{api, dsapi} {
		d := services.ByPath(service).Description()
		for _, operation := range []string{
			"CreateAndSendEnvelope", "CreateEnvelopeFromTemplates", "CreateEnvelopeFromTemplatesAndForms",
		} {
			leaves(d.Operation(operation).In, nil, func(path []string, leaf *services.Type) {
				name := owner(path) + "/" + path[len(path)-1]
				for _, message := range bases(d, operation, path) {
					got := fate(t, service, message, path, leaf)
					if got == "shown" || got == "refused" {
						continue
					}
					if used[name] = true; notSeen()[name] == "" {
						t.Errorf("%s, %v: %s in %s", service, path, got, message)
					}
				}
			})
		}
	}
	for name := range notSeen() {
		if !used[name] {
			t.Errorf("%s is seen after all", name)
		}
	}
}

// owner is the kind of thing that a path leads into.
func owner(path []string) string {
	for _, name := range []string{"Tab", "Recipient", "Envelope", "EnvelopeInformation", "TemplateReference"} {
		if slices.Contains(path[:len(path)-1], name) {
			return name
		}
	}
	return "operation"
}

// bases are the messages that an element is to be set in.
func bases(d *services.Description, operation string, path []string) (all []string) {
	switch {
	case operation == "CreateEnvelopeFromTemplates":
		more := roles("Customer", "1")
		if slices.Contains(path, "FieldData") {
			more += fields("order", "A-17")
		}
		return []string{fromTemplates(reference(first, more), person("1", "Signer", ""), "")}
	case operation == "CreateEnvelopeFromTemplatesAndForms":
		anchor := ""
		if slices.Contains(path, "AnchorTabItem") {
			anchor = "<AnchorTabItem><AnchorTabString>here</AnchorTabString></AnchorTabItem>"
		}
		inline := inlined("<Sequence>2</Sequence>", "<Recipients>"+person("1", "Signer", "")+
			"</Recipients><Tabs><Tab><RecipientID>1</RecipientID>"+anchor+"<Type>Custom</Type></Tab></Tabs>")
		return []string{forms("<CompositeTemplate>"+server("<Sequence>1</Sequence>")+inline+"</CompositeTemplate>", "")}
	case slices.Contains(path, "Tab"):
		for _, kind := range d.Type("TabTypeCode").Enum {
			customs := []string{""}
			if kind == "Custom" {
				customs = append(customs, d.Type("CustomTabType").Enum...)
			}
			for _, custom := range customs {
				all = append(all, base("Signer", kind, custom, path))
			}
		}
	case slices.Contains(path, "Recipient"):
		for _, kind := range d.Type("RecipientTypeCode").Enum {
			all = append(all, base(kind, "", "", path))
		}
	default:
		all = []string{base("Signer", "", "", path)}
	}
	return all
}
