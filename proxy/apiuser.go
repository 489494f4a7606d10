package proxy

import (
	"cmp"
	"context"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/proxy/body"
	"docusign-auth-proxy/proxy/egress"
	"docusign-auth-proxy/proxy/route"
	"docusign-auth-proxy/translate"
	"docusign-auth-proxy/translate/oauth"
	"docusign-auth-proxy/translate/soaprest"
)

// apiUser sends REST calls of the proxy's own making with a caller's token. It is a soaprest.User, and safe for
// concurrent use.
type apiUser struct {
	server   *Server
	state    *State
	decision *translate.Decision
	agent    string // User-Agent

	mu   sync.Mutex
	sent *oauth.Token // last
	last call.Event   // what DocuSign's answers said beside their bodies
}

// User is one for whom something is done after their call has ended. The error says why nothing can be.
func (s *Server) User(o integration.TokenOwner) (soaprest.User, error) {
	st := s.state.Load()
	d, err := st.Translator.DecisionOf(o)
	if err != nil {
		return nil, err
	}
	return &apiUser{server: s, state: st, decision: d}, nil
}

// user sends REST calls for a call.
func (c *incoming) user() *apiUser {
	return &apiUser{server: c.server, state: c.state, decision: c.decision, agent: c.event.UserAgent}
}

// Me is the user of the token.
func (u *apiUser) Me(ctx context.Context) (soaprest.Person, error) {
	info, err := u.state.Translator.UserInfo(ctx, u.decision)
	if err != nil {
		return soaprest.Person{}, err
	}
	return soaprest.Person{ID: info.Sub, Name: info.Name, Email: info.Email}, nil
}

// Accounts lists those whose site is believed.
func (u *apiUser) Accounts(ctx context.Context) ([]soaprest.Account, error) {
	info, err := u.state.Translator.UserInfo(ctx, u.decision)
	if err != nil {
		return nil, err
	}
	var all []soaprest.Account
	for _, a := range info.Routable() {
		all = append(all, soaprest.Account{ID: a.AccountID, Site: a.BaseURI, Default: a.IsDefault})
	}
	if len(all) == 0 {
		return nil, errNoAccount(len(info.Accounts))
	}
	return all, nil
}

// Named asks UserInfo, and for a number what the configuration or DocuSign says of it.
func (u *apiUser) Named(ctx context.Context, id string) (soaprest.Account, error) {
	site, err := u.site(ctx, id)
	if err != nil {
		return soaprest.Account{}, err
	}
	return soaprest.Account{ID: site.AccountID, Site: site.Base}, nil
}

func (u *apiUser) site(ctx context.Context, account string) (translate.Site, error) {
	site, err := u.state.Translator.Site(ctx, u.decision, account)
	if err == nil && site.AccountID == "" {
		const stranger = "the user is not a member of the account in the call"
		err = &call.Error{Kind: call.KindNotAllowed, Cause: cause.NotMember, Detail: stranger}
	}
	return site, err
}

// Configured is by users[].accounts.
func (u *apiUser) Configured(ctx context.Context) (a soaprest.Account, ok bool, err error) {
	guid := u.decision.OnlyAccount()
	if guid == "" {
		return a, false, nil
	}
	a, err = u.Named(ctx, guid)
	return a, err == nil, err
}

// Do sends a call to the site where the account lives now.
func (u *apiUser) Do(ctx context.Context, r *soaprest.Request) (*http.Response, error) {
	site, err := u.site(ctx, r.Account.ID)
	if err != nil {
		return nil, err
	}
	token, err := u.state.Translator.Token(ctx, u.decision)
	if err != nil {
		return nil, err
	}
	req, err := u.request(ctx, site, r)
	if err != nil {
		return nil, err
	}
	req.Header["Authorization"] = token.Header()
	f := &forward{incoming: &incoming{
		server: u.server, state: u.state, decision: u.decision, token: token, site: site, r: req, start: time.Now(),
		route: route.Route{API: call.APIRest21, Account: site.AccountID}, event: call.Event{Limits: call.NotTold()},
	}}
	if r.Body != nil {
		f.body = body.Opened(r.Body.Open)
	}
	if err := f.checkSiteNow(); err != nil {
		return nil, err
	}
	resp, err := f.roundTrip(req)
	if err != nil {
		err = egress.Failure(site.Base.Host, "REST", err)
	} else {
		f.noteHead(resp)
	}
	u.note(f)
	return resp, err
}

func (u *apiUser) request(ctx context.Context, site translate.Site, r *soaprest.Request) (*http.Request, error) {
	target := site.Base.String() + "/restapi/v2.1/accounts/" + url.PathEscape(site.AccountID) + r.Path
	if len(r.Query) > 0 {
		target += "?" + r.Query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, r.Method, target, http.NoBody)
	if err != nil {
		return nil, err
	}
	req.Header = http.Header{
		"Accept": {cmp.Or(r.Accept, "application/json")}, "User-Agent": {cmp.Or(u.agent, "docusign-auth-proxy")},
	}
	if r.Body != nil {
		req.Header["Content-Type"] = []string{r.ContentType}
		req.ContentLength = r.Body.Len()
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(r.Body.Open()), nil }
		req.Body, err = req.GetBody()
	}
	return req, err
}

// note keeps what a call has taught.
func (u *apiUser) note(f *forward) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.sent = f.token
	e := &u.last
	e.Replayed = cmp.Or(f.event.Replayed, e.Replayed)
	e.TraceToken = cmp.Or(f.event.TraceToken, e.TraceToken)
	if f.event.Limits.Told() {
		e.Limits = f.event.Limits
	}
}

// describe adds to the event of the program's call.
func (u *apiUser) describe(e *call.Event) {
	u.mu.Lock()
	defer u.mu.Unlock()
	e.Replayed, e.TraceToken = u.last.Replayed, u.last.TraceToken
	if u.last.Limits.Told() {
		e.Limits = u.last.Limits
	}
}

// token is the one that was sent last; nil = none was.
func (u *apiUser) token() *oauth.Token {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.sent
}
