package proxy

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/translate"
	"docusign-auth-proxy/translate/oauth"
	"docusign-auth-proxy/translate/reply"
	"docusign-auth-proxy/translate/soap"
)

// maxViewAccounts bounds in how many of a user's accounts an envelope is looked for.
const maxViewAccounts = 10

// view is an operation of credential.asmx that asks for a one-time URL (PROTOCOL.md §4.7).
type view struct {
	account  string // as the program names it; "" = the account that has the envelope
	envelope string
	path     string // below the account
	fields   map[string]string
}

func (x *exchange) viewOf(body *soap.CredentialBody) view {
	v := view{account: strings.TrimSpace(body.AccountID), envelope: strings.TrimSpace(body.EnvelopeID), path: "/views/console"}
	switch x.soap.operation() {
	case "GetAuthenticationToken":
		v.envelope = strings.TrimSpace(body.GoToEnvelopeID)
		v.fields = map[string]string{"envelopeId": v.envelope}
	case "RequestSenderToken":
		if v.envelope != "" {
			v.path = "/envelopes/" + url.PathEscape(v.envelope) + "/views/sender"
		}
		v.fields = map[string]string{"returnUrl": body.ReturnURL}
	default:
		v.account = "" // the operation has none
		v.path = "/envelopes/" + url.PathEscape(v.envelope) + "/views/correct"
		v.fields = map[string]string{"returnUrl": body.ReturnURL, "suppressNavigation": strconv.FormatBool(body.SuppressNavigation)}
	}
	return v
}

// answerView asks REST for the one-time URL that the operation used to return.
func (x *exchange) answerView(r *http.Request, v view) {
	if !plainID(v.envelope) || v.envelope == "" && strings.HasSuffix(v.path, "/correct") {
		x.refuse(r, &call.Error{Kind: call.KindUnreadableForm, Detail: "an envelope id that is none"})
		return
	}
	sites, err := x.viewSites(r.Context(), v)
	if err != nil {
		x.refuse(r, err)
		return
	}
	began := x.server.cfg.Now()
	defer func() { x.event.Upstream = x.server.cfg.Now().Sub(began) }()
	var answered viewAnswer
	for _, site := range sites {
		x.site, x.event.Site = site, site.Base.Host
		if answered, err = x.requestView(r.Context(), site, v); err != nil || !answered.elsewhere() {
			break
		}
	}
	switch {
	case err != nil:
		x.refuseUnsent(r, "view over REST", err)
	case answered.url.Empty():
		x.relayFailure(r, answered)
	default:
		x.soapCaller(r).URLResult(x.soap.namespace(), x.soap.operation(), answered.url).WriteTo(&x.w, r)
	}
}

// plainID keeps what is no id out of a path.
func plainID(s string) bool {
	return len(s) <= 64 && !strings.ContainsFunc(s, func(c rune) bool {
		return c != '-' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z')
	})
}

// viewSites lists the accounts to ask in: the one named, else the default one and, for an envelope, the others after it.
func (x *exchange) viewSites(ctx context.Context, v view) ([]translate.Site, error) {
	tr := x.state.Translator
	if v.account != "" {
		site, err := tr.Site(ctx, x.decision, v.account)
		if err == nil && site.AccountID == "" {
			err = &call.Error{Kind: call.KindNotAllowed, Detail: "the user is not a member of the account in the call"}
		}
		return []translate.Site{site}, err
	}
	info, err := tr.UserInfo(ctx, x.decision)
	if err != nil {
		return nil, err
	}
	if len(info.Accounts) == 0 {
		return nil, translate.ErrNoMembership()
	}
	var sites []translate.Site
	def := info.Default()
	for i := range info.Accounts {
		a := &info.Accounts[i]
		switch site := (translate.Site{Base: a.BaseURI, AccountID: a.AccountID, Info: info}); {
		case a.Untrusted != nil:
		case a == def:
			sites = append([]translate.Site{site}, sites...)
		case v.envelope != "":
			sites = append(sites, site)
		}
	}
	if len(sites) == 0 {
		return nil, &call.Error{Kind: call.KindTokenRefused, Detail: "UserInfo lists no account that can be used"}
	}
	return sites[:min(len(sites), maxViewAccounts)], nil
}

// viewAnswer is what REST said: the URL, or status and body of an error.
type viewAnswer struct {
	url    secret.Text
	status int
	header http.Header
	body   []byte
}

// elsewhere reports whether the envelope may be in another account.
func (a viewAnswer) elsewhere() bool {
	return a.url.Empty() && reply.ErrorCode(a.body) == "ENVELOPE_DOES_NOT_EXIST"
}

// requestView asks once, and once more with another token when DocuSign refuses the first.
func (x *exchange) requestView(ctx context.Context, site translate.Site, v view) (viewAnswer, error) {
	a, err := x.postView(ctx, site, v)
	if err != nil || x.outcome(oauth.UseREST, a.status, a.meaning()) != reply.TokenRefused {
		return a, err
	}
	if mended, err := x.mend(ctx, reply.TokenRefused, oauth.UseREST); err != nil || !mended {
		return a, err
	}
	x.event.Replayed = reply.TokenRefused.String()
	if a, err = x.postView(ctx, site, v); err == nil {
		x.outcome(oauth.UseREST, a.status, a.meaning())
	}
	return a, err
}

func (a viewAnswer) meaning() reply.Upstream {
	return reply.ClassifyUpstream(a.status, a.header, a.body)
}

func (x *exchange) postView(ctx context.Context, site translate.Site, v view) (viewAnswer, error) {
	fields := make(map[string]string, len(v.fields))
	for name, value := range v.fields {
		if value != "" {
			fields[name] = value
		}
	}
	payload, err := json.Marshal(fields)
	if err != nil {
		return viewAnswer{}, err
	}
	target := site.Base.String() + "/restapi/v2.1/accounts/" + url.PathEscape(site.AccountID) + v.path
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(payload))
	if err != nil {
		return viewAnswer{}, err
	}
	req.Header = http.Header{"Content-Type": {"application/json"}, "Accept": {"application/json"}, "Authorization": x.token.Header(), "User-Agent": {x.event.UserAgent}}
	resp, err := x.state.Upstream.RoundTrip(req)
	if err != nil {
		return viewAnswer{}, err
	}
	defer drain(resp)
	a := viewAnswer{status: resp.StatusCode, header: resp.Header}
	if a.body, err = io.ReadAll(io.LimitReader(resp.Body, reply.MaxErrorBody)); err != nil {
		return a, err
	}
	x.event.TraceToken = resp.Header.Get("X-Docusign-Tracetoken")
	readLimits(resp.Header, &x.event.Limits)
	var made struct {
		URL string `json:"url"`
	}
	if resp.StatusCode < 300 && json.Unmarshal(a.body, &made) == nil {
		a.url = secret.New(made.URL)
	}
	return a, nil
}

// relayFailure tells what REST said, in a fault.
func (x *exchange) relayFailure(r *http.Request, a viewAnswer) {
	detail := "view over REST: DocuSign answered " + strconv.Itoa(a.status) + " " + reply.ErrorCode(a.body)
	answer, ok := x.soapCaller(r).Relay(a.status, a.body)
	if !ok {
		x.refuse(r, &call.Error{Kind: call.KindUnreachable, Detail: detail})
		return
	}
	x.event.Cause, x.event.Detail = "docusign_"+strconv.Itoa(a.status), detail
	x.event.Outcome = outcomeOf(a.status)
	answer.WriteTo(&x.w, r)
}
