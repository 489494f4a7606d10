package upstream

import (
	"sync"
	"time"
)

// pool keeps the connections nobody uses, by the URL's host. In each list the longest idle one comes first.
type pool struct {
	mu     sync.Mutex
	idle   map[string][]*conn
	timer  *time.Timer // set while anything is idle
	round  uint64      // of the timer
	closed bool        // what becomes idle is closed
}

// take gives the connection that was used last and is still good, nil if there is none.
func (p *pool) take(host string, now time.Time, limit time.Duration) *conn {
	for {
		c := p.pop(host)
		if c == nil || now.Sub(c.idleSince) < limit && c.quiet() {
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
	last := len(list) - 1
	c := list[last]
	list[last] = nil
	p.idle[host] = list[:last] // the empty list stays until the next sweep: the connection will soon be back
	return c
}

// put keeps a connection, or reports that it may not.
func (p *pool) put(c *conn, most int, limit time.Duration, now func() time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || len(p.idle[c.host]) >= most {
		return false
	}
	if p.idle == nil {
		p.idle = map[string][]*conn{}
	}
	c.idleSince = now()
	p.idle[c.host] = append(p.idle[c.host], c)
	if p.timer == nil {
		p.arm(limit, limit, now)
	}
	return true
}

// arm lets sweep come by after d, with mu held.
func (p *pool) arm(d, limit time.Duration, now func() time.Time) {
	p.round++
	round := p.round
	p.timer = time.AfterFunc(d, func() { p.sweep(round, limit, now) })
}

// sweep closes what has been idle too long, and comes back as long as anything is idle.
func (p *pool) sweep(round uint64, limit time.Duration, now func() time.Time) {
	p.mu.Lock()
	if round != p.round {
		p.mu.Unlock() // overtaken by shut
		return
	}
	old, next := p.expired(limit, now())
	p.timer = nil
	if len(p.idle) > 0 {
		p.arm(next, limit, now)
	}
	p.mu.Unlock()
	for _, c := range old {
		c.close()
	}
}

// expired takes out what has been idle too long, and says when the next one will have been; with mu held.
func (p *pool) expired(limit time.Duration, now time.Time) (old []*conn, next time.Duration) {
	next = limit
	for host, list := range p.idle {
		n := 0
		for n < len(list) && now.Sub(list[n].idleSince) >= limit {
			n++
		}
		old = append(old, list[:n]...)
		if n == len(list) {
			delete(p.idle, host)
			continue
		}
		kept := copy(list, list[n:])
		clear(list[kept:])
		p.idle[host] = list[:kept]
		next = min(next, limit-now.Sub(list[0].idleSince))
	}
	return old, max(next, time.Millisecond)
}

// shut closes what is idle.
func (p *pool) shut() {
	p.mu.Lock()
	idle := p.idle
	p.idle, p.closed = nil, true
	p.round++
	if p.timer != nil {
		p.timer.Stop()
		p.timer = nil
	}
	p.mu.Unlock()
	for _, list := range idle {
		for _, c := range list {
			c.close()
		}
	}
}
