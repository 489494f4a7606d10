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
	e.ID, e.AccountID = strings.ToLower(cmp.Or(e.ID, newGUID())), strings.ToLower(e.AccountID)
	if e.Created.IsZero() {
		e.Created = s.now()
		e.Changed = e.Created
	}
	s.envelopes.put(e.ID, e)
	return e
}

// create keeps a new envelope and counts it.
func (r request) create(e Envelope) Envelope {
	r.count(func(n *Counts) { n.Envelopes++ })
	return r.keep(e)
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

func createEnvelope(c *restCall) (answer, *apiError) {
	d, refused := c.definition(false)
	if refused != nil {
		return answer{}, refused
	}
	d.Status = cmp.Or(d.Status, "created")
	if d.Status != "created" && d.Status != "sent" {
		return answer{}, refusal("ENVELOPE_INVALID_STATUS")
	}
	e := c.create(Envelope{
		AccountID: c.account.ID, SenderID: c.user.ID, Key: c.key, Status: d.Status, Subject: d.Subject,
		Documents: d.Documents, Recipients: d.Recipients,
	})
	return answer{status: http.StatusCreated, root: "envelopeSummary", value: object{
		{"envelopeId", e.ID}, {"uri", "/envelopes/" + e.ID}, {"statusDateTime", stamp(e.Changed)}, {"status", e.Status},
	}}, nil
}

func listEnvelopes(c *restCall) (answer, *apiError) {
	wanted := func(filter, value string) bool {
		asked := c.URL.Query().Get(filter)
		return asked == "" || slices.Contains(strings.Split(strings.ToLower(asked), ","), value)
	}
	var found []any
	for _, e := range c.Envelopes() {
		if e.AccountID != c.account.ID || !wanted("envelope_ids", e.ID) || !wanted("status", e.Status) {
			continue
		}
		uri := "/envelopes/" + e.ID
		found = append(found, object{
			{"status", e.Status}, {"documentsUri", uri + "/documents"}, {"recipientsUri", uri + "/recipients"},
			{"envelopeUri", uri}, {"envelopeId", e.ID}, {"statusChangedDateTime", stamp(e.Changed)},
		})
	}
	value := append(wholePage(len(found)), member{"envelopes", list{"envelope", found}})
	return good("envelopesInformation", value), nil
}

func getEnvelope(c *restCall) (answer, *apiError) {
	e, uri := c.envelope, "/envelopes/"+c.envelope.ID
	o := object{
		{"status", e.Status}, {"documentsUri", uri + "/documents"}, {"recipientsUri", uri + "/recipients"},
		{"envelopeUri", uri}, {"emailSubject", e.Subject}, {"envelopeId", e.ID},
		{"customFieldsUri", uri + "/custom_fields"}, {"notificationUri", uri + "/notification"},
		{"enableWetSign", "true"}, {"allowReassign", "true"},
		{"createdDateTime", stamp(e.Created)}, {"statusChangedDateTime", stamp(e.Changed)},
		{"documentsCombinedUri", uri + "/documents/combined"}, {"certificateUri", uri + "/documents/certificate"},
		{"templatesUri", uri + "/templates"},
	}
	if e.Reason != "" {
		o = append(o, member{"voidedReason", e.Reason})
	}
	return good("envelope", o), nil
}

func updateEnvelope(c *restCall) (answer, *apiError) {
	d, refused := c.definition(false)
	if refused == nil {
		_, refused = c.changeEnvelope(c.envelope.ID, d.Status, d.Reason)
	}
	return good("envelopeUpdateSummary", object{{"envelopeId", c.envelope.ID}}), refused
}

func listRecipients(c *restCall) (answer, *apiError) {
	var signers []any
	for i, r := range c.envelope.Recipients {
		signers = append(signers, object{
			{"name", r.Name}, {"email", r.Email}, {"recipientId", cmp.Or(r.ID, strconv.Itoa(i+1))},
			{"routingOrder", "1"}, {"status", c.envelope.Status},
		})
	}
	return good("recipients", object{
		{"signers", list{"signer", signers}}, {"recipientCount", strconv.Itoa(len(signers))},
	}), nil
}

func listDocuments(c *restCall) (answer, *apiError) {
	var documents []any
	for _, d := range c.envelope.Documents {
		documents = append(documents, object{
			{"documentId", d.ID}, {"name", d.Name}, {"type", "content"},
			{"uri", "/envelopes/" + c.envelope.ID + "/documents/" + d.ID}, {"order", d.ID}, {"pages", "1"},
		})
	}
	return good("envelopeDocuments", object{
		{"envelopeId", c.envelope.ID}, {"envelopeDocuments", list{"envelopeDocument", documents}},
	}), nil
}

// getDocument sends a small PDF, or with ?size=N a PDF-like stream of N bytes.
func getDocument(c *restCall) (answer, *apiError) {
	id := c.params["{document}"]
	isNamed := func(d Document) bool { return d.ID == id }
	if id != "combined" && id != "certificate" && !slices.ContainsFunc(c.envelope.Documents, isNamed) {
		return answer{}, refusal("DOCUMENT_DOES_NOT_EXIST")
	}
	size := len(samplePDF)
	if text := c.URL.Query().Get("size"); text != "" {
		var err error
		if size, err = strconv.Atoi(text); err != nil || size < 0 || size > 1<<30 {
			return answer{}, refusal("INVALID_REQUEST_PARAMETER", "size")
		}
	}
	file := fmt.Sprintf(`file; filename=%q; documentid="combined"`, c.envelope.ID+"_"+id+".pdf")
	c.header.Set("Content-Disposition", file)
	c.header.Set("Content-Transfer-Encoding", "binary")
	c.header.Set("Content-Length", strconv.Itoa(size))
	stream := io.LimitReader(io.MultiReader(bytes.NewReader(samplePDF), &alphabet{len(samplePDF)}), int64(size))
	return answer{status: http.StatusOK, contentType: "application/pdf", stream: stream, plain: true}, nil
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
