package answer

import (
	"cmp"
	"maps"
	"math"
	"strconv"
	"strings"
)

// tabArray is one of REST's, and what SOAP calls its tabs.
type tabArray struct{ member, word, custom string }

// tabArrays are in the order in which tabs are written.
func tabArrays() []tabArray {
	return []tabArray{
		{member: "signHereTabs", word: "SignHere"}, {member: "initialHereTabs", word: "InitialHere"},
		{member: "fullNameTabs", word: "FullName"}, {member: "firstNameTabs", word: "FirstName"},
		{member: "lastNameTabs", word: "LastName"}, {member: "emailAddressTabs", word: "EmailAddress"},
		{member: "companyTabs", word: "Company"}, {member: "titleTabs", word: "Title"},
		{member: "dateSignedTabs", word: "DateSigned"}, {member: "envelopeIdTabs", word: "EnvelopeID"},
		{member: "signerAttachmentTabs", word: "SignerAttachment"}, {member: "approveTabs", word: "Approve"},
		{member: "declineTabs", word: "Decline"}, {"textTabs", "Custom", "Text"}, {"checkboxTabs", "Custom", "Checkbox"},
		{"radioGroupTabs", "Custom", "Radio"}, {"listTabs", "Custom", "List"}, {"dateTabs", "Custom", "Date"},
		{"numberTabs", "Custom", "Number"}, {"ssnTabs", "Custom", "SSN"}, {"zipTabs", "Custom", "ZIP5"},
		{"emailTabs", "Custom", "Email"}, {"noteTabs", "Custom", "Note"}, {"formulaTabs", "Custom", "Formula"},
	}
}

// tab is one with what SOAP calls it; a radio has the members of its group too.
type tab struct {
	object
	word, custom string
}

// tabs are those that SOAP has a type for.
func (w *Writer) tabs(all object) (tabs []tab) {
	known := map[string]bool{}
	for _, a := range tabArrays() {
		known[a.member] = w.has("TabTypeCode", a.word)
		for _, o := range all.objects(a.member) {
			switch t := (tab{o, a.word, a.custom}); {
			case !known[a.member]:
			case a.custom == "Radio":
				tabs = append(tabs, radios(o)...)
			default:
				tabs = append(tabs, t.precise())
			}
		}
	}
	for member := range all {
		if !known[member] && len(all.objects(member)) > 0 {
			w.drop("tabs/" + member)
		}
	}
	return tabs
}

// precise tells apart what REST has one array for.
func (t tab) precise() tab {
	if t.flag("optional", false) && (t.word == "SignHere" || t.word == "InitialHere") {
		t.word += "Optional"
	}
	if t.custom == "ZIP5" && t.flag("useDash4", false) {
		t.custom = "ZIP5DASH4"
	}
	return t
}

// radios makes a tab of each button of a group.
func radios(group object) (tabs []tab) {
	for _, button := range group.objects("radios") {
		o := copied(group)
		delete(o, "radios")
		maps.Copy(o, button)
		tabs = append(tabs, tab{o, "Custom", "Radio"})
	}
	return tabs
}

// tabStatuses makes the TabStatus of each tab (SOAP-REST.md §4.2).
func (w *Writer) tabStatuses(all object) (fields []Fields) {
	for _, t := range w.tabs(all) {
		switch t.word {
		case "FirstName", "LastName", "EmailAddress": // SOAP did not tell them
			continue
		}
		x, y := w.position(t, dotsPerPoint)
		f := Fields{
			"TabType": t.word, "Status": t.statusWord(), "XPosition": x, "YPosition": y,
			"TabLabel": t.label(), "TabName": t.name(), "TabValue": t.value(),
		}
		if w.ex() {
			t.more(f)
		}
		fields = append(fields, f)
	}
	return fields
}

// more adds the members of the Ex set.
func (t tab) more(f Fields) {
	f["DocumentID"], f["PageNumber"] = t.natural("documentId", 1), t.natural("pageNumber", 0)
	f["ScaleValue"] = t.decimal("scaleValue")
	if t.custom == "" {
		return
	}
	f["OriginalValue"], f["ValidationPattern"] = t.text("originalValue"), t.text("validationPattern")
	f["CustomTabType"] = t.custom
	if t.custom == "List" {
		f["ListValues"], f["ListSelectedValue"] = strings.Join(t.items("value"), ";"), t.value()
	}
}

// dotsPerPoint: TabStatus counts in 150 dots per inch (SOAP-REST.md §3.4).
const dotsPerPoint = 150.0 / 72

// position is the place of a tab on its page, without what was added to y when it was asked for.
func (w *Writer) position(t tab, scale float64) (x, y string) {
	lower := 0
	switch strings.TrimSuffix(t.word, "Optional") {
	case "SignHere":
		lower = w.SignHere
	case "InitialHere":
		lower = w.InitialHere
	}
	at := func(member string, lower int) string {
		n, err := strconv.ParseFloat(t.text(member), 64)
		if err != nil || !(math.Abs(n) < math.MaxInt32) {
			n = 0
		}
		return strconv.Itoa(max(int(math.Round((n-float64(lower))*scale)), 0))
	}
	return at("xPosition", 0), at("yPosition", lower)
}

func (t tab) statusWord() string {
	switch status := strings.ToLower(t.text("status")); {
	case t.custom == "Radio" && !t.flag("selected", false): // only the chosen one is signed
		return "Active"
	case status == "signed":
		return "Signed"
	case status == "declined":
		return "Declined"
	case status == "na":
		return "N/A"
	}
	return "Active"
}

func (t tab) label() string {
	switch {
	case t.custom == "Radio":
		return t.text("groupName")
	case strings.HasPrefix(t.word, "SignHere"):
		return cmp.Or(t.text("tabLabel"), "Sign Here")
	}
	return t.text("tabLabel")
}

func (t tab) name() string {
	switch t.custom {
	case "Radio":
		return t.text("value")
	case "List":
		return strings.Join(t.items("text"), ";")
	}
	return cmp.Or(t.text("name"), t.custom, t.word)
}

func (t tab) value() string {
	switch {
	case t.custom == "List":
		for _, item := range t.objects("listItems") {
			if item.flag("selected", false) {
				return item.text("value")
			}
		}
		return t.text("listSelectedValue")
	case t.custom != "Checkbox" && t.custom != "Radio":
		return t.text("value")
	case t.flag("selected", false):
		return "X"
	}
	return ""
}

func (t tab) items(member string) (all []string) {
	for _, item := range t.objects("listItems") {
		all = append(all, item.text(member))
	}
	return all
}
