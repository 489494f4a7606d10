package envelope

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"docusign-auth-proxy/internal/sandbox/restbody"
)

// Tab is one place on a document. A radio button is one, too; those of a group have the group's members.
type Tab struct {
	Kind    string // REST's array
	Placed  bool
	X, Y    int // dots of 150 per inch, as REST v2 and SOAP count them (SOAP-REST.md §3.4)
	Signed  bool
	Members Object
	owner   string // the recipient whom the definition names in it
}

const (
	radios         = "radioGroupTabs"
	points, stored = 72, 150 // per inch
)

// Shift is how much lower than stored REST v2.1 counts a kind of tab, in points (SOAP-REST.md §3.4).
func Shift(kind string) int {
	switch kind {
	case "signHereTabs":
		return 21
	case "initialHereTabs":
		return 16
	}
	return 0
}

func scaled(v float64, from, to int) int { return int(math.Floor(v*float64(to)/float64(from) + 0.5)) }

// readTabs takes the tabs of a recipient or a document. lower = positions are REST v2.1's.
func readTabs(in Object, lower bool) (tabs []Tab) {
	for _, kind := range slices.Sorted(maps.Keys(in)) {
		for _, o := range objects(in[kind]) {
			if kind != radios {
				tabs = append(tabs, NewTab(kind, o, lower))
				continue
			}
			for _, radio := range objects(o["radios"]) {
				members := maps.Clone(o)
				delete(members, "radios")
				maps.Copy(members, radio)
				tabs = append(tabs, NewTab(kind, members, lower))
			}
		}
	}
	return tabs
}

// NewTab makes a tab of the members of REST. lower = its position is REST v2.1's.
func NewTab(kind string, in Object, lower bool) Tab {
	t := Tab{Kind: kind, Members: maps.Clone(in), owner: text(in, "recipientId")}
	x, hasX := position(in, "xPosition")
	y, hasY := position(in, "yPosition")
	if lower {
		y -= float64(Shift(kind))
	}
	t.Placed = hasX || hasY
	if text(in, "anchorString") != "" {
		// Where the text stands is not looked for: always at the same place.
		x, y, t.Placed = 100+offset(in, "anchorXOffset"), 100+offset(in, "anchorYOffset"), true
	}
	t.X, t.Y = max(scaled(x, points, stored), 0), max(scaled(y, points, stored), 0)
	for _, name := range []string{"xPosition", "yPosition", "recipientId", "status"} {
		delete(t.Members, name)
	}
	return t
}

func position(o Object, name string) (float64, bool) {
	v, err := strconv.ParseFloat(text(o, name), 64)
	return v, err == nil
}

// offset is in points.
func offset(o Object, name string) float64 {
	v, _ := position(o, name)
	unit := map[string]float64{"": 1, "pixels": 1, "inches": 72, "cms": 72 / 2.54, "mms": 72 / 25.4}
	return v * unit[text(o, "anchorUnits")]
}

func nameTabs(all []Recipient) {
	for _, r := range all {
		for i := range r.Tabs {
			r.Tabs[i].named()
		}
	}
}

// named gives the tab the name and label that DocuSign gives where there are none (SOAP-REST.md §4.1).
func (t *Tab) named() {
	kind := restbody.Named("tabs").Members[t.Kind].Type
	if kind == nil {
		return
	}
	if _, has := kind.Members["name"]; has && t.Text("name") == "" {
		t.Members["name"] = t.word()
	}
	if t.Kind == "signHereTabs" && t.Text("tabLabel") == "" {
		t.Members["tabLabel"] = "Sign Here"
	}
}

// word is SOAP's for the kind.
func (t *Tab) word() string {
	stem := strings.TrimSuffix(t.Kind, "Tabs")
	switch {
	case t.Text("useDash4") == "true":
		return "ZIP5DASH4"
	case stem == "zip":
		return "ZIP5"
	case stem == "ssn":
		return "SSN"
	case stem == "envelopeId":
		return "EnvelopeID"
	}
	return strings.ToUpper(stem[:1]) + stem[1:]
}

// Points is where the tab is in points, as SOAP counts them.
func (t Tab) Points() (x, y int) {
	return scaled(float64(t.X), stored, points), scaled(float64(t.Y), stored, points)
}

// sign: of radio buttons and check boxes only the selected ones are signed (SOAP-REST.md §4.2).
func (t *Tab) sign() { t.Signed = t.Kind != radios || text(t.Members, "selected") == "true" }

// Text is a member of the tab.
func (t Tab) Text(name string) string { return text(t.Members, name) }

// showTabs gives REST's object of a recipient's tabs.
func showTabs(r Recipient, lower bool) Object {
	out := Object{}
	for _, t := range r.Tabs {
		o := t.show(lower)
		o["recipientId"] = r.ID
		if t.Kind != radios {
			o["tabType"] = tabType(t.Kind)
			appendTo(out, t.Kind, o)
			continue
		}
		group := groupOf(out, t)
		if group == nil {
			group = Object{"tabType": "radiogroup"}
			maps.Copy(group, only(o, "radioGroup"))
			delete(group, "value") // that of the radio button
			appendTo(out, t.Kind, group)
		}
		appendTo(group, "radios", only(o, "radio"))
		if text(o, "selected") == "true" {
			group["value"] = o["value"]
		}
	}
	return out
}

// only gives the members that a type has.
func only(o Object, kind string) Object {
	out := Object{}
	for name := range restbody.Named(kind).Members {
		if v, given := o[name]; given {
			out[name] = v
		}
	}
	return out
}

// tabType is the word for an array of tabs.
func tabType(kind string) string { return strings.ToLower(strings.TrimSuffix(kind, "Tabs")) }

func appendTo(o Object, name string, item any) {
	list, _ := o[name].([]any)
	o[name] = append(list, item)
}

// groupOf finds the group that a radio button belongs to.
func groupOf(out Object, t Tab) Object {
	for _, o := range objects(out[radios]) {
		if o["groupName"] == t.Members["groupName"] && o["documentId"] == t.Members["documentId"] {
			return o
		}
	}
	return nil
}

func (t Tab) show(lower bool) Object {
	o := maps.Clone(t.Members)
	if t.Placed {
		x, y := t.Points()
		if lower {
			y += Shift(t.Kind)
		}
		o["xPosition"], o["yPosition"] = strconv.Itoa(x), strconv.Itoa(y)
	}
	o["status"] = map[bool]string{false: "active", true: "signed"}[t.Signed]
	return o
}

// merge lays what a definition says of a tab over a template's.
func (t *Tab) merge(over Tab) {
	t.Members = copyOf(t.Members)
	maps.Copy(t.Members, over.Members)
	if over.Placed {
		t.X, t.Y, t.Placed = over.X, over.Y, true
	}
	chosen := over.Text("listSelectedValue")
	if chosen == "" {
		return
	}
	items := []any{}
	for _, o := range objects(t.Members["listItems"]) {
		o = copyOf(o)
		o["selected"] = strconv.FormatBool(o["value"] == chosen)
		items = append(items, o)
	}
	t.Members["listItems"] = items
}

// same tells whether both are the tab of one label.
func (t Tab) same(other Tab) bool {
	label := func(t Tab) string { return cmp.Or(t.Text("tabLabel"), t.Text("groupName")) }
	return t.Kind == other.Kind && label(t) != "" && label(t) == label(other) &&
		(t.Kind != radios || t.Text("value") == other.Text("value"))
}
