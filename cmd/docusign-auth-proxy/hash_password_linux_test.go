package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// terminal is a person at a terminal: what is written to it is typed, and what is read from it was shown of that. What
// the program says comes by a pipe: of a terminal whose program has ended, Linux may drop the rest.
type terminal struct {
	*os.File
	program *exec.Cmd
	pipe    *os.File
	said    strings.Builder
}

// atTerminal starts the program with a terminal of its own (pty(7)).
func atTerminal(t *testing.T, args ...string) *terminal {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = master.Close() })
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = slave.Close() }) // open until the end, so that its modes can be asked for
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer write.Close()
	t.Cleanup(func() { _ = read.Close() })
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	cmd := programCommand(ctx, t, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, write, write
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return &terminal{File: master, program: cmd, pipe: read}
}

// hears reads until the program says a text.
func (s *terminal) hears(t *testing.T, text string) {
	t.Helper()
	from := s.said.Len()
	piece := make([]byte, 256)
	for !strings.Contains(s.said.String()[from:], text) {
		n, err := s.pipe.Read(piece)
		if err != nil {
			t.Fatalf("%v; it said:\n%s", err, s.said.String())
		}
		s.said.Write(piece[:n])
	}
}

// ends gives the exit code.
func (s *terminal) ends(t *testing.T) int {
	t.Helper()
	if _, err := io.Copy(&s.said, s.pipe); err != nil {
		t.Fatal(err)
	}
	_ = s.program.Wait() // the exit code says it
	return s.program.ProcessState.ExitCode()
}

func TestHashPasswordAsksTwiceAtATerminalAndShowsNothing(t *testing.T) {
	for _, tt := range []struct {
		name, first, again, says string
		exit                     int
	}{
		{"the same twice", "anna-legacy-1\n", "anna-legacy-1\n", `password: {bcrypt: "$2a$10$`, 0},
		{"a slip", "anna-legacy-1\n", "anna-legacy-2\n", "the two are not the same", 1},
		{"nothing", "\n", "", "nothing was typed", 1},
		{"Ctrl-C", "anna\x03", "", "stopped", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			person := atTerminal(t, "hash-password")
			silent := func() bool { return localModes(t, int(person.Fd()))&unix.ECHO == 0 }
			for _, step := range [][2]string{{"Legacy password (it does not show): ", tt.first}, {"Again: ", tt.again}} {
				if step[1] == "" {
					continue
				}
				person.hears(t, step[0])
				for !silent() { // as a person does who first reads the question
					time.Sleep(time.Millisecond)
				}
				if _, err := person.WriteString(step[1]); err != nil {
					t.Fatal(err)
				}
			}
			code := person.ends(t)
			if code != tt.exit || !strings.Contains(person.said.String(), tt.says) || silent() {
				t.Errorf("exit code %d, silent %v; it said:\n%s", code, silent(), person.said.String())
			}
			shown := make([]byte, 256)
			if _, err := person.WriteString("end\n"); err != nil { // shown again, and before it whatever else was
				t.Fatal(err)
			}
			n, err := person.Read(shown)
			if err != nil || strings.Contains(string(shown[:n]), "legacy") {
				t.Errorf("on the screen: %q %v", shown[:n], err)
			}
		})
	}
}

func localModes(t *testing.T, terminal int) uint32 {
	t.Helper()
	state, err := unix.IoctlGetTermios(terminal, unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return state.Lflag
}
