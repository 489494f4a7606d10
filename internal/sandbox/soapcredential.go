package sandbox

import (
	"docusign-auth-proxy/internal/sandbox/message"
	"docusign-auth-proxy/internal/services"
)

// credential is a user name and password in any of the shapes SOAP knows (PROTOCOL.md §4.3).
type credential struct {
	message.Credential
	count func(*Legacy)
}

// authenticate takes App Passwords and access tokens. Every other password is counted as legacy and refused.
func (c *soapRequest) authenticate() *apiError {
	if len(c.Header["X-Docusign-Act-As-User"]) > 0 {
		c.count(func(n *Counts) { n.Legacy.ActAs++ })
		return lacksPermissions("")
	}
	cred := c.credential()
	switch {
	case cred != nil:
		return c.check(cred)
	case len(c.Header["Authorization"]) > 0:
		return c.checkBearer()
	case c.msg.Operation == "Ping":
		return nil
	}
	return refusal("PARTNER_AUTHENTICATION_FAILED", "An Integrator key was not specified.")
}

// credential is what the request presents in the place where this service reads it (PROTOCOL.md §4.3). What stands
// elsewhere is counted and otherwise overlooked.
func (c *soapRequest) credential() *credential {
	header, token, reads := c.Header["X-Docusign-Authentication"], c.msg.Token, c.service.Reads
	byHeader := len(header) > 0 && (reads == services.Header || reads == services.HeaderOrToken)
	byToken := token != nil && (reads == services.UsernameToken || reads == services.HeaderOrToken && !byHeader)
	c.count(func(n *Counts) {
		if len(header) > 0 && !byHeader {
			n.Legacy.Header++
		}
		if token != nil && !byToken {
			n.Legacy.WSSecurity++
		}
	})
	password := c.msg.Field("Password")
	switch {
	case byHeader:
		cred := message.ReadHeader(header[0])
		cred.Malformed = cred.Malformed || len(header) > 1
		return &credential{cred, func(l *Legacy) { l.Header++ }}
	case byToken:
		cred := message.Credential{Username: token.Username, Password: token.Password, Digest: token.Digest}
		return &credential{cred, func(l *Legacy) { l.WSSecurity++ }}
	case c.takesBody() && (password != "" || c.msg.HasField("Email") && len(c.Header["Authorization"]) == 0):
		cred := message.Credential{Username: c.msg.Field("Email"), Password: password}
		return &credential{cred, func(l *Legacy) { l.Body++ }}
	}
	return nil
}

// takesBody tells whether the operation's credential is in the body.
func (c *soapRequest) takesBody() bool {
	return c.service.Reads == services.Body && c.msg.Operation != "Ping"
}

func (c *soapRequest) check(cred *credential) *apiError {
	cred.Split()
	user, known := c.findUser(cred.Username)
	proven := !cred.Digest && known && user.AppPassword != "" && cred.Password == user.AppPassword
	if !proven {
		c.count(func(n *Counts) { cred.count(&n.Legacy) })
	}
	switch {
	case cred.Malformed:
		return &apiError{
			code: "Invalid_Token_Format", message: "The security token format does not conform to expected schema.",
		}
	case !proven:
		return refusal("USER_AUTHENTICATION_FAILED")
	}
	integration, registered := c.findIntegration(cred.Key)
	if !registered {
		return refusal("PARTNER_AUTHENTICATION_FAILED")
	}
	if cred.OnBehalfOf != "" {
		principal, resolved := c.findUser(cred.OnBehalfOf)
		if !user.Admin || !resolved {
			return lacksPermissions(" Failed to resolve SendOnBehalfOf user")
		}
		user = principal
	}
	c.User, c.key = user, integration.Key
	return nil
}

func (c *soapRequest) checkBearer() *apiError {
	var refused *apiError
	if c.User, c.key, refused = c.caller(); refused != nil || c.setting().noSOAPBearer {
		return refusal("AUTHORIZATION_INVALID_TOKEN")
	}
	return nil
}
