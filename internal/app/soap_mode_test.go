package app_test

import (
	"encoding/binary"
	"net/http"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/fixture"
	"docusign-auth-proxy/internal/sandbox"
)

func TestObservedSOAPPassesAsItCame(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *fixture.Config) {
		c.Edit = func(integrations []map[string]any) { integrations[1]["mode"] = "observe" }
	})
	plain := soapEnvelope(security(timestamp+annaToken), listFeatures)
	for _, c := range []struct {
		name, path, contentType, came string
		headers                       []string
	}{
		{name: "a token in the envelope", came: plain},
		{
			name: "a credential in the HTTP header", path: "/api/3.0/dsapi.asmx", came: soapEnvelope("", listFeatures),
			headers: []string{"X-DocuSign-Authentication", annaHeaderXML},
		},
		{name: "a token at a service that reads the header", path: "/api/3.0/dsapi.asmx", came: plain},
		{
			name: "a header at a service that reads the token", came: soapEnvelope("", listFeatures),
			headers: []string{"X-DocuSign-Authentication", annaHeaderXML},
		},
		{name: "act-as beside it", came: plain, headers: []string{"X-DocuSign-Act-As-User", "bob@example.com"}},
		{name: "a Login", path: "/api/3.0/credential.asmx", came: credentialCall("Login", annaName, "anna-legacy-1", "")},
		{
			name: "GetEncryptedPassword", path: "/api/3.0/accountmanagement.asmx",
			came: soapEnvelope(
				security(annaToken), `<GetEncryptedPassword xmlns="http://www.docusign.net/API/AccountManagement"/>`,
			),
		},
		{
			name: "a digest, which could not be translated", came: strings.Replace(plain, "#PasswordText", "#PasswordDigest", 1),
		},
		{
			name: "a signed token, which could not be translated",
			came: soapEnvelope(security(annaToken+signatureOver("")), listFeatures),
		},
		{name: "a body that is ill-formed", came: strings.Replace(plain, "</AccountId>", "</AccountID>", 1)},
		{name: "UTF-16", contentType: "text/xml; charset=utf-16", came: string(inUTF16(plain, binary.LittleEndian, true))},
		{
			name: "MTOM", contentType: `multipart/related; type="application/xop+xml"; boundary="uuid:1"`,
			came: mtomMessage(plain, "%PDF"),
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			r.Sandbox.ResetCounts()
			if c.path == "" {
				c.path = "/api/3.0/api.asmx"
			}
			req := soapPost(t, r.Sidecar()+c.path, c.came, c.headers...)
			if c.contentType != "" {
				req.Header.Set("Content-Type", c.contentType)
			}
			got := r.Do(nil, req)
			rec := r.lastSOAP()
			if string(rec.Body) != c.came || rec.Status != got.Status {
				t.Errorf("status %d, DocuSign said %d; upstream\n got %q\nwant %q", got.Status, rec.Status, rec.Body, c.came)
			}
			for name := range req.Header {
				if rec.Header.Get(name) != req.Header.Get(name) {
					t.Errorf("%s is %q upstream, want %q", name, rec.Header.Get(name), req.Header.Get(name))
				}
			}
			if rec.Header.Get("Authorization") != "" {
				t.Error("a token went along")
			}
		})
	}
}

func TestTheLogOfAnObservedSOAPCall(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *fixture.Config) {
		c.Edit = func(integrations []map[string]any) { integrations[1]["mode"] = "observe" }
	})
	r.Do(nil, soapPost(t, r.Sidecar()+"/api/3.0/api.asmx", soapEnvelope(security(annaToken), listFeatures)))
	r.Halt()
	for _, part := range []string{
		"integration=nightly-billing", "scheme=ws_security", "api=soap_api", "operation=GetAccountMembershipFeaturesList",
		"authenticator=anna@example.com", "site=demo.docusign.net",
	} {
		if !strings.Contains(r.Log.String(), part) {
			t.Errorf("no %s in the log", part)
		}
	}
	if strings.Contains(r.Log.String(), "anna-legacy-1") {
		t.Error("the password is in the log")
	}
}

func TestAStopRightAfterTheStart(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	for range 10 {
		r.Halt()
		r.Start()
	}
}

func TestBlockedAndUnknownSOAP(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, unknown string
		edit          func([]map[string]any)
		key           string
		passes        bool
	}{
		{"an integration that is cut over", "reject", func(in []map[string]any) {
			in[1]["mode"] = "block"
		}, sandbox.GUIDKey, false},
		{"an unknown key that is rejected", "reject", nil, "c0ffee00-0000-4000-8000-000000000001", false},
		{"an unknown key that is observed", "observe", nil, "c0ffee00-0000-4000-8000-000000000001", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, func(w *fixture.Config) {
				w.Edit = c.edit
				w.Extra = map[string]any{"unknown": c.unknown}
			})
			for _, call := range []*http.Request{
				soapPost(
					t, r.Sidecar()+"/api/3.0/api.asmx",
					soapEnvelope(security(strings.Replace(annaToken, sandbox.GUIDKey, c.key, 1)), listFeatures),
				),
				soapPost(
					t, r.Sidecar()+"/api/3.0/dsapi.asmx", soapEnvelope("", listFeatures), "X-DocuSign-Authentication",
					strings.Replace(annaHeaderXML, sandbox.GUIDKey, c.key, 1),
				),
				soapPost(
					t, r.Sidecar()+"/api/3.0/credential.asmx",
					credentialCall("Login", strings.Replace(annaName, sandbox.GUIDKey, c.key, 1), "anna-legacy-1", ""),
				),
				soapPost(
					t, r.Sidecar()+"/api/3.0/api.asmx",
					soapEnvelope(
						security(strings.Replace(
							strings.Replace(annaToken, sandbox.GUIDKey, c.key, 1), "#PasswordText", "#PasswordDigest", 1,
						)),
						listFeatures,
					),
				),
			} {
				r.Sandbox.ResetCounts()
				got := r.Do(nil, call)
				if n := len(r.soapRequests()); (n == 1) != c.passes {
					t.Errorf("%s: %d calls went upstream; status %d, %s", call.URL.Path, n, got.Status, got.Body)
				}
				if got.Status == 200 && !strings.Contains(got.Body, "<Success>false</Success>") {
					t.Errorf("%s: status %d, %s", call.URL.Path, got.Status, got.Body)
				}
			}
		})
	}
}
