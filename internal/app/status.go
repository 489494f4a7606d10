package app

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/admin"
	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/observe/ledger"
	"docusign-auth-proxy/translate/oauth"
)

// newAdmin makes the operations listener's server.
func (p *App) newAdmin(cfg *config.Config) *http.Server {
	// Browsers come back from DocuSign to path, if that is here; names are beside localhost and addresses.
	path, names := "", []string{}
	if redirect := cfg.Admin.Redirect; redirect != nil {
		path, names = cmp.Or(redirect.Path, "/"), append(names, redirect.Hostname())
	}
	if host, _, err := net.SplitHostPort(cfg.Listen.Admin); err == nil && host != "" {
		names = append(names, host)
	}
	handler := admin.NewHandler(admin.Config{
		Log: p.log, Metrics: promhttp.HandlerFor(p.registry, promhttp.HandlerOpts{}), Ready: p.isReady,
		Reload: p.Reload, Retry: func() { p.current.retry(); p.shared.retry() }, ConsentPath: path, Status: p.Status,
		OnPanic: func() { p.metrics.RecordPanic(call.PanicOperations) },
		Auth:    p.current.adminLogin, Token: p.operator.token, Hosts: names, Extra: p.operatorRoutes(),
	})
	return &http.Server{
		Handler: handler, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
		ErrorLog: slog.NewLogLogger(p.log.Handler(), slog.LevelDebug),
	}
}

// isReady says whether calls are taken.
func (p *App) isReady() error {
	select {
	case <-p.opened:
	default:
		return errors.New("the listeners are not open yet")
	}
	select {
	case <-p.stopping:
		return errors.New("stopping: calls under way are being finished")
	default:
	}
	if err := p.shared.ready(); err != nil {
		return err
	}
	// Calls go on without a log, but an operator must hear of it; /-/healthy stays as it is.
	return p.logWriter.Trouble()
}

// Status gathers what the pages, /api/status and the reports tell.
func (p *App) Status() admin.Status {
	cfg, a := p.holder.Current(), p.current.Load()
	version, commit, _ := BuildVersion()
	s := admin.Status{
		Version: version, Commit: commit, Environment: cfg.Environment, Started: p.started,
		Listeners: p.listenerStatus(cfg), UnknownMode: cfg.Unknown,
		Balancers:    append(texts(cfg.Listen.ProxyProtocol), texts(cfg.Listen.ForwardedFor)...),
		Config:       admin.ConfigState{Path: p.path, LoadedAt: p.holder.LastSuccess()},
		Tunnels:      admin.Tunnels{Open: p.Server.OpenTunnels(), Allowed: texts(cfg.Egress.Tunnel)},
		Integrations: IntegrationStatus(cfg, p.ledger, a.oauth), Unknown: admin.UnknownOf(p.ledger.Unknown()),
		Security:     p.securityStatus(cfg),
		ConnFailures: p.Server.ConnFailures(), Unresolved: unresolved(p.store),
	}
	if p.replicas != nil {
		s.Replicas = p.replicas.status(a.alike, p.ledger)
		for _, f := range p.shared.wrong() {
			s.Replicas.Server = append(s.Replicas.Server, admin.OfStore(f.Row, append(f.Fill, "config", p.path)...))
		}
	}
	if err := p.holder.LastError(); err != nil {
		s.Config.Error = err.Error()
	}
	for _, w := range cfg.Warnings {
		s.Config.Warnings = append(s.Config.Warnings, w.String())
	}
	s.Config.Warnings = append(s.Config.Warnings, p.capture.Warnings()...)
	if err := p.logWriter.Trouble(); err != nil {
		s.LogTrouble = err.Error()
		s.Config.Warnings = append(s.Config.Warnings, err.Error())
	}
	offset, at := a.oauth.ClockOffset()
	s.Clock = admin.Clock{OffsetSeconds: offset.Seconds(), LearnedAt: at}
	if ca := a.state.Authority; ca != nil {
		c := ca.Certificate()
		s.Authority = &admin.Authority{
			Subject: c.Subject.String(), Fingerprint: ca.Fingerprint(), NotBefore: c.NotBefore, Expires: ca.Expires(),
			Names: c.PermittedDNSDomains, CertPath: cfg.Interception.CACert, KeyPath: cfg.Interception.CAKey,
		}
	}
	return s
}

func (p *App) listenerStatus(cfg *config.Config) []admin.Listener {
	var out []admin.Listener
	for _, l := range p.listeners.all() {
		one := admin.Listener{Name: l.key, Address: l.Addr().String(), Loopback: l.address().Addr().IsLoopback()}
		if l.door != "" {
			one.Clients = texts(cfg.Egress.Clients)
			if cfg.Interception != nil {
				one.TLS = cfg.Interception.TLS
			}
		}
		switch {
		case l.door == call.DoorForwardAuth:
			one.Clients, one.Login = texts(cfg.ForwardAuth.Clients), ""
			if !cfg.ForwardAuth.Secret.Empty() {
				one.Login = "forward_auth.secret"
			}
		case l.door == "" && cfg.Admin.BasicAuth != nil:
			one.Login = "basic: " + cfg.Admin.BasicAuth.Username
		case l.door != "" && len(cfg.Egress.ProxyUsers) > 0:
			one.Login = "basic: proxy users (forward proxy only)"
		}
		out = append(out, one)
	}
	return out
}

func texts[T fmt.Stringer](values []T) []string {
	var out []string
	for _, v := range values {
		out = append(out, v.String())
	}
	return out
}

// IntegrationStatus joins configuration, ledger and tokens. tokens may be nil, for a report without a running proxy.
func IntegrationStatus(cfg *config.Config, l *ledger.Ledger, tokens *oauth.Client) []admin.Integration {
	var out []admin.Integration
	summaries := l.Integrations(cfg.Integrations)
	for i := range cfg.Integrations {
		out = append(out, admin.IntegrationOf(&cfg.Integrations[i], summaries[i]))
	}
	if tokens == nil {
		return out
	}
	for _, t := range append(ownedTokens(cfg.Integrations, tokens), refusedBefore(cfg.Integrations, out, tokens)...) {
		if t.owner >= 0 {
			one := &out[t.owner]
			one.Tokens = append(one.Tokens, admin.TokenOf(t.State, t.user,
				cause.ConsentPage(tokens.Consent(t.Identity).Individual(), t.user), "integration", one.Name,
				"environment", string(cfg.Egress.Policy.Environment), "config", cfg.File(),
				"server", cfg.AccountServer.Authority()))
		}
	}
	keys := tokens.Keys()
	for i := range cfg.Integrations {
		for _, k := range cfg.Integrations[i].OAuth.PrivateKeys {
			key := admin.Key{Source: k.Source, Fingerprint: oauth.NewKey(k.Source, k.Key).ID}
			key.Works = slices.ContainsFunc(keys, func(s oauth.KeyState) bool {
				return s.Works && s.KeyID == key.Fingerprint && s.Issuer == out[i].ClientID
			})
			out[i].Keys = append(out[i].Keys, key)
		}
	}
	return out
}

func (p *App) securityStatus(cfg *config.Config) admin.Security {
	s := admin.Security{
		Hosts: cfg.Egress.Hosts, AccountServer: cfg.AccountServer.String(), PinPassword: cfg.PinPassword,
		Store: cfg.Store.Name(), LogLevel: cfg.Log.Level, AdminLogin: cfg.Admin.BasicAuth != nil,
		AllowAddresses: texts(cfg.Egress.AllowAddresses),
	}
	for _, u := range cfg.Egress.ProxyUsers {
		s.ProxyUsers = append(s.ProxyUsers, u.Username)
	}
	if u := cfg.Upstream.Proxy; u != (config.CompanyProxy{}) {
		s.UpstreamProxy = u.Authority()
	}
	for _, i := range p.store.List() {
		if !p.current.refused(i.Owner) {
			s.Issued = append(s.Issued, adminIssued(i))
		}
	}
	for _, pin := range p.store.Pins() {
		s.Pins = append(s.Pins, admin.Pin{Integration: pin.Integration, Username: pin.Username, At: pin.At})
	}
	return s
}
