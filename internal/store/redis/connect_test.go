package redis_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/store"
	"docusign-auth-proxy/internal/store/redis"
	"docusign-auth-proxy/internal/store/redis/redistest"
)

const metaKey = "{test}:meta"

func TestOfManyReplicasOneMakesTheStore(t *testing.T) {
	redistest.Each(t, func(t *testing.T, addr string) {
		var wait sync.WaitGroup
		for range 20 {
			s := redis.Open(options(addr))
			defer s.Close()
			wait.Go(func() {
				if err := s.Connect(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		wait.Wait()
	})
}

func TestAStoreIsOnlyTakenByThoseItIsFor(t *testing.T) {
	redistest.Each(t, func(t *testing.T, addr string) {
		connect(t, options(addr))
		set := func(fields ...any) func(*goredis.Client) error {
			return func(c *goredis.Client) error { return c.HSet(t.Context(), metaKey, fields...).Err() }
		}
		tests := map[string]struct {
			o    func(*redis.Options)
			meta func(*goredis.Client) error
			is   error
			row  cause.ID
		}{
			"another key": {o: func(o *redis.Options) { o.Key = bytes.Repeat([]byte{8}, 32) },
				is: redis.ErrKey, row: cause.StoreKey},
			"another account server": {o: func(o *redis.Options) { o.AccountServer = "https://account.docusign.com" },
				is: redis.ErrAccountServer, row: cause.StoreAccountServer},
			"another program": {meta: set("program", "shop"), is: store.ErrForeign, row: cause.StoreForeign},
			"no schema":       {meta: set("schema", ""), is: store.ErrForeign, row: cause.StoreForeign},
			"a newer schema":  {meta: set("schema", 99), is: store.ErrNewer, row: cause.StoreNewer},
			"a secret of names that somebody put there": {meta: set("names", strings.Repeat("x", 60)),
				is: redis.ErrKey, row: cause.StoreKey},
		}
		for name, test := range tests {
			t.Run(name, func(t *testing.T) {
				raw, o := rawClient(t, addr), options(addr)
				before := raw.HGetAll(t.Context(), metaKey).Val()
				if test.o != nil {
					test.o(&o)
				}
				if test.meta != nil {
					if err := test.meta(raw); err != nil {
						t.Fatal(err)
					}
				}
				s := redis.Open(o)
				defer s.Close()
				err := s.Connect(t.Context())
				known, ok := errors.AsType[cause.Explained](err)
				if !errors.Is(err, test.is) || errors.Is(err, store.ErrUnreachable) || !ok {
					t.Fatalf("the error is %v", err)
				}
				if row, _ := known.Row(); row != test.row {
					t.Errorf("its row is %d: %v", row, err)
				}
				drop := []store.Change{{Bucket: "tokens", Key: "a"}}
				if _, err := s.Commit(t.Context(), drop); !errors.Is(err, store.ErrUnreachable) {
					t.Errorf("it takes changes: %v", err)
				}
				if err := raw.HSet(t.Context(), metaKey, before).Err(); err != nil {
					t.Fatal(err)
				}
			})
		}
	})
}

func TestAServerThatLostOrReplacedTheStoreIsNotBelieved(t *testing.T) {
	tests := map[string]struct {
		lose func(context.Context, *goredis.Client) error
		is   error
	}{
		"it is empty": {func(ctx context.Context, c *goredis.Client) error {
			return c.FlushAll(ctx).Err()
		}, store.ErrEmptied},
		"it is another": {func(ctx context.Context, c *goredis.Client) error {
			return c.HSet(ctx, metaKey, "id", "another").Err()
		}, store.ErrReplaced},
	}
	redistest.Each(t, func(t *testing.T, addr string) {
		for name, test := range tests {
			t.Run(name, func(t *testing.T) {
				raw := rawClient(t, addr)
				if err := raw.FlushAll(t.Context()).Err(); err != nil {
					t.Fatal(err)
				}
				s := connect(t, options(addr))
				end, err := s.End(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				put := []store.Change{{Bucket: "tokens", Key: "a", Value: []byte("1")}}
				if _, err := s.Commit(t.Context(), put); err != nil {
					t.Fatal(err)
				}
				if err := test.lose(t.Context(), raw); err != nil {
					t.Fatal(err)
				}
				_, _, err = s.Get(t.Context(), "tokens", "a")
				_, endErr := s.End(t.Context()) // the breaker is open
				follow := s.Follow(t.Context(), end, func([]store.Change, store.Mark) {})
				for _, err := range []error{err, endErr, follow, s.Connect(t.Context()), s.State().Err} {
					if !errors.Is(err, test.is) {
						t.Errorf("the error is %v", err)
					}
				}
				if keys := raw.Keys(t.Context(), "*").Val(); test.is == store.ErrEmptied && len(keys) > 0 {
					t.Errorf("it was filled: %q", keys)
				}
			})
		}
	})
}

func TestWhoStartsAtAnEmptiedServerMakesNoStoreWhileSomebodyMissesOne(t *testing.T) {
	redistest.Each(t, func(t *testing.T, addr string) {
		running, raw := connect(t, options(addr)), rawClient(t, addr)
		go running.Watch(t.Context())
		if err := raw.FlushAll(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		if _, err := running.End(t.Context()); !errors.Is(err, store.ErrEmptied) {
			t.Fatalf("the running one says %v", err)
		}
		const missed = "{test}:missed"
		eventually(t, "somebody misses the store", func() bool { return raw.Exists(t.Context(), missed).Val() == 1 })
		newcomer := redis.Open(options(addr))
		defer newcomer.Close()
		if err := newcomer.Connect(t.Context()); !errors.Is(err, store.ErrEmptied) {
			t.Errorf("the newcomer says %v", err)
		}
		if left := raw.PTTL(t.Context(), missed).Val(); left <= 0 || left > time.Hour {
			t.Errorf("the note is there for %s", left)
		}
		if err := running.Restore(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		if err := newcomer.Connect(t.Context()); err != nil {
			t.Errorf("after the store is back the newcomer says %v", err)
		}
	})
}

func TestTheBreakerTellsEverybodyUntilAProbeSucceeds(t *testing.T) {
	server := redistest.Start(t, "--appendonly", "yes")
	var mu sync.Mutex
	asked := map[string]int{}
	o := options(server.Addr)
	o.Timeout = 300 * time.Millisecond
	o.Observe = func(operation string, _ error, _ time.Duration) {
		mu.Lock()
		defer mu.Unlock()
		asked[operation]++
	}
	s := connect(t, o)
	go s.Watch(t.Context())
	get := func() error {
		_, _, err := s.Get(t.Context(), "tokens", "a")
		return err
	}
	if err := get(); err != nil || s.State().LastContact.IsZero() {
		t.Fatal(err)
	}
	for name, away := range map[string][2]func(){
		"killed": {server.Kill, server.Restart},
		"frozen": {server.Freeze, server.Thaw},
	} {
		away[0]()
		if err := get(); !errors.Is(err, store.ErrUnreachable) {
			t.Fatalf("%s: %v", name, err)
		}
		mu.Lock()
		before := asked["get"]
		mu.Unlock()
		var wait sync.WaitGroup
		for range 1000 {
			wait.Go(func() {
				if err := get(); !errors.Is(err, store.ErrUnreachable) {
					t.Errorf("%s: %v", name, err)
				}
			})
		}
		wait.Wait()
		mu.Lock()
		if n := asked["get"] - before; n != 0 {
			t.Errorf("%s: %d questions were sent to a server that is away", name, n)
		}
		mu.Unlock()
		if state := s.State(); state.Err == nil || state.Since.IsZero() {
			t.Errorf("%s: the state is %v", name, state)
		}
		away[1]()
		eventually(t, name+": it is back", func() bool { return get() == nil })
	}
}

func TestACallerWhoWaitsLessDoesNotOpenTheBreaker(t *testing.T) {
	server := redistest.Start(t)
	o := options(server.Addr)
	s := connect(t, o)
	server.Freeze()
	defer server.Thaw()
	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, _, err := s.Get(short, "tokens", "a"); !errors.Is(err, store.ErrUnreachable) {
		t.Errorf("the deadline has passed: %v", err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := s.Get(gone, "tokens", "a"); !errors.Is(err, context.Canceled) {
		t.Errorf("the caller has gone: %v", err)
	}
	if err := s.State().Err; err != nil {
		t.Errorf("the breaker is open: %v", err)
	}
}

func TestAServerThatBecomesAReplicaIsAway(t *testing.T) {
	server := redistest.Start(t)
	o := options(server.Addr)
	s := connect(t, o)
	go s.Watch(t.Context())
	raw := rawClient(t, server.Addr)
	if err := raw.ReplicaOf(t.Context(), "127.0.0.1", "1").Err(); err != nil {
		t.Fatal(err)
	}
	put := []store.Change{{Bucket: "tokens", Key: "a", Value: []byte("1")}}
	if _, err := s.Commit(t.Context(), put); !errors.Is(err, store.ErrUnreachable) {
		t.Fatal(err)
	}
	eventually(t, "the probe says why", func() bool {
		known, ok := errors.AsType[cause.Explained](s.State().Err)
		if !ok {
			return false
		}
		row, _ := known.Row()
		return row == cause.StoreReplica
	})
	if err := raw.ReplicaOf(t.Context(), "NO", "ONE").Err(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it takes changes again", func() bool { _, err := s.Commit(t.Context(), put); return err == nil })
}

// It answers, and all that only reads works: a probe that reads would find it well once a second.
func TestAServerThatTakesNoChangesIsAwayUntilItTakesThem(t *testing.T) {
	server := redistest.Start(t)
	raw, o := rawClient(t, server.Addr), options(server.Addr)
	told := make(chan error, 10)
	o.OnRefused = func(err error) { told <- err }
	s := connect(t, o)
	go s.Watch(t.Context())
	if err := raw.ConfigSet(t.Context(), "maxmemory", "1mb").Err(); err != nil {
		t.Fatal(err)
	}
	put := []store.Change{{Bucket: "tokens", Key: "a", Value: []byte("1")}}
	if _, err := s.Commit(t.Context(), put); !errors.Is(err, store.ErrUnreachable) {
		t.Fatal(err)
	}
	known, ok := errors.AsType[cause.Explained](<-told)
	if !ok {
		t.Fatal("it does not say why")
	}
	if row, _ := known.Row(); row != cause.StoreFull {
		t.Errorf("it says row %d", row)
	}
	for range 30 { // some probes
		if s.State().Err == nil {
			t.Fatal("the server is full, and it is not seen")
		}
		time.Sleep(100 * time.Millisecond)
	}
	if err := raw.ConfigSet(t.Context(), "maxmemory", "0").Err(); err != nil {
		t.Fatal(err)
	}
	if err := <-told; err != nil || len(told) > 0 {
		t.Errorf("told %v, and %d more", err, len(told))
	}
	if _, err := s.Commit(t.Context(), put); err != nil {
		t.Error(err)
	}
}

func TestWhoLooksOnlyMakesNoStore(t *testing.T) {
	redistest.Each(t, func(t *testing.T, addr string) {
		o := options(addr)
		o.LooksOnly = true
		s := redis.Open(o)
		defer s.Close()
		if err := s.Connect(t.Context()); !errors.Is(err, store.ErrEmptied) {
			t.Errorf("the error is %v", err)
		}
		if n := rawClient(t, addr).DBSize(t.Context()).Val(); n != 0 {
			t.Errorf("it made %d keys", n)
		}
		connect(t, options(addr))
		if err := s.Connect(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// eventually waits for what other processes do.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for range 1000 {
		if is() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("never: %s", what)
}
