package app

import (
	"errors"
	"fmt"
	"net/http"

	"docusign-auth-proxy/internal/admin"
	"docusign-auth-proxy/internal/store"
)

// RestorePath is where the operations listener is told to fill an empty server with what this replica has.
const RestorePath = "/api/store/restore"

// Restored is its answer.
type Restored struct {
	Store string         `json:"store"`
	Kinds []store.Copied `json:"kinds"`
}

func (p *App) restore(r *http.Request) (status int, answer any) {
	done, err := restoreStore(p, r)
	switch {
	case errors.Is(err, store.ErrConflict):
		err = errors.New("the server is not empty, or is being filled; nothing was written")
		return http.StatusConflict, problem(err)
	case err != nil:
		return http.StatusServiceUnavailable, problem(err)
	}
	return http.StatusOK, done
}

func restoreStore(p *App, r *http.Request) (done Restored, err error) {
	if p.shared == nil {
		return done, errors.New("this proxy has no store.redis that could be filled")
	}
	if seen := p.shared.Sight(); !seen.Read {
		return done, fmt.Errorf("this replica has read nothing since its start; ask another one: %w", seen.Err)
	}
	records, counts := p.store.Records()
	if err := p.shared.server.Restore(r.Context(), records); err != nil {
		return done, err
	}
	p.log.Warn("an empty store was filled", "records", len(records), "by", admin.By(r))
	return Restored{p.shared.cfg.Redis.Namespace, counts}, nil
}
