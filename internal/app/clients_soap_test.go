package app_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/sandbox"
)

// soapSent is what the SOAP programs print.
type soapSent struct{ BaseURL, EnvelopeID, Status, PDF, Fault string }

func (r *rig) checkSOAPSent(t *testing.T, out, baseURL string) soapSent {
	t.Helper()
	var s soapSent
	if err := json.Unmarshal([]byte(out), &s); err != nil {
		t.Fatalf("%v in %q", err, out)
	}
	if s.Status != "Sent" || s.PDF != "%PDF" || s.BaseURL != baseURL+"/api/3.0" {
		t.Errorf("%+v, want a sent envelope, its PDF and the base URL %s/api/3.0", s, baseURL)
	}
	made := 0
	for _, e := range r.Sandbox.Envelopes() {
		if e.ID != s.EnvelopeID {
			continue
		}
		made++
		if e.Subject != "Please sign & return" || len(e.Documents) != 1 ||
			e.Documents[0].Size != int64(len("%PDF-1.4 small")) || e.SenderID != sandbox.LegacyID {
			t.Errorf("the envelope at DocuSign is %+v", e)
		}
	}
	if made != 1 {
		t.Errorf("the sandbox has the envelope %d times, want once", made)
	}
	r.NoLeak()
	return s
}

const legacyPassword = "p@ss<w&rd>é1"

// soapClientRuns are the ways in which each program is run.
func soapClientRuns(r *rig, mode string) []struct{ name, origin, version string } {
	return []struct{ name, origin, version string }{
		{mode + ", sidecar", r.Sidecar(), "1.1"},
		{mode + ", sidecar, SOAP 1.2", r.Sidecar(), "1.2"},
		{mode + ", forward proxy", "https://demo.docusign.net", "1.1"},
		{mode + ", forward proxy, SOAP 1.2", "https://demo.docusign.net", "1.2"},
	}
}

func TestZeepWorksThroughSidecarAndForwardProxy(t *testing.T) {
	t.Parallel()
	python := debianPython(t, "zeep")
	for _, mode := range []string{"bearer", "app_password"} {
		r := newRig(t, soapMode(mode))
		env := []string{
			"HTTPS_PROXY=http://" + r.Addr(call.DoorSidecar), "REQUESTS_CA_BUNDLE=" + filepath.Join(r.Dir, "ca.pem"),
		}
		for _, c := range soapClientRuns(r, mode) {
			t.Run(c.name, func(t *testing.T) {
				out := r.runClient(
					env, python, clientProgram(t, "zeep_client.py"), c.origin, legacyName, legacyPassword, sandbox.CaptureAccountID,
					c.version,
				)
				if s := r.checkSOAPSent(t, out, c.origin); s.Fault != "Envelope_Does_Not_Exist" {
					t.Errorf("an unknown envelope: fault %q", s.Fault)
				}
			})
		}
	}
}

func TestPHPSoapClientWorksThroughSidecarAndForwardProxy(t *testing.T) {
	t.Parallel()
	php := needTool(t, "php")
	if out, err := exec.Command(php, "-m").Output(); err != nil || !strings.Contains(string(out), "\nsoap\n") {
		missing(t, "php-soap is not installed; .ci/install installs it")
	}
	for _, mode := range []string{"bearer", "app_password"} {
		r := newRig(t, soapMode(mode))
		for _, c := range soapClientRuns(r, mode) {
			for _, coding := range []string{"", "gzip"} {
				t.Run(c.name+" "+coding, func(t *testing.T) {
					through := ""
					if c.origin != r.Sidecar() {
						through = r.Addr(call.DoorSidecar)
					}
					out := r.runClient(
						nil, php, clientProgram(t, "soap_client.php"), c.origin, legacyName, legacyPassword, sandbox.CaptureAccountID,
						c.version, filepath.Join(r.Dir, "ca.pem"), through, coding,
					)
					if s := r.checkSOAPSent(t, out, c.origin); s.Fault != "One or both of Username and Password are invalid." {
						t.Errorf("a wrong password: fault %q", s.Fault)
					}
				})
			}
		}
	}
}

func TestCurlSendsAnEnvelopeOverSOAP(t *testing.T) {
	t.Parallel()
	curl := needTool(t, "curl")
	r := newRig(t, nil)
	file := filepath.Join(r.Dir, "envelope.xml")
	if err := os.WriteFile(
		file, []byte(soapEnvelope(security(annaToken), sendEnvelopeBody("JVBERi0xLjQgc21hbGw="))), 0o600,
	); err != nil {
		t.Fatal(err)
	}
	large := filepath.Join(r.Dir, "large.xml")
	if err := os.WriteFile(
		large, []byte(soapEnvelope(security(annaToken), sendEnvelopeBody(strings.Repeat("JVBE", 1<<20)))), 0o600,
	); err != nil {
		t.Fatal(err)
	}
	through := []string{
		"--proxy", "http://" + r.Addr(call.DoorSidecar), "--cacert", filepath.Join(r.Dir, "ca.pem"),
		"https://demo.docusign.net/api/3.0/api.asmx",
	}
	for _, c := range []struct {
		name string
		args []string
	}{
		{"sidecar", []string{"--data-binary", "@" + file, r.Sidecar() + "/api/3.0/api.asmx"}},
		{"sidecar, HTTP/1.0", []string{"--http1.0", "--data-binary", "@" + file, r.Sidecar() + "/api/3.0/api.asmx"}},
		{"sidecar, chunked", []string{
			"--header", "Transfer-Encoding: chunked", "--data-binary", "@" + file, r.Sidecar() + "/api/3.0/api.asmx",
		}},
		{"sidecar, 4 MB after 100-continue", []string{
			"--header", "Expect: 100-continue", "--data-binary", "@" + large, r.Sidecar() + "/api/3.0/api.asmx",
		}},
		{"forward proxy", append([]string{"--data-binary", "@" + file}, through...)},
		{"forward proxy, HTTP/2 inside", append([]string{"--http2", "--data-binary", "@" + file}, through...)},
		{"forward proxy, 4 MB", append([]string{"--data-binary", "@" + large}, through...)},
	} {
		t.Run(c.name, func(t *testing.T) {
			args := append(
				[]string{
					"--silent", "--show-error", "--header", "Content-Type: text/xml; charset=utf-8", "--header",
					`SOAPAction: "` + namespaceAPI + `/CreateAndSendEnvelope"`,
				},
				c.args...,
			)
			if out := r.runClient(nil, curl, args...); !strings.Contains(out, "<Status>Sent</Status>") {
				t.Errorf("%s", out)
			}
			r.NoLeak()
		})
	}
}
