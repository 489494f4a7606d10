package soaprest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
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
	finder

	writer  *answer.Writer
	message *element.Message
	root    *element.Element // of the operation
}

// client sends the REST calls of a call, and counts them.
type client struct {
	*Call

	engine *Engine
}

// maxJSON bounds an answer of REST that is held whole, in bytes.
const maxJSON = 32 << 20

// maxRefusal is how much of a refusal is read, in bytes.
const maxRefusal = 64 << 10

// send sends a REST call and counts it. Answers that are no success are faults; of the others, the body is the caller's
// to close.
func (c *client) send(ctx context.Context, r *Request) (*http.Response, error) {
	resp, err := c.exchange(ctx, r)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		defer resp.Body.Close()
		return nil, c.refusal(resp)
	}
	return resp, nil
}

// refusal is the fault that says what DocuSign refused.
func (c *client) refusal(resp *http.Response) *fault.Fault {
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxRefusal))
	if err != nil {
		text = nil // the status says enough
	}
	return fault.FromREST(c.Operation, resp.StatusCode, resp.Header, text)
}

// exchange gives DocuSign's answer, whatever its status.
func (c *client) exchange(ctx context.Context, r *Request) (*http.Response, error) {
	c.Notes.Account, c.Notes.Site = r.Account.ID, r.Account.Site.Host
	c.Notes.RESTCalls++
	began := c.engine.o.Now()
	resp, err := c.User.Do(ctx, r)
	c.Notes.Upstream += c.engine.o.Now().Sub(began)
	return resp, err
}

// call sends a REST call and decodes the JSON of its answer; into may be nil.
func (c *client) call(ctx context.Context, r *Request, into any) error {
	resp, err := c.send(ctx, r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if into == nil {
		return nil
	}
	began := c.engine.o.Now()
	err = decode(resp, into)
	c.Notes.Upstream += c.engine.o.Now().Sub(began)
	return err
}

// decode reads the JSON of an answer of success.
func decode(resp *http.Response, into any) error {
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxJSON)).Decode(into); err != nil {
		return unreadable(resp, err)
	}
	return nil
}

// get reads JSON from a path below an account.
func (c *client) get(ctx context.Context, a Account, path string, query url.Values, into any) error {
	return c.call(ctx, &Request{Method: http.MethodGet, Account: a, Path: path, Query: query}, into)
}

// json reads the JSON of an answer whole.
func (c *client) json(ctx context.Context, r *Request) ([]byte, error) {
	resp, err := c.send(ctx, r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxJSON))
	if err == nil && !json.Valid(bytes.TrimSpace(text)) {
		err = errors.New("it is no JSON")
	}
	if err != nil {
		return nil, unreadable(resp, err)
	}
	return text, nil
}

// unreadable is an answer of success that is no JSON, or breaks off.
func unreadable(resp *http.Response, err error) *fault.Fault {
	return fault.Server("DocuSign answered %d with what cannot be read: %v", resp.StatusCode, err)
}

// JSON is a value as the body of a request. Such values cannot fail to be encoded.
func JSON(v any) InMemory {
	text, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Errorf("encode %T: %w", v, err))
	}
	return InMemory(text)
}

// InMemory is a short body.
type InMemory []byte

// Len is in bytes.
func (b InMemory) Len() int64 { return int64(len(b)) }

// Open reads it from its beginning.
func (b InMemory) Open() io.Reader { return bytes.NewReader(b) }

// ping needs no REST call: the proxy is what answers (SOAP-REST.md §1.2).
func ping(_ context.Context, t *task) (*answer.Answer, error) { return t.writer.Result(true) }
