package sandbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"docusign-auth-proxy/internal/sandbox/message"
	"docusign-auth-proxy/internal/sandbox/restbody"
)

// call is one request with who makes it and what it names.
type call struct {
	request
	key      string
	User     User
	Account  Account
	Envelope Envelope
}

// Memberships lists the user's accounts in their own order, so the default may come second.
func (c *call) Memberships() []Account { return c.memberships(c.User) }

// join lets a member into an account.
func (c *call) join(account Account, found bool, missing *apiError) *apiError {
	switch {
	case !found:
		return missing
	case !isMember(c.User, account):
		return refusal("USER_LACKS_MEMBERSHIP")
	}
	c.Account = account
	return nil
}

// ViewURL is a one-time address for a browser; it is never rewritten by a proxy (PROTOCOL.md §12).
func (c *call) ViewURL() string {
	return c.origin(c.Account.Site) + "/Signing/StartInSession.aspx?t=" + newGUID()
}

// restRequest is one request to a REST site that found its route (PROTOCOL.md §2, §7, §8).
type restRequest struct {
	call
	Version string // v2 or v2.1
	params  map[string]string
}

// route is one line of the REST surface. In patterns {name} takes one segment.
type route struct {
	method  string
	pattern string
	query   string // the parameters that are known; open = it needs no credential (PROTOCOL.md §2.6), * = any
	serve   func(*restRequest) answer
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
	c := &restRequest{call: call{request: r}}
	for _, rt := range restRoutes() {
		params, ok := rt.match(r)
		if !ok {
			continue
		}
		c.params, c.Version = params, params["{version}"]
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

func (c *restRequest) serve(rt route) answer {
	if rt.query != open {
		if refused := c.admit(); refused != nil {
			return c.refuse(refused)
		}
		c.count(func(n *Counts) { n.API++ })
	}
	if refused := c.findEnvelope(); refused != nil {
		return c.refuse(refused)
	}
	if refused := c.checkQuery(rt.query); refused != nil {
		return c.refuse(refused)
	}
	return rt.serve(c)
}

func (c *restRequest) refuse(e *apiError) answer {
	c.count(func(n *Counts) { increase(&n.Refused, e.code) })
	return c.unread(e.answer(c.Request))
}

// unread reads the start of an unwanted body, so that it is recorded; a client that waits for 100 Continue keeps it.
func (c *restRequest) unread(a answer) answer {
	if c.Header.Get("Expect") == "" {
		_, _ = io.CopyN(io.Discard, c.Body, keepBody) // what cannot be read is not wanted either
	}
	return a
}

// admit resolves who calls and for which account, and charges the limits.
func (c *restRequest) admit() *apiError {
	var refused *apiError
	if c.User, c.key, refused = c.caller(); refused != nil {
		return refused
	}
	charged := c.User.Default
	if id, scoped := c.params["{account}"]; scoped {
		if refused := c.enter(id); refused != nil {
			return refused
		}
		charged = c.Account.ID
	}
	return c.charge(charged)
}

// enter checks the account and where it lives; at a loopback address every account does.
func (c *restRequest) enter(id string) *apiError {
	account, exists := c.findAccount(id)
	missing := refusal("USER_LACKS_MEMBERSHIP")
	if code := c.setting().wrongSite; code == "PARTNER_AUTHENTICATION_FAILED" {
		missing = refusal(code, "Invalid account specified for user.")
	}
	return c.join(account, exists && (c.host == "" || account.Site == c.host), missing)
}

// findEnvelope finds the envelope of the path in the account of the path.
func (c *restRequest) findEnvelope() *apiError {
	id, named := c.params["{envelope}"]
	if !named {
		return nil
	}
	e, ok := c.envelopes.get(id)
	if !ok || e.AccountID != c.Account.ID {
		return refusal("ENVELOPE_DOES_NOT_EXIST")
	}
	c.Envelope = e
	return nil
}

// good answers with a template, which is named like the root of its XML.
func (c *restRequest) good(status int, root string) answer {
	return answer{status: status, root: root, body: []byte(c.written(root, c))}
}

// tree answers with an object, whose XML is named root.
func (c *restRequest) tree(status int, root string, o object) answer {
	var body bytes.Buffer
	enc := json.NewEncoder(&body)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(o); err != nil {
		panic(err) // objects are of strings, lists and objects
	}
	return answer{status: status, root: root, body: body.Bytes()}
}

func show(root string) func(*restRequest) answer {
	return func(c *restRequest) answer { return c.good(http.StatusOK, root) }
}

// Origin is that of the host that was called.
func (c *restRequest) Origin() string { return c.origin(c.host) }

// Asks tells whether a parameter of the query has this value.
func (c *restRequest) Asks(name, value string) bool {
	return strings.EqualFold(c.URL.Query().Get(name), value)
}

func help(c *restRequest) answer {
	return page("<!DOCTYPE html><html><body><h1>REST API help (sandbox)</h1></body></html>\r\n")
}

// passwordGrant refuses the retired token end points (PROTOCOL.md §3).
func passwordGrant(c *restRequest) answer {
	c.count(func(n *Counts) { n.Legacy.PasswordGrant++ })
	return c.refuse(refusal("USER_AUTHENTICATION_FAILED"))
}

func changePassword(c *restRequest) answer {
	return c.refuse(refusal("USER_LACKS_PERMISSIONS"))
}

// loginInformation is PROTOCOL.md §2.
func loginInformation(c *restRequest) answer {
	switch c.setting().loginInfoStatus {
	case 0:
		return c.good(http.StatusOK, "loginInformation")
	case http.StatusNotFound:
		return empty(http.StatusNotFound)
	}
	return c.refuse(refusal("USER_AUTHENTICATION_FAILED", "Invalid access token"))
}

// listUsers is for administrators; ?email= is how a principal's GUID is looked up (PROTOCOL.md §0.4).
func listUsers(c *restRequest) answer {
	if !c.User.Admin {
		return c.refuse(refusal("USER_LACKS_PERMISSIONS"))
	}
	return c.good(http.StatusOK, "userInformationList")
}

// Users lists those of the account whom the query asks for.
func (c *restRequest) Users() []User {
	return slices.DeleteFunc(c.everybody(), func(u User) bool {
		return !isMember(u, c.Account) || !c.Asks("email", "") && !c.Asks("email", u.Email)
	})
}

// body reads a JSON, XML or multipart body; optional bodies may be missing.
func (c *restRequest) body(kind string, optional bool) (object, *apiError) {
	o, err := message.ReadBody(c.Request, restbody.Named(kind))
	tooLarge, isTooLarge := errors.AsType[*http.MaxBytesError](err)
	switch {
	case isTooLarge:
		return nil, refusal("REQUEST_TOO_LARGE", fmt.Sprintf("The limit is %d bytes.", tooLarge.Limit))
	case err == io.EOF && optional:
		return nil, nil
	case err == io.EOF:
		return nil, refusal("INVALID_REQUEST_BODY", "(the body is empty)")
	case err != nil:
		return nil, refusal("INVALID_REQUEST_BODY", "("+err.Error()+")")
	}
	return o, nil
}

// charge counts one call of an account, announces what is left (PROTOCOL.md §12) and refuses over an enforced limit.
func (r request) charge(account string) *apiError {
	limits := r.setting()
	reset := r.now().Truncate(time.Hour).Add(time.Hour)
	r.header.Set("X-RateLimit-Reset", strconv.FormatInt(reset.Unix(), 10))
	hourly := r.spend(account, "X-RateLimit", time.Hour, limits.hourly, 3000)
	burst := r.spend(account, "X-BurstLimit", 30*time.Second, limits.burst, 500)
	switch {
	case hourly:
		return refusal("HOURLY_APIINVOCATION_LIMIT_EXCEEDED")
	case burst:
		return refusal("BURST_APIINVOCATION_LIMIT_EXCEEDED")
	}
	return nil
}

// spend counts a call in the running period and returns whether the limit is exceeded. Where none is enforced it is
// the usual one of PROTOCOL.md §11, of which something is always left.
func (r request) spend(account, header string, period time.Duration, enforced, usual int) bool {
	start := r.now().Truncate(period).Unix()
	spent := r.spent.change(fmt.Sprint(account, header, start), func(calls *int) { *calls++ })
	limit, least := enforced, 0
	if enforced == 0 {
		limit, least = usual, 1
	}
	r.header.Set(header+"-Limit", strconv.Itoa(limit))
	r.header.Set(header+"-Remaining", strconv.Itoa(max(limit-spent, least)))
	return enforced > 0 && spent > enforced
}
