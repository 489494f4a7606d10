package app_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"docusign-auth-proxy/internal/app/apptest"
	"docusign-auth-proxy/internal/call"
)

// toolsFolder is where .ci/install puts what comes from npm; with it, a missing tool is a failure and not a reason to
// skip.
func toolsFolder() string { return os.Getenv("DOCUSIGN_AUTH_PROXY_TOOLS") }

// needTool finds a program, or skips with the reason.
func needTool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	missing(t, name+" is not installed; .ci/install installs it")
	return ""
}

func missing(t *testing.T, reason string) {
	t.Helper()
	if toolsFolder() != "" {
		t.Fatal(reason)
	}
	t.Skip(reason)
}

// debianPython is the interpreter that Debian's python3-* packages belong to.
func debianPython(t *testing.T, module string) string {
	t.Helper()
	const python = "/usr/bin/python3"
	if err := exec.Command(python, "-c", "import "+module).Run(); err != nil {
		missing(t, "Debian's python3-"+module+" is not installed; .ci/install installs it")
	}
	return python
}

func clientProgram(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("..", "..", "e2e", "clients", name))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// runClient runs an old program and gives its standard output.
func (r *rig) runClient(env []string, name string, args ...string) string {
	r.T.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute) // a browser on a busy machine
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), append([]string{"NO_PROXY=", "no_proxy="}, env...)...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		r.T.Fatalf("%s: %v\n%s\n%s\nproxy log:\n%s", filepath.Base(name), err, out, stderr.String(), r.Log)
	}
	return string(out)
}

// sent is what the REST programs print.
type sent struct{ BaseURL, APIPassword, EnvelopeID, Status, PDF string }

func (r *rig) checkSent(out string, baseURL string) sent {
	r.T.Helper()
	var s sent
	if err := json.Unmarshal([]byte(out), &s); err != nil {
		r.T.Fatalf("%v in %q", err, out)
	}
	if s.Status != "sent" || s.PDF != "%PDF" || !strings.HasPrefix(s.BaseURL, baseURL) {
		r.T.Errorf("%+v, want a sent envelope, its PDF and a base URL under %s", s, baseURL)
	}
	created := 0
	for _, e := range r.Sandbox.Envelopes() {
		if e.ID == s.EnvelopeID {
			created++
		}
	}
	if created != 1 {
		r.T.Errorf("the sandbox has the envelope %d times, want once", created)
	}
	r.NoLeak()
	return s
}

func TestDocusignEsign4FromNpmWorksThroughTheSidecar(t *testing.T) {
	t.Parallel()
	node := needTool(t, "node")
	modules := filepath.Join(toolsFolder(), "npm", "node_modules")
	if _, err := os.Stat(filepath.Join(modules, "docusign-esign")); err != nil {
		missing(
			t, "docusign-esign 4.0.0 is not installed; .ci/install installs it and DOCUSIGN_AUTH_PROXY_TOOLS names the folder",
		)
	}
	r := newRig(t, nil)
	out := r.runClient(
		[]string{"NODE_PATH=" + modules}, node, clientProgram(t, "esign4.js"), r.Sidecar(), apptest.LegacyJSON, "1703061",
	)
	s := r.checkSent(out, r.Sidecar()+"/restapi/v2/accounts/1703061")
	if s.APIPassword == "" {
		t.Error("no apiPassword although the program asked for it")
	}
}

func TestPythonRequestsWorksThroughEachDoor(t *testing.T) {
	t.Parallel()
	python := debianPython(t, "requests")
	r := newRig(t, nil)
	ca := filepath.Join(r.Dir, "ca.pem")
	const path = "/restapi/v2/login_information"
	for _, c := range []struct {
		name, url, base string
		env             []string
	}{
		{"sidecar over http", r.Sidecar() + path, r.Sidecar() + "/restapi/v2/accounts/1703061", nil},
		{
			"sidecar over https", "https://" + r.Addr(call.DoorSidecar) + path,
			"https://" + r.Addr(call.DoorSidecar) + "/restapi", []string{"REQUESTS_CA_BUNDLE=" + ca},
		},
		{"HTTPS_PROXY with interception", "https://demo.docusign.net" +
			path, "https://demo.docusign.net/restapi/v2/accounts/1703061",
			[]string{"HTTPS_PROXY=" + r.Sidecar(), "REQUESTS_CA_BUNDLE=" + ca}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r.T = t
			r.checkSent(r.runClient(c.env, python, clientProgram(t, "requests_client.py"), c.url, apptest.LegacyJSON), c.base)
		})
	}
	r.T = t
}

func TestCurlWorksThroughEachDoor(t *testing.T) {
	t.Parallel()
	curl := needTool(t, "curl")
	r := newRig(t, nil)
	ca := filepath.Join(r.Dir, "ca.pem")
	const path = "/restapi/v2/accounts/1703061/envelopes"
	body := `{"status":"sent","emailSubject":"Please ` +
		`sign","documents":[{"documentId":"1","name":"a.pdf","documentBase64":"JVBERi0xLjQK"}]}`
	common := []string{
		"-sS", "--fail-with-body", "--max-time", "30", "-H", "X-DocuSign-Authentication: " + apptest.LegacyJSON, "-H",
		"Content-Type: application/json", "--data-binary", body,
	}
	hosts := r.Addr(call.DoorHosts)
	for _, c := range []struct {
		name string
		args []string
	}{
		{"sidecar", []string{r.Sidecar() + path}},
		{"sidecar with HTTP/1.0", []string{"--http1.0", r.Sidecar() + path}},
		{"sidecar with HTTP/2 prior knowledge", []string{"--http2-prior-knowledge", r.Sidecar() + path}},
		{"sidecar over https with HTTP/2", []string{"--http2", "--cacert", ca, "https://" + r.Addr(call.DoorSidecar) + path}},
		{"forward, plain", []string{"-x", r.Sidecar(), "http://demo.docusign.net" + path}},
		{"forward, CONNECT", []string{"-x", r.Sidecar(), "--cacert", ca, "https://demo.docusign.net" + path}},
		{"forward, CONNECT with HTTP/1.0", []string{
			"-x", r.Sidecar(), "--proxy1.0", r.Addr(call.DoorSidecar), "--cacert", ca, "https://demo.docusign.net" + path,
		}},
		{"forward over https to the proxy", []string{
			"-x", "https://" + r.Addr(call.DoorSidecar), "--proxy-cacert", ca, "--cacert", ca,
			"https://demo.docusign.net" + path,
		}},
		{"hosts file", []string{
			"--connect-to", "demo.docusign.net:443:" + hosts, "--cacert", ca, "https://demo.docusign.net" + path,
		}},
		{"chunked with Expect: 100-continue", []string{
			"-H", "Transfer-Encoding: chunked", "-H", "Expect: 100-continue", r.Sidecar() + path,
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r.T = t
			before := r.Sandbox.Counts().Envelopes
			out := r.runClient(nil, curl, append(append([]string{}, common...), c.args...)...)
			if !strings.Contains(out, "envelopeId") {
				t.Errorf("answer %q", out)
			}
			if n := r.Sandbox.Counts().Envelopes - before; n != 1 {
				t.Errorf("%d envelopes were created, want 1", n)
			}
		})
	}
	r.T = t
	r.NoLeak()
}
