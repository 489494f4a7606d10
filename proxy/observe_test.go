package proxy_test

import (
	"bytes"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/observe/accesslog"
	"docusign-auth-proxy/internal/observe/metrics"
	"docusign-auth-proxy/proxy"
	"docusign-auth-proxy/proxy/egress"
	"docusign-auth-proxy/translate"
)

// recorderFunc is an observer.
type recorderFunc func(*call.Event)

func (f recorderFunc) Record(e *call.Event) { f(e) }

// served is a sidecar without upstream: it answers its own pages.
func served(t *testing.T, cfg proxy.Config) string {
	t.Helper()
	everybody := &egress.Clients{Allow: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}}
	s := proxy.New(cfg, &proxy.State{
		Translator: translate.New(translate.Config{}), Policy: &egress.Policy{}, Clients: everybody, LocalClients: everybody,
		DefaultSite: &url.URL{Scheme: "https", Host: "demo.docusign.net"},
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = s.Run() }()
	go func() { _ = s.Serve(l, call.DoorSidecar) }()
	t.Cleanup(func() { _ = s.Shutdown(t.Context()) })
	return "http://" + l.Addr().String()
}

func TestTheAnswerIsSentBeforeTheCallIsRecorded(t *testing.T) {
	answered := make(chan struct{})
	recorded := make(chan struct{})
	base := served(t, proxy.UsualConfig(recorderFunc(func(*call.Event) {
		<-answered
		close(recorded)
	})))
	client := &http.Client{Timeout: 10 * time.Second}
	resp, err := client.Get(base + "/")
	if err != nil {
		close(answered)
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || !strings.Contains(string(body), "/restapi") {
		t.Errorf("%v, %q", err, body)
	}
	close(answered)
	<-recorded
}

func TestAFaultOfAnObserverCostsTheRecordAndNotTheCall(t *testing.T) {
	var out bytes.Buffer
	w := accesslog.NewWriter(&out)
	metrics, err := metrics.New(prometheus.NewRegistry(), metrics.Options{})
	if err != nil {
		t.Fatal(err)
	}
	reported := make(chan string, 8)
	cfg := proxy.UsualConfig(recorderFunc(func(*call.Event) { panic("Lgcy-Anna-11x") }), metrics, panicCount{reported})
	cfg.Log = slog.New(slog.NewJSONHandler(w, nil))
	base := served(t, cfg)
	for range 2 {
		resp, err := http.Get(base + "/")
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Errorf("status %d", resp.StatusCode)
		}
		if where := <-reported; where != call.PanicRecord {
			t.Errorf("the panic is counted at %q", where)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if log := out.String(); strings.Contains(log, "Lgcy-Anna-11x") || !strings.Contains(log, `"panic":"panic: string"`) {
		t.Errorf("the log says\n%s", log)
	}
}

// panicCount is told where panics were caught.
type panicCount struct{ where chan string }

func (panicCount) Record(*call.Event) {}

func (c panicCount) RecordPanic(where string) { c.where <- where }
