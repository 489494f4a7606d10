package ledger

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/internal/shown"
)

const (
	wouldWork = "would_work" // Event.Rehearsal of a good one
	// maxRehearsed bounds the failures that are told apart by user; further users of a cause are kept as one.
	maxRehearsed = 20
	// mendedAfter is how many good ones show that what failed for further users is mended.
	mendedAfter = 100
)

// Rehearsals are what would have become of the calls of an observed integration, had they been translated, since its
// configuration last changed. What failed and works now is left out. Its JSON is part of the operations listener's.
type Rehearsals struct {
	Calls     uint64      `json:"calls"`
	WouldWork uint64      `json:"would_work"`
	Last      time.Time   `json:"last,omitzero"`
	Not       []Rehearsed `json:"not"` // what would not work, the most frequent first
}

// Rehearsed is why calls of one user, or of one SOAP operation, would not work.
type Rehearsed struct {
	Cause     string    `json:"cause"`
	User      string    `json:"user,omitempty"` // "" = further users, or every user
	ActsFor   string    `json:"acts_for,omitempty"`
	Operation string    `json:"operation,omitempty"` // of SOAP, where it is what would not work
	Count     uint64    `json:"count"`
	Last      time.Time `json:"last,omitzero"`
	NextStep  string    `json:"next_step,omitempty"`
}

// rehearsals is what is kept of an integration. Config tells one configuration from another.
type rehearsals struct {
	Config string    `json:"config"`
	Good   uint64    `json:"good"`
	Last   int64     `json:"last"`
	Bad    []badCase `json:"bad,omitempty"`

	// mended are whose calls, without a cause, and which operations worked; nil = no other replica wants to know.
	mended map[badKey]bool
}

// badCase is a cause that still stands, as far as is known.
type badCase struct {
	badKey
	Count uint64 `json:"n"`
	Last  int64  `json:"last"`
	Next  string `json:"next,omitempty"`
	Good  int    `json:"good,omitempty"` // good ones since, of anybody
}

type badKey struct {
	Cause     string `json:"cause"`
	User      string `json:"user,omitempty"`
	ActsFor   string `json:"acts_for,omitempty"`
	Operation string `json:"operation,omitempty"`
	SOAP      bool   `json:"soap,omitempty"`
}

// badKeyOf makes the key of a failure. That an operation is not carried out is nobody's in particular.
func badKeyOf(e *call.Event) badKey {
	k := badKey{Cause: clean(e.Rehearsal, maxName), SOAP: e.API.SOAP()}
	if e.Rehearsal == cause.SOAPRefused.String() {
		k.Operation = clean(e.Operation, maxName)
		return k
	}
	k.User = clean(e.Authenticator, maxName)
	if e.OnBehalf() {
		k.ActsFor = clean(e.Principal, maxName)
	}
	return k
}

// clone copies the texts, which may be parts of a request's buffer.
func (k badKey) clone() badKey {
	k.Cause, k.User = strings.Clone(k.Cause), strings.Clone(k.User)
	k.ActsFor, k.Operation = strings.Clone(k.ActsFor), strings.Clone(k.Operation)
	return k
}

// mendedBy reports whether a good call shows that the case stands no more.
func (b *badCase) mendedBy(e *call.Event) bool {
	if b.Operation != "" {
		return b.Operation == e.Operation
	}
	good := badKeyOf(e)
	good.Cause = b.Cause
	return b.User != "" && b.badKey == good || b.User == "" && b.Good >= mendedAfter
}

// RecordRehearsal notes what would have become of an observed call, had it been translated.
func (l *Ledger) RecordRehearsal(e *call.Event) {
	at := max(cmp.Or(e.Time, l.o.Now()).UnixNano(), 1)
	l.mu.Lock()
	defer l.mu.Unlock()
	config := l.configs[e.Integration]
	if config == "" {
		return // of no integration that is configured
	}
	i := l.integration(e.Integration, at) // the call itself may end later
	if i.Rehearsals == nil || i.Rehearsals.Config != config {
		i.Rehearsals = &rehearsals{Config: config}
		if l.o.Shared != nil {
			i.Rehearsals.mended = map[badKey]bool{}
		}
	}
	i.Rehearsals.record(e, at)
	l.change(i.storeKey, i)
}

func (r *rehearsals) record(e *call.Event, at int64) {
	r.Last = max(r.Last, at)
	if e.Rehearsal == wouldWork {
		r.Good++
		r.Bad = slices.DeleteFunc(r.Bad, func(b badCase) bool { return b.mendedBy(e) })
		for n := range r.Bad {
			r.Bad[n].Good++
		}
		r.tell(e)
		return
	}
	r.Bad = slices.DeleteFunc(r.Bad, func(b badCase) bool { return at-b.Last >= int64(Window) })
	key := badKeyOf(e)
	find := func() int { return slices.IndexFunc(r.Bad, func(b badCase) bool { return b.badKey == key }) }
	n := find()
	if n < 0 && len(r.Bad) >= maxRehearsed {
		key = badKey{Cause: key.Cause}
		n = find()
	}
	if n < 0 {
		n, r.Bad = len(r.Bad), append(r.Bad, badCase{badKey: key.clone()})
	}
	b := &r.Bad[n]
	b.Count, b.Last, b.Good = b.Count+1, max(b.Last, at), 0
	keepText(&b.Next, shown.NoConsentLink(e.NextStep))
}

// tell notes for the other replicas what a good call mends.
func (r *rehearsals) tell(e *call.Event) {
	who := badKeyOf(e)
	who.Cause = ""
	for _, key := range [...]badKey{who, {Operation: e.Operation}} {
		if r.mended != nil && !r.mended[key] {
			r.mended[key.clone()] = true
		}
	}
}

// mends tells whether a case that another replica may have seen stands no more.
func (r *rehearsals) mends(b *badCase) bool {
	who := b.badKey
	who.Cause = ""
	switch {
	case b.Operation != "":
		return r.mended[badKey{Operation: b.Operation}]
	case b.User != "":
		return r.mended[who]
	}
	return b.Good+int(min(r.Good, mendedAfter)) >= mendedAfter
}

// public leaves out what has not happened for so long that nobody knows whether it still would.
func (r *rehearsals) public(now time.Time) *Rehearsals {
	out := Rehearsals{Calls: r.Good, WouldWork: r.Good, Last: when(r.Last), Not: []Rehearsed{}}
	for _, b := range r.Bad {
		if now.Sub(when(b.Last)) < Window {
			out.Calls += b.Count
			out.Not = append(out.Not, Rehearsed{b.Cause, b.User, b.ActsFor, b.Operation, b.Count, when(b.Last), b.Next})
		}
	}
	slices.SortStableFunc(out.Not, func(a, b Rehearsed) int { return cmp.Compare(b.Count, a.Count) })
	return &out
}

// check cleans what a file holds, which can be edited; the bound is that of record, with some causes beyond it.
func (r *rehearsals) check() error {
	if r == nil {
		return nil
	}
	if r.Last < 0 || len(r.Bad) > 10*maxRehearsed {
		return errors.New("its rehearsals are wrong")
	}
	for n := range r.Bad {
		b := &r.Bad[n]
		for _, s := range [...]*string{&b.Cause, &b.User, &b.ActsFor, &b.Operation} {
			*s = clean(*s, maxName)
		}
		b.Next = clean(b.Next, maxError)
		if b.Last <= 0 || b.Good < 0 {
			return errors.New("its rehearsals are wrong")
		}
	}
	return nil
}

// Configure tells the integrations of the configuration, at start and after every reload: rehearsals of an earlier
// configuration of an integration count no more.
func (l *Ledger) Configure(list []integration.Integration) {
	configs := map[string]string{}
	for n := range list {
		configs[list[n].Name] = digest(&list[n])
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.configs = configs
}

// digest tells one configuration of an integration from another. Secrets are masked in JSON, so there is none in it.
func digest(in *integration.Integration) string {
	text, err := json.Marshal(in)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}
