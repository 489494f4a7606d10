package answer

import (
	"cmp"
	"strings"

	"docusign-auth-proxy/internal/services"
	"docusign-auth-proxy/translate/soaprest/definition"
)

// Templates makes EnvelopeTemplates of a list as REST answers it (SOAP-REST.md §4.10).
func Templates(list map[string]any) Fields {
	all := []Fields{}
	for _, o := range object(list).objects("envelopeTemplates") {
		all = append(all, templateDefinition(o))
	}
	return Fields{"EnvelopeTemplateDefinition": all}
}

func templateDefinition(o object) Fields {
	return Fields{
		"TemplateID": o.given("templateId"), "Name": o.text("name"), "Shared": o.flag("shared", false),
		"TemplateDescription": o.text("description"), "LastModified": o.date("lastModified"),
		"PageCount": o.natural("pageCount", 0),
	}
}

// Template makes an EnvelopeTemplate. bytes gives those of a document by its ID; nil = the one byte that SOAP had in
// their place. Account is written as AccountId.
func (w *Writer) Template(template map[string]any, account string, bytes func(documentID string) Stream) Fields {
	o := object(template)
	return Fields{
		"EnvelopeTemplateDefinition": templateDefinition(o), "Envelope": inversion{w}.envelopeOf(o, account, bytes),
	}
}

// inversion is what package definition does, the other way about.
type inversion struct{ *Writer }

func (w inversion) envelopeOf(o object, account string, bytes func(string) Stream) Fields {
	d := w.Service.Description()
	f := w.elements(d.Type("Envelope"), o)
	for _, name := range []string{"TransactionID", "Asynchronous"} { // SOAP did not give them back
		delete(f, name)
	}
	if n, is := f["Notification"].(Fields); is {
		delete(n, "UseAccountDefaults")
	}
	f["AccountId"], f["Subject"], f["EmailBlurb"] = account, o.text("emailSubject"), o.text("emailBlurb")
	f["SigningLocation"] = w.word("SigningLocationCode", cmp.Or(o.text("signingLocation"), "Online"))
	f["AutoNavigation"], f["EnvelopeIdStamping"] = o.flag("autoNavigation", true), o.flag("envelopeIdStamping", true)
	f["AuthoritativeCopy"] = o.flag("authoritativeCopy", false)
	for _, member := range []string{"enableWetSign", "allowReassign"} { // recorded, also where they are false
		if o.text(member) != "" {
			f[strings.ToUpper(member[:1])+member[1:]] = o.flag(member, false)
		}
	}
	if fields := o.object("customFields"); fields != nil {
		f["CustomFields"] = customFields(fields)
	}
	var documents, recipients, tabs []Fields
	for _, document := range o.objects("documents") {
		documents = append(documents, documentOf(document, bytes))
	}
	for _, r := range w.sorted(o.object("recipients")) {
		recipients = append(recipients, w.recipientOf(r))
		for _, t := range w.tabs(r.object.object("tabs")) {
			if t.custom != "" && !w.has("CustomTabType", t.custom) {
				w.drop("tabs/" + t.custom)
				continue
			}
			tabs = append(tabs, w.tabOf(t, r))
		}
	}
	f["Documents"], f["Recipients"] = Fields{"Document": documents}, Fields{"Recipient": recipients}
	f["Tabs"] = Fields{"Tab": tabs}
	return f
}

func documentOf(o object, bytes func(string) Stream) Fields {
	f := Fields{"ID": o.natural("documentId", 1), "Name": o.text("name"), "PDFBytes": "AA=="}
	if bytes != nil {
		f["PDFBytes"] = bytes(o.text("documentId"))
	}
	return f
}

func (w inversion) recipientOf(r recipient) Fields {
	if sms := r.object.object("smsAuthentication"); sms != nil && r.object["phoneAuthentication"] == nil {
		r.object = copied(r.object)
		r.object["phoneAuthentication"] = sms // SOAP has one element for both (SOAP-REST.md §3.3)
	}
	f := w.elements(w.Service.Description().Type("Recipient"), r.object)
	f["ID"], f["Type"], f["RoutingOrder"] = r.natural("recipientId", 1), r.word, r.order()
	f["UserName"], f["Email"] = r.member("hostName", "name"), r.member("hostEmail", "email")
	f["AccessCode"], f["Note"] = r.text("accessCode"), r.text("note")
	f["RequireIDLookup"] = r.flag("requireIdLookup", false)
	signature, is := f["SignatureInfo"].(Fields)
	if !is {
		return f
	}
	style := strings.ReplaceAll(r.object.object("signatureInfo").text("fontStyle"), " ", "")
	if number, ours := strings.CutSuffix(style, "_DocuSign"); ours {
		style = "DocuSign" + number
	}
	if signature["FontStyle"] = style; !w.has("FontStyleCode", style) { // required, and SOAP has no word for it
		delete(f, "SignatureInfo")
		w.drop("recipients/signatureInfo")
	}
	return f
}

func (w inversion) tabOf(t tab, r recipient) Fields {
	f := w.elements(w.Service.Description().Type("Tab"), t.object)
	f["Type"], f["Name"], f["Value"] = t.word, cmp.Or(t.text("name"), t.custom, t.word), t.value()
	f["RecipientID"] = r.natural("recipientId", 1)
	f["XPosition"], f["YPosition"] = w.position(t, 1)
	f["ScaleValue"] = "1"
	if scale := t.decimal("scaleValue"); scale != nil {
		f["ScaleValue"] = scale
	}
	f["CustomTabRequired"], f["CustomTabLocked"] = t.flag("required", false), t.flag("locked", false)
	f["TabLabel"] = t.text("tabLabel")
	if t.custom != "" {
		f["CustomTabType"] = t.custom
	}
	switch t.custom {
	case "Radio":
		f["TabLabel"] = t.text("value")
	case "List":
		f["CustomTabListItems"] = strings.Join(t.items("text"), ";")
		f["CustomTabListValues"], f["CustomTabListSelectedValue"] = strings.Join(t.items("value"), ";"), t.value()
	}
	return f
}

// elements makes the elements of a type of REST's members, by the names that package definition writes. What is empty
// or false is left out, and so is what the schema has no place for.
func (w inversion) elements(t *services.Type, o object) Fields {
	f := Fields{}
	members := definition.Members(t.Name)
	for i := range t.Elements {
		e := &t.Elements[i]
		member, known := members[e.Name]
		var v any
		switch {
		case !known:
		case member == definition.Merged:
			v = given(w.elements(e.Type, o))
		case e.Type.Base != "":
			v = w.simple(e, o, member)
		case len(e.Type.Elements) == 1 && e.Type.Elements[0].Many:
			v = w.list(&e.Type.Elements[0], o, member)
		case o.object(member) != nil:
			v = given(w.elements(e.Type, o.object(member)))
		}
		if v != nil {
			f[e.Name] = v
		}
	}
	return f
}

func given(f Fields) any {
	if len(f) == 0 {
		return nil
	}
	return f
}

func (w inversion) list(item *services.Element, o object, member string) any {
	if item.Type.Base != "" {
		var texts []string
		for _, s := range o.texts(member) {
			if item.Type.Valid(s) {
				texts = append(texts, s)
			}
		}
		if texts == nil {
			return nil
		}
		return Fields{item.Name: texts}
	}
	var all []Fields
	for _, each := range o.objects(member) {
		all = append(all, w.elements(item.Type, each))
	}
	if all == nil {
		return nil
	}
	return Fields{item.Name: all}
}

func (w inversion) simple(e *services.Element, o object, member string) any {
	text := o.text(member)
	switch {
	case e.Type.Base == "boolean":
		if value := o.flag(member, false); value || e.Min == 1 {
			return value
		}
		return nil
	case text == "":
		return nil
	case len(e.Type.Enum) > 0:
		text = wordOf(e.Type, text)
	}
	if e.Min == 0 && !e.Type.Valid(text) {
		w.drop(member)
		return nil
	}
	return text
}
