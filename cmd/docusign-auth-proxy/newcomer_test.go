package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/app/apptest"
	"docusign-auth-proxy/internal/processtest"
	"docusign-auth-proxy/internal/sandbox"
)

// newcomer is somebody with the binary, an empty folder, and the key that DocuSign gave. Each command is counted.
type newcomer struct {
	t        *testing.T
	dir      string
	commands []string
}

func (n *newcomer) command(ctx context.Context, args ...string) (*exec.Cmd, *apptest.SyncBuffer) {
	n.commands = append(n.commands, args[0])
	cmd := programCommand(ctx, n.t, args...)
	cmd.Dir = n.dir
	cmd.Env = append(cmd.Env, "HTTP_PROXY=", "HTTPS_PROXY=")
	out := &apptest.SyncBuffer{}
	cmd.Stdout, cmd.Stderr = out, out
	return cmd, out
}

// does runs a command to its end; exit codes above the allowed one are failures.
func (n *newcomer) does(allowed int, args ...string) string {
	n.t.Helper()
	cmd, out := n.command(n.t.Context(), args...)
	if err := cmd.Run(); cmd.ProcessState == nil || cmd.ProcessState.ExitCode() > allowed {
		n.t.Fatalf("%v: %v\n%s", args, err, out)
	}
	return out.String()
}

// starts runs a command that goes on, and waits until something answers at its address.
func (n *newcomer) starts(address string, args ...string) (stop func() string) {
	n.t.Helper()
	ctx, cancel := context.WithTimeout(n.t.Context(), time.Minute)
	n.t.Cleanup(cancel)
	cmd, out := n.command(ctx, args...)
	if err := cmd.Start(); err != nil {
		n.t.Fatal(err)
	}
	gone := make(chan error, 1)
	go func() { gone <- cmd.Wait() }()
	for {
		c, err := net.Dial("tcp", address)
		if err == nil {
			_ = c.Close()
			break
		}
		select {
		case err := <-gone:
			n.t.Fatalf("%v ended: %v\n%s", args, err, out)
		case <-ctx.Done():
			n.t.Fatalf("%v does not answer\n%s", args, out)
		case <-time.After(20 * time.Millisecond):
		}
	}
	return func() string {
		_ = cmd.Process.Signal(syscall.SIGINT)
		<-gone
		return out.String()
	}
}

func freeAddress(t *testing.T) string { return processtest.Free(t, "127.0.0.1") }

func TestANewcomerGetsToTheFirstWorkingCallInAtMostSevenCommands(t *testing.T) {
	t.Parallel()
	sb, err := sandbox.Start(sandbox.Options{Sites: []string{"demo.docusign.net"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sb.Close() })
	seed, err := sb.SeedWith(apptest.SharedKeys().Integrations)
	if err != nil {
		t.Fatal(err)
	}
	n := &newcomer{t: t, dir: t.TempDir()}
	proxyAt, adminAt := freeAddress(t), freeAddress(t)
	n.placeWhatDocuSignAndTheNetworkGive(sb, seed, proxyAt, adminAt)

	n.does(0, "ca", "init")
	stop := n.starts(
		proxyAt, "discover", "--config", "network.yaml", "--private-key", "key.pem", "--admin-user-id", sandbox.AdminID,
		"--pin-passwords",
	)
	if status, _ := n.oldProgram(proxyAt); status != http.StatusUnauthorized {
		t.Errorf("status %d while discovering: the stand-in should have refused the legacy credential", status)
	}
	said := stop()
	if !strings.Contains(said, "anna@example.com") || !strings.Contains(said, "doctor") ||
		strings.Contains(said, "anna-legacy-1") {
		t.Errorf("discover says:\n%s", said)
	}
	n.editorTakes("docusign-auth-proxy.yaml")
	said = n.does(1, "doctor")
	if !strings.Contains(said, "ok") || strings.Contains(said, "anna-legacy-1") {
		t.Errorf("doctor says:\n%s", said)
	}
	stop = n.starts(proxyAt, "run")
	status, body := n.oldProgram(proxyAt)
	log := stop()
	if status != http.StatusOK {
		t.Errorf("the first call: %d %s\n%s", status, body, log)
	}
	if len(n.commands) > 7 {
		t.Errorf("%d commands: %v", len(n.commands), n.commands)
	}
	if strings.Contains(log, "anna-legacy-1") {
		t.Error("the log shows the password")
	}
}

// editorTakes follows the first line of a configuration to its schema, as an editor does.
func (n *newcomer) editorTakes(name string) {
	n.t.Helper()
	text, err := os.ReadFile(filepath.Join(n.dir, name))
	if err != nil {
		n.t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(text), "\n")
	named, found := strings.CutPrefix(first, config.SchemaHeader(""))
	schema, err := jsonschema.NewCompiler().Compile(filepath.Join(n.dir, named))
	if err != nil || !found {
		n.t.Fatalf("%q leads to no schema: %v", first, err)
	}
	var value map[string]any
	if err := yaml.Unmarshal(text, &value); err != nil {
		n.t.Fatal(err)
	}
	if err := schema.Validate(value); err != nil {
		n.t.Errorf("the editor marks what discover wrote: %v", err)
	}
}

// placeWhatDocuSignAndTheNetworkGive puts down what is not the newcomer's doing: the private key from Apps and Keys,
// and how names resolve here, where DocuSign is a stand-in.
func (n *newcomer) placeWhatDocuSignAndTheNetworkGive(
	sb *sandbox.Sandbox, seed sandbox.Seed, proxyAt, adminAt string,
) {
	n.t.Helper()
	resolve := map[string]string{"account-d.docusign.com": sb.Addr()}
	for _, site := range sb.Sites() {
		resolve[site] = sb.Addr()
	}
	text, err := yaml.Marshal(map[string]any{
		"environment": "demo", "listen": map[string]any{"proxy": proxyAt, "admin": adminAt},
		"egress":   map[string]any{"allow_addresses": []string{"127.0.0.0/8"}, "resolve": resolve},
		"upstream": map[string]any{"ca_file": "sandbox-ca.pem"},
	})
	if err != nil {
		n.t.Fatal(err)
	}
	for name, data := range map[string][]byte{
		"key.pem": seed.PrivateKeys[sandbox.GUIDKey], "network.yaml": text, "sandbox-ca.pem": sb.CACert(),
	} {
		if err := os.WriteFile(filepath.Join(n.dir, name), data, 0o600); err != nil {
			n.t.Fatal(err)
		}
	}
}

// oldProgram makes the call that nobody can change.
func (n *newcomer) oldProgram(address string) (int, string) {
	n.t.Helper()
	req := apptest.Request(
		n.t, "GET", "http://"+address+"/restapi/v2/accounts/1234567/envelopes?from_date=2026-01-01", nil,
		"X-DocuSign-Authentication", apptest.AnnaJSON,
	)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		n.t.Fatal(err)
	}
	defer resp.Body.Close()
	var body bytes.Buffer
	if _, err := body.ReadFrom(resp.Body); err != nil {
		n.t.Fatal(err)
	}
	return resp.StatusCode, fmt.Sprint(body.String())
}
