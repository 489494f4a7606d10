package sandbox

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	maxEnvelopes = 5000
	maxStream    = 1 << 30
)

// Envelope is one that was created here. Documents are kept as their digests only.
type Envelope struct {
	ID         string
	AccountID  string // GUID
	SenderID   string // GUID of the user whose token sent it
	Key        string // integration key
	Status     string
	Subject    string
	Reason     string // of voiding
	Created    time.Time
	Changed    time.Time
	Documents  []Document
	Recipients []Recipient
}

// Document is what came as one document.
type Document struct {
	ID     string
	Name   string
	Size   int64  // decoded bytes
	SHA256 string // hex, of the decoded bytes
}

// Recipient is one person of an envelope.
type Recipient struct{ ID, Email, Name, Type string }

// envelopeStore keeps the newest envelopes. Its owner locks.
type envelopeStore struct {
	byID  map[string]Envelope
	order []string
}

func newEnvelopeStore() envelopeStore { return envelopeStore{byID: map[string]Envelope{}} }

func (es *envelopeStore) put(e Envelope) {
	if _, known := es.byID[e.ID]; !known {
		es.order = append(es.order, e.ID)
	}
	es.byID[e.ID] = e
	if len(es.order) > maxEnvelopes {
		delete(es.byID, es.order[0])
		es.order = es.order[1:]
	}
}

// Envelopes lists the envelopes, oldest first.
func (s *Sandbox) Envelopes() []Envelope {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []Envelope
	for _, id := range s.envelopes.order {
		all = append(all, s.envelopes.byID[id])
	}
	return all
}

// AddEnvelope adds one as if it had been sent, without counting it. An empty ID is filled in; the ID is returned.
func (s *Sandbox) AddEnvelope(e Envelope) string {
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.ID == "" {
		e.ID = newGUID()
	}
	if e.Created.IsZero() {
		e.Created, e.Changed = now, now
	}
	e.ID, e.AccountID = strings.ToLower(e.ID), strings.ToLower(e.AccountID)
	s.envelopes.put(e)
	return e.ID
}

// keepEnvelope stores a definition as a new envelope and counts it.
func (s *Sandbox) keepEnvelope(d definition, account Account, sender User, key string) Envelope {
	now := s.now()
	e := Envelope{
		ID: newGUID(), AccountID: account.ID, SenderID: sender.ID, Key: key, Status: d.status, Subject: d.subject,
		Created: now, Changed: now, Documents: d.documents, Recipients: d.recipients,
	}
	s.mu.Lock()
	s.envelopes.put(e)
	s.mu.Unlock()
	s.counts.add(func(c *Counts) { c.Envelopes++ })
	return e
}

func (c *restCall) createEnvelope() {
	d, ok := c.definition(false)
	if !ok {
		return
	}
	if d.status == "" {
		d.status = "created"
	}
	if d.status != "created" && d.status != "sent" {
		c.refuse(refusal("ENVELOPE_INVALID_STATUS"))
		return
	}
	e := c.s.keepEnvelope(d, c.account, c.user, c.key)
	c.send(http.StatusCreated, "envelopeSummary", object{
		{"envelopeId", e.ID}, {"uri", "/envelopes/" + e.ID}, {"statusDateTime", stamp(e.Changed)}, {"status", e.Status},
	})
}

func (c *restCall) listEnvelopes() {
	query := c.r.URL.Query()
	c.s.mu.Lock()
	var found []object
	for _, id := range c.s.envelopes.order {
		e := c.s.envelopes.byID[id]
		wanted := query.Get("envelope_ids") == "" || slices.Contains(strings.Split(strings.ToLower(query.Get("envelope_ids")), ","), e.ID)
		status := query.Get("status") == "" || slices.Contains(strings.Split(strings.ToLower(query.Get("status")), ","), e.Status)
		if e.AccountID == c.account.ID && wanted && status {
			found = append(found, object{
				{"status", e.Status}, {"documentsUri", "/envelopes/" + e.ID + "/documents"}, {"recipientsUri", "/envelopes/" + e.ID + "/recipients"},
				{"envelopeUri", "/envelopes/" + e.ID}, {"envelopeId", e.ID}, {"statusChangedDateTime", stamp(e.Changed)},
			})
		}
	}
	c.s.mu.Unlock()
	n := strconv.Itoa(len(found))
	c.send(http.StatusOK, "envelopesInformation", object{
		{"resultSetSize", n}, {"totalSetSize", n}, {"startPosition", "0"}, {"endPosition", strconv.Itoa(max(len(found)-1, 0))},
		{"envelopes", list{"envelope", found}},
	})
}

// envelope finds the envelope of the path in the account of the path; it has answered if there is none.
func (c *restCall) envelope() (Envelope, bool) {
	c.s.mu.Lock()
	e, ok := c.s.envelopes.byID[strings.ToLower(c.params["{envelope}"])]
	c.s.mu.Unlock()
	if !ok || e.AccountID != c.account.ID {
		c.refuse(refusal("ENVELOPE_DOES_NOT_EXIST"))
		return Envelope{}, false
	}
	return e, true
}

func (c *restCall) getEnvelope() {
	e, ok := c.envelope()
	if !ok {
		return
	}
	uri := "/envelopes/" + e.ID
	o := object{
		{"status", e.Status}, {"documentsUri", uri + "/documents"}, {"recipientsUri", uri + "/recipients"}, {"envelopeUri", uri},
		{"emailSubject", e.Subject}, {"envelopeId", e.ID}, {"customFieldsUri", uri + "/custom_fields"}, {"notificationUri", uri + "/notification"},
		{"enableWetSign", "true"}, {"allowReassign", "true"}, {"createdDateTime", stamp(e.Created)}, {"statusChangedDateTime", stamp(e.Changed)},
		{"documentsCombinedUri", uri + "/documents/combined"}, {"certificateUri", uri + "/documents/certificate"}, {"templatesUri", uri + "/templates"},
	}
	if e.Reason != "" {
		o = append(o, member{"voidedReason", e.Reason})
	}
	c.send(http.StatusOK, "envelope", o)
}

// updateEnvelope voids a sent envelope or sends a created one.
func (c *restCall) updateEnvelope() {
	e, ok := c.envelope()
	if !ok {
		return
	}
	d, ok := c.definition(false)
	if !ok {
		return
	}
	if refused := c.s.changeEnvelope(e.ID, d.status, d.reason); refused.code != "" {
		c.refuse(refused)
		return
	}
	c.send(http.StatusOK, "envelopeUpdateSummary", object{{"envelopeId", e.ID}})
}

func (s *Sandbox) changeEnvelope(id, status, reason string) apiError {
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	e, known := s.envelopes.byID[id]
	switch {
	case !known:
		return refusal("ENVELOPE_DOES_NOT_EXIST")
	case status == "voided" && (e.Status != "sent" && e.Status != "delivered"):
		return refusal("ENVELOPE_CANNOT_VOID_INVALID_STATE")
	case status == "voided" && reason == "":
		return refusal("INVALID_REQUEST_PARAMETER", "A reason is needed to void an envelope.")
	case status == "sent" && e.Status != "created", status != "" && status != "voided" && status != "sent":
		return refusal("ENVELOPE_INVALID_STATUS")
	}
	if status != "" {
		e.Status, e.Changed, e.Reason = status, now, reason
	}
	s.envelopes.byID[id] = e
	return apiError{}
}

func (c *restCall) listRecipients() {
	e, ok := c.envelope()
	if !ok {
		return
	}
	var signers []object
	for i, r := range e.Recipients {
		id := r.ID
		if id == "" {
			id = strconv.Itoa(i + 1)
		}
		signers = append(signers, object{{"name", r.Name}, {"email", r.Email}, {"recipientId", id}, {"routingOrder", "1"}, {"status", e.Status}})
	}
	c.send(http.StatusOK, "recipients", object{{"signers", list{"signer", signers}}, {"recipientCount", strconv.Itoa(len(signers))}})
}

func (c *restCall) listDocuments() {
	e, ok := c.envelope()
	if !ok {
		return
	}
	var documents []object
	for _, d := range e.Documents {
		documents = append(documents, object{
			{"documentId", d.ID}, {"name", d.Name}, {"type", "content"}, {"uri", "/envelopes/" + e.ID + "/documents/" + d.ID}, {"order", d.ID}, {"pages", "1"},
		})
	}
	c.send(http.StatusOK, "envelopeDocuments", object{{"envelopeId", e.ID}, {"envelopeDocuments", list{"envelopeDocument", documents}}})
}

// getDocument sends a small PDF, or with ?size=N a PDF-like stream of N bytes.
func (c *restCall) getDocument() {
	e, ok := c.envelope()
	if !ok {
		return
	}
	id := strings.ToLower(c.params["{document}"])
	known := id == "combined" || id == "certificate" || slices.ContainsFunc(e.Documents, func(d Document) bool { return d.ID == id })
	if !known {
		c.refuse(refusal("DOCUMENT_DOES_NOT_EXIST"))
		return
	}
	size := int64(-1)
	if text := c.r.URL.Query().Get("size"); text != "" {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n < 0 || n > maxStream {
			c.refuse(refusal("INVALID_REQUEST_PARAMETER", "size"))
			return
		}
		size = n
	}
	c.sendPDF(e.ID+"_"+id+".pdf", size)
}

func (c *restCall) sendPDF(name string, size int64) {
	h, pdf := c.w.Header(), samplePDF()
	if size < 0 {
		size = int64(len(pdf))
	}
	h.Set("Content-Type", "application/pdf")
	h.Set("Content-Disposition", fmt.Sprintf(`file; filename=%q; documentid="combined"`, name))
	h.Set("Content-Transfer-Encoding", "binary")
	h.Set("Content-Length", strconv.FormatInt(size, 10))
	c.w.WriteHeader(http.StatusOK)
	_, _ = io.Copy(c.w, io.LimitReader(&filler{start: pdf}, size)) // a reader that left is its own affair
}

// filler yields start and then a fixed pattern without end.
type filler struct {
	start []byte
	at    int
}

func (f *filler) Read(p []byte) (int, error) {
	if f.at < len(f.start) {
		n := copy(p, f.start[f.at:])
		f.at += n
		return n, nil
	}
	for i := range p {
		p[i] = byte('A' + (f.at+i)%26)
	}
	f.at += len(p)
	return len(p), nil
}

// samplePDF is a whole one-page PDF with right offsets.
func samplePDF() []byte {
	objects := []string{
		"<</Type/Catalog/Pages 2 0 R>>",
		"<</Type/Pages/Kids[3 0 R]/Count 1>>",
		"<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 200]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
		"<</Length 42>>stream\nBT /F1 18 Tf 40 100 Td (Sandbox copy) Tj ET\nendstream",
		"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
	}
	b := []byte("%PDF-1.4\n")
	table := "xref\n0 6\n0000000000 65535 f \n"
	for i, o := range objects {
		table += fmt.Sprintf("%010d 00000 n \n", len(b))
		b = fmt.Appendf(b, "%d 0 obj%s\nendobj\n", i+1, o)
	}
	return fmt.Appendf(b, "%strailer<</Size 6/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n", table, len(b))
}
