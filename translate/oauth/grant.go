package oauth

import (
	"context"
	"errors"
	"net/url"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

const (
	jwtBearer     = "urn:ietf:params:oauth:grant-type:jwt-bearer"
	assertionLife = time.Hour // more does not lengthen the token (PROTOCOL.md §6.2)
)

// Granter obtains a token by other means than the built-in JWT grant. It is called outside every lock, one call at a
// time per identity, with a context that no single caller can cancel. Expires zero means unknown and is taken as five
// minutes.
type Granter func(ctx context.Context, id Identity) (*Token, error)

// grant is the fetch of a token entry.
func (s *subject) grant(ctx context.Context) (timed[*Token], error) {
	c := s.client
	started := c.cfg.Now()
	obtain := s.grantJWT
	if by := c.granter(s.id); by != nil {
		obtain = func(ctx context.Context) (*Token, *GrantError) { return s.grantBy(ctx, by) }
	}
	raw, failed := obtain(ctx)
	if failed != nil {
		return timed[*Token]{}, failed
	}
	t, err := sealed(raw, started, c.cfg.Jitter())
	if err != nil {
		return t, c.server.grantError(BadAnswer, s.id, err.Error(), nil)
	}
	return t, nil
}

func (c *Client) granter(id Identity) Granter {
	if c.cfg.Granters == nil {
		return nil
	}
	return c.cfg.Granters(id)
}

func (s *subject) grantBy(ctx context.Context, by Granter) (*Token, *GrantError) {
	return s.observed(func() (*Token, *GrantError) {
		t, err := by(ctx, s.id)
		if err == nil {
			return t, nil
		}
		if failed, ok := errors.AsType[*GrantError](err); ok {
			return nil, failed
		}
		return nil, s.client.server.grantError(Unclassified, s.id, clean(err.Error(), 300), err)
	})
}

// observed tells the observer of one exchange.
func (s *subject) observed(exchange func() (*Token, *GrantError)) (*Token, *GrantError) {
	c := s.client
	started := c.cfg.Now()
	t, failed := exchange()
	if c.cfg.Observer.Grant != nil {
		ev := GrantEvent{Identity: s.id, Duration: c.cfg.Now().Sub(started)}
		if failed != nil {
			ev.Err = failed
		}
		c.cfg.Observer.Grant(ev)
	}
	return t, failed
}

// grantJWT tries the keys in order, going on only when the answer is about the key, and repeats one attempt at once
// when this machine's clock is what was wrong (PROTOCOL.md §6).
func (s *subject) grantJWT(ctx context.Context) (*Token, *GrantError) {
	srv, is := s.client.server, s.client.issuers[s.id.Issuer]
	switch {
	case is == nil || len(is.keys) == 0:
		return nil, srv.grantError(NotConfigured, s.id, "no private key is configured for this integration key", nil)
	case s.id.Subject == "":
		return nil, srv.grantError(InvalidSubject, s.id, "no user to act for", nil) // would yield an application token, §6.4
	}
	var last *GrantError
	var tried []string
	corrected := false
	for _, key := range is.order() {
		attempt := func() (*Token, *GrantError) { return s.exchange(ctx, key) }
		believed := srv.offset()
		t, failed := s.observed(attempt)
		if failed != nil && !corrected && (failed.Kind == ExpiredGrant || failed.Kind == InvalidKey) &&
			(srv.offset()-believed).Abs() > suspiciousSkew {
			corrected = true
			t, failed = s.observed(attempt)
		}
		if failed == nil {
			is.good.Store(key)
			return t, nil
		}
		if failed.Kind != InvalidKey {
			return nil, failed
		}
		last, tried = failed, append(tried, key.ID)
	}
	last.KeyIDs = tried
	return nil, last
}

// exchange posts the assertion of PROTOCOL.md §6.2: aud a bare string, no nbf, no kid. Without ClientID and Scopes
// clientcredentials sends exactly the two fields of §6.3.
func (s *subject) exchange(ctx context.Context, key *Key) (*Token, *GrantError) {
	srv, id := s.client.server, s.id
	issued := srv.time(srv.now())
	assertion, err := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{
		"iss":   id.Issuer,
		"sub":   id.Subject,
		"aud":   srv.audience,
		"iat":   issued.Unix(),
		"exp":   issued.Add(assertionLife).Unix(),
		"scope": id.Scopes,
	}).SignedString(key.private)
	if err != nil {
		return nil, srv.grantError(NotConfigured, id, "sign the assertion: "+err.Error(), err)
	}
	l, failed := srv.token(ctx, id, true, clientcredentials.Config{
		AuthStyle:      oauth2.AuthStyleInParams,
		EndpointParams: url.Values{"grant_type": {jwtBearer}, "assertion": {assertion}},
	})
	if failed != nil && failed.Kind == ConsentRequired {
		failed.ConsentURL = s.client.Consent(id).Individual()
	}
	return l.Token, failed
}
