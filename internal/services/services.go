// Package services is the one table of DocuSign's SOAP services and what each of them takes and answers. It must know
// nothing of how a call is carried out. Routing, metrics, answers of the proxy's own and the sandbox read it.
package services

import (
	"strings"
	"sync"

	"docusign-auth-proxy/internal/call"
)

// Credential is the kind of credential that a service reads (PROTOCOL.md §4.3); other kinds beside it are not read.
type Credential uint8

const (
	// UsernameToken is that of WS-Security, in the envelope's header.
	UsernameToken Credential = iota
	// Header is X-DocuSign-Authentication.
	Header
	// HeaderOrToken is the header, or a UsernameToken where there is no header (SOAP-REST.md §11.12).
	HeaderOrToken
	// Body is Email and Password among the operation's own elements.
	Body
)

// Among reports whether a credential of the kind is among what came, and whether one of another kind is.
func (c Credential) Among(header, token, body bool) (own, foreign bool) {
	switch c {
	case UsernameToken:
		return token, header
	case HeaderOrToken:
		// Programs made from its WSDL send a UsernameToken and no header; one that worked was read there (SOAP-REST.md
		// §11.12).
		return header || token, header && token
	case Body:
		return body, header || token
	}
	return header, token
}

// String says for the operator where the credential stands.
func (c Credential) String() string {
	switch c {
	case UsernameToken:
		return "a UsernameToken in the envelope"
	case Body:
		return "Email and Password in the body"
	}
	return "the header X-DocuSign-Authentication"
}

// Service is one SOAP end point (PROTOCOL.md §4.1). A new one is one more row of the table and its facts.
type Service struct {
	// API is its name in logs and metrics.
	API call.API
	// Path is lower-case; DocuSign takes any case.
	Path string
	// WSDLPath is a second address of the WSDL, lower-case; "" = there is none.
	WSDLPath  string
	Namespace string
	// Name is that of the WSDL's service; its port type is Name and "Soap".
	Name  string
	Reads Credential

	facts    []string // files
	describe func() *Description
}

// Namespaces of the services. api.asmx and dsapi.asmx share one.
const (
	NamespaceAPI               = "http://www.docusign.net/API/3.0"
	NamespaceCredential        = "http://www.docusign.net/API/Credential"
	NamespaceAccountManagement = "http://www.docusign.net/API/AccountManagement"
)

// All lists the services. Callers must not change them.
var All = sync.OnceValue( //nolint:gochecknoglobals // made once, never changed
	func() []*Service {
		table := []*Service{
			{
				API: "soap_api", Path: "/api/3.0/api.asmx", Namespace: NamespaceAPI, Name: "APIService",
				Reads: UsernameToken, facts: []string{"envelopes.txt", "api.txt"},
			},
			{
				API: "soap_dsapi", Path: "/api/3.0/dsapi.asmx", Namespace: NamespaceAPI, Name: "DSAPIService",
				WSDLPath: "/api/3.0/schema/dsapi.wsdl",
				Reads:    HeaderOrToken, facts: []string{"envelopes.txt", "dsapi.txt"},
			},
			{
				API: "soap_credential", Path: "/api/3.0/credential.asmx",
				Namespace: NamespaceCredential, Name: "Credential",
				Reads: Body, facts: []string{"credential.txt"},
			},
			{
				API: "soap_accountmanagement", Path: "/api/3.0/accountmanagement.asmx",
				Namespace: NamespaceAccountManagement, Name: "AccountManagementService",
				WSDLPath: "/api/3.0/schema/dsapi-accountmanagement.wsdl",
				Reads:    Header, facts: []string{"accountmanagement.txt"},
			},
		}
		for _, s := range table {
			s.describe = sync.OnceValue(s.load)
		}
		return table
	})

// ByPath finds the service at a path in any case; nil = there is none. Two services share a namespace, so the path
// decides (PROTOCOL.md §16 row 5).
func ByPath(path string) *Service {
	return find(func(s *Service) bool { return sameASCII(s.Path, path) })
}

// ByWSDLPath finds the service whose WSDL has a second address there, in any case.
func ByWSDLPath(path string) *Service {
	return find(func(s *Service) bool { return s.WSDLPath != "" && sameASCII(s.WSDLPath, path) })
}

// ByBase finds a service by the last segment of its path, in any case.
func ByBase(base string) *Service {
	return find(func(s *Service) bool { return sameASCII(s.Base(), base) })
}

// sameASCII compares without case. The length keeps out other letters that fold to ASCII ones.
func sameASCII(ascii, s string) bool { return len(ascii) == len(s) && strings.EqualFold(ascii, s) }

// ByNamespace finds a service with that namespace.
func ByNamespace(name string) *Service {
	return find(func(s *Service) bool { return s.Namespace == name })
}

func find(is func(*Service) bool) *Service {
	for _, s := range All() {
		if is(s) {
			return s
		}
	}
	return nil
}

// Names lists the services for a sentence: "a.asmx, b.asmx and c.asmx", with that word before the last.
func Names(word string) string {
	var names []string
	for _, s := range All() {
		names = append(names, s.Base())
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " " + word + " " + names[last]
}

// KnowsOperation reports whether any service has an operation of that name.
func KnowsOperation(name string) bool {
	return find(func(s *Service) bool { return s.Has(name) }) != nil
}

// Has reports whether the service has an operation of that name, which has a case.
func (s *Service) Has(operation string) bool { return s.Description().Operation(operation) != nil }

// Base is the last segment of the path.
func (s *Service) Base() string { return s.Path[strings.LastIndexByte(s.Path, '/')+1:] }

// Action is the SOAPAction of an operation.
func (s *Service) Action(operation string) string { return s.Namespace + "/" + operation }

// Description is what the service takes and answers. It is read at its first use.
func (s *Service) Description() *Description { return s.describe() }
