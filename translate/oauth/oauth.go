// Package oauth obtains and keeps the bearer tokens that DocuSign wants in place of legacy passwords: JWT grant, token
// cache, UserInfo (where an account lives) and the look-ups e-mail -> user GUID and account number -> account GUID. It
// must never hand out a token at or past its expiry, put a token or an assertion into an error or an event, or believe
// a base_uri it was not told to trust. Package translate calls it; the doctor, consent and status pages read its
// state.
package oauth

import (
	"cmp"
	"context"
	"math/rand/v2"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/time/rate"

	"docusign-auth-proxy/internal/cache"
)

// Defaults of the Config fields of the same name.
const (
	DefaultRedirectURI   = "https://developers.docusign.com/platform/auth/consent"
	DefaultTerminalPause = 15 * time.Second
)

const (
	fetchTimeout = 30 * time.Second // of one fetch, independent of its callers
	userInfoLife = 12 * time.Hour   // after it UserInfo is refreshed in the background
	maxEntries   = 10_000           // identities, and look-up results of each kind, kept at once

	maxAccountsAsked = 20 // of one user
)

// Identity says whom a token is for. With the account server it is the cache key.
type Identity struct {
	Issuer  string // integration key, the claim iss
	Subject string // user GUID, the claim sub
	Scopes  string // blank-separated, in the order of the configuration
}

// Config is what a Client is made of. AccountServer and HTTP are required; every other zero value means the default it
// names.
type Config struct {
	AccountServer string                 // origin in lower case, such as https://account-d.docusign.com
	Audience      string                 // claim aud; "" = host[:port] of AccountServer (PROTOCOL.md §6.1)
	HTTP          *http.Client           // way out, with time-outs; its redirects are not followed
	Issuers       map[string][]*Key      // integration key -> private keys that may sign for it, tried in this order
	Granters      func(Identity) Granter // consulted first; nil, or a nil answer = JWT grant
	RedirectURI   string                 // for consent URLs, must be registered with the integration key
	RedirectURIs  map[string]string      // those of single integration keys, in place of RedirectURI
	Now           func() time.Time       // nil = time.Now
	Jitter        func() float64         // [0,1); nil = math/rand/v2

	// TrustedBase decides whether a base_uri is believed; an error says why not. nil = any https origin. It can admit
	// plain http on a loopback address, nowhere else.
	TrustedBase func(*url.URL) error
	Observer    Observer

	TerminalPause time.Duration // pause after a refusal only a person can lift: within it the person's repair is seen
	Learned       []Fact        // results of earlier look-ups; ignored when learnt from another account server
	Shared        Shared        // fetches once for all replicas; nil = this process is alone
}

// Observer is told what happens; every field may be nil. Hooks run on the calling goroutine and must not block.
type Observer struct {
	Grant    func(GrantEvent)    // one exchange with the token end point, successful or not
	CacheHit func(Identity)      // a token was served from the cache
	UserInfo func(UserInfoEvent) // one fetch of UserInfo
	Lookup   func(LookupEvent)   // one look-up of a user or an account
	Clock    func(time.Duration) // server time minus local time, learnt from a Date header
	Learned  func(Fact)          // what a look-up has just taught, worth saving
	Shared   func(SharedEvent)   // one claim; only with Config.Shared
	// RefreshConflict is for CodeConfig.Conflict.
	RefreshConflict func(Identity)
}

// GrantEvent describes one exchange. Err is nil or a *GrantError.
type GrantEvent struct {
	Identity Identity
	Duration time.Duration
	Err      error
}

// UserInfoEvent describes one fetch of UserInfo. Moved counts the accounts that stand at another site than before.
type UserInfoEvent struct {
	Identity Identity
	Moved    int
	Err      error
}

// LookupEvent describes one look-up; What is "user" or "account".
type LookupEvent struct {
	Identity Identity
	What     string
	Err      error
}

// Client hands out tokens and what it takes to use them. Make one with New; it is safe for concurrent use.
type Client struct {
	cfg      Config
	server   *server
	issuers  map[string]*issuer // by integration key
	fetches  *fetches
	subjects *cache.Cache[Identity, *subject]
	lookups  *directory
	notFound *rate.Limiter
	noLogin  *cache.Cache[string, struct{}] // hosts whose login_information refuses bearers
}

// New makes a Client. It does no I/O.
func New(cfg Config) *Client {
	s := newServer(cfg.AccountServer, cfg.HTTP, cfg.Now)
	s.audience, s.onClock = cmp.Or(cfg.Audience, s.audience), cfg.Observer.Clock
	cfg.Now = s.now
	if cfg.Jitter == nil {
		cfg.Jitter = rand.Float64
	}
	cfg.RedirectURI = cmp.Or(cfg.RedirectURI, DefaultRedirectURI)
	cfg.TerminalPause = cmp.Or(cfg.TerminalPause, DefaultTerminalPause)
	ctx, cancel := context.WithCancel(context.Background())
	c := &Client{
		cfg: cfg, server: s, issuers: map[string]*issuer{},
		notFound: rate.NewLimiter(rate.Every(notFoundEvery), notFoundBurst),
		noLogin:  cache.New[string, struct{}](maxNoLogin, noLoginFor, cfg.Now),
	}
	c.fetches = &fetches{ctx: ctx, cancel: cancel, now: cfg.Now, pause: c.backoff, timeout: fetchTimeout}
	for id, keys := range cfg.Issuers {
		c.issuers[id] = &issuer{keys: keys}
	}
	c.subjects = cache.New[Identity, *subject](maxEntries, 0, nil).Spare((*subject).busy)
	c.lookups = &directory{c, cache.New[lookup, *entry[string]](2*maxEntries, 0, nil).Spare((*entry[string]).busy)}
	c.lookups.seed(cfg.Learned)
	return c
}

// Close ends background refreshes and fetches in flight and waits for them. Call it when no request uses the client any
// more: afterwards live tokens are still served, but whoever would need a new one gets ErrClosed.
func (c *Client) Close() { c.fetches.close() }

// ClockOffset returns server time minus local time as the account server's Date headers tell it, and when that was
// learnt (zero: not yet). Offsets of two seconds or less are within the error of the method.
func (c *Client) ClockOffset() (time.Duration, time.Time) {
	if r := c.server.clock.Load(); r != nil {
		return r.offset, r.at
	}
	return 0, time.Time{}
}

// Adopt carries over what old has learnt, so that a reload of the configuration costs no grants: live tokens, UserInfo,
// working keys, look-ups, clock offset. Only identities whose issuer shares a key with old qualify, and only from the
// same account server. Errors are not carried over. Call it before c is used.
func (c *Client) Adopt(old *Client) {
	if old == nil || old.server.origin != c.server.origin || old.server.audience != c.server.audience {
		return
	}
	c.server.clock.Store(old.server.clock.Load())
	for id, mine := range c.issuers {
		if theirs := old.issuers[id]; theirs != nil {
			mine.good.Store(mine.find(theirs.good.Load()))
		}
	}
	for id, theirs := range old.subjects.All() {
		if !c.inherits(old, id) {
			continue
		}
		mine := c.subject(id)
		token, _ := theirs.token.state()
		info, _ := theirs.info.state()
		mine.token.adopt(token)
		mine.info.adopt(retrust(info, c.cfg.TrustedBase))
	}
	for host := range old.noLogin.All() {
		c.noLogin.Put(host, struct{}{})
	}
	for k, theirs := range old.lookups.known.All() {
		if s, _ := theirs.state(); s != nil && c.inherits(old, k.Identity) {
			c.lookups.entry(k).adopt(s)
		}
	}
}

// inherits tells whether tokens of id held by old are what c itself would obtain.
func (c *Client) inherits(old *Client, id Identity) bool {
	mine, theirs := c.granter(id), old.granter(id)
	if mine != nil || theirs != nil {
		return mine != nil && theirs != nil
	}
	return c.issuers[id.Issuer].sharesKey(old.issuers[id.Issuer])
}
