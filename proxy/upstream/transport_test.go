//go:build unix

package upstream

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// dialed wraps connections, but lets them be asked still.
type dialed struct {
	*net.TCPConn
	write    func(c *net.TCPConn, p []byte) (int, error)
	deadline func(time.Time)
}

func (d *dialed) Write(p []byte) (int, error) {
	if d.write == nil {
		return d.TCPConn.Write(p)
	}
	return d.write(d.TCPConn, p)
}

func (d *dialed) SetDeadline(at time.Time) error {
	if d.deadline != nil {
		d.deadline(at)
	}
	return d.TCPConn.SetDeadline(at)
}

func dialing(change func(*dialed)) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := (&net.Dialer{}).DialContext(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		d := &dialed{TCPConn: c.(*net.TCPConn)}
		change(d)
		return d, nil
	}
}

func TestConnectionsAreUsedLastInFirstOut(t *testing.T) {
	var both sync.WaitGroup
	both.Add(2)
	o := newOrigin(t, func(p *peer, n int) {
		for r := p.request(); r != nil; r = p.request() {
			if r.URL.Path == "/together" {
				both.Done()
				both.Wait()
			}
			p.say(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n%d", n))
		}
	})
	tr := o.transport()
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() { get(t, tr, o.url("/together")) })
	}
	wg.Wait()
	idle := tr.idle()
	if len(idle) != 2 {
		t.Fatalf("%d idle", len(idle))
	}
	for range 3 {
		get(t, tr, o.url("/"))
		if now := tr.idle(); now[0] != idle[0] || now[1] != idle[1] {
			t.Fatal("not the last one")
		}
	}
}

// A connection on which anything came after its answer is not used again, however much or little it was and wherever it
// waits.
func TestWhatNobodyAskedForSpoilsTheConnection(t *testing.T) {
	const rogue = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nrogue"
	record := func(p *peer, n int) { // a record, or its beginning, below TLS
		_, _ = p.raw.Write([]byte{23, 3, 3, 0, 40}[:n])
	}
	tests := []struct {
		name  string
		after func(p *peer)
		same  bool // in one piece with the answer
	}{
		{"an answer in the same record", nil, true},
		{"an answer in the next record of the same packet", func(p *peer) { p.say(rogue) }, true},
		{"the beginning of a record in the same packet", func(p *peer) { record(p, 2) }, true},
		{"the head of a record in the same packet", func(p *peer) { record(p, 5) }, true},
		{"a farewell in the same packet", func(p *peer) { _ = p.CloseWrite() }, true},
		{"an answer later", func(p *peer) { p.say(rogue) }, false},
		{"the beginning of a record later", func(p *peer) { record(p, 1) }, false},
		{"a farewell later", func(p *peer) { _ = p.CloseWrite() }, false},
		{"the end of the connection", func(p *peer) { _ = p.raw.Close() }, false},
		{"a reset", func(p *peer) { p.reset() }, false},
	}
	for _, tt := range tests {
		for _, answer := range []string{
			ok2, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", "HTTP/1.1 204 No Content\r\n\r\n",
		} {
			t.Run(tt.name, func(t *testing.T) {
				read := make(chan struct{})
				o := newOrigin(t, func(p *peer, n int) {
					p.request()
					if n > 1 {
						p.say("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nright")
						return
					}
					p.raw.hold = tt.same
					if tt.after == nil {
						p.say(answer + rogue)
					} else {
						p.say(answer)
					}
					if !tt.same {
						<-read
					}
					if tt.after != nil {
						tt.after(p)
					}
					p.raw.release()
					_, _ = p.raw.Read(make([]byte, 1)) // until the client goes
				})
				tr := o.transport()
				get(t, tr, o.url("/"))
				if !tt.same {
					close(read)
					tr.arrived(t)
				}
				resp, err := tr.RoundTrip(call(t.Context(), t, "POST", o.url("/"), "x")) // a POST would not be sent twice
				if err != nil {
					t.Fatal(err)
				}
				if got := text(t, resp); got != "right" || o.dialed() != 2 {
					t.Errorf("%q over %d connections", got, o.dialed())
				}
			})
		}
	}
}

// The session tickets of TLS 1.3 come after the handshake and spoil nothing.
func TestAConnectionIsUsedAgain(t *testing.T) {
	o := newOrigin(t, always(ok2))
	tr := o.transport()
	for range 3 {
		get(t, tr, o.url("/"))
	}
	if o.dialed() != 1 {
		t.Errorf("%d connections", o.dialed())
	}
}

func TestACallIsSentTwiceAtMost(t *testing.T) {
	var calls atomic.Int32
	o := newOrigin(t, func(p *peer, n int) {
		p.request()
		if n == 1 {
			p.say(ok2)
			p.request()
		}
		calls.Add(1)
	})
	tr := o.transport()
	get(t, tr, o.url("/"))
	if _, err := tr.RoundTrip(call(t.Context(), t, "GET", o.url("/"), "")); err == nil {
		t.Error("no error")
	}
	if _, err := tr.RoundTrip(call(t.Context(), t, "GET", o.url("/"), "")); err == nil {
		t.Error("a fresh connection was tried again")
	}
	o.close()
	if got := calls.Load(); got != 3 {
		t.Errorf("%d calls", got)
	}
}

// What has not left may leave over another connection, whatever it is.
func TestACallOfWhichNothingLeftIsSentAgain(t *testing.T) {
	tests := []struct {
		name  string
		taken int // bytes the system takes before it fails
		err   error
		again bool
	}{
		{"nothing left", 0, syscall.EPIPE, true},
		{"one byte left", 1, syscall.EPIPE, false},
		{"nothing left within the time limit", 0, fmt.Errorf("write: %w", context.DeadlineExceeded), true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var fail atomic.Bool
			o := newOrigin(t, always(ok2))
			tr := o.transport()
			tr.Like.DialContext = dialing(func(d *dialed) {
				d.write = func(c *net.TCPConn, p []byte) (int, error) {
					if !fail.Swap(false) {
						return c.Write(p)
					}
					n, _ := c.Write(p[:tt.taken])
					return n, tt.err
				}
			})
			get(t, tr, o.url("/"))
			fail.Store(true)
			resp, err := tr.RoundTrip(call(t.Context(), t, "POST", o.url("/"), "x"))
			if tt.again != (err == nil) {
				t.Fatal(err)
			}
			if err == nil && text(t, resp) != "ok" {
				t.Error("wrong answer")
			}
		})
	}
}

func TestTheContextEndsWhateverWaits(t *testing.T) {
	why := errors.New("the program hung up")
	tests := []struct {
		name string
		// run is told to call reached when the call waits.
		run func(t *testing.T, reached func()) (*origin, func(*Transport))
	}{
		{"a dial", func(t *testing.T, reached func()) (*origin, func(*Transport)) {
			return newOrigin(t, nil), func(tr *Transport) {
				tr.Like.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
					reached()
					<-ctx.Done()
					return nil, &net.OpError{Op: "dial", Err: ctx.Err()}
				}
			}
		}},
		{"a handshake", func(t *testing.T, reached func()) (*origin, func(*Transport)) {
			o := newOrigin(t, nil).speak(func(c net.Conn) {
				reached()
				_, _ = io.Copy(io.Discard, c)
			})
			return o, func(tr *Transport) { tr.Like.TLSHandshakeTimeout = time.Hour }
		}},
		{"writing", func(t *testing.T, reached func()) (*origin, func(*Transport)) {
			o := newOrigin(t, always(ok2))
			return o, func(tr *Transport) {
				stuck := false
				tr.Like.DialContext = dialing(func(d *dialed) {
					d.write = func(c *net.TCPConn, p []byte) (int, error) {
						if !stuck {
							return c.Write(p)
						}
						reached()
						for { // until the abort
							if _, err := c.Write(make([]byte, 1<<16)); err != nil {
								return 0, err
							}
						}
					}
				})
				get(t, tr, o.url("/"))
				stuck = true
			}
		}},
		{"waiting for the head", func(t *testing.T, reached func()) (*origin, func(*Transport)) {
			return newOrigin(t, func(p *peer, _ int) {
				p.request()
				reached()
				p.request()
			}), func(*Transport) {}
		}},
		{"a head that does not end", func(t *testing.T, reached func()) (*origin, func(*Transport)) {
			return newOrigin(t, func(p *peer, _ int) {
				p.request()
				p.say("HTTP/1.1 200 OK\r\nA:")
				reached()
				p.request()
			}), func(*Transport) {}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			o, change := tt.run(t, func() { cancel(why) })
			tr := o.transport()
			change(tr)
			_, err := tr.RoundTrip(call(ctx, t, "POST", o.url("/"), "x"))
			if err != why {
				t.Errorf("error %v", err)
			}
			if n := len(tr.idle()); n != 0 {
				t.Errorf("%d idle", n)
			}
		})
	}
}

func TestTheContextEndsTheBody(t *testing.T) {
	o := newOrigin(t, func(p *peer, _ int) {
		p.request()
		p.say("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
		p.request()
	})
	tr := o.transport()
	ctx, cancel := context.WithCancel(t.Context())
	resp, err := tr.RoundTrip(call(ctx, t, "GET", o.url("/"), ""))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(resp.Body, make([]byte, 4)); err != nil {
		t.Fatal(err)
	}
	cancel()
	for range 2 {
		if _, err := resp.Body.Read(make([]byte, 1)); err != context.Canceled {
			t.Errorf("error %v", err)
		}
	}
	if len(tr.idle()) != 0 {
		t.Error("kept")
	}
}

func TestAnEndedContextSendsNothing(t *testing.T) {
	o := newOrigin(t, always(ok2))
	tr := o.transport()
	ctx, cancel := context.WithTimeout(t.Context(), -1)
	defer cancel()
	if _, err := tr.RoundTrip(call(ctx, t, "GET", o.url("/"), "")); err != context.DeadlineExceeded || o.dialed() != 0 {
		t.Errorf("error %v, %d connections", err, o.dialed())
	}
}

// The end of a context races with the end of the answer: the connection is either good or gone.
func TestABrokenConnectionIsNeverKept(t *testing.T) {
	o := newOrigin(t, always(ok2))
	tr := o.transport()
	for i := range 300 {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			for range i % 30 * 50 {
				_ = ctx.Err()
			}
			cancel()
		}()
		resp, err := tr.RoundTrip(call(ctx, t, "GET", o.url("/"), ""))
		if err == nil {
			_, err = io.ReadAll(resp.Body)
			_ = resp.Body.Close()
		}
		if err != nil && err != context.Canceled {
			t.Fatal(err)
		}
		<-done
		resp, err = tr.RoundTrip(call(t.Context(), t, "POST", o.url("/"), "x"))
		if err != nil {
			t.Fatal(err)
		}
		text(t, resp)
	}
}

func TestTimeLimits(t *testing.T) {
	silent := func(p *peer, _ int) {
		p.request()
		p.request()
	}
	tests := []struct {
		name  string
		plain func(net.Conn)
		serve func(*peer, int)
		set   func(*Transport)
		warm  bool // over a connection that was used before
	}{
		{"a handshake", func(c net.Conn) {
			_, _ = io.Copy(io.Discard, c)
		}, nil, func(tr *Transport) { tr.Like.TLSHandshakeTimeout = time.Millisecond }, false},
		{"the head", nil, silent, func(tr *Transport) { tr.Like.ResponseHeaderTimeout = 50 * time.Millisecond }, false},
		{"the head over a used connection", nil, func(p *peer, n int) {
			p.request()
			p.say(ok2)
			p.request()
			p.request()
		}, func(tr *Transport) { tr.Like.ResponseHeaderTimeout = 200 * time.Millisecond }, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := newOrigin(t, tt.serve).speak(tt.plain)
			tr := o.transport()
			tt.set(tr)
			if tt.warm {
				get(t, tr, o.url("/"))
			}
			_, err := tr.RoundTrip(call(t.Context(), t, "GET", o.url("/"), ""))
			var ne net.Error
			if !errors.As(err, &ne) || !ne.Timeout() || !errors.Is(err, context.DeadlineExceeded) || o.dialed() > 1 {
				t.Errorf("error %v, %d connections", err, o.dialed())
			}
		})
	}
}

func TestTheBodyMayTakeItsTime(t *testing.T) {
	var limits []time.Time
	o := newOrigin(t, always(ok2))
	tr := o.transport()
	tr.Like.ResponseHeaderTimeout = time.Hour
	tr.Like.DialContext = dialing(func(d *dialed) { d.deadline = func(at time.Time) { limits = append(limits, at) } })
	for range 2 {
		get(t, tr, o.url("/"))
	}
	if len(limits) != 4 || limits[0].IsZero() || !limits[1].IsZero() || limits[2].IsZero() || !limits[3].IsZero() {
		t.Errorf("limits %v", limits)
	}
}

func TestInterimAnswers(t *testing.T) {
	const hints = "HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n"
	stop := errors.New("enough")
	tests := []struct {
		name   string
		answer string
		fail   error
		codes  []int
		want   error
	}{
		{"are shown", "HTTP/1.1 102 Processing\r\n\r\n" + hints + ok2, nil, []int{102, 103}, nil},
		{"five of them", strings.Repeat(hints, 5) + ok2, nil, []int{103, 103, 103, 103, 103}, nil},
		{"without end", strings.Repeat(hints, 6) + ok2, nil, []int{103, 103, 103, 103, 103, 103}, errInterims},
		{"refused by who looks at them", hints + ok2, stop, []int{103}, stop},
		{
			"a protocol nobody asked for", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
			nil, nil, errSwitching,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := newOrigin(t, always(tt.answer))
			tr := o.transport()
			var codes []int
			ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{Got1xxResponse: func(
				code int, h textproto.MIMEHeader,
			) error {
				if code == 103 && h.Get("Link") != "a" {
					t.Error("another header")
				}
				codes = append(codes, code)
				return tt.fail
			}})
			resp, err := tr.RoundTrip(call(ctx, t, "GET", o.url("/"), ""))
			if !errors.Is(err, tt.want) || fmt.Sprint(codes) != fmt.Sprint(tt.codes) {
				t.Fatalf("error %v, codes %v", err, codes)
			}
			if err == nil && text(t, resp) != "ok" {
				t.Error("wrong answer")
			}
			if (len(tr.idle()) == 1) != (err == nil) {
				t.Errorf("%d idle", len(tr.idle()))
			}
		})
	}
}

func TestTheHeadIsBounded(t *testing.T) {
	for _, extra := range []int{0, 1} {
		answer := "HTTP/1.1 204 No Content\r\nA: "
		answer += strings.Repeat("a", 1000+extra-len(answer)-4) + "\r\n\r\n"
		o := newOrigin(t, always(answer))
		tr := o.transport()
		tr.Like.MaxResponseHeaderBytes = 1000
		_, err := tr.RoundTrip(call(t.Context(), t, "GET", o.url("/"), ""))
		if errors.Is(err, errLongHead) != (extra > 0) || (err == nil) != (extra == 0) {
			t.Errorf("%d bytes: %v", len(answer), err)
		}
	}
}

func TestClosingABodyEarly(t *testing.T) {
	tests := []struct {
		name string
		head string
		body string
		read int
		keep bool
	}{
		{"whose rest is here keeps the connection", "Content-Length: 1000", strings.Repeat("x", 1000), 1, true},
		{"of which nothing was read", "Content-Length: 10", strings.Repeat("x", 10), 0, true},
		{"whose last chunk is here", "Transfer-Encoding: chunked", "3\r\nabc\r\n0\r\n\r\n", 3, true},
		{"whose rest has not come", "Content-Length: 1000", "abc", 3, false},
		{"that only the end of the connection ends", "A: b", "abc", 3, false},
		{"after which comes more", "Content-Length: 3", "abcd", 1, false},
		{"of a connection that closes anyway", "Connection: close\r\nContent-Length: 3", "abc", 1, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := newOrigin(t, always("HTTP/1.1 200 OK\r\n"+tt.head+"\r\n\r\n"+tt.body))
			tr := o.transport()
			for range 2 {
				resp, err := tr.RoundTrip(call(t.Context(), t, "GET", o.url("/"), ""))
				if err != nil {
					t.Fatal(err)
				}
				if _, err := io.ReadFull(resp.Body, make([]byte, tt.read)); err != nil {
					t.Fatal(err)
				}
				for range 2 {
					if err := resp.Body.Close(); err != nil {
						t.Fatal(err)
					}
				}
				if n, err := resp.Body.Read(make([]byte, 1)); n != 0 || err != http.ErrBodyReadAfterClose {
					t.Errorf("read %d, %v after Close", n, err)
				}
			}
			if kept := o.dialed() == 1; kept != tt.keep {
				t.Errorf("%d connections", o.dialed())
			}
		})
	}
}

func TestCloseWakesARead(t *testing.T) {
	o := newOrigin(t, func(p *peer, _ int) {
		p.request()
		p.say("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n")
		p.request()
	})
	tr := o.transport()
	resp, err := tr.RoundTrip(call(t.Context(), t, "GET", o.url("/"), ""))
	if err != nil {
		t.Fatal(err)
	}
	failed := make(chan error)
	go func() {
		_, err := resp.Body.Read(make([]byte, 1))
		failed <- err
	}()
	b := resp.Body.(*body)
	for b.reading.TryLock() { // until it reads
		b.reading.Unlock()
		runtime.Gosched()
	}
	if err := resp.Body.Close(); err != nil {
		t.Error(err)
	}
	if err := <-failed; err == nil {
		t.Error("no error")
	}
	if len(tr.idle()) != 0 {
		t.Error("kept")
	}
}

// Close races with the Read that comes to the end: a connection that another call has meanwhile is let alone.
func TestCloseLetsAnotherCallAlone(t *testing.T) {
	o := newOrigin(t, always(ok2))
	tr := o.transport()
	for range 300 {
		resp, err := tr.RoundTrip(call(t.Context(), t, "GET", o.url("/"), ""))
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		wg.Go(func() { _, _ = io.Copy(io.Discard, resp.Body) })
		wg.Go(func() { _ = resp.Body.Close() })
		next, err := tr.RoundTrip(call(t.Context(), t, "POST", o.url("/"), "x"))
		if err != nil {
			t.Fatal(err)
		}
		if got := text(t, next); got != "ok" {
			t.Fatalf("%q", got)
		}
		wg.Wait()
	}
}

func TestBreakingOffComesTooLateForAnEndedAnswer(t *testing.T) {
	o := newOrigin(t, always(ok2))
	tr := o.transport()
	resp, err := tr.RoundTrip(call(t.Context(), t, "GET", o.url("/"), ""))
	if err != nil {
		t.Fatal(err)
	}
	text(t, resp)
	resp.Body.(*body).breakOff()
	get(t, tr, o.url("/"))
	if o.dialed() != 1 {
		t.Error("broke off a connection that was not its own any more")
	}
}

func TestTLS(t *testing.T) {
	type refusal struct{ error }
	o := newOrigin(t, always(ok2))
	tests := []struct {
		name  string
		url   string
		set   func(*Transport)
		plain func(net.Conn)
		is    func(error) bool
	}{
		{"an unknown authority", o.url("/"), func(tr *Transport) {
			tr.Like.TLSClientConfig = &tls.Config{}
		}, nil, func(err error) bool { return errors.As(err, new(x509.UnknownAuthorityError)) }},
		{"a certificate for another host", "https://other.example/", func(tr *Transport) {
			tr.Like.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
				if addr != "other.example:443" {
					t.Errorf("dialed %s", addr)
				}
				return (&net.Dialer{}).DialContext(ctx, network, o.l.Addr().String())
			}
		}, nil, func(err error) bool { return errors.As(err, new(x509.HostnameError)) }},
		{"something that is not TLS", o.url("/"), func(*Transport) {}, func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n")
			_, _ = io.Copy(io.Discard, c)
		}, func(err error) bool { return errors.As(err, new(tls.RecordHeaderError)) }},
		{"an address the dialer refuses", o.url("/"), func(tr *Transport) {
			tr.Like.DialContext = func(context.Context, string, string) (net.Conn, error) {
				return nil, &net.OpError{Op: "dial", Err: refusal{io.EOF}}
			}
		}, nil, func(err error) bool { return errors.As(err, new(refusal)) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o.speak(tt.plain)
			tr := o.transport()
			tt.set(tr)
			if _, err := tr.RoundTrip(call(t.Context(), t, "GET", tt.url, "")); !tt.is(err) {
				t.Errorf("error %T %v", err, err)
			}
		})
	}
}

func TestSessionsAreResumedAndHTTP11Agreed(t *testing.T) {
	o := newOrigin(t, always(ok2))
	tr := o.transport()
	tr.Like.TLSClientConfig.ClientSessionCache = tls.NewLRUClientSessionCache(4)
	for i := range 2 {
		resp, err := tr.RoundTrip(call(t.Context(), t, "GET", o.url("/"), ""))
		if err != nil {
			t.Fatal(err)
		}
		if text(t, resp); resp.TLS.DidResume != (i == 1) || resp.TLS.NegotiatedProtocol != "http/1.1" {
			t.Errorf("resumed %v, protocol %q", resp.TLS.DidResume, resp.TLS.NegotiatedProtocol)
		}
		tr.CloseIdleConnections()
	}
	if tr.Like.TLSClientConfig.ServerName != "" || tr.Like.TLSClientConfig.NextProtos != nil {
		t.Error("the caller's Config was changed")
	}
}

func TestIdleConnectionsAreBounded(t *testing.T) {
	gate := make(chan struct{})
	var waiting atomic.Int32
	o := newOrigin(t, func(p *peer, _ int) {
		for p.request() != nil {
			if waiting.Add(1) == 4 {
				close(gate)
			}
			<-gate
			p.say(ok2)
		}
	})
	tr := o.transport()
	tr.Like.MaxIdleConnsPerHost = 2
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() { get(t, tr, o.url("/")) })
	}
	wg.Wait()
	if n := len(tr.idle()); n != 2 || o.dialed() != 4 {
		t.Errorf("%d idle of %d", n, o.dialed())
	}
}

func TestIdleConnectionsEnd(t *testing.T) {
	gone := make(chan struct{})
	o := newOrigin(t, func(p *peer, _ int) {
		always(ok2)(p, 0)
		gone <- struct{}{}
	})
	tr := o.transport()
	tr.Like.IdleConnTimeout = time.Millisecond
	for range 2 {
		get(t, tr, o.url("/"))
		<-gone
	}
	if idle := tr.idle(); len(idle) > 0 {
		t.Errorf("%d idle", len(idle))
	}
}

func TestCloseIdleConnections(t *testing.T) {
	gone := make(chan struct{}, 2)
	o := newOrigin(t, func(p *peer, _ int) {
		always(ok2)(p, 0)
		gone <- struct{}{}
	})
	tr := o.transport()
	base := &closable{}
	tr.Base = base
	get(t, tr, o.url("/"))
	tr.CloseIdleConnections()
	<-gone
	resp, err := tr.RoundTrip(call(t.Context(), t, "GET", o.url("/"), ""))
	if err != nil {
		t.Fatal(err)
	}
	tr.CloseIdleConnections()
	text(t, resp) // its connection becomes idle only now
	<-gone
	if base.closed != 2 {
		t.Errorf("Base told %d times", base.closed)
	}
	get(t, tr, o.url("/"))
	if len(tr.idle()) != 1 {
		t.Error("keeps nothing any more")
	}
}

// closable is a Base that counts.
type closable struct {
	closed int
	calls  []*http.Request
}

func (c *closable) RoundTrip(r *http.Request) (*http.Response, error) {
	c.calls = append(c.calls, r)
	return nil, errors.New("base")
}
func (c *closable) CloseIdleConnections() { c.closed++ }

func TestAConnectionThatCannotBeAskedIsUsedOnce(t *testing.T) {
	o := newOrigin(t, always(ok2))
	tr := o.transport()
	tr.Like.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := (&net.Dialer{}).DialContext(ctx, network, addr)
		return struct{ net.Conn }{c}, err
	}
	for range 2 {
		get(t, tr, o.url("/"))
	}
	if o.dialed() != 2 || len(tr.idle()) != 0 {
		t.Errorf("%d connections, %d idle", o.dialed(), len(tr.idle()))
	}
}

func TestWhatGoesToBase(t *testing.T) {
	header := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header[name] = []string{value} }
	}
	tests := []struct {
		name   string
		change func(*http.Request)
	}{
		{"http", func(r *http.Request) { r.URL.Scheme = "http" }},
		{"no URL", func(r *http.Request) { r.URL = nil }},
		{"no host", func(r *http.Request) { r.URL.Host = "" }},
		{"an opaque URL", func(r *http.Request) { r.URL.Opaque = "//a/b" }},
		{"a host that needs punycode", func(r *http.Request) { r.URL.Host = "bücher.example" }},
		{"a zone", func(r *http.Request) { r.URL.Host = "[fe80::1%25lo]:1" }},
		{"a space in the query", func(r *http.Request) { r.URL.RawQuery = "a HTTP/1.1" }},
		{"CONNECT", func(r *http.Request) { r.Method = "CONNECT" }},
		{"a method that is none", func(r *http.Request) { r.Method = "GET /x HTTP/1.1\r\n" }},
		{"an upgrade", header("Upgrade", "websocket")},
		{"a Connection field", header("Connection", "close")},
		{"an odd case of it", header("connection", "close")},
		{"Keep-Alive", header("Keep-Alive", "1")},
		{"Proxy-Connection", header("Proxy-Connection", "close")},
		{"Expect", header("Expect", "100-continue")},
		{"framing in an odd case", header("content-length", "5")},
		{"chunks in an odd case", header("transfer-encoding", "chunked")},
		{"a host in an odd case", header("host", "evil")},
		{"trailers in an odd case", header("trailer", "A")},
		{"a line break in a value", header("A", "b\r\nC: d")},
		{"a bare CR in a value", header("A", "b\rc")},
		{"a zero byte in a value", header("A", "b\x00c")},
		{"a line break in a name", header("A: b\r\nC", "d")},
		{"an empty name", header("", "d")},
		{"no header", func(r *http.Request) { r.Header = nil }},
		{"trailers", func(r *http.Request) { r.Trailer = http.Header{"A": nil} }},
		{"chunks", func(r *http.Request) { r.TransferEncoding = []string{"chunked"} }},
		{"a call that closes", func(r *http.Request) { r.Close = true }},
		{"an old way to cancel", func(r *http.Request) {
			r.Cancel = make(chan struct{}) //nolint:staticcheck // it is this that is tested
		}},
		{"a body of unknown length", func(r *http.Request) { r.ContentLength = -1 }},
		{"a body said to be empty", func(r *http.Request) { r.ContentLength = 0 }},
		{"a body that is not kept", func(r *http.Request) { r.GetBody = nil }},
		{"a large body", func(r *http.Request) { r.ContentLength = maxBody + 1 }},
		{"a length without body", func(r *http.Request) { r.Body = nil }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			base := &closable{}
			dial := func(context.Context, string, string) (net.Conn, error) {
				t.Error("dialed")
				return nil, io.EOF
			}
			tr := &Transport{Base: base, Like: &http.Transport{DialContext: dial}}
			req := call(t.Context(), t, "POST", "https://a.example/", "body")
			tt.change(req)
			if _, err := tr.RoundTrip(req); err == nil || len(base.calls) != 1 || base.calls[0] != req {
				t.Errorf("error %v", err)
			}
		})
	}
}

// closing notes whether a body was closed.
type closing struct {
	io.Reader
	closed int
}

func (c *closing) Close() error { c.closed++; return nil }

func TestABadRequestSendsNothing(t *testing.T) {
	mine := errors.New("the caller's own")
	tests := []struct {
		name   string
		change func(*http.Request)
		is     error
	}{
		{"a line break in the query", func(r *http.Request) { r.URL.RawQuery = "a\r\nHost:b" }, nil},
		{"a line break in the path is escaped or refused", func(r *http.Request) {
			r.URL = &url.URL{Scheme: "https", Host: "a.example", Path: "/", RawQuery: "\n"}
		}, nil},
		{"a body that fails", func(r *http.Request) {
			r.Body.(*closing).Reader = io.MultiReader(strings.NewReader("a"), failing{mine})
		}, mine},
		{"a body that is too short", func(r *http.Request) { r.Body.(*closing).Reader = strings.NewReader("a") }, nil},
		{"a body that is too long", func(r *http.Request) {
			r.Body.(*closing).Reader = strings.NewReader("a body that is longer")
		}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dial := func(context.Context, string, string) (net.Conn, error) {
				t.Error("dialed")
				return nil, io.EOF
			}
			tr := &Transport{Base: refusing{t}, Like: &http.Transport{DialContext: dial}}
			req := call(t.Context(), t, "POST", "https://a.example/", "body")
			b := &closing{Reader: req.Body}
			req.Body = b
			tt.change(req)
			if _, err := tr.RoundTrip(req); err == nil || tt.is != nil && !errors.Is(err, tt.is) {
				t.Errorf("error %v", err)
			}
			if b.closed == 0 {
				t.Error("the body stays open")
			}
		})
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// A body that ends in the middle of the answer must not look whole.
func TestACutAnswerLooksCut(t *testing.T) {
	for _, end := range []func(*peer){func(p *peer) { _ = p.Close() }, (*peer).reset} {
		o := newOrigin(t, func(p *peer, _ int) {
			p.request()
			p.say("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
			p.request() // until the client has read that
			end(p)
		})
		tr := o.transport()
		resp, err := tr.RoundTrip(call(t.Context(), t, "GET", o.url("/"), ""))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(resp.Body, make([]byte, 4)); err != nil {
			t.Fatal(err)
		}
		_, _ = resp.Body.(*body).conn.tls.Write([]byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n"))
		if _, err := resp.Body.Read(make([]byte, 10)); err == nil || err == io.EOF {
			t.Errorf("error %v", err)
		}
	}
}

// Many calls at once, some broken off, some closed early: each gets its own answer.
func TestEachCallGetsItsOwnAnswer(t *testing.T) {
	o := newOrigin(t, func(p *peer, _ int) {
		for r := p.request(); r != nil; r = p.request() {
			var b bytes.Buffer
			_, _ = b.ReadFrom(r.Body)
			answer := strings.Repeat(r.URL.Path+b.String(), 1+len(r.URL.Path)%3*1000)
			if len(r.URL.Path)%2 == 0 {
				p.say(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(answer), answer))
			} else {
				p.say(fmt.Sprintf(
					"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(answer), answer,
				))
			}
		}
	})
	tr := o.transport()
	tr.Like.MaxIdleConnsPerHost = 8
	tr.Like.ResponseHeaderTimeout = time.Minute
	var wg sync.WaitGroup
	for g := range 16 {
		wg.Go(func() {
			for i := range 40 {
				ctx, cancel := context.WithCancel(t.Context())
				path := fmt.Sprintf("/%d/%d", g, i*i*i)
				method, add := "GET", ""
				if i%3 == 0 {
					method, add = "POST", "+"
				}
				resp, err := tr.RoundTrip(call(ctx, t, method, o.url(path), add))
				switch {
				case err != nil:
					t.Error(err)
				case i%7 == 0:
					cancel()
				case i%5 == 0:
					_, _ = resp.Body.Read(make([]byte, 3))
				default:
					b, err := io.ReadAll(resp.Body)
					if want := strings.Repeat(path+add, 1+len(path)%3*1000); err != nil || string(b) != want {
						t.Errorf("%s: %v, %.60q", path, err, b)
					}
				}
				if err == nil {
					_ = resp.Body.Close()
				}
				cancel()
			}
		})
	}
	wg.Wait()
}

func BenchmarkRoundTrip(b *testing.B) {
	answer := "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nDate: Thu, 01 Jan 2026 00:00:00 " +
		"GMT\r\nContent-Length: 2048\r\n\r\n" + strings.Repeat("x", 2048)
	for _, name := range []string{"own", "net-http"} {
		b.Run(name, func(b *testing.B) {
			o := newOrigin(b, always(answer))
			var rt http.RoundTripper = o.transport()
			if name != "own" {
				rt = oracle(o)
			}
			ctx, cancel := context.WithCancel(b.Context())
			defer cancel()
			buf := make([]byte, 32<<10)
			b.ReportAllocs()
			for b.Loop() {
				resp, err := rt.RoundTrip(call(ctx, b, "GET", o.url("/"), ""))
				if err != nil {
					b.Fatal(err)
				}
				for err == nil {
					_, err = resp.Body.Read(buf)
				}
				_ = resp.Body.Close()
			}
		})
	}
}
