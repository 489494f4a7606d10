package app

import (
	"context"
	"time"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/admin"
	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/internal/observe/metrics"
	"docusign-auth-proxy/internal/spool"
	"docusign-auth-proxy/internal/store"
	"docusign-auth-proxy/proxy/egress"
	"docusign-auth-proxy/translate/soaprest"
	"docusign-auth-proxy/translate/soaprest/journal"
)

// spoolsOf makes a spool for each integration whose SOAP goes over REST. One with the settings of before stays, so that
// what calls under way hold counts.
func spoolsOf(cfg *config.Config, previous *assembled) map[string]*spool.Pool {
	spools := map[string]*spool.Pool{}
	for i := range cfg.Integrations {
		in := &cfg.Integrations[i]
		if in.SOAP != integration.OverREST {
			continue
		}
		dir, most := in.SOAPREST.SpoolDir, int64(in.SOAPREST.SpoolMax)
		if previous != nil {
			if was := previous.state.Spools[in.Name]; was != nil && was.Is(dir, most) {
				spools[in.Name] = was
				continue
			}
		}
		spools[in.Name] = spool.New(dir, spool.MaxMemory, most)
	}
	return spools
}

// checkSpools warns of documents that will be refused: small container images have no directory for temporary files.
func (p *App) checkSpools(a *assembled) {
	for name, pool := range a.state.Spools {
		if err := pool.Check(); err != nil {
			advised(p.log, cause.SpoolUnwritable, "integration", name).Warn(
				"large documents of SOAP calls cannot be kept while they are under way", "integration", name, "error", err)
		}
	}
}

// returnsOf lists where browsers come back from DocuSign.
func returnsOf(cfg *config.Config) (hosts []string) {
	for i := range cfg.Integrations {
		in := &cfg.Integrations[i]
		public := in.SOAPREST.PublicURL
		if in.SOAP != integration.OverREST || public == nil {
			continue
		}
		standard := uint16(443)
		if public.Scheme == "http" {
			standard = 80
		}
		if h, err := egress.ParseHost(public.Host, standard); err == nil {
			hosts = append(hosts, h.String())
		}
	}
	return hosts
}

// ownWSDL reports whether programs get the proxy's own WSDL: SOAP of some integration goes over REST, and of none does
// anybody want it to go to DocuSign as SOAP (SOAP-REST.md §11.12).
func ownWSDL(cfg *config.Config) bool {
	over := false
	for i := range cfg.Integrations {
		switch in := &cfg.Integrations[i]; {
		case in.Mode == integration.Block || in.SOAPUnset:
		case in.Mode == integration.Observe || in.SOAP != integration.OverREST:
			return false
		default:
			over = true
		}
	}
	return over
}

// spoolBytes is what SOAP calls under way hold.
func (c *current) spoolBytes() (n int64) {
	for _, s := range c.Load().state.Spools {
		n += s.Used()
	}
	return n
}

// creationsOf tells the metrics what is known of the creations of envelopes.
func creationsOf(s *store.Store) metrics.Journal {
	j := metrics.Journal{Entries: map[string]int{}}
	s.Creations().Find(func(e journal.Entry) bool {
		j.Entries[string(e.State)]++
		if unresolved := e.State == journal.Intended || e.State == journal.Unknown; unresolved {
			j.Unresolved = earlier(j.Unresolved, e.At)
		}
		return false
	})
	return j
}

// unresolved tells the status page of the creations of which nobody knows the end.
func unresolved(s *store.Store) admin.Unresolved {
	j := creationsOf(s)
	open := j.Entries[string(journal.Intended)] + j.Entries[string(journal.Unknown)]
	return admin.Unresolved{Count: open, Oldest: j.Unresolved}
}

// resolveCreations finds out what became of the creations that the process before this one left open.
func (p *App) resolveCreations(ctx context.Context) {
	p.soaprest.Resolve(ctx, func(e journal.Entry) (soaprest.User, error) { return p.Server.User(e.Owner) })
}

// earlier ignores a time that is not set.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}
