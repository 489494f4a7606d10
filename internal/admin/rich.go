package admin

import (
	"regexp"
	"slices"
	"strings"

	"docusign-auth-proxy/internal/cause"
)

// piece is a part of a sentence: plain text, a command, an address, or a link to a consent page.
type piece struct{ Text, Command, Address, Link string }

// special finds commands of this program and addresses, behind what is no part of a path. A command ends with its last
// option.
var special = regexp.MustCompile(`(?:^|[^\w/.-])(https?://[^\s"<>]+` +
	`|docusign-auth-proxy(?: (?:ca|capture|config|pins|soap|tokens) [a-z]+(?:-[a-z]+)*| consent (?:wait|login)` +
	`| [a-z]+(?:-[a-z]+)*)?(?: --[a-z-]+(?: (?:"[^"]*"|the [a-z]+|[^\s;,()]+))?)*)`)

// Rich takes a sentence apart. Only consent pages become links: any other address may have come from a caller.
func (p *page) Rich(text string) []piece {
	var list []piece
	for text != "" {
		at := special.FindStringSubmatchIndex(text)
		if at == nil {
			return append(list, piece{Text: text})
		}
		at = at[2:]
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

// severityText says when a person is needed, since colour alone says nothing to some.
func severityText(s cause.Severity) string {
	return [...]string{"For information", "This week", "Now"}[min(s, cause.Page)]
}

// TroublesOf are the entries of an integration.
func (l *lists) TroublesOf(integration string) []Attention {
	return slices.DeleteFunc(slices.Clone(l.Status.Attention), func(a Attention) bool {
		return a.Integration != integration
	})
}

// Consents are those who have to consent where an entry is about several.
func (p *page) Consents(a Attention) []Token {
	var list []Token
	if i := p.index(a.Integration); i >= 0 && a.User == "" && a.Cause == cause.ConsentRequired.String() {
		list = slices.DeleteFunc(slices.Clone(p.Status.Integrations[i].Tokens), func(t Token) bool {
			return t.ConsentURL == "" || t.Consent != "required"
		})
	}
	return list
}

// severityGroup is a part of the attention list.
type severityGroup struct {
	Severity cause.Severity
	Entries  []Attention
}

// BySeverity is the attention list in parts; it has the gravest first.
func (l *lists) BySeverity() []severityGroup {
	var groups []severityGroup
	for _, a := range l.Status.Attention {
		if n := len(groups); n == 0 || groups[n-1].Severity != a.Severity {
			groups = append(groups, severityGroup{Severity: a.Severity})
		}
		last := &groups[len(groups)-1]
		last.Entries = append(last.Entries, a)
	}
	return groups
}

// Severities are links to the parts of the attention list.
func (l *lists) Severities() []choice {
	var list []choice
	for _, g := range l.BySeverity() {
		list = append(list, choice{severityText(g.Severity), "/attention#" + g.Severity.String(), len(g.Entries), false})
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

// causeRows is the table of causes, in general words.
func causeRows() []causeRow {
	var rows []causeRow
	seen := map[string]bool{}
	for _, id := range cause.All() {
		row := causeRow{Entry: id.Of()}
		row.Means, row.Next = sentence(id.Means()), sentence(id.Next())
		if !seen[row.Word] {
			row.ID, seen[row.Word] = row.Word, true
		}
		rows = append(rows, row)
	}
	return rows
}
