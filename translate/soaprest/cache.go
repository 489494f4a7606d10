package soaprest

import (
	"bytes"
	"compress/flate"
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"docusign-auth-proxy/internal/cache"
	"docusign-auth-proxy/internal/integration"
)

// What the cache holds at most: entries, and bytes of each as they are kept. Larger answers are not kept.
const (
	maxStatuses = 2048
	maxStatus   = 16 << 10
)

// maxCacheStatus is the longest life that the configuration allows.
const maxCacheStatus = 15 * time.Minute

// statusKey is what makes two polls the same.
type statusKey struct {
	owner    integration.TokenOwner
	envelope string // GUID in lower case
	members  string // which REST was asked for
}

// status is what DocuSign said of an envelope.
type status struct {
	json    []byte
	account Account
	at      time.Time
}

// statusCache answers old pollers, who ask more often than DocuSign lets REST be asked (SOAP-REST.md §6.6). It must
// never answer with what was asked before a change that went through this proxy.
type statusCache struct {
	now  func() time.Time
	kept *cache.Cache[statusKey, status] // their JSON deflated

	mu      sync.Mutex
	fetches map[statusKey]*statusFetch
}

// statusFetch is one GET that all who ask meanwhile wait for.
type statusFetch struct {
	done   chan struct{}
	status *status
	err    error
	stale  bool // the envelope was changed meanwhile
}

func newStatusCache(now func() time.Time) *statusCache {
	return &statusCache{
		now: now, kept: cache.New[statusKey, status](maxStatuses, maxCacheStatus, now),
		fetches: map[statusKey]*statusFetch{},
	}
}

// get answers from memory what is younger than life, else it asks; a life of 0 asks always. cached = this call did not
// ask.
func (c *statusCache) get(
	ctx context.Context, key statusKey, life time.Duration, ask func(context.Context) (*status, error),
) (s *status, cached bool, err error) {
	if life <= 0 {
		s, err = ask(ctx)
		return s, false, err
	}
	for {
		c.mu.Lock()
		if s, err = c.young(key, life); s != nil || err != nil {
			c.mu.Unlock()
			return s, true, err
		}
		f := c.fetches[key]
		if f == nil {
			f = &statusFetch{done: make(chan struct{})}
			c.fetches[key] = f
			c.mu.Unlock()
			c.fetch(ctx, key, f, ask)
			return f.status, false, f.err
		}
		c.mu.Unlock()
		select {
		case <-ctx.Done():
			return nil, false, ctx.Err()
		case <-f.done:
		}
		// Who asked may have gone away; that is no answer for those who are still here.
		if !errors.Is(f.err, context.Canceled) && !errors.Is(f.err, context.DeadlineExceeded) {
			return f.status, true, f.err
		}
	}
}

func (c *statusCache) young(key statusKey, life time.Duration) (*status, error) {
	s, ok := c.kept.Get(key)
	if !ok || c.now().Sub(s.at) >= life {
		return nil, nil
	}
	text, err := io.ReadAll(flate.NewReader(bytes.NewReader(s.json)))
	s.json = text
	return &s, err
}

// fetch asks, also for those who wait.
func (c *statusCache) fetch(
	ctx context.Context, key statusKey, f *statusFetch, ask func(context.Context) (*status, error),
) {
	f.err = context.Canceled // for those who wait, if ask panics
	defer func() {
		c.mu.Lock()
		if c.fetches[key] == f {
			delete(c.fetches, key)
		}
		c.mu.Unlock()
		close(f.done)
	}()
	f.status, f.err = ask(ctx)
	if f.err != nil {
		return
	}
	small, err := deflate(f.status.json)
	if err != nil || len(small) > maxStatus {
		return // it is not kept
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !f.stale {
		c.kept.Put(key, status{json: small, account: f.status.account, at: f.status.at})
	}
}

// forget is called when the proxy changes an envelope, before and after: what is being asked meanwhile is not kept, and
// nobody who asks from now on waits for it.
func (c *statusCache) forget(envelope string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, f := range c.fetches {
		if key.envelope == envelope {
			f.stale = true
			delete(c.fetches, key)
		}
	}
	c.kept.Drop(func(key statusKey) bool { return key.envelope == envelope })
}

func deflate(text []byte) ([]byte, error) {
	var small bytes.Buffer
	w, err := flate.NewWriter(&small, flate.BestSpeed)
	if err != nil {
		return nil, err
	}
	if _, err = w.Write(text); err == nil {
		err = w.Close()
	}
	return small.Bytes(), err
}
