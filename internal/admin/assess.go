package admin

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/internal/observe/ledger"
	"docusign-auth-proxy/internal/trust"
)

// What counts as worth a person's attention.
const (
	connWarning     = time.Hour // after the last connection that failed
	connEntries     = 5
	unresolvedAfter = 5 * time.Minute  // look-ups of a creation last for a minute
	clockWarning    = 30 * time.Second // assertions live for minutes, but a clock that is off drifts on
)

// causesAnchor is the section of docs/runbook.md with the table of causes.
const causesAnchor = "causes-of-failures"

// stateWords are the words for a ledger.State and what to do then; "" for what is none.
func stateWords(state string) (text, next string) {
	switch ledger.State(state) {
	case ledger.StateBlocked:
		return "Blocked", "It is refused on purpose. Once nothing has called for a while, remove it from the configuration."
	case ledger.StateNeverSeen:
		return "Never seen", "Check that the program's proxy setting or base URL points here, " +
			"and that the integrator key is the one it sends."
	case ledger.StateIdle:
		return "Idle", "Ask its owner whether it is still in use: a job may run once a quarter."
	case ledger.StateFailing:
		return "Failing", "Follow the last error; docusign-auth-proxy doctor tries each step by itself."
	case ledger.StateMixed:
		return "Mixed", "Part of it has OAuth of its own. Move the callers that still show a legacy scheme."
	case ledger.StateNative:
		return "Moved", "It has OAuth of its own: let it call DocuSign directly, then remove it from the configuration."
	case ledger.StateLegacy:
		return "Legacy", "Its old credential goes out as it came. Give it keys and consent, then set mode: translate."
	case ledger.StateTranslated:
		return "Translated", "It works through this proxy. Move the program to OAuth of its own when it can be changed."
	}
	return "", ""
}

// complete returns a copy that is fit to be shown: cleaned, with everything filled in that follows from the rest.
func complete(s Status, now time.Time) Status {
	s = scrub(s)
	s.Schema = Schema
	if s.Generated.IsZero() {
		s.Generated = now.UTC()
	}
	if !s.Started.IsZero() {
		s.UptimeSeconds = int64(s.Generated.Sub(s.Started) / time.Second)
	}
	for i := range s.Integrations {
		s.Integrations[i].assess(s.Generated)
	}
	snippets := snippetTemplate()
	for i := range s.Unknown {
		u := &s.Unknown[i]
		if !slices.ContainsFunc(s.Integrations, func(i Integration) bool { return i.Name == u.Integration }) {
			u.Integration = "" // it was removed since: its key is foreign now
		}
		u.Snippet = snippet(snippets, *u)
	}
	s.Migration = migrationOf(&s)
	s.Attention = attentionOf(&s)
	return s
}

func (i *Integration) assess(now time.Time) {
	text, next := stateWords(i.State)
	i.StateText = cmp.Or(text, i.State)
	i.NextStep = cmp.Or(i.NextStep, i.tokenNextStep(), next)
	switch ledger.State(i.State) {
	case ledger.StateLegacy, ledger.StateTranslated, ledger.StateMixed:
		i.NeedsProxy = true
	default:
		i.NeedsProxy = i.failing() && !i.LegacyLast.IsZero() &&
			(i.NativeLast.IsZero() || now.Sub(i.LegacyLast) < ledger.Window)
	}
}

// tokenNextStep is what a failing integration waits for when a grant fails.
func (i *Integration) tokenNextStep() string {
	if !i.failing() {
		return ""
	}
	for _, t := range i.Tokens {
		if t.Error != "" && t.NextStep != "" {
			return sentence(t.NextStep)
		}
	}
	return ""
}

func (i *Integration) failing() bool { return i.State == string(ledger.StateFailing) }

func migrationOf(s *Status) Migration {
	m := Migration{Total: len(s.Integrations)}
	var names []string
	for _, i := range s.Integrations {
		if i.LegacyLast.After(m.LastLegacy) {
			m.LastLegacy = i.LegacyLast
		}
		switch state := ledger.State(i.State); {
		case state == ledger.StateBlocked:
			m.Blocked++
			continue
		case state == ledger.StateIdle || state == ledger.StateNeverSeen:
			m.Silent++
			continue
		case i.NeedsProxy:
			m.Need++
			names = append(names, i.Name)
		default:
			m.Moved++
		}
		if i.failing() {
			m.Failing++
		}
	}
	for _, u := range s.Unknown {
		if s.Generated.Sub(u.LastSeen) < ledger.Window {
			m.UnknownCallers++
		}
	}
	m.CanRemove = m.Total > 0 && m.Need == 0 && m.Silent == 0 && m.Failing == 0 && m.UnknownCallers == 0
	m.Headline, m.Verdict = m.headline(), m.verdict(names)
	return m
}

func (m *Migration) headline() string {
	if m.Total == 0 {
		return "No integration is configured yet"
	}
	total, needs := count(m.Total, "integration"), verb(m.Need, "needs", "need")
	head := fmt.Sprintf("%d of %s still %s the proxy", m.Need, total, needs)
	if m.Need == 0 {
		head = "No integration is seen to need the proxy"
	}
	switch {
	case m.Failing > 0:
		return fmt.Sprintf("%s; %d %s failing", head, m.Failing, verb(m.Failing, "is", "are"))
	case m.Need > 0:
		return head + "; none is failing"
	}
	return head
}

// verdict answers when the proxy can go.
func (m *Migration) verdict(names []string) string {
	switch {
	case m.Total == 0 && m.UnknownCallers > 0:
		return "The unknown callers below show what to put into the configuration."
	case m.Total == 0:
		return "Add the first one to integrations: in the configuration, " +
			"or let a program call: its key then shows under unknown callers."
	case m.CanRemove:
		return "The proxy can go: nobody has sent a legacy credential for 14 days."
	}
	var waits []string
	if m.Need > 0 {
		has, its := verb(m.Need, "has", "have"), verb(m.Need, "its", "their")
		waits = append(waits, enumerate(names, 5)+" "+has+" OAuth of "+its+" own")
	}
	if m.Need == 0 && m.Failing > 0 {
		waits = append(waits, "the failing "+verb(m.Failing, "one works", "ones work"))
	}
	if m.Silent > 0 {
		waits = append(waits, "the owner of "+count(m.Silent, "silent integration")+" confirms that nothing comes any more")
	}
	if m.UnknownCallers > 0 {
		callers := count(m.UnknownCallers, "unknown caller")
		waits = append(waits, callers+" "+verb(m.UnknownCallers, "is", "are")+" accounted for")
	}
	return "The proxy can go when " + enumerate(waits, len(waits)) + "."
}

// attentionOf makes the entries of rows of the table of causes, the gravest first.
func attentionOf(s *Status) []Attention {
	list := []Attention{}
	add := func(id cause.ID, subject string, fill ...string) {
		list = append(list, newAttention(id, subject, append(fill, "config", s.Config.Path)...))
	}
	if s.Config.Error != "" {
		add(cause.ConfigNotLoaded, "Configuration", "detail", s.Config.Error)
	}
	for _, i := range s.Integrations {
		list = append(list, i.attention(s.Generated)...)
	}
	if u := s.Unresolved; u.Count > 0 && s.Generated.Sub(u.Oldest) > unresolvedAfter {
		add(cause.CreationUnresolved, "SOAP over REST", "count", count(u.Count, "creation")+", the oldest of "+
			relative(u.Oldest, s.Generated)+",")
	}
	list = append(list, connAttention(s)...)
	if a := s.Authority; a != nil {
		if id, day, ok := trust.Term(a.NotBefore, a.Expires, s.Generated); ok {
			add(id, "Certificate authority", "until", day)
		}
	}
	if offset := s.Clock.OffsetSeconds; math.Abs(offset) >= clockWarning.Seconds() {
		relation := "behind"
		if offset < 0 {
			relation = "ahead of"
		}
		add(cause.ClockOff, "Clock", "offset", count(int(math.Abs(offset)), "second")+" "+relation)
	}
	slices.SortStableFunc(list, func(a, b Attention) int { return cmp.Compare(b.Severity, a.Severity) })
	return list
}

// newAttention makes an entry of a row; fill as for cause.Fill.
func newAttention(id cause.ID, subject string, fill ...string) Attention {
	row := id.Of()
	return Attention{
		Cause: row.Word, Severity: row.Severity, Subject: subject, Problem: sentence(id.Means(fill...)),
		NextStep: sentence(id.Next(fill...)), Runbook: cmp.Or(row.Anchor, causesAnchor),
	}
}

// attentionTo makes an entry of what the place where it happened says itself; the row says what that place left out.
func attentionTo(word, subject, problem, next string) Attention {
	id, known := cause.Lookup(word)
	if !known {
		id = cause.Other
	}
	a := newAttention(id, subject)
	a.Cause, a.Problem = cmp.Or(word, a.Cause), cmp.Or(sentence(problem), a.Problem)
	a.NextStep = cmp.Or(sentence(next), a.NextStep)
	return a
}

// connAttention tells of programs that do not get as far as a call, the latest first.
func connAttention(s *Status) []Attention {
	var list []Attention
	for _, f := range s.ConnFailures {
		if s.Generated.Sub(f.Last) > connWarning || len(list) == connEntries {
			break
		}
		times := count(f.Count, "connection") + ", the last " + relative(f.Last, s.Generated)
		client := "addresses not listed"
		if f.Client.IsValid() {
			client = f.Client.String()
		}
		a := attentionTo(f.Cause, "Client "+client, f.Detail, f.NextStep)
		a.Problem += " " + sentence(times)
		list = append(list, a)
	}
	return list
}

// attention folds the only token in trouble into what is said of a failing integration: it is most likely the cause.
func (i *Integration) attention(now time.Time) []Attention {
	list := append(i.tokenTrouble(), i.soapTrouble(now)...)
	if i.failing() {
		whole := attentionTo("", i.Name, "Most of its last calls failed.", i.NextStep)
		if i.LastError != "" {
			whole.Problem += " " + sentence("last error: "+i.LastError)
		}
		switch len(list) {
		case 1:
			list[0].Problem = whole.Problem + "\n" + list[0].Problem
		default:
			list = append([]Attention{whole}, list...)
		}
	}
	for n := range list {
		list[n].Integration = i.Name
		if i.Mode != string(integration.Translate) { // its calls go as they came, or are refused on purpose
			list[n].Severity = min(list[n].Severity, cause.Ticket)
		}
	}
	return list
}

func (i *Integration) tokenTrouble() []Attention {
	var list []Attention
	for _, t := range i.Tokens {
		if t.Error == "" && t.Consent != "required" {
			continue
		}
		word := t.ErrorLabel
		if t.Error == "" {
			word = cause.ConsentRequired.String()
		}
		a := attentionTo(word, i.Name+" for "+t.User, t.Error, t.NextStep)
		a.User, a.ConsentURL = t.User, t.ConsentURL
		list = append(list, a)
	}
	return list
}

// soapTrouble is that DocuSign takes no token at its SOAP services.
func (i *Integration) soapTrouble(now time.Time) []Attention {
	if i.SOAP != "bearer" || i.BearerRefused.IsZero() || now.Sub(i.BearerRefused) >= ledger.Window {
		return nil
	}
	a := newAttention(cause.BearerRefused, i.Name+" over SOAP")
	a.Problem += " The last time was " + relative(i.BearerRefused, now) + "."
	if i.Verdict != "" {
		a.NextStep += " " + sentence(i.Verdict)
	}
	return []Attention{a}
}

// sentence makes an error's text one.
func sentence(s string) string {
	if s == "" {
		return ""
	}
	first, size := utf8.DecodeRuneInString(s)
	s = string(unicode.ToUpper(first)) + s[size:]
	if strings.ContainsRune(".!?", rune(s[len(s)-1])) {
		return s
	}
	return s + "."
}

// verb chooses by number: one, or more (and none).
func verb(n int, one, more string) string {
	if n == 1 {
		return one
	}
	return more
}

// count takes any integer.
func count(n any, noun string) string {
	digits := fmt.Sprint(n)
	if digits == "1" {
		return "1 " + noun
	}
	return thousands(digits) + " " + noun + "s"
}

// enumerate joins with commas and "and"; beyond limit it tells how many there are.
func enumerate(list []string, limit int) string {
	if len(list) > limit {
		list = append(slices.Clone(list[:limit]), fmt.Sprintf("%d more", len(list)-limit))
	}
	if len(list) < 2 {
		return strings.Join(list, "")
	}
	return strings.Join(list[:len(list)-1], ", ") + " and " + list[len(list)-1]
}

// relative tells a time as seen from now, in the largest unit that is at least one.
func relative(t, now time.Time) string {
	d := now.Sub(t)
	if d < 0 {
		return "in " + span(-d)
	}
	if d < 10*time.Second {
		return "just now"
	}
	return span(d) + " ago"
}

func span(d time.Duration) string {
	for _, u := range []struct {
		size time.Duration
		name string
	}{{24 * time.Hour, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}} {
		if d >= u.size {
			return count(int(d/u.size), u.name)
		}
	}
	return count(int(d/time.Second), "second")
}
