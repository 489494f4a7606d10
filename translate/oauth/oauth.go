// Package oauth obtains and keeps the bearer tokens that DocuSign wants in place of legacy passwords: JWT grant, token
// cache, UserInfo (where an account lives) and the look-ups e-mail -> user GUID and account number -> account GUID.
// It must never hand out a token at or past its expiry, put a token or an assertion into an error or an event, or believe
// a base_uri it was not told to trust. Package translate calls it; the doctor, consent and status pages read its state.
package oauth

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// Defaults of the Config fields of the same name.
const (
	DefaultRedirectURI   = "https://developers.docusign.com/platform/auth/consent"
	DefaultTimeout       = 30 * time.Second
	DefaultUserInfoLife  = 12 * time.Hour
	DefaultTerminalPause = 15 * time.Second
	DefaultMaxEntries    = 10_000
)

const (
	userAgent       = "docusign-auth-proxy"
	maxConcurrent   = 32 // requests of this package on the wire at once, over all identities
	ignoredOffset   = 2 * time.Second
	suspiciousSkew  = time.Minute
	maxAnswer       = 256 << 10
	maxLookupAnswer = 4 << 20
)

// Identity says whom a token is for. With the account server it is the cache key.
type Identity struct {
	Issuer  string // integration key, the claim iss
	Subject string // user GUID, the claim sub
	Scopes  string // blank-separated, in the order of the configuration
}

func (id Identity) compare(o Identity) int {
	return cmp.Or(cmp.Compare(id.Issuer, o.Issuer), cmp.Compare(id.Subject, o.Subject), cmp.Compare(id.Scopes, o.Scopes))
}

// Issuer is one integration key and the private keys that may sign for it, in the order in which they are tried.
type Issuer struct {
	ClientID string
	Keys     []*Key
}

// Granter obtains a token by other means than the built-in JWT grant. Grant is called outside every lock, one call at a
// time per identity, with a context that no single caller can cancel. Expires zero means unknown and is taken as five minutes.
type Granter interface {
	Grant(ctx context.Context, id Identity) (*Token, error)
}

// Config is what a Client is made of. AccountServer is required; every other zero value means the default it names.
type Config struct {
	AccountServer string       // origin, such as https://account-d.docusign.com; plain http only on a loopback address
	Audience      string       // claim aud; "" = host[:port] of AccountServer (PROTOCOL.md §6.1)
	HTTP          *http.Client // way out; nil = no environment proxy, time-outs of 10 to 20 s. Redirects are never followed
	Issuers       []Issuer
	Granters      func(Identity) Granter // consulted first; nil, or a nil answer = JWT grant
	RedirectURI   string                 // for consent URLs, must be registered with the integration key
	Now           func() time.Time       // nil = time.Now
	Jitter        func() float64         // [0,1); nil = math/rand/v2

	// TrustedBase decides whether a base_uri is believed; an error says why not. nil = any https origin. It can admit plain http
	// on a loopback address, nowhere else.
	TrustedBase func(*url.URL) error
	Observer    Observer

	Timeout       time.Duration // of one fetch, independent of its callers
	UserInfoLife  time.Duration // after it UserInfo is refreshed in the background
	TerminalPause time.Duration // pause after a refusal only a person can lift: within it the person's repair is seen
	MaxEntries    int           // identities, and look-up results of each kind, kept at once
	Learned       Learned       // results of earlier look-ups; ignored when learnt from another account server
}

// Observer is told what happens; every field may be nil. Hooks run on the calling goroutine and must not block.
type Observer struct {
	Grant    func(GrantEvent)    // one exchange with the token end point, successful or not
	CacheHit func(Identity)      // a token was served from the cache
	UserInfo func(UserInfoEvent) // one fetch of UserInfo
	Lookup   func(LookupEvent)   // one look-up of a user or an account
	Clock    func(time.Duration) // server time minus local time, learnt from a Date header
	Learned  func(Learned)       // what a look-up has just taught, worth saving
}

// GrantEvent describes one exchange. Err is nil or a *GrantError.
type GrantEvent struct {
	Identity   Identity
	KeyID      string // "" for a Granter
	Duration   time.Duration
	OAuthError string // "error" of the answer, cleaned; see GrantError.Label for a bounded label
	Err        error
}

// UserInfoEvent describes one fetch of UserInfo. Moved counts the accounts that stand at another site than before.
type UserInfoEvent struct {
	Identity Identity
	Duration time.Duration
	Moved    int
	Err      error
}

// LookupEvent describes one look-up; What is "user" or "account".
type LookupEvent struct {
	Identity Identity
	What     string
	Duration time.Duration
	Err      error
}

// Client hands out tokens and what it takes to use them. Make one with New; it is safe for concurrent use.
type Client struct {
	cfg       Config
	http      http.Client
	ownHTTP   bool
	issuers   map[string]*issuer
	entries   *table[Identity, *entry]
	users     *directory // e-mail -> GUID
	accounts  *directory // number -> GUID
	noLogin   sync.Map   // host -> time.Time: until when its login_information is taken to refuse bearers
	notFound  *rate.Limiter
	flights   *flights
	wire      chan struct{}
	offset    atomic.Int64 // server time minus local time, ns; as learnt, small values included
	tokenURL  string
	userInfo  string
	lastClock atomic.Pointer[time.Time]
}

// New checks cfg and makes a Client. It does no I/O. All problems are reported at once.
func New(cfg Config) (*Client, error) {
	origin, host, err := accountServer(cfg.AccountServer)
	problems := []error{err}
	issuers, err := indexIssuers(cfg.Issuers)
	problems = append(problems, err)
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults(origin, host)
	c := &Client{
		cfg:      cfg,
		issuers:  issuers,
		notFound: rate.NewLimiter(rate.Every(notFoundEvery), notFoundBurst),
		flights:  newFlights(cfg.Now, cfg.Timeout),
		wire:     make(chan struct{}, maxConcurrent),
		tokenURL: origin + "/oauth/token",
		userInfo: origin + "/oauth/userinfo",
	}
	c.setHTTP(cfg.HTTP)
	c.entries = newTable[Identity](cfg.MaxEntries, (*entry).busy)
	c.users = c.newDirectory("user", c.askUsers)
	c.accounts = c.newDirectory("account", c.askNumber)
	c.seed(cfg.Learned)
	return c, nil
}

// Close ends background refreshes and fetches in flight and waits for them. Call it when no request uses the client any more:
// afterwards live tokens are still served, but whoever would need a new one gets ErrClosed.
func (c *Client) Close() {
	c.flights.close()
	if c.ownHTTP {
		c.http.CloseIdleConnections()
	}
}

// AccountServer returns the origin tokens come from.
func (c *Client) AccountServer() string { return c.cfg.AccountServer }

// ClockOffset returns server time minus local time as the account server's Date headers tell it, and when that was learnt
// (zero: not yet). Offsets of two seconds or less are within the error of the method.
func (c *Client) ClockOffset() (time.Duration, time.Time) {
	at := c.lastClock.Load()
	if at == nil {
		return 0, time.Time{}
	}
	return time.Duration(c.offset.Load()), *at
}

// Adopt carries over what old has learnt, so that a reload of the configuration costs no grants: live tokens, UserInfo, working
// keys, look-ups, clock offset. Only identities whose issuer shares a key with old qualify, and only from the same account
// server. Errors are not carried over. Call it before c is used.
func (c *Client) Adopt(old *Client) {
	if old == nil || old == c || old.cfg.AccountServer != c.cfg.AccountServer || old.cfg.Audience != c.cfg.Audience {
		return
	}
	c.offset.Store(old.offset.Load())
	c.lastClock.Store(old.lastClock.Load())
	for id, issuer := range c.issuers {
		issuer.adopt(old.issuers[id])
	}
	now := c.cfg.Now()
	old.entries.each(func(id Identity, e *entry) {
		if !c.inherits(old, id) {
			return
		}
		mine := c.entries.findOrAdd(id, now, c.newEntry).val
		mine.token.adopt(e.token.cur.Load(), now)
		mine.info.adopt(c.retrust(e.info.cur.Load()), now)
	})
	old.noLogin.Range(func(host, until any) bool {
		c.noLogin.Store(host, until)
		return true
	})
	c.users.adopt(old.users, now)
	c.accounts.adopt(old.accounts, now)
}

// inherits tells whether tokens of id held by old are what c itself would obtain.
func (c *Client) inherits(old *Client, id Identity) bool {
	mine, theirs := c.granter(id), old.granter(id)
	if mine != nil || theirs != nil {
		return mine != nil && theirs != nil
	}
	return c.issuers[id.Issuer].sharesKey(old.issuers[id.Issuer])
}

func (c *Client) granter(id Identity) Granter {
	if c.cfg.Granters == nil {
		return nil
	}
	return c.cfg.Granters(id)
}

func (c *Client) setHTTP(given *http.Client) {
	if given == nil {
		given, c.ownHTTP = defaultHTTP(), true
	}
	c.http = http.Client{
		Transport: given.Transport,
		Timeout:   given.Timeout,
		// A redirect would carry the assertion or the bearer to a host nobody vetted.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	if c.http.Transport == nil {
		c.http.Transport = http.DefaultTransport
	}
}

// acquire takes one of the places on the wire; release gives it back.
func (c *Client) acquire(ctx context.Context) error {
	select {
	case c.wire <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *Client) release() { <-c.wire }

func (cfg Config) withDefaults(origin, host string) Config {
	cfg.AccountServer = origin
	if cfg.Audience == "" {
		cfg.Audience = host
	}
	if cfg.RedirectURI == "" {
		cfg.RedirectURI = DefaultRedirectURI
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Jitter == nil {
		cfg.Jitter = rand.Float64
	}
	cfg.Timeout = positive(cfg.Timeout, DefaultTimeout)
	cfg.UserInfoLife = positive(cfg.UserInfoLife, DefaultUserInfoLife)
	cfg.TerminalPause = positive(cfg.TerminalPause, DefaultTerminalPause)
	cfg.MaxEntries = positive(cfg.MaxEntries, DefaultMaxEntries)
	return cfg
}

func positive[N int | time.Duration](n, otherwise N) N {
	if n > 0 {
		return n
	}
	return otherwise
}

// accountServer normalises an origin and returns it with its host[:port].
func accountServer(s string) (origin, host string, err error) {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" {
		return "", "", fmt.Errorf("account server %q is not an origin such as https://account-d.docusign.com", s)
	}
	switch {
	case u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())):
		return "", "", fmt.Errorf("account server %q must be https", s)
	case u.User != nil || (u.Path != "" && u.Path != "/") || u.RawQuery != "" || u.Fragment != "":
		return "", "", fmt.Errorf("account server %q must be an origin: scheme and host only", u.Redacted())
	}
	host = strings.ToLower(u.Host)
	return u.Scheme + "://" + host, host, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

func defaultHTTP() *http.Client {
	return &http.Client{Transport: &http.Transport{
		// No proxy from the environment: in this process it may well name the process itself.
		DialContext:           (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		TLSClientConfig:       &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:   10 * time.Second,
		ResponseHeaderTimeout: 20 * time.Second,
		IdleConnTimeout:       90 * time.Second,
		MaxIdleConns:          16,
		MaxIdleConnsPerHost:   8,
		ForceAttemptHTTP2:     true,
	}}
}
