package egress

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"syscall"
	"testing"
)

func TestRaceDoesNotWaitForAHangingAddress(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	server := netip.MustParseAddrPort(l.Addr().String())
	hangs := netip.MustParseAddr("127.0.0.9")
	d := &net.Dialer{ControlContext: func(ctx context.Context, _, address string, _ syscall.RawConn) error {
		if netip.MustParseAddrPort(address).Addr() == hangs {
			<-ctx.Done()
		}
		return ctx.Err()
	}}
	conn, err := race(t.Context(), d, []netip.Addr{hangs, server.Addr()}, server.Port())
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
}

// A family that hangs must not hold the other one up, and must be let go once the other one has won.
func TestRaceLeavesAHangingFamily(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	server := netip.MustParseAddrPort(l.Addr().String())
	hung, let := make(chan struct{}), make(chan struct{})
	d := &net.Dialer{ControlContext: func(ctx context.Context, network, _ string, _ syscall.RawConn) error {
		if network == "tcp6" {
			close(hung)
			<-ctx.Done()
			close(let)
			return ctx.Err()
		}
		return nil
	}}
	conn, err := race(t.Context(), d, []netip.Addr{netip.IPv6Loopback(), server.Addr()}, server.Port())
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	select {
	case <-hung:
		<-let
	default: // this machine makes no IPv6 socket: the family failed instead of hanging, and the other one won all the same
	}
}

func TestRaceReportsBothFamilies(t *testing.T) {
	six, four := errors.New("six"), errors.New("four")
	d := &net.Dialer{ControlContext: func(_ context.Context, network, _ string, _ syscall.RawConn) error {
		if network == "tcp6" {
			return six
		}
		return four
	}}
	_, err := race(t.Context(), d, []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.IPv6Loopback()}, 1)
	if !errors.Is(err, four) {
		t.Errorf("error %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := race(ctx, d, []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.IPv6Loopback()}, 1); err == nil {
		t.Error("connected after the end")
	}
}
