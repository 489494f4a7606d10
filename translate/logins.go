package translate

import (
	"context"
	"net/netip"

	"docusign-auth-proxy/internal/secret"
)

// Login is a user of the proxy's own: of the forward proxy or of the operations listener.
type Login struct {
	Username string
	Password Password
}

// Logins proves such users.
type Logins struct {
	prover  *Prover
	realm   string
	users   map[string]Password
	slowest Password
}

// NewLogins makes Logins. realm tells them from the users of other listeners and of integrations.
func NewLogins(p *Prover, realm string, users []Login) *Logins {
	l := &Logins{prover: p, realm: realm, users: map[string]Password{}}
	for _, u := range users {
		l.users[u.Username] = u.Password
		l.slowest = slowestOf([]Password{l.slowest, u.Password})
	}
	return l
}

// Verify checks the password of a user who came from client. The error is an *call.Error of the kind call.KindBadLogin, call.KindThrottled
// or call.KindBusy, or ctx's.
func (l *Logins) Verify(ctx context.Context, client netip.Addr, user string, password secret.Text) error {
	p, known := l.users[user]
	_, _, err := l.prover.prove(ctx, attempt{
		client: client, realm: l.realm, username: user, password: p, known: known, candidates: []secret.Text{password}, slowest: l.slowest,
	})
	return err
}
