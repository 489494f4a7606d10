package proxy

import (
	"net/http"
	"strings"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/proxy/route"
	"docusign-auth-proxy/translate"
)

// serveREST translates a REST call, or says why not.
func serveREST(c *incoming) (next, error) {
	if n, ok, err := passProvisioning(c); ok {
		return n, err
	}
	d, err := c.state.Translator.Decide(c.r.Context(), c.credentials())
	if c.route.API == call.APIOther && call.KindOf(err) == call.KindNoCredential {
		// As DocuSign answers for a path it does not have (PROTOCOL.md §8.2).
		return next{}, &call.Error{Kind: call.KindNoPath, Err: err}
	}
	if err := c.accept(d, err, c.tokenAndSite); err != nil {
		return next{}, err
	}
	translated := d.Action == translate.ActionTranslate
	if translated && c.route.API == call.APIOther {
		const where = "a legacy credential counts below /restapi and at the SOAP services alone"
		return next{}, &call.Error{Kind: call.KindNotFound, Detail: where}
	}
	f := c.onward()
	switch {
	case c.route.Local != route.Login:
	case translated:
		return serveLogin(c, f)
	default:
		f.edit = func(resp *http.Response) error { return editObservedLogin(c, resp) }
	}
	return next{forward: f}, nil
}

// passProvisioning passes on the one call whose legacy header names no user: its integrator key counts beside
// X-DocuSign-AppToken (PROTOCOL.md §1.2). ok is false for every other call.
func passProvisioning(c *incoming) (n next, ok bool, err error) {
	r, values := c.r, c.r.Header[headerLegacy]
	if r.Method != http.MethodGet || len(values) != 1 || r.Header.Get("X-Docusign-Apptoken") == "" ||
		len(r.Header["Authorization"]) > 0 || !route.EqualFold(c.route.Account, "provisioning") ||
		strings.Trim(r.URL.Path[c.route.End:], "/") != "" {
		return next{}, false, nil
	}
	d, upstream, err := c.state.Translator.DecideKeyAlone(values[0])
	if d == nil {
		return next{}, false, nil
	}
	c.decision = d
	if err != nil {
		return next{}, true, err
	}
	c.event.Mode = "pass"
	return next{forward: &forward{incoming: c, native: true, legacyHeader: upstream}}, true, nil
}

// servePassword refuses to change a password, unless the program is only observed.
func servePassword(c *incoming) (next, error) {
	d, err := c.state.Translator.Decide(c.r.Context(), c.credentials())
	c.decision = d
	if err != nil {
		return next{}, err
	}
	if d.Action == translate.ActionObserve && c.observesCaller() {
		c.event.Mode = "observe"
		return next{forward: c.onward()}, nil
	}
	return next{}, errPasswordChange()
}

// errPasswordChange refuses a call whose body holds the old password in clear.
func errPasswordChange() error {
	return &call.Error{Kind: call.KindPasswordChange, Detail: "a password cannot be changed through OAuth"}
}
