package app

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/store/redis"
	"docusign-auth-proxy/internal/words"
)

// checkEvery is how often a running proxy looks at what is doubtful about the server that replicas share.
const checkEvery = 10 * time.Minute

// storeCheck keeps what is doubtful about the server that replicas share: what doctor finds, a running proxy says too.
type storeCheck struct {
	examine func(context.Context) []redis.Finding
	config  string // path
	log     *slog.Logger

	unreadable atomic.Uint64 // records that do not open, since the last look

	mu    sync.Mutex
	found []redis.Finding
	lost  uint64 // records that did not open before the last look
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
	c.found, c.lost = found, c.unreadable.Swap(0)
	c.mu.Unlock()
	for _, f := range found {
		same := func(b redis.Finding) bool { return b.Row == f.Row && slices.Equal(b.Fill, f.Fill) }
		if !slices.ContainsFunc(before, same) {
			advised(c.log, f.Row, append(f.Fill, "config", c.config)...).Warn("store", "problem", f.Row.Means(f.Fill...))
		}
	}
}

// known gives what was doubtful when it last looked, after why the server cannot be used, if it cannot.
func (c *storeCheck) known(away error) []redis.Finding {
	c.mu.Lock()
	defer c.mu.Unlock()
	known := slices.Clone(c.found)
	if n := c.lost + c.unreadable.Load(); n > 0 {
		fill := []string{"count", words.Count(int(n), "record", "records")}
		known = append(known, redis.Finding{Check: "store", Row: cause.StoreUnreadable, Fill: fill})
	}
	if away != nil {
		f := redis.Finding{Check: "server"}
		f.Row, f.Fill = rowOf(away)
		known = slices.Insert(known, 0, f)
	}
	return known
}
