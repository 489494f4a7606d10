package proxy

import (
	"net/http"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/translate/reply"
)

// serveCredential answers credential.asmx, whose operations carry the credential as parameters (PROTOCOL.md §4.7).
func (x *exchange) serveCredential(r *http.Request) {
	if x.decision.Integration.SOAP == integration.AppPassword {
		x.forwardCredential(r)
		return
	}
	body := x.soap.message.Credential
	switch x.soap.operation() {
	case "Login":
		accounts, err := x.loginAccounts(r)
		if err != nil {
			x.refuse(r, err)
			return
		}
		x.soapCaller(r).LoginResponse(accounts, body.ReturnBaseURL).WriteTo(&x.w, r)
	case "GetAuthenticationToken", "RequestSenderToken", "RequestCorrectToken":
		x.answerView(r, x.viewOf(body))
	default:
		x.refuse(r, &call.Error{Kind: call.KindUnsupported, Detail: "credential.asmx has no such operation"})
	}
}

// forwardCredential passes the call on with the App Password in place of the legacy one.
func (x *exchange) forwardCredential(r *http.Request) {
	m := x.soap.message
	password, _ := x.decision.AppPassword()
	err := m.Credential.SetPassword(password)
	if err == nil && m.Token != nil {
		err = m.RemoveToken() // the service does not read it
	}
	if name := x.nameUpstream(m.Credential.Email); err == nil && name != m.Credential.Email {
		err = m.Credential.SetEmail(name)
	}
	if err != nil {
		x.refuse(r, &call.Error{Kind: call.KindBadRequest, Detail: "credential.asmx", Err: err})
		return
	}
	if x.soap.operation() == "Login" {
		x.edit = func(resp *http.Response) error { return x.editLoginResponse(r, resp) }
	}
	x.forwardMessage(r)
}

func (x *exchange) editLoginResponse(r *http.Request, resp *http.Response) error {
	return editAnswer(resp, func(body []byte, contentType string) ([]byte, error) {
		return reply.RewriteLoginResponse(body, contentType, x.baseURL(r))
	})
}

// answerEncryptedPassword gives a secret of the proxy's own, never the real password (PROTOCOL.md §4.8).
func (x *exchange) answerEncryptedPassword(r *http.Request) {
	p, err := x.issuePassword()
	if err == nil && p.Empty() {
		err = &call.Error{Detail: "there is no store for API passwords", NextStep: "set store: to a file in the configuration"}
	}
	if err != nil {
		x.refuse(r, err)
		return
	}
	x.soapCaller(r).EncryptedPassword(p).WriteTo(&x.w, r)
}
