package main

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"
)

// bench owns the processes of one run.
type bench struct {
	options
	dir      string
	roots    *x509.CertPool // of the intercepting peers
	children map[string]*child
	prepared bool // the proxy is built and its configuration written
}

// result is what the peers of a scenario came to, round by round.
type result struct {
	scenario scenario
	measures map[string][]measure
}

// newBench makes keys and certificates and starts the upstream and all peers that the chosen scenarios need.
func newBench(ctx context.Context, o options) (b *bench, err error) {
	b = &bench{options: o, children: map[string]*child{}}
	if b.dir, err = os.MkdirTemp("", "bench-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			b.close()
		}
	}()
	if err = writeAuthorities(b.dir); err != nil {
		return nil, err
	}
	if b.roots, err = loadRoots(b.dir, proxyCert); err != nil {
		return nil, err
	}
	if err = b.start(ctx, peerUpstream); err != nil {
		return nil, err
	}
	for _, s := range b.chosen() {
		for _, p := range s.peers {
			if err = b.start(ctx, p); err != nil {
				return nil, err
			}
		}
	}
	return b, nil
}

func (b *bench) chosen() []scenario {
	return slices.DeleteFunc(scenarios(), func(s scenario) bool { return b.only != nil && !b.only[s.name] })
}

func (b *bench) start(ctx context.Context, name string) (err error) {
	if b.children[name] != nil {
		return nil
	}
	var c *child
	switch name {
	case peerProxy, peerREST:
		c, err = b.startProxy(ctx, name)
	case peerUpstream:
		c, err = startPeer(ctx, name, b.dir, "")
	default:
		c, err = startPeer(ctx, name, b.dir, b.children[peerUpstream].addr)
	}
	if err != nil {
		return err
	}
	b.children[name] = c
	return nil
}

// renew replaces a peer's process where the scenario wants that.
func (b *bench) renew(ctx context.Context, s scenario, name string) error {
	if !s.anew {
		return nil
	}
	b.children[name].close()
	delete(b.children, name)
	return b.start(ctx, name)
}

func (b *bench) startProxy(ctx context.Context, peer string) (*child, error) {
	if !b.prepared {
		if err := b.prepareProxy(ctx); err != nil {
			return nil, err
		}
		b.prepared = true
	}
	return startProxy(ctx, b.binary, b.dir, peer)
}

func (b *bench) prepareProxy(ctx context.Context) (err error) {
	if b.binary == "" {
		if b.binary, err = buildProxy(ctx, b.dir); err != nil {
			return err
		}
	}
	return writeConfigs(b.dir, b.children[peerUpstream].addr)
}

// close ends all processes and removes their files.
func (b *bench) close() {
	for _, c := range b.children {
		c.close()
	}
	_ = os.RemoveAll(b.dir) // a temporary folder: the system clears what is left
}

func (b *bench) runAll(ctx context.Context) ([]result, error) {
	var out []result
	for _, s := range b.chosen() {
		r, err := b.runScenario(ctx, s)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s.name, err)
		}
		out = append(out, r)
	}
	return out, nil
}

// runScenario lets the peers take turns. Every other round goes backwards, so that a machine that grows slower favours
// none.
func (b *bench) runScenario(ctx context.Context, s scenario) (result, error) {
	r := result{scenario: s, measures: map[string][]measure{}}
	take := s.turn(b)
	for round := range b.rounds {
		order := slices.Clone(s.peers)
		if round%2 == 1 {
			slices.Reverse(order)
		}
		for _, name := range order {
			if err := b.renew(ctx, s, name); err != nil {
				return r, err
			}
			c := b.children[name]
			m, err := take(ctx, c)
			if err = errors.Join(err, c.forgetLog()); err != nil {
				return r, fmt.Errorf("%s: %w", name, err)
			}
			r.measures[name] = append(r.measures[name], m)
			fmt.Fprintf(os.Stderr, "%-13s round %d  %-16s %8.0f req/s  %8.1f µs CPU/req  p99 %v\n",
				s.name, round+1, name, m.rate(), float64(m.perRequest())/1e3, m.p99.Round(time.Microsecond))
		}
	}
	return r, nil
}
