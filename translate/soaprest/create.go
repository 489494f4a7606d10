package soaprest

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/translate/soaprest/answer"
	"docusign-auth-proxy/translate/soaprest/definition"
	"docusign-auth-proxy/translate/soaprest/fault"
	"docusign-auth-proxy/translate/soaprest/journal"
)

const (
	// maxCreation bounds a creation once it is in the journal, whoever waits for it.
	maxCreation = 15 * time.Minute
	// maxRepeat is how long a message that comes again may be a repeat by a program that does not know the outcome
	// (SOAP-REST.md §6.2, §11.7).
	maxRepeat = 10 * time.Minute
	// maxTemplate bounds a template that is kept, in bytes.
	maxTemplate = 256 << 10
	// outcomeRepeated is the word in Notes.Journal for the outcome of an earlier call.
	outcomeRepeated = "repeated"
)

func createEnvelope(ctx context.Context, t *task) (*answer.Answer, error) {
	d, err := definition.Envelope(t.Operation, t.root.Child("Envelope"), "created", definitions(t))
	return t.create(ctx, d, err)
}

func createAndSendEnvelope(ctx context.Context, t *task) (*answer.Answer, error) {
	d, err := definition.Envelope(t.Operation, t.root.Child("Envelope"), "sent", definitions(t))
	return t.create(ctx, d, err)
}

func createFromTemplates(ctx context.Context, t *task) (*answer.Answer, error) {
	d, err := definition.FromTemplates(t.Operation, t.root, definitions(t), t.templates(ctx))
	return t.create(ctx, d, err)
}

func createFromTemplatesAndForms(ctx context.Context, t *task) (*answer.Answer, error) {
	d, err := definition.FromTemplatesAndForms(t.Operation, t.root, definitions(t))
	return t.create(ctx, d, err)
}

// templates reads templates of the account that the message names, each once. Small ones are kept for a minute: a
// program that sends many envelopes from one template must not ask for it each time (SOAP-REST.md §4.8, §6.6).
func (t *task) templates(ctx context.Context) func(id string) (*definition.Template, error) {
	read := map[string]*definition.Template{}
	return func(id string) (*definition.Template, error) {
		if known := read[id]; known != nil {
			return known, nil
		}
		a, err := t.account(ctx, t.root.Child("EnvelopeInformation").Value("AccountId"))
		if err != nil {
			return nil, err
		}
		key := t.place(a.ID + "/" + id)
		if known, ok := t.engine.templates.Get(key); ok {
			return known, nil
		}
		found := &definition.Template{}
		if err = t.get(ctx, a, "/templates/"+url.PathEscape(id), url.Values{"include": {"tabs"}}, found); err != nil {
			return nil, err
		}
		read[id] = found
		size := 0
		for _, list := range found.Recipients {
			size += len(list)
		}
		if size <= maxTemplate {
			t.engine.templates.Put(key, found)
		}
		return found, nil
	}
}

func definitions(t *task) definition.Settings {
	s := &t.Integration.SOAPREST
	return definition.Settings{
		SignHere: s.TabOffset.SignHere, InitialHere: s.TabOffset.InitialHere, AuthoritativeCopy: s.AuthoritativeCopy,
	}
}

// creation makes one envelope.
type creation struct {
	*task

	definition *definition.Definition
	account    Account
	sender     Person
}

// create makes an envelope once, however often its message comes while the outcome is not known. Whatever can be
// refused is refused before anything is sent.
func (t *task) create(ctx context.Context, d *definition.Definition, err error) (*answer.Answer, error) {
	if err != nil {
		return nil, err
	}
	t.Notes.Dropped = d.Dropped
	c := &creation{task: t, definition: d}
	if c.account, err = t.account(ctx, d.AccountID); err != nil {
		return nil, err
	}
	if c.sender, err = t.User.Me(ctx); err != nil {
		return nil, err
	}
	e, err := c.entry()
	if err != nil {
		return nil, err
	}
	made := e
	made.EnvelopeID, made.StatusAt = e.TransactionID, t.engine.o.Now()
	if _, err := c.result(made); err != nil { // what can be answered now can be answered when there is an envelope
		return nil, err
	}
	if e, err = c.once(ctx, e); err != nil {
		return nil, err
	}
	return c.told(ctx, e)
}

// once makes the envelope, or waits for the call that does.
func (c *creation) once(ctx context.Context, e journal.Entry) (journal.Entry, error) {
	e, waited, err := c.engine.onces.do(ctx, e.Message(), func() (journal.Entry, error) { return c.inTurn(ctx, e) })
	if waited {
		c.Notes.Journal = outcomeRepeated
	}
	return e, err
}

// inTurn makes the envelope, or waits for the process that does, as once does within this one.
func (c *creation) inTurn(ctx context.Context, e journal.Entry) (journal.Entry, error) {
	if !c.engine.o.Shared {
		return c.make(ctx, e, c.latest(e.Message()))
	}
	before := c.latest(e.Message())
	release, waited, err := c.engine.o.Journal.Turn(ctx, e.Message(), true)
	if err != nil {
		return e, err
	}
	defer release()
	now := c.latest(e.Message())
	news := now.Key() != before.Key() || !now.Settled.Equal(before.Settled)
	if waited && news && now.State == journal.Done {
		c.Notes.Journal = outcomeRepeated
		return now, nil
	}
	return c.make(ctx, e, now)
}

// latest is the latest entry about a message, the zero one if there is none.
func (c *creation) latest(m journal.Message) (e journal.Entry) {
	if all := c.engine.o.Journal.Find(func(o journal.Entry) bool { return o.Message() == m }); len(all) > 0 {
		return all[0]
	}
	return e
}

// entry is what the journal says before anything was done.
func (c *creation) entry() (journal.Entry, error) {
	id, _ := c.definition.Object["transactionId"].(string)
	e := journal.Entry{
		TransactionID: id, Owner: c.Owner, Digest: hex.EncodeToString(c.message.Digest[:]),
		Operation: c.Operation, Service: string(c.Service.API),
		Account: c.account.ID, Site: c.account.Site.String(), State: journal.Intended,
	}
	e.Owner.Voucher = "" // it is not needed to know the message again
	if len(id) > journal.MaxText {
		return e, fault.Invalid("'TransactionID' has more than %d bytes in %s", journal.MaxText, c.Operation)
	}
	if id == "" {
		e.TransactionID, e.Own = answer.GUID(), true
	}
	return e, nil
}

// make finds out what became of the message when it came before, which last tells; if it did not, it makes the
// envelope.
func (c *creation) make(ctx context.Context, e, last journal.Entry) (journal.Entry, error) {
	recent := c.engine.o.Now().Sub(last.Settled) < maxRepeat
	switch {
	case last.State == journal.Done && (!last.Own || recent && !last.Answered):
		c.Notes.Journal = outcomeRepeated
		return last, nil
	case last.State == journal.Intended:
		return c.again(ctx, e, last, c.engine.o.Lookups)
	case last.State == journal.Unknown && (recent || !last.Own):
		return c.again(ctx, e, last, []time.Duration{0})
	}
	return c.post(ctx, e)
}

// again looks for the envelope of an earlier message whose outcome is open. One that is not there is made, with the
// same transaction id (SOAP-REST.md §11.7).
func (c *creation) again(ctx context.Context, e, open journal.Entry, at []time.Duration) (journal.Entry, error) {
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), maxCreation)
	defer cancel()
	s, found, err := c.engine.find(bounded, c.exchange, open, at)
	switch {
	case err != nil:
		c.Notes.Journal = string(journal.Unknown)
		return open, unknown(open)
	case found:
		open = c.settle(open, journal.Done, s)
		c.Notes.Journal = outcomeRepeated
		return open, nil
	}
	e.TransactionID, e.Own = open.TransactionID, open.Own
	return c.post(ctx, e)
}

// post makes the envelope, with one POST. When the program goes away after that, the outcome still comes into the
// journal.
func (c *creation) post(ctx context.Context, e journal.Entry) (journal.Entry, error) {
	if err := ctx.Err(); err != nil {
		return e, err // the program has gone already
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), maxCreation)
	defer cancel()
	c.definition.Object["transactionId"] = e.TransactionID
	contentType, body := c.definition.Encode()
	flow := &watched{Body: body}
	e.At = c.engine.o.Now()
	if err := c.engine.o.Journal.Put(e); err != nil {
		c.engine.o.Log.Error("journal of creations cannot be written", "error", err)
		if call.KindOf(err) == call.KindStoreUnreachable {
			return e, err
		}
		return e, fault.Own("The journal of creations cannot be written (proxy). Nothing was sent.")
	}
	resp, err := c.exchange(ctx, &Request{
		Method: http.MethodPost, Account: c.account, Path: "/envelopes", Query: c.definition.Query,
		ContentType: contentType, Body: flow,
	})
	if err != nil && !flow.lost(err) {
		return c.settle(e, journal.NotCreated, summary{}), err
	}
	var s summary
	if err == nil {
		defer resp.Body.Close()
		if refuses(resp.StatusCode) {
			return c.settle(e, journal.Refused, summary{}), c.refusal(resp)
		}
		s, err = c.summary(resp)
	}
	if found := err == nil; !found {
		c.message.Close() // the documents are not sent a second time
		refusal, refused := errors.AsType[*fault.Fault](err)
		refused = refused && refusal.Code != "" // by an error inside an answer of success
		s, found, err = c.engine.find(ctx, c.exchange, e, c.engine.o.Lookups)
		switch {
		case found:
		case refused && err == nil:
			return c.settle(e, journal.Refused, summary{}), refusal
		case refused || !said(resp):
			return c.settle(e, journal.Unknown, summary{}), unknown(e)
		default:
			c.engine.o.Log.Error("DocuSign made an envelope, and its id did not come", "account", e.Account,
				"transaction_id", e.TransactionID, "error", err)
		}
	}
	return c.settle(e, journal.Done, s), nil
}

// said reports whether DocuSign said that there is an envelope: that is never turned into a fault (SOAP-REST.md §6.3).
// Without its id the answer is that of an asynchronous creation.
func said(resp *http.Response) bool { return resp != nil && resp.StatusCode == http.StatusCreated }

// refuses reports whether a status says that nothing was made. 408 and 444 are those of something between that lost the
// call (SOAP-REST.md §5.3, §6.2).
func refuses(status int) bool {
	return status >= 400 && status < 500 && status != http.StatusRequestTimeout && status != 444
}

// settle notes the outcome of this call.
func (c *creation) settle(e journal.Entry, state journal.State, s summary) journal.Entry {
	c.Notes.Journal = string(state)
	s.Status = cmp.Or(s.Status, c.requested())
	return c.engine.settle(e, state, s)
}

// watched knows whether anything of a body was sent.
type watched struct {
	Body

	begun atomic.Bool
}

// Open reads from the beginning.
func (w *watched) Open() io.Reader { return io.MultiReader(&mark{&w.begun}, w.Body.Open()) }

// lost reports whether DocuSign may have done what was sent although the call ended with err. Errors about a token come
// when DocuSign has refused the call, or before it was sent.
func (w *watched) lost(err error) bool {
	switch call.KindOf(err) {
	case call.KindUnreachable, call.KindTimeout, call.KindInternal:
		return w.begun.Load()
	}
	return false
}

// mark is empty, and notes that it was read.
type mark struct{ read *atomic.Bool }

func (m *mark) Read([]byte) (int, error) {
	m.read.Store(true)
	return 0, io.EOF
}

// requested is the status that the envelope was to have.
func (c *creation) requested() string {
	status, _ := c.definition.Object["status"].(string)
	return status
}

// result is the answer for an envelope that was made.
func (c *creation) result(e journal.Entry) (*answer.Answer, error) {
	return c.writer.Result(c.writer.Created(c.definition, answer.Creation{
		EnvelopeID: e.EnvelopeID, Status: cmp.Or(e.Status, c.requested()), At: e.StatusAt,
		UserName: c.sender.Name, Email: c.sender.Email,
	}))
}

// told answers. What became of the envelope is in the log if the program does not get to know it.
func (c *creation) told(ctx context.Context, e journal.Entry) (*answer.Answer, error) {
	c.Notes.Account, c.Notes.Envelope = e.Account, e.EnvelopeID
	if e.EnvelopeID != "" && e.Account == c.account.ID {
		c.remember(e.EnvelopeID, c.account)
	}
	a, err := c.result(e)
	if err != nil { // of a status without a word in SOAP; that of the request was tried before
		c.engine.o.Log.Error("status of an envelope", "envelope", e.EnvelopeID, "status", e.Status, "error", err)
		e.Status = c.requested()
		if a, err = c.result(e); err != nil {
			c.lost(e, err)
			return nil, err
		}
	}
	write, closed, told := a.Write, a.Close, false
	a.Write = func(w io.Writer) error {
		err := write(w)
		if told = err == nil && ctx.Err() == nil; told {
			c.engine.o.Journal.Answered(e.Key())
		}
		return err
	}
	a.Close = func() {
		closed()
		if !told {
			c.lost(e, context.Cause(ctx))
		}
	}
	return a, nil
}

func (c *creation) lost(e journal.Entry, err error) {
	c.engine.o.Log.Error("an envelope was made, and the program could not be told",
		"envelope", e.EnvelopeID, "account", e.Account, "transaction_id", e.TransactionID, "error", err)
}
