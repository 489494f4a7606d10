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

// Granter obtains a token by other means than the built-in JWT grant. Grant is called outside every lock, one call at a
// time per identity, with a context that no single caller can cancel. Expires zero means unknown and is taken as five
// minutes.
type Granter interface {
	Grant(ctx context.Context, id Identity) (*Token, error)
}

// grant is the fetch of a token entry.
func (s *subject) grant(ctx context.Context) (timed[*Token], error) {
	c, id := s.client, s.id
	started := c.cfg.Now()
	var raw *Token
	var err error
	if g := c.granter(id); g != nil {
		raw, err = s.grantForeign(ctx, g)
	} else {
		raw, err = c.jwt.grant(ctx, id)
	}
	if err != nil {
		return timed[*Token]{}, err
	}
	t, err := sealed(raw, started, c.cfg.Jitter())
	if err != nil {
		return t, c.server.grantError(BadAnswer, id, err.Error(), nil)
	}
	return t, nil
}

func (c *Client) granter(id Identity) Granter {
	if c.cfg.Granters == nil {
		return nil
	}
	return c.cfg.Granters(id)
}

func (s *subject) grantForeign(ctx context.Context, g Granter) (*Token, error) {
	c, id := s.client, s.id
	started := c.cfg.Now()
	t, err := g.Grant(ctx, id)
	var ge *GrantError
	if err != nil && !errors.As(err, &ge) {
		err = c.server.grantError(Unclassified, id, clean(err.Error(), 300), err)
	}
	c.jwt.observe(id, "", started, err)
	return t, err
}

// jwtGrant obtains tokens by the JWT grant (PROTOCOL.md §6).
type jwtGrant struct {
	*server
	issuers    map[string]*issuer
	observer   func(GrantEvent) // may be nil
	consentURL func(Identity) string
}

// grant tries the keys in order, going on only when the answer is about the key, and repeats one attempt at once when
// this machine's clock is what was wrong.
func (g *jwtGrant) grant(ctx context.Context, id Identity) (*Token, error) {
	is := g.issuers[id.Issuer]
	switch {
	case is == nil || len(is.keys) == 0:
		return nil, g.grantError(NotConfigured, id, "no private key is configured for this integration key", nil)
	case id.Subject == "":
		return nil, g.grantError(InvalidSubject, id, "no user to act for", nil) // would yield an application token, §6.4
	}
	var tried []string
	var last *GrantError
	corrected := false
	for _, key := range is.order() {
		t, skewed, err := g.attempt(ctx, id, key)
		if err != nil && skewed && !corrected {
			corrected = true
			t, _, err = g.attempt(ctx, id, key)
		}
		if err == nil {
			is.good.Store(key)
			return t, nil
		}
		last, tried = err, append(tried, key.ID)
		if err.Kind != InvalidKey {
			return nil, err
		}
	}
	last.KeyIDs = tried
	return nil, last
}

// attempt is one exchange. skewed means that it failed and the answer's Date puts the blame on the clock.
func (g *jwtGrant) attempt(ctx context.Context, id Identity, key *Key) (t *Token, skewed bool, failed *GrantError) {
	started, believed := g.now(), g.offset.Load()
	t, failed = g.exchange(ctx, id, key, started)
	if failed == nil {
		g.observe(id, key.ID, started, nil)
		return t, false, nil
	}
	g.observe(id, key.ID, started, failed)
	if failed.Kind == ExpiredGrant || failed.Kind == InvalidKey {
		skewed = time.Duration(g.offset.Load()-believed).Abs() > suspiciousSkew
	}
	return nil, skewed, failed
}

// exchange posts the assertion of PROTOCOL.md §6.2: aud a bare string, no nbf, no kid. Without ClientID and Scopes
// clientcredentials sends exactly the two fields of §6.3, in alphabetical order.
func (g *jwtGrant) exchange(ctx context.Context, id Identity, key *Key, started time.Time) (*Token, *GrantError) {
	issued := g.time(started)
	assertion, err := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{
		"iss":   id.Issuer,
		"sub":   id.Subject,
		"aud":   g.audience,
		"iat":   issued.Unix(),
		"exp":   issued.Add(assertionLife).Unix(),
		"scope": id.Scopes,
	}).SignedString(key.private)
	if err != nil {
		return nil, g.grantError(NotConfigured, id, "sign the assertion: "+err.Error(), err)
	}
	a, failed := g.token(ctx, id, true, clientcredentials.Config{
		AuthStyle:      oauth2.AuthStyleInParams,
		EndpointParams: url.Values{"grant_type": {jwtBearer}, "assertion": {assertion}},
	})
	if failed != nil && failed.Kind == ConsentRequired {
		failed.ConsentURL = g.consentURL(id)
	}
	return a.token, failed
}

func (g *jwtGrant) observe(id Identity, keyID string, started time.Time, err error) {
	if g.observer == nil {
		return
	}
	ev := GrantEvent{Identity: id, KeyID: keyID, Duration: g.now().Sub(started), Err: err}
	if ge, ok := errors.AsType[*GrantError](err); ok {
		ev.OAuthError = ge.OAuthError
	}
	g.observer(ev)
}
