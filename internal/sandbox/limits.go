package sandbox

import (
	"net/http"
	"strconv"
	"sync"
	"time"
)

// The limits DocuSign announces by default (PROTOCOL.md §11).
const (
	announcedHourly = 3000
	announcedBurst  = 500
)

// limiter counts calls per account in the running hour and in the running 30 seconds.
type limiter struct {
	mu            sync.Mutex
	hourly, burst int
	spent         map[string]spending
}

type spending struct {
	hour, slot    time.Time
	inHour, inRun int
}

func newLimiter() *limiter { return &limiter{spent: map[string]spending{}} }

func (l *limiter) enforce(hourly, burst int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.hourly, l.burst = hourly, burst
}

// charge counts one call, announces what is left (PROTOCOL.md §12) and returns the code of an exceeded limit.
func (l *limiter) charge(h http.Header, account string, now time.Time) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.spent[account]
	if hour := now.Truncate(time.Hour); !s.hour.Equal(hour) {
		s.hour, s.inHour = hour, 0
	}
	if slot := now.Truncate(30 * time.Second); !s.slot.Equal(slot) {
		s.slot, s.inRun = slot, 0
	}
	s.inHour++
	s.inRun++
	l.spent[account] = s
	announce(h, "X-RateLimit", l.hourly, announcedHourly, s.inHour)
	announce(h, "X-BurstLimit", l.burst, announcedBurst, s.inRun)
	h.Set("X-RateLimit-Reset", strconv.FormatInt(s.hour.Add(time.Hour).Unix(), 10))
	switch {
	case l.hourly > 0 && s.inHour > l.hourly:
		return "HOURLY_APIINVOCATION_LIMIT_EXCEEDED"
	case l.burst > 0 && s.inRun > l.burst:
		return "BURST_APIINVOCATION_LIMIT_EXCEEDED"
	}
	return ""
}

// announce never says that nothing is left while nothing is enforced.
func announce(h http.Header, prefix string, enforced, usual, spent int) {
	limit, least := enforced, 0
	if enforced == 0 {
		limit, least = usual, 1
	}
	h.Set(prefix+"-Limit", strconv.Itoa(limit))
	h.Set(prefix+"-Remaining", strconv.Itoa(max(limit-spent, least)))
}
