package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"
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

// Account returns the account with that GUID, in any case and with or without braces, or nil. Numeric ids are unknown to
// UserInfo: see Client.LearnAccountID.
func (u *UserInfo) Account(guid string) *Account {
	if u == nil || guid == "" {
		return nil
	}
	if guid[0] == '{' {
		guid = strings.TrimSuffix(guid[1:], "}")
	}
	for i := range u.Accounts {
		if strings.EqualFold(u.Accounts[i].AccountID, guid) {
			return &u.Accounts[i]
		}
	}
	return nil
}

// Default returns the default account, or else the first, or nil if there is none.
func (u *UserInfo) Default() *Account {
	if u == nil || len(u.Accounts) == 0 {
		return nil
	}
	for i := range u.Accounts {
		if u.Accounts[i].IsDefault {
			return &u.Accounts[i]
		}
	}
	return &u.Accounts[0]
}

// ordered returns the accounts that can be routed to, the default first.
func (u *UserInfo) ordered() []*Account {
	var list []*Account
	first := u.Default()
	if first != nil && first.BaseURI != nil {
		list = append(list, first)
	}
	for i := range u.Accounts {
		if a := &u.Accounts[i]; a != first && a.BaseURI != nil {
			list = append(list, a)
		}
	}
	return list
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

// fetchUserInfo is the fetch of an info cell.
func (c *Client) fetchUserInfo(ctx context.Context, e *entry) (slot[*UserInfo], error) {
	started := c.cfg.Now()
	u, err := c.askUserInfo(ctx, e)
	ev := UserInfoEvent{Identity: e.id, Duration: c.cfg.Now().Sub(started), Err: err}
	if before, ok := e.info.peek(); ok && err == nil {
		ev.Moved = moved(before, u)
	}
	if c.cfg.Observer.UserInfo != nil {
		c.cfg.Observer.UserInfo(ev)
	}
	if err != nil {
		return slot[*UserInfo]{}, err
	}
	if len(u.Accounts) == 0 {
		// No call can show that a membership was given meanwhile, since none can be sent.
		until := u.Fetched.Add(c.cfg.TerminalPause)
		return newSlot(u, until, until), nil
	}
	life := time.Duration((0.9 + 0.1*c.cfg.Jitter()) * float64(c.cfg.UserInfoLife))
	return newSlot(u, u.Fetched.Add(life), time.Time{}), nil
}

func (c *Client) askUserInfo(ctx context.Context, e *entry) (*UserInfo, error) {
	body, err := c.get(ctx, e, UseAccountServer, "user info", c.userInfo)
	if err != nil {
		return nil, err
	}
	u, err := parseUserInfo(body, c.trust)
	if err != nil {
		return nil, c.badAnswer("user info", c.userInfo, err)
	}
	// A token for somebody else would send in the wrong name; nothing may be built on it.
	if isGUID(e.id.Subject) && isGUID(u.Sub) && !strings.EqualFold(e.id.Subject, u.Sub) {
		return nil, c.badAnswer("user info", c.userInfo, fmt.Errorf("it is about user %s, but the token was asked for user %s", u.Sub, e.id.Subject))
	}
	u.Fetched = c.cfg.Now()
	return u, nil
}

// retrust judges the sites of an inherited UserInfo by c's own rule.
func (c *Client) retrust(s *slot[*UserInfo]) *slot[*UserInfo] {
	if s == nil {
		return nil
	}
	u, judged := *s.val, *s
	u.Accounts = append([]Account(nil), u.Accounts...)
	for i := range u.Accounts {
		a := &u.Accounts[i]
		a.BaseURI, a.Untrusted = c.trust(a.claimed)
	}
	judged.val = &u
	return &judged
}

// trust reads a base_uri and decides whether it is believed.
func (c *Client) trust(claimed string) (*url.URL, error) {
	u, err := url.Parse(claimed)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "":
		return nil, errors.New("base_uri is not an absolute URL")
	case u.User != nil || (u.Path != "" && u.Path != "/") || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || u.Opaque != "":
		return nil, errors.New("base_uri is not an origin: scheme and host only")
	case u.Scheme == "https":
	case u.Scheme != "http" || c.cfg.TrustedBase == nil || !loopback(u.Hostname()):
		return nil, errors.New("base_uri is not https")
	}
	origin := &url.URL{Scheme: u.Scheme, Host: strings.ToLower(u.Host)}
	if c.cfg.TrustedBase != nil {
		if err := c.cfg.TrustedBase(origin); err != nil {
			return nil, fmt.Errorf("base_uri %s is not trusted: %w", clean(origin.String(), 100), err)
		}
	}
	return origin, nil
}

func parseUserInfo(body []byte, trust func(string) (*url.URL, error)) (*UserInfo, error) {
	var a struct {
		Sub      string
		Name     string
		Email    string
		Accounts []struct {
			AccountID string  `json:"account_id"`
			Name      string  `json:"account_name"`
			IsDefault laxBool `json:"is_default"`
			BaseURI   string  `json:"base_uri"`
		}
	}
	if err := json.Unmarshal(body, &a); err != nil {
		return nil, errors.New(describe(0, "", body))
	}
	if a.Sub == "" && len(a.Accounts) == 0 {
		return nil, errors.New("the answer names neither a user nor an account")
	}
	u := &UserInfo{Sub: a.Sub, Name: a.Name, Email: a.Email, Accounts: make([]Account, 0, len(a.Accounts))}
	for _, from := range a.Accounts {
		to := Account{AccountID: from.AccountID, Name: from.Name, IsDefault: bool(from.IsDefault), claimed: from.BaseURI}
		to.BaseURI, to.Untrusted = trust(from.BaseURI)
		u.Accounts = append(u.Accounts, to)
	}
	return u, nil
}

// laxBool reads true and "true": login information writes the one where UserInfo writes the other (PROTOCOL.md §2.2).
type laxBool bool

// UnmarshalJSON takes everything that is not true for false.
func (b *laxBool) UnmarshalJSON(raw []byte) error {
	*b = laxBool(strings.EqualFold(strings.Trim(string(raw), `"`), "true"))
	return nil
}

// laxText reads a string or a number.
type laxText string

// UnmarshalJSON takes what is neither for nothing.
func (t *laxText) UnmarshalJSON(raw []byte) error {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		*t = laxText(s)
		return nil
	}
	var n json.Number
	if json.Unmarshal(raw, &n) == nil {
		*t = laxText(n.String())
	}
	return nil
}

// get calls DocuSign with the token of e and returns the body of a good answer. A refused token is dropped and the call is
// repeated once.
func (c *Client) get(ctx context.Context, e *entry, u Use, operation, target string) ([]byte, error) {
	for again := true; ; again = false {
		t, err := c.token(ctx, e, c.cfg.Now())
		if err != nil {
			return nil, err
		}
		body, err := c.getOnce(ctx, t, operation, target)
		var re *RequestError
		refused := errors.As(err, &re) && re.blamesToken()
		switch {
		case err == nil:
			t.Worked(u)
		case refused:
			t.Refused(u)
		}
		if !refused || !again || !c.drop(e, t, u, c.cfg.Now()) {
			return body, err
		}
	}
}

// blamesToken tells a bad token from a missing permission, which is also 401 (PROTOCOL.md §8.2).
func (e *RequestError) blamesToken() bool {
	if e.HTTPStatus != http.StatusUnauthorized {
		return false
	}
	switch e.Code {
	case "USER_LACKS_PERMISSIONS", "USER_LACKS_MEMBERSHIP", "USER_DOES_NOT_BELONG_TO_SPECIFIED_ACCOUNT", "ACCOUNT_LACKS_PERMISSIONS":
		return false
	}
	return true
}

func (c *Client) getOnce(ctx context.Context, t *Token, operation, target string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return nil, c.requestError(operation, target, err)
	}
	req.Header["Authorization"] = t.Header()
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", userAgent)
	if err := c.acquire(ctx); err != nil {
		return nil, c.requestError(operation, target, err)
	}
	defer c.release()
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.requestError(operation, target, err)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxLookupAnswer+1))
	_ = resp.Body.Close() // the answer has been read; closing cannot change it
	switch {
	case err != nil:
		return nil, c.requestError(operation, target, err)
	case len(body) > maxLookupAnswer:
		return nil, c.badAnswer(operation, target, fmt.Errorf("the answer is longer than %d bytes", maxLookupAnswer))
	case resp.StatusCode != http.StatusOK:
		return nil, c.refusal(operation, target, resp, body)
	}
	return body, nil
}

func (c *Client) refusal(operation, target string, resp *http.Response, body []byte) *RequestError {
	e := c.requestError(operation, target, nil)
	e.HTTPStatus = resp.StatusCode
	e.RetryAfter = retryAfter(resp.Header.Get("Retry-After"), c.serverTime(c.cfg.Now()))
	var a struct {
		ErrorCode   string `json:"errorCode"`
		Message     string `json:"message"`
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	if json.Unmarshal(body, &a) != nil {
		mediaType, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")) // unreadable counts as absent
		e.Message = describe(resp.StatusCode, mediaType, body)
		return e
	}
	e.Code, e.Message = clean(a.ErrorCode, 80), clean(a.Message, 300)
	if a.ErrorCode == "" {
		e.Code, e.Message = clean(a.Error, 80), clean(a.Description, 300)
	}
	return e
}

func (c *Client) requestError(operation, target string, err error) *RequestError {
	e := &RequestError{Operation: operation, err: err}
	if u, bad := url.Parse(target); bad == nil {
		e.Host = u.Host
	}
	if err != nil {
		e.Message = networkText(err)
	}
	return e
}

// badAnswer is a requestError about the contents of a 200.
func (c *Client) badAnswer(operation, target string, err error) *RequestError {
	e := c.requestError(operation, target, err)
	e.HTTPStatus = http.StatusOK
	return e
}
