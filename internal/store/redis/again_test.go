package redis_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"docusign-auth-proxy/internal/store"
	"docusign-auth-proxy/internal/store/redis"
	"docusign-auth-proxy/internal/store/redis/redistest"
)

func put(key, value string) store.Change {
	return store.Change{Bucket: "tokens", Key: key, Value: []byte(value)}
}

func must(t *testing.T) func(store.Mark, error) store.Mark {
	return func(m store.Mark, err error) store.Mark {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
}

func all(t *testing.T, s *redis.Server) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := s.Load(t.Context(), "tokens", func(key string, value []byte) error {
		found[key] = string(value)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// The server comes back with what it had saved, as one that took over and had not yet copied the rest.
func TestAFailOverThatForgotGetsBackWhatReplicasCommitted(t *testing.T) {
	server := redistest.Start(t)
	a, b := connect(t, options(server.Addr)), connect(t, options(server.Addr))
	first := []store.Change{put("old", "1"), put("revoked", "1"), put("both", "1"), put("later", "1")}
	must(t)(a.Commit(t.Context(), first))
	if err := rawClient(t, server.Addr).Save(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	must(t)(a.Commit(t.Context(), []store.Change{{Bucket: "tokens", Key: "revoked"}, put("both", "2")}))
	must(t)(b.Commit(t.Context(), []store.Change{put("both", "3"), put("issued", "1")}))
	from := must(t)(a.Commit(t.Context(), []store.Change{put("later", "2")}))
	server.Kill()
	server.Restart()
	fresh := connect(t, options(server.Addr))
	if got := fmt.Sprint(all(t, fresh)); got != "map[both:1 later:1 old:1 revoked:1]" {
		t.Fatalf("it has not lost what it should: %s", got)
	}
	must(t)(fresh.Commit(t.Context(), []store.Change{put("later", "3")}))
	var wait sync.WaitGroup
	for _, s := range []*redis.Server{a, b} {
		wait.Go(func() {
			eventually(t, "it is told to load again", func() bool {
				err := s.Follow(t.Context(), from, func(changes []store.Change, _ store.Mark) {
					if len(changes) > 0 {
						t.Errorf("it goes on with %q", changes)
					}
				})
				return errors.Is(err, store.ErrGap)
			})
		})
	}
	wait.Wait()
	want := map[string]string{"old": "1", "both": "3", "issued": "1", "later": "3"}
	if got := all(t, fresh); !maps.Equal(got, want) {
		t.Errorf("there is %v, want %v", got, want)
	}
	err := a.Follow(t.Context(), from, func([]store.Change, store.Mark) {})
	if got := all(t, fresh); !maps.Equal(got, want) || !errors.Is(err, store.ErrGap) {
		t.Errorf("a second time there is %v, want %v: %v", got, want, err)
	}
}

func TestACommitWaitsForACopy(t *testing.T) {
	server := redistest.Start(t)
	host := []string{"--replicaof", "127.0.0.1", server.Port()}
	copies := redistest.Start(t, host...)
	copied(t, server)
	var mu sync.Mutex
	var seen []error
	o := options(server.Addr)
	o.Observe = func(operation string, err error, _ time.Duration) {
		mu.Lock()
		defer mu.Unlock()
		if operation == "copy" {
			seen = append(seen, err)
		}
	}
	s := connect(t, o)
	said := func() []error {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(seen)
	}
	commits := 0
	eventually(t, "the copy is told in time", func() bool { // a busy machine has it answer late
		commits++
		must(t)(s.Commit(t.Context(), []store.Change{put("a", fmt.Sprint(commits))}))
		return slices.Contains(said(), nil)
	})
	if n := rawClient(t, copies.Addr).HLen(t.Context(), "{test}:tok").Val(); n != 1 {
		t.Errorf("the copy has %d records", n)
	}
	use := put("a", "use")
	use.If = store.Present // a last use
	must(t)(s.Commit(t.Context(), []store.Change{use}))
	copies.Freeze()
	must(t)(s.Commit(t.Context(), []store.Change{put("a", "frozen")}))
	copies.Thaw()
	if got := said(); len(got) != commits+1 || got[len(got)-1] == nil {
		t.Errorf("of the copies it says %v", got)
	}
}

func TestAnEmptyServerIsFilledOnce(t *testing.T) {
	redistest.Each(t, func(t *testing.T, addr string) {
		a, b := connect(t, options(addr)), connect(t, options(addr))
		go b.Watch(t.Context())
		var records []store.Change
		want := map[string]string{}
		for i := range 1200 {
			c := put(fmt.Sprint("key ", i), fmt.Sprint("value ", i))
			records = append(records, c)
			want[c.Key] = string(c.Value)
		}
		must(t)(a.Commit(t.Context(), records))
		if err := a.Restore(t.Context(), records); !errors.Is(err, store.ErrConflict) {
			t.Errorf("a store that is there: %v", err)
		}
		raw := rawClient(t, addr)
		if err := raw.FlushAll(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Commit(t.Context(), records[:1]); !errors.Is(err, store.ErrEmptied) {
			t.Errorf("an empty server takes a change: %v", err)
		}
		if err := raw.Set(t.Context(), "{test}:restore", "another", 0).Err(); err != nil {
			t.Fatal(err)
		}
		if err := a.Restore(t.Context(), records); !errors.Is(err, store.ErrConflict) {
			t.Errorf("another fills it: %v", err)
		}
		newcomer := redis.Open(options(addr))
		defer newcomer.Close()
		if err := newcomer.Connect(t.Context()); !errors.Is(err, store.ErrEmptied) {
			t.Errorf("a newcomer makes a store meanwhile: %v", err)
		}
		if err := raw.Del(t.Context(), "{test}:restore").Err(); err != nil {
			t.Fatal(err)
		}
		if err := a.Restore(t.Context(), records); err != nil {
			t.Fatal(err)
		}
		if got := all(t, connect(t, options(addr))); !maps.Equal(got, want) {
			t.Errorf("%d records, want %d", len(got), len(want))
		}
		eventually(t, "the others take it", func() bool {
			_, err := b.Commit(t.Context(), []store.Change{put("after", "1")})
			return err == nil
		})
		if value, ok, err := b.Get(t.Context(), "tokens", "key 7"); string(value) != "value 7" || !ok || err != nil {
			t.Errorf("a record is %q, %v, %v", value, ok, err)
		}
	})
}
