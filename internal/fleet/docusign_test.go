//go:build linux

package fleet_test

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"docusign-auth-proxy/internal/processtest"
	"docusign-auth-proxy/internal/sandbox"
	"docusign-auth-proxy/internal/sandbox/certs"
)

const accountServer = "account-d.docusign.com"

// docusign is the sandbox behind a front that can keep answers back, with counts that no replica can influence.
type docusign struct {
	sandbox *sandbox.Sandbox
	address string // where the account server is, and the sites of rows that ask for it

	mu        sync.Mutex
	delay     time.Duration  // of the account server
	held      chan struct{}  // answers for heldPath wait until it is closed; nil = they do not
	heldPath  string         // end of a path
	waiting   int            // answers that are held
	grants    map[string]int // by user
	presented map[string]int // refresh tokens, by their text
	envelopes map[string]int // by the serial in their subject
}

func newDocusign(t *testing.T) *docusign {
	t.Helper()
	d := &docusign{grants: map[string]int{}, presented: map[string]int{}, envelopes: map[string]int{}}
	var err error
	if d.sandbox, err = sandbox.Start(sandbox.Options{Served: d.served}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.sandbox.Close() })
	d.open(t)
	return d
}

// open stands before the sandbox's own listener and passes everything on.
func (d *docusign) open(t *testing.T) {
	t.Helper()
	names := append(d.sandbox.Sites(), accountServer)
	ca, err := certs.New(time.Now(), names, d.sandbox.AuthorityPEM())
	if err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.28.3.1:0", &tls.Config{Certificates: []tls.Certificate{ca.Leaf}})
	if err != nil {
		t.Fatal(err)
	}
	d.address = l.Addr().String()
	quiet := log.New(discard{}, "", 0)
	server := &http.Server{ReadHeaderTimeout: processtest.Patience, ErrorLog: quiet, Handler: &httputil.ReverseProxy{
		ErrorLog:       quiet,
		Rewrite:        func(r *httputil.ProxyRequest) { r.SetURL(&url.URL{Scheme: "https", Host: r.In.Host}) },
		ModifyResponse: d.slow,
		Transport: &http.Transport{
			DialContext:         d.sandbox.Dial,
			TLSClientConfig:     &tls.Config{RootCAs: d.sandbox.CertPool()},
			MaxIdleConnsPerHost: 100,
		},
	}}
	ended := make(chan struct{})
	go func() {
		_ = server.Serve(l) // ends with Close
		close(ended)
	}()
	t.Cleanup(func() {
		d.release()
		_ = server.Close()
		<-ended
	})
}

// discard is where nobody reads what goes wrong with connections of killed processes.
type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

// slow keeps an answer back: what was asked for is done.
func (d *docusign) slow(r *http.Response) error {
	d.mu.Lock()
	delay, held := time.Duration(0), d.held
	if r.Request.Host == accountServer {
		delay = d.delay
	}
	if !strings.HasSuffix(r.Request.URL.Path, d.heldPath) {
		held = nil
	}
	if held != nil {
		d.waiting++
	}
	d.mu.Unlock()
	ctx := r.Request.Context()
	if err := wait(ctx, delay); err != nil || held == nil {
		return err
	}
	select {
	case <-held:
	case <-ctx.Done():
	}
	d.mu.Lock()
	d.waiting--
	d.mu.Unlock()
	return ctx.Err()
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (d *docusign) setDelay(to time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.delay = to
}

// hold keeps back, until release, the answers for paths with that end.
func (d *docusign) hold(path string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.held, d.heldPath = make(chan struct{}), path
}

func (d *docusign) release() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.held != nil {
		close(d.held)
		d.held = nil
	}
}

// answersHeld counts the answers that wait.
func (d *docusign) answersHeld() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.waiting
}

// served counts what the sandbox did.
func (d *docusign) served(r sandbox.Recorded) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if r.Counted.Envelopes > 0 {
		for _, serial := range serials().FindAllString(string(r.Body), -1) {
			d.envelopes[serial]++
		}
	}
	if r.Path != "/oauth/token" {
		return
	}
	form, err := url.ParseQuery(string(r.Body))
	if err != nil {
		return
	}
	if token := form.Get("refresh_token"); token != "" {
		d.presented[token]++
	}
	if r.Counted.Grants > 0 {
		d.grants[grantedTo(form)]++
	}
}

// approve is a browser in which a user approves what a page of the account server asks; it gives where that sends the
// browser.
func (d *docusign) approve(page, user string) (back string, err error) {
	client := http.Client{
		Timeout: processtest.Patience,
		Transport: &http.Transport{
			DialContext: d.sandbox.Dial, TLSClientConfig: &tls.Config{RootCAs: d.sandbox.CertPool()}, DisableKeepAlives: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	resp, err := client.Get(page + "&approve=" + user)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	if back = resp.Header.Get("Location"); back == "" {
		return "", fmt.Errorf("status %d leads nowhere", resp.StatusCode)
	}
	return back, nil
}

// grantedTo is the user of an assertion; grants of another kind are one.
func grantedTo(form url.Values) string {
	parts := strings.Split(form.Get("assertion"), ".")
	if len(parts) != 3 {
		return form.Get("grant_type")
	}
	var claims struct{ Sub string }
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || json.Unmarshal(text, &claims) != nil {
		return "an assertion that cannot be read"
	}
	return claims.Sub
}

func serials() *regexp.Regexp { return regexp.MustCompile(`serial-[0-9]{8}`) }

// total is the number of grants of everybody.
func (d *docusign) total() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := 0
	for _, of := range d.grants {
		n += of
	}
	return n
}

// made counts the envelopes with that serial.
func (d *docusign) made(serial string) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.envelopes[serial]
}

// presentedTwice counts the refresh tokens that came more than once.
func (d *docusign) presentedTwice() (tokens, twice int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, n := range d.presented {
		if n > 1 {
			twice++
		}
	}
	return len(d.presented), twice
}
