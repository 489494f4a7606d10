package reply

import (
	"bufio"
	"bytes"
	"encoding/json"
	"encoding/xml"
	"flag"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"time"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/internal/services"
)

var update = flag.Bool("update", false, "write the golden files")

// golden compares a whole answer, status and headers included, with testdata/name.golden.
func golden(t *testing.T, name string, a Answer) {
	t.Helper()
	rec := httptest.NewRecorder()
	a.WriteTo(rec, httptest.NewRequest(http.MethodGet, "/", nil))
	var b bytes.Buffer
	res := rec.Result()
	b.WriteString(res.Status + "\n")
	var names []string
	for k := range res.Header {
		names = append(names, k)
	}
	sort.Strings(names)
	for _, k := range names {
		b.WriteString(k + ": " + strings.Join(res.Header[k], ", ") + "\n")
	}
	b.WriteString("\n")
	b.Write(a.Body)
	goldenBytes(t, name, b.Bytes())
}

func goldenBytes(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs\ngot:\n%s\nwant:\n%s", path, got, want)
	}
}

func wellFormed(t *testing.T, a Answer) {
	t.Helper()
	switch ct := a.Header.Get("Content-Type"); {
	case len(a.Body) == 0:
	case strings.Contains(ct, "json"):
		if !json.Valid(a.Body) {
			t.Errorf("not JSON: %s", a.Body)
		}
	case strings.Contains(ct, "xml"):
		if _, err := parse(a.Body); err != nil {
			t.Errorf("not XML: %v: %s", err, a.Body)
		}
	default:
		t.Errorf("content type %q", ct)
	}
}

// parsed is an XML element.
type parsed struct {
	XMLName  xml.Name
	Attrs    []xml.Attr `xml:",any,attr"`
	Children []*parsed  `xml:",any"`
	Text     string     `xml:",chardata"`
}

func parse(b []byte) (*parsed, error) {
	var e parsed
	dec := xml.NewDecoder(bytes.NewReader(b))
	if err := dec.Decode(&e); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, err
	}
	return &e, nil
}

func (e *parsed) at(path ...string) *parsed {
	for _, name := range path {
		var next *parsed
		for _, c := range e.Children {
			if c.XMLName.Local == name {
				next = c
				break
			}
		}
		if next == nil {
			return &parsed{}
		}
		e = next
	}
	return e
}

var (
	noon = time.Date(2026, 11, 22, 12, 0, 0, 5e6, time.FixedZone("CET", 3600))
	anna = LoginAccount{
		Name: "Example & Sons", AccountID: "1234567", AccountGUID: "a1b2c3d4-0000-4000-8000-000000000010",
		BaseURL: "https://demo.docusign.net", IsDefault: true, UserName: `Anna "É" Example`,
		UserID: "a1b2c3d4-0000-4000-8000-000000000020", Email: "anna@example.com",
	}
	second = LoginAccount{
		Name: "Other", AccountGUID: "a1b2c3d4-0000-4000-8000-000000000011", BaseURL: "http://127.0.0.1:8080/docusign",
		UserName: "Anna", UserID: "a1b2c3d4-0000-4000-8000-000000000020", Email: "anna@example.com",
	}
)

func TestAnswersAreNeverChunked(t *testing.T) {
	a := Caller{RequestID: "r-1"}.Refuse(Failure{Kind: call.KindBadLogin})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { a.WriteTo(w, r) }))
	defer srv.Close()
	for _, tc := range []struct {
		name, request string
		body          int
	}{
		{"an HTTP/1.0 caller gets a length and the body", "GET / HTTP/1.0\r\n\r\n", len(a.Body)},
		{
			"an HTTP/1.1 caller gets a length and the body", "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
			len(a.Body),
		},
		{"HEAD gets the length without the body", "HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			conn, err := net.Dial("tcp", srv.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := io.WriteString(conn, tc.request); err != nil {
				t.Fatal(err)
			}
			method, _, _ := strings.Cut(tc.request, " ")
			res, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(res.Body)
			if err != nil {
				t.Fatal(err)
			}
			if res.StatusCode != 401 || len(body) != tc.body || res.ContentLength != int64(len(a.Body)) ||
				len(res.TransferEncoding) != 0 {
				t.Errorf(
					"status %d, %d bytes, length %d, transfer %v", res.StatusCode, len(body), res.ContentLength, res.TransferEncoding,
				)
			}
		})
	}
}

func TestAnswerWriteTo(t *testing.T) {
	rec := httptest.NewRecorder()
	rec.Header().Set("Connection", "close")
	rec.Header().Set("Content-Length", "999")
	a := Caller{}.Text(403, "no")
	a.WriteTo(rec, httptest.NewRequest(http.MethodGet, "/", nil))
	if rec.Header().Get("Connection") != "close" || rec.Header().Get("Content-Length") != "3" ||
		rec.Body.String() != "no\n" || rec.Code != 403 {
		t.Errorf("%d %v %q", rec.Code, rec.Header(), rec.Body)
	}
	rec.Header()["Content-Type"][0] = "changed"
	if a.Header.Get("Content-Type") == "changed" {
		t.Error("the written header shares memory with the answer")
	}
	rec = httptest.NewRecorder()
	Answer{}.WriteTo(rec, httptest.NewRequest(http.MethodGet, "/", nil))
	if rec.Code != 200 || rec.Header().Get("Content-Length") != "0" {
		t.Errorf("zero answer: %d %v", rec.Code, rec.Header())
	}
}

func TestGolden(t *testing.T) {
	const actor = "https://demo.docusign.net/api/3.0/dsapi.asmx?a=1&b=2"
	odd := Failure{
		Kind: call.KindNotAllowed, Detail: "\"quoted\" \\ <tag> & é \u2028 \x01 \xff end\r\n", Cause: "not_listed",
		RetryAfter: 1500 * time.Millisecond,
	}
	grant := Failure{Kind: call.KindTokenRefused, Cause: "consent_required"}
	accounts := []LoginAccount{second, anna}
	all := LoginOptions{
		APIPassword: secret.New("c2VjcmV0/+="), IncludeGUID: true, EmbedGUID: true, LoginSettings: true, Version: "v2.1",
	}
	for _, tc := range []struct {
		name string
		a    Answer
	}{
		{"error-json", Caller{RequestID: "0123"}.Refuse(grant)},
		{"error-json-odd", Caller{}.Refuse(odd)},
		{"error-xml", Caller{Dialect: XML}.Refuse(odd)},
		{"error-token-server", Caller{}.Refuse(Failure{Kind: call.KindTokenUnavailable, Cause: "http_502"})},
		{"error-not-found", Caller{RequestID: "r"}.Refuse(Failure{Kind: call.KindNotFound})},
		{"fault11", Caller{Dialect: SOAP11, Actor: actor, RequestID: "r"}.Refuse(grant)},
		{
			"fault11-timestamp",
			Caller{Dialect: SOAP11, Actor: actor, Timestamp: noon}.Refuse(Failure{Kind: call.KindTokenUnavailable}),
		},
		{"fault12", Caller{Dialect: SOAP12, Actor: actor}.Refuse(odd)},
		{"fault12-timestamp", Caller{Dialect: SOAP12, Timestamp: noon}.Refuse(Failure{Kind: call.KindUnreachable})},
		{
			"member-failed",
			Caller{Dialect: SOAP11}.RefuseOperation(
				services.NamespaceAccountManagement, "CloseMembers", Failure{Kind: call.KindBadLogin},
			),
		},
		{
			"member-ping-fault",
			Caller{Dialect: SOAP11}.RefuseOperation(
				services.NamespaceAccountManagement, "Ping", Failure{Kind: call.KindBadLogin},
			),
		},
		{"encrypted-password", Caller{Dialect: SOAP11, RequestID: "r"}.EncryptedPassword(secret.New("a+b/c="))},
		{
			"login-failed",
			Caller{Dialect: SOAP11, Timestamp: noon}.RefuseOperation(
				services.NamespaceCredential, "Login", Failure{Kind: call.KindUnknownKey, Cause: "x"},
			),
		},
		{
			"login-failed-server",
			Caller{Dialect: SOAP11}.RefuseOperation(services.NamespaceCredential, "Login", Failure{Kind: call.KindTimeout}),
		},
		{"login", Caller{Dialect: SOAP11}.LoginResponse(accounts, true)},
		{"login12-old", Caller{Dialect: SOAP12, Timestamp: noon}.LoginResponse(accounts, false)},
		{"ping", Caller{Dialect: SOAP11}.Ping(services.NamespaceAPI)},
		{
			"url",
			Caller{Dialect: SOAP12}.URLResult(
				services.NamespaceCredential, "RequestSenderToken", secret.New("https://demo.docusign.net/Member/x.aspx?a=1&t=2"),
			),
		},
		{"login-information-json", Caller{RequestID: "r"}.LoginInformation(accounts, LoginOptions{})},
		{"login-information-json-all", Caller{}.LoginInformation(accounts, all)},
		{"login-information-xml", Caller{Dialect: XML}.LoginInformation(accounts, LoginOptions{})},
		{"login-information-xml-all", Caller{Dialect: XML}.LoginInformation(accounts, all)},
		{"login-information-none", Caller{}.LoginInformation(nil, LoginOptions{})},
		{"token-json", Caller{Dialect: OAuthJSON}.Token(secret.New("bm90LWEtcmVhbC10b2tlbi0tLS0="), "api")},
		{"token-xml", Caller{Dialect: OAuthXML}.Token(secret.New("bm90LWEtcmVhbC10b2tlbi0tLS0="), "")},
		{"token-error-json", Caller{Dialect: OAuthJSON}.Refuse(grant)},
		{"token-error-xml", Caller{Dialect: OAuthXML}.Refuse(Failure{Kind: call.KindUnsupportedGrant})},
		{"token-error-busy", Caller{Dialect: OAuthJSON}.Refuse(Failure{Kind: call.KindOverloaded})},
		{"revoked", Caller{Dialect: OAuthJSON}.Revoked()},
	} {
		t.Run(tc.name, func(t *testing.T) {
			golden(t, tc.name, tc.a)
			wellFormed(t, tc.a)
		})
	}
}
