package conn

import (
	"container/list"
	"net/netip"
	"sync"

	"docusign-auth-proxy/proxy/egress"
	"docusign-auth-proxy/translate"
)

// Places bounds how many of something there are at a time, and how many of them one client has, so that one client
// never has all.
type Places struct {
	max, share int
	shared     []netip.Prefix // of balancers, whose connections are those of many clients: no share bounds them

	mu      sync.Mutex
	taken   int
	clients map[netip.Addr]*clientPlaces
}

// clientPlaces are those of one client.
type clientPlaces struct {
	taken int
	idle  list.List // of *place, longest idle first
}

// Place is one of places; nil is none, and may be left.
type Place struct {
	of     *Places
	client netip.Addr
	owner  netip.Addr    // client again after giveBack
	conn   *Conn         // may be closed when another needs the place; nil = none
	idle   *list.Element // nil while the place is needed
	left   bool
}

// NewPlaces makes room for limit places, share percent of them for one client.
func NewPlaces(most, sharePercent int) *Places {
	return &Places{max: most, share: max(most*sharePercent/100, 1), clients: map[netip.Addr]*clientPlaces{}}
}

// Take gives a place, or nil if there is none. When all are taken, a connection that does no proven work makes room:
// one of the same client if it has its share, else one of the client that has most. The caller closes it.
func (p *Places) Take(client netip.Addr, conn *Conn) (taken, displaced *Place) {
	share := p.share
	if egress.Holds(p.shared, client) {
		share = p.max
	}
	client = translate.ClientOf(client)
	p.mu.Lock()
	defer p.mu.Unlock()
	displaced, ok := p.room(client, share)
	if !ok {
		return nil, nil
	}
	taken = &Place{of: p, client: client, owner: client, conn: conn}
	p.add(taken)
	return taken, displaced
}

// room finds room for one more of a client, who may have share of them, and removes what makes room.
func (p *Places) room(client netip.Addr, share int) (displaced *Place, ok bool) {
	c := p.clients[client]
	switch {
	case c != nil && c.taken >= share:
	case p.taken >= p.max:
		c = p.biggestIdle()
	default:
		return nil, true
	}
	if c == nil || c.idle.Len() == 0 {
		return nil, false
	}
	displaced = c.idle.Front().Value.(*Place)
	p.remove(displaced)
	return displaced, true
}

func (p *Places) add(pl *Place) {
	c := p.clients[pl.client]
	if c == nil {
		c = &clientPlaces{}
		p.clients[pl.client] = c
	}
	p.taken++
	c.taken++
}

// lend lets the place count for a client until giveBack. ok is false if the client has its share, or the place is left.
func (pl *Place) lend(client netip.Addr) (displaced *Place, ok bool) {
	client = translate.ClientOf(client)
	pl.of.mu.Lock()
	defer pl.of.mu.Unlock()
	if pl.left || pl.client == client {
		return nil, !pl.left
	}
	if c := pl.of.clients[client]; c != nil && c.taken >= pl.of.share {
		if displaced, ok = pl.of.room(client, pl.of.share); !ok {
			return nil, false
		}
	}
	pl.move(client)
	return displaced, true
}

// giveBack ends lend.
func (pl *Place) giveBack() {
	pl.of.mu.Lock()
	defer pl.of.mu.Unlock()
	if !pl.left {
		pl.move(pl.owner)
	}
}

func (pl *Place) move(client netip.Addr) {
	idle := pl.idle != nil
	pl.of.remove(pl)
	pl.client, pl.left = client, false
	pl.of.add(pl)
	if idle {
		pl.idle = pl.of.clients[client].idle.PushBack(pl)
	}
}

func (p *Places) remove(pl *Place) {
	if pl.left {
		return
	}
	c := p.clients[pl.client]
	if pl.idle != nil {
		c.idle.Remove(pl.idle)
		pl.idle = nil
	}
	pl.left = true
	p.taken--
	if c.taken--; c.taken == 0 {
		delete(p.clients, pl.client)
	}
}

// biggestIdle gives the client with most places among those that have an idle one; nil = there is none.
func (p *Places) biggestIdle() (biggest *clientPlaces) {
	for _, c := range p.clients {
		if c.idle.Len() > 0 && (biggest == nil || c.taken > biggest.taken) {
			biggest = c
		}
	}
	return biggest
}

// Count gives how many are taken.
func (p *Places) Count() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return int64(p.taken)
}

// Leave gives the place back.
func (pl *Place) Leave() {
	if pl == nil {
		return
	}
	pl.of.mu.Lock()
	defer pl.of.mu.Unlock()
	pl.of.remove(pl)
}

// setIdle says whether the connection may be closed for another: it does no work for somebody who has proven who they
// are. It returns false if that has happened.
func (pl *Place) setIdle(idle bool) bool {
	if pl == nil || pl.conn == nil {
		return true
	}
	pl.of.mu.Lock()
	defer pl.of.mu.Unlock()
	c := pl.of.clients[pl.client]
	switch {
	case pl.left || idle == (pl.idle != nil):
	case idle:
		pl.idle = c.idle.PushBack(pl)
	default:
		c.idle.Remove(pl.idle)
		pl.idle = nil
	}
	return !pl.left
}
