package sandbox

import (
	"cmp"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// grant is what stands behind a code, a refresh token or an access token.
type grant struct {
	key       string // integration key, as registered
	user      string // GUID; empty for an application token, which eSignature refuses
	scopes    []string
	expires   time.Time
	redirect  string // of a code
	challenge string // of a code
}

// RevokeTokens ends every access token of a user at once.
func (s *Sandbox) RevokeTokens(userID string) {
	s.access.removeIf(func(g grant) bool { return strings.EqualFold(g.user, userID) })
}

// Revoke withdraws a user's consent. Refresh tokens end; access tokens live on until they expire (PROTOCOL.md §6.5).
func (s *Sandbox) Revoke(key, userID string) {
	s.consents.take(consentID(key, userID))
	s.refresh.removeIf(func(g grant) bool { return strings.EqualFold(g.user, userID) && strings.EqualFold(g.key, key) })
}

// KeepLogin makes a refresh token good that another sandbox gave.
func (s *Sandbox) KeepLogin(key, userID, refreshToken string) {
	s.refresh.put(refreshToken, grant{key: key, user: userID, scopes: []string{"signature", "extended"},
		expires: s.now().Add(refreshLife)})
}

// bearer finds the grant behind the access token of a request. Anything but one "Bearer <token>" is refused.
func (r request) bearer() (grant, *apiError) {
	values := r.Header["Authorization"]
	if len(values) == 0 {
		return grant{}, refusal("PARTNER_AUTHENTICATION_FAILED", "An Integrator key was not specified.")
	}
	if slices.ContainsFunc(values, legacyBearer) {
		r.count(func(n *Counts) { n.Legacy.Bearer++ })
		return grant{}, refusal("AUTHORIZATION_INVALID_TOKEN")
	}
	text, ok := strings.CutPrefix(values[0], "Bearer ")
	if !ok || len(values) > 1 {
		return grant{}, refusal("AUTHORIZATION_INVALID_TOKEN")
	}
	if g, known := r.access.get(text); known && r.now().Before(g.expires) {
		return g, nil
	}
	if code := r.setting().badToken; code == "USER_AUTHENTICATION_FAILED" {
		return grant{}, refusal(code, "Invalid access token")
	}
	return grant{}, refusal("AUTHORIZATION_INVALID_TOKEN")
}

// caller is the user and the integration key behind the access token of a request to eSignature.
func (r request) caller() (User, string, *apiError) {
	g, refused := r.bearer()
	user, known := r.findUser(g.user)
	switch {
	case refused != nil:
	case g.user == "":
		refused = refusal("AUTHORIZATION_INVALID_TOKEN",
			"The token belongs to a system application, which cannot call this service.")
	case !known:
		refused = refusal("AUTHORIZATION_INVALID_TOKEN")
	case !slices.Contains(g.scopes, "signature"):
		refused = refusal("USER_LACKS_PERMISSIONS")
	}
	return user, g.key, refused
}

// legacyBearer recognises tokens of the retired grant: lower-case scheme, bare, or no JWT (PROTOCOL.md §1.4, §3.2).
func legacyBearer(value string) bool {
	scheme, text, two := strings.Cut(value, " ")
	isJWT := strings.HasPrefix(text, "eyJ") && strings.Count(text, ".") == 2
	return !two || strings.EqualFold(scheme, "bearer") && (scheme != "Bearer" || !isJWT)
}

// grantedToken is the answer to a grant; the JWT grant has no refresh token (PROTOCOL.md §6.3).
type grantedToken struct {
	AccessToken  string `json:"access_token"`
	TokenType    string `json:"token_type"`
	RefreshToken string `json:"refresh_token,omitempty"`
	ExpiresIn    int64  `json:"expires_in"`
	Scope        string `json:"scope,omitempty"`
}

func (s *Sandbox) issue(g grant) *grantedToken {
	life := cmp.Or(s.setting().tokenLife, time.Hour)
	g.expires = s.now().Add(life)
	text := tokenText(g)
	s.access.put(text, g)
	return &grantedToken{
		AccessToken: text, TokenType: "Bearer", ExpiresIn: int64(life / time.Second), Scope: strings.Join(g.scopes, " "),
	}
}

// tokenText looks like DocuSign's tokens: three base64url parts, 700 bytes and more, meaningless to the client. Tests
// read from it for whom it is.
func tokenText(g grant) string {
	header := encode([]byte(`{"typ":"MT","alg":"RS256","kid":"681ff1bd-f176-4c04-a926-6ce3d6b0d5c7"}`))
	claims, _ := json.Marshal(map[string]any{ // strings and numbers always marshal
		"jti": newGUID(), "client": g.key, "sub": g.user, "scp": g.scopes, "exp": g.expires.Unix(),
		"pad": encode(randomBytes(96)),
	})
	return header + "." + encode(claims) + "." + encode(randomBytes(256))
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails since Go 1.24
	return b
}

func newGUID() string {
	b := randomBytes(16)
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
