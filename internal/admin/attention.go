package admin

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/internal/observe/ledger"
	"docusign-auth-proxy/internal/trust"
	"docusign-auth-proxy/internal/words"
)

// What counts as worth a person's attention.
const (
	connWarning     = time.Hour // after the last connection that failed
	connEntries     = 5
	userEntries     = 5                // of one integration and cause; more users are one entry
	unresolvedAfter = 5 * time.Minute  // look-ups of a creation last for a minute
	clockWarning    = 30 * time.Second // assertions live for minutes, but a clock that is off drifts on
)

// attentionOf makes the entries of rows of the table of causes, the gravest first.
func attentionOf(s *Status) []Attention {
	list := []Attention{}
	add := func(id cause.ID, subject string, fill ...string) {
		list = append(list, newAttention(id, subject, append(fill, "config", s.Config.Path)...))
	}
	if s.Config.Error != "" {
		add(cause.ConfigNotLoaded, "Configuration", "detail", s.Config.Error)
	}
	for i := range s.Integrations {
		list = append(list, s.Integrations[i].attention(s)...)
	}
	if u := s.Unresolved; u.Count > 0 && s.Generated.Sub(u.Oldest) > unresolvedAfter {
		add(cause.CreationUnresolved, "SOAP over REST", "count", count(u.Count, "creation")+", the oldest of "+
			relative(u.Oldest, s.Generated)+",")
	}
	list = append(list, connAttention(s)...)
	list = append(list, unknownAttention(s)...)
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
	if client, programs := ledger.OneClient(s.callers()); programs > 0 && len(s.Balancers) == 0 {
		add(cause.OneClient, "Addresses of programs", "client", client, "count", "calls of "+count(programs, "program"))
	}
	if s.LogTrouble != "" {
		add(cause.LogStuck, "Log")
	}
	if s.Replicas != nil {
		list = append(list, s.Replicas.attention(s.Generated)...)
	}
	slices.SortStableFunc(list, func(a, b Attention) int { return cmp.Compare(b.Severity, a.Severity) })
	return list
}

// callers are the rows of all integrations. They need not name theirs.
func (s *Status) callers() (rows []ledger.Row) {
	for i := range s.Integrations {
		for _, c := range s.Integrations[i].Callers {
			row := c
			row.Integration = s.Integrations[i].Name
			rows = append(rows, row)
		}
	}
	return rows
}

// newAttention makes an entry of a row; fill as for cause.Fill.
func newAttention(id cause.ID, subject string, fill ...string) Attention {
	row := id.Of()
	return Attention{
		Cause: row.Word, Severity: row.Severity, Subject: subject, Problem: sentence(id.Means(fill...)),
		NextStep: sentence(id.Next(fill...)), Runbook: row.Anchor,
	}
}

// attentionTo makes an entry of what the place where it happened says itself; the row says what that place left out.
func attentionTo(word, subject, problem, next string, fill ...string) Attention {
	a := newAttention(rowOf(word), subject, fill...)
	a.Cause, a.Problem = cmp.Or(word, a.Cause), cmp.Or(sentence(problem), a.Problem)
	a.NextStep = cmp.Or(sentence(next), a.NextStep)
	return a
}

// inTrouble reports whether the last call failed for something that needs a person; the content of a call does not.
func inTrouble(r Caller) bool {
	return r.LastFailed() && rowOf(r.LastCause).Of().Severity > cause.Note
}

func rowOf(word string) cause.ID {
	if id, known := cause.Lookup(word); known {
		return id
	}
	return cause.Other
}

// connAttention tells of programs that do not get as far as a call, the latest first.
func connAttention(s *Status) []Attention {
	var list []Attention
	for _, f := range s.ConnFailures {
		if s.Generated.Sub(f.Last) > connWarning || len(list) == connEntries {
			break
		}
		client := "addresses not listed"
		if f.Client.IsValid() {
			client = f.Client.String()
		}
		a := attentionTo(f.Cause, "Client "+client, f.Detail, f.NextStep, "client", client, "host", f.Target)
		overTLS := strings.HasPrefix(f.Cause, "tls_")
		switch others := " Other calls of this client come through."; {
		case f.Called && f.Cause == cause.TLSNoCall.String():
			continue // a health check, or a connection that was opened ahead
		case f.Called && overTLS: // another program on the same machine
			a.Severity = min(a.Severity, cause.Ticket)
			a.Problem += others
		case f.Cause == cause.TLSNoCall.String() && f.Door == call.DoorConnect:
			a = newAttention(cause.NoConnect, a.Subject, "client", client)
		}
		a.Problem += " " + sentence(count(f.Count, "connection")+", the last "+relative(f.Last, s.Generated))
		list = append(list, a)
	}
	return list
}

// unknownAttention tells of callers that no integration takes, of each the last failure. None of them pages anybody:
// the caller may be a stranger.
func unknownAttention(s *Status) (list []Attention) {
	for _, u := range s.Unknown {
		for _, r := range u.Callers {
			fresh := s.Generated.Sub(r.LastSeen) <= connWarning && len(list) < connEntries
			if !fresh || !inTrouble(r) {
				continue
			}
			a := attentionTo(r.LastCause, "Unknown caller "+cmp.Or(r.Authenticator, r.Client), r.LastError, r.LastNext)
			a.Integration, a.Severity = u.Integration, cause.Ticket
			a.Problem += " " + sentence(count(r.Calls, "call")+", the last "+relative(r.LastSeen, s.Generated))
			list = append(list, a)
		}
	}
	return list
}

// attention tells of the users for whom an integration does not work, and of it as a whole. What only observed calls
// would meet is in their verdict, and blocked ones are refused on purpose.
func (i *Integration) attention(s *Status) []Attention {
	var list []Attention
	switch {
	case i.refused():
		a := newAttention(cause.ObserveRefused, i.Name, i.fill(s, "")...)
		a.NextStep = cmp.Or(i.ObserveVerdict, a.NextStep)
		list = append(list, a)
	case i.Mode == string(integration.Translate):
		list = i.userAttention(s)
		if i.failing() {
			list = i.failingAttention(s, list)
		}
		list = append(list, i.soapTrouble(s.Generated)...)
	}
	for n := range list {
		list[n].Integration = i.Name
	}
	return list
}

// failingAttention says that it is most calls that fail, where it is said why, or else by itself.
func (i *Integration) failingAttention(s *Status, list []Attention) []Attention {
	const most = "Most of its last calls failed."
	why := slices.IndexFunc(list, func(a Attention) bool { return a.Cause == i.LastCause })
	if i.LastCause == "" && len(list) == 1 {
		why = 0
	}
	if why >= 0 {
		list[why].Problem = most + " " + list[why].Problem
		return list
	}
	whole := attentionTo(i.LastCause, i.Name, most, i.LastNext, i.fill(s, "")...)
	if i.LastError != "" {
		whole.Problem += " " + sentence("last error: "+i.LastError)
	}
	return append([]Attention{whole}, list...)
}

// fill are the values that the texts of causes may ask for. An environment of the operator's own has no name.
func (i *Integration) fill(s *Status, user string) []string {
	environment := strings.TrimPrefix(s.Environment, "custom")
	return []string{"integration", i.Name, "key", i.ClientID, "environment", environment, "config", s.Config.Path,
		"user", user, "scopes", strings.Join(i.Scopes, " ")}
}

// userTrouble is why calls of one user fail.
type userTrouble struct {
	user, cause, problem, next, consentURL string
}

// troubles are those of tokens, then those of users whose last call failed for a reason that needs somebody.
func (i *Integration) troubles(now time.Time) (list []userTrouble) {
	for _, t := range i.Tokens {
		if t.Error != "" || t.Consent == "required" {
			word := t.ErrorLabel
			if t.Error == "" {
				word = cause.ConsentRequired.String()
			}
			trouble := userTrouble{user: t.User, cause: word, problem: t.Error, next: t.NextStep}
			if t.Consent == "required" { // else the page leads nowhere: the trouble is another
				trouble.consentURL = t.ConsentURL
			}
			list = append(list, trouble)
		}
	}
	type calls struct{ user, principal, api string }
	seen := map[calls]bool{}
	for _, r := range i.Callers { // the last seen first
		at := calls{r.Authenticator, r.Principal, r.API}
		if seen[at] || now.Sub(r.LastSeen) >= ledger.Window {
			continue
		}
		seen[at] = true
		told := slices.ContainsFunc(list, func(t userTrouble) bool {
			return t.cause == r.LastCause && (t.user == r.Authenticator || t.user == r.Principal)
		})
		if !told && inTrouble(r) {
			list = append(list, userTrouble{r.Authenticator, r.LastCause, r.LastError, r.LastNext, i.consentOf(r)})
		}
	}
	return list
}

// consentOf is the page of the consent that a call wanted.
func (i *Integration) consentOf(r Caller) string {
	for _, t := range i.Tokens {
		if r.LastCause == cause.ConsentRequired.String() && t.User == cmp.Or(r.Principal, r.Authenticator) {
			return t.ConsentURL
		}
	}
	return ""
}

// userAttention makes an entry for each user, or one for all whom the same happens to where they are many.
func (i *Integration) userAttention(s *Status) (list []Attention) {
	var causes []string
	by := map[string][]userTrouble{}
	for _, t := range i.troubles(s.Generated) {
		if by[t.cause] == nil {
			causes = append(causes, t.cause)
		}
		by[t.cause] = append(by[t.cause], t)
	}
	for _, word := range causes {
		if all := by[word]; len(all) > userEntries {
			a := attentionTo(word, i.Name+" for "+count(len(all), "user"), "", "", i.fill(s, "")...)
			a.Problem += " " + sentence("it is so for "+words.And(usersOf(all), userEntries))
			list = append(list, a)
			continue
		}
		for _, t := range by[word] {
			a := attentionTo(word, i.Name+" for "+t.user, t.problem, t.next, i.fill(s, t.user)...)
			a.User, a.ConsentURL = t.user, t.consentURL
			list = append(list, a)
		}
	}
	return list
}

// usersOf are the different users.
func usersOf(list []userTrouble) (users []string) {
	for _, t := range list {
		if !slices.Contains(users, t.user) {
			users = append(users, t.user)
		}
	}
	return users
}

// soapTrouble is that nobody has said how SOAP calls go, or that they do not go that way.
func (i *Integration) soapTrouble(now time.Time) []Attention {
	var a Attention
	switch refused := !i.BearerRefused.IsZero() && now.Sub(i.BearerRefused) < ledger.Window; {
	case i.SOAP != string(integration.Bearer):
		return nil
	case refused:
		a = newAttention(cause.BearerRefused, i.Name+" over SOAP")
		a.Problem += " The last time was " + relative(i.BearerRefused, now) + "."
	case !i.SOAPChosen && len(i.Operations) > 0:
		a = newAttention(cause.SOAPNotChosen, i.Name+" over SOAP", "integration", i.Name)
	default:
		return nil
	}
	if i.Verdict != "" {
		a.NextStep += " " + sentence(i.Verdict)
	}
	return []Attention{a}
}
