//go:build unix

package upstream

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"testing"
)

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
		MaxResponseHeaderBytes: DefaultMaxResponseHeader,
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

func TestAnswersAreReadAsNetHTTPReadsThem(t *testing.T) {
	tests := []struct {
		name   string
		method string // default GET
		answer string
		end    bool // the server then closes
		reuse  bool // the second call goes over the same connection
	}{
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
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			method := tt.method
			if method == "" {
				method = "GET"
			}
			var got [2][2]seen
			var dialed [2]int
			for i, pick := range []func(*origin) http.RoundTripper{
				func(o *origin) http.RoundTripper { return o.transport() },
				func(o *origin) http.RoundTripper { return oracle(o) },
			} {
				s := &scripted{answer: tt.answer, end: tt.end}
				o := newOrigin(t, s.serve)
				rt := pick(o)
				for n := range 2 {
					got[i][n] = observe(rt, call(t, t.Context(), method, o.url("/"), ""))
				}
				dialed[i] = o.dialed()
			}
			if !reflect.DeepEqual(got[0], got[1]) {
				t.Errorf("got  %.400v\nwant %.400v", fmt.Sprintf("%+v", got[0]), fmt.Sprintf("%+v", got[1]))
			}
			want := 2
			if tt.reuse {
				want = 1
			}
			if dialed != [2]int{want, want} {
				t.Errorf("%d connections, net/http %d, want %d", dialed[0], dialed[1], want)
			}
		})
	}
}

func TestRequestsLookAsNetHTTPWritesThem(t *testing.T) {
	tests := []struct {
		name   string
		method string
		path   string
		body   string
		change func(*http.Request)
	}{
		{name: "a GET", method: "GET", path: "/restapi/v2.1/accounts?a=1&b=%20"},
		{name: "no method", method: "GET", path: "/", change: func(r *http.Request) { r.Method = "" }},
		{name: "a HEAD", method: "HEAD", path: "/"},
		{name: "a DELETE", method: "DELETE", path: "/x"},
		{name: "a POST without body says so", method: "POST", path: "/"},
		{name: "a PUT with NoBody says so", method: "PUT", path: "/", change: func(r *http.Request) { r.Body = http.NoBody }},
		{name: "a POST with a body", method: "POST", path: "/", body: `{"a":1}`},
		{name: "a POST with the largest body", method: "POST", path: "/", body: strings.Repeat("x", maxBody)},
		{name: "a DELETE with a body", method: "DELETE", path: "/", body: "x"},
		{name: "the user agent suppressed", method: "GET", path: "/", change: func(r *http.Request) {
			r.Header.Set("User-Agent", "")
		}},
		{name: "the caller's user agent", method: "GET", path: "/", change: func(r *http.Request) {
			r.Header.Set("User-Agent", "old/1.0")
		}},
		{name: "another Host", method: "GET", path: "/", change: func(r *http.Request) { r.Host = "demo.docusign.net" }},
		{name: "a Host that is none", method: "GET", path: "/", change: func(r *http.Request) { r.Host = "a/b c" }},
		{name: "framing in the header is not believed", method: "POST", path: "/", body: "abc", change: func(r *http.Request) {
			r.Header["Content-Length"], r.Header["Transfer-Encoding"], r.Header["Host"] = []string{"1"}, []string{"chunked"}, []string{"evil"}
		}},
		{name: "escaped paths stay escaped", method: "GET", path: "/a%2Fb/%c3%a4"},
		{name: "a lone question mark", method: "GET", path: "/a?"},
		{name: "several values", method: "GET", path: "/", change: func(r *http.Request) {
			r.Header["X-A"] = []string{"1", "", "2"}
		}},
		{name: "Te", method: "GET", path: "/", change: func(r *http.Request) { r.Header.Set("Te", "trailers") }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var mu sync.Mutex
			var wrote []string
			o := newOrigin(t, func(p *peer, _ int) {
				p.request()
				mu.Lock()
				wrote = append(wrote, p.received.String())
				mu.Unlock()
				p.say(ok2)
			})
			for _, rt := range []http.RoundTripper{o.transport(), oracle(o)} {
				req := call(t, t.Context(), tt.method, o.url(tt.path), tt.body)
				if tt.change != nil {
					tt.change(req)
				}
				if s := observe(rt, req); s.Body != "ok" && tt.method != "HEAD" {
					t.Fatalf("%+v", s)
				}
			}
			mu.Lock()
			defer mu.Unlock()
			if len(wrote) != 2 || wrote[0] != wrote[1] {
				t.Errorf("wrote %.300q", wrote)
			}
		})
	}
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
	lean, want := o.transport(), oracle(o)
	f.Fuzz(func(t *testing.T, answer string, head bool) {
		if interims(answer) {
			return
		}
		method := "GET"
		if head {
			method = "HEAD"
		}
		s.set(answer, true)
		a, b := observe(
			lean, call(t, t.Context(), method, o.url("/"), ""),
		), observe(want, call(t, t.Context(), method, o.url("/"), ""))
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
