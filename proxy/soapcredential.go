package proxy

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/proxy/egress"
	"docusign-auth-proxy/translate"
	"docusign-auth-proxy/translate/reply"
)

// serveCredential answers credential.asmx, whose operations carry the credential as parameters (PROTOCOL.md §4.7).
func (x *exchange) serveCredential(r *http.Request) {
	if x.decision.Integration.SOAP == translate.SOAPAppPassword {
		x.forwardCredential(r)
		return
	}
	body := x.soap.message.Credential
	switch x.soap.operation() {
	case "Login":
		accounts, err := x.loginAccounts(r)
		if err != nil {
			x.refuse(r, err, kindOnWire(err))
			return
		}
		x.soapCaller(r).LoginResponse(accounts, body.ReturnBaseURL).WriteTo(&x.w, r)
	case "GetAuthenticationToken":
		x.answerView(r, body.AccountID, "/views/console", map[string]string{"envelopeId": body.GoToEnvelopeID})
	case "RequestSenderToken":
		path := "/envelopes/" + url.PathEscape(body.EnvelopeID) + "/views/sender"
		if body.EnvelopeID == "" {
			path = "/views/console"
		}
		x.answerView(r, body.AccountID, path, map[string]string{"returnUrl": body.ReturnURL})
	case "RequestCorrectToken":
		x.answerView(r, "", "/envelopes/"+url.PathEscape(body.EnvelopeID)+"/views/correct",
			map[string]string{"returnUrl": body.ReturnURL, "suppressNavigation": strconv.FormatBool(body.SuppressNavigation)})
	default:
		x.refuse(r, &translate.Error{Detail: "credential.asmx has no such operation"}, reply.Unsupported)
	}
}

// forwardCredential passes the call on with the App Password in place of the legacy one.
func (x *exchange) forwardCredential(r *http.Request) {
	m := x.soap.message
	password, _ := x.decision.AppPassword()
	err := m.Credential.SetPassword(password)
	if name := x.nameUpstream(m.Credential.Email); err == nil && name != m.Credential.Email {
		err = m.Credential.SetEmail(name)
	}
	if err != nil {
		x.refuse(r, &translate.Error{Detail: "credential.asmx", Err: err}, reply.BadRequest)
		return
	}
	if x.soap.operation() == "Login" {
		x.edit = func(resp *http.Response) error { return x.editLoginResponse(r, resp) }
	}
	x.forwardMessage(r)
}

func (x *exchange) editLoginResponse(r *http.Request, resp *http.Response) error {
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Encoding") != "" {
		return nil
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, reply.MaxLoginInformation+1))
	if err != nil {
		return fmt.Errorf("read Login answer: %w", err)
	}
	out, err := reply.RewriteLoginResponse(body, resp.Header.Get("Content-Type"), func(base string) string {
		u, err := url.Parse(base)
		if err != nil {
			return base
		}
		origin := x.origin(r, &url.URL{Scheme: u.Scheme, Host: u.Host})
		x.event.Rewritten++
		u.Scheme, u.Host = origin.Scheme, origin.Host
		return u.String()
	})
	if err != nil {
		out = body
	}
	replaceBody(resp, out)
	return nil
}

// answerView asks REST for the one-time URL that the operation used to return.
func (x *exchange) answerView(r *http.Request, account, path string, parameters map[string]string) {
	site, err := x.viewSite(r.Context(), account)
	if err != nil {
		x.refuse(r, err, kindOnWire(err))
		return
	}
	x.site = site
	target := site.Base.String() + "/restapi/v2.1/accounts/" + url.PathEscape(site.AccountID) + path
	view, err := x.requestView(r.Context(), target, parameters)
	if err != nil {
		kind, _ := explainFailure(err, site.Base)
		x.refuse(r, &translate.Error{Detail: "view over REST", Err: err, NextStep: "DocuSign's own answer is in this line; check the envelope id and the user's rights"}, kind)
		return
	}
	x.soapCaller(r).URLResult(x.soap.namespace(), x.soap.operation(), view).WriteTo(&x.w, r)
}

func (x *exchange) viewSite(ctx context.Context, account string) (translate.Site, error) {
	site, err := x.state.Translator.Site(ctx, x.decision, strings.TrimSpace(account))
	if err != nil || site.AccountID != "" {
		return site, err
	}
	info, err := x.state.Translator.UserInfo(ctx, x.decision)
	if err != nil {
		return site, err
	}
	if account != "" {
		return site, &translate.Error{Kind: translate.KindNotAllowed, Detail: "the user is not a member of the account in the call"}
	}
	if a := info.Default(); a != nil {
		site.AccountID = a.AccountID
	}
	return site, nil
}

func (x *exchange) requestView(ctx context.Context, target string, parameters map[string]string) (secret.Text, error) {
	for name, value := range parameters {
		if value == "" {
			delete(parameters, name)
		}
	}
	payload, err := json.Marshal(parameters)
	if err != nil {
		return secret.Text{}, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(payload))
	if err != nil {
		return secret.Text{}, err
	}
	req.Header = http.Header{"Content-Type": {"application/json"}, "Accept": {"application/json"}, "Authorization": x.token.Header(), "User-Agent": {x.event.UserAgent}}
	resp, err := x.state.Upstream.RoundTrip(req)
	if err != nil {
		return secret.Text{}, err
	}
	defer drain(resp)
	body, err := io.ReadAll(io.LimitReader(resp.Body, reply.MaxErrorBody))
	if err != nil {
		return secret.Text{}, err
	}
	var view struct {
		URL string `json:"url"`
	}
	if resp.StatusCode >= 300 || json.Unmarshal(body, &view) != nil || view.URL == "" {
		return secret.Text{}, fmt.Errorf("DocuSign answered %d %s", resp.StatusCode, reply.ErrorCode(body))
	}
	return secret.New(view.URL), nil
}

// answerEncryptedPassword gives a secret of the proxy's own, never the real password (PROTOCOL.md §4.8).
func (x *exchange) answerEncryptedPassword(r *http.Request) {
	p, err := x.issuePassword()
	if err == nil && p.Empty() {
		err = &translate.Error{Detail: "there is no store for API passwords", NextStep: "set store: to a file in the configuration"}
	}
	if err != nil {
		x.refuse(r, err, reply.Internal)
		return
	}
	x.soapCaller(r).EncryptedPassword(p).WriteTo(&x.w, r)
}

func (x *exchange) isDocuSign(u *url.URL) bool {
	h, err := egress.ParseHost(u.Host, 443)
	return err == nil && x.state.Policy.DocuSign(h)
}
