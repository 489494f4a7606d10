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
	results := make(chan result, 2)
	start := func(ips []netip.Addr) {
		go func() {
			var got result
			defer func() { results <- got }()
			defer panics.Into(&got.err)
			got.conn, got.err = serially(ctx, d, network, h, ips)
		}()
	}
	start(lead)
	delay := time.NewTimer(fallbackDelay)
	defer delay.Stop()
	running, started := 1, false
	var failed error
	for {
		select {
		case <-delay.C:
			if !started {
				start(rest)
				running, started = running+1, true
			}
		case r := <-results:
			running--
			if r.err == nil {
				cancel()
				if running > 0 {
					go func() {
						if late := <-results; late.conn != nil {
							_ = late.conn.Close()
						}
					}()
				}
				return r.conn, nil
			}
			failed = errors.Join(failed, r.err)
			if !started {
				start(rest)
				running, started = running+1, true
			}
			if running == 0 {
				return nil, failed
			}
		}
	}
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
