package app

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/store/redis"
	"docusign-auth-proxy/internal/words"
)

// checkEvery is how often a running proxy looks at what is doubtful about the server that replicas share.
const checkEvery = 10 * time.Minute

// loseEvery is how often the log tells at most of records that do not open.
const loseEvery = time.Minute

// storeCheck keeps what is doubtful about the server that replicas share: what doctor finds, a running proxy says too.
type storeCheck struct {
	examine func(context.Context) []redis.Finding
	config  string // path
	log     *slog.Logger

	mu         sync.Mutex
	found      []redis.Finding
	unreadable int       // records that do not open, since the last look
	lost       int       // those before the last look
	untold     int       // those that the log does not have
	last       error     // of the last one
	told       time.Time // when the log got its last line of them
}

// lose counts a record that does not open. Who writes such ones can write many: the log has a line a minute.
func (c *storeCheck) lose(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.unreadable++
	c.untold++
	if c.last = err; time.Since(c.told) >= loseEvery {
		c.tell()
	}
}

// tell writes a line of the records that do not open. It is called with mu held.
func (c *storeCheck) tell() {
	count := words.Count(c.untold, "record", "records")
	advised(c.log, cause.StoreUnreadable).Error("store", "problem", cause.StoreUnreadable.Means("count", count),
		"error", c.last)
	c.untold, c.told = 0, time.Now()
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
	c.found, c.lost, c.unreadable = found, c.unreadable, 0
	if c.untold > 0 {
		c.tell()
	}
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
	if n := c.lost + c.unreadable; n > 0 {
		fill := []string{"count", words.Count(n, "record", "records")}
		known = append(known, redis.Finding{Check: "store", Row: cause.StoreUnreadable, Fill: fill})
	}
	if away != nil {
		f := redis.Finding{Check: "server"}
		f.Row, f.Fill = rowOf(away)
		known = slices.Insert(known, 0, f)
	}
	return known
}
