package app

import (
	"crypto/rsa"
	"fmt"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/admin"
	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/internal/store"
	"docusign-auth-proxy/proxy"
	"docusign-auth-proxy/proxy/authority"
	"docusign-auth-proxy/translate"
	"docusign-auth-proxy/translate/legacy"
	"docusign-auth-proxy/translate/oauth"
)

// deps is what outlives a reload and the states need.
type deps struct {
	store    *store.Store
	unsaved  *oauth.Unsaved // logins
	shared   *shared        // store, if replicas share it; else nil
	prover   *translate.Prover
	self     func() []netip.AddrPort // own listening addresses; nil = those in the configuration
	observer oauth.Observer
	onPin    func(integration, username string, client netip.Addr)
	leafKey  *rsa.PrivateKey // nil = one is made
	// onUnknown, if non-nil, is told of credentials whose key nobody configured.
	onUnknown func(cred legacy.Credential, actAs string, client netip.Addr)
}

// assembled is one state of the server and what has to be closed with it.
type assembled struct {
	cfg        *config.Config
	state      *proxy.State
	oauth      *oauth.Client
	granters   codeGranters
	adminLogin admin.Verify    // of the operations listener; nil = it asks for none
	alike      *admin.Replicas // what other replicas are compared with; nil = there are none
	idle       []interface{ CloseIdleConnections() }
	released   chan struct{} // closed when another state is in force and no call uses this one any more
}

func (a *assembled) close() {
	a.oauth.Close()
	a.closeIdle()
}

func (a *assembled) closeIdle() {
	for _, t := range a.idle {
		t.CloseIdleConnections()
	}
}

// assemble builds a server state from a configuration. previous is the state it replaces, nil at start.
func assemble(cfg *config.Config, env deps, previous *assembled) (*assembled, error) {
	a := &assembled{cfg: cfg, released: make(chan struct{})}
	dialer := DialerOf(cfg)
	if env.self != nil {
		dialer.Self = env.self
	}
	transport := TransportOf(cfg, dialer)
	listed := &http.Transport{DialContext: dialer.DialContext, DisableCompression: true,
		ResponseHeaderTimeout: cfg.Upstream.ResponseTimeout, IdleConnTimeout: cfg.Upstream.IdleTimeout}
	upstream := upstreamOf(cfg, transport)
	a.idle = append(a.idle, transport, upstream, listed)
	a.oauth, a.granters = oauthOf(cfg, env, transport)
	if previous != nil {
		a.oauth.Adopt(previous.oauth)
	}
	forward, local := clientsOf(cfg, env.prover)
	if login := cfg.Admin.BasicAuth; login != nil {
		a.adminLogin = translate.NewLogins(env.prover, "admin.basic_auth", []integration.Login{*login}).Verify
	}
	a.state = &proxy.State{
		Translator: translatorOf(cfg, env, a.oauth, previous), Policy: cfg.Egress.Policy, Clients: forward,
		LocalClients: local, Upstream: upstream, Listed: listed, TunnelDial: dialer.DialContext,
		DefaultSite: cfg.Site.URL(), AccountServer: cfg.AccountServer.Authority(), Tokens: env.store,
		Released: func() { close(a.released) },
	}
	a.state.Spools, a.state.Returns = spoolsOf(cfg, previous), returnsOf(cfg)
	a.state.OwnWSDL = ownWSDL(cfg)
	if env.shared != nil {
		a.alike = replicasOf(cfg)
	}
	if public := cfg.Sidecar.PublicURL; public != (config.Origin{}) {
		a.state.PublicURL = public.URL()
	}
	if err := a.intercept(previous, env.leafKey); err != nil {
		return nil, err
	}
	return a, nil
}

// intercept loads the CA. An unchanged one keeps its leaves, so that a reload costs no signatures and session tickets
// stay good.
func (a *assembled) intercept(previous *assembled, leafKey *rsa.PrivateKey) error {
	in := a.cfg.Interception
	if in == nil {
		return nil
	}
	if previous != nil && previous.cfg.Interception != nil && previous.cfg.Interception.Same(in) {
		a.state.Authority, a.state.Leaves = previous.state.Authority, previous.state.Leaves
		return nil
	}
	var err error
	a.state.Authority = in.Authority
	a.state.Leaves, err = authority.NewLeaves(in.Authority,
		authority.Options{Legacy: in.TLS == config.Legacy, RSAKey: leafKey})
	if err != nil {
		return fmt.Errorf("interception: %w", err)
	}
	return nil
}

// current is the state in force; none before the first.
type current struct{ atomic.Pointer[assembled] }

func (c *current) caExpires() time.Time {
	if a := c.Load().state.Authority; a != nil {
		return a.Expires()
	}
	return time.Time{}
}

func (c *current) leafExpires() time.Time {
	if l := c.Load().state.Leaves; l != nil {
		return l.FirstExpiry()
	}
	return time.Time{}
}

// retry lets a person's repair at DocuSign be seen with the next call.
func (c *current) retry() {
	if a := c.Load(); a != nil {
		a.oauth.ForgetErrors()
	}
}

// adminLogin gives the check of logins that the configuration in force asks for.
func (c *current) adminLogin() admin.Verify { return c.Load().adminLogin }
