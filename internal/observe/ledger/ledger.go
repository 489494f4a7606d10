// Package ledger answers who still calls DocuSign with what: per integration, user and kind of credential, first and
// last seen, with what outcome, so that a migration can be measured until the proxy can be removed. It must never make
// a request wait for a disk, grow without bound, or take a caller's text for more than data. It is a call.Recorder;
// internal/app runs it, the status page and the report read it.
package ledger

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/translate/legacy"
	"docusign-auth-proxy/translate/soaprest/redirect"
)

// outcomeOther counts what is none of call.Outcomes.
const outcomeOther = "other"

// Defaults of Options.
const (
	DefaultMaxRows         = 10_000
	DefaultMaxUnknown      = 1_000
	DefaultMaxIntegrations = 500
)

// FlushEvery is the time between two writes, and so what a crash can lose.
const FlushEvery = 2 * time.Second

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

func wayOf(e *call.Event) Way {
	switch {
	case e.Scheme == legacy.None.String():
		return WayNone
	case e.Scheme == legacy.OAuthBearer.String():
		return WayNative
	case e.Mode == "observe":
		return WayForwarded
	case e.AppPassword:
		return WayAppPassword
	}
	return WayTranslated
}

// Store keeps rows across restarts; *store.Store is one.
type Store interface {
	LedgerRows(func(key string, row []byte) error) error
	WriteLedger(put map[string][]byte, drop []string) error
}

// Options tune a Ledger; the zero value is ready for use.
type Options struct {
	MaxRows         int   // 0 means DefaultMaxRows
	MaxUnknown      int   // 0 means DefaultMaxUnknown
	MaxIntegrations int   // 0 means DefaultMaxIntegrations
	Store           Store // nil means nothing survives
	// Shared has the calls of all replicas, and this ledger only those that it has not sent yet. Then Store is nil.
	Shared  Shared
	Now     func() time.Time
	OnError func(error) // told of rows that cannot be read and of writes that failed; nil means ignore
}

// Ledger is safe for use by any number of goroutines.
type Ledger struct{ replica }

// replica has, beside what this process counts itself, the sight of what all replicas have counted.
type replica struct{ book }

// book is what this process counts itself, in bounded tables.
type book struct {
	o Options

	mu           sync.Mutex
	rows         table // of known users of known integrations
	unknown      table
	integrations map[string]*integrationTally
	changed      map[string]stored // since the last write, by key in the store; nil = deleted
	configs      map[string]string // digest of the configuration of each integration
	sharing      sharing

	flushing sync.Mutex
}

// New makes a ledger and reads what the store has of an earlier one. Rows that cannot be read are reported to
// Options.OnError and left where they are; the error is the store's.
func New(o Options) (*Ledger, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.OnError == nil {
		o.OnError = func(error) {}
	}
	o.MaxIntegrations = cmp.Or(o.MaxIntegrations, DefaultMaxIntegrations)
	l := &Ledger{replica{book{
		o: o, integrations: map[string]*integrationTally{}, changed: map[string]stored{},
		sharing: sharing{sights: map[string]*sight{}},
		rows:    table{prefix: rowPrefix, max: cmp.Or(o.MaxRows, DefaultMaxRows), rows: map[rowKey]*row{}},
		unknown: table{prefix: unknownPrefix, max: cmp.Or(o.MaxUnknown, DefaultMaxUnknown), rows: map[rowKey]*row{}},
	}}}
	for kind := range l.bounds() {
		l.sharing.sights[kind] = &sight{}
	}
	if o.Store == nil {
		return l, nil
	}
	if err := l.load(); err != nil {
		return nil, fmt.Errorf("read ledger: %w", err)
	}
	return l, nil
}

// Record notes a call. It touches no disk, and on a row that exists it allocates nothing unless the call failed.
func (l *Ledger) Record(e *call.Event) {
	if e.Method == http.MethodConnect {
		return // a refused tunnel is no call of an integration
	}
	if e.Scheme == legacy.None.String() && e.Integration == call.UnknownIntegration &&
		(e.Outcome == call.OutcomeOK || e.Path == redirect.Path) {
		return // a WSDL, service_information, a signer's browser: they need no credential and belong to nobody
	}
	at := e.Time
	if at.IsZero() {
		at = l.o.Now()
	}
	nano := max(at.UnixNano(), 1) // zero means never
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.row(e, nano)
	r.add(e, nano)
	if r.Door == "" {
		keep(&r.LastDoor, string(e.Door), maxName)
		keep(&r.LastAPI, string(e.API), maxName)
	}
	l.change(r.storeKey, r)
	i := l.integration(r.Integration, nano)
	i.record(e, nano)
	l.change(i.storeKey, i)
}

// change has the next write put what has this key, or delete it if that is nil.
func (l *book) change(key string, s stored) {
	if l.o.Store != nil {
		l.changed[key] = s
	}
}

// row finds or makes the row of a call.
func (l *book) row(e *call.Event, at int64) *row {
	t, key := &l.rows, rowKey{
		Integration: e.Integration, Authenticator: e.Authenticator, Principal: e.Principal, Scheme: e.Scheme,
		Door: string(e.Door), API: string(e.API),
	}
	if e.UnknownUser || e.Integration == call.UnknownIntegration || e.Integration == "" {
		t, key = &l.unknown, rowKey{
			Integration: cmp.Or(e.Integration, call.UnknownIntegration), Key: e.Key, Authenticator: e.Authenticator,
			Principal: e.Principal, Scheme: e.Scheme,
		}
	}
	if r := t.rows[key]; r != nil {
		return r
	}
	key = key.clean()
	if r := t.rows[key]; r != nil {
		return r
	}
	l.integration(key.Integration, at) // which may make room among the rows
	if len(t.rows) >= t.max {
		l.shed(t)
	}
	r := &row{tally: newTally(at), rowKey: key, storeKey: t.takeKey()}
	t.rows[key] = r
	return r
}

// shed removes the sixteenth not seen for longest, so that a flood of strangers does not sort the table for each.
func (l *book) shed(t *table) {
	oldest := slices.SortedFunc(maps.Values(t.rows), func(a, b *row) int { return cmp.Compare(a.Last, b.Last) })
	for _, r := range oldest[:t.max/16+1] {
		l.sharing.shed += r.calls()
		l.remove(t, r)
	}
}

func (l *book) remove(t *table, r *row) {
	delete(t.rows, r.rowKey)
	l.release(t, r.storeKey)
}

// release gives a key of the store free.
func (l *book) release(t *table, key string) {
	t.free = append(t.free, key)
	l.change(key, nil)
}

// integration finds or makes an integration. Beyond the bound the one not seen for longest goes, and its rows with it.
func (l *book) integration(name string, at int64) *integrationTally {
	if i := l.integrations[name]; i != nil {
		return i
	}
	if len(l.integrations) >= l.o.MaxIntegrations {
		l.forgetOldest()
	}
	i := &integrationTally{tally: newTally(at), Name: name, storeKey: integrationPrefix + name}
	l.integrations[name] = i
	return i
}

func (l *book) forgetOldest() {
	oldest := slices.MinFunc(slices.Collect(maps.Values(l.integrations)), func(a, b *integrationTally) int {
		return cmp.Compare(a.Last, b.Last)
	})
	l.sharing.shed += oldest.calls()
	delete(l.integrations, oldest.Name)
	l.change(oldest.storeKey, nil)
	for _, t := range [...]*table{&l.rows, &l.unknown} {
		for _, r := range t.rows {
			if r.Integration == oldest.Name {
				l.remove(t, r)
			}
		}
	}
}

// Run writes or sends what changed every few seconds until ctx is done, and a last time then; it returns that one's
// error.
func (l *Ledger) Run(ctx context.Context) error {
	every := FlushEvery
	if l.o.Shared != nil {
		every = SendEvery
	}
	tick := time.NewTicker(every)
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

// table is a bounded set of rows. Keys in the store are used again, so that neither the store nor the changes that wait
// for it hold more rows than the table.
type table struct {
	prefix string
	max    int
	rows   map[rowKey]*row
	next   uint32   // the first number of a key never used
	free   []string // keys that no row has
}

func (t *table) takeKey() string {
	if n := len(t.free); n > 0 {
		key := t.free[n-1]
		t.free = t.free[:n-1]
		return key
	}
	t.next++
	return t.keyOf(t.next - 1)
}

func (t *table) keyOf(number uint32) string { return fmt.Sprintf("%s%08x", t.prefix, number) }

// rowKey tells rows apart. Unknown ones have no door nor API in it: one stranger fills one row.
type rowKey struct {
	Integration   string `json:"integration"`
	Key           string `json:"key,omitempty"`
	Authenticator string `json:"authenticator,omitempty"`
	Principal     string `json:"principal,omitempty"`
	Scheme        string `json:"scheme,omitempty"`
	Door          string `json:"door,omitempty"`
	API           string `json:"api,omitempty"`
}

// clean also copies the texts: they must not keep a request's buffers alive.
func (k rowKey) clean() rowKey {
	for _, s := range [...]*string{&k.Integration, &k.Key, &k.Authenticator, &k.Principal, &k.Scheme, &k.Door, &k.API} {
		*s = strings.Clone(clean(*s, maxName))
	}
	return k
}
