package soaprest

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"time"

	"docusign-auth-proxy/internal/cache"
	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/translate/soaprest/answer"
	"docusign-auth-proxy/translate/soaprest/definition"
	"docusign-auth-proxy/translate/soaprest/element"
	"docusign-auth-proxy/translate/soaprest/fault"
	"docusign-auth-proxy/translate/soaprest/journal"
	"docusign-auth-proxy/translate/soaprest/redirect"
)

// Options are what an Engine needs.
type Options struct {
	Journal Journal
	// Shared = other processes write the journal too, and may end and leave something open at any time.
	Shared bool
	// Returns keeps where signers come back to.
	Returns redirect.Store
	// Lookups are when DocuSign is asked what became of a creation, counted from when its answer failed to come; nil =
	// 5, 15 and 45 s (SOAP-REST.md §6.2).
	Lookups []time.Duration
	Now     func() time.Time // nil = time.Now
	Log     *slog.Logger     // nil = none
}

// Engine carries out calls. It is made once, and lives longer than a configuration.
type Engine struct {
	o         Options
	places    *cache.Cache[place, Account]
	templates *cache.Cache[place, *definition.Template]
	locks     locks
	onces     onces
	statuses  *statusCache
	redirects *redirect.Redirector
}

// maxPlaces bounds for how many envelopes it is remembered in which account they are.
const maxPlaces = 50_000

// maxTemplates and templateLife bound what is kept of templates.
const (
	maxTemplates = 64
	templateLife = time.Minute
)

// New makes an Engine.
func New(o Options) *Engine {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Lookups == nil {
		o.Lookups = []time.Duration{5 * time.Second, 15 * time.Second, 45 * time.Second}
	}
	return &Engine{
		o: o, places: cache.New[place, Account](maxPlaces, 0, nil),
		templates: cache.New[place, *definition.Template](maxTemplates, templateLife, o.Now),
		locks:     locks{held: map[place]*lock{}}, onces: onces{open: map[journal.Message]*once{}},
		statuses: newStatusCache(o.Now), redirects: redirect.New(o.Returns, o.Now),
	}
}

// Serve carries out a call. A fault is an answer too. The error is a *call.Error for trouble with token or site, a
// *soap.Error for a message that is no XML, else one of reading it.
func (e *Engine) Serve(ctx context.Context, c *Call) (*answer.Answer, error) {
	t := e.begin(c)
	a, err := t.serve(ctx)
	c.Notes.Dropped = append(c.Notes.Dropped, t.writer.Dropped...)
	if f, ok := errors.AsType[*fault.Fault](err); ok {
		t.Notes.Fault, t.Notes.FaultReason, t.Notes.FaultClient = f.Name, f.Reason, f.Client
		t.Notes.FaultOwn, t.Notes.Status = f.Own, f.Status
		return t.writer.Fault(f), nil
	}
	return a, err
}

// Return says where the browser of a signer goes that comes back to redirect.Path with DocuSign's query; "" = nowhere,
// the window can be closed. The error is redirect.ErrGone, or trouble with the store.
func (e *Engine) Return(ctx context.Context, state string, query url.Values) (location string, err error) {
	location, envelope, err := e.redirects.Location(ctx, state, query)
	if err == nil {
		e.statuses.forget(envelope) // the program asks next what became of it
	}
	return location, err
}

func (e *Engine) begin(c *Call) *task {
	return &task{finder: finder{client{Call: c, engine: e}}, writer: e.writer(c)}
}

func (e *Engine) writer(c *Call) *answer.Writer {
	s := &c.Integration.SOAPREST
	return &answer.Writer{
		Settings: answer.Settings{
			Zone: s.TimeZone.Location, Header: string(s.AnswerHeader), Full: s.StatusMembers == integration.MembersFull,
			CertificateEmpty: s.CertificateDocumentID == integration.EmptyCertificateID,
			SignHere:         s.TabOffset.SignHere, InitialHere: s.TabOffset.InitialHere,
		},
		Service: c.Service, Operation: c.Operation, SOAP12: c.SOAP12, HasTimestamp: c.HasTimestamp,
		MessageID: c.MessageID, Now: e.o.Now,
	}
}

// serve refuses before it reads: what is not carried out must not wait for its documents.
func (t *task) serve(ctx context.Context) (*answer.Answer, error) {
	t.Notes.Class, _ = Classify(t.Service, t.Operation)
	o := find(t.Service, t.Operation)
	if o.run == nil {
		return nil, fault.Refused(t.Operation, "")
	}
	m, err := element.Read(t.ContentType, t.Message, t.Service, t.Operation, t.Spools)
	if err != nil {
		return nil, err
	}
	defer m.Close()
	t.message, t.root = m, m.Root
	return o.run(ctx, t)
}
