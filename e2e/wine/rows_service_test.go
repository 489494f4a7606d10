//go:build linux

package wine_test

import (
	"os"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/app/apptest"
)

// aService goes through the life of the service: by the Service Control Manager, which is Wine's here.
func aService(t *testing.T, w *windows) {
	s := w.newSetup(t, `C:\Program Data\proxy`, func(_ *setup, c apptest.Section) {
		c["store"] = `state\state.db`
	})
	says := func(want string, args ...string) {
		t.Helper()
		if out := w.done(t, append([]string{product, "service"}, args...)...); !strings.Contains(out, want) {
			t.Errorf("service %s does not say %q:\n%s", args[0], want, out)
		}
	}
	fails := func(want string, args ...string) {
		t.Helper()
		out, err := w.run(t, append([]string{product, "service"}, args...)...)
		if err == nil || !strings.Contains(out, want) {
			t.Errorf("service %s: %v, and not %q:\n%s", args[0], err, want, out)
		}
	}
	fails("not installed", "start")
	later := w.local(s.config) + ".later"
	rename(t, w.local(s.config), later)
	says("does not start with the machine before", "install", "--config", s.config)
	t.Cleanup(func() { _, _ = w.run(t, product, "service", "uninstall") }) // unless the row has come to its end
	fails("manual", "status")
	rename(t, later, w.local(s.config))
	says("next: docusign-auth-proxy service start", "install", "--config", s.config)
	fails("automatic", "status")
	fails("stopped", "status")
	says("ready", "start")
	says("running", "status")
	s.good("")
	token, before := s.login(), s.calls()

	under := s.slow()
	stop := w.start(t, product, "service", "stop")
	s.stopping()
	under.finish()
	if out, err := stop.ended(); err != nil || !strings.Contains(out, "stopped") {
		t.Errorf("service stop: %v\n%s", err, out)
	}
	fails("stopped", "status")

	good, err := os.ReadFile(w.local(s.config))
	if err != nil {
		t.Fatal(err)
	}
	s.change(func(c apptest.Section) { c["sotre"] = "state.db" })
	fails("sotre", "start")
	if err := os.WriteFile(w.local(s.config), good, 0o600); err != nil {
		t.Fatal(err)
	}
	says("ready", "start")
	if after := s.calls(); after != before+1 {
		t.Errorf("%d calls are known after the restart, %d and one more before", after, before)
	}
	s.good(token)
	says("taken out", "uninstall")
	fails("not installed", "status")
	log, err := os.ReadFile(w.local(s.folder + `\log\proxy.log`))
	for _, line := range []string{`"msg":"started"`, `"msg":"stopping"`} {
		if err != nil || strings.Count(string(log), line) != 2 {
			t.Errorf("%s is not twice in the log: %v\n%s", line, err, log)
		}
	}
	if _, err := os.Stat(w.local(s.folder + `\state\state.db`)); err != nil {
		t.Errorf("the state is gone: %v", err)
	}
}

func rename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}
