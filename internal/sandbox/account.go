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

// accountServer has the token, consent and userinfo end points.
type accountServer struct{ *core }

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

func (a accountServer) answer(r request) answer {
	ends := map[string]struct {
		method string
		serve  func(request) answer
	}{
		"/oauth/token":    {http.MethodPost, a.token},
		"/oauth/userinfo": {http.MethodGet, a.userInfo},
		"/oauth/auth":     {http.MethodGet, a.consent},
	}
	path := r.URL.Path
	end, known := ends[path]
	if !known {
		path = "unknown"
	}
	a.countPath(r.Method, a.accountHost, path)
	switch {
	case a.countLegacyHeaders(r.Header):
		return oauthAnswer(r, http.StatusUnauthorized, &grantError{Code: "invalid_client"})
	case !known:
		return empty(http.StatusNotFound)
	case r.Method != end.method:
		return r.onlyMethod(end.method)
	}
	return end.serve(r)
}

func oauthAnswer(r request, status int, v any) answer {
	body, _ := json.Marshal(v) // plain structs always marshal
	r.header.Set("Cache-Control", "no-store")
	r.header.Set("X-DocuSign-TraceToken", newGUID())
	return answer{status: status, contentType: typeJSON, body: body}
}

func (a accountServer) token(r request) answer {
	granted, err := a.grant(r)
	refused, ok := errors.AsType[*grantError](err)
	switch {
	case !ok:
		a.count(func(c *Counts) { c.Grants++ })
		return oauthAnswer(r, http.StatusOK, granted)
	case refused.Code == "too_many_requests":
		a.count(func(c *Counts) { c.GrantErrors["throttled"]++ })
		r.header.Set("Retry-After", "1")
		return oauthAnswer(r, http.StatusTooManyRequests, refused)
	}
	a.count(func(c *Counts) { c.GrantErrors[refused.Error()]++ })
	return oauthAnswer(r, http.StatusBadRequest, refused)
}

func (a accountServer) grant(r request) (*grantedToken, error) {
	form, err := tokenForm(r)
	if err != nil {
		return nil, malformed()
	}
	if a.setting().throttle {
		return nil, &grantError{Code: "too_many_requests"}
	}
	switch form.Get("grant_type") {
	case grantJWT:
		return a.grantAssertion(r, form.Get("assertion"))
	case grantCode:
		return a.grantCode(r, form)
	case grantRefresh:
		return a.grantRefresh(r, form)
	case "password":
		a.count(func(c *Counts) { c.Legacy.PasswordGrant++ })
	case "":
		return nil, malformed()
	}
	return nil, invalidGrant("unsupported_grant_type")
}

// tokenForm takes one URL-encoded form and nothing else: no query, no parameter twice.
func tokenForm(r request) (url.Values, error) {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/x-www-form-urlencoded" || r.URL.RawQuery != "" {
		return nil, errors.New("not a form alone")
	}
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxTokenForm))
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(body))
	for name, values := range form {
		if len(values) != 1 {
			return nil, errors.New("more than one " + name)
		}
	}
	return form, err
}

func (a accountServer) grantAssertion(r request, assertion string) (*grantedToken, error) {
	if assertion == "" {
		return nil, malformed()
	}
	claims, err := a.verify(assertion)
	if err != nil {
		return nil, err
	}
	if err := checkTimes(claims, a.now()); err != nil {
		return nil, err
	}
	// The account server's name, or its address where there is no name.
	aud, _ := claims["aud"].(string)
	named := aud == strings.TrimPrefix(a.origin(a.accountHost), "https://")
	if !named && (r.host != "" || aud != r.Host) {
		return nil, invalidGrant("no_valid_keys_or_signatures")
	}
	g, err := a.authorize(claims)
	if err != nil {
		return nil, err
	}
	return a.issue(g), nil
}

// verify checks the header and the signature against the keys of iss.
func (a accountServer) verify(assertion string) (jwt.MapClaims, error) {
	claims := jwt.MapClaims{}
	parser := jwt.NewParser(jwt.WithValidMethods([]string{"RS256"}), jwt.WithoutClaimsValidation(),
		jwt.WithJSONNumber(), jwt.WithStrictDecoding())
	_, err := parser.ParseWithClaims(assertion, claims, func(t *jwt.Token) (any, error) {
		if typ, given := t.Header["typ"]; given && typ != "JWT" {
			return nil, invalidGrant("no_valid_keys_or_signatures")
		}
		iss, _ := claims["iss"].(string)
		integration, known := a.findIntegration(iss)
		if !known || a.accountHost == productionEnv && !integration.Live {
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

func checkTimes(claims jwt.MapClaims, now time.Time) error {
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
func (a accountServer) authorize(claims jwt.MapClaims) (grant, error) {
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
	user, known := a.findUser(id)
	if !known {
		return g, invalidGrant("user_not_found")
	}
	if !slices.Contains(g.scopes, "impersonation") || !a.consented(key, user.ID, g.scopes) {
		return g, &grantError{Code: "consent_required"}
	}
	g.user = user.ID
	return g, nil
}

// userInfo is PROTOCOL.md §7.
func (a accountServer) userInfo(r request) answer {
	g, refused := a.bearer(r)
	user, known := a.findUser(g.user)
	if refused != nil || !known {
		a.count(func(c *Counts) { c.UserInfoRefused++ })
		r.header.Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		return oauthAnswer(r, http.StatusUnauthorized,
			&grantError{"invalid_token", "the access token is expired, revoked or malformed"})
	}
	a.count(func(c *Counts) { c.UserInfo++ })
	given, family, _ := strings.Cut(user.Name, " ")
	accounts := list{}
	for _, account := range a.memberships(user) {
		entry := object{
			{"account_id", account.ID}, {"is_default", account.ID == user.Default}, {"account_name", account.Name},
			{"base_uri", a.origin(account.Site)},
		}
		if id := account.Organization; id != "" {
			self := object{{"rel", "self"}, {"href", a.origin(a.accountHost) + "/organizations/" + id}}
			entry = append(entry, member{"organization", object{{"organization_id", id}, {"links", list{of: []any{self}}}}})
		}
		accounts.of = append(accounts.of, entry)
	}
	return oauthAnswer(r, http.StatusOK, object{
		{"sub", user.ID}, {"name", user.Name}, {"given_name", given}, {"family_name", family},
		{"created", "2015-08-13T22:03:03.45"}, {"email", user.Email}, {"accounts", accounts},
	})
}
