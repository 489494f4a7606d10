package app_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"docusign-auth-proxy/internal/app/apptest"
	"docusign-auth-proxy/internal/sandbox"
)

// TestNoSecretIsEverCaptured sends every dialect there is, right and wrong, and reads every byte of what is kept.
func TestNoSecretIsEverCaptured(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"bearer", "app_password"} {
		t.Run(mode, func(t *testing.T) {
			r := newRig(t, soapMode(mode))
			id := r.startCapture(t)
			for _, c := range recorded {
				r.replaySOAP(t, "sidecar", c.file, soapCapture(t, c.file), c.answer)
			}
			r.sendREST(t)
			issued := r.sendForms(t)
			r.sendSOAP(t)
			files, har := r.fetchCapture(t, id)
			if len(files) < 40 {
				t.Errorf("only %d files", len(files))
			}
			needles := r.secretsOf(t)
			maps.Copy(needles, map[string]string{
				"a wrong password": strangePassword, "its start": "Zq7c4n4ry", "its end": "9xC4N4RYw",
				"the recorded password": "pa55<w0rd", "a one-time link": "StartInSession.aspx?t",
				"the recorded password in XML": "w&amp;rd", "a token of the proxy": issued,
			})
			for file, text := range files {
				for name, needle := range needles {
					if needle != "" && strings.Contains(text, needle) {
						t.Errorf("%s is in %s:\n%s", name, file, text)
					}
				}
			}
			for name, needle := range needles {
				if quoted, _ := json.Marshal(needle); needle != "" &&
					(strings.Contains(har, needle) || strings.Contains(har, strings.Trim(string(quoted), `"`))) {
					t.Errorf("%s is in the HAR", name)
				}
			}
			checkReadable(t, files)
		})
	}
}

// checkReadable checks that masking leaves something to look at.
func checkReadable(t *testing.T, files map[string]string) {
	t.Helper()
	all := ""
	for _, text := range files {
		all += text
	}
	for _, want := range []string{
		`"Password":"[masked]"`, "<wsse:Password", ">[masked]</", "<Password>[masked]</Password>", "password=[masked]",
		`"access_token": "[masked]"`, `"emailSubject":"[masked]"`, `"documentBase64":"[12 bytes of base64]"`,
		"[masked]</EncryptedPassword>", "<RequestStatus", "<wsse:Username>[masked]",
		"<DocuSignCredentials><Username>anna@example.com</Username><Password>[masked]</Password>",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("no %q in what was captured", want)
		}
	}
}

const strangePassword = `Zq7c4n4ry&"<9xC4N4RYw`

func (r *rig) sendREST(t *testing.T) {
	t.Helper()
	for _, header := range []string{
		apptest.AnnaJSON, apptest.LegacyJSON,
		`{"Username":"anna@example.com","Password":"anna-legacy-1","IntegratorKey":"` + sandbox.GUIDKey + `"`,
		`{"Username":anna@example.com,"Password":anna-legacy-1,"IntegratorKey":` + sandbox.GUIDKey + `}`,
		`<DocuSignCredentials><Username>anna@example.com</Username><Password>anna-legacy-1</Password><IntegratorKey>` +
			sandbox.GUIDKey + `</IntegratorKey></DocuSignCredentials>`,
		`<DocuSignCredentials><Username>legacy.user@example.com</Username><Password><![CDATA[p@ss<w&rd>é1]]></Password>` +
			`<IntegratorKey>` + sandbox.LegacyKey + `</IntegratorKey></DocuSignCredentials>`,
		`<DocuSignCredentials><Username>legacy.user@example.com</Username><Password>p@ss&lt;w&amp;rd&gt;é1</Password>` +
			`<IntegratorKey>` + sandbox.LegacyKey + `</IntegratorKey></DocuSignCredentials>`,
		`<DocuSignCredentials><Username>legacy.user@example.com</Username><Password>p@ss<w&rd>é1</Password><IntegratorKey>` +
			sandbox.LegacyKey + `</IntegratorKey></DocuSignCredentials>`,
		`{"Username":"anna@example.com","Password":"` + strangePassword + `","IntegratorKey":"` + sandbox.GUIDKey + `"}`,
		`{"Username":"` + "Zq7c4n4ry" + `","Password":"x","IntegratorKey":"Zq7c4n4ry"}`, "Zq7c4n4ry", "",
	} {
		r.Do(nil, apptest.Request(t, "GET", r.Sidecar()+apptest.LoginPath+"?api_password=true", nil,
			"X-DocuSign-Authentication", header))
		r.Do(
			nil,
			apptest.Request(
				t, "POST", r.Sidecar()+apptest.CreatePath, strings.NewReader(envelopeJSON), "X-DocuSign-Authentication", header,
				"Content-Type", "application/json",
			),
		)
	}
	for _, h := range []string{"Bearer Zq7c4n4ry", "Basic WnE3YzRuNHJ5OlpxN2M0bjRyeQ==", "Zq7c4n4ry"} {
		r.Do(
			nil,
			apptest.Request(t, "GET", r.Sidecar()+apptest.ListPath, nil, "Authorization", h, "Cookie", "a=Zq7c4n4ry", "X-Secret",
				"Zq7c4n4ry"),
		)
	}
	r.Do(nil, apptest.Request(t, "GET", r.Sidecar()+"/Signing/?t=Zq7c4n4ry", nil))
	r.Do(
		nil, apptest.Request(t, "GET", r.Sidecar()+apptest.CreatePath+"?access_token=Zq7c4n4ry", nil,
			"X-DocuSign-Authentication", apptest.AnnaJSON),
	)
	r.Do(
		nil,
		apptest.Request(
			t, "POST", r.Sidecar()+"/restapi/v2/accounts/1234567/views/console",
			strings.NewReader(`{"returnUrl":"https://erp/?session=Zq7c4n4ry"}`), "X-DocuSign-Authentication", apptest.AnnaJSON,
			"Content-Type", "application/json",
		),
	)
	r.Do(
		nil,
		apptest.Request(
			t, "PUT", r.Sidecar()+apptest.LoginPath+"/password",
			strings.NewReader(`{"currentPassword":"anna-legacy-1","newPassword":"Zq7c4n4ry"}`), "X-DocuSign-Authentication",
			apptest.AnnaJSON, "Content-Type", "application/json",
		),
	)
}

// sendForms also gives the token that the proxy issued.
func (r *rig) sendForms(t *testing.T) (issued string) {
	t.Helper()
	issued = r.LegacyLogin(t, "anna@example.com", "anna-legacy-1", sandbox.GUIDKey)
	r.WithToken(t, issued)
	raw := "grant_type=password&client_id=" + sandbox.LegacyKey + "&username=legacy.user@example.com&password="
	for _, form := range []string{
		raw + "p@ss<w&rd>é1&scope=api", raw + strangePassword, raw + "x&username=Zq7c4n4ry&scope=Zq7c4n4ry", "Zq7c4n4ry",
		apptest.TokenForm("anna@example.com", strangePassword, sandbox.GUIDKey),
	} {
		r.Do(nil, apptest.TokenRequest(t, r.Sidecar(), form))
	}
	r.sendRefused(t)
	r.Do(
		nil,
		apptest.Request(
			t, "POST", r.Sidecar()+"/restapi/v2/oauth2/revoke", strings.NewReader(url.Values{"token": {issued}}.Encode()),
			"Content-Type", "application/x-www-form-urlencoded",
		),
	)
	return issued
}

// sendRefused sends passwords where nothing reads them.
func (r *rig) sendRefused(t *testing.T) {
	t.Helper()
	const query = "?Email=a&Password=Zq7c4n4ry"
	form := []string{"Content-Type", "application/x-www-form-urlencoded", "X-DocuSign-Authentication", apptest.AnnaJSON}
	for _, path := range []string{
		"/api/3.0/credential.asmx/Login", "/api/3.0/other.asmx", apptest.ListPath, "/restapi", "/restapi%2Fv2", "/x",
	} {
		r.Do(nil, apptest.Request(t, "GET", r.Sidecar()+path+query, nil, "X-DocuSign-Authentication", apptest.AnnaJSON))
		r.Do(nil, apptest.Request(t, "POST", r.Sidecar()+path, strings.NewReader(query[1:]), form...))
	}
	r.Do(
		nil,
		apptest.Request(
			t, "POST", r.Sidecar()+"/restapi/v2/oauth2/token",
			strings.NewReader("grant_type=urn:ietf:params:oauth:grant-type:saml2-bearer&assertion=Zq7c4n4ry"), form[:2]...,
		),
	)
	foreign := security(usernameToken("x", "Zq7c4n4ry"))
	r.Do(nil, soapPost(t, r.Sidecar()+"/api/3.0/other.asmx", soapEnvelope(foreign, requestStatus)))
	r.Do(
		nil,
		soapPost(
			t, r.Sidecar()+"/api/3.0/dsapi.asmx", soapEnvelope(foreign, requestStatus), "X-DocuSign-Authentication",
			apptest.AnnaJSON,
		),
	)
}

func (r *rig) sendSOAP(t *testing.T) {
	t.Helper()
	api, credential := r.Sidecar()+"/api/3.0/api.asmx", r.Sidecar()+"/api/3.0/credential.asmx"
	wild := "[" + sandbox.LegacyKey + "]legacy.user@example.com"
	for _, token := range []string{
		annaToken, usernameToken(wild, "<![CDATA[p@ss<w&rd>é1]]>"), usernameToken(wild, "p@ss&#60;w&amp;rd&gt;&#xe9;1"),
		usernameToken(wild, "p@ss<w&rd>é1"), usernameToken(wild, "<b>Zq7c4n4ry</b>"),
		usernameToken(wild, "Zq7c4n4ry<!-- Zq7c4n4ry -->"),
		usernameToken("Zq7c4n4ry", "x"), "<x>Zq7c4n4ry</x>",
		strings.ReplaceAll(annaToken, "#PasswordText", "#PasswordDigest"),
	} {
		r.Do(nil, soapPost(t, api, soapEnvelope(security(token+timestamp), requestStatus)))
		var packed bytes.Buffer
		w := gzip.NewWriter(&packed)
		_, _ = io.WriteString(w, soapEnvelope(security(token), requestStatus)) // into memory
		_ = w.Close()
		r.Do(nil, apptest.Request(t, "POST", api, &packed, "Content-Type", "text/xml; charset=utf-8", "Content-Encoding",
			"gzip"))
	}
	view := "<AccountID>" + sandbox.CaptureAccountID + "</AccountID><EnvelopeID>" + sandbox.CaptureEnvelopeID +
		"</EnvelopeID><ReturnURL>https://erp.example.com/?s=Zq7c4n4ry</ReturnURL>"
	r.Do(nil, soapPost(t, credential, credentialCall("RequestSenderToken", annaName, "anna-legacy-1", view)))
	r.Do(nil, soapPost(t, credential, credentialCall("Login", annaName, "Zq7c4n4ry", "")))
	r.Do(
		nil,
		soapPost(
			t, r.Sidecar()+"/api/3.0/accountmanagement.asmx",
			soapEnvelope("", `<GetEncryptedPassword xmlns="http://www.docusign.net/API/AccountManagement"/>`),
			"X-DocuSign-Authentication", apptest.AnnaJSON,
		),
	)
}

func TestACaptureDoesNotTouchTheBodiesThatPass(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	id := r.startCapture(t)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			sum := sha256.New()
			head := "--b\r\nContent-Type: " +
				"application/json\r\n\r\n{\"status\":\"sent\",\"documents\":[{\"documentId\":1," +
				"\"name\":\"s\"}]}\r\n--b\r\nContent-Disposition: documentId=1\r\nContent-Type: application/pdf\r\n\r\n"
			body := io.TeeReader(
				io.MultiReader(strings.NewReader(head), io.LimitReader(letters{}, 10<<20), strings.NewReader("\r\n--b--\r\n")), sum,
			)
			resp, err := http.DefaultClient.Do(apptest.Request(
				t, "POST", r.Sidecar()+apptest.CreatePath, body, "X-DocuSign-Authentication", apptest.AnnaJSON, "Content-Type",
				"multipart/form-data; boundary=b",
			))
			if err != nil {
				t.Error(err)
				return
			}
			defer resp.Body.Close()
			if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != 201 {
				t.Errorf("%d %v", resp.StatusCode, err)
			}
			want, found := hex.EncodeToString(sum.Sum(nil)), false
			for _, q := range r.Sandbox.Requests() {
				found = found || q.BodySHA256 == want
			}
			if !found {
				t.Error("DocuSign got another body")
			}
		})
	}
	all.Wait()
	files, _ := r.fetchCapture(t, id)
	if text := files["01_POST_envelopes.txt"]; !strings.Contains(
		text, `{"status":"sent","documents":[{"documentId":1,"name":"[masked]"}]}`,
	) || !strings.Contains(text, "cut; the body has 104859") || len(text) > 100<<10 {
		t.Errorf("%d bytes: %.3000s", len(text), text)
	}
}
