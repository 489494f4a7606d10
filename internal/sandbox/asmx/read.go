package asmx

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	"docusign-auth-proxy/internal/sandbox/envelope"
	"docusign-auth-proxy/internal/sandbox/message"
)

// Object is an object of REST.
type Object = envelope.Object

// recipientTypes are SOAP's words for REST's arrays (SOAP-REST.md §2.1).
func recipientTypes() map[string]string {
	return map[string]string{
		"Signer": "signers", "Agent": "agents", "Editor": "editors", "Intermediary": "intermediaries",
		"CarbonCopy": "carbonCopies", "CertifiedDelivery": "certifiedDeliveries", "InPersonSigner": "inPersonSigners",
	}
}

// tabTypes are SOAP's words for REST's arrays; a slash stands before the kind of a custom tab (SOAP-REST.md §3.4).
func tabTypes() map[string]string {
	return map[string]string{
		"SignHere": "signHereTabs", "InitialHere": "initialHereTabs", "FullName": "fullNameTabs",
		"FirstName": "firstNameTabs", "LastName": "lastNameTabs", "EmailAddress": "emailAddressTabs",
		"Company": "companyTabs", "Title": "titleTabs", "DateSigned": "dateSignedTabs", "EnvelopeID": "envelopeIdTabs",
		"SignerAttachment": "signerAttachmentTabs", "Approve": "approveTabs", "Decline": "declineTabs",
		"Custom/Text": "textTabs", "Custom/Checkbox": "checkboxTabs", "Custom/Radio": "radioGroupTabs",
		"Custom/List": "listTabs", "Custom/Date": "dateTabs", "Custom/Number": "numberTabs", "Custom/SSN": "ssnTabs",
		"Custom/ZIP5": "zipTabs", "Custom/Email": "emailTabs", "Custom/Note": "noteTabs", "Custom/Formula": "formulaTabs",
	}
}

// ownNames are the elements whose members have other names than their own in lower camel case.
func ownNames() map[string]string {
	return map[string]string{
		"Subject": "emailSubject", "UserName": "name", "ID": "recipientId", "RequireIDLookup": "requireIdLookup",
		"IDCheckConfigurationName": "idCheckConfigurationName", "URL": "url", "SharedTab": "shared",
		"RequireInitialOnSharedTabChange": "requireInitialOnSharedChange", "CustomTabWidth": "width",
		"CustomTabHeight": "height", "CustomTabRequired": "required", "CustomTabLocked": "locked",
		"CustomTabDisableAutoSize": "disableAutoSize", "CustomTabRadioGroupName": "groupName",
		"CustomTabValidationPattern": "validationPattern", "CustomTabValidationMessage": "validationMessage",
		"CustomTabListSelectedValue": "listSelectedValue", "AnchorTabString": "anchorString", "XOffset": "anchorXOffset",
		"YOffset": "anchorYOffset", "Unit": "anchorUnits", "IgnoreIfNotPresent": "anchorIgnoreIfNotPresent",
		"Street1": "address1", "Street2": "address2", "State": "stateOrProvince", "Zip": "postalCode",
		"DisplayLevel": "displayLevelCode", "SSN4": "ssn4", "SSN9": "ssn9", "Type": "attachmentType",
		"IDCheckInformationInput": "idCheckInformationInput",
		"SSN4InformationInput":    "ssn4InformationInput", "SSN9InformationInput": "ssn9InformationInput",
	}
}

// member is REST's name of an element.
func member(name string) string {
	if own := ownNames()[name]; own != "" {
		return own
	}
	if stem, isID := strings.CutSuffix(name, "ID"); isID {
		name = stem + "Id"
	}
	return strings.ToLower(name[:1]) + name[1:]
}

// plain gives the elements of text, and of those with children the ones that are named.
func plain(e *message.Element, nested ...string) Object {
	o := Object{}
	for _, c := range e.Items() {
		switch {
		case len(c.Children) == 0 && c.Content == nil && c.Text != "":
			o[member(c.Name.Local)] = c.Text
		case c.Name.Local == "SSN4Information" || c.Name.Local == "SSN9Information": // REST has one step less
			maps.Copy(o, plain(c))
		case len(c.Children) > 0 && slices.Contains(nested, c.Name.Local):
			o[member(c.Name.Local)] = plain(c, nested...)
		}
	}
	return o
}

// texts are those of the children.
func texts(e *message.Element) []any {
	var all []any
	for _, c := range e.Items() {
		all = append(all, c.Text)
	}
	return all
}

// Definition reads an Envelope into what envelope.New takes; positions are SOAP's.
func Definition(e *message.Element) Object {
	d := information(e)
	d["documents"] = each(e.Child("Documents"), document)
	d["recipients"] = recipients(e.Child("Recipients").Items(), e.Child("Tabs").Items(), nil)
	if attachments := each(e.Child("EnvelopeAttachment"), whole); len(attachments) > 0 {
		d["envelopeAttachments"] = attachments
	}
	return d
}

// information reads what Envelope and EnvelopeInformation have in common (SOAP-REST.md §3.1).
func information(e *message.Element) Object {
	d := plain(e, "Notification", "Reminders", "Expirations", "EventNotification")
	delete(d, "accountId")
	if blurb := e.Child("EmailBlurb"); blurb != nil {
		d["emailBlurb"] = blurb.Text
	}
	if where := e.Value("SigningLocation"); where != "" {
		d["signingLocation"] = member(where)
	}
	if fields := customFields(e.Child("CustomFields")); len(fields) > 0 {
		d["customFields"] = fields
	}
	if n, has := d["eventNotification"].(Object); has {
		n["envelopeEvents"] = each(e.Child("EventNotification").Child("EnvelopeEvents"), whole)
		n["recipientEvents"] = each(e.Child("EventNotification").Child("RecipientEvents"), whole)
	}
	return d
}

// each reads the items of a list.
func each(e *message.Element, read func(*message.Element) Object) []any {
	all := []any{}
	for _, c := range e.Items() {
		all = append(all, read(c))
	}
	return all
}

func whole(e *message.Element) Object { return plain(e) }

func customFields(e *message.Element) Object {
	fields := Object{}
	for _, c := range e.Items() {
		o, kind := plain(c), "textCustomFields"
		delete(o, "customFieldType")
		delete(o, "listItems")
		if c.Value("CustomFieldType") == "List" {
			kind, o["listItems"] = "listCustomFields", split(c.Value("ListItems"))
		}
		list, _ := fields[kind].([]any)
		fields[kind] = append(list, o)
	}
	return fields
}

// split takes a list apart at its semicolons.
func split(list string) []any {
	all := []any{}
	for item := range strings.SplitSeq(list, ";") {
		if item != "" {
			all = append(all, item)
		}
	}
	return all
}

func document(e *message.Element) Object {
	o := plain(e)
	delete(o, "recipientId")
	if id := e.Value("ID"); id != "" {
		o["documentId"] = id
	}
	if content := e.Child("PDFBytes"); content != nil {
		o["documentBase64"] = *content.Content
	}
	return o
}

// recipients reads people with their tabs, which are one list in SOAP. Roles come by the ids of recipients.
func recipients(people, tabs []*message.Element, roles map[string]string) Object {
	all := Object{}
	for _, e := range people {
		kind := recipientTypes()[e.Value("Type")]
		o := recipient(e, kind)
		if role := roles[e.Value("ID")]; role != "" {
			o["roleName"] = role
		}
		var own []envelope.Tab
		for _, t := range tabs {
			if t.Value("RecipientID") == e.Value("ID") {
				own = append(own, tab(t))
			}
		}
		o["tabs"] = own
		list, _ := all[kind].([]any)
		all[kind] = append(list, o)
	}
	return all
}

// recipient is SOAP-REST.md §3.3.
func recipient(e *message.Element, kind string) Object {
	o := plain(
		e, "PhoneAuthentication", "SignatureInfo", "IDCheckInformationInput", "AddressInformationInput",
		"AddressInformation", "SSN4InformationInput", "SSN9InformationInput",
	)
	for _, name := range []string{"attachmentType", "deliveryMethod", "templateAccessCodeRequired", "captiveInfo"} {
		delete(o, name)
	}
	if kind == "inPersonSigners" {
		o["hostName"], o["hostEmail"] = e.Value("UserName"), e.Value("Email")
		delete(o, "name")
		delete(o, "email")
	}
	if id := e.Child("CaptiveInfo").Value("ClientUserId"); id != "" {
		o["clientUserId"] = id
	}
	if fields := texts(e.Child("CustomFields")); fields != nil {
		o["customFields"] = fields
	}
	if excluded := texts(e.Child("ExcludedDocuments")); excluded != nil {
		o["excludedDocuments"] = excluded
	}
	if numbers := texts(e.Child("PhoneAuthentication").Child("SenderProvidedNumbers")); numbers != nil {
		o["phoneAuthentication"].(Object)["senderProvidedNumbers"] = numbers
	}
	if own := e.Child("EmailNotification"); own != nil {
		o["emailNotification"] = Object{
			"emailSubject": own.Value("Subject"), "emailBody": own.Value("EmailBlurb"),
			"supportedLanguage": own.Value("Language"),
		}
	}
	return o
}

// tab is SOAP-REST.md §3.4.
func tab(e *message.Element) envelope.Tab {
	o := plain(e)
	const other = "attachmentType customTabType customTabListItems customTabListValues recipientId"
	for name := range strings.FieldsSeq(other) {
		delete(o, name)
	}
	word, custom := e.Value("Type"), e.Value("CustomTabType")
	if word != "Custom" && o["name"] == nil {
		o["name"] = word
	}
	if stem, optional := strings.CutSuffix(word, "Optional"); optional {
		word, o["optional"] = stem, "true"
	}
	if strings.HasPrefix(custom, "ZIP5") {
		o["useDash4"] = strconv.FormatBool(custom == "ZIP5DASH4")
		custom = "ZIP5"
	}
	if word == "Custom" {
		if custom == "" {
			custom = "Text"
		}
		word += "/" + custom
	}
	value := e.Value("Value")
	switch custom {
	case "Checkbox", "Radio":
		o["selected"] = checked(value)
		delete(o, "value")
		if custom == "Radio" {
			o["value"] = cmp.Or(e.Value("TabLabel"), value)
			delete(o, "tabLabel")
		}
	case "List":
		o["listItems"] = listItems(e)
		delete(o, "listSelectedValue")
	}
	anchor := plain(e.Child("AnchorTabItem"))
	maps.Copy(o, anchor)
	if unit, has := anchor["anchorUnits"].(string); has {
		o["anchorUnits"] = strings.ToLower(unit)
	}
	return envelope.NewTab(tabTypes()[word], o, false)
}

// checked tells what a box's text means.
func checked(value string) string {
	return strconv.FormatBool(slices.Contains([]string{"x", "true", "1", "on"}, strings.ToLower(value)))
}

// listItems pairs texts and values.
func listItems(e *message.Element) []any {
	all := []any{}
	values := split(e.Value("CustomTabListValues"))
	for i, text := range split(e.Value("CustomTabListItems")) {
		value := text
		if i < len(values) {
			value = values[i]
		}
		selected := strconv.FormatBool(value == e.Value("CustomTabListSelectedValue"))
		all = append(all, Object{"text": text, "value": value, "selected": selected})
	}
	return all
}

// FromTemplates reads CreateEnvelopeFromTemplates (SOAP-REST.md §4.8). kinds tells of which kinds the tabs of a label
// are in a template.
func FromTemplates(body *message.Element, kinds func(templateID, role, label string) []string) Object {
	d := information(body.Child("EnvelopeInformation"))
	d["status"] = activated(body)
	fields := d["customFields"]
	composites := []any{}
	people := body.Child("Recipients").Items()
	for i, reference := range body.Child("TemplateReferences").Items() {
		id, roles := reference.Value("Template"), map[string]string{}
		for _, a := range reference.Child("RoleAssignments").Items() {
			roles[a.Value("RecipientID")] = a.Value("RoleName")
		}
		var mine []*message.Element
		for _, p := range people {
			if roles[p.Value("ID")] != "" || i == 0 && len(roles) == 0 || p.Value("RoleName") != "" && len(roles) == 0 {
				mine = append(mine, p)
			}
		}
		inline := Object{"sequence": "2", "recipients": recipients(mine, reference.Child("AdditionalTabs").Items(), roles)}
		if i == 0 && fields != nil {
			inline["customFields"] = fields
		}
		fill(inline["recipients"].(Object), reference.Child("FieldData").Child("DataValues"), id, kinds)
		composite := Object{
			"serverTemplates": []any{Object{"sequence": "1", "templateId": id}}, "inlineTemplates": []any{inline},
		}
		if doc := reference.Child("Document"); doc != nil {
			composite["document"] = document(doc)
		}
		composites = append(composites, composite)
	}
	d["compositeTemplates"] = composites
	return d
}

// fill adds a tab for each value of a field, of the kinds that the template has under that label.
func fill(people Object, values *message.Element, id string, kinds func(templateID, role, label string) []string) {
	for _, list := range people {
		for _, v := range list.([]any) {
			o := v.(Object)
			role, _ := o["roleName"].(string)
			tabs := o["tabs"].([]envelope.Tab)
			for _, c := range values.Items() {
				for _, kind := range kinds(id, role, c.Value("TabLabel")) {
					tabs = append(tabs, filled(kind, c.Value("TabLabel"), c.Value("Value")))
				}
			}
			o["tabs"] = tabs
		}
	}
}

func filled(kind, label, value string) envelope.Tab {
	o := Object{"tabLabel": label, "value": value}
	switch kind {
	case "checkboxTabs":
		delete(o, "value")
		o["selected"] = checked(value)
	case "listTabs":
		o["listSelectedValue"] = value
	}
	return envelope.NewTab(kind, o, false)
}

func activated(body *message.Element) string {
	if body.Value("ActivateEnvelope") == "true" {
		return "sent"
	}
	return "created"
}

// FromForms reads CreateEnvelopeFromTemplatesAndForms. Sequences that are there twice are told apart: a server template
// comes before an inline one.
func FromForms(body *message.Element) Object {
	d := information(body.Child("EnvelopeInformation"))
	d["status"] = activated(body)
	composites := []any{}
	for i, c := range body.Child("CompositeTemplates").Items() {
		servers, inlines := []any{}, []any{}
		for _, s := range c.Child("ServerTemplates").Items() {
			servers = append(servers, Object{"sequence": sequence(s) + "0", "templateId": s.Value("TemplateID")})
		}
		for n, t := range c.Child("InlineTemplates").Items() {
			e := t.Child("Envelope")
			inline := Object{
				"sequence": sequence(t) + "1", "documents": each(e.Child("Documents"), document),
				"recipients":   recipients(e.Child("Recipients").Items(), e.Child("Tabs").Items(), nil),
				"customFields": customFields(e.Child("CustomFields")), "envelope": plain(e),
			}
			if i == 0 && n == 0 && d["customFields"] != nil {
				inline["customFields"] = joined(d["customFields"].(Object), inline["customFields"].(Object))
			}
			inlines = append(inlines, inline)
		}
		composite := Object{"serverTemplates": servers, "inlineTemplates": inlines}
		if doc := c.Child("Document"); doc != nil {
			composite["document"] = document(doc)
		}
		composites = append(composites, composite)
	}
	d["compositeTemplates"] = composites
	return d
}

// sequence is 1 where there is none.
func sequence(e *message.Element) string {
	if s := e.Value("Sequence"); s != "" {
		return s
	}
	return "1"
}

func joined(first, second Object) Object {
	all := Object{}
	for _, kind := range []string{"textCustomFields", "listCustomFields"} {
		a, _ := first[kind].([]any)
		b, _ := second[kind].([]any)
		if len(a)+len(b) > 0 {
			all[kind] = append(append([]any{}, a...), b...)
		}
	}
	return all
}

// Correction is one recipient's correction (SOAP-REST.md §4.9).
type Correction struct {
	Asked     *message.Element
	Recipient *envelope.Recipient // nil = none, or more than one, is meant
	Over      Object              // what differs, as REST takes it
	Resend    bool
}

// Corrections finds whom each correction means and what it changes.
func Corrections(e *message.Element, all []envelope.Recipient) []Correction {
	var list []Correction
	for _, c := range e.Child("RecipientCorrections").Items() {
		found := Correction{Asked: c, Resend: c.Value("Resend") == "true"}
		for i := range all {
			r := &all[i]
			signer := c.Child("PreviousSignerName")
			if r.Name != c.Value("PreviousUserName") || r.Email != c.Value("PreviousEmail") ||
				c.Value("PreviousRoutingOrder") != r.OrderText() || signer != nil && signer.Text != r.Text("signerName") {
				continue
			}
			if found.Recipient != nil {
				found.Recipient = nil
				break
			}
			found.Recipient = r
		}
		if found.Recipient != nil {
			found.Over = corrected(c, *found.Recipient)
		}
		list = append(list, found)
	}
	return list
}

// corrected has what the correction makes different.
func corrected(c *message.Element, r envelope.Recipient) Object {
	name, email := envelope.NameMembers(r.Type)
	o := Object{"recipientId": r.ID}
	for element, now := range map[string][2]string{
		"CorrectedUserName": {name, r.Name}, "CorrectedEmail": {email, r.Email},
		"CorrectedSignerName":               {"signerName", r.Text("signerName")},
		"CorrectedRoutingOrder":             {"routingOrder", r.OrderText()},
		"CorrectedRequireIDLookup":          {"requireIdLookup", r.Text("requireIdLookup")},
		"CorrectedIDCheckConfigurationName": {"idCheckConfigurationName", r.Text("idCheckConfigurationName")},
	} {
		if v := c.Value(element); v != "" && v != now[1] {
			o[now[0]] = v
		}
	}
	if info := c.Child("CorrectedCaptiveInfo"); info != nil && info.Value("ClientUserId") != r.Text("clientUserId") {
		o["clientUserId"] = info.Value("ClientUserId")
	}
	code, required := c.Child("CorrectedAccessCode"), c.Value("CorrectedAccessCodeRequired")
	if code != nil && (code.Text != "" || required == "false") {
		o["accessCode"] = code.Text
	}
	return o
}
