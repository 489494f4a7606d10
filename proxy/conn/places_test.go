package conn

import (
	"net"
	"net/netip"
	"strings"
	"testing"
)

func TestOneClientNeverHasAllPlaces(t *testing.T) {
	const most, share = 8, 50
	tests := []struct {
		name      string
		taken     []string // "idle ADDRESS" may make room
		client    string
		ok        bool
		makesRoom int // index of taken, -1 = none
	}{
		{"a place is free", []string{"192.0.2.1"}, "192.0.2.2", true, -1},
		{"its share is used up", []string{"192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.1"}, "192.0.2.1", false, -1},
		{
			"its share is used up, which leaves places to others", []string{"192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.1"},
			"192.0.2.2", true, -1,
		},
		{
			"all loopback addresses are one client", []string{"127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.2"}, "127.0.0.3",
			false, -1,
		},
		{
			"an IPv6 /64 is one client", []string{"2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8::4"}, "2001:db8::5",
			false, -1,
		},
		{
			"another IPv6 /64 is another client", []string{"2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8::4"},
			"2001:db8:0:1::5", true, -1,
		},
		{
			"its own longest idle makes room, not another's",
			[]string{"idle 192.0.2.2", "192.0.2.1", "idle 192.0.2.1", "idle 192.0.2.1", "192.0.2.1"}, "192.0.2.1", true, 2,
		},
		{"all are taken: an idle one of the biggest client makes room", []string{
			"idle 192.0.2.1", "192.0.2.2", "192.0.2.2", "idle 192.0.2.2", "192.0.2.3", "192.0.2.3", "192.0.2.4", "192.0.2.4",
		}, "192.0.2.5", true, 3},
		{"all are taken and work", []string{
			"192.0.2.1", "192.0.2.1", "192.0.2.2", "192.0.2.2", "192.0.2.3", "192.0.2.3", "192.0.2.4", "192.0.2.4",
		}, "192.0.2.5", false, -1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := NewPlaces(most, share)
			var all []*Place
			for _, text := range tt.taken {
				address, idle := strings.CutPrefix(text, "idle ")
				near, _ := net.Pipe()
				pl, _ := p.Take(netip.MustParseAddr(address), &Conn{Conn: near})
				if pl == nil {
					t.Fatalf("no place for %s", text)
				}
				pl.setIdle(idle)
				all = append(all, pl)
			}
			got, displaced := p.Take(netip.MustParseAddr(tt.client), nil)
			if (got != nil) != tt.ok {
				t.Errorf("a place: %v, want %v", got != nil, tt.ok)
			}
			for i, pl := range all {
				if (pl == displaced) != (i == tt.makesRoom) {
					t.Errorf("%d makes room: %v, want %d", i, pl == displaced, tt.makesRoom)
				}
			}
			if displaced != nil && displaced.setIdle(false) {
				t.Error("a call goes on whose connection another has got")
			}
			got.Leave()
			got.Leave()
			for _, pl := range all {
				pl.Leave()
			}
			if p.Count() != 0 || len(p.clients) != 0 {
				t.Errorf("%d places and %d clients are left", p.Count(), len(p.clients))
			}
		})
	}
}
