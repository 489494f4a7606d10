package proxy

import (
	"context"
	"errors"
	"net/http"
	"time"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/proxy/body"
	"docusign-auth-proxy/proxy/conn"
	"docusign-auth-proxy/proxy/route"
	"docusign-auth-proxy/translate/oauth"
	"docusign-auth-proxy/translate/reply"
)

// roundTrip sends a call, and sends it once more when DocuSign refused it before doing any work and the cause could be
// mended. After an ambiguous failure it never does.
func (f *forward) roundTrip(req *http.Request) (*http.Response, error) {
	began := time.Now()
	defer func() { f.event.Upstream = time.Since(began) }()
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
	body.Drain(resp)
	if err != nil {
		return nil, err
	}
	if !f.body.Replayable() {
		return nil, errNotRepeated(why)
	}
	f.event.Replayed = string(why)
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
	return reply.ClassifyUpstream(resp.StatusCode, resp.Header, body.Peek(resp))
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

// errNotRepeated is for a call whose refusal was mended, but of which the body is gone. DocuSign has done nothing,
// and the caller's credential is good, so a 401 would mislead the program.
func errNotRepeated(why reply.Upstream) error {
	return &call.Error{
		Kind: call.KindNotRepeated,
		Detail: "DocuSign refused the call (" + string(why) +
			"); that is mended, but the body is too large to be sent again",
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
		return false, &call.Error{Kind: te.Kind, Detail: failed, Err: err}
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
	out.Body = f.body.Reader()
	out.Header["Authorization"] = f.token.Header()
	f.address(out)
	return out
}
