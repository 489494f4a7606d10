package definition

import (
	"strconv"
	"strings"

	"docusign-auth-proxy/translate/soaprest/element"
	"docusign-auth-proxy/translate/soaprest/fault"
)

// party is one recipient.
type party struct {
	// kind is the name of REST's array.
	kind   string
	object Object
}

// recipientKinds are the names of REST's arrays, by SOAP's types (SOAP-REST.md §2.1).
func recipientKinds() map[string]string {
	return map[string]string{
		"Signer": "signers", "Agent": "agents", "Editor": "editors", "Intermediary": "intermediaries",
		"CarbonCopy": "carbonCopies", "CertifiedDelivery": "certifiedDeliveries", "InPersonSigner": "inPersonSigners",
	}
}

// parties makes the recipients of a Recipients element, which may be absent.
func (m *maker) parties(recipients *element.Element) ([]*party, error) {
	all := recipients.All("Recipient")
	parties, objects := make([]*party, len(all)), make([]Object, len(all))
	told := 0
	for i, e := range all {
		o, err := m.recipient(e)
		if err != nil {
			return nil, err
		}
		if o["emailNotification"] != nil {
			told++
		}
		parties[i], objects[i] = &party{kind: recipientKinds()[e.Value("Type")], object: o}, o
	}
	if told != 0 && told != len(all) {
		return nil, fault.Invalid("some 'Recipient' have an 'EmailNotification' and some have none in %s", m.operation)
	}
	if err := m.identify("Recipient", "recipientId", objects); err != nil {
		return nil, err
	}
	for _, o := range objects {
		m.Recipients = append(m.Recipients, o["recipientId"].(string))
	}
	return parties, nil
}

func (m *maker) recipient(e *element.Element) (Object, error) {
	kind := recipientKinds()[e.Value("Type")]
	if kind == "" {
		return nil, fault.Invalid("'%s/Type' is missing or unknown", e.Path)
	}
	o, err := m.object(e, kind)
	if err != nil {
		return nil, err
	}
	if kind == "inPersonSigners" { // the host is whom SOAP's UserName and Email are about
		rename(o, "name", "hostName")
		rename(o, "email", "hostEmail")
		if o["signerName"] == nil && m.activate {
			return nil, fault.Invalid("'SignerName' is missing in '%s'", e.Path)
		}
	}
	name, _ := o["idCheckConfigurationName"].(string)
	phone, _ := o["phoneAuthentication"].(Object)
	if phone == nil || !strings.EqualFold(strings.TrimSpace(name), "SMS Auth $") {
		return o, nil
	}
	return o, m.sms(o, phone, e.Child("PhoneAuthentication"))
}

// sms makes the check by SMS of that by phone: SOAP has one element for both (SOAP-REST.md §3.3).
func (m *maker) sms(o, phone Object, e *element.Element) error {
	for _, c := range e.Children {
		if v, err := flag(m, c); c.Name != "SenderProvidedNumbers" && (err != nil || v == "true") {
			return m.refuse(c, " with SMS Auth $")
		}
	}
	delete(o, "phoneAuthentication")
	if numbers := phone["senderProvidedNumbers"]; numbers != nil {
		o["smsAuthentication"] = Object{"senderProvidedNumbers": numbers}
	}
	return nil
}

func rename(o Object, from, to string) {
	if v, found := o[from]; found {
		o[to] = v
		delete(o, from)
	}
}

// identify gives IDs to those without one, and refuses two with one ID (SOAP-REST.md §2.3).
func (m *maker) identify(name, member string, objects []Object) error {
	used := map[any]bool{}
	for _, o := range objects {
		id := o[member]
		if id != nil && used[id] {
			return fault.Invalid("two '%s' have the 'ID' %s in %s", name, id, m.operation)
		}
		used[id] = true
	}
	next := 1
	for _, o := range objects {
		for o[member] == nil {
			if id := strconv.Itoa(next); !used[id] {
				o[member] = id
			}
			next++
		}
	}
	return nil
}

// gather puts recipients into REST's arrays.
func gather(parties []*party) Object {
	o := Object{}
	for _, p := range parties {
		all, _ := o[p.kind].([]Object)
		o[p.kind] = append(all, p.object)
	}
	return o
}
