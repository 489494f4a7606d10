package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/cause"
)

const watchEvery = 2 * time.Second

// accept is the one way in which a configuration takes effect after the start: SIGHUP, file watch and POST /-/reload
// all end here, one after the other. An error leaves everything as it was.
func (p *App) accept(old, next *config.Config) error {
	if changed := needsRestart(old, next); changed != "" {
		return fmt.Errorf("%s changed, which needs a restart; everything else stays as it was", changed)
	}
	a, err := assemble(next, p.env, p.current.Load())
	if err != nil {
		return err
	}
	takeOver(p.store, p.log, a)
	previous := p.current.Swap(a)
	p.Server.Swap(a.state)
	p.checkSpools(a)
	p.configure(next)
	warn(p.log, Warnings(next, p.ledger, time.Now()))
	p.retire(previous)
	p.shared.retry()
	return nil
}

// needsRestart names a changed setting that a running process cannot take over.
func needsRestart(old, next *config.Config) string {
	switch {
	case !old.Listen.Same(&next.Listen):
		return "listen"
	case !old.ForwardAuth.Same(&next.ForwardAuth):
		return "forward_auth"
	case !old.Store.Same(&next.Store):
		return "store"
	case old.Admin.TokenFile != next.Admin.TokenFile:
		return "admin.token_file"
	case old.Limits != next.Limits:
		return "limits"
	case old.Log != next.Log:
		return "log"
	}
	return ""
}

// retire closes the idle connections of a replaced state, and the state once its last call has ended, or at the end of
// the program.
func (p *App) retire(a *assembled) {
	a.closeIdle()
	p.retired.Go(func() {
		select {
		case <-a.released:
		case <-p.stopped:
		}
		_ = p.caught(func() error { a.close(); return nil }) // only a panic is an error, and it is reported
	})
}

// Reload reads the configuration again and says what came of it.
func (p *App) Reload(context.Context) error {
	err := p.caught(func() error { _, err := p.holder.Reload(); return err })
	p.metrics.ConfigLoaded(err)
	const kept = "configuration not reloaded; the last good one stays in force"
	problems, faulty := errors.AsType[config.Problems](err)
	log := advised(p.log, cause.ConfigNotLoaded, "config", p.path).With("config", p.path)
	switch {
	case err == nil:
		p.log.Info("configuration reloaded", "config", p.path)
	case !faulty:
		log.Error(kept, "error", err)
	}
	for _, problem := range problems {
		log.Error(kept, "problem", problem.String())
	}
	return err
}

// watch reloads when a file changes or a signal asks for it. Windows has no SIGHUP.
func (p *App) watch(ctx context.Context) error {
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGHUP)
	defer signal.Stop(signals)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-signals:
		case <-ticker.C:
			if !p.holder.Changed() {
				continue
			}
		}
		_ = p.Reload(ctx) // which logs the error
	}
}
