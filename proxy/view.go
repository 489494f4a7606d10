package proxy

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/proxy/body"
	"docusign-auth-proxy/proxy/egress"
	"docusign-auth-proxy/proxy/route"
	"docusign-auth-proxy/translate/reply"
	"docusign-auth-proxy/translate/soap"
	"docusign-auth-proxy/translate/soaprest"
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
		return serveView(s, asked.View(s.operation().Local))
	}
	return next{}, &call.Error{Kind: call.KindUnsupported, Detail: "credential.asmx has no such operation"}
}

// serveView asks REST for the one-time URL that the operation used to return.
func serveView(s *soapCall, v soap.View) (next, error) {
	if !route.PlainID(v.Envelope) || v.Envelope == "" && strings.HasSuffix(v.Path, "/correct") {
		return next{}, &call.Error{Kind: call.KindUnreadableForm, Detail: "an envelope id that is none"}
	}
	user := s.user()
	accounts, err := viewAccounts(s.r.Context(), user, v)
	if err != nil {
		return next{}, err
	}
	began := time.Now()
	defer func() {
		s.event.Upstream = time.Since(began)
		s.token = user.token()
		user.describe(&s.event)
	}()
	var a viewAnswer
	for _, account := range accounts {
		s.site.Base, s.event.Site = account.Site, account.Site.Host
		if a, err = askView(s.r.Context(), user, account, v); err != nil || !a.elsewhere() {
			break
		}
	}
	switch {
	case err != nil:
		return next{}, err
	case a.url.Empty():
		return relay(s, a)
	}
	op := s.operation()
	return answered(s.replier().URLResult(op.Namespace, op.Local, a.url))
}

// viewAccounts are those to ask in: the one named, else the default one and, for an envelope, the others after it.
func viewAccounts(ctx context.Context, user *apiUser, v soap.View) ([]soaprest.Account, error) {
	if v.Account != "" {
		a, err := user.Named(ctx, v.Account)
		return []soaprest.Account{a}, err
	}
	most := maxViewAccounts
	if v.Envelope == "" {
		most = 1
	}
	all, err := user.Accounts(ctx)
	return all[:min(len(all), most)], err
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

// askView asks in one account.
func askView(ctx context.Context, user *apiUser, account soaprest.Account, v soap.View) (a viewAnswer, err error) {
	resp, err := user.Do(ctx, &soaprest.Request{
		Method: http.MethodPost, Account: account, Path: v.Path, ContentType: "application/json",
		Body: soaprest.JSON(v.Fields),
	})
	if err != nil {
		return a, err
	}
	defer body.Drain(resp)
	a.status = resp.StatusCode
	if a.body, err = io.ReadAll(io.LimitReader(resp.Body, reply.MaxErrorBody)); err != nil {
		return a, egress.Failure(account.Site.Host, "view over REST", err)
	}
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
	s.event.Outcome = call.OutcomeOf(a.status)
	return answered(answer)
}
