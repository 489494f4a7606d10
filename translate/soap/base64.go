package soap

import (
	"bytes"
	"encoding/base64"
	"io"
	"slices"
)

const base64Bulk = 64 << 10 // bytes of text that are decoded at once

// base64Decoder decodes base64 that comes in pieces, with white space anywhere. It works in bulk: most text has white
// space at the ends of lines alone.
type base64Decoder struct {
	w      io.Writer
	text   []byte // not decoded yet, without line feeds
	out    []byte
	padded bool // nothing may follow
}

func (d *base64Decoder) write(p []byte) {
	for len(p) > 0 {
		n := min(len(p), base64Bulk-len(d.text))
		for line := range bytes.Lines(p[:n]) {
			d.text = append(d.text, bytes.TrimRight(line, "\r\n")...)
		}
		p = p[n:]
		if len(d.text) == base64Bulk {
			d.decode()
		}
	}
}

// decode leaves at most three bytes.
func (d *base64Decoder) decode() {
	for stripped := false; ; stripped = true {
		n := len(d.text) &^ 3
		d.out = slices.Grow(d.out[:0], base64.StdEncoding.DecodedLen(n))
		m, err := base64.StdEncoding.Decode(d.out[:cap(d.out)], d.text[:n])
		if err == nil && (n == 0 || !d.padded) {
			d.flush(n, m)
			return
		}
		if stripped {
			fail(KindBase64, 0, "text that is not base64")
		}
		d.strip()
	}
}

// flush writes the m bytes that n bytes of text stand for.
func (d *base64Decoder) flush(n, m int) {
	if m > 0 {
		if _, err := d.w.Write(d.out[:m]); err != nil {
			panic(bailout{err})
		}
	}
	d.padded = d.padded || bytes.IndexByte(d.text[:n], '=') >= 0
	d.text = append(d.text[:0], d.text[n:]...)
}

func (d *base64Decoder) strip() {
	d.text = slices.DeleteFunc(d.text, isSpace)
}

func (d *base64Decoder) finish() {
	d.decode()
	if d.strip(); len(d.text) > 0 {
		fail(KindBase64, 0, "base64 that breaks off")
	}
}
