package proxy

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"

	"docusign-auth-proxy/proxy/route"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/proxy/conn"
	"docusign-auth-proxy/translate/oauth"
	"docusign-auth-proxy/translate/reply"
)

const firstBuffer = 32 << 10 // for a body of known length

// roundTrip sends a call, and sends it once more when DocuSign refused it before doing any work and the cause could be
// mended. After an ambiguous failure it never does.
func (f *forward) roundTrip(req *http.Request) (*http.Response, error) {
	began := f.server.cfg.Now()
	defer func() { f.event.Upstream = f.server.cfg.Now().Sub(began) }()
	if f.listed {
		return f.state.Listed.RoundTrip(req)
	}
	resp, err := f.state.Upstream.RoundTrip(req)
	if err == nil && resp.StatusCode >= http.StatusBadRequest && f.caller.Slow() {
		_ = resp.Body.Close() // what DocuSign says of a message that the proxy has cut off is no answer to the program
		return nil, conn.ErrSlowBody
	}
	if err != nil || f.native || f.token == nil {
		return resp, err
	}
	use := f.use()
	why := f.judge(use, resp.StatusCode, f.refusedUpstream(resp))
	if why == reply.Other {
		return resp, nil
	}
	// A call that cannot be sent again is mended too: the next one needs the new token or site just as much.
	mended, err := f.mend(req.Context(), why, use)
	if err == nil && !mended {
		return resp, nil
	}
	drain(resp)
	if err != nil {
		return nil, err
	}
	if !f.body.replayable() {
		return nil, errNotRepeated(why)
	}
	f.event.Replayed = why.String()
	if resp, err = f.state.Upstream.RoundTrip(f.again(req)); err != nil {
		return nil, err
	}
	if f.judge(use, resp.StatusCode, f.refusedUpstream(resp)) == reply.TokenRefused && use == oauth.UseLogin {
		_, _ = f.state.Translator.LoginRefused(req.Context(), f.decision, f.token, f.site.Base, true) // asks nobody
	}
	return resp, nil
}

// use is what the call's token is sent for.
func (f *forward) use() oauth.Use {
	switch {
	case f.route.Local == route.Login:
		return oauth.UseLogin
	case f.route.API.SOAP():
		return oauth.UseSOAP
	}
	return oauth.UseREST
}

// refusedUpstream says whether DocuSign refused the call for its token or its site, before doing any work.
func (f *forward) refusedUpstream(resp *http.Response) reply.Upstream {
	switch resp.StatusCode {
	case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden:
	case http.StatusInternalServerError:
		if !f.route.API.SOAP() {
			return reply.Other
		}
	default:
		return reply.Other
	}
	switch why := reply.ClassifyUpstream(resp.StatusCode, resp.Header, peekBody(resp)); why {
	case reply.TokenRefused, reply.WrongSite:
		return why
	}
	return reply.Other
}

// judge notes whether DocuSign took the token, and returns what the answer means.
func (f *forward) judge(use oauth.Use, status int, why reply.Upstream) reply.Upstream {
	switch {
	case why == reply.TokenRefused:
		f.token.Refused(use)
	case status < http.StatusBadRequest:
		f.token.Worked(use)
	}
	return why
}

// errNotRepeated is for a call whose refusal was mended, but of which the body is gone. DocuSign has done nothing, and the caller's
// credential is good, so a 401 would mislead the program.
func errNotRepeated(why reply.Upstream) error {
	return &call.Error{
		Kind:   call.KindNotRepeated,
		Detail: "DocuSign refused the call (" + why.String() + "); that is mended, but the body is too large to be sent again",
		NextStep: "nothing: the program's next attempt works; raise limits.replay_body to have calls of this size repeated " +
			"by the proxy",
	}
}

// mend gets what the refused call lacked: a new token, or the site to which the account has moved. The error says why
// a new token cannot be had; it is the caller's answer then, since the refused token is not the caller's (PROTOCOL.md
// §8.3).
func (f *forward) mend(ctx context.Context, why reply.Upstream, use oauth.Use) (bool, error) {
	tr := f.state.Translator
	if why == reply.WrongSite {
		site, moved, err := tr.MovedSite(ctx, f.decision, f.route.Account, f.site)
		if err != nil || !moved {
			return false, nil
		}
		f.site = site
		return true, nil
	}
	if use == oauth.UseLogin {
		return f.mendLogin(ctx), nil
	}
	token, err := tr.Renew(ctx, f.decision, f.token, use)
	const failed = "DocuSign refused the token and another could not be had"
	var te *call.Error
	switch {
	case errors.As(err, &te):
		return false, &call.Error{Kind: te.Kind, Detail: failed, Err: err, NextStep: te.NextStep}
	case err != nil:
		f.event.Detail = failed + ": " + err.Error()
		return false, nil
	}
	f.token = token
	return true, nil
}

// mendLogin gets a new token for login_information if the refused one is bad. If it is good, or cannot be judged now,
// the answer is made from UserInfo (PROTOCOL.md §2.5).
func (f *forward) mendLogin(ctx context.Context) bool {
	justGranted := !f.token.Obtained.Before(f.start)
	token, err := f.state.Translator.LoginRefused(ctx, f.decision, f.token, f.site.Base, justGranted)
	if err != nil || token == nil {
		return false
	}
	f.token = token
	return true
}

// again makes the second request of a call.
func (f *forward) again(req *http.Request) *http.Request {
	out := req.Clone(req.Context())
	out.Body = f.body.reader()
	out.Header["Authorization"] = f.token.Header()
	f.address(out)
	return out
}

// replayBody is a request body of which the beginning, or the whole, is kept.
type replayBody struct {
	kept      []byte
	whole     bool
	callerErr error
}

// replayable reports whether the call can be sent again as it was.
func (b *replayBody) replayable() bool { return b == nil || b.whole }

func (b *replayBody) reader() io.ReadCloser {
	if b == nil || len(b.kept) == 0 {
		return http.NoBody
	}
	return io.NopCloser(bytes.NewReader(b.kept))
}

// keepBody reads a small body whole before the call is sent. A body that is too large streams, and the call is then never sent twice.
func (f *forward) keepBody() error {
	r, limit := f.r, f.server.cfg.ReplayBody
	if r.Body == nil || r.ContentLength == 0 {
		return nil
	}
	b := &replayBody{}
	f.body = b
	if r.ContentLength > limit {
		r.Body = &streamedBody{Reader: r.Body, Closer: r.Body}
		return nil
	}
	if b.callerErr = b.read(r, limit); b.callerErr != nil {
		return b.callerErr
	}
	if !b.whole {
		r.Body = &streamedBody{Reader: io.MultiReader(bytes.NewReader(b.kept), r.Body), Closer: r.Body}
		return nil
	}
	if r.ContentLength < 0 && f.soap != nil {
		r.ContentLength = int64(len(b.kept)) // old SOAP stacks expect Content-Length end to end (PROTOCOL.md §4.2)
		r.TransferEncoding = nil
	}
	r.Body = b.reader()
	r.GetBody = func() (io.ReadCloser, error) { return b.reader(), nil }
	return nil
}

// read keeps up to limit bytes, and one more where the length is not known. The buffer grows with what comes, not with what is announced.
func (b *replayBody) read(r *http.Request, limit int64) error {
	most, buf := limit+1, &bytes.Buffer{}
	if r.ContentLength > 0 {
		most = r.ContentLength
		buf.Grow(int(min(most, firstBuffer)) + bytes.MinRead)
	}
	n, err := buf.ReadFrom(io.LimitReader(r.Body, most))
	if err == nil && n < r.ContentLength {
		err = io.ErrUnexpectedEOF
	}
	b.kept = buf.Bytes()
	b.whole = err == nil && n <= limit
	return err
}

// streamedBody marks read errors as the caller's, so that they are not taken for DocuSign's.
type streamedBody struct {
	io.Reader
	io.Closer
}

func (b *streamedBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = &callerError{err}
	}
	return n, err
}

// callerError is a fault of the caller's own body, found while it was being forwarded.
type callerError struct{ err error }

func (e *callerError) Error() string { return "request body: " + e.err.Error() }
func (e *callerError) Unwrap() error { return e.err }

func isCallerError(err error) bool {
	var ce *callerError
	return errors.As(err, &ce)
}
