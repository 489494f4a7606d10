package ledger

import (
	"encoding/json"
	"fmt"
	"strings"

	"docusign-auth-proxy/internal/call"
)

// sheet takes a row to the other replicas (it makes steps) or from them (it reads fields). The functions named merge
// are the one place that tells how each field merges.
type sheet struct {
	from  *Fields // nil = it makes steps
	steps []Step
}

// number is for times and other numbers of which one stands; zero is none.
func (s *sheet) number(rule Rule, field string, n *int64) {
	switch {
	case s.from != nil:
		*n = max(s.from.Numbers[field], 0)
	case *n != 0:
		s.steps = append(s.steps, Step{Rule: rule, Field: field, Number: *n})
	}
}

func (s *sheet) sum(field string, n *uint64) {
	switch {
	case s.from != nil:
		*n = uint64(max(s.from.Numbers[field], 0))
	case *n != 0:
		s.steps = append(s.steps, Step{Rule: Sum, Field: field, Number: int64(min(*n, 1<<62))})
	}
}

// since is for the first time after the last of another kind.
func (s *sheet) since(field string, n *int64, floor int64) {
	if s.from != nil {
		*n = max(s.from.Numbers[field], 0)
		return
	}
	if *n != 0 || floor != 0 {
		s.steps = append(s.steps, Step{Rule: Since, Field: field, Number: *n, At: floor})
	}
}

// text is for texts that belong together: those of the latest at. They stand as JSON.
func (s *sheet) text(field string, at int64, texts any) {
	if s.from != nil {
		_ = json.Unmarshal([]byte(s.from.Texts[field]), texts) // what cannot be read is as if it were not there
		return
	}
	if at != 0 {
		value, _ := json.Marshal(texts) // texts and numbers always encode
		s.steps = append(s.steps, Step{Rule: Latest, Field: field, At: at, Text: string(value)})
	}
}

// recent is for the last calls, in the order in which batches come.
func (s *sheet) recent(field string, bits *uint32, count *int) {
	if s.from != nil {
		text := s.from.Bits[field]
		*count = min(len(text), FailingSample)
		for _, c := range text[len(text)-*count:] {
			*bits = *bits<<1 | uint32(c&1)
		}
		return
	}
	if *count > 0 {
		s.steps = append(s.steps, Step{Rule: Bits, Field: field, Text: fmt.Sprintf("%0*b", *count, *bits)})
	}
}

func (t *tally) merge(s *sheet) {
	s.number(Least, "first", &t.First)
	s.number(Most, "last", &t.Last)
	for _, outcome := range append(call.Outcomes(), outcomeOther) {
		n := t.Counts[string(outcome)]
		if s.sum(callsOf+string(outcome), &n); n > 0 {
			t.Counts[string(outcome)] = n
		}
	}
	s.sum("bytes in", &t.In)
	s.sum("bytes out", &t.Out)
	last := struct {
		Way    *uint8
		Status *int
		Client *string
		Agent  *string
	}{&t.Way, &t.Status, &t.Client, &t.Agent}
	s.text("last call", t.Last, &last)
	failure := struct{ Failure, Cause, Next *string }{&t.Failure, &t.Cause, &t.Next}
	s.text("failure", t.FailureAt, &failure)
	s.number(Most, FloorOf("failure"), &t.FailureAt)
}

func (r *row) merge(s *sheet) {
	r.tally.merge(s)
	if r.Door == "" {
		last := struct{ Door, API *string }{&r.LastDoor, &r.LastAPI}
		s.text("last door", r.Last, &last)
	}
}

func (i *integrationTally) merge(s *sheet) {
	i.tally.merge(s)
	s.number(Most, "forwarded", &i.Forwarded)
	s.number(Most, "translated", &i.Translated)
	s.number(Most, "native", &i.Native)
	legacy := max(i.Forwarded, i.Translated)
	s.since("native since", &i.NativeSince, legacy)
	if i.NativeSince <= legacy { // the first one was in a batch with an earlier one, see Since
		i.NativeSince = 0
		if i.Native > legacy {
			i.NativeSince = i.Native
		}
	}
	s.number(Most, "bearer refused", &i.BearerRefused)
	s.number(Most, "bearer taken", &i.bearerTaken)
	if i.bearerTaken > i.BearerRefused {
		i.BearerRefused = 0
	}
	s.recent("recent", &i.RecentBits, &i.RecentCount)
	i.mergeOperations(s)
}

// callsOf begins the fields of calls by outcome.
const callsOf = "calls "

// Operations stand as two fields each.
const (
	operationCalls = "operation calls "
	operationLast  = "operation last "
)

func (i *integrationTally) mergeOperations(s *sheet) {
	var keys []operationKey
	for k := range i.Operations {
		keys = append(keys, k)
	}
	if s.from != nil {
		i.Operations = map[operationKey]used{}
		for _, text := range s.from.starting(operationCalls) {
			var k operationKey
			if k.api, k.name, _ = strings.Cut(text, " "); k.known() { // a later version may know more
				keys = append(keys, k)
			}
		}
	}
	for _, k := range keys {
		u := i.Operations[k]
		s.sum(operationCalls+k.api+" "+k.name, &u.Calls)
		s.number(Most, operationLast+k.api+" "+k.name, &u.Last)
		i.Operations[k] = u
	}
}

// merge of an hour: its five sums.
func (h *hour) merge(s *sheet) {
	for n := hourCalls; n <= hourBearer; n++ {
		count := uint64(h[n])
		s.sum(fmt.Sprintf("%d %d", h[hourNumber]%hoursOfDay, n), &count)
		h[n] = int64(count)
	}
}

// merge of a cause for which observed calls would not work. Good ones since the last bad one go by the order in which
// batches come.
func (b *badCase) merge(s *sheet) {
	s.sum("bad", &b.Count)
	s.number(Most, "last", &b.Last)
	good := uint64(b.Good)
	if b.Count > 0 {
		s.forget("good")
	}
	s.sum("good", &good)
	b.Good = int(min(good, mendedAfter))
	next := struct{ Next *string }{&b.Next}
	s.text("next", b.Last, &next)
}

// merge of those that would work.
func (r *rehearsals) merge(s *sheet) {
	s.sum("good", &r.Good)
	s.number(Most, "last", &r.Last)
}

// forget takes a field away before it is counted anew.
func (s *sheet) forget(field string) {
	if s.from == nil {
		s.steps = append(s.steps, Step{Rule: Forget, Field: field})
	}
}
