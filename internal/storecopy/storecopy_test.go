package storecopy_test

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/app"
	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/files/filestest"
	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/internal/observe/ledger"
	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/internal/store"
	"docusign-auth-proxy/internal/store/redis"
	"docusign-auth-proxy/internal/store/redis/redistest"
	"docusign-auth-proxy/internal/storecopy"
)

// move is a folder with the configuration of a proxy, that of replicas, and what the proxy remembered.
type move struct {
	*testing.T
	dir             string
	token, password secret.Text
	owner           store.TokenOwner
	callers         []ledger.Summary
}

func (m *move) file(name string) string { return filepath.Join(m.dir, name) }

func (m *move) write(name, text string) {
	m.Helper()
	if err := os.WriteFile(m.file(name), []byte(text), 0o600); err != nil {
		m.Fatal(err)
	}
}

func newMove(t *testing.T, addr string) *move {
	t.Helper()
	m := &move{T: t, dir: filestest.TempDir(t), owner: store.TokenOwner{
		Integration: "billing", Authenticator: "anna@example.com", Principal: "anna@example.com",
	}}
	m.write("one.yaml", "environment: demo\nunknown: observe\nstore: state.db\n")
	m.write("many.yaml", "environment: demo\nunknown: observe\nstore:\n  redis: {url: redis://"+addr+"}\n"+
		"  key: {file: store.key}\n")
	s, err := store.Open(m.file("state.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	m.token, err = s.Issue(m.owner)
	problems := []error{err}
	m.password, err = s.IssuePassword(m.owner)
	_, pinErr := s.Pin("billing", "anna@example.com", "hash")
	problems = append(problems, err, pinErr, s.PutRefresh("anna", secret.New("refresh")),
		s.Users().Learn("demo", "anna@example.com", "guid"))
	l, err := ledger.New(ledger.Options{Store: s})
	for n := range 500 {
		l.Record(&call.Event{
			Time: time.Now(), Integration: "billing", Authenticator: fmt.Sprintf("user-%d@example.com", n), Scheme: "header_json",
			Mode: "translate", Door: "sidecar", API: "rest_v2", Outcome: call.OutcomeOK, Status: 200,
			Client: netip.MustParseAddr("10.0.0.1"),
		})
	}
	m.callers = l.Integrations([]integration.Integration{{Name: "billing"}})
	if err := errors.Join(append(problems, err, l.Flush(), s.Close())...); err != nil {
		t.Fatal(err)
	}
	key, err := os.ReadFile(m.file("state.db.key"))
	if err != nil {
		t.Fatal(err)
	}
	m.write("store.key", string(key))
	return m
}

// copies runs a copy and wants it to add all that it finds, or nothing.
func (m *move) copies(from, to string, all bool) {
	m.Helper()
	r, err := storecopy.Run(m.Context(), m.file(from), m.file(to))
	if err != nil {
		m.Fatal(err)
	}
	found := 0
	for _, k := range r.Kinds {
		if found += k.Found; k.Added != 0 && !all || k.Added != k.Found && all {
			m.Errorf("%s to %s: %+v", from, to, k)
		}
	}
	if found < 505 {
		m.Errorf("%s to %s: %d records: %+v", from, to, found, r)
	}
}

// holds looks whether a store can be used in place of the first one.
func (m *move) holds(s *store.Store, l ledger.Options) {
	m.Helper()
	owner, ok, err := s.Lookup(m.Context(), m.token)
	byPassword, _, passwordErr := s.LookupPassword(m.Context(), m.password)
	same, issueErr := s.IssuePassword(m.owner)
	refresh, _, _, refreshErr := s.Refresh("anna")
	pinned, _, pinErr := s.Pinned("billing", "anna@example.com")
	counted, ledgerErr := ledger.New(l)
	if err := errors.Join(err, passwordErr, issueErr, refreshErr, pinErr, ledgerErr); err != nil {
		m.Fatal(err)
	}
	if !ok || owner != m.owner || byPassword != m.owner || same != m.password || refresh.Reveal() != "refresh" ||
		pinned != "hash" {
		m.Errorf("%v, %v, %v, the same password: %v, pinned %q", ok, owner, byPassword, same == m.password, pinned)
	}
	if got := counted.Integrations([]integration.Integration{{Name: "billing"}}); !reflect.DeepEqual(got, m.callers) {
		m.Errorf("callers:\n%+v\nwant:\n%+v", got, m.callers)
	}
}

func TestAStateMovesToReplicasAndBack(t *testing.T) {
	redistest.Each(t, func(t *testing.T, addr string) {
		m := newMove(t, addr)
		m.copies("one.yaml", "many.yaml", true)
		m.copies("one.yaml", "many.yaml", false)
		cfg, err := config.Load(m.file("many.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		server := app.OpenRedis(cfg, redis.Options{Replica: "test"})
		defer server.Close()
		if err := server.Connect(t.Context()); err != nil {
			t.Fatal(err)
		}
		err = app.WithSharedState(t.Context(), cfg, func(s *store.Store) error {
			m.holds(s, ledger.Options{Shared: server.Ledger("test", false)})
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		m.copies("many.yaml", "back.db", true)
		m.copies("many.yaml", "back.db", false)
		s, err := store.Open(m.file("back.db"), store.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		m.holds(s, ledger.Options{Store: s})
	})
}

func TestACopyWithAnotherKeyTouchesNothing(t *testing.T) {
	m := newMove(t, redistest.Start(t).Addr)
	right, err := os.ReadFile(m.file("store.key"))
	if err != nil {
		t.Fatal(err)
	}
	m.write("store.key", store.NewKey())
	if _, err := storecopy.Run(t.Context(), m.file("one.yaml"), m.file("many.yaml")); !errors.Is(err, store.ErrOtherKey) ||
		!strings.Contains(err.Error(), "next: name "+m.file("state.db")+".key as store.key") {
		t.Error(err)
	}
	m.write("store.key", string(right))
	m.copies("one.yaml", "many.yaml", true) // the wrong key has not become the server's
}

func TestACopyIsRefusedWhereItCannotBeRight(t *testing.T) {
	m := newMove(t, "127.0.0.1:1")
	m.write("memory.yaml", "environment: demo\nunknown: observe\nstore: memory\n")
	for _, tt := range []struct{ name, from, to, says string }{
		{"from memory", "memory.yaml", "back.db", "there is nothing that could be copied"},
		{"onto itself", "one.yaml", "state.db", "is on both sides"},
		{"to a server that is away", "one.yaml", "many.yaml", "next: docusign-auth-proxy doctor"},
		{"without a configuration", "none.yaml", "back.db", "none.yaml"},
		{"from a file that is not there", "none.db", "back.db", "next: name the configuration"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := storecopy.Run(t.Context(), m.file(tt.from), m.file(tt.to)); err == nil ||
				!strings.Contains(err.Error(), tt.says) {
				t.Errorf("%v", err)
			}
		})
	}
}
