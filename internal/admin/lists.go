package admin

import (
	"cmp"
	"slices"

	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/internal/observe/ledger"
)

// lists are the integrations, people and entries of a status, in the order and the part that a query asks for.
type lists struct {
	query
	Status Status
	crowd  []*person // see everybody
}

// choice is a link that shows a part of a list.
type choice struct {
	Text    string
	Link    string
	Count   int
	Current bool
}

// filter is a word of ?state= on the overview.
type filter struct {
	word, text string
	fits       func(*Integration) bool
}

func (l *lists) filters() []filter {
	is := func(states ...ledger.State) func(*Integration) bool {
		return func(i *Integration) bool { return slices.Contains(states, ledger.State(i.State)) }
	}
	return []filter{
		{"", "All", func(*Integration) bool { return true }},
		{"failing", "Failing", (*Integration).failing},
		{"person", "Need a person", l.needsPerson},
		{"needs", "Need the proxy", func(i *Integration) bool { return i.NeedsProxy }},
		{"silent", "Silent", is(ledger.StateIdle, ledger.StateNeverSeen)},
		{"moved", "Moved", is(ledger.StateNative)},
		{"observed", "Observed", func(i *Integration) bool { return i.Mode == string(integration.Observe) }},
		{"blocked", "Blocked", is(ledger.StateBlocked)},
	}
}

// needsPerson reports whether the attention list has an entry of an integration.
func (l *lists) needsPerson(i *Integration) bool {
	return slices.ContainsFunc(l.Status.Attention, func(a Attention) bool { return a.Integration == i.Name })
}

// Sorted lists the integrations by what the reader must know first: failing, in need of a person, in need of the
// proxy, silent, moved, blocked.
func (l *lists) Sorted() []Integration {
	rank := func(i Integration) int {
		switch state := ledger.State(i.State); {
		case i.failing():
			return 0
		case l.needsPerson(&i):
			return 1
		case i.NeedsProxy:
			return 2
		case state == ledger.StateIdle || state == ledger.StateNeverSeen:
			return 3
		case state == ledger.StateNative:
			return 4
		}
		return 5
	}
	list := slices.Clone(l.Status.Integrations)
	slices.SortStableFunc(list, func(a, b Integration) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), b.LastSeen.Compare(a.LastSeen), cmp.Compare(a.Name, b.Name))
	})
	return list
}

// Shown are the integrations that fit the filter, in the order of Sorted.
func (l *lists) Shown() []Integration {
	list := l.Sorted()
	for _, f := range l.filters() {
		if f.word == l.State {
			list = slices.DeleteFunc(list, func(i Integration) bool { return !f.fits(&i) })
		}
	}
	return list
}

// IntegrationChoices are the filters that would show something.
func (l *lists) IntegrationChoices() []choice {
	var list []choice
	for _, f := range l.filters() {
		n := 0
		for i := range l.Status.Integrations {
			if f.fits(&l.Status.Integrations[i]) {
				n++
			}
		}
		if n > 0 || f.word == l.State {
			list = append(list, choice{f.text, l.link("state", f.word) + "#integrations", n, f.word == l.State})
		}
	}
	return list
}

// UserChoices are the filters of the list of users.
func (l *lists) UserChoices() []choice {
	users := l.query
	if l.Path != "/users" {
		users = query{Path: "/users", State: "none"}
	}
	everybody := l.everybody()
	list := []choice{{"All", users.link("state", ""), len(everybody), users.State == ""}}
	for _, s := range personStates() {
		n := 0
		for _, u := range everybody {
			if u.State() == s.Word {
				n++
			}
		}
		if n > 0 || s.Word == users.State {
			list = append(list, choice{s.Text, users.link("state", s.Word), n, s.Word == users.State})
		}
	}
	return list
}

// Unlisted are the unlisted users of an integration.
func (l *lists) Unlisted(name string) []Unknown {
	return slices.DeleteFunc(slices.Clone(l.Status.Unknown), func(u Unknown) bool { return u.Integration != name })
}
