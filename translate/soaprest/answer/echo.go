package answer

import "docusign-auth-proxy/translate/soaprest/element"

// Echo gives back what the program sent, as it sent it.
func Echo(e *element.Element) Fields {
	if e == nil || e.Type == nil {
		return nil
	}
	f := Fields{}
	for _, a := range e.Type.Attributes {
		if value, given := e.Attributes[a.Name]; given {
			f["@"+a.Name] = value
		}
	}
	if e.Type.Base != "" {
		f[""] = e.Text
		return f
	}
	for _, c := range e.Children {
		if echo := Echo(c); echo != nil {
			all, _ := f[c.Name].([]Fields)
			f[c.Name] = append(all, echo)
		}
	}
	return f
}
