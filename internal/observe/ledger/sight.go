package ledger

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"
)

// How often the merged rows are read while somebody looks: what changed, and all of them.
const (
	lookEvery    = 5 * time.Second
	lookAllEvery = 10 * time.Minute
)

// sight is what was read of one kind of the merged rows.
type sight struct {
	groups map[string]map[string]seen // by integration, or "" for rows of users; then by name
	left   int                        // rows that cannot be read
	until  uint64
	batch  uint64    // the last of this replica that is in it
	at     time.Time // when it was read; zero = never
	all    time.Time // when all of it was read
	tried  time.Time
	failed bool // the last try
}

// seen is a merged row. row is what it says of a user.
type seen struct {
	Fields
	row *row
}

// Names of rows are the JSON of these and of rowKey.
type (
	dayKey struct {
		Integration string `json:"integration"`
		Day         int64  `json:"day,omitempty"` // since 1970; 0 = the integration itself
	}
	caseKey struct {
		Integration string `json:"integration"`
		Config      string `json:"config"`
		badKey             // empty: those that would work
	}
)

func nameOf(key any) string {
	text, _ := json.Marshal(key) // texts and numbers always encode
	return string(text)
}

// groupOf gives the integration that a row is found by; those of users need none.
func groupOf(kind, name string) (string, error) {
	if kind == kindRow || kind == kindUnknown {
		return "", nil
	}
	var key dayKey
	err := json.Unmarshal([]byte(name), &key)
	return key.Integration, err
}

// bounds are the most rows of each kind.
func (l *replica) bounds() map[string]int {
	return map[string]int{
		kindRow: l.rows.max, kindUnknown: l.unknown.max, kindIntegration: l.o.MaxIntegrations,
		kindHours: l.o.MaxIntegrations * (hoursKept/hoursOfDay + 1), kindRehearsal: l.rows.max,
	}
}

// look reads what the replicas have merged, unless it did so a moment ago. What cannot be read stays as it was.
func (l *replica) look(kinds ...string) {
	if l.o.Shared == nil {
		return
	}
	l.flushing.Lock()
	defer l.flushing.Unlock()
	for _, kind := range kinds {
		s, now := l.sharing.sights[kind], l.o.Now()
		if age := now.Sub(s.tried); age >= 0 && age < lookEvery {
			continue
		}
		err := l.read(kind, s)
		if err != nil && !s.failed {
			l.o.OnError(err)
		}
		s.tried, s.failed = now, err != nil
	}
}

// Look reads all that the replicas have merged; the error says why it cannot be read.
func (l *replica) Look() error {
	l.flushing.Lock()
	defer l.flushing.Unlock()
	for kind, s := range l.sharing.sights {
		if err := l.read(kind, s); err != nil {
			return err
		}
		s.tried = l.o.Now()
	}
	return nil
}

// read reads what changed, and all of it where the number of rows shows that some are gone. flushing is held: no batch
// is under way from here.
func (l *replica) read(kind string, s *sight) error {
	now := l.o.Now()
	next := sight{tried: s.tried, at: now, all: s.all, left: s.left}
	l.mu.Lock()
	next.groups, next.until = map[string]map[string]seen{}, s.until
	for group, rows := range s.groups {
		next.groups[group] = maps.Clone(rows)
	}
	l.mu.Unlock()
	whole := now.Sub(s.all) >= lookAllEvery
	for {
		if whole {
			next.groups, next.until, next.all = map[string]map[string]seen{}, 0, now
		}
		got, err := l.o.Shared.Rows(context.Background(), kind, next.until, func(f Fields) error {
			if err := next.put(kind, f); err != nil {
				l.o.OnError(fmt.Errorf("ledger: a row of the replicas is left out: %w", err))
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("read ledger of all replicas: %w", err)
		}
		next.until, next.batch = got.Until, got.Batch
		if whole {
			next.left = got.Rows - next.len()
		}
		if next.len()+next.left == got.Rows {
			break
		}
		whole = true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	*s = next
	return nil
}

func (s *sight) len() (n int) {
	for _, rows := range s.groups {
		n += len(rows)
	}
	return n
}

func (s *sight) put(kind string, f Fields) error {
	group, err := groupOf(kind, f.Name)
	if err != nil {
		return err
	}
	row := seen{Fields: f}
	switch kind {
	case kindRow, kindUnknown:
		row.row, err = rowFrom(f)
	case kindIntegration:
		_, err = integrationFrom(group, f)
	}
	if err != nil {
		return err
	}
	if s.groups[group] == nil {
		s.groups[group] = map[string]seen{}
	}
	s.groups[group][f.Name] = row
	return nil
}

// merge brings a batch of this process into a sight that was read before it was sent.
func (s *sight) merge(d Delta) error {
	group, err := groupOf(d.Kind, d.Name)
	if err != nil || s.groups == nil {
		return err
	}
	f := NewFields(d.Name)
	if old, ok := s.groups[group][d.Name]; ok {
		f = old.clone()
	}
	f.Apply(d)
	if f.Empty() {
		delete(s.groups[group], d.Name)
		return nil
	}
	return s.put(d.Kind, f)
}

// seen gives the merged rows of a group with what this process has not sent yet. mu is held.
func (l *replica) seen(kind, group string, own []Delta) map[string]seen {
	s := l.sharing.sights[kind]
	rows := maps.Clone(s.groups[group])
	if rows == nil {
		rows = map[string]seen{}
	}
	with := sight{groups: map[string]map[string]seen{group: rows}}
	for _, d := range append(l.sharing.unseen(kind, s.batch), own...) {
		if g, err := groupOf(d.Kind, d.Name); err == nil && g == group && d.Kind == kind {
			_ = with.merge(d) // made here, so it can be read
		}
	}
	return rows
}

// rowsOf gives the rows of users; mu is held.
func (l *replica) rowsOf(t *table) iter.Seq[*row] {
	if l.o.Shared == nil {
		return maps.Values(t.rows)
	}
	var own []Delta
	for _, r := range t.rows {
		own = append(own, l.deltaOf(t, r))
	}
	rows := l.seen(t.prefix, "", own)
	return func(yield func(*row) bool) {
		for _, s := range rows {
			if !yield(s.row) {
				return
			}
		}
	}
}

// integrationOf gives what is known of an integration, nil for nothing; mu is held.
func (l *replica) integrationOf(name string) *integrationTally {
	if l.o.Shared == nil {
		return l.integrations[name]
	}
	var own []Delta
	if i := l.integrations[name]; i != nil {
		own = l.deltasOf(i)
	}
	f, known := l.seen(kindIntegration, name, own)[nameOf(dayKey{Integration: name})]
	if !known {
		return nil
	}
	i, err := integrationFrom(name, f.Fields)
	if err != nil {
		return nil // it was told of when it was read
	}
	for text, day := range l.seen(kindHours, name, own) {
		i.addDay(text, day.Fields)
	}
	slices.SortFunc(i.Hours, func(a, b hour) int { return cmp.Compare(a[hourNumber], b[hourNumber]) })
	if config := l.configs[name]; config != "" {
		i.Rehearsals = rehearsalsFrom(config, l.seen(kindRehearsal, name, own))
	}
	return i
}

func rowFrom(f Fields) (*row, error) {
	r := &row{tally: newTally(0)}
	if err := json.Unmarshal([]byte(f.Name), &r.rowKey); err != nil {
		return nil, err
	}
	r.rowKey = r.rowKey.clean()
	r.merge(&sheet{from: &f})
	r.LastDoor, r.LastAPI = clean(r.LastDoor, maxName), clean(r.LastAPI, maxName)
	return r, r.check()
}

func integrationFrom(name string, f Fields) (*integrationTally, error) {
	i := &integrationTally{tally: newTally(0), Name: name}
	i.merge(&sheet{from: &f})
	return i, i.check()
}

// addDay takes the hours of a day; a name that cannot be read was told of when it was read.
func (i *integrationTally) addDay(name string, f Fields) {
	var key dayKey
	if json.Unmarshal([]byte(name), &key) != nil || key.Day <= 0 || key.Day > 1<<31 {
		return
	}
	for n := range int64(hoursOfDay) {
		h := hour{key.Day*hoursOfDay + n}
		if h.merge(&sheet{from: &f}); h[hourCalls] > 0 {
			i.Hours = append(i.Hours, h)
		}
	}
}

// rehearsalsFrom gathers those of one configuration; nil = there are none.
func rehearsalsFrom(config string, rows map[string]seen) *rehearsals {
	var r *rehearsals
	for _, name := range slices.Sorted(maps.Keys(rows)) {
		f := rows[name].Fields
		var key caseKey
		if json.Unmarshal([]byte(name), &key) != nil || key.Config != config {
			continue
		}
		if r == nil {
			r = &rehearsals{Config: config}
		}
		if key.badKey == (badKey{}) {
			r.merge(&sheet{from: &f})
			continue
		}
		b := badCase{badKey: key.badKey}
		if b.merge(&sheet{from: &f}); b.Count > 0 && b.Last > 0 {
			r.Bad = append(r.Bad, b)
		}
	}
	return r
}
