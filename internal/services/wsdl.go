package services

import (
	_ "embed"
	"io"
	"text/template"
)

//go:embed wsdl.tmpl
var wsdlTemplate string

// WriteWSDL writes a WSDL 1.1 of the service with its bindings to SOAP 1.1 and 1.2 (PROTOCOL.md §4.2). address is the
// service's URL. The layout is ours; names, types and their order are DocuSign's.
func (s *Service) WriteWSDL(w io.Writer, address string) error {
	arguments := func(values ...any) []any { return values } // lets a template get several values
	t, err := template.New("").Funcs(template.FuncMap{"reference": reference, "arguments": arguments}).Parse(wsdlTemplate)
	if err != nil {
		return err
	}
	return t.Execute(w, struct {
		*Service
		Address string
	}{s, address})
}

// reference is the qualified name of a type; "" = it stands inside its element.
func reference(t *Type) string {
	switch {
	case t.BuiltIn():
		return "s:" + t.Name
	case t.Name != "":
		return "tns:" + t.Name
	}
	return ""
}
