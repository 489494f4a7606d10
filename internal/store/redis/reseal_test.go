package redis_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"testing"

	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/observe/ledger"
	"docusign-auth-proxy/internal/store"
	"docusign-auth-proxy/internal/store/redis"
	"docusign-auth-proxy/internal/store/redis/redistest"
)

func TestAKeyIsChangedWhileTheStoreIsInUse(t *testing.T) {
	redistest.Each(t, func(t *testing.T, addr string) {
		first, both, second := options(addr), options(addr), options(addr)
		newKey := bytes.Repeat([]byte{9}, 32)
		both.Key, both.PreviousKey, second.Key = newKey, first.Key, newKey
		old := connect(t, first)
		var records []store.Change
		for i := range 1200 {
			records = append(records, put(fmt.Sprint(i), fmt.Sprint("value ", i)))
		}
		must(t)(old.Commit(t.Context(), records))
		must(t)(old.Commit(t.Context(), []store.Change{{Bucket: "of a later version", Key: "a", Value: []byte("1")}}))
		batch := ledger.Batch{Number: 1, Deltas: []ledger.Delta{{Kind: ledger.Kinds()[0], Name: "row", Steps: nil}}}
		batch.Deltas[0].Steps = []ledger.Step{{Rule: ledger.Latest, Field: "user", At: 1, Text: "anna@example.com"}}
		if err := old.Ledger("a", false).Merge(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
		want := all(t, old)
		raw := rawClient(t, addr)
		later := raw.HGetAll(t.Context(), "{test}:of a later version").Val()

		if err := redis.Open(second).Connect(t.Context()); !errors.Is(err, redis.ErrKey) {
			t.Fatalf("the new key alone opens the store: %v", err)
		}
		changing := connect(t, both)
		change := records[7]
		change.If, change.Was, change.Value = store.Unchanged, change.Value, []byte("changed")
		must(t)(changing.Commit(t.Context(), []store.Change{change}))
		want[change.Key] = "changed"
		if got := all(t, changing); !maps.Equal(got, want) {
			t.Errorf("with both keys there are %d records, want %d", len(got), len(want))
		}
		if told := keysFinding(t, changing); told.Row != cause.StoreOldKey || told.Fill[1] != "1201 records" {
			t.Errorf("doctor says %v", told)
		}
		if n, err := changing.Reseal(t.Context()); n != 1201 || err != nil {
			t.Errorf("%d were sealed anew: %v", n, err)
		}
		if n, err := changing.Reseal(t.Context()); n != 0 || err != nil {
			t.Errorf("a second time %d were sealed anew: %v", n, err)
		}
		if told := keysFinding(t, changing); told.Row != 0 {
			t.Errorf("doctor says %v", told)
		}
		after := connect(t, second)
		if got := all(t, after); !maps.Equal(got, want) {
			t.Errorf("with the new key there are %d records, want %d", len(got), len(want))
		}
		rows := 0
		_, err := after.Ledger("a", false).Rows(t.Context(), ledger.Kinds()[0], 0, func(f ledger.Fields) error {
			rows++
			if f.Name != "row" || f.Texts["user"] != "anna@example.com" {
				t.Errorf("the row of the ledger is %v", f)
			}
			return nil
		})
		if rows != 1 || err != nil {
			t.Errorf("the ledger has %d rows: %v", rows, err)
		}
		if now := raw.HGetAll(t.Context(), "{test}:of a later version").Val(); !maps.Equal(now, later) {
			t.Error("a bucket of a later version was touched")
		}
	})
}

func keysFinding(t *testing.T, s *redis.Server) (found redis.Finding) {
	t.Helper()
	for _, f := range s.Examine(t.Context()) {
		if f.Check == "keys" {
			found = f
		}
	}
	return found
}

// Each step restarts one of two replicas with the keys of the next one, as docs/scale.md says.
func TestAKeyIsChangedOneReplicaAfterTheOther(t *testing.T) {
	const first, second = 7, 9
	addr := redistest.Mini(t).Addr()
	unread := 0
	replica := func(key, before byte) *redis.Server {
		o := options(addr)
		o.Key, o.OnError = bytes.Repeat([]byte{key}, 32), func(error) { unread++ }
		if before != 0 {
			o.PreviousKey = bytes.Repeat([]byte{before}, 32)
		}
		return connect(t, o)
	}
	want := map[string]string{}
	for n, keys := range [][2][2]byte{ // key and previous_key of each
		{{first}, {first}},
		{{first, second}, {first}},
		{{first, second}, {first, second}},
		{{second, first}, {first, second}},
		{{second, first}, {second, first}},
		{{second}, {second, first}},
		{{second}, {second}},
	} {
		both := []*redis.Server{replica(keys[0][0], keys[0][1]), replica(keys[1][0], keys[1][1])}
		for i, s := range both {
			c := put(fmt.Sprint("step ", n, " replica ", i), "value")
			must(t)(s.Commit(t.Context(), []store.Change{c}))
			want[c.Key] = "value"
		}
		for i, s := range both {
			if got := all(t, s); !maps.Equal(got, want) || unread > 0 {
				t.Fatalf("step %d: replica %d has %d records of %d", n, i, len(got), len(want))
			}
			if keys[i][1] == 0 {
				continue
			}
			if _, err := s.Reseal(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	early := replica(first+4, second)
	must(t)(early.Commit(t.Context(), []store.Change{put("early", "value")}))
	if got := all(t, replica(second, 0)); !maps.Equal(got, want) || unread == 0 {
		t.Errorf("a replica that was never told of the new key reads what is sealed with it: %d records", len(got))
	}
}
