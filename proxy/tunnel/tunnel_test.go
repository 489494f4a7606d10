package tunnel_test

import (
	"context"
	"log/slog"
	"net"
	"net/http/httptest"
	"testing"
	"time"

	"docusign-auth-proxy/proxy/conn"
	"docusign-auth-proxy/proxy/tunnel"
)

func TestTheEndOfThePoolClosesItsTunnels(t *testing.T) {
	open, end := context.WithCancel(t.Context())
	p := &tunnel.Pool{
		Log: slog.New(slog.DiscardHandler), Places: conn.NewPlaces(4, 100), Idle: time.Hour, Open: open,
		Connect: func(context.Context, string, string) (net.Conn, error) {
			near, _ := net.Pipe()
			return near, nil
		},
	}
	dial := func() net.Conn {
		r := httptest.NewRequest("CONNECT", "//files.example:443", nil)
		c, err := p.Dial(r, &conn.Binding{}, "tcp", "files.example:443")
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	before := dial()
	end()
	for name, c := range map[string]net.Conn{"opened before": before, "opened after": dial()} {
		if _, err := c.Read(make([]byte, 1)); err == nil {
			t.Errorf("%s: it goes on", name)
		}
		_, _ = c.Close(), c.Close()
	}
	if n := p.Places.Count(); n != 0 {
		t.Errorf("%d places are not given back", n)
	}
}
