package main

import (
	"context"
	"time"
)

const renewEvery = 24 * time.Hour

// renewLogins keeps refresh tokens alive that no call has used for a while: they expire after 30 days.
func (p *program) renewLogins(ctx context.Context) error {
	ticker := time.NewTicker(renewEvery)
	defer ticker.Stop()
	for {
		if err := p.current.Load().granters.renew(ctx); err != nil && ctx.Err() == nil {
			p.log.Error("a refresh token could not be renewed", "error", err, "next_step", "docusign-auth-proxy login --user for the user named, before the 30 days are over")
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
	}
}
