package envelope

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"time"

	"docusign-auth-proxy/internal/sandbox/restbody"
)

// Stamp is a time as the REST API writes it.
func Stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.0000000Z") }

// View is how REST shows an envelope.
type View struct {
	Include []string // words of the query
	Sender  Object
	Lower   bool // positions are REST v2.1's
}

// Show is the envelope as REST shows it.
func (e Envelope) Show(v View) Object {
	uri := "/envelopes/" + e.ID
	o := e.members()
	maps.Copy(o, Object{
		"status": e.Status, "envelopeId": e.ID, "emailSubject": e.Subject, "documentsUri": uri + "/documents",
		"recipientsUri": uri + "/recipients", "envelopeUri": uri, "customFieldsUri": uri + "/custom_fields",
		"notificationUri": uri + "/notification", "documentsCombinedUri": uri + "/documents/combined",
		"certificateUri": uri + "/documents/certificate", "templatesUri": uri + "/templates",
		"createdDateTime": Stamp(e.Created), "statusChangedDateTime": Stamp(e.Changed),
		"lastModifiedDateTime": Stamp(e.Changed), "sender": v.Sender,
	})
	for name, t := range map[string]time.Time{
		"sentDateTime": e.Sent, "initialSentDateTime": e.Sent, "deliveredDateTime": e.Delivered,
		"completedDateTime": e.Completed, "declinedDateTime": e.Declined, "voidedDateTime": e.Voided,
	} {
		if !t.IsZero() {
			o[name] = Stamp(t)
		}
	}
	if e.Reason != "" {
		o["voidedReason"] = e.Reason
	}
	if e.Purge != "" {
		o["purgeState"] = e.Purge
	}
	if slices.Contains(v.Include, "recipients") {
		o["recipients"] = ShowRecipients(e.Recipients, slices.Contains(v.Include, "tabs"), v.Lower)
	}
	if slices.Contains(v.Include, "custom_fields") {
		o["customFields"] = e.CustomFields()
	}
	if slices.Contains(v.Include, "documents") {
		o["envelopeDocuments"] = e.ShowDocuments()
	}
	return o
}

// members are those of the definition that an envelope has, too, with DocuSign's defaults.
func (e Envelope) members() Object {
	o := Object{
		"signingLocation": "online", "autoNavigation": "true", "envelopeIdStamping": "true", "authoritativeCopy": "false",
		"enableWetSign": "true", "allowReassign": "true",
	}
	known := restbody.Named("envelope").Members
	for name, v := range e.Members {
		if s, plain := v.(string); plain && known[name].Word != "" {
			o[name] = s
		}
	}
	return o
}

// Text is a member of the definition, or its default.
func (e Envelope) Text(name string) string { return text(e.members(), name) }

// CustomFields are those of the envelope with their ids.
func (e Envelope) CustomFields() Object {
	out := Object{}
	fields := object(e.Members, "customFields")
	for kind, list := range fields {
		for i, o := range objects(list) {
			o = copyOf(o)
			o["fieldId"] = cmp.Or(text(o, "fieldId"), strconv.Itoa(10101010101+i))
			appendTo(out, kind, o)
		}
	}
	return out
}

// Notification is REST's object with its defaults.
func (e Envelope) Notification() Object {
	o := Object{
		"useAccountDefaults": "false",
		"reminders":          Object{"reminderEnabled": "false", "reminderDelay": "0", "reminderFrequency": "0"},
		"expirations":        Object{"expireEnabled": "true", "expireAfter": "120", "expireWarn": "0"},
	}
	for name, v := range object(e.Members, "notification") {
		if inner, isObject := v.(Object); isObject {
			joined := copyOf(object(o, name))
			maps.Copy(joined, inner)
			v = joined
		}
		o[name] = v
	}
	return o
}

// SetNotification lays new members over the notification.
func (e *Envelope) SetNotification(over Object) {
	joined := e.Notification()
	for name, v := range over {
		if inner, isObject := v.(Object); isObject {
			merged := copyOf(object(joined, name))
			maps.Copy(merged, inner)
			v = merged
		}
		joined[name] = v
	}
	e.Members["notification"] = joined
}

// ShowRecipients is REST's object of recipients.
func ShowRecipients(all []Recipient, tabs, lower bool) Object {
	o := Object{"recipientCount": strconv.Itoa(len(all)), "signers": []any{}}
	current := 1
	for _, r := range all {
		shown := r.show()
		if tabs {
			shown["tabs"] = showTabs(r, lower)
		}
		appendTo(o, r.Type, shown)
		if r.Status != "created" {
			current = max(current, r.Order())
		}
	}
	o["currentRoutingOrder"] = strconv.Itoa(current)
	return o
}

func (r Recipient) show() Object {
	o := copyOf(r.Members)
	name, email := NameMembers(r.Type)
	maps.Copy(o, Object{
		"recipientId": r.ID, "recipientIdGuid": r.GUID, name: r.Name, email: r.Email,
		"routingOrder": r.OrderText(), "status": r.Status,
	})
	for member, t := range map[string]time.Time{
		"sentDateTime": r.Sent, "deliveredDateTime": r.Delivered, "signedDateTime": r.Signed, "declinedDateTime": r.Declined,
	} {
		if !t.IsZero() {
			o[member] = Stamp(t)
		}
	}
	if r.Reason != "" {
		o["declinedReason"] = r.Reason
	}
	if r.GUID == "" { // of a template
		delete(o, "recipientIdGuid")
		delete(o, "status")
	}
	if r.HasUser() {
		o["userId"] = GUID(r.GUID, "user")
	}
	return o
}

// HasUser tells whether the recipient is known as a user: who signs is.
func (r Recipient) HasUser() bool { return r.GUID != "" && signs(r.Type) }

// Text is a member of the recipient.
func (r Recipient) Text(name string) string { return text(r.Members, name) }

// ShowDocuments lists the documents and, once it was sent, the certificate.
func (e Envelope) ShowDocuments() []any {
	list := []any{}
	for i, d := range e.Documents {
		list = append(list, Object{
			"documentId": d.ID, "documentIdGuid": GUID(e.ID, "document", d.ID), "name": d.Name, "type": "content",
			"uri": "/envelopes/" + e.ID + "/documents/" + d.ID, "order": strconv.Itoa(i + 1),
			"sizeBytes": strconv.FormatInt(e.PDFSize(d.ID), 10),
		})
	}
	if e.Status != "created" {
		list = append(list, Object{
			"documentId": "certificate", "documentIdGuid": GUID(e.ID, "document", "certificate"), "name": "Summary",
			"type": "summary", "uri": "/envelopes/" + e.ID + "/documents/certificate", "order": "999",
			"sizeBytes": strconv.FormatInt(e.PDFSize("certificate"), 10),
		})
	}
	return list
}
