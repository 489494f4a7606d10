package sandbox

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"docusign-auth-proxy/internal/sandbox/envelope"
	"docusign-auth-proxy/internal/sandbox/restbody"
)

// What is kept of envelopes.
type (
	// Envelope is one that was created here.
	Envelope = envelope.Envelope
	// Document is what came as one document.
	Document = envelope.Document
	// Recipient is one person of an envelope.
	Recipient = envelope.Recipient
	// Template is an envelope that others are made of.
	Template = envelope.Template

	object = restbody.Object
)

// archive is what was made here.
type archive struct {
	envelopes store[Envelope] // by GUID
	templates store[Template] // by GUID
	clock     func() time.Time
}

// Envelopes lists the envelopes, oldest first.
func (a *archive) Envelopes() []Envelope { return a.envelopes.all() }

// AddEnvelope adds one as if it had been sent, without counting it. An empty ID is filled in; the ID is returned.
func (a *archive) AddEnvelope(e Envelope) string { return a.keep(e).ID }

// AddTemplate adds a template of REST v2.1's envelopeTemplate to an account.
func (a *archive) AddTemplate(accountID string, definition map[string]any) error {
	o, err := restbody.Named("envelopeTemplate").Take(definition)
	if err != nil {
		return err
	}
	t := envelope.NewTemplate(o)
	t.AccountID = accountID
	a.templates.put(t.ID, t)
	return nil
}

// Deliver lets the recipients whose turn it is look at an envelope.
func (a *archive) Deliver(id string) {
	a.edit(id, func(e *Envelope) *envelope.Refusal {
		e.Deliver(a.clock())
		return nil
	})
}

// Complete lets everybody sign.
func (a *archive) Complete(id string) {
	a.edit(id, func(e *Envelope) *envelope.Refusal {
		e.Sign(a.clock())
		return nil
	})
}

// Decline lets a recipient decline.
func (a *archive) Decline(id, recipientID, reason string) {
	a.edit(id, func(e *Envelope) *envelope.Refusal {
		e.Refuse(recipientID, reason, a.clock())
		return nil
	})
}

func (a *archive) keep(e Envelope) Envelope {
	e = e.Clone()
	e.ID = cmp.Or(e.ID, newGUID())
	e.Settle(a.clock())
	a.envelopes.put(e.ID, e)
	return e
}

// edit changes an envelope in one step, or not at all where the change is refused.
func (a *archive) edit(id string, change func(*Envelope) *envelope.Refusal) (changed Envelope, refused *apiError) {
	changed = a.envelopes.change(id, func(kept *Envelope) {
		e := kept.Clone()
		if refused = asError(change(&e)); refused != nil {
			return
		}
		*kept = e
	})
	return changed, refused
}

func asError(r *envelope.Refusal) *apiError {
	if r == nil {
		return nil
	}
	return refusal(r.Code, r.Detail)
}

// create keeps a new envelope of a definition, sends it where that is asked for, and counts both.
func (c *call) create(definition object, m envelope.Making) *apiError {
	m.Now, m.Template = c.now(), c.template
	status := strings.ToLower(cmp.Or(text(definition, "status"), "created"))
	if status != "created" && status != "sent" {
		return refusal("ENVELOPE_INVALID_STATUS")
	}
	e, refused := envelope.New(definition, m)
	e.ID, e.AccountID, e.SenderID, e.Key = newGUID(), c.Account.ID, c.User.ID, c.key
	mails := 0
	if refused == nil {
		e.Settle(m.Now)
		if status == "sent" {
			mails, refused = e.Send(m.Now)
		}
	}
	if refused != nil {
		return asError(refused)
	}
	c.Envelope = c.keep(e)
	c.count(func(n *Counts) {
		n.Envelopes++
		n.Mails += mails
	})
	return nil
}

// template finds one of the account.
func (c *call) template(id string) (Template, bool) {
	t, known := c.templates.get(strings.ToLower(id))
	return t, known && t.AccountID == c.Account.ID
}

// change edits the envelope of the call and counts that by a name.
func (c *call) change(name string, edit func(*Envelope) (mails int, refused *envelope.Refusal)) *apiError {
	mails := 0
	changed, refused := c.edit(c.Envelope.ID, func(e *Envelope) (r *envelope.Refusal) {
		mails, r = edit(e)
		return r
	})
	if refused != nil {
		return refused
	}
	c.Envelope = changed
	c.count(func(n *Counts) {
		increase(&n.Changes, name)
		n.Mails += mails
	})
	return nil
}

func (c *call) send() *apiError {
	return c.change("send", func(e *Envelope) (int, *envelope.Refusal) { return e.Send(c.now()) })
}

func (c *call) void(reason string) *apiError {
	return c.change("void", func(e *Envelope) (int, *envelope.Refusal) { return 0, e.Void(reason, c.now()) })
}

func (c *call) purge(state string) *apiError {
	return c.change("purge", func(e *Envelope) (int, *envelope.Refusal) { return 0, e.QueuePurge(state, c.User.ID) })
}

func (c *call) correct(recipients object, resend bool) (results []any, refused *apiError) {
	refused = c.change("correct", func(e *Envelope) (mails int, r *envelope.Refusal) {
		results, mails, r = e.Correct(recipients, resend, c.now())
		return mails, r
	})
	return results, refused
}

func (c *call) notify(notification object) *apiError {
	return c.change("notify", func(e *Envelope) (int, *envelope.Refusal) {
		e.SetNotification(notification)
		return 0, nil
	})
}

// processing tells whether an asynchronous creation is not done yet.
func (s *Sandbox) processing(e Envelope) bool {
	return e.Asynchronous && s.now().Before(e.Created.Add(s.setting().processing))
}

// sender is how REST shows who sent an envelope.
func (c *call) sender(e Envelope) object {
	u, _ := c.findUser(e.SenderID)
	return object{"userName": u.Name, "userId": e.SenderID, "accountId": e.AccountID, "email": u.Email}
}

// text is a text member of an object.
func text(o object, name string) string {
	s, _ := o[name].(string)
	return s
}

func createEnvelope(c *restRequest) answer {
	d, refused := c.body("envelopeDefinition", false)
	if refused == nil {
		refused = c.create(d, envelope.Making{Lower: c.lower(), MergeRoles: c.Asks("merge_roles_on_draft", "true")})
	}
	if refused != nil {
		return c.refuse(refused)
	}
	e := c.Envelope
	summary := object{"statusDateTime": envelope.Stamp(e.Changed), "status": e.Status}
	if e.Asynchronous {
		summary["status"] = "processing"
	} else {
		summary["envelopeId"], summary["uri"] = e.ID, "/envelopes/"+e.ID
	}
	return c.tree(http.StatusCreated, "envelopeSummary", summary)
}

// lower tells whether the call counts positions as v2.1 does (SOAP-REST.md §3.4).
func (c *restRequest) lower() bool { return c.Version == "v2.1" }

// view is how the call wants envelopes shown.
func (c *restRequest) view(e Envelope) envelope.View {
	return envelope.View{Include: c.include(), Sender: c.sender(e), Lower: c.lower()}
}

// include has the words of the query's include.
func (c *restRequest) include() []string {
	return strings.FieldsFunc(c.URL.Query().Get("include"), func(r rune) bool { return r == ',' || r == ' ' })
}

func showEnvelope(c *restRequest) answer {
	return c.tree(http.StatusOK, "envelope", c.Envelope.Show(c.view(c.Envelope)))
}

func showRecipients(c *restRequest) answer {
	recipients := envelope.ShowRecipients(c.Envelope.Recipients, c.Asks("include_tabs", "true"), c.lower())
	return c.tree(http.StatusOK, "recipients", recipients)
}

func showNotification(c *restRequest) answer {
	return c.tree(http.StatusOK, "notification", c.Envelope.Notification())
}

func showDocuments(c *restRequest) answer {
	return c.tree(http.StatusOK, "envelopeDocuments", object{
		"envelopeId": c.Envelope.ID, "envelopeDocuments": c.Envelope.ShowDocuments(),
	})
}

// updateEnvelope sends, voids or purges. A body that asks for none of them changes nothing.
func updateEnvelope(c *restRequest) answer {
	d, refused := c.body("envelope", false)
	if refused != nil {
		return c.refuse(refused)
	}
	done := object{"envelopeId": c.Envelope.ID}
	status, purge := strings.ToLower(text(d, "status")), text(d, "purgeState")
	switch {
	case status == "sent":
		refused = c.send()
	case status == "voided":
		refused = c.void(text(d, "voidedReason"))
	case status != "":
		refused = refusal("ENVELOPE_INVALID_STATUS")
	case purge != "":
		refused = c.purge(purge)
		done["purgeState"] = purge
	}
	if refused != nil {
		return c.refuse(refused)
	}
	return c.tree(http.StatusOK, "envelopeUpdateSummary", done)
}

func updateRecipients(c *restRequest) answer {
	d, refused := c.body("recipients", false)
	var results []any
	if refused == nil {
		results, refused = c.correct(d, c.Asks("resend_envelope", "true"))
	}
	if refused != nil {
		return c.refuse(refused)
	}
	return c.tree(http.StatusOK, "recipientsUpdateSummary", object{"recipientUpdateResults": results})
}

func updateNotification(c *restRequest) answer {
	d, refused := c.body("envelopeNotificationRequest", false)
	if refused == nil {
		refused = c.notify(d)
	}
	if refused != nil {
		return c.refuse(refused)
	}
	return c.tree(http.StatusOK, "notification", c.Envelope.Notification())
}

// getDocument sends a PDF of the size of what was uploaded, or with ?size=N a PDF-like stream of N bytes.
func getDocument(c *restRequest) answer {
	id := c.params["{document}"]
	if !c.Envelope.HasPDF(id) {
		return c.refuse(refusal("DOCUMENT_DOES_NOT_EXIST"))
	}
	return c.pdf(c.Envelope, id)
}

func (c *restRequest) pdf(e Envelope, id string) answer {
	size := e.PDFSize(id)
	if asked := c.URL.Query().Get("size"); asked != "" {
		var err error
		if size, err = strconv.ParseInt(asked, 10, 64); err != nil || size < 0 || size > 1<<30 {
			return c.refuse(refusal("INVALID_REQUEST_PARAMETER", "size"))
		}
	}
	certificate, changes := c.Asks("certificate", "true"), c.Asks("show_changes", "true")
	options := envelope.Options(id, certificate, !c.Asks("watermark", "false"), changes)
	c.header.Set("Content-Disposition", fmt.Sprintf(`file; filename=%q; documentid=%q`, e.ID+"_"+id+".pdf", id))
	c.header.Set("Content-Transfer-Encoding", "binary")
	return streamed("application/pdf", size, e.PDF(id, options, size))
}

func listTemplates(c *restRequest) answer {
	all := slices.DeleteFunc(c.templates.all(), func(t Template) bool { return t.AccountID != c.Account.ID })
	page, place, refused := c.page(len(all), 2000)
	if refused != nil {
		return c.refuse(refused)
	}
	list := []any{}
	for _, t := range all[page.from:page.to] {
		list = append(list, t.Show(nil, c.lower()))
	}
	place["envelopeTemplates"] = list
	return c.tree(http.StatusOK, "envelopeTemplateResults", place)
}

func showTemplate(c *restRequest) answer {
	t, known := c.template(c.params["{template}"])
	if !known {
		return c.refuse(refusal("TEMPLATE_ID_INVALID"))
	}
	return c.tree(http.StatusOK, "envelopeTemplate", t.Show(append(c.include(), "recipients"), c.lower()))
}

func getTemplateDocument(c *restRequest) answer {
	t, known := c.template(c.params["{template}"])
	switch {
	case !known:
		return c.refuse(refusal("TEMPLATE_ID_INVALID"))
	case !t.HasPDF(c.params["{document}"]):
		return c.refuse(refusal("DOCUMENT_DOES_NOT_EXIST"))
	}
	return c.pdf(t.Envelope, c.params["{document}"])
}
