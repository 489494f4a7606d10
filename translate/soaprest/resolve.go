package soaprest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"docusign-auth-proxy/internal/lease"
	"docusign-auth-proxy/translate/soaprest/answer"
	"docusign-auth-proxy/translate/soaprest/fault"
	"docusign-auth-proxy/translate/soaprest/journal"
)

// maxLookup bounds one look-up.
const maxLookup = 30 * time.Second

// summary is DocuSign's word on an envelope: envelopeSummary, or envelopeTransactionStatus without a time.
type summary struct {
	EnvelopeID    string `json:"envelopeId"`
	TransactionID string `json:"transactionId"`
	Status        string `json:"status"`
	StatusAt      string `json:"statusDateTime"`
	Error         struct {
		Code    string `json:"errorCode"`
		Message string `json:"message"`
	} `json:"errorDetails"`
}

// failed reports whether the item itself has an error (SOAP-REST.md §5.3).
func (s summary) failed() bool { return s.Error.Code != "" && s.Error.Code != "SUCCESS" }

// summary reads the answer to a POST. What names no envelope is none, unless it is to be made later.
func (c *creation) summary(resp *http.Response) (s summary, err error) {
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return s, fmt.Errorf("status %d", resp.StatusCode)
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxRefusal)).Decode(&s); err != nil {
		return s, unreadable(resp, err)
	}
	switch {
	case s.EnvelopeID == "" && s.failed():
		return s, c.item(resp, JSON(s.Error))
	case s.EnvelopeID == "" && c.definition.Object["asynchronous"] != "true":
		return s, errors.New("no envelopeId")
	case s.failed(): // never a fault, once there is an envelope (SOAP-REST.md §6.3)
		c.engine.o.Log.Warn("DocuSign made an envelope and names an error of it", "envelope", s.EnvelopeID,
			"code", s.Error.Code)
	}
	return s, nil
}

// unknown is the answer when nobody knows whether there is an envelope.
func unknown(e journal.Entry) *fault.Fault {
	return fault.Server("The state of the envelope is unknown: DocuSign did not tell whether it was made. Look for the "+
		"transaction id %s before it is sent again (proxy).", e.TransactionID)
}

// settle writes an outcome into the journal. It goes on without: what was made, was made.
func (e *Engine) settle(entry journal.Entry, state journal.State, s summary) journal.Entry {
	entry.State, entry.Settled = state, e.o.Now()
	if state == journal.Done {
		entry.EnvelopeID, entry.Status, entry.StatusAt = strings.ToLower(s.EnvelopeID), s.Status, entry.Settled
		if at, err := answer.ParseDate(s.StatusAt, time.UTC); err == nil {
			entry.StatusAt = at
		}
	}
	if err := e.o.Journal.Put(entry); err != nil {
		e.o.Log.Error("journal of creations cannot be written", "state", state, "envelope", entry.EnvelopeID,
			"account", entry.Account, "transaction_id", entry.TransactionID, "error", err)
	}
	return entry
}

// sends sends a REST call and gives DocuSign's answer, whatever its status.
type sends func(context.Context, *Request) (*http.Response, error)

// find looks for the envelope of a creation by its transaction id, at these times from now. The error is that of the
// last look-up: without one, DocuSign knows of no such envelope.
func (e *Engine) find(
	ctx context.Context, send sends, entry journal.Entry, at []time.Duration,
) (s summary, found bool, err error) {
	began := e.o.Now()
	for _, after := range at {
		if err := pause(ctx, after-e.o.Now().Sub(began)); err != nil {
			return s, false, err
		}
		if s, found, err = lookUp(ctx, send, entry); found {
			return s, true, nil
		}
	}
	return s, false, err
}

// lookUp asks DocuSign once.
func lookUp(ctx context.Context, send sends, entry journal.Entry) (s summary, found bool, err error) {
	site, err := url.Parse(entry.Site)
	if err != nil {
		return s, false, err
	}
	if strings.Contains(entry.TransactionID, ",") {
		return s, false, errors.New("a transaction id with a comma is a list for DocuSign")
	}
	ctx, cancel := context.WithTimeout(ctx, maxLookup)
	defer cancel()
	resp, err := send(ctx, &Request{
		Method: http.MethodGet, Account: Account{ID: entry.Account, Site: site}, Path: "/envelopes",
		Query: url.Values{"transaction_ids": {entry.TransactionID}},
	})
	if err != nil {
		return s, false, err
	}
	defer resp.Body.Close()
	var known struct {
		Statuses []summary `json:"envelopeTransactionStatuses"`
	}
	if resp.StatusCode != http.StatusOK {
		return s, false, fmt.Errorf("DocuSign answered %d", resp.StatusCode)
	}
	if err := decode(resp, &known); err != nil {
		return s, false, err
	}
	for _, s := range known.Statuses {
		if s.TransactionID == entry.TransactionID && (s.EnvelopeID != "" || s.Status != "" && !s.failed()) {
			return s, true, nil
		}
	}
	return s, false, nil
}

// spacing is between look-ups of different creations.
const spacing = 100 * time.Millisecond

// resolveEvery is between two looks at what was left open; what cannot be looked up is asked for less and less often.
const resolveEvery = time.Minute

// Resolve finds out what became of the creations that a process left open, and writes it into the journal. It returns
// when none is left and no other process can leave any, or ctx is done: internal/app runs it in the background once the
// store is open. user gives the caller of an entry. A message that comes again meanwhile waits for it.
func (e *Engine) Resolve(ctx context.Context, user func(journal.Entry) (User, error)) {
	for wait := resolveEvery; ; wait = min(2*wait, time.Hour) {
		if e.resolveAll(ctx, user) == 0 {
			if !e.o.Shared {
				return
			}
			wait = resolveEvery
		}
		if pause(ctx, wait) != nil {
			return
		}
	}
}

// resolveAll tells how many are still open. One process at a time looks them up.
func (e *Engine) resolveAll(ctx context.Context, user func(journal.Entry) (User, error)) int {
	release, _, err := e.o.Journal.Turn(ctx, journal.Message{}, false)
	if err != nil {
		return 0 // another one does it, or nobody can
	}
	defer release()
	open := e.o.Journal.Find(func(entry journal.Entry) bool { return entry.State == journal.Intended })
	began := e.o.Now()
	for i, after := range e.o.Lookups {
		if len(open) == 0 || pause(ctx, after-e.o.Now().Sub(began)) != nil {
			break
		}
		open = slices.DeleteFunc(open, func(entry journal.Entry) bool {
			return pause(ctx, spacing) == nil && e.resolve(ctx, entry, i == len(e.o.Lookups)-1, user)
		})
	}
	return len(open)
}

// resolve looks for the envelope of one entry, and reports whether the entry is open no more, or in the hands of a
// process that lives. After the last look-up, what DocuSign does not know was not created.
func (e *Engine) resolve(
	ctx context.Context, entry journal.Entry, last bool, user func(journal.Entry) (User, error),
) (settled bool) {
	var s summary
	var found bool
	busy := false
	_, _, err := e.onces.do(ctx, entry.Message(), func() (journal.Entry, error) {
		release, _, err := e.o.Journal.Turn(ctx, entry.Message(), false)
		if err != nil {
			busy = errors.Is(err, lease.ErrBusy)
			return entry, errAgain
		}
		defer release()
		if settled = !e.isOpen(entry.Key()); settled {
			return entry, errAgain
		}
		u, err := user(entry)
		if err == nil {
			s, found, err = lookUp(ctx, u.Do, entry)
		}
		switch settled = err == nil && (found || last); {
		case err != nil:
			e.o.Log.Warn("a creation that a crash left open cannot be looked up", "transaction_id", entry.TransactionID,
				"account", entry.Account, "error", err)
		case found:
			entry = e.settle(entry, journal.Done, s)
		case last:
			entry = e.settle(entry, journal.NotCreated, s)
		}
		return entry, errAgain
	})
	if busy {
		return true
	}
	if settled = settled && errors.Is(err, errAgain); settled {
		e.o.Log.Info("a creation that a crash left open is settled", "transaction_id", entry.TransactionID,
			"account", entry.Account, "state", entry.State, "envelope", entry.EnvelopeID)
	}
	return settled
}

func (e *Engine) isOpen(key string) bool {
	return len(e.o.Journal.Find(func(o journal.Entry) bool { return o.State == journal.Intended && o.Key() == key })) > 0
}

func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
