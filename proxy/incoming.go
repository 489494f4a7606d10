package proxy

import (
	"context"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/proxy/conn"
	"docusign-auth-proxy/proxy/egress"
	"docusign-auth-proxy/proxy/route"
	"docusign-auth-proxy/translate"
	"docusign-auth-proxy/translate/legacy"
	"docusign-auth-proxy/translate/oauth"
	"docusign-auth-proxy/translate/reply"
	"docusign-auth-proxy/translate/soaprest/answer"
)

// Names of the headers that carry legacy credentials, in canonical form.
const (
	headerLegacy = "X-Docusign-Authentication"
	headerActAs  = "X-Docusign-Act-As-User"
)

// incoming is one call as it came, with what has been found out about it.
type incoming struct {
	server   *Server
	state    *State
	binding  *conn.Binding
	r        *http.Request // what a kind of call changes in it goes upstream
	askedFor *url.URL      // as it came, for hosts of egress.tunnel
	caller   *conn.Body
	route    route.Route
	event    call.Event
	why      cause.ID // row of event.Cause; 0 = it is found by its word
	fill     []string // values for the row's texts
	start    time.Time

	decision *translate.Decision
	token    *oauth.Token
	site     translate.Site
	soap     *soapCall // nil for REST
	rest     *restCall // nil unless REST calls carry a SOAP call out
}

// TokenIssuer hands out the proxy's own secrets and takes them back.
type TokenIssuer interface {
	Issue(integration.TokenOwner) (secret.Text, error)
	IssuePassword(integration.TokenOwner) (secret.Text, error)
	Revoke(ctx context.Context, token secret.Text) (bool, error)
}

// next is what a kind of call comes to: an answer of the proxy's own, one that is made while it is sent, or a call to
// DocuSign. One of them is set.
type next struct {
	answer  *reply.Answer
	stream  *answer.Answer
	forward *forward
}

// handler is a kind of call. It writes nothing to the caller.
type handler func(*incoming) (next, error)

func answered(a reply.Answer) (next, error) { return next{answer: &a}, nil }

// onward forwards the call with the credential that its decision says.
func (c *incoming) onward() *forward {
	f := &forward{incoming: c}
	if d := c.decision; d != nil && d.Action != translate.ActionTranslate {
		f.native, f.ownToken = true, d.OwnToken
	}
	return f
}

// refused notes why the proxy itself answers with an error.
func (c *incoming) refused(o call.Outcome, why cause.ID, detail string, fill ...string) {
	c.event.Outcome, c.event.Detail = o, detail
	c.because(why, fill...)
}

// because notes the row of the table of causes that tells what the operator does.
func (c *incoming) because(why cause.ID, fill ...string) {
	c.event.Cause, c.why, c.fill = why.String(), why, fill
}

// nextStep fills in what is known of a call that did not end well.
func (c *incoming) nextStep() string {
	why := c.why
	if known, ok := cause.Lookup(c.event.Cause); ok && why == 0 {
		why = known
	}
	return why.Next(slices.Concat(c.server.values(c.decision, c.state, &c.event), c.fill)...)
}

// values are what is known of every call for the texts of a cause.
func (s *Server) values(d *translate.Decision, st *State, e *call.Event) []string {
	fill := []string{
		"client", e.Client.String(), "environment", string(st.Policy.Environment), "server", st.AccountServer,
		"host", e.Site, "operation", e.Operation, "config", s.cfg.ConfigFile,
	}
	return append(fill, d.Values()...)
}

// replier answers in the caller's dialect.
func (c *incoming) replier() reply.Caller {
	if c.soap != nil || c.route.SOAP() {
		return c.soap.envelopeReplier(c)
	}
	d := reply.ForREST(c.r.Header)
	if c.route.API == call.APILegacyOAuth || c.route.API == call.APIAccountServer {
		d = reply.ForOAuth(c.r.Header)
	}
	return reply.Caller{Dialect: d, RequestID: c.event.RequestID}
}

// text is an answer for callers whose dialect does not matter.
func (c *incoming) text(status int, text string) (next, error) {
	return answered(reply.Caller{RequestID: c.event.RequestID}.Text(status, text))
}

// credentials is what the HTTP headers of a call carry.
func (c *incoming) credentials() *translate.Call {
	return &translate.Call{
		Legacy: c.r.Header[headerLegacy], Authorization: c.r.Header["Authorization"],
		ActAs: c.r.Header.Get(headerActAs), Client: c.binding.Client.Addr(),
	}
}

// accept takes a decision, and for a translated call gets what it needs by prepare.
func (c *incoming) accept(d *translate.Decision, err error, prepare func() error) error {
	c.decision = d
	if err == nil {
		err = c.proven()
	}
	if err == nil && d.Action == translate.ActionTranslate {
		err = prepare()
	}
	c.translated()
	if err != nil || d.Action == translate.ActionTranslate {
		return err
	}
	c.event.Mode = "pass"
	if d.Action == translate.ActionObserve {
		c.event.Mode = "observe"
	}
	// Only at the sidecar, and for a gateway, is the host that the program meant unknown.
	sidecar := c.event.Door == call.DoorSidecar || c.event.Door == call.DoorForwardAuth
	if base := c.state.Translator.KnownSite(d, c.route.Account); base != nil && sidecar {
		c.site.Base = base
	}
	return nil
}

// translated notes the time that credential, token and site have taken.
func (c *incoming) translated() { c.event.Translate = time.Since(c.start) }

// proven lets a call whose credential counts take its time, and keep its connection when others want one. It fails if
// another has got the connection's place already: nobody would see the answer.
func (c *incoming) proven() error {
	c.caller.SetLimit(c.server.cfg.BodyTimeout)
	if !c.binding.Conn.Proven() {
		const displaced = cause.ConnectionDisplaced
		return &call.Error{Kind: call.KindBusy, Cause: displaced, Detail: displaced.String()}
	}
	return nil
}

// tokenAndSite gets the token and the site of a translated call.
func (c *incoming) tokenAndSite() (err error) {
	if c.token, err = c.state.Translator.Token(c.r.Context(), c.decision); err != nil {
		return err
	}
	site, err := c.state.Translator.Site(c.r.Context(), c.decision, c.route.Account)
	if err == nil {
		c.site = site
	}
	return err
}

// needsNone decides that the call needs no credential.
func (c *incoming) needsNone() {
	c.event.Mode = "pass"
	c.decision = &translate.Decision{Action: translate.ActionPass, Scheme: legacy.None}
}

// observesCaller reports whether an observed call is certain to come from a program that the operator observes. A token
// that nobody knows only may.
func (c *incoming) observesCaller() bool {
	return c.decision.Attributed() || c.state.Translator.Observed("") != nil
}

func (c *incoming) integration() *integration.Integration {
	if c.decision == nil {
		return nil
	}
	return c.decision.Integration
}

// bodyError says that the request could not be read to its end.
func (c *incoming) bodyError(err error) error {
	if c.caller.Slow() {
		return &call.Error{Kind: call.KindSlowBody, Detail: conn.ErrSlowBody.Error()}
	}
	return &call.Error{Kind: call.KindBadRequest, Detail: "the request body could not be read", Err: err}
}

// origin is where the caller is told to go for a site, so that its next call comes back to this proxy: the sidecar's
// own address, or the site under the scheme that the caller uses now. A program on plain HTTP need not trust the CA, so
// it is never sent to https.
func (c *incoming) origin(site *url.URL) *url.URL {
	switch {
	case c.event.Door == call.DoorSidecar:
		return c.sidecarOrigin()
	case c.event.Door == call.DoorForward:
		return &url.URL{Scheme: c.r.URL.Scheme, Host: site.Host}
	case c.r.TLS == nil: // a tunnel to port 80
		return &url.URL{Scheme: "http", Host: site.Host}
	}
	return &url.URL{Scheme: "https", Host: site.Host}
}

// sidecarOrigin is the sidecar under the name that this caller can reach: sidecar.public_url, else the Host header
// where that can lead back here, else the address that the connection came to.
func (c *incoming) sidecarOrigin() *url.URL {
	if c.state.PublicURL != nil {
		return c.state.PublicURL
	}
	r, local := c.r, c.binding.Local
	u := &url.URL{Scheme: "http", Host: netip.AddrPortFrom(local.Addr().WithZone(""), local.Port()).String()}
	standard, sni := uint16(80), ""
	if r.TLS != nil {
		u.Scheme, standard, sni = "https", 443, r.TLS.ServerName
	}
	if h, err := egress.ParseHost(sni, local.Port()); err == nil {
		u.Host = h.String() // the certificate that the caller believes has this name
	}
	h, err := egress.ParseHost(r.Host, standard)
	switch {
	case err != nil: // HTTP/1.0 without Host, or nonsense
	case h.Port() == standard && local.Port() != standard && isLocalName(h, local.Addr()):
		// The port was left out (RFC 9110 §7.2 wants it).
		u.Host = h.WithPort(local.Port()).String()
	case !strings.EqualFold(h.Name(), sni) && c.docuSignSite(r.Host) != nil:
		// A program whose Host header is fixed to DocuSign's name; it would go there past the proxy.
	default:
		u.Host = r.Host
	}
	return u
}

// isLocalName reports whether h is the address that a connection came to. Any other name may be that of a reverse proxy
// in front.
func isLocalName(h egress.Host, local netip.Addr) bool {
	return h.Name() == local.WithZone("").String() || h.Name() == "localhost" && local.IsLoopback()
}

// docuSignSite gives the origin of a host[:port] that is DocuSign's, by policy, by UserInfo, or because the call goes
// there; nil for others, and for those of another environment, in whose stead this proxy must not be called.
func (c *incoming) docuSignSite(authority string) *url.URL {
	h, err := egress.ParseHost(authority, 443)
	if err != nil || c.state.Policy.CheckEnvironment(h) != nil {
		return nil
	}
	site := h.Origin()
	if c.state.Policy.DocuSign(h) || c.state.Translator.KnowsHost(site.Host) ||
		c.site.Base != nil && c.site.Base.Host == site.Host {
		return site
	}
	return nil
}

// leadBack writes the caller's way to a site in front of an absolute URL; the rest stays byte for byte.
func (c *incoming) leadBack(text string, site *url.URL) string {
	out := withOrigin(text, c.origin(site))
	if out != text {
		c.event.Rewritten++
	}
	return out
}

func withOrigin(text string, origin *url.URL) string {
	_, rest, _ := strings.Cut(text, "//")
	path := ""
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		path = rest[i:]
	}
	return origin.Scheme + "://" + origin.Host + path
}
