package metrics

import "time"

// Shared is how this process sees the store that all replicas share.
type Shared struct {
	Up          bool
	LastContact time.Time // the last answer; zero = none yet
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
	g.set(m.storeUp, up)
	g.time(m.storeContact, s.LastContact)
}
