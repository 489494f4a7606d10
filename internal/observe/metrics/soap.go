package metrics

import (
	"time"

	"docusign-auth-proxy/internal/call"
)

// Journal is what is known of the creations of envelopes over REST.
type Journal struct {
	Entries    map[string]int // by state, one of call.JournalStates
	Unresolved time.Time      // when the oldest was begun of which nobody knows the end; zero = there is none
}

// startSOAPAtZero is for integrations whose SOAP calls are carried out over REST; others never have these series.
func (m *Metrics) startSOAPAtZero(label string) {
	for _, result := range call.Creations() {
		m.creations.WithLabelValues(label, result)
	}
	m.statusHits.WithLabelValues(label)
	m.dropped.WithLabelValues(label)
	m.restCalls.WithLabelValues(label)
}

// recordSOAP counts an operation of SOAP, and what it came to where it was carried out over REST.
func (m *Metrics) recordSOAP(e *call.Event, label, outcome string) {
	if e.Class == "" {
		return
	}
	m.operations.WithLabelValues(label, m.words.operations.known(e.Operation), m.words.soapClasses.known(e.Class),
		outcome).Inc()
	if e.OverREST {
		m.restCalls.WithLabelValues(label).Observe(float64(e.RESTCalls))
		m.dropped.WithLabelValues(label).Add(float64(len(e.Dropped)))
	}
	if e.Cached {
		m.statusHits.WithLabelValues(label).Inc()
	}
	if e.Journal != "" {
		m.creations.WithLabelValues(label, m.words.creations.known(e.Journal)).Inc()
	}
}

// soap reads what is kept for SOAP calls that are carried out over REST.
func (m scrape) soap(g gauges) {
	if m.o.SpoolBytes != nil {
		g.set(m.spool, float64(m.o.SpoolBytes()))
	}
	if m.o.Journal == nil {
		return
	}
	j := m.o.Journal()
	for _, state := range call.JournalStates() {
		g.set(m.journal, float64(j.Entries[state]), state)
	}
	g.time(m.unresolved, j.Unresolved)
}
