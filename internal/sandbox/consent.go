package sandbox

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"docusign-auth-proxy/internal/template"
)

const (
	codeLife    = 2 * time.Minute
	refreshLife = 30 * 24 * time.Hour
)

//go:embed consent.html
var consentHTML string

// consentRequest is a checked request for /oauth/auth (PROTOCOL.md §6.5).
type consentRequest struct {
	url.Values
	key         string
	scopes      []string
	adminScopes []string
	redirect    *url.URL
}

// consent shows who may approve; following a link approves, records the consent and redirects with a code.
func (r request) consent() answer {
	asked, err := r.consentRequest(r.URL.RawQuery)
	if err != nil {
		text := []byte(err.Error() + "\n")
		return answer{status: http.StatusBadRequest, contentType: "text/plain; charset=utf-8", body: text}
	}
	if !asked.Has("approve") {
		return r.consentPage(asked)
	}
	user, known := r.findUser(asked.Get("approve"))
	if !known || len(asked.adminScopes) > 0 && !user.Admin {
		return asked.redirected(r, "error", "access_denied")
	}
	r.Consent(asked.key, user.ID, asked.scopes...)
	r.ConsentAll(asked.key, asked.adminScopes...)
	code := encode(randomBytes(32))
	r.codes.put(code, grant{
		key: asked.key, user: user.ID, scopes: asked.scopes, expires: r.now().Add(codeLife),
		redirect: asked.Get("redirect_uri"), challenge: asked.Get("code_challenge"),
	})
	return asked.redirected(r, "code", code)
}

func (r request) consentRequest(query string) (consentRequest, error) {
	q, err := url.ParseQuery(query)
	if err != nil {
		return consentRequest{}, errors.New("invalid_request: the query cannot be read")
	}
	integration, known := r.findIntegration(q.Get("client_id"))
	redirect, err := url.Parse(q.Get("redirect_uri"))
	asked := consentRequest{
		q, integration.Key, strings.Fields(q.Get("scope")), strings.Fields(q.Get("admin_consent_scope")), redirect,
	}
	isS256 := q.Get("code_challenge_method") == "S256" && len(q.Get("code_challenge")) == 43
	switch {
	case !known:
		return asked, errors.New("invalid_client: the client_id is not known")
	case err != nil || !slices.Contains(integration.RedirectURIs, q.Get("redirect_uri")):
		return asked, errors.New("invalid_request: the redirect_uri is not registered properly")
	case q.Get("response_type") != "code":
		return asked, errors.New("unsupported_response_type: only code is supported")
	case len(asked.scopes) == 0:
		return asked, errors.New("invalid_scope: no scope was asked for")
	case q.Has("code_challenge") && !isS256:
		return asked, errors.New("invalid_request: code_challenge must be S256")
	}
	return asked, nil
}

// redirected sends the browser back with one more parameter and the state it came with.
func (asked consentRequest) redirected(r request, name, value string) answer {
	query := asked.redirect.Query()
	query.Set(name, value)
	if state := asked.Get("state"); state != "" {
		query.Set("state", state)
	}
	asked.redirect.RawQuery = query.Encode()
	r.header.Set("Location", asked.redirect.String())
	return empty(http.StatusFound)
}

func (r request) consentPage(asked consentRequest) answer {
	type choice struct{ Name, Email, Link string }
	var choices []choice
	for _, u := range r.everybody() {
		hidden := asked.Get("login_hint") != "" && !strings.EqualFold(asked.Get("login_hint"), u.Email)
		if u.Inactive || hidden || len(asked.adminScopes) > 0 && !u.Admin {
			continue
		}
		asked.Set("approve", u.ID)
		choices = append(choices, choice{u.Name, u.Email, "/oauth/auth?" + asked.Encode()})
	}
	r.header.Set("Content-Security-Policy", "default-src 'none'")
	var html bytes.Buffer
	err := template.HTML(nil, consentHTML).Execute(&html, "", map[string]any{
		"Key": asked.key, "Scopes": slices.Concat(asked.scopes, asked.adminScopes), "Choices": choices,
	})
	if err != nil {
		panic(err) // the template fits its values
	}
	return page(html.String())
}

func (r request) grantCode(form url.Values) (*grantedToken, *grantError) {
	key, confidential, err := r.client(form)
	if err != nil {
		return nil, err
	}
	g, err := r.useUp(&r.codes, form.Get("code"), key)
	if err != nil || form.Has("redirect_uri") && form.Get("redirect_uri") != g.redirect {
		return nil, invalidGrant("expired_client_token")
	}
	sum := sha256.Sum256([]byte(form.Get("code_verifier")))
	if g.challenge != "" && encode(sum[:]) != g.challenge || g.challenge == "" && !confidential {
		return nil, invalidGrant("PKCE_verification_failed")
	}
	g.expires = r.now().Add(refreshLife)
	return r.issueWithRefresh(g), nil
}

func (r request) grantRefresh(form url.Values) (*grantedToken, *grantError) {
	key, _, err := r.client(form)
	if err != nil {
		return nil, err
	}
	g, err := r.useUp(&r.refresh, form.Get("refresh_token"), key)
	if err != nil {
		return nil, err
	}
	if slices.Contains(g.scopes, "extended") {
		g.expires = r.now().Add(refreshLife)
	}
	return r.issueWithRefresh(g), nil
}

// useUp takes a code or a refresh token that was given to an integration key.
func (r request) useUp(from *store[grant], text, key string) (grant, *grantError) {
	g, ok := from.take(text)
	if !ok || !r.now().Before(g.expires) || g.key != key {
		return grant{}, invalidGrant("expired_client_token")
	}
	return g, nil
}

// client authenticates by Basic (key and secret), or names a public client.
func (r request) client(form url.Values) (key string, confidential bool, err *grantError) {
	key, secret, basic := r.BasicAuth()
	if !basic {
		key = form.Get("client_id")
	}
	integration, known := r.findIntegration(key)
	if !known || basic == (integration.Secret == "") || secret != integration.Secret {
		return "", false, &grantError{Code: "invalid_client"}
	}
	return integration.Key, basic, nil
}

func (r request) issueWithRefresh(g grant) *grantedToken {
	granted := r.issue(g)
	granted.RefreshToken = encode(randomBytes(64))
	r.refresh.put(granted.RefreshToken, g)
	return granted
}
