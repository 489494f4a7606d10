package oauth

import (
	"context"
	"fmt"
	"sync/atomic"
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

// entry is what is known of one identity.
type entry struct {
	id         Identity
	token      cell[*Token]
	info       cell[*UserInfo]
	invalidate [uses]*rate.Limiter
	refresh    [2]*rate.Limiter // for accounts that UserInfo does not list, and for those that it does
}

func (e *entry) busy() bool { return e.token.busy() || e.info.busy() }

func (c *Client) newEntry(id Identity) *entry {
	e := &entry{id: id}
	for i := range e.invalidate {
		e.invalidate[i] = rate.NewLimiter(rate.Every(invalidateEvery), invalidateBurst)
	}
	for i := range e.refresh {
		e.refresh[i] = rate.NewLimiter(rate.Every(refreshEvery), refreshBurst)
	}
	e.token = cell[*Token]{flights: c.flights, pause: c.backoff, fetch: func(ctx context.Context) (slot[*Token], error) {
		return c.grant(ctx, id)
	}}
	e.info = cell[*UserInfo]{flights: c.flights, pause: c.backoff, fetch: func(ctx context.Context) (slot[*UserInfo], error) {
		return c.fetchUserInfo(ctx, e)
	}}
	return e
}

func (c *Client) entry(id Identity, now time.Time) *node[Identity, *entry] {
	n := c.entries.find(id)
	if n == nil {
		n = c.entries.findOrAdd(id, now, c.newEntry)
	}
	n.touch(now)
	return n
}

// Session is a handle on one identity for whoever resolves it again and again. It is safe for concurrent use.
type Session struct {
	client *Client
	id     Identity
	node   atomic.Pointer[node[Identity, *entry]]
}

// Session returns a handle on id. It does no I/O.
func (c *Client) Session(id Identity) *Session { return &Session{client: c, id: id} }

// Identity returns whom the session is for.
func (s *Session) Identity() Identity { return s.id }

// entry finds the entry anew only when it fell out of the cache.
func (s *Session) entry(now time.Time) *entry {
	n := s.node.Load()
	if n == nil || n.gone.Load() {
		n = s.client.entry(s.id, now)
		s.node.Store(n)
	} else {
		n.touch(now)
	}
	return n.val
}

// Token is Client.Token.
func (s *Session) Token(ctx context.Context) (*Token, error) {
	now := s.client.cfg.Now()
	return s.client.token(ctx, s.entry(now), now)
}

// UserInfo is Client.UserInfo.
func (s *Session) UserInfo(ctx context.Context) (*UserInfo, error) {
	now := s.client.cfg.Now()
	return s.client.info(ctx, s.entry(now), now)
}

// Invalidate is Client.Invalidate.
func (s *Session) Invalidate(used *Token, u Use) bool {
	now := s.client.cfg.Now()
	return s.client.drop(s.entry(now), used, u, now)
}

// RefreshUserInfo is Client.RefreshUserInfo.
func (s *Session) RefreshUserInfo(ctx context.Context, stale *UserInfo, account string) (*UserInfo, bool, error) {
	return s.client.renewInfo(ctx, s.entry(s.client.cfg.Now()), stale, account)
}

// LoginRefused is told that login_information at host refused used, which it may do to every bearer (PROTOCOL.md
// §14.4). The account server is asked about used, unless the caller is sure that it is good. LoginRefused returns the
// token to try in its place, or nil if used is good; then the host is remembered for LoginRefusesBearer. Errors as
// UserInfo's.
func (s *Session) LoginRefused(ctx context.Context, used *Token, host string, sure bool) (*Token, error) {
	return s.client.loginRefused(ctx, s.entry(s.client.cfg.Now()), used, host, sure)
}

// Token returns a token with at least 30 s to live (or a tenth of its life), from the cache if it can. Errors: *GrantError, ErrClosed,
// or the error of ctx; leaving early ends nobody else's wait.
func (c *Client) Token(ctx context.Context, id Identity) (*Token, error) {
	now := c.cfg.Now()
	return c.token(ctx, c.entry(id, now).val, now)
}

func (c *Client) token(ctx context.Context, e *entry, now time.Time) (*Token, error) {
	t, hit, err := e.token.get(ctx, now)
	if err != nil {
		return nil, waiting(ctx, "token", err)
	}
	if hit && c.cfg.Observer.CacheHit != nil {
		c.cfg.Observer.CacheHit(e.id)
	}
	return t, nil
}

// Invalidate drops used, which DocuSign refused for u, unless a newer token has taken its place. It reports whether
// Token can now give another one: false means that used is kept, because tokens refused from the start come too often
// (5 times for each use, then once in 30 s). A token that worked before it was refused is always dropped.
func (c *Client) Invalidate(id Identity, used *Token, u Use) bool {
	n := c.entries.find(id)
	if n == nil {
		return true
	}
	return c.drop(n.val, used, u, c.cfg.Now())
}

func (c *Client) drop(e *entry, used *Token, u Use, now time.Time) bool {
	if used == nil {
		return true
	}
	used.Refused(u)
	allowed := true
	e.token.drop(func(t *Token) bool {
		if t != used && !t.AccessToken.Equal(used.AccessToken) {
			return false
		}
		allowed = used.workedFirst(u) || e.invalidate[u].AllowN(now, 1)
		return allowed
	})
	return allowed
}

// UserInfo returns where the accounts of id are, from the cache if it can: it lives for Config.UserInfoLife, then is refreshed in
// the background, and a refresh that fails leaves the old answer. Errors: *GrantError, *RequestError, ErrClosed, the error of ctx.
func (c *Client) UserInfo(ctx context.Context, id Identity) (*UserInfo, error) {
	now := c.cfg.Now()
	return c.info(ctx, c.entry(id, now).val, now)
}

func (c *Client) info(ctx context.Context, e *entry, now time.Time) (*UserInfo, error) {
	u, _, err := e.info.get(ctx, now)
	if err != nil {
		return nil, waiting(ctx, "user info", err)
	}
	return u, nil
}

// RefreshUserInfo is for an answer about account (a GUID; "" = none that is known) that smells of the wrong site,
// given that stale was used to route. It returns what is known now and whether any account stands elsewhere than stale
// says. What is already newer than stale is returned at once; else UserInfo is fetched, one flight per identity. After
// three fetches that showed no move it is once in five minutes, separately for accounts that stale lists and for
// others: beyond that the cached one comes with a *TooSoonError.
func (c *Client) RefreshUserInfo(
	ctx context.Context, id Identity, stale *UserInfo, account string,
) (*UserInfo, bool, error) {
	return c.renewInfo(ctx, c.entry(id, c.cfg.Now()).val, stale, account)
}

func (c *Client) renewInfo(ctx context.Context, e *entry, stale *UserInfo, account string) (*UserInfo, bool, error) {
	cached, ok := e.info.peek()
	if ok && stale != nil && cached != stale && !cached.Fetched.Before(stale.Fetched) {
		return cached, moved(stale, cached) > 0, nil
	}
	limit, asked := e.refresh[0], false
	if stale.Account(account) != nil {
		limit = e.refresh[1]
	}
	fresh, err := e.info.renew(ctx, func(now time.Time) error {
		if has := limit.TokensAt(now); has < 1 {
			return &TooSoonError{Wait: time.Duration((1 - has) * float64(refreshEvery))}
		}
		asked = true
		return nil
	})
	if stale == nil {
		stale = cached
	}
	elsewhere := err == nil && moved(stale, fresh) > 0
	if asked && !elsewhere && (err == nil || ctx.Err() != nil) { // a failure has its own pause
		limit.AllowN(c.cfg.Now(), 1)
	}
	if err != nil {
		return cached, false, waiting(ctx, "user info", err)
	}
	return fresh, elsewhere, nil
}

// loginMemory is how long it is remembered that a site's login_information takes no bearers.
const loginMemory = 15 * time.Minute

func (c *Client) loginRefused(ctx context.Context, e *entry, used *Token, host string, sure bool) (*Token, error) {
	if !sure {
		if _, err := e.info.renew(ctx, func(time.Time) error { return nil }); err != nil {
			return nil, waiting(ctx, "user info", err)
		}
		if now, ok := e.token.peek(); ok && now != used {
			return now, nil
		}
	}
	c.noLogin.Store(host, c.cfg.Now().Add(loginMemory))
	return nil, nil
}

// LoginRefusesBearer reports whether login_information at host refused good tokens a while ago.
func (c *Client) LoginRefusesBearer(host string) bool {
	until, ok := c.noLogin.Load(host)
	return ok && c.cfg.Now().Before(until.(time.Time))
}

// Retry makes the next request for id ask the account server again although it refused a moment ago: after consent was given.
// A pause that the server asked for stays.
func (c *Client) Retry(id Identity) {
	if n := c.entries.find(id); n != nil {
		n.val.token.retry()
		n.val.info.retry()
	}
}

// ForgetErrors is Retry for all identities and all look-ups.
func (c *Client) ForgetErrors() {
	c.entries.each(func(id Identity, _ *entry) { c.Retry(id) })
	c.users.known.each(func(_ lookupKey, l *cell[string]) { l.retry() })
	c.accounts.known.each(func(_ lookupKey, l *cell[string]) { l.retry() })
}

// waiting says what was waited for when the caller's context ended.
func waiting(ctx context.Context, what string, err error) error {
	if ctx.Err() == nil || err != ctx.Err() {
		return err
	}
	return fmt.Errorf("wait for %s: %w", what, err)
}
