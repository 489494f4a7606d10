package soaprest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"docusign-auth-proxy/translate/soaprest/answer"
	"docusign-auth-proxy/translate/soaprest/element"
	"docusign-auth-proxy/translate/soaprest/fault"
)

// task is one call while it is carried out.
type task struct {
	*Call

	engine  *Engine
	writer  *answer.Writer
	message *element.Message
	root    *element.Element // of the operation
}

// maxJSON bounds an answer of REST that is held whole, in bytes.
const maxJSON = 32 << 20

// maxRefusal is how much of a refusal is read, in bytes.
const maxRefusal = 64 << 10

// send sends a REST call and counts it. Answers that are no success are faults; of the others, the body is the caller's
// to close.
func (t *task) send(ctx context.Context, r *Request) (*http.Response, error) {
	resp, err := t.exchange(ctx, r)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		defer resp.Body.Close()
		return nil, t.refusal(resp)
	}
	return resp, nil
}

// refusal is the fault that says what DocuSign refused.
func (t *task) refusal(resp *http.Response) *fault.Fault {
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxRefusal))
	if err != nil {
		text = nil // the status says enough
	}
	return fault.FromREST(t.Operation, resp.StatusCode, resp.Header, text)
}

// exchange gives DocuSign's answer, whatever its status.
func (t *task) exchange(ctx context.Context, r *Request) (*http.Response, error) {
	t.Notes.Account, t.Notes.Site = r.Account.ID, r.Account.Site.Host
	t.Notes.RESTCalls++
	began := t.engine.o.Now()
	resp, err := t.User.Do(ctx, r)
	t.Notes.Upstream += t.engine.o.Now().Sub(began)
	return resp, err
}

// call sends a REST call and decodes the JSON of its answer; into may be nil.
func (t *task) call(ctx context.Context, r *Request, into any) error {
	resp, err := t.send(ctx, r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if into == nil {
		return nil
	}
	began := t.engine.o.Now()
	err = json.NewDecoder(io.LimitReader(resp.Body, maxJSON)).Decode(into)
	t.Notes.Upstream += t.engine.o.Now().Sub(began)
	if err != nil {
		return unreadable(resp, err)
	}
	return nil
}

// get reads JSON from a path below an account.
func (t *task) get(ctx context.Context, a Account, path string, query url.Values, into any) error {
	return t.call(ctx, &Request{Method: http.MethodGet, Account: a, Path: path, Query: query}, into)
}

// unreadable is an answer of success that is no JSON, or breaks off.
func unreadable(resp *http.Response, err error) *fault.Fault {
	return fault.Server("DocuSign answered %d with what cannot be read: %v", resp.StatusCode, err)
}

// asJSON is a value as the body of a request. Such values cannot fail to be encoded.
func asJSON(v any) Body {
	text, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Errorf("encode %T: %w", v, err))
	}
	return inMemory(text)
}

// inMemory is a short body.
type inMemory []byte

func (b inMemory) Len() int64      { return int64(len(b)) }
func (b inMemory) Open() io.Reader { return bytes.NewReader(b) }

// ping needs no REST call: the proxy is what answers (SOAP-REST.md §1.2).
func ping(_ context.Context, t *task) (*answer.Answer, error) { return t.writer.Result(true) }
