package upstream

import (
	"slices"
	"sync"
	"time"
)

// pool keeps the connections nobody uses, by the URL's host. In each list the longest idle one comes first.
type pool struct {
	mu     sync.Mutex
	idle   map[string][]*conn
	closed bool // what becomes idle is closed
}

// take gives the connection that was used last and is still good, nil if there is none.
func (p *pool) take(host string) *conn {
	for {
		c := p.pop(host)
		if c == nil || c.quiet() {
			return c
		}
		c.close()
	}
}

func (p *pool) pop(host string) *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = false
	list := p.idle[host]
	if len(list) == 0 {
		return nil
	}
	c := list[len(list)-1]
	p.remove(c)
	return c
}

// remove takes a connection out, with mu held. It reports whether it was there.
func (p *pool) remove(c *conn) bool {
	list := p.idle[c.host]
	i := slices.Index(list, c)
	if i < 0 {
		return false
	}
	c.expiry.Stop()
	if list = slices.Delete(list, i, i+1); len(list) > 0 {
		p.idle[c.host] = list
	} else {
		delete(p.idle, c.host)
	}
	return true
}

// put keeps a connection until somebody takes it or limit is over, or reports that it may not.
func (p *pool) put(c *conn, most int, limit time.Duration) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || len(p.idle[c.host]) >= most {
		return false
	}
	if p.idle == nil {
		p.idle = map[string][]*conn{}
	}
	p.idle[c.host] = append(p.idle[c.host], c)
	if c.expiry == nil {
		c.expiry = time.AfterFunc(limit, func() { p.expire(c) })
	} else {
		c.expiry.Reset(limit)
	}
	return true
}

func (p *pool) expire(c *conn) {
	p.mu.Lock()
	idle := p.remove(c)
	p.mu.Unlock()
	if idle {
		c.close()
	}
}

// shut closes what is idle.
func (p *pool) shut() {
	p.mu.Lock()
	idle := p.idle
	p.idle, p.closed = nil, true
	p.mu.Unlock()
	for _, list := range idle {
		for _, c := range list {
			c.expiry.Stop()
			c.close()
		}
	}
}
