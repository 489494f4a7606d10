package ledger

import (
	"cmp"
	"math/bits"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const hoursKept = 24 * 14 // of the chart

// integration is what is kept of all calls of one integration, so that it does not shrink when rows go.
type integration struct {
	name  string
	dirty atomic.Bool

	mu sync.Mutex
	tally
	seen   credentials
	recent recent
	hours  [hoursKept]hour // by hour modulo hoursKept
}

// credentials says when each way was last gone, in Unix nanoseconds.
type credentials struct {
	forwarded, translated, native int64
	nativeSince                   int64 // of the first native call after the last legacy one
}

// recent remembers which of the last calls failed, the latest in the lowest bit.
type recent struct {
	bits  uint32
	count int // up to FailingSample
}

// hour counts the calls of one hour.
type hour struct {
	number                                int64 // hours since 1970
	calls, failed, legacy, native, bearer uint32
}

func newIntegration(name string, at int64) *integration {
	return &integration{name: name, tally: tally{first: at, last: at}}
}

func (i *integration) lastSeen() int64 {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.last
}

func (i *integration) record(e *Event, at int64, outcome int) {
	failed := e.Outcome != OutcomeOK
	i.mu.Lock()
	defer i.mu.Unlock()
	i.add(e, at, outcome)
	// What a stranger tries with the integration's key says nothing of the integration.
	if e.Way != WayNone && !(e.UnknownUser && strings.HasPrefix(e.Outcome, OutcomeRefused)) {
		i.seen.add(e.Way, at)
		i.recent.add(failed)
	}
	i.hours[slot(at)].add(at, e.Way, failed)
	mark(&i.dirty)
}

func (c *credentials) add(w Way, at int64) {
	switch w {
	case WayForwarded:
		c.forwarded, c.nativeSince = max(c.forwarded, at), 0
	case WayTranslated, WayAppPassword:
		c.translated, c.nativeSince = max(c.translated, at), 0
	case WayNative:
		c.native = max(c.native, at)
		if c.nativeSince == 0 {
			c.nativeSince = at
		}
	}
}

func (c *credentials) legacy() int64 { return max(c.forwarded, c.translated) }

func (r *recent) add(failed bool) {
	r.bits <<= 1
	if failed {
		r.bits |= 1
	}
	r.bits &= 1<<FailingSample - 1
	r.count = min(r.count+1, FailingSample)
}

func (r *recent) failed() int { return bits.OnesCount32(r.bits) }

func hourNumber(nano int64) int64 { return nano / int64(time.Hour) }

func slot(nano int64) int { return int(uint64(hourNumber(nano)) % hoursKept) }

// add leaves a call out that is older than what the slot holds: a clock was set.
func (h *hour) add(at int64, w Way, failed bool) {
	n := hourNumber(at)
	if n < h.number {
		return
	}
	if n > h.number {
		*h = hour{number: n}
	}
	h.calls++
	if failed {
		h.failed++
	}
	switch w {
	case WayForwarded, WayAppPassword, WayTranslated:
		h.legacy++
	case WayNative:
		h.native++
	}
	if !failed && (w == WayTranslated || w == WayNative) {
		h.bearer++
	}
}

// within returns the hours that are not older than the kept ones, nor in the future, the oldest first.
func (i *integration) within(now int64, count int64) []hour {
	newest := hourNumber(now)
	var list []hour
	for _, h := range i.hours {
		if h.calls > 0 && h.number <= newest && h.number > newest-count {
			list = append(list, h)
		}
	}
	slices.SortFunc(list, func(a, b hour) int { return cmp.Compare(a.number, b.number) })
	return list
}
