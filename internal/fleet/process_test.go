//go:build linux

package fleet_test

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"docusign-auth-proxy/internal/processtest"
)

// process is a server that a test started.
type process struct {
	t    *testing.T
	name string
	args []string
	log  string // file
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
}

// newProcess prepares a server; it is ended with the test at the latest.
func newProcess(t *testing.T, dir, name string, args ...string) *process {
	p := &process{t: t, name: name, args: args, log: filepath.Join(dir, name+".log")}
	t.Cleanup(p.kill)
	return p
}

// start starts it, with its output added to its log.
func (p *process) start() {
	p.t.Helper()
	out, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		p.t.Fatal(err)
	}
	defer out.Close()
	p.cmd = exec.Command(p.args[0], p.args[1:]...)
	p.cmd.Stdout, p.cmd.Stderr = out, out
	// It must not outlive a test that was killed itself.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		p.t.Fatalf("start %s: %v", p.name, err)
	}
	cmd, done := p.cmd, make(chan struct{})
	p.done = done
	go func() {
		_ = cmd.Wait() // how it ended is in its log
		close(done)
	}()
}

func (p *process) running() bool {
	if p.done == nil {
		return false
	}
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// signal tells a running process.
func (p *process) signal(s syscall.Signal) {
	if p.running() {
		_ = p.cmd.Process.Signal(s) // it may have ended in this moment
	}
}

// kill ends it as a lost machine does.
func (p *process) kill() {
	if p.running() {
		p.signal(syscall.SIGKILL)
		<-p.done
	}
}

// stop ends it as an operator does.
func (p *process) stop() {
	p.t.Helper()
	if !p.running() {
		return
	}
	p.signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(processtest.Patience):
		p.t.Errorf("%s did not stop within %s", p.name, processtest.Patience)
		p.kill()
	}
}

// listens tells whether somebody takes connections there.
func listens(address string) error {
	c, err := net.DialTimeout("tcp", address, time.Second)
	if err == nil {
		err = c.Close()
	}
	return err
}

// answers tells whether a page is there.
func answers(url string) error {
	client := http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(url)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d", resp.StatusCode)
	}
	return nil
}

func readFile(name string) (string, error) {
	text, err := os.ReadFile(name)
	return string(text), err
}
