package admin

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/internal/observe/ledger"
	"docusign-auth-proxy/internal/words"
)

// notForAll ends the state of an integration that does not work for each of its users.
const notForAll = ", not for all"

// stateWords are the words for a ledger.State and what to do then; "" for what is none.
func stateWords(state string) (text, next string) {
	switch ledger.State(state) {
	case ledger.StateBlocked:
		return "Blocked", "It is refused on purpose. Once nothing has called for a while, remove it from the configuration."
	case ledger.StateNeverSeen:
		return "Never seen", "" // see cause.NeverSeen
	case ledger.StateNotKnown:
		return "Not known", "" // see Status.NotKnown
	case ledger.StateIdle:
		return "Idle", "Ask its owner whether it is still in use: a job may run once a quarter."
	case ledger.StateFailing:
		return "Failing", sentence(cause.Other.Next())
	case ledger.StateMixed:
		return "Mixed", "Part of it has OAuth of its own. Move the callers that still show a legacy scheme."
	case ledger.StateNative:
		return "Moved", "It has OAuth of its own: let it call DocuSign directly, then remove it from the configuration."
	case ledger.StateLegacy:
		return "Legacy", "Give it keys and consent, then set mode: translate."
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
	s.NotKnown = s.uncounted()
	for i := range s.Integrations {
		s.Integrations[i].assess(&s)
	}
	snippets := snippetTemplate()
	for i := range s.Unknown {
		u := &s.Unknown[i]
		if !slices.ContainsFunc(s.Integrations, func(i Integration) bool { return i.Name == u.Integration }) {
			u.Integration = "" // it was removed since: its key is foreign now
		}
		u.Snippet = snippet(snippets, *u)
	}
	if s.Replicas != nil {
		s.Replicas.compare()
	}
	s.Migration = migrationOf(&s)
	s.Attention = attentionOf(&s)
	return s
}

func (i *Integration) assess(s *Status) {
	missing := s.NotKnown
	if missing != "" && i.concluded() {
		i.State, i.NextStep = string(ledger.StateNotKnown), ""
	}
	text, next := stateWords(i.State)
	i.StateText, i.Verdict = cmp.Or(text, i.State), sentence(i.Verdict)
	troubles, now := i.troubles(s.Generated), s.Generated
	switch state := ledger.State(i.State); {
	case state == ledger.StateNotKnown && i.Calls == 0:
		next = notKnown(missing) + " If none ever comes, " + cause.NeverSeen.Next("key", i.IntegratorKey) + "."
	case state == ledger.StateNotKnown:
		next = notKnown(missing) + " Leave it in the configuration until its calls of 14 days are known."
	case state == ledger.StateNeverSeen:
		next = sentence(cause.NeverSeen.Next("key", i.IntegratorKey))
	case i.observed():
		i.ObserveVerdict = i.rehearsalVerdict()
		going := "Its old credential goes out as it came. "
		if i.refused() {
			going = sentence(cause.ObserveRefused.Means("integration", i.Name)) + " "
			next = sentence(cause.ObserveRefused.Next("integration", i.Name))
		}
		next = going + cmp.Or(i.ObserveVerdict, next)
	case state == ledger.StateFailing:
		next = cmp.Or(firstNext(troubles), sentence(i.LastNext), next)
	case len(troubles) > 0 && (state == ledger.StateTranslated || state == ledger.StateMixed):
		i.StateText += notForAll
		next = "It does not work for " + words.And(usersOf(troubles), 3) + ". " + firstNext(troubles)
	}
	i.NextStep = cmp.Or(i.NextStep, next)
	switch ledger.State(i.State) {
	case ledger.StateLegacy, ledger.StateTranslated, ledger.StateMixed:
		i.NeedsProxy = true
	default:
		i.NeedsProxy = i.failing() && !i.LegacyLast.IsZero() &&
			(i.NativeLast.IsZero() || now.Sub(i.LegacyLast) < ledger.Window)
	}
}

// notKnown makes what Status.NotKnown says a sentence.
func notKnown(why string) string { return "Not known: " + why + "." }

// concluded reports whether its state follows from calls that did not come.
func (i *Integration) concluded() bool {
	return slices.Contains([]ledger.State{
		ledger.StateNeverSeen, ledger.StateIdle, ledger.StateNative,
	}, ledger.State(i.State))
}

// firstNext is what helps the first user.
func firstNext(troubles []userTrouble) string {
	for _, t := range troubles {
		return cmp.Or(sentence(t.next), sentence(rowOf(t.cause).Next("user", t.user)))
	}
	return ""
}

// observed reports whether its calls go out as they came, and there are some.
func (i *Integration) observed() bool {
	return i.Mode == string(integration.Observe) &&
		(i.State == string(ledger.StateLegacy) || i.State == string(ledger.StateFailing))
}

// refused reports whether DocuSign refused the last of the calls that went out as they came.
func (i *Integration) refused() bool {
	return i.observed() && i.LastCause == cause.DocuSign401.String() && !i.LastErrorAt.Before(i.LastSeen)
}

// rehearsalVerdict says how many of the observed calls would work, and what to do then; "" = none was seen.
func (i *Integration) rehearsalVerdict() string {
	r := i.Rehearsals
	if r == nil || r.Calls == 0 {
		return ""
	}
	of := thousands(number(r.WouldWork)) + " of " + count(r.Calls, "call")
	if len(r.Not) == 0 {
		next := cause.ObserveWorks.Next("integration", i.Name)
		if len(i.Operations) > 0 && !i.SOAPChosen {
			next = cause.SOAPNotChosen.Next() + "; then " + next
		}
		return sentence(cause.ObserveWorks.Means("count", of) + ": " + next)
	}
	var why []string
	for _, n := range r.Not {
		parts := []string{n.Cause}
		for _, part := range [...][2]string{{"for", n.User}, {"acting for", n.ActsFor}, {"in", n.Operation}} {
			if part[1] != "" {
				parts = append(parts, part[0], part[1])
			}
		}
		why = append(why, strings.Join(parts, " ")+" ("+thousands(number(n.Count))+")")
	}
	first := cmp.Or(r.Not[0].NextStep, rowOf(r.Not[0].Cause).Next("user", r.Not[0].User, "integration", i.Name))
	return sentence(cause.ObserveFails.Means("count", of, "detail", thousands(number(r.Calls-r.WouldWork))+
		" would not: "+words.And(why, 3))) + " " + sentence(first)
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
		case state == ledger.StateNotKnown:
			m.NotKnown++
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
	missing := s.NotKnown
	m.CanRemove = missing == "" && m.Total > 0 && m.Need == 0 && m.Silent == 0 && m.Failing == 0 && m.UnknownCallers == 0
	m.Headline, m.Verdict = m.headline(missing == ""), m.verdict(names)
	if m.Total > 0 && missing != "" {
		m.Verdict = notKnown(missing)
		if m.Need > 0 {
			m.Verdict += " Seen to need the proxy: " + words.And(names, 5) + "."
		}
	}
	return m
}

// headline is more careful where not all calls are known.
func (m *Migration) headline(all bool) string {
	if m.Total == 0 {
		return "No integration is configured yet"
	}
	total, needs := count(m.Total, "integration"), verb(m.Need, "needs", "need")
	head := fmt.Sprintf("%d of %s still %s the proxy", m.Need, total, needs)
	switch {
	case m.Need == 0 && all:
		head = "No integration is seen to need the proxy"
	case m.Need == 0:
		head = "Which integrations need the proxy is not known"
	case !all:
		head = "At least " + head
	}
	switch {
	case m.Failing > 0:
		return fmt.Sprintf("%s; %d %s failing", head, m.Failing, verb(m.Failing, "is", "are"))
	case m.Need > 0 && all:
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
		waits = append(waits, words.And(names, 5)+" "+has+" OAuth of "+its+" own")
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
	return "The proxy can go when " + words.And(waits, len(waits)) + "."
}

// sentence makes an error's text one. A name, a key of the configuration and a command keep their first letter.
func sentence(s string) string {
	if s == "" {
		return ""
	}
	word, _, _ := strings.Cut(s, " ")
	letter := func(r rune) bool { return unicode.IsLetter(r) || r == '\'' }
	if strings.TrimFunc(strings.TrimRight(word, ",;."), letter) == "" {
		first, size := utf8.DecodeRuneInString(s)
		s = string(unicode.ToUpper(first)) + s[size:]
	}
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
