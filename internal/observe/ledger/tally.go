package ledger

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// tally is what a row and an integration both keep. Its owner's lock guards it.
type tally struct {
	first, last int64 // Unix nanoseconds
	counts      [MaxOutcomes]uint64
	way         Way
	status      int
	failure     string // of the last call that failed
	failureAt   int64
	client      string
	agent       string
	in, out     uint64 // bytes
}

// add allocates only when a text is not the one kept already.
func (t *tally) add(e *Event, at int64, outcome int) {
	if t.first == 0 || at < t.first {
		t.first = at
	}
	t.last = max(t.last, at)
	t.counts[outcome]++
	t.way, t.status = e.Way, e.Status
	t.in += uint64(max(e.BytesIn, 0))
	t.out += uint64(max(e.BytesOut, 0))
	keep(&t.client, e.Client, maxName)
	keep(&t.agent, e.UserAgent, maxAgent)
	if e.Outcome != OutcomeOK {
		keep(&t.failure, e.Error, maxError)
		t.failureAt = at
	}
}

func (t *tally) calls() uint64 {
	var n uint64
	for _, c := range t.counts {
		n += c
	}
	return n
}

func (t *tally) byOutcome(names []string) map[string]uint64 {
	m := map[string]uint64{}
	for i, name := range names {
		if t.counts[i] > 0 {
			m[name] = t.counts[i]
		}
	}
	return m
}

// keep copies s, for it may be a part of a request's buffer.
func keep(kept *string, s string, limit int) {
	if *kept == s {
		return
	}
	if s = clean(s, limit); *kept != s {
		*kept = strings.Clone(s)
	}
}

// clean cuts s to limit bytes and puts '?' for all that could disturb a terminal or a page: controls, marks of direction,
// broken UTF-8.
func clean(s string, limit int) string {
	if len(s) > limit {
		for n := 1; n < utf8.UTFMax && !utf8.RuneStart(s[limit]); n++ { // not in the middle of a character
			limit--
		}
		s = s[:limit]
	}
	if plain(s) {
		return s
	}
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}

func plain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

func when(nano int64) time.Time {
	if nano == 0 {
		return time.Time{}
	}
	return time.Unix(0, nano).UTC()
}
