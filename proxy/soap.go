package proxy

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/integration"

	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/internal/services"
	"docusign-auth-proxy/internal/shown"
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

// credential is what the call's service reads (PROTOCOL.md §4.3).
type credential struct {
	inBody bool // credential.asmx
	read   legacy.Credential
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

// holdsPassword reports whether a credential stood in the message.
func (c *soapCall) holdsPassword() bool {
	return c != nil && c.message != nil && (c.message.Token != nil || c.inBody)
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
	o := soap.Options{MaxHeader: x.server.cfg.SOAPHeader, Credential: x.route.readsFrom(services.Body), MaxBody: maxCredentialMessage, Buffers: &x.server.soapBuffers}
	m, err := soap.ReadMessage(r.Header.Get("Content-Type"), r.Header.Get("Content-Encoding"), r.Body, o)
	var refusal *soap.Error
	if err != nil && !errors.As(err, &refusal) {
		x.callerFailed(r, err)
		return
	}
	x.soap = &soapCall{message: m}
	defer m.Release()
	x.event.Operation = shown.Operation(m.Operation.Local)
	switch {
	case x.route.local == localUnknownService:
		x.serveUnknownService(r)
	case refusal != nil:
		x.refuseMessage(r, refusal)
	case x.proveSOAP(r):
		x.carryOut(r)
	}
}

// serveUnknownService passes on what an observed integration sends to it and refuses the rest: nobody knows where such a service
// reads its credential.
func (x *exchange) serveUnknownService(r *http.Request) {
	if r.Method == http.MethodPost && x.observedMessage(r) {
		x.passMessage(r)
		return
	}
	x.refuse(r, &call.Error{
		Kind:     call.KindUnknownService,
		Detail:   "a SOAP service that is not known",
		NextStep: "correct the program's address: /api/3.0/ with api.asmx, dsapi.asmx, credential.asmx or accountmanagement.asmx",
	})
}

func (x *exchange) carryOut(r *http.Request) {
	switch action := x.decision.Action; {
	case action == translate.ActionObserve && x.observesCaller():
		x.passMessage(r)
	case x.route.service.Has(x.soap.operation()) && x.refusePasswordInBody(r):
	case action == translate.ActionObserve:
		x.passMessage(r)
	case action == translate.ActionPass:
		x.passOwnToken(r)
	case x.soap.inBody:
		x.serveCredential(r)
	case x.soap.operation() == "GetEncryptedPassword" && x.route.service.Has("GetEncryptedPassword"):
		x.answerEncryptedPassword(r)
	default:
		x.sendSOAP(r)
	}
}

// refusePasswordInBody refuses the operations of accountmanagement.asmx whose parameters have the password of a user, by its WSDL:
// OldPassword, and MemberPassword where the member exists already.
func (x *exchange) refusePasswordInBody(r *http.Request) bool {
	switch operation := x.soap.operation(); operation {
	case "ChangePassword":
		x.refuse(r, errPasswordChange())
	case "GetPlanDetails", "ResendAccountActivation":
		x.refuse(r, &call.Error{Kind: call.KindClearPassword, Detail: operation + " has a user's password in its body"})
	default:
		return false
	}
	return true
}

// refuseMessage answers an envelope that cannot be edited. Traffic that is only observed still passes.
func (x *exchange) refuseMessage(r *http.Request, refusal *soap.Error) {
	if x.observedMessage(r) {
		x.passMessage(r)
		return
	}
	kind, scheme := call.KindBadRequest, legacy.None
	if x.soap.message.Token != nil {
		scheme = legacy.WSSecurity
	}
	switch refusal.Kind {
	case soap.KindDigest:
		kind = call.KindDigest
	case soap.KindSigned:
		kind = call.KindSigned
	case soap.KindTooLarge:
		kind = call.KindTooLarge
	case soap.KindAmbiguous, soap.KindMisplaced, soap.KindToken, soap.KindPasswordType, soap.KindEncrypted:
		kind = call.KindUnreadableMessage
	}
	if x.decision == nil {
		x.decision = &translate.Decision{Scheme: scheme}
	}
	x.refused(call.OutcomeRefused, kind.String(), refusal.Error(), "the message was not forwarded, since its password could not be found or taken out with certainty")
	x.answerFailure(r, reply.Failure{Kind: kind, Cause: kind.String(), Detail: "(" + refusal.Kind.String() + ": " + refusal.Detail + ")"})
}

// observedMessage reports whether a message that cannot be read by the rules belongs to an integration that is only observed.
func (x *exchange) observedMessage(r *http.Request) bool {
	for _, cred := range x.allCredentials(r) {
		if d := x.state.Translator.Observed(cred.IntegratorKey); d != nil {
			d.Scheme, d.Authenticator, d.Principal = cred.Scheme, cred.Username, cred.Username
			x.decision = d
			return true
		}
	}
	return false
}

// allCredentials gives what header and envelope hold, also where the service does not read it.
func (x *exchange) allCredentials(r *http.Request) (found []legacy.Credential) {
	if values := r.Header[headerLegacy]; len(values) > 0 {
		cred, _ := legacy.ParseHeaders(values, x.state.Translator.IsKey) // with an error it may still have the key
		found = append(found, cred)
	}
	if cred, ok := x.envelopeCredential(); ok {
		found = append(found, cred)
	}
	return found
}

// proveSOAP proves the kind of credential that the service reads (PROTOCOL.md §4.3, §16 row 5). One of another kind is not read; it
// is taken out before the call leaves and counted. It answers the call itself, and returns false, when that fails.
func (x *exchange) proveSOAP(r *http.Request) bool {
	s := x.soap
	came := x.httpCredentials(r)
	header, token := len(came.Legacy) > 0, s.message.Token != nil
	own, foreign := header, token
	switch x.route.service.Reads {
	case services.UsernameToken:
		own, foreign = token, header
	case services.HeaderOrToken:
		// Programs made from its WSDL send a UsernameToken and no header; one that worked was read there (SOAP-REST.md §11.12).
		own, foreign = header || token, header && token
	case services.Body:
		c := s.message.Credential
		s.inBody = c != nil && (c.HasEmail || c.HasPassword)
		own, foreign = s.inBody, header || token
	}
	several := foreign || own && len(came.Authorization) > 0
	var d *translate.Decision
	var err error
	switch {
	case own && header && x.headerService():
		s.read, _ = legacy.ParseHeaders(came.Legacy, x.state.Translator.IsKey) // Decide says what is wrong with it
		d, err = x.state.Translator.Decide(r.Context(), came)
	case own:
		s.read, _ = x.envelopeCredential()
		d, _, err = x.state.Translator.Prove(r.Context(), s.read, came.ActAs, came.Client)
	case len(came.Authorization) > 0:
		came.Legacy = nil
		d, err = x.state.Translator.Decide(r.Context(), came)
	case foreign && x.observedMessage(r):
		return true // DocuSign itself decides what it reads
	case s.operation() == operationPing:
		x.decision, x.event.Mode = noCredential(several), "pass"
		x.soapCaller(r).Ping(s.namespace()).WriteTo(&x.w, r)
		return false
	default:
		d, err = noCredential(several), &call.Error{
			Kind: call.KindNoCredential, Detail: "no credential of the kind that this service reads: " + x.ownKind(),
			NextStep: "api.asmx reads the UsernameToken, dsapi.asmx and accountmanagement.asmx X-DocuSign-Authentication, credential.asmx its body",
		}
	}
	return x.decidedSOAP(r, conflicting(d, several), err)
}

func noCredential(conflict bool) *translate.Decision {
	return &translate.Decision{Action: translate.ActionPass, Scheme: legacy.None, Conflict: conflict}
}

// headerService reports whether the service reads X-DocuSign-Authentication.
func (x *exchange) headerService() bool {
	return x.route.readsFrom(services.Header) || x.route.readsFrom(services.HeaderOrToken)
}

func (x *exchange) ownKind() string {
	switch x.route.service.Reads {
	case services.UsernameToken:
		return "a UsernameToken in the envelope"
	case services.Body:
		return "Email and Password in the body"
	}
	return "the header X-DocuSign-Authentication"
}

// conflicting notes that several credentials were present, on a copy, since a decision may be shared.
func conflicting(d *translate.Decision, several bool) *translate.Decision {
	if several && d != nil && !d.Conflict {
		return d.WithConflict()
	}
	return d
}

// envelopeCredential reads the credential in the envelope: a UsernameToken, or the parameters of credential.asmx.
func (x *exchange) envelopeCredential() (legacy.Credential, bool) {
	m := x.soap.message
	scheme, name, password, readings := legacy.WSSecurity, "", secret.Text{}, []secret.Text(nil)
	switch {
	case m.Credential != nil && (m.Credential.HasEmail || m.Credential.HasPassword):
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
	if err != nil || d.Action != translate.ActionTranslate || d.Integration.SOAP != integration.AppPassword {
		return x.decided(r, d, err)
	}
	x.decision = d
	if err := x.proven(); err != nil {
		x.refuse(r, err)
		return false
	}
	if err := d.CheckAppPassword(); err != nil {
		x.event.Translate = x.server.cfg.Now().Sub(x.start)
		x.refuse(r, err)
		return false
	}
	if site, err := x.state.Translator.Site(r.Context(), d, ""); err == nil {
		x.site = site // else the site the caller named: SOAP forwards across sites (PROTOCOL.md §4.1)
	}
	x.event.Translate = x.server.cfg.Now().Sub(x.start)
	return true
}

// passMessage forwards an observed call as it came, unless the password of an integration that is not observed is in it.
func (x *exchange) passMessage(r *http.Request) {
	tr := x.state.Translator
	for _, cred := range x.allCredentials(r) {
		if tr.IsKey(cred.IntegratorKey) && tr.Observed(cred.IntegratorKey) == nil {
			x.refuse(r, &call.Error{Kind: call.KindClearPassword, Detail: "beside an observed credential, that of an integration that is not observed"})
			return
		}
	}
	x.native = true
	x.event.Mode = "observe"
	m := x.soap.message
	if x.route.readsFrom(services.Body) && x.soap.operation() == "Login" {
		x.edit = func(resp *http.Response) error { return x.editLoginResponse(r, resp) }
	}
	r.Body = &streamedBody{Reader: m.Original(), Closer: r.Body}
	x.undoCoding(r, m)
	x.send(r)
}

// passOwnToken forwards a call with the program's own OAuth token, without the UsernameToken beside it, which the service does not read.
func (x *exchange) passOwnToken(r *http.Request) {
	if m := x.soap.message; m.Token != nil {
		if err := m.RemoveToken(); err != nil {
			x.refuseEdit(r, err)
			return
		}
	}
	x.forwardMessage(r)
}

// undoCoding tells the upstream that a compressed message leaves as plain text.
func (x *exchange) undoCoding(r *http.Request, m *soap.Message) {
	if m.Decoded {
		r.Header.Del("Content-Encoding")
		r.ContentLength = -1
	}
}

// sendSOAP edits the envelope as the integration says and forwards it.
func (x *exchange) sendSOAP(r *http.Request) {
	if err := x.editEnvelope(r); err != nil {
		x.refuseEdit(r, err)
		return
	}
	x.forwardMessage(r)
}

func (x *exchange) refuseEdit(r *http.Request, err error) {
	var refusal *soap.Error
	if errors.As(err, &refusal) {
		x.refuseMessage(r, refusal)
		return
	}
	x.refuse(r, err)
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
	if x.decision.Integration.SOAP == integration.AppPassword {
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
	return strings.EqualFold(host, withoutDefaultPort(origin.Scheme, origin.Host)) ||
		strings.EqualFold(host, withoutDefaultPort(u.Scheme, r.Host))
}

func withoutDefaultPort(scheme, host string) string {
	if strings.EqualFold(scheme, "https") {
		return strings.TrimSuffix(host, ":443")
	}
	return strings.TrimSuffix(host, ":80")
}

// putAppPassword puts the authenticator's App Password where the service reads it (PROTOCOL.md §4.3, §4.9).
func (x *exchange) putAppPassword(m *soap.Message) error {
	password, _ := x.decision.AppPassword()
	if x.headerService() && x.soap.read.Scheme != legacy.WSSecurity {
		x.legacyHeader = x.credentialUpstream().Header(password)
		if m.Token != nil {
			return m.RemoveToken()
		}
		return nil
	}
	if x.route.readsFrom(services.Body) {
		return &call.Error{Kind: call.KindNoCredential, Detail: "a token at credential.asmx, which reads " + x.ownKind()}
	}
	if m.Token == nil { // the call came with a token of the proxy's own
		return m.InsertToken(x.nameUpstream(""), password)
	}
	if err := m.SetPassword(password); err != nil {
		return err
	}
	if name := x.nameUpstream(m.Token.Username); name != m.Token.Username {
		return m.SetUsername(name)
	}
	return nil
}

// credentialUpstream is the header as it goes upstream, in the form it came in; a call that came with a token had none.
func (x *exchange) credentialUpstream() legacy.Credential {
	read := x.soap.read
	if read.Username == "" {
		read = legacy.Credential{Scheme: legacy.HeaderXML, Username: x.decision.Authenticator}
	}
	read.IntegratorKey = x.keyUpstream()
	if x.decision.OnBehalf() {
		read.OnBehalfOf = x.decision.Principal // X-DocuSign-Act-As-User does not go upstream
	}
	return read
}

// keyUpstream is the integration key that DocuSign knows, in the program's spelling where it is the same.
func (x *exchange) keyUpstream() string {
	in, key := x.decision.Integration, x.soap.read.IntegratorKey
	if in.OAuth.ClientID != "" && !legacy.SameName(in.OAuth.ClientID, in.IntegratorKey) {
		return in.OAuth.ClientID
	}
	if key == "" {
		return in.IntegratorKey
	}
	return key
}

// nameUpstream writes the new integration key into "[key]user" where it differs from the legacy one, and the principal where only
// X-DocuSign-Act-As-User named it: that header does not go upstream. A name without a key stays without one.
func (x *exchange) nameUpstream(name string) string {
	read, d := x.soap.read, x.decision
	switch {
	case name == "" && !d.OnBehalf():
		return "[" + x.keyUpstream() + "]" + d.Authenticator
	case d.OnBehalf() && read.OnBehalfOf != d.Principal:
		user := read.Username
		if user == "" {
			user = d.Authenticator
		}
		return "[" + x.keyUpstream() + "][" + d.Principal + "]" + user
	case read.IntegratorKey == "":
		return name
	}
	return strings.Replace(name, read.IntegratorKey, x.keyUpstream(), 1)
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

// passWSDL points the addresses in a WSDL at the door that asked for it.
func (x *exchange) passWSDL(r *http.Request) {
	x.edit = func(resp *http.Response) error {
		if resp.StatusCode != http.StatusOK || !strings.Contains(resp.Header.Get("Content-Type"), "xml") || resp.Header.Get("Content-Encoding") != "" {
			return nil
		}
		return x.editWSDL(r, resp)
	}
	x.passOpen(r)
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
