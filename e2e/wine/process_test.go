//go:build linux

package wine_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"docusign-auth-proxy/internal/processtest"
)

// process is a program that runs beside the test.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  string        // file
	done chan struct{} // closed when it has ended
	err  error         // how it ended, once done is closed
}

// start starts a program on drive C; it is killed with the test at the latest.
func (w *windows) start(t *testing.T, args ...string) *process {
	t.Helper()
	return w.startIn(t, w.drive, args...)
}

func (w *windows) startIn(t *testing.T, dir string, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.Command(w.loader, args...), done: make(chan struct{})}
	p.cmd.Env, p.cmd.Dir = w.env, dir
	// It must not outlive a test that was killed itself.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := os.CreateTemp(w.home, "output-*") // not a pipe: Wine's desktop, started by the first window, keeps it open
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	p.out, p.cmd.Stdout, p.cmd.Stderr = out.Name(), out, out
	if p.in, err = p.cmd.StdinPipe(); err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("%s printed:\n%s", strings.Join(args, " "), p.printed())
		}
	})
	return p
}

// printed is its output so far, with lines ending as here.
func (p *process) printed() string {
	p.t.Helper()
	text, err := os.ReadFile(p.out)
	if err != nil {
		p.t.Error(err)
	}
	return strings.ReplaceAll(string(text), "\r\n", "\n")
}

// kill ends it as the task manager does.
func (p *process) kill() {
	select {
	case <-p.done:
	default:
		_ = p.cmd.Process.Kill() // it may end in this moment
		<-p.done
	}
}

// ended waits for its end and gives what it printed.
func (p *process) ended() (string, error) {
	p.t.Helper()
	select {
	case <-p.done:
	case <-time.After(processtest.Patience):
		p.t.Fatalf("it has not ended within %s", processtest.Patience)
	}
	return p.printed(), p.err
}

// run runs a program to its end.
func (w *windows) run(t *testing.T, args ...string) (string, error) {
	t.Helper()
	p := w.start(t, args...)
	_ = p.in.Close() // it has ended otherwise
	return p.ended()
}

// done runs a program that must end with 0.
func (w *windows) done(t *testing.T, args ...string) string {
	t.Helper()
	out, err := w.run(t, args...)
	if err != nil {
		t.Fatalf("%s: %v", strings.Join(args, " "), err)
	}
	return out
}

// running tells why nothing more is to be expected of it.
func (p *process) running() error {
	select {
	case <-p.done:
		return fmt.Errorf("%w: %w", processtest.ErrEnded, p.err)
	default:
		return nil
	}
}

// prints waits for a text in its output.
func (p *process) prints(text string) {
	p.t.Helper()
	processtest.Await(p.t, fmt.Sprintf("%q is printed", text), func() error {
		if strings.Contains(p.printed(), text) {
			return nil
		}
		if err := p.running(); err != nil {
			return err
		}
		return errors.New("it is not there")
	})
}
