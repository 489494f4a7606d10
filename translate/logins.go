package translate

import (
	"time"

	"docusign-auth-proxy/internal/secret"
)

// Login is a user of the proxy's own: of the forward proxy or of the operations listener.
type Login struct {
	Username string
	Password Password
}

// Logins checks such users. Proven ones are remembered as keyed hashes, so that a slow hash is not run for each request, and
// only one is hashed at a time.
type Logins struct {
	users  map[string]Password
	hash   *hasher
	proven *memo[struct{}]
	slot   chan struct{}
}

// NewLogins makes Logins that remember for the given time; 0 means one hour.
func NewLogins(users []Login, remember time.Duration) *Logins {
	if remember == 0 {
		remember = time.Hour
	}
	l := &Logins{users: map[string]Password{}, hash: newHasher(), proven: newMemo[struct{}](1024, remember, time.Now), slot: make(chan struct{}, 1)}
	for _, u := range users {
		l.users[u.Username] = u.Password
	}
	return l
}

// Verify reports whether the password is the user's.
func (l *Logins) Verify(user string, password secret.Text) bool {
	p, known := l.users[user]
	if !known {
		return false
	}
	d := l.hash.sum("login", user, password.Reveal())
	if _, ok := l.proven.get(d); ok {
		return true
	}
	l.slot <- struct{}{}
	ok := p.Verify(password)
	<-l.slot
	if ok {
		l.proven.put(d, struct{}{})
	}
	return ok
}
