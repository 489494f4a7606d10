package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

const startTime = 30 * time.Second

// child is a process that this program started.
type child struct {
	name string
	addr string
	cmd  *exec.Cmd
	stop context.CancelFunc
	log  *os.File // nil unless the child logs into a file
}

func (c *child) pid() int { return c.cmd.Process.Pid }

// close ends the child and waits for it.
func (c *child) close() {
	c.stop()
	_ = c.cmd.Wait() // killed: its status says nothing
	if c.log != nil {
		_ = c.log.Close()
	}
}

// startPeer starts this program again as a peer.
func startPeer(ctx context.Context, name, dir, upstream string) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(ctx)
	c := &child{name: name, stop: stop}
	c.cmd = exec.CommandContext(ctx, self, peerMode, "-name", name, "-dir", dir, "-upstream", upstream)
	c.cmd.Stderr = os.Stderr
	if _, err := c.cmd.StdinPipe(); err != nil { // it ends with this process, and the peer with it
		stop()
		return nil, err
	}
	out, err := c.cmd.StdoutPipe()
	if err == nil {
		err = c.cmd.Start()
	}
	if err != nil {
		stop()
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		c.close()
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	c.addr = strings.TrimSpace(line)
	return c, nil
}

// buildProxy compiles the program that is measured.
func buildProxy(ctx context.Context, dir string) (string, error) {
	path := filepath.Join(dir, "docusign-auth-proxy")
	cmd := exec.CommandContext(ctx, "go", "build", "-C", "../..", "-trimpath", "-o", path, "./cmd/docusign-auth-proxy")
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("build the proxy (run this in internal/bench): %w", err)
	}
	return path, nil
}

// startProxy runs the real program as a peer. Its log goes to a file, from which its address is read.
func startProxy(ctx context.Context, binary, dir, peer string) (*child, error) {
	log, err := os.OpenFile(filepath.Join(dir, peer+".log"), os.O_CREATE|os.O_RDWR|os.O_APPEND|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(ctx)
	c := &child{name: peer, stop: stop, log: log}
	c.cmd = exec.CommandContext(ctx, binary, "run", "--config", filepath.Join(dir, configFile(peer)))
	c.cmd.Stderr = log
	if err := c.cmd.Start(); err != nil {
		stop()
		return nil, errors.Join(fmt.Errorf("start the proxy: %w", err), log.Close())
	}
	c.addr, err = awaitAddress(ctx, log.Name())
	if err != nil {
		text, _ := os.ReadFile(log.Name()) // only to explain err
		c.close()
		return nil, fmt.Errorf("%w\n%s", err, text)
	}
	return c, nil
}

func awaitAddress(ctx context.Context, path string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		f, err := os.Open(path)
		if err != nil {
			return "", err
		}
		addr, started := addressIn(f)
		if err := f.Close(); err != nil {
			return "", err
		}
		if started {
			return addr, nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return "", fmt.Errorf("the proxy did not say that it listens: %w", ctx.Err())
		}
	}
}

// addressIn finds the address of the proxy's own door in its log; started says that all doors are open.
func addressIn(r io.Reader) (addr string, started bool) {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		var line struct{ Msg, Door, Address string }
		if json.Unmarshal(lines.Bytes(), &line) != nil {
			continue
		}
		if _, _, err := net.SplitHostPort(line.Address); line.Msg == "listening" && line.Door == "sidecar" && err == nil {
			addr = line.Address
		}
		started = started || line.Msg == "started"
	}
	return addr, started && addr != ""
}

// forgetLog empties the log file, which would otherwise grow to gigabytes.
func (c *child) forgetLog() error {
	if c.log == nil {
		return nil
	}
	return c.log.Truncate(0)
}
