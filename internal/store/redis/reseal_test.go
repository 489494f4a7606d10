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
