package definition

import (
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"

	"docusign-auth-proxy/translate/soaprest/element"
	"docusign-auth-proxy/translate/soaprest/fault"
)

// tabPlace is where tabs stand.
type tabPlace struct {
	// template = beside a template, whose tabs have positions and items of their own.
	template bool
	// documents are the IDs of all documents; nil = they are not known.
	documents map[string]bool
}

// tabKind is REST's array without "Tabs", and what the type alone says.
type tabKind struct {
	name  string
	extra Object
}

// tabKinds are by SOAP's Type, for custom tabs with CustomTabType behind it (SOAP-REST.md §3.4).
var tabKinds = sync.OnceValue( //nolint:gochecknoglobals // made once, never changed
	func() map[string]tabKind {
		optional := Object{"optional": "true"}
		return map[string]tabKind{
			"SignHere": {"signHere", nil}, "SignHereOptional": {"signHere", optional},
			"InitialHere": {"initialHere", nil}, "InitialHereOptional": {"initialHere", optional},
			"FullName": {"fullName", nil}, "FirstName": {"firstName", nil}, "LastName": {"lastName", nil},
			"EmailAddress": {"emailAddress", nil}, "Company": {"company", nil}, "Title": {"title", nil},
			"DateSigned": {"dateSigned", nil}, "EnvelopeID": {"envelopeId", nil},
			"SignerAttachment": {"signerAttachment", nil},
			"Approve":          {"approve", nil}, "Decline": {"decline", nil},

			"Custom": {"text", nil}, "Custom Text": {"text", nil}, "Custom Checkbox": {"checkbox", nil},
			"Custom Radio": {"radio", nil}, "Custom List": {"list", nil}, "Custom Date": {"date", nil},
			"Custom Number": {"number", nil}, "Custom SSN": {"ssn", nil}, "Custom Email": {"email", nil},
			"Custom ZIP5":      {"zip", Object{"useDash4": "false"}},
			"Custom ZIP5DASH4": {"zip", Object{"useDash4": "true"}},
			"Custom Note":      {"note", nil}, "Custom Formula": {"formula", nil},
		}
	})

func kindOf(e *element.Element) (tabKind, bool) {
	name := e.Value("Type")
	if name == "Custom" {
		name = strings.TrimSpace(name + " " + e.Value("CustomTabType"))
	}
	kind, found := tabKinds()[name]
	return kind, found
}

// hang puts tabs, which may be absent, under their recipients.
func (m *maker) hang(parties []*party, tabs *element.Element, at *tabPlace) error {
	owners := map[any]*party{}
	for _, p := range parties {
		owners[p.object["recipientId"]] = p
	}
	for _, e := range tabs.All("Tab") {
		kind, known := kindOf(e)
		if !known {
			return fault.Invalid("'%s/Type' is missing or unknown", e.Path)
		}
		o, err := m.tab(e, kind, at)
		if err != nil {
			return err
		}
		owner := owners[o["recipientId"]]
		switch {
		case owner == nil:
			return fault.Invalid("'%s/RecipientID' is that of no 'Recipient'", e.Path)
		case !hasTabs(owner.kind):
			return m.refuse(e, " of a recipient who is no signer")
		}
		if kind.name != "radio" {
			add(owner.object, kind.name, o)
		} else if err := m.group(owner.object, o, e); err != nil {
			return err
		}
	}
	return nil
}

func hasTabs(recipientKind string) bool {
	return only("signers", "inPersonSigners", "carbonCopies")(recipientKind)
}

// add adds a tab to an array of a recipient.
func add(recipient Object, kind string, tab Object) {
	tabs, _ := recipient["tabs"].(Object)
	if tabs == nil {
		tabs = Object{}
		recipient["tabs"] = tabs
	}
	all, _ := tabs[kind+"Tabs"].([]Object)
	tabs[kind+"Tabs"] = append(all, tab)
}

// tab makes one tab; a radio still has the members of its group.
func (m *maker) tab(e *element.Element, kind tabKind, at *tabPlace) (Object, error) {
	o, err := m.object(e, kind.name)
	if err != nil {
		return nil, err
	}
	maps.Copy(o, kind.extra)
	if o["optional"] != nil && e.True("CustomTabRequired") {
		return nil, m.refuse(e.Child("CustomTabRequired"), " of an optional tab")
	}
	if id, given := o["documentId"].(string); given && at.documents != nil && !at.documents[id] {
		return nil, fault.Invalid("'%s/DocumentID' is that of no 'Document'", e.Path)
	}
	if o["conditionalParentLabel"] == nil && o["conditionalParentValue"] == "" {
		delete(o, "conditionalParentValue")
	}
	if err := m.place(o, kind.name, e, at); err != nil {
		return nil, err
	}
	// No field becomes mandatory by surprise: which default REST has is unknown (SOAP-REST.md §3.4).
	if o["required"] == nil && (kind.name == "list" || slices.Contains(written(), kind.name)) {
		o["required"] = "false"
	}
	switch kind.name {
	case "checkbox", "radio":
		return o, m.choose(o, kind.name, e)
	case "list":
		return o, m.listItems(o, e, at)
	}
	return o, nil
}

// place corrects y, since REST v2.1 draws signatures and initials where it is asked to, and SOAP drew them lower. It
// takes the position of a tab with an anchor away, since SOAP ignored it (SOAP-REST.md §3.4).
func (m *maker) place(o Object, kind string, e *element.Element, at *tabPlace) error {
	if o["anchorString"] != nil {
		delete(o, "xPosition")
		delete(o, "yPosition")
		return nil
	}
	if (o["xPosition"] == nil || o["yPosition"] == nil) && !at.template {
		return m.refuse(e, " with neither a whole position nor an anchor")
	}
	shift := map[string]int{"signHere": m.SignHere, "initialHere": m.InitialHere}[kind]
	y, given := o["yPosition"].(string)
	if !given || shift == 0 {
		return nil
	}
	n, err := strconv.Atoi(y)
	if err != nil || n > math.MaxInt32 {
		return fault.Invalid("'%s/YPosition' is too large", e.Path)
	}
	o["yPosition"] = strconv.Itoa(max(n+shift, 0))
	return nil
}

// selected reads what SOAP has as the value of a box or button that can be chosen.
func selected(s string) (word string, known bool) {
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "x", "true", "1", "on":
		return "true", true
	case "", "false", "0", "off":
		return "false", true
	}
	return "", false
}

// choose makes selected of the value. A radio's own value is its label, or without one its value.
func (m *maker) choose(o Object, kind string, e *element.Element) error {
	value, given := o["value"].(string)
	word, known := selected(value)
	label, labelled := o["tabLabel"]
	switch {
	case kind == "radio" && labelled:
		o["value"] = label
		delete(o, "tabLabel")
	case kind == "radio":
		o["selected"] = "false"
		if word == "true" {
			o["selected"] = word
		}
		return nil
	default:
		delete(o, "value")
	}
	if !known {
		return m.refuse(e.Child("Value"), " that is none of X, true, 1, on, false, 0, off")
	}
	if given || kind == "radio" {
		o["selected"] = word
	}
	return nil
}

// ofGroup are the members that a group of radios has, and not each of them.
func ofGroup() []string {
	return []string{
		"groupName", "documentId", "recipientId", "conditionalParentLabel", "conditionalParentValue", "shared",
		"requireInitialOnSharedChange", "templateLocked", "templateRequired",
	}
}

// group adds a radio to the group of its name on its document.
func (m *maker) group(recipient, radio Object, e *element.Element) error {
	if radio["groupName"] == nil {
		return m.refuse(e, " without CustomTabRadioGroupName")
	}
	own := Object{}
	for _, member := range ofGroup() {
		if v := radio[member]; v != nil {
			own[member] = v
			delete(radio, member)
		}
	}
	tabs, _ := recipient["tabs"].(Object)
	groups, _ := tabs["radioGroupTabs"].([]Object)
	i := slices.IndexFunc(groups, func(g Object) bool {
		return g["groupName"] == own["groupName"] && g["documentId"] == own["documentId"]
	})
	if i < 0 {
		own["radios"] = []Object{radio}
		add(recipient, "radioGroup", own)
		return nil
	}
	for member, v := range own {
		if has := groups[i][member]; has != nil && has != v {
			return m.refuse(e, " whose group has another "+member)
		}
		groups[i][member] = v
	}
	groups[i]["radios"] = append(groups[i]["radios"].([]Object), radio)
	return nil
}

// listItems pairs the texts and values of a list (SOAP-REST.md §3.4).
func (m *maker) listItems(o Object, e *element.Element, at *tabPlace) error {
	texts, values := split(e.Value("CustomTabListItems")), split(e.Value("CustomTabListValues"))
	chosen := clean(e.Value("CustomTabListSelectedValue"))
	switch {
	case values == nil:
		values = texts
	case len(values) != len(texts):
		return fault.Invalid("'%s' has not as many 'CustomTabListValues' as 'CustomTabListItems'", e.Path)
	}
	if texts == nil {
		if !at.template {
			return m.refuse(e, " without CustomTabListItems")
		}
		if chosen != "" { // the template has the items
			o["listSelectedValue"] = chosen
		}
		return nil
	}
	selectedAt := -1
	if chosen != "" {
		if selectedAt = slices.Index(values, chosen); selectedAt < 0 {
			selectedAt = slices.Index(texts, chosen)
		}
		if selectedAt < 0 {
			return m.refuse(e.Child("CustomTabListSelectedValue"), " that is none of the list's values")
		}
	}
	items := make([]Object, len(texts))
	for i := range texts {
		items[i] = Object{"text": texts[i], "value": values[i], "selected": strconv.FormatBool(i == selectedAt)}
	}
	o["listItems"] = items
	return nil
}
