package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"docusign-auth-proxy/internal/store"
)

// patience bounds what a test waits for.
const patience = 10 * time.Second

// RunShared tests a backend that processes share, beside Run. Each call of begin starts with no records; open gives
// one more process a handle on them, which the test closes.
func RunShared(t *testing.T, begin func(t *testing.T) (open func() store.Shared)) {
	for name, test := range map[string]func(*testing.T, func() store.Shared){
		"the feed has every commit once, in order, for everybody": testFeed,
		"the feed goes on where a reader left it":                 testFeedGoesOn,
		"what a commit left out is not in the feed":               testFeedWithoutLeftOut,
		"a reader hears that there is nothing new":                testFeedIsQuiet,
		"what was loaded after the end of the feed has all of it": testEnd,
		"a record is read from the store itself":                  testGet,
		"of many that need the value of before, one wins":         testOneReplaces,
		"what is present alone is changed, and nothing revived":   testPresent,
		"of many, one has the lease":                              testOneLease,
		"a lease ends by itself, and is extended":                 testLeaseEnds,
	} {
		t.Run(name, func(t *testing.T) { test(t, begin(t)) })
	}
}

// opened gives a handle that is connected.
func opened(t *testing.T, open func() store.Shared) store.Shared {
	t.Helper()
	s := open()
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := s.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

// reader collects what the feed brings.
type reader struct {
	got   chan string // "bucket key=value" or "bucket key gone", by change
	quiet chan store.Mark
	ended chan error
	stop  context.CancelFunc
	last  store.Mark // of the last change; read after ended
}

func follow(t *testing.T, s store.Shared, from store.Mark) *reader {
	ctx, stop := context.WithCancel(t.Context())
	r := &reader{
		got: make(chan string, 10_000), quiet: make(chan store.Mark, 10_000), ended: make(chan error, 1), stop: stop,
	}
	r.last = from
	go func() {
		r.ended <- s.Follow(ctx, from, func(changes []store.Change, at store.Mark) {
			if len(changes) == 0 {
				select {
				case r.quiet <- at:
				default:
				}
				return
			}
			if !r.last.Before(at) {
				t.Errorf("after the mark %v comes %v", r.last, at)
			}
			r.last = at
			for _, c := range changes {
				text := fmt.Sprintf("%s %s=%s", c.Bucket, c.Key, c.Value)
				if c.Value == nil {
					text = c.Bucket + " " + c.Key + " gone"
				}
				r.got <- text
			}
		})
	}()
	return r
}

// end stops the reader and gives the mark that it came to.
func (r *reader) end(t *testing.T) store.Mark {
	t.Helper()
	r.stop()
	select {
	case err := <-r.ended:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("the feed ends with %v", err)
		}
	case <-time.After(patience):
		t.Fatal("the feed does not end with its context")
	}
	return r.last
}

func (r *reader) want(t *testing.T, want ...string) {
	t.Helper()
	for _, text := range want {
		select {
		case got := <-r.got:
			if got != text {
				t.Errorf("the feed brings %q, want %q", got, text)
			}
		case err := <-r.ended:
			t.Fatalf("the feed ended: %v", err)
		case <-time.After(patience):
			t.Fatalf("the feed does not bring %q", text)
		}
	}
}

func endOf(t *testing.T, s store.Shared) store.Mark {
	t.Helper()
	at, err := s.End(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func put(bucket, key, value string) store.Change {
	return store.Change{Bucket: bucket, Key: key, Value: []byte(value)}
}

func committed(t *testing.T, s store.Shared, changes ...store.Change) store.Mark {
	t.Helper()
	at, err := s.Commit(t.Context(), changes)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func testFeed(t *testing.T, open func() store.Shared) {
	a, b := opened(t, open), opened(t, open)
	ra, rb := follow(t, a, endOf(t, a)), follow(t, b, endOf(t, b))
	const each = 50
	var wait sync.WaitGroup
	for i, s := range []store.Shared{a, b} {
		wait.Go(func() {
			for n := range each {
				if _, err := s.Commit(t.Context(), []store.Change{
					put("tokens", "same", fmt.Sprint(i, n)), put("unknown bucket", fmt.Sprint(i), fmt.Sprint(n)),
				}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
	committed(t, a, store.Change{Bucket: "tokens", Key: "same"})
	var seen [2][]string
	for i, r := range []*reader{ra, rb} {
		for len(seen[i]) < 4*each+1 {
			select {
			case text := <-r.got:
				seen[i] = append(seen[i], text)
			case <-time.After(patience):
				t.Fatalf("only %d changes came", len(seen[i]))
			}
		}
		r.end(t)
	}
	if !slices.Equal(seen[0], seen[1]) {
		t.Error("two readers see another order")
	}
	if last := seen[0][4*each]; last != "tokens same gone" {
		t.Errorf("the last change is %q", last)
	}
	if slices.Sort(seen[0]); len(slices.Compact(seen[0])) != 4*each+1 {
		t.Error("a change came twice")
	}
}

func testFeedGoesOn(t *testing.T, open func() store.Shared) {
	a, b := opened(t, open), opened(t, open)
	r := follow(t, b, endOf(t, b))
	first := committed(t, a, put("tokens", "a", "1"))
	r.want(t, "tokens a=1")
	if at := r.end(t); at != first {
		t.Errorf("the feed has the commit at %v, and it says %v", at, first)
	}
	second := committed(t, a, put("tokens", "a", "2"))
	if !first.Before(second) {
		t.Errorf("%v is not before %v", first, second)
	}
	r = follow(t, b, first)
	r.want(t, "tokens a=2")
	r.end(t)
}

func testFeedWithoutLeftOut(t *testing.T, open func() store.Shared) {
	a := opened(t, open)
	r := follow(t, a, endOf(t, a))
	gone := put("tokens", "gone", "revived")
	gone.If = store.Present
	committed(t, a, gone)
	committed(t, a, gone, put("tokens", "a", "1"))
	r.want(t, "tokens a=1")
	r.end(t)
}

func testFeedIsQuiet(t *testing.T, open func() store.Shared) {
	a := opened(t, open)
	at := committed(t, a, put("tokens", "a", "1"))
	r := follow(t, a, at)
	select {
	case quiet := <-r.quiet:
		if quiet != at {
			t.Errorf("the mark is %v, want that of before, %v", quiet, at)
		}
	case <-time.After(2 * patience):
		t.Error("a reader does not hear that there is nothing new")
	}
	r.end(t)
}

func testEnd(t *testing.T, open func() store.Shared) {
	a, b := opened(t, open), opened(t, open)
	committed(t, a, put("tokens", "a", "1"), put("pins", "p", "1"))
	at := endOf(t, b)
	if got := load(t, b, "tokens"); got["tokens a"] != "1" {
		t.Errorf("loaded is %v", got)
	}
	r := follow(t, b, at)
	committed(t, a, put("tokens", "a", "2"))
	r.want(t, "tokens a=2") // and not what was loaded
	r.end(t)
}

func testGet(t *testing.T, open func() store.Shared) {
	a, b := opened(t, open), opened(t, open)
	for _, step := range []struct {
		change store.Change
		value  string
		ok     bool
	}{
		{put("tokens", "a\x00b\xff", "1"), "1", true},
		{put("tokens", "a\x00b\xff", ""), "", true},
		{store.Change{Bucket: "tokens", Key: "a\x00b\xff"}, "", false},
		{put("pins", "a\x00b\xff", "1"), "", false},
	} {
		committed(t, a, step.change)
		value, ok, err := b.Get(t.Context(), "tokens", "a\x00b\xff")
		if string(value) != step.value || ok != step.ok || err != nil {
			t.Errorf("after %q: %q, %v, %v", step.change.Value, value, ok, err)
		}
	}
}

func testOneReplaces(t *testing.T, open func() store.Shared) {
	handles := []store.Shared{opened(t, open), opened(t, open)}
	committed(t, handles[0], put("refresh", "anna", "0"))
	var wait sync.WaitGroup
	var won atomic.Int32
	for i := range 50 {
		wait.Go(func() {
			c := put("refresh", "anna", fmt.Sprint("new ", i))
			c.If, c.Was = store.Unchanged, []byte("0")
			marked := put("tokens", fmt.Sprint(i), "made") // with the other or not at all
			_, err := handles[i%2].Commit(t.Context(), []store.Change{marked, c})
			switch {
			case err == nil:
				won.Add(1)
				if _, err := handles[i%2].Commit(t.Context(), []store.Change{c}); err != nil {
					t.Errorf("what is there already: %v", err)
				}
			case !errors.Is(err, store.ErrConflict):
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if won.Load() != 1 || len(load(t, handles[0], "tokens")) != 1 {
		t.Errorf("%d writers won, and made %v", won.Load(), load(t, handles[0], "tokens"))
	}
}

func testPresent(t *testing.T, open func() store.Shared) {
	a := opened(t, open)
	committed(t, a, put("tokens", "live", "1"))
	live, gone := put("tokens", "live", "2"), put("tokens", "gone", "2")
	live.If, gone.If = store.Present, store.Present
	committed(t, a, live, gone, put("tokens", "other", "2"))
	if got := fmt.Sprint(load(t, a, "tokens")); got != "map[tokens live:2 tokens other:2]" {
		t.Errorf("there is %s", got)
	}
}

func testOneLease(t *testing.T, open func() store.Shared) {
	handles := []store.Shared{opened(t, open), opened(t, open)}
	var wait sync.WaitGroup
	var have, most atomic.Int32
	for i := range 20 {
		wait.Go(func() {
			var got *store.Lease
			err := store.ErrBusy
			for began := time.Now(); errors.Is(err, store.ErrBusy) && time.Since(began) < patience; {
				got, err = handles[i%2].Lease(t.Context(), "work", time.Minute)
			}
			if err != nil {
				t.Error(err)
				return
			}
			if n := have.Add(1); n > most.Load() {
				most.Store(n)
			}
			have.Add(-1)
			got.Release()
		})
	}
	wait.Wait()
	if most.Load() != 1 {
		t.Errorf("%d had it at a time", most.Load())
	}
}

func testLeaseEnds(t *testing.T, open func() store.Shared) {
	a, b := opened(t, open), opened(t, open)
	busy := func(name string) bool {
		other, err := b.Lease(t.Context(), name, time.Minute)
		if err == nil {
			other.Release()
		} else if !errors.Is(err, store.ErrBusy) {
			t.Error(err)
		}
		return err != nil
	}
	take := func(name string, life time.Duration) *store.Lease {
		t.Helper()
		got, err := a.Lease(t.Context(), name, life)
		if err != nil {
			t.Fatal(err)
		}
		if left := time.Until(got.Until); left <= 0 || left > life {
			t.Errorf("it says that %v are left of %v", left, life)
		}
		return got
	}
	long, short := take("long", time.Minute), take("short", 50*time.Millisecond)
	until, err := long.Extend(t.Context(), time.Hour)
	if err != nil || time.Until(until) < 30*time.Minute {
		t.Errorf("extended to %v: %v", time.Until(until), err)
	}
	for began := time.Now(); busy("short"); {
		if time.Since(began) > patience {
			t.Fatal("a lease does not end by itself")
		}
	}
	stolen := take("short", time.Minute)
	short.Release() // too late
	if !busy("short") || !busy("long") {
		t.Error("somebody else gave it back")
	}
	if _, err := short.Extend(t.Context(), time.Minute); !errors.Is(err, store.ErrBusy) {
		t.Errorf("who was too late extends it: %v", err)
	}
	stolen.Release()
	long.Release()
	long.Release()
	if busy("short") || busy("long") {
		t.Error("it is not given back")
	}
}
