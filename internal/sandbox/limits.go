package sandbox

import (
	"fmt"
	"strconv"
	"time"
)

// charge counts one call of an account, announces what is left (PROTOCOL.md §12) and refuses over an enforced limit.
func (r request) charge(account string) *apiError {
	limits := r.setting()
	reset := r.now().Truncate(time.Hour).Add(time.Hour)
	r.header.Set("X-RateLimit-Reset", strconv.FormatInt(reset.Unix(), 10))
	hourly := r.spend(account, "X-RateLimit", time.Hour, limits.hourly, 3000)
	burst := r.spend(account, "X-BurstLimit", 30*time.Second, limits.burst, 500)
	switch {
	case hourly:
		return refusal("HOURLY_APIINVOCATION_LIMIT_EXCEEDED")
	case burst:
		return refusal("BURST_APIINVOCATION_LIMIT_EXCEEDED")
	}
	return nil
}

// spend counts a call in the running period and returns whether the limit is exceeded. Where none is enforced it is
// the usual one of PROTOCOL.md §11, of which something is always left.
func (r request) spend(account, header string, period time.Duration, enforced, usual int) bool {
	start := r.now().Truncate(period).Unix()
	spent := r.spent.change(fmt.Sprint(account, header, start), func(calls *int) { *calls++ })
	limit, least := enforced, 0
	if enforced == 0 {
		limit, least = usual, 1
	}
	r.header.Set(header+"-Limit", strconv.Itoa(limit))
	r.header.Set(header+"-Remaining", strconv.Itoa(max(limit-spent, least)))
	return enforced > 0 && spent > enforced
}
