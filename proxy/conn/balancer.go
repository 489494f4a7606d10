package conn

import (
	"errors"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/proxy/egress"
)

// Balancers are the networks whose machines stand between the programs and this proxy, and say who a program is. A
// machine that is in none of them is believed nothing of the kind.
type Balancers struct {
	ProxyProtocol []netip.Prefix // each of their connections begins with a PROXY header
	ForwardedFor  []netip.Prefix // each of their calls has X-Forwarded-For
}

// begin reads how a fresh connection begins: from a balancer with a PROXY header, which names the client, from others
// without. It returns false if the connection is to be closed.
func (f *Front) begin(c *Conn) bool {
	comes, ok := c.peek(f.HeaderTimeout)
	switch balanced := c.then != nil; {
	case !ok:
		return false
	case comes && !balanced:
		f.failed(c, 0, cause.ProxyHeaderUnlisted, cause.ProxyHeaderUnlisted.Means("client", c.Binding.Client.Addr().String()))
		return false
	case !comes && balanced:
		f.failed(c, 0, cause.ProxyHeaderMissing, cause.ProxyHeaderMissing.Means())
		return false
	case !comes:
		return true
	}
	h, err := c.takeHeader(f.HeaderTimeout)
	if err != nil {
		f.failed(c, 0, cause.ProxyHeaderUnreadable, err.Error())
		return false
	}
	if !c.place.setIdle(false) { // another connection has got its place
		return false
	}
	c.place.Leave()
	c.place = nil
	c.Binding.name(h)
	if !f.takePlace(c.then, c) {
		return false
	}
	_, ok = c.peek(f.HeaderTimeout)
	return ok
}

// name takes the client over from a PROXY header.
func (b *Binding) name(h header) {
	b.Unnamed = !isClient(h.from.Addr())
	if !b.Unnamed {
		b.Client = h.from
	}
	if isClient(h.to.Addr()) {
		b.Local = h.to
	}
}

// isClient reports whether a balancer can have got a connection from that address. What it names by a loopback address
// is on its own machine, which is not this one.
func isClient(a netip.Addr) bool {
	return a.IsValid() && !a.IsLoopback() && !a.IsUnspecified() && !a.IsMulticast()
}

// Caller gives the binding of one call: on a connection of a balancer that sends X-Forwarded-For, with the client that
// it names. Inside a tunnel the field is the program's own and says nothing; a question of forward-auth is read later.
func (f *Front) Caller(r *http.Request, b *Binding) (*Binding, error) {
	programs := b.Door == call.DoorConnect || b.Door == call.DoorForwardAuth
	if len(f.ForwardedFor) == 0 || programs || b.Unnamed || !egress.Holds(f.ForwardedFor, b.Client.Addr()) {
		return b, nil
	}
	client, err := LastUnlisted(r.Header["X-Forwarded-For"], f.ForwardedFor)
	if err != nil {
		const why = cause.ForwardedForMissing
		return b, &call.Error{Kind: call.KindBadRequest, Cause: why, Detail: why.Means("detail", err.Error())}
	}
	own := *b
	if own.Unnamed = !isClient(client); !own.Unnamed {
		own.Client = netip.AddrPortFrom(client, 0)
	}
	return &own, nil
}

// LastUnlisted gives the last entry that is none of the listed networks': what stands before it came from there, and
// may be invented. It is invalid when all are listed.
func LastUnlisted(fields []string, listed []netip.Prefix) (netip.Addr, error) {
	some := false
	for _, field := range slices.Backward(fields) {
		for _, entry := range slices.Backward(strings.Split(field, ",")) {
			entry = strings.Trim(entry, " \t")
			if entry == "" { // RFC 9110 §5.6.1.2
				continue
			}
			some = true
			a, ok := parseEntry(entry)
			if !ok {
				return netip.Addr{}, errors.New("the entry that counts is no address")
			}
			if !egress.Holds(listed, a) {
				return a, nil
			}
		}
	}
	if !some {
		return netip.Addr{}, errors.New("there is none")
	}
	return netip.Addr{}, nil
}

// parseEntry reads an address, with or without a port and brackets.
func parseEntry(text string) (netip.Addr, bool) {
	bare := strings.TrimSuffix(strings.TrimPrefix(text, "["), "]")
	a, err := netip.ParseAddr(bare)
	if err != nil || bare != text && !a.Is6() {
		ap, portErr := netip.ParseAddrPort(text)
		a, err = ap.Addr(), portErr
	}
	return a.Unmap(), err == nil && a.Zone() == ""
}
