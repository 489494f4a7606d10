package oauth

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"time"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/lease"
	"docusign-auth-proxy/internal/secret"
)

// DocuSign forgets a refresh token after 30 days. Renew exchanges one that lay unused for a quarter of them, not all of
// one day's at once. renewPause keeps many that are due from being throttled (PROTOCOL.md §6.3).
const (
	renewAfter  = 30 * 24 * time.Hour / 4
	renewSpread = 24 * time.Hour
	renewPause  = 2 * time.Second
	renewLease  = "renewal of logins"

	codeTimeout  = 20 * time.Second // of one exchange
	refreshLease = 3 * codeTimeout
	leaseLeft    = 30 * time.Second // that an exchange needs
	storePause   = 5 * time.Second  // while the store of all replicas is away
)

// RefreshStore keeps refresh tokens, by RefreshName, so that a login survives a restart. Replicas may share it.
type RefreshStore interface {
	// Refresh asks memory alone. It also tells when the token was put there, zero if that is not known.
	Refresh(name string) (token secret.Text, at time.Time, ok bool, err error)
	// FreshRefresh asks the store itself. The version is for ReplaceRefresh.
	FreshRefresh(ctx context.Context, name string) (
		token secret.Text, at time.Time, version string, ok bool, err error)
	// ReplaceRefresh puts a token in place of the one of that version; replaced is false where there is another one.
	ReplaceRefresh(ctx context.Context, name string, token secret.Text, version string) (replaced bool, err error)
	// Lease takes a turn among all replicas. Another error than lease.ErrBusy means that the store is away.
	Lease(ctx context.Context, name string, life time.Duration) (*lease.Lease, error)
}

// keptLogin is a refresh token as it was read.
type keptLogin struct {
	token   secret.Text
	version string
}

// Grant is a Granter: it exchanges the stored refresh token. One that comes back is stored before the access token is
// handed out. A token that rotates must not be used twice, so a user's grants come one after the other, among all
// replicas: each is read from the store itself, under a lease.
func (g *CodeGranter) Grant(ctx context.Context, id Identity) (*Token, error) {
	turn, err := g.turn(ctx, id)
	if err != nil {
		return nil, err
	}
	defer turn.Release()
	unsaved, err := g.cfg.Unsaved.save(ctx, g.cfg.Tokens, RefreshName(id))
	switch {
	case err != nil:
		return nil, g.away(id, err)
	case unsaved != nil && unsaved.Expires.After(g.server.now().Add(hardMargin)):
		return unsaved, nil
	}
	kept, failed := g.stored(ctx, id)
	if failed != nil {
		return nil, failed
	}
	return g.present(ctx, id, kept, turn)
}

// present exchanges a refresh token. Where another one is stored afterwards, by a replica or a login, that one stays
// and is tried, once: only a token that is still the stored one can tell that the login is lost.
func (g *CodeGranter) present(ctx context.Context, id Identity, kept keptLogin, turn *lease.Lease) (*Token, error) {
	for first := true; ; first = false {
		if err := g.longEnough(ctx, id, turn); err != nil {
			return nil, err
		}
		l, failed := g.exchangeRefresh(ctx, id, kept.token)
		switch {
		case failed == nil:
			if done, err := g.keep(ctx, id, l, kept); done || err != nil || !first {
				return l.Token, err
			}
			g.cfg.Conflict(id)
		case failed.Kind != LoginRequired || !first:
			return nil, failed
		}
		newer, gone := g.stored(ctx, id)
		switch {
		case gone != nil && gone.Kind == StoreUnreachable:
			return nil, gone
		case gone != nil || newer.version == kept.version:
			return nil, failed
		}
		kept = newer
	}
}

// keep stores what came with an access token. done is false where somebody else has replaced the token meanwhile.
func (g *CodeGranter) keep(ctx context.Context, id Identity, l Login, kept keptLogin) (done bool, err error) {
	ctx, name := context.WithoutCancel(ctx), RefreshName(id)
	if l.Refresh.Empty() || l.Refresh == kept.token {
		_, _ = g.cfg.Tokens.ReplaceRefresh(ctx, name, kept.token, kept.version) // only its date: the login is kept already
		return true, nil
	}
	g.cfg.Unsaved.logins.Store(name, &unsavedLogin{l, kept.version})
	if saved, err := g.cfg.Unsaved.save(ctx, g.cfg.Tokens, name); err != nil || saved != nil {
		return err == nil, g.away(id, err)
	}
	return false, nil
}

// turn waits for the lease of a user's refresh token. Who has it may ask for other scopes.
func (g *CodeGranter) turn(ctx context.Context, id Identity) (*lease.Lease, error) {
	for look := firstLook; ; look = min(2*look, longestLook) {
		turn, err := g.cfg.Tokens.Lease(ctx, lease.OfRefresh(RefreshName(id)), refreshLease)
		switch {
		case err == nil:
			return turn, nil
		case !errors.Is(err, lease.ErrBusy):
			return nil, g.unreachable(id, err)
		case !sleep(ctx, look):
			return nil, g.busy(id)
		}
	}
}

func (g *CodeGranter) busy(id Identity) *GrantError {
	return g.server.grantError(Network, id, "another replica exchanges the refresh token", context.DeadlineExceeded)
}

// longEnough makes sure that nobody else takes the turn during an exchange.
func (g *CodeGranter) longEnough(ctx context.Context, id Identity, turn *lease.Lease) error {
	if time.Until(turn.Until) >= leaseLeft {
		return nil
	}
	until, err := turn.Extend(ctx, refreshLease)
	switch {
	case errors.Is(err, lease.ErrBusy):
		return g.busy(id)
	case err != nil:
		return g.unreachable(id, err)
	}
	turn.Until = until
	return nil
}

// unreachable says that without the store no refresh token is exchanged.
func (g *CodeGranter) unreachable(id Identity, err error) *GrantError {
	failed := g.server.grantError(StoreUnreachable, id, clean(err.Error(), 300), err)
	failed.RetryAfter = storePause
	return failed
}

// away makes a *GrantError of the store's absence, and of nothing else.
func (g *CodeGranter) away(id Identity, err error) error {
	if call.KindOf(err) == call.KindStoreUnreachable {
		return g.unreachable(id, err)
	}
	return err
}

func (g *CodeGranter) stored(ctx context.Context, id Identity) (keptLogin, *GrantError) {
	token, _, version, ok, err := g.cfg.Tokens.FreshRefresh(ctx, RefreshName(id))
	text := "this user has not logged in yet"
	switch {
	case call.KindOf(err) == call.KindStoreUnreachable:
		return keptLogin{}, g.unreachable(id, err)
	case err != nil:
		text = clean(err.Error(), 300)
	}
	if err != nil || !ok {
		return keptLogin{}, g.server.grantError(LoginRequired, id, text, err)
	}
	return keptLogin{token, version}, nil
}

// exchangeRefresh does not end with its caller: an answer nobody reads may hold the only refresh token that still
// works.
func (g *CodeGranter) exchangeRefresh(ctx context.Context, id Identity, token secret.Text) (Login, *GrantError) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), codeTimeout)
	defer cancel()
	l, failed := g.post(ctx, id, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token.Reveal()}})
	if failed != nil && failed.OAuthError == "invalid_grant" {
		failed.Kind = LoginRequired
	}
	return l, failed
}

// Unsaved are refresh tokens that only this process has, because the store could not be written. The zero value is
// ready for use.
type Unsaved struct{ logins sync.Map } // RefreshName -> *unsavedLogin

type unsavedLogin struct {
	Login
	replaces string // version
}

// Save stores what can be stored. It is meant to be called every few seconds.
func (u *Unsaved) Save(ctx context.Context, tokens RefreshStore) {
	u.logins.Range(func(name, _ any) bool {
		_, _ = u.save(ctx, tokens, name.(string)) // what fails is tried again
		return ctx.Err() == nil
	})
}

// save stores one, and gives the access token that came with it. Where another token is stored meanwhile, that one
// stays, and there is none.
func (u *Unsaved) save(ctx context.Context, tokens RefreshStore, name string) (*Token, error) {
	known, ok := u.logins.Load(name)
	if !ok {
		return nil, nil
	}
	l := known.(*unsavedLogin)
	replaced, err := tokens.ReplaceRefresh(ctx, name, l.Refresh, l.replaces)
	if err != nil {
		return nil, fmt.Errorf("the new refresh token could not be stored, and without it the login would be lost: %w", err)
	}
	u.logins.CompareAndDelete(name, known)
	if !replaced {
		return nil, nil
	}
	return l.Token, nil
}

// Renew exchanges the refresh tokens of CodeConfig.Identities that were not exchanged for a while, so that they do not
// expire, one every few seconds. The access tokens that come of it are kept by through, a Client that grants with g.
// It is meant to be called daily; of all replicas one does it. The error joins a *GrantError for each user whose login
// is lost; who never logged in is passed over.
func (g *CodeGranter) Renew(ctx context.Context, through *Client) error {
	turn, err := g.cfg.Tokens.Lease(ctx, renewLease, refreshLease)
	if err != nil {
		return nil //nolint:nilerr // another replica is at it, or the store is away: there is time enough
	}
	defer turn.Release()
	var problems []error
	var next <-chan time.Time // nil before the first
	for _, id := range g.cfg.Identities {
		if !g.due(RefreshName(id)) {
			continue
		}
		if next != nil {
			select {
			case <-next:
			case <-ctx.Done():
				return errors.Join(problems...)
			}
		}
		if _, err := turn.Extend(ctx, refreshLease); err != nil {
			break
		}
		if _, err := through.Token(ctx, id); ctx.Err() == nil {
			problems = append(problems, err)
		}
		next = time.After(g.pause)
	}
	return errors.Join(problems...)
}

// due goes by the date in the store, which outlives the process.
func (g *CodeGranter) due(name string) bool {
	_, at, ok, err := g.cfg.Tokens.Refresh(name)
	wait := renewAfter + time.Duration(g.jitter()*float64(renewSpread))
	return err != nil || ok && g.server.now().Sub(at) >= wait // Token tells what the error is
}
