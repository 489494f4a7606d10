package sandbox

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const (
	grantJWT      = "urn:ietf:params:oauth:grant-type:jwt-bearer"
	grantCode     = "authorization_code"
	grantRefresh  = "refresh_token"
	maxTokenForm  = 64 << 10
	clockLeeway   = time.Minute
	productionEnv = "account.docusign.com"
)

// grantError is the answer of the token end point to a refused grant (PROTOCOL.md §6.4).
type grantError struct {
	Code        string `json:"error"`
	Description string `json:"error_description,omitempty"`
}

func (e *grantError) Error() string {
	if e.Description == "" {
		return e.Code
	}
	return e.Code + "/" + e.Description
}

func invalidGrant(description string) error { return &grantError{"invalid_grant", description} }

func malformed() error { return &grantError{Code: "invalid_request"} }

// serveAccount answers for the account server: token, consent and userinfo.
func (s *Sandbox) serveAccount(w http.ResponseWriter, r *http.Request, host string) {
	path := r.URL.Path
	if path != "/oauth/token" && path != "/oauth/userinfo" && path != "/oauth/auth" {
		path = "unknown"
	}
	s.countPath(r.Method, s.opts.AccountHost, path)
	if s.countLegacyHeaders(r) {
		s.writeOAuth(w, r, http.StatusUnauthorized, &grantError{Code: "invalid_client"})
		return
	}
	switch path {
	case "/oauth/token":
		s.serveToken(w, r, s.audiences(host, r))
	case "/oauth/userinfo":
		s.serveUserInfo(w, r)
	case "/oauth/auth":
		s.serveConsent(w, r)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

// audiences are the accepted aud claims: the account server's name, and the address where there is no name.
func (s *Sandbox) audiences(host string, r *http.Request) []string {
	own := []string{s.opts.AccountHost}
	if address, ok := s.addresses[s.opts.AccountHost]; ok {
		own = []string{address}
	}
	if host == "" {
		own = append(own, r.Host)
	}
	return own
}

func (s *Sandbox) serveToken(w http.ResponseWriter, r *http.Request, audiences []string) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	form, err := tokenForm(r)
	if err == nil && s.settings().throttle {
		s.counts.add(func(c *Counts) { c.GrantErrors["throttled"]++ })
		w.Header().Set("Retry-After", "1")
		s.writeOAuth(w, r, http.StatusTooManyRequests, &grantError{Code: "too_many_requests"})
		return
	}
	var granted grantedToken
	if err == nil {
		granted, err = s.grant(r, form, audiences)
	}
	if refused, ok := errors.AsType[*grantError](err); ok {
		s.counts.add(func(c *Counts) { c.GrantErrors[refused.Error()]++ })
		s.writeOAuth(w, r, http.StatusBadRequest, refused)
		return
	}
	s.counts.add(func(c *Counts) { c.Grants++ })
	s.writeOAuth(w, r, http.StatusOK, granted)
}

// tokenForm takes one URL-encoded form and nothing else: no query, no parameter twice.
func tokenForm(r *http.Request) (url.Values, error) {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/x-www-form-urlencoded" || r.URL.RawQuery != "" {
		return nil, malformed()
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxTokenForm+1))
	if err != nil || len(body) > maxTokenForm {
		return nil, malformed()
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, malformed()
	}
	for _, values := range form {
		if len(values) != 1 {
			return nil, malformed()
		}
	}
	return form, nil
}

// grantedToken is the answer to a grant; the JWT grant has no refresh token (PROTOCOL.md §6.3).
type grantedToken struct {
	AccessToken  string `json:"access_token"`
	TokenType    string `json:"token_type"`
	RefreshToken string `json:"refresh_token,omitempty"`
	ExpiresIn    int64  `json:"expires_in"`
	Scope        string `json:"scope,omitempty"`
}

func (s *Sandbox) grant(r *http.Request, form url.Values, audiences []string) (grantedToken, error) {
	switch form.Get("grant_type") {
	case grantJWT:
		return s.grantAssertion(form, audiences)
	case grantCode:
		return s.grantCode(r, form)
	case grantRefresh:
		return s.grantRefresh(r, form)
	case "password":
		s.counts.add(func(c *Counts) { c.Legacy.PasswordGrant++ })
	case "":
		return grantedToken{}, malformed()
	}
	return grantedToken{}, invalidGrant("unsupported_grant_type")
}

func (s *Sandbox) grantAssertion(form url.Values, audiences []string) (grantedToken, error) {
	assertion := form.Get("assertion")
	if assertion == "" {
		return grantedToken{}, malformed()
	}
	now := s.now()
	claims, err := s.verify(assertion)
	if err != nil {
		return grantedToken{}, err
	}
	if err := checkTimes(claims, now); err != nil {
		return grantedToken{}, err
	}
	if aud, ok := claims["aud"].(string); !ok || !slices.Contains(audiences, aud) {
		return grantedToken{}, invalidGrant("no_valid_keys_or_signatures")
	}
	token, err := s.authorize(claims)
	if err != nil {
		return grantedToken{}, err
	}
	return s.issue(token, now), nil
}

// verify checks the header and the signature against the keys of iss.
func (s *Sandbox) verify(assertion string) (jwt.MapClaims, error) {
	claims := jwt.MapClaims{}
	parser := jwt.NewParser(jwt.WithValidMethods([]string{"RS256"}), jwt.WithoutClaimsValidation(), jwt.WithJSONNumber(), jwt.WithStrictDecoding())
	parsed, _, err := parser.ParseUnverified(assertion, claims)
	if err != nil {
		return nil, invalidGrant("no_valid_keys_or_signatures")
	}
	if typ, given := parsed.Header["typ"]; given && typ != "JWT" {
		return nil, invalidGrant("no_valid_keys_or_signatures")
	}
	iss, _ := claims["iss"].(string)
	s.mu.Lock()
	integration, known := s.dir.integration(iss)
	s.mu.Unlock()
	if !known || s.opts.AccountHost == productionEnv && !integration.Live {
		return nil, invalidGrant("issuer_not_found")
	}
	keys := jwt.VerificationKeySet{}
	for _, k := range integration.PublicKeys {
		keys.Keys = append(keys.Keys, k)
	}
	if _, err := parser.Parse(assertion, func(*jwt.Token) (any, error) { return keys, nil }); err != nil {
		return nil, invalidGrant("no_valid_keys_or_signatures")
	}
	return claims, nil
}

func checkTimes(claims jwt.MapClaims, now time.Time) error {
	exp, err := wholeSeconds(claims, "exp")
	if err != nil {
		return err
	}
	iat, err := wholeSeconds(claims, "iat")
	if err != nil {
		return err
	}
	if !now.Before(exp) {
		return invalidGrant("expired_grant")
	}
	if !iat.Before(exp) || iat.After(now.Add(clockLeeway)) {
		return invalidGrant("no_valid_keys_or_signatures")
	}
	if _, given := claims["nbf"]; !given {
		return nil
	}
	nbf, err := wholeSeconds(claims, "nbf")
	if err == nil && nbf.After(now.Add(clockLeeway)) {
		err = invalidGrant("no_valid_keys_or_signatures")
	}
	return err
}

func wholeSeconds(claims jwt.MapClaims, name string) (time.Time, error) {
	number, _ := claims[name].(json.Number)
	seconds, err := number.Int64()
	if err != nil || seconds <= 0 {
		return time.Time{}, invalidGrant("no_valid_keys_or_signatures")
	}
	return time.Unix(seconds, 0), nil
}

// authorize checks subject, scope and consent. Without a subject it is an application token.
func (s *Sandbox) authorize(claims jwt.MapClaims) (accessToken, error) {
	key, _ := claims["iss"].(string)
	scope, _ := claims["scope"].(string)
	scopes := strings.Fields(scope)
	if len(scopes) == 0 {
		return accessToken{}, malformed()
	}
	sub, given := claims["sub"]
	if !given {
		return accessToken{key: key, scopes: scopes}, nil
	}
	id, _ := sub.(string)
	if !isGUID(id) {
		return accessToken{}, invalidGrant("invalid_subject")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	user, known := s.dir.user(id)
	if !known {
		return accessToken{}, invalidGrant("user_not_found")
	}
	if !slices.Contains(scopes, "impersonation") || !s.dir.consented(key, user.ID, scopes) {
		return accessToken{}, &grantError{Code: "consent_required"}
	}
	return accessToken{key: key, user: user.ID, scopes: scopes}, nil
}

func (s *Sandbox) issue(t accessToken, now time.Time) grantedToken {
	life := s.settings().tokenLife
	t.expires = now.Add(life)
	return grantedToken{
		AccessToken: s.tokens.issue(t, now), TokenType: "Bearer", ExpiresIn: int64(life / time.Second), Scope: strings.Join(t.scopes, " "),
	}
}

// userInfo is PROTOCOL.md §7.
type userInfo struct {
	Sub        string            `json:"sub"`
	Name       string            `json:"name"`
	GivenName  string            `json:"given_name"`
	FamilyName string            `json:"family_name"`
	Created    string            `json:"created"`
	Email      string            `json:"email"`
	Accounts   []userInfoAccount `json:"accounts"`
}

type userInfoAccount struct {
	AccountID    string                `json:"account_id"`
	IsDefault    bool                  `json:"is_default"`
	AccountName  string                `json:"account_name"`
	BaseURI      string                `json:"base_uri"`
	Organization *userInfoOrganization `json:"organization,omitempty"`
}

type userInfoOrganization struct {
	ID    string         `json:"organization_id"`
	Links []userInfoLink `json:"links"`
}

type userInfoLink struct {
	Rel  string `json:"rel"`
	Href string `json:"href"`
}

func (s *Sandbox) serveUserInfo(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet {
		w.Header().Set("Allow", http.MethodGet)
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	token, refused := s.bearer(r)
	s.mu.Lock()
	user, known := s.dir.user(token.user)
	accounts := s.dir.memberships(user)
	s.mu.Unlock()
	if refused.code != "" || !known {
		s.counts.add(func(c *Counts) { c.UserInfoRefused++ })
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		s.writeOAuth(w, r, http.StatusUnauthorized, &grantError{"invalid_token", "the access token is expired, revoked or malformed"})
		return
	}
	s.counts.add(func(c *Counts) { c.UserInfo++ })
	s.writeOAuth(w, r, http.StatusOK, s.userInfo(user, accounts))
}

func (s *Sandbox) userInfo(user User, accounts []Account) userInfo {
	given, family, _ := strings.Cut(user.Name, " ")
	info := userInfo{Sub: user.ID, Name: user.Name, GivenName: given, FamilyName: family, Created: "2015-08-13T22:03:03.45", Email: user.Email, Accounts: []userInfoAccount{}}
	for _, a := range accounts {
		entry := userInfoAccount{AccountID: a.ID, IsDefault: a.ID == user.Default, AccountName: a.Name, BaseURI: s.origin(a.Site)}
		if a.Organization != "" {
			entry.Organization = &userInfoOrganization{a.Organization, []userInfoLink{{"self", s.AccountServer() + "/organizations/" + a.Organization}}}
		}
		info.Accounts = append(info.Accounts, entry)
	}
	return info
}

func (s *Sandbox) writeOAuth(w http.ResponseWriter, r *http.Request, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err) // plain structs always marshal
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-DocuSign-TraceToken", newGUID())
	writeBody(w, r, status, "application/json; charset=utf-8", body)
}
