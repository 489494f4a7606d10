package sandbox

import (
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
	maxCodes    = 1000
)

// authorization is what a code or a refresh token stands for.
type authorization struct {
	at        consentKey
	key       string
	scopes    []string
	redirect  string
	challenge string
	expires   time.Time
}

// codeStore holds codes and refresh tokens that were not used up. Its owner locks.
type codeStore struct {
	codes     map[string]authorization
	refreshes map[string]authorization
}

func newCodeStore() codeStore {
	return codeStore{codes: map[string]authorization{}, refreshes: map[string]authorization{}}
}

// forget ends the refresh tokens of a withdrawn consent.
func (c *codeStore) forget(at consentKey) {
	for text, a := range c.refreshes {
		if a.at == at {
			delete(c.refreshes, text)
		}
	}
}

func keep(m map[string]authorization, text string, a authorization, now time.Time) {
	for old, b := range m {
		if !now.Before(b.expires) {
			delete(m, old)
		}
	}
	for old := range m {
		if len(m) < maxCodes {
			break
		}
		delete(m, old)
	}
	m[text] = a
}

// take uses a code or refresh token up.
func take(m map[string]authorization, text string, now time.Time) (authorization, bool) {
	a, ok := m[text]
	delete(m, text)
	return a, ok && now.Before(a.expires)
}

// consentRequest is a checked request for /oauth/auth (PROTOCOL.md §6.5).
type consentRequest struct {
	integration Integration
	scopes      []string
	adminScopes []string
	redirect    *url.URL
	state       string
	challenge   string
	hint        string
}

// serveConsent shows who may approve; following a link approves, records the consent and redirects with a code.
func (s *Sandbox) serveConsent(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet {
		w.Header().Set("Allow", http.MethodGet)
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		http.Error(w, "invalid_request: the query cannot be read", http.StatusBadRequest)
		return
	}
	request, problem := s.consentRequest(query)
	if problem != "" {
		http.Error(w, problem, http.StatusBadRequest)
		return
	}
	if !query.Has("approve") {
		s.showConsent(w, r, request)
		return
	}
	s.mu.Lock()
	user, known := s.dir.user(query.Get("approve"))
	s.mu.Unlock()
	if !known || len(request.adminScopes) > 0 && !user.Admin {
		s.redirect(w, r, request, url.Values{"error": {"access_denied"}})
		return
	}
	s.redirect(w, r, request, url.Values{"code": {s.approve(request, user)}})
}

func (s *Sandbox) consentRequest(q url.Values) (consentRequest, string) {
	s.mu.Lock()
	integration, known := s.dir.integration(q.Get("client_id"))
	s.mu.Unlock()
	redirect, err := url.Parse(q.Get("redirect_uri"))
	switch {
	case !known:
		return consentRequest{}, "invalid_client: the client_id is not known"
	case err != nil || !slices.Contains(integration.RedirectURIs, q.Get("redirect_uri")):
		return consentRequest{}, "invalid_request: the redirect_uri is not registered properly"
	case q.Get("response_type") != "code":
		return consentRequest{}, "unsupported_response_type: only code is supported"
	case len(strings.Fields(q.Get("scope"))) == 0:
		return consentRequest{}, "invalid_scope: no scope was asked for"
	case q.Has("code_challenge") && (q.Get("code_challenge_method") != "S256" || len(q.Get("code_challenge")) != 43):
		return consentRequest{}, "invalid_request: code_challenge must be S256"
	}
	return consentRequest{
		integration: integration, scopes: strings.Fields(q.Get("scope")), adminScopes: strings.Fields(q.Get("admin_consent_scope")),
		redirect: redirect, state: q.Get("state"), challenge: q.Get("code_challenge"), hint: strings.ToLower(q.Get("login_hint")),
	}, ""
}

func (s *Sandbox) approve(request consentRequest, user User) string {
	now := s.now()
	code := encode(randomBytes(32))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dir.consent(request.integration.Key, user.ID, request.scopes)
	if len(request.adminScopes) > 0 {
		s.dir.consent(request.integration.Key, everyone, request.adminScopes)
	}
	keep(s.codes.codes, code, authorization{
		at: consentKey{strings.ToLower(request.integration.Key), user.ID}, key: request.integration.Key, scopes: request.scopes,
		redirect: request.redirect.String(), challenge: request.challenge, expires: now.Add(codeLife),
	}, now)
	return code
}

func (s *Sandbox) redirect(w http.ResponseWriter, r *http.Request, request consentRequest, add url.Values) {
	if request.state != "" {
		add.Set("state", request.state)
	}
	to := *request.redirect
	query := to.Query()
	for name, values := range add {
		query[name] = values
	}
	to.RawQuery = query.Encode()
	http.Redirect(w, r, to.String(), http.StatusFound)
}

type consentChoice struct{ Name, Email, Link string }

func (s *Sandbox) showConsent(w http.ResponseWriter, r *http.Request, request consentRequest) {
	s.mu.Lock()
	var choices []consentChoice
	for _, u := range s.dir.users {
		if u.Inactive || request.hint != "" && request.hint != strings.ToLower(u.Email) || len(request.adminScopes) > 0 && !u.Admin {
			continue
		}
		query := r.URL.Query()
		query.Set("approve", u.ID)
		choices = append(choices, consentChoice{u.Name, u.Email, "/oauth/auth?" + query.Encode()})
	}
	s.mu.Unlock()
	slices.SortFunc(choices, func(a, b consentChoice) int { return strings.Compare(a.Email, b.Email) })
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'")
	page := template.Must(template.New("consent").Parse(consentPage))
	_ = page.Execute(w, map[string]any{ // a reader that left is its own affair
		"Key": request.integration.Key, "Scopes": append(slices.Clone(request.scopes), request.adminScopes...), "Choices": choices,
	})
}

const consentPage = `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Sandbox consent</title></head><body>
<h1>Allow access?</h1>
<p>Sandbox, not DocuSign. Integration <code>{{.Key}}</code> asks for {{range .Scopes}}<code>{{.}}</code> {{end}}</p>
<ul>{{range .Choices}}<li><a href="{{.Link}}">Approve as {{.Name}} ({{.Email}})</a></li>{{end}}</ul>
</body></html>
`

func (s *Sandbox) grantCode(r *http.Request, form url.Values) (grantedToken, error) {
	key, confidential, err := s.client(r, form)
	if err != nil {
		return grantedToken{}, err
	}
	now := s.now()
	s.mu.Lock()
	a, ok := take(s.codes.codes, form.Get("code"), now)
	s.mu.Unlock()
	if !ok || !strings.EqualFold(a.key, key) || form.Has("redirect_uri") && form.Get("redirect_uri") != a.redirect {
		return grantedToken{}, invalidGrant("expired_client_token")
	}
	sum := sha256.Sum256([]byte(form.Get("code_verifier")))
	if a.challenge != "" && encode(sum[:]) != a.challenge || a.challenge == "" && !confidential {
		return grantedToken{}, invalidGrant("PKCE_verification_failed")
	}
	a.expires = now.Add(refreshLife)
	return s.issueWithRefresh(a, now), nil
}

func (s *Sandbox) grantRefresh(r *http.Request, form url.Values) (grantedToken, error) {
	key, _, err := s.client(r, form)
	if err != nil {
		return grantedToken{}, err
	}
	now := s.now()
	s.mu.Lock()
	a, ok := take(s.codes.refreshes, form.Get("refresh_token"), now)
	s.mu.Unlock()
	if !ok || !strings.EqualFold(a.key, key) {
		return grantedToken{}, invalidGrant("expired_client_token")
	}
	if slices.Contains(a.scopes, "extended") {
		a.expires = now.Add(refreshLife)
	}
	return s.issueWithRefresh(a, now), nil
}

// client authenticates by Basic (key and secret), or names a public client.
func (s *Sandbox) client(r *http.Request, form url.Values) (key string, confidential bool, err error) {
	key, secret, basic := r.BasicAuth()
	if !basic {
		key = form.Get("client_id")
	}
	s.mu.Lock()
	integration, known := s.dir.integration(key)
	s.mu.Unlock()
	if !known || basic && (integration.Secret == "" || secret != integration.Secret) || !basic && integration.Secret != "" {
		return "", false, &grantError{Code: "invalid_client"}
	}
	return integration.Key, basic, nil
}

func (s *Sandbox) issueWithRefresh(a authorization, now time.Time) grantedToken {
	granted := s.issue(accessToken{key: a.key, user: a.at.user, scopes: a.scopes}, now)
	granted.RefreshToken = encode(randomBytes(64))
	s.mu.Lock()
	defer s.mu.Unlock()
	keep(s.codes.refreshes, granted.RefreshToken, a, now)
	return granted
}
