package app_test

import (
	"bytes"
	"net/http"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/fixture"
	"docusign-auth-proxy/internal/sandbox"
)

// recorded are calls that real SOAP clients made, and what the answer has to contain.
var recorded = []struct{ file, answer string }{
	{"java-axis/01-sidecar-post-credential-asmx-login.http", "<Success>true</Success>"},
	{"java-axis/02-sidecar-post-dsapi-asmx-ping.http", "<PingResult>true</PingResult>"},
	{"java-axis/03-sidecar-post-dsapi-asmx-createandsendenvelope.http", "<Status>Sent</Status>"},
	{"java-axis/04-sidecar-post-dsapi-asmx-requeststatus.http", sandbox.CaptureEnvelopeID},
	{"php-soap/01-sidecar-post-credential-asmx-login.http", "<Success>true</Success>"},
	{"php-soap/02-sidecar-post-dsapi-asmx-ping.http", "<PingResult>true</PingResult>"},
	{"php-soap/03-sidecar-post-dsapi-asmx-createandsendenvelope.http", "<Status>Sent</Status>"},
	{"php-soap/04-sidecar-post-dsapi-asmx-requeststatus.http", sandbox.CaptureEnvelopeID},
	{"php-soap/05-sidecar-post-dsapi-asmx-ping-soap12.http", "<PingResult>true</PingResult>"},
	{"php-soap/06-sidecar-post-dsapi-asmx-createandsendenvelope-soap12.http", "<Status>Sent</Status>"},
	{"php-soap/07-sidecar-post-dsapi-asmx-requeststatus-soap12.http", sandbox.CaptureEnvelopeID},
	{"php-soap/08-sidecar-post-dsapi-asmx-gzip.http", "<PingResult>true</PingResult>"},
	{"php-soap/09-sidecar-post-accountmanagement-asmx-ping-xmlcreds.http", "<PingResult>true</PingResult>"},
	{"py-zeep/01-sidecar-post-credential-asmx-login.http", "<Success>true</Success>"},
	{"py-zeep/02-sidecar-post-dsapi-asmx-ping.http", "<PingResult>true</PingResult>"},
	{"py-zeep/03-sidecar-post-dsapi-asmx-createandsendenvelope.http", "<Status>Sent</Status>"},
	{"py-zeep/04-sidecar-post-dsapi-asmx-requeststatus.http", sandbox.CaptureEnvelopeID},
	{"py-zeep/05-sidecar-post-dsapi-asmx-ping-soap12.http", "<PingResult>true</PingResult>"},
	{"py-zeep/06-sidecar-post-dsapi-asmx-createandsendenvelope-soap12.http", "<Status>Sent</Status>"},
	{"py-zeep/07-sidecar-post-dsapi-asmx-requeststatus-soap12.http", sandbox.CaptureEnvelopeID},
	{"curl/05-sidecar-post-dsapi-asmx-ping.http", "<PingResult>true</PingResult>"},
}

// connects are the CONNECT requests with which the same clients open a tunnel.
var connects = map[string]string{
	"java-axis": "java-axis/05-forward-connect.http",
	"php-soap":  "php-soap/10-forward-connect.http",
	"py-zeep":   "py-zeep/08-forward-connect.http",
	"curl":      "curl/06-forward-connect.http",
}

func soapMode(mode string) func(*fixture.Config) {
	return func(c *fixture.Config) {
		c.Edit = func(integrations []map[string]any) {
			for _, in := range integrations {
				in["soap"] = mode
			}
		}
	}
}

func TestRecordedSOAPClientsInBearerMode(t *testing.T) {
	t.Parallel()
	r := newRig(t, soapMode("bearer"))
	for _, door := range []string{"sidecar", "forward"} {
		for _, c := range recorded {
			t.Run(door+" "+c.file, func(t *testing.T) {
				raw := soapCapture(t, c.file)
				got := r.replaySOAP(t, door, c.file, raw, c.answer)
				came, body := apart(t, raw)
				if strings.Contains(c.file, "credential") {
					if n := len(r.soapRequests()); n != 0 {
						t.Errorf("%d SOAP calls for a Login that is answered from UserInfo", n)
					}
					checkBaseURL(t, door, got)
					return
				}
				rec := r.lastSOAP()
				want := came.Header.Clone()
				want.Set("Authorization", rec.Header.Get("Authorization"))
				if bytes.Contains(raw, []byte(":Timestamp")) {
					want.Set("Accept-Encoding", "identity") // the answer may need a Timestamp
				}
				checkForwarded(t, rec, want, withoutToken(plainBody(t, came.Header, body)))
				if !strings.HasPrefix(rec.Header.Get("Authorization"), "Bearer ey") {
					t.Errorf("Authorization is not a bearer token")
				}
			})
		}
	}
	if n := r.Sandbox.Counts().Legacy.Total(); n != 0 {
		t.Errorf("%d legacy credentials reached DocuSign", n)
	}
}

func TestRecordedSOAPClientsInAppPasswordMode(t *testing.T) {
	t.Parallel()
	r := newRig(t, soapMode("app_password"))
	for _, door := range []string{"sidecar", "forward"} {
		for _, c := range recorded {
			t.Run(door+" "+c.file, func(t *testing.T) {
				raw := soapCapture(t, c.file)
				got := r.replaySOAP(t, door, c.file, raw, c.answer)
				came, body := apart(t, raw)
				if strings.Contains(c.file, "credential") {
					checkBaseURL(t, door, got)
				}
				want := came.Header.Clone()
				if h := came.Header.Get("X-DocuSign-Authentication"); h != "" {
					want.Set("X-DocuSign-Authentication", passwordText.ReplaceAllString(h, "${1}legacy-app-4${2}"))
				}
				if strings.Contains(c.file, "login") {
					want.Set("Accept-Encoding", "identity")
				}
				body = passwordText.ReplaceAll(plainBody(t, came.Header, body), []byte("${1}legacy-app-4${2}"))
				checkForwarded(t, r.lastSOAP(), want, body)
			})
		}
	}
	if n := r.Sandbox.Counts().Legacy.Total(); n != 0 {
		t.Errorf("%d legacy credentials reached DocuSign", n)
	}
}

// replaySOAP sends a recorded request through a door and checks that it was answered well.
func (r *rig) replaySOAP(t *testing.T, door, file string, raw []byte, answer string) string {
	t.Helper()
	r.Sandbox.ResetCounts()
	conn := r.dialSidecar()
	if door == "forward" {
		client, _, _ := strings.Cut(file, "/")
		conn = r.dialThrough(soapCapture(t, connects[client]), "demo.docusign.net")
		raw = bytes.Replace(raw, []byte("Host: 127.0.0.1:28080"), []byte("Host: demo.docusign.net"), 1)
	}
	resp, body := rawExchange(t, conn, "POST", raw)
	if resp.StatusCode != 200 || !strings.Contains(body, answer) {
		t.Fatalf("status %d, want 200 and %q in %s\n%s", resp.StatusCode, answer, body, r.lastLines())
	}
	if bytes.Contains(raw, []byte("HTTP/1.0\r\n")) && (len(resp.TransferEncoding) > 0 || resp.ContentLength < 0) {
		t.Errorf(
			"an HTTP/1.0 client was answered with transfer encoding %q and length %d", resp.TransferEncoding, resp.ContentLength,
		)
	}
	want := "text/xml; charset=utf-8"
	if strings.Contains(file, "soap12") {
		want = "application/soap+xml; charset=utf-8"
	}
	if got := resp.Header.Get("Content-Type"); got != want {
		t.Errorf("Content-Type of the answer is %q, want %q", got, want)
	}
	if asked, answered := bytes.Contains(
		raw, []byte(":Timestamp"),
	), strings.Contains(body, ":Timestamp"); asked != answered || strings.Contains(body, "mustUnderstand") {
		t.Errorf("Timestamp asked for: %t, answered: %t; or the answer must be understood: %s", asked, answered, body)
	}
	r.NoLeak()
	return body
}

func checkBaseURL(t *testing.T, door, answer string) {
	t.Helper()
	want := "<BaseUrl>http://127.0.0.1:28080/api/3.0</BaseUrl>" // the Host header of the recording
	if door == "forward" {
		want = "<BaseUrl>https://demo.docusign.net/api/3.0</BaseUrl>"
	}
	if !strings.Contains(answer, want) {
		t.Errorf("no %s in %s", want, answer)
	}
}

// checkForwarded compares what reached DocuSign, every byte and every header.
func checkForwarded(t *testing.T, rec sandbox.Recorded, want http.Header, body []byte) {
	t.Helper()
	if !bytes.Equal(rec.Body, body) {
		t.Errorf("body upstream\n got %s\nwant %s", rec.Body, body)
	}
	if rec.ContentLength != int64(len(body)) || len(rec.TransferEncoding) > 0 {
		t.Errorf("Content-Length %d and transfer encoding %q, want %d", rec.ContentLength, rec.TransferEncoding, len(body))
	}
	for _, hop := range []string{"Connection", "Keep-Alive", "Content-Encoding", "Content-Length"} {
		want.Del(hop)
	}
	got := rec.Header.Clone()
	got.Del("Content-Length")
	for _, gone := range []string{"X-Docusign-Authentication"} {
		if got.Get(gone) == "" {
			want.Del(gone)
		}
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("headers upstream\n got %v\nwant %v", got, want)
	}
}

var (
	passwordText  = regexp.MustCompile(`(?s)(<(?:\w+:)?Password(?: [^>]*)?>).*?(</(?:\w+:)?Password>)`)
	tokenElement  = regexp.MustCompile(`(?s)<(?:\w+:)?UsernameToken\b.*</(?:\w+:)?UsernameToken>`)
	emptySecurity = regexp.MustCompile(`<(\w+:)?Security\b[^>]*>\s*</(\w+:)?Security>`)
)

// withoutToken is what bearer mode leaves of an envelope: no UsernameToken, and no Security header that held only that.
func withoutToken(body []byte) []byte {
	return emptySecurity.ReplaceAll(tokenElement.ReplaceAll(body, nil), nil)
}
