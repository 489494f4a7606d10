package proxy

import (
	"net/http"
	"strings"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/proxy/body"
	"docusign-auth-proxy/proxy/route"
	"docusign-auth-proxy/translate/reply"
	"docusign-auth-proxy/translate/soap"
)

const maxWSDL = 8 << 20

// Where the proxy serves its public certificate, for the machine that has to trust it.
const (
	wellKnown = "/.well-known/"
	caPathPEM = wellKnown + "docusign-auth-proxy-ca.pem"
	caPathDER = wellKnown + "docusign-auth-proxy-ca.crt"
)

// isOwnPage knows what the sidecar's address has of its own.
func isOwnPage(r *http.Request) bool {
	return (r.URL.Path == "/" || strings.HasPrefix(r.URL.Path, wellKnown)) && route.Reads(r.Method)
}

// serveOwn answers with the CA certificate, or with a hint for people who open the address in a browser.
func serveOwn(c *incoming) (next, error) {
	c.needsNone()
	c.event.API = call.APIOther
	page := func(contentType string, body []byte) (next, error) {
		return answered(reply.Answer{Body: body, Header: http.Header{
			"Content-Type": {contentType}, "Cache-Control": {"public, max-age=3600"}, "X-Content-Type-Options": {"nosniff"},
		}})
	}
	const text = "text/plain; charset=utf-8"
	ca, path := c.state.Authority, c.r.URL.Path
	switch {
	case path == "/":
		return page(text, []byte(hint(c.origin(c.state.DefaultSite).String())))
	case ca != nil && path == caPathPEM:
		return page("application/x-pem-file", ca.CertPEM())
	case ca != nil && path == caPathDER:
		return page("application/x-x509-ca-cert", ca.Certificate().Raw)
	case ca != nil && path == wellKnown:
		return page(text, []byte(caPathPEM+"\n"+caPathDER+"\nSHA-256 "+ca.Fingerprint()+"\n"))
	}
	c.refused(call.OutcomeRefused, cause.NotFound, "nothing is served at this path")
	if ca == nil && strings.HasPrefix(path, strings.TrimSuffix(caPathPEM, ".pem")) {
		return c.text(http.StatusNotFound, "This proxy has no CA: docusign-auth-proxy ca init makes one.")
	}
	return answered(reply.Caller{RequestID: c.event.RequestID}.Refuse(reply.Failure{Kind: call.KindNotFound}))
}

func hint(origin string) string {
	return `docusign-auth-proxy is running.

REST base URL for your program:  ` + origin + `/restapi
SOAP address for your program:   ` + origin + `/api/3.0/dsapi.asmx
Or as its HTTP proxy:            HTTP_PROXY=` + origin + ` HTTPS_PROXY=` + origin + `
CA certificate to trust:         ` + origin + caPathPEM + `

Status page and metrics are on the operations listener (listen.admin).
`
}

// passOpen forwards a call that needs no credential, without any and without a body (PROTOCOL.md §2.6).
func passOpen(c *incoming) (next, error) {
	c.needsNone()
	r := c.r
	r.Body, r.ContentLength, r.TransferEncoding = http.NoBody, 0, nil
	for _, name := range [...]string{"X-Http-Method-Override", "X-Http-Method", "X-Method-Override", "Cookie"} {
		delete(r.Header, name)
	}
	return next{forward: &forward{incoming: c}}, nil
}

// isPreflight knows the call with which a browser asks leave before the call proper (Fetch standard, CORS-preflight
// request; PROTOCOL.md §1.4 V18).
func isPreflight(r *http.Request) bool {
	return r.Method == http.MethodOptions && r.Header.Get("Origin") != "" &&
		r.Header.Get("Access-Control-Request-Method") != ""
}

// passPreflight forwards a preflight, whose answer does not depend on the query: a password there stays here.
func passPreflight(c *incoming) (next, error) {
	if c.route.API == call.APIOther {
		return next{}, &call.Error{Kind: call.KindNoPath, Detail: "a preflight for a path that is not known"}
	}
	u := *c.r.URL
	u.RawQuery, u.ForceQuery = "", false
	c.r.URL = &u
	return passOpen(c)
}

// passAccountServer forwards a call to the account server with its own credential: the grants and UserInfo of
// programs that have migrated. None of them has a legacy password; where one stands, the call is held back.
func passAccountServer(c *incoming) (next, error) {
	c.needsNone()
	return next{forward: c.onward()}, nil
}

func refuseFormBinding(*incoming) (next, error) {
	return next{}, &call.Error{
		Kind:   call.KindFormBinding,
		Detail: "form binding, x.asmx/Operation, has the password in the query or the form",
	}
}

func refuseHelp(*incoming) (next, error) {
	return next{}, &call.Error{Kind: call.KindNotFound, Detail: "a SOAP service takes POST, and GET with ?WSDL"}
}

// passWSDL points the addresses in a WSDL at the door that asked for it.
func passWSDL(c *incoming) (next, error) {
	n, err := passOpen(c)
	n.forward.edit = func(resp *http.Response) error {
		if !strings.Contains(resp.Header.Get("Content-Type"), "xml") {
			return nil
		}
		return body.Edit(resp, maxWSDL, func(src []byte) ([]byte, error) {
			return soap.RewriteWSDL(src, func(address string) string { return c.learntURL(address, nil) })
		})
	}
	return n, err
}
