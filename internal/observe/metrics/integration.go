package metrics

import (
	"sync"
	"time"

	"docusign-auth-proxy/internal/call"
)

// integrationState is what is kept of one integration beside its counters.
type integrationState struct {
	label      string // valid UTF-8
	mode, soap string // "" = not in the configuration; guarded by Metrics.mu

	mu         sync.Mutex
	lastLegacy time.Time
	goLive     hourRing
	limits     call.RateLimits
	limitsAt   time.Time // when DocuSign told them; zero = not yet
}

// note keeps what of a call is not counted.
func (in *integrationState) note(e *call.Event, at, now time.Time, legacy bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if legacy {
		in.lastLegacy = laterOf(in.lastLegacy, at)
	}
	if e.Site == "" {
		return
	}
	if e.Limits.Told() {
		in.limits, in.limitsAt = e.Limits, now
	}
	// DocuSign saw an OAuth token.
	if e.Outcome == call.OutcomeOK && (e.Scheme == "oauth_bearer" || e.Mode == "translate" && legacy && !e.AppPassword) {
		in.goLive.add(at)
	}
}

const burstWindow = 30 * time.Second // PROTOCOL.md §11

// currentLimits gives the limits as they are now: when a window is over, the whole limit is left again.
func (in *integrationState) currentLimits(now time.Time) (l call.RateLimits, told bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	l = in.limits
	if l.Reset > 0 && now.Unix() >= l.Reset && l.HourlyRemaining >= 0 {
		l.HourlyRemaining = l.HourlyLimit
	}
	if now.Sub(in.limitsAt) >= burstWindow && l.BurstRemaining >= 0 {
		l.BurstRemaining = l.BurstLimit
	}
	return l, !in.limitsAt.IsZero()
}

// history gives the last legacy call, and the calls with an OAuth token of the last 24 hours.
func (in *integrationState) history(now time.Time) History {
	in.mu.Lock()
	defer in.mu.Unlock()
	return History{LastLegacy: in.lastLegacy, GoLiveCalls: in.goLive.sum(now)}
}

// hourRing counts per hour over the last day.
type hourRing [24]struct {
	hour int64
	n    uint64
}

func (r *hourRing) add(at time.Time) {
	hour := at.Unix() / 3600
	h := &r[uint64(hour)%24]
	if h.hour != hour {
		if hour < h.hour {
			return // a call that began more than a day ago, or a clock that was set back
		}
		h.hour, h.n = hour, 0
	}
	h.n++
}

// sum counts the running hour and the 23 before it, so never more than the last 24 hours.
func (r *hourRing) sum(now time.Time) (n uint64) {
	hour := now.Unix() / 3600
	for _, h := range r {
		if h.hour > hour-24 && h.hour <= hour {
			n += h.n
		}
	}
	return n
}

func laterOf(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// earlierOf ignores a time that is not set.
func earlierOf(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
