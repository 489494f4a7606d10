package dashboards_test

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"docusign-auth-proxy/internal/password"
	"docusign-auth-proxy/internal/sandbox"
	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/internal/store/redis/redistest"
	"docusign-auth-proxy/proxy/authority"
)

// Integrations of the test's world beside the sandbox's own two.
const (
	retiredKey     = "a1b2c3d4-0000-4000-8000-0000000000a1" // mode block
	dormantKey     = "a1b2c3d4-0000-4000-8000-0000000000a2" // never calls
	consentlessKey = "a1b2c3d4-0000-4000-8000-0000000000a3" // bob consented, anna did not
	keylessKey     = "a1b2c3d4-0000-4000-8000-0000000000a4" // the private key is of another integration
	strangerKey    = "a1b2c3d4-0000-4000-8000-0000000000ff" // not in the configuration
)

// world is a proxy as it is shipped, in front of a sandbox, with a store that replicas may share.
type world struct {
	dir     string
	config  string
	sandbox *sandbox.Sandbox
	seed    sandbox.Seed
	process *process

	proxy, admin, hosts string // addresses
}

// process is a program that the test started, and ends.
type process struct {
	cmd   *exec.Cmd
	lines chan string   // of its log, until nobody reads them
	gone  chan struct{} // closed when it has ended

	mu   sync.Mutex
	tail []string
}

const startTime = 30 * time.Second

// start runs a program and hands out what it logs.
func start(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{cmd: cmd, lines: make(chan string, 1000), gone: make(chan struct{})}
	errors, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go p.read(errors)
	t.Cleanup(func() { p.stop(t) })
	return p
}

func (p *process) read(r io.Reader) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		p.mu.Lock()
		p.tail = append(p.tail, lines.Text())
		p.tail = p.tail[max(0, len(p.tail)-40):]
		p.mu.Unlock()
		select {
		case p.lines <- lines.Text():
		default:
		}
	}
	_ = p.cmd.Wait() // how it ended does not matter here
	close(p.gone)
}

func (p *process) last() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.tail, "\n")
}

// stop asks the program to end; it may be called twice.
func (p *process) stop(t *testing.T) {
	t.Helper()
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended already
	select {
	case <-p.gone:
	case <-time.After(startTime):
		_ = p.cmd.Process.Kill()
		t.Errorf("%s did not end", p.cmd.Path)
	}
}

// wait finds a line in the log and gives what its groups caught.
func (p *process) wait(t *testing.T, line *regexp.Regexp) []string {
	t.Helper()
	late := time.After(startTime)
	for {
		select {
		case text := <-p.lines:
			if m := line.FindStringSubmatch(text); m != nil {
				return m
			}
		case <-p.gone:
			t.Fatalf("%s ended:\n%s", p.cmd.Path, p.last())
		case <-late:
			t.Fatalf("%s never wrote %s:\n%s", p.cmd.Path, line, p.last())
		}
	}
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{dir: t.TempDir()}
	binary := filepath.Join(w.dir, "docusign-auth-proxy")
	build := exec.Command("go", "build", "-o", binary, "docusign-auth-proxy/cmd/docusign-auth-proxy")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	var err error
	if w.sandbox, err = sandbox.Start(sandbox.Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.sandbox.Close() })
	if w.seed, err = w.sandbox.Seed(); err != nil {
		t.Fatal(err)
	}
	w.sandbox.SetClockOffset(2 * time.Minute)
	w.settle()
	w.configure(t)
	w.process = start(t, exec.Command(binary, "run", "--config", w.config))
	w.findListeners(t)
	return w
}

// settle adds the integrations that have something wrong with them.
func (w *world) settle() {
	keys := w.seed.Integrations[0].PublicKeys // of LegacyKey
	for _, key := range []string{retiredKey, dormantKey, consentlessKey, keylessKey} {
		w.sandbox.AddIntegration(sandbox.Integration{Key: key, PublicKeys: keys, Live: true})
	}
	w.sandbox.Consent(consentlessKey, sandbox.BobID, "signature", "impersonation")
	w.sandbox.ConsentAll(keylessKey, "signature", "impersonation")
}

// findListeners reads the addresses from the log, since the ports are chosen by the system.
func (w *world) findListeners(t *testing.T) {
	t.Helper()
	for range 3 { // proxy, hosts and admin, in any order
		text := w.process.wait(t, regexp.MustCompile(`.*"msg":"listening".*`))[0]
		var line struct{ Door, Address string }
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatal(err)
		}
		switch line.Door {
		case "admin":
			w.admin = line.Address
		case "hosts":
			w.hosts = line.Address
		default:
			w.proxy = line.Address
		}
	}
	if w.proxy == "" || w.hosts == "" || w.admin == "" {
		t.Fatalf("listeners: %+v", w)
	}
}

type object = map[string]any

func (w *world) configure(t *testing.T) {
	t.Helper()
	a, err := authority.Create(authority.Spec{Life: 20 * 24 * time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Save(filepath.Join(w.dir, "ca.pem"), filepath.Join(w.dir, "ca-key.pem"), false); err != nil {
		t.Fatal(err)
	}
	w.write(t, "sandbox-ca.pem", w.sandbox.CACert())
	w.write(t, "key.pem", w.seed.PrivateKeys[sandbox.LegacyKey])
	w.write(t, "other.pem", w.seed.PrivateKeys[sandbox.GUIDKey])
	w.write(t, "store.key", []byte(base64.StdEncoding.EncodeToString(make([]byte, 32))))
	resolve := object{"account-d.docusign.com": w.sandbox.Addr()}
	for _, site := range w.sandbox.Sites() {
		resolve[site] = w.sandbox.Addr()
	}
	text, err := yaml.Marshal(object{
		// The sandbox mixes demo's account server with production's sites.
		"environment": "custom", "account_server": "https://account-d.docusign.com", "site": "https://demo.docusign.net",
		"unknown": "observe", "store": object{
			"redis": object{"addresses": []string{redistest.Start(t).Addr}, "timeout": "2s"}, "key": object{"file": "store.key"},
		},
		"listen":       object{"proxy": "127.0.0.1:0", "admin": "127.0.0.1:0", "hosts": "127.0.0.1:0"},
		"interception": object{"ca_cert": "ca.pem", "ca_key": "ca-key.pem"},
		"egress":       object{"allow_addresses": []string{"127.0.0.0/8"}, "resolve": resolve},
		"upstream":     object{"ca_file": "sandbox-ca.pem"},
		"integrations": w.integrations(t),
	})
	if err != nil {
		t.Fatal(err)
	}
	w.config = w.write(t, "proxy.yaml", text)
}

func (w *world) integrations(t *testing.T) []object {
	t.Helper()
	anna, bob, admin := w.user(t, "anna@example.com"), w.user(t, "bob@example.com"), w.user(t, "admin@example.com")
	admin["may_act_for"] = []string{"bob@example.com"}
	// has to be looked up
	unnamed := object{"username": "bob@example.com", "password": bob["password"], "accounts": bob["accounts"]}
	with := func(name, key, mode, file string, users ...object) object {
		return object{"name": name, "integrator_key": key, "mode": mode, "users": users, "oauth": object{
			"private_keys": []object{{"file": file}},
		}}
	}
	erp := with(
		"erp", sandbox.LegacyKey, "translate", "key.pem", anna, unnamed, admin, w.user(t, "legacy.user@example.com"),
	)
	erp["oauth"].(object)["admin_user_id"] = sandbox.AdminID
	erp["soap"] = "rest"
	return []object{
		erp,
		with("billing", sandbox.GUIDKey, "observe", "other.pem", anna),
		with("retired", retiredKey, "block", "key.pem", anna),
		with("dormant", dormantKey, "translate", "key.pem", anna),
		with("consentless", consentlessKey, "translate", "key.pem", anna, bob),
		with("keyless", keylessKey, "translate", "other.pem", anna),
	}
}

func (w *world) user(t *testing.T, email string) object {
	t.Helper()
	u := w.seed.User(email)
	const cheapest = 4
	hash, err := password.HashBcrypt(secret.New(u.Password), cheapest)
	if err != nil {
		t.Fatal(err)
	}
	accounts := map[string]string{}
	for _, a := range w.seed.Accounts {
		accounts[a.Number] = a.ID
	}
	return object{"username": u.Email, "user_id": u.ID, "password": object{"bcrypt": hash}, "accounts": accounts}
}

func (w *world) write(t *testing.T, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(w.dir, name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
