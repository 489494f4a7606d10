package asmx

import (
	"strconv"
	"strings"
	"time"

	"docusign-auth-proxy/internal/sandbox/envelope"
	"docusign-auth-proxy/internal/sandbox/message"
	"docusign-auth-proxy/internal/services"
)

// Status is how SOAP shows an envelope. Of the two sets of elements, Ex has more (SOAP-REST.md §4.1).
type Status struct {
	envelope.Envelope
	SenderName, SenderEmail string
	Now                     time.Time
	Ex                      bool
}

// Fields are those of EnvelopeStatus.
func (s Status) Fields() Fields {
	people := []Fields{}
	for _, r := range s.InOrder() {
		people = append(people, Recipient(r, s.Ex))
	}
	f := Fields{
		"RecipientStatuses": Fields{"RecipientStatus": people}, "TimeGenerated": Exact(s.Changed), "EnvelopeID": s.ID,
		"Subject": s.Subject, "UserName": s.SenderName, "Email": s.SenderEmail, "Status": Word(s.Envelope.Status),
		"Created": s.Created, "ACStatus": "Original", "ACStatusDate": s.Created, "ACHolder": s.SenderName,
		"ACHolderEmail": s.SenderEmail, "ACHolderLocation": "DocuSign",
		"SigningLocation": upper(s.Text("signingLocation")), "EnvelopePDFHash": "", "CustomFields": s.customFields(),
		"AutoNavigation": s.Text("autoNavigation"), "EnvelopeIdStamping": s.Text("envelopeIdStamping"),
		"AuthoritativeCopy": s.Text("authoritativeCopy"),
	}
	if s.Text("authoritativeCopy") == "true" {
		f["ACStatus"] = "AuthoritativeCopy"
	}
	dates(f, map[string]time.Time{
		"Sent": s.Sent, "Delivered": s.Delivered, "Signed": s.Completed, "Completed": s.Completed, "Declined": s.Declined,
	})
	if s.Ex {
		f["TimeGenerated"] = Exact(s.Now)
		documents := []Fields{}
		for i, d := range s.Documents {
			documents = append(documents, Fields{"ID": d.ID, "Name": d.Name, "TemplateName": "", "Sequence": i + 1})
		}
		if len(documents) > 0 {
			f["DocumentStatuses"] = Fields{"DocumentStatus": documents}
		}
	}
	return f
}

// dates adds those that are known.
func dates(f Fields, all map[string]time.Time) {
	for name, t := range all {
		if !t.IsZero() {
			f[name] = t
		}
	}
}

// Word is SOAP's spelling of a status.
func Word(status string) string {
	if status == "timedout" {
		return "TimedOut"
	}
	return upper(status)
}

func upper(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

func (s Status) customFields() Fields {
	all := []Fields{}
	fields := s.CustomFields()
	for _, kind := range []string{"textCustomFields", "listCustomFields"} {
		list, _ := fields[kind].([]any)
		for _, v := range list {
			o := v.(Object)
			f := Fields{
				"Name": o["name"], "Show": o["show"], "Required": o["required"], "Value": o["value"], "CustomFieldType": "Text",
			}
			if kind == "listCustomFields" {
				f["CustomFieldType"], f["ListItems"] = "List", join(o["listItems"])
			}
			all = append(all, f)
		}
	}
	return Fields{"CustomField": all}
}

func join(v any) string {
	list, _ := v.([]any)
	var all []string
	for _, item := range list {
		s, _ := item.(string)
		all = append(all, s)
	}
	return strings.Join(all, ";")
}

// Recipient has the fields of RecipientStatus (SOAP-REST.md §4.2).
func Recipient(r envelope.Recipient, ex bool) Fields {
	fields, _ := r.Members["customFields"].([]any)
	own := []string{}
	for _, v := range fields {
		s, _ := v.(string)
		own = append(own, s)
	}
	f := Fields{
		"Type": recipientWord(r.Type), "Email": r.Email, "UserName": r.Name, "RoutingOrder": r.Order(),
		"DeclineReason": Nil{}, "Status": Word(r.Status), "RecipientIPAddress": "",
		"CustomFields": Fields{"CustomField": own},
	}
	dates(f, map[string]time.Time{"Sent": r.Sent, "Delivered": r.Delivered, "Signed": r.Signed, "Declined": r.Declined})
	if r.Reason != "" {
		f["DeclineReason"] = r.Reason
	}
	if r.Captive() {
		f["ClientUserId"] = r.Text("clientUserId")
	}
	if len(r.Tabs) > 0 {
		tabs := []Fields{}
		for _, t := range r.Tabs {
			if shown := tabStatus(t, ex); shown != nil {
				tabs = append(tabs, shown)
			}
		}
		f["TabStatuses"] = Fields{"TabStatus": tabs}
	}
	if ex {
		f["RecipientId"] = r.GUID
		if r.HasUser() {
			f["AccountStatus"] = "Active"
		}
	}
	return f
}

func recipientWord(kind string) string {
	for word, array := range recipientTypes() {
		if array == kind {
			return word
		}
	}
	return "Signer"
}

// tabWords are SOAP's words for a tab; the second is that of a custom tab. Tabs that SOAP does not show have none.
func tabWords(t envelope.Tab) (word, custom string) {
	for w, array := range tabTypes() {
		if array == t.Kind {
			word, custom, _ = strings.Cut(w, "/")
		}
	}
	if t.Text("optional") == "true" {
		word += "Optional"
	}
	if t.Text("useDash4") == "true" {
		custom = "ZIP5DASH4"
	}
	return word, custom
}

func tabStatus(t envelope.Tab, ex bool) Fields {
	word, custom := tabWords(t)
	if word == "" || word == "FirstName" || word == "LastName" || word == "EmailAddress" {
		return nil
	}
	label, name, value := shownAs(t, custom)
	f := Fields{
		"TabType": word, "Status": "Active", "XPosition": t.X, "YPosition": t.Y, "TabLabel": label, "TabName": name,
		"TabValue": value,
	}
	if t.Signed {
		f["Status"] = "Signed"
	}
	if !ex {
		return f
	}
	f["DocumentID"], f["PageNumber"] = optional(t, "documentId"), optional(t, "pageNumber")
	f["ScaleValue"] = scale(t)
	if custom == "" {
		return f
	}
	f["OriginalValue"], f["ValidationPattern"] = t.Text("originalValue"), t.Text("validationPattern")
	f["CustomTabType"] = custom
	if custom == "List" {
		f["ListValues"], f["ListSelectedValue"] = items(t, "value"), value
	}
	return f
}

// optional is a member that is left out where there is none.
func optional(t envelope.Tab, name string) any {
	if s := t.Text(name); s != "" {
		return s
	}
	return nil
}

// scale is a number without the zeros at its end.
func scale(t envelope.Tab) any {
	n, err := strconv.ParseFloat(t.Text("scaleValue"), 64)
	if err != nil {
		return nil
	}
	return strconv.FormatFloat(n, 'f', -1, 64)
}

// shownAs gives label, name and value in SOAP's terms (SOAP-REST.md §4.2).
func shownAs(t envelope.Tab, custom string) (label, name, value string) {
	label, name, value = t.Text("tabLabel"), t.Text("name"), t.Text("value")
	switch custom {
	case "Radio":
		return t.Text("groupName"), value, cross(t)
	case "Checkbox":
		return label, name, cross(t)
	case "List":
		return label, items(t, "text"), selected(t)
	}
	return label, name, value
}

func cross(t envelope.Tab) string {
	if t.Text("selected") == "true" {
		return "X"
	}
	return ""
}

func items(t envelope.Tab, member string) string {
	list, _ := t.Members["listItems"].([]any)
	var all []any
	for _, v := range list {
		all = append(all, v.(Object)[member])
	}
	return join(all)
}

func selected(t envelope.Tab) string {
	list, _ := t.Members["listItems"].([]any)
	for _, v := range list {
		if o := v.(Object); o["selected"] == "true" {
			return o["value"].(string)
		}
	}
	return t.Text("listSelectedValue")
}

// Filter echoes a filter as it came; what it left out and the schema wants is nil (SOAP-REST.md §2).
func Filter(e *message.Element) Fields {
	f := echo(e)
	if begin := e.Child("BeginDateTime"); begin != nil {
		dated := Fields{"": begin.Raw}
		if qualifier := Qualifier(begin); qualifier != "" {
			dated["@statusQualifier"] = qualifier
		}
		f["BeginDateTime"] = dated
	} else {
		f["BeginDateTime"] = Nil{}
	}
	if _, given := f["StartAtIndex"]; !given {
		f["StartAtIndex"] = Nil{}
	}
	return f
}

// Qualifier is the attribute statusQualifier, with or without a prefix.
func Qualifier(e *message.Element) string {
	for _, a := range e.Attrs {
		if a.Name.Local == "statusQualifier" {
			return a.Value
		}
	}
	return ""
}

// Time is that of an element that was checked.
func Time(e *message.Element) time.Time {
	at, _ := date(e.Text)
	return at
}

// Number is that of an element that was checked, 0 where there is none.
func Number(e *message.Element) int {
	if e == nil {
		return 0
	}
	n, _ := strconv.Atoi(e.Text)
	return n
}

// Together has the members of all corrections that send mail again, or of those that do not.
func Together(all []Correction, resend bool) Object {
	o := Object{}
	for _, c := range all {
		if c.Recipient != nil && c.Resend == resend && (resend || len(c.Over) > 1) {
			list, _ := o[c.Recipient.Type].([]any)
			o[c.Recipient.Type] = append(list, c.Over)
		}
	}
	return o
}

// Notification reads the reminders and expirations of a correction.
func Notification(e *message.Element) Object {
	o := plain(e, "Reminders", "Expirations")
	delete(o, "envelopeId")
	return o
}

// Echo gives an element as it came, nothing where there is none.
func Echo(e *message.Element) any {
	if e == nil {
		return nil
	}
	return echo(e)
}

// Corrected has the fields of RecipientCorrectionStatus.
func Corrected(c Correction, succeeded bool, now *envelope.Recipient) Fields {
	f := Fields{"CorrectionSucceeded": succeeded, "RecipientCorrection": echo(c.Asked)}
	if now != nil {
		bare := *now
		bare.Tabs = nil
		f["RecipientStatus"] = Recipient(bare, false)
	}
	return f
}

// Definitions has the fields of EnvelopeTemplateDefinition.
func Definitions(t envelope.Template) Fields {
	f := Fields{
		"TemplateID": t.ID, "Name": t.Name, "Shared": t.Shared, "TemplateDescription": t.Description,
		"LastModified": t.Modified,
	}
	if t.Pages != "" {
		f["PageCount"] = t.Pages
	}
	return f
}

// Template has the fields of the Envelope of a template (SOAP-REST.md §4.10). bytes gives a document's.
func Template(s *services.Service, t envelope.Template, bytes func(id string) any) Fields {
	documents, people, tabs := []Fields{}, []Fields{}, []Fields{}
	for _, d := range t.Documents {
		documents = append(documents, Fields{"ID": d.ID, "Name": d.Name, "PDFBytes": bytes(d.ID)})
	}
	for _, r := range t.Recipients {
		f := Fields{
			"ID": r.ID, "UserName": r.Name, "Email": r.Email, "Type": recipientWord(r.Type), "AccessCode": r.Text("accessCode"),
			"RequireIDLookup": r.Text("requireIdLookup") == "true", "RoutingOrder": r.Order(), "Note": r.Text("note"),
			"RoleName": r.Text("roleName"),
		}
		people = append(people, f)
		for _, tab := range r.Tabs {
			tabs = append(tabs, templateTab(s.Description().Type("Tab"), r, tab))
		}
	}
	n := t.Notification()
	return Fields{
		"AccountId": t.AccountID, "Documents": Fields{"Document": documents}, "Recipients": Fields{"Recipient": people},
		"Tabs": Fields{"Tab": tabs}, "Subject": t.Subject, "EmailBlurb": t.Text("emailBlurb"),
		"SigningLocation": upper(t.Text("signingLocation")), "AutoNavigation": t.Text("autoNavigation"),
		"EnvelopeIdStamping": t.Text("envelopeIdStamping"), "AuthoritativeCopy": t.Text("authoritativeCopy"),
		"Notification": Fields{"Reminders": cased(n["reminders"]), "Expirations": cased(n["expirations"])},
		"CustomFields": Status{Envelope: t.Envelope}.customFields(), "EnableWetSign": t.Text("enableWetSign"),
		"AllowReassign": t.Text("allowReassign"),
	}
}

// cased gives members as elements.
func cased(v any) Fields {
	f := Fields{}
	o, _ := v.(Object)
	for name, value := range o {
		f[upper(name)] = value
	}
	return f
}

// templateTab has what is always there, and of the type's other elements those that the tab has.
func templateTab(kind *services.Type, r envelope.Recipient, t envelope.Tab) Fields {
	word, custom := tabWords(t)
	x, y := t.Points()
	f := Fields{
		"DocumentID": optional(t, "documentId"), "RecipientID": r.ID, "PageNumber": optional(t, "pageNumber"),
		"XPosition": x, "YPosition": y, "ScaleValue": "1", "Type": word, "Name": t.Text("name"),
		"TabLabel": t.Text("tabLabel"), "Value": t.Text("value"), "CustomTabRequired": t.Text("required") == "true",
		"CustomTabLocked": t.Text("locked") == "true",
	}
	if given := scale(t); given != nil {
		f["ScaleValue"] = given
	}
	if custom != "" && f["Name"] == "" {
		f["Name"] = custom
	}
	switch custom {
	case "":
	case "Radio":
		f["TabLabel"], f["Value"] = t.Text("value"), cross(t)
	case "Checkbox":
		f["Value"] = cross(t)
	case "List":
		f["CustomTabListItems"], f["CustomTabListValues"] = items(t, "text"), items(t, "value")
		f["CustomTabListSelectedValue"], f["Value"] = selected(t), selected(t)
	}
	if custom != "" {
		f["CustomTabType"] = custom
	}
	for _, e := range kind.Elements {
		if _, set := f[e.Name]; !set && t.Text(member(e.Name)) != "" {
			f[e.Name] = t.Text(member(e.Name))
		}
	}
	return f
}
