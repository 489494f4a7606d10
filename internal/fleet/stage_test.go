//go:build linux

package fleet_test

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"docusign-auth-proxy/internal/fixture"
	"docusign-auth-proxy/internal/processtest"
	"docusign-auth-proxy/internal/sandbox"
)

// stage is what all rows share: the program and the tools.
type stage struct {
	binary                string
	redis, haproxy, nginx string
	keys                  map[string][]byte // private keys of the integrations, slow to make
	storeKey              string
	long                  bool
}

func newStage(t *testing.T) *stage {
	t.Helper()
	key := make([]byte, 32)
	_, _ = rand.Read(key) // documented never to fail
	s := &stage{long: os.Getenv(modeVariable) == "long", storeKey: base64.StdEncoding.EncodeToString(key)}
	t.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin:/usr/local/sbin") // where Debian has HAProxy and nginx
	s.redis, s.haproxy, s.nginx = tool(t, "redis-server"), tool(t, "haproxy"), tool(t, "nginx")
	s.binary = filepath.Join(t.TempDir(), "docusign-auth-proxy")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", s.binary, "docusign-auth-proxy/cmd/docusign-auth-proxy")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return s
}

// tool finds a server that the rows need.
func tool(t *testing.T, name string) string {
	t.Helper()
	found, err := exec.LookPath(name)
	if err == nil {
		return found
	}
	if os.Getenv(toolsVariable) != "" {
		t.Fatalf("%s is set, but there is no %s: %v", toolsVariable, name, err)
	}
	t.Skipf("%s is not installed; .ci/install installs it", name)
	return ""
}

// lasts is how long a fault lasts: as in production when the long run is asked for.
func (s *stage) lasts(short, long time.Duration) time.Duration {
	if s.long {
		return long
	}
	return short
}

// plan is what a row wants to have running.
type plan struct {
	replicas     int
	file         bool // the one replica keeps a file in place of the shared store
	users        int  // besides those of the sandbox
	integrations func([]map[string]any)
	config       func(replica int, c section) // changes the whole configuration
	sites        bool                         // their answers can be held back too
	relays       []*relay                     // one before the store for each replica is put here; nil = none
	tap          io.Writer                    // gets what goes over the relays to the store
	sentinel     bool                         // the store is a set with a sentinel
}

// section is a part of a configuration.
type section = map[string]any

// fleet is DocuSign's stand-in, the store and the replicas of one row.
type fleet struct {
	t        *testing.T
	s        *stage
	dir      string
	plan     plan
	docusign *docusign
	store    *redisServer // nil = the replica has a file
	set      *sentinelSet // nil = the store is one server
	replicas []*replica
	seed     sandbox.Seed
}

// start brings everything up.
func (s *stage) start(t *testing.T, p plan) *fleet {
	t.Helper()
	f := s.prepare(t, p)
	for _, r := range f.replicas {
		r.start()
	}
	f.ready()
	return f
}

// prepare brings everything up but the replicas.
func (s *stage) prepare(t *testing.T, p plan) *fleet {
	t.Helper()
	f := &fleet{t: t, s: s, plan: p, dir: folder(t)}
	f.docusign = newDocusign(t)
	f.seedUsers()
	if !p.file {
		f.store = newRedisServer(t, s, f.dir, "127.28.2.1")
		f.store.start()
		if p.sentinel {
			f.set = f.newSentinelSet()
		}
	}
	f.configure()
	t.Cleanup(f.complaints)
	return f
}

// folder is kept when the test fails.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "fleet-") //nolint:usetesting // t.TempDir is removed although the test failed
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("logs and configurations are kept in %s", dir)
			return
		}
		_ = os.RemoveAll(dir) // the system empties its folder for such things too
	})
	return dir
}

// userNumber names one of the users that a plan adds.
func userNumber(i int) string { return fmt.Sprintf("user-%03d@example.com", i) }

// passwordOf is made up for each user.
func passwordOf(email string) string {
	name, _, _ := strings.Cut(email, "@")
	return name + "-canary-password"
}

func (f *fleet) seedUsers() {
	f.t.Helper()
	var err error
	f.seed, err = f.docusign.sandbox.SeedWith(f.s.keys, func(seed *sandbox.Seed) {
		for i := range f.plan.users {
			email := userNumber(i)
			seed.Users = append(seed.Users, sandbox.User{
				ID: fmt.Sprintf("a1b2c3d4-0000-4000-8001-%012d", i), Email: email, Name: "User Number", Password: passwordOf(email),
				AppPassword: "app-" + email, Accounts: []string{sandbox.ExampleAccountID}, Default: sandbox.ExampleAccountID,
			})
		}
	})
	if err != nil {
		f.t.Fatal(err)
	}
	f.s.keys = f.seed.PrivateKeys
}

// configure writes a configuration for each replica.
func (f *fleet) configure() {
	f.t.Helper()
	f.write("store.key", []byte(f.s.storeKey+"\n"))
	base := fixture.Config{Cost: 4, Edit: f.plan.integrations}
	path, err := base.Write(f.dir, f.docusign.sandbox, f.seed)
	if err != nil {
		f.t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		f.t.Fatal(err)
	}
	for i := range f.plan.replicas {
		c := section{}
		if err := yaml.Unmarshal(text, &c); err != nil {
			f.t.Fatal(err)
		}
		f.replicas = append(f.replicas, newReplica(f, i, c))
	}
}

// write puts a file into the folder.
func (f *fleet) write(name string, text []byte) string {
	f.t.Helper()
	path := filepath.Join(f.dir, name)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		f.t.Fatal(err)
	}
	return path
}

// ready waits for every replica.
func (f *fleet) ready() {
	f.t.Helper()
	for _, r := range f.replicas {
		processtest.Await(f.t, r.name+" is ready", r.isReady)
	}
}

// command runs the program with a command line and gives what it prints.
func (f *fleet) command(args ...string) (string, error) {
	cmd := exec.CommandContext(f.t.Context(), f.s.binary, args...)
	cmd.Dir = f.dir
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// complaints prints the last lines of each replica that tell of trouble, if the test failed.
func (f *fleet) complaints() {
	if !f.t.Failed() {
		return
	}
	for _, r := range f.replicas {
		text, err := os.ReadFile(r.log)
		if err != nil {
			continue
		}
		lines := slices.DeleteFunc(strings.Split(string(text), "\n"), func(line string) bool {
			return line == "" || strings.Contains(line, `"level":"INFO"`) || strings.Contains(line, `"msg":"config"`)
		})
		lines = lines[max(0, len(lines)-6):]
		for i := range lines {
			lines[i] = fmt.Sprintf("%.700s", lines[i])
		}
		f.t.Logf("%s, last lines of its log:\n%s", r.name, strings.Join(lines, "\n"))
	}
}

// replica is one proxy.
type replica struct {
	*process
	number       int
	proxy, admin string // addresses
	config       string // file
}

func newReplica(f *fleet, number int, c section) *replica {
	r := &replica{number: number}
	r.proxy = processtest.Free(f.t, fmt.Sprintf("127.28.0.%d", number+1))
	r.admin = processtest.Free(f.t, fmt.Sprintf("127.28.1.%d", number+1))
	name := fmt.Sprintf("replica-%d", number+1)
	c["listen"] = section{"proxy": r.proxy, "admin": r.admin}
	c["admin"] = section{"token_file": name + ".admin-token"}
	resolve := c["egress"].(section)["resolve"].(section)
	for name := range resolve {
		if f.plan.sites || name == accountServer {
			resolve[name] = f.docusign.address
		}
	}
	if f.store != nil {
		c["store"] = section{"key": section{"file": "store.key"}, "redis": f.storeFor(number)}
	}
	if f.plan.config != nil {
		f.plan.config(number, c)
	}
	text, err := yaml.Marshal(c)
	if err != nil {
		f.t.Fatal(err)
	}
	r.config = f.write(name+".yaml", text)
	r.process = newProcess(f.t, f.dir, name, f.s.binary, "run", "--config", r.config)
	return r
}

const namespace = "fleet"

// storeFor says how a replica reaches the store.
func (f *fleet) storeFor(number int) section {
	switch {
	case f.set != nil:
		return section{
			"addresses": []string{f.set.address}, "sentinel": section{"master": masterName}, "namespace": namespace,
		}
	case f.plan.relays != nil:
		r := newRelay(f.t, fmt.Sprintf("127.28.6.%d", number+1), f.store.address, f.plan.tap)
		f.plan.relays[number] = r
		return section{"url": "redis://" + r.address, "namespace": namespace}
	}
	return section{"url": "redis://" + f.store.address, "namespace": namespace}
}

func (r *replica) isReady() error {
	if !r.running() {
		return fmt.Errorf("%s: %w: %.500s", r.name, processtest.ErrEnded, r.output())
	}
	return answers("http://" + r.admin + "/-/ready")
}

// logged tells whether a text stands in its log.
func (r *replica) logged(text string) error {
	log, err := os.ReadFile(r.log)
	if err == nil && !strings.Contains(string(log), text) {
		err = errors.New("it is not there")
	}
	return err
}

// text is a page of the operations listener.
func (r *replica) text(path string) string {
	r.t.Helper()
	got, err := fetch("http://" + r.admin + path)
	if err != nil {
		r.t.Fatalf("%s: %v", r.name, err)
	}
	return got
}

// addresses of the replicas' listeners for calls.
func (f *fleet) addresses() []string {
	var all []string
	for _, r := range f.replicas {
		all = append(all, r.proxy)
	}
	return all
}
