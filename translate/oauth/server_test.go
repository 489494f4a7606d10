package oauth

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const (
	testIssuer  = "a1b2c3d4-0000-4000-8000-000000000001"
	testUser    = "a1b2c3d4-0000-4000-8000-000000000020"
	testAccount = "a1b2c3d4-0000-4000-8000-000000000010"
	testScopes  = "signature impersonation"
)

func anna() Identity { return Identity{Issuer: testIssuer, Subject: testUser, Scopes: testScopes} }

// RSA keys are slow to make; the tests share three.
var testKeys = sync.OnceValue(func() []*rsa.PrivateKey {
	keys := make([]*rsa.PrivateKey, 3)
	var wg sync.WaitGroup
	for i := range keys {
		wg.Go(func() {
			k, err := rsa.GenerateKey(rand.Reader, 2048)
			if err != nil {
				panic(err)
			}
			keys[i] = k
		})
	}
	wg.Wait()
	return keys
})

func testKey(t testing.TB, i int) *Key {
	t.Helper()
	return NewKey(fmt.Sprintf("key-%d.pem", i), testKeys()[i])
}

type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// docusign is an account server and a REST site in one, strict about what it accepts.
type docusign struct {
	*httptest.Server
	t     testing.TB
	clock *clock

	mu       sync.Mutex
	skew     time.Duration // its clock minus the client's
	accepted []*rsa.PublicKey
	life     any // expires_in; nil = absent
	reply    func(w http.ResponseWriter) bool
	gate     chan struct{} // when set, a grant waits here
	arrived  chan struct{} // one per grant under way
	grants   int
	issued   int
	live     map[string]string // token -> user
	calls    []string          // every request but grants
	info     string            // body of UserInfo; "" = made for the token's user
	rest     func(w http.ResponseWriter, r *http.Request, user string) bool
}

func newDocusign(t testing.TB, accepted ...int) *docusign {
	d := &docusign{t: t, clock: newClock(), life: 3600, arrived: make(chan struct{}, 1000), live: map[string]string{}}
	for _, i := range accepted {
		d.accepted = append(d.accepted, &testKeys()[i].PublicKey)
	}
	d.Server = httptest.NewServer(http.HandlerFunc(d.serve))
	t.Cleanup(d.Server.Close)
	return d
}

func (d *docusign) set(change func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change()
}

func (d *docusign) counts() (grants, calls int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.grants, len(d.calls)
}

func (d *docusign) wantGrants(t *testing.T, want int) {
	t.Helper()
	if got, _ := d.counts(); got != want {
		t.Errorf("%d grants, want %d", got, want)
	}
}

func (d *docusign) serve(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	now := d.clock.Now().Add(d.skew)
	d.mu.Unlock()
	w.Header().Set("Date", now.UTC().Format(http.TimeFormat))
	if r.URL.Path == "/oauth/token" {
		d.token(w, r, now)
		return
	}
	d.mu.Lock()
	d.calls = append(d.calls, r.URL.RequestURI())
	user := d.live[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
	info, rest := d.info, d.rest
	d.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	switch {
	case rest != nil && rest(w, r, user):
	case user == "":
		w.WriteHeader(http.StatusUnauthorized)
		io.WriteString(
			w,
			`{"errorCode":"AUTHORIZATION_INVALID_TOKEN","message":"The access token provided is expired, revoked or `+
				`malformed."}`,
		)
	case r.URL.Path == "/oauth/userinfo" && info != "":
		io.WriteString(w, info)
	case r.URL.Path == "/oauth/userinfo":
		fmt.Fprintf(w, `{"sub":%q,"name":"Anna `+
			`Example","email":"anna@example.com","accounts":[{"account_id":%q,"is_default":true,"account_name":"Example `+
			`Ltd","base_uri":%q}]}`,
			user, testAccount, d.URL)
	default:
		http.NotFound(w, r)
	}
}

func (d *docusign) token(w http.ResponseWriter, r *http.Request, now time.Time) {
	body, _ := io.ReadAll(r.Body)
	d.mu.Lock()
	d.grants++
	gate, reply := d.gate, d.reply
	d.mu.Unlock()
	d.arrived <- struct{}{}
	if gate != nil {
		select {
		case <-gate:
		case <-r.Context().Done():
			return
		}
	}
	if reply != nil && reply(w) {
		return
	}
	w.Header().Set("Content-Type", "application/json")
	user, code, description := d.check(r, string(body), now)
	if code != "" {
		w.WriteHeader(http.StatusBadRequest)
		json.NewEncoder(w).Encode(map[string]string{"error": code, "error_description": description})
		return
	}
	d.mu.Lock()
	d.issued++
	access := fmt.Sprintf("eyJ0eXAiOiJNVCJ9.token-%d", d.issued)
	d.live[access] = user
	life := d.life
	d.mu.Unlock()
	answer := map[string]any{"access_token": access, "token_type": "Bearer", "scope": testScopes}
	if life != nil {
		answer["expires_in"] = life
	}
	json.NewEncoder(w).Encode(answer)
}

// check holds an assertion against PROTOCOL.md §6.2 and §6.3.
func (d *docusign) check(r *http.Request, body string, now time.Time) (user, code, description string) {
	form, err := url.ParseQuery(body)
	if err != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" ||
		r.Header.Get("Authorization") != "" {
		return "", "invalid_request", "not a plain form"
	}
	if len(form) != 2 || len(form["grant_type"]) != 1 || len(form["assertion"]) != 1 {
		return "", "invalid_request", "fields other than grant_type and assertion"
	}
	if form.Get("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer" {
		return "", "unsupported_grant_type", ""
	}
	claims := jwt.MapClaims{}
	token, parts, err := jwt.NewParser().ParseUnverified(form.Get("assertion"), claims)
	if err != nil || len(token.Header) != 2 || token.Header["typ"] != "JWT" || token.Header["alg"] != "RS256" {
		return "", "invalid_request", "header"
	}
	if len(claims) != 6 || claims["aud"] != strings.TrimPrefix(d.URL, "http://") || claims["scope"] != testScopes {
		return "", "invalid_grant", "no_valid_keys_or_signatures"
	}
	iat, exp := int64(claims["iat"].(float64)), int64(claims["exp"].(float64))
	switch {
	case claims["iss"] != testIssuer:
		return "", "invalid_grant", "issuer_not_found"
	case exp-iat != 3600 || iat > now.Unix()+5:
		return "", "invalid_grant", "no_valid_keys_or_signatures"
	case exp <= now.Unix():
		return "", "invalid_grant", "expired_grant"
	}
	d.mu.Lock()
	accepted := slices.Clone(d.accepted)
	d.mu.Unlock()
	signed := strings.Join(parts[:2], ".")
	for _, k := range accepted {
		if jwt.SigningMethodRS256.Verify(signed, token.Signature, k) == nil || verifyRaw(parts, k) {
			return claims["sub"].(string), "", ""
		}
	}
	return "", "invalid_grant", "no_valid_keys_or_signatures"
}

func verifyRaw(parts []string, k *rsa.PublicKey) bool {
	sig, err := jwt.NewParser().DecodeSegment(parts[2])
	return err == nil && jwt.SigningMethodRS256.Verify(parts[0]+"."+parts[1], sig, k) == nil
}

// client makes a Client of d; change adapts the Config. Leaked goroutines fail the test.
func (d *docusign) client(t testing.TB, change func(*Config)) *Client {
	t.Helper()
	cfg := Config{
		AccountServer: d.URL,
		HTTP:          d.Client(),
		Issuers:       map[string][]*Key{testIssuer: {testKey(t, 0)}},
		Now:           d.clock.Now,
		Jitter:        func() float64 { return 0.5 },
		TrustedBase:   func(*url.URL) error { return nil },
	}
	if change != nil {
		change(&cfg)
	}
	c := New(cfg)
	t.Cleanup(func() {
		c.Close()
		for range 10_000 { // a goroutine that has reported its end may still be leaving
			if !fetching() {
				return
			}
			runtime.Gosched()
		}
		t.Error("a fetch outlives Close")
	})
	return c
}

// fetching reports whether the goroutine of any fetch exists.
func fetching() bool {
	stacks := make([]byte, 1<<20)
	return strings.Contains(string(stacks[:runtime.Stack(stacks, true)]), "translate/oauth.(*entry[...]).run(")
}

// settle waits for the background fetches.
func settle(c *Client) { c.fetches.wg.Wait() }

func mustToken(t testing.TB, c *Client, id Identity) *Token {
	t.Helper()
	tok, err := c.Token(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

func refuse(status int, header http.Header, body string) func(http.ResponseWriter) bool {
	return func(w http.ResponseWriter) bool {
		maps.Copy(w.Header(), header)
		w.WriteHeader(status)
		io.WriteString(w, body)
		return true
	}
}
