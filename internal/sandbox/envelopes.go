package sandbox

import (
	"bytes"
	"cmp"
	_ "embed"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"docusign-auth-proxy/internal/sandbox/message"
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
type Document = message.Document

// Recipient is one person of an envelope.
type Recipient = message.Recipient

//go:embed sample.pdf
var samplePDF []byte

// Envelopes lists the envelopes, oldest first.
func (s *Sandbox) Envelopes() []Envelope { return s.envelopes.all() }

// AddEnvelope adds one as if it had been sent, without counting it. An empty ID is filled in; the ID is returned.
func (s *Sandbox) AddEnvelope(e Envelope) string { return s.keep(e).ID }

func (s *Sandbox) keep(e Envelope) Envelope {
	e.ID = cmp.Or(e.ID, newGUID())
	if e.Created.IsZero() {
		e.Created = s.now()
		e.Changed = e.Created
	}
	s.envelopes.put(e.ID, e)
	return e
}

// create keeps a new envelope and counts it.
func (c *call) create(status, subject string, documents []Document, recipients []Recipient) {
	c.count(func(n *Counts) { n.Envelopes++ })
	c.Envelope = c.keep(Envelope{
		AccountID: c.Account.ID, SenderID: c.User.ID, Key: c.key, Status: status, Subject: subject,
		Documents: documents, Recipients: recipients,
	})
}

// changeEnvelope voids a sent envelope or sends a created one.
func (s *Sandbox) changeEnvelope(id, status, reason string) (changed Envelope, refused *apiError) {
	now := s.now()
	changed = s.envelopes.change(id, func(e *Envelope) {
		switch {
		case status == "":
		case status == "voided" && e.Status != "sent" && e.Status != "delivered":
			refused = refusal("ENVELOPE_CANNOT_VOID_INVALID_STATE")
		case status == "voided" && reason == "":
			refused = refusal("INVALID_REQUEST_PARAMETER", "A reason is needed to void an envelope.")
		case status != "voided" && (status != "sent" || e.Status != "created"):
			refused = refusal("ENVELOPE_INVALID_STATUS")
		default:
			e.Status, e.Changed, e.Reason = status, now, reason
		}
	})
	return changed, refused
}

func createEnvelope(c *restRequest) answer {
	d, refused := c.definition(false)
	if refused != nil {
		return c.refuse(refused)
	}
	status := cmp.Or(d.Status, "created")
	if status != "created" && status != "sent" {
		return c.refuse(refusal("ENVELOPE_INVALID_STATUS"))
	}
	c.create(status, d.Subject, d.Documents, d.Recipients)
	return c.good(http.StatusCreated, "envelopeSummary")
}

// Listed are the envelopes of the account that the query asks for.
func (c *restRequest) Listed() []Envelope {
	unwanted := func(filter, value string) bool {
		return !c.Asks(filter, "") && !slices.Contains(strings.Split(strings.ToLower(c.URL.Query().Get(filter)), ","), value)
	}
	return slices.DeleteFunc(c.Envelopes(), func(e Envelope) bool {
		return e.AccountID != c.Account.ID || unwanted("envelope_ids", e.ID) || unwanted("status", e.Status)
	})
}

func updateEnvelope(c *restRequest) answer {
	d, refused := c.definition(false)
	if refused == nil {
		_, refused = c.changeEnvelope(c.Envelope.ID, d.Status, d.Reason)
	}
	if refused != nil {
		return c.refuse(refused)
	}
	return c.good(http.StatusOK, "envelopeUpdateSummary")
}

// getDocument sends a small PDF, or with ?size=N a PDF-like stream of N bytes.
func getDocument(c *restRequest) answer {
	id := c.params["{document}"]
	isNamed := func(d Document) bool { return d.ID == id }
	if id != "combined" && id != "certificate" && !slices.ContainsFunc(c.Envelope.Documents, isNamed) {
		return c.refuse(refusal("DOCUMENT_DOES_NOT_EXIST"))
	}
	size := len(samplePDF)
	if text := c.URL.Query().Get("size"); text != "" {
		var err error
		if size, err = strconv.Atoi(text); err != nil || size < 0 || size > 1<<30 {
			return c.refuse(refusal("INVALID_REQUEST_PARAMETER", "size"))
		}
	}
	file := fmt.Sprintf(`file; filename=%q; documentid="combined"`, c.Envelope.ID+"_"+id+".pdf")
	c.header.Set("Content-Disposition", file)
	c.header.Set("Content-Transfer-Encoding", "binary")
	c.header.Set("Content-Length", strconv.Itoa(size))
	stream := io.LimitReader(io.MultiReader(bytes.NewReader(samplePDF), &alphabet{len(samplePDF)}), int64(size))
	return answer{status: http.StatusOK, contentType: "application/pdf", stream: stream, plain: true}
}

// alphabet yields capital letters without end; at is how many bytes came before.
type alphabet struct{ at int }

func (a *alphabet) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte('A' + (a.at+i)%26)
	}
	a.at += len(p)
	return len(p), nil
}
