package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"docusign-auth-proxy/internal/cache"
)

const (
	// catchUpTime bounds the wait for a feed that is behind the store.
	catchUpTime = 2 * time.Second
	// firstPause and lastPause are between two tries to follow the feed.
	firstPause = 100 * time.Millisecond
	lastPause  = 2 * time.Second
	// maxQuestions is how many look-ups may ask the store at a time, unknownLife how long its "no" is believed.
	maxQuestions = 32
	unknownLife  = time.Second
	maxUnknown   = 10_000
	// maxOwn is how many notes of own commits are kept before those are looked for that are of no use any more.
	maxOwn = 1_000
	// batch is how many late changes one commit writes to a store that replicas share: its commits hold up everybody.
	batch = 200
)

// feed keeps the tables as a store that replicas share has them.
type feed struct {
	mu    sync.Mutex
	at    Mark           // all changes up to here are in the tables
	own   map[place]Mark // commits of this process that the tables have and the feed has not brought yet
	moved chan struct{}  // closed when at moves
	gap   bool           // all has to be read anew
	err   error          // why the feed is not followed; nil = it is
	since time.Time      // when that began
	told  bool           // OnAway knows of it

	contact   atomic.Int64 // when the tables were last known to be complete, in Unix nanoseconds; 0 = never
	questions chan struct{}
	unknown   *cache.Cache[place, struct{}]
}

// Share makes a Store on one that other processes write too. It does no I/O: Follow does. Key, of 32 bytes, is the same
// in all of them; before is the key of before, nil without one.
func Share(b Shared, key, before []byte, o Options) *Store {
	o = o.forMany().withDefaults()
	s := newStore(o, b, &keyring{master: key, before: before})
	s.shared = b
	s.feed = &feed{
		own: map[place]Mark{}, moved: make(chan struct{}), err: ErrUnreachable, since: o.Now(),
		questions: make(chan struct{}, maxQuestions),
		unknown:   cache.New[place, struct{}](maxUnknown, unknownLife, o.Now),
	}
	return s
}

// Sight is how a store that replicas share is seen from here.
type Sight struct {
	Shared  bool      // false: this process has it alone, and the rest says nothing
	Read    bool      // it was read whole since the start
	Err     error     // why the feed of changes is not followed; nil = it is
	Since   time.Time // when Err began
	Contact time.Time // when the feed last told that nothing is missing here; zero = never
	At      Mark      // all changes up to here are in memory
}

// Sight tells how a store that replicas share is seen from here.
func (c *core) Sight() Sight {
	f := c.feed
	if f == nil {
		return Sight{}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	s := Sight{Shared: true, Err: f.err, Since: f.since, At: f.at}
	if at := f.contact.Load(); at != 0 {
		s.Read, s.Contact = true, time.Unix(0, at)
	}
	return s
}

// Follow reads all of a store that replicas share, and then follows its changes until ctx ends. What can be reached
// again is tried again, and the tables stay as they are meanwhile. The error does not end by itself (see
// Shared.Connect), and nothing was read yet: who has read the store goes on without it.
func (c *core) Follow(ctx context.Context) error {
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		began := time.Now()
		err := c.followOnce(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if !IsAway(err) && c.feed.contact.Load() == 0 {
			return err
		}
		c.lost(err)
		if time.Since(began) > lastPause {
			pause = firstPause
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Duration((0.5 + rand.Float64()/2) * float64(pause))):
		}
	}
}

func (c *core) followOnce(ctx context.Context) error {
	f := c.feed
	f.mu.Lock()
	from, gap := f.at, f.gap
	f.mu.Unlock()
	if gap || f.contact.Load() == 0 {
		if err := c.Read(ctx); err != nil {
			return err
		}
		f.mu.Lock()
		from = f.at
		f.mu.Unlock()
	}
	return c.shared.Follow(ctx, from, c.follow)
}

// Read reads all of a store that replicas share, and only then puts it in force. Errors are those of Shared.Connect.
func (c *core) Read(ctx context.Context) error {
	if err := c.shared.Connect(ctx); err != nil {
		return err
	}
	err := c.readAll(ctx)
	if err != nil && !IsAway(err) {
		err = fmt.Errorf("%w: %w", ErrUnreachable, err) // it was found, so it can be read at some time
	}
	return err
}

func (c *core) readAll(ctx context.Context) error {
	f := c.feed
	f.mu.Lock()
	clear(f.own) // what was committed until now is read below
	f.mu.Unlock()
	from, err := c.shared.End(ctx)
	if err != nil {
		return err
	}
	for bucket, t := range c.tables {
		t.begin()
		err := c.shared.Load(ctx, bucket, func(key string, value []byte) error {
			if err := t.load(Change{Bucket: bucket, Key: key, Value: value}); err != nil {
				c.o.OnError(err) // one that cannot be read is none, for the sake of the others
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	if _, err := c.shared.End(ctx); err != nil { // it became another one meanwhile
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for at, mark := range f.own {
		if !from.Before(mark) {
			delete(f.own, at)
		}
	}
	for bucket, t := range c.tables {
		t.swap(func(key string) bool { _, noted := f.own[place{bucket, key}]; return noted })
	}
	f.gap = false
	c.forgotten.Add(1)
	c.reached(from)
	return nil
}

// reached notes that the tables have all changes up to there. It is called with feed.mu held.
func (c *core) reached(at Mark) {
	f := c.feed
	f.at = at
	close(f.moved)
	f.moved = make(chan struct{})
	f.contact.Store(c.o.Now().UnixNano())
	if f.err != nil {
		f.err, f.since, f.told = nil, time.Time{}, false
		c.o.OnAway(nil)
	}
}

func (c *core) lost(err error) {
	f := c.feed
	f.mu.Lock()
	defer f.mu.Unlock()
	if errors.Is(err, ErrGap) { // the store is there, and is read anew in a moment
		f.gap = true
		c.o.OnAway(err)
		return
	}
	if f.err == nil {
		f.since = c.o.Now()
	}
	news := !f.told || f.err.Error() != err.Error()
	if f.err, f.told = err, true; news {
		c.o.OnAway(err)
	}
}

// follow applies what the feed brings. What this process has committed is in the tables already, and what others
// committed at the same place before that is older.
func (c *core) follow(changes []Change, at Mark) {
	defer c.heard(changes)
	f := c.feed
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, change := range changes {
		t := c.tables[change.Bucket]
		if t == nil {
			continue
		}
		where := place{change.Bucket, change.Key}
		if noted, own := f.own[where]; own {
			if at.Before(noted) {
				continue
			}
			delete(f.own, where)
			if at == noted {
				continue
			}
		}
		if err := t.follow(change); err != nil {
			c.o.OnError(err)
		}
		if change.Bucket == bucketPins && change.Value == nil {
			c.forgotten.Add(1)
		}
	}
	if len(f.own) > maxOwn { // a large commit comes in pieces with marks of their own
		maps.DeleteFunc(f.own, func(_ place, mark Mark) bool { return !at.Before(mark) })
	}
	c.reached(at)
}

// committed applies what this process has committed at that mark, unless the feed was quicker.
func (c *core) committed(changes []Change, mark Mark) (err error) {
	f := c.feed
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.at.Before(mark) {
		return nil
	}
	for _, change := range changes {
		if change.If == Present {
			continue // it may have been left out: the feed tells
		}
		f.own[place{change.Bucket, change.Key}] = mark
		err = errors.Join(err, c.tables[change.Bucket].apply(change))
	}
	return err
}

// isFresh reports whether what memory has may be believed.
func (c *core) isFresh() bool {
	if c.feed == nil {
		return true
	}
	at := c.feed.contact.Load()
	return at != 0 && (c.o.MaxStale == 0 || c.o.Now().Sub(time.Unix(0, at)) <= c.o.MaxStale)
}

// catchUp waits until the tables have what the store has now.
func (c *core) catchUp(ctx context.Context) error {
	f := c.feed
	if f == nil {
		return nil
	}
	end, err := c.shared.End(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, catchUpTime)
	defer cancel()
	for {
		f.mu.Lock()
		at, moved := f.at, f.moved
		f.mu.Unlock()
		if f.contact.Load() != 0 && !at.Before(end) {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return fmt.Errorf("%w: its feed of changes is behind", ErrUnreachable)
		}
	}
}

// ask reads one record from the store itself, for a look-up that memory cannot answer. The record does not come into
// the table: the feed brings it, and its end, in their order.
func ask[V any](ctx context.Context, c *core, t *table[V], key string) (v V, ok bool, err error) {
	f, where := c.feed, place{t.bucket, key}
	if _, unknown := f.unknown.Get(where); unknown {
		return v, false, nil
	}
	select {
	case f.questions <- struct{}{}:
		defer func() { <-f.questions }()
	case <-ctx.Done():
		return v, false, ctx.Err()
	}
	if _, unknown := f.unknown.Get(where); unknown { // somebody else has asked
		return v, false, nil
	}
	value, ok, err := c.shared.Get(ctx, t.bucket, key)
	if err == nil && !ok {
		f.unknown.Put(where, struct{}{})
	}
	if err != nil || !ok {
		return v, false, err
	}
	p, err := t.parse(value)
	if err != nil {
		return v, false, err
	}
	return *p, true, nil
}

// IsAway reports whether an error says that there is no store to use now. It may be there again later.
func IsAway(err error) bool {
	return errors.Is(err, ErrUnreachable) || errors.Is(err, ErrEmptied) || errors.Is(err, ErrReplaced)
}
