package sandbox

import (
	"bytes"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// noon is the sandbox's time in every test unless it says otherwise.
var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// world is a sandbox with the standard world and a client that reaches it by DocuSign's names.
type world struct {
	*testing.T
	*Sandbox
	Seed
	client *http.Client
}

func newWorld(t *testing.T, change ...func(*Options)) *world {
	t.Helper()
	o := Options{Now: func() time.Time { return noon }}
	for _, f := range change {
		f(&o)
	}
	s, err := Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	seeded := seed(t, s)
	transport := &http.Transport{
		DialContext: s.Dial, TLSClientConfig: &tls.Config{RootCAs: s.CertPool()}, ForceAttemptHTTP2: true,
		DisableCompression: true,
	}
	t.Cleanup(transport.CloseIdleConnections)
	noRedirect := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &world{t, s, seeded, &http.Client{Transport: transport, CheckRedirect: noRedirect}}
}

// seedKeys are made once for all tests.
var seedKeys = sync.OnceValues(func() (map[string][]byte, error) {
	s, err := Start(Options{})
	if err != nil {
		return nil, err
	}
	defer s.Close()
	w, err := s.Seed()
	return w.PrivateKeys, err
})

func seed(t *testing.T, s *Sandbox) Seed {
	t.Helper()
	keys, err := seedKeys()
	if err != nil {
		t.Fatal(err)
	}
	w, err := s.SeedWith(keys)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) key(name string) *rsa.PrivateKey {
	w.Helper()
	block, _ := pem.Decode(w.PrivateKeys[name])
	key, err := x509.ParsePKCS1PrivateKey(block.Bytes)
	if err != nil {
		w.Fatal(err)
	}
	return key
}

// claims are those of a good assertion for a user.
func (w *world) claims(user string) jwt.MapClaims {
	return jwt.MapClaims{
		"iss": GUIDKey, "sub": user, "aud": "account-d.docusign.com", "iat": noon.Unix(), "exp": noon.Add(time.Hour).Unix(),
		"scope": "signature impersonation",
	}
}

func (w *world) sign(claims jwt.MapClaims) string {
	w.Helper()
	text, err := jwt.NewWithClaims(jwt.SigningMethodRS256, claims).SignedString(w.key(GUIDKey))
	if err != nil {
		w.Fatal(err)
	}
	return text
}

type reply struct {
	status int
	header http.Header
	body   string
}

func (w *world) do(r *http.Request, err error) reply {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
	resp, err := w.client.Do(r)
	if err != nil {
		w.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		w.Fatal(err)
	}
	return reply{resp.StatusCode, resp.Header, string(body)}
}

func (w *world) token(form url.Values) reply {
	w.Helper()
	r, err := http.NewRequest("POST", w.AccountServer()+"/oauth/token", strings.NewReader(form.Encode()))
	if err == nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return w.do(r, err)
}

func (w *world) assert(assertion string) reply {
	w.Helper()
	return w.token(url.Values{"grant_type": {grantJWT}, "assertion": {assertion}})
}

// bearerOf gets an access token for a user.
func (w *world) bearerOf(user string) string {
	w.Helper()
	answer := w.assert(w.sign(w.claims(user)))
	var granted grantedToken
	if err := json.Unmarshal([]byte(answer.body), &granted); err != nil || answer.status != http.StatusOK {
		w.Fatalf("token: %d %s %v", answer.status, answer.body, err)
	}
	return granted.AccessToken
}

// call sends a REST request; headers are name, value pairs and "" sends no bearer.
func (w *world) call(method, target, bearer string, body io.Reader, headers ...string) reply {
	w.Helper()
	r, err := http.NewRequest(method, target, body)
	if err == nil {
		if bearer != "" {
			r.Header.Set("Authorization", "Bearer "+bearer)
		}
		for i := 0; i < len(headers); i += 2 {
			r.Header.Add(headers[i], headers[i+1])
		}
	}
	return w.do(r, err)
}

func (w *world) wantReply(got reply, status int, parts ...string) {
	w.Helper()
	if got.status != status {
		w.Errorf("status %d, want %d; body %s", got.status, status, got.body)
	}
	for _, part := range parts {
		if !strings.Contains(got.body, part) {
			w.Errorf("no %q in %s", part, got.body)
		}
	}
}

func TestStartRefusesAnAddressThatIsNotLoopback(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"0.0.0.0:0", ":0", "192.0.2.1:443", "nonsense"} {
		if s, err := Start(Options{Listen: address}); err == nil {
			t.Errorf("%s: listened", address)
			_ = s.Close()
		}
	}
}

func TestEveryHostIsServedOverBothVersionsOfHTTP(t *testing.T) {
	t.Parallel()
	for name, h2 := range map[string]bool{"HTTP/1.1": false, "HTTP/2.0": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.client.Transport.(*http.Transport).ForceAttemptHTTP2 = h2
			for _, site := range w.Sites() {
				w.wantReply(
					w.call("GET", w.SiteURL(site)+"/restapi/service_information", "", nil), 200, "serviceVersions", "https://"+site,
				)
			}
			for _, r := range w.Requests() {
				if r.Proto != name {
					t.Errorf("%s came as %s", r.Path, r.Proto)
				}
			}
		})
	}
}

func TestAHostThatDiffersFromTheServerNameIsMisdirected(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, host := range map[string]string{
		"another site": "eu.docusign.net", "a stranger": "evil.example.com", "the account server": "account-d.docusign.com",
	} {
		t.Run(name, func(t *testing.T) {
			r, err := http.NewRequest("GET", w.SiteURL("na3.docusign.net")+"/restapi", nil)
			if err == nil {
				r.Host = host
			}
			w.wantReply(w.do(r, err), http.StatusMisdirectedRequest)
		})
	}
}

func TestByPortEachHostHasItsOwnAddress(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *Options) { o.ByPort = true })
	if !strings.HasPrefix(w.AccountServer(), "https://127.0.0.1:") {
		t.Fatal(w.AccountServer())
	}
	claims := w.claims(AnnaID)
	claims["aud"] = strings.TrimPrefix(w.AccountServer(), "https://")
	var granted grantedToken
	if err := json.Unmarshal([]byte(w.assert(w.sign(claims)).body), &granted); err != nil {
		t.Fatal(err)
	}
	site := w.SiteURL("na3.docusign.net")
	w.wantReply(w.call("GET", w.AccountServer()+"/oauth/userinfo", granted.AccessToken, nil), 200, `"base_uri":"`+site+`"`)
	w.wantReply(w.call("GET", site+"/restapi/v2.1/accounts/1234567", granted.AccessToken, nil), 200, ExampleAccountID)
	w.wantReply(
		w.call("GET", w.SiteURL("demo.docusign.net")+"/restapi/v2.1/accounts/1234567", granted.AccessToken, nil), 401,
		"USER_LACKS_MEMBERSHIP",
	)
}

func TestByLoopbackAddressThePathChoosesTheServer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	base := "https://" + w.Addr()
	w.wantReply(w.call("GET", base+"/restapi/v2/accounts/1234567", w.bearerOf(AnnaID), nil), 200)
	w.wantReply(w.call("GET", base+"/oauth/userinfo", w.bearerOf(AnnaID), nil), 200, "anna@example.com")
}

func TestRequestsRememberTheBytes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	body := bytes.Repeat([]byte("x"), keepBody+10)
	w.call(
		"POST", w.SiteURL("demo.docusign.net")+"/restapi/v2/oauth2/token?a=%20b", "", bytes.NewReader(body[:100]), "X-Test",
		"one", "X-Test", "two",
	)
	got := w.Requests()[0]
	if got.BodyLength != 100 || !bytes.Equal(got.Body, body[:100]) || !got.Complete || got.RawQuery != "a=%20b" ||
		len(got.Header["X-Test"]) != 2 || got.Status != 401 {
		t.Errorf("recorded %+v", got)
	}
}

func TestRequestsAreBounded(t *testing.T) {
	t.Parallel()
	rec := &record{}
	for range maxRequests + 2 {
		rec.begin(httptest.NewRequest("GET", "/restapi", nil), "demo.docusign.net", noon)
	}
	if n := len(rec.Requests()); n != maxRequests {
		t.Errorf("kept %d", n)
	}
}

func TestLeaksFindTheLegacyPasswordInItsUsualSpellings(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	site := w.SiteURL("demo.docusign.net") + "/restapi/v2/oauth2/token"
	tests := map[string]struct{ header, body string }{
		"in a JSON header":   {`{"Password":"p@ss\u003cw\u0026rd\u003eé1"}`, ""},
		"in an XML header":   {`<Password>p@ss&lt;w&amp;rd&gt;é1</Password>`, ""},
		"in Latin-1":         {"p@ss<w&rd>\xe91", ""},
		"in a form":          {"", "password=p%40ss%3Cw%26rd%3E%C3%A91"},
		"raw in a JSON body": {"", `{"p":"p@ss<w&rd>é1"}`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w.ResetCounts()
			w.call("POST", site, "", strings.NewReader(tt.body), "X-Any", tt.header)
			if leaks := w.Leaks(); len(leaks) != 1 || strings.Contains(leaks[0], "p@ss") {
				t.Errorf("leaks %q", leaks)
			}
		})
	}
}

func TestPlannedFailures(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	site := w.SiteURL("demo.docusign.net")
	bearer := w.bearerOf(LegacyID)
	t.Run("an answer is replaced as often as asked", func(t *testing.T) {
		w.FailNext(FailureSpec{
			Host: "demo.docusign.net", Path: "/restapi", Times: 2, Status: 502, Body: "bad", ContentType: "text/plain",
		})
		for _, status := range []int{502, 502, 200} {
			w.wantReply(w.call("GET", site+"/restapi", "", nil), status)
		}
	})
	t.Run("a drop after the work leaves the work done", func(t *testing.T) {
		w.FailNext(FailureSpec{Method: "POST", Drop: DropAfterWork})
		r, err := http.NewRequest(
			"POST", site+"/restapi/v2/accounts/1703061/envelopes", strings.NewReader(`{"status":"sent"}`),
		)
		if err != nil {
			t.Fatal(err)
		}
		r.Header = http.Header{"Authorization": {"Bearer " + bearer}, "Content-Type": {"application/json"}}
		before := w.Counts().Envelopes
		if resp, err := w.client.Do(r); err == nil {
			t.Errorf("answered %d", resp.StatusCode)
			_ = resp.Body.Close()
		}
		if w.Counts().Envelopes != before+1 {
			t.Error("the envelope was not made")
		}
	})
	t.Run("a drop in the middle cuts the body", func(t *testing.T) {
		w.FailNext(FailureSpec{Status: 200, Body: strings.Repeat("y", 1000), Drop: DropMidBody})
		resp, err := w.client.Get(site + "/restapi")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if b, err := io.ReadAll(resp.Body); err == nil || len(b) != 500 {
			t.Errorf("%d bytes, error %v", len(b), err)
		}
	})
}

func TestEachRequestIsToldOnceWithWhatItCounted(t *testing.T) {
	t.Parallel()
	told := make(chan Recorded, 3)
	w := newWorld(t, func(o *Options) { o.Served = func(r Recorded) { told <- r } })
	site := w.SiteURL("demo.docusign.net") + "/restapi/v2/login_information"
	w.call("GET", site, "", nil, "X-DocuSign-Authentication", "x")
	w.FailNext(FailureSpec{Status: 502})
	w.call("GET", site, "", nil)
	first, second := <-told, <-told
	want := Counts{Legacy: Legacy{Header: 1}, Refused: map[string]int{"USER_AUTHENTICATION_FAILED": 1}}
	if first.Status != 401 || !reflect.DeepEqual(first.Counted, want) {
		t.Errorf("a refused request: %d, counted %+v", first.Status, first.Counted)
	}
	if second.Status != 502 || !reflect.DeepEqual(second.Counted, Counts{}) || len(told) != 0 {
		t.Errorf("a planned failure: %d, counted %+v", second.Status, second.Counted)
	}
}
