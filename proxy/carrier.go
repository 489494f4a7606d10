package proxy

import (
	"net/url"
	"strings"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/internal/services"
	"docusign-auth-proxy/proxy/body"
	"docusign-auth-proxy/translate/legacy"
)

// Carrier is a way of translated SOAP calls to DocuSign, as the integration's soap: says. A new one is one more row of
// carrier and its file.
type Carrier interface {
	// Prepare gets what the way needs, before anything of the call is changed.
	Prepare(*soapCall) error
	// Carry answers or forwards the call. A *soap.Error says that the envelope cannot be edited.
	Carry(*soapCall) (next, error)
}

func (s *soapCall) carrier() Carrier {
	switch s.decision.Integration.SOAP {
	case integration.AppPassword:
		return appPassword{}
	case integration.OverREST:
		return overREST{}
	}
	return bearer{}
}

// bearer takes the legacy credential out and sends a token in its place.
type bearer struct{}

// Prepare gets the token and the site.
func (bearer) Prepare(s *soapCall) error { return s.tokenAndSite() }

// Carry also answers credential.asmx, whose operations carry the credential as parameters (PROTOCOL.md §4.7).
func (bearer) Carry(s *soapCall) (next, error) {
	if s.inBody {
		return serveCredential(s)
	}
	m := s.message
	if err := s.readdress(); err != nil {
		return next{}, err
	}
	if m.Token != nil {
		if err := m.RemoveToken(); err != nil {
			return next{}, err
		}
	}
	f := s.edited()
	if m.HasTimestamp {
		f.edit = body.InsertTimestamp
	}
	return next{forward: f}, nil
}

// appPassword puts the authenticator's App Password where the service reads it (PROTOCOL.md §4.3, §4.9).
type appPassword struct{}

// Prepare needs no token. Without a site the call goes to the one that the caller named: SOAP forwards across sites
// (PROTOCOL.md §4.1).
func (appPassword) Prepare(s *soapCall) error {
	if err := s.decision.CheckAppPassword(); err != nil {
		return err
	}
	if site, err := s.state.Translator.Site(s.r.Context(), s.decision, ""); err == nil {
		s.site = site
	}
	return nil
}

// Carry replaces the password alone.
func (a appPassword) Carry(s *soapCall) (next, error) {
	if s.inBody {
		return a.carryCredential(s)
	}
	if err := s.readdress(); err != nil {
		return next{}, err
	}
	header, err := a.put(s)
	if err != nil {
		return next{}, err
	}
	f := s.edited()
	f.legacyHeader = header
	return next{forward: f}, nil
}

func (appPassword) put(s *soapCall) (header string, err error) {
	m := s.message
	password, _ := s.decision.AppPassword()
	switch {
	case s.route.ReadsFrom(services.Header, services.HeaderOrToken) && s.read.Scheme != legacy.WSSecurity:
		if m.Token != nil {
			err = m.RemoveToken()
		}
		return s.decision.AppCredential(s.read).Header(password), err
	case s.route.ReadsFrom(services.Body):
		const misplaced = "a token at credential.asmx, which reads "
		return "", &call.Error{Kind: call.KindNoCredential, Detail: misplaced + s.route.Service.Reads.String()}
	case m.Token == nil: // the call came with a token of the proxy's own
		return "", m.InsertToken(s.decision.AppName(s.read, ""), password)
	}
	if err := m.Token.SetPassword(password); err != nil {
		return "", err
	}
	if name := s.decision.AppName(s.read, m.Token.Username); name != m.Token.Username {
		return "", m.Token.SetUsername(name)
	}
	return "", nil
}

// carryCredential passes a call of credential.asmx on.
func (appPassword) carryCredential(s *soapCall) (next, error) {
	m := s.message
	password, _ := s.decision.AppPassword()
	err := m.Credential.SetPassword(password)
	if err == nil && m.Token != nil {
		err = m.RemoveToken() // the service does not read it
	}
	if name := s.decision.AppName(s.read, m.Credential.Username); err == nil && name != m.Credential.Username {
		err = m.Credential.SetUsername(name)
	}
	if err != nil {
		return next{}, &call.Error{Kind: call.KindBadRequest, Detail: "credential.asmx: " + err.Error()}
	}
	f := s.edited()
	if s.operation().Local == "Login" {
		f.edit = s.editLoginResponse
	}
	return next{forward: f}, nil
}

// readdress turns the URL that the client dialled into the upstream's (PROTOCOL.md §4.4): the Host it sent, or its
// way to this proxy.
func (s *soapCall) readdress() error {
	to, err := url.Parse(s.message.To)
	if err != nil || to.Host == "" {
		return nil
	}
	host, origin := withoutDefaultPort(to.Scheme, to.Host), s.origin(s.site.Base)
	if !strings.EqualFold(host, withoutDefaultPort(origin.Scheme, origin.Host)) &&
		!strings.EqualFold(host, withoutDefaultPort(to.Scheme, s.r.Host)) {
		return nil
	}
	to.Scheme, to.Host = s.site.Base.Scheme, s.site.Base.Host
	return s.message.SetTo(to.String())
}
