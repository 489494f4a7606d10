package ledger

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// Row is a line of the ledger: the calls of one user of one integration with one kind of credential to one API.
type Row struct {
	Integration   string
	Authenticator string
	Principal     string
	Scheme        string
	Door          string
	API           string
	Way           Way // of the last call
	FirstSeen     time.Time
	LastSeen      time.Time
	Calls         uint64
	Counts        map[string]uint64 // by outcome
	LastStatus    int
	LastError     string    // of the last call that failed
	LastErrorAt   time.Time // zero if none did
	Client        string    // address of the last caller
	UserAgent     string
	BytesIn       uint64
	BytesOut      uint64
}

// UnknownRow is a caller that the configuration does not list: a foreign integrator key, or a foreign user with a known one.
type UnknownRow struct {
	Key string // integrator key as sent
	Row        // without Door and API
}

// Known is an integration of the configuration.
type Known struct{ Name, Mode string }

// Hour is a point of an integration's chart.
type Hour struct {
	Start  time.Time
	Calls  uint32
	Failed uint32
	Legacy uint32 // with a legacy credential
	Native uint32 // with the program's own OAuth token
}

// Summary is what is known of one integration.
type Summary struct {
	Name, Mode  string
	State       State
	FirstSeen   time.Time // of any call, even one without a credential
	LastSeen    time.Time
	Calls       uint64
	Counts      map[string]uint64 // by outcome
	LastError   string
	LastErrorAt time.Time
	LegacyLast  time.Time // last call with a legacy credential
	NativeLast  time.Time // last call with the program's own OAuth token
	NativeSince time.Time // first native call since LegacyLast; zero if none
	BytesIn     uint64
	BytesOut    uint64

	CallsLast24h uint64 // of the running hour and the 23 before
	// BearerLast24h are those that ended ok with a bearer token, translated or its own. DocuSign wants 20 for
	// Go-Live (PROTOCOL.md §11).
	BearerLast24h uint64
	Hours         []Hour // those with calls of the last 14 days, the oldest first

	Authenticators []string
	Principals     []string
	Schemes        []string
	Doors          []string
	APIs           []string
	UnknownUsers   int // rows of Unknown with this integration
}

// Rows returns the rows of known users, the last seen first.
func (l *Ledger) Rows() []Row {
	var list []Row
	l.rows.each(func(r *row) { list = append(list, r.public(&l.outcomes)) })
	slices.SortFunc(list, compareRows)
	return list
}

// Unknown returns the callers that the configuration does not list, the last seen first.
func (l *Ledger) Unknown() []UnknownRow {
	var list []UnknownRow
	l.unknown.each(func(r *row) { list = append(list, UnknownRow{r.key.key, r.public(&l.outcomes)}) })
	slices.SortFunc(list, func(a, b UnknownRow) int {
		return cmp.Or(compareRows(a.Row, b.Row), cmp.Compare(a.Key, b.Key))
	})
	return list
}

func compareRows(a, b Row) int {
	return cmp.Or(b.LastSeen.Compare(a.LastSeen), cmp.Compare(a.Integration, b.Integration), cmp.Compare(a.Authenticator, b.Authenticator),
		cmp.Compare(a.Principal, b.Principal), cmp.Compare(a.Scheme, b.Scheme), cmp.Compare(a.Door, b.Door), cmp.Compare(a.API, b.API))
}

// Integrations returns a summary for each of known, in that order, whether it was seen or not.
func (l *Ledger) Integrations(known []Known) []Summary {
	now := l.o.Now()
	facets := l.facets()
	list := make([]Summary, len(known))
	for n, k := range known {
		s := &list[n]
		s.Name, s.Mode, s.State = k.Name, k.Mode, StateNeverSeen
		if k.Mode == ModeBlock {
			s.State = StateBlocked
		}
		if i := l.lookup(k.Name); i != nil {
			l.summarise(s, i, now)
		}
		if f := facets[clean(k.Name, maxName)]; f != nil {
			f.addTo(s)
		}
	}
	return list
}

func (l *Ledger) lookup(name string) *integration {
	l.growing.Lock()
	defer l.growing.Unlock()
	return l.integrations[clean(name, maxName)]
}

func (l *Ledger) summarise(s *Summary, i *integration, now time.Time) {
	i.mu.Lock()
	defer i.mu.Unlock()
	s.FirstSeen, s.LastSeen = when(i.first), when(i.last)
	s.Calls, s.Counts = i.calls(), i.byOutcome(*l.outcomes.Load())
	s.LastError, s.LastErrorAt = i.failure, when(i.failureAt)
	s.LegacyLast, s.NativeLast, s.NativeSince = when(i.seen.legacy()), when(i.seen.native), when(i.seen.nativeSince)
	s.BytesIn, s.BytesOut = i.in, i.out
	s.State = Evidence{
		Mode: s.Mode, Forwarded: when(i.seen.forwarded), Translated: when(i.seen.translated), Native: when(i.seen.native),
		Recent: i.recent.count, Failed: i.recent.failed(),
	}.State(now, l.o.IdleAfter, l.o.Window)
	for _, h := range i.within(now.UnixNano(), 24) {
		s.CallsLast24h += uint64(h.calls)
		s.BearerLast24h += uint64(h.bearer)
	}
	for _, h := range i.within(now.UnixNano(), hoursKept) {
		s.Hours = append(s.Hours, Hour{time.Unix(h.number*3600, 0).UTC(), h.calls, h.failed, h.legacy, h.native})
	}
}

type set map[string]struct{}

func (s set) add(text string) {
	if text != "" {
		s[text] = struct{}{}
	}
}

func (s set) sorted() []string { return slices.Sorted(maps.Keys(s)) }

// facets are the different values that an integration's rows have.
type facets struct {
	authenticators, principals, schemes, doors, apis set
	unknown                                          int
}

func (l *Ledger) facets() map[string]*facets {
	m := map[string]*facets{}
	of := func(name string) *facets {
		if m[name] == nil {
			m[name] = &facets{authenticators: set{}, principals: set{}, schemes: set{}, doors: set{}, apis: set{}}
		}
		return m[name]
	}
	l.rows.each(func(r *row) {
		f, k := of(r.key.integration), r.key
		f.authenticators.add(k.authenticator)
		f.principals.add(k.principal)
		f.schemes.add(k.scheme)
		f.doors.add(k.door)
		f.apis.add(k.api)
	})
	l.unknown.each(func(r *row) { of(r.key.integration).unknown++ })
	return m
}

func (f *facets) addTo(s *Summary) {
	s.Authenticators, s.Principals = f.authenticators.sorted(), f.principals.sorted()
	s.Schemes, s.Doors, s.APIs = f.schemes.sorted(), f.doors.sorted(), f.apis.sorted()
	s.UnknownUsers = f.unknown
}
