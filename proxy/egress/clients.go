package egress

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/secret"
)

// More reasons: of an Admission.
const (
	ReasonAdmitted         = "admitted"
	ReasonClientAddress    = "client_address"
	ReasonClientUnknown    = "client_credential_missing"
	ReasonClientCredential = "client_credential"
	ReasonThrottled        = "throttled" // the proxy user was not checked: too many wrong passwords
	ReasonBusy             = "busy"      // nor here: too many checks at once
)

// maxProxyAuthorization bounds the header before it is decoded.
const maxProxyAuthorization = 4 << 10

// Clients says who may use the proxy. The zero value admits this machine alone, without a proxy user.
type Clients struct {
	// Allow lists the networks that may connect. nil means loopback; a list means exactly its networks, so a list that
	// should serve this machine too must name 127.0.0.0/8.
	Allow []netip.Prefix
	// Verify checks a proxy user who comes from client; nil asks for none. It is called for every request from an allowed
	// address, so a slow hash must be remembered, and failures throttled, behind it. A *call.Error may
	// say that the password was not checked.
	Verify func(ctx context.Context, client netip.Addr, user string, password secret.Text) error
}

// Admission is what Clients says about a request.
type Admission struct {
	// Status to answer with: 403 or 407, 429 or 503 when the login was not checked; 0 if the client is admitted.
	Status int
	// RetryAfter is when to try again, for 429 and 503.
	RetryAfter time.Duration
	// Challenge is the Proxy-Authenticate header that a 407 must carry (RFC 9110 §15.5.8).
	Challenge string
	// Reason is a fixed label.
	Reason string
	// Cause of a refusal, with the values for its texts; none of them is a credential.
	Cause cause.ID
	Fill  []string
}

// OK reports whether the client is admitted.
func (a Admission) OK() bool { return a.Status == 0 }

// Admit judges a request on the forward proxy's doors by the client's address, invalid where a balancer names none, and
// its Proxy-Authorization header ("" if none).
func (c *Clients) Admit(ctx context.Context, remote netip.AddrPort, proxyAuthorization string) Admission {
	a := c.AdmitAddress(remote)
	if !a.OK() || c.Verify == nil {
		return a
	}
	refuse := func(status int, id cause.ID) Admission {
		return Admission{Status: status, Reason: id.String(), Cause: id, Fill: []string{"client", remote.Addr().String()}}
	}
	wrong := func(id cause.ID) Admission {
		a := refuse(http.StatusProxyAuthRequired, id)
		a.Challenge = `Basic realm="docusign-auth-proxy"`
		return a
	}
	user, password, ok := basic(proxyAuthorization)
	if !ok {
		return wrong(cause.ClientCredentialMissing)
	}
	err := c.Verify(ctx, remote.Addr(), user, password)
	if err == nil {
		return a
	}
	unchecked, ok := errors.AsType[*call.Error](err)
	if !ok {
		return wrong(cause.ClientCredential)
	}
	status, after := unchecked.Later()
	if status == 0 {
		return wrong(cause.ClientCredential)
	}
	a = refuse(status, unchecked.Kind.Cause())
	a.RetryAfter = after
	return a
}

// Holds reports whether one of the networks has the address, IPv4 in any form and without regard to a zone.
func Holds(networks []netip.Prefix, a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	return slices.ContainsFunc(networks, func(n netip.Prefix) bool { return n.Contains(a) })
}

// AdmitAddress judges by the address alone, for the doors whose clients know no proxy: sidecar and hosts file.
func (c *Clients) AdmitAddress(remote netip.AddrPort) Admission {
	ip := remote.Addr().Unmap().WithZone("")
	if c.Allow == nil && ip.IsLoopback() || Holds(c.Allow, ip) {
		return Admission{Reason: ReasonAdmitted}
	}
	a := Admission{Status: http.StatusForbidden, Reason: ReasonClientAddress, Cause: cause.ClientUnnamed}
	if ip.IsValid() {
		a.Cause, a.Fill = cause.ClientAddress, []string{"client", ip.String()}
	}
	return a
}

// basic reads RFC 7617 credentials.
func basic(header string) (user string, password secret.Text, ok bool) {
	scheme, encoded, _ := strings.Cut(header, " ")
	if len(header) > maxProxyAuthorization || !strings.EqualFold(scheme, "Basic") {
		return "", secret.Text{}, false
	}
	raw, err := base64.StdEncoding.DecodeString(strings.Trim(encoded, " "))
	user, pass, found := strings.Cut(string(raw), ":")
	control := strings.ContainsFunc(string(raw), func(r rune) bool { return r < ' ' || r == 0x7f })
	return user, secret.New(pass), err == nil && found && user != "" && !control
}
