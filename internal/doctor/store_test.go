package doctor

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2/server"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/admin"
	"docusign-auth-proxy/internal/app"
	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/files/filestest"
	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/internal/store"
	"docusign-auth-proxy/internal/store/redis"
	"docusign-auth-proxy/internal/store/redis/redistest"
	"docusign-auth-proxy/translate/oauth"
)

const storeSecret = "canary-store-password"

// sharing reads a configuration whose store is a server, with more lines below redis. The key is 32 times that byte.
func sharing(t *testing.T, addr string, key byte, more ...string) *config.Config {
	t.Helper()
	dir := filestest.TempDir(t)
	for name, text := range map[string]string{
		"store.key": base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{key}, 32)), "password": storeSecret,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text := "environment: demo\nintegrations: []\nstore:\n  key: {file: store.key}\n  redis:\n    addresses: [\"" + addr +
		"\"]\n    timeout: 2s\n    " + strings.Join(more, "\n    ") + "\n"
	cfg, err := config.Parse([]byte(text), filepath.Join(dir, "proxy.yaml"), config.Environment{})
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// made lets a replica with the key of sevens make the store of a server.
func made(t *testing.T, cfg *config.Config) *redis.Server {
	t.Helper()
	s := app.OpenRedis(cfg, redis.Options{Replica: "first"})
	t.Cleanup(func() { _ = s.Close() })
	if err := s.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

const withPassword = "password: {file: password}"

// TestEachMistakeWithTheStoreIsAFindingOfItsOwn has real servers but for one that is too old.
func TestEachMistakeWithTheStoreIsAFindingOfItsOwn(t *testing.T) {
	good := redistest.Start(t, "--appendonly", "yes")
	made(t, sharing(t, good.Addr, 7))
	locked := redistest.Start(t, "--appendonly", "yes", "--requirepass", "another one")
	host, port, _ := net.SplitHostPort(good.Addr)
	copied := redistest.Start(t, "--replicaof", host+" "+port)
	foreign := redistest.Start(t, "--appendonly", "yes")
	made(t, sharing(t, foreign.Addr, 7, "namespace: docusign-demo"))
	gone := redistest.Start(t)
	gone.Kill()
	for _, tt := range []struct {
		name  string
		cfg   *config.Config
		check string
		row   cause.ID
		found string
	}{
		{"nobody listens there", sharing(t, gone.Addr, 7), "store server", cause.StoreAway, "refuses the connection"},
		{"a name that nobody knows", sharing(t, "no-such-host.invalid:6379", 7, "plaintext: true"), "store server",
			cause.StoreName, "no-such-host.invalid"},
		{"TLS where there is none", sharing(t, good.Addr, 7, "tls: true"), "store server", cause.StoreNoTLS, ""},
		{"a wrong password", sharing(t, locked.Addr, 7, withPassword), "store server", cause.StorePassword, ""},
		{"no password", sharing(t, locked.Addr, 7), "store server", cause.StoreNoPassword, ""},
		{"a replica as the address", sharing(t, copied.Addr, 7), "store server", cause.StoreReplica, ""},
		{"a node of a cluster", sharing(t, fake(t, func(c *server.Peer) {
			c.WriteError("MOVED 1234 127.0.0.1:7001")
		}), 7), "store server", cause.StoreCluster, ""},
		{"no cluster", sharing(t, good.Addr, 7, "cluster: true"), "store server", cause.StoreNoCluster, ""},
		{"an old version", sharing(t, fake(t, oldVersion), 7), "store server", cause.StoreVersion, "Redis 6.2.14"},
		{"another key", sharing(t, good.Addr, 8), "store", cause.StoreKey, ""},
		{"the store of production", production(sharing(t, foreign.Addr, 7)), "store", cause.StoreAccountServer,
			"https://account-d.docusign.com"},
		{"keys of another program", sharing(t, strange(t), 7), "store", cause.StoreForeign, ""},
		{"it deletes what it has", sharing(t, redistest.Start(t, "--appendonly", "yes", "--maxmemory-policy",
			"allkeys-lru").Addr, 7), "store memory", cause.StoreEvicts, "allkeys-lru"},
		{"it keeps nothing", sharing(t, redistest.Start(t).Addr, 7), "store persistence", cause.StoreForgets, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := examine(tt.cfg, func(c *run) { c.now = time.Now; c.checkStore(t.Context()) })
			var told []Finding
			for _, f := range r.Findings {
				if f.Status == Warn || f.Status == Fail {
					told = append(told, f)
				}
			}
			next := tt.row.Next("config", "proxy.yaml", "address", tt.cfg.Store.Redis.Addresses[0])
			want := map[cause.Severity]Status{cause.Page: Fail, cause.Ticket: Warn}[tt.row.Of().Severity]
			if len(told) != 1 || told[0].Check != tt.check || told[0].Status != want || told[0].Next != next ||
				!strings.Contains(told[0].Found, tt.found) || told[0].Why == "" {
				t.Errorf("it tells %+v\nwant one of %q, next %q", told, tt.check, next)
			}
			if text := r.Ticket(); strings.Contains(text, storeSecret) || regexp.MustCompile(`\{[a-z]+\}`).MatchString(text) {
				t.Errorf("it says\n%s", text)
			}
		})
	}
}

func TestAStoreThatIsWell(t *testing.T) {
	s := redistest.Start(t, "--appendonly", "yes")
	cfg := sharing(t, s.Addr, 7)
	r := examine(cfg, func(c *run) { c.checkStore(t.Context()) })
	if f := findingOf(r, "store"); r.ExitCode != 0 || !strings.Contains(f.Found, "there is none yet") {
		t.Errorf("%+v", r.Findings)
	}
	first := made(t, cfg)
	announce := func(name, version, hash string) {
		t.Helper()
		value, err := json.Marshal(admin.Replica{Name: name, Version: version, ConfigHash: hash})
		if err == nil {
			one := app.OpenRedis(cfg, redis.Options{Replica: name})
			defer one.Close()
			if err = one.Connect(t.Context()); err == nil {
				err = one.Announce(t.Context(), value, time.Minute)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	alike, err := app.Replicas(t.Context(), cfg, first)
	if err != nil {
		t.Fatal(err)
	}
	announce("proxy-a", alike.Version, alike.ConfigHash)
	r = examine(cfg, func(c *run) { c.checkStore(t.Context()) })
	if f := findingOf(r, "replicas"); f.Status != OK || !strings.Contains(f.Found, "1 alive") {
		t.Errorf("%+v", r.Findings)
	}
	announce("proxy-b", "v0.0.1", alike.ConfigHash)
	announce("proxy-c", alike.Version, "another hash")
	r = examine(cfg, func(c *run) { c.checkStore(t.Context()) })
	for name, row := range map[string]cause.ID{"proxy-b": cause.ReplicaVersions, "proxy-c": cause.ReplicaDiffers} {
		if !slices.ContainsFunc(r.Findings, func(f Finding) bool {
			return f.Check == "replicas" && f.Status == Warn && f.Next == row.Next() && strings.Contains(f.Found, name)
		}) {
			t.Errorf("nothing is said of %s: %+v", name, r.Findings)
		}
	}
}

// Anna has logged in, Ben has not.
func TestLoginsAreLookedForInTheStoreOfAllReplicas(t *testing.T) {
	s := redistest.Start(t, "--appendonly", "yes")
	const key, anna, ben = "4a9c2b1e-7d3f-4e5a-8b6c-1f2e3d4c5b6a", "11111111-2222-4333-8444-555555555555",
		"22222222-2222-4333-8444-555555555555"
	with := func(storeKey byte) *config.Config {
		cfg := sharing(t, s.Addr, storeKey)
		cfg.Integrations = []integration.Integration{{Name: "erp", Mode: integration.Translate,
			Grant: integration.AuthorizationCode, Users: []integration.User{
				{Username: "anna@example.com", UserID: anna}, {Username: "ben@example.com", UserID: ben},
			}}}
		cfg.Integrations[0].OAuth.ClientID = key
		return cfg
	}
	look := func(cfg *config.Config) *Report {
		return examine(cfg, func(c *run) {
			c.checkStore(t.Context())
			n := c.connect(t.Context())
			defer n.close()
			n.checkIntegrations(t.Context())
		})
	}
	if f := findingOf(look(with(7)), "grant"); f.Status != Fail {
		t.Errorf("in a store that nobody has made yet: %+v", f)
	}
	if keys := size(t, s.Addr); keys != 0 {
		t.Fatalf("the doctor made %d keys", keys)
	}
	err := app.WithSharedState(t.Context(), with(7), func(kept *store.Store) error {
		return kept.PutRefresh(oauth.RefreshName(oauth.Identity{Issuer: key, Subject: anna}), secret.New("refresh"))
	})
	if err != nil {
		t.Fatal(err)
	}
	told := map[string]Finding{}
	for _, f := range look(with(7)).Findings {
		if f.Check == "grant" {
			told[f.Subject] = f
		}
	}
	if f := told["erp anna@example.com"]; f.Status != OK || !strings.Contains(f.Found, time.Now().UTC().Format("2006-01-")) {
		t.Errorf("of the one who has logged in it says %+v", f)
	}
	if f := told["erp ben@example.com"]; f.Status != Fail || !strings.Contains(f.Next, "--user ben@example.com") {
		t.Errorf("of the one who has not it says %+v", told)
	}
	if f := findingOf(look(with(8)), "grant"); f.Status != Skipped || !strings.Contains(f.Found, "cannot be read") {
		t.Errorf("with another key: %+v", f)
	}
}

func TestAStoreIsNotAskedOffline(t *testing.T) {
	r := examine(sharing(t, "127.0.0.1:1", 7), func(c *run) {
		c.Offline = true
		c.checkStore(t.Context())
	})
	if len(r.Findings) != 1 || r.Findings[0].Status != Skipped {
		t.Errorf("%+v", r.Findings)
	}
}

// production is the configuration for the other environment, with the same store.
func production(cfg *config.Config) *config.Config {
	other := *cfg
	other.AccountServer.Host = cfg.Site.Host
	return &other
}

// size is how many keys a server has.
func size(t *testing.T, addr string) (keys int) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err = fmt.Fprint(c, "DBSIZE\r\n"); err == nil {
		_, err = fmt.Fscanf(c, ":%d", &keys)
	}
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// strange is a server with keys of another program where the store would lie.
func strange(t *testing.T) string {
	t.Helper()
	s := redistest.Start(t, "--appendonly", "yes")
	c, err := net.Dial("tcp", s.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err = fmt.Fprint(c, "HSET {docusign-demo}:meta program another\r\n"); err == nil {
		_, err = c.Read(make([]byte, 10))
	}
	if err != nil {
		t.Fatal(err)
	}
	return s.Addr
}

// oldVersion is what a Redis 6.2 says of itself, and that it holds nothing.
func oldVersion(c *server.Peer) {
	c.WriteLen(2)
	c.WriteLen(0)
	c.WriteBulk("# Server\r\nredis_version:6.2.14\r\nrole:master\r\n")
}

// fake is a server that answers every script in the same way.
func fake(t *testing.T, answer func(*server.Peer)) string {
	t.Helper()
	s, err := server.NewServer("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	for _, command := range []string{"EVAL", "EVALSHA"} {
		if err = s.Register(command, func(c *server.Peer, _ string, _ []string) { answer(c) }); err != nil {
			t.Fatal(err)
		}
	}
	return s.Addr().String()
}
