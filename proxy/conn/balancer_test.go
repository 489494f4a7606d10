package conn_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/panics"
	"docusign-auth-proxy/proxy/conn"
)

const (
	headerTime = 300 * time.Millisecond
	v1         = "PROXY TCP4 203.0.113.7 192.0.2.1 56324 443\r\n"
	hello      = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
)

// v2 is a header of version 2 with a command, a family and what follows the length.
func v2(command, family byte, rest string) string {
	head := "\r\n\r\n\x00\r\nQUIT\n" + string([]byte{command, family})
	return head + string([]byte{byte(len(rest) >> 8), byte(len(rest))}) + rest
}

const (
	four = "\xcb\x00\x71\x07" + "\xc0\x00\x02\x01" + "\xdc\x04" + "\x01\xbb" // 203.0.113.7:56324 to 192.0.2.1:443
	six  = "\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x07" +
		"\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01" + "\xdc\x04" + "\x01\xbb"
)

// served is a Front with a server behind it that answers who called.
type served struct {
	*conn.Front
	address string
	hold    chan struct{} // calls wait for its end; nil = they do not
	came    chan struct{} // one for each call that waits

	mu     sync.Mutex
	failed []string
}

func (s *served) RecordConnFailure(f *call.ConnFailure) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failed = append(s.failed, f.Cause)
}

func (s *served) Record(*call.Event) {}

func (s *served) causes() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.failed, " ")
}

type connKey struct{}

// serve listens on loopback, from where its clients are.
func serve(t *testing.T, b conn.Balancers, most int) *served {
	t.Helper()
	s := &served{}
	s.Front = conn.NewFront(conn.Options{
		Balancers: b, Log: slog.New(slog.DiscardHandler), Recorders: call.Recorders{s}, NextID: func() string { return "1" },
		Panicked:      func(where string, p *panics.Error, _ ...any) { t.Errorf("%s: %v", where, p) },
		HeaderTimeout: headerTime, DrainBody: 1 << 10, Most: most, SharePercent: 50,
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.address = l.Addr().String()
	secure := httptest.NewTLSServer(nil)
	secure.Close()
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	hs := &http.Server{Handler: s, ConnState: s.State, Protocols: protocols,
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, connKey{}, conn.Of(c))
		}}
	go func() {
		_ = s.Serve(l, call.DoorSidecar, func() *tls.Config {
			return &tls.Config{Certificates: secure.TLS.Certificates}
		})
	}()
	go func() { _ = hs.Serve(s.Front) }()
	t.Cleanup(func() { s.Stop(); _ = hs.Close() })
	return s
}

// ServeHTTP tells whom the call counts for, and where the client has connected to.
func (s *served) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := r.Context().Value(connKey{}).(*conn.Conn)
	c.HandlerCalled(r)
	b, err := s.Caller(r, &c.Binding)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	leave, ok := s.TakePlace(r, b)
	defer leave()
	if !ok {
		http.Error(w, "no place", http.StatusServiceUnavailable)
		return
	}
	if s.hold != nil {
		s.came <- struct{}{}
		<-s.hold
	}
	who := b.Client.Addr().String()
	if b.Unnamed {
		who = "nobody behind " + who
	}
	_, _ = fmt.Fprintf(w, "%s to %s", who, c.LocalAddr())
}

// dial connects to it.
func (s *served) dial(t *testing.T) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", s.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	return c
}

// ask sends a call and gives what its handler wrote; "" = the connection was closed.
func ask(t *testing.T, c net.Conn, in *bufio.Reader, head string) string {
	t.Helper()
	if _, err := io.WriteString(c, head); err != nil {
		return ""
	}
	resp, err := http.ReadResponse(in, nil)
	if err != nil {
		return ""
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	if resp.StatusCode != http.StatusOK {
		return fmt.Sprintf("%d %s", resp.StatusCode, bytes.TrimSpace(body))
	}
	return string(body)
}

func networks(texts ...string) (list []netip.Prefix) {
	for _, text := range texts {
		list = append(list, netip.MustParsePrefix(text))
	}
	return list
}

func TestAConnectionIsWhoseItsPROXYHeaderSays(t *testing.T) {
	const named, nobody = "203.0.113.7 to 192.0.2.1:443", "nobody behind 127.0.0.1"
	header := cause.ProxyHeaderMissing.String()
	for _, tt := range []struct {
		name   string
		header string
		client string // "" = the connection is closed
		cause  string
	}{
		{"version 1", v1, named, ""},
		{"version 1, IPv6", "PROXY TCP6 2001:db8::7 2001:db8::1 56324 443\r\n", "2001:db8::7 to [2001:db8::1]:443", ""},
		{"version 1, IPv4 as TCP6, as nginx writes it", "PROXY TCP6 203.0.113.7 192.0.2.1 56324 443\r\n", named, ""},
		{"version 1, unknown", "PROXY UNKNOWN\r\n", nobody, ""},
		{"version 1, unknown with more", "PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n", nobody, ""},
		{"version 1, of a loopback address", "PROXY TCP4 127.0.0.1 127.0.0.1 56324 443\r\n", nobody, ""},
		{"version 1, of a mapped loopback address", "PROXY TCP6 ::ffff:127.0.0.1 ::1 56324 443\r\n", nobody, ""},
		{"version 2", v2(0x21, 0x11, four), named, ""},
		{"version 2, IPv6", v2(0x21, 0x21, six), "2001:db8::7 to [2001:db8::1]:443", ""},
		{"version 2 with extensions", v2(0x21, 0x11, four+"\x03\x00\x04abcd"+strings.Repeat("\x04\x00\x02xx", 300)), named,
			""},
		{"version 2, the balancer's own", v2(0x20, 0x00, ""), nobody, ""},
		{"version 2, the balancer's own with addresses", v2(0x20, 0x11, four), nobody, ""},
		{"version 2, no address", v2(0x21, 0x00, ""), nobody, ""},
		{"version 2, a Unix socket", v2(0x21, 0x31, strings.Repeat("\x00", 216)), nobody, ""},
		{"version 2, of a loopback address", v2(0x21, 0x11, "\x7f\x00\x00\x01\x7f\x00\x00\x01\x00\x01\x00\x02"), nobody, ""},
		{"no header", "", "", header},
		{"no header, from one that may begin so", "PROPFIND / HTTP/1.1\r\n\r\n", "", header},
		{"version 1 without an address", "PROXY TCP4\r\n", "", header},
		{"version 1 without a line end", "PROXY TCP4 " + strings.Repeat("1", 200), "", header},
		{"version 1 with a name", "PROXY TCP4 program.example 192.0.2.1 1 2\r\n", "", header},
		{"version 1 with a zone", "PROXY TCP6 fe80::1%eth0 fe80::2 1 2\r\n", "", header},
		{"version 1 with a line feed alone", "PROXY TCP4 203.0.113.7 192.0.2.1 1 2\n", "", header},
		{"version 2 of another version", v2(0x31, 0x11, four), "", header},
		{"version 2, too short for its family", v2(0x21, 0x11, four[:6]), "", header},
		{"version 2, too long", v2(0x21, 0x11, four+strings.Repeat("x", 5000)), "", header},
		{"a header that stops coming", v1[:20], "", header},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, conn.Balancers{ProxyProtocol: networks("127.0.0.0/8")}, 10)
			for _, way := range []string{"at once", "byte by byte", "over TLS"} {
				if got := s.begin(t, tt.header, way); !strings.HasPrefix(got, tt.client) || (got == "") != (tt.client == "") {
					t.Errorf("%s: got %q, want %q", way, got, tt.client)
				}
			}
			if want := strings.TrimSpace(strings.Repeat(tt.cause+" ", 3)); s.causes() != want {
				t.Errorf("causes %q, want %q", s.causes(), want)
			}
		})
	}
}

// begin sends a header and a call behind it.
func (s *served) begin(t *testing.T, header, way string) string {
	t.Helper()
	c := s.dial(t)
	rest := hello
	if strings.HasPrefix(header, v1[:10]) && !strings.Contains(header, "\n") && len(header) < 100 {
		rest = "" // it stops coming
	}
	switch way {
	case "over TLS":
		_, _ = io.WriteString(c, header)
		if rest == "" {
			break
		}
		c = tls.Client(c, &tls.Config{InsecureSkipVerify: true})
	case "byte by byte":
		for i := range len(header) {
			_, _ = io.WriteString(c, header[i:i+1])
		}
	default:
		rest = header + rest
	}
	return ask(t, c, bufio.NewReader(c), rest)
}

func TestAPROXYHeaderFromElsewhereIsRefused(t *testing.T) {
	for name, header := range map[string]string{"version 1": v1, "version 2": v2(0x21, 0x11, four)} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, conn.Balancers{ProxyProtocol: networks("10.0.0.0/8")}, 10)
			for _, way := range []string{"at once", "byte by byte", "over TLS"} {
				if got := s.begin(t, header, way); got != "" {
					t.Errorf("%s: answered %q", way, got)
				}
			}
			if got := s.causes(); got != "proxy_header proxy_header proxy_header" {
				t.Errorf("causes %q", got)
			}
			if got := s.begin(t, "", "at once"); !strings.HasPrefix(got, "127.0.0.1 to 127.0.0.1:") {
				t.Errorf("without a header: %q", got)
			}
		})
	}
}

func TestSilentBalancersKeepNobodyOut(t *testing.T) {
	s := serve(t, conn.Balancers{ProxyProtocol: networks("127.0.0.0/8")}, 4)
	for range 12 { // more than there are places
		s.dial(t)
	}
	if got := s.begin(t, v1, "at once"); !strings.HasPrefix(got, "203.0.113.7 ") {
		t.Errorf("got %q", got)
	}
	if n := s.Open(); n > 8 {
		t.Errorf("%d connections are open", n)
	}
}

func TestPlacesAreCountedForTheClientThatIsNamed(t *testing.T) {
	s := serve(t, conn.Balancers{ProxyProtocol: networks("127.0.0.0/8")}, 4)
	s.hold, s.came = make(chan struct{}), make(chan struct{}, 8)
	other := strings.Replace(v1, "203.0.113.7", "203.0.113.8", 1)
	answers := make(chan string, 4)
	for _, header := range []string{v1, v1, other, other} {
		go func() {
			c := s.dial(t)
			answers <- ask(t, c, bufio.NewReader(c), header+hello)
		}()
		<-s.came
	}
	close(s.hold)
	for range 4 {
		if got := <-answers; !strings.HasPrefix(got, "203.0.113.") {
			t.Errorf("got %q", got)
		}
	}
}

func TestACallIsWhoseXForwardedForSays(t *testing.T) {
	const ok, nobody = "203.0.113.7", "nobody behind 127.0.0.1"
	for _, tt := range []struct {
		name   string
		fields string
		want   string
	}{
		{"one address", "203.0.113.7", ok},
		{"with a port", "203.0.113.7:50123", ok},
		{"IPv6", "2001:db8::7", "2001:db8::7"},
		{"IPv6 with a port", "[2001:db8::7]:443", "2001:db8::7"},
		{"IPv6 in brackets", "[2001:db8::7]", "2001:db8::7"},
		{"what the program invents comes before", "198.51.100.1, 203.0.113.7", ok},
		{"nonsense that the program invents comes before", "'; drop, 203.0.113.7", ok},
		{"a second balancer comes behind", "203.0.113.7, 10.0.0.2", ok},
		{"what the program invents, before two balancers", "10.0.0.9, 198.51.100.1,203.0.113.7 ,10.0.0.2", ok},
		{"in two fields", "198.51.100.1\r\nX-Forwarded-For: 203.0.113.7", ok},
		{"with empty entries", ", 203.0.113.7, ,", ok},
		{"a loopback address", "127.0.0.1", nobody},
		{"a mapped loopback address", "::ffff:127.0.0.1", nobody},
		{"balancers alone", "10.0.0.2, 10.0.0.3", nobody},
		{"empty", "", "400 "},
		{"nothing but commas", ", ,", "400 "},
		{"unknown", "203.0.113.7, unknown", "400 "},
		{"a zone", "fe80::1%eth0", "400 "},
		{"IPv4 in brackets", "[203.0.113.7]", "400 "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := serve(t, conn.Balancers{ForwardedFor: networks("127.0.0.0/8", "10.0.0.0/24")}, 10)
			c := s.dial(t)
			in := bufio.NewReader(c)
			for range 2 { // on one connection
				got := ask(t, c, in, strings.Replace(hello, "\r\n\r\n", "\r\nX-Forwarded-For: "+tt.fields+"\r\n\r\n", 1))
				if !strings.HasPrefix(got, tt.want) {
					t.Errorf("got %q, want %q", got, tt.want)
				}
				got = ask(t, c, in, strings.Replace(hello, "\r\n\r\n", "\r\nX-Forwarded-For: 198.51.100.9\r\n\r\n", 1))
				if !strings.HasPrefix(got, "198.51.100.9 ") {
					t.Errorf("another client's call on the same connection is of %q", got)
				}
			}
			if got := ask(t, c, in, hello); !strings.HasPrefix(got, "400 ") || !strings.Contains(got, "there is none") {
				t.Errorf("without the header: %q", got)
			}
		})
	}
}

func TestXForwardedForFromElsewhereSaysNothing(t *testing.T) {
	s := serve(t, conn.Balancers{ForwardedFor: networks("10.0.0.0/8")}, 10)
	c := s.dial(t)
	got := ask(t, c, bufio.NewReader(c), strings.Replace(hello, "\r\n\r\n", "\r\nX-Forwarded-For: 203.0.113.7\r\n\r\n", 1))
	if !strings.HasPrefix(got, "127.0.0.1 ") {
		t.Errorf("got %q", got)
	}
}

func TestACallThroughTwoKindsOfBalancer(t *testing.T) {
	// A gateway of HTTP at 10.0.0.2 behind a balancer of connections at 127.0.0.1.
	s := serve(t, conn.Balancers{ProxyProtocol: networks("127.0.0.0/8"), ForwardedFor: networks("10.0.0.2/32")}, 10)
	gateway := strings.Replace(v1, "203.0.113.7", "10.0.0.2", 1)
	for head, want := range map[string]string{
		gateway + strings.Replace(hello, "\r\n\r\n", "\r\nX-Forwarded-For: 203.0.113.7\r\n\r\n", 1): "203.0.113.7 ",
		gateway + hello: "400 ",
		v1 + hello:      "203.0.113.7 ",
		"PROXY UNKNOWN\r\n" + strings.Replace(hello, "\r\n\r\n", "\r\nX-Forwarded-For: 203.0.113.9\r\n\r\n", 1): "nobody ",
	} {
		c := s.dial(t)
		if got := ask(t, c, bufio.NewReader(c), head); !strings.HasPrefix(got, want) {
			t.Errorf("%q: got %q, want %q", head, got, want)
		}
	}
}

func TestOneClientBehindABalancerOfHTTPHasItsShare(t *testing.T) {
	s := serve(t, conn.Balancers{ForwardedFor: networks("127.0.0.0/8")}, 8) // a share is 4
	s.hold, s.came = make(chan struct{}), make(chan struct{}, 8)
	from := func(client string) string {
		return strings.Replace(hello, "\r\n\r\n", "\r\nX-Forwarded-For: "+client+"\r\n\r\n", 1)
	}
	answers := make(chan string, 8)
	for range 6 { // of one client; two of them are too many, and idle connections make room
		go func() {
			c := s.dial(t)
			answers <- ask(t, c, bufio.NewReader(c), from("203.0.113.7"))
		}()
	}
	refused := 0
	for range 2 {
		if got := <-answers; got == "" || strings.HasPrefix(got, "503") {
			refused++
		}
	}
	go func() {
		c := s.dial(t)
		answers <- ask(t, c, bufio.NewReader(c), from("203.0.113.8"))
	}()
	close(s.hold)
	served := 0
	for range 5 {
		if got := <-answers; strings.HasPrefix(got, "203.0.113.") {
			served++
		}
	}
	if refused != 2 || served != 5 {
		t.Errorf("%d refused, %d served", refused, served)
	}
}
