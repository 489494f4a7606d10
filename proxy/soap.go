package proxy

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/services"
	"docusign-auth-proxy/internal/shown"
	"docusign-auth-proxy/proxy/body"
	"docusign-auth-proxy/proxy/route"
	"docusign-auth-proxy/translate"
	"docusign-auth-proxy/translate/legacy"
	"docusign-auth-proxy/translate/reply"
	"docusign-auth-proxy/translate/soap"
)

const operationPing = "Ping"

// soapCall is what is known of a SOAP call beside its HTTP request.
type soapCall struct {
	*incoming
	message *soap.Message
	inBody  bool              // the credential stands among the operation's parameters
	read    legacy.Credential // that the service reads (PROTOCOL.md §4.3)
}

// operation is empty for REST, and as long as the envelope has not been read.
func (s *soapCall) operation() soap.Name {
	if s == nil {
		return soap.Name{}
	}
	return s.message.Operation
}

// holdsPassword reports whether a credential stood in the message.
func (s *soapCall) holdsPassword() bool {
	return s != nil && (s.message.Token != nil || s.inBody)
}

// envelopeReplier answers in the version of the envelope, with a Timestamp only for those that sent one. s is nil as
// long as the envelope has not been read.
func (s *soapCall) envelopeReplier(c *incoming) reply.Caller {
	dialled := *c.origin(c.site.Base)
	dialled.Path = c.r.URL.Path
	answer := reply.Caller{Dialect: reply.ForSOAP(c.r.Header), RequestID: c.event.RequestID, Actor: dialled.String()}
	if s == nil {
		return answer
	}
	switch s.message.Version {
	case soap.NamespaceSOAP11:
		answer.Dialect = reply.SOAP11
	case soap.NamespaceSOAP12:
		answer.Dialect = reply.SOAP12
	}
	if s.message.HasTimestamp {
		answer.Timestamp = time.Now()
	}
	return answer
}

// serveSOAP translates a SOAP call (PROTOCOL.md §4, §16 row 5).
func serveSOAP(c *incoming) (next, error) {
	o := soap.Options{MaxHeader: c.server.cfg.SOAPHeader, Credential: c.route.ReadsFrom(services.Body)}
	m, err := soap.ReadMessage(c.r.Header.Get("Content-Type"), c.r.Header.Get("Content-Encoding"), c.r.Body, o)
	var refusal *soap.Error
	if err != nil && !errors.As(err, &refusal) {
		return next{}, c.bodyError(err)
	}
	own := m.Credential // read for credential.asmx alone
	s := &soapCall{incoming: c, message: m, inBody: own != nil && (own.HasUsername || own.HasPassword)}
	c.soap = s
	c.event.Operation = shown.Operation(m.Operation.Local)
	switch {
	case c.route.Local == route.UnknownService:
		return unknownService(s)
	case refusal != nil:
		return s.uneditable(refusal)
	}
	return s.serve()
}

// unknownService passes on what an observed integration sends to it and refuses the rest: nobody knows where such a
// service reads its credential.
func unknownService(s *soapCall) (next, error) {
	if s.r.Method == http.MethodPost && s.observed() {
		return s.pass()
	}
	return next{}, &call.Error{
		Kind: call.KindUnknownService, Detail: "a SOAP service that is not known",
	}
}

// uneditable refuses an envelope that cannot be read or edited. Traffic that is only observed still passes.
func (s *soapCall) uneditable(err error) (next, error) {
	if is[*soap.Error](err) && s.observed() {
		return s.pass()
	}
	return next{}, err
}

// refusal says what is wrong with an envelope.
func (s *soapCall) refusal(e *soap.Error) error {
	kind, scheme := call.KindBadRequest, legacy.None
	if s.message.Token != nil {
		scheme = legacy.WSSecurity
	}
	switch e.Kind {
	case soap.KindDigest:
		kind = call.KindDigest
	case soap.KindSigned:
		kind = call.KindSigned
	case soap.KindTooLarge:
		kind = call.KindTooLarge
	case soap.KindAmbiguous, soap.KindMisplaced, soap.KindToken, soap.KindPasswordType, soap.KindEncrypted:
		kind = call.KindUnreadableMessage
	}
	if s.decision == nil {
		s.decision = &translate.Decision{Scheme: scheme}
	}
	return &call.Error{Kind: kind, Err: e, Public: "(" + string(e.Kind) + ": " + e.Detail + ")"}
}

// observed reports whether a message that cannot be read by the rules belongs to an integration that is only observed.
func (s *soapCall) observed() bool {
	for _, cred := range s.allCredentials() {
		if d := s.state.Translator.Observed(cred.IntegratorKey); d != nil {
			d.Scheme, d.Authenticator, d.Principal = cred.Scheme, cred.Username, cred.Username
			s.decision = d
			return true
		}
	}
	return false
}

// allCredentials gives what header and envelope hold, also where the service does not read it.
func (s *soapCall) allCredentials() (found []legacy.Credential) {
	if values := s.r.Header[headerLegacy]; len(values) > 0 {
		cred, _ := legacy.ParseHeaders(values, s.state.Translator.IsKey) // with an error it may still have the key
		found = append(found, cred)
	}
	if cred, ok := s.envelopeCredential(); ok {
		found = append(found, cred)
	}
	return found
}

// serve proves the kind of credential that the service reads (PROTOCOL.md §4.3, §16 row 5). One of another kind is not
// read; it is taken out before the call leaves and counted.
func (s *soapCall) serve() (next, error) {
	came := s.credentials()
	own, foreign := s.route.Service.Reads.Among(len(came.Legacy) > 0, s.message.Token != nil, s.inBody)
	several := foreign || own && len(came.Authorization) > 0
	var d *translate.Decision
	var err error
	switch {
	case own && len(came.Legacy) > 0 && s.route.ReadsFrom(services.Header, services.HeaderOrToken):
		s.read, _ = legacy.ParseHeaders(came.Legacy, s.state.Translator.IsKey) // Decide says what is wrong with it
		d, err = s.state.Translator.Decide(s.r.Context(), came)
	case own:
		s.read, _ = s.envelopeCredential()
		d, _, err = s.state.Translator.Prove(s.r.Context(), s.read, came.ActAs, came.Client)
	case len(came.Authorization) > 0:
		came.Legacy = nil
		d, err = s.state.Translator.Decide(s.r.Context(), came)
	case foreign && s.observed():
		return s.pass() // DocuSign itself decides what it reads
	case s.operation().Local == operationPing:
		s.needsNone()
		s.decision.Conflict = several
		return answered(s.replier().Ping(s.operation().Namespace))
	default:
		d = &translate.Decision{Action: translate.ActionPass, Scheme: legacy.None, Conflict: several}
		err = &call.Error{
			Kind: call.KindNoCredential, Cause: cause.MisplacedCredential,
			Detail: "no credential of the kind that this service reads: " + s.route.Service.Reads.String(),
		}
	}
	if several && d != nil && !d.Conflict {
		d = d.WithConflict() // a copy, since a decision may be shared
	}
	if err := s.accept(d, err, func() error { return s.carrier().Prepare(s) }); err != nil {
		return next{}, err
	}
	return s.carryOut()
}

// envelopeCredential reads the credential in the envelope: a UsernameToken, or the parameters of credential.asmx.
func (s *soapCall) envelopeCredential() (legacy.Credential, bool) {
	scheme, login := legacy.WSSecurity, s.message.Token
	if s.inBody {
		scheme, login = legacy.SOAPBody, &s.message.Credential.Login
	}
	if login == nil {
		return legacy.Credential{}, false
	}
	cred, err := legacy.NewCredential(scheme, login.Username, login.Readings(), s.state.Translator.IsKey)
	if err != nil {
		cred = legacy.Credential{Scheme: scheme, IntegratorKey: cred.IntegratorKey, Username: login.Username}
	}
	return cred, true // Prove refuses one with an error: it has no password
}

// carryOut does what the decision says.
func (s *soapCall) carryOut() (next, error) {
	action := s.decision.Action
	if action == translate.ActionObserve && s.observesCaller() {
		return s.pass()
	}
	if err := s.passwordInBody(); err != nil {
		return next{}, err
	}
	switch {
	case action == translate.ActionObserve:
		return s.pass()
	case action == translate.ActionPass:
		return s.passOwnToken()
	case !s.inBody && s.operation().Local == "GetEncryptedPassword" && s.route.Service.Has("GetEncryptedPassword"):
		return encryptedPassword(s)
	}
	n, err := s.carrier().Carry(s)
	if err != nil {
		return s.uneditable(err)
	}
	return n, nil
}

// passwordInBody refuses the operations of accountmanagement.asmx whose parameters have the password of a user, by
// its WSDL: OldPassword, and MemberPassword where the member exists already.
func (s *soapCall) passwordInBody() error {
	switch operation := s.operation().Local; operation {
	case "ChangePassword":
		if s.route.Service.Has(operation) {
			return errPasswordChange()
		}
	case "GetPlanDetails", "ResendAccountActivation":
		if s.route.Service.Has(operation) {
			return &call.Error{Kind: call.KindClearPassword, Detail: operation + " has a user's password in its body"}
		}
	}
	return nil
}

// pass forwards an observed call as it came, unless the password of an integration that is not observed is in it.
func (s *soapCall) pass() (next, error) {
	tr := s.state.Translator
	for _, cred := range s.allCredentials() {
		if tr.IsKey(cred.IntegratorKey) && tr.Observed(cred.IntegratorKey) == nil {
			const beside = "beside an observed credential, that of an integration that is not observed"
			return next{}, &call.Error{Kind: call.KindClearPassword, Detail: beside}
		}
	}
	s.event.Mode = "observe"
	f := s.onward()
	if s.route.ReadsFrom(services.Body) && s.operation().Local == "Login" {
		f.edit = s.editLoginResponse
	}
	s.r.Body = &body.Streamed{Reader: s.message.Original(), Closer: s.r.Body}
	s.undoCoding()
	return next{forward: f}, nil
}

// passOwnToken forwards a call with the program's own OAuth token, without the UsernameToken beside it, which the
// service does not read.
func (s *soapCall) passOwnToken() (next, error) {
	if m := s.message; m.Token != nil {
		if err := m.RemoveToken(); err != nil {
			return s.uneditable(err)
		}
	}
	return next{forward: s.edited()}, nil
}

// undoCoding tells the upstream that a compressed message leaves as plain text.
func (s *soapCall) undoCoding() {
	if s.message.Decoded {
		s.r.Header.Del("Content-Encoding")
		s.r.ContentLength = -1
	}
}

// encryptedPassword gives a secret of the proxy's own, never the real password (PROTOCOL.md §4.8).
func encryptedPassword(s *soapCall) (next, error) {
	p, err := issuePassword(s.incoming)
	if err == nil && p.Empty() {
		err = &call.Error{Cause: cause.NoStore, Detail: "there is no store for API passwords"}
	}
	if err != nil {
		return next{}, err
	}
	return answered(s.replier().EncryptedPassword(p))
}

// edited forwards the message with its edits.
func (s *soapCall) edited() *forward {
	m, r := s.message, s.r
	if came := r.Header.Get("Content-Type"); came != "" {
		r.Header.Set("Content-Type", m.ContentType(came))
	}
	if r.ContentLength >= 0 {
		r.ContentLength += m.Delta()
	}
	s.undoCoding()
	r.Body = &body.Streamed{Reader: m.Reader(), Closer: r.Body}
	return s.onward()
}

func (s *soapCall) editLoginResponse(resp *http.Response) error {
	return body.Edit(resp, reply.MaxLoginInformation, func(text []byte) ([]byte, error) {
		return reply.RewriteLoginResponse(text, resp.Header.Get("Content-Type"), s.learntURL)
	})
}

func withoutDefaultPort(scheme, host string) string {
	if scheme == "https" {
		return strings.TrimSuffix(host, ":443")
	}
	return strings.TrimSuffix(host, ":80")
}
