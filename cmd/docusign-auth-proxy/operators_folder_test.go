package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"docusign-auth-proxy/internal/app"
	"docusign-auth-proxy/internal/app/apptest"
	"docusign-auth-proxy/internal/fixture"
	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/internal/sandbox"
	"docusign-auth-proxy/internal/store"
	"docusign-auth-proxy/translate/soaprest/journal"
)

// operatorsFolder is what the documents take for granted: a folder with a configuration, keys and a state, a proxy that
// runs with them, and calls that it has seen.
type operatorsFolder struct {
	*testing.T
	clinic     clinic
	proxy, ops string // addresses
	log        *apptest.SyncBuffer
}

// knownConfigs are the names by which the documents call the configuration.
var knownConfigs = []string{"FILE", configPath, `C:\ProgramData\docusign-auth-proxy\config.yaml`, "config.yaml"}

func newOperatorsFolder(t *testing.T) *operatorsFolder {
	t.Helper()
	sb, err := sandbox.Start(sandbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sb.Close() })
	seed, err := sb.SeedWith(apptest.SharedKeys().Integrations)
	if err != nil {
		t.Fatal(err)
	}
	w := &operatorsFolder{
		T: t, proxy: freeAddress(t), ops: freeAddress(t), log: &apptest.SyncBuffer{},
		clinic: clinic{T: t, sandbox: sb, seed: seed, dir: t.TempDir()},
	}
	w.prepare()
	cmd := w.command(t.Context(), "run")
	cmd.Stderr = w.log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
	})
	for began := time.Now(); !strings.HasPrefix(w.program("health"), "ready"); {
		if time.Since(began) > 20*time.Second {
			t.Fatalf("the proxy does not answer\n%s", w.log)
		}
	}
	w.makeCalls()
	return w
}

// prepare writes the files. Anna's password is believed at first use, and the state knows of a creation without an end.
func (w *operatorsFolder) prepare() {
	w.Helper()
	fixed := fixture.Config{
		Proxy: w.proxy, Admin: w.ops, Cost: 4, Extra: map[string]any{"pin_password": "first_use"},
		Edit: func(list []map[string]any) {
			users := list[1]["users"].([]map[string]any)
			list[0]["users"] = slices.DeleteFunc(slices.Clone(users), func(u map[string]any) bool {
				return !strings.HasPrefix(u["username"].(string), "legacy.")
			})
			list[1]["users"] = slices.DeleteFunc(users, func(u map[string]any) bool {
				if u["username"] == "anna@example.com" {
					delete(u, "password")
				}
				return strings.HasPrefix(u["username"].(string), "legacy.")
			})
		},
	}
	c := &w.clinic
	var err error
	if c.path, err = fixed.Write(c.dir, c.sandbox, c.seed); err != nil {
		w.Fatal(err)
	}
	text, err := os.ReadFile(c.path)
	if err != nil {
		w.Fatal(err)
	}
	c.path = c.file("docusign-auth-proxy.yaml")
	c.put("docusign-auth-proxy.yaml", text, 0o600)
	c.put("password.txt", []byte("anna-legacy-1\n"), 0o600)
	empty, err := store.Open(c.file("state.db"), store.Options{})
	if err == nil {
		err = empty.Close()
	}
	if err != nil {
		w.Fatal(err)
	}
	s, err := app.OpenState(c.file("state.db"))
	if err != nil {
		w.Fatal(err)
	}
	entry := journal.Entry{
		TransactionID: "ID", State: journal.Unknown, At: time.Now(), Operation: "CreateAndSendEnvelope", Digest: "d",
		Owner: integration.TokenOwner{Integration: "nightly-billing", Authenticator: "anna@example.com"},
	}
	if err := errors.Join(s.Creations().Put(entry), s.Close()); err != nil {
		w.Fatal(err)
	}
}

// makeCalls lets three programs call: one that works, one with a wrong password, one that nobody knows.
func (w *operatorsFolder) makeCalls() {
	w.logIn()
	for _, c := range []struct {
		header string
		want   int
	}{
		{apptest.AnnaJSON, http.StatusOK},
		{strings.NewReplacer("anna@", "bob@", "anna-legacy-1", "wrong").Replace(apptest.AnnaJSON), http.StatusUnauthorized},
		{strings.Replace(apptest.AnnaJSON, sandbox.GUIDKey, strangerKey, 1), http.StatusUnauthorized},
	} {
		if status := w.list(c.header); status != c.want {
			w.Errorf("%s: status %d", c.header, status)
		}
	}
}

func (w *operatorsFolder) list(header string) int {
	w.Helper()
	return w.send(apptest.Request(
		w.T, "GET", "http://"+w.proxy+apptest.ListPath, nil, "X-DocuSign-Authentication", header,
	))
}

// logIn lets the proxy issue a token to anna, and pin her password.
func (w *operatorsFolder) logIn() {
	w.Helper()
	form := apptest.TokenForm("anna@example.com", "anna-legacy-1", sandbox.GUIDKey)
	if status := w.send(apptest.TokenRequest(w.T, "http://"+w.proxy, form)); status != http.StatusOK {
		w.Errorf("log-in: status %d", status)
	}
}

func (w *operatorsFolder) send(req *http.Request) int {
	w.Helper()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		w.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.StatusCode
}

func (w *operatorsFolder) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := programCommand(ctx, w.T, args...)
	cmd.Dir = w.clinic.dir
	return cmd
}

// program runs a command to its end and gives what it said.
func (w *operatorsFolder) program(args ...string) string {
	out, _ := w.command(w.Context(), args...).CombinedOutput() // the words tell of a failure, too
	return string(out)
}

// way is how a command is tried.
type way struct {
	says string // what it must say
	exit int    // the highest exit code that is no failure
	in   string // standard input
	with func(w *operatorsFolder, args []string) string
}

// ways are the commands by their path. One that a document names and that is not here fails the test.
func ways() map[string]way {
	return map[string]way{
		"run":                 {says: "ready", with: (*operatorsFolder).isRunning},
		"discover":            {says: "docusign-auth-proxy doctor", with: (*operatorsFolder).discovers},
		"doctor":              {says: "anna@example.com", exit: 2},
		"demo":                {says: "How to go on"},
		"ca init":             {says: "ca.pem", with: (*operatorsFolder).inEmptyFolder},
		"ca show":             {says: "days"},
		"ca renew":            {says: "ca.pem"},
		"ca trust":            {says: "ca.pem"},
		"config check":        {says: "good"},
		"config reference":    {says: "### `listen`"},
		"config schema":       {says: `"$schema"`},
		"consent":             {says: "https://account"},
		"consent wait":        {says: "the running proxy was told", with: (*operatorsFolder).consents},
		"login":               {says: "anna@example.com", with: (*operatorsFolder).logsIn},
		"explain":             {says: "consent_required"},
		"health":              {says: "ready"},
		"reload":              {says: "reloaded"},
		"report":              {says: "nightly-billing"},
		"capture start":       {says: "keeps the next 50 calls"},
		"capture download":    {says: "capture.zip", with: (*operatorsFolder).afterACall},
		"tokens list":         {says: "anna@example.com", with: (*operatorsFolder).afterALogIn},
		"tokens revoke":       {says: "revoked: ", with: (*operatorsFolder).afterALogIn},
		"pins list":           {says: "anna@example.com", with: (*operatorsFolder).afterALogIn},
		"pins forget":         {says: "forgotten: 1", with: (*operatorsFolder).afterALogIn},
		"store key":           {says: "store.key"},
		"store copy":          {says: "was compared", with: (*operatorsFolder).copies},
		"store restore":       {says: "has no store.redis that could be filled", exit: 1},
		"soap compare":        {says: "operations compared", exit: 1},
		"soap test-envelope":  {says: "tab_offset"},
		"soap journal":        {says: "CreateAndSendEnvelope"},
		"soap journal settle": {says: "settled: 1"},
		"soap operations":     {says: "CreateAndSendEnvelope"},
		"hash-password":       {says: "$2a$", in: "anna-legacy-1\n"},
		"version":             {says: "docusign-auth-proxy"},
		"manual":              {says: "man"},
		"completion bash":     {says: "complete"},
	}
}

// runsOwn tries a line of the program. A fragment, and what would change the machine, is read and not run.
func (w *operatorsFolder) runsOwn(l documentLine, words []string) {
	w.Helper()
	for _, args := range w.filled(words) {
		path := strings.TrimPrefix(tryExample(w.T, withManual(), args), "docusign-auth-proxy ")
		changes := slices.Contains(args, "--install") || slices.Contains(args, "--uninstall") || args[0] == "service"
		if l.fragment || changes {
			continue
		}
		how, ok := ways()[path]
		if !ok {
			w.Errorf("nobody knows how to try %q", path)
			continue
		}
		var said string
		if how.with != nil {
			said = how.with(w, args)
		} else {
			said = w.runs(how, args)
		}
		if !strings.Contains(said+w.written(args), how.says) {
			w.Errorf("%q does not say %q:\n%s", args, how.says, said[:min(len(said), 2000)])
		}
	}
}

// filled puts values in place of what the reader fills in; FORMAT|FORMAT are as many lines.
func (w *operatorsFolder) filled(words []string) [][]string {
	lines := [][]string{{}}
	values := map[string]string{
		"GUID": sandbox.AdminID, "USER": "anna@example.com",
		"NAME": "nightly-billing", "YOU@YOUR.DOMAIN": "you@example.com", "CAUSE": "consent_required",
		`C:\ProgramData\docusign-auth-proxy\ca.pem`: "ca.pem",
	}
	for _, name := range knownConfigs {
		values[name] = "docusign-auth-proxy.yaml"
	}
	for _, word := range words {
		var longer [][]string
		for choice := range strings.SplitSeq(cmp.Or(values[word], word), "|") {
			for _, line := range lines {
				longer = append(longer, append(slices.Clone(line), choice))
			}
		}
		lines = longer
	}
	return lines
}

func (w *operatorsFolder) runs(how way, args []string) string {
	w.Helper()
	cmd := w.command(w.Context(), args...)
	cmd.Stdin = strings.NewReader(how.in)
	out, err := cmd.CombinedOutput()
	if code := cmd.ProcessState.ExitCode(); code < 0 || code > how.exit {
		w.Errorf("%q: %v\n%s", args, err, out)
	}
	return string(out)
}

// written is the file that a command was told to write.
func (w *operatorsFolder) written(args []string) string {
	i := slices.Index(args, "--output")
	if i < 0 {
		return ""
	}
	text, err := os.ReadFile(w.clinic.file(args[i+1]))
	if err != nil {
		w.Error(err)
	}
	return string(text)
}

// isRunning is for the proxy that runs already, by the same words.
func (w *operatorsFolder) isRunning(args []string) string {
	if len(args) > 1 && args[1] != "--config" {
		w.Errorf("run has other words: %q", args)
	}
	return w.program("health")
}

func (w *operatorsFolder) inEmptyFolder(args []string) string {
	w.Helper()
	cmd := w.command(w.Context(), args...)
	cmd.Dir = w.TempDir()
	for i, word := range cmd.Args {
		if word == filepath.Dir(configPath) {
			cmd.Args[i] = "."
		}
	}
	if err := os.Mkdir(filepath.Join(cmd.Dir, "keys"), 0o700); err != nil {
		w.Fatal(err)
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		w.Errorf("%q: %v\n%s", args, err, out)
	}
	return string(out)
}

// discovers lets a program call meanwhile. How names lead to the stand-in, and free ports, come from a file.
func (w *operatorsFolder) discovers(args []string) string {
	w.Helper()
	n := &newcomer{t: w.T, dir: w.TempDir()}
	at := freeAddress(w.T)
	n.placeWhatDocuSignAndTheNetworkGive(w.clinic.sandbox, w.clinic.seed, at, freeAddress(w.T))
	stop := n.starts(at, append(args, "--config", "network.yaml")...)
	n.oldProgram(at)
	return stop()
}

func (w *operatorsFolder) consents(args []string) string {
	w.Helper()
	w.clinic.T = w.T
	w.clinic.sandbox.Revoke(sandbox.GUIDKey, sandbox.AnnaID)
	return w.browses(w.clinic.wait(newConsent(), args[1:]...))
}

func (w *operatorsFolder) logsIn(args []string) string {
	w.Helper()
	return w.browses(newLoginClinic(w.T).wait(newLogin(), args[1:]...))
}

func (w *operatorsFolder) browses(j *waiting) string {
	w.Helper()
	j.approve(sandbox.AnnaID)
	text, err := j.end()
	if err != nil {
		w.Error(err)
	}
	return text
}

// copies has a folder of its own, since the proxy that runs holds its state file: one.yaml is FILE there.
func (w *operatorsFolder) copies(args []string) string {
	w.Helper()
	c := clinic{T: w.T, dir: w.TempDir()}
	const head = "environment: demo\nunknown: observe\nstore: "
	c.put("docusign-auth-proxy.yaml", []byte(head+"state.db\n"), 0o600)
	c.put("replicas.yaml", []byte(head+"{redis: {url: 'redis://"+miniredis.RunT(w.T).Addr()+
		"'}, key: {file: state.db.key}}\n"), 0o600)
	s, err := store.Open(c.file("state.db"), store.Options{})
	if err == nil {
		_, err = s.IssuePassword(store.TokenOwner{Integration: "nightly-billing", Authenticator: "anna@example.com"})
		err = errors.Join(err, s.Close())
	}
	if err != nil {
		w.Fatal(err)
	}
	cmd := w.command(w.Context(), args...)
	cmd.Dir = c.dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		w.Errorf("%q: %v\n%s", args, err, out)
	}
	return string(out)
}

func (w *operatorsFolder) afterACall(args []string) string {
	w.list(apptest.AnnaJSON)
	return w.runs(way{}, args)
}

func (w *operatorsFolder) afterALogIn(args []string) string {
	w.logIn()
	return w.runs(way{}, args)
}

// needs finds a program that the documents use, and leaves the line untried where it is not installed.
func (w *operatorsFolder) needs(name string) string {
	w.Helper()
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	if os.Getenv("DOCUSIGN_AUTH_PROXY_TOOLS") != "" {
		w.Fatalf("DOCUSIGN_AUTH_PROXY_TOOLS is set, but %s is not in PATH: %v", name, err)
	}
	w.Skipf("%s is not in PATH; install it to try this line", name)
	return ""
}

// curl asks the running proxy.
func curl(w *operatorsFolder, l documentLine) error {
	args := append([]string{"--silent", "--show-error", "--fail"}, l.words[1:]...)
	for i, word := range args {
		args[i] = strings.NewReplacer("127.0.0.1:9090", w.ops, "127.0.0.1:8080", w.proxy).Replace(word)
	}
	if out, err := exec.CommandContext(w.Context(), w.needs("curl"), args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}

// journalctl gives the log of the running proxy, whose filters must find something in it.
func journalctl(w *operatorsFolder, l documentLine) error {
	if i := slices.Index(l.words, "-u"); i < 0 || exists("deploy/systemd/"+l.words[i+1]+".service") != nil {
		return errors.New("it names no service of deploy/systemd")
	}
	if l.next == nil {
		return nil
	}
	if l.next[0] != "jq" {
		return fmt.Errorf("nobody knows how to try %q", l.next)
	}
	cmd := exec.CommandContext(w.Context(), w.needs("jq"), l.next[1:]...)
	cmd.Stdin = strings.NewReader(w.log.String())
	out, err := cmd.CombinedOutput()
	if err != nil || len(bytes.TrimSpace(out)) == 0 {
		return fmt.Errorf("it finds nothing: %v %s", err, out)
	}
	for line := range bytes.Lines(out) {
		var fields map[string]any
		if err := json.Unmarshal(line, &fields); err != nil {
			return err
		}
		if fields["time"] == nil || fields["client"] == nil {
			return fmt.Errorf("fields are missing: %s", line)
		}
	}
	return nil
}
