package soaprest

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"docusign-auth-proxy/translate/soaprest/answer"
	"docusign-auth-proxy/translate/soaprest/fault"
)

// put changes an envelope, and gives when. It is never repeated: after a failure that leaves it open whether DocuSign
// did it, done looks at the envelope (SOAP-REST.md §6.3).
func (t *task) put(
	ctx context.Context, e envelope, fields map[string]string, done func(state) bool,
) (at time.Time, err error) {
	t.engine.statuses.forget(e.id)
	defer t.engine.statuses.forget(e.id)
	resp, open, err := t.alter(ctx, &Request{Account: e.Account, Path: e.path(""), Body: JSON(fields)})
	if err == nil {
		defer resp.Body.Close()
		return dateOf(resp, t.engine.o.Now()), t.inside(resp)
	}
	if !open {
		return at, err
	}
	var now state
	if failed := t.get(ctx, e.Account, e.path(""), nil, &now); failed != nil {
		return at, t.unknown(ctx, err)
	}
	if !done(now) {
		return at, err
	}
	return t.engine.o.Now(), nil
}

// state is what tells whether a change was made.
type state struct{ Status, PurgeState string }

// alter sends a change. A caller that goes away does not stop it half way. With an error, open = DocuSign may have made
// it all the same.
func (t *task) alter(ctx context.Context, r *Request) (resp *http.Response, open bool, err error) {
	flow := &watched{Body: r.Body}
	r.Method, r.ContentType, r.Body = http.MethodPut, "application/json", flow
	if resp, err = t.exchange(context.WithoutCancel(ctx), r); err != nil {
		return nil, flow.lost(err), err
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		defer resp.Body.Close()
		return nil, !refuses(resp.StatusCode), t.refusal(resp)
	}
	return resp, false, nil
}

// inside is the refusal that an answer of success holds: an error of its only item is one of the call (SOAP-REST.md
// §5.3). What cannot be read says no more than the status did.
func (c *client) inside(resp *http.Response) error {
	var made struct{ ErrorDetails json.RawMessage }
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxRefusal)).Decode(&made); err != nil {
		return nil //nolint:nilerr // DocuSign said that it was done
	}
	if f := c.item(resp, made.ErrorDetails); f.Code != "" && f.Code != "SUCCESS" {
		return f
	}
	return nil
}

// item is the fault of errorDetails inside an answer of success.
func (c *client) item(resp *http.Response, details []byte) *fault.Fault {
	f := fault.FromREST(c.Operation, http.StatusBadRequest, resp.Header, details)
	f.Status = resp.StatusCode
	return f
}

// unknown is the fault for a change that may have been made or not.
func (t *task) unknown(ctx context.Context, err error) *fault.Fault {
	t.engine.o.Log.ErrorContext(ctx, "it is unknown whether DocuSign changed an envelope",
		"operation", t.Operation, "envelope", t.Notes.Envelope, "error", err)
	return fault.Server("DocuSign was asked, and its answer did not come. " +
		"The state of the envelope is unknown: look at it before the call is made again.")
}

// refusedWith reports whether REST refused with that HTTP status.
func refusedWith(err error, status int) bool {
	f, ok := errors.AsType[*fault.Fault](err)
	return ok && f.Status == status
}

// dateOf is when DocuSign answered.
func dateOf(resp *http.Response, otherwise time.Time) time.Time {
	if at, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		return at
	}
	return otherwise
}

// voidEnvelope ends an envelope on its way (SOAP-REST.md §4.5).
func voidEnvelope(ctx context.Context, t *task) (*answer.Answer, error) {
	reason := t.root.Value("Reason")
	if strings.TrimSpace(reason) == "" {
		return nil, fault.Invalid("Reason is missing")
	}
	err := t.change(ctx, t.root.Value("EnvelopeID"), func(ctx context.Context, e envelope) error {
		_, err := t.put(ctx, e, map[string]string{"status": "voided", "voidedReason": reason},
			func(s state) bool { return s.Status == "voided" })
		return err
	})
	if err != nil {
		return nil, err
	}
	return t.writer.Result(answer.Fields{"VoidSuccess": true})
}

// purgeDocuments has DocuSign delete the documents of an envelope in two weeks.
func purgeDocuments(ctx context.Context, t *task) (*answer.Answer, error) {
	const queued = "documents_queued"
	err := t.change(ctx, t.root.Value("EnvelopeID"), func(ctx context.Context, e envelope) error {
		_, err := t.put(ctx, e, map[string]string{"purgeState": queued},
			func(s state) bool { return s.PurgeState == queued })
		return err
	})
	if err != nil {
		return nil, err
	}
	return t.writer.Result(answer.Fields{"PurgeDocumentSuccess": true})
}

// sendEnvelope sends a draft. What the answer needs is asked for before: after the PUT nothing may fail.
func sendEnvelope(ctx context.Context, t *task) (*answer.Answer, error) {
	var a *answer.Answer
	text := t.root.Value("EnvelopeId")
	err := t.changeIn(ctx, t.root.Value("AccountId"), text, func(ctx context.Context, e envelope) error {
		var draft map[string]any
		query := url.Values{"include": {"recipients,custom_fields,documents"}}
		if err := t.get(ctx, e.Account, e.path(""), query, &draft); err != nil {
			return err
		}
		if draft["status"] != "created" {
			return fault.Named("Envelope_Invalid_Status", "The envelope is no draft. Nothing was sent.")
		}
		sent := func(at time.Time) (err error) {
			f := t.writer.Sent(draft, at)
			f["EnvelopeID"] = text
			a, err = t.writer.Result(f)
			return err
		}
		if err := sent(t.engine.o.Now()); err != nil { // what the answer cannot be made of
			return err
		}
		at, err := t.put(ctx, e, map[string]string{"status": "sent"}, func(s state) bool { return s.Status != "created" })
		if err != nil {
			return err
		}
		return sent(at)
	})
	return a, err
}
