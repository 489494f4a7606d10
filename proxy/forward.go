package proxy

import (
	"errors"
	"log/slog"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/internal/shown"
	"docusign-auth-proxy/proxy/body"
	"docusign-auth-proxy/proxy/conn"
	"docusign-auth-proxy/proxy/egress"
	"docusign-auth-proxy/proxy/forwardauth"
	"docusign-auth-proxy/proxy/route"
	"docusign-auth-proxy/proxy/upstream"
	"docusign-auth-proxy/translate"
	"docusign-auth-proxy/translate/soap"
)

// forward is a call on its way to DocuSign, and its answer on the way back.
type forward struct {
	*incoming
	listed   bool        // the call goes to a host of egress.tunnel, as it is
	native   bool        // the call's own credential goes upstream
	ownToken secret.Text // the program's OAuth token, where it stood in the legacy header; sent as Authorization
	// legacyHeader is sent as X-DocuSign-Authentication, with an App Password in it; "" = the header is removed.
	legacyHeader string
	edit         func(*http.Response) error // of the answer's body; nil = it passes as it is
	body         *body.Kept
	failed       error // why there is no answer
}

// newUpstream makes the one ReverseProxy. It finds the forward of a call in its context.
func newUpstream(s *Server) *httputil.ReverseProxy {
	return &httputil.ReverseProxy{
		Rewrite:        func(pr *httputil.ProxyRequest) { forwardOf(pr.In).rewrite(pr) },
		Transport:      roundTripper(func(r *http.Request) (*http.Response, error) { return forwardOf(r).roundTrip(r) }),
		ModifyResponse: func(resp *http.Response) error { return forwardOf(resp.Request).editAnswer(resp) },
		ErrorHandler: func(_ http.ResponseWriter, r *http.Request, err error) {
			f := forwardOf(r)
			f.failed = f.explain(err)
		},
		BufferPool: &body.Buffers{},
		ErrorLog:   slog.NewLogLogger(s.cfg.Log.Handler(), slog.LevelDebug),
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

// RoundTrip sends a call.
func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func forwardOf(r *http.Request) *forward {
	x, _ := r.Context().Value(exchangeKey{}).(*exchange)
	return x.out
}

// passListed forwards a plain request to a host of egress.tunnel as it is, over the scheme that the caller named.
func passListed(c *incoming, target egress.Host) next {
	c.needsNone()
	c.event.API = call.APIOther
	c.site = translate.Site{Base: &url.URL{Scheme: c.r.URL.Scheme, Host: target.String()}}
	c.r.URL, c.event.Path = c.askedFor, shown.Path(c.askedFor.Path)
	return next{forward: &forward{incoming: c, listed: true, native: true}}
}

// prepare makes the call ready to be sent. A translated call's body is kept, within limits, so that it can be sent
// again when the token is refused.
func (f *forward) prepare() error {
	if err := f.holdsBack(); err != nil {
		return err
	}
	if err := f.checkSiteNow(); err != nil {
		return err
	}
	if f.native {
		return nil
	}
	// Old SOAP stacks expect Content-Length end to end (PROTOCOL.md §4.2).
	kept, err := body.Keep(f.r, f.server.cfg.ReplayBody, f.soap != nil)
	if err != nil {
		return f.bodyError(err)
	}
	f.body = kept
	return nil
}

// holdsBack refuses a call with a password that would reach DocuSign in clear. What an observed integration sends
// passes as it is.
func (f *forward) holdsBack() error {
	if f.listed || f.event.Mode == "observe" && f.decision.Attributed() {
		return nil
	}
	what, err := body.ClearPassword(f.r, f.route)
	switch {
	case err != nil:
		return f.bodyError(err)
	case what == "":
		return nil
	}
	return &call.Error{Kind: call.KindClearPassword, Detail: what + ", which would reach DocuSign in clear"}
}

// checkSiteNow is for a site that may have been learnt before a reload changed the environment.
func (f *forward) checkSiteNow() error {
	site, err := egress.ParseHost(f.site.Base.Host, 443)
	if err != nil {
		return nil
	}
	return f.checkSite(site)
}

// rewrite makes the outbound request (PROTOCOL.md §12).
func (f *forward) rewrite(pr *httputil.ProxyRequest) {
	out := pr.Out
	out.URL.RawQuery, out.URL.ForceQuery = pr.In.URL.RawQuery, pr.In.URL.ForceQuery
	f.address(out)
	if f.listed {
		upstream.KeepForwarded(out.Header, pr.In.Header)
	} else {
		upstream.DropForwarded(out.Header)
		delete(out.Header, "Connection") // httputil passes protocol upgrades on; DocuSign has none, and a switched
		delete(out.Header, "Upgrade")    // connection would carry calls that nobody looks at
	}
	if !pr.In.ProtoAtLeast(1, 1) {
		delete(out.Header, "Expect") // RFC 9110 §10.1.1: an HTTP/1.0 caller cannot be answered 100
	}
	if f.edit != nil {
		out.Header["Accept-Encoding"] = []string{"identity"} // the answer is going to be edited
	}
	if f.listed || f.event.Mode == "observe" {
		return
	}
	f.replaceLegacy(out)
	if f.native {
		return
	}
	delete(out.Header, headerActAs)
	delete(out.Header, "Authorization")
	if f.token != nil {
		out.Header["Authorization"] = f.token.Header()
	}
	if f.body != nil && f.body.Whole {
		delete(out.Header, "Expect") // the proxy has read the body, so the caller has been told to continue
	}
	if in := f.integration(); in != nil && in.AccountIDs == integration.GUID && f.site.AccountID != "" {
		f.route.SetAccount(out.URL, f.site.AccountID)
	}
}

// replaceLegacy takes X-DocuSign-Authentication out of a call, whatever it holds and however it is written: some
// servers read "_" as "-". Trailers go too; no service of DocuSign's reads one, and a header could come as one.
func (f *forward) replaceLegacy(out *http.Request) {
	out.Trailer = nil
	for name := range out.Header {
		if name == headerLegacy ||
			strings.Contains(name, "_") && route.EqualFold(strings.ReplaceAll(name, "_", "-"), headerLegacy) {
			delete(out.Header, name)
		}
	}
	if f.legacyHeader != "" {
		out.Header[headerLegacy] = []string{f.legacyHeader}
	}
	if !f.ownToken.Empty() {
		out.Header["Authorization"] = []string{"Bearer " + f.ownToken.Reveal()}
	}
}

// address points a request at the site.
func (f *forward) address(out *http.Request) {
	out.URL.Scheme, out.URL.Host = f.site.Base.Scheme, f.site.Base.Host
	out.Host = f.site.Base.Host
	f.event.Site = f.site.Base.Host
}

// explain says for the caller and the operator why a call could not be sent, or got no answer.
func (f *forward) explain(err error) error {
	switch {
	case errors.Is(err, forwardauth.ErrHandedOver):
		f.event.Outcome, f.event.Status = call.OutcomeHandedOver, http.StatusOK
		return nil
	case f.caller.Slow():
		return f.bodyError(conn.ErrSlowBody)
	case is[*soap.Error](err): // found while the body was streaming; the upstream saw a message that breaks off
		return err
	case body.IsCallerError(err):
		return f.bodyError(err)
	}
	return egress.Failure(f.site.Base.Host, "DocuSign", err)
}

func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}
