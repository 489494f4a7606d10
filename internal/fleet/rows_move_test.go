//go:build linux

package fleet_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"gopkg.in/yaml.v3"

	"docusign-auth-proxy/internal/processtest"
	"docusign-auth-proxy/internal/sandbox"
	"docusign-auth-proxy/internal/store"
	"docusign-auth-proxy/internal/store/redis"
)

// variant writes a further configuration, made of a replica's.
func (f *fleet) variant(name string, edit func(section)) string {
	f.t.Helper()
	text, err := readFile(f.replicas[0].config)
	if err != nil {
		f.t.Fatal(err)
	}
	c := section{}
	if err := yaml.Unmarshal([]byte(text), &c); err != nil {
		f.t.Fatal(err)
	}
	edit(c)
	out, err := yaml.Marshal(c)
	if err != nil {
		f.t.Fatal(err)
	}
	return f.write(name, out)
}

// storeCopied moves from a file to the shared store and back.
func storeCopied(t *testing.T, s *stage) string {
	f := s.prepare(t, plan{replicas: 3, users: 6, integrations: codeGrant})
	f.byCode()
	f.write("client-secret", []byte(clientSecret+"\n"))
	f.write("state.db.key", []byte(s.storeKey+"\n"))
	file := f.variant("alone.yaml", func(c section) { c["store"] = "state.db" })
	back := f.variant("back.yaml", func(c section) { c["store"] = "back.db" })
	f.write("back.db.key", []byte(s.storeKey+"\n"))
	f.logIn(file, userNumber(0))
	alone := f.process(file)
	var programs []*program
	calls := 0
	for i := range 6 {
		p := newProgram(byToken, userNumber(i), "", to(alone.proxy))
		p.key = sandbox.LegacyKey
		f.allGood([]outcome{p.login(t.Context())})
		programs = append(programs, p)
		calls++
	}
	programs = append(programs, newProgram(byHeader, userNumber(0), "", to(alone.proxy)))
	f.allGood([]outcome{programs[0].list(t.Context()), programs[6].list(t.Context())})
	calls += 2
	f.awaitLedger(alone, calls)
	alone.stop()
	for range 2 { // repeating it adds nothing
		f.mustRun("store", "copy", "--config", file, "--to", f.replicas[1].config)
	}
	for _, r := range f.replicas {
		r.start()
	}
	f.ready()
	use := func(at ...*replica) {
		t.Helper()
		var seen []outcome
		for _, p := range []*program{programs[0], programs[6]} {
			for _, r := range at {
				p.base = to(r.proxy)
				seen = append(seen, p.list(t.Context()))
			}
		}
		f.allGood(seen)
		calls += len(seen)
	}
	use(f.replicas...)
	for _, r := range f.replicas {
		f.awaitLedger(r, calls)
	}
	for _, r := range f.replicas {
		r.stop()
	}
	for range 2 {
		f.mustRun("store", "copy", "--config", f.replicas[2].config, "--to", back)
	}
	again := f.process(back)
	use(again)
	f.awaitLedger(again, calls)
	again.stop()
	return fmt.Sprintf("6 tokens and 1 login went there and back, each copied twice; %d calls in the ledger at the end", calls)
}

// process starts a replica with a configuration of its own.
func (f *fleet) process(config string) *replica {
	f.t.Helper()
	r := &replica{proxy: f.replicas[0].proxy, admin: f.replicas[0].admin, config: config}
	name := strings.TrimSuffix(filepath.Base(config), ".yaml")
	r.process = newProcess(f.t, f.dir, name, f.s.binary, "run", "--config", config)
	r.start()
	processtest.Await(f.t, name+" is ready", r.isReady)
	return r
}

// mustRun runs a command that must go well.
func (f *fleet) mustRun(args ...string) string {
	f.t.Helper()
	text, err := f.command(args...)
	if err != nil {
		f.t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, text)
	}
	return text
}

// newerWriter lets a program of a later version write beside the replicas.
func newerWriter(t *testing.T, s *stage) string {
	f := s.start(t, plan{replicas: 3})
	key, err := base64.StdEncoding.DecodeString(s.storeKey)
	if err != nil {
		t.Fatal(err)
	}
	newer := redis.Open(redis.Options{
		Addresses: []string{f.store.address}, Namespace: namespace, Key: key, AccountServer: "https://" + accountServer,
		Replica: "of a later version", Timeout: processtest.Patience,
	})
	defer newer.Close()
	if err := newer.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	const bucket = "made-later"
	issued := newProgram(byToken, "anna@example.com", "", to(f.replicas[0].proxy))
	f.allGood([]outcome{issued.login(t.Context())})
	for i := range 50 {
		_, err := newer.Commit(t.Context(), []store.Change{
			{Bucket: bucket, Key: fmt.Sprint(i), Value: []byte("kept")}, {Bucket: "passwords-2", Key: "x", Value: []byte("y")},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	odd := []any{"XADD", "{" + namespace + "}:feed", "*", "no place", "no record", "tok:odd", "?another sort"}
	if err := f.store.client.Do(t.Context(), odd...).Err(); err != nil {
		t.Fatal(err)
	}
	later := newProgram(byToken, "bob@example.com", "", to(f.replicas[1].proxy))
	f.allGood([]outcome{later.login(t.Context())})
	f.tokensWork([]*program{issued, later})
	if o := issued.revoke(t.Context()); !o.good() {
		t.Errorf("revoke: %v", o)
	}
	for _, r := range f.replicas { // one after the other, as in an update
		r.stop()
		r.start()
		processtest.Await(t, r.name+" is ready", r.isReady)
		f.tokensWork([]*program{later})
	}
	kept := 0
	err = newer.Load(t.Context(), bucket, func(string, []byte) error {
		kept++
		return nil
	})
	if err != nil || kept != 50 {
		t.Errorf("%d of 50 records of the later version are kept: %v", kept, err)
	}
	return fmt.Sprintf("%d records of an unknown bucket kept, 101 changes of the feed skipped, no refusal over an update", kept)
}

// taken keeps what goes over a line.
type taken struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (t *taken) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.Write(p)
}

// canaries looks for secrets in all that the replicas write, send to the store and show.
func canaries(t *testing.T, s *stage) string {
	tap := &taken{}
	f := s.prepare(t, plan{
		replicas: 3, users: 2, relays: make([]*relay, 3), tap: tap, integrations: func(list []map[string]any) {
			list[0]["soap"] = "rest"
			for _, u := range list[0]["users"].([]map[string]any) {
				delete(u, "password")
			}
			codeGrant(list)
		}, config: func(_ int, c section) { c["pin_password"] = "first_use" },
	})
	f.byCode()
	f.write("client-secret", []byte(clientSecret+"\n"))
	f.eachUser(2, func(email string) { f.logIn(f.replicas[0].config, email) })
	for _, r := range f.replicas {
		r.start()
	}
	f.ready()
	secrets := f.everythingOnce()
	stored := map[string]string{"what was sent to the store": tap.text.String()}
	public := map[string]string{}
	for _, r := range f.replicas {
		for _, page := range []string{"/", "/metrics", "/api/status"} {
			public[r.name+page] = r.text(page)
		}
		r.stop()
	}
	f.store.stop()
	f.read(stored, public)
	personal := []string{"anna@example.com", userNumber(0), sandbox.AnnaID, f.seed.User(userNumber(0)).ID,
		sandbox.ExampleAccountID}
	n := 0
	for name, text := range stored {
		n += f.without(name, text, append(personal, secrets...))
	}
	for name, text := range public {
		n += f.without(name, text, secrets)
	}
	return fmt.Sprintf("%d texts searched, %d of them in the store, %d kB sent to it: none has a canary", n, len(stored),
		tap.text.Len()>>10)
}

// everythingOnce has programs do all that leaves a trace, and gives the secrets.
func (f *fleet) everythingOnce() (secrets []string) {
	t := f.t
	for i := range 2 {
		p := newProgram(byToken, userNumber(i), "", to(f.replicas[i].proxy))
		wrong := newProgram(byHeader, userNumber(i), "", to(f.replicas[2].proxy))
		wrong.secret = "canary-wrong-password"
		pinned := newProgram(bySOAP, "anna@example.com", "", to(f.replicas[i].proxy))
		pinned.key = sandbox.LegacyKey
		f.allGood([]outcome{
			p.login(t.Context()), p.create(t.Context(), "serial-00000001"), pinned.create(t.Context(), "serial-00000002"),
			newProgram(byHeader, userNumber(i), "", to(f.replicas[2].proxy)).list(t.Context()),
		})
		wrong.list(context.WithoutCancel(t.Context())) // refused
		secrets = append(secrets, p.token, p.password(), pinned.password(), wrong.secret)
	}
	secrets = append(secrets, clientSecret, f.s.storeKey, "eyJ0eXAi") // the last begins each of DocuSign's tokens
	key, err := base64.StdEncoding.DecodeString(f.s.storeKey)
	if err != nil {
		t.Fatal(err)
	}
	f.docusign.mu.Lock()
	defer f.docusign.mu.Unlock()
	for token := range f.docusign.presented {
		secrets = append(secrets, token)
	}
	return append(secrets, string(key))
}

// read adds the files of store and replicas.
func (f *fleet) read(stored, public map[string]string) {
	f.t.Helper()
	err := filepath.WalkDir(f.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		switch {
		case strings.Contains(path, "/append-"):
			stored[path] = string(text)
		case strings.HasSuffix(path, ".log") && !strings.HasPrefix(filepath.Base(path), "login-"):
			public[path] = string(text)
		}
		return err
	})
	if err != nil || len(stored) < 2 {
		f.t.Fatal(errors.Join(err, fmt.Errorf("%d files of the store", len(stored)-1)))
	}
}

// without looks for each text in its usual spellings.
func (f *fleet) without(name, text string, secrets []string) int {
	for _, s := range secrets {
		for _, spelt := range sandbox.Spellings(s) {
			if strings.Contains(text, spelt) {
				f.t.Errorf("%s has a canary: %.12s…", name, s)
				break
			}
		}
	}
	return 1
}
