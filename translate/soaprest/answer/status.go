package answer

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"docusign-auth-proxy/internal/services"
)

// Status makes an EnvelopeStatus of an envelope as REST gives it (SOAP-REST.md §4.1).
func (w *Writer) Status(envelope map[string]any) Fields { return w.status(envelope, w.Now(), nil) }

// ex reports whether the answer has the larger set of members; the smaller one has what was recorded of the others.
func (w *Writer) ex() bool {
	return w.Full || w.Operation == "RequestStatusEx" || w.Operation == "RequestStatusesEx"
}

// status takes the recipients in another order than theirs, if there is one.
func (w *Writer) status(e object, now time.Time, order []recipient) Fields {
	if order == nil {
		order = w.sorted(e.object("recipients"))
	}
	recipients := []Fields{}
	for _, r := range order {
		recipients = append(recipients, w.recipient(r))
	}
	sender := e.object("sender")
	created := e.date("createdDateTime", "initialSentDateTime", "sentDateTime", "statusChangedDateTime")
	f := Fields{
		"RecipientStatuses":  Fields{"RecipientStatus": recipients},
		"TimeGenerated":      now,
		"EnvelopeID":         e.given("envelopeId"),
		"Subject":            e.text("emailSubject"),
		"UserName":           sender.text("userName"),
		"Email":              sender.text("email"),
		"Status":             w.envelopeWord(e),
		"Created":            created,
		"Deleted":            e.date("deletedDateTime"),
		"Sent":               e.date("sentDateTime"),
		"Delivered":          e.date("deliveredDateTime"),
		"Signed":             e.date("completedDateTime"),
		"Completed":          e.date("completedDateTime"),
		"Declined":           e.date("declinedDateTime"),
		"ACStatus":           "Original",
		"ACStatusDate":       created,
		"ACHolder":           sender.text("userName"),
		"ACHolderEmail":      sender.text("email"),
		"ACHolderLocation":   "DocuSign",
		"SigningLocation":    w.word("SigningLocationCode", cmp.Or(e.text("signingLocation"), "Online")),
		"EnvelopePDFHash":    "",
		"CustomFields":       customFields(e.object("customFields")),
		"AutoNavigation":     e.flag("autoNavigation", true),
		"EnvelopeIdStamping": e.flag("envelopeIdStamping", true),
		"AuthoritativeCopy":  e.flag("authoritativeCopy", false),
	}
	if e.flag("authoritativeCopy", false) {
		f["ACStatus"] = "AuthoritativeCopy"
	}
	if changed := e.date("statusChangedDateTime"); changed != nil && !strings.HasSuffix(w.Operation, "Ex") {
		f["TimeGenerated"] = changed // what was stored then was answered again (SOAP-REST.md §4.1)
	}
	if documents := e.objects("envelopeDocuments"); documents != nil && w.ex() {
		f["DocumentStatuses"] = Fields{"DocumentStatus": documentStatuses(documents)}
	}
	return f
}

// envelopeWord is the status. REST has a word for envelopes that are being corrected, SOAP's schema has none: they are
// out all the same.
func (w *Writer) envelopeWord(e object) string {
	status := e.text("status")
	if strings.EqualFold(status, "correct") {
		status = "sent"
		if e.date("deliveredDateTime") != nil {
			status = "delivered"
		}
	}
	return w.word("EnvelopeStatusCode", status)
}

// word is that of a named enumeration.
func (w *Writer) word(enumeration, text string) string {
	return wordOf(w.Service.Description().Type(enumeration), text)
}

// wordOf is that of an enumeration that is the same but for its case; without one the text itself, which is a fault
// when it is written (SOAP-REST.md §2.1).
func wordOf(t *services.Type, text string) string {
	for _, word := range t.Enum {
		if strings.EqualFold(word, text) {
			return word
		}
	}
	return text
}

// has reports whether the service's enumeration has the word: dsapi.asmx lacks some.
func (w *Writer) has(enumeration, word string) bool {
	return slices.Contains(w.Service.Description().Type(enumeration).Enum, word)
}

// drop lists what is left out of an answer.
func (w *Writer) drop(path string) {
	if !slices.Contains(w.Dropped, path) {
		w.Dropped = append(w.Dropped, path)
	}
}

func customFields(all object) Fields {
	fields := []Fields{}
	for _, kind := range []struct{ member, word string }{{"textCustomFields", "Text"}, {"listCustomFields", "List"}} {
		for _, o := range all.objects(kind.member) {
			f := Fields{
				"Name": o.text("name"), "Show": o.given("show"), "Required": o.given("required"), "Value": o.text("value"),
				"CustomFieldType": kind.word,
			}
			if items := o.texts("listItems"); items != nil {
				f["ListItems"] = strings.Join(items, ";")
			}
			fields = append(fields, f)
		}
	}
	return Fields{"CustomField": fields}
}

func documentStatuses(documents []object) []Fields {
	fields := []Fields{}
	for _, o := range documents {
		id := o.natural("documentId", 1)
		if kind := o.text("type"); id == nil || kind != "content" && kind != "" {
			continue
		}
		fields = append(fields, Fields{
			"ID": id, "Name": o.text("name"), "TemplateName": "", "Sequence": o.natural("order", 1),
		})
	}
	return fields
}

// recipientArrays are REST's, in the order in which recipients of one routing order are written (SOAP-REST.md §4.1).
func recipientArrays() []struct{ member, word string } {
	return []struct{ member, word string }{
		{"signers", "Signer"}, {"agents", "Agent"}, {"editors", "Editor"}, {"intermediaries", "Intermediary"},
		{"carbonCopies", "CarbonCopy"}, {"certifiedDeliveries", "CertifiedDelivery"},
		{"inPersonSigners", "InPersonSigner"},
	}
}

// recipient is one with its type in SOAP.
type recipient struct {
	object
	word string
}

func (r recipient) order() int {
	n, err := strconv.ParseUint(r.text("routingOrder"), 10, 32)
	if err != nil {
		return 1
	}
	return int(min(n, math.MaxUint16)) // SOAP has no higher one
}

// member is that of the host for signers in person.
func (r recipient) member(ofHost, otherwise string) string {
	if r.word == "InPersonSigner" {
		return r.text(ofHost)
	}
	return r.text(otherwise)
}

// sorted are the recipients that SOAP has a type for. Others are left out: seals, witnesses, notaries.
func (w *Writer) sorted(all object) (sorted []recipient) {
	known := map[string]bool{}
	for _, kind := range recipientArrays() {
		known[kind.member] = w.has("RecipientTypeCode", kind.word)
		for _, o := range all.objects(kind.member) {
			if known[kind.member] {
				sorted = append(sorted, recipient{o, kind.word})
			}
		}
	}
	for member := range all {
		if !known[member] && len(all.objects(member)) > 0 {
			w.drop("recipients/" + member)
		}
	}
	slices.SortStableFunc(sorted, func(a, b recipient) int { return a.order() - b.order() })
	return sorted
}

// RecipientStatus finds a recipient among REST's recipients by REST's recipientId.
func (w *Writer) RecipientStatus(recipients map[string]any, id string) Fields {
	for _, r := range w.sorted(recipients) {
		if r.text("recipientId") == id {
			return w.recipient(r)
		}
	}
	return nil
}

// recipient makes a RecipientStatus (SOAP-REST.md §4.2).
func (w *Writer) recipient(r recipient) Fields {
	checks := r.object.object("recipientAuthenticationStatus")
	f := Fields{
		"Type": r.word, "RoutingOrder": r.order(), "RecipientIPAddress": "",
		"Email": r.member("hostEmail", "email"), "UserName": r.member("hostName", "name"),
		"Sent": r.date("sentDateTime"), "Delivered": r.date("deliveredDateTime"),
		"Signed": r.date("signedDateTime"), "Declined": r.date("declinedDateTime"),
		"DeclineReason":                 r.given("declinedReason"),
		"AutoRespondedReason":           r.given("autoRespondedReason"),
		"Status":                        w.word("RecipientStatusCode", r.text("status")),
		"ClientUserId":                  r.given("clientUserId"),
		"RecipientAuthenticationStatus": authentication(w.Service.Description(), checks),
		"CustomFields":                  Fields{"CustomField": r.texts("customFields")},
	}
	if strings.EqualFold(r.text("status"), "autoresponded") && !w.has("RecipientStatusCode", "AutoResponded") {
		f["Status"] = "Sent"
	}
	if tabs := w.tabStatuses(r.object.object("tabs")); tabs != nil {
		f["TabStatuses"] = Fields{"TabStatus": tabs}
	}
	if !w.ex() {
		return f
	}
	f["RecipientId"] = r.given("recipientIdGuid")
	if r.text("userId") != "" {
		f["AccountStatus"] = "Active"
	}
	return f
}

// authentication tells what became of the checks of a recipient. The names are REST's but for their case. A check
// without a time is none.
func authentication(d *services.Description, checks object) any {
	f := Fields{}
	for _, e := range d.Type("AuthenticationStatus").Elements {
		for member := range checks {
			check := checks.object(member)
			at := check.date("eventTimestamp")
			if !strings.EqualFold(member, e.Name) || at == nil || check.text("status") == "" {
				continue
			}
			f[e.Name] = Fields{
				"Status": wordOf(d.Type("EventStatusCode"), check.text("status")), "EventTimestamp": at,
				"FailureDescription":      check.given("failureDescription"),
				"VendorFailureStatusCode": check.given("vendorFailureStatusCode"),
			}
		}
	}
	if len(f) == 0 {
		return nil
	}
	return f
}
