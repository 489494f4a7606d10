package consent

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/internal/template"
)

const (
	DefaultBrowserListen = "127.0.0.1:8765"
	callbackPath         = "/callback"
	pageTimeout          = 90 * time.Second // how long the page waits for the proof
	proofTimeout         = pageTimeout - 10*time.Second
)

// steps is what a command does with a browser.
type steps struct {
	ask   string                         // continues "open this page in a browser on this machine"
	page  func(uri, state string) string // address of the page at DocuSign
	prove func(ctx context.Context, code secret.Text, r *browserResult)
	done  string // title of the last page when all went well
}

// run sends a browser to DocuSign, waits until it comes back, and shows there and on the terminal what came of it.
func (f *BrowserOptions) run(ctx context.Context, c choice, s steps) error {
	b, err := f.listen(c.in.OAuth.RedirectURI, s.done)
	if err != nil {
		return err
	}
	defer b.close()
	page := s.page(b.uri, b.state)
	f.say("redirect URI, to be registered with key %s letter for letter (DocuSign, Admin, Apps and Keys):\n  %s\n"+
		"open this page in a browser on this machine%s:\n  %s\nwaiting for the browser, at most %s\n",
		c.in.OAuth.ClientID, b.uri, s.ask, page, f.Timeout)
	var back url.Values
	select {
	case back = <-b.came:
	case <-ctx.Done():
		return errors.New("stopped before a browser came back; nothing was changed")
	case <-time.After(f.Timeout):
		return fmt.Errorf("no browser came back within %s\nnext: if DocuSign showed an error about the "+
			"redirect URI, register %s with the integration key; then run this again", f.Timeout, b.uri)
	}
	r := browserResult{Integration: c.in.Name, User: c.Username, UserID: c.UserID}
	if code := secret.New(back.Get("code")); code.Empty() {
		r.Text = explainRedirect(back.Get("error"), back.Get("error_description"), b.uri)
	} else {
		s.prove(ctx, code, &r)
	}
	b.result <- r
	return f.tell(r)
}

// browserWait serves a redirect URI on this machine until a browser comes back from DocuSign.
type browserWait struct {
	uri    string // redirect URI
	path   string // of uri
	state  string
	taken  atomic.Bool // a browser has come
	came   chan url.Values
	result chan browserResult // for the browser that came
	done   string             // title of the page when all went well
	http   *http.Server
}

// listen serves the configured redirect URI if it leads to this machine, else one at --listen.
func (f *BrowserOptions) listen(registered, done string) (*browserWait, error) {
	uri, address := "", f.Listen
	if !f.ListenChosen {
		uri, address = Servable(registered, f.Listen)
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
	b := &browserWait{uri: cmp.Or(uri, "http://"+l.Addr().String()+callbackPath), state: rand.Text(),
		done: done, came: make(chan url.Values, 1), result: make(chan browserResult, 1)}
	u, err := url.Parse(b.uri)
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	b.path = cmp.Or(u.Path, "/")
	b.http = &http.Server{Handler: b, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: time.Minute,
		MaxHeaderBytes: 32 << 10}
	go func() { _ = b.http.Serve(l) }() // ends with close
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

func (b *browserWait) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != b.path || r.Method != http.MethodGet {
		showPage(w, http.StatusNotFound, false, "Nothing here",
			"This address only waits for DocuSign to send a browser back.")
		return
	}
	q := r.URL.Query()
	if subtle.ConstantTimeCompare([]byte(q.Get("state")), []byte(b.state)) != 1 {
		showPage(w, http.StatusBadRequest, false, "This does not belong to the page that was printed",
			"The browser came back without the sign (state) that the command gave it, so nothing was done.",
			"Open the address that the command printed once more, in one go.")
		return
	}
	const over = "You can close this window."
	if b.taken.Swap(true) {
		showPage(w, http.StatusOK, true, "This was done already", over)
		return
	}
	b.came <- q
	select {
	case result := <-b.result:
		title, next := "That did not work", ""
		if result.Good {
			title, next = b.done, over
		} else if result.Next != "" {
			next = "Next: " + result.Next + "."
		}
		showPage(w, http.StatusOK, result.Good, title, result.Text+".", next)
	case <-time.After(pageTimeout):
		showPage(w, http.StatusOK, false, "No result yet", "Look at the window in which the command runs.")
	case <-r.Context().Done():
	}
}

// explainRedirect tells what the error of a redirect means (RFC 6749 §4.1.2.1).
func explainRedirect(code, description, uri string) string {
	known := map[string]string{
		"access_denied": "the consent was declined, or the user may not give it; open the page again and accept, or let an " +
			"administrator consent (docusign-auth-proxy consent --admin)",
		"invalid_scope": "DocuSign does not know one of the scopes, or the integration key may not ask for it; write " +
			"scopes: [signature, impersonation]",
		"unauthorized_client": "the integration key may not be used this way; allow the Authorization Code Grant for it in " +
			"Apps and Keys",
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
	said := "DocuSign says " + shortText(code, 60)
	if description != "" {
		said += " (" + shortText(description, 200) + ")"
	}
	return said + ": " + cmp.Or(known[code], "look the error up in DocuSign's documentation of OAuth")
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

func showPage(w http.ResponseWriter, status int, good bool, title string, lines ...string) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer") // the address holds a code
	h.Set("Connection", "close")
	w.WriteHeader(status)
	// A browser that left is its own affair.
	_ = template.HTML(nil, browserPageText).Execute(w, "", map[string]any{"Good": good, "Title": title, "Lines": lines})
}

const browserPageText = `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{{.Title}}</title><style>
body{font:16px/1.5 system-ui,sans-serif;max-width:40em;margin:4em auto;padding:0 1em;color:#1b1b1b}
h1{font-size:1.4em;border-left:.3em solid {{if .Good}}#1a7f37{{else}}#c0392b{{end}};padding-left:.5em}
@media(prefers-color-scheme:dark){body{background:#161616;color:#eee}}
</style></head><body><h1>{{.Title}}</h1>{{range .Lines}}{{with .}}<p>{{.}}</p>{{end}}{{end}}</body></html>
`
