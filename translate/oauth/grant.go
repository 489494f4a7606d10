package oauth

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"docusign-auth-proxy/internal/secret"
)

const (
	jwtBearer     = "urn:ietf:params:oauth:grant-type:jwt-bearer"
	assertionLife = time.Hour // more does not lengthen the token (PROTOCOL.md §6.2)
)

// grant is the fetch of a token cell.
func (c *Client) grant(ctx context.Context, id Identity) (slot[*Token], error) {
	started := c.cfg.Now()
	var raw *Token
	var err error
	if g := c.granter(id); g != nil {
		raw, err = c.grantForeign(ctx, g, id)
	} else {
		raw, err = c.grantJWT(ctx, id)
	}
	if err != nil {
		return slot[*Token]{}, err
	}
	s, err := sealed(raw, started, c.cfg.Jitter())
	if err != nil {
		return s, c.grantError(BadAnswer, id, err.Error(), nil)
	}
	return s, nil
}

func (c *Client) grantForeign(ctx context.Context, g Granter, id Identity) (*Token, error) {
	started := c.cfg.Now()
	t, err := g.Grant(ctx, id)
	var ge *GrantError
	if err != nil && !errors.As(err, &ge) {
		err = c.grantError(Unclassified, id, clean(err.Error(), 300), err)
	}
	c.observeGrant(id, "", started, err)
	return t, err
}

// grantJWT tries the keys in order, going on only when the answer is about the key, and repeats one attempt at once when this
// machine's clock is what was wrong.
func (c *Client) grantJWT(ctx context.Context, id Identity) (*Token, error) {
	is := c.issuers[id.Issuer]
	switch {
	case is == nil || len(is.keys) == 0:
		return nil, c.grantError(NotConfigured, id, "no private key is configured for this integration key", nil)
	case id.Subject == "":
		return nil, c.grantError(InvalidSubject, id, "no user to act for", nil) // would yield an application token, §6.4
	}
	var tried []string
	var last *GrantError
	corrected := false
	for _, key := range is.order() {
		t, skewed, err := c.attempt(ctx, id, key)
		if err != nil && skewed && !corrected {
			corrected = true
			t, _, err = c.attempt(ctx, id, key)
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
func (c *Client) attempt(ctx context.Context, id Identity, key *Key) (t *Token, skewed bool, failed *GrantError) {
	started := c.cfg.Now()
	believed := c.offset.Load()
	assertion, err := c.sign(id, key, c.serverTime(started))
	if err != nil {
		failed = c.grantError(NotConfigured, id, "sign the assertion: "+err.Error(), err)
	} else {
		t, failed = c.exchange(ctx, id, assertion)
	}
	if failed == nil {
		c.observeGrant(id, key.ID, started, nil)
		return t, false, nil
	}
	c.observeGrant(id, key.ID, started, failed)
	if failed.Kind == ExpiredGrant || failed.Kind == InvalidKey {
		skewed = time.Duration(c.offset.Load()-believed).Abs() > suspiciousSkew
	}
	return nil, skewed, failed
}

// sign makes the assertion of PROTOCOL.md §6.2: aud a bare string, no nbf, no kid.
func (c *Client) sign(id Identity, key *Key, issued time.Time) (string, error) {
	return jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{
		"iss":   id.Issuer,
		"sub":   id.Subject,
		"aud":   c.cfg.Audience,
		"iat":   issued.Unix(),
		"exp":   issued.Add(assertionLife).Unix(),
		"scope": id.Scopes,
	}).SignedString(key.private)
}

// exchange posts the assertion. Without ClientID and Scopes clientcredentials sends exactly the two fields of
// PROTOCOL.md §6.3, in alphabetical order.
func (c *Client) exchange(ctx context.Context, id Identity, assertion string) (*Token, *GrantError) {
	if err := c.acquire(ctx); err != nil {
		return nil, c.grantError(Network, id, "too many requests under way", err)
	}
	defer c.release()
	rec := &recorder{client: c}
	conf := clientcredentials.Config{
		TokenURL:       c.tokenURL,
		AuthStyle:      oauth2.AuthStyleInParams,
		EndpointParams: url.Values{"grant_type": {jwtBearer}, "assertion": {assertion}},
	}
	through := &http.Client{Transport: rec, Timeout: c.http.Timeout, CheckRedirect: c.http.CheckRedirect}
	_, err := conf.Token(context.WithValue(ctx, oauth2.HTTPClient, through))
	return c.readAnswer(id, rec, err)
}

// readAnswer turns what the account server said into a token or an error; err is what x/oauth2 made of it.
func (c *Client) readAnswer(id Identity, rec *recorder, err error) (*Token, *GrantError) {
	var refused *oauth2.RetrieveError
	switch {
	case rec.status == 0:
		return nil, c.grantError(Network, id, networkText(err), err)
	case rec.readErr != nil:
		return nil, c.answerError(Network, id, rec, "read the answer: "+networkText(rec.readErr), rec.readErr)
	case rec.tooLong:
		return nil, c.answerError(BadAnswer, id, rec, fmt.Sprintf("an answer of more than %d bytes", maxAnswer), nil)
	case errors.As(err, &refused):
		return nil, c.refusedError(id, rec, refused)
	}
	// x/oauth2 also fails on an odd expires_in; that alone does not make the token worthless.
	t, err := rec.token()
	if err != nil {
		return nil, c.answerError(BadAnswer, id, rec, err.Error(), nil)
	}
	return t, nil
}

func (c *Client) refusedError(id Identity, rec *recorder, refused *oauth2.RetrieveError) *GrantError {
	kind := classify(rec.status, refused.ErrorCode, refused.ErrorDescription)
	e := c.answerError(kind, id, rec, clean(refused.ErrorDescription, 300), rec.redacted(refused))
	e.OAuthError = clean(refused.ErrorCode, 80)
	if refused.ErrorCode == "" {
		e.Description = describe(rec.status, rec.mediaType, rec.body)
	}
	if kind == ConsentRequired {
		e.ConsentURL = c.Consent(id).Individual()
	}
	return e
}

func (c *Client) grantError(kind Kind, id Identity, text string, err error) *GrantError {
	return &GrantError{Kind: kind, Identity: id, Description: text, audience: c.cfg.Audience, err: err}
}

func (c *Client) answerError(kind Kind, id Identity, rec *recorder, text string, err error) *GrantError {
	e := c.grantError(kind, id, text, err)
	e.HTTPStatus, e.RetryAfter = rec.status, rec.wait
	return e
}

func (c *Client) observeGrant(id Identity, keyID string, started time.Time, err error) {
	if c.cfg.Observer.Grant == nil {
		return
	}
	ev := GrantEvent{Identity: id, KeyID: keyID, Duration: c.cfg.Now().Sub(started), Err: err}
	var ge *GrantError
	if errors.As(err, &ge) {
		ev.OAuthError = ge.OAuthError
	}
	c.cfg.Observer.Grant(ev)
}

// serverTime is local by the account server's clock, as far as it is known.
func (c *Client) serverTime(local time.Time) time.Time {
	off := time.Duration(c.offset.Load())
	if off.Abs() <= ignoredOffset {
		return local
	}
	return local.Add(off)
}

// learnClock takes the offset from the Date of an answer, which is cut to whole seconds and about as old as half the round trip.
func (c *Client) learnClock(date string, sent, received time.Time) {
	at, err := http.ParseTime(date)
	if err != nil || received.Sub(sent) > 10*time.Second {
		return
	}
	off := at.Add(500 * time.Millisecond).Sub(received.Add(-received.Sub(sent) / 2))
	c.offset.Store(int64(off))
	c.lastClock.Store(&received)
	if c.cfg.Observer.Clock != nil {
		c.cfg.Observer.Clock(off)
	}
}

// recorder is the round tripper of one exchange. x/oauth2 keeps neither status nor headers of a good answer, so they are noted here.
type recorder struct {
	client    *Client
	sent      time.Time
	status    int
	mediaType string
	wait      time.Duration
	body      []byte
	tooLong   bool
	readErr   error
}

func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	out := req.Clone(req.Context())
	out.Header.Set("User-Agent", userAgent)
	// Never sent; tells net/http that it may repeat the request when an idle connection turns out to be dead.
	out.Header["Idempotency-Key"] = nil
	r.sent = r.client.cfg.Now()
	resp, err := r.client.http.Transport.RoundTrip(out)
	if err != nil {
		return nil, err
	}
	received := r.client.cfg.Now()
	r.client.learnClock(resp.Header.Get("Date"), r.sent, received)
	r.body, r.readErr = io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	r.tooLong = len(r.body) > maxAnswer
	_ = resp.Body.Close() // the answer has been read; closing cannot change it
	r.status = resp.StatusCode
	r.wait = retryAfter(resp.Header.Get("Retry-After"), r.client.serverTime(received))
	r.mediaType, _, _ = mime.ParseMediaType(resp.Header.Get("Content-Type")) // unreadable counts as absent
	if bytes.HasPrefix(bytes.TrimSpace(r.body), []byte("{")) {
		resp.Header.Set("Content-Type", "application/json") // x/oauth2 would take text/plain for a form
	}
	resp.Body = io.NopCloser(bytes.NewReader(r.body))
	return resp, nil
}

// token reads the body of a good answer. Without a usable expires_in its Expires stays zero.
func (r *recorder) token() (*Token, error) {
	var a struct {
		AccessToken string          `json:"access_token"`
		TokenType   string          `json:"token_type"`
		ExpiresIn   json.RawMessage `json:"expires_in"`
	}
	switch err := json.Unmarshal(r.body, &a); {
	case err != nil:
		return nil, errors.New(describe(r.status, r.mediaType, r.body))
	case a.AccessToken == "":
		return nil, errors.New("the answer holds no access_token")
	case a.TokenType != "" && !strings.EqualFold(a.TokenType, "bearer"):
		return nil, fmt.Errorf("token type %q is not Bearer", clean(a.TokenType, 40))
	}
	t := &Token{AccessToken: secret.New(a.AccessToken), Obtained: r.sent}
	if life, known := expiresIn(a.ExpiresIn); known {
		t.Expires = r.sent.Add(life)
	}
	return t, nil
}

// redacted is the refusal without the request and the body, so that printing it shows no assertion.
func (r *recorder) redacted(e *oauth2.RetrieveError) error {
	return &oauth2.RetrieveError{
		Response: &http.Response{
			Status:     fmt.Sprintf("%d %s", r.status, http.StatusText(r.status)),
			StatusCode: r.status,
		},
		Body:             []byte(clean(string(r.body), 160)),
		ErrorCode:        clean(e.ErrorCode, 80),
		ErrorDescription: clean(e.ErrorDescription, 300),
	}
}

// expiresIn reads a number of seconds, also in quotes, also beyond the range of an int. known is false for nothing, zero and
// what is no number; a negative number stays negative.
func expiresIn(raw json.RawMessage) (life time.Duration, known bool) {
	text := strings.Trim(strings.TrimSpace(string(raw)), `"`)
	seconds, err := strconv.ParseFloat(text, 64)
	if (err != nil && !errors.Is(err, strconv.ErrRange)) || seconds != seconds || (seconds >= 0 && seconds < 1) {
		return 0, false
	}
	seconds = max(-1, min(seconds, maxLife.Seconds()))
	return time.Duration(seconds * float64(time.Second)), true
}

// networkText is the cause without the "Post URL" that net/http puts before it.
func networkText(err error) string {
	if err == nil {
		return "no answer"
	}
	var ue *url.Error
	if errors.As(err, &ue) {
		err = ue.Err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return "no answer in time"
	}
	return clean(err.Error(), 300)
}
