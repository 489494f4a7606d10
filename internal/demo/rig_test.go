package demo

import (
	"bytes"
	"io"
	"net/http"
	"sync"
	"testing"
)

type syncBuffer struct {
	mu      sync.Mutex
	buf     bytes.Buffer
	settled func() // waits for what is still to be written; nil = nothing
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	if b.settled != nil {
		b.settled()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func request(t *testing.T, method, target string, body io.Reader, headers ...string) *http.Request {
	t.Helper()
	req, err := http.NewRequest(method, target, body)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	return req
}
