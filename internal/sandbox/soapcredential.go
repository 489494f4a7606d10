package sandbox

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"strings"

	"docusign-auth-proxy/internal/services"
)

// credential is a user name and password in any of the shapes SOAP knows (PROTOCOL.md §4.3).
type credential struct {
	username, password, key, onBehalfOf string
	digest, malformed                   bool
	count                               func(*Legacy)
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
		cred := headerCredential(header[0])
		cred.malformed = cred.malformed || len(header) > 1
		return &cred
	case byToken:
		return &credential{
			username: token.Username, password: token.Password, digest: token.Digest,
			count: func(l *Legacy) { l.WSSecurity++ },
		}
	case c.takesBody() && (password != "" || c.msg.HasField("Email") && len(c.Header["Authorization"]) == 0):
		return &credential{username: c.msg.Field("Email"), password: password, count: func(l *Legacy) { l.Body++ }}
	}
	return nil
}

// takesBody tells whether the operation's credential is in the body.
func (c *soapRequest) takesBody() bool {
	return c.service.Reads == services.Body && c.msg.Operation != "Ping"
}

// headerCredential reads the X-DocuSign-Authentication header, strictly.
func headerCredential(value string) credential {
	var h struct {
		XMLName                                           xml.Name `json:"-"`
		Username, Password, IntegratorKey, SendOnBehalfOf string
	}
	var err error
	if strings.HasPrefix(strings.TrimSpace(value), "{") {
		err = json.Unmarshal([]byte(value), &h)
	} else if err = xml.Unmarshal([]byte(value), &h); err == nil && h.XMLName.Local != "DocuSignCredentials" {
		err = errors.New("not DocuSignCredentials")
	}
	return credential{
		username: h.Username, password: h.Password, key: h.IntegratorKey, onBehalfOf: h.SendOnBehalfOf,
		count: func(l *Legacy) { l.Header++ }, malformed: err != nil,
	}
}

// split takes the brackets off a user name: "[key]user", "[key][principal]user", or "[principal]user" beside a key.
func (cred *credential) split() {
	for {
		name := strings.TrimSpace(cred.username)
		inner, rest, ok := strings.Cut(strings.TrimPrefix(name, "["), "]")
		if !strings.HasPrefix(name, "[") || !ok {
			cred.username = name
			return
		}
		if cred.key == "" {
			cred.key = strings.TrimSpace(inner)
		} else {
			cred.onBehalfOf = strings.TrimSpace(inner)
		}
		cred.username = rest
	}
}

func (c *soapRequest) check(cred *credential) *apiError {
	cred.split()
	user, known := c.findUser(cred.username)
	proven := !cred.digest && known && user.AppPassword != "" && cred.password == user.AppPassword
	if !proven {
		c.count(func(n *Counts) { cred.count(&n.Legacy) })
	}
	switch {
	case cred.malformed:
		return &apiError{
			code: "Invalid_Token_Format", message: "The security token format does not conform to expected schema.",
		}
	case !proven:
		return refusal("USER_AUTHENTICATION_FAILED")
	}
	integration, registered := c.findIntegration(cred.key)
	if !registered {
		return refusal("PARTNER_AUTHENTICATION_FAILED")
	}
	if cred.onBehalfOf != "" {
		principal, resolved := c.findUser(cred.onBehalfOf)
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
