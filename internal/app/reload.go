package app

import (
	"context"
	"errors"
	"fmt"
	"time"

	"docusign-auth-proxy/config"
)

const watchEvery = 2 * time.Second

// accept is the one way in which a configuration takes effect after the start: SIGHUP, file watch and POST /-/reload
// all end here. An error leaves everything as it was.
func (p *App) accept(old, next *config.Config) error {
	if old == nil {
		return nil // the start; newProgram assembles
	}
	if changed := needsRestart(old, next); changed != "" {
		return fmt.Errorf("%s changed, which needs a restart; everything else stays as it was", changed)
	}
	p.assembling.Lock()
	defer p.assembling.Unlock()
	a, err := assemble(next, p.env, p.current.Load())
	if err != nil {
		return err
	}
	takeOver(p.store, p.log, a)
	previous := p.current.Swap(a)
	p.Server.Swap(a.state)
	p.configure(next)
	for _, w := range next.Warnings {
		p.log.Warn("config", "warning", w.String())
	}
	p.retire(previous)
	return nil
}

// needsRestart names a changed setting that a running process cannot take over.
func needsRestart(old, next *config.Config) string {
	switch {
	case old.Listen != next.Listen:
		return "listen"
	case old.Store != next.Store:
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
	p.reloaded(err)
	return err
}

func (p *App) reloaded(err error) {
	p.metrics.ConfigLoaded(err)
	if err == nil {
		p.log.Info("configuration reloaded", "config", p.path)
		return
	}
	var problems config.Problems
	if !errors.As(err, &problems) {
		p.log.Error("configuration not reloaded; the last good one stays in force", "config", p.path, "error", err)
		return
	}
	for _, problem := range problems {
		p.log.Error("configuration not reloaded; the last good one stays in force", "config", p.path, "problem",
			problem.String())
	}
}

// watch reloads when a file changes or a signal asks for it.
func (p *App) watch(ctx context.Context) error {
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	signals, stop := reloadSignals()
	defer stop()
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-signals:
				if err := p.Reload(ctx); err != nil {
					continue // reload has logged it
				}
			}
		}
	}()
	p.holder.Watch(ctx, ticker.C, func(_ *config.Config, err error) { p.reloaded(err) })
	return nil
}
