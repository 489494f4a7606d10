package admin

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/observe/ledger"
	"docusign-auth-proxy/internal/words"
)

const (
	feedWarning   = 30 * time.Second // a follower hears every few seconds, even that nothing is new
	unsentWarning = 5 * time.Minute  // batches go every few seconds
	readWarning   = 5 * time.Minute  // whoever looks at a status reads the counts
	replicaNames  = 3                // in an entry
)

// Replicas are those that share one store. ConfigHash and Version are what the others are compared with.
type Replicas struct {
	Store      string         `json:"store"`               // its namespace
	Made       time.Time      `json:"store_made,omitzero"` // when somebody made the store; zero = not known
	AsOf       time.Time      `json:"as_of,omitzero"`      // when the list was read; zero = never
	ConfigHash string         `json:"config_hash"`
	Version    string         `json:"version"`
	Counts     ledger.Sharing `json:"counts"`
	List       []Replica      `json:"list"`
	Server     []Attention    `json:"server,omitempty"` // what is wrong with the server of the store: OfStore
}

// Replica is what one of them says of itself.
type Replica struct {
	Name       string    `json:"name"`
	Self       bool      `json:"self"` // it tells this status
	Version    string    `json:"version"`
	Commit     string    `json:"commit,omitempty"`
	ConfigHash string    `json:"config_hash"` // of what decides about calls
	Started    time.Time `json:"started,omitzero"`
	Operations string    `json:"operations"` // address of its operations listener
	// FeedPosition is up to where it has the changes of the others, FeedLagSeconds how long ago it last heard that none
	// is missing.
	FeedPosition   string  `json:"feed_position,omitempty"`
	FeedLagSeconds float64 `json:"feed_lag_seconds"`
	UnsentCalls    uint64  `json:"ledger_unsent_calls"`
	HeardSeconds   float64 `json:"heard_seconds_ago"`

	OtherConfig  bool `json:"other_config"`  // filled in by this package
	OtherVersion bool `json:"other_version"` // filled in by this package
	Behind       bool `json:"feed_behind"`   // filled in by this package
}

// compare fills in what sets the replicas apart.
func (r *Replicas) compare() {
	for n := range r.List {
		one := &r.List[n]
		one.OtherConfig, one.OtherVersion = one.ConfigHash != r.ConfigHash, one.Version != r.Version
		one.Behind = one.FeedLagSeconds > feedWarning.Seconds()
	}
	slices.SortFunc(r.List, func(a, b Replica) int { return cmp.Compare(a.Name, b.Name) })
}

// Others have operations listeners of their own.
func (r *Replicas) Others() []Replica {
	return slices.DeleteFunc(slices.Clone(r.List), func(one Replica) bool { return one.Self })
}

// Drift are the words for what it differs in.
func (r Replica) Drift() (list []string) {
	for _, d := range []struct {
		is   bool
		text string
	}{
		{r.OtherConfig, "configuration"}, {r.OtherVersion, "version"}, {r.Behind, "changes come late"},
	} {
		if d.is {
			list = append(list, d.text)
		}
	}
	return list
}

// uncounted says which calls may be missing here, and why; "" = none of the last 14 days.
func (s *Status) uncounted() string {
	r := s.Replicas
	if r == nil {
		return ""
	}
	why := ""
	if len(r.Server) > 0 {
		why = " (" + strings.TrimSuffix(r.Server[0].Problem, ".") + ")"
	}
	asOf := r.Counts.AsOf
	if r.Counts.UnknownAsOf.Before(asOf) {
		asOf = r.Counts.UnknownAsOf
	}
	switch {
	case asOf.IsZero():
		return "the store of all replicas has not been read" + cmp.Or(why, " (it has not been reached yet)")
	case s.Generated.Sub(asOf) > readWarning:
		return "the store of all replicas has not been read for " + span(s.Generated.Sub(asOf)) + why
	case s.Generated.Sub(s.countedSince()) < ledger.Window:
		return "the store of all replicas was made " + relative(r.Made, s.Generated) + ", and has no call from before"
	}
	return ""
}

// countedSince is when the store was made, or the first call in it: one that was copied has older ones.
func (s *Status) countedSince() time.Time {
	since := s.Replicas.Made
	first := func(t time.Time) {
		if !t.IsZero() && t.Before(since) {
			since = t
		}
	}
	for i := range s.Integrations {
		first(s.Integrations[i].FirstSeen)
	}
	for _, u := range s.Unknown {
		first(u.FirstSeen)
	}
	return since
}

// Difference is what sets replicas apart, with the values for the texts of its row.
type Difference struct {
	Row     cause.ID
	Subject string
	Fill    []string
}

// Differences compares the replicas.
func (r *Replicas) Differences(now time.Time) (list []Difference) {
	r.compare()
	differ := func(id cause.ID, is func(Replica) bool) {
		var names []string
		for _, one := range r.List {
			if is(one) {
				names = append(names, one.Name)
			}
		}
		if len(names) > 0 {
			list = append(list, Difference{id, "Replicas", []string{"count", count(len(names), "replica"), "detail",
				words.And(names, replicaNames)}})
		}
	}
	differ(cause.ReplicaDiffers, func(r Replica) bool { return r.OtherConfig })
	differ(cause.ReplicaVersions, func(r Replica) bool { return r.OtherVersion })
	for _, one := range r.List {
		if one.Behind {
			lag := time.Duration(one.FeedLagSeconds * float64(time.Second))
			list = append(list, Difference{cause.FeedBehind, "Replica " + one.Name, []string{"offset", span(lag)}})
		}
	}
	if c := r.Counts; c.Unsent > 0 && !c.AsOf.IsZero() && now.Sub(c.AsOf) > unsentWarning {
		list = append(list, Difference{cause.LedgerUnsent, "Counts", []string{"count", count(r.Counts.Unsent, "call")}})
	}
	return list
}

// OfStore makes an entry about the server of the store.
func OfStore(row cause.ID, fill ...string) Attention { return newAttention(row, "Store", fill...) }

func (r *Replicas) attention(now time.Time) []Attention {
	list := slices.Clone(r.Server)
	for _, d := range r.Differences(now) {
		list = append(list, newAttention(d.Row, d.Subject, d.Fill...))
	}
	return list
}
