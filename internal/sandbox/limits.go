package sandbox

import (
	"net/http"
	"strconv"
	"time"
)

// spending is the calls of an account in the running hour and in the running 30 seconds.
type spending struct{ hour, burst window }

type window struct {
	start time.Time
	calls int
}

func (w *window) count(start time.Time) {
	if !w.start.Equal(start) {
		*w = window{start: start}
	}
	w.calls++
}

// charge counts one call, announces what is left (PROTOCOL.md §12) and refuses over an enforced limit.
func (c *core) charge(h http.Header, account string) *apiError {
	now, limits := c.now(), c.setting()
	s := c.spent.change(account, func(s *spending) {
		s.hour.count(now.Truncate(time.Hour))
		s.burst.count(now.Truncate(30 * time.Second))
	})
	h.Set("X-RateLimit-Reset", strconv.FormatInt(s.hour.start.Add(time.Hour).Unix(), 10))
	hourly := announce(h, "X-RateLimit", limits.hourly, 3000, s.hour.calls)
	burst := announce(h, "X-BurstLimit", limits.burst, 500, s.burst.calls)
	switch {
	case hourly:
		return refusal("HOURLY_APIINVOCATION_LIMIT_EXCEEDED")
	case burst:
		return refusal("BURST_APIINVOCATION_LIMIT_EXCEEDED")
	}
	return nil
}

// announce tells a limit and what is left of it, and returns whether it is exceeded. Where none is enforced it is the
// usual one of PROTOCOL.md §11, of which something is always left.
func announce(h http.Header, prefix string, enforced, usual, spent int) bool {
	limit, least := enforced, 0
	if enforced == 0 {
		limit, least = usual, 1
	}
	h.Set(prefix+"-Limit", strconv.Itoa(limit))
	h.Set(prefix+"-Remaining", strconv.Itoa(max(limit-spent, least)))
	return enforced > 0 && spent > enforced
}
