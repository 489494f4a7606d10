package metrics

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"docusign-auth-proxy/internal/call"
)

// maxSites bounds the label site. DocuSign has about ten; what comes beyond the bound counts as other.
const maxSites = 32

// siteCounters counts calls by site. Only sites that UserInfo named become labels: a host that a program named is its own choice.
type siteCounters struct {
	vec *prometheus.CounterVec

	mu    sync.RWMutex
	sites map[string][]prometheus.Counter // by class of the status
}

func newSiteCounters(vec *prometheus.CounterVec) *siteCounters {
	return &siteCounters{vec: vec, sites: map[string][]prometheus.Counter{}}
}

// count notes one call that was sent.
func (c *siteCounters) count(e *call.Event, words *labelWords) {
	site, status := e.Site, e.Status
	if e.Mode != "translate" {
		site = words.classes.word(otherWord)
	}
	if e.Outcome == call.OutcomeUnreachable || e.Outcome == call.OutcomeAborted {
		status = 0 // what the caller got was not DocuSign's
	}
	c.of(site, words)[words.class(status)].Inc()
}

func (c *siteCounters) of(site string, words *labelWords) []prometheus.Counter {
	c.mu.RLock()
	counters := c.sites[site]
	c.mu.RUnlock()
	if counters != nil {
		return counters
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if counters = c.sites[site]; counters != nil {
		return counters
	}
	other := words.classes.word(otherWord)
	if len(c.sites) >= maxSites && site != other {
		site = other
		if counters = c.sites[site]; counters != nil {
			return counters
		}
	}
	for _, class := range words.classes.words {
		counters = append(counters, c.vec.WithLabelValues(site, class))
	}
	c.sites[site] = counters
	return counters
}
