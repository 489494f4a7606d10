package redis_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"docusign-auth-proxy/internal/store"
	"docusign-auth-proxy/internal/store/redis"
	"docusign-auth-proxy/internal/store/redis/redistest"
	"docusign-auth-proxy/internal/store/storetest"
)

func TestServerIsABackend(t *testing.T) {
	redistest.Each(t, func(t *testing.T, addr string) {
		namespaces := 0
		buckets := []string{"tokens", "passwords", "users", "accounts", "pins", "refresh", "returns", "creations", "later"}
		storetest.Run(t, buckets, func(t *testing.T) func() store.Backend {
			namespaces++
			o := options(addr)
			o.Namespace = fmt.Sprint("test-", namespaces)
			return func() store.Backend { return connect(t, o) }
		})
	})
}

func TestServerIsShared(t *testing.T) {
	redistest.Each(t, func(t *testing.T, addr string) {
		namespaces := 0
		storetest.RunShared(t, func(*testing.T) func() store.Shared {
			namespaces++
			o := options(addr)
			o.Namespace = fmt.Sprint("test-", namespaces)
			return func() store.Shared { return redis.Open(o) }
		})
	})
}

func TestFollowersSeeEveryCommitInOrder(t *testing.T) {
	redistest.Each(t, func(t *testing.T, addr string) {
		writer, follower := connect(t, options(addr)), connect(t, options(addr))
		from, err := follower.End(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		seen := follow(t, follower, from)
		var want []store.Change
		var last store.Mark
		for i := range 250 {
			c := store.Change{Bucket: "tokens", Key: fmt.Sprint("key ", i%7), Value: []byte(fmt.Sprint(i))}
			if i%5 == 4 {
				c.Value = nil
			}
			if i%3 == 0 {
				c.Bucket = "of a later version"
			}
			want = append(want, c)
			if last, err = writer.Commit(t.Context(), []store.Change{c}); err != nil {
				t.Fatal(err)
			}
		}
		for i, w := range want {
			got := <-seen
			if len(got.changes) != 1 || got.changes[0].Key != w.Key || got.changes[0].Bucket != w.Bucket ||
				!bytes.Equal(got.changes[0].Value, w.Value) || (w.Value == nil) != (got.changes[0].Value == nil) {
				t.Fatalf("entry %d is %q, want %q", i, got.changes, w)
			}
			if i == len(want)-1 && got.at != last {
				t.Errorf("the last is at %v, its commit said %v", got.at, last)
			}
		}
	})
}

func TestALargeCommitIsOne(t *testing.T) {
	redistest.Each(t, func(t *testing.T, addr string) {
		s := connect(t, options(addr))
		from, err := s.End(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		seen := follow(t, s, from)
		const size = 6000
		var changes []store.Change
		for i := range size {
			c := store.Change{Bucket: "tokens", Key: fmt.Sprint(i), Value: []byte("v"), If: store.Absent}
			changes = append(changes, c)
		}
		mark, err := s.Commit(t.Context(), changes)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for n < size {
			n += len((<-seen).changes)
		}
		loaded := 0
		if err := s.Load(t.Context(), "tokens", func(string, []byte) error { loaded++; return nil }); err != nil {
			t.Fatal(err)
		}
		if again, err := s.Commit(t.Context(), changes); err != nil || loaded != size || !mark.Before(again) {
			t.Errorf("%d records; committed again: %v, %v after %v", loaded, err, again, mark)
		}
		changes = append(changes, store.Change{Bucket: "tokens", Key: "5", Value: []byte("other"), If: store.Absent})
		changes[0].Value, changes[0].If = []byte("changed"), store.Always
		if _, err := s.Commit(t.Context(), changes); !errors.Is(err, store.ErrConflict) {
			t.Errorf("the error is %v", err)
		}
		if value, ok, err := s.Get(t.Context(), "tokens", "0"); string(value) != "v" || !ok || err != nil {
			t.Errorf("the first is %q, %v, %v", value, ok, err)
		}
	})
}

func TestConditions(t *testing.T) {
	there, other := []byte("there"), []byte("other")
	later := []byte("new")
	tests := map[string]struct {
		c    store.Change
		err  error
		then string // "" = none
	}{
		"absent where something is": {store.Change{Key: "a", Value: other, If: store.Absent}, store.ErrConflict, "there"},
		"absent where the same is":  {store.Change{Key: "a", Value: there, If: store.Absent}, nil, "there"},
		"absent where nothing is":   {store.Change{Key: "b", Value: other, If: store.Absent}, nil, "other"},
		"unchanged":                 {store.Change{Key: "a", Value: other, If: store.Unchanged, Was: there}, nil, "other"},
		"changed meanwhile": {store.Change{Key: "a", Value: later, If: store.Unchanged, Was: other},
			store.ErrConflict, "there"},
		"unchanged, and written already": {store.Change{Key: "a", Value: there, If: store.Unchanged, Was: other},
			nil, "there"},
		"unchanged where nothing is": {store.Change{Key: "b", Value: there, If: store.Unchanged, Was: other},
			store.ErrConflict, ""},
		"unchanged, to be deleted":             {store.Change{Key: "a", If: store.Unchanged, Was: there}, nil, ""},
		"unchanged, and deleted already":       {store.Change{Key: "b", If: store.Unchanged, Was: there}, nil, ""},
		"present":                              {store.Change{Key: "a", Value: other, If: store.Present}, nil, "other"},
		"present where nothing is":             {store.Change{Key: "b", Value: other, If: store.Present}, nil, ""},
		"present, to be deleted":               {store.Change{Key: "a", If: store.Present}, nil, ""},
		"always":                               {store.Change{Key: "a", Value: other}, nil, "other"},
		"an empty value stays apart from none": {store.Change{Key: "a", Value: []byte{}}, nil, "empty"},
	}
	redistest.Each(t, func(t *testing.T, addr string) {
		s := connect(t, options(addr))
		for name, test := range tests {
			t.Run(name, func(t *testing.T) {
				var err error
				for _, c := range []store.Change{{Key: "a", Value: there}, {Key: "b"}, test.c} {
					c.Bucket = "tokens"
					if _, err = s.Commit(t.Context(), []store.Change{c}); err != nil && !errors.Is(err, store.ErrConflict) {
						t.Fatal(err)
					}
				}
				if !errors.Is(err, test.err) {
					t.Errorf("the error is %v", err)
				}
				value, ok, err := s.Get(t.Context(), "tokens", test.c.Key)
				if ok && len(value) == 0 {
					value = []byte("empty")
				}
				if err != nil || string(value) != test.then {
					t.Errorf("there is %q, %v", value, err)
				}
			})
		}
	})
}

func TestAFollowerIsToldOfAGap(t *testing.T) {
	redistest.Each(t, func(t *testing.T, addr string) {
		s := connect(t, options(addr))
		begin, err := s.End(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for i := range 10 {
			put := []store.Change{{Bucket: "tokens", Key: fmt.Sprint(i), Value: []byte{}}}
			if _, err := s.Commit(t.Context(), put); err != nil {
				t.Fatal(err)
			}
		}
		raw := rawClient(t, addr)
		if err := raw.XTrimMaxLen(t.Context(), "{test}:feed", 5).Err(); err != nil {
			t.Fatal(err)
		}
		never := func(changes []store.Change, _ store.Mark) {
			if len(changes) > 0 {
				t.Error("it goes on")
			}
		}
		for _, from := range []store.Mark{begin, {}, {Time: 1 << 60}} {
			if err := s.Follow(t.Context(), from, never); !errors.Is(err, store.ErrGap) {
				t.Errorf("from %v: %v", from, err)
			}
		}
		end, err := s.End(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- s.Follow(ctx, end, never) }()
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
}

func TestALeaseHasOneHolder(t *testing.T) {
	redistest.Each(t, func(t *testing.T, addr string) {
		a, b := connect(t, options(addr)), connect(t, options(addr))
		first, err := a.Lease(t.Context(), "janitor", time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if _, err := b.Lease(t.Context(), "janitor", time.Minute); !errors.Is(err, store.ErrBusy) {
				t.Fatalf("a second holder: %v", err)
			}
			if _, err := b.Lease(t.Context(), "another", time.Millisecond); err != nil && !errors.Is(err, store.ErrBusy) {
				t.Fatal(err)
			}
		}
		first.Release()
		second, err := b.Lease(t.Context(), "janitor", time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		first.Release() // too late: the turn is another's
		if _, err := a.Lease(t.Context(), "janitor", time.Minute); !errors.Is(err, store.ErrBusy) {
			t.Errorf("the turn of another was ended: %v", err)
		}
		if until, err := second.Extend(t.Context(), time.Hour); err != nil || time.Until(until) < 59*time.Minute {
			t.Errorf("extended until %v: %v", until, err)
		}
		second.Release()
		if _, err := second.Extend(t.Context(), time.Hour); err != nil {
			t.Errorf("nobody has it, and it is not to be had: %v", err)
		}
		if _, err := first.Extend(t.Context(), time.Hour); !errors.Is(err, store.ErrBusy) {
			t.Errorf("the turn of another was taken: %v", err)
		}
	})
}
