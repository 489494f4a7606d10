package ledger

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
)

// Keys of rows in the store begin with what they are.
const (
	rowPrefix         = "k"
	unknownPrefix     = "u"
	integrationPrefix = "i"
)

// savedVersion is the version of the JSON below. Times are Unix nanoseconds.
const savedVersion = 1

type savedTally struct {
	Version   int               `json:"v"`
	First     int64             `json:"first"`
	Last      int64             `json:"last"`
	Counts    map[string]uint64 `json:"counts"`
	Way       uint8             `json:"way,omitempty"`
	Status    int               `json:"status,omitempty"`
	Failure   string            `json:"error,omitempty"`
	FailureAt int64             `json:"error_at,omitempty"`
	Client    string            `json:"client,omitempty"`
	Agent     string            `json:"agent,omitempty"`
	In        uint64            `json:"in,omitempty"`
	Out       uint64            `json:"out,omitempty"`
}

type savedRow struct {
	savedTally
	Integration   string `json:"integration"`
	Key           string `json:"key,omitempty"`
	Authenticator string `json:"authenticator,omitempty"`
	Principal     string `json:"principal,omitempty"`
	Scheme        string `json:"scheme,omitempty"`
	Door          string `json:"door,omitempty"`
	API           string `json:"api,omitempty"`

	table *table
	id    uint32
}

type savedIntegration struct {
	savedTally
	Name        string     `json:"name"`
	Forwarded   int64      `json:"forwarded,omitempty"`
	Translated  int64      `json:"translated,omitempty"`
	Native      int64      `json:"native,omitempty"`
	NativeSince int64      `json:"native_since,omitempty"`
	RecentBits  uint32     `json:"recent"`
	RecentCount int        `json:"recent_count"`
	Hours       [][6]int64 `json:"hours"` // number, calls, failed, legacy, native, bearer
}

func (t *tally) save(names []string) savedTally {
	return savedTally{
		Version: savedVersion, First: t.first, Last: t.last, Counts: t.byOutcome(names), Way: uint8(t.way), Status: t.status,
		Failure: t.failure, FailureAt: t.failureAt, Client: t.client, Agent: t.agent, In: t.in, Out: t.out,
	}
}

// restoreTo cleans texts again: a file can be edited. outcome gives the place of a name.
func (s *savedTally) restoreTo(t *tally, outcome func(string) int) {
	*t = tally{
		first: s.First, last: s.Last, way: Way(s.Way), status: s.Status, failure: clean(s.Failure, maxError), failureAt: s.FailureAt,
		client: clean(s.Client, maxName), agent: clean(s.Agent, maxAgent), in: s.In, out: s.Out,
	}
	for name, n := range s.Counts {
		t.counts[outcome(name)] += n
	}
}

func (s *savedTally) check() error {
	if s.Version != savedVersion {
		return fmt.Errorf("it has version %d, this program knows %d", s.Version, savedVersion)
	}
	if s.First <= 0 || s.Last < s.First || s.FailureAt < 0 {
		return errors.New("its times are wrong")
	}
	return nil
}

func (s *savedRow) key() rowKey {
	return rowKey{s.Integration, s.Key, s.Authenticator, s.Principal, s.Scheme, s.Door, s.API}
}

func (r *row) encode(outcomes *atomic.Pointer[[]string]) []byte {
	r.mu.Lock()
	k, t := r.key, r.save(*outcomes.Load())
	r.mu.Unlock()
	return mustJSON(savedRow{
		savedTally: t, Integration: k.integration, Key: k.key, Authenticator: k.authenticator, Principal: k.principal,
		Scheme: k.scheme, Door: k.door, API: k.api,
	})
}

func (r *row) public(outcomes *atomic.Pointer[[]string]) Row {
	r.mu.Lock()
	defer r.mu.Unlock()
	// The names are loaded with the lock held, so that every outcome that the row counts has one.
	k, names := r.key, *outcomes.Load()
	return Row{
		Integration: k.integration, Authenticator: k.authenticator, Principal: k.principal, Scheme: k.scheme, Door: k.door, API: k.api,
		Way: r.way, FirstSeen: when(r.first), LastSeen: when(r.last), Calls: r.calls(), Counts: r.byOutcome(names), LastStatus: r.status,
		LastError: r.failure, LastErrorAt: when(r.failureAt), Client: r.client, UserAgent: r.agent, BytesIn: r.in, BytesOut: r.out,
	}
}

func decodeRow(b []byte) (savedRow, error) {
	var s savedRow
	if err := json.Unmarshal(b, &s); err != nil {
		return savedRow{}, err
	}
	return s, s.check()
}

func (i *integration) encode(outcomes *atomic.Pointer[[]string]) []byte {
	i.mu.Lock()
	s := savedIntegration{
		savedTally: i.save(*outcomes.Load()), Name: i.name, Forwarded: i.seen.forwarded, Translated: i.seen.translated, Native: i.seen.native,
		NativeSince: i.seen.nativeSince, RecentBits: i.recent.bits, RecentCount: i.recent.count,
	}
	for _, h := range i.within(i.last, hoursKept) {
		s.Hours = append(s.Hours, [6]int64{h.number, int64(h.calls), int64(h.failed), int64(h.legacy), int64(h.native), int64(h.bearer)})
	}
	i.mu.Unlock()
	return mustJSON(s)
}

func decodeIntegration(b []byte) (savedIntegration, error) {
	var s savedIntegration
	if err := json.Unmarshal(b, &s); err != nil {
		return savedIntegration{}, err
	}
	if err := s.check(); err != nil {
		return savedIntegration{}, err
	}
	if min(s.Forwarded, s.Translated, s.Native, s.NativeSince) < 0 || s.RecentCount < 0 || s.RecentCount > FailingSample || s.RecentBits>>s.RecentCount != 0 {
		return savedIntegration{}, errors.New("its numbers are wrong")
	}
	for _, h := range s.Hours {
		if !validHour(h) {
			return savedIntegration{}, errors.New("its hours are wrong")
		}
	}
	return s, nil
}

func validHour(h [6]int64) bool {
	for _, n := range h[1:] {
		if n < 0 || n > 1<<32-1 {
			return false
		}
	}
	return h[0] > 0
}

func (s *savedIntegration) restoreTo(i *integration, outcome func(string) int) {
	s.savedTally.restoreTo(&i.tally, outcome)
	i.seen = credentials{forwarded: s.Forwarded, translated: s.Translated, native: s.Native, nativeSince: s.NativeSince}
	i.recent = recent{bits: s.RecentBits, count: s.RecentCount}
	for _, h := range s.Hours {
		place := &i.hours[h[0]%hoursKept]
		if h[0] > place.number {
			*place = hour{h[0], uint32(h[1]), uint32(h[2]), uint32(h[3]), uint32(h[4]), uint32(h[5])}
		}
	}
}

// mustJSON encodes plain structs of texts and numbers, which cannot fail.
func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}
