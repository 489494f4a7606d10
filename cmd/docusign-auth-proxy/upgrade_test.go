package main

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/admin"
	"docusign-auth-proxy/internal/app/apptest"
	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/fixture"
	"docusign-auth-proxy/internal/observe/metrics"
	"docusign-auth-proxy/internal/sandbox"
	"docusign-auth-proxy/internal/store"
	"docusign-auth-proxy/translate/soaprest/journal"
	"docusign-auth-proxy/translate/soaprest/redirect"
)

// testdata/upgrade has a folder for each version, which that version wrote: see CONTRIBUTING.md.
func versionsBefore(t *testing.T) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join("testdata", "upgrade", "*"))
	if err != nil || len(found) == 0 {
		t.Fatalf("no version before: %v", err)
	}
	return found
}

func TestWhatPeopleSeeOfAVersionBeforeIsStillThere(t *testing.T) {
	now := promised()
	for _, folder := range versionsBefore(t) {
		for name := range strings.FieldsSeq(fileText(t, filepath.Join(folder, "names.txt"))) {
			if !slices.Contains(now, name) {
				t.Errorf("%s had %s, and it is gone", filepath.Base(folder), name)
			}
		}
	}
}

// promised are the names that installations rely on, one word each.
func promised() (names []string) {
	for _, m := range metrics.Names() {
		names = append(names, "metric:"+m.Name)
		for _, label := range m.Labels {
			names = append(names, "label:"+m.Name+":"+label)
		}
	}
	for _, id := range cause.All() {
		names = append(names, "cause:"+id.String())
	}
	section := ""
	for line := range strings.Lines(config.ReferenceMarkdown()) {
		if m := regexp.MustCompile("^(### |\\| )`([^`]+)`").FindStringSubmatch(line); m != nil && m[1] == "### " {
			section = m[2] + "."
		} else if m != nil {
			names = append(names, "key:"+section+m[2])
		}
	}
	var commands func(*cobra.Command)
	commands = func(c *cobra.Command) {
		path := strings.ReplaceAll(c.CommandPath(), " ", "/")
		names = append(names, "command:"+path)
		c.LocalFlags().VisitAll(func(f *pflag.Flag) { names = append(names, "flag:"+path+":--"+f.Name) })
		for _, sub := range c.Commands() {
			commands(sub)
		}
	}
	commands(newRoot())
	names = append(names, members("status:", reflect.TypeFor[admin.Status](), nil)...)
	slices.Sort(names)
	return names
}

// members are the names that a type has in JSON. above are the types that it lies in.
func members(prefix string, t reflect.Type, above []reflect.Type) (names []string) {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || t == reflect.TypeFor[time.Time]() || slices.Contains(above, t) {
		return nil
	}
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "":
			names = append(names, members(prefix, f.Type, append(above, t))...)
		case f.IsExported() && name != "-":
			names = append(names, prefix+name)
			names = append(names, members(prefix+name+".", f.Type, append(above, t))...)
		}
	}
	return names
}

// takenOver is the folder of a version before as this version finds it, in front of a sandbox of today.
func takenOver(t *testing.T, folder string) (*rig, left) {
	t.Helper()
	dir := t.TempDir()
	then := left{}
	if err := json.Unmarshal([]byte(fileText(t, filepath.Join(folder, "left.json"))), &then); err != nil {
		t.Fatal(err)
	}
	sb, err := sandbox.Start(sandbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sb.Close() })
	seed, err := sb.SeedWith(map[string][]byte{
		sandbox.LegacyKey: []byte(fileText(t, filepath.Join(folder, "keys", "old-erp.pem"))),
		sandbox.GUIDKey:   []byte(fileText(t, filepath.Join(folder, "keys", "nightly-billing.pem"))),
	})
	if err != nil {
		t.Fatal(err)
	}
	sb.AddIntegration(sandbox.Integration{Key: sandbox.LegacyKey, Live: true, Secret: then.Secret})
	sb.KeepLogin(sandbox.LegacyKey, sandbox.AnnaID, then.Refresh)
	r := &rig{&apptest.Rig{T: t, Dir: dir, Path: filepath.Join(dir, "proxy.yaml"), Sandbox: sb, Seed: seed,
		Log: &apptest.SyncBuffer{}}}
	err = filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		name := r.file(strings.TrimPrefix(path, folder))
		if err != nil || d.IsDir() {
			return errors.Join(err, os.MkdirAll(name, 0o700))
		}
		text := strings.ReplaceAll(fileText(t, path), then.Sandbox, sb.Addr())
		name, isPacked := strings.CutSuffix(name, ".gz")
		if isPacked {
			text = unpacked(t, text)
		}
		return os.WriteFile(name, []byte(text), 0o600)
	})
	// Certificates end; those of then would end the test.
	err = errors.Join(err, fixture.MakeCA(dir), os.WriteFile(r.file("sandbox-ca.pem"), sb.CACert(), 0o600))
	if err != nil {
		t.Fatal(err)
	}
	return r, then
}

func unpacked(t *testing.T, text string) string {
	t.Helper()
	r, err := gzip.NewReader(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestAVersionBeforeIsTakenOver(t *testing.T) {
	t.Parallel()
	if *upgradeFrom != "" {
		leaveBehind(t)
	}
	for _, folder := range versionsBefore(t) {
		t.Run(filepath.Base(folder), func(t *testing.T) {
			t.Parallel()
			r, then := takenOver(t, folder)
			if out, err := r.operate(t, newConfig(), "check"); err != nil {
				t.Errorf("config check: %v\n%s", err, out)
			}
			r.holds(t, then)
			r.Start()
			if got := r.calls(); !maps.Equal(got, then.Calls) {
				t.Errorf("the record of callers counts %v, and counted %v", got, then.Calls)
			}
			r.CheckIssued(t, then.Issued, 200)
			for _, c := range []struct {
				name, header string
				want         int
			}{
				{"the pinned password", pinnedUser(then.Pinned), 200},
				{"another password of the pinned user", pinnedUser("another"), 401},
				{"a user who logged in", annaAtOldERP, 200},
				{"a password of the configuration", apptest.AnnaJSON, 200},
				{"a program that nobody configured", strangersHeader, 401},
			} {
				if got := r.logIn(t, c.header); got != c.want {
					t.Errorf("%s: status %d, want %d\n%s", c.name, got, c.want, r.Log)
				}
			}
			if got := r.soap(t, createMessage("order-3")); !strings.Contains(got, "<EnvelopeID>") {
				t.Errorf("SOAP over REST: %s", got)
			}
			r.Restart() // what this version wrote
			r.CheckIssued(t, then.Issued, 200)
			if got := r.logIn(t, annaAtOldERP); got != 200 {
				t.Errorf("the login after a restart: status %d\n%s", got, r.Log)
			}
			r.NoLeak()
		})
	}
}

// holds looks at what ends with time, with the clock of then.
func (r *rig) holds(t *testing.T, then left) {
	t.Helper()
	s, err := store.Open(r.file("state.db"), store.Options{Now: func() time.Time { return then.At }})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if got := creations(s); !maps.Equal(got, then.Journal) {
		t.Errorf("the journal is %v, and was %v", got, then.Journal)
	}
	if got := learnt(s); !maps.Equal(got, then.Learned) {
		t.Errorf("learnt are %v, and were %v", got, then.Learned)
	}
	led, _, err := redirect.New(s.Returns(), func() time.Time { return then.At }).Location(t.Context(), then.Return,
		url.Values{"event": {"signing_complete"}})
	if err != nil || led != then.Leads {
		t.Errorf("a signer is led to %q: %v", led, err)
	}
}

func creations(s *store.Store) map[string]journal.State {
	all := map[string]journal.State{}
	for _, e := range s.Creations().Find(func(journal.Entry) bool { return true }) {
		all[e.TransactionID] = e.State
	}
	return all
}

func learnt(s *store.Store) map[string]string {
	all := map[string]string{}
	for _, table := range []*store.Learned{s.Users(), s.Accounts()} {
		table.Each(func(scope, name, guid string) { all[scope+" "+name] = guid })
	}
	return all
}

// calls are the sums of the record of callers, by integration; those of programs that no configuration names are "".
func (r *rig) calls() map[string]uint64 {
	r.Settled()
	s, sums := r.Program.Status(), map[string]uint64{}
	for _, in := range s.Integrations {
		sums[in.Name] = in.Calls
	}
	for _, u := range s.Unknown {
		sums[""] += u.Calls
	}
	return sums
}
