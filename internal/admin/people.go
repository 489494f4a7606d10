package admin

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/translate/legacy"
)

// person is somebody whom an integration can be: a user, a principal, or whose token or calls are known from before.
type person struct {
	Integration *Integration
	Name, ID    string
	Role        string
	User        *User // nil = nobody who logs in
	Tokens      []Token
	Callers     []Caller // that logged in as this person, or acted for it
	Attention   []Attention

	LastSeen, LastErrorAt time.Time
	LastError, LastCause  string
	LastNext              string
	Calls, Failed         uint64
	NotKnown              bool // not all calls are known
}

type personState struct{ Word, Text string }

// personStates are the words for person.State, the gravest first.
func personStates() []personState {
	return []personState{
		{"consent", "Consent missing"}, {"failing", "Failing"}, {"not_known", "Not known"},
		{"never_seen", "Never seen"}, {"works", "Works"},
	}
}

// State is the word for how calls as this person do now.
func (u *person) State() string {
	for _, t := range u.Tokens {
		if t.Consent == "required" {
			return "consent"
		}
	}
	bad := func(t Token) bool { return t.Error != "" }
	last := Caller{LastSeen: u.LastSeen, LastErrorAt: u.LastErrorAt, LastCause: u.LastCause}
	switch {
	case slices.ContainsFunc(u.Tokens, bad), inTrouble(last):
		return "failing"
	case u.Calls == 0 && u.NotKnown:
		return "not_known"
	case u.Calls == 0:
		return "never_seen"
	}
	return "works"
}

// Token is the one to show where there is room for one: that in trouble.
func (u *person) Token() *Token {
	for i, t := range u.Tokens {
		if t.Error != "" || t.Consent == "required" {
			return &u.Tokens[i]
		}
	}
	if len(u.Tokens) == 0 {
		return nil
	}
	return &u.Tokens[0]
}

// Trouble is what is wrong now, in a sentence.
func (u *person) Trouble() string {
	t := u.Token()
	switch {
	case t != nil && t.Error != "":
		return sentence(t.Error)
	case u.State() == "failing":
		return sentence(u.LastError)
	}
	for _, t := range u.Tokens {
		for _, site := range t.Sites {
			if site.Problem != "" {
				return sentence(site.Problem)
			}
		}
	}
	return ""
}

// Cause is the word for Trouble.
func (u *person) Cause() string {
	if t := u.Token(); t != nil && t.Error != "" {
		return t.ErrorLabel
	}
	return u.LastCause
}

// ShowRetry reports whether asking DocuSign again could help.
func (u *person) ShowRetry(can bool) bool {
	t := u.Token()
	return can && t != nil && (t.Error != "" || t.Consent == "required")
}

func (u *person) StateText() string {
	for _, s := range personStates() {
		if s.Word == u.State() {
			return s.Text
		}
	}
	return ""
}

// ActsFor are those whom this person may act for, and Actors those who may act for this person.
func (u *person) ActsFor() []string {
	if u.User == nil {
		return nil
	}
	return u.User.MayActFor
}

func (u *person) Actors() []string {
	var names []string
	for _, other := range u.Integration.Users {
		may := func(name string) bool { return name == integration.Anyone || u.is(name) }
		if !u.is(other.Username) && slices.ContainsFunc(other.MayActFor, may) {
			names = append(names, other.Username)
		}
	}
	return names
}

func (u *person) is(name string) bool {
	return legacy.SameName(name, u.Name) || u.ID != "" && legacy.SameName(name, u.ID)
}

// people finds everybody of an integration in one pass over its lists, since there may be hundreds.
type people struct {
	integration *Integration
	list        []*person
	byName      map[string]*person
}

func (p *people) find(name, id, role string) *person {
	u := cmp.Or(p.byName[legacy.Fold(name)], p.byName[legacy.Fold(id)])
	if u == nil {
		u = &person{Integration: p.integration, Name: name, Role: role}
		p.list = append(p.list, u)
	}
	u.ID = cmp.Or(u.ID, id) // a GUID that was looked up is known by the token first
	for _, key := range []string{name, id} {
		if key != "" {
			p.byName[legacy.Fold(key)] = u
		}
	}
	return u
}

// People are the users of an integration as the configuration lists them, then who else is known.
func (l *lists) People(i *Integration) []*person { return l.peopleOf(i).list }

func (l *lists) peopleOf(i *Integration) people {
	all := people{integration: i, byName: map[string]*person{}}
	for n := range i.Users {
		u := &i.Users[n]
		all.find(u.Username, u.UserID, "Logs in with the old credential.").User = u
	}
	for _, principal := range i.Principals {
		all.find(principal.Username, principal.UserID, "Is acted for, and never logs in.")
	}
	for _, t := range i.Tokens {
		u := all.find(t.User, t.UserID, "Is listed neither as a user nor as a principal, but a token was asked for.")
		u.Tokens = append(u.Tokens, t)
	}
	for _, c := range i.Callers {
		for n, name := range []string{c.Authenticator, c.Principal} {
			if name != "" && (n == 0 || !legacy.SameName(name, c.Authenticator)) {
				all.find(name, "", "Is not in the configuration any more.").add(c)
			}
		}
	}
	for _, a := range l.Status.Attention {
		if u := all.byName[legacy.Fold(a.User)]; a.Integration == i.Name && a.User != "" && u != nil {
			u.Attention = append(u.Attention, a)
		}
	}
	for _, u := range all.list {
		u.NotKnown = l.Status.NotKnown != ""
	}
	return all
}

func (u *person) add(c Caller) {
	u.Callers = append(u.Callers, c)
	u.Calls, u.Failed = u.Calls+c.Calls, u.Failed+c.Failed
	if c.LastSeen.After(u.LastSeen) {
		u.LastSeen = c.LastSeen
	}
	if c.LastErrorAt.After(u.LastErrorAt) {
		u.LastErrorAt, u.LastError, u.LastCause, u.LastNext = c.LastErrorAt, c.LastError, c.LastCause, c.LastNext
	}
}

// One is the people of the page's own integration, who needs help first.
func (p *page) One() []*person {
	list := p.People(p.Integration)
	slices.SortStableFunc(list, byNeed)
	return list
}

// Troubled are those who need help.
func (l *lists) Troubled() []*person {
	list := slices.DeleteFunc(l.everybody(), func(u *person) bool { return u.rank() > 1 })
	slices.SortStableFunc(list, byNeed)
	return list
}

func (u *person) rank() int {
	return slices.IndexFunc(personStates(), func(s personState) bool { return s.Word == u.State() })
}

func byNeed(a, b *person) int {
	return cmp.Or(cmp.Compare(a.rank(), b.rank()), b.LastSeen.Compare(a.LastSeen), cmp.Compare(a.Name, b.Name))
}

// Everybody is the people of all integrations that fit the filter, who needs help first.
func (l *lists) Everybody() []*person {
	list := slices.DeleteFunc(l.everybody(), func(u *person) bool {
		return l.State != "" && u.State() != l.State || !contains(l.Search, u.Name, u.ID, u.Integration.Name)
	})
	slices.SortStableFunc(list, byNeed)
	return list
}

// usersShown is how many users stand on one page of the list.
const usersShown = 100

// Some are those of Everybody that the page shows.
func (l *lists) Some() []*person {
	list := l.Everybody()
	list = list[min(l.From, len(list)):]
	return list[:min(usersShown, len(list))]
}

// Before and After lead to the users before and after those shown; "" = there are none.
func (l *lists) Before() string {
	if l.From == 0 {
		return ""
	}
	return l.link("from", number(uint64(max(0, l.From-usersShown))))
}

func (l *lists) After() string {
	if l.From+usersShown >= len(l.Everybody()) {
		return ""
	}
	return l.link("from", number(uint64(l.From+usersShown)))
}

func (l *lists) everybody() []*person {
	if l.crowd == nil {
		for i := range l.Status.Integrations {
			l.crowd = append(l.crowd, l.People(&l.Status.Integrations[i])...)
		}
	}
	return slices.Clone(l.crowd)
}

// contains reports whether one of the texts has the words that were looked for.
func contains(search string, texts ...string) bool {
	return slices.ContainsFunc(texts, func(s string) bool { return strings.Contains(legacy.Fold(s), legacy.Fold(search)) })
}

// UserLink is the address of a person's own page; "" where there is none. Browsers take "." and ".." out of a path.
func (p *page) UserLink(integration, user string) string {
	if p.Static || integration == "" || user == "" || user == "." || user == ".." {
		return ""
	}
	return p.Link(integration) + "/user/" + url.PathEscape(user)
}

// CallerLink is the page of somebody whom the page's own integration knows; "" = it does not.
func (p *page) CallerLink(user string) string {
	if p.Integration == nil {
		return ""
	}
	if p.own == nil {
		p.own = p.peopleOf(p.Integration).byName
	}
	if p.own[legacy.Fold(user)] == nil {
		return ""
	}
	return p.UserLink(p.Integration.Name, user)
}

func (s *server) user(w http.ResponseWriter, r *http.Request) {
	p := s.page(r, "")
	if i := p.index(r.PathValue("name")); i >= 0 {
		p.Integration = &p.Status.Integrations[i]
		if p.Person = p.peopleOf(p.Integration).byName[legacy.Fold(r.PathValue("user"))]; p.Person != nil {
			s.render(w, http.StatusOK, "user", p)
			return
		}
	}
	s.missing(w, p)
}
