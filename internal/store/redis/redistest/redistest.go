// Package redistest starts the servers that tests of the shared store need: a real redis-server, and miniredis, which
// every machine has. It must never reach a server that it did not start.
// The tests of internal/store/redis call it, and those of the packages that use it.
package redistest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"docusign-auth-proxy/internal/processtest"
)

// Program is the server's.
const Program = "redis-server"

// ConfigFile, as the first of the args of Start, stands before the name of a configuration file: a sentinel needs one.
const ConfigFile = "--config-file"

// Server is a redis-server of this test's own.
type Server struct {
	Addr string // 127.0.0.1 and a port
	Dir  string // where it keeps files

	t       testing.TB
	args    []string
	process *exec.Cmd
	ended   chan struct{} // closed after the process
	log     string        // file
	told    int64         // bytes of the log before this start
}

// Each runs a test with miniredis, and with a real server.
func Each(t *testing.T, test func(t *testing.T, addr string)) {
	t.Run("miniredis", func(t *testing.T) { test(t, Mini(t).Addr()) })
	t.Run(Program, func(t *testing.T) { test(t, Start(t).Addr) })
}

// Mini is a miniredis whose time passes: by itself it never ends a key.
func Mini(t testing.TB) *miniredis.Miniredis {
	m := miniredis.RunT(t)
	const tick = 10 * time.Millisecond
	go func() {
		for t.Context().Err() == nil {
			time.Sleep(tick)
			m.FastForward(tick)
		}
	}()
	return m
}

// Require skips the test where a program is missing, unless the tools must be there.
func Require(t testing.TB, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err == nil {
		return
	}
	if os.Getenv("DOCUSIGN_AUTH_PROXY_TOOLS") != "" {
		t.Fatalf("%s is not installed; .ci/install installs it", program)
	}
	t.Skipf("%s is not installed", program)
}

// Start starts a server that keeps nothing on the disk and ends with the test. args are settings as on its command
// line, such as "--appendonly", "yes"; they come after its own.
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	Require(t, Program)
	s := &Server{t: t, args: args, Dir: t.TempDir()}
	s.log = filepath.Join(s.Dir, "log")
	t.Cleanup(s.Kill)
	var err error
	for range 5 { // another process may take the free port
		s.Addr = processtest.Free(t, "127.0.0.1")
		if err = s.start(); err == nil {
			return s
		}
	}
	t.Fatal(err)
	return nil
}

// Port is that of Addr.
func (s *Server) Port() string {
	_, port, _ := strings.Cut(s.Addr, ":")
	return port
}

func (s *Server) start() error {
	own := []string{"--bind", "127.0.0.1", "--dir", s.Dir, "--logfile", s.log, "--save", "", "--appendonly", "no",
		"--daemonize", "no"}
	if s.secure() {
		own = append(own, "--port", "0", "--tls-port", s.Port())
	} else {
		own = append(own, "--port", s.Port())
	}
	args := s.args
	if len(args) > 1 && args[0] == ConfigFile { // the server wants it before all others
		own, args = append([]string{args[1]}, own...), args[2:]
	}
	if log, err := os.Stat(s.log); err == nil {
		s.told = log.Size()
	}
	s.process = exec.Command(Program, slices.Concat(own, args)...)
	if err := s.process.Start(); err != nil {
		return err
	}
	s.ended = make(chan struct{})
	go func(p *exec.Cmd, ended chan struct{}) {
		_ = p.Wait() // killed, mostly
		close(ended)
	}(s.process, s.ended)
	return s.ready()
}

// ready waits until it answers: with PONG, or with an error, as a server with a password or TLS does.
func (s *Server) ready() error {
	for range 500 {
		select {
		case <-s.ended:
			return fmt.Errorf("%s ended: %s", Program, s.Log())
		case <-time.After(10 * time.Millisecond):
		}
		if s.answers() {
			return nil
		}
	}
	return errors.Join(fmt.Errorf("%s does not answer: %s", Program, s.Log()), s.process.Process.Kill())
}

func (s *Server) secure() bool { return slices.Contains(s.args, "--tls-cert-file") }

func (s *Server) answers() bool {
	if s.secure() {
		return s.saysReady()
	}
	c, err := net.DialTimeout("tcp", s.Addr, time.Second)
	if err != nil {
		return false
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Second))
	if _, err = c.Write([]byte("PING\r\n")); err != nil {
		return false
	}
	line, err := bufio.NewReader(c).ReadString('\n')
	switch {
	case err != nil, strings.HasPrefix(line, "-LOADING"):
		return false
	case strings.HasPrefix(line, "-NOAUTH"): // it may still be loading
		return s.saysReady()
	}
	return true
}

// saysReady looks at what its log has since this start.
func (s *Server) saysReady() bool {
	log, err := os.ReadFile(s.log)
	return err == nil && bytes.Contains(log[min(s.told, int64(len(log))):], []byte("Ready to accept connections"))
}

// Log is what it wrote.
func (s *Server) Log() string {
	log, err := os.ReadFile(s.log)
	if err != nil {
		return err.Error()
	}
	return string(log)
}

// Kill ends it as a loss of power does. It may be called again.
func (s *Server) Kill() {
	if s.process == nil || s.process.Process == nil {
		return
	}
	_ = s.process.Process.Kill() // it may have ended already
	<-s.ended
}

// Restart starts it again under the same address, after Kill.
func (s *Server) Restart() {
	s.t.Helper()
	if err := s.start(); err != nil {
		s.t.Fatal(err)
	}
}
