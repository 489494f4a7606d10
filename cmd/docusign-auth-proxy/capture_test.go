package main

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/spf13/cobra"

	"docusign-auth-proxy/internal/observe/capture"
	"docusign-auth-proxy/internal/sandbox"
)

// adminURL is asked after calls, so it waits until they are recorded.
func (r *rig) adminURL() string {
	r.settled()
	return "http://" + r.program.adminOn.Addr().String()
}

// capture runs the command as an operator does.
func (r *rig) capture(t *testing.T, args ...string) (stdout string, err error) {
	t.Helper()
	return r.operate(t, newCapture(), append(args, "--admin", r.adminURL())...)
}

// operate runs a command of the operator against the rig's configuration.
func (r *rig) operate(t *testing.T, cmd *cobra.Command, args ...string) (stdout string, err error) {
	t.Helper()
	var out bytes.Buffer
	cmd.SilenceUsage, cmd.SilenceErrors = true, true
	cmd.SetOut(&out)
	cmd.SetErr(io.Discard)
	cmd.SetArgs(append(args, "--config", r.path))
	err = cmd.ExecuteContext(t.Context())
	return out.String(), err
}

func (r *rig) captured(t *testing.T, args ...string) string {
	t.Helper()
	out, err := r.capture(t, args...)
	if err != nil {
		t.Fatalf("%v: %v", args, err)
	}
	return out
}

// fetched is a capture as text: all files of the archive, and the HAR.
func (r *rig) fetched(t *testing.T) (files map[string]string, har string) {
	t.Helper()
	dir := t.TempDir()
	r.captured(t, "download", "--output", filepath.Join(dir, "c.zip"))
	z, err := zip.OpenReader(filepath.Join(dir, "c.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	files = map[string]string{}
	for _, f := range z.File {
		opened, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(opened)
		if err != nil {
			t.Fatal(err)
		}
		files[f.Name] = string(text)
	}
	return files, r.captured(t, "download", "--format", "har", "--output", "-")
}

func TestACaptureShowsTheWayOfACall(t *testing.T) {
	r := newRig(t, nil)
	name := ""
	for _, in := range r.program.holder.Current().Integrations {
		if in.IntegratorKey == sandbox.GUIDKey {
			name = in.Name
		}
	}
	get := func() {
		t.Helper()
		if got := r.do(nil, request(t, "GET", r.sidecar()+listPath, nil, "X-DocuSign-Authentication", annaJSON)); got.status != 200 {
			t.Fatalf("%d %s", got.status, got.body)
		}
	}
	get()
	out := r.captured(t, "start", "--integration", name, "--requests", "2")
	if !strings.Contains(out, "keeps the next 2 calls of "+name) || !strings.Contains(out, "next: ") {
		t.Error(out)
	}
	if _, err := r.capture(t, "start", "--integration", name); err == nil || !strings.Contains(err.Error(), "running already") {
		t.Errorf("a second one: %v", err)
	}
	if _, err := r.capture(t, "start", "--integration", "nobody"); err == nil || !strings.Contains(err.Error(), `no integration "nobody"`) {
		t.Errorf("an unknown one: %v", err)
	}
	var status struct{ Captures []capture.Info }
	if err := json.Unmarshal([]byte(r.captured(t, "status", "--json")), &status); err != nil || len(status.Captures) != 1 || !status.Captures[0].Running {
		t.Errorf("%+v %v", status, err)
	}
	r.do(nil, request(t, "GET", r.sidecar()+listPath, nil, "X-DocuSign-Authentication", `{"Username":"x","Password":"y","IntegratorKey":"z"}`)) // somebody else's
	r.sandbox.RevokeTokens(sandbox.AnnaID)
	get()
	get()
	get()
	files, _ := r.fetched(t)
	if len(files) != 3 {
		t.Fatalf("%d files", len(files))
	}
	first := files["01_GET_envelopes.txt"]
	for _, want := range []string{
		"GET " + r.sidecar() + listPath, `X-Docusign-Authentication: {"Username":"anna@example.com","Password":"[masked]","IntegratorKey":"` + sandbox.GUIDKey + `"}`,
		"=== the proxy sent to DocuSign (1 of 2", "=== the proxy sent to DocuSign (2 of 2", "Authorization: Bearer [masked]", "HTTP/1.1 401 Unauthorized", "replayed ", "HTTP/1.1 200 OK", "=== the program got that answer as it was ===",
	} {
		if !strings.Contains(first, want) {
			t.Errorf("no %q in:\n%s", want, first)
		}
	}
	if out := r.captured(t, "status"); !strings.Contains(out, "2 of 2") || !strings.Contains(out, "it has what was asked for") {
		t.Error(out)
	}
	if _, err := r.capture(t, "stop"); err == nil || err.Error() != "no capture is running" {
		t.Error(err)
	}
	r.captured(t, "delete", status.Captures[0].ID)
	if _, err := r.capture(t, "download"); err == nil || !strings.Contains(err.Error(), "capture start") {
		t.Error(err)
	}
	if log := r.log.String(); !strings.Contains(log, `msg="capture started"`) || !strings.Contains(log, `msg="capture ended"`) || !strings.Contains(log, `msg="capture fetched"`) {
		t.Error("the log is silent about it")
	}
}

// TestNoSecretIsEverCaptured sends every dialect there is, right and wrong, and reads every byte of what is kept.
func TestNoSecretIsEverCaptured(t *testing.T) {
	for _, mode := range []string{"bearer", "app_password"} {
		t.Run(mode, func(t *testing.T) {
			r := newRig(t, soapMode(mode))
			r.captured(t, "start", "--integration", "*", "--requests", "500", "--max-body", "65536")
			for _, c := range recorded {
				r.replaySOAP(t, "sidecar", c.file, soapCapture(t, c.file), c.answer)
			}
			r.sendREST(t)
			issued := r.sendForms(t)
			r.sendSOAP(t)
			r.captured(t, "stop")
			files, har := r.fetched(t)
			if len(files) < 40 {
				t.Errorf("only %d files", len(files))
			}
			needles := r.secretsOf(t)
			for name, needle := range map[string]string{
				"a wrong password": strangePassword, "its start": "Zq7c4n4ry", "its end": "9xC4N4RYw", "the recorded password": "pa55<w0rd", "a one-time link": "StartInSession.aspx?t",
				"the recorded password in XML": "w&amp;rd", "a token of the proxy": issued,
			} {
				needles[name] = needle
			}
			for file, text := range files {
				for name, needle := range needles {
					if needle != "" && strings.Contains(text, needle) {
						t.Errorf("%s is in %s:\n%s", name, file, text)
					}
				}
			}
			for name, needle := range needles {
				if quoted, _ := json.Marshal(needle); needle != "" && (strings.Contains(har, needle) || strings.Contains(har, strings.Trim(string(quoted), `"`))) {
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
		`"Password":"[masked]"`, "<wsse:Password", ">[masked]</", "<Password>[masked]</Password>", "password=[masked]", `"access_token": "[masked]"`, `"emailSubject":"[masked]"`, `"documentBase64":"[12 bytes of base64]"`,
		"[masked]</EncryptedPassword>", "<RequestStatus", "<wsse:Username>[masked]", "<DocuSignCredentials><Username>anna@example.com</Username><Password>[masked]</Password>",
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
		annaJSON, legacyJSON, `{"Username":"anna@example.com","Password":"anna-legacy-1","IntegratorKey":"` + sandbox.GUIDKey + `"`, `{"Username":anna@example.com,"Password":anna-legacy-1,"IntegratorKey":` + sandbox.GUIDKey + `}`,
		`<DocuSignCredentials><Username>anna@example.com</Username><Password>anna-legacy-1</Password><IntegratorKey>` + sandbox.GUIDKey + `</IntegratorKey></DocuSignCredentials>`,
		`<DocuSignCredentials><Username>legacy.user@example.com</Username><Password><![CDATA[p@ss<w&rd>é1]]></Password><IntegratorKey>` + sandbox.LegacyKey + `</IntegratorKey></DocuSignCredentials>`,
		`<DocuSignCredentials><Username>legacy.user@example.com</Username><Password>p@ss&lt;w&amp;rd&gt;é1</Password><IntegratorKey>` + sandbox.LegacyKey + `</IntegratorKey></DocuSignCredentials>`,
		`<DocuSignCredentials><Username>legacy.user@example.com</Username><Password>p@ss<w&rd>é1</Password><IntegratorKey>` + sandbox.LegacyKey + `</IntegratorKey></DocuSignCredentials>`,
		`{"Username":"anna@example.com","Password":"` + strangePassword + `","IntegratorKey":"` + sandbox.GUIDKey + `"}`, `{"Username":"` + "Zq7c4n4ry" + `","Password":"x","IntegratorKey":"Zq7c4n4ry"}`, "Zq7c4n4ry", "",
	} {
		r.do(nil, request(t, "GET", r.sidecar()+loginPath+"?api_password=true", nil, "X-DocuSign-Authentication", header))
		r.do(nil, request(t, "POST", r.sidecar()+createPath, strings.NewReader(envelopeJSON), "X-DocuSign-Authentication", header, "Content-Type", "application/json"))
	}
	for _, h := range []string{"Bearer Zq7c4n4ry", "Basic WnE3YzRuNHJ5OlpxN2M0bjRyeQ==", "Zq7c4n4ry"} {
		r.do(nil, request(t, "GET", r.sidecar()+listPath, nil, "Authorization", h, "Cookie", "a=Zq7c4n4ry", "X-Secret", "Zq7c4n4ry"))
	}
	r.do(nil, request(t, "GET", r.sidecar()+"/Signing/?t=Zq7c4n4ry", nil))
	r.do(nil, request(t, "GET", r.sidecar()+createPath+"?access_token=Zq7c4n4ry", nil, "X-DocuSign-Authentication", annaJSON))
	r.do(nil, request(t, "POST", r.sidecar()+"/restapi/v2/accounts/1234567/views/console", strings.NewReader(`{"returnUrl":"https://erp/?session=Zq7c4n4ry"}`), "X-DocuSign-Authentication", annaJSON, "Content-Type", "application/json"))
	r.do(nil, request(t, "PUT", r.sidecar()+loginPath+"/password", strings.NewReader(`{"currentPassword":"anna-legacy-1","newPassword":"Zq7c4n4ry"}`), "X-DocuSign-Authentication", annaJSON, "Content-Type", "application/json"))
}

// sendForms also gives the token that the proxy issued.
func (r *rig) sendForms(t *testing.T) (issued string) {
	t.Helper()
	issued = r.legacyLogin(t, "anna@example.com", "anna-legacy-1", sandbox.GUIDKey)
	r.withToken(t, issued)
	raw := "grant_type=password&client_id=" + sandbox.LegacyKey + "&username=legacy.user@example.com&password="
	for _, form := range []string{raw + "p@ss<w&rd>é1&scope=api", raw + strangePassword, raw + "x&username=Zq7c4n4ry&scope=Zq7c4n4ry", "Zq7c4n4ry", tokenForm("anna@example.com", strangePassword, sandbox.GUIDKey)} {
		r.do(nil, tokenRequest(t, r.sidecar(), form))
	}
	r.sendRefused(t)
	r.do(nil, request(t, "POST", r.sidecar()+"/restapi/v2/oauth2/revoke", strings.NewReader(url.Values{"token": {issued}}.Encode()), "Content-Type", "application/x-www-form-urlencoded"))
	return issued
}

// sendRefused sends passwords where nothing reads them.
func (r *rig) sendRefused(t *testing.T) {
	t.Helper()
	const query = "?Email=a&Password=Zq7c4n4ry"
	form := []string{"Content-Type", "application/x-www-form-urlencoded", "X-DocuSign-Authentication", annaJSON}
	for _, path := range []string{"/api/3.0/credential.asmx/Login", "/api/3.0/other.asmx", listPath, "/restapi", "/restapi%2Fv2", "/x"} {
		r.do(nil, request(t, "GET", r.sidecar()+path+query, nil, "X-DocuSign-Authentication", annaJSON))
		r.do(nil, request(t, "POST", r.sidecar()+path, strings.NewReader(query[1:]), form...))
	}
	r.do(nil, request(t, "POST", r.sidecar()+"/restapi/v2/oauth2/token", strings.NewReader("grant_type=urn:ietf:params:oauth:grant-type:saml2-bearer&assertion=Zq7c4n4ry"), form[:2]...))
	foreign := security(usernameToken("x", "Zq7c4n4ry"))
	r.do(nil, soapPost(t, r.sidecar()+"/api/3.0/other.asmx", soapEnvelope(foreign, requestStatus)))
	r.do(nil, soapPost(t, r.sidecar()+"/api/3.0/dsapi.asmx", soapEnvelope(foreign, requestStatus), "X-DocuSign-Authentication", annaJSON))
}

func (r *rig) sendSOAP(t *testing.T) {
	t.Helper()
	api, credential := r.sidecar()+"/api/3.0/api.asmx", r.sidecar()+"/api/3.0/credential.asmx"
	wild := "[" + sandbox.LegacyKey + "]legacy.user@example.com"
	for _, token := range []string{
		annaToken, usernameToken(wild, "<![CDATA[p@ss<w&rd>é1]]>"), usernameToken(wild, "p@ss&#60;w&amp;rd&gt;&#xe9;1"), usernameToken(wild, "p@ss<w&rd>é1"), usernameToken(wild, "<b>Zq7c4n4ry</b>"), usernameToken(wild, "Zq7c4n4ry<!-- Zq7c4n4ry -->"),
		usernameToken("Zq7c4n4ry", "x"), "<x>Zq7c4n4ry</x>", strings.ReplaceAll(annaToken, "#PasswordText", "#PasswordDigest"),
	} {
		r.do(nil, soapPost(t, api, soapEnvelope(security(token+timestamp), requestStatus)))
		var packed bytes.Buffer
		w := gzip.NewWriter(&packed)
		_, _ = io.WriteString(w, soapEnvelope(security(token), requestStatus)) // into memory
		_ = w.Close()
		r.do(nil, request(t, "POST", api, &packed, "Content-Type", "text/xml; charset=utf-8", "Content-Encoding", "gzip"))
	}
	view := "<AccountID>" + sandbox.CaptureAccountID + "</AccountID><EnvelopeID>" + sandbox.CaptureEnvelopeID + "</EnvelopeID><ReturnURL>https://erp.example.com/?s=Zq7c4n4ry</ReturnURL>"
	r.do(nil, soapPost(t, credential, credentialCall("RequestSenderToken", annaName, "anna-legacy-1", view)))
	r.do(nil, soapPost(t, credential, credentialCall("Login", annaName, "Zq7c4n4ry", "")))
	r.do(nil, soapPost(t, r.sidecar()+"/api/3.0/accountmanagement.asmx", soapEnvelope("", `<GetEncryptedPassword xmlns="http://www.docusign.net/API/AccountManagement"/>`), "X-DocuSign-Authentication", annaJSON))
}

func TestACaptureDoesNotTouchTheBodiesThatPass(t *testing.T) {
	r := newRig(t, nil)
	r.captured(t, "start", "--integration", "*", "--requests", "20")
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			sum := sha256.New()
			head := "--b\r\nContent-Type: application/json\r\n\r\n{\"status\":\"sent\",\"documents\":[{\"documentId\":1,\"name\":\"s\"}]}\r\n--b\r\nContent-Disposition: documentId=1\r\nContent-Type: application/pdf\r\n\r\n"
			body := io.TeeReader(io.MultiReader(strings.NewReader(head), io.LimitReader(letters{}, 10<<20), strings.NewReader("\r\n--b--\r\n")), sum)
			resp, err := http.DefaultClient.Do(request(t, "POST", r.sidecar()+createPath, body, "X-DocuSign-Authentication", annaJSON, "Content-Type", "multipart/form-data; boundary=b"))
			if err != nil {
				t.Error(err)
				return
			}
			defer resp.Body.Close()
			if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != 201 {
				t.Errorf("%d %v", resp.StatusCode, err)
			}
			want, found := hex.EncodeToString(sum.Sum(nil)), false
			for _, q := range r.sandbox.Requests() {
				found = found || q.BodySHA256 == want
			}
			if !found {
				t.Error("DocuSign got another body")
			}
		})
	}
	all.Wait()
	files, _ := r.fetched(t)
	if text := files["01_POST_envelopes.txt"]; !strings.Contains(text, `{"status":"sent","documents":[{"documentId":1,"name":"[masked]"}]}`) || !strings.Contains(text, "cut; the body has 104859") || len(text) > 100<<10 {
		t.Errorf("%d bytes: %.3000s", len(text), text)
	}
}

func TestACaptureNeedsTheLoginOfTheOperationsListener(t *testing.T) {
	r := newRigEdited(t, sandbox.Options{}, nil, func(s section) {
		s.at("admin")["basic_auth"] = section{"username": "ops", "password": section{"bcrypt": "$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"}}
	})
	for _, q := range []*http.Request{request(t, "POST", r.adminURL()+"/api/capture", strings.NewReader("integration=*"), "Content-Type", "application/x-www-form-urlencoded"), request(t, "GET", r.adminURL()+"/api/capture", nil)} {
		if got := r.do(nil, q); got.status != http.StatusUnauthorized {
			t.Errorf("%s: %d", q.Method, got.status)
		}
	}
	wrong := filepath.Join(t.TempDir(), "wrong")
	if err := os.WriteFile(wrong, []byte("no"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := r.capture(t, "status", "--admin-password-file", wrong); err == nil || !strings.Contains(err.Error(), "basic_auth was refused") {
		t.Error(err)
	}
	if _, err := r.capture(t, "status", "--admin-token-file", wrong); err == nil || !strings.Contains(err.Error(), "the token was refused") {
		t.Error(err)
	}
	if out := r.captured(t, "status"); !strings.HasPrefix(out, "no capture is running") {
		t.Errorf("with the token file, where the configuration has only a hash of the password: %s", out)
	}
	if err := os.Remove(filepath.Join(r.dir, "state.db.admin-token")); err != nil {
		t.Fatal(err)
	}
	if _, err := r.capture(t, "start", "--integration", "*"); err == nil || !strings.Contains(err.Error(), "only a hash") {
		t.Errorf("without the token file: %v", err)
	}
}

func TestAForeignPageCannotStartACapture(t *testing.T) {
	r := newRig(t, nil)
	q := request(t, "POST", r.adminURL()+"/api/capture", strings.NewReader("integration=*"), "Content-Type", "application/x-www-form-urlencoded", "Origin", "https://evil.example.com", "Sec-Fetch-Site", "cross-site")
	if got := r.do(nil, q); got.status != http.StatusForbidden {
		t.Errorf("%d %s", got.status, got.body)
	}
	if out := r.captured(t, "status"); !strings.HasPrefix(out, "no capture is running") {
		t.Error(out)
	}
}
