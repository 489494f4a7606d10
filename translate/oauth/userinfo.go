package oauth

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/shown"
)

// UserInfo is what the account server says of a user (PROTOCOL.md §7). It is shared: never change it.
type UserInfo struct {
	Sub, Name, Email string
	Accounts         []Account
	Fetched          time.Time
}

// Account is one account of a user and the site where it lives.
type Account struct {
	AccountID string // GUID
	Name      string
	IsDefault bool
	BaseURI   *url.URL // origin, such as https://na3.docusign.net; nil if Untrusted
	Untrusted error    // why base_uri is not believed; such an account cannot be routed to
	claimed   string   // base_uri as received
}

// Account returns the account with that GUID, in any case and with or without braces, or nil. Numeric ids are unknown
// to UserInfo: see Client.LearnAccountID.
func (u *UserInfo) Account(guid string) *Account {
	if u == nil || guid == "" {
		return nil
	}
	if guid[0] == '{' {
		guid = strings.TrimSuffix(guid[1:], "}")
	}
	return u.first(func(a *Account) bool { return strings.EqualFold(a.AccountID, guid) })
}

// Default returns the default account, or else the first, or nil if there is none.
func (u *UserInfo) Default() *Account {
	if u == nil {
		return nil
	}
	return cmp.Or(u.first(func(a *Account) bool { return a.IsDefault }), u.first(func(*Account) bool { return true }))
}

func (u *UserInfo) first(fits func(*Account) bool) *Account {
	for i := range u.Accounts {
		if a := &u.Accounts[i]; fits(a) {
			return a
		}
	}
	return nil
}

// Routable returns the accounts that can be routed to, the default first.
func (u *UserInfo) Routable() (list []*Account) {
	first := u.Default()
	for i := range u.Accounts {
		switch a := &u.Accounts[i]; {
		case a.BaseURI == nil:
		case a == first:
			list = slices.Insert(list, 0, a)
		default:
			list = append(list, a)
		}
	}
	return list
}

// ordered returns as many of them as are worth asking.
func (u *UserInfo) ordered() []*Account {
	list := u.Routable()
	return list[:min(len(list), maxAccountsAsked)]
}

// moved counts the accounts of now that are new or stand at another site than before says.
func moved(before, now *UserInfo) int {
	if before == nil || now == nil || before == now {
		return 0
	}
	n := 0
	for i := range now.Accounts {
		a := &now.Accounts[i]
		if was := before.Account(a.AccountID); was == nil || was.origin() != a.origin() {
			n++
		}
	}
	return n
}

func (a *Account) origin() string {
	if a.BaseURI == nil {
		return ""
	}
	return a.BaseURI.String()
}

// fetchUserInfo is the fetch of an info entry.
func (s *subject) fetchUserInfo(ctx context.Context) (timed[*UserInfo], error) {
	c := s.client
	u, err := s.askUserInfo(ctx)
	if c.cfg.Observer.UserInfo != nil {
		c.cfg.Observer.UserInfo(UserInfoEvent{Identity: s.id, Moved: moved(s.info.peek(), u), Err: err})
	}
	if err != nil {
		return timed[*UserInfo]{}, err
	}
	if len(u.Accounts) == 0 {
		// No call can show that a membership was given meanwhile, since none can be sent.
		until := u.Fetched.Add(c.cfg.TerminalPause)
		return timed[*UserInfo]{val: u, soft: until, edge: until}, nil
	}
	return timed[*UserInfo]{val: u, soft: u.Fetched.Add(c.cfg.spread(userInfoLife))}, nil
}

// spread keeps what was fetched at one time from being refreshed at one time.
func (c *Config) spread(life time.Duration) time.Duration {
	return time.Duration((0.9 + 0.1*c.Jitter()) * float64(life))
}

func (s *subject) askUserInfo(ctx context.Context) (*UserInfo, error) {
	target := s.client.server.origin + "/oauth/userinfo"
	var a userInfoAnswer
	if err := s.get(ctx, UseAccountServer, "user info", target, &a); err != nil {
		return nil, err
	}
	u, err := a.userInfo(s.client.cfg.TrustedBase)
	// A token for somebody else would send in the wrong name; nothing may be built on it.
	if err == nil && shown.GUID(s.id.Subject) && shown.GUID(u.Sub) && !strings.EqualFold(s.id.Subject, u.Sub) {
		err = fmt.Errorf("it is about user %s, but the token was asked for user %s", u.Sub, s.id.Subject)
	}
	if err != nil {
		return nil, badAnswer("user info", target, err)
	}
	u.Fetched = s.client.cfg.Now()
	return u, nil
}

// get calls DocuSign with the token of s and decodes a good answer. A refused token is dropped and the call is repeated
// once.
func (s *subject) get(ctx context.Context, u Use, operation, target string, into any) error {
	for again := true; ; again = false {
		t, err := s.client.Token(ctx, s.id)
		if err != nil {
			return err
		}
		err = s.client.server.get(ctx, t, operation, target, into)
		switch {
		case err == nil:
			t.Worked(u)
		case blamesToken(err):
			t.Refused(u)
			if again && s.client.Invalidate(s.id, t, u) {
				continue
			}
		}
		return err
	}
}

// blamesToken tells a bad token from a missing permission, which is also 401 (PROTOCOL.md §8.2).
func blamesToken(err error) bool {
	var e *RequestError
	if !errors.As(err, &e) || e.HTTPStatus != http.StatusUnauthorized {
		return false
	}
	switch e.Code {
	case "USER_LACKS_PERMISSIONS", "USER_LACKS_MEMBERSHIP", "USER_DOES_NOT_BELONG_TO_SPECIFIED_ACCOUNT",
		"ACCOUNT_LACKS_PERMISSIONS":
		return false
	}
	return true
}

// retrust judges the sites of an inherited UserInfo by another rule.
func retrust(s *timed[*UserInfo], rule func(*url.URL) error) *timed[*UserInfo] {
	if s == nil {
		return nil
	}
	u, judged := *s.val, *s
	u.Accounts = slices.Clone(u.Accounts)
	for i := range u.Accounts {
		a := &u.Accounts[i]
		a.BaseURI, a.Untrusted = trust(a.claimed, rule)
	}
	judged.val = &u
	return &judged
}

// isOrigin reports whether a URL with a host has nothing but a scheme besides.
func isOrigin(u *url.URL) bool {
	bare := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}
	return *u == bare && (u.Path == "" || u.Path == "/")
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

// untrustedError says why a base_uri is not believed.
type untrustedError struct {
	host string // cleaned
	why  error
}

func (e *untrustedError) Error() string { return "base_uri " + e.why.Error() }

func (e *untrustedError) Unwrap() error { return e.why }

// Row tells what the operator does if the site is meant.
func (e *untrustedError) Row() (cause.ID, []string) {
	if known, ok := errors.AsType[cause.Explained](e.why); ok {
		return known.Row()
	}
	return cause.UntrustedSite, []string{"host", e.host}
}

// trust reads a base_uri and decides whether it is believed: rule is Config.TrustedBase.
func trust(claimed string, rule func(*url.URL) error) (*url.URL, error) {
	u, err := url.Parse(claimed)
	refuse := func(why string, wrapped ...any) (*url.URL, error) {
		e := &untrustedError{why: fmt.Errorf(why, wrapped...)}
		if u != nil {
			e.host = clean(u.Host, 100)
		}
		return nil, e
	}
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "":
		return refuse("is not an absolute URL")
	case !isOrigin(u):
		return refuse("is not an origin: scheme and host only")
	case u.Scheme == "https":
	case u.Scheme != "http" || rule == nil || !loopback(u.Hostname()):
		return refuse("is not https")
	}
	origin := &url.URL{Scheme: u.Scheme, Host: strings.ToLower(u.Host)}
	if rule != nil {
		if err := rule(origin); err != nil {
			return refuse("%s is not trusted: %w", clean(origin.String(), 100), err)
		}
	}
	return origin, nil
}

type userInfoAnswer struct {
	Sub      string
	Name     string
	Email    string
	Accounts []accountAnswer
}

type accountAnswer struct {
	AccountID string  `json:"account_id"`
	Name      string  `json:"account_name"`
	IsDefault laxText `json:"is_default"`
	BaseURI   string  `json:"base_uri"`
}

func (a *userInfoAnswer) userInfo(rule func(*url.URL) error) (*UserInfo, error) {
	if a.Sub == "" && len(a.Accounts) == 0 {
		return nil, errors.New("the answer names neither a user nor an account")
	}
	u := &UserInfo{Sub: a.Sub, Name: a.Name, Email: a.Email, Accounts: make([]Account, 0, len(a.Accounts))}
	for _, from := range a.Accounts {
		to := Account{AccountID: from.AccountID, Name: from.Name, claimed: from.BaseURI}
		to.IsDefault = strings.EqualFold(string(from.IsDefault), "true")
		to.BaseURI, to.Untrusted = trust(from.BaseURI, rule)
		u.Accounts = append(u.Accounts, to)
	}
	return u, nil
}

// laxText reads a string, a number, true or false: login information puts some in quotes that UserInfo does not
// (PROTOCOL.md §2.2).
type laxText string

// UnmarshalJSON takes what is none of these for nothing.
func (t *laxText) UnmarshalJSON(raw []byte) error {
	if json.Unmarshal(raw, (*string)(t)) != nil && raw[0] != '{' && raw[0] != '[' {
		*t = laxText(raw)
	}
	return nil
}
