package main

import (
	"context"
	"errors"
	"time"

	"docusign-auth-proxy/translate/oauth"
)

const renewEvery = 24 * time.Hour

// renewLogins keeps refresh tokens alive that no call has used for a while: they expire after 30 days.
func (p *program) renewLogins(ctx context.Context) error {
	ticker := time.NewTicker(renewEvery)
	defer ticker.Stop()
	for {
		a := p.current.Load()
		if err := a.granters.renew(ctx, a.oauth); err != nil && ctx.Err() == nil && !errors.Is(err, oauth.ErrClosed) {
			p.log.Error("a refresh token could not be renewed", "error", err, "next_step", "docusign-auth-proxy login --user for the user named, before the 30 days are over")
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
	}
}
