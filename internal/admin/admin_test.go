package admin_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"docusign-auth-proxy/internal/admin"
	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/observe/ledger"
	"docusign-auth-proxy/internal/secret"
)

var update = flag.Bool("update", false, "write golden files")

func clock() time.Time { return now }

func config(s func() admin.Status) admin.Config {
	return admin.Config{Status: s, Now: clock, Reload: func(context.Context) error { return nil },
		Token: secret.New(operatorToken)}
}

const operatorToken = "c4n4ry-operator-token"

// asOperator sends what the token file holds.
func asOperator(r *http.Request) { r.Header.Set("Authorization", "Bearer "+operatorToken) }

func do(t testing.TB, h http.Handler, method, target string, change ...func(*http.Request)) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(method, target, nil)
	r.Host = "127.0.0.1:9090"
	for _, f := range change {
		f(r)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

var pagePaths = []string{"/", "/?state=failing&refresh=30", "/attention", "/users", "/users?state=consent&q=mark",
	"/unknown", "/security", "/causes", "/integration/nightly-billing", "/integration/nightly-billing?day=2026-03-16",
	"/integration/contracts", "/integration/nobody", "/integration/contracts/user/mark@example.com",
	"/integration/nightly-billing/user/anna@example.com", "/integration/nightly-billing/user/nobody@example.com"}

// texts parses a page and returns the words that a reader sees, element by element.
func texts(t *testing.T, page string) (*html.Node, []string) {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for n := range doc.Descendants() {
		if n.Type == html.TextNode && n.Parent.Data != "style" {
			if words := strings.Join(strings.Fields(n.Data), " "); words != "" {
				list = append(list, words)
			}
		}
	}
	return doc, list
}

func TestOverviewSaysWhatTheReaderNeedsFirst(t *testing.T) {
	w := do(t, admin.NewHandler(config(sample)), "GET", "/")
	if w.Code != http.StatusOK {
		t.Fatalf("status %d", w.Code)
	}
	_, words := texts(t, w.Body.String())
	got := strings.Join(words, "\n") + "\n"
	const golden = "testdata/overview.txt"
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the overview reads differently (run with -update to accept):\n%s", got)
	}
}

func TestEveryPageIsWellMade(t *testing.T) {
	empty := func() admin.Status { return admin.Status{} }
	for name, h := range map[string]http.Handler{"full": admin.NewHandler(config(sample)),
		"empty": admin.NewHandler(config(empty)), "fleet": admin.NewHandler(config(fleet))} {
		for _, path := range pagePaths {
			t.Run(name+path, func(t *testing.T) {
				doc, _ := texts(t, do(t, h, "GET", path).Body.String())
				checkPage(t, doc)
			})
		}
	}
}

func checkPage(t *testing.T, doc *html.Node) {
	t.Helper()
	var headings []string
	ids, labels := map[string]bool{}, map[string]bool{}
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		switch n.Data {
		case "html":
			if attr(n, "lang") == "" {
				t.Error("no language")
			}
		case "th":
			if attr(n, "scope") == "" {
				t.Error("a table header has no scope")
			}
		case "svg":
			if title := n.FirstChild; attr(n, "role") != "img" || title == nil || title.Data != "title" ||
				title.FirstChild == nil {
				t.Error("a picture has no words")
			}
		case "script", "iframe", "object", "embed", "img":
			t.Errorf("there is a <%s>", n.Data)
		case "h1", "h2", "h3", "h4":
			headings = append(headings, n.Data)
		}
		for _, a := range n.Attr {
			checkAttribute(t, n, a)
		}
		if id := attr(n, "id"); id != "" {
			if ids[id] {
				t.Errorf("id %q is there twice", id)
			}
			ids[id] = true
		}
		if attr(n, "role") == "region" {
			if l := attr(n, "aria-label"); l == "" || labels[l] || attr(n, "tabindex") != "0" {
				t.Errorf("region %q has no name of its own or cannot be reached", l)
			}
			labels[attr(n, "aria-label")] = true
		}
	}
	for n := range doc.Descendants() {
		if by := attr(n, "aria-labelledby"); by != "" && !ids[by] {
			t.Errorf("nothing has the id %q", by)
		}
	}
	for i, h := range headings {
		if i == 0 && h != "h1" || i > 0 && h[1] > headings[i-1][1]+1 || i > 0 && h == "h1" {
			t.Errorf("headings are out of order: %v", headings)
		}
	}
}

func checkAttribute(t *testing.T, n *html.Node, a html.Attribute) {
	t.Helper()
	if a.Key == "style" || strings.HasPrefix(a.Key, "on") {
		t.Errorf("<%s> has the attribute %s", n.Data, a.Key)
	}
	external := strings.Contains(a.Val, "//") && !strings.HasPrefix(a.Val, "https://account-d.docusign.com/oauth/")
	if (a.Key == "href" || a.Key == "src" || a.Key == "action") && (external || strings.HasPrefix(a.Val, "javascript:")) {
		t.Errorf("<%s> points to %q", n.Data, a.Val)
	}
}

func attr(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

var hostile = []string{
	`"><script>alert(1)</script>`, `'><img src=x onerror=alert(1)>`, `</style><script>alert(1)</script>`, `{{.}}`,
	`{{template "main"}}`, "\u202egpj.exe\u2066", "a\x00b\x1b[31m\x07\r\x7f",
	"\xff\xfe broken", "javascript:alert(1)", "=HYPERLINK(\"http://evil.example\")", "\n- injected: true\n  # x",
	"*anchor &a !!binary |", strings.Repeat("A", 10_000), strings.Repeat("\u202e", 5_000),
}

// poisoned has the text in every string of the sample.
func poisoned(text string) admin.Status {
	s := sample()
	s.Integrations = s.Integrations[:3]
	for i := range s.Integrations {
		s.Integrations[i].Hours = s.Integrations[i].Hours[:min(1, len(s.Integrations[i].Hours))]
	}
	s.Unknown = append(s.Unknown, admin.Unknown{IntegratorKey: text, Callers: []admin.Caller{{}}, LastSeen: now})
	s.Config.Error, s.Config.Warnings, s.Security.Pins, s.Security.AllowAddresses = text, []string{text}, []admin.Pin{{}},
		[]string{text}
	for i := range s.Integrations {
		for j := range s.Integrations[i].Tokens {
			s.Integrations[i].Tokens[j].Sites = append(s.Integrations[i].Tokens[j].Sites, admin.Site{})
		}
	}
	poison(reflect.ValueOf(&s).Elem(), text)
	for i := range s.Integrations {
		s.Integrations[i].Name = fmt.Sprintf("%s%d", text, i)
	}
	s.Integrations[2].State = string(ledger.StateFailing)
	return s
}

func poison(v reflect.Value, text string) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Slice:
		for i := range v.Len() {
			poison(v.Index(i), text)
		}
	case reflect.Pointer:
		if !v.IsNil() {
			poison(v.Elem(), text)
		}
	case reflect.Struct:
		for _, field := range v.Fields() {
			if field.CanSet() {
				poison(field, text)
			}
		}
	}
}

func TestWhatCallersSendStaysText(t *testing.T) {
	forbidden := regexp.MustCompile("[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]")
	for n, text := range hostile {
		h := admin.NewHandler(config(func() admin.Status { return poisoned(text) }))
		for _, path := range []string{"/", "/unknown", "/security", "/attention", "/users"} {
			t.Run(fmt.Sprint(n, path), func(t *testing.T) {
				body := do(t, h, "GET", path).Body.String()
				doc, _ := texts(t, body)
				checkTags(t, doc)
				if found := forbidden.FindString(body); found != "" {
					t.Errorf("the page has %q", found)
				}
				if strings.Contains(body, strings.Repeat("A", 2001)) {
					t.Error("the text is not cut")
				}
			})
		}
		t.Run(fmt.Sprint(n, " JSON"), func(t *testing.T) {
			body := do(t, h, "GET", "/api/status").Body.String()
			if !json.Valid([]byte(body)) || strings.Contains(body, "<script") || forbidden.MatchString(body) {
				t.Error("the JSON is not safe")
			}
		})
		t.Run(fmt.Sprint(n, " drill-down"), func(t *testing.T) {
			page := do(t, h, "GET", "/").Body.String()
			for _, level := range []string{"an integration", "a user of it"} {
				link := ""
				doc, _ := texts(t, page)
				for n := range doc.Descendants() {
					href := attr(n, "href")
					if strings.HasPrefix(href, "/integration/") && (level == "an integration") != strings.Contains(href, "/user/") {
						link = href // the others differ by a digit
					}
				}
				w := do(t, h, "GET", link)
				if page = w.Body.String(); link == "" || w.Code != http.StatusOK {
					t.Fatalf("%d for the link %q to %s", w.Code, link, level)
				}
				doc, _ = texts(t, page)
				checkTags(t, doc)
			}
		})
	}
}

// checkTags refuses what only a hostile text could have brought in.
func checkTags(t *testing.T, doc *html.Node) {
	t.Helper()
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		if slices.Contains([]string{"script", "img", "style"}, n.Data) {
			t.Errorf("there is a <%s>", n.Data)
		}
		for _, a := range n.Attr {
			if strings.HasPrefix(a.Key, "on") || strings.HasPrefix(a.Val, "javascript:") && a.Key != "aria-label" {
				t.Errorf("<%s %s=%q>", n.Data, a.Key, a.Val)
			}
		}
	}
}

func TestEveryAnswerHasTheSecurityHeaders(t *testing.T) {
	refusing := config(sample)
	refusing.Auth = checkLogin(func(string, secret.Text) bool { return false })
	open, closed := admin.NewHandler(config(sample)), admin.NewHandler(refusing)
	for name, w := range map[string]*httptest.ResponseRecorder{
		"a page":                 do(t, open, "GET", "/"),
		"the style sheet":        do(t, open, "GET", "/static/style.css"),
		"JSON":                   do(t, open, "GET", "/api/status"),
		"nothing there":          do(t, open, "GET", "/nope"),
		"a wrong method":         do(t, open, "DELETE", "/"),
		"health":                 do(t, open, "GET", "/-/healthy"),
		"a login refused":        do(t, closed, "GET", "/"),
		"a foreign host refused": do(t, open, "GET", "/", host("evil.example")),
		"a foreign page refused": do(t, open, "POST", "/-/reload", header("Origin", "https://evil.example")),
		"a path to be cleaned":   do(t, open, "GET", "//x/../"),
	} {
		t.Run(name, func(t *testing.T) {
			for key, want := range map[string]string{
				"Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; " +
					"base-uri 'none'; frame-ancestors 'none'",
				"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer",
				"Cache-Control":              "no-store",
				"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
				"Cross-Origin-Embedder-Policy": "require-corp",
			} {
				if got := w.Header().Get(key); got != want {
					t.Errorf("%s is %q", key, got)
				}
			}
		})
	}
}

// checkLogin makes a check of logins out of a comparison.
func checkLogin(right func(user string, password secret.Text) bool) func() admin.Verify {
	return func() admin.Verify {
		return func(_ context.Context, _ netip.Addr, user string, password secret.Text) error {
			if right(user, password) {
				return nil
			}
			return errors.New("wrong")
		}
	}
}

func host(name string) func(*http.Request) { return func(r *http.Request) { r.Host = name } }

func header(key, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(key, value) }
}

func TestHostsThatAreAnswered(t *testing.T) {
	open := config(sample)
	open.Hosts = []string{"Status.Example.com"}
	guarded := config(sample)
	guarded.Auth = checkLogin(func(string, secret.Text) bool { return true })
	for _, test := range []struct {
		name, host string
		cfg        admin.Config
		want       int
	}{
		{"localhost is", "localhost:9090", open, 200},
		{"an IPv4 address is", "10.1.2.3:9090", open, 200},
		{"an IPv6 address is", "[::1]:9090", open, 200},
		{"an IPv6 address without port is", "[::1]", open, 200},
		{"a configured name is, in any case", "status.example.COM.:9090", open, 200},
		{"a name under localhost is", "proxy.localhost", open, 200},
		{"a name that a stranger made point here is not", "rebound.evil.example:9090", open, 421},
		{"a name that only begins like localhost is not", "localhost.evil.example", open, 421},
		{"a health check of HTTP/1.0 without a name is", "", open, 200},
		{"any name is where a login is asked for", "rebound.evil.example", guarded, 200},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := do(t, admin.NewHandler(test.cfg), "GET", "/", host(test.host),
				func(r *http.Request) { r.SetBasicAuth("ops", "x") })
			if w.Code != test.want {
				t.Errorf("status %d, want %d", w.Code, test.want)
			}
		})
	}
}

func TestLogin(t *testing.T) {
	const password = "c4n4ry-admin"
	cfg := config(sample)
	cfg.Auth = checkLogin(func(user string, p secret.Text) bool { return user == "ops" && p.Equal(secret.New(password)) })
	cfg.Retry, cfg.ConsentPath = func() {}, "/consent"
	h := admin.NewHandler(cfg)
	for _, test := range []struct {
		name, method, path, user, password string
		want                               int
	}{
		{"health asks for none", "GET", "/-/healthy", "", "", 200},
		{"readiness asks for none", "GET", "/-/ready", "", "", 200},
		{"a page asks for one", "GET", "/", "", "", 401},
		{"HEAD asks for one", "HEAD", "/api/status", "", "", 401},
		{"metrics ask for one", "GET", "/metrics", "", "", 401},
		{"the style sheet asks for one", "GET", "/static/style.css", "", "", 401},
		{"reload asks for one", "POST", "/-/reload", "", "", 401},
		{"asking DocuSign again asks for one", "POST", "/-/retry", "", "", 401},
		{"asking DocuSign again with it", "POST", "/-/retry", "ops", password, 200},
		{"a browser that comes back from the consent page is asked", "GET", "/consent?code=x", "", "", 401},
		{"a wrong password is refused", "GET", "/", "ops", "wrong", 401},
		{"a wrong user is refused", "GET", "/", "root", password, 401},
		{"the right one gets in", "GET", "/", "ops", password, 200},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := do(t, h, test.method, test.path, func(r *http.Request) {
				if test.user != "" {
					r.SetBasicAuth(test.user, test.password)
				}
			})
			if w.Code != test.want {
				t.Errorf("status %d, want %d", w.Code, test.want)
			}
			if asks := w.Header().Get("WWW-Authenticate") != ""; asks != (test.want == 401) {
				t.Errorf("asks for a login: %v", asks)
			}
		})
	}
}

func TestMethods(t *testing.T) {
	h := admin.NewHandler(config(sample))
	for _, test := range []struct {
		method, path string
		want         int
		allow        string
	}{
		{"GET", "/-/reload", 405, "POST, PUT"},
		{"POST", "/-/reload", 200, ""},
		{"PUT", "/-/reload", 200, ""},
		{"POST", "/", 405, "GET, HEAD, OPTIONS"},
		{"OPTIONS", "/", 200, ""},
		{"OPTIONS", "/-/ready", 200, ""},
		{"OPTIONS", "/-/healthy", 200, ""},
		{"DELETE", "/api/status", 405, "GET, HEAD"},
		{"GET", "/favicon.ico", 204, ""},
		{"GET", "/metrics", 404, ""},
		{"GET", "/static/", 404, ""},
		{"GET", "/static/../templates/layout.html", 307, ""},
		{"GET", "/integration/nobody", 404, ""},
	} {
		t.Run(test.method+test.path, func(t *testing.T) {
			w := do(t, h, test.method, test.path, asOperator)
			if w.Code != test.want || w.Header().Get("Allow") != test.allow {
				t.Errorf("%d, Allow %q", w.Code, w.Header().Get("Allow"))
			}
		})
	}
}

func TestHeadTellsTheLengthWithoutABody(t *testing.T) {
	s := httptest.NewServer(admin.NewHandler(config(sample)))
	defer s.Close()
	for _, path := range []string{"/", "/api/status", "/-/healthy", "/static/style.css"} {
		head, err := s.Client().Head(s.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		head.Body.Close()
		get, err := s.Client().Get(s.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		get.Body.Close()
		if head.StatusCode != 200 || head.ContentLength <= 0 || head.ContentLength != get.ContentLength {
			t.Errorf("%s: %d, %d bytes, GET %d", path, head.StatusCode, head.ContentLength, get.ContentLength)
		}
	}
}

func TestReload(t *testing.T) {
	calls, result := 0, error(nil)
	cfg := config(sample)
	cfg.Reload = func(context.Context) error { calls++; return result }
	h := admin.NewHandler(cfg)
	for _, test := range []struct {
		name   string
		result error
		change func(*http.Request)
		want   int
		calls  int
		body   string
	}{
		{"a program gets a word", nil, header("Accept", "*/*"), 200, 1, "reloaded\n"},
		{"a browser's form gets the page", nil, func(r *http.Request) {
			r.Header.Set("Sec-Fetch-Site", "same-origin")
			r.Header.Set("Accept", "text/html,*/*")
		}, 303, 1, ""},
		{"a failure is told", errors.New("proxy.yaml:3: no such key\x1b[31m"), header("Accept", "*/*"), 500, 1,
			"not reloaded, the old configuration stays in force:\nproxy.yaml:3: no such key�[31m\n"},
		{"another site's form is refused", nil, header("Sec-Fetch-Site", "cross-site"), 403, 0,
			"refused: the request comes from another site's page\n"},
		{"an older browser's is refused by its origin", nil, header("Origin", "https://evil.example"), 403, 0,
			"refused: the request comes from another site's page\n"},
		{"a page without origin is refused", nil, header("Origin", "null"), 403, 0,
			"refused: the request comes from another site's page\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			calls, result = 0, test.result
			w := do(t, h, "POST", "/-/reload", asOperator, test.change)
			if w.Code != test.want || calls != test.calls || w.Body.String() != test.body {
				t.Errorf("%d, %d calls, %q", w.Code, calls, w.Body.String())
			}
		})
	}
	cfg.Reload = nil
	if w := do(t, admin.NewHandler(cfg), "POST", "/-/reload", asOperator); w.Code != http.StatusNotImplemented {
		t.Errorf("without a way to reload: %d", w.Code)
	}
}

func TestRetry(t *testing.T) {
	calls, now := 0, time.Now()
	cfg := config(sample)
	cfg.Retry, cfg.ConsentPath, cfg.Now = func() { calls++ }, "/consent", func() time.Time { return now }
	browser := header("Accept", "text/html,*/*")
	for _, test := range []struct {
		name, method, path string
		change             func(*http.Request)
		want, calls        int
	}{
		{"a program asks", "POST", "/-/retry", header("Accept", "*/*"), 200, 1},
		{"a browser's form gets the page", "POST", "/-/retry", browser, 303, 1},
		{"another site's form is refused", "POST", "/-/retry", header("Sec-Fetch-Site", "cross-site"), 403, 0},
		{"a look is not enough", "GET", "/-/retry", browser, 405, 0},
		{"a browser comes back from the consent page", "GET", "/consent?code=abc&state=x", browser, 303, 1},
		{"one that comes back without consent changes nothing", "GET", "/consent?error=access_denied", browser, 303, 0},
		{"a code elsewhere means nothing", "GET", "/?code=abc", browser, 200, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			calls = 0
			w := do(t, admin.NewHandler(cfg), test.method, test.path, test.change)
			if w.Code != test.want || calls != test.calls || w.Code == 303 && w.Header().Get("Location") != "/" {
				t.Errorf("%d, %d calls, %v", w.Code, calls, w.Header())
			}
		})
	}
	t.Run("no more than once in 3 s over time", func(t *testing.T) {
		calls = 0
		h := admin.NewHandler(cfg)
		var last *httptest.ResponseRecorder
		for range 100 {
			do(t, h, "GET", "/consent?code=abc")
			last = do(t, h, "POST", "/-/retry")
		}
		if calls != 10 || last.Code != http.StatusTooManyRequests || last.Header().Get("Retry-After") != "3" {
			t.Errorf("%d calls, %d %v", calls, last.Code, last.Header())
		}
		now = now.Add(3 * time.Second)
		if w := do(t, h, "POST", "/-/retry"); w.Code != 200 {
			t.Errorf("after a while: %d", w.Code)
		}
	})
	cfg.Retry = nil
	if w := do(t, admin.NewHandler(cfg), "POST", "/-/retry"); w.Code != http.StatusNotFound {
		t.Errorf("without a way to: %d", w.Code)
	}
}

func TestReadiness(t *testing.T) {
	cfg := config(sample)
	var reason error
	cfg.Ready = func() error { return reason }
	h := admin.NewHandler(cfg)
	if w := do(t, h, "GET", "/-/ready"); w.Code != 200 || w.Body.String() != "ready\n" {
		t.Errorf("ready: %d %q", w.Code, w.Body)
	}
	reason = errors.New("no listener is open yet")
	if w := do(t, h, "GET", "/-/ready"); w.Code != 503 || w.Body.String() != "not ready: no listener is open yet\n" {
		t.Errorf("not ready: %d %q", w.Code, w.Body)
	}
	if w := do(t, h, "GET", "/-/healthy"); w.Code != 200 || w.Body.String() != "healthy\n" {
		t.Errorf("healthy: %d %q", w.Code, w.Body)
	}
}

func TestRefreshIsAskedForAndBounded(t *testing.T) {
	h := admin.NewHandler(config(sample))
	for query, want := range map[string]string{"": "", "?refresh=30": "30", "?refresh=1": "5", "?refresh=99999": "3600",
		"?refresh=0": "", "?refresh=-3": "", "?refresh=x": "", "?refresh=30;url=//evil": ""} {
		if got := do(t, h, "GET", "/"+query).Header().Get("Refresh"); got != want {
			t.Errorf("%q: Refresh %q", query, got)
		}
	}
	if strings.Contains(do(t, h, "GET", "/?refresh=30").Body.String(), "http-equiv") {
		t.Error("the page refreshes by a meta element")
	}
}

func TestExtraRoutesAreForTheOperatorAlone(t *testing.T) {
	cfg := config(sample)
	cfg.Metrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "metric 1") })
	cfg.Extra = map[string]http.Handler{
		"GET /captures": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, admin.By(r)) }),
	}
	h := admin.NewHandler(cfg)
	if w := do(t, h, "GET", "/captures", asOperator); w.Body.String() != "192.0.2.1:1234" ||
		w.Header().Get("Content-Security-Policy") == "" {
		t.Errorf("%d %q", w.Code, w.Body)
	}
	if w := do(t, h, "GET", "/captures"); w.Code != 401 {
		t.Errorf("anybody gets %d", w.Code)
	}
	if w := do(t, h, "GET", "/captures", asOperator, host("evil.example")); w.Code != 421 {
		t.Errorf("a foreign host gets %d", w.Code)
	}
	if w := do(t, h, "GET", "/metrics"); w.Body.String() != "metric 1" {
		t.Errorf("metrics: %d %q", w.Code, w.Body)
	}
}

// A loopback address is reached by every user of the machine.
func TestWhatChangesSomethingNeedsALoginOrTheTokenFile(t *testing.T) {
	const password = "c4n4ry-admin"
	open, both, none := config(sample), config(sample), config(sample)
	both.Auth = checkLogin(func(user string, p secret.Text) bool { return user == "ops" && p.Equal(secret.New(password)) })
	none.Token = secret.Text{}
	login := func(r *http.Request) { r.SetBasicAuth("ops", password) }
	nothing := func(*http.Request) {}
	for _, test := range []struct {
		name    string
		cfg     admin.Config
		who     func(*http.Request)
		reload  int
		reading int
		says    string
	}{
		{"nobody", open, nothing, 401, 200, "admin.token_file"},
		{"the token", open, asOperator, 200, 200, ""},
		{"the token, the scheme in another case", open, header("Authorization", "bearer "+operatorToken), 200, 200, ""},
		{"a wrong token", open, header("Authorization", "Bearer x"+operatorToken), 401, 200, "admin.token_file"},
		{"an empty token", open, header("Authorization", "Bearer "), 401, 200, "admin.token_file"},
		{"the token as a password", open, func(r *http.Request) { r.SetBasicAuth("", operatorToken) }, 401, 200,
			"admin.token_file"},
		{"a login where none is configured", open, login, 401, 200, "admin.token_file"},
		{"an empty token where there is no token file", none, header("Authorization", "Bearer "), 401, 200,
			"set admin.basic_auth"},
		{"nobody where there is no token file", none, nothing, 401, 200, "set admin.basic_auth"},
		{"with both, the login", both, login, 200, 200, ""},
		{"with both, the token", both, asOperator, 200, 200, ""},
		{"with both, a wrong token", both, header("Authorization", "Bearer x"), 401, 401, "user name and password"},
		{"with both, nobody", both, nothing, 401, 401, "user name and password"},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := admin.NewHandler(test.cfg)
			for _, method := range []string{"POST", "PUT"} {
				if w := do(t, h, method, "/-/reload", test.who); w.Code != test.reload ||
					!strings.Contains(w.Body.String(), test.says) {
					t.Errorf("reload by %s: %d %q", method, w.Code, w.Body)
				}
			}
			if w := do(t, h, "GET", "/api/status", test.who); w.Code != test.reading {
				t.Errorf("reading: %d", w.Code)
			}
		})
	}
	if body := do(t, admin.NewHandler(open), "GET", "/").Body.String(); strings.Contains(body, "/-/reload") {
		t.Error("the page offers a button that a browser without a login cannot use")
	}
	if body := do(t, admin.NewHandler(both), "GET", "/", login).Body.String(); !strings.Contains(body, "/-/reload") {
		t.Error("the page offers no button to who has logged in")
	}
}

// Probes of load balancers speak HTTP/1.0 and send no Host (RFC 9112 §3.2 demands it of HTTP/1.1 alone).
func TestProbesWithoutAHostAreAnswered(t *testing.T) {
	login := config(sample)
	login.Auth = checkLogin(func(string, secret.Text) bool { return false })
	login.Metrics = http.NotFoundHandler()
	open := config(sample)
	open.Metrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "metric 1") })
	var reason error
	open.Ready = func() error { return reason }
	ask := func(t *testing.T, cfg admin.Config, head string) string {
		t.Helper()
		s := httptest.NewServer(admin.NewHandler(cfg))
		defer s.Close()
		c, err := net.Dial("tcp", s.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		fmt.Fprint(c, head)
		line, err := bufio.NewReader(c).ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		return strings.Fields(line)[1]
	}
	for _, test := range []struct {
		head string
		cfg  admin.Config
		want string
	}{
		{"OPTIONS / HTTP/1.0\r\n\r\n", open, "200"}, // HAProxy: option httpchk
		{"OPTIONS /-/ready HTTP/1.0\r\n\r\n", open, "200"},
		{"GET /-/ready HTTP/1.0\r\n\r\n", open, "200"},
		{"HEAD /-/healthy HTTP/1.0\r\n\r\n", open, "200"},
		{"GET /metrics HTTP/1.0\r\n\r\n", open, "200"},
		{"GET / HTTP/1.1\r\nHost:\r\n\r\n", open, "200"},
		{"OPTIONS / HTTP/1.0\r\nHost: rebound.evil.example\r\n\r\n", open, "421"},
		{"OPTIONS / HTTP/1.0\r\n\r\n", login, "200"},
		{"GET /-/ready HTTP/1.0\r\n\r\n", login, "200"},
		{"GET /metrics HTTP/1.0\r\n\r\n", login, "401"},
		{"OPTIONS /metrics HTTP/1.0\r\n\r\n", login, "401"},
	} {
		t.Run(test.head, func(t *testing.T) {
			if got := ask(t, test.cfg, test.head); got != test.want {
				t.Errorf("status %s, want %s", got, test.want)
			}
		})
	}
	reason = errors.New("no listener is open yet")
	if got := ask(t, open, "OPTIONS / HTTP/1.0\r\n\r\n"); got != "503" {
		t.Errorf("not ready: status %s", got)
	}
}

func TestAPanicIsCaughtAndCountedWithoutItsValue(t *testing.T) {
	const canary = "c4n4ry-in-a-panic"
	var log bytes.Buffer
	panics, begun := 0, false
	cfg := config(func() admin.Status { panic(canary) })
	cfg.Log, cfg.OnPanic = slog.New(slog.NewTextHandler(&log, nil)), func() { panics++ }
	cfg.Extra = map[string]http.Handler{"GET /half": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "half an answer")
		begun = true
		panic(canary)
	})}
	h := admin.NewHandler(cfg)
	if w := do(t, h, "GET", "/"); w.Code != 500 || strings.Contains(w.Body.String(), canary) ||
		w.Header().Get("Content-Security-Policy") == "" {
		t.Errorf("%d %q", w.Code, w.Body)
	}
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = slog.NewLogLogger(cfg.Log.Handler(), slog.LevelError)
	s.Start()
	defer s.Close()
	q, err := http.NewRequest("GET", s.URL+"/half", nil)
	if err != nil {
		t.Fatal(err)
	}
	asOperator(q)
	if resp, err := s.Client().Do(q); err == nil {
		_, err = io.ReadAll(resp.Body)
		resp.Body.Close()
		if err == nil {
			t.Error("half an answer looks like a whole one")
		}
	}
	s.Close() // waits for the handler
	if panics != 2 || !begun {
		t.Errorf("%d panics were counted", panics)
	}
	if text := log.String(); strings.Contains(text, canary) || !strings.Contains(text,
		"panic in the operations listener") || !strings.Contains(text, "stack=") {
		t.Errorf("the log: %s", text)
	}
}

func TestJSONIsStable(t *testing.T) {
	body := do(t, admin.NewHandler(config(sample)), "GET", "/api/status").Body.Bytes()
	var back admin.Status
	if err := json.Unmarshal(body, &back); err != nil {
		t.Fatal(err)
	}
	if back.Schema != 1 || back.Migration.Need != 4 || back.Migration.Total != 7 ||
		back.UptimeSeconds != int64((9*day+3*hour)/time.Second) {
		t.Errorf("schema %d, migration %+v, up %d s", back.Schema, back.Migration, back.UptimeSeconds)
	}
	var fields []string
	walk(reflect.TypeFor[admin.Status](), "", &fields)
	got := strings.Join(fields, "\n") + "\n"
	const golden = "testdata/schema.txt"
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the fields differ from %s: adding is allowed (-update), renaming and removing is not", golden)
	}
	if strings.Contains(string(body), "null") {
		t.Error("an absent list is null")
	}
}

var snake = regexp.MustCompile(`^[a-z0-9_]+$`)

func walk(typ reflect.Type, prefix string, fields *[]string) {
	for typ.Kind() == reflect.Slice || typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	switch {
	case typ == reflect.TypeFor[netip.Addr](), typ == reflect.TypeFor[cause.Severity](),
		typ.Kind() == reflect.String: // a text in JSON
		*fields = append(*fields, prefix+" string")
		return
	case typ.Kind() != reflect.Struct || typ == reflect.TypeFor[time.Time]():
		*fields = append(*fields, prefix+" "+typ.String())
		return
	}
	for field := range typ.Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case name == "-":
			continue
		case name == "" && field.Anonymous:
			walk(field.Type, prefix, fields)
			continue
		}
		if !snake.MatchString(name) {
			panic("no name in snake case: " + field.Name)
		}
		walk(field.Type, strings.TrimPrefix(prefix+"."+name, "."), fields)
	}
}

func TestStatusHasNoPlaceForASecret(t *testing.T) {
	var fields []string
	walk(reflect.TypeFor[admin.Status](), "", &fields)
	for _, f := range fields {
		if strings.Contains(f, "secret.") {
			t.Errorf("%s is a secret", f)
		}
	}
}

// A secret can only come in by a hook; none of them may show it.
func TestSecretsOfHooksAreNotShown(t *testing.T) {
	const canary = "c4n4ry-password"
	cfg := config(sample)
	cfg.Auth = checkLogin(func(_ string, p secret.Text) bool { return p.Equal(secret.New(canary)) })
	cfg.Reload = func(context.Context) error { return fmt.Errorf("cannot use %v", secret.New(canary)) }
	h := admin.NewHandler(cfg)
	asOps := func(r *http.Request) { r.SetBasicAuth("ops", canary) }
	for _, path := range append(pagePaths, "/api/status", "/nope") {
		w := do(t, h, "GET", path, asOps)
		if strings.Contains(w.Body.String()+fmt.Sprint(w.Header()), canary) {
			t.Errorf("%s shows the password", path)
		}
	}
	if w := do(t, h, "POST", "/-/reload", asOps); strings.Contains(w.Body.String(), canary) {
		t.Error("reload shows the password")
	}
}

func TestPagesLeaveTheStatusAlone(t *testing.T) {
	shared := sample()
	h := admin.NewHandler(config(func() admin.Status { return shared }))
	before := fmt.Sprintf("%+v", shared)
	for _, path := range pagePaths {
		do(t, h, "GET", path)
	}
	if after := fmt.Sprintf("%+v", shared); after != before {
		t.Error("a page changed the status")
	}
}
