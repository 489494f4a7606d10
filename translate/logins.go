package translate

import (
	"context"
	"net/netip"

	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/internal/password"
	"docusign-auth-proxy/internal/secret"
)

// Logins proves such users.
type Logins struct {
	prover  *Prover
	realm   string
	users   map[string]password.Password
	slowest password.Password
}

// NewLogins makes Logins. realm tells them from the users of other listeners and of integrations.
func NewLogins(p *Prover, realm string, users []integration.Login) *Logins {
	l := &Logins{prover: p, realm: realm, users: map[string]password.Password{}}
	for _, u := range users {
		l.users[u.Username] = u.Password
		l.slowest = password.Slowest(l.slowest, u.Password)
	}
	return l
}

// Verify checks the password of a user who came from client. The error is an *call.Error of the kind
// call.KindBadLogin, call.KindThrottled or call.KindBusy, or ctx's.
func (l *Logins) Verify(ctx context.Context, client netip.Addr, user string, given secret.Text) error {
	p, known := l.users[user]
	_, _, err := l.prover.prove(ctx, attempt{
		client: client, realm: l.realm, username: user, password: p, known: known,
		candidates: []secret.Text{given}, slowest: l.slowest,
	})
	return err
}
