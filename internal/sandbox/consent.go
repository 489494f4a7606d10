package sandbox

import (
	"bytes"
	"crypto/sha256"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

const (
	codeLife    = 2 * time.Minute
	refreshLife = 30 * 24 * time.Hour
)

// consentRequest is a checked request for /oauth/auth (PROTOCOL.md §6.5).
type consentRequest struct {
	key         string
	scopes      []string
	adminScopes []string
	redirect    *url.URL
	query       url.Values
}

// consent shows who may approve; following a link approves, records the consent and redirects with a code.
func (a accountServer) consent(r request) answer {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return problem("invalid_request: the query cannot be read")
	}
	asked, refused := a.consentRequest(query)
	if refused != "" {
		return problem(refused)
	}
	if !query.Has("approve") {
		return a.consentPage(r, asked)
	}
	user, known := a.findUser(query.Get("approve"))
	if !known || len(asked.adminScopes) > 0 && !user.Admin {
		return asked.redirected(r, "error", "access_denied")
	}
	return asked.redirected(r, "code", a.approve(asked, user))
}

func problem(text string) answer {
	return answer{status: http.StatusBadRequest, contentType: "text/plain; charset=utf-8", body: []byte(text + "\n")}
}

func (a accountServer) consentRequest(q url.Values) (consentRequest, string) {
	integration, known := a.findIntegration(q.Get("client_id"))
	redirect, err := url.Parse(q.Get("redirect_uri"))
	challenge := q.Get("code_challenge")
	switch {
	case !known:
		return consentRequest{}, "invalid_client: the client_id is not known"
	case err != nil || !slices.Contains(integration.RedirectURIs, q.Get("redirect_uri")):
		return consentRequest{}, "invalid_request: the redirect_uri is not registered properly"
	case q.Get("response_type") != "code":
		return consentRequest{}, "unsupported_response_type: only code is supported"
	case len(strings.Fields(q.Get("scope"))) == 0:
		return consentRequest{}, "invalid_scope: no scope was asked for"
	case q.Has("code_challenge") && (q.Get("code_challenge_method") != "S256" || len(challenge) != 43):
		return consentRequest{}, "invalid_request: code_challenge must be S256"
	}
	return consentRequest{
		key: integration.Key, scopes: strings.Fields(q.Get("scope")), redirect: redirect, query: q,
		adminScopes: strings.Fields(q.Get("admin_consent_scope")),
	}, ""
}

func (a accountServer) approve(asked consentRequest, user User) string {
	a.Consent(asked.key, user.ID, asked.scopes...)
	a.ConsentAll(asked.key, asked.adminScopes...)
	code := encode(randomBytes(32))
	a.codes.put(code, grant{
		key: asked.key, user: user.ID, scopes: asked.scopes, expires: a.now().Add(codeLife),
		redirect: asked.redirect.String(), challenge: asked.query.Get("code_challenge"),
	})
	return code
}

// redirected sends the browser back with one more parameter and the state it came with.
func (asked consentRequest) redirected(r request, name, value string) answer {
	query := asked.redirect.Query()
	query.Set(name, value)
	if state := asked.query.Get("state"); state != "" {
		query.Set("state", state)
	}
	to := *asked.redirect
	to.RawQuery = query.Encode()
	r.header.Set("Location", to.String())
	return empty(http.StatusFound)
}

type consentChoice struct{ Name, Email, Link string }

func (a accountServer) consentPage(r request, asked consentRequest) answer {
	hint := asked.query.Get("login_hint")
	var choices []consentChoice
	for _, u := range a.everybody() {
		hidden := hint != "" && !strings.EqualFold(hint, u.Email)
		if u.Inactive || hidden || len(asked.adminScopes) > 0 && !u.Admin {
			continue
		}
		query := r.URL.Query()
		query.Set("approve", u.ID)
		choices = append(choices, consentChoice{u.Name, u.Email, "/oauth/auth?" + query.Encode()})
	}
	r.header.Set("Content-Security-Policy", "default-src 'none'")
	var page bytes.Buffer
	err := template.Must(template.New("consent").Parse(consentHTML)).Execute(&page, map[string]any{
		"Key": asked.key, "Scopes": slices.Concat(asked.scopes, asked.adminScopes), "Choices": choices,
	})
	if err != nil {
		panic(err) // the template fits its values
	}
	return answer{status: http.StatusOK, contentType: typeHTML, body: page.Bytes()}
}

const consentHTML = `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Sandbox consent</title></head><body>
<h1>Allow access?</h1>
<p>Sandbox, not DocuSign. Integration <code>{{.Key}}</code> asks for {{range .Scopes}}<code>{{.}}</code> {{end}}</p>
<ul>{{range .Choices}}<li><a href="{{.Link}}">Approve as {{.Name}} ({{.Email}})</a></li>{{end}}</ul>
</body></html>
`

func (a accountServer) grantCode(r request, form url.Values) (*grantedToken, error) {
	key, confidential, err := a.client(r, form)
	if err != nil {
		return nil, err
	}
	g, err := a.useUp(a.codes, form.Get("code"), key)
	if err != nil || form.Has("redirect_uri") && form.Get("redirect_uri") != g.redirect {
		return nil, invalidGrant("expired_client_token")
	}
	sum := sha256.Sum256([]byte(form.Get("code_verifier")))
	if g.challenge != "" && encode(sum[:]) != g.challenge || g.challenge == "" && !confidential {
		return nil, invalidGrant("PKCE_verification_failed")
	}
	g.expires = a.now().Add(refreshLife)
	return a.issueWithRefresh(g), nil
}

func (a accountServer) grantRefresh(r request, form url.Values) (*grantedToken, error) {
	key, _, err := a.client(r, form)
	if err != nil {
		return nil, err
	}
	g, err := a.useUp(a.refresh, form.Get("refresh_token"), key)
	if err != nil {
		return nil, err
	}
	if slices.Contains(g.scopes, "extended") {
		g.expires = a.now().Add(refreshLife)
	}
	return a.issueWithRefresh(g), nil
}

// useUp takes a code or a refresh token that was given to an integration key.
func (a accountServer) useUp(from *store[grant], text, key string) (grant, error) {
	g, ok := from.take(text)
	if !ok || !a.now().Before(g.expires) || g.key != key {
		return grant{}, invalidGrant("expired_client_token")
	}
	return g, nil
}

// client authenticates by Basic (key and secret), or names a public client.
func (a accountServer) client(r request, form url.Values) (key string, confidential bool, err error) {
	key, secret, basic := r.BasicAuth()
	if !basic {
		key = form.Get("client_id")
	}
	integration, known := a.findIntegration(key)
	if !known || basic == (integration.Secret == "") || secret != integration.Secret {
		return "", false, &grantError{Code: "invalid_client"}
	}
	return integration.Key, basic, nil
}

func (a accountServer) issueWithRefresh(g grant) *grantedToken {
	granted := a.issue(g)
	granted.RefreshToken = encode(randomBytes(64))
	a.refresh.put(granted.RefreshToken, g)
	return granted
}
