package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/spf13/cobra"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/ledger"
	"docusign-auth-proxy/internal/store"
	"docusign-auth-proxy/proxy"
	"docusign-auth-proxy/translate/legacy"
	"docusign-auth-proxy/translate/oauth"
)

func newRun() *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use:     "run",
		Short:   "Run the proxy",
		Long:    "Run the proxy until SIGTERM or Ctrl-C. Calls under way are finished before it ends.",
		Example: "  docusign-auth-proxy run --config proxy.yaml",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			holder := &config.Holder{Path: path}
			cfg, err := holder.Reload()
			if err != nil {
				return err
			}
			log, err := newLogger(os.Stderr, cfg.Log)
			if err != nil {
				return err
			}
			p, err := newProgram(holder, log)
			if err != nil {
				return err
			}
			return p.run(cmd.Context())
		},
	}
	configFlag(cmd, &path)
	return cmd
}

func configFlag(cmd *cobra.Command, path *string) {
	cmd.Flags().StringVarP(path, "config", "c", "docusign-auth-proxy.yaml", "configuration `FILE`")
}

// program is a running proxy with everything around it.
type program struct {
	log      *slog.Logger
	path     string
	store    *store.Store
	server   *proxy.Server
	metrics  *proxy.Metrics
	registry *prometheus.Registry
	admin    *http.Server
	started  time.Time
	env      surroundings

	holder     *config.Holder
	ledger     *ledger.Ledger
	assembling sync.Mutex
	current    atomic.Pointer[assembled]
	retired    sync.WaitGroup
	stopping   chan struct{} // closed when no further calls are taken
	stopped    chan struct{} // closed when no call is under way any more

	listeners []boundListener
	adminOn   net.Listener
	ready     chan struct{} // closed when all listeners are open
}

type boundListener struct {
	net.Listener
	door proxy.Door
}

// newProgram opens the store and the listeners and builds the first state; nothing is served yet. The holder must have a configuration.
func newProgram(holder *config.Holder, log *slog.Logger) (*program, error) {
	return newProgramWith(holder, log, hooks{})
}

// hooks are what discover adds to a program.
type hooks struct {
	onUnknown func(cred legacy.Credential, actAs string, client netip.Addr)
	recorder  proxy.Recorder // told of every call too; may be nil
}

func newProgramWith(holder *config.Holder, log *slog.Logger, h hooks) (p *program, err error) {
	cfg := holder.Current()
	p = &program{log: log, path: holder.Path, holder: holder, started: time.Now(), registry: prometheus.NewRegistry(), ready: make(chan struct{}), stopping: make(chan struct{}), stopped: make(chan struct{})}
	opened := p // a failure returns no program
	defer func() {
		if err != nil {
			opened.closeAll()
		}
	}()
	for _, w := range cfg.Warnings {
		log.Warn("config", "warning", w.String())
	}
	if p.store, err = openStore(cfg, log); err != nil {
		return nil, err
	}
	if p.ledger, err = ledger.New(ledger.Options{Store: p.store, OnError: func(err error) { log.Error("ledger", "error", err) }}); err != nil {
		return nil, err
	}
	if err = p.listen(cfg); err != nil {
		return nil, err
	}
	if err = p.observe(); err != nil {
		return nil, err
	}
	p.env.onUnknown = h.onUnknown
	first, err := assemble(cfg, p.env, nil)
	if err != nil {
		return nil, err
	}
	p.current.Store(first)
	p.server = proxy.New(serverConfig(cfg, log, p.recorders(log, h)), first.state)
	p.metrics.Watch(p.server)
	p.configure(cfg)
	if p.admin, err = p.newAdmin(cfg); err != nil {
		return nil, err
	}
	holder.Accept = p.accept
	return p, nil
}

// configure tells the parts that outlive a reload what the configuration names.
func (p *program) configure(cfg *config.Config) {
	var list []proxy.MetricsIntegration
	for _, in := range cfg.Integrations {
		m := proxy.MetricsIntegration{Name: in.Name, Key: in.IntegratorKey, ClientID: clientIDOf(in), Mode: in.Mode, SOAP: in.SOAP}
		for _, u := range in.Users {
			m.Users = append(m.Users, u.UserID)
		}
		for _, u := range in.Principals {
			m.Users = append(m.Users, u.UserID)
		}
		list = append(list, m)
	}
	p.metrics.Configure(list)
}

func (p *program) tokens() []oauth.State {
	if a := p.current.Load(); a != nil {
		return a.oauth.Snapshot()
	}
	return nil
}

func (p *program) caExpires() time.Time {
	if a := p.current.Load(); a != nil && a.authority != nil {
		return a.authority.Expires()
	}
	return time.Time{}
}

func (p *program) leafExpires() time.Time {
	if a := p.current.Load(); a != nil && a.state.Leaves != nil {
		return a.state.Leaves.FirstExpiry()
	}
	return time.Time{}
}

// history tells the metrics what the ledger remembers from before the start.
func (p *program) history(integration string) proxy.History {
	for _, s := range p.ledger.Integrations([]ledger.Known{{Name: integration}}) {
		if s.Name == integration {
			return proxy.History{LastLegacy: s.LegacyLast, GoLiveCalls: uint64(s.BearerLast24h)}
		}
	}
	return proxy.History{}
}

func serverConfig(cfg *config.Config, log *slog.Logger, r proxy.Recorder) proxy.Config {
	l := cfg.Limits
	return proxy.Config{
		Log: log, Recorder: r, HeaderBytes: int(l.HeaderBytes), HeaderTimeout: l.HeaderTimeout, IdleTimeout: l.ClientIdle, ReplayBody: int64(l.ReplayBody),
		SOAPHeader: int(l.SOAPHeader), Tunnels: l.Tunnels, TunnelIdle: l.TunnelIdle, Connections: l.Connections,
	}
}

func (p *program) listen(cfg *config.Config) error {
	for _, want := range []struct {
		field, addr string
		door        proxy.Door
	}{{"listen.proxy", cfg.Listen.Proxy, proxy.DoorSidecar}, {"listen.hosts", cfg.Listen.Hosts, proxy.DoorHosts}} {
		if want.addr == "" {
			continue
		}
		l, err := net.Listen("tcp", want.addr)
		if err != nil {
			return listenError(want.field, err)
		}
		p.listeners = append(p.listeners, boundListener{l, want.door})
	}
	if cfg.Listen.Admin != "" {
		l, err := net.Listen("tcp", cfg.Listen.Admin)
		if err != nil {
			return listenError("listen.admin", err)
		}
		p.adminOn = l
	}
	return nil
}

func listenError(field string, err error) error {
	return fmt.Errorf("%s: %w; if another program has the port, stop it or choose another port in the configuration", field, err)
}

func (p *program) ownAddresses() []netip.AddrPort {
	var out []netip.AddrPort
	add := func(l net.Listener) {
		if t, ok := l.Addr().(*net.TCPAddr); ok {
			out = append(out, t.AddrPort())
		}
	}
	for _, l := range p.listeners {
		add(l)
	}
	if p.adminOn != nil {
		add(p.adminOn)
	}
	return out
}

// observe sets up metrics and what the parts report to.
func (p *program) observe() error {
	p.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	version, commit, goVersion := buildVersion()
	m, err := proxy.NewMetrics(p.registry, proxy.MetricsOptions{
		Version: version, Commit: commit, GoVersion: goVersion, Tokens: p.tokens, CAExpires: p.caExpires, LeafExpires: p.leafExpires, History: p.history,
	})
	if err != nil {
		return err
	}
	p.metrics = m
	observer := m.OAuthObserver()
	observer.Learned = func() { p.rememberLearned() }
	p.env = surroundings{store: p.store, self: p.ownAddresses, observer: observer, onPin: func(integration, username string, client netip.Addr) {
		p.log.Warn("password pinned", "integration", integration, "authenticator", username, "client", client.String(),
			"next_step", "put a hash of this password into the configuration and set pin_password: never")
	}}
	return nil
}

func (p *program) recorders(log *slog.Logger, h hooks) proxy.Recorder {
	all := proxy.Recorders{p.metrics, ledgerRecorder{p.ledger}, proxy.NewRequestLog(log)}
	if h.recorder != nil {
		all = append(all, h.recorder)
	}
	return all
}

func (p *program) rememberLearned() {
	a := p.current.Load()
	if a == nil {
		return
	}
	if err := remember(p.store, a.oauth.Learned()); err != nil {
		p.log.Warn("a look-up could not be remembered", "error", err)
	}
}

// run serves until ctx ends, then stops in the opposite order of starting.
func (p *program) run(ctx context.Context) error {
	defer p.closeAll()
	background, stopBackground := context.WithCancel(context.Background())
	var work sync.WaitGroup
	failed := make(chan error, 8)
	serve := func(name string, f func() error) {
		work.Go(func() {
			if err := f(); err != nil && !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, context.Canceled) {
				failed <- fmt.Errorf("%s: %w", name, err)
			}
		})
	}
	serve("store", func() error { return p.store.Run(background) })
	serve("ledger", func() error { return p.ledger.Run(background) })
	serve("reload", func() error { return p.watch(background) })
	serve("proxy", p.server.Run)
	for _, l := range p.listeners {
		serve("listener "+l.Addr().String(), func() error { return p.server.Serve(l.Listener, l.door) })
		p.log.Info("listening", "door", string(l.door), "address", l.Addr().String())
	}
	if p.adminOn != nil {
		serve("admin", func() error { return p.admin.Serve(p.adminOn) })
		p.log.Info("listening", "door", "admin", "address", p.adminOn.Addr().String())
	}
	p.announce()
	close(p.ready)
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	close(p.stopping)
	err = errors.Join(err, p.shutdown())
	close(p.stopped)
	stopBackground()
	work.Wait()
	return err
}

func (p *program) announce() {
	version, commit, _ := buildVersion()
	cfg := p.holder.Current()
	p.log.Info("started", "version", version, "commit", commit, "environment", cfg.Environment, "integrations", len(cfg.Integrations), "config", p.path)
	if p.current.Load().authority == nil {
		p.log.Info("no interception", "effect", "CONNECT to DocuSign is refused; programs can use the sidecar", "next_step", "docusign-auth-proxy ca init, then interception: in the configuration")
	}
}

func (p *program) shutdown() error {
	limit := p.holder.Current().Limits.Shutdown
	p.log.Info("stopping", "waiting_for_calls", p.server.Active(), "at_most", limit.String())
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	err := p.server.Shutdown(ctx)
	_ = p.admin.Close() // scrapes are short; the proxy's own calls were waited for
	return err
}

func (p *program) closeAll() {
	for _, l := range p.listeners {
		_ = l.Close()
	}
	if p.adminOn != nil {
		_ = p.adminOn.Close()
	}
	p.retired.Wait()
	if a := p.current.Load(); a != nil {
		a.close()
	}
	if p.store != nil {
		if err := p.store.Close(); err != nil {
			p.log.Error("store", "error", err)
		}
	}
}
