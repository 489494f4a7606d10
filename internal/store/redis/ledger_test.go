package redis_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/observe/ledger"
	"docusign-auth-proxy/internal/observe/ledger/ledgertest"
	"docusign-auth-proxy/internal/store/redis"
	"docusign-auth-proxy/internal/store/redis/redistest"
)

func TestLedgerOfReplicas(t *testing.T) {
	redistest.Each(t, func(t *testing.T, addr string) {
		raw := rawClient(t, addr)
		ledgertest.Run(t, func(t *testing.T) (a, b ledger.Shared) {
			if err := raw.FlushAll(t.Context()).Err(); err != nil {
				t.Fatal(err)
			}
			return connect(t, options(addr)).Ledger("a", false), connect(t, options(addr)).Ledger("b", true)
		})
	})
}

// TestTheLedgerTellsNobody looks for names and texts in all that the server has.
func TestTheLedgerTellsNobody(t *testing.T) {
	redistest.Each(t, func(t *testing.T, addr string) {
		l, err := ledger.New(ledger.Options{Shared: connect(t, options(addr)).Ledger("replica-canary", false)})
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"canary-integration", call.UnknownIntegration} {
			e := &call.Event{
				Time: time.Unix(1_790_000_000, 0), Integration: name, Key: "canary-key", Authenticator: "canary@example.com",
				Principal: "canary@example.com", Scheme: "header_json", API: "soap_api", Operation: "CreateEnvelope",
				Outcome: call.OutcomeRefused, Cause: "canary_cause", Detail: "canary-detail", UserAgent: "canary/1.0",
				NextStep: "canary-step", Door: "connect",
			}
			l.Record(e)
		}
		if err := l.Flush(); err != nil {
			t.Fatal(err)
		}
		raw := rawClient(t, addr)
		keys, err := raw.Keys(t.Context(), "{test}:led:*").Result()
		if err != nil || len(keys) < 8 {
			t.Fatalf("%d keys, %v", len(keys), err)
		}
		for _, key := range keys {
			dump := key
			switch kind := raw.Type(t.Context(), key).Val(); kind {
			case "hash":
				for field, value := range raw.HGetAll(t.Context(), key).Val() {
					dump += field + value
				}
			case "zset":
				dump += strings.Join(raw.ZRange(t.Context(), key, 0, -1).Val(), " ")
			case "string":
				dump += raw.Get(t.Context(), key).Val()
			default:
				t.Errorf("%s is a %s", key, kind)
			}
			if strings.Contains(strings.ToLower(dump), "canary") {
				t.Errorf("%s tells %q", key, dump)
			}
		}
		if rows := l.Rows(); len(rows) != 1 || rows[0].UserAgent != "canary/1.0" || rows[0].LastError != "canary-detail" {
			t.Errorf("it comes back as %+v", rows)
		}
	})
}

func TestARowThatSomebodyWroteIsLeftOut(t *testing.T) {
	redistest.Each(t, func(t *testing.T, addr string) {
		o, told := options(addr), 0
		o.OnError = func(error) { told++ }
		l := connect(t, o).Ledger("a", false)
		for n, name := range []string{"anna@example.com", "ben@example.com"} {
			if err := l.Merge(t.Context(), ledger.Batch{Number: uint64(n + 1), Deltas: []ledger.Delta{{Kind: "k", Name: name,
				Steps: []ledger.Step{{Rule: ledger.Sum, Field: "calls ok", Number: 1}}}}}); err != nil {
				t.Fatal(err)
			}
		}
		raw := rawClient(t, addr)
		ids := raw.ZRange(t.Context(), "{test}:led:k", 0, -1).Val()
		if len(ids) != 2 {
			t.Fatalf("%v", ids)
		}
		name := raw.HGet(t.Context(), "{test}:led:k:"+ids[0], "=").Val()
		if err := raw.HSet(t.Context(), "{test}:led:k:"+ids[1], "=", name).Err(); err != nil {
			t.Fatal(err)
		}
		var seen []string
		if _, err := l.Rows(t.Context(), "k", 0, func(f ledger.Fields) error {
			seen = append(seen, f.Name)
			return nil
		}); err != nil || len(seen) != 1 || seen[0] != "anna@example.com" || told != 1 {
			t.Errorf("%v, %v, told %d", seen, err, told)
		}
	})
}

func TestRowsOfTheKeyBeforeAreSealedAnew(t *testing.T) {
	redistest.Each(t, func(t *testing.T, addr string) {
		before := options(addr)
		l := connect(t, before).Ledger("a", false)
		steps := []ledger.Step{{Rule: ledger.Latest, Field: "last", At: 1, Text: "text"}}
		d := ledger.Delta{Kind: "k", Name: "anna@example.com", Steps: steps}
		if err := l.Merge(t.Context(), ledger.Batch{Number: 1, Deltas: []ledger.Delta{d}}); err != nil {
			t.Fatal(err)
		}
		read := func(o redis.Options) (got string) {
			t.Helper()
			o.OnError = func(err error) { got += "left out " }
			if _, err := connect(t, o).Ledger("b", false).Rows(t.Context(), "k", 0, func(f ledger.Fields) error {
				got += f.Name + " " + f.Texts["last"]
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			return got
		}
		changing := before
		changing.Key, changing.PreviousKey = bytes.Repeat([]byte{8}, 32), before.Key
		if got := read(changing); got != "anna@example.com text" {
			t.Errorf("with both keys: %q", got)
		}
		if got := read(before); got != "left out " {
			t.Errorf("with the key before alone: %q", got)
		}
	})
}
