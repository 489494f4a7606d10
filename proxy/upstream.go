package proxy

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/integration"

	"docusign-auth-proxy/internal/panics"
	"docusign-auth-proxy/proxy/egress"
	"docusign-auth-proxy/translate/oauth"
	"docusign-auth-proxy/translate/reply"
	"docusign-auth-proxy/translate/soap"
)

// upstream sends calls to DocuSign: one ReverseProxy whose transport knows when a refused call may be sent once more.
type upstream struct {
	server *Server
	proxy  *httputil.ReverseProxy
}

func newUpstream(s *Server) *upstream {
	u := &upstream{server: s}
	u.proxy = &httputil.ReverseProxy{
		Rewrite:        u.rewrite,
		Transport:      u,
		ModifyResponse: u.modify,
		ErrorHandler:   u.fail,
		BufferPool:     &copyBuffers{},
		ErrorLog:       slog.NewLogLogger(s.cfg.Log.Handler(), slog.LevelDebug),
	}
	return u
}

// copyBuffers lends 32 KiB buffers for bodies.
type copyBuffers struct{ pool sync.Pool }

// Get lends a buffer.
func (p *copyBuffers) Get() []byte {
	if b, ok := p.pool.Get().(*[]byte); ok {
		return *b
	}
	return make([]byte, 32<<10)
}

// Put takes a buffer back.
func (p *copyBuffers) Put(b []byte) { p.pool.Put(&b) }

// send forwards the call. A translated call's body is kept, within limits, so that it can be sent again when the token is refused.
func (x *exchange) send(r *http.Request) {
	if x.holdsBack(r) {
		return
	}
	// A site may have been learnt before a reload changed the environment.
	if site, err := egress.ParseHost(x.site.Base.Host, 443); err == nil && !x.ofEnvironment(r, site) {
		return
	}
	if !x.native {
		if err := x.keepBody(r); err != nil {
			x.callerFailed(r, err)
			return
		}
	}
	if x.event.Mode == "observe" {
		x.rehearse(r)
	}
	x.inbound = r
	x.server.upstream.proxy.ServeHTTP(&x.w, r)
}

const nextSlowBody = "look at the network between the program and the proxy; a program that pauses while it writes a call needs a " +
	"larger limits.body_timeout, one whose credential is in the body also a larger limits.header_timeout"

// callerFailed notes that the request could not be read to its end, and says so if the caller still listens.
func (x *exchange) callerFailed(r *http.Request, err error) {
	if x.caller.slow.Load() {
		x.refuse(r, &call.Error{Kind: call.KindSlowBody, Detail: errSlowBody.Error(), NextStep: nextSlowBody})
		return
	}
	x.refuse(r, &call.Error{Kind: call.KindBadRequest, Detail: "the request body could not be read", Err: err})
}

// rewrite makes the outbound request (PROTOCOL.md §12).
func (u *upstream) rewrite(pr *httputil.ProxyRequest) {
	x := exchangeOf(pr.In)
	out := pr.Out
	out.URL.RawQuery, out.URL.ForceQuery = pr.In.URL.RawQuery, pr.In.URL.ForceQuery
	x.address(out)
	if x.listed {
		keepForwarded(out.Header, pr.In.Header)
	} else {
		dropForwarded(out.Header)
		delete(out.Header, "Connection") // httputil passes protocol upgrades on; DocuSign has none, and a switched
		delete(out.Header, "Upgrade")    // connection would carry calls that nobody looks at
	}
	if !pr.In.ProtoAtLeast(1, 1) {
		delete(out.Header, "Expect") // RFC 9110 §10.1.1: an HTTP/1.0 caller cannot be answered 100
	}
	if x.edit != nil {
		out.Header["Accept-Encoding"] = []string{"identity"} // the answer is going to be edited
	}
	if x.listed || x.event.Mode == "observe" {
		return
	}
	x.replaceLegacy(out)
	if x.native {
		return
	}
	delete(out.Header, headerActAs)
	delete(out.Header, "Authorization")
	if x.token != nil {
		out.Header["Authorization"] = x.token.Header()
	}
	if x.body != nil && x.body.whole {
		delete(out.Header, "Expect") // the proxy has read the body, so the caller has been told to continue
	}
	x.pathInGUIDs(out)
}

// replaceLegacy takes X-DocuSign-Authentication out of a call, whatever it holds and however it is written: some servers read "_" as
// "-". Trailers go too; no service of DocuSign's reads one, and a header could come as one.
func (x *exchange) replaceLegacy(out *http.Request) {
	out.Trailer = nil
	for name := range out.Header {
		if name == headerLegacy || strings.Contains(name, "_") && equalFold(strings.ReplaceAll(name, "_", "-"), headerLegacy) {
			delete(out.Header, name)
		}
	}
	if x.legacyHeader != "" {
		out.Header[headerLegacy] = []string{x.legacyHeader}
	}
	if !x.ownToken.Empty() {
		out.Header["Authorization"] = []string{"Bearer " + x.ownToken.Reveal()}
	}
}

// address points a request at the site.
func (x *exchange) address(out *http.Request) {
	out.URL.Scheme, out.URL.Host = x.site.Base.Scheme, x.site.Base.Host
	out.Host = x.site.Base.Host
	x.event.Site = x.site.Base.Host
}

// pathInGUIDs writes the account's GUID where the path has its number, for integrations that want it. All else in the
// path stays as the program escaped it.
func (x *exchange) pathInGUIDs(out *http.Request) {
	if x.decision == nil || x.decision.Integration == nil || x.decision.Integration.AccountIDs != integration.GUID || x.site.AccountID == "" || x.route.account == "" {
		return
	}
	p, at, end := out.URL.Path, x.route.at, x.route.end
	if end > len(p) || p[at:end] != x.route.account {
		return
	}
	escaped := out.URL.EscapedPath()
	from, to := escapedIndex(escaped, at), escapedIndex(escaped, end)
	out.URL.Path = p[:at] + x.site.AccountID + p[end:]
	out.URL.RawPath = escaped[:from] + x.site.AccountID + escaped[to:]
}

// escapeByByte escapes in a path what the program should have escaped and did not: a bar, a quote, a letter outside
// ASCII. net/url would escape the whole path anew because of such a byte, and turn %2B into a plus.
func escapeByByte(u *url.URL) {
	if u.RawPath == "" || u.EscapedPath() == u.RawPath {
		return
	}
	b := make([]byte, 0, len(u.RawPath)+16)
	for i := range len(u.RawPath) {
		c := u.RawPath[i]
		if c <= ' ' || c >= 0x7f || strings.IndexByte("\"<>\\^`{|}", c) >= 0 { // RFC 3986 §3.3
			b = fmt.Appendf(b, "%%%02X", c)
			continue
		}
		b = append(b, c)
	}
	u.RawPath = string(b)
}

// escapedIndex finds in an escaped path the place of byte n of the path that it stands for.
func escapedIndex(escaped string, n int) int {
	i := 0
	for ; n > 0 && i < len(escaped); n-- {
		if escaped[i] == '%' {
			i += 2
		}
		i++
	}
	return i
}

// RoundTrip sends a call, and sends it once more when DocuSign refused it before doing any work and the cause could be mended.
// After an ambiguous failure it never does.
func (u *upstream) RoundTrip(req *http.Request) (*http.Response, error) {
	x := exchangeOf(req)
	began := u.server.cfg.Now()
	defer func() { x.event.Upstream = u.server.cfg.Now().Sub(began) }()
	if x.listed {
		return x.state.Listed.RoundTrip(req)
	}
	resp, err := x.state.Upstream.RoundTrip(req)
	if err == nil && resp.StatusCode >= http.StatusBadRequest && x.caller.slow.Load() {
		_ = resp.Body.Close() // what DocuSign says of a message that the proxy has cut off is no answer to the program
		return nil, errSlowBody
	}
	if err != nil || x.native || x.token == nil {
		return resp, err
	}
	use := x.use()
	why := x.outcome(use, resp.StatusCode, x.refusedUpstream(resp))
	if why == reply.Other {
		return resp, nil
	}
	// A call that cannot be sent again is mended too: the next one needs the new token or site just as much.
	mended, err := x.mend(req.Context(), why, use)
	if err != nil {
		drain(resp)
		return nil, err
	}
	if !mended {
		return resp, nil
	}
	drain(resp)
	if !x.body.replayable() {
		return nil, errNotRepeated(why)
	}
	x.event.Replayed = why.String()
	if resp, err = x.state.Upstream.RoundTrip(x.again(req)); err != nil {
		return nil, err
	}
	if x.outcome(use, resp.StatusCode, x.refusedUpstream(resp)) == reply.TokenRefused && use == oauth.UseLogin {
		_, _ = x.state.Translator.LoginRefused(req.Context(), x.decision, x.token, x.site.Base, true) // asks nobody
	}
	return resp, nil
}

// use is what the call's token is sent for.
func (x *exchange) use() oauth.Use {
	switch {
	case x.route.local == localLogin:
		return oauth.UseLogin
	case x.route.api.SOAP():
		return oauth.UseSOAP
	}
	return oauth.UseREST
}

// outcome notes whether DocuSign took the token, and returns what the answer means.
func (x *exchange) outcome(use oauth.Use, status int, why reply.Upstream) reply.Upstream {
	switch {
	case why == reply.TokenRefused:
		x.token.Refused(use)
	case status < http.StatusBadRequest:
		x.token.Worked(use)
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
func (x *exchange) mend(ctx context.Context, why reply.Upstream, use oauth.Use) (bool, error) {
	tr := x.state.Translator
	if why == reply.WrongSite {
		site, moved, err := tr.MovedSite(ctx, x.decision, x.route.account, x.site)
		if err != nil || !moved {
			return false, nil
		}
		x.site = site
		return true, nil
	}
	if use == oauth.UseLogin {
		return x.mendLogin(ctx), nil
	}
	token, err := tr.Renew(ctx, x.decision, x.token, use)
	const failed = "DocuSign refused the token and another could not be had"
	var te *call.Error
	switch {
	case errors.As(err, &te):
		return false, &call.Error{Kind: te.Kind, Detail: failed, Err: err, NextStep: te.NextStep}
	case err != nil:
		x.event.Detail = failed + ": " + err.Error()
		return false, nil
	}
	x.token = token
	return true, nil
}

// mendLogin gets a new token for login_information if the refused one is bad. If it is good, or cannot be judged now,
// the answer is made from UserInfo (PROTOCOL.md §2.5).
func (x *exchange) mendLogin(ctx context.Context) bool {
	justGranted := !x.token.Obtained.Before(x.start)
	token, err := x.state.Translator.LoginRefused(ctx, x.decision, x.token, x.site.Base, justGranted)
	if err != nil || token == nil {
		return false
	}
	x.token = token
	return true
}

// again makes the second request of a call.
func (x *exchange) again(req *http.Request) *http.Request {
	out := req.Clone(req.Context())
	out.Body = x.body.reader()
	out.Header["Authorization"] = x.token.Header()
	x.address(out)
	return out
}

// modify works on the answer before it goes to the caller.
func (u *upstream) modify(resp *http.Response) error {
	x := exchangeOf(resp.Request)
	e := &x.event
	h := resp.Header
	if v := h["X-Docusign-Tracetoken"]; len(v) > 0 {
		e.TraceToken = v[0]
	}
	readLimits(h, &e.Limits)
	if !x.listed {
		x.callerAddresses(h)
	}
	if resp.StatusCode >= 400 && e.Cause == "" {
		x.noteUpstreamError(resp)
	}
	if x.edit != nil {
		return x.edit(resp)
	}
	return nil
}

// noteUpstreamError keeps DocuSign's own error code for log and metric, and turns the status back for programs that know the old one.
func (x *exchange) noteUpstreamError(resp *http.Response) {
	body := peekBody(resp)
	x.event.Cause = "docusign_" + strconv.Itoa(resp.StatusCode)
	if code := reply.ErrorCode(body); code != "" {
		x.event.Detail = "DocuSign answered " + code
	}
	if in := x.integration(); in != nil && in.OldStatusCodes && !x.native {
		if old := reply.OldStatus(resp.StatusCode, body); old != resp.StatusCode {
			resp.StatusCode, resp.Status = old, strconv.Itoa(old)+" "+http.StatusText(old)
		}
	}
}

func (x *exchange) integration() *integration.Integration {
	if x.decision == nil {
		return nil
	}
	return x.decision.Integration
}

func readLimits(h http.Header, l *call.RateLimits) {
	for _, f := range [...]struct {
		name string
		to   *int64
	}{
		{"X-Ratelimit-Limit", &l.HourlyLimit}, {"X-Ratelimit-Remaining", &l.HourlyRemaining}, {"X-Ratelimit-Reset", &l.Reset},
		{"X-Burstlimit-Limit", &l.BurstLimit}, {"X-Burstlimit-Remaining", &l.BurstRemaining},
	} {
		if v := h[f.name]; len(v) > 0 {
			if n, err := strconv.ParseInt(v[0], 10, 64); err == nil && n >= 0 {
				*f.to = n
			}
		}
	}
}

// fail answers a call that could not be sent or got no answer.
func (u *upstream) fail(_ http.ResponseWriter, r *http.Request, err error) {
	x := exchangeOf(r)
	if x.caller.slow.Load() {
		x.callerFailed(r, errSlowBody)
		return
	}
	if r.Context().Err() != nil {
		x.refused(call.OutcomeAborted, "client_gone", "the program hung up while DocuSign was working on the call", "")
		return
	}
	var refusal *soap.Error
	if errors.As(err, &refusal) {
		x.refuseMessage(r, refusal) // found while the body was streaming; the upstream saw a message that breaks off
		return
	}
	if x.body != nil && x.body.callerErr != nil || isCallerError(err) {
		x.callerFailed(r, err)
		return
	}
	x.refuseUnsent(r, "DocuSign", err)
}

// refuseUnsent answers a call that failed on the way out: for want of a new token, or of an answer.
func (x *exchange) refuseUnsent(r *http.Request, what string, err error) {
	var te *call.Error
	if errors.As(err, &te) {
		x.refuse(r, err)
		return
	}
	kind, next := explainFailure(err, x.site.Base)
	x.refuse(r, &call.Error{Kind: kind, Detail: what, Err: err, NextStep: next})
}

// callerError is a fault of the caller's own body, found while it was being forwarded.
type callerError struct{ err error }

func (e *callerError) Error() string { return "request body: " + e.err.Error() }
func (e *callerError) Unwrap() error { return e.err }

func isCallerError(err error) bool {
	var ce *callerError
	return errors.As(err, &ce)
}

// explainFailure says what the operator can do about a failure on the way out.
func explainFailure(err error, base *url.URL) (call.Kind, string) {
	var refused *egress.RefusedError
	var unknownCA x509.UnknownAuthorityError
	var badName x509.HostnameError
	var record tls.RecordHeaderError
	var dns *net.DNSError
	var timeout net.Error
	switch {
	case errors.As(err, &refused):
		return call.KindUnreachable, refused.Hint
	case errors.As(err, &unknownCA):
		return call.KindUnreachable, "the certificate of " + base.Host + " is signed by a CA this machine does not know; if a corporate proxy re-signs TLS, put its CA into upstream.ca_file"
	case errors.As(err, &badName):
		return call.KindUnreachable, "the certificate is for another host; check egress.resolve and the hosts file"
	case errors.As(err, &record):
		return call.KindUnreachable, "the other side does not speak TLS; check upstream.proxy and egress.resolve"
	case errors.As(err, &dns):
		return call.KindUnreachable, "check this machine's DNS, or set egress.resolver or upstream.proxy"
	case errors.As(err, &timeout) && timeout.Timeout(), errors.Is(err, context.DeadlineExceeded):
		return call.KindTimeout, "check the way to " + base.Host + ": docusign-auth-proxy doctor"
	}
	return call.KindUnreachable, "check the way to " + base.Host + ": docusign-auth-proxy doctor"
}

// rehearse finds out beside the observed call whether translating it would have worked. The outcome is recorded with the call when it
// is known in time, else by its own log line.
func (x *exchange) rehearse(r *http.Request) {
	d, tr, s := x.decision, x.state.Translator, x.server
	if d == nil || d.Integration == nil || !s.rehearsals.begin() {
		return
	}
	e := call.Event{
		Time: x.start, RequestID: x.event.RequestID, Integration: d.IntegrationName(), Scheme: d.Scheme.String(), Door: x.event.Door, API: x.event.API,
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), time.Minute)
	st := x.state
	st.calls.begin() // cannot fail, since this call has begun with it
	go func() {
		defer st.end()
		defer s.rehearsals.end()
		defer cancel()
		s.rehearsal(&e, func() error { return tr.Rehearse(ctx, d) })
	}()
}

// rehearsal reports what came of a rehearsal.
func (s *Server) rehearsal(e *call.Event, f func() error) {
	e.Rehearsal = "would_work"
	if err := safely(f); err != nil {
		e.Rehearsal = call.CauseOf(err)
		if p := panics.In(err); p != nil {
			e.Rehearsal = "panic"
			s.panicked(call.PanicRehearsal, p, "request_id", e.RequestID)
		}
		e.NextStep = call.ErrorOf(err).NextStep
		s.cfg.Log.Warn("rehearsal",
			"request_id", e.RequestID, "integration", e.Integration, "result", e.Rehearsal, "error", err, "next_step", e.NextStep)
	}
	if rr, ok := s.cfg.Recorder.(call.RehearsalRecorder); ok {
		rr.RecordRehearsal(e)
	}
}
