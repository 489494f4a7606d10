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
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/spf13/cobra"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/store"
	"docusign-auth-proxy/proxy"
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
			cfg, err := config.Load(path)
			if err != nil {
				return err
			}
			log, err := newLogger(os.Stderr, cfg.Log)
			if err != nil {
				return err
			}
			p, err := newProgram(cfg, path, log)
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

	reloading sync.Mutex
	current   *assembled // guarded by reloading

	listeners []boundListener
	adminOn   net.Listener
	ready     chan struct{} // closed when all listeners are open
}

type boundListener struct {
	net.Listener
	door proxy.Door
}

// newProgram opens the store and the listeners and builds the first state; nothing is served yet.
func newProgram(cfg *config.Config, path string, log *slog.Logger) (p *program, err error) {
	p = &program{log: log, path: path, started: time.Now(), registry: prometheus.NewRegistry(), ready: make(chan struct{})}
	defer func() {
		if err != nil {
			p.closeAll()
		}
	}()
	for _, w := range cfg.Warnings {
		log.Warn("config", "warning", w.String())
	}
	if p.store, err = store.Open(cfg.Store, store.Options{OnError: func(err error) { log.Error("store", "error", err) }}); err != nil {
		return nil, err
	}
	if err = p.listen(cfg); err != nil {
		return nil, err
	}
	if err = p.observe(cfg); err != nil {
		return nil, err
	}
	if p.current, err = assemble(cfg, p.env, nil); err != nil {
		return nil, err
	}
	p.server = proxy.New(serverConfig(cfg, log, p.recorder(log)), p.current.state)
	p.metrics.Watch(p.server)
	p.admin = p.newAdmin(cfg)
	return p, nil
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
func (p *program) observe(cfg *config.Config) error {
	p.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	version, commit, goVersion := buildVersion()
	m, err := proxy.NewMetrics(p.registry, proxy.MetricsOptions{Version: version, Commit: commit, GoVersion: goVersion})
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

func (p *program) recorder(log *slog.Logger) proxy.Recorder {
	return proxy.Recorders{p.metrics, proxy.NewRequestLog(log)}
}

func (p *program) rememberLearned() {
	p.reloading.Lock()
	defer p.reloading.Unlock()
	if p.current == nil {
		return
	}
	if err := remember(p.store, p.current.oauth.Learned()); err != nil {
		p.log.Warn("a look-up could not be remembered", "error", err)
	}
}

func (p *program) newAdmin(*config.Config) *http.Server {
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(p.registry, promhttp.HandlerOpts{}))
	return &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
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
	err = errors.Join(err, p.shutdown())
	stopBackground()
	work.Wait()
	return err
}

func (p *program) announce() {
	version, commit, _ := buildVersion()
	cfg := p.current.cfg
	p.log.Info("started", "version", version, "commit", commit, "environment", cfg.Environment, "integrations", len(cfg.Integrations), "config", p.path)
	if p.current.authority == nil {
		p.log.Info("no interception", "effect", "CONNECT to DocuSign is refused; programs can use the sidecar", "next_step", "docusign-auth-proxy ca init, then interception: in the configuration")
	}
}

func (p *program) shutdown() error {
	limit := p.current.cfg.Limits.Shutdown
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
	if p.current != nil {
		p.current.close()
	}
	if p.store != nil {
		if err := p.store.Close(); err != nil {
			p.log.Error("store", "error", err)
		}
	}
}
