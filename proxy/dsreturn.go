package proxy

import (
	"errors"
	"net/http"
	"strings"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/proxy/route"
	"docusign-auth-proxy/translate/reply"
	"docusign-auth-proxy/translate/soaprest/redirect"
)

// isReturn knows the path at which browsers of signers come back from DocuSign (SOAP-REST.md §4.6). What follows it is
// as good as the program's addresses: it is shown nowhere.
func isReturn(path string) bool { return strings.HasPrefix(path, redirect.Path) }

// serveReturn leads a browser on. It needs no credential, and no place among the clients: signers are anywhere, and the
// state in the address leads only to what an authenticated call named.
func serveReturn(c *incoming) (next, error) {
	c.needsNone()
	c.event.API = call.APIOther
	engine := c.server.cfg.SOAPREST
	if !route.Reads(c.r.Method) || engine == nil {
		return next{}, &call.Error{Kind: call.KindNotFound, Detail: "browsers come back to this path with GET"}
	}
	state := strings.TrimPrefix(c.r.URL.Path, redirect.Path)
	location, err := engine.Return(c.r.Context(), state, c.r.URL.Query())
	switch {
	case errors.Is(err, redirect.ErrGone):
		c.refused(call.OutcomeRefused, cause.BrowserCameBack, "a signer's browser came back: "+err.Error())
		return answered(reply.Page(http.StatusNotFound, "This address is no longer valid. You can close this window."))
	case err != nil:
		return next{}, err
	case location == "":
		return answered(reply.Page(http.StatusOK, "You can close this window."))
	}
	led := reply.Page(http.StatusFound, "You are being led on.")
	led.Header.Set("Location", location)
	return answered(led)
}
