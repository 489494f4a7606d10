// Package store keeps the little state that must outlive the process, in one bbolt file of mode 0600: issued tokens and
// passwords, learned user and account ids, pinned password hashes, refresh tokens and the ledger's rows.
// It must never hold an issued or refresh token in clear, touch the disk on a look-up, or replace a file it cannot read.
// Package cmd opens it; packages translate, proxy and internal/ledger use it, each through the few methods it needs.
package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// What errors.Is finds in the errors of this package.
var (
	ErrLocked  = errors.New("the store is in use by another process")
	ErrCorrupt = errors.New("the store is damaged")
	ErrNewer   = errors.New("the store was written by a newer version")
	ErrForeign = errors.New("the file is not a store of this program")
	ErrFull    = errors.New("the store is full")
	ErrClosed  = errors.New("the store is closed")
	ErrSize    = errors.New("the text is empty or too long for the store")
)

// Defaults of Options.
const (
	DefaultTimeout    = 2 * time.Second
	DefaultFlush      = time.Minute
	DefaultPerOwner   = 10 // PROTOCOL.md §3.6: about ten active tokens
	DefaultMaxIssued  = 50_000
	DefaultMaxLearned = 10_000
	DefaultMaxPins    = 10_000
	DefaultMaxRefresh = 1_000
)

const maxText = 512 // bytes of any name kept here

// Options tune a Store; the zero value is ready for use.
type Options struct {
	Now     func() time.Time // nil means time.Now
	Random  io.Reader        // source of tokens and keys; nil means crypto/rand
	Timeout time.Duration    // how long Open waits for another process to let go; 0 means DefaultTimeout
	Flush   time.Duration    // how often Run writes what may be lost: last use and learned ids; 0 means DefaultFlush

	PerOwner   int // live tokens (and passwords) per integration, authenticator and principal; 0 means DefaultPerOwner
	MaxIssued  int // live tokens (and passwords) in all; 0 means DefaultMaxIssued
	MaxLearned int // learned users (and accounts); 0 means DefaultMaxLearned
	MaxPins    int // pinned hashes; 0 means DefaultMaxPins
	MaxRefresh int // refresh tokens; 0 means DefaultMaxRefresh

	OnError func(error) // told of a flush that failed in Run (it is tried again); nil means ignore
}

func (o Options) withDefaults() Options {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Random == nil {
		o.Random = rand.Reader
	}
	if o.OnError == nil {
		o.OnError = func(error) {}
	}
	o.Timeout = positive(o.Timeout, DefaultTimeout)
	o.Flush = positive(o.Flush, DefaultFlush)
	o.PerOwner = positive(o.PerOwner, DefaultPerOwner)
	o.MaxIssued = positive(o.MaxIssued, DefaultMaxIssued)
	o.MaxLearned = positive(o.MaxLearned, DefaultMaxLearned)
	o.MaxPins = positive(o.MaxPins, DefaultMaxPins)
	o.MaxRefresh = positive(o.MaxRefresh, DefaultMaxRefresh)
	return o
}

func positive[T int | time.Duration](v, otherwise T) T {
	if v > 0 {
		return v
	}
	return otherwise
}

// Store is the open state. All methods may be called from any goroutine; look-ups keep working after Close.
type Store struct {
	o    Options
	keys *keyring

	// writing serialises every change of the disk; the tables guard their own memory.
	writing sync.Mutex
	disk    disk
	closed  bool

	tokens    *vault
	passwords *vault
	users     *Learned
	accounts  *Learned
	pins      *pins
	refresh   *refresh
}

// disk is where changes go: a file, or memory when there is none.
type disk interface {
	// write applies all changes or none, and they are durable when it returns.
	write([]change) error
	each(bucket string, f func(key string, value []byte) error) error
	close() error
}

// change puts a value, or deletes the key when value is nil.
type change struct {
	bucket, key string
	value       []byte
}

// Open opens the store at path, making the file if there is none or an empty one. The empty path gives a store in
// memory. The error is ErrLocked, ErrCorrupt, ErrNewer, ErrForeign or one of the file system, and says what to do.
func Open(path string, o Options) (*Store, error) {
	o = o.withDefaults()
	if path == "" {
		return load(o, memory{}, &keyring{random: o.Random})
	}
	f, err := openFile(path, o.Timeout, o.Now())
	if err != nil {
		return nil, err
	}
	s, err := load(o, f, &keyring{random: o.Random, path: path + ".key"})
	if err != nil {
		return nil, fmt.Errorf("open store %s: %w", path, errors.Join(err, f.close()))
	}
	return s, nil
}

// Memory returns a store without a file: everything works and nothing survives the process.
func Memory() *Store {
	o := Options{}.withDefaults()
	return newStore(o, memory{}, &keyring{random: o.Random})
}

func newStore(o Options, d disk, k *keyring) *Store {
	return &Store{
		o: o, disk: d, keys: k,
		tokens:    newVault(bucketTokens, "token"),
		passwords: newVault(bucketPasswords, "password"),
		users:     newLearned(bucketUsers, o),
		accounts:  newLearned(bucketAccounts, o),
		pins:      &pins{m: map[string]pin{}},
		refresh:   &refresh{m: map[string][]byte{}},
	}
}

func load(o Options, d disk, k *keyring) (*Store, error) {
	s := newStore(o, d, k)
	for _, table := range []struct {
		bucket string
		add    func(key string, value []byte) error
	}{
		{bucketTokens, s.tokens.load},
		{bucketPasswords, s.passwords.load},
		{bucketUsers, s.users.load},
		{bucketAccounts, s.accounts.load},
		{bucketPins, s.pins.load},
		{bucketRefresh, s.refresh.load},
		{bucketLedger, func(string, []byte) error { return nil }},
	} {
		err := d.each(table.bucket, func(key string, value []byte) error {
			if err := table.add(key, value); err != nil {
				return fmt.Errorf("%w: a record in %s: %w", ErrCorrupt, table.bucket, err)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	if len(s.pins.moved) > 0 {
		if err := d.write(s.pins.moved); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Durable reports whether there is a file.
func (s *Store) Durable() bool {
	_, inMemory := s.disk.(memory)
	return !inMemory
}

// Run flushes now and then until ctx is done, and a last time then; it returns the error of that last flush.
func (s *Store) Run(ctx context.Context) error {
	tick := time.NewTicker(s.o.Flush)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return s.Flush()
		case <-tick.C:
			if err := s.Flush(); err != nil {
				s.o.OnError(err)
			}
		}
	}
}

// Flush writes what is kept back from the disk: times of last use and learned ids. What fails is tried by the next one.
func (s *Store) Flush() error {
	s.writing.Lock()
	defer s.writing.Unlock()
	return s.flush()
}

func (s *Store) flush() error {
	var changes []change
	for _, v := range []*vault{s.tokens, s.passwords} {
		changes = append(changes, v.dirty()...)
	}
	for _, l := range []*Learned{s.users, s.accounts} {
		changes = append(changes, l.take()...)
	}
	err := s.write(changes...)
	if err == nil {
		return nil
	}
	for _, v := range []*vault{s.tokens, s.passwords} {
		v.redirty(changes)
	}
	for _, l := range []*Learned{s.users, s.accounts} {
		l.untake(changes)
	}
	return err
}

// write is called with writing held.
func (s *Store) write(changes ...change) error {
	if s.closed {
		return ErrClosed
	}
	if len(changes) == 0 {
		return nil
	}
	return s.disk.write(changes)
}

// Close flushes and lets go of the file. A second Close does nothing.
func (s *Store) Close() error {
	s.writing.Lock()
	defer s.writing.Unlock()
	if s.closed {
		return nil
	}
	err := s.flush()
	s.closed = true
	return errors.Join(err, s.disk.close())
}

// memory is the disk of a store without a file.
type memory map[string]map[string][]byte

func (m memory) write(changes []change) error {
	for _, c := range changes {
		if c.value == nil {
			delete(m[c.bucket], c.key)
			continue
		}
		if m[c.bucket] == nil {
			m[c.bucket] = map[string][]byte{}
		}
		m[c.bucket][c.key] = c.value
	}
	return nil
}

func (m memory) each(bucket string, f func(string, []byte) error) error {
	for k, v := range m[bucket] {
		if err := f(k, v); err != nil {
			return err
		}
	}
	return nil
}

func (m memory) close() error { return nil }
