package oauth

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/time/rate"
)

// How often an upstream may make us fetch anew in vain, per identity: a site that answers 401 to everything must not
// turn every call into a grant, nor a wrong-site answer every call into a UserInfo request (both are limited,
// PROTOCOL.md §6.3 and §7). What helped is not counted.
const (
	invalidateEvery = 30 * time.Second
	invalidateBurst = 5
	refreshEvery    = 5 * time.Minute
	refreshBurst    = 3
)

const (
	noLoginFor = 15 * time.Minute // it is remembered that a site's login_information takes no bearers
	maxNoLogin = 1000
)

// subject is what is known of one identity.
type subject struct {
	client     *Client
	id         Identity
	token      entry[*Token]
	info       entry[*UserInfo]
	invalidate [uses]*rate.Limiter
	refresh    [2]*rate.Limiter // for accounts that UserInfo does not list, and for those that it does
}

func (s *subject) busy() bool { return s.token.busy() || s.info.busy() }

func (c *Client) subject(id Identity) *subject { return c.subjects.GetOrAdd(id, c.newSubject) }

func (c *Client) newSubject(id Identity) *subject {
	s := &subject{client: c, id: id}
	for i := range s.invalidate {
		s.invalidate[i] = rate.NewLimiter(rate.Every(invalidateEvery), invalidateBurst)
	}
	for i := range s.refresh {
		s.refresh[i] = rate.NewLimiter(rate.Every(refreshEvery), refreshBurst)
	}
	s.token = entry[*Token]{fetches: c.fetches, ask: s.grant}
	s.info = entry[*UserInfo]{fetches: c.fetches, ask: s.fetchUserInfo}
	if c.cfg.Shared != nil {
		s.share()
	}
	return s
}

// Token returns a token with at least 30 s to live (or a tenth of its life), from the cache if it can. Errors:
// *GrantError, ErrClosed, or the error of ctx; leaving early ends nobody else's wait.
func (c *Client) Token(ctx context.Context, id Identity) (*Token, error) {
	t, hit, err := c.subject(id).token.get(ctx, nil)
	if hit && c.cfg.Observer.CacheHit != nil {
		c.cfg.Observer.CacheHit(id)
	}
	return t, waiting(ctx, "token", err)
}

// Invalidate drops used, which DocuSign refused for u, unless a newer token has taken its place. It reports whether
// Token can now give another one: false means that used is kept, because tokens refused from the start come too often
// (5 times for each use, then once in 30 s). A token that worked before it was refused is always dropped.
func (c *Client) Invalidate(id Identity, used *Token, u Use) bool {
	if used == nil {
		return true
	}
	used.Refused(u)
	allowed := true
	s := c.subject(id)
	s.token.drop(func(t *Token) bool {
		if t != used && !t.AccessToken.Equal(used.AccessToken) {
			return false
		}
		allowed = used.workedFirst(u) || s.invalidate[u].AllowN(c.cfg.Now(), 1)
		return allowed
	})
	return allowed
}

// UserInfo returns where the accounts of id are, from the cache if it can: it lives for twelve hours, then is
// refreshed in the background, and a refresh that fails leaves the old answer. Errors: *GrantError, *RequestError,
// ErrClosed, the error of ctx.
func (c *Client) UserInfo(ctx context.Context, id Identity) (*UserInfo, error) {
	u, _, err := c.subject(id).info.get(ctx, nil)
	return u, waiting(ctx, "user info", err)
}

// ErrTooSoon says that UserInfo was asked for anew too often.
var ErrTooSoon = errors.New("user info was refreshed too often")

// RefreshUserInfo is for an answer about account (a GUID; "" = none that is known) that smells of the wrong site,
// given that stale was used to route. It returns what is known now and whether any account stands elsewhere than stale
// says. What is already newer than stale is returned at once; else UserInfo is fetched, one fetch per identity. After
// three fetches that showed no move it is once in five minutes, separately for accounts that stale lists and for
// others: beyond that the cached one comes with ErrTooSoon.
func (c *Client) RefreshUserInfo(
	ctx context.Context, id Identity, stale *UserInfo, account string,
) (*UserInfo, bool, error) {
	s := c.subject(id)
	cached := s.info.peek()
	if cached != nil && stale != nil && cached != stale && !cached.Fetched.Before(stale.Fetched) {
		return cached, moved(stale, cached) > 0, nil
	}
	limit, asked := s.refresh[0], false
	if stale.Account(account) != nil {
		limit = s.refresh[1]
	}
	fresh, _, err := s.info.get(ctx, func() error {
		if asked = limit.TokensAt(c.cfg.Now()) >= 1; !asked {
			return ErrTooSoon
		}
		return nil
	})
	elsewhere := err == nil && moved(stale, fresh) > 0
	if asked && !elsewhere && (err == nil || ctx.Err() != nil) { // a failure has its own pause
		limit.AllowN(c.cfg.Now(), 1)
	}
	if err != nil {
		return cached, false, waiting(ctx, "user info", err)
	}
	return fresh, elsewhere, nil
}

// LoginRefused is told that login_information at host refused used, which it may do to every bearer (PROTOCOL.md
// §14.4). The account server is asked about used, unless the caller is sure that it is good. LoginRefused returns the
// token to try in its place, or nil if used is good; then the host is remembered for LoginRefusesBearer. Errors as
// UserInfo's.
func (c *Client) LoginRefused(ctx context.Context, id Identity, used *Token, host string, sure bool) (*Token, error) {
	s, began := c.subject(id), c.cfg.Now()
	if !sure {
		info, _, err := s.info.get(ctx, func() error { return nil })
		if err != nil {
			return nil, waiting(ctx, "user info", err)
		}
		if now := s.token.peek(); now != nil && now != used {
			return now, nil
		}
		if info.Fetched.Before(began) { // by another replica, which says nothing of the token
			return nil, nil
		}
	}
	c.noLogin.Put(host, struct{}{})
	return nil, nil
}

// LoginRefusesBearer reports whether login_information at host refused good tokens a while ago.
func (c *Client) LoginRefusesBearer(host string) bool {
	_, refuses := c.noLogin.Get(host)
	return refuses
}

// Retry makes the next request for id ask the account server again although it refused a moment ago: after consent was
// given. A pause that the server asked for stays.
func (c *Client) Retry(id Identity) {
	if s, ok := c.subjects.Get(id); ok {
		s.token.retry()
		s.info.retry()
	}
}

// ForgetErrors is Retry for all identities and all look-ups.
func (c *Client) ForgetErrors() {
	for id := range c.subjects.All() {
		c.Retry(id)
	}
	for _, known := range c.lookups.known.All() {
		known.retry()
	}
}

// waiting says what was waited for when err is that the caller's context ended.
func waiting(ctx context.Context, what string, err error) error {
	if ctx.Err() == nil || err != ctx.Err() {
		return err
	}
	return fmt.Errorf("wait for %s: %w", what, err)
}
