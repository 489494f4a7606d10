package consent

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"html/template"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"docusign-auth-proxy/internal/secret"
)

const (
	DefaultBrowserListen = "127.0.0.1:8765"
	callbackPath         = "/callback"
	pageTimeout          = 90 * time.Second // of the proof that the page waits for
)

// browserWait serves a redirect URI on this machine until a browser comes back from DocuSign.
type browserWait struct {
	URI   string // redirect URI
	State string
	path  string
	http  *http.Server
	came  chan returned
	once  sync.Once
}

// returned is a browser that returned with the right state. The page it gets is decided by whoever waits.
type returned struct {
	code   secret.Text
	failed string // what DocuSign says went wrong, explained
	page   chan<- browserPage
}

type browserPage struct {
	Good       bool
	Title      string
	Lines      []string
	statusCode int
}

// newBrowserWait listens. registered is the configured redirect URI: if it leads to this machine it is served, else one
// at listen.
func newBrowserWait(registered, listen string, chosen bool) (*browserWait, error) {
	uri, address := "", listen
	if !chosen {
		uri, address = Servable(registered, listen)
	}
	if !loopbackAddress(address) {
		return nil, fmt.Errorf("--listen %s: only addresses of this machine are served, such as %s: the browser has "+
			"to run here", address, DefaultBrowserListen)
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, withNext(fmt.Errorf("wait for the browser: %w", err),
			"choose a free port with --listen 127.0.0.1:PORT, and register http://127.0.0.1:PORT"+callbackPath+
				" as a redirect URI of the integration key")
	}
	b := &browserWait{URI: uri, State: rand.Text(), came: make(chan returned)}
	if b.URI == "" {
		b.URI = "http://" + l.Addr().String() + callbackPath
	}
	u, err := url.Parse(b.URI)
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	b.path = u.Path
	b.http = &http.Server{Handler: b, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute,
		MaxHeaderBytes: 32 << 10}
	go func() { _ = b.http.Serve(l) }() // ends with Close
	return b, nil
}

// Servable takes a registered redirect URI if this program can answer there.
func Servable(registered, listen string) (uri, address string) {
	u, err := url.Parse(registered)
	if err != nil || u.Scheme != "http" || u.Port() == "" || u.RawQuery != "" {
		return "", listen
	}
	host := u.Hostname()
	if host == "localhost" {
		host = "127.0.0.1"
	}
	address = net.JoinHostPort(host, u.Port())
	if !loopbackAddress(address) {
		return "", listen
	}
	return registered, address
}

func loopbackAddress(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// close lets the last page be read to its end.
func (b *browserWait) close() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_ = b.http.Shutdown(ctx) // nothing but pages is served here
}

// wait returns the first browser that comes back with the right state.
func (b *browserWait) wait(ctx context.Context) (returned, error) {
	select {
	case c := <-b.came:
		return c, nil
	case <-ctx.Done():
		return returned{}, ctx.Err()
	}
}

func (b *browserWait) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != b.path || r.Method != http.MethodGet {
		showPage(w, browserPage{Title: "Nothing here", Lines: []string{"This address only waits for DocuSign to " +
			"send a browser back."}, statusCode: http.StatusNotFound})
		return
	}
	q := r.URL.Query()
	if subtle.ConstantTimeCompare([]byte(q.Get("state")), []byte(b.State)) != 1 {
		showPage(w, browserPage{Title: "This does not belong to the page that was printed", Lines: []string{
			"The browser came back without the sign (state) that the command gave it, so nothing was done.",
			"Open the address that the command printed once more, in one go.",
		}, statusCode: http.StatusBadRequest})
		return
	}
	answered := make(chan browserPage, 1)
	c := returned{code: secret.New(q.Get("code")), page: answered}
	if c.code.Empty() {
		c.failed = explainRedirect(q.Get("error"), q.Get("error_description"), b.URI)
	}
	first := false
	b.once.Do(func() { first = true })
	if !first {
		showPage(w, browserPage{Good: true, Title: "This was done already",
			Lines: []string{"You can close this window."}, statusCode: http.StatusOK})
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), pageTimeout)
	defer cancel()
	select {
	case b.came <- c:
	case <-ctx.Done():
		return
	}
	select {
	case page := <-answered:
		showPage(w, page)
	case <-ctx.Done():
		showPage(w, browserPage{Title: "No result yet",
			Lines: []string{"Look at the window in which the command runs."}, statusCode: http.StatusOK})
	}
}

// explainRedirect tells what the error of a redirect means (RFC 6749 §4.1.2.1).
func explainRedirect(code, description, uri string) string {
	known := map[string]string{
		"access_denied": "the consent was declined, or the user may not give it; open the page again " +
			"and accept, or let an administrator consent (docusign-auth-proxy consent --admin)",
		"invalid_scope": "DocuSign does not know one of the scopes, or the integration key may not ask " +
			"for it; write scopes: [signature, impersonation]",
		"unauthorized_client": "the integration key may not be used this way; allow the Authorization Code " +
			"Grant for it in Apps and Keys",
		"invalid_request": "DocuSign could not read the request; check that " + uri +
			" is registered as a redirect URI of the integration key",
		"unsupported_response_type": "DocuSign could not read the request; report this with the text of the error",
		"server_error":              "DocuSign has a problem; try again later (status.docusign.com)",
		"temporarily_unavailable":   "DocuSign has a problem; try again later (status.docusign.com)",
		"login_required":            "the login was not finished; open the page again and log in",
		"consent_required":          "the consent was not given; open the page again and accept",
		"interaction_required":      "the login was not finished; open the page again and log in",
	}
	if code == "" {
		return "the browser came back with neither a code nor an error; open the page again"
	}
	text := known[code]
	if text == "" {
		text = "look the error up in DocuSign's documentation of OAuth"
	}
	said := "DocuSign says " + shortText(code, 60)
	if description != "" {
		said += " (" + shortText(description, 200) + ")"
	}
	return said + ": " + text
}

// shortText makes what came from a browser fit for a terminal.
func shortText(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r > 0x7e && r < 0xa0 {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	if len(s) > limit {
		s = strings.ToValidUTF8(s[:limit], "") + "…"
	}
	return s
}

func showPage(w http.ResponseWriter, p browserPage) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer") // the address holds a code
	h.Set("Connection", "close")
	w.WriteHeader(p.statusCode)
	page := template.Must(template.New("page").Parse(browserPageText))
	_ = page.Execute(w, p) // a browser that left is its own affair
}

const browserPageText = `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{{.Title}}</title><style>
body{font:16px/1.5 system-ui,sans-serif;max-width:40em;margin:4em auto;padding:0 1em;color:#1b1b1b}
h1{font-size:1.4em;border-left:.3em solid {{if .Good}}#1a7f37{{else}}#c0392b{{end}};padding-left:.5em}
@media(prefers-color-scheme:dark){body{background:#161616;color:#eee}}
</style></head><body><h1>{{.Title}}</h1>{{range .Lines}}<p>{{.}}</p>{{end}}</body></html>
`
