package proxy

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/translate"
	"docusign-auth-proxy/translate/legacy"
	"docusign-auth-proxy/translate/reply"
	"docusign-auth-proxy/translate/soap"
)

const (
	maxCredentialMessage = 64 << 10
	maxWSDL              = 8 << 20
	operationPing        = "Ping"
)

// soapCall is what is known of a SOAP call beside its HTTP request.
type soapCall struct {
	message *soap.Message
	credential
}

// credential says where the call's credential was found.
type credential struct {
	inHeader   bool // X-DocuSign-Authentication
	inEnvelope bool // UsernameToken
	inBody     bool // credential.asmx
	read       legacy.Credential
}

func (c *soapCall) namespace() string {
	if c == nil || c.message == nil {
		return ""
	}
	return c.message.Operation.Namespace
}

func (c *soapCall) operation() string {
	if c == nil || c.message == nil {
		return ""
	}
	return c.message.Operation.Local
}

// soapCaller answers in the version of the envelope, with a Timestamp only for those that sent one.
func (x *exchange) soapCaller(r *http.Request) reply.Caller {
	c := reply.Caller{Dialect: reply.ForSOAP(r.Header), RequestID: x.event.RequestID, Actor: x.dialled(r)}
	if x.soap == nil || x.soap.message == nil {
		return c
	}
	switch x.soap.message.Version {
	case soap.SOAP11:
		c.Dialect = reply.SOAP11
	case soap.SOAP12:
		c.Dialect = reply.SOAP12
	}
	if x.soap.message.HasTimestamp {
		c.Timestamp = x.server.cfg.Now()
	}
	return c
}

// dialled is the URL that the caller used, without its query.
func (x *exchange) dialled(r *http.Request) string {
	u := *x.origin(r, x.site.Base)
	u.Path = r.URL.Path
	return u.String()
}

// serveSOAP translates a SOAP call (PROTOCOL.md §4, §16 row 5).
func (x *exchange) serveSOAP(r *http.Request) {
	o := soap.Options{MaxHeader: x.server.cfg.SOAPHeader, Credential: x.route.api == APISoapCredential, MaxBody: maxCredentialMessage, Buffers: &x.server.soapBuffers}
	m, err := soap.ReadMessage(r.Header.Get("Content-Type"), r.Header.Get("Content-Encoding"), r.Body, o)
	var refusal *soap.Error
	if err != nil && !errors.As(err, &refusal) {
		x.callerFailed(r, err)
		return
	}
	x.soap = &soapCall{message: m}
	defer m.Release()
	x.event.Operation = boundedName(m.Operation.Local)
	if refusal != nil {
		x.refuseMessage(r, refusal)
		return
	}
	if !x.proveSOAP(r) {
		return
	}
	switch {
	case x.decision.Action != translate.ActionTranslate:
		x.passMessage(r)
	case x.soap.inBody:
		x.serveCredential(r)
	case x.soap.operation() == "GetEncryptedPassword" && x.route.api == APISoapAccount:
		x.answerEncryptedPassword(r)
	case x.soap.operation() == "ChangePassword" && x.route.api == APISoapAccount:
		// Its body holds the old password in clear, which must not go upstream.
		x.refuse(r, &translate.Error{Kind: translate.KindPasswordChange, Detail: "a password cannot be changed through OAuth", NextStep: "change the password in the configuration, and in the program"}, reply.PasswordChangeRefused)
	default:
		x.sendSOAP(r)
	}
}

// boundedName keeps an operation's name for the log when it is one.
func boundedName(s string) string {
	if len(s) > 64 || strings.ContainsFunc(s, func(c rune) bool { return c > 'z' || c < '0' }) {
		return "invalid"
	}
	return s
}

// refuseMessage answers an envelope that cannot be edited. Traffic that is only observed still passes.
func (x *exchange) refuseMessage(r *http.Request, refusal *soap.Error) {
	if x.observedMessage(r) {
		x.passMessage(r)
		return
	}
	kind, scheme := reply.BadRequest, legacy.None
	if x.soap.message.Token != nil {
		scheme = legacy.WSSecurity
	}
	switch refusal.Kind {
	case soap.KindDigest:
		kind = reply.DigestPassword
	case soap.KindSigned:
		kind = reply.SignedCredential
	case soap.KindTooLarge:
		kind = reply.TooLarge
	case soap.KindAmbiguous, soap.KindMisplaced, soap.KindToken, soap.KindPasswordType, soap.KindEncrypted:
		kind = reply.Unreadable
	}
	if x.decision == nil {
		x.decision = &translate.Decision{Scheme: scheme}
	}
	x.refused(OutcomeRefused, kind.String(), refusal.Error(), "the message was not forwarded, since its password could not be found or taken out with certainty")
	x.answerFailure(r, reply.Failure{Kind: kind, Cause: kind.String(), Detail: "(" + refusal.Kind.String() + ": " + refusal.Detail + ")"})
}

// observedMessage reports whether a message that cannot be edited belongs to an integration that is only observed.
func (x *exchange) observedMessage(r *http.Request) bool {
	call := x.httpCredentials(r)
	if len(call.Legacy) == 0 {
		cred, ok := x.envelopeCredential()
		if !ok {
			return false
		}
		d := x.state.Translator.Observed(cred.IntegratorKey)
		if d != nil {
			d.Scheme, d.Authenticator, d.Principal = cred.Scheme, cred.Username, cred.Username
			x.decision = d
		}
		return d != nil
	}
	d, err := x.state.Translator.Decide(r.Context(), call)
	x.decision = d
	return err == nil && d.Action == translate.ActionObserve
}

// proveSOAP finds the credential where its service has it and proves it. It answers the call itself, and returns false, when that fails.
func (x *exchange) proveSOAP(r *http.Request) bool {
	s := x.soap
	call := x.httpCredentials(r)
	cred, inside := x.envelopeCredential()
	s.inHeader = len(call.Legacy) > 0
	s.inBody = x.route.api == APISoapCredential && s.message.Credential != nil && s.message.Credential.HasEmail
	s.inEnvelope = inside && !s.inBody
	switch {
	case s.inHeader && !s.inBody || !inside && len(call.Authorization) > 0:
		d, err := x.state.Translator.Decide(r.Context(), call)
		if s.inHeader {
			s.read, _ = legacy.ParseHeaders(call.Legacy, x.state.Translator.IsKey) // Decide has just read it
		}
		d = conflicting(d, inside)
		return x.decidedSOAP(r, d, err)
	case inside:
		s.read = cred
		d, _, err := x.proveEnvelope(r, call)
		return x.decidedSOAP(r, conflicting(d, s.inHeader || len(call.Authorization) > 0), err)
	case s.operation() == operationPing:
		x.decision = &translate.Decision{Action: translate.ActionPass, Scheme: legacy.None}
		return true
	}
	x.refuse(r, &translate.Error{Kind: translate.KindNoCredential, Detail: "the envelope has no UsernameToken and the request no X-DocuSign-Authentication"}, reply.NoCredential)
	return false
}

// conflicting notes that several credentials were present, on a copy, since a decision may be shared.
func conflicting(d *translate.Decision, several bool) *translate.Decision {
	if several && d != nil && !d.Conflict {
		return d.WithConflict()
	}
	return d
}

func (x *exchange) proveEnvelope(r *http.Request, call *translate.Call) (*translate.Decision, bool, error) {
	return x.state.Translator.Prove(r.Context(), x.soap.read, call.ActAs, call.Client)
}

// envelopeCredential reads the credential in the envelope: a UsernameToken, or the parameters of credential.asmx.
func (x *exchange) envelopeCredential() (legacy.Credential, bool) {
	m := x.soap.message
	scheme, name, password, readings := legacy.WSSecurity, "", secret.Text{}, []secret.Text(nil)
	switch {
	case m.Credential != nil && m.Credential.HasEmail:
		scheme, name, password, readings = legacy.SOAPBody, m.Credential.Email, m.Credential.Password, m.Credential.Readings()
	case m.Token != nil:
		name, password, readings = m.Token.Username, m.Token.Password, m.Token.Readings()
	default:
		return legacy.Credential{}, false
	}
	cred, err := legacy.NewCredential(scheme, name, password, x.state.Translator.IsKey)
	if err != nil {
		cred = legacy.Credential{Scheme: scheme, IntegratorKey: cred.IntegratorKey, Username: name}
		return cred, true // Prove refuses it: it has no password
	}
	cred.Passwords = withReadings(cred.Passwords, readings)
	return cred, true
}

func withReadings(passwords, more []secret.Text) []secret.Text {
	for _, p := range more {
		known := p.Empty()
		for _, have := range passwords {
			known = known || have.Reveal() == p.Reveal()
		}
		if !known {
			passwords = append(passwords, p)
		}
	}
	return passwords
}

// decidedSOAP is decided for SOAP: where the App Password goes upstream, a token is not needed, only the site if it can be had.
func (x *exchange) decidedSOAP(r *http.Request, d *translate.Decision, err error) bool {
	if err != nil || d.Action != translate.ActionTranslate || d.Integration.SOAP != translate.SOAPAppPassword {
		return x.decided(r, d, err)
	}
	x.decision = d
	if err := d.CheckAppPassword(); err != nil {
		x.event.Translate = x.server.cfg.Now().Sub(x.start)
		x.refuse(r, err, reply.GrantRefused)
		return false
	}
	if site, err := x.state.Translator.Site(r.Context(), d, ""); err == nil {
		x.site = site // else the site the caller named: SOAP forwards across sites (PROTOCOL.md §4.1)
	}
	x.event.Translate = x.server.cfg.Now().Sub(x.start)
	return true
}

// passMessage forwards a call as it came.
func (x *exchange) passMessage(r *http.Request) {
	x.native = true
	if x.event.Mode == "" {
		x.event.Mode = "observe"
		if x.decision.Action == translate.ActionPass {
			x.event.Mode = "pass"
		}
	}
	m := x.soap.message
	if x.route.api == APISoapCredential && x.soap.operation() == "Login" {
		x.edit = func(resp *http.Response) error { return x.editLoginResponse(r, resp) }
	}
	r.Body = &streamedBody{Reader: m.Original(), Closer: r.Body}
	x.undoCoding(r, m)
	x.send(r)
}

// undoCoding tells the upstream that a compressed message leaves as plain text.
func (x *exchange) undoCoding(r *http.Request, m *soap.Message) {
	if m.Decoded() {
		r.Header.Del("Content-Encoding")
		r.ContentLength = -1
	}
}

// sendSOAP edits the envelope as the integration says and forwards it.
func (x *exchange) sendSOAP(r *http.Request) {
	if err := x.editEnvelope(r); err != nil {
		var refusal *soap.Error
		if errors.As(err, &refusal) {
			x.refuseMessage(r, refusal)
			return
		}
		x.refuse(r, err, kindOnWire(err))
		return
	}
	x.forwardMessage(r)
}

func (x *exchange) forwardMessage(r *http.Request) {
	m := x.soap.message
	if came := r.Header.Get("Content-Type"); came != "" {
		r.Header.Set("Content-Type", m.ContentType(came))
	}
	if r.ContentLength >= 0 {
		r.ContentLength += m.Delta()
	}
	x.undoCoding(r, m)
	r.Body = &streamedBody{Reader: m.Reader(), Closer: r.Body}
	x.send(r)
}

// editEnvelope takes the legacy credential out of the message, or puts the App Password in its place.
func (x *exchange) editEnvelope(r *http.Request) error {
	m := x.soap.message
	if m.To != "" {
		if err := x.readdress(r, m); err != nil {
			return err
		}
	}
	if x.decision.Integration.SOAP == translate.SOAPAppPassword {
		return x.putAppPassword(m)
	}
	if m.Token != nil {
		if err := m.RemoveToken(); err != nil {
			return err
		}
	}
	if m.HasTimestamp {
		x.edit = x.editTimestamp
	}
	return nil
}

// readdress turns the URL that the client dialled into the upstream's (PROTOCOL.md §4.4).
func (x *exchange) readdress(r *http.Request, m *soap.Message) error {
	to, err := url.Parse(m.To)
	if err != nil || to.Host == "" || !x.dialledAs(r, to) {
		return nil
	}
	to.Scheme, to.Host = x.site.Base.Scheme, x.site.Base.Host
	return m.SetTo(to.String())
}

// dialledAs reports whether u names the address that the client used: the Host it sent, or its way to this proxy.
func (x *exchange) dialledAs(r *http.Request, u *url.URL) bool {
	host, origin := withoutDefaultPort(u.Scheme, u.Host), x.origin(r, x.site.Base)
	return strings.EqualFold(host, withoutDefaultPort(origin.Scheme, origin.Host)) || strings.EqualFold(host, withoutDefaultPort(u.Scheme, r.Host))
}

func withoutDefaultPort(scheme, host string) string {
	if strings.EqualFold(scheme, "https") {
		return strings.TrimSuffix(host, ":443")
	}
	return strings.TrimSuffix(host, ":80")
}

// putAppPassword replaces the password by the authenticator's App Password, in the place where the service reads it.
func (x *exchange) putAppPassword(m *soap.Message) error {
	password, _ := x.decision.AppPassword()
	in := x.decision.Integration
	if x.soap.inHeader || m.Token == nil {
		read := x.soap.read
		if !x.soap.inHeader { // a legacy token; App Passwords go with user names
			read = legacy.Credential{Scheme: legacy.HeaderXML, IntegratorKey: in.Key, Username: x.decision.Authenticator}
		}
		if in.ClientID != "" && !strings.EqualFold(in.ClientID, in.Key) {
			read.IntegratorKey = in.ClientID
		}
		if x.decision.OnBehalf() {
			read.OnBehalfOf = x.decision.Principal // X-DocuSign-Act-As-User does not go upstream
		}
		x.legacyHeader = read.Header(password)
		if m.Token != nil {
			return m.RemoveToken() // the header is what was proven; the token's password was not
		}
		return nil
	}
	if err := m.SetPassword(password); err != nil {
		return err
	}
	if name := x.nameUpstream(m.Token.Username); name != m.Token.Username {
		return m.SetUsername(name)
	}
	return nil
}

// nameUpstream writes the new integration key into "[key]user" where it differs from the legacy one, and the principal where only
// X-DocuSign-Act-As-User named it: that header does not go upstream.
func (x *exchange) nameUpstream(name string) string {
	in, read := x.decision.Integration, x.soap.read
	key := read.IntegratorKey
	if in.ClientID != "" && !strings.EqualFold(in.ClientID, in.Key) {
		key = in.ClientID
	}
	if x.decision.OnBehalf() && read.OnBehalfOf != x.decision.Principal {
		return "[" + key + "][" + x.decision.Principal + "]" + read.Username
	}
	return strings.Replace(name, read.IntegratorKey, key, 1)
}

// editTimestamp puts the Timestamp into the answer that a WCF client waits for, since DocuSign saw no Security header to answer.
func (x *exchange) editTimestamp(resp *http.Response) error {
	if resp.Header.Get("Content-Encoding") != "" || !strings.Contains(resp.Header.Get("Content-Type"), "xml") {
		return nil
	}
	now := x.server.cfg.Now()
	body := resp.Body
	e, err := soap.InsertSecurityTimestamp(body, now, now.Add(5*time.Minute), soap.Options{})
	var refusal *soap.Error
	switch {
	case errors.As(err, &refusal):
		resp.Body = &joinedBody{Reader: e.Original(), Closer: body}
		return nil
	case err != nil:
		return err
	}
	resp.Body = &joinedBody{Reader: e.Reader(), Closer: body}
	if resp.ContentLength >= 0 {
		resp.ContentLength += e.Delta()
		setLength(resp)
	}
	return nil
}

type joinedBody struct {
	io.Reader
	io.Closer
}

// passWSDL forwards what needs no login, without any credential, and points the addresses in a WSDL at the door that asked.
func (x *exchange) passWSDL(r *http.Request) {
	x.event.Mode = "pass"
	x.decision = &translate.Decision{Action: translate.ActionPass, Scheme: legacy.None}
	x.edit = func(resp *http.Response) error {
		if resp.StatusCode != http.StatusOK || !strings.Contains(resp.Header.Get("Content-Type"), "xml") || resp.Header.Get("Content-Encoding") != "" {
			return nil
		}
		return x.editWSDL(r, resp)
	}
	x.send(r)
}

func (x *exchange) editWSDL(r *http.Request, resp *http.Response) error {
	src, err := io.ReadAll(io.LimitReader(resp.Body, maxWSDL+1))
	if err != nil {
		return err
	}
	if len(src) > maxWSDL {
		resp.Body = &joinedBody{Reader: io.MultiReader(strings.NewReader(string(src)), resp.Body), Closer: resp.Body}
		return nil
	}
	out, err := soap.RewriteWSDL(src, func(address string) string { return x.wsdlAddress(r, address) })
	if err != nil {
		out = src // not a WSDL after all; it passes as it is
	}
	replaceBody(resp, out)
	return nil
}

func (x *exchange) wsdlAddress(r *http.Request, address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	site := x.docuSignSite(u.Host)
	if site == nil {
		return address
	}
	return x.leadBack(r, address, site)
}
