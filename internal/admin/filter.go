package admin

import (
	"net/url"
	"slices"
	"strconv"

	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/internal/observe/ledger"
)

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

func (p *page) filters() []filter {
	is := func(states ...ledger.State) func(*Integration) bool {
		return func(i *Integration) bool { return slices.Contains(states, ledger.State(i.State)) }
	}
	return []filter{
		{"", "All", func(*Integration) bool { return true }},
		{"failing", "Failing", (*Integration).failing},
		{"person", "Need a person", p.needsPerson},
		{"needs", "Need the proxy", func(i *Integration) bool { return i.NeedsProxy }},
		{"silent", "Silent", is(ledger.StateIdle, ledger.StateNeverSeen)},
		{"moved", "Moved", is(ledger.StateNative)},
		{"observed", "Observed", func(i *Integration) bool { return i.Mode == string(integration.Observe) }},
		{"blocked", "Blocked", is(ledger.StateBlocked)},
	}
}

// needsPerson reports whether the attention list has an entry of an integration.
func (p *page) needsPerson(i *Integration) bool {
	return slices.ContainsFunc(p.Status.Attention, func(a Attention) bool { return a.Integration == i.Name })
}

// Shown are the integrations that fit the filter, in the order of Sorted.
func (p *page) Shown() []Integration {
	list := p.Sorted()
	for _, f := range p.filters() {
		if f.word == p.State {
			list = slices.DeleteFunc(list, func(i Integration) bool { return !f.fits(&i) })
		}
	}
	return list
}

// IntegrationChoices are the filters that would show something.
func (p *page) IntegrationChoices() []choice {
	var list []choice
	for _, f := range p.filters() {
		n := 0
		for i := range p.Status.Integrations {
			if f.fits(&p.Status.Integrations[i]) {
				n++
			}
		}
		if n > 0 || f.word == p.State {
			list = append(list, choice{f.text, p.link("state", f.word) + "#integrations", n, f.word == p.State})
		}
	}
	return list
}

// UserChoices are the filters of the list of users.
func (p *page) UserChoices() []choice {
	users := p
	if p.Nav != "users" {
		users = &page{Path: "/users", State: "none"}
	}
	everybody := p.everybody()
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

// link is the page itself with one thing of its query changed, or taken out.
func (p *page) link(name, value string) string {
	q := url.Values{}
	set := func(name, value string) {
		q.Del(name)
		if value != "" {
			q.Set(name, value)
		}
	}
	set("state", p.State)
	set("q", p.Search)
	if !p.Day.IsZero() {
		set("day", p.Day.Format(isoDay))
	}
	if p.Refresh > 0 {
		set("refresh", strconv.Itoa(p.Refresh))
	}
	set(name, value)
	if len(q) == 0 {
		return p.Path
	}
	return p.Path + "?" + q.Encode()
}
