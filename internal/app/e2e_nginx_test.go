package app_test

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"docusign-auth-proxy/internal/app/apptest"
	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/sandbox"
)

// nginxConfig is that of docs/forward-auth.md, with the test's addresses and with names for the sandbox, which has no
// DNS. A test says by X-Test-Client whose machine it is.
const nginxConfig = `daemon off; master_process off; pid %[1]s/nginx.pid; error_log %[1]s/error.log;
events { worker_connections 64; }
http {
  access_log off; client_max_body_size 0;
  client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxied; fastcgi_temp_path %[1]s/fastcgi;
  uwsgi_temp_path %[1]s/uwsgi; scgi_temp_path %[1]s/scgi;
  set_real_ip_from 127.0.0.0/8; real_ip_header X-Test-Client;
  server {
    listen %[2]s;
    location / {
      auth_request /_docusign_auth;
      auth_request_set $docusign_site  $upstream_http_x_docusign_auth_proxy_upstream;
      auth_request_set $docusign_path  $upstream_http_x_docusign_auth_proxy_path;
      auth_request_set $docusign_token $upstream_http_authorization;
      auth_request_set $docusign_old   $upstream_http_x_docusign_authentication;
      auth_request_set $docusign_act   $upstream_http_x_docusign_act_as_user;
      error_page 401 403 500 = @docusign_proxy;
      proxy_intercept_errors on;
      proxy_pass https://%[3]s$docusign_path;
      proxy_ssl_server_name on;
      proxy_ssl_name $docusign_site;
      proxy_ssl_verify on;
      proxy_ssl_trusted_certificate %[4]s;
      proxy_set_header Host $docusign_site;
      proxy_set_header Authorization $docusign_token;
      proxy_set_header X-DocuSign-Authentication $docusign_old;
      proxy_set_header X-DocuSign-Act-As-User $docusign_act;
      proxy_set_header X-Sent-By nginx;
    }
    location = /_docusign_auth {
      internal;
      proxy_pass http://%[5]s/auth;
      proxy_pass_request_body off;
      proxy_set_header Content-Length "";
      proxy_set_header X-Original-Method $request_method;
      proxy_set_header X-Original-URI $request_uri;
      proxy_set_header X-Forwarded-For $remote_addr;
    }
    location @docusign_proxy {
      proxy_pass http://%[6]s;
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $remote_addr;
    }
  }
}
`

// nginx runs a real one before the proxy and gives its address.
func (r *rig) nginx(t *testing.T) string {
	t.Helper()
	program := needTool(t, "nginx")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address, dir := l.Addr().String(), t.TempDir()
	_ = l.Close()
	path := filepath.Join(dir, "nginx.conf")
	text := fmt.Sprintf(nginxConfig, dir, address, r.Sandbox.Addr(), filepath.Join(r.Dir, "sandbox-ca.pem"),
		r.Addr(call.DoorForwardAuth), r.Addr(call.DoorSidecar))
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "-p", dir, "-c", path, "-e", filepath.Join(dir, "error.log"))
	said := &strings.Builder{}
	cmd.Stderr = said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	for began := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		c, err := net.Dial("tcp", address)
		if err == nil {
			_ = c.Close()
			return address
		}
		if time.Since(began) > apptest.WireLimit {
			t.Fatalf("nginx does not listen: %v\n%s", err, said)
		}
	}
}

func TestNginxAsksAndSendsTheCallsItself(t *testing.T) {
	t.Parallel()
	r := newRigEdited(t, sandbox.Options{}, nil, func(s apptest.Section) {
		s.At("listen")["forward_auth"] = "127.0.0.1:0"
		s.At("listen")["forwarded_for"] = []string{"127.0.0.0/8"}
		s.At("egress")["clients"] = []string{"203.0.113.0/24"}
		s.At("forward_auth")["target"] = "x_original"
	})
	base := "http://" + r.nginx(t)
	send := func(method, path, body string, headers ...string) apptest.Answer {
		headers = append(headers, "X-Test-Client", "203.0.113.7")
		return r.Do(nil, apptest.Request(t, method, base+path, strings.NewReader(body), headers...))
	}
	const old, json = "X-DocuSign-Authentication", "application/json"
	envelopes, _, _ := strings.Cut(apptest.ListPath, "?")
	draft := `{"status":"created","emailSubject":"` + strings.Repeat("x", 60) + `"}`
	wrong := strings.Replace(apptest.AnnaJSON, "anna-legacy-1", "guess", 1)
	xml := `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body/></s:Envelope>`

	t.Run("a call is sent by nginx, with the token and without the old credential", func(t *testing.T) {
		for _, c := range []struct{ method, path, body string }{{"GET", apptest.ListPath, ""}, {"POST", envelopes, draft}} {
			got := send(c.method, c.path, c.body, old, apptest.AnnaJSON, "Content-Type", json, "Authorization", "Bearer forged",
				"X-DocuSign-Auth-Proxy-Upstream", "evil.example", "X-Forwarded-Uri", "/evil", "X-Forwarded-For", "198.51.100.1")
			sent := r.Last(t)
			if got.Status/100 != 2 || sent.Header.Get("X-Sent-By") != "nginx" || sent.Method != c.method ||
				sent.Header.Get(old) != "" || strings.Contains(sent.Header.Get("Authorization"), "forged") {
				t.Errorf("%s: %d %s\nsent %+v", c.method, got.Status, got.Body, sent.Header)
			}
		}
	})
	t.Run("a refusal has the words of DocuSign, from the proxy", func(t *testing.T) {
		got := send("GET", apptest.ListPath, "", old, wrong)
		if got.Status != http.StatusUnauthorized || !strings.Contains(got.Body, "USER_AUTHENTICATION_FAILED") {
			t.Errorf("%d %s", got.Status, got.Body)
		}
	})
	t.Run("SOAP and the log-in take the detour, whole", func(t *testing.T) {
		got := send("POST", "/api/3.0/dsapi.asmx", xml, "Content-Type", "text/xml", "SOAPAction", `"x"`)
		if !strings.Contains(got.Body, "Fault") {
			t.Errorf("%d %s", got.Status, got.Body)
		}
		got = send("GET", "/restapi/v2/login_information", "", old, apptest.AnnaJSON)
		if got.Status != http.StatusOK || !strings.Contains(got.Body, "loginAccounts") {
			t.Errorf("%d %s", got.Status, got.Body)
		}
	})
	t.Run("a token that DocuSign refuses is renewed by the detour, and the body is sent again", func(t *testing.T) {
		r.Sandbox.RevokeTokens(sandbox.AnnaID)
		got := send("POST", envelopes, draft, old, apptest.AnnaJSON, "Content-Type", json)
		if sent := r.Last(t); got.Status != http.StatusCreated || sent.Header.Get("X-Sent-By") != "" {
			t.Errorf("%d %s\nsent %v", got.Status, got.Body, sent.Header)
		}
		got = send("GET", apptest.ListPath, "", old, apptest.AnnaJSON)
		if sent := r.Last(t); got.Status != http.StatusOK || sent.Header.Get("X-Sent-By") != "nginx" {
			t.Errorf("the call after it: %d, sent %v", got.Status, sent.Header)
		}
	})
	t.Run("each call counts for its program", func(t *testing.T) {
		for _, client := range r.clients() {
			if client != "203.0.113.7" {
				t.Errorf("a call is of %s", client)
			}
		}
	})
	r.NoLeak()
}
