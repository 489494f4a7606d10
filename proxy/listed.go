package proxy

import (
	"net/http"
	"net/url"

	"docusign-auth-proxy/internal/call"

	"docusign-auth-proxy/internal/shown"
	"docusign-auth-proxy/proxy/egress"
	"docusign-auth-proxy/translate"
	"docusign-auth-proxy/translate/legacy"
)

// passListed forwards a plain request to a host of egress.tunnel as it is, over the scheme that the caller named.
func (x *exchange) passListed(r *http.Request, target egress.Host) {
	x.listed, x.native = true, true
	x.event.API, x.event.Mode = call.APIOther, "pass"
	x.decision = &translate.Decision{Action: translate.ActionPass, Scheme: legacy.None}
	x.site = translate.Site{Base: &url.URL{Scheme: r.URL.Scheme, Host: target.String()}}
	r.URL, x.event.Path = x.askedFor, shown.Path(x.askedFor.Path)
	x.send(r)
}
