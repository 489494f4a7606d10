package proxy

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/proxy/body"
	"docusign-auth-proxy/proxy/route"
	"docusign-auth-proxy/translate"
	"docusign-auth-proxy/translate/reply"
	"docusign-auth-proxy/translate/soap"
)

// maxViewAccounts bounds in how many of a user's accounts an envelope is looked for.
const maxViewAccounts = 10

// serveCredential answers credential.asmx from UserInfo and by REST.
func serveCredential(s *soapCall) (next, error) {
	asked := s.message.Credential
	switch s.operation().Local {
	case "Login":
		accounts, err := loginAccounts(s.incoming)
		if err != nil {
			return next{}, err
		}
		return answered(s.replier().LoginResponse(accounts, asked.True("ReturnBaseUrl")))
	case "GetAuthenticationToken", "RequestSenderToken", "RequestCorrectToken":
		return serveView(s, viewOf(s, asked))
	}
	return next{}, &call.Error{Kind: call.KindUnsupported, Detail: "credential.asmx has no such operation"}
}

// view is an operation of credential.asmx that asks for a one-time URL (PROTOCOL.md §4.7).
type view struct {
	account  string // as the program names it; "" = the account that has the envelope
	envelope string
	path     string // below the account
	fields   map[string]string
}

func viewOf(s *soapCall, body *soap.CredentialBody) view {
	v := view{
		account:  strings.TrimSpace(body.Text("AccountID")),
		envelope: strings.TrimSpace(body.Text("EnvelopeID")),
		path:     "/views/console",
	}
	switch s.operation().Local {
	case "GetAuthenticationToken":
		v.envelope = strings.TrimSpace(body.Text("GoToEnvelopeID"))
		v.fields = map[string]string{"envelopeId": v.envelope}
	case "RequestSenderToken":
		if v.envelope != "" {
			v.path = "/envelopes/" + url.PathEscape(v.envelope) + "/views/sender"
		}
		v.fields = map[string]string{"returnUrl": body.Text("ReturnURL")}
	default:
		v.account = "" // the operation has none
		v.path = "/envelopes/" + url.PathEscape(v.envelope) + "/views/correct"
		v.fields = map[string]string{
			"returnUrl": body.Text("ReturnURL"), "suppressNavigation": strconv.FormatBool(body.True("SuppressNavigation")),
		}
	}
	maps.DeleteFunc(v.fields, func(_, value string) bool { return value == "" })
	return v
}

// serveView asks REST for the one-time URL that the operation used to return.
func serveView(s *soapCall, v view) (next, error) {
	if !route.PlainID(v.envelope) || v.envelope == "" && strings.HasSuffix(v.path, "/correct") {
		return next{}, &call.Error{Kind: call.KindUnreadableForm, Detail: "an envelope id that is none"}
	}
	sites, err := viewSites(s, v)
	if err != nil {
		return next{}, err
	}
	began := time.Now()
	defer func() { s.event.Upstream = time.Since(began) }()
	f := s.onward()
	var a viewAnswer
	for _, site := range sites {
		s.site, s.event.Site = site, site.Base.Host
		if a, err = f.requestView(v); err != nil || !a.elsewhere() {
			break
		}
	}
	switch {
	case err != nil:
		return next{}, f.unsent("view over REST", err)
	case a.url.Empty():
		return relay(s, a)
	}
	op := s.operation()
	return answered(s.replier().URLResult(op.Namespace, op.Local, a.url))
}

// viewSites lists the accounts to ask in: the one named, else the default one and, for an envelope, the others after
// it.
func viewSites(s *soapCall, v view) ([]translate.Site, error) {
	ctx, tr := s.r.Context(), s.state.Translator
	if v.account != "" {
		site, err := tr.Site(ctx, s.decision, v.account)
		if err == nil && site.AccountID == "" {
			err = errNotMember()
		}
		return []translate.Site{site}, err
	}
	info, err := tr.UserInfo(ctx, s.decision)
	if err != nil {
		return nil, err
	}
	sites := sitesOf(info)
	if v.envelope == "" {
		sites = slices.DeleteFunc(sites, func(s translate.Site) bool { return s.AccountID != info.Default().AccountID })
	}
	if len(sites) == 0 {
		return nil, errNoAccount(len(info.Accounts))
	}
	return sites[:min(len(sites), maxViewAccounts)], nil
}

// viewAnswer is what REST said: the URL, or status and body of an error.
type viewAnswer struct {
	url    secret.Text
	status int
	body   []byte
}

// elsewhere reports whether the envelope may be in another account.
func (a viewAnswer) elsewhere() bool {
	return a.url.Empty() && reply.ErrorCode(a.body) == "ENVELOPE_DOES_NOT_EXIST"
}

// requestView asks at the call's site, and once more with another token when DocuSign refuses the first.
func (f *forward) requestView(v view) (viewAnswer, error) {
	payload, err := json.Marshal(v.fields)
	if err != nil {
		return viewAnswer{}, err
	}
	target := f.site.Base.String() + "/restapi/v2.1/accounts/" + url.PathEscape(f.site.AccountID) + v.path
	req, err := http.NewRequestWithContext(f.r.Context(), http.MethodPost, target, bytes.NewReader(payload))
	if err != nil {
		return viewAnswer{}, err
	}
	req.Header = http.Header{
		"Content-Type": {"application/json"}, "Accept": {"application/json"},
		"Authorization": f.token.Header(), "User-Agent": {f.event.UserAgent},
	}
	f.body, f.overREST = body.Of(payload), true
	resp, err := f.roundTrip(req)
	if err != nil {
		return viewAnswer{}, err
	}
	defer body.Drain(resp)
	a := viewAnswer{status: resp.StatusCode}
	if a.body, err = io.ReadAll(io.LimitReader(resp.Body, reply.MaxErrorBody)); err != nil {
		return a, err
	}
	f.noteHead(resp)
	var made struct {
		URL string `json:"url"`
	}
	if resp.StatusCode < 300 && json.Unmarshal(a.body, &made) == nil {
		a.url = secret.New(made.URL)
	}
	return a, nil
}

// relay tells what REST said, in a fault.
func relay(s *soapCall, a viewAnswer) (next, error) {
	detail := "view over REST: DocuSign answered " + strconv.Itoa(a.status) + " " + reply.ErrorCode(a.body)
	answer, ok := s.replier().Relay(a.status, a.body)
	if !ok {
		return next{}, &call.Error{Kind: call.KindUnreachable, Detail: detail}
	}
	s.event.Cause, s.event.Detail = "docusign_"+strconv.Itoa(a.status), detail
	s.event.Outcome = outcomeOf(a.status)
	return answered(answer)
}
