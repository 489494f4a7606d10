package app_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"docusign-auth-proxy/internal/app/apptest"
	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/sandbox"
)

const (
	envelope11   = "http://schemas.xmlsoap.org/soap/envelope/"
	envelope12   = "http://www.w3.org/2003/05/soap-envelope"
	namespaceAPI = "http://www.docusign.net/API/3.0"
	namespaceWSS = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
	namespaceWSU = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
	textPassword = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordText"

	requestStatus = `<RequestStatus xmlns="` + namespaceAPI + `"><EnvelopeID>` + sandbox.CaptureEnvelopeID +
		`</EnvelopeID></RequestStatus>`
	listFeatures = `<GetAccountMembershipFeaturesList xmlns="` + namespaceAPI + `"><AccountId>` +
		sandbox.ExampleAccountID + `</AccountId></GetAccountMembershipFeaturesList>`
	timestamp = `<wsu:Timestamp xmlns:wsu="` + namespaceWSU +
		`"><wsu:Created>2026-11-22T10:00:00Z</wsu:Created><wsu:Expires>2026-11-22T10:05:00Z</wsu:Expires></wsu:Timestamp>`
)

// usernameToken is a WS-Security token; name is in the spelling of the program, password is XML text.
func usernameToken(name, password string) string {
	return `<wsse:UsernameToken><wsse:Username>` + name + `</wsse:Username><wsse:Password Type="` + textPassword + `">` +
		password + `</wsse:Password></wsse:UsernameToken>`
}

func security(children string) string {
	return `<wsse:Security xmlns:wsse="` + namespaceWSS + `" s:mustUnderstand="1">` + children + `</wsse:Security>`
}

// soapEnvelope is an envelope of SOAP 1.1 with the given header blocks and body.
func soapEnvelope(header, body string) string {
	return soapEnvelopeOf(envelope11, header, body)
}

func soapEnvelopeOf(version, header, body string) string {
	if header != "" {
		header = "<s:Header>" + header + "</s:Header>"
	}
	return `<?xml version="1.0" encoding="utf-8"?>` + "\r\n" + `<s:Envelope xmlns:s="` + version + `">` + header +
		"<s:Body>" + body + "</s:Body></s:Envelope>"
}

var (
	annaToken  = usernameToken("["+sandbox.GUIDKey+"]anna@example.com", "anna-legacy-1")
	operations = regexp.MustCompile(`<(?:\w+:)?Body[^>]*>\s*<(?:\w+:)?(\w+)[^>]*\bxmlns(?::\w+)?=["']([^"']+)`)
)

// soapPost posts an envelope as a program with SOAP 1.1 does.
func soapPost(t *testing.T, target, envelope string, headers ...string) *http.Request {
	t.Helper()
	req := apptest.Request(t, "POST", target, strings.NewReader(envelope), "Content-Type", "text/xml; charset=utf-8")
	if m := operations.FindStringSubmatch(envelope); m != nil {
		req.Header.Set("SOAPAction", `"`+m[2]+"/"+m[1]+`"`)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	return req
}

// soapRequests are the SOAP calls that reached the sandbox.
func (r *rig) soapRequests() []sandbox.Recorded {
	var out []sandbox.Recorded
	for _, rec := range r.Sandbox.Requests() {
		if strings.Contains(strings.ToLower(rec.Path), ".asmx") && rec.Method == "POST" {
			out = append(out, rec)
		}
	}
	return out
}

// lastSOAP is the one SOAP call that reached the sandbox since the last reset.
func (r *rig) lastSOAP() sandbox.Recorded {
	r.T.Helper()
	all := r.soapRequests()
	if len(all) != 1 {
		r.T.Fatalf("%d SOAP calls reached DocuSign, want 1\n%s", len(all), r.lastLines())
	}
	return all[0]
}

// rawExchange sends bytes as they are and reads one answer.
func rawExchange(t *testing.T, conn net.Conn, method string, raw []byte) (*http.Response, string) {
	t.Helper()
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write(raw); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		t.Fatalf("read answer: %v", err)
	}
	if method == "CONNECT" {
		return resp, ""
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("read answer: %v", err)
	}
	return resp, string(plainBody(t, resp.Header, body))
}

// dialSidecar opens a plain connection to the proxy's own address.
func (r *rig) dialSidecar() net.Conn {
	r.T.Helper()
	conn, err := net.Dial("tcp", r.Addr(call.DoorSidecar))
	if err != nil {
		r.T.Fatal(err)
	}
	r.T.Cleanup(func() { _ = conn.Close() })
	return conn
}

// dialThrough sends a recorded CONNECT and shakes hands with the proxy as host.
func (r *rig) dialThrough(connect []byte, host string) net.Conn {
	r.T.Helper()
	conn := r.dialSidecar()
	resp, _ := rawExchange(r.T, conn, "CONNECT", connect)
	if resp.StatusCode != 200 {
		r.T.Fatalf("CONNECT: status %d", resp.StatusCode)
	}
	tunnel := tls.Client(conn, &tls.Config{RootCAs: r.ProxyCA(), ServerName: host})
	if err := tunnel.Handshake(); err != nil {
		r.T.Fatal(err)
	}
	return tunnel
}

// dialHosts shakes hands with the listener that a hosts file points at.
func (r *rig) dialHosts(t *testing.T, host string) net.Conn {
	t.Helper()
	conn, err := tls.Dial("tcp", r.Addr(call.DoorHosts), &tls.Config{RootCAs: r.ProxyCA(), ServerName: host})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// soapCapture is the bytes that a real client sent.
func soapCapture(t *testing.T, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", "captures", name))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// apart gives head and body of a recorded request.
func apart(t *testing.T, raw []byte) (*http.Request, []byte) {
	t.Helper()
	req, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(raw)))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		t.Fatal(err)
	}
	return req, body
}

func plainBody(t *testing.T, h http.Header, body []byte) []byte {
	t.Helper()
	if h.Get("Content-Encoding") != "gzip" {
		return body
	}
	z, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return plain
}

// lastLines is the end of the proxy's log.
func (r *rig) lastLines() string {
	lines := strings.Split(strings.TrimSpace(r.Log.String()), "\n")
	return strings.Join(lines[max(0, len(lines)-2):], "\n")
}
