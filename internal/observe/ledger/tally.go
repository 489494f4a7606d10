package ledger

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/shown"
)

// Bounds of the texts kept, in bytes.
const (
	maxName  = 200
	maxAgent = 200
	maxError = 500 // also of a next step
)

const (
	hoursOfDay = 24
	hoursKept  = 14 * hoursOfDay // of the chart
)

// tally is what a row and an integration both keep, as it stands in the store. Times are Unix nanoseconds.
type tally struct {
	Version   int               `json:"v"`
	First     int64             `json:"first"`
	Last      int64             `json:"last"`
	Counts    map[string]uint64 `json:"counts"` // by outcome
	Way       uint8             `json:"way,omitempty"`
	Status    int               `json:"status,omitempty"`
	Failure   string            `json:"error,omitempty"` // of the last call that failed
	Cause     string            `json:"cause,omitempty"` // its word
	Next      string            `json:"next,omitempty"`  // what the operator does about it
	FailureAt int64             `json:"error_at,omitempty"`
	Client    string            `json:"client,omitempty"`
	Agent     string            `json:"agent,omitempty"`
	In        uint64            `json:"in,omitempty"` // bytes
	Out       uint64            `json:"out,omitempty"`

	client netip.Addr // that of Client, if the call was seen by this process
}

func newTally(at int64) tally {
	return tally{Version: savedVersion, First: at, Last: at, Counts: map[string]uint64{}}
}

func (t *tally) add(e *call.Event, at int64) {
	t.First, t.Last = min(t.First, at), max(t.Last, at)
	t.Counts[outcomeName(e.Outcome)]++
	t.Way, t.Status = uint8(wayOf(e)), e.Status
	t.In += uint64(max(e.BytesIn, 0))
	t.Out += uint64(max(e.BytesOut, 0))
	if t.client != e.Client {
		t.client, t.Client = e.Client, e.Client.String()
	}
	keep(&t.Agent, e.UserAgent, maxAgent)
	if !e.Outcome.Good() {
		keepText(&t.Failure, cmp.Or(e.Detail, e.Cause))
		keep(&t.Cause, e.Cause, maxName)
		keepText(&t.Next, shown.NoConsentLink(e.NextStep))
		t.FailureAt = at
	}
}

func outcomeName(o call.Outcome) string {
	if slices.Contains(call.Outcomes(), o) {
		return string(o)
	}
	return outcomeOther
}

func (t *tally) calls() (n uint64) {
	for _, c := range t.Counts {
		n += c
	}
	return n
}

func (t *tally) failed() uint64 {
	return t.calls() - t.Counts[string(call.OutcomeOK)] - t.Counts[string(call.OutcomeHandedOver)]
}

// row is one line of the ledger.
type row struct {
	tally
	rowKey
	// Those of the last call of an unknown caller, whose key has none.
	LastDoor string `json:"last_door,omitempty"`
	LastAPI  string `json:"last_api,omitempty"`
	storeKey string
}

// integrationTally is what is kept of all calls of one integration, so that it does not shrink when rows go.
type integrationTally struct {
	tally
	Name        string `json:"name"`
	Forwarded   int64  `json:"forwarded,omitempty"` // when each way was last gone
	Translated  int64  `json:"translated,omitempty"`
	Native      int64  `json:"native,omitempty"`
	NativeSince int64  `json:"native_since,omitempty"` // first native call after the last legacy one
	RecentBits  uint32 `json:"recent"`                 // which of the last calls failed, the latest in the lowest bit
	RecentCount int    `json:"recent_count"`           // up to FailingSample
	Hours       []hour `json:"hours"`                  // the oldest first
	// Operations are those of SOAP; earlier versions kept none.
	Operations map[operationKey]used `json:"operations,omitempty"`
	// BearerRefused is when DocuSign last refused a token at a SOAP service, 0 if it has taken one since.
	BearerRefused int64 `json:"bearer_refused,omitempty"`
	// Rehearsals are those of mode observe; nil = there were none.
	Rehearsals *rehearsals `json:"rehearsals,omitempty"`

	bearerTaken int64 // when DocuSign last took a token at a SOAP service, for replicas to compare
	storeKey    string
}

// hour counts the calls of one hour.
type hour [6]int64

const (
	hourNumber = iota // since 1970
	hourCalls
	hourFailed
	hourLegacy
	hourNative
	hourBearer
)

func (i *integrationTally) record(e *call.Event, at int64) {
	i.add(e, at)
	way := wayOf(e)
	h := i.hour(at / int64(time.Hour))
	if h != nil {
		h.add(way, e.Outcome)
	}
	i.recordSOAP(e, at)
	// What a stranger tries with the integration's key says nothing of the integration.
	if way == WayNone || e.UnknownUser && e.Outcome == call.OutcomeRefused {
		return
	}
	switch way {
	case WayForwarded:
		i.Forwarded, i.NativeSince = max(i.Forwarded, at), 0
	case WayTranslated, WayAppPassword:
		i.Translated, i.NativeSince = max(i.Translated, at), 0
	case WayNative:
		i.Native, i.NativeSince = max(i.Native, at), cmp.Or(i.NativeSince, at)
	}
	i.RecentBits = i.RecentBits << 1 & (1<<FailingSample - 1)
	if !e.Outcome.Good() {
		i.RecentBits |= 1
	}
	i.RecentCount = min(i.RecentCount+1, FailingSample)
}

func compareHours(h hour, number int64) int { return cmp.Compare(h[hourNumber], number) }

// hour finds or makes an hour of the chart; nil = it is too old: a clock was set.
func (i *integrationTally) hour(number int64) *hour {
	at, found := slices.BinarySearchFunc(i.Hours, number, compareHours)
	if !found {
		i.Hours = slices.Insert(i.Hours, at, hour{number})
	}
	if len(i.Hours) <= hoursKept {
		return &i.Hours[at]
	}
	i.Hours = slices.Delete(i.Hours, 0, 1)
	if at == 0 {
		return nil
	}
	return &i.Hours[at-1]
}

func (h *hour) add(w Way, o call.Outcome) {
	h[hourCalls]++
	if !o.Good() {
		h[hourFailed]++
	}
	switch w {
	case WayForwarded, WayAppPassword, WayTranslated:
		h[hourLegacy]++
	case WayNative:
		h[hourNative]++
	}
	if o == call.OutcomeOK && (w == WayTranslated || w == WayNative) {
		h[hourBearer]++
	}
}

// within gives the hours that are not older than count, nor in the future, the oldest first.
func (i *integrationTally) within(now time.Time, count int64) []hour {
	newest := now.UnixNano() / int64(time.Hour)
	from, _ := slices.BinarySearchFunc(i.Hours, newest-count+1, compareHours)
	to, _ := slices.BinarySearchFunc(i.Hours, newest+1, compareHours)
	return i.Hours[from:max(from, to)]
}

// keep copies s, for it may be a part of a request's buffer.
func keep(kept *string, s string, limit int) {
	if *kept != s {
		*kept = strings.Clone(clean(s, limit))
	}
}

// keepText is keep for sentences: what is too long ends between words.
func keepText(kept *string, s string) { keep(kept, shown.CutWords(s, maxError), maxError) }

// clean cuts s to limit bytes and puts '?' for all that could disturb a terminal or a page: controls, marks of
// direction, broken UTF-8.
func clean(s string, limit int) string {
	s = shown.Cut(s, limit)
	if shown.Printable(s) == s && utf8.ValidString(s) {
		return s
	}
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}

func when(nano int64) time.Time {
	if nano == 0 {
		return time.Time{}
	}
	return time.Unix(0, nano).UTC()
}
