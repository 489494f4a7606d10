package soap

// Namespaces that this package compares with (PROTOCOL.md §4.2, §4.4, §4.6).
const (
	NamespaceSOAP11 = "http://schemas.xmlsoap.org/soap/envelope/"
	NamespaceSOAP12 = "http://www.w3.org/2003/05/soap-envelope"

	namespaceXML    = "http://www.w3.org/XML/1998/namespace"
	namespaceXMLNS  = "http://www.w3.org/2000/xmlns/"
	namespaceWSSE   = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
	namespaceWSSE11 = "http://docs.oasis-open.org/wss/oasis-wss-wssecurity-secext-1.1.xsd"
	namespaceWSU    = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
	namespaceDSig   = "http://www.w3.org/2000/09/xmldsig#"
	namespaceXEnc   = "http://www.w3.org/2001/04/xmlenc#"
	namespaceWSDL   = "http://schemas.xmlsoap.org/wsdl/"
	namespaceSchema = "http://www.w3.org/2001/XMLSchema"
)

// isAddressing knows the versions of WS-Addressing.
func isAddressing(namespace string) bool {
	switch namespace {
	case "http://www.w3.org/2005/08/addressing",
		"http://schemas.xmlsoap.org/ws/2004/08/addressing",
		"http://schemas.xmlsoap.org/ws/2004/03/addressing",
		"http://schemas.xmlsoap.org/ws/2003/03/addressing":
		return true
	}
	return false
}
