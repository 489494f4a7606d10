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
	for _, r := range l.copies(&l.rows) {
		list = append(list, r.public())
	}
	slices.SortFunc(list, compareRows)
	return list
}

// Unknown returns the callers that the configuration does not list, the last seen first.
func (l *Ledger) Unknown() []UnknownRow {
	var list []UnknownRow
	for _, r := range l.copies(&l.unknown) {
		list = append(list, UnknownRow{r.Key, r.public()})
	}
	slices.SortFunc(list, func(a, b UnknownRow) int {
		return cmp.Or(compareRows(a.Row, b.Row), cmp.Compare(a.Key, b.Key))
	})
	return list
}

func (l *Ledger) copies(t *table) []*row {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := make([]*row, 0, len(t.rows))
	for _, r := range t.rows {
		list = append(list, r.copied().(*row))
	}
	return list
}

func (r *row) public() Row {
	return Row{
		Integration: r.Integration, Authenticator: r.Authenticator, Principal: r.Principal, Scheme: r.Scheme, Door: r.Door,
		API: r.API, Way: Way(r.Way), FirstSeen: when(r.First), LastSeen: when(r.Last), Calls: r.calls(), Counts: r.Counts,
		LastStatus: r.Status, LastError: r.Failure, LastErrorAt: when(r.FailureAt), Client: r.Client, UserAgent: r.Agent,
		BytesIn: r.In, BytesOut: r.Out,
	}
}

func compareRows(a, b Row) int {
	return cmp.Or(b.LastSeen.Compare(a.LastSeen), cmp.Compare(a.Integration, b.Integration),
		cmp.Compare(a.Authenticator, b.Authenticator), cmp.Compare(a.Principal, b.Principal), cmp.Compare(a.Scheme, b.Scheme),
		cmp.Compare(a.Door, b.Door), cmp.Compare(a.API, b.API))
}

// Integrations returns a summary for each of known, in that order, whether it was seen or not.
func (l *Ledger) Integrations(known []Known) []Summary {
	now := l.o.Now()
	list := make([]Summary, len(known))
	of := map[string]*Summary{}
	l.mu.Lock()
	defer l.mu.Unlock()
	for n, k := range known {
		s := &list[n]
		s.Name, s.Mode, s.State = k.Name, k.Mode, StateNeverSeen
		if k.Mode == ModeBlock {
			s.State = StateBlocked
		}
		name := clean(k.Name, maxName)
		of[name] = s
		if i := l.integrations[name]; i != nil {
			s.describe(i, now, &l.o)
		}
	}
	for _, r := range l.unknown.rows {
		if s := of[r.Integration]; s != nil {
			s.UnknownUsers++
		}
	}
	for _, r := range l.rows.rows {
		if s := of[r.Integration]; s != nil {
			s.addRow(&r.rowKey)
		}
	}
	return list
}

func (s *Summary) describe(i *integration, now time.Time, o *Options) {
	s.FirstSeen, s.LastSeen = when(i.First), when(i.Last)
	s.Calls, s.Counts = i.calls(), maps.Clone(i.Counts)
	s.LastError, s.LastErrorAt = i.Failure, when(i.FailureAt)
	s.LegacyLast, s.NativeLast, s.NativeSince = when(i.legacyLast()), when(i.Native), when(i.NativeSince)
	s.BytesIn, s.BytesOut = i.In, i.Out
	s.State = Evidence{
		Mode: s.Mode, Forwarded: when(i.Forwarded), Translated: when(i.Translated), Native: when(i.Native),
		Recent: i.RecentCount, Failed: i.recentlyFailed(),
	}.State(now, o.IdleAfter, o.Window)
	for _, h := range i.within(now, 24) {
		s.CallsLast24h += uint64(h[hourCalls])
		s.BearerLast24h += uint64(h[hourBearer])
	}
	for _, h := range i.within(now, hoursKept) {
		start := time.Unix(h[hourNumber]*3600, 0).UTC()
		s.Hours = append(s.Hours,
			Hour{start, uint32(h[hourCalls]), uint32(h[hourFailed]), uint32(h[hourLegacy]), uint32(h[hourNative])})
	}
}

// addRow notes the different values that an integration's rows have, in alphabetical order.
func (s *Summary) addRow(k *rowKey) {
	for _, f := range [...]struct {
		list *[]string
		text string
	}{{&s.Authenticators, k.Authenticator}, {&s.Principals, k.Principal}, {&s.Schemes, k.Scheme}, {&s.Doors, k.Door}, {&s.APIs, k.API}} {
		if at, found := slices.BinarySearch(*f.list, f.text); !found && f.text != "" {
			*f.list = slices.Insert(*f.list, at, f.text)
		}
	}
}
