package soap

import (
	"bufio"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"io"
	"strings"
)

// Bounds of a compressed body: bytes after decoding, how many times the compressed size, and from how many decoded
// bytes on that counts.
const (
	maxDecoded = 64 << 20
	maxRatio   = 200
	ratioSlack = 1 << 20
)

// decode undoes the content coding of a request body while it streams: gzip, and deflate with or without its zlib
// frame. Unknown codings (r is then untouched), corrupt data and bombs are an *Error of KindCompression.
func decode(contentEncoding string, r io.Reader) (io.Reader, error) {
	counted := &counter{r: r}
	in := bufio.NewReaderSize(counted, 4<<10)
	d := &decoder{in: counted}
	var err error
	switch strings.ToLower(strings.TrimSpace(contentEncoding)) {
	case "", "identity":
		return r, nil
	case "gzip", "x-gzip":
		d.r, err = gzip.NewReader(in)
	case "deflate":
		d.r, err = inflate(in)
	default:
		return r, refuse(KindCompression, 0, "a content coding other than gzip and deflate")
	}
	if err != nil {
		err = d.explain()
		return &failed{err}, err
	}
	return d, nil
}

// inflate tells zlib (what the name deflate means in HTTP) from raw deflate (what some clients send) by the first two
// bytes.
func inflate(in *bufio.Reader) (io.Reader, error) {
	head, err := in.Peek(2)
	if err != nil {
		return nil, err
	}
	if head[0]&0x0f == 8 && (int(head[0])<<8|int(head[1]))%31 == 0 {
		return zlib.NewReader(in)
	}
	return flate.NewReader(in), nil
}

type counter struct {
	r   io.Reader
	n   int64
	err error
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	if err != nil && err != io.EOF {
		c.err = err
	}
	return n, err
}

type decoder struct {
	r  io.Reader
	in *counter
	n  int64
}

func (d *decoder) Read(p []byte) (int, error) {
	n, err := d.r.Read(p)
	d.n += int64(n)
	switch {
	case d.n > maxDecoded:
		return 0, refuse(KindCompression, int(d.n), "the decoded body exceeds its bound")
	case d.n > ratioSlack && d.n/maxRatio > d.in.n:
		return 0, refuse(KindCompression, int(d.n), "the body is compressed beyond any plausible ratio")
	case err != nil && err != io.EOF:
		return n, d.explain()
	}
	return n, err
}

// explain tells a failing connection from corrupt data.
func (d *decoder) explain() error {
	if d.in.err != nil {
		return d.in.err
	}
	return refuse(KindCompression, int(d.n), "the compressed body is corrupt or cut off")
}
