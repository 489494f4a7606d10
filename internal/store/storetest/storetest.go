// Package storetest is the contract of store.Backend, as tests that every backend passes.
// It must never look at how a backend keeps its records.
// The tests of package store call it, once for each backend.
package storetest

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"docusign-auth-proxy/internal/store"
)

// Run tests a backend. Each call of begin starts with no records; open gives a handle on them, after the one before
// was closed.
func Run(t *testing.T, buckets []string, begin func(t *testing.T) (open func() store.Backend)) {
	for name, test := range map[string]func(*testing.T, []string, func() store.Backend){
		"every bucket keeps what was put and not what was dropped": testRoundTrip,
		"a commit does all or nothing":                             testAllOrNone,
		"of many that need the key to be absent, one wins":         testOneWinner,
		"a value that was loaded is the caller's to keep":          testOwnership,
		"an error of the caller ends the load":                     testLoadEnds,
	} {
		t.Run(name, func(t *testing.T) { test(t, buckets, begin(t)) })
	}
}

func testRoundTrip(t *testing.T, buckets []string, open func() store.Backend) {
	b := open()
	keys := []string{"anna@example.com", "a\x00b\xff", strings.Repeat("k", 512)}
	want := map[string]string{}
	for _, bucket := range buckets {
		var changes []store.Change
		for i, key := range append(keys, "gone") {
			value := strings.Repeat(bucket, i*1000) // the first one is empty, and stays apart from none
			changes = append(changes, store.Change{Bucket: bucket, Key: key, Value: []byte(value)})
			want[bucket+" "+key] = value
		}
		commit(t, b, changes...)
		drop := store.Change{Bucket: bucket, Key: "gone"}
		commit(t, b, drop)
		commit(t, b, drop, store.Change{Bucket: bucket, Key: keys[0], Value: []byte("later")})
		delete(want, bucket+" gone")
		want[bucket+" "+keys[0]] = "later"
	}
	for range 2 { // now, and from the next handle
		got := map[string]string{}
		for _, bucket := range buckets {
			maps.Copy(got, load(t, b, bucket))
		}
		if !maps.Equal(got, want) {
			t.Errorf("%d records, want %d: %.200q", len(got), len(want), got)
		}
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		b = open()
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
}

func testAllOrNone(t *testing.T, buckets []string, open func() store.Backend) {
	b := open()
	defer b.Close()
	first := store.Change{Bucket: buckets[0], Key: "a", Value: []byte("1"), If: store.Absent}
	commit(t, b, first)
	commit(t, b, first) // its outcome is already there
	_, err := b.Commit(t.Context(), []store.Change{
		{Bucket: buckets[1], Key: "b", Value: []byte("2")},
		{Bucket: buckets[0], Key: "a", Value: []byte("3"), If: store.Absent},
	})
	if !errors.Is(err, store.ErrConflict) {
		t.Errorf("the error is %v", err)
	}
	if got := fmt.Sprint(load(t, b, buckets[0]), load(t, b, buckets[1])); got != "map["+buckets[0]+" a:1] map[]" {
		t.Errorf("there is %s", got)
	}
}

func testOneWinner(t *testing.T, buckets []string, open func() store.Backend) {
	b := open()
	defer b.Close()
	var wait sync.WaitGroup
	var won atomic.Int32
	for i := range 50 {
		wait.Go(func() {
			c := store.Change{Bucket: buckets[0], Key: "a", Value: fmt.Append(nil, i), If: store.Absent}
			_, err := b.Commit(t.Context(), []store.Change{c})
			if err == nil {
				won.Add(1)
			} else if !errors.Is(err, store.ErrConflict) {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if won.Load() != 1 {
		t.Errorf("%d writers won", won.Load())
	}
}

func testOwnership(t *testing.T, buckets []string, open func() store.Backend) {
	b := open()
	defer b.Close()
	commit(t, b, store.Change{Bucket: buckets[0], Key: "a", Value: []byte("value")})
	for range 2 {
		err := b.Load(t.Context(), buckets[0], func(_ string, value []byte) error {
			if string(value) != "value" {
				t.Errorf("the value is %q", value)
			}
			clear(value)
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
}

func testLoadEnds(t *testing.T, buckets []string, open func() store.Backend) {
	b := open()
	defer b.Close()
	commit(t, b, store.Change{Bucket: buckets[0], Key: "a", Value: []byte("1")},
		store.Change{Bucket: buckets[0], Key: "b", Value: []byte("2")})
	stop, calls := errors.New("stop"), 0
	err := b.Load(t.Context(), buckets[0], func(string, []byte) error { calls++; return stop })
	if !errors.Is(err, stop) || calls != 1 {
		t.Errorf("after %d calls: %v", calls, err)
	}
}

func commit(t *testing.T, b store.Backend, changes ...store.Change) {
	t.Helper()
	if _, err := b.Commit(t.Context(), changes); err != nil {
		t.Fatal(err)
	}
}

func load(t *testing.T, b store.Backend, bucket string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := b.Load(t.Context(), bucket, func(key string, value []byte) error {
		found[bucket+" "+key] = string(value)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
