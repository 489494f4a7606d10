package services

import (
	_ "embed"
	"html"
	"io"

	"docusign-auth-proxy/internal/template"
)

//go:embed wsdl.tmpl
var wsdlTemplate string

// WriteWSDL writes a WSDL 1.1 of the service with its bindings to SOAP 1.1 and 1.2 (PROTOCOL.md §4.2). address is the
// service's URL. The layout is ours; names, types and their order are DocuSign's.
func (s *Service) WriteWSDL(w io.Writer, address string) error {
	arguments := func(values ...any) []any { return values } // lets a template get several values
	return template.Text(template.Funcs{
		"reference": reference, "arguments": arguments, "Description": (*Service).Description, "Action": (*Service).Action,
		"Types": (*Description).Types, "address": func() string { return html.EscapeString(address) },
		"html": html.EscapeString,
	}, wsdlTemplate).Execute(w, "", s)
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
