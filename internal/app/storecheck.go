package app

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/store/redis"
)

// checkEvery is how often a running proxy looks at what is doubtful about the server that replicas share.
const checkEvery = 10 * time.Minute

// storeCheck keeps what is doubtful about the server that replicas share: what doctor finds, a running proxy says too.
type storeCheck struct {
	examine func(context.Context) []redis.Finding
	config  string // path
	log     *slog.Logger

	mu    sync.Mutex
	found []redis.Finding
}

// run looks now and then until ctx ends.
func (c *storeCheck) run(ctx context.Context) {
	for {
		c.look(ctx)
		if !sleep(ctx, checkEvery) {
			return
		}
	}
}

// look writes a line for each thing that is new. A server that cannot be used tells nothing new about the rest.
func (c *storeCheck) look(ctx context.Context) {
	var found []redis.Finding
	for _, f := range c.examine(ctx) {
		switch {
		case f.Row == 0:
		case f.Row.Of().Alert == cause.StoreAway.Of().Alert && f.Check == "server":
			return
		default:
			found = append(found, f)
		}
	}
	if ctx.Err() != nil {
		return
	}
	c.mu.Lock()
	before := c.found
	c.found = found
	c.mu.Unlock()
	for _, f := range found {
		if !slices.ContainsFunc(before, func(b redis.Finding) bool { return b.Row == f.Row && slices.Equal(b.Fill, f.Fill) }) {
			advised(c.log, f.Row, append(f.Fill, "config", c.config)...).Warn("store", "problem", f.Row.Means(f.Fill...))
		}
	}
}

// known gives what was doubtful when it last looked, after why the server cannot be used, if it cannot.
func (c *storeCheck) known(away error) []redis.Finding {
	c.mu.Lock()
	defer c.mu.Unlock()
	known := slices.Clone(c.found)
	if why, ok := errors.AsType[cause.Explained](away); ok {
		row, fill := why.Row()
		known = slices.Insert(known, 0, redis.Finding{Check: "server", Row: row, Fill: fill})
	}
	return known
}
