package proxy

import (
	"fmt"
	"io"
	"net/http"
	"net/url"

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
	case "GetAuthenticationToken", "RequestSenderToken", "RequestCorrectToken":
		x.answerView(r, x.viewOf(body))
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
