package soap

// Namespace names this package compares with. PROTOCOL.md §4.2, §4.4, §4.6.
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
)

// namespace is a namespace name, classified once where it is declared.
type namespace uint8

const (
	nsNone namespace = iota
	nsOther
	nsXML
	nsXMLNS
	nsSOAP11
	nsSOAP12
	nsWSSE
	nsWSSE11
	nsWSU
	nsDSig
	nsXEnc
	nsAddressing
	nsWSDL
	nsWSDLAddress
	nsSchema
)

func classify(uri []byte) namespace {
	switch string(uri) {
	case "":
		return nsNone
	case namespaceXML:
		return nsXML
	case namespaceXMLNS:
		return nsXMLNS
	case NamespaceSOAP11:
		return nsSOAP11
	case NamespaceSOAP12:
		return nsSOAP12
	case namespaceWSSE:
		return nsWSSE
	case namespaceWSSE11:
		return nsWSSE11
	case namespaceWSU:
		return nsWSU
	case namespaceDSig:
		return nsDSig
	case namespaceXEnc:
		return nsXEnc
	case "http://www.w3.org/2005/08/addressing",
		"http://schemas.xmlsoap.org/ws/2004/08/addressing",
		"http://schemas.xmlsoap.org/ws/2004/03/addressing",
		"http://schemas.xmlsoap.org/ws/2003/03/addressing":
		return nsAddressing
	case "http://schemas.xmlsoap.org/wsdl/":
		return nsWSDL
	case "http://schemas.xmlsoap.org/wsdl/soap/",
		"http://schemas.xmlsoap.org/wsdl/soap12/",
		"http://schemas.xmlsoap.org/wsdl/http/":
		return nsWSDLAddress
	case "http://www.w3.org/2001/XMLSchema":
		return nsSchema
	}
	return nsOther
}
