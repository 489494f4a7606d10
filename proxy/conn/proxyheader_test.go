package conn

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	proxyproto "github.com/pires/go-proxyproto"

	"docusign-auth-proxy/proxy/egress"
)

// scripted is a connection on which bytes come as its reader gives them.
type scripted struct {
	net.Conn
	io.Reader
}

func (s scripted) Read(p []byte) (int, error)      { return s.Reader.Read(p) }
func (s scripted) SetReadDeadline(time.Time) error { return nil }

func read(in io.Reader) (h header, rest string, err error) {
	c := &Conn{Conn: scripted{Reader: in}}
	if comes, _ := c.peek(time.Second); !comes {
		return h, "", errHeader
	}
	if h, err = c.takeHeader(time.Second); err != nil {
		return h, "", err
	}
	left, err := io.ReadAll(io.MultiReader(bytes.NewReader(c.ahead), in))
	return h, string(left), err
}

// FuzzPROXYHeader reads as github.com/pires/go-proxyproto does, also when the bytes come one by one. This reader takes
// more: IPv4 as TCP6, as nginx writes it, PROXY without an address in version 2, and fewer fields after UNKNOWN.
func FuzzPROXYHeader(f *testing.F) {
	const signature = "\r\n\r\n\x00\r\nQUIT\n"
	for _, seed := range []string{
		"PROXY TCP4 203.0.113.7 192.0.2.1 56324 443\r\nGET", "PROXY TCP6 2001:db8::7 ::1 1 2\r\n", "PROXY UNKNOWN\r\nx",
		"PROXY TCP4 203.0.113.7 192.0.2.1 056324 443\r\n", "PROXY  TCP4 1.2.3.4 1.2.3.4 1 1\r\n", "PROX",
		signature + "\x21\x11\x00\x0c\xcb\x00\x71\x07\xc0\x00\x02\x01\xdc\x04\x01\xbb\x16\x03",
		signature + "\x20\x00\x00\x00GET", signature + "\x20\x11\x00\x02xxGET", signature + "\x21\x00\x00\x01x",
		signature + "\x21\x21\x00\x24" + strings.Repeat("\x20", 36), signature + "\x22\x11\x00\x00",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		got, rest, err := read(bytes.NewReader(p))
		slow, slowRest, slowErr := read(iotest.OneByteReader(bytes.NewReader(p)))
		if got != slow || rest != slowRest || (err == nil) != (slowErr == nil) {
			t.Fatalf("at once %v %q %v, byte by byte %v %q %v", got, rest, err, slow, slowRest, slowErr)
		}
		in := bufio.NewReader(bytes.NewReader(p))
		known, knownErr := proxyproto.Read(in)
		if err != nil {
			if knownErr == nil && !bytes.Equal(p[:min(len(p), 6)], []byte("PROXY ")) {
				t.Fatalf("refused with %v, the other reader takes %+v", err, known)
			}
			return
		}
		if knownErr != nil {
			return
		}
		knownRest, _ := io.ReadAll(in)
		var from netip.AddrPort
		if source, _, ok := known.TCPAddrs(); ok && !known.Command.IsLocal() {
			from = AddrPort(source)
		}
		if got.from != from || rest != string(knownRest) {
			t.Fatalf("got %v and %q behind it, the other reader %v and %q", got, rest, from, knownRest)
		}
	})
}

// FuzzXForwardedFor finds an address that stands in the header and in none of the networks, or none.
func FuzzXForwardedFor(f *testing.F) {
	for _, seed := range []string{
		"203.0.113.7", "203.0.113.7:1, 10.0.0.2", "[2001:db8::7]:443,", "fe80::1%x", ",", "::ffff:10.0.0.1",
	} {
		f.Add(seed)
	}
	listed := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	f.Fuzz(func(t *testing.T, text string) {
		a, err := LastUnlisted([]string{text}, listed)
		more, moreErr := LastUnlisted([]string{"198.51.100.1, " + text + ",", "10.0.0.3 "}, listed)
		switch {
		case err == nil && a.IsValid() && (egress.Holds(listed, a) || a.Zone() != "" || a.Is4In6()):
			t.Fatalf("%q gives %s", text, a)
		case err == nil && a.IsValid() && (a != more || moreErr != nil):
			t.Fatalf("%q gives %s, and %s behind an invented one and before a balancer: %v", text, a, more, moreErr)
		}
	})
}

func TestALentPlaceCountsForItsClient(t *testing.T) {
	balancer, client := netip.MustParseAddr("10.0.0.2"), netip.MustParseAddr("203.0.113.7")
	p := NewPlaces(6, 34) // a share is 2
	p.shared = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/24")}
	var all []*Place
	for range 5 {
		near, _ := net.Pipe()
		pl, _ := p.Take(balancer, &Conn{Conn: near})
		if pl == nil {
			t.Fatal("a balancer has a share")
		}
		all = append(all, pl)
	}
	for n, want := range []bool{true, true, false} { // none of them is idle
		if displaced, ok := all[n].lend(client); ok != want || displaced != nil {
			t.Errorf("place %d: %v", n, ok)
		}
	}
	all[0].setIdle(true)
	if displaced, ok := all[3].lend(client); !ok || displaced != all[0] {
		t.Errorf("an idle one of the client does not make room: %v", ok)
	}
	all[1].Leave()
	all[1].giveBack()
	all[3].giveBack()
	if p.clients[client] != nil || p.clients[balancer].taken != 3 || p.Count() != 3 {
		t.Errorf("%d places are taken, %v", p.Count(), p.clients)
	}
	all[3].setIdle(true)
	if _, ok := all[3].lend(client); !ok || p.clients[client].idle.Len() != 1 {
		t.Error("an idle place is not idle for the client to whom it is lent")
	}
	if _, ok := all[3].lend(client); !ok {
		t.Error("it is lent to its client no second time")
	}
}
