package proxy

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strconv"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/proxy/body"
	"docusign-auth-proxy/proxy/route"
	"docusign-auth-proxy/translate/oauth"
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
			if err != nil || !isAPIPath(u.Path) {
				continue
			}
			if site := f.docuSignSite(u.Host); site != nil {
				resp.Header[name][i] = withOrigin(v, f.origin(site))
			}
		}
	}
}

func isAPIPath(path string) bool {
	for _, prefix := range [...]string{"/restapi", "/api/3.0"} {
		if rest, ok := route.CutPrefixFold(path, prefix); ok && (rest == "" || rest[0] == '/') {
			return true
		}
	}
	return false
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
	if resp.StatusCode < http.StatusBadRequest || f.event.Cause != "" {
		return
	}
	text := body.Peek(resp)
	f.event.Cause = "docusign_" + strconv.Itoa(resp.StatusCode)
	if code := reply.ErrorCode(text); code != "" {
		f.event.Detail = "DocuSign answered " + code
	}
	if f.token != nil && !f.native && f.use() == oauth.UseSOAP && f.refusedUpstream(resp) == reply.TokenRefused {
		f.because(cause.BearerRefused)
	}
	if in := f.integration(); in != nil && in.OldStatusCodes && !f.native {
		setStatus(resp, reply.OldStatus(resp.StatusCode, text))
	}
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
