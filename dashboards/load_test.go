package dashboards_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"docusign-auth-proxy/internal/sandbox"
)

const (
	oldHost   = "demo.docusign.net"
	loginPath = "/restapi/v2/login_information"
	listPath  = "/restapi/v2/accounts/1703061/envelopes?from_date=2020-01-01"
	otherPath = "/restapi/v2/accounts/1234567/envelopes?from_date=2020-01-01" // of an account that stays where it is
	callLimit = 20 * time.Second
)

// load calls the proxy in every way that a dashboard tells apart.
type load struct {
	t       *testing.T
	w       *world
	direct  *http.Client // sidecar
	forward *http.Client // HTTP_PROXY and HTTPS_PROXY
	hosts   *http.Client // hosts file
	rounds  int
}

func newLoad(t *testing.T, w *world) *load {
	t.Helper()
	pem, err := os.ReadFile(filepath.Join(w.dir, "ca.pem"))
	if err != nil {
		t.Fatal(err)
	}
	trust := &tls.Config{RootCAs: x509.NewCertPool()}
	trust.RootCAs.AppendCertsFromPEM(pem)
	toHosts := func(ctx context.Context, network, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, network, w.hosts)
	}
	client := func(tr *http.Transport) *http.Client {
		t.Cleanup(tr.CloseIdleConnections)
		return &http.Client{Transport: tr, Timeout: callLimit}
	}
	return &load{
		t: t, w: w, direct: client(&http.Transport{}),
		forward: client(&http.Transport{
			Proxy: http.ProxyURL(&url.URL{Scheme: "http", Host: w.proxy}), TLSClientConfig: trust,
		}),
		hosts: client(&http.Transport{DialContext: toHosts, TLSClientConfig: trust}),
	}
}

// call makes a request and gives the answer's headers and body; the status is not looked at, since many are meant to
// fail.
func (l *load) call(c *http.Client, method, target, body string, headers ...string) (http.Header, string) {
	l.t.Helper()
	req, err := http.NewRequest(method, target, strings.NewReader(body))
	if err != nil {
		l.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := c.Do(req)
	if err != nil {
		l.t.Fatalf("%s %s: %v\n%s", method, target, err, l.w.process.last())
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		l.t.Fatalf("%s %s: %v", method, target, err)
	}
	return resp.Header, string(text)
}

func (l *load) sidecar(path string) string { return "http://" + l.w.proxy + path }

func (l *load) get(path string, headers ...string) http.Header {
	l.t.Helper()
	h, _ := l.call(l.direct, http.MethodGet, l.sidecar(path), "", headers...)
	return h
}

const oldHeader = "X-DocuSign-Authentication"

func (l *load) header(key, email string) string {
	return fmt.Sprintf(`{"Username":%q,"Password":%q,"IntegratorKey":%q}`, email, l.w.seed.User(email).Password, key)
}

const (
	anna = "anna@example.com"
	bob  = "bob@example.com"
	ada  = "admin@example.com"
)

// round is one of everything.
func (l *load) round() {
	l.doors()
	l.schemes()
	l.operations()
	l.onBehalf()
	l.refusals()
	l.faults()
}

func (l *load) doors() {
	old := l.header(sandbox.LegacyKey, anna)
	l.get(loginPath, oldHeader, old)
	l.call(l.forward, http.MethodGet, "http://"+oldHost+loginPath, "", oldHeader, old)
	l.call(l.forward, http.MethodGet, "https://"+oldHost+listPath, "", oldHeader, old)
	l.call(l.hosts, http.MethodGet, "https://"+oldHost+listPath, "", oldHeader, old)
}

func (l *load) schemes() {
	u := l.w.seed.User(anna)
	l.get(
		listPath, oldHeader,
		"<DocuSignCredentials><Username>"+u.Email+"</Username><Password>"+u.Password+"</Password><IntegratorKey>"+
			sandbox.LegacyKey+"</IntegratorKey></DocuSignCredentials>",
	)
	l.call(l.direct, http.MethodPost, l.sidecar("/api/3.0/credential.asmx"), envelope("",
		`<Login xmlns="http://www.docusign.net/API/Credential"><Email>[`+sandbox.LegacyKey+`]`+u.Email+
			`</Email><Password>`+u.Password+`</Password></Login>`),
		"Content-Type", "text/xml; charset=utf-8", "SOAPAction", `"http://www.docusign.net/API/Credential/Login"`)
	form := url.Values{
		"grant_type": {"password"}, "client_id": {sandbox.LegacyKey}, "username": {u.Email}, "password": {u.Password},
		"scope": {"api"},
	}.Encode()
	_, answer := l.call(
		l.direct, http.MethodPost, l.sidecar("/restapi/v2/oauth2/token"), form, "Content-Type",
		"application/x-www-form-urlencoded", "Accept", "application/json",
	)
	var issued struct {
		Token string `json:"access_token"`
	}
	if err := json.Unmarshal([]byte(answer), &issued); err != nil || issued.Token == "" {
		l.t.Fatalf("oauth2/token: %v, %s", err, answer)
	}
	l.get(listPath, "Authorization", "bearer "+issued.Token)
	// two credentials
	l.get(listPath, oldHeader, l.header(sandbox.LegacyKey, anna), "Authorization", "Bearer "+l.nativeToken())
	l.get(listPath, "Authorization", "Bearer "+l.nativeToken())
	l.get(listPath, "Authorization", "Bearer "+namedToken(sandbox.LegacyKey))
	l.get("/restapi/service_information")
	for range 4 {
		l.get(otherPath, oldHeader, l.header(sandbox.LegacyKey, anna))
	}
}

// operations are SOAP calls of each class: whole, approximate and impossible over REST.
func (l *load) operations() {
	id := `<EnvelopeID>` + sandbox.CaptureEnvelopeID + `</EnvelopeID>`
	l.soap("RequestStatus", id)
	l.soap("RequestStatus", id) // from memory
	l.soap("CreateAndSendEnvelope", `<Envelope><AccountId>1703061</AccountId><Documents><Document><ID>1</ID>`+
		`<Name>a.pdf</Name><PDFBytes>JVBERi0xLjQK</PDFBytes></Document></Documents><Recipients><Recipient><ID>1</ID>`+
		`<UserName>Cora</UserName><Email>cora@example.com</Email><Type>Signer</Type><AccessCode/><SignatureInfo>`+
		// no font of REST's: it is left out
		`<SignatureName>Cora</SignatureName><SignatureInitials>C</SignatureInitials><FontStyle>LuciaBT</FontStyle>`+
		`</SignatureInfo></Recipient></Recipients><Subject>a</Subject></Envelope>`)
	l.soap("CorrectAndResendEnvelope", `<Correction>`+id+`</Correction>`)
	l.soap("TransferEnvelope", id)
}

func (l *load) soap(operation, body string) {
	u := l.w.seed.User(anna)
	l.call(l.direct, http.MethodPost, l.sidecar("/api/3.0/api.asmx"), envelope(
		`<wsse:Security `+
			`xmlns:wsse="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd">`+
			`<wsse:UsernameToken><wsse:Username>[`+
			sandbox.LegacyKey+`]`+u.Email+`</wsse:Username><wsse:Password>`+u.Password+`</wsse:Password></wsse:UsernameToken>`+
			`</wsse:Security>`,
		`<`+operation+` xmlns="http://www.docusign.net/API/3.0">`+body+`</`+operation+`>`),
		"Content-Type", "text/xml; charset=utf-8", "SOAPAction", `"http://www.docusign.net/API/3.0/`+operation+`"`)
}

// nativeToken is one that DocuSign has issued: here the last that the proxy used.
func (l *load) nativeToken() string {
	all := l.w.sandbox.Requests()
	for _, a := range slices.Backward(all) {
		if token, ok := strings.CutPrefix(a.Header.Get("Authorization"), "Bearer "); ok &&
			a.Status == http.StatusOK {
			return token
		}
	}
	l.t.Fatal("the proxy has used no token")
	return ""
}

// namedToken is an OAuth token whose claims say whose it is, as not every token's do. The sandbox refuses it.
func namedToken(key string) string {
	part := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	return part(`{"alg":"RS256"}`) + "." + part(`{"client_id":"`+key+`"}`) + "." + part("signature")
}

func envelope(header, body string) string {
	return `<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Header>` + header +
		`</soap:Header><soap:Body>` + body + `</soap:Body></soap:Envelope>`
}

func (l *load) onBehalf() {
	admin := l.w.seed.User(ada)
	l.get(
		listPath, oldHeader,
		fmt.Sprintf(
			`{"Username":%q,"Password":%q,"IntegratorKey":%q,"SendOnBehalfOf":%q}`, admin.Email, admin.Password,
			sandbox.LegacyKey, bob,
		),
	)
	l.get(listPath, oldHeader, l.header(sandbox.LegacyKey, bob))
}

func (l *load) refusals() {
	for range 3 { // more than the gap between two rounds forgives
		l.get(
			listPath, oldHeader, `{"Username":"mallory@example.com","Password":"guess","IntegratorKey":"`+sandbox.LegacyKey+`"}`,
		)
	}
	for _, key := range []string{strangerKey, sandbox.GUIDKey, retiredKey, consentlessKey, keylessKey} {
		l.get(listPath, oldHeader, l.header(key, anna))
	}
	l.get(listPath, oldHeader, l.header(consentlessKey, bob))
	l.get(listPath, oldHeader, l.header(sandbox.GUIDKey, bob)) // observed, and no user of it
	l.raw("CONNECT updates.example.com:443 HTTP/1.1\r\nHost: updates.example.com:443\r\n\r\n")
	l.raw("CONNECT " + oldHost + ":8443 HTTP/1.1\r\nHost: " + oldHost + ":8443\r\n\r\n")
	// a blank in the URL
	l.raw("GET " + listPath + "?from_date=10/1/2013 12:00 AM HTTP/1.1\r\nHost: " + oldHost + "\r\n\r\n")
}

// raw sends what no client library would, and waits for the answer's first line.
func (l *load) raw(text string) {
	l.t.Helper()
	conn, err := net.DialTimeout("tcp", l.w.proxy, callLimit)
	if err != nil {
		l.t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, text); err != nil {
		l.t.Fatal(err)
	}
	if _, err := io.ReadAll(io.LimitReader(conn, 12)); err != nil {
		l.t.Fatal(err)
	}
}

// faults are DocuSign's: no answer, an error, a token it has forgotten, an account that lives elsewhere.
func (l *load) faults() {
	old := l.header(sandbox.LegacyKey, anna)
	l.w.sandbox.FailNext(sandbox.FailureSpec{
		Method: http.MethodPost, Path: "/restapi/v2/accounts/", Drop: sandbox.DropBefore,
	})
	l.call(
		l.direct, http.MethodPost, l.sidecar("/restapi/v2/accounts/1703061/templates"), "{}", oldHeader, old, "Content-Type",
		"application/json",
	)
	l.w.sandbox.FailNext(sandbox.FailureSpec{Path: "/restapi/v2/accounts/", Status: http.StatusInternalServerError})
	l.get(listPath, oldHeader, old)
	if l.rounds++; l.rounds <= 3 { // more, and the proxy takes it that new tokens do not help
		l.w.sandbox.RevokeTokens(sandbox.AnnaID)
		l.get(listPath, oldHeader, old)
	}
	if l.rounds == 1 { // it asks where accounts live once in some minutes
		l.w.sandbox.MoveAccount(sandbox.CaptureAccountID, l.w.sandbox.Sites()[2])
		l.get(listPath, oldHeader, old)
	}
}

// exhaust lets DocuSign tell that a twentieth of the limit is left.
func (l *load) exhaust() {
	old := l.header(sandbox.LegacyKey, anna)
	h, body := l.call(l.direct, http.MethodGet, l.sidecar(otherPath), "", oldHeader, old)
	limit, err := strconv.Atoi(h.Get("X-RateLimit-Limit"))
	if err != nil {
		l.t.Fatalf("no limits in the answer: %v, %s", err, body)
	}
	left, err := strconv.Atoi(h.Get("X-RateLimit-Remaining"))
	if err != nil {
		l.t.Fatal(err)
	}
	spent := limit - left
	l.w.sandbox.SetLimits((spent+2)*20/19+1, 0)
	l.get(otherPath, oldHeader, old)
}
