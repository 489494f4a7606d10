package sandbox

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"docusign-auth-proxy/internal/sandbox/message"
)

// restCall is one request to a REST site that found its route (PROTOCOL.md §2, §7, §8).
type restCall struct {
	request
	version  string // v2 or v2.1
	params   map[string]string
	user     User
	key      string
	account  Account  // of the path
	envelope Envelope // of the path
}

// route is one line of the REST surface. In patterns {name} takes one segment.
type route struct {
	method  string
	pattern string
	open    bool // needs no credential (PROTOCOL.md §2.6)
	serve   func(*restCall) (answer, *apiError)
}

func restRoutes() []route {
	const (
		version  = "restapi/{version}"
		account  = version + "/accounts/{account}"
		envelope = account + "/envelopes/{envelope}"
	)
	return []route{
		{"GET", "restapi", true, serviceInformation},
		{"GET", "restapi/service_information", true, serviceInformation},
		{"GET", "restapi/help", true, help},
		{"GET", version, true, resources},
		{"POST", version + "/oauth2/token", true, passwordGrant},
		{"POST", version + "/oauth2/revoke", true, passwordGrant},
		{"GET", version + "/login_information", false, loginInformation},
		{"PUT", version + "/login_information/password", false, changePassword},
		{"GET", account, false, getAccount},
		{"GET", account + "/users", false, listUsers},
		{"POST", account + "/views/console", false, view},
		{"POST", account + "/envelopes", false, createEnvelope},
		{"GET", account + "/envelopes", false, listEnvelopes},
		{"GET", envelope, false, getEnvelope},
		{"PUT", envelope, false, updateEnvelope},
		{"GET", envelope + "/recipients", false, listRecipients},
		{"GET", envelope + "/documents", false, listDocuments},
		{"GET", envelope + "/documents/{document}", false, getDocument},
		{"POST", envelope + "/views/{view}", false, view},
	}
}

func (rt route) match(r request) (map[string]string, bool) {
	pattern, path := strings.Split(rt.pattern, "/"), strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	if rt.method != r.Method || len(pattern) != len(path) {
		return nil, false
	}
	params := map[string]string{}
	for i, want := range pattern {
		if want[0] == '{' {
			params[want] = strings.ToLower(path[i])
		} else if !strings.EqualFold(want, path[i]) {
			return nil, false
		}
	}
	return params, slices.Contains([]string{"", "v2", "v2.1"}, params["{version}"])
}

func (r request) rest() answer {
	r.commonHeaders()
	legacy := r.countLegacyHeaders()
	c := &restCall{request: r}
	for _, rt := range restRoutes() {
		params, ok := rt.match(r)
		if !ok {
			continue
		}
		c.params, c.version = params, params["{version}"]
		if legacy {
			return c.refuse(refusal("USER_AUTHENTICATION_FAILED"))
		}
		return c.serve(rt)
	}
	return c.unread(empty(http.StatusNotFound))
}

// commonHeaders are those of PROTOCOL.md §12.
func (r request) commonHeaders() {
	r.header.Set("Cache-Control", "no-cache")
	r.header.Set("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
	r.header.Set("X-DocuSign-TraceToken", newGUID())
	r.header.Set("X-DocuSign-Node", "SANDBOX1")
	if track := r.Header.Get("X-DocuSign-TimeTrack"); track != "" {
		r.header.Set("X-DocuSign-TimeTrack", track)
	}
}

func (c *restCall) serve(rt route) answer {
	if !rt.open {
		if refused := c.admit(); refused != nil {
			return c.refuse(refused)
		}
		c.count(func(n *Counts) { n.API++ })
	}
	if refused := c.findEnvelope(); refused != nil {
		return c.refuse(refused)
	}
	a, refused := rt.serve(c)
	if refused != nil {
		return c.refuse(refused)
	}
	return a
}

func (c *restCall) refuse(e *apiError) answer {
	c.count(func(n *Counts) { increase(&n.Refused, e.code) })
	return c.unread(e.answer(c.Request))
}

// unread reads the start of an unwanted body, so that it is recorded; a client that waits for 100 Continue keeps it.
func (c *restCall) unread(a answer) answer {
	if c.Header.Get("Expect") == "" {
		_, _ = io.CopyN(io.Discard, c.Body, keepBody) // what cannot be read is not wanted either
	}
	return a
}

// admit resolves who calls and for which account, and charges the limits.
func (c *restCall) admit() *apiError {
	var refused *apiError
	if c.user, c.key, refused = c.caller(); refused != nil {
		return refused
	}
	charged := c.user.Default
	if id, scoped := c.params["{account}"]; scoped {
		if refused := c.enter(id); refused != nil {
			return refused
		}
		charged = c.account.ID
	}
	return c.charge(charged)
}

// enter checks the account and where it lives; at a loopback address every account does.
func (c *restCall) enter(id string) *apiError {
	account, exists := c.findAccount(id)
	if !exists || c.host != "" && account.Site != c.host {
		if code := c.setting().wrongSite; code == "PARTNER_AUTHENTICATION_FAILED" {
			return refusal(code, "Invalid account specified for user.")
		}
		return refusal("USER_LACKS_MEMBERSHIP")
	}
	if !isMember(c.user, account) {
		return refusal("USER_LACKS_MEMBERSHIP")
	}
	c.account = account
	return nil
}

// findEnvelope finds the envelope of the path in the account of the path.
func (c *restCall) findEnvelope() *apiError {
	id, named := c.params["{envelope}"]
	if !named {
		return nil
	}
	e, ok := c.envelopes.get(id)
	if !ok || e.AccountID != c.account.ID {
		return refusal("ENVELOPE_DOES_NOT_EXIST")
	}
	c.envelope = e
	return nil
}

func serviceInformation(c *restCall) (answer, *apiError) {
	base := c.origin(c.host) + "/restapi/"
	return good("serviceInformation", object{
		{"serviceVersions", list{"serviceVersion", []any{
			object{{"version", "v2"}, {"versionUrl", base + "v2"}},
			object{{"version", "v2.1"}, {"versionUrl", base + "v2.1"}},
		}}},
		{"linkedSites", list{"linkedSite", nil}},
		{"buildVersion", "sandbox"}, {"buildBranch", "sandbox"}, {"buildSHA", ""}, {"buildBranchDeployedDateTime", ""},
	}), nil
}

func help(c *restCall) (answer, *apiError) {
	return page("<!DOCTYPE html><html><body><h1>REST API help (sandbox)</h1></body></html>\r\n"), nil
}

func resources(c *restCall) (answer, *apiError) {
	base := c.origin(c.host) + "/restapi/" + c.version
	return good("resources", object{{"resources", list{"nameValue", []any{
		object{{"name", "login_information"}, {"value", base + "/login_information"}},
		object{{"name", "accounts"}, {"value", base + "/accounts"}},
	}}}}), nil
}

// passwordGrant refuses the retired token end points (PROTOCOL.md §3).
func passwordGrant(c *restCall) (answer, *apiError) {
	c.count(func(n *Counts) { n.Legacy.PasswordGrant++ })
	return answer{}, refusal("USER_AUTHENTICATION_FAILED")
}

func changePassword(c *restCall) (answer, *apiError) {
	return answer{}, refusal("USER_LACKS_PERMISSIONS")
}

// loginInformation is PROTOCOL.md §2. It lists the user's accounts in their own order, so the default may come second.
func loginInformation(c *restCall) (answer, *apiError) {
	switch c.setting().loginInfoStatus {
	case 0:
	case http.StatusNotFound:
		return empty(http.StatusNotFound), nil
	default:
		return answer{}, refusal("USER_AUTHENTICATION_FAILED", "Invalid access token")
	}
	var value object
	if c.asksFor("api_password") {
		value = object{{"apiPassword", "bm90LWEtcmVhbC1wYXNzd29yZC0h"}}
	}
	var accounts []any
	for _, a := range c.memberships(c.user) {
		accounts = append(accounts, c.loginAccount(a))
	}
	value = append(value, member{"loginAccounts", list{"loginAccount", accounts}})
	return good("loginInformation", value), nil
}

func (c *restCall) asksFor(name string) bool {
	return strings.EqualFold(c.URL.Query().Get(name), "true")
}

func (c *restCall) loginAccount(a Account) object {
	id := a.Number
	if id == "" || c.asksFor("embed_account_id_guid") {
		id = a.ID
	}
	o := object{{"name", a.Name}, {"accountId", a.Number}}
	if c.asksFor("include_account_id_guid") {
		o = append(o, member{"accountIdGuid", a.ID})
	}
	base := c.origin(a.Site) + "/restapi/" + c.version + "/accounts/" + id
	o = append(o, object{
		{"baseUrl", base}, {"isDefault", strconv.FormatBool(a.ID == c.user.Default)},
		{"userName", c.user.Name}, {"userId", c.user.ID}, {"email", c.user.Email}, {"siteDescription", ""},
	}...)
	if strings.EqualFold(c.URL.Query().Get("login_settings"), "all") {
		on := func(name string) list { return list{"nameValue", []any{object{{"name", name}, {"value", "true"}}}} }
		o = append(o,
			member{"loginAccountSettings", on("allowDataDownload")}, member{"loginUserSettings", on("canSendEnvelope")})
	}
	return o
}

func getAccount(c *restCall) (answer, *apiError) {
	return good("accountInformation", object{
		{"currentPlanId", "sandbox"}, {"planName", "Sandbox"}, {"accountName", c.account.Name},
		{"accountIdGuid", c.account.ID}, {"accountId", c.account.Number}, {"isDowngrade", "false"},
		{"billingProfile", "web"}, {"canUpgrade", "false"}, {"suspensionStatus", ""},
	}), nil
}

// listUsers is for administrators; ?email= is how a principal's GUID is looked up (PROTOCOL.md §0.4).
func listUsers(c *restCall) (answer, *apiError) {
	if !c.user.Admin {
		return answer{}, refusal("USER_LACKS_PERMISSIONS")
	}
	email := c.URL.Query().Get("email")
	var found []any
	for _, u := range c.everybody() {
		if !isMember(u, c.account) || email != "" && !strings.EqualFold(email, u.Email) {
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
			{"userName", u.Name}, {"userId", u.ID}, {"userType", "CompanyUser"}, {"isAdmin", admin},
			{"userStatus", status}, {"uri", "/users/" + u.ID}, {"email", u.Email},
		})
	}
	value := append(object{{"users", list{"user", found}}}, wholePage(len(found))...)
	return good("userInformationList", value), nil
}

// wholePage tells that a list of n is complete.
func wholePage(n int) object {
	return object{
		{"resultSetSize", strconv.Itoa(n)}, {"totalSetSize", strconv.Itoa(n)},
		{"startPosition", "0"}, {"endPosition", strconv.Itoa(max(n-1, 0))},
	}
}

// view opens the console, or a view of an envelope, in a browser.
func view(c *restCall) (answer, *apiError) {
	name := c.params["{view}"]
	if !slices.Contains([]string{"", "sender", "correct", "recipient", "edit"}, name) {
		return c.unread(empty(http.StatusNotFound)), nil
	}
	d, refused := c.definition(name != "recipient")
	if refused == nil && name == "recipient" && d.ReturnURL == "" {
		refused = refusal("INVALID_REQUEST_PARAMETER", "The returnUrl is missing.")
	}
	url := object{{"url", c.viewURL(c.account.Site)}}
	return answer{status: http.StatusCreated, root: "viewUrl", value: url}, refused
}

// viewURL is a one-time address for a browser; it is never rewritten by a proxy (PROTOCOL.md §12).
func (s *Sandbox) viewURL(site string) string {
	return s.origin(site) + "/Signing/StartInSession.aspx?t=" + newGUID()
}

// definition reads a JSON or XML body; optional bodies may be missing.
func (c *restCall) definition(optional bool) (message.Definition, *apiError) {
	d, err := message.ReadDefinition(c.Request)
	tooLarge, isTooLarge := errors.AsType[*http.MaxBytesError](err)
	switch {
	case isTooLarge:
		return d, refusal("REQUEST_TOO_LARGE", fmt.Sprintf("The limit is %d bytes.", tooLarge.Limit))
	case err == io.EOF && optional:
		return d, nil
	case err == io.EOF:
		return d, refusal("INVALID_REQUEST_BODY", "(the body is empty)")
	case err != nil:
		return d, refusal("INVALID_REQUEST_BODY", "("+err.Error()+")")
	}
	return d, nil
}

// stamp is a time as the REST API writes it.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.0000000Z") }
