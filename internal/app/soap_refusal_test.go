package app_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/app/apptest"
	"docusign-auth-proxy/internal/sandbox"
)

// soapRefusal is a message that must not go upstream, and what the fault has to say.
type soapRefusal struct {
	name        string
	path        string // "" = api.asmx
	contentType string
	coding      string
	came        string
	code, says  string // ErrorCode, and a part of the faultstring
}

func soapRefusals(t *testing.T) []soapRefusal {
	t.Helper()
	const declaration = `<?xml version="1.0" encoding="utf-8"?>` + "\r\n"
	plain := soapEnvelope(security(annaToken), listFeatures)
	digest := strings.Replace(plain, "#PasswordText", "#PasswordDigest", 1)
	withDoctype := func(d string) string { return strings.Replace(plain, declaration, declaration+d, 1) }
	const format, body = "Invalid_Token_Format", "Invalid_Request_Body"
	return []soapRefusal{
		{name: "a DOCTYPE", came: withDoctype(`<!DOCTYPE x>`), code: body, says: "document type declaration"},
		{
			name: "an entity bomb",
			came: withDoctype(`<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>`), code: body,
			says: "document type declaration",
		},
		{
			name: "an external entity", came: withDoctype(`<!DOCTYPE x SYSTEM "http://127.0.0.1/x.dtd">`), code: body,
			says: "document type declaration",
		},
		{
			name: "an entity nobody declared", came: strings.Replace(plain, "anna-legacy-1", "anna-legacy-1&nbsp;", 1),
			code: body, says: "entity",
		},
		{
			name: "a depth bomb",
			came: soapEnvelope(strings.Repeat("<a>", 5000)+security(annaToken)+strings.Repeat("</a>", 5000), listFeatures),
			code: body, says: "complex",
		},
		{
			name: "a depth bomb in the body",
			came: soapEnvelope(security(annaToken), strings.Repeat("<a>", 5000)+strings.Repeat("</a>", 5000)), code: body,
			says: "complex",
		},
		{
			name: "too many attributes", came: soapEnvelope("<a "+manyAttributes(500)+"/>"+security(annaToken), listFeatures),
			code: body, says: "complex",
		},
		{
			name: "a header without end",
			came: soapEnvelope("<a>"+strings.Repeat("x", 300<<10)+"</a>"+security(annaToken), listFeatures), code: body,
			says: "too large",
		},
		{name: "PasswordDigest", came: digest, code: format, says: "must be sent as text, not as a digest"},
		{
			name: "a signature over the token",
			came: strings.Replace(
				soapEnvelope(security(annaToken+signatureOver("#token")), listFeatures), "<wsse:UsernameToken>",
				`<wsse:UsernameToken xmlns:wsu="`+namespaceWSU+`" wsu:Id="token">`, 1,
			),
			code: format, says: "must not be signed",
		},
		{
			name: "a signature over everything", came: soapEnvelope(security(annaToken+signatureOver("")), listFeatures),
			code: format, says: "must not be signed",
		},
		{
			name: "two tokens", came: soapEnvelope(security(annaToken+annaToken), listFeatures), code: format, says: "ambiguous",
		},
		{
			name: "two passwords",
			came: strings.Replace(plain, "</wsse:UsernameToken>", "<wsse:Password>x</wsse:Password></wsse:UsernameToken>", 1),
			code: format, says: "ambiguous",
		},
		{
			name: "two Headers", came: strings.Replace(plain, "<s:Body>", "<s:Header/><s:Body>", 1), code: format,
			says: "ambiguous",
		},
		{
			name: "a token in the body",
			came: soapEnvelope("", strings.Replace(listFeatures, "<AccountId>", security(annaToken)+"<AccountId>", 1)),
			code: format, says: "misplaced",
		},
		{
			name: "a token outside Security",
			came: soapEnvelope(`<x xmlns:wsse="`+namespaceWSS+`">`+annaToken+"</x>", listFeatures), code: format,
			says: "misplaced",
		},
		{
			name: "an unknown password type", came: strings.Replace(plain, "#PasswordText", "#Other", 1), code: format,
			says: "password type",
		},
		{
			name: "a password that is not escaped", came: strings.Replace(plain, "anna-legacy-1", "anna-legacy-1<&", 1),
			code: body, says: "ill-formed",
		},
		{
			name: "an envelope that ends too early", came: strings.TrimSuffix(plain, "</s:Envelope>"), code: body,
			says: "ill-formed",
		},
		{
			name: "tags that do not match", came: strings.Replace(plain, "</AccountId>", "</AccountID>", 1), code: body,
			says: "ill-formed",
		},
		{name: "something after the envelope", came: plain + plain, code: body, says: "ill-formed"},
		{name: "JSON", came: `{"Username":"anna@example.com","Password":"anna-legacy-1"}`, code: body, says: "ill-formed"},
		{
			name: "XML that is no envelope",
			came: "<DocuSignCredentials><Password>anna-legacy-1</Password></DocuSignCredentials>", code: body,
			says: "not a SOAP envelope",
		},
		{name: "an empty body", came: "", code: body, says: "ill-formed"},
		{name: "an unknown charset", contentType: "text/xml; charset=utf-7", came: plain, code: body, says: "encoding"},
		{
			name: "bytes that are not of the charset", came: strings.Replace(plain, "anna-legacy-1", "anna-legacy-1\xff", 1),
			code: body, says: "encoding",
		},
		{name: "a coding that is not supported", coding: "br", came: plain, code: body, says: "content coding"},
		{name: "gzip that is damaged", coding: "gzip", came: string(zipped(t, plain)[:60]), code: body, says: ""},
		{name: "gzip that is none", coding: "gzip", came: plain, code: body, says: "content coding"},
		{
			name:        "MTOM without a root part",
			contentType: `multipart/related; type="application/xop+xml"; boundary="uuid:1"; start="<other>"`,
			came:        mtomMessage(plain, "x"), code: body, says: "multipart",
		},
		{
			name: "MTOM without a boundary", contentType: `multipart/related; type="application/xop+xml"`,
			came: mtomMessage(plain, "x"), code: body, says: "multipart",
		},
		{
			name: "a Login longer than a Login is", path: "/api/3.0/credential.asmx",
			came: credentialCall(
				"GetAuthenticationToken", annaName, "anna-legacy-1", "<AccountID>"+strings.Repeat("x", 70<<10)+"</AccountID>",
			),
			code: body, says: "too large",
		},
		{
			name: "no credential at all", came: soapEnvelope("", listFeatures), code: "Partner_Authentication_Failed",
			says: "An Integrator key was not specified",
		},
		{
			name: "a wrong password", came: strings.Replace(plain, "anna-legacy-1", "wrong", 1),
			code: "User_Authentication_Failed", says: "One or both of Username and Password are invalid",
		},
		{
			name: "a token without a password",
			came: soapEnvelope(
				security(`<wsse:UsernameToken><wsse:Username>`+annaName+`</wsse:Username></wsse:UsernameToken>`), listFeatures,
			),
			code: "User_Authentication_Failed", says: "invalid",
		},
		{
			name: "an unknown key", came: strings.Replace(plain, sandbox.GUIDKey, "c0ffee00-0000-4000-8000-000000000001", 1),
			code: "Partner_Authentication_Failed", says: "Integrator Key was not found",
		},
	}
}

type endlessBlanks struct{}

func (endlessBlanks) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

func manyAttributes(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "a%d='' ", i)
	}
	return b.String()
}

func TestSOAPMessagesThatAreRefused(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"bearer", "app_password"} {
		r := newRig(t, soapMode(mode))
		for _, c := range soapRefusals(t) {
			for _, version := range []string{envelope11, envelope12} {
				if version == envelope12 && (c.contentType != "" || c.coding != "" || !strings.Contains(c.came, envelope11)) {
					continue // has no envelope whose version could be another
				}
				t.Run(mode+", "+c.name, func(t *testing.T) {
					path := c.path
					if path == "" {
						path = "/api/3.0/api.asmx"
					}
					came := c.came
					contentType := "text/xml; charset=utf-8"
					if version == envelope12 {
						came, contentType = strings.Replace(came, envelope11, version, 1), "application/soap+xml; charset=utf-8"
					}
					if c.contentType != "" {
						contentType = c.contentType
					}
					req := apptest.Request(
						t, "POST", r.Sidecar()+path, strings.NewReader(came), "Content-Type", contentType, "SOAPAction", `""`,
					)
					if c.coding != "" {
						req.Header.Set("Content-Encoding", c.coding)
					}
					checkFault(t, r, r.Do(nil, req), version, c)
				})
			}
		}
		if n := len(r.soapRequests()); n != 0 {
			t.Errorf("%d calls went upstream", n)
		}
		for _, secret := range []string{"anna-legacy-1", "anna-app-1"} {
			if strings.Contains(r.Log.String(), secret) {
				t.Error("a password is in the log")
			}
		}
	}
}

func checkFault(t *testing.T, r *rig, got apptest.Answer, version string, c soapRefusal) {
	t.Helper()
	want := []string{
		`xmlns:soap="` + version + `"`, "<faultcode>soap:Client</faultcode><faultstring>",
		"<detail><ErrorCode>" + c.code + "</ErrorCode><Reason>",
	}
	contentType := "text/xml; charset=utf-8"
	if version == envelope12 {
		want = []string{
			`xmlns:soap="` + version + `"`,
			"<soap:Code><soap:Value>soap:Sender</soap:Value></soap:Code><soap:Reason><soap:Text xml:lang=\"en\">",
			"<soap:Detail><ErrorCode>" + c.code + "</ErrorCode><Reason>",
		}
		contentType = "application/soap+xml; charset=utf-8"
	}
	for _, part := range append(want, c.says) {
		if !strings.Contains(got.Body, part) {
			t.Errorf("no %s in %s", part, got.Body)
		}
	}
	if got.Status != 500 || got.Header.Get("Content-Type") != contentType {
		t.Errorf("status %d, Content-Type %q\n%s", got.Status, got.Header.Get("Content-Type"), r.lastLines())
	}
	for _, secret := range []string{"anna-legacy-1", "anna-app-1"} {
		if strings.Contains(got.Body, secret) {
			t.Error("a password is in the fault")
		}
	}
}

func TestUnknownTokenOnSOAP(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	got := r.Do(
		nil,
		soapPost(
			t, r.Sidecar()+"/api/3.0/api.asmx", soapEnvelope("", listFeatures), "Authorization",
			"bearer bm90LWEtcmVhbC10b2tlbi0tLS0=",
		),
	)
	checkFault(t, r, got, envelope11, soapRefusal{
		code: "Authorization_Invalid_Token", says: "expired, revoked or malformed",
	})
}

// A Timestamp is answered, and not with mustUnderstand, only to those that sent one.
func TestFaultsWithATimestamp(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	wrong := strings.Replace(annaToken, "anna-legacy-1", "wrong", 1)
	for _, version := range []string{envelope11, envelope12} {
		got := r.Do(
			nil, soapPost(t, r.Sidecar()+"/api/3.0/api.asmx", soapEnvelopeOf(version, security(timestamp+wrong), listFeatures)),
		)
		if !strings.Contains(got.Body, "<wsu:Timestamp") || strings.Contains(got.Body, "mustUnderstand") ||
			!strings.Contains(got.Body, version) {
			t.Errorf("%s", got.Body)
		}
		got = r.Do(nil, soapPost(t, r.Sidecar()+"/api/3.0/api.asmx", soapEnvelopeOf(version, security(wrong), listFeatures)))
		if strings.Contains(got.Body, "Timestamp") {
			t.Errorf("%s", got.Body)
		}
	}
}

func TestAccountManagementFailuresAreAnswers(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	for _, c := range []struct{ name, header, code string }{
		{"a wrong password", strings.Replace(annaHeaderXML, "anna-legacy-1", "wrong", 1), "Invalid_Login"},
		{
			"an unknown key", strings.Replace(annaHeaderXML, sandbox.GUIDKey, "c0ffee00-0000-4000-8000-000000000001", 1),
			"Partner_Authentication_Failed",
		},
		{"no credential", "", "Partner_Authentication_Failed"},
		{
			"a principal that is not allowed", strings.Replace(annaHeaderXML, "<Username>", "<Username>[bob@example.com]", 1),
			"Not_Authorized",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			req := soapPost(t, r.Sidecar()+"/api/3.0/accountmanagement.asmx", soapEnvelope("", summary))
			if c.header != "" {
				req.Header.Set("X-DocuSign-Authentication", c.header)
			}
			got := r.Do(nil, req)
			if got.Status != 200 || !strings.Contains(
				got.Body,
				"<GetMembershipSummaryResult><Success>false</Success><Error><ErrorCode>"+c.code+"</ErrorCode><Description>",
			) {
				t.Errorf("status %d, %s", got.Status, got.Body)
			}
		})
	}
}

// largeEnvelope streams a CreateAndSendEnvelope of about size bytes.
func largeEnvelope(header string, size int64, end string) (io.Reader, int64) {
	full := soapEnvelope(header, sendEnvelopeBody("{pdf}"))
	before, after, _ := strings.Cut(full, "{pdf}")
	if end != "" {
		after = end
	}
	size -= size % 4
	return io.MultiReader(
		strings.NewReader(before), io.LimitReader(endlessA{}, size), strings.NewReader(after),
	), int64(len(before)) + size + int64(len(after))
}

type endlessA struct{}

func (endlessA) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'A'
	}
	return len(p), nil
}

func sendLarge(t *testing.T, r *rig, body io.Reader, length int64) *http.Request {
	t.Helper()
	req := apptest.Request(
		t, "POST", r.Sidecar()+"/api/3.0/api.asmx", body, "Content-Type", "text/xml; charset=utf-8", "SOAPAction",
		`"`+namespaceAPI+`/CreateAndSendEnvelope"`,
	)
	req.ContentLength = length
	return req
}

func TestLargeEnvelopesStream(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"bearer", "app_password"} {
		r := newRig(t, soapMode(mode))
		upstreamHeader := ""
		if mode == "app_password" {
			upstreamHeader = security(strings.Replace(annaToken, "anna-legacy-1", "anna-app-1", 1))
		}
		for _, known := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, length known: %t", mode, known), func(t *testing.T) {
				r.Sandbox.ResetCounts()
				size := int64(8 << 20)
				if known && mode == "bearer" {
					size = 30 << 20
				}
				body, length := largeEnvelope(security(annaToken), size, "")
				held, release := io.Pipe()
				gate := make(chan struct{})
				go func() {
					_, err := io.CopyN(release, body, 4<<20)
					<-gate
					if err == nil {
						_, err = io.Copy(release, body)
					}
					_ = release.CloseWithError(err)
				}()
				sent := length
				if !known {
					sent = -1
				}
				done := make(chan apptest.Answer, 1)
				go func() { done <- r.Do(nil, sendLarge(t, r, held, sent)) }()
				apptest.Eventually(t, "the beginning is at DocuSign while the rest has not been sent", func() bool {
					all := r.soapRequests()
					return len(all) == 1 && all[0].BodyLength > 1<<20
				})
				close(gate)
				got := <-done
				if got.Status != 200 || !strings.Contains(got.Body, "<Status>Sent</Status>") {
					t.Fatalf("status %d, %s\n%s", got.Status, got.Body, r.lastLines())
				}
				want, wantLength := largeEnvelope("{header}", size, "")
				sum := sha256.New()
				replaceHeader(sum, want, upstreamHeader)
				rec := r.lastSOAP()
				if rec.BodySHA256 != hex.EncodeToString(sum.Sum(nil)) {
					t.Errorf("another body reached DocuSign: %d bytes, begins %s", rec.BodyLength, rec.Body[:400])
				}
				wantLength += int64(len(upstreamHeader)) - int64(len("{header}"))
				if known && rec.ContentLength != wantLength || rec.BodyLength != wantLength {
					t.Errorf("Content-Length %d, %d bytes, want %d", rec.ContentLength, rec.BodyLength, wantLength)
				}
				r.NoLeak()
			})
		}
	}
}

// replaceHeader copies src to dst with {header} replaced by text.
func replaceHeader(dst io.Writer, src io.Reader, text string) {
	head := make([]byte, 64<<10)
	n, _ := io.ReadFull(src, head)
	_, _ = io.WriteString(dst, strings.Replace(string(head[:n]), "{header}", text, 1))
	_, _ = io.Copy(dst, src)
}

// A large message that turns out ill-formed has begun to stream. DocuSign then sees a message that breaks off, the
// program a fault.
func TestLargeMessagesThatBreakOff(t *testing.T) {
	t.Parallel()
	cases := []struct{ name, end string }{
		{"the envelope does not end", "</PDFBytes>"},
		{"tags do not match", "</PDFBytes></Document></Documents></Envelope></s:Body></s:Envelope>"},
		{
			"a token hides in the body",
			"</PDFBytes></Document></Documents>" + strings.Replace(
				security(annaToken), `s:mustUnderstand="1"`, "", 1,
			) + "</Envelope></CreateAndSendEnvelope></s:Body></s:Envelope>",
		},
	}
	for _, mode := range []string{"bearer", "app_password"} {
		r := newRig(t, soapMode(mode))
		for _, c := range cases {
			t.Run(mode+", "+c.name, func(t *testing.T) {
				body, length := largeEnvelope(security(annaToken), 4<<20, c.end)
				got := r.Do(nil, sendLarge(t, r, body, length))
				if got.Status != 500 || !strings.Contains(got.Body, "<soap:Fault>") || !strings.Contains(got.Body, "soap:Client") {
					t.Errorf("status %d, %s\n%s", got.Status, got.Body, r.lastLines())
				}
				for _, rec := range r.soapRequests() {
					if rec.Complete {
						t.Error("DocuSign took the message for a whole one")
					}
				}
				if c := r.Sandbox.Counts(); c.Envelopes != 0 {
					t.Errorf("%d envelopes were made", c.Envelopes)
				}
				r.NoLeak()
			})
		}
	}
}

func TestAnEnvelopeCompressedBeyondMeasure(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	var bomb bytes.Buffer
	z, _ := gzip.NewWriterLevel(&bomb, gzip.BestCompression)
	_, _ = io.WriteString(z, strings.TrimSuffix(soapEnvelope(security(annaToken), listFeatures), "</s:Body></s:Envelope>"))
	_, _ = io.Copy(z, io.LimitReader(endlessBlanks{}, 16<<20))
	_ = z.Close()
	req := apptest.Request(
		t, "POST", r.Sidecar()+"/api/3.0/api.asmx", &bomb, "Content-Type", "text/xml; charset=utf-8", "Content-Encoding",
		"gzip", "SOAPAction", `"`+namespaceAPI+`/GetAccountMembershipFeaturesList"`,
	)
	got := r.Do(nil, req)
	if got.Status != 500 || !strings.Contains(got.Body, "<soap:Fault>") {
		t.Errorf("status %d, %s\n%s", got.Status, got.Body, r.lastLines())
	}
	for _, rec := range r.soapRequests() {
		if rec.Complete {
			t.Error("DocuSign took the message for a whole one")
		}
	}
	r.NoLeak()
}
