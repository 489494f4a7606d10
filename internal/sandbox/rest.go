package sandbox

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// restCall is one request that found its route.
type restCall struct {
	s       *Sandbox
	w       http.ResponseWriter
	r       *http.Request
	site    string // empty for a loopback address, where every account lives
	version string // v2 or v2.1
	params  map[string]string
	user    User
	key     string
	account Account
}

// route is one line of the REST surface. Patterns are lower-case; {name} takes one segment.
type route struct {
	method  string
	pattern []string
	open    bool // needs no credential (PROTOCOL.md §2.6)
	serve   func(*restCall)
}

func restRoutes() []route {
	var routes []route
	add := func(open bool, method, pattern string, serve func(*restCall)) {
		routes = append(routes, route{method, strings.Split(pattern, "/"), open, serve})
	}
	add(true, "GET", "restapi", (*restCall).serviceInformation)
	add(true, "GET", "restapi/service_information", (*restCall).serviceInformation)
	add(true, "GET", "restapi/help", (*restCall).help)
	add(true, "GET", "restapi/{version}", (*restCall).resources)
	add(true, "POST", "restapi/{version}/oauth2/token", (*restCall).passwordGrant)
	add(true, "POST", "restapi/{version}/oauth2/revoke", (*restCall).passwordGrant)
	add(false, "GET", "restapi/{version}/login_information", (*restCall).loginInformation)
	add(false, "PUT", "restapi/{version}/login_information/password", (*restCall).changePassword)
	const account = "restapi/{version}/accounts/{account}"
	add(false, "GET", account, (*restCall).getAccount)
	add(false, "GET", account+"/users", (*restCall).listUsers)
	add(false, "POST", account+"/views/console", (*restCall).consoleView)
	add(false, "POST", account+"/envelopes", (*restCall).createEnvelope)
	add(false, "GET", account+"/envelopes", (*restCall).listEnvelopes)
	const envelope = account + "/envelopes/{envelope}"
	add(false, "GET", envelope, (*restCall).getEnvelope)
	add(false, "PUT", envelope, (*restCall).updateEnvelope)
	add(false, "GET", envelope+"/recipients", (*restCall).listRecipients)
	add(false, "GET", envelope+"/documents", (*restCall).listDocuments)
	add(false, "GET", envelope+"/documents/{document}", (*restCall).getDocument)
	add(false, "POST", envelope+"/views/{view}", (*restCall).envelopeView)
	return routes
}

func (rt route) match(method string, path []string) (map[string]string, bool) {
	if rt.method != method || len(rt.pattern) != len(path) {
		return nil, false
	}
	params := map[string]string{}
	for i, want := range rt.pattern {
		if want[0] == '{' {
			params[want] = path[i]
		} else if !strings.EqualFold(want, path[i]) {
			return nil, false
		}
	}
	version := strings.ToLower(params["{version}"])
	return params, version == "" || version == "v2" || version == "v2.1"
}

// serveREST answers for a site (PROTOCOL.md §2, §7, §8).
func (s *Sandbox) serveREST(w http.ResponseWriter, r *http.Request, site string) {
	c := &restCall{s: s, w: w, r: r, site: site}
	c.commonHeaders()
	legacy := s.countLegacyHeaders(r)
	found, ok := c.find()
	if !ok {
		s.countPath(r.Method, site, "unknown")
		c.drain()
		w.WriteHeader(http.StatusNotFound)
		return
	}
	s.countPath(r.Method, site, "/"+strings.Join(found.pattern, "/"))
	if legacy {
		c.refuse(refusal("USER_AUTHENTICATION_FAILED"))
		return
	}
	if !found.open && !c.admit() {
		return
	}
	found.serve(c)
}

func (c *restCall) find() (route, bool) {
	path := strings.Split(strings.Trim(c.r.URL.Path, "/"), "/")
	for _, rt := range c.s.routes {
		if params, ok := rt.match(c.r.Method, path); ok {
			c.params, c.version = params, strings.ToLower(params["{version}"])
			return rt, true
		}
	}
	return route{}, false
}

// admit checks the bearer, the account and where it lives; it has answered if it says no.
func (c *restCall) admit() bool {
	token, refused := c.s.bearer(c.r)
	if refused.code == "" {
		refused = c.enter(token)
	}
	if refused.code == "" {
		account := c.account.ID
		if account == "" {
			account = c.user.Default
		}
		if code := c.s.limits.charge(c.w.Header(), account, c.s.now()); code != "" {
			refused = refusal(code)
		}
	}
	if refused.code != "" {
		c.refuse(refused)
		return false
	}
	c.s.counts.add(func(n *Counts) { n.API++ })
	return true
}

// enter resolves who calls and for which account.
func (c *restCall) enter(token accessToken) apiError {
	s := c.s
	s.mu.Lock()
	defer s.mu.Unlock()
	user, known := s.dir.user(token.user)
	switch {
	case token.user == "":
		return refusal("AUTHORIZATION_INVALID_TOKEN", "The token belongs to a system application, which cannot call this service.")
	case !known:
		return refusal("AUTHORIZATION_INVALID_TOKEN")
	case !token.allows("signature"):
		return refusal("USER_LACKS_PERMISSIONS")
	}
	c.user, c.key = user, token.key
	id, scoped := c.params["{account}"]
	if !scoped {
		return apiError{}
	}
	account, exists := s.dir.account(id)
	if !exists || c.site != "" && account.Site != c.site {
		return wrongSite(s.knobs.wrongSite)
	}
	if !isMember(user, account) {
		return refusal("USER_LACKS_MEMBERSHIP")
	}
	c.account = account
	return apiError{}
}

func wrongSite(code string) apiError {
	if code == "PARTNER_AUTHENTICATION_FAILED" {
		return refusal(code, "Invalid account specified for user.")
	}
	return refusal(code)
}

// bearer finds the access token of a request. Anything but one "Bearer <token>" is refused.
func (s *Sandbox) bearer(r *http.Request) (accessToken, apiError) {
	values := r.Header["Authorization"]
	if len(values) == 0 {
		return accessToken{}, refusal("PARTNER_AUTHENTICATION_FAILED", "An Integrator key was not specified.")
	}
	for _, v := range values {
		if legacyBearer(v) {
			s.counts.add(func(c *Counts) { c.Legacy.Bearer++ })
			return accessToken{}, refusal("AUTHORIZATION_INVALID_TOKEN")
		}
	}
	text, ok := strings.CutPrefix(values[0], "Bearer ")
	if !ok || len(values) > 1 {
		return accessToken{}, refusal("AUTHORIZATION_INVALID_TOKEN")
	}
	token, live := s.tokens.find(text, s.now())
	if live {
		return token, apiError{}
	}
	if code := s.settings().badToken; code != "AUTHORIZATION_INVALID_TOKEN" {
		return accessToken{}, refusal(code, "Invalid access token")
	}
	return accessToken{}, refusal("AUTHORIZATION_INVALID_TOKEN")
}

// legacyBearer recognises tokens of the retired grant: lower-case scheme, bare, or no JWT (PROTOCOL.md §1.4, §3.2).
func legacyBearer(value string) bool {
	scheme, text, two := strings.Cut(value, " ")
	if !two {
		return true
	}
	return strings.EqualFold(scheme, "bearer") && (scheme != "Bearer" || !strings.HasPrefix(text, "eyJ") || strings.Count(text, ".") != 2)
}

// countLegacyHeaders counts the legacy headers of any request, whatever its route, and tells whether there were any.
func (s *Sandbox) countLegacyHeaders(r *http.Request) bool {
	header := len(r.Header["X-Docusign-Authentication"]) > 0
	actAs := len(r.Header["X-Docusign-Act-As-User"]) > 0
	if !header && !actAs {
		return false
	}
	s.counts.add(func(c *Counts) {
		if header {
			c.Legacy.Header++
		}
		if actAs {
			c.Legacy.ActAs++
		}
	})
	return true
}

func (s *Sandbox) countPath(method, host, pattern string) {
	if host == "" {
		host = "loopback"
	}
	s.counts.add(func(c *Counts) { c.Paths[method+" "+host+" "+pattern]++ })
}

// commonHeaders are those of PROTOCOL.md §12.
func (c *restCall) commonHeaders() {
	h := c.w.Header()
	h.Set("Cache-Control", "no-cache")
	h.Set("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
	h.Set("X-DocuSign-TraceToken", newGUID())
	h.Set("X-DocuSign-Node", "SANDBOX1")
	if track := c.r.Header.Get("X-DocuSign-TimeTrack"); track != "" {
		h.Set("X-DocuSign-TimeTrack", track)
	}
}

func (c *restCall) send(status int, root string, o object) {
	if wantsXML(c.r) {
		writeBody(c.w, c.r, status, "application/xml; charset=utf-8", appendDocument(nil, root, o))
		return
	}
	writeBody(c.w, c.r, status, "application/json; charset=utf-8", appendJSON(nil, o, 0))
}

func (c *restCall) refuse(e apiError) {
	c.s.counts.add(func(n *Counts) { n.Refused[e.code]++ })
	c.drain()
	contentType, asXML := "application/json; charset=utf-8", wantsXML(c.r)
	if asXML {
		contentType = "application/xml; charset=utf-8"
	}
	writeBody(c.w, c.r, e.status, contentType, e.body(asXML))
}

// drain reads the start of an unwanted body, so that it is recorded; a client that waits for 100 Continue keeps it.
func (c *restCall) drain() {
	if c.r.Header.Get("Expect") == "" {
		_, _ = io.CopyN(io.Discard, c.r.Body, keepBody) // what cannot be read is not wanted either
	}
}

func (c *restCall) serviceInformation() {
	host := c.s.origin(c.site)
	c.send(http.StatusOK, "serviceInformation", object{
		{"serviceVersions", list{"serviceVersion", []object{
			{{"version", "v2"}, {"versionUrl", host + "/restapi/v2"}},
			{{"version", "v2.1"}, {"versionUrl", host + "/restapi/v2.1"}},
		}}},
		{"linkedSites", list{"linkedSite", nil}},
		{"buildVersion", "sandbox"}, {"buildBranch", "sandbox"}, {"buildSHA", ""}, {"buildBranchDeployedDateTime", ""},
	})
}

func (c *restCall) help() {
	writeBody(c.w, c.r, http.StatusOK, "text/html; charset=utf-8", []byte("<!DOCTYPE html><html><body><h1>REST API help (sandbox)</h1></body></html>\r\n"))
}

func (c *restCall) resources() {
	base := c.s.origin(c.site) + "/restapi/" + c.version
	c.send(http.StatusOK, "resources", object{{"resources", list{"nameValue", []object{
		{{"name", "login_information"}, {"value", base + "/login_information"}},
		{{"name", "accounts"}, {"value", base + "/accounts"}},
	}}}})
}

// passwordGrant refuses the retired token end points (PROTOCOL.md §3).
func (c *restCall) passwordGrant() {
	c.s.counts.add(func(n *Counts) { n.Legacy.PasswordGrant++ })
	c.refuse(refusal("USER_AUTHENTICATION_FAILED"))
}

func (c *restCall) changePassword() { c.refuse(refusal("USER_LACKS_PERMISSIONS")) }

func (c *restCall) getAccount() {
	c.send(http.StatusOK, "accountInformation", object{
		{"currentPlanId", "sandbox"}, {"planName", "Sandbox"}, {"accountName", c.account.Name}, {"accountIdGuid", c.account.ID},
		{"accountId", c.account.Number}, {"isDowngrade", "false"}, {"billingProfile", "web"}, {"canUpgrade", "false"}, {"suspensionStatus", ""},
	})
}

// listUsers is for administrators; ?email= is how a principal's GUID is looked up (PROTOCOL.md §0.4).
func (c *restCall) listUsers() {
	if !c.user.Admin {
		c.refuse(refusal("USER_LACKS_PERMISSIONS"))
		return
	}
	email := c.r.URL.Query().Get("email")
	var found []object
	for _, u := range c.s.members(c.account) {
		if email != "" && !strings.EqualFold(email, u.Email) {
			continue
		}
		admin, status := "False", "Active"
		if u.Admin {
			admin = "True"
		}
		if u.Inactive {
			status = "Closed"
		}
		found = append(found, object{
			{"userName", u.Name}, {"userId", u.ID}, {"userType", "CompanyUser"}, {"isAdmin", admin}, {"userStatus", status},
			{"uri", "/users/" + u.ID}, {"email", u.Email},
		})
	}
	n := fmt.Sprint(len(found))
	c.send(http.StatusOK, "userInformationList", object{
		{"users", list{"user", found}}, {"resultSetSize", n}, {"totalSetSize", n}, {"startPosition", "0"}, {"endPosition", fmt.Sprint(max(len(found)-1, 0))},
	})
}

func (c *restCall) consoleView() {
	if _, ok := c.definition(true); ok {
		c.sendView()
	}
}

func (c *restCall) envelopeView() {
	view := strings.ToLower(c.params["{view}"])
	if view != "sender" && view != "correct" && view != "recipient" && view != "edit" {
		c.drain()
		c.w.WriteHeader(http.StatusNotFound)
		return
	}
	if _, ok := c.envelope(); !ok {
		return
	}
	d, ok := c.definition(view != "recipient")
	if !ok {
		return
	}
	if view == "recipient" && d.returnURL == "" {
		c.refuse(refusal("INVALID_REQUEST_PARAMETER", "The returnUrl is missing."))
		return
	}
	c.sendView()
}

func (c *restCall) sendView() {
	c.send(http.StatusCreated, "viewUrl", object{{"url", c.s.viewURL(c.account.Site)}})
}

// viewURL is a one-time address for a browser; it is never rewritten by a proxy (PROTOCOL.md §12).
func (s *Sandbox) viewURL(site string) string {
	return s.origin(site) + "/Signing/StartInSession.aspx?t=" + newGUID()
}

// definition reads a JSON or XML body; optional bodies may be missing.
func (c *restCall) definition(optional bool) (definition, bool) {
	d, err := readDefinition(c.r)
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok {
		c.refuse(refusal("REQUEST_TOO_LARGE", fmt.Sprintf("The limit is %d bytes.", tooLarge.Limit)))
		return d, false
	}
	if optional && errors.Is(err, errNoBody) {
		return d, true
	}
	if err != nil {
		c.refuse(refusal("INVALID_REQUEST_BODY", "("+err.Error()+")"))
		return d, false
	}
	return d, true
}

// stamp is a time as the REST API writes it.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.0000000Z") }
