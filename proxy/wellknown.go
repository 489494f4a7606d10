package proxy

import (
	"net/http"
	"strings"

	"docusign-auth-proxy/internal/call"

	"docusign-auth-proxy/translate"
	"docusign-auth-proxy/translate/legacy"
	"docusign-auth-proxy/translate/reply"
)

// Where the proxy serves its public certificate, for the machine that has to trust it.
const (
	wellKnown    = "/.well-known/"
	caPathPEM    = wellKnown + "docusign-auth-proxy-ca.pem"
	caPathDER    = wellKnown + "docusign-auth-proxy-ca.crt"
	typePEM      = "application/x-pem-file"
	typeCertDER  = "application/x-x509-ca-cert"
	typeText     = "text/plain; charset=utf-8"
	oneHourCache = "public, max-age=3600"
)

// serveOwn answers what the sidecar's address has of its own: the CA certificate, and a hint for people who open it in a browser.
func (x *exchange) serveOwn(r *http.Request) bool {
	if r.URL.Path != "/" && !strings.HasPrefix(r.URL.Path, wellKnown) || r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	x.decision = &translate.Decision{Action: translate.ActionPass, Scheme: legacy.None}
	x.event.API, x.event.Mode = call.APIOther, "pass"
	a, ok := x.ownPage(r)
	if !ok {
		x.refused(call.OutcomeRefused, call.KindNotFound.String(), "nothing is served at this path", "")
	}
	a.WriteTo(&x.w, r)
	return true
}

func (x *exchange) ownPage(r *http.Request) (reply.Answer, bool) {
	page := func(contentType string, body []byte) (reply.Answer, bool) {
		return reply.Answer{Header: http.Header{"Content-Type": {contentType}, "Cache-Control": {oneHourCache}, "X-Content-Type-Options": {"nosniff"}}, Body: body}, true
	}
	ca := x.state.Authority
	switch {
	case r.URL.Path == "/":
		return page(typeText, []byte(x.hint(r)))
	case ca == nil && strings.HasPrefix(r.URL.Path, caPathPEM[:len(caPathPEM)-4]):
		a := reply.Caller{RequestID: x.event.RequestID}.Text(http.StatusNotFound, "This proxy has no CA: docusign-auth-proxy ca init makes one.")
		return a, false
	case r.URL.Path == caPathPEM:
		return page(typePEM, ca.CertPEM())
	case r.URL.Path == caPathDER:
		return page(typeCertDER, ca.DER())
	case r.URL.Path == wellKnown && ca != nil:
		return page(typeText, []byte(caPathPEM+"\n"+caPathDER+"\nSHA-256 "+ca.Fingerprint()+"\n"))
	}
	return reply.Caller{RequestID: x.event.RequestID}.Refuse(reply.Failure{Kind: call.KindNotFound}), false
}

func (x *exchange) hint(r *http.Request) string {
	origin := x.origin(r, x.state.DefaultSite).String()
	return `docusign-auth-proxy is running.

REST base URL for your program:  ` + origin + `/restapi
SOAP address for your program:   ` + origin + `/api/3.0/dsapi.asmx
Or as its HTTP proxy:            HTTP_PROXY=` + origin + ` HTTPS_PROXY=` + origin + `
CA certificate to trust:         ` + origin + caPathPEM + `

Status page and metrics are on the operations listener (listen.admin).
`
}
