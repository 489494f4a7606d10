package egress

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"time"

	"docusign-auth-proxy/internal/panics"
)

// fallbackDelay and minAttempt are net.Dialer's own: when the second family joins, and what one address gets at least.
const (
	fallbackDelay = 300 * time.Millisecond
	minAttempt    = 2 * time.Second
)

// race is RFC 8305 as net.Dialer does it, for addresses it has not resolved itself: the first address's family leads,
// the other joins after a delay or when the first has failed, and the first connection wins.
func race(ctx context.Context, d *net.Dialer, network string, h Host, ips []netip.Addr) (net.Conn, error) {
	lead, rest := byFamily(ips)
	if len(rest) == 0 {
		return serially(ctx, d, network, h, lead)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type result struct {
		conn net.Conn
		err  error
	}
	results, leadFailed, done := make(chan result), make(chan struct{}), make(chan struct{})
	defer close(done)
	attempt := func(ips []netip.Addr) {
		var got result
		func() {
			defer panics.Into(&got.err)
			got.conn, got.err = serially(ctx, d, network, h, ips)
		}()
		select {
		case results <- got:
		case <-done:
			if got.conn != nil {
				_ = got.conn.Close() // it comes too late
			}
		}
	}
	go attempt(lead)
	go func() {
		select {
		case <-leadFailed:
		case <-time.After(fallbackDelay):
		case <-done:
			return
		}
		attempt(rest)
	}()
	first := <-results
	if first.err == nil {
		return first.conn, nil
	}
	close(leadFailed) // or the other one has failed already
	second := <-results
	if second.err == nil {
		return second.conn, nil
	}
	return nil, errors.Join(first.err, second.err)
}

func byFamily(ips []netip.Addr) (lead, rest []netip.Addr) {
	for _, ip := range ips {
		if ip.Unmap().Is4() == ips[0].Unmap().Is4() {
			lead = append(lead, ip)
		} else {
			rest = append(rest, ip)
		}
	}
	return lead, rest
}

// serially tries one address after the other, each with its share of the time left.
func serially(ctx context.Context, d *net.Dialer, network string, h Host, ips []netip.Addr) (net.Conn, error) {
	err := error(&net.OpError{
		Op: "dial", Net: network, Err: &net.DNSError{Err: "no such host", Name: h.name, IsNotFound: true},
	})
	for i, ip := range ips {
		conn, attempt := once(ctx, d, network, netip.AddrPortFrom(ip.Unmap(), h.port), len(ips)-i)
		if attempt == nil {
			return conn, nil
		}
		if i == 0 {
			err = attempt
		}
		if ctx.Err() != nil {
			break
		}
	}
	return nil, err
}

func once(ctx context.Context, d *net.Dialer, network string, to netip.AddrPort, left int) (net.Conn, error) {
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, max(time.Until(deadline)/time.Duration(left), minAttempt))
		defer cancel()
	}
	return d.DialContext(ctx, network, to.String())
}
