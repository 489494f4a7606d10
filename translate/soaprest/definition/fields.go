package definition

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"docusign-auth-proxy/translate/soaprest/element"
	"docusign-auth-proxy/translate/soaprest/fault"
)

// Template is what is read of GET templates/{id}?include=tabs.
type Template struct {
	Recipients map[string]json.RawMessage `json:"recipients"`
}

// role is a recipient of a template.
type role struct {
	RoleName string                     `json:"roleName"`
	Tabs     map[string]json.RawMessage `json:"tabs"`
}

// templateTab is a tab of a template, as far as it can be found by a label.
type templateTab struct {
	TabLabel  string `json:"tabLabel"`
	GroupName string `json:"groupName"`
	Radios    []struct {
		Value string `json:"value"`
	} `json:"radios"`
}

// rolesOf reads the roles of a template.
func rolesOf(template func(id string) (*Template, error), id string) ([]role, error) {
	t, err := template(id)
	if err != nil {
		return nil, err
	}
	var all []role
	for _, kind := range recipientKinds() {
		var roles []role
		if err := decode(t.Recipients[kind], &roles, id); err != nil {
			return nil, err
		}
		all = append(all, roles...)
	}
	return all, nil
}

// decode reads an array; what is none is not there.
func decode(raw json.RawMessage, into any, id string) error {
	if !bytes.HasPrefix(raw, []byte("[")) {
		return nil
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fault.Server("The template %s cannot be read: %v. Nothing was sent.", id, err)
	}
	return nil
}

// target is a tab that FieldData names.
type target struct {
	role, kind string
	tab        templateTab
}

// targets are by their labels. A radio can be named by its group, or by its value, which was its label in SOAP.
func targets(roles []role, id string) (map[string][]target, error) {
	all := map[string][]target{}
	for _, r := range roles {
		for _, array := range slices.Sorted(maps.Keys(r.Tabs)) {
			var tabs []templateTab
			if err := decode(r.Tabs[array], &tabs, id); err != nil {
				return nil, err
			}
			for _, t := range tabs {
				t.index(all, r.RoleName, strings.TrimSuffix(array, "Tabs"))
			}
		}
	}
	return all, nil
}

func (t templateTab) index(all map[string][]target, role, kind string) {
	labels := []string{t.TabLabel, t.GroupName}
	for _, r := range t.Radios {
		labels = append(labels, r.Value)
	}
	slices.Sort(labels)
	for _, label := range slices.Compact(labels) {
		if label != "" {
			all[label] = append(all[label], target{role, kind, t})
		}
	}
}

// fill writes FieldData into the tabs of the recipients. SOAP names a tab by its label alone, so its type is that of
// the template's tabs with that label (SOAP-REST.md §4.8).
func (c *composites) fill(r *reference, template func(id string) (*Template, error)) error {
	data := r.Child("FieldData").Child("DataValues").All("DataValue")
	if len(data) == 0 {
		return nil
	}
	roles, err := rolesOf(template, r.id)
	if err != nil {
		return err
	}
	all, err := targets(roles, r.id)
	if err != nil {
		return err
	}
	for _, d := range data {
		found := all[clean(d.Value("TabLabel"))]
		if found == nil { // SOAP did not mind
			c.drop(d)
		}
		for _, t := range found {
			if err := c.write(r, t, d); err != nil {
				return err
			}
		}
	}
	return nil
}

// write sets one tab of the recipient in that role.
func (c *composites) write(r *reference, t target, d *element.Element) error {
	i := slices.IndexFunc(r.cast, func(p *party) bool { return p.object["roleName"] == t.role && hasTabs(p.kind) })
	if i < 0 {
		return c.refuse(d, " of a role without a recipient who signs")
	}
	label, value := clean(d.Value("TabLabel")), clean(d.Value("Value"))
	word, known := selected(value)
	o := Object{"tabLabel": label}
	switch {
	case t.kind == "radioGroup" && label == t.tab.GroupName:
		o = Object{"groupName": label, "radios": []Object{{"value": value, "selected": "true"}}}
	case (t.kind == "radioGroup" || t.kind == "checkbox") && !known:
		return c.refuse(d, "/Value that is none of X, true, 1, on, false, 0, off")
	case t.kind == "radioGroup":
		o = Object{"groupName": t.tab.GroupName, "radios": []Object{{"value": label, "selected": word}}}
	case t.kind == "checkbox":
		o["selected"] = word
	case t.kind == "list":
		o["listSelectedValue"] = value
	case c.takesText(t.kind):
		o["value"] = value
	default:
		return c.refuse(d, " of a tab that takes no value")
	}
	add(r.cast[i].object, t.kind, o)
	return nil
}

// takesText reports whether REST's array of that name, without "Tabs", is one that SOAP knows, of tabs with a value.
func (m *maker) takesText(kind string) bool {
	for _, k := range tabKinds() {
		if k.name == kind {
			return m.tables["Tab"]["Value"].on(kind)
		}
	}
	return false
}
