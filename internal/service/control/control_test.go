package control_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/files/filestest"
	"docusign-auth-proxy/internal/service"
	"docusign-auth-proxy/internal/service/control"
)

// manager is a service manager that has one service and does at once what it is told.
type manager struct {
	status   service.Status
	prepared service.Spec
	asked    service.Spec // at the installation
	begins   func() error
	refuses  error
}

func (m *manager) Config(name string) string { return "/etc/" + name + "/config.yaml" }

func (m *manager) Prepare(s service.Spec, _ func(string)) error {
	m.prepared = s
	return m.refuses
}

func (m *manager) Install(s service.Spec, _ func(string)) error {
	m.asked, m.status.Installed, m.status.Config, m.status.Program = s, true, s.Config, s.Program
	return nil
}

func (m *manager) Uninstall(context.Context, string, func(string)) error {
	m.status = service.Status{}
	return nil
}

func (m *manager) Start(context.Context, string) error { return m.begins() }

func (m *manager) Stop(context.Context, string) error {
	m.status.Running = false
	return nil
}

func (m *manager) Status(string) (service.Status, error) { return m.status, nil }

type bench struct {
	control.Service
	m         *manager
	dir, path string
	said      []string
	answers   []error // of the proxy to the question whether it is ready
}

func newBench(t *testing.T, text string) *bench {
	t.Helper()
	b := &bench{m: &manager{}, dir: filestest.TempDir(t)}
	b.path = filepath.Join(b.dir, "config.yaml")
	b.m.begins = func() error {
		b.m.status.Running = true
		return nil
	}
	if text != "" {
		if err := errors.Join(os.WriteFile(b.path, []byte(text), 0o600), os.Mkdir(filepath.Join(b.dir, "log"), 0o700),
			os.Mkdir(filepath.Join(b.dir, "state"), 0o700)); err != nil {
			t.Fatal(err)
		}
	}
	b.Service = control.Service{
		Name: service.DefaultName, Manager: b.m,
		Say:   func(line string) { b.said = append(b.said, line) },
		Check: config.Load,
		Ready: func(_ context.Context, path string) (string, error) {
			if path != b.path {
				t.Errorf("the proxy of %s was asked", path)
			}
			if len(b.answers) == 0 {
				return "ready", nil
			}
			err := b.answers[0]
			b.answers = b.answers[1:]
			return "", err
		},
	}
	return b
}

func absolute(t *testing.T, path string) string {
	t.Helper()
	path, err := filepath.Abs(path) // it gets a drive on Windows
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func (b *bench) last(t *testing.T, want string) {
	t.Helper()
	if len(b.said) == 0 || !strings.Contains(b.said[len(b.said)-1], want) {
		t.Errorf("not said: %q, but %q", want, b.said)
	}
}

const small = `
environment: demo
listen: {proxy: "127.0.0.1:443", admin: "127.0.0.1:9090"}
limits: {shutdown: 40s}
store: state/state.db
log: {file: log/proxy.log}
integrations: []
`

func TestWhatAConfigurationNeedsIsAskedOfTheMachine(t *testing.T) {
	b := newBench(t, small)
	if err := b.Install("/usr/local/bin/proxy", b.path); err != nil {
		t.Fatal(err)
	}
	s := b.m.asked
	slices.Sort(s.Writes)
	if s.Name != b.Name || s.Program != "/usr/local/bin/proxy" || s.Config != b.path || !s.LowPort || !s.Configured ||
		s.StopTime != 55*time.Second ||
		!slices.Equal(s.Writes, []string{filepath.Join(b.dir, "log"), filepath.Join(b.dir, "state")}) {
		t.Errorf("%+v", s)
	}
	b.last(t, "next: docusign-auth-proxy service start")
}

func TestWithoutAConfigurationFoldersAreMadeAndTheNextStepIsSaid(t *testing.T) {
	b := newBench(t, "")
	if err := b.Install("/usr/local/bin/proxy", b.path); err != nil {
		t.Fatal(err)
	}
	if b.m.prepared.Config != b.path || b.m.asked.LowPort || b.m.asked.Configured || len(b.m.asked.Reads) > 0 {
		t.Errorf("%+v, %+v", b.m.prepared, b.m.asked)
	}
	if err := b.Install("/usr/local/bin/proxy", ""); err != nil || b.m.asked.Config != absolute(t, b.m.Config(b.Name)) {
		t.Errorf("where the manager expects it: %v, %+v", err, b.m.asked)
	}
	if err := b.Install("/usr/local/bin/proxy", b.path); err != nil {
		t.Fatal(err)
	}
	b.last(t, "next: write the configuration "+b.path+", put its keys into "+filepath.Join(b.dir, "keys"))
}

func TestWhatIsRefusedIsNotInstalled(t *testing.T) {
	b := newBench(t, "listen: {proxies: x}\n")
	if err := b.Install("/usr/local/bin/proxy", b.path); err == nil || b.m.asked.Name != "" {
		t.Errorf("a faulty configuration: %v, %+v", err, b.m.asked)
	}
	b = newBench(t, small)
	b.m.refuses = errors.New("only an administrator may do this")
	if err := b.Install("/usr/local/bin/proxy", b.path); !errors.Is(err, b.m.refuses) || b.m.asked.Name != "" {
		t.Errorf("%v, %+v", err, b.m.asked)
	}
}

func TestARunningServiceIsToBeStartedAgainAfterItsRepair(t *testing.T) {
	b := newBench(t, small)
	b.Name, b.m.status.Running = "second", true
	if err := b.Install("/usr/local/bin/proxy", b.path); err != nil {
		t.Fatal(err)
	}
	b.last(t, "next: docusign-auth-proxy service stop --name second, and then start")
}

func TestAStartWaitsUntilTheProxyIsReady(t *testing.T) {
	b := newBench(t, small)
	b.m.status = service.Status{Installed: true, Config: b.path}
	b.answers = []error{errors.New("connection refused"), errors.New("not ready")}
	if err := b.Start(t.Context()); err != nil || len(b.answers) > 0 {
		t.Errorf("%v, %d questions left", err, len(b.answers))
	}
	b.last(t, "ready\nnext: docusign-auth-proxy service status")
	if err := b.Stop(t.Context()); err != nil || b.m.status.Running {
		t.Errorf("%v, %+v", err, b.m.status)
	}
	b.last(t, "stopped")
	if err := b.Uninstall(t.Context()); err != nil || b.m.status.Installed {
		t.Errorf("%v, %+v", err, b.m.status)
	}
}

func TestAFailedStartShowsWhatItWroteToTheLog(t *testing.T) {
	b := newBench(t, small)
	b.m.status = service.Status{Installed: true, Config: b.path}
	log := filepath.Join(b.dir, "log", "proxy.log")
	write := func(text string) error {
		f, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err == nil {
			_, err = f.WriteString(text)
			err = errors.Join(err, f.Close())
		}
		return err
	}
	if err := write("of the start before\n"); err != nil {
		t.Fatal(err)
	}
	b.m.begins = func() error {
		b.m.status.State, b.m.status.LastEnd = "stopped", "it could not start"
		return write("1\n2\n3\n4\n5\nkey.pem is missing\n")
	}
	err := b.Start(t.Context())
	want := "the service is stopped: it could not start\n2\n3\n4\n5\nkey.pem is missing\nnext: look at " + log
	if err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("%v\nnot\n%s", err, want)
	}
	if err := os.Remove(log); err != nil {
		t.Fatal(err)
	}
	b.m.begins = func() error { return nil }
	err = b.Start(t.Context())
	if err == nil || !strings.Contains(err.Error(), "it could not start\nnext: look at "+log) {
		t.Errorf("without a line: %v", err)
	}
}

func TestTheLastWordOfAProxyThatIsNeverReadyIsTold(t *testing.T) {
	b := newBench(t, small)
	b.m.status = service.Status{Installed: true, Config: b.path}
	ctx, cancel := context.WithCancelCause(t.Context())
	b.Ready = func(context.Context, string) (string, error) {
		cancel(errors.New("the operator gave up"))
		return "", errors.New("not ready: no token yet")
	}
	err := b.Start(ctx)
	if err == nil || !strings.Contains(err.Error(), "gave up") || !strings.Contains(err.Error(), "no token yet") {
		t.Error(err)
	}
}

func TestTheStatusIsThatOfManagerAndProxy(t *testing.T) {
	b := newBench(t, small)
	status := func() control.Status {
		t.Helper()
		found, err := b.Status(t.Context(), "/usr/local/bin/proxy", "1.2.3")
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	if s := status(); s.Installed || s.Log != "" || s.Ready || s.Next != "docusign-auth-proxy service install" {
		t.Errorf("before: %+v", s)
	}
	b.m.status = service.Status{Installed: true, Config: b.path, Program: "/usr/local/bin/proxy"}
	if s := status(); s.Log != filepath.Join(b.dir, "log", "proxy.log") || s.Version != "1.2.3" || s.Answer != "" ||
		s.Ready || s.Next != "docusign-auth-proxy service start" {
		t.Errorf("stopped: %+v", s)
	}
	b.m.status.Running, b.m.status.Program, b.answers = true, "/opt/proxy", []error{errors.New("not ready")}
	if s := status(); s.Version == "1.2.3" || s.Answer != "not ready" || s.Ready ||
		!strings.HasPrefix(s.Next, "docusign-auth-proxy doctor --config ") {
		t.Errorf("not ready: %+v", s)
	}
	if s := status(); !s.Ready || s.Answer != "ready" || s.Next != "" {
		t.Errorf("ready: %+v", s)
	}
}
