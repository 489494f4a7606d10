// The SOAP header of soap_operations.c, for soapcpp2: a UsernameToken, as gSOAP's own plugin writes it.
//gsoap wsse schema namespace: http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd
//gsoap wsse schema elementForm: qualified
struct wsse__UsernameToken { char *Username; char *Password; };
struct wsse__Security { struct wsse__UsernameToken *UsernameToken; };
struct SOAP_ENV__Header { mustUnderstand struct wsse__Security *wsse__Security; };
