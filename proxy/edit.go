package proxy

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strconv"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/services"
	"docusign-auth-proxy/proxy/body"
	"docusign-auth-proxy/proxy/route"
	"docusign-auth-proxy/translate/legacy"
	"docusign-auth-proxy/translate/reply"
)

// editAnswer works on DocuSign's answer before it goes to the caller. The edits go from the head to the body.
func (f *forward) editAnswer(resp *http.Response) error {
	f.noteHead(resp)
	if !f.listed {
		f.editLocation(resp)
		f.dropHostRules(resp)
	}
	f.noteError(resp)
	if f.edit != nil {
		return f.edit(resp)
	}
	return nil
}

// noteHead keeps what DocuSign says of the call and of the account's limits (PROTOCOL.md §12).
func (f *forward) noteHead(resp *http.Response) {
	if v := resp.Header["X-Docusign-Tracetoken"]; len(v) > 0 {
		f.event.TraceToken = v[0]
	}
	f.event.Limits.Read(resp.Header)
}

// editLocation leads back to this proxy where a site names its own API. Pages for a browser, such as the signing view,
// are reached without it (PROTOCOL.md §12).
func (f *forward) editLocation(resp *http.Response) {
	for _, name := range [...]string{"Location", "Content-Location"} {
		for i, v := range resp.Header[name] {
			u, err := url.Parse(v)
			if err != nil || !route.IsAPI(u.Path) {
				continue
			}
			if site := f.docuSignSite(u.Host); site != nil {
				resp.Header[name][i] = withOrigin(v, f.origin(site))
			}
		}
	}
}

// dropHostRules takes out what would bind the caller to the site, past this proxy (RFC 7838), or would be DocuSign's
// words about localhost or about a host that the program reaches on plain HTTP (PROTOCOL.md §12).
func (f *forward) dropHostRules(resp *http.Response) {
	delete(resp.Header, "Alt-Svc")
	if f.r.TLS == nil || f.event.Door == call.DoorSidecar || f.event.Door == call.DoorForward {
		delete(resp.Header, "Strict-Transport-Security")
		delete(resp.Header, "Public-Key-Pins")
	}
}

// noteError keeps DocuSign's own error code for log and metric, and turns the status back for programs that know the
// old one.
func (f *forward) noteError(resp *http.Response) {
	if f.event.Cause != "" {
		return
	}
	if resp.StatusCode < http.StatusBadRequest {
		f.noteUnsuccessful(resp)
		return
	}
	text := body.Peek(resp)
	f.event.Cause = "docusign_" + strconv.Itoa(resp.StatusCode)
	if code := reply.ErrorCode(text); code != "" {
		f.event.Detail = "DocuSign answered " + code
	}
	f.becauseOf(resp, text)
	if in := f.integration(); in != nil && in.OldStatusCodes && !f.native {
		setStatus(resp, reply.OldStatus(resp.StatusCode, text))
	}
}

// becauseOf finds the row that says more than a status.
func (f *forward) becauseOf(resp *http.Response, text []byte) {
	switch {
	case f.route.API.SOAP() && f.refusedUpstream(resp) == reply.TokenRefused:
		f.faulted(cause.AppPasswordRefused)
	case f.route.API.SOAP():
		f.faulted(reply.FaultCause(text))
	case f.native && !f.listed && resp.StatusCode == http.StatusUnauthorized:
		f.because(f.ownRefused())
	}
}

// noteUnsuccessful looks for a failure inside a good answer, of the two services that tell theirs so.
func (f *forward) noteUnsuccessful(resp *http.Response) {
	if !f.native && f.route.ReadsFrom(services.Header, services.Body) {
		f.faulted(reply.FaultCause(body.Peek(resp)))
	}
}

// faulted notes why a SOAP call failed; a log-in is told by what was sent for it.
func (f *forward) faulted(why cause.ID) {
	if why == 0 {
		return
	}
	f.event.Outcome = call.OutcomeClientError // as in REST; the status of a fault is 500 whatever it says
	if why != cause.AppPasswordRefused && why != cause.AppKeyRefused {
		f.because(why)
		return
	}
	_, authenticator, _ := f.decision.Shown()
	_, has := f.decision.AppPassword()
	switch {
	case f.native:
		why = f.ownRefused()
	case f.token != nil && has:
		why = cause.BearerNotAppPassword
	case f.token != nil:
		why = cause.BearerRefused
	}
	f.because(why, "user", authenticator)
}

// ownRefused is about what passed unchanged.
func (f *forward) ownRefused() cause.ID {
	if f.event.Scheme == legacy.OAuthBearer.String() || f.event.Scheme == legacy.None.String() {
		return cause.OwnCredentialRefused
	}
	return cause.OldCredentialRefused
}

func setStatus(resp *http.Response, status int) {
	if status != resp.StatusCode {
		resp.StatusCode, resp.Status = status, fmt.Sprintf("%d %s", status, http.StatusText(status))
	}
}

func replaceAnswer(resp *http.Response, a reply.Answer) {
	body.Drain(resp)
	setStatus(resp, a.Status)
	for _, stale := range [...]string{"Content-Encoding", "Www-Authenticate", "Content-Type"} {
		resp.Header.Del(stale)
	}
	maps.Copy(resp.Header, a.Header)
	body.Replace(resp, a.Body)
}
