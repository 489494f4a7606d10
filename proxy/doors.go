package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/proxy/conn"
	"docusign-auth-proxy/proxy/egress"
	"docusign-auth-proxy/proxy/route"
	"docusign-auth-proxy/proxy/tunnel"
	"docusign-auth-proxy/translate"
)

// door is a way in. A new one is one more row of doorOf, with its listener in the configuration.
type door struct {
	name call.Door
	// tls gives the certificates of a listener; nil = TLS is refused. A tunnel has those of its own target.
	tls func(*State) *tls.Config
	// bind finds the host that a call is for; the zero Host is the sidecar's default site. It returns an answer, or an
	// error, when the call may not go there. A Host header never chooses where TLS or a CONNECT has named a host.
	bind func(*incoming) (egress.Host, next, error)
	// noConnect says why a CONNECT is not taken there; "" = it is.
	noConnect string
}

func doorOf(name call.Door) door {
	const inside = "CONNECT inside a tunnel"
	switch name {
	case call.DoorConnect:
		return door{name: name, bind: bindTunnel, noConnect: inside}
	case call.DoorHosts:
		return door{
			name: name, tls: func(st *State) *tls.Config { return st.hostsTLS }, bind: bindHosts,
			noConnect: "the hosts-file listener takes none",
		}
	}
	no := map[call.Door]string{call.DoorForwardAuth: "gateways ask questions there"}[name]
	return door{name, func(st *State) *tls.Config { return st.sidecarTLS }, bindSidecar, no}
}

type bindingKey struct{}

func bindingOf(r *http.Request) *conn.Binding {
	if b, ok := r.Context().Value(bindingKey{}).(*conn.Binding); ok {
		return b
	}
	return &conn.Binding{Door: call.DoorSidecar}
}

// bind finds what the connection was opened for and who calls, and gives what is wrong with the head.
func (s *Server) bind(w http.ResponseWriter, r *http.Request) (*http.Request, *conn.Binding, error) {
	b := bindingOf(r)
	if b.Conn == nil {
		return r, b, nil
	}
	faulty, closes := b.Conn.HandlerCalled(r)
	if closes {
		w.Header().Set("Connection", "close")
	}
	if faulty != "" && r.Method != http.MethodConnect {
		return r, b, &call.Error{Kind: call.KindBadRequest, Cause: cause.UnsupportedCoding, Detail: faulty}
	}
	own, err := s.front.Caller(r, b)
	if own != b {
		r = r.WithContext(context.WithValue(r.Context(), bindingKey{}, own))
	}
	return r, own, err
}

// bindSidecar also serves plain forward requests, which come to the same listener with an absolute URI.
func bindSidecar(c *incoming) (egress.Host, next, error) {
	if c.r.URL.IsAbs() && !isSelf(c) {
		c.event.Door = call.DoorForward
		return bindForward(c)
	}
	if isReturn(c.r.URL.Path) {
		return egress.Host{}, next{}, nil
	}
	if n, ok := admit(c, c.state.LocalClients.AdmitAddress(c.binding.AdmittedAs())); !ok {
		return egress.Host{}, n, nil
	}
	return egress.Host{}, next{}, c.checkEnvironment(egress.Host{})
}

// isSelf reports whether an absolute URI names the proxy itself: programs with HTTP_PROXY set may address the sidecar
// that way, and browsers what signers come back to.
func isSelf(c *incoming) bool {
	local := c.binding.Local
	h, err := egress.ParseHost(c.r.URL.Host, portOf(c.r.URL))
	if err == nil && isReturn(c.r.URL.Path) && slices.Contains(c.state.Returns, h.String()) {
		return true
	}
	return err == nil && h.Port() == local.Port() && isLocalName(h, local.Addr())
}

// portOf is the port of a URL that names none.
func portOf(u *url.URL) uint16 {
	if u.Scheme == "https" {
		return 443
	}
	return 80
}

func bindForward(c *incoming) (egress.Host, next, error) {
	r, none := c.r, egress.Host{}
	admission := c.state.Clients.Admit(r.Context(), c.binding.AdmittedAs(), r.Header.Get("Proxy-Authorization"))
	if n, ok := admit(c, admission); !ok {
		return none, n, nil
	}
	if r.URL.Scheme != "http" && r.URL.Scheme != "https" {
		const scheme = "request target: a scheme that is neither http nor https"
		return none, next{}, &call.Error{Kind: call.KindBadRequest, Detail: scheme}
	}
	target, err := egress.ParseHost(r.URL.Host, portOf(r.URL))
	if err != nil {
		return none, next{}, &call.Error{Kind: call.KindBadRequest, Detail: "request target: " + egress.Problem(err)}
	}
	if err := c.checkEnvironment(target); err != nil {
		return target, next{}, err
	}
	d := c.state.decide(target)
	switch d.Action {
	case egress.Intercept:
		return target, next{}, nil
	case egress.Tunnel:
		return target, passListed(c, target), nil
	}
	fill := d.Shown(target)
	c.refused(call.OutcomeRefused, d.Cause, d.Cause.Means(fill...), fill...)
	n, err := c.text(http.StatusForbidden, tunnel.Text(d.Cause, d.Fill...))
	return target, n, err
}

func bindHosts(c *incoming) (egress.Host, next, error) {
	if n, ok := admit(c, c.state.LocalClients.AdmitAddress(c.binding.AdmittedAs())); !ok {
		return egress.Host{}, n, nil
	}
	if c.r.TLS == nil {
		return egress.Host{}, next{}, errHost("a call to the hosts-file listener without TLS")
	}
	target, err := hostsTarget(c)
	if err == nil {
		err = c.checkHost(target)
	}
	return target, next{}, err
}

// hostsTarget is the host that a call to the hosts-file listener is for: the SNI, or the Host header where the client's
// TLS is too old for SNI (Java 6, .NET 3.5). The certificate that such a client accepted stands for all of DocuSign's
// names, and for no others.
func hostsTarget(c *incoming) (egress.Host, error) {
	sni := c.r.TLS.ServerName
	name := sni
	if name == "" {
		name = c.r.Host
	}
	target, err := egress.ParseHost(name, 443)
	if err != nil {
		return target, errHost("a call to the hosts-file listener without a server name")
	}
	target = target.WithPort(443)
	if d := c.state.decide(target); sni == "" && d.Action != egress.Intercept && d.Reason != egress.ReasonEnvironment {
		return target, errHost("a call to the hosts-file listener without SNI, and with a Host header that is not DocuSign's")
	}
	return target, nil
}

func bindTunnel(c *incoming) (egress.Host, next, error) {
	return c.binding.Target, next{}, c.checkHost(c.binding.Target)
}

// checkHost refuses a Host header that differs from the host to which the connection is bound.
func (c *incoming) checkHost(target egress.Host) error {
	if err := c.checkEnvironment(target); err != nil || c.r.Host == "" {
		return err // HTTP/1.0 knows no Host; the connection says where the call goes
	}
	if c.r.Host == target.Name() {
		return nil
	}
	inner, err := egress.ParseHost(c.r.Host, target.Port())
	if err != nil || inner.Name() != target.Name() {
		return errHost("the Host header names another host than the connection was opened for")
	}
	return nil
}

func errHost(detail string) error { return &call.Error{Kind: call.KindHostMismatch, Detail: detail} }

// checkEnvironment refuses a call that means another environment by any of the names in it: the bound target, the SNI
// inside a tunnel, the Host header (PROTOCOL.md §7).
func (c *incoming) checkEnvironment(target egress.Host) error {
	if err := c.checkSite(target); err != nil {
		return err
	}
	if host := c.r.Host; host != target.Name() {
		h, err := egress.ParseHost(host, 443)
		if err != nil { // with an odd port or several final dots the name is a name all the same
			name, _, _ := strings.Cut(host, ":")
			h, err = egress.ParseHost(strings.TrimRight(name, "."), 443)
		}
		if err == nil {
			if err := c.checkSite(h); err != nil {
				return err
			}
		}
	}
	if c.r.TLS == nil || c.r.TLS.ServerName == target.Name() {
		return nil
	}
	if h, err := egress.ParseHost(c.r.TLS.ServerName, 443); err == nil {
		return c.checkSite(h)
	}
	return nil
}

// checkSite refuses a host of another environment.
func (c *incoming) checkSite(h egress.Host) error {
	var wrong *egress.EnvironmentError
	if !errors.As(c.state.Policy.CheckEnvironment(h), &wrong) {
		return nil
	}
	c.route = route.Classify(c.r.Method, c.r.URL.Path, c.r.URL.RawQuery)
	c.event.API, c.site = c.route.API, translate.Site{Base: h.Origin()}
	return &call.Error{Kind: call.KindWrongEnvironment, Err: wrong}
}

// admit returns the answer to a client that may not use the proxy.
func admit(c *incoming, a egress.Admission) (next, bool) {
	if a.OK() {
		return next{}, true
	}
	c.refused(call.OutcomeRefused, a.Cause, a.Cause.Means(a.Fill...), a.Fill...)
	answer := tunnel.NotAdmitted(a)
	return next{answer: &answer}, false
}
