package app

import (
	"context"
	"errors"
	"time"

	"docusign-auth-proxy/translate/oauth"
)

const renewEvery = 24 * time.Hour

// RenewOnce renews every login that is due.
func (p *App) RenewOnce(ctx context.Context) error {
	a := p.current.Load()
	return a.granters.renew(ctx, a.oauth)
}

// renewLogins keeps refresh tokens alive that no call has used for a while: they expire after 30 days.
func (p *App) renewLogins(ctx context.Context) error {
	ticker := time.NewTicker(renewEvery)
	defer ticker.Stop()
	for {
		if err := p.RenewOnce(ctx); err != nil && ctx.Err() == nil && !errors.Is(err, oauth.ErrClosed) {
			p.log.Error("a refresh token could not be renewed", "error", err, "next_step",
				"docusign-auth-proxy login --user for the user named, before the 30 days are over")
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
	}
}
