// Package app makes a running proxy out of a configuration: it opens the store and the listeners, assembles what serves
// the calls, takes over changed configurations, and stops in order. It must never decide about a call itself. The
// commands, internal/demo, internal/discover, internal/doctor, internal/consent and internal/soapcompare call it.
package app

import (
	"cmp"
	"crypto/rsa"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/internal/observe/accesslog"
	"docusign-auth-proxy/internal/observe/capture"
	"docusign-auth-proxy/internal/observe/ledger"
	"docusign-auth-proxy/internal/observe/metrics"
	"docusign-auth-proxy/internal/store"
	"docusign-auth-proxy/proxy"
	"docusign-auth-proxy/proxy/conn"
	"docusign-auth-proxy/proxy/forwardauth"
	"docusign-auth-proxy/translate/legacy"
	"docusign-auth-proxy/translate/soaprest"
)

// App is a running proxy with everything around it.
type App struct {
	Server    *proxy.Server
	log       *slog.Logger
	logWriter *accesslog.Writer
	path      string
	holder    *config.Holder
	env       deps
	current   current
	store     *store.Store
	shared    *shared   // store, if replicas share it; else nil
	replicas  *replicas // those that share it; nil with a store of its own
	soaprest  *soaprest.Engine
	ledger    *ledger.Ledger
	metrics   *metrics.Metrics
	registry  *prometheus.Registry
	capture   *capture.Captures
	admin     *http.Server
	operator  operatorToken
	started   time.Time
	listeners
	opened   chan struct{} // closed when all listeners are open
	stopping chan struct{} // closed when no further calls are taken
	stopped  chan struct{} // closed when no call is under way any more
	retired  sync.WaitGroup
}

// Ready is closed when all listeners are open.
func (p *App) Ready() <-chan struct{} { return p.opened }

// Metrics are what the operations listener serves at /metrics.
func (p *App) Metrics() prometheus.Gatherer { return p.registry }

// Hooks are what discover adds to a program.
type Hooks struct {
	OnUnknown func(cred legacy.Credential, actAs string, client netip.Addr)
	Recorder  call.Recorder // told of every call too; may be nil
	// LeafKey is for the certificates of programs that cannot verify ECDSA; nil makes one at the start.
	LeafKey   *rsa.PrivateKey
	requests  call.Recorder     // writes the lines of calls; nil = to the log
	logWriter *accesslog.Writer // what the log is written to; nil = something that needs no watching
}

// New opens the store and the listeners and builds the first state; nothing is served yet. The holder must have a
// configuration.
func New(holder *config.Holder, log *slog.Logger, h Hooks) (p *App, err error) {
	cfg := holder.Current()
	p = &App{log: log, path: holder.Path, holder: holder, started: time.Now(), registry: prometheus.NewRegistry(),
		logWriter: cmp.Or(h.logWriter, accesslog.NewWriter(io.Discard)), opened: make(chan struct{}),
		stopping: make(chan struct{}), stopped: make(chan struct{})}
	opened := p // a failure returns no program
	defer func() {
		if err != nil {
			opened.Close()
		}
	}()
	if err = openState(p, cfg); err != nil {
		return nil, err
	}
	p.soaprest = soaprest.New(soaprest.Options{
		Journal: p.store.Creations(), Shared: p.shared != nil, Returns: p.store.Returns(), Log: log,
	})
	warn(p.log, Warnings(cfg, p.ledger, time.Now()))
	if err = p.listeners.open(cfg, p.path); err != nil {
		return nil, err
	}
	if err = p.observe(); err != nil {
		return nil, err
	}
	p.env.onUnknown, p.env.leafKey, p.env.shared = h.OnUnknown, h.LeafKey, p.shared
	first, err := assemble(cfg, p.env, nil)
	if err != nil {
		return nil, err
	}
	takeOver(p.store, log, first)
	p.current.Store(first)
	if p.shared != nil {
		p.shared.back = func() { p.retired.Go(func() { takeOver(p.store, log, p.current.Load()) }) }
		p.replicas = newReplicas(p)
	}
	p.checkSpools(first)
	p.capture = capture.New(log, func(name string) bool {
		return slices.ContainsFunc(holder.Current().Integrations,
			func(in integration.Integration) bool { return in.Name == name })
	})
	if h.requests == nil {
		h.requests = accesslog.New(log.Handler(), log.Handler())
	}
	all := call.Recorders{p.metrics, p.ledger, h.requests}
	if h.Recorder != nil {
		all = append(all, h.Recorder)
	}
	sc := serverConfig(cfg, log, all)
	sc.ConfigFile, sc.Tap, sc.SOAPREST = p.path, p.capture.Tap, p.soaprest
	p.Server = proxy.New(sc, first.state)
	p.metrics.Watch(metrics.Server{Active: p.Server.Active, OpenConnections: p.Server.OpenConnections,
		OpenTunnels: p.Server.OpenTunnels})
	p.configure(cfg)
	p.operator.write(cfg, p.store, log)
	p.admin = p.newAdmin(cfg)
	holder.Accept = p.accept
	return p, nil
}

func serverConfig(cfg *config.Config, log *slog.Logger, rs call.Recorders) proxy.Config {
	l := cfg.Limits
	return proxy.Config{
		Log: log, Recorders: rs, HeaderBytes: int(l.HeaderBytes), HeaderTimeout: l.HeaderTimeout,
		IdleTimeout: l.ClientIdle, ReplayBody: int64(l.ReplayBody),
		SOAPHeader: int(l.SOAPHeader), Tunnels: l.Tunnels, TunnelIdle: l.TunnelIdle, Connections: l.Connections,
		BodyTimeout: l.BodyTimeout, DrainBody: int64(l.DrainBody), ClientShare: l.ClientShare,
		Balancers: conn.Balancers{ProxyProtocol: cfg.Listen.ProxyProtocol, ForwardedFor: cfg.Listen.ForwardedFor},
		ForwardAuth: forwardauth.Config{Gateways: cfg.ForwardAuth.Clients, Secret: cfg.ForwardAuth.Secret,
			Target: cfg.ForwardAuth.Target, KeepsPath: cfg.ForwardAuth.Path == config.Keep},
	}
}
