//go:build linux

package wine_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/app/apptest"
	"docusign-auth-proxy/internal/processtest"
)

func demoLeavesNothing(t *testing.T, w *windows) {
	if out := w.done(t, product, "version"); !strings.HasPrefix(out, "docusign-auth-proxy ") {
		t.Errorf("version: %s", out)
	}
	out, err := w.run(t, product, "demo")
	if err != nil || !strings.Contains(out, "By hand: docusign-auth-proxy demo --keep") {
		t.Errorf("%v\n%s", err, out)
	}
	left, err := filepath.Glob(filepath.Join(w.drive, "users", "*", "Temp", "docusign-demo-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("it leaves %q, %v", left, err)
	}
}

func stateIsKept(t *testing.T, w *windows) {
	s := w.newSetup(t, `C:\state`, nil)
	first := s.run()
	token := s.login()
	s.good("")
	if err := os.WriteFile(w.local(s.folder+`\second.yaml`), s.elsewhere(), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := w.run(t, product, "run", "--config", s.folder+`\second.yaml`)
	held := `open store C:\state\state.db: the store is in use by another process: held by process `
	if err == nil || !strings.Contains(out, held) {
		t.Errorf("a second process on the same file: %v\n%s", err, out)
	}
	s.good(token)
	first.kill()
	s.run()
	s.good(token)
}

// elsewhere is the configuration with other addresses.
func (s *setup) elsewhere() []byte {
	text, err := os.ReadFile(s.w.local(s.config))
	if err != nil {
		s.t.Fatal(err)
	}
	host, _, _ := strings.Cut(s.proxy, ":")
	proxy, admin := processtest.Free(s.t, host), processtest.Free(s.t, host)
	return []byte(strings.NewReplacer(s.proxy, proxy, s.admin, admin).Replace(string(text)))
}

func commandsBesideIt(t *testing.T, w *windows) {
	s := w.newSetup(t, `C:\commands`, nil)
	p := s.run()
	s.do("capture", "start", "--integration", "nightly-billing")
	s.login()
	s.good("")
	for _, c := range []struct{ line, want string }{
		{"health", "ready"},
		{"config check", `C:\commands\proxy.yaml is good`},
		{"tokens list", "anna@example.com"},
		{"pins list", "no password is pinned"},
		{"report", "header_json"},
		{"capture status", "nightly-billing"},
		{`capture download --format zip --output C:\commands\capture.zip`, ""},
		{"reload", "reloaded"},
	} {
		if out := s.do(strings.Fields(c.line)...); !strings.Contains(out, c.want) {
			t.Errorf("%s does not say %q:\n%s", c.line, c.want, out)
		}
	}
	if _, err := os.Stat(w.local(s.folder + `\capture.zip`)); err != nil {
		t.Error(err)
	}
	// It ends with 1 for its warnings: the hashes of this test are quick to guess, and nobody trusts the CA.
	out, err := w.run(t, product, "doctor", "--config", s.config)
	if err == nil || !strings.Contains(out, " 0 failures.") {
		t.Errorf("doctor: %v\n%s", err, out)
	}
	if err := p.running(); err != nil {
		t.Error(err)
	}
}

func windowsPaths(t *testing.T, w *windows) {
	s := w.newSetup(t, `C:\Program Data\Übung für Łódź`, func(s *setup, c apptest.Section) {
		c["store"] = s.folder + `\state.db`
		c["interception"] = apptest.Section{"ca_cert": `.\ca.pem`, "ca_key": `keys\..\ca-key.pem`}
		c.At("upstream")["ca_file"] = strings.TrimPrefix(s.folder, "C:") + `\sandbox-ca.pem`
		apptest.IntegrationSection(c, "nightly-billing")["oauth"] = apptest.Section{
			"private_keys": []apptest.Section{{"file": s.folder + `\keys\nightly-billing.pem`}},
		}
	})
	s.run()
	s.good("")
	if _, err := os.Stat(w.local(s.folder + `\state.db`)); err != nil {
		t.Error(err)
	}
}

func consoleEvents(t *testing.T, w *windows) {
	for _, event := range []struct{ number, name string }{
		{"0", "Ctrl-C"}, {"1", "Ctrl-Break"}, {"2", "a closed window"}, {"5", "log-off"}, {"6", "shutdown"},
	} {
		t.Run(event.name, func(t *testing.T) {
			t.Parallel()
			s := w.newSetup(t, `C:\console`+event.number, nil)
			p := w.start(t, bin+"console.exe", event.number, product+" run --config "+s.config)
			s.ready(p.running)
			under := s.slow()
			if _, err := p.in.Write([]byte("x")); err != nil {
				t.Fatal(err)
			}
			s.stopping()
			under.finish()
			if _, err := p.ended(); err != nil {
				t.Errorf("%v", err)
			}
		})
	}
}
