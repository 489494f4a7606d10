package oauth

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/internal/shown"
)

// What replicas tell each other is JSON; package store seals it. Times are told as what is left of them, since no two
// replicas have the same clock.

func inJSON(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // texts and numbers cannot fail to be encoded
	}
	return text
}

// share has a new subject share what it fetches.
func (s *subject) share() {
	name := strings.Join([]string{s.id.Issuer, s.id.Subject, s.id.Scopes}, "\x00")
	s.token.share = &sharing[*Token]{
		client: s.client, id: s.id, kind: claimToken, name: name, cold: hardMargin,
		whole:  func(t *timed[*Token]) time.Duration { return t.val.Expires.Sub(t.val.Obtained) },
		left:   func(t *timed[*Token]) time.Duration { return t.val.Expires.Sub(s.client.cfg.Now()) },
		encode: tokenText, decode: s.readToken,
	}
	s.info.share = &sharing[*UserInfo]{
		client: s.client, id: s.id, kind: claimUserInfo, name: name,
		whole:  func(*timed[*UserInfo]) time.Duration { return userInfoLife },
		left:   s.infoLeft,
		encode: userInfoText, decode: s.readUserInfo,
	}
}

type tokenJSON struct {
	Token string        `json:"token"`
	Type  string        `json:"type"`
	Life  time.Duration `json:"life"` // from its grant to its end
}

func tokenText(t *Token) any {
	return tokenJSON{t.AccessToken.Reveal(), "Bearer", t.Expires.Sub(t.Obtained)}
}

func (s *subject) readToken(value []byte, left time.Duration) (timed[*Token], error) {
	var from tokenJSON
	if err := json.Unmarshal(value, &from); err != nil {
		return timed[*Token]{}, err
	}
	if from.Type != "Bearer" {
		return timed[*Token]{}, errors.New("the token is of a type that is not known here")
	}
	expires := s.client.cfg.Now().Add(min(left, from.Life))
	t := &Token{AccessToken: secret.New(from.Token), Obtained: expires.Add(-from.Life), Expires: expires}
	return sealed(t, t.Obtained, s.client.cfg.Jitter())
}

func (s *subject) infoLeft(t *timed[*UserInfo]) time.Duration {
	now := s.client.cfg.Now()
	if !t.edge.IsZero() {
		return t.edge.Sub(now)
	}
	return userInfoLife - now.Sub(t.val.Fetched)
}

// userInfoText is what the account server said; whom to believe is each replica's own affair.
func userInfoText(u *UserInfo) any {
	a := userInfoAnswer{Sub: u.Sub, Name: u.Name, Email: u.Email}
	for i := range u.Accounts {
		from := &u.Accounts[i]
		to := accountAnswer{AccountID: from.AccountID, Name: from.Name, BaseURI: from.claimed}
		if from.IsDefault {
			to.IsDefault = "true"
		}
		a.Accounts = append(a.Accounts, to)
	}
	return a
}

func (s *subject) readUserInfo(value []byte, left time.Duration) (timed[*UserInfo], error) {
	var a userInfoAnswer
	if err := json.Unmarshal(value, &a); err != nil {
		return timed[*UserInfo]{}, err
	}
	u, err := a.userInfo(s.client.cfg.TrustedBase)
	if err != nil {
		return timed[*UserInfo]{}, err
	}
	now := s.client.cfg.Now()
	if u.Fetched = now.Add(left - userInfoLife); len(u.Accounts) > 0 {
		return timed[*UserInfo]{val: u, soft: now.Add(s.client.cfg.spread(left))}, nil
	}
	u.Fetched = now
	return timed[*UserInfo]{val: u, soft: now.Add(left), edge: now.Add(left)}, nil
}

// share has a new look-up share what it finds.
func (d *directory) share(k lookup) *sharing[string] {
	return &sharing[string]{
		client: d.client, id: k.Identity, kind: claimLookup,
		name:   strings.Join([]string{k.Issuer, k.Subject, k.Scopes, k.what(), k.name}, "\x00"),
		whole:  func(*timed[string]) time.Duration { return learnedLife },
		left:   func(s *timed[string]) time.Duration { return s.soft.Sub(d.client.cfg.Now()) },
		encode: func(guid string) any { return guid },
		decode: d.readGUID,
	}
}

func (d *directory) readGUID(value []byte, left time.Duration) (s timed[string], err error) {
	var guid string
	if err = json.Unmarshal(value, &guid); err == nil && !shown.GUID(guid) {
		err = errors.New("what was looked up is no GUID")
	}
	s = d.learned(guid)
	s.soft = d.client.cfg.Now().Add(d.client.cfg.spread(left))
	return s, err
}

// failureJSON is an error that a person or time must lift: one of the three.
type failureJSON struct {
	Grant   *grantJSON   `json:"grant,omitempty"`
	Request *requestJSON `json:"request,omitempty"`
	Lookup  *LookupError `json:"lookup,omitempty"`
}

type grantJSON struct {
	Kind        string   `json:"kind"`
	OAuthError  string   `json:"error"`
	Description string   `json:"description"`
	HTTPStatus  int      `json:"status"`
	Identity    Identity `json:"identity"`
	ConsentURL  string   `json:"consent"`
}

type requestJSON struct {
	Operation  string `json:"operation"`
	Host       string `json:"host"`
	HTTPStatus int    `json:"status"`
	Code       string `json:"code"`
	Message    string `json:"message"`
}

// everywhere tells the refusals that every replica would get. The others may be due to the network, the keys, the
// secret or the clock of one of them.
func (k Kind) everywhere() bool {
	switch k {
	case ConsentRequired, UserNotFound, InvalidSubject, IssuerNotFound, UnsupportedGrantType, InvalidScope,
		InvalidRequest, Refused, Throttled, ServerError, LoginRequired:
		return true
	}
	return false
}

// writeFailure gives nil for an error that may be this replica's alone.
func writeFailure(err error) []byte {
	var f failureJSON
	switch e := err.(type) {
	case *GrantError:
		if e.err != nil || e.finer != 0 || !e.everywhere() {
			return nil
		}
		f.Grant = &grantJSON{e.Kind.String(), e.OAuthError, e.Description, e.HTTPStatus, e.Identity, e.ConsentURL}
	case *RequestError:
		if e.err != nil || e.HTTPStatus < 400 {
			return nil
		}
		f.Request = &requestJSON{e.Operation, e.Host, e.HTTPStatus, e.Code, e.Message}
	case *LookupError:
		f.Lookup = e
	default:
		return nil
	}
	return inJSON(f)
}

// readFailure makes the error that another replica has written.
func (c *Client) readFailure(text []byte) (error, error) {
	var f failureJSON
	if err := json.Unmarshal(text, &f); err != nil {
		return nil, err
	}
	switch {
	case f.Request != nil:
		r := f.Request
		return &RequestError{
			Operation: r.Operation, Host: r.Host, HTTPStatus: r.HTTPStatus, Code: r.Code, Message: r.Message,
		}, nil
	case f.Lookup != nil:
		return f.Lookup, nil
	case f.Grant == nil:
		return nil, errors.New("a failure of a sort that is not known here")
	}
	for k := range kinds {
		if g := f.Grant; k.String() == g.Kind && k.everywhere() {
			e := c.server.grantError(k, g.Identity, g.Description, nil)
			e.OAuthError, e.HTTPStatus, e.ConsentURL = g.OAuthError, g.HTTPStatus, g.ConsentURL
			return e, nil
		}
	}
	return nil, fmt.Errorf("a failure of kind %.40q, which is not known here", f.Grant.Kind)
}
