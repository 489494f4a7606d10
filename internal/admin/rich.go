package admin

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"docusign-auth-proxy/internal/cause"
)

// piece is a part of a sentence: plain text, a command, an address, or a link to a consent page.
type piece struct{ Text, Command, Address, Link string }

// special finds commands of this program and addresses. A command ends with its last option.
var special = regexp.MustCompile(`https?://[^\s"<>]+` +
	`|docusign-auth-proxy(?: (?:ca|capture|config|pins|soap|tokens) [a-z]+(?:-[a-z]+)*| consent (?:wait|login)` +
	`| [a-z]+(?:-[a-z]+)*)?(?: --[a-z-]+(?: [^\s;,()]+)?)*`)

// Rich takes a sentence apart. Only consent pages become links: any other address may have come from a caller.
func (p *page) Rich(text string) []piece {
	var list []piece
	for text != "" {
		at := special.FindStringIndex(text)
		if at == nil {
			return append(list, piece{Text: text})
		}
		found := strings.TrimRight(text[at[0]:at[1]], ".,;:)")
		if at[0] > 0 {
			list = append(list, piece{Text: text[:at[0]]})
		}
		text = text[at[0]+len(found):]
		switch {
		case p.consentOf(found) != "":
			list = append(list, piece{Text: "the consent page of " + p.consentOf(found), Link: found})
		case strings.Contains(found, "://"):
			list = append(list, piece{Address: found})
		default:
			list = append(list, piece{Command: found})
		}
	}
	return list
}

// consentOf names the user whose consent page has an address; "" = it is none.
func (p *page) consentOf(address string) string {
	if p.consents == nil {
		p.consents = map[string]string{}
		for _, i := range p.Status.Integrations {
			for _, t := range i.Tokens {
				p.consents[t.ConsentURL] = t.User
			}
		}
	}
	return p.consents[address]
}

// HasLink reports whether a sentence leads to a consent page by itself.
func (p *page) HasLink(text string) bool {
	return slices.ContainsFunc(p.Rich(text), func(part piece) bool { return part.Link != "" })
}

// trouble is one entry of the attention list, with those that differ in the user alone.
type trouble struct {
	Attention
	Others []Attention
}

// severityText says when a person is needed, since colour alone says nothing to some.
func severityText(s cause.Severity) string {
	return [...]string{"For information", "This week", "Now"}[min(s, cause.Page)]
}

// troubles keep the order of the list, which has the gravest first.
func troubles(list []Attention) []trouble {
	type kind struct{ integration, cause string }
	at := map[kind]int{}
	var out []trouble
	for _, a := range list {
		k := kind{a.Integration, a.Cause}
		if n, found := at[k]; found && a.User != "" && a.Cause != "" {
			out[n].Others = append(out[n].Others, a)
			continue
		}
		if a.User != "" && a.Cause != "" {
			at[k] = len(out)
		}
		out = append(out, trouble{Attention: a})
	}
	return out
}

// Troubles is the whole attention list.
func (p *page) Troubles() []trouble { return troubles(p.Status.Attention) }

// TroublesOf are those of an integration.
func (p *page) TroublesOf(integration string) []trouble {
	return troubles(slices.DeleteFunc(slices.Clone(p.Status.Attention), func(a Attention) bool {
		return a.Integration != integration
	}))
}

// severityGroup is a part of the attention list.
type severityGroup struct {
	Severity cause.Severity
	Troubles []trouble
}

// BySeverity is the attention list in parts, the gravest first.
func (p *page) BySeverity() []severityGroup {
	var groups []severityGroup
	for _, t := range p.Troubles() {
		if n := len(groups); n == 0 || groups[n-1].Severity != t.Severity {
			groups = append(groups, severityGroup{Severity: t.Severity})
		}
		last := &groups[len(groups)-1]
		last.Troubles = append(last.Troubles, t)
	}
	return groups
}

// Severities are links to the parts of the attention list.
func (p *page) Severities() []choice {
	var list []choice
	for _, g := range p.BySeverity() {
		list = append(list, choice{severityText(g.Severity), "/attention#" + g.Severity.String(), len(g.Troubles), false})
	}
	return list
}

// CauseLink is where the table explains a word; "" = it does not.
func (p *page) CauseLink(word string) string {
	id, known := cause.Lookup(word)
	if p.Static || !known {
		return ""
	}
	return "/causes#" + id.String()
}

// causeRow is a row of the table of causes. ID is set at the first row of a word.
type causeRow struct {
	cause.Entry
	ID string
}

// Causes is the table of causes, in general words.
func (p *page) Causes() []causeRow {
	var rows []causeRow
	seen := map[string]bool{}
	for _, id := range cause.All() {
		row := causeRow{Entry: id.Of()}
		row.Means, row.Next, row.Anchor = sentence(id.Means()), sentence(id.Next()), cmp.Or(row.Anchor, causesAnchor)
		if !seen[row.Word] {
			row.ID, seen[row.Word] = row.Word, true
		}
		rows = append(rows, row)
	}
	return rows
}
