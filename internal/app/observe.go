package app

import (
	"net/netip"

	"github.com/prometheus/client_golang/prometheus/collectors"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/observe/metrics"
	"docusign-auth-proxy/internal/panics"
	"docusign-auth-proxy/translate"
	"docusign-auth-proxy/translate/oauth"
)

// configure tells the parts that outlive a reload what the configuration names.
func (p *App) configure(cfg *config.Config) {
	p.metrics.Configure(cfg.Integrations)
	p.ledger.Configure(cfg.Integrations)
	p.env.prover.Remember(cfg.Credentials.RememberFor, cfg.Credentials.RememberMax)
}

// history tells the metrics what the ledger remembers from before the start.
func (p *App) history(name string) metrics.History {
	s := p.ledger.Summary(name, "")
	return metrics.History{LastLegacy: s.LegacyLast, GoLiveCalls: s.OAuthLast24h}
}

// observe sets up metrics and what the parts report to.
func (p *App) observe() error {
	p.registry.MustRegister(collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	version, commit, goVersion := BuildVersion()
	o := metrics.Options{
		Version: version, Commit: commit, GoVersion: goVersion, Tokens: p.current.tokens, CAExpires: p.current.caExpires,
		LeafExpires: p.current.leafExpires, History: p.history, LogDropped: p.logWriter.Dropped, LogStuck: p.logWriter.Stuck,
		Journal:    func() metrics.Journal { return creationsOf(p.store) },
		SpoolBytes: p.current.spoolBytes,
	}
	if p.shared != nil {
		o.Shared = func() metrics.Shared { return p.shared.metrics(p.replicas.status(p.current.Load().alike, p.ledger)) }
	}
	m, err := metrics.New(p.registry, o)
	if err != nil {
		return err
	}
	p.metrics = m
	observer := m.OAuthObserver()
	observer.Learned = func(f oauth.Fact) {
		err := p.caught(func() error { return remember(p.store, f) })
		if err != nil {
			p.log.Warn("a look-up could not be remembered", "error", err)
		}
	}
	prover := translate.NewProver()
	prover.OnPanic = func(caught *panics.Error) {
		panics.Report(p.log, call.Recorders{p.metrics}, call.PanicProof, caught)
	}
	if p.shared != nil {
		prover.Share(p.shared.allowance())
	}
	p.env = deps{store: p.store, unsaved: &oauth.Unsaved{}, prover: prover, self: p.listeners.own, observer: observer,
		onPin: func(integration, username string, client netip.Addr) {
			advised(p.log, cause.PasswordPinned, "config", p.path).Warn("password pinned", "integration", integration,
				"authenticator", username, "client", client.String())
		}}
	return nil
}
