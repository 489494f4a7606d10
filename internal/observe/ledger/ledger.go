// Package ledger answers who still calls DocuSign with what: per integration, user and kind of credential, first and last
// seen, with what outcome, so that a migration can be measured until the proxy can be removed.
// It must never make a request wait for a disk, grow without bound, or take a caller's text for more than data.
// Package proxy records one Event per request; package cmd runs it, the status page and the report read it.
package ledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"docusign-auth-proxy/internal/shown"
)

// Unknown is the integration of an event whose integrator key the configuration does not list.
const Unknown = "unknown"

// Outcomes that the ledger knows by itself. Callers may add their own; beyond MaxOutcomes they are counted as OutcomeOther.
const (
	OutcomeOK            = "ok" // the only one that is not a failure
	OutcomeClientError   = "client_error"
	OutcomeUpstreamError = "upstream_error"
	OutcomeRefused       = "refused" // other kinds of refusal begin with it
	OutcomeOther         = "other"

	MaxOutcomes = 16
)

// Defaults of Options.
const (
	DefaultMaxRows         = 10_000
	DefaultMaxUnknown      = 1_000
	DefaultMaxIntegrations = 500
	DefaultFlush           = 2 * time.Second
	DefaultIdleAfter       = 14 * 24 * time.Hour
	DefaultWindow          = 14 * 24 * time.Hour
)

// Bounds of the texts kept, in bytes.
const (
	maxName  = 200
	maxAgent = 200
	maxError = 300
)

// Way is how a call's credential went on to DocuSign, or would have if the call had not been refused.
type Way uint8

const (
	WayNone        Way = iota // there was none: a WSDL, service_information
	WayForwarded              // a legacy credential, passed on as it came
	WayTranslated             // a legacy credential, replaced by a bearer token
	WayAppPassword            // a legacy credential, its password replaced by an App Password
	WayNative                 // the program's own OAuth bearer token
)

func (w Way) String() string {
	names := [...]string{"none", "forwarded", "translated", "app_password", "native"}
	if int(w) >= len(names) {
		return "none"
	}
	return names[w]
}

// MarshalText gives the name, for reports.
func (w Way) MarshalText() ([]byte, error) { return []byte(w.String()), nil }

// Event is one request. Texts may be whatever the caller of the proxy sent: they are bounded and cleaned here.
type Event struct {
	Time          time.Time // zero means now
	Integration   string    // name in the configuration, or Unknown
	Key           string    // integrator key as sent; kept for unknown ones only
	Authenticator string
	Principal     string
	UnknownUser   bool // the configuration does not list this user: kept among the unknown
	Scheme        string
	Door          string
	API           string
	Way           Way
	Outcome       string
	Status        int    // HTTP status of the answer
	Error         string // plain words; empty if all went well
	Client        string // address
	UserAgent     string
	BytesIn       int64 // of the request's body
	BytesOut      int64 // of the answer's body
}

// Store keeps rows across restarts; *store.Store is one.
type Store interface {
	LedgerRows(func(key string, row []byte) error) error
	WriteLedger(put map[string][]byte, drop []string) error
}

// Options tune a Ledger; the zero value is ready for use.
type Options struct {
	MaxRows         int           // 0 means DefaultMaxRows
	MaxUnknown      int           // 0 means DefaultMaxUnknown
	MaxIntegrations int           // 0 means DefaultMaxIntegrations
	Flush           time.Duration // between writes, and so what a crash can lose; 0 means DefaultFlush
	IdleAfter       time.Duration // without a call for so long an integration is StateIdle; 0 means DefaultIdleAfter
	Window          time.Duration // what is older does not count for the other states; 0 means DefaultWindow
	Store           Store         // nil means nothing survives
	Now             func() time.Time
	OnError         func(error) // told of rows that cannot be read and of writes that failed; nil means ignore
}

func (o Options) withDefaults() Options {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.OnError == nil {
		o.OnError = func(error) {}
	}
	o.MaxRows = positive(o.MaxRows, DefaultMaxRows)
	o.MaxUnknown = positive(o.MaxUnknown, DefaultMaxUnknown)
	o.MaxIntegrations = positive(o.MaxIntegrations, DefaultMaxIntegrations)
	o.Flush = positive(o.Flush, DefaultFlush)
	o.IdleAfter = positive(o.IdleAfter, DefaultIdleAfter)
	o.Window = positive(o.Window, DefaultWindow)
	return o
}

func positive[T int | time.Duration](v, otherwise T) T {
	if v > 0 {
		return v
	}
	return otherwise
}

// Ledger is safe for use by any number of goroutines.
type Ledger struct {
	o    Options
	seed maphash.Seed

	outcomes atomic.Pointer[[]string] // only grows; the place of a name never changes
	rows     *table                   // of known users of known integrations
	unknown  *table

	// growing serialises what adds or removes rows, integrations or outcomes; Record takes it only for something new.
	growing      sync.Mutex
	integrations map[string]*integration
	dropped      map[string]struct{} // names of integrations to delete from the store

	flushing sync.Mutex
}

// New makes a ledger and reads what the store has of an earlier one. Rows that cannot be read are reported to
// Options.OnError and left where they are; the error is the store's.
func New(o Options) (*Ledger, error) {
	o = o.withDefaults()
	seed := maphash.MakeSeed()
	l := &Ledger{
		o: o, seed: seed,
		rows:         newTable(rowPrefix, o.MaxRows),
		unknown:      newTable(unknownPrefix, o.MaxUnknown),
		integrations: map[string]*integration{},
		dropped:      map[string]struct{}{},
	}
	l.outcomes.Store(&[]string{OutcomeOther, OutcomeOK, OutcomeClientError, OutcomeUpstreamError, OutcomeRefused})
	if o.Store == nil {
		return l, nil
	}
	if err := l.load(); err != nil {
		return nil, fmt.Errorf("read ledger: %w", err)
	}
	return l, nil
}

// Record notes a request. It is meant for the request's path: on a row that exists it takes two short locks that only
// calls of the same user and integration share, allocates nothing and touches no disk.
func (l *Ledger) Record(e *Event) {
	at := l.nano(e.Time)
	outcome := l.outcome(e.Outcome)
	for {
		r := l.row(e, at)
		if r.record(e, at, outcome) {
			r.integration.record(e, at, outcome)
			return
		}
	}
}

func (l *Ledger) nano(t time.Time) int64 {
	if t.IsZero() {
		t = l.o.Now()
	}
	return max(t.UnixNano(), 1) // zero means never
}

// outcome gives the place of a name in every row's counts.
func (l *Ledger) outcome(name string) int {
	if i := slices.Index(*l.outcomes.Load(), name); i >= 0 {
		return i
	}
	l.growing.Lock()
	defer l.growing.Unlock()
	return l.addOutcome(name)
}

func (l *Ledger) addOutcome(name string) int {
	names := *l.outcomes.Load()
	name = clean(name, maxName)
	if i := slices.Index(names, name); i >= 0 {
		return i
	}
	if len(names) == MaxOutcomes || name == "" {
		return 0 // OutcomeOther
	}
	longer := append(slices.Clone(names), strings.Clone(name))
	l.outcomes.Store(&longer)
	return len(names)
}

// row finds or makes the row of an event.
func (l *Ledger) row(e *Event, at int64) *row {
	t, key := l.rows, rowKey{integration: e.Integration, authenticator: e.Authenticator, principal: e.Principal, scheme: e.Scheme, door: e.Door, api: e.API}
	if e.UnknownUser || e.Integration == Unknown || e.Integration == "" {
		t, key = l.unknown, rowKey{integration: cmp.Or(e.Integration, Unknown), key: e.Key, authenticator: e.Authenticator, principal: e.Principal, scheme: e.Scheme}
	}
	if r := t.find(l.shard(key), key); r != nil {
		return r
	}
	key = key.clean()
	l.growing.Lock()
	defer l.growing.Unlock()
	shard := l.shard(key)
	if r := t.find(shard, key); r != nil {
		return r
	}
	return t.add(shard, key, l.integration(key.integration, at), at)
}

func (l *Ledger) shard(k rowKey) int {
	return int((maphash.String(l.seed, k.authenticator) + maphash.String(l.seed, k.api)) % shards)
}

// integration finds or makes an integration, with growing held. Beyond the bound the one not seen for longest goes, and
// its rows with it.
func (l *Ledger) integration(name string, at int64) *integration {
	if i := l.integrations[name]; i != nil {
		return i
	}
	if len(l.integrations) >= l.o.MaxIntegrations {
		l.forgetOldest()
	}
	i := newIntegration(name, at)
	l.integrations[name] = i
	delete(l.dropped, name)
	return i
}

func (l *Ledger) forgetOldest() {
	var oldest *integration
	for _, i := range l.integrations {
		if oldest == nil || i.lastSeen() < oldest.lastSeen() {
			oldest = i
		}
	}
	delete(l.integrations, oldest.name)
	l.dropped[oldest.name] = struct{}{}
	for _, t := range []*table{l.rows, l.unknown} {
		t.removeIf(func(r *row) bool { return r.integration == oldest })
	}
}

// Run writes what changed every few seconds until ctx is done, and a last time then; it returns that write's error.
func (l *Ledger) Run(ctx context.Context) error {
	tick := time.NewTicker(l.o.Flush)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return l.Flush()
		case <-tick.C:
			if err := l.Flush(); err != nil {
				l.o.OnError(err)
			}
		}
	}
}

// Flush writes what changed since the last one. What fails is tried again by the next.
func (l *Ledger) Flush() error {
	if l.o.Store == nil {
		return nil
	}
	l.flushing.Lock()
	defer l.flushing.Unlock()
	b := l.collect()
	put, drop := b.encode(&l.outcomes)
	if len(put)+len(drop) == 0 {
		return nil
	}
	if err := l.o.Store.WriteLedger(put, drop); err != nil {
		l.giveBack(b)
		return fmt.Errorf("write ledger: %w", err)
	}
	return nil
}

// batch is one write: drops first, then puts, for a new row may have the key of a dropped one.
type batch struct {
	integrations []*integration
	rows         map[string]*row
	droppedNames []string
	droppedIDs   map[*table][]uint32
}

func (l *Ledger) collect() *batch {
	b := &batch{rows: map[string]*row{}, droppedIDs: map[*table][]uint32{}}
	l.growing.Lock()
	defer l.growing.Unlock()
	b.droppedNames = slices.Collect(maps.Keys(l.dropped))
	clear(l.dropped)
	for _, i := range l.integrations {
		if i.dirty.Swap(false) {
			b.integrations = append(b.integrations, i)
		}
	}
	for _, t := range []*table{l.rows, l.unknown} {
		b.droppedIDs[t] = slices.Collect(maps.Keys(t.drop))
		clear(t.drop)
		t.each(func(r *row) {
			if r.dirty.Swap(false) {
				b.rows[t.storeKey(r.id)] = r
			}
		})
	}
	return b
}

// encode runs without growing held. A row that leaves its table meanwhile is written in vain and dropped by the next batch.
func (b *batch) encode(outcomes *atomic.Pointer[[]string]) (put map[string][]byte, drop []string) {
	put = make(map[string][]byte, len(b.rows)+len(b.integrations))
	for key, r := range b.rows {
		put[key] = r.encode(outcomes)
	}
	for _, i := range b.integrations {
		put[integrationPrefix+i.name] = i.encode(outcomes)
	}
	for _, name := range b.droppedNames {
		drop = append(drop, integrationPrefix+name)
	}
	for t, ids := range b.droppedIDs {
		for _, id := range ids {
			drop = append(drop, t.storeKey(id))
		}
	}
	return put, drop
}

// giveBack makes the next batch do what this one could not.
func (l *Ledger) giveBack(b *batch) {
	l.growing.Lock()
	defer l.growing.Unlock()
	for _, r := range b.rows {
		r.dirty.Store(true)
	}
	for _, i := range b.integrations {
		i.dirty.Store(true)
	}
	for _, name := range b.droppedNames {
		l.dropped[name] = struct{}{}
	}
	for t, ids := range b.droppedIDs {
		for _, id := range ids {
			t.drop[id] = struct{}{}
		}
	}
}

// load reads integrations before rows, for a row belongs to one.
func (l *Ledger) load() error {
	var saved []savedRow
	err := l.o.Store.LedgerRows(func(key string, value []byte) error {
		if err := l.loadOne(key, value, &saved); err != nil {
			l.o.OnError(fmt.Errorf("ledger: a row is left out: %w", err))
		}
		return nil
	})
	if err != nil {
		return err
	}
	slices.SortFunc(saved, func(a, b savedRow) int { return cmp.Compare(b.Last, a.Last) }) // the latest have the right of way
	l.growing.Lock()
	defer l.growing.Unlock()
	for _, s := range saved {
		l.restore(s)
	}
	return nil
}

func (l *Ledger) loadOne(key string, value []byte, saved *[]savedRow) error {
	if name, ok := strings.CutPrefix(key, integrationPrefix); ok {
		return l.loadIntegration(name, value)
	}
	t, id, err := l.place(key)
	if err != nil {
		return err
	}
	t.reserve(id)
	s, err := decodeRow(value)
	if err != nil {
		return err
	}
	s.table, s.id = t, id
	*saved = append(*saved, s)
	return nil
}

func (l *Ledger) place(key string) (*table, uint32, error) {
	for _, t := range []*table{l.rows, l.unknown} {
		if id, ok := t.parseID(key); ok {
			return t, id, nil
		}
	}
	return nil, 0, errors.New("its key is of no known kind")
}

func (l *Ledger) loadIntegration(name string, value []byte) error {
	s, err := decodeIntegration(value)
	if err != nil {
		return err
	}
	if name != s.Name || clean(name, maxName) != name {
		return errors.New("its name is not its key")
	}
	i := newIntegration(name, s.First)
	s.restoreTo(i, l.addOutcome)
	l.integrations[name] = i
	if len(l.integrations) > l.o.MaxIntegrations {
		l.forgetOldest()
	}
	return nil
}

// restore brings a row back, or gives its place free: when the bound is lower now, when its integration was dropped for a
// lower bound, or when another row has its key.
func (l *Ledger) restore(s savedRow) {
	key := s.key().clean()
	shard := l.shard(key)
	i := l.integrations[key.integration]
	if i == nil && len(l.integrations) < l.o.MaxIntegrations {
		i = l.integration(key.integration, s.First)
	}
	// An earlier version kept names as they came, among them secrets in the wrong field.
	hidden := s.table == l.unknown && (shown.Key(key.key) != key.key || shown.Name(key.authenticator) != key.authenticator ||
		shown.Name(key.principal) != key.principal)
	if hidden || i == nil || s.table.count >= s.table.max || s.table.find(shard, key) != nil {
		s.table.release(s.id)
		return
	}
	r := &row{id: s.id, key: key, integration: i}
	s.restoreTo(&r.tally, l.addOutcome)
	s.table.put(shard, r)
}
