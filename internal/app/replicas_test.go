package app

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/admin"
	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/observe/ledger"
	"docusign-auth-proxy/internal/store"
	"docusign-auth-proxy/internal/store/redis"
	"docusign-auth-proxy/internal/store/redis/redistest"
)

func TestReplicasTellEachOther(t *testing.T) {
	redistest.Each(t, func(t *testing.T, addr string) {
		open := func(name string) *replicas {
			s := redis.Open(redis.Options{
				Addresses: []string{addr}, Namespace: "test", Key: bytes.Repeat([]byte{7}, 32), Replica: name,
				AccountServer: "https://account-d.docusign.com", Timeout: 5 * time.Second,
			})
			t.Cleanup(func() { _ = s.Close() })
			if err := s.Connect(t.Context()); err != nil {
				t.Fatal(err)
			}
			return &replicas{server: s, self: func() admin.Replica { return admin.Replica{Name: name, ConfigHash: name} }}
		}
		a, b := open("a"), open("b")
		if list, at := a.known(); len(list) != 1 || !list[0].Self || !at.IsZero() {
			t.Errorf("before the store was asked it knows %v at %v", list, at)
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		var log bytes.Buffer
		go func() { ended <- b.run(ctx, slog.New(slog.NewTextHandler(&log, nil))) }()
		for {
			if err := a.exchange(t.Context()); err != nil {
				t.Fatal(err)
			}
			if list, _ := a.known(); len(list) == 2 {
				break
			}
		}
		list, at := a.known()
		if list[0].Name != "a" || !list[0].Self || list[1].Name != "b" || list[1].Self || list[1].ConfigHash != "b" ||
			at.IsZero() {
			t.Errorf("it knows %+v at %v", list, at)
		}
		stop()
		if err := <-ended; err != nil || log.Len() > 0 {
			t.Errorf("%v, and the log says %s", err, &log)
		}
		if err := a.exchange(t.Context()); err != nil {
			t.Fatal(err)
		}
		if list, _ := a.known(); len(list) != 1 {
			t.Errorf("one has ended, and it knows %v", list)
		}
	})
}

const fleetText = `
environment: demo
store:
  redis: {url: "redis://ADDRESS"}
  key: {env: STORE_KEY}
integrations:
  - {name: billing, integrator_key: 230546a7-9c55-40ad-8fbf-af205d5494ad, mode: observe, soap: bearer}
`

func fleetConfig(t *testing.T, addr string) *config.Config {
	t.Helper()
	cfg, err := config.Parse([]byte(strings.Replace(fleetText, "ADDRESS", addr, 1)), "proxy.yaml", config.Environment{
		LookupEnv: func(string) (string, bool) {
			return base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32)), true
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func TestTheStoreOfReplicasTellsAllWithoutAProxy(t *testing.T) {
	redistest.Each(t, func(t *testing.T, addr string) {
		cfg := fleetConfig(t, addr)
		for n := range 2 {
			name := replicaName()
			server := OpenRedis(cfg, redis.Options{Replica: name})
			defer server.Close()
			if err := server.Connect(t.Context()); err != nil {
				t.Fatal(err)
			}
			r := &replicas{server: server, self: func() admin.Replica {
				return admin.Replica{Name: name, ConfigHash: replicasOf(cfg).ConfigHash, Version: "devel", UnsentCalls: uint64(n)}
			}}
			if err := r.exchange(t.Context()); err != nil {
				t.Fatal(err)
			}
			l, err := ledger.New(ledger.Options{Shared: server.Ledger(name, false)})
			if err != nil {
				t.Fatal(err)
			}
			l.Configure(cfg.Integrations)
			e := &call.Event{Integration: "billing", Authenticator: "anna@example.com", Scheme: "header_json", Mode: "observe",
				Outcome: call.OutcomeOK, Rehearsal: "would_work"}
			l.Record(e)
			l.RecordRehearsal(e)
			if err := l.Flush(); err != nil {
				t.Fatal(err)
			}
		}
		s, err := StoredStatus(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		in := s.Integrations[0]
		if in.Calls != 2 || in.Callers[0].Calls != 2 || in.Rehearsals.WouldWork != 2 || len(s.Replicas.List) != 2 ||
			s.Replicas.Counts.AsOf.IsZero() || s.Replicas.List[0].ConfigHash != s.Replicas.ConfigHash {
			t.Errorf("%+v, %+v", in, s.Replicas)
		}
		if age := time.Since(s.Replicas.Made); age > time.Hour || age < -time.Hour {
			t.Errorf("the store was made %v", s.Replicas.Made)
		}
		seen, err := Seen(t.Context(), cfg)
		if err != nil || seen["billing"].Calls != 2 {
			t.Errorf("%v, %v", seen, err)
		}
	})
}

func TestAStoreOfReplicasThatCannotBeReadIsNoEmptyReport(t *testing.T) {
	_, err := StoredStatus(t.Context(), fleetConfig(t, "127.0.0.1:1"))
	if !errors.Is(err, store.ErrUnreachable) {
		t.Errorf("the error is %v", err)
	}
}

func TestTheAddressOfAnOperationsListenerIsOneForOthers(t *testing.T) {
	for _, test := range []struct {
		name, address string
		same          bool
	}{
		{"an address", "10.1.2.3:9090", true},
		{"this machine alone", "127.0.0.1:9090", true},
		{"every address", "0.0.0.0:9090", false},
		{"every address over IPv6", "[::]:9090", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			at, err := net.ResolveTCPAddr("tcp", test.address)
			if err != nil {
				t.Fatal(err)
			}
			if got := reachable(at); (got == test.address) != test.same || !strings.HasSuffix(got, ":9090") {
				t.Errorf("it is %s", got)
			}
		})
	}
}
