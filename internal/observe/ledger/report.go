package ledger

import (
	"cmp"
	"maps"
	"math/bits"
	"net/netip"
	"slices"
	"time"

	"docusign-auth-proxy/internal/integration"
)

// Row is a line of the ledger: the calls of one user of one integration with one kind of credential to one API. Its
// JSON is part of the operations listener's.
type Row struct {
	Integration   string            `json:"-"`
	Authenticator string            `json:"authenticator"`
	Principal     string            `json:"principal,omitempty"`
	Scheme        string            `json:"scheme"`
	Door          string            `json:"door,omitempty"`
	API           string            `json:"api,omitempty"`
	Way           string            `json:"way"` // of the last call, see Way
	FirstSeen     time.Time         `json:"first_seen,omitzero"`
	LastSeen      time.Time         `json:"last_seen,omitzero"`
	Calls         uint64            `json:"calls"`
	Failed        uint64            `json:"failed"`
	Outcomes      map[string]uint64 `json:"outcomes"`
	LastStatus    int               `json:"last_status,omitempty"`
	LastError     string            `json:"last_error,omitempty"` // of the last call that failed
	LastCause     string            `json:"last_cause,omitempty"`
	LastNext      string            `json:"last_next_step,omitempty"`
	LastErrorAt   time.Time         `json:"last_error_at,omitzero"`
	Client        string            `json:"client,omitempty"` // address of the last caller
	UserAgent     string            `json:"user_agent,omitempty"`
	BytesIn       uint64            `json:"bytes_in"`
	BytesOut      uint64            `json:"bytes_out"`
}

// LastFailed reports whether the last call did not end ok.
func (r *Row) LastFailed() bool { return !r.LastErrorAt.IsZero() && !r.LastErrorAt.Before(r.LastSeen) }

// UnknownRow is a caller that the configuration does not list: a foreign integrator key, or a foreign user with a known
// one.
type UnknownRow struct {
	Key string // integrator key as sent
	Row        // with Door and API of the last call
}

// Hour is a point of an integration's chart.
type Hour struct {
	Start  time.Time `json:"start"`
	Calls  uint64    `json:"calls"`
	Failed uint64    `json:"failed"`
	Legacy uint64    `json:"legacy"` // with a legacy credential
	Native uint64    `json:"native"` // with the program's own OAuth token
}

// Summary is what is known of one integration. Its JSON is part of the operations listener's.
type Summary struct {
	Name  string           `json:"-"`
	Mode  integration.Mode `json:"-"`
	State State            `json:"-"`

	FirstSeen    time.Time         `json:"first_seen,omitzero"` // of any call, even one without a credential
	LastSeen     time.Time         `json:"last_seen,omitzero"`
	LegacyLast   time.Time         `json:"legacy_last,omitzero"`  // last call with a legacy credential
	NativeLast   time.Time         `json:"native_last,omitzero"`  // last call with the program's own OAuth token
	NativeSince  time.Time         `json:"native_since,omitzero"` // first native call since LegacyLast; zero if none
	Calls        uint64            `json:"calls"`
	Failed       uint64            `json:"failed"`
	Outcomes     map[string]uint64 `json:"outcomes"`
	CallsLast24h uint64            `json:"calls_last_24h"` // of the running hour and the 23 before
	// OAuthLast24h are those that ended ok with a bearer token, translated or its own. DocuSign wants 20 for
	// Go-Live (PROTOCOL.md §11).
	OAuthLast24h uint64    `json:"oauth_calls_last_24h"`
	LastError    string    `json:"last_error,omitempty"`
	LastCause    string    `json:"last_cause,omitempty"`
	LastNext     string    `json:"last_next_step,omitempty"`
	LastErrorAt  time.Time `json:"last_error_at,omitzero"`
	BytesIn      uint64    `json:"bytes_in"`
	BytesOut     uint64    `json:"bytes_out"`
	UnknownUsers int       `json:"unknown_users"` // rows of Unknown with this integration
	Schemes      []string  `json:"schemes"`
	Doors        []string  `json:"doors"`
	APIs         []string  `json:"apis"`
	Callers      []Row     `json:"callers"` // the last seen first
	Hours        []Hour    `json:"hours"`   // those with calls of the last 14 days, the oldest first
	// Operations are those of SOAP that were used, the most used first; Verdict says what soap: rest does with them.
	Operations []Operation `json:"soap_operations,omitempty"`
	Verdict    string      `json:"soap_verdict,omitempty"`
	// BearerRefused is when DocuSign last refused a token at a SOAP service; zero if it has taken one since.
	BearerRefused time.Time `json:"bearer_refused,omitzero"`
	// Rehearsals are those of mode observe with the configuration in force; nil = there was none.
	Rehearsals *Rehearsals `json:"rehearsals,omitempty"`
}

// Rows returns the rows of known users, the last seen first.
func (l *Ledger) Rows() []Row {
	var list []Row
	for _, r := range l.list(&l.rows) {
		list = append(list, r.Row)
	}
	return list
}

// Unknown returns the callers that the configuration does not list, the last seen first.
func (l *Ledger) Unknown() []UnknownRow { return l.list(&l.unknown) }

func (l *Ledger) list(t *table) []UnknownRow {
	l.look(t.prefix)
	l.mu.Lock()
	var list []UnknownRow
	for r := range l.rowsOf(t) {
		list = append(list, r.public())
	}
	l.mu.Unlock()
	slices.SortFunc(list, func(a, b UnknownRow) int {
		return cmp.Or(b.LastSeen.Compare(a.LastSeen), cmp.Compare(a.Integration, b.Integration),
			cmp.Compare(a.Authenticator, b.Authenticator), cmp.Compare(a.Principal, b.Principal),
			cmp.Compare(a.Scheme, b.Scheme), cmp.Compare(a.Door, b.Door), cmp.Compare(a.API, b.API), cmp.Compare(a.Key, b.Key))
	})
	return list
}

func (r *row) public() UnknownRow {
	return UnknownRow{r.Key, Row{
		Integration: r.Integration, Authenticator: r.Authenticator, Principal: r.Principal, Scheme: r.Scheme,
		Door: cmp.Or(r.Door, r.LastDoor), API: cmp.Or(r.API, r.LastAPI), Way: Way(r.Way).String(),
		FirstSeen: when(r.First), LastSeen: when(r.Last), Calls: r.calls(), Failed: r.failed(),
		Outcomes: maps.Clone(r.Counts), LastStatus: r.Status, LastError: r.Failure, LastCause: r.Cause, LastNext: r.Next,
		LastErrorAt: when(r.FailureAt), Client: r.Client, UserAgent: r.Agent, BytesIn: r.In, BytesOut: r.Out,
	}}
}

// Integrations returns a summary for each of known, in that order, whether it was seen or not.
func (l *Ledger) Integrations(known []integration.Integration) []Summary {
	list := make([]Summary, len(known))
	of := map[string]*Summary{}
	for n := range known {
		list[n] = l.Summary(known[n].Name, known[n].Mode)
		list[n].Rehearsals = l.rehearsals(&known[n])
		of[clean(known[n].Name, maxName)] = &list[n]
	}
	for _, r := range l.Unknown() {
		if s := of[r.Integration]; s != nil {
			s.UnknownUsers++
		}
	}
	for _, r := range l.Rows() {
		if s := of[r.Integration]; s != nil {
			s.Callers = append(s.Callers, r)
			addSorted(&s.Schemes, r.Scheme)
			addSorted(&s.Doors, r.Door)
			addSorted(&s.APIs, r.API)
		}
	}
	return list
}

// rehearsals gives those of an integration that is observed, with this configuration.
func (l *Ledger) rehearsals(in *integration.Integration) *Rehearsals {
	l.look(kindRehearsal)
	l.mu.Lock()
	defer l.mu.Unlock()
	i := l.integrationOf(clean(in.Name, maxName))
	if in.Mode != integration.Observe || i == nil || i.Rehearsals == nil || i.Rehearsals.Config != digest(in) {
		return nil
	}
	return i.Rehearsals.public(l.o.Now())
}

// addSorted keeps the different texts of a list in alphabetical order.
func addSorted(list *[]string, text string) {
	if at, found := slices.BinarySearch(*list, text); !found && text != "" {
		*list = slices.Insert(*list, at, text)
	}
}

// Summary returns what is known of an integration without its rows.
func (l *Ledger) Summary(name string, mode integration.Mode) Summary {
	l.look(kindIntegration, kindHours)
	l.mu.Lock()
	defer l.mu.Unlock()
	i, now := cmp.Or(l.integrationOf(clean(name, maxName)), &integrationTally{}), l.o.Now()
	s := Summary{
		Name: name, Mode: mode, FirstSeen: when(i.First), LastSeen: when(i.Last),
		LegacyLast: when(max(i.Forwarded, i.Translated)), NativeLast: when(i.Native), NativeSince: when(i.NativeSince),
		Calls: i.calls(), Failed: i.failed(),
		Outcomes: maps.Clone(i.Counts), LastError: i.Failure, LastCause: i.Cause, LastNext: i.Next,
		LastErrorAt: when(i.FailureAt), BytesIn: i.In, BytesOut: i.Out,
		State: Evidence{
			Mode: mode, Forwarded: when(i.Forwarded), Translated: when(i.Translated), Native: when(i.Native),
			Recent: i.RecentCount, Failed: bits.OnesCount32(i.RecentBits),
		}.State(now),
	}
	s.Operations, s.BearerRefused = i.operations(), when(i.BearerRefused)
	s.Verdict, _ = Verdict(s.Operations)
	for _, h := range i.within(now, 24) {
		s.CallsLast24h += uint64(h[hourCalls])
		s.OAuthLast24h += uint64(h[hourBearer])
	}
	for _, h := range i.within(now, hoursKept) {
		s.Hours = append(s.Hours, Hour{
			Start: time.Unix(h[hourNumber]*3600, 0).UTC(), Calls: uint64(h[hourCalls]), Failed: uint64(h[hourFailed]),
			Legacy: uint64(h[hourLegacy]), Native: uint64(h[hourNative]),
		})
	}
	return s
}

// fewPrograms may well run on one machine.
const fewPrograms = 3

// OneClient gives the address of another machine from which the programs of all rows call, and how many they are by
// integration and User-Agent. It gives none when there are several addresses, or too few programs to tell.
func OneClient(rows []Row) (client string, programs int) {
	type program struct{ integration, agent string }
	seen := map[program]bool{}
	for _, r := range rows {
		a, err := netip.ParseAddr(r.Client)
		if err != nil || a.IsLoopback() || client != "" && client != r.Client {
			return "", 0
		}
		client = r.Client
		seen[program{r.Integration, r.UserAgent}] = true
	}
	if len(seen) < fewPrograms {
		return "", 0
	}
	return client, len(seen)
}
