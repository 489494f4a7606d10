package sandbox

import (
	"maps"
	"sync"
)

// Counts is what the sandbox saw since it started.
type Counts struct {
	Grants          int            // access tokens issued
	GrantErrors     map[string]int // refused grants by "error" or "error/error_description"
	UserInfo        int            // userinfo answered
	UserInfoRefused int
	API             int            // REST calls let in
	Refused         map[string]int // REST calls refused, by error code
	Envelopes       int            // created, by REST and SOAP
	SOAP            int            // SOAP operations let in
	SOAPRefused     map[string]int // SOAP operations refused, by error code
	Legacy          Legacy
	Paths           map[string]int // calls by "METHOD host pattern"
}

// Legacy counts refused legacy credentials by shape.
type Legacy struct {
	Header        int // X-DocuSign-Authentication
	WSSecurity    int // UsernameToken with a password that is no App Password
	Body          int // Credential operations with a password that is no App Password
	PasswordGrant int // grant_type=password, at a site or at the account server
	ActAs         int // X-DocuSign-Act-As-User
	Bearer        int // lower-case scheme, bare token, or a token that OAuth never issues
}

// Total is the number of legacy credentials of any shape.
func (l Legacy) Total() int {
	return l.Header + l.WSSecurity + l.Body + l.PasswordGrant + l.ActAs + l.Bearer
}

// counter is Counts behind a lock.
type counter struct {
	mu sync.Mutex
	c  Counts
}

func newCounter() *counter {
	return &counter{c: Counts{GrantErrors: map[string]int{}, Refused: map[string]int{}, SOAPRefused: map[string]int{}, Paths: map[string]int{}}}
}

func (c *counter) add(change func(*Counts)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change(&c.c)
}

// Counts returns a copy of the counters.
func (s *Sandbox) Counts() Counts {
	s.counts.mu.Lock()
	defer s.counts.mu.Unlock()
	c := s.counts.c
	c.GrantErrors, c.Refused = maps.Clone(c.GrantErrors), maps.Clone(c.Refused)
	c.SOAPRefused, c.Paths = maps.Clone(c.SOAPRefused), maps.Clone(c.Paths)
	return c
}

// ResetCounts sets every counter to zero and forgets the recorded requests.
func (s *Sandbox) ResetCounts() {
	fresh := newCounter()
	s.counts.add(func(c *Counts) { *c = fresh.c })
	s.recorder.reset()
}
