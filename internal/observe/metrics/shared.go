package metrics

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/store"
	"docusign-auth-proxy/translate/oauth"
)

// Shared is how this process sees the store that all replicas share, and the other replicas.
type Shared struct {
	Name        string // its namespace
	Up          bool
	LastContact time.Time     // the last answer; zero = none yet
	MaxStale    time.Duration // for which a replica goes on without it; 0 = for ever
	FeedLag     time.Duration // how long ago it had all changes of the others
	Faults      []cause.ID    // what is wrong with the server, and with replicas that differ
	Replicas    int           // that live, this one too
	Unsent      uint64        // calls counted here and not yet in the store
}

// sharedCounters are about the store that replicas share, and have no series without one.
type sharedCounters struct {
	claims, refreshConflicts, unreadable *prometheus.CounterVec
	operationTime                        *prometheus.HistogramVec
}

func newSharedCounters(d *definitions) sharedCounters {
	return sharedCounters{
		operationTime: d.histogram("store_operation_duration_seconds",
			[]float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 5},
			"Time of one question to the store that all replicas share, by how it ended: ok, refused (a condition did not "+
				"hold), unreachable or aborted (nobody waited for the answer). copy waits for a replica of the server itself; "+
				"refused means that a fail-over may forget the change.", "operation", "outcome"),
		claims: d.counter("shared_claims_total",
			"What came of asking the other replicas for a token, UserInfo or a look-up: the value, a failure that they "+
				"remember, the turn to fetch it, busy (another one had the turn all the time), stale (this one's came too late) "+
				"or unshared (the store could not be asked, so that this one fetched it alone).", "kind", "result"),
		refreshConflicts: d.counter("refresh_conflicts_total",
			"Refresh tokens that another replica had replaced while this one exchanged the one before."),
		unreadable: d.counter("store_unreadable_records_total",
			"Records of the store that do not open with store.key: somebody without it wrote them, or moved them."),
	}
}

// sharedRead are read when Prometheus asks.
type sharedRead struct {
	storeInfo, storeUp, storeContact, maxStale, feedLag, storeFaults, unsent, replicas *prometheus.Desc
}

func newSharedRead(d *definitions) sharedRead {
	return sharedRead{
		storeInfo: d.gauge("store_info", "The store that all replicas share, by its namespace; always 1.", "store"),
		storeUp: d.gauge("store_up",
			"Whether the store that all replicas share can be reached: 1, or 0 while this one goes on with what it has in "+
				"memory. Absent without such a store."),
		storeContact: d.gauge("store_last_contact_timestamp_seconds",
			"When the store that all replicas share last answered this one, as Unix time. Absent before the first answer."),
		maxStale: d.gauge("store_max_stale_seconds",
			"How long a replica that cannot reach the store goes on honouring issued tokens. Absent if for ever."),
		feedLag: d.gauge("store_feed_lag_seconds",
			"How long ago this replica had all changes of the others. A few seconds are normal."),
		storeFaults: d.gauge("store_fault",
			"What is wrong with the store that all replicas share, or with replicas that differ, by cause; always 1.", "cause"),
		unsent: d.gauge("ledger_unsent_calls",
			"Calls that this replica has counted and the store does not have yet. They are lost if it ends now."),
		replicas: d.gauge("replicas", "Replicas that are alive by what the store knows, this one too."),
	}
}

// shared reads the store that replicas share. A store of this process alone shows nothing.
func (m scrape) shared(g gauges) {
	if m.o.Shared == nil {
		return
	}
	s, up := m.o.Shared(), 0.0
	if s.Up {
		up = 1
	}
	g.set(m.storeInfo, 1, s.Name)
	g.set(m.storeUp, up)
	g.time(m.storeContact, s.LastContact)
	if s.MaxStale > 0 {
		g.set(m.maxStale, s.MaxStale.Seconds())
	}
	g.set(m.feedLag, s.FeedLag.Seconds())
	told := words{}
	for _, id := range s.Faults {
		if word := id.String(); !told[word] {
			told[word] = true
			g.set(m.storeFaults, 1, word)
		}
	}
	g.set(m.unsent, float64(s.Unsent))
	g.set(m.replicas, float64(s.Replicas))
}

// kindOf is the word for what replicas fetch once for all; package oauth has shorter ones.
func kindOf(claim string) string {
	word, ok := map[string]string{"at": "token", "ui": "userinfo", "lk": "lookup"}[claim]
	if !ok {
		return other
	}
	return word
}

// startSharedAtZero is for a store that replicas share; others never have these series.
func (m *Metrics) startSharedAtZero() {
	if m.o.Shared == nil {
		return
	}
	for _, kind := range oauth.ClaimKinds() {
		for result := range m.words.claims {
			m.claims.WithLabelValues(kindOf(kind), result)
		}
	}
	m.refreshConflicts.WithLabelValues()
	m.unreadable.WithLabelValues()
}

// ObserveStore counts a question to the store that replicas share. The operation is a name from the code.
func (m *Metrics) ObserveStore(operation string, err error, took time.Duration) {
	outcome := "ok"
	switch {
	case errors.Is(err, context.Canceled):
		outcome = "aborted"
	case errors.Is(err, store.ErrUnreachable), errors.Is(err, store.ErrEmptied), errors.Is(err, store.ErrReplaced):
		outcome = "unreachable"
	case err != nil:
		outcome = "refused"
	}
	m.operationTime.WithLabelValues(operation, outcome).Observe(took.Seconds())
}

// CountUnreadable counts a record of the store that does not open.
func (m *Metrics) CountUnreadable() { m.unreadable.WithLabelValues().Inc() }
