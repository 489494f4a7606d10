//go:build unix

package upstream

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
)

// scenario is what a caller asks for and what a server does. Both transports go through it, each with a server of its
// own, by some calls in a row.
type scenario struct {
	name   string
	method string // default GET
	path   string // default /
	body   string
	change func(*http.Request)

	answer string               // of the server, to each call
	end    bool                 // the server then closes
	serve  func(p *peer, n int) // instead of answer and end; n counts the connections from 1

	// fresh is how many calls, each over a new connection; default 2 over the same one, if that may be. Where the server
	// closes, net/http fails the second call over the same one or repeats it, as it happens to see the end or what came
	// beside the answer; lostConnections has these cases.
	fresh int
	large bool   // the body may be one that Base sends
	reuse bool   // the second call goes over the connection of the first
	want  string // of each call, where the bytes alone matter: how much comes before a server stops is left to chance
	// apart says why the two transports differ here on purpose; own is then what Transport makes of the last call.
	apart, own string
}

// outcome is what caller and server learn.
type outcome struct {
	calls  []seen
	sent   []string // by connection
	dialed int
}

func (s seen) String() string {
	if s.Err != "" {
		return "error"
	}
	return fmt.Sprint(s.Code, " ", s.Body, s.BodyErr)
}

func (s scenario) run(t *testing.T, pick func(*origin) http.RoundTripper) outcome {
	serve := s.serve
	if serve == nil {
		serve = (&scripted{answer: s.answer, end: s.end}).serve
	}
	var mu sync.Mutex
	var peers []*peer
	o := newOrigin(t, func(p *peer, n int) {
		mu.Lock()
		peers = append(peers, p)
		mu.Unlock()
		serve(p, n)
	})
	rt := pick(o)
	var out outcome
	for range max(s.fresh, 2) {
		if s.fresh > 0 || s.end {
			rt.(interface{ CloseIdleConnections() }).CloseIdleConnections()
		}
		out.calls = append(out.calls, observe(rt, s.request(t, o)))
	}
	out.dialed = o.dialed()
	o.close()
	for _, p := range peers {
		out.sent = append(out.sent, strings.ReplaceAll(p.received.String(), o.l.Addr().String(), "origin"))
	}
	return out
}

func (s scenario) request(t *testing.T, o *origin) *http.Request {
	req := call(t.Context(), t, cmp.Or(s.method, "GET"), o.url(cmp.Or(s.path, "/")), s.body)
	if s.large {
		req.Body = io.NopCloser(onlyReader{strings.NewReader(s.body)}) // net/http cannot send it twice
		if len(s.body) > maxBody {
			req.GetBody = nil
		}
	}
	if s.change != nil {
		s.change(req)
	}
	return req
}

// seen is what a caller learns of one call.
type seen struct {
	Err, BodyErr     string
	Status, Proto    string
	Code             int
	Header, Trailer  http.Header
	Length           int64
	Encoding         []string
	Close, Unzipped  bool
	Body             string
	HasTLS, SameCall bool
}

func observe(rt http.RoundTripper, req *http.Request) seen {
	resp, err := rt.RoundTrip(req)
	if err != nil {
		return seen{Err: kind(err)}
	}
	s := seen{
		Status: resp.Status, Proto: resp.Proto, Code: resp.StatusCode, Header: resp.Header, Length: resp.ContentLength,
		Encoding: resp.TransferEncoding, Close: resp.Close, Unzipped: resp.Uncompressed, HasTLS: resp.TLS != nil,
		SameCall: resp.Request == req,
	}
	b, err := io.ReadAll(resp.Body)
	s.Body, s.BodyErr, s.Trailer = string(b), kind(err), resp.Trailer
	_ = resp.Body.Close()
	return s
}

// kind is what callers tell errors apart by.
func kind(err error) string {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return "cut"
	}
	return "other"
}

// oracle is net/http with the settings of the proxy.
func oracle(o *origin) *http.Transport {
	log.SetOutput(io.Discard) // it prints answers nobody asked for
	p := new(http.Protocols)
	p.SetHTTP1(true)
	t := &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: o.roots}, DisableCompression: true, Protocols: p,
		MaxResponseHeaderBytes: 256 << 10,
	}
	o.t.Cleanup(t.CloseIdleConnections)
	return t
}

// scripted answers each request on a connection with the script, and ends the connection if told so.
type scripted struct {
	mu     sync.Mutex
	answer string
	end    bool
}

func (s *scripted) set(answer string, end bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer, s.end = answer, end
}

func (s *scripted) serve(p *peer, _ int) {
	for p.request() != nil {
		s.mu.Lock()
		answer, end := s.answer, s.end
		s.mu.Unlock()
		p.say(answer)
		if end {
			_ = p.Close()
			return
		}
	}
}

// TestTransportDoesWhatNetHTTPDoes holds Transport against net/http's in all that a server can do to a call.
func TestTransportDoesWhatNetHTTPDoes(t *testing.T) {
	for _, s := range slices.Concat(answers(), requests(), earlyAnswers(), lostConnections()) {
		t.Run(s.name, func(t *testing.T) {
			got := s.run(t, func(o *origin) http.RoundTripper {
				if s.large {
					return o.keeping()
				}
				return o.transport()
			})
			want := s.run(t, func(o *origin) http.RoundTripper {
				if s.large {
					return o.keeping().Base
				}
				return oracle(o)
			})
			switch {
			case s.apart != "":
				if own, other := got.calls[1].String(), want.calls[1].String(); own != s.own || other == s.own {
					t.Errorf("%s: got %q, want %q, net/http %q", s.apart, own, s.own, other)
				}
			case s.want != "":
				for _, o := range []outcome{got, want} {
					if i := slices.IndexFunc(o.calls, func(c seen) bool { return c.String() != s.want }); i >= 0 {
						t.Errorf("call %d: %s, want %s", i, o.calls[i], s.want)
					}
					if n := strings.Count(strings.Join(o.sent, ""), " HTTP/1.1\r\n"); n != len(o.calls) {
						t.Errorf("%d calls came for %d", n, len(o.calls))
					}
				}
			case !reflect.DeepEqual(got, want) || (got.dialed == 1) != s.reuse:
				t.Errorf("got  %.600s\nwant %.600s", fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", want))
			}
		})
	}
}

// answers are what a server may say to a GET.
func answers() []scenario {
	return []scenario{
		{name: "a body of known length", answer: ok2, reuse: true},
		{name: "an empty body", answer: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", reuse: true},
		{
			name:   "a chunked body",
			answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n", reuse: true,
		},
		{
			name: "a chunked body with trailers",
			answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: Sum\r\n\r\n3\r\nabc\r\n0\r\nSum: 1\r\nMore: " +
				"2\r\n\r\n",
			reuse: true,
		},
		{name: "a body that ends with the connection", answer: "HTTP/1.1 200 OK\r\n\r\nall there is", end: true},
		{name: "HTTP/1.0", answer: "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", end: true},
		{
			name:   "HTTP/1.0 that keeps the connection",
			answer: "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok", reuse: true,
		},
		{name: "Connection: close", answer: "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"},
		{name: "no content", answer: "HTTP/1.1 204 No Content\r\n\r\n", reuse: true},
		{name: "no content that names a length", answer: "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", reuse: true},
		{name: "not modified", answer: "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\nEtag: \"a\"\r\n\r\n", reuse: true},
		{
			name: "not modified, said to be chunked", answer: "HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n",
			reuse: true,
		},
		{name: "HEAD", method: "HEAD", answer: "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n", reuse: true},
		{
			name: "HEAD of something chunked", method: "HEAD", answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
			reuse: true,
		},
		{name: "HEAD without length", method: "HEAD", answer: "HTTP/1.1 200 OK\r\n\r\n", reuse: true},
		{
			name:   "an error with a body",
			answer: "HTTP/1.1 401 Unauthorized\r\nWww-Authenticate: Bearer\r\nContent-Length: 2\r\n\r\nno", reuse: true,
		},
		{
			name:   "gzip is left alone",
			answer: "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\n\x1f\x8b\x08", reuse: true,
		},
		{
			name:   "repeated fields keep their order",
			answer: "HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 0\r\n\r\n", reuse: true,
		},
		{
			name: "a length given twice alike", answer: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok",
			reuse: true,
		},
		{name: "two lengths", answer: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok"},
		{name: "a negative length", answer: "HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nok"},
		{
			name:   "length and chunks",
			answer: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
			reuse:  true,
		},
		{name: "an unknown transfer encoding", answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\nabc"},
		{name: "a folded field", answer: "HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 0\r\n\r\n", reuse: true},
		{name: "a field without colon", answer: "HTTP/1.1 200 OK\r\nnonsense\r\nContent-Length: 0\r\n\r\n"},
		{name: "a space before the colon", answer: "HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok", end: true},
		{name: "bare line feeds", answer: "HTTP/1.1 200 OK\nContent-Length: 2\n\nok", reuse: true},
		{name: "a status without reason", answer: "HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", reuse: true},
		{name: "a status of four digits", answer: "HTTP/1.1 2000 OK\r\nContent-Length: 2\r\n\r\nok"},
		{name: "no HTTP", answer: "220 mail.example ESMTP\r\n"},
		{name: "a later version", answer: "HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nok", reuse: true},
		{name: "nothing", answer: "", end: true},
		{name: "half a head", answer: "HTTP/1.1 200 OK\r\nContent-Le", end: true},
		{name: "half a body", answer: "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", end: true},
		{name: "half a chunk", answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\nhalf", end: true},
		{name: "no last chunk", answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", end: true},
		{name: "a malformed chunk", answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n"},
		{name: "a trailer that is cut", answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nSum: ", end: true},
		{name: "an interim answer first", answer: "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + ok2, reuse: true},
		{name: "continue unasked", answer: "HTTP/1.1 100 Continue\r\n\r\n" + ok2, reuse: true},
		{
			name:   "a body larger than the buffers",
			answer: "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + strings.Repeat("0123456789", 10000), reuse: true,
		},
		{
			name: "a large chunk",
			answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n186a0\r\n" + strings.Repeat("0123456789", 10000) +
				"\r\n0\r\n\r\n",
			reuse: true,
		},
		{
			name:   "a large head",
			answer: "HTTP/1.1 200 OK\r\nA: " + strings.Repeat("a", 100<<10) + "\r\nContent-Length: 2\r\n\r\nok", reuse: true,
		},
		{
			name:   "a head beyond the limit",
			answer: "HTTP/1.1 200 OK\r\nA: " + strings.Repeat("a", 300<<10) + "\r\nContent-Length: 2\r\n\r\nok",
		},
		{
			name: "identity as coding of a body with a length", end: true,
			answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\nContent-Length: 2\r\n\r\nok, to the end",
			apart:  "RFC 2616 §3.6: identity is no coding", own: "200 ok",
		},
		{
			name: "identity as coding of a body that ends with the connection", end: true,
			answer: "HTTP/1.1 200 OK\r\ntransfer-encoding:  Identity \r\n\r\nok, to the end",
			apart:  "RFC 2616 §3.6: identity is no coding", own: "200 ok, to the end",
		},
		{
			name: "identity beside chunked", end: true,
			answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\nok",
		},
		{
			name: "identity in a list", end: true,
			answer: "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity, chunked\r\n\r\nok",
		},
		{
			name: "a field that only looks like Transfer-Encoding", end: true,
			answer: "HTTP/1.1 200 OK\r\nTransfer-Encodings: identity\r\nContent-Length: 2\r\n\r\nok, to the end",
		},
	}
}

// requests are what a caller may send; the server sees the same bytes from both.
func requests() []scenario {
	list := []scenario{
		{name: "a GET", path: "/restapi/v2.1/accounts?a=1&b=%20"},
		{name: "no method", change: func(r *http.Request) { r.Method = "" }},
		{name: "a HEAD", method: "HEAD"},
		{name: "a DELETE", method: "DELETE", path: "/x"},
		{name: "a POST without body says so", method: "POST"},
		{name: "a PUT with NoBody says so", method: "PUT", change: func(r *http.Request) { r.Body = http.NoBody }},
		{name: "a POST with a body", method: "POST", body: `{"a":1}`},
		{name: "a POST with the largest body", method: "POST", body: strings.Repeat("x", maxBody)},
		{name: "a DELETE with a body", method: "DELETE", body: "x"},
		{name: "the user agent suppressed", change: func(r *http.Request) {
			r.Header.Set("User-Agent", "")
		}},
		{name: "the caller's user agent", change: func(r *http.Request) {
			r.Header.Set("User-Agent", "old/1.0")
		}},
		{name: "another Host", change: func(r *http.Request) { r.Host = "demo.docusign.net" }},
		{name: "a Host that is none", change: func(r *http.Request) { r.Host = "a/b c" }},
		{name: "framing in the header is not believed", method: "POST", body: "abc", change: func(r *http.Request) {
			r.Header["Content-Length"], r.Header["Transfer-Encoding"] = []string{"1"}, []string{"chunked"}
			r.Header["Host"] = []string{"evil"}
		}},
		{name: "escaped paths stay escaped", path: "/a%2Fb/%c3%a4"},
		{name: "a lone question mark", path: "/a?"},
		{name: "several values", change: func(r *http.Request) {
			r.Header["X-A"] = []string{"1", "", "2"}
		}},
		{name: "Te", change: func(r *http.Request) { r.Header.Set("Te", "trailers") }},
	}
	for i := range list {
		list[i].answer, list[i].reuse = ok2, true
		if list[i].method == "HEAD" { // net/http fails the next call when the body that must not be there comes late
			list[i].answer = strings.TrimSuffix(ok2, "ok")
		}
	}
	return list
}

// earlyAnswers are what a server may do before it has read the whole call (RFC 9112 §9.6). A call is never sent twice,
// and no answer is lost.
func earlyAnswers() []scenario {
	const refused = "HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno"
	const tooLarge = "HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno"
	closes := func(p *peer) { _ = p.Close() }
	rest := func(p *peer) {
		_, _ = io.Copy(io.Discard, p.r)
		_ = p.Close()
	}
	var list []scenario
	for _, row := range []struct {
		name   string
		read   bool   // the whole call before the answer
		answer string // "" = none
		end    func(*peer)
		want   string
	}{
		{"an early 401, then the connection closes", false, refused, closes, "401 no"},
		{"an early 413, then the connection closes", false, tooLarge, closes, "413 no"},
		{"an early 413, then a reset", false, tooLarge, (*peer).reset, "413 no"},
		{"an early 413, then the rest is read", false, tooLarge, rest, "413 no"},
		{"an early answer without length, then the connection closes", false, "HTTP/1.1 413 X\r\n\r\nno", closes, "413 no"},
		{"a 401 after the whole call, then the connection closes", true, refused, closes, "401 no"},
		{"a 401 after the whole call, then a reset", true, refused, (*peer).reset, "401 no"},
		{"no answer, the connection closes", false, "", closes, "error"},
		{"no answer, a reset", false, "", (*peer).reset, "error"},
		{"no answer to the whole call", true, "", closes, "error"},
		{"half a head, then the connection closes", false, "HTTP/1.1 401 Unau", closes, "error"},
		{
			"100 Continue, then a 401 before the body is read", false, "HTTP/1.1 100 Continue\r\n\r\n" + refused, closes,
			"401 no",
		},
	} {
		for _, size := range []int{1 << 10, 12 << 10, 1 << 20} {
			list = append(list, scenario{
				name: fmt.Sprintf("%s, %d KiB", row.name, size>>10), method: "POST", body: strings.Repeat("x", size),
				fresh: 50, large: true, want: row.want,
				serve: func(p *peer, _ int) {
					if _, err := http.ReadRequest(p.r); err != nil {
						return
					}
					if row.read {
						_, _ = io.CopyN(io.Discard, p.r, int64(size))
					}
					p.say(row.answer)
					row.end(p)
				},
			})
		}
	}
	return list
}

// lostConnections are what may become of a kept connection when the second call goes over it.
func lostConnections() []scenario {
	closes := func(p *peer) { _ = p.Close() }
	cut := func(p *peer) { p.say("HTTP/1.1 2"); _ = p.Close() }
	cutHead := func(p *peer) { p.say("HTTP/1.1 200 OK\r\nA: b\r\n"); _ = p.Close() }
	alert := func(p *peer) { _, _ = p.raw.Write([]byte{21, 3, 3, 0, 2, 2, 80}); _ = p.raw.Close() }
	keyed := func(r *http.Request) { r.Header.Set("Idempotency-Key", "1") }
	const twice = "never twice what may have had an effect"
	var list []scenario
	for _, row := range []struct {
		name   string
		method string
		body   string
		change func(*http.Request)
		fail   func(p *peer)
		reuse  bool
		apart  string
	}{
		{name: "a GET when an idle connection closes", fail: closes},
		{name: "a GET when an idle connection is reset", fail: (*peer).reset},
		{name: "a HEAD when an idle connection closes", method: "HEAD", fail: closes},
		{name: "an OPTIONS when an idle connection closes", method: "OPTIONS", fail: closes},
		{name: "a GET whose answer had begun", fail: cut, reuse: true},
		{name: "a GET whose head is cut", fail: cutHead, reuse: true},
		{name: "a GET after an alert", fail: alert, apart: "an alert is no end, something is wrong"},
		{name: "a POST", method: "POST", body: "x", fail: closes, reuse: true},
		{name: "a POST that is reset", method: "POST", body: "x", fail: (*peer).reset, reuse: true},
		{name: "a POST without body", method: "POST", fail: closes, reuse: true},
		{name: "a PUT", method: "PUT", body: "x", fail: closes, reuse: true},
		{name: "a DELETE", method: "DELETE", fail: closes, reuse: true},
		{name: "a POST that calls itself idempotent", method: "POST", body: "x", change: keyed, fail: closes, apart: twice},
		{name: "a GET with a body", body: "x", fail: closes, apart: twice},
	} {
		list = append(list, scenario{
			name: row.name, method: row.method, body: row.body, change: row.change, reuse: row.reuse,
			apart: row.apart, own: "error",
			serve: func(p *peer, n int) {
				for answered := 0; p.request() != nil; answered++ {
					if n == 1 && answered == 1 {
						row.fail(p)
						return
					}
					p.say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
				}
			},
		})
	}
	return list
}

// onlyReader hides the type of a body.
type onlyReader struct{ io.Reader }

// keeping is both transports as the proxy puts them together.
func (o *origin) keeping() *Transport {
	base := oracle(o)
	base.DialContext = KeepAnswers((&net.Dialer{}).DialContext)
	tr := &Transport{Base: base, Like: o.settings()}
	o.t.Cleanup(tr.CloseIdleConnections)
	return tr
}

// FuzzAnswer lets both read the same answer. What net/http does without limit, and what it leaves to chance, is left
// out.
func FuzzAnswer(f *testing.F) {
	for _, s := range []string{
		ok2, "HTTP/1.1 200 OK\r\n\r\nrest", "HTTP/1.0 200 OK\r\n\r\n", "HTTP/1.1 304 X\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: A\r\n\r\n1\r\na\r\n0\r\nA: b\r\n\r\n",
		"HTTP/1.1 103 E\r\nLink: x\r\n\r\n" + ok2, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort",
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nabHTTP/1.1 200 OK\r\n\r\n",
	} {
		f.Add(s, false)
		f.Add(s, true)
	}
	s := &scripted{}
	o := newOrigin(f, s.serve)
	own, want := o.transport(), oracle(o)
	f.Fuzz(func(t *testing.T, answer string, head bool) {
		if interims(answer) {
			return
		}
		method := "GET"
		if head {
			method = "HEAD"
		}
		s.set(answer, true)
		own.CloseIdleConnections() // what comes late on one that is given back fails the next call, or not
		want.CloseIdleConnections()
		a := observe(own, call(t.Context(), t, method, o.url("/"), ""))
		b := observe(want, call(t.Context(), t, method, o.url("/"), ""))
		if !reflect.DeepEqual(a, b) {
			t.Errorf("got  %+v\nwant %+v", a, b)
		}
	})
}

// interims reports whether an answer switches protocols or has more interim answers than are read.
func interims(answer string) bool {
	r := bufio.NewReader(bytes.NewReader([]byte(answer)))
	for range maxInterims + 1 {
		resp, err := http.ReadResponse(r, nil)
		if err != nil || resp.StatusCode < 100 || resp.StatusCode > 199 {
			return false
		}
		if resp.StatusCode == http.StatusSwitchingProtocols {
			return true
		}
	}
	return true
}
