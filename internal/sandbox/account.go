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

	"docusign-auth-proxy/internal/shown"
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

func invalidGrant(description string) *grantError { return &grantError{"invalid_grant", description} }

func malformed() *grantError { return &grantError{Code: "invalid_request"} }

// account answers for the account server: the token, consent and userinfo end points.
func (r request) account() answer {
	method, serve := http.MethodGet, r.consent
	legacy := r.countLegacyHeaders()
	switch r.URL.Path {
	case "/oauth/token":
		method, serve = http.MethodPost, r.token
	case "/oauth/userinfo":
		serve = r.userInfo
	case "/oauth/auth":
	default:
		method = ""
	}
	switch {
	case legacy:
		return oauthAnswer(r.header, http.StatusUnauthorized, &grantError{Code: "invalid_client"})
	case method == "":
		return empty(http.StatusNotFound)
	case r.Method != method:
		return onlyMethod(r.header, method)
	}
	return serve()
}

func oauthAnswer(h http.Header, status int, v any) answer {
	body, _ := json.Marshal(v) // plain structs always marshal
	h.Set("Cache-Control", "no-store")
	h.Set("X-DocuSign-TraceToken", newGUID())
	return answer{status: status, contentType: typeJSON, body: body}
}

func (r request) token() answer {
	granted, refused := r.grant()
	if refused == nil {
		r.count(func(c *Counts) { c.Grants++ })
		return oauthAnswer(r.header, http.StatusOK, granted)
	}
	status, name := http.StatusBadRequest, refused.Error()
	if refused.Code == "too_many_requests" {
		status, name = http.StatusTooManyRequests, "throttled"
		r.header.Set("Retry-After", "1")
	}
	r.count(func(c *Counts) { increase(&c.GrantErrors, name) })
	return oauthAnswer(r.header, status, refused)
}

func (r request) grant() (*grantedToken, *grantError) {
	form, ok := r.tokenForm()
	if !ok {
		return nil, malformed()
	}
	if r.setting().throttle {
		return nil, &grantError{Code: "too_many_requests"}
	}
	switch form.Get("grant_type") {
	case grantJWT:
		return r.grantAssertion(form.Get("assertion"))
	case grantCode:
		return r.grantCode(form)
	case grantRefresh:
		return r.grantRefresh(form)
	case "password":
		r.count(func(c *Counts) { c.Legacy.PasswordGrant++ })
	case "":
		return nil, malformed()
	}
	return nil, invalidGrant("unsupported_grant_type")
}

// tokenForm takes one URL-encoded form and nothing else: no query, no parameter twice.
func (r request) tokenForm() (url.Values, bool) {
	media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	body, unread := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxTokenForm))
	form, bad := url.ParseQuery(string(body))
	for _, values := range form {
		if len(values) != 1 {
			return nil, false
		}
	}
	good := media == "application/x-www-form-urlencoded" && r.URL.RawQuery == ""
	return form, good && unread == nil && bad == nil
}

func (r request) grantAssertion(assertion string) (*grantedToken, *grantError) {
	if assertion == "" {
		return nil, malformed()
	}
	claims, err := r.verify(assertion)
	if err != nil {
		return nil, err
	}
	if err := checkTimes(claims, r.now()); err != nil {
		return nil, err
	}
	// The account server's name, or its address where there is no name.
	aud, _ := claims["aud"].(string)
	named := aud == strings.TrimPrefix(r.origin(r.opts.AccountHost), "https://")
	if !named && (r.host != "" || aud != r.Host) {
		return nil, invalidGrant("no_valid_keys_or_signatures")
	}
	g, err := r.authorize(claims)
	if err != nil {
		return nil, err
	}
	return r.issue(g), nil
}

// verify checks the header and the signature against the keys of iss.
func (r request) verify(assertion string) (jwt.MapClaims, *grantError) {
	claims := jwt.MapClaims{}
	parser := jwt.NewParser(jwt.WithValidMethods([]string{"RS256"}), jwt.WithoutClaimsValidation(),
		jwt.WithJSONNumber(), jwt.WithStrictDecoding())
	_, err := parser.ParseWithClaims(assertion, claims, func(t *jwt.Token) (any, error) {
		if typ, given := t.Header["typ"]; given && typ != "JWT" {
			return nil, invalidGrant("no_valid_keys_or_signatures")
		}
		iss, _ := claims["iss"].(string)
		integration, known := r.findIntegration(iss)
		if !known || r.opts.AccountHost == productionEnv && !integration.Live {
			return nil, invalidGrant("issuer_not_found")
		}
		keys := jwt.VerificationKeySet{}
		for _, k := range integration.PublicKeys {
			keys.Keys = append(keys.Keys, k)
		}
		return keys, nil
	})
	if refused, ok := errors.AsType[*grantError](err); ok {
		return nil, refused
	}
	if err != nil {
		return nil, invalidGrant("no_valid_keys_or_signatures")
	}
	return claims, nil
}

func checkTimes(claims jwt.MapClaims, now time.Time) *grantError {
	exp, hasExp := wholeSeconds(claims, "exp")
	iat, hasIat := wholeSeconds(claims, "iat")
	nbf, hasNbf := wholeSeconds(claims, "nbf")
	if _, given := claims["nbf"]; !given {
		nbf, hasNbf = now, true
	}
	latest := now.Add(clockLeeway)
	switch {
	case hasExp && hasIat && !now.Before(exp):
		return invalidGrant("expired_grant")
	case !hasExp || !hasIat || !hasNbf || !iat.Before(exp) || iat.After(latest) || nbf.After(latest):
		return invalidGrant("no_valid_keys_or_signatures")
	}
	return nil
}

func wholeSeconds(claims jwt.MapClaims, name string) (time.Time, bool) {
	number, _ := claims[name].(json.Number)
	seconds, err := number.Int64()
	return time.Unix(seconds, 0), err == nil && seconds > 0
}

// authorize checks subject, scope and consent. Without a subject it is an application token.
func (r request) authorize(claims jwt.MapClaims) (grant, *grantError) {
	key, _ := claims["iss"].(string)
	scope, _ := claims["scope"].(string)
	g := grant{key: key, scopes: strings.Fields(scope)}
	if len(g.scopes) == 0 {
		return g, malformed()
	}
	sub, given := claims["sub"]
	if !given {
		return g, nil
	}
	id, _ := sub.(string)
	if !shown.GUID(id) {
		return g, invalidGrant("invalid_subject")
	}
	user, known := r.findUser(id)
	if !known {
		return g, invalidGrant("user_not_found")
	}
	if !slices.Contains(g.scopes, "impersonation") || !r.consented(key, user.ID, g.scopes) {
		return g, &grantError{Code: "consent_required"}
	}
	g.user = user.ID
	return g, nil
}

// userInfo is PROTOCOL.md §7.
func (r request) userInfo() answer {
	g, refused := r.bearer()
	user, known := r.findUser(g.user)
	if refused != nil || !known {
		r.header.Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		return oauthAnswer(r.header, http.StatusUnauthorized,
			&grantError{"invalid_token", "the access token is expired, revoked or malformed"})
	}
	r.count(func(c *Counts) { c.UserInfo++ })
	given, family, _ := strings.Cut(user.Name, " ")
	body := r.written("userInfo", struct {
		User                  User
		Memberships           []Account
		GivenName, FamilyName string
	}{user, r.memberships(user), given, family})
	return oauthAnswer(r.header, http.StatusOK, json.RawMessage(body))
}
