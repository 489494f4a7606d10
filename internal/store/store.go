// Package store keeps the little state that must outlive the process: issued tokens and passwords, learned user and
// account ids, pinned password hashes, refresh tokens, return addresses of signers and the ledger's rows, in one bbolt
// file of mode 0600, or in a store that replicas share and whose feed it follows. It must never hold an issued or
// refresh token in clear, touch disk or network on a look-up that memory can answer, or replace what it cannot read.
// internal/app opens it; translate, proxy and the ledger use it, each through the few methods it needs.
package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/translate/soaprest/journal"
)

// What errors.Is finds in the errors of this package.
var (
	ErrLocked   = errors.New("the store is in use by another process")
	ErrCorrupt  = errors.New("the store is damaged")
	ErrNewer    = errors.New("the store was written by a newer version")
	ErrForeign  = errors.New("the file is not a store of this program")
	ErrFull     = errors.New("the store is full")
	ErrClosed   = errors.New("the store is closed")
	ErrSize     = errors.New("the text is empty or too long for the store")
	ErrConflict = errors.New("the store has another value already")
)

const (
	maxText      = 512 // bytes of any name kept here
	maxLedgerRow = 256 << 10
)

const (
	bucketTokens    = "tokens"
	bucketPasswords = "passwords"
	bucketUsers     = "users"
	bucketAccounts  = "accounts"
	bucketPins      = "pins"
	bucketRefresh   = "refresh"
	bucketLedger    = "ledger"
	bucketReturns   = "returns"
	bucketCreations = "creations"
)

func buckets() []string {
	first := []string{bucketTokens, bucketPasswords, bucketUsers, bucketAccounts, bucketPins, bucketRefresh, bucketLedger}
	return append(first, added()...)
}

// added are the buckets that files of earlier versions lack. Earlier programs do not look for them, so the schema is
// the same.
func added() []string { return []string{bucketReturns, bucketCreations} }

// Options tune a Store; the zero value is ready for use.
type Options struct {
	Now     func() time.Time // nil means time.Now
	Timeout time.Duration    // how long Open waits for another process to let go; 0 means 2 s

	// Bounds; 0 means what withDefaults has. PerOwner are the live tokens (and passwords) per integration,
	// authenticator and principal: about ten at DocuSign (PROTOCOL.md §3.6).
	PerOwner   int
	MaxIssued  int // live tokens (and passwords) in all
	MaxLearned int // learned users (and accounts)
	MaxPins    int // pinned hashes
	MaxRefresh int // refresh tokens
	MaxReturns int // addresses that signers come back to
	// MaxCreations bounds the journal of creations.
	MaxCreations int

	OnError func(error) // told of a flush that failed in Run (it is tried again); nil means ignore
	// OnEvent is told of each event that a replica announced, on the goroutine that follows the feed; nil means ignore.
	OnEvent func(event string)

	// MaxStale is how long what is known of issued secrets and pins is believed while a store that replicas share is
	// away; 0 means for ever. OnAway is told when it goes away, why, and with nil when it is back; with ErrGap it is
	// there, and all of it is read anew. It must not ask the Store.
	MaxStale time.Duration
	OnAway   func(error)
}

// forMany has the bounds of a store that replicas share.
func (o Options) forMany() Options {
	o.MaxIssued = cmp.Or(o.MaxIssued, 500_000)
	o.MaxLearned = cmp.Or(o.MaxLearned, 200_000)
	o.MaxPins = cmp.Or(o.MaxPins, 200_000)
	o.MaxRefresh = cmp.Or(o.MaxRefresh, 100_000)
	return o
}

func (o Options) withDefaults() Options {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.OnError == nil {
		o.OnError = func(error) {}
	}
	if o.OnEvent == nil {
		o.OnEvent = func(string) {}
	}
	if o.OnAway == nil {
		o.OnAway = func(error) {}
	}
	o.Timeout = cmp.Or(o.Timeout, 2*time.Second)
	o.PerOwner = cmp.Or(o.PerOwner, 10)
	o.MaxIssued = cmp.Or(o.MaxIssued, 50_000)
	o.MaxLearned = cmp.Or(o.MaxLearned, 10_000)
	o.MaxPins = cmp.Or(o.MaxPins, 10_000)
	o.MaxRefresh = cmp.Or(o.MaxRefresh, 1_000)
	o.MaxReturns = cmp.Or(o.MaxReturns, 20_000)
	o.MaxCreations = cmp.Or(o.MaxCreations, 50_000)
	return o
}

// flushEvery is how often Run writes what may be lost: last use and learned ids.
const flushEvery = time.Minute

// Store is the open state: every kind of record on one backend. All methods may be called from any goroutine; look-ups
// keep working after Close.
type Store struct {
	handedOut
	pins            *table[pin]
	returns         *Returns
	users, accounts *Learned
	creations       *Creations
}

// handedOut are the tokens and passwords that the proxy issued.
type handedOut struct {
	logins
	tokens, passwords *table[issued]
}

// logins are encrypted refresh tokens, by the name that the caller gives them.
type logins struct {
	*core
	refresh *table[[]byte]
}

// core is what the kinds of records share.
type core struct {
	o    Options
	keys *keyring

	// writing serialises every change of the backend; the tables guard their own memory.
	writing sync.Mutex
	backend Backend
	shared  Shared // backend, if other processes write it too; else nil
	feed    *feed  // of shared; nil without
	closed  bool
	tables  map[string]records // by bucket; the ledger's rows are not kept in memory
	hurry   chan struct{}      // has Run flush now

	forgotten atomic.Uint64 // pins
}

// records is a table without the type of its records.
type records interface {
	apply(Change) error
	follow(Change) error
	begin()
	load(Change) error
	swap(own func(key string) bool)
	take() []Change
	retry(Change)
	dump() []Change
}

// Open opens the store at path, making the file if there is none or an empty one. The empty path gives a store in
// memory. The error is ErrLocked, ErrCorrupt, ErrNewer, ErrForeign or one of the file system, and says what to do.
func Open(path string, o Options) (*Store, error) {
	o = o.withDefaults()
	if path == "" {
		return newStore(o, newMemory(), &keyring{}), nil
	}
	f, err := openFile(path, o.Timeout)
	if err != nil {
		return nil, err
	}
	s := newStore(o, f, &keyring{path: path + ".key"})
	if err = s.load(); err == nil {
		err = s.foldPins()
	}
	if err != nil {
		return nil, fmt.Errorf("open store %s: %w", path, errors.Join(err, f.Close()))
	}
	return s, nil
}

// Memory returns a store without a file: everything works and nothing survives the process.
func Memory() *Store { return newStore(Options{}.withDefaults(), newMemory(), &keyring{}) }

func newStore(o Options, b Backend, k *keyring) *Store {
	c := &core{o: o, keys: k, backend: b, tables: map[string]records{}, hurry: make(chan struct{}, 1)}
	s := &Store{
		handedOut: handedOut{
			logins: logins{c, newTable[[]byte](c, bucketRefresh)},
			tokens: newTable[issued](c, bucketTokens), passwords: newTable[issued](c, bucketPasswords),
		},
		pins:      newTable[pin](c, bucketPins),
		returns:   &Returns{c, newTable[returned](c, bucketReturns)},
		users:     &Learned{c, newTable[fact](c, bucketUsers)},
		accounts:  &Learned{c, newTable[fact](c, bucketAccounts)},
		creations: &Creations{c, newTable[journal.Entry](c, bucketCreations)},
	}
	for _, t := range []*table[issued]{s.tokens, s.passwords} {
		t.merge, t.group = issued.merged, grouping(issued.group)
	}
	for _, l := range []*Learned{s.users, s.accounts} {
		l.facts.merge = later
	}
	s.creations.entries.merge = bothAnswered
	return s
}

func (c *core) load() error {
	for _, bucket := range buckets() {
		err := c.backend.Load(context.Background(), bucket, func(key string, value []byte) error {
			if t := c.tables[bucket]; t != nil {
				return t.apply(Change{Bucket: bucket, Key: key, Value: value})
			}
			return nil // it was read, so its checksum is right
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Durable reports whether there is a file.
func (c *core) Durable() bool {
	_, inMemory := c.backend.(*memory)
	return !inMemory
}

// Run flushes now and then until ctx is done, and a last time then; it returns the error of that last flush. It also
// sees to the refresh tokens that the key of before has sealed.
func (s *Store) Run(ctx context.Context) error {
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return s.Flush()
		case <-tick.C:
		case <-s.hurry:
		}
		err := s.Flush()
		if err == nil {
			err = s.renewRefresh(ctx)
		}
		if err != nil && !IsAway(err) { // of that OnAway is told
			s.o.OnError(err)
		}
	}
}

// Flush writes what is kept back from the disk: times of last use and learned ids. What fails is tried by the next one.
func (c *core) Flush() error {
	c.writing.Lock()
	defer c.writing.Unlock()
	return c.flush()
}

func (c *core) flush() error {
	if c.closed {
		return ErrClosed
	}
	var changes []Change
	for _, t := range c.tables {
		changes = append(changes, t.take()...)
	}
	most := max(1, len(changes))
	if c.shared != nil {
		most = batch
	}
	var problems []error
	for some := range slices.Chunk(changes, most) {
		_, err := c.write(some)
		if err == nil {
			continue
		}
		problems = append(problems, err)
		for _, change := range some {
			c.tables[change.Bucket].retry(change)
		}
	}
	return errors.Join(problems...)
}

// write is called with writing held. A change once begun is finished, whoever waits for it.
func (c *core) write(changes []Change) (Mark, error) {
	if c.closed {
		return Mark{}, ErrClosed
	}
	if len(changes) == 0 {
		return Mark{}, nil
	}
	return c.backend.Commit(context.Background(), changes)
}

// commit writes the changes, and then the tables follow. It is called with writing held.
func (c *core) commit(changes ...Change) error {
	mark, err := c.write(changes)
	if err != nil {
		return err
	}
	if c.feed != nil {
		return c.committed(changes, mark)
	}
	for _, change := range changes {
		err = errors.Join(err, c.tables[change.Bucket].apply(change))
	}
	return err
}

// Lease takes the turn of that name, among all replicas, for at most life. ErrBusy: another has it.
func (c *core) Lease(ctx context.Context, name string, life time.Duration) (*Lease, error) {
	return c.backend.Lease(ctx, name, life)
}

// wrap tells what was being done when err happened. That the store of all replicas is away is a *call.Error: the
// program is asked to come again.
func wrap(err *error, doing string) {
	if *err == nil {
		return
	}
	*err = fmt.Errorf("%s: %w", doing, *err)
	if IsAway(*err) {
		*err = &call.Error{Kind: call.KindStoreUnreachable, Err: *err}
	}
}

// Close flushes and lets go of the file. A second Close does nothing.
func (c *core) Close() error {
	c.writing.Lock()
	defer c.writing.Unlock()
	if c.closed {
		return nil
	}
	err := c.flush()
	c.closed = true
	return errors.Join(err, c.backend.Close())
}

// LedgerRows calls f for every row of the ledger; what they hold is the ledger's own affair. The slice is f's to keep;
// f must not call the store.
func (c *core) LedgerRows(f func(key string, row []byte) error) error {
	c.writing.Lock()
	defer c.writing.Unlock()
	if c.closed {
		return ErrClosed
	}
	return c.backend.Load(context.Background(), bucketLedger, f)
}

// WriteLedger deletes the rows of drop and then puts those of put, all or none; they are durable when it returns.
func (c *core) WriteLedger(put map[string][]byte, drop []string) error {
	changes := make([]Change, 0, len(drop)+len(put))
	for _, key := range drop {
		changes = append(changes, Change{Bucket: bucketLedger, Key: key})
	}
	for key, row := range put {
		if key == "" || len(key) > maxText || len(row) > maxLedgerRow {
			return fmt.Errorf("write ledger: %w", ErrSize)
		}
		changes = append(changes, Change{Bucket: bucketLedger, Key: key, Value: append([]byte{}, row...)})
	}
	c.writing.Lock()
	defer c.writing.Unlock()
	_, err := c.write(changes)
	return err
}
