package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"docusign-auth-proxy/internal/app/apptest"
	"docusign-auth-proxy/internal/fixture"
	"docusign-auth-proxy/internal/sandbox"
)

// process is the binary itself, with a pipe as its standard error.
type process struct {
	t          *testing.T
	cmd        *exec.Cmd
	stderr     *os.File // the end to read
	proxy, ops string   // URLs
	gone       chan error
	sandbox    *sandbox.Sandbox
}

func startProcess(t *testing.T) *process {
	t.Helper()
	r := newRig(t, func(c *fixture.Config) { c.Proxy, c.Admin, c.Hosts = freeAddress(t), freeAddress(t), "" })
	r.Halt() // its sandbox and its files serve the binary
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = read.Close() })
	p := &process{t: t, stderr: read, gone: make(chan error, 1), sandbox: r.Sandbox, proxy: r.Sidecar(), ops: r.AdminURL()}
	p.cmd = programCommand(context.Background(), t, "run", "--config", r.Path)
	p.cmd.Stderr = write
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = write.Close()
	go func() { p.gone <- p.cmd.Wait() }()
	t.Cleanup(func() { _ = p.cmd.Process.Kill() })
	apptest.Eventually(t, "the proxy is ready",
		func() bool { status, _ := p.ask("/-/ready"); return status == http.StatusOK })
	return p
}

// ask gets a page of the operations listener; 0 = no answer.
func (p *process) ask(path string) (int, string) {
	resp, err := http.Get(p.ops + path)
	if err != nil {
		return 0, ""
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		p.t.Error(err)
	}
	return resp.StatusCode, string(body)
}

// calls sends calls from a few programs at a time and returns how many were answered with the status.
func (p *process) calls(n int, want int, make func(i int) *http.Request) int {
	var workers sync.WaitGroup
	var next, answered atomic.Int64
	client := &http.Client{Timeout: apptest.WireLimit}
	defer client.CloseIdleConnections()
	for range 8 {
		workers.Go(func() {
			for i := int(next.Add(1)); i <= n; i = int(next.Add(1)) {
				resp, err := client.Do(make(i))
				if err != nil {
					p.t.Error(err)
					return
				}
				if _, err = io.Copy(io.Discard, resp.Body); err == nil && resp.StatusCode == want {
					answered.Add(1)
				}
				_ = resp.Body.Close()
			}
		})
	}
	workers.Wait()
	return int(answered.Load())
}

func (p *process) envelope(int) *http.Request {
	return apptest.Request(
		p.t, "POST", p.proxy+apptest.CreatePath, strings.NewReader(string(apptest.BigEnvelope(500))),
		"X-DocuSign-Authentication", apptest.AnnaJSON,
		"Content-Type", "application/json",
	)
}

// refused is a call that costs nothing but its line.
func (p *process) refused(i int) *http.Request {
	return apptest.Request(
		p.t, "GET", p.proxy+"/restapi/v2/accounts/"+strconv.Itoa(i)+"/envelopes", nil, "User-Agent", strings.Repeat("x", 100),
	)
}

func (p *process) dropped() uint64 {
	_, text := p.ask("/metrics")
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(line, "docusign_auth_proxy_log_lines_dropped_total "); ok {
			f, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			if err != nil {
				p.t.Fatal(err)
			}
			return uint64(f)
		}
	}
	p.t.Fatal("the metric is missing")
	return 0
}

func (p *process) fillLog() {
	p.t.Helper()
	const batch = 2000
	for range 10 {
		if n := p.calls(batch, http.StatusUnauthorized, p.refused); n != batch {
			p.t.Fatalf("%d of %d calls were answered", n, batch)
		}
		if p.dropped() > 0 {
			return
		}
	}
	p.t.Fatal("no line was dropped")
}

// ends waits for the process, which was sent SIGTERM.
func (p *process) ends() {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
	select {
	case err := <-p.gone:
		if err != nil {
			p.t.Errorf("the process ended with %v", err)
		}
	case <-time.After(5 * time.Second):
		p.t.Error("SIGTERM does not end a process whose log nobody reads")
	}
}

func TestALogThatNobodyReadsStopsNoCall(t *testing.T) {
	t.Parallel()
	p := startProcess(t)
	const envelopes = 189
	if n := p.calls(envelopes, http.StatusCreated, p.envelope); n != envelopes {
		t.Errorf("%d of %d envelopes were answered", n, envelopes)
	}
	if n := p.sandbox.Counts().API; n < envelopes {
		t.Errorf("DocuSign saw %d calls", n)
	}
	p.fillLog()
	apptest.Eventually(t, "readiness tells", func() bool {
		status, text := p.ask("/-/ready")
		return status == http.StatusServiceUnavailable && strings.Contains(text, "nobody has read the log") &&
			strings.Contains(text, "lines were dropped")
	})
	if status, _ := p.ask("/-/healthy"); status != http.StatusOK {
		t.Errorf("the process is not healthy: %d", status)
	}
	if _, text := p.ask("/api/status"); !strings.Contains(text, "nobody has read the log") {
		t.Error("the status page does not tell")
	}
	p.ends()
}

func TestALogThatIsReadAgainTellsWhatItLost(t *testing.T) {
	t.Parallel()
	p := startProcess(t)
	p.fillLog()
	dropped := p.dropped()
	lines := make(chan string)
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(p.stderr); s.Scan(); {
			lines <- s.Text()
		}
	}()
	told := false
	for !told {
		line, ok := <-lines
		if !ok {
			t.Fatal("the log ended without telling")
		}
		var l struct {
			Msg   string
			Lines uint64
		}
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatalf("not a whole line: %q", line)
		}
		if told = l.Msg == "log lines dropped"; told && l.Lines != dropped {
			t.Errorf("the log tells of %d lines, the metric of %d", l.Lines, dropped)
		}
	}
	last := ""
	p.cmd.Process.Signal(syscall.SIGTERM)
	for line := range lines {
		last = line
	}
	if !strings.Contains(last, `"stopping"`) {
		t.Errorf("the last line is %q", last)
	}
	if err := <-p.gone; err != nil {
		t.Error(err)
	}
}

func TestAProcessWhoseLogIsClosedGoesOn(t *testing.T) {
	t.Parallel()
	p := startProcess(t)
	if err := p.stderr.Close(); err != nil {
		t.Fatal(err)
	}
	if n := p.calls(50, http.StatusCreated, p.envelope); n != 50 {
		t.Errorf("%d of 50 envelopes were answered", n)
	}
	apptest.Eventually(t, "readiness tells", func() bool {
		status, text := p.ask("/-/ready")
		return status == http.StatusServiceUnavailable && strings.Contains(text, "broken pipe") && p.dropped() > 0
	})
	p.ends()
}
