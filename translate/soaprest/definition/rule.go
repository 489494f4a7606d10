package definition

import (
	"maps"
	"slices"
	"sync"

	"docusign-auth-proxy/translate/soaprest/element"
)

// rule says what becomes of one element.
type rule struct {
	// member is REST's name, apart or Merged.
	member string
	// as is how its value is written.
	as value
	// on tells which kinds of the REST type have the member; nil = all.
	on func(kind string) bool
	// decoration is left out and listed on other kinds. What is none changes what is seen, asked or hidden, and is
	// refused there (SOAP-REST.md §11.3).
	decoration bool
	// plain is a value that changes nothing there, beside "false" and "0".
	plain string
}

const (
	// apart = whoever calls for the object reads the element itself.
	apart = "-"
	// Merged = its own members become those of the object.
	Merged = "+"
)

// value makes a value of REST's of an element; nil = there is nothing to be written.
type value func(*maker, *element.Element) (any, error)

// only is for members that these kinds have.
func only(kinds ...string) func(string) bool {
	return func(kind string) bool { return slices.Contains(kinds, kind) }
}

// but is for members that all kinds have, except these.
func but(kinds ...string) func(string) bool {
	return func(kind string) bool { return !slices.Contains(kinds, kind) }
}

// tables are by the type of SOAP and the element.
var tables = sync.OnceValue( //nolint:gochecknoglobals // made once, never changed
	func() map[string]map[string]rule {
		all := map[string]map[string]rule{}
		maps.Copy(all, ofContents())
		maps.Copy(all, ofChecks())
		maps.Copy(all, ofNotifications())
		all["Envelope"] = ofEnvelope()
		all["EnvelopeInformation"] = all["Envelope"]
		all["Recipient"] = ofRecipient()
		all["Tab"] = ofTab()
		return all
	})

// Members are REST's names for the elements of a type of SOAP, but for those that are made of more than one value. REST
// answers templates in the same form (SOAP-REST.md §4.10).
func Members(soapType string) map[string]string {
	members := map[string]string{}
	for name, r := range tables()[soapType] {
		if r.member != "" && r.member != apart {
			members[name] = r.member
		}
	}
	return members
}

// object makes one of REST's of an element. Kind is that of the REST type, where SOAP has one type for several.
func (m *maker) object(e *element.Element, kind string) (Object, error) {
	o := Object{}
	if e.Type == nil {
		return nil, m.refuse(e, "")
	}
	table := m.tables[e.Type.Name]
	for _, c := range e.Children {
		r, known := table[c.Name]
		if !known {
			return nil, m.refuse(c, "")
		}
		if err := m.apply(o, c, r, kind); err != nil {
			return nil, err
		}
	}
	return o, nil
}

func (m *maker) apply(o Object, e *element.Element, r rule, kind string) error {
	v, err := r.as(m, e)
	switch {
	case err != nil:
		return err
	case v == nil:
		return nil
	case r.on == nil || r.on(kind):
		if r.member == Merged {
			maps.Copy(o, v.(Object))
		} else if r.member != apart {
			o[r.member] = v
		}
		return nil
	case v == "false" || v == "0" || v == r.plain:
		return nil
	case r.decoration:
		m.drop(e)
		return nil
	}
	return m.refuse(e, "")
}
