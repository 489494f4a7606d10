//go:build unix

package upstream

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
)

// onlyReader hides the type of a body, so that net/http cannot send it twice.
type onlyReader struct{ io.Reader }

// TestAnAnswerIsNotLostWhenTheServerStopsReading compares both transports, each over connections of its own, with what
// a server may do before it has read the whole call (RFC 9112 §9.6). A call is never sent twice.
func TestAnAnswerIsNotLostWhenTheServerStopsReading(t *testing.T) {
	const refused = "HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno"
	const tooLarge = "HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno"
	closes := func(p *peer) { _ = p.Close() }
	tests := []struct {
		name   string
		read   bool   // the whole call before the answer
		answer string // "" = none
		end    func(*peer)
		want   string
	}{
		{"an early 401, then the connection closes", false, refused, closes, "401 no"},
		{"an early 413, then the connection closes", false, tooLarge, closes, "413 no"},
		{"an early 413, then a reset", false, tooLarge, (*peer).reset, "413 no"},
		{"an early 413, then the rest is read", false, tooLarge, nil, "413 no"},
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
	}
	for _, tt := range tests {
		for _, size := range []int{1 << 10, 12 << 10, 1 << 20} {
			t.Run(fmt.Sprintf("%s, %d KiB", tt.name, size>>10), func(t *testing.T) {
				var calls atomic.Int64
				o := newOrigin(t, func(p *peer, _ int) {
					if _, err := http.ReadRequest(p.r); err != nil {
						return
					}
					calls.Add(1)
					if tt.read {
						_, _ = io.CopyN(io.Discard, p.r, int64(size))
					}
					p.say(tt.answer)
					if tt.end == nil {
						_, _ = io.CopyN(io.Discard, p.r, int64(size))
						_ = p.Close()
						return
					}
					tt.end(p)
				})
				for name, rt := range map[string]http.RoundTripper{"own": o.keeping(), "net/http": o.keeping().Base} {
					calls.Store(0)
					const times = 50
					for range times {
						rt.(interface{ CloseIdleConnections() }).CloseIdleConnections() // it may be closing
						if got := post(t, rt, o.url("/"), size); got != tt.want &&
							!(tt.want == "error" && strings.HasPrefix(got, "error")) {
							t.Fatalf("%s: %s, want %s", name, got, tt.want)
						}
					}
					if n := calls.Load(); n != times {
						t.Errorf("%s: %d calls came for %d", name, n, times)
					}
				}
			})
		}
	}
}

// keeping is both transports as the proxy puts them together.
func (o *origin) keeping() *Transport {
	base := oracle(o)
	base.DialContext = KeepAnswers((&net.Dialer{}).DialContext)
	tr := &Transport{Base: base, TLS: &tls.Config{RootCAs: o.roots}}
	o.t.Cleanup(tr.CloseIdleConnections)
	return tr
}

// post sends a body of that size, which small calls can show to be kept, and says what came of it.
func post(t *testing.T, rt http.RoundTripper, url string, size int) string {
	t.Helper()
	content := bytes.Repeat([]byte("x"), size)
	req, err := http.NewRequestWithContext(context.Background(), "POST", url, onlyReader{bytes.NewReader(content)})
	if err != nil {
		t.Fatal(err)
	}
	req.ContentLength = int64(size)
	if size <= maxBody {
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil }
	}
	resp, err := rt.RoundTrip(req)
	if err != nil {
		return "error" + " " + err.Error()
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return fmt.Sprintf("%d and then %v", resp.StatusCode, err)
	}
	return fmt.Sprintf("%d %s", resp.StatusCode, body)
}
