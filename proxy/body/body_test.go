package body

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"testing"
	"testing/iotest"
)

func TestAKeptBodyTakesWhatCameAndNotWhatWasAnnounced(t *testing.T) {
	const limit = 64 << 20
	gone := errors.New("the caller has gone")
	for _, tt := range []struct {
		name      string
		announced int64
		came      int
		end       error
		most      int // bytes of memory
		whole     bool
	}{
		{"nothing came of much", limit, 0, gone, 64 << 10, false},
		{"a little came of much", limit, 100 << 10, gone, 512 << 10, false},
		{"all came", 100 << 10, 100 << 10, io.EOF, 512 << 10, true},
		{"less came than was announced", 100, 10, io.EOF, 64 << 10, false},
		{"nothing was announced", -1, 100 << 10, io.EOF, 512 << 10, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var b Kept
			body := io.MultiReader(bytes.NewReader(make([]byte, tt.came)), iotest.ErrReader(tt.end))
			err := b.read(&http.Request{ContentLength: tt.announced, Body: io.NopCloser(body)}, limit)
			if cap(b.text) > tt.most || len(b.text) != tt.came || b.Whole != tt.whole || (err == nil) != tt.whole {
				t.Errorf("%d bytes in %d of memory, whole %v, %v", len(b.text), cap(b.text), b.Whole, err)
			}
		})
	}
}
