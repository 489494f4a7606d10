package soap

import (
	"bytes"
	"io"
	"mime"
	"strconv"
	"strings"
)

// rootPart streams the root part of a multipart/related message (RFC 2387, XOP §3.1). All before it, headers and delimiters, is
// kept in head; all after it stays in the source.
type rootPart struct {
	head    []byte
	charset string
	length  span // the digits of the Content-Length of the part, in head
	size    int64

	src       io.Reader
	srcErr    error
	delimiter []byte // line feed, two hyphens, boundary
	buf       []byte
	pos       int
	safe      int // up to here the buffer belongs to the part
	over      bool
}

const maxBoundary = 200 // RFC 2046 §5.1.1 allows 70

// readRoot finds the root part: the one that start names, or else the first. It must begin within MaxHeader.
func readRoot(media string, parameters map[string]string, r io.Reader, o Options) (*rootPart, error) {
	boundary := parameters["boundary"]
	p := &rootPart{src: r, delimiter: []byte("\n--" + boundary)}
	if media != "multipart/related" {
		return p, refuse(KindMultipart, 0, "a multipart message other than multipart/related")
	}
	if boundary == "" || len(boundary) > maxBoundary {
		return p, refuse(KindMultipart, 0, "multipart/related without a proper boundary")
	}
	f := rootFinder{p: p, max: o.MaxHeader, start: bareID(parameters["start"])}
	if err := f.find(); err != nil {
		p.head, p.buf = nil, p.buf[:len(p.buf):len(p.buf)]
		return p, err
	}
	p.head = append([]byte(nil), p.buf[:f.pos]...)
	p.pos, p.safe = f.pos, f.pos
	return p, nil
}

func bareID(id string) string {
	return strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(id), "<"), ">")
}

// rootFinder reads lines until the body of the root part begins.
type rootFinder struct {
	p     *rootPart
	max   int
	start string
	pos   int
}

// line returns the next line without its line end, and where it starts.
func (f *rootFinder) line() ([]byte, int, error) {
	p, start, searched := f.p, f.pos, f.pos
	for {
		if n := bytes.IndexByte(p.buf[searched:], '\n'); n >= 0 {
			f.pos = searched + n + 1
			return bytes.TrimSuffix(p.buf[start:f.pos-1], []byte{'\r'}), start, nil
		}
		searched = len(p.buf)
		switch {
		case p.srcErr == io.EOF:
			return nil, 0, refuse(KindMultipart, searched, "the multipart message ends before its root part")
		case p.srcErr != nil:
			return nil, 0, p.srcErr
		case searched >= f.max:
			return nil, 0, refuse(KindTooLarge, searched, "the root part begins too far into the multipart message")
		}
		p.read(f.max)
	}
}

func (f *rootFinder) find() error {
	for {
		line, start, err := f.line()
		if err != nil {
			return err
		}
		mark, isDelimiter := bytes.CutPrefix(line, f.p.delimiter[1:])
		mark = bytes.TrimRight(mark, " \t")
		if isDelimiter && string(mark) == "--" {
			return refuse(KindMultipart, start, "the multipart message has no root part")
		}
		if !isDelimiter || len(mark) > 0 {
			continue
		}
		found, err := f.headers()
		if found || err != nil {
			return err
		}
	}
}

// headers reads the headers of one part and reports whether it is the root.
func (f *rootFinder) headers() (bool, error) {
	h, err := f.partHeader()
	if err != nil {
		return false, err
	}
	if f.start != "" && bareID(h.id) != f.start {
		return false, nil
	}
	if h.repeated {
		return false, refuse(KindAmbiguous, f.pos, "a header of the root part comes twice")
	}
	switch strings.ToLower(strings.TrimSpace(h.coding)) {
	case "", "7bit", "8bit", "binary":
	default:
		return false, refuse(KindMultipart, f.pos, "the root part is in a transfer encoding other than 7bit, 8bit and binary")
	}
	return true, f.rootType(h)
}

func (f *rootFinder) rootType(h partHeader) error {
	media, parameters, err := mime.ParseMediaType(h.contentType)
	if err != nil && err != mime.ErrInvalidMediaParameter {
		return refuse(KindMultipart, f.pos, "the root part has no readable Content-Type")
	}
	switch media {
	case "application/xop+xml", "text/xml", "application/soap+xml", "application/xml":
	default:
		return refuse(KindMultipart, f.pos, "the root part is not of an XML type")
	}
	f.p.charset, f.p.length = parameters["charset"], h.length
	if h.length.end == h.length.start {
		return nil
	}
	f.p.size, err = strconv.ParseInt(string(f.p.buf[h.length.start:h.length.end]), 10, 64)
	if err != nil || f.p.size < 0 {
		return refuse(KindMultipart, h.length.start, "the root part has an unreadable Content-Length")
	}
	return nil
}

// partHeader holds the headers that matter.
type partHeader struct {
	contentType, coding, id string
	length                  span
	repeated                bool
	seen                    [4]bool
}

func (f *rootFinder) partHeader() (partHeader, error) {
	var h partHeader
	var name, value string
	valueStart := 0
	for range 64 {
		line, start, err := f.line()
		if err != nil {
			return h, err
		}
		if len(line) > 0 && (line[0] == ' ' || line[0] == '\t') {
			value += " " + string(bytes.TrimSpace(line))
			continue
		}
		h.set(name, value, valueStart)
		if len(line) == 0 {
			return h, nil
		}
		before, after, found := bytes.Cut(line, []byte{':'})
		if !found {
			return h, refuse(KindMultipart, start, "a malformed header of a part")
		}
		trimmed := bytes.TrimLeft(after, " \t")
		name, value = string(before), string(bytes.TrimRight(trimmed, " \t"))
		valueStart = start + len(line) - len(trimmed)
	}
	return h, refuse(KindTooComplex, f.pos, "too many headers of a part")
}

func (h *partHeader) set(name, value string, start int) {
	field := 0
	switch strings.ToLower(strings.TrimSpace(name)) {
	case "content-type":
		h.contentType = value
	case "content-transfer-encoding":
		field, h.coding = 1, value
	case "content-id":
		field, h.id = 2, value
	case "content-length":
		field, h.length = 3, span{start, start + len(value)}
	default:
		return
	}
	h.repeated = h.repeated || h.seen[field]
	h.seen[field] = true
}

// headWith returns head with the Content-Length of the part changed by delta.
func (p *rootPart) headWith(delta int64) []byte {
	if delta == 0 || p.length.end == p.length.start {
		return p.head
	}
	head := append([]byte(nil), p.head[:p.length.start]...)
	head = strconv.AppendInt(head, p.size+delta, 10)
	return append(head, p.head[p.length.end:]...)
}

// read takes what one call of the source gives; the buffer may grow to limit.
func (p *rootPart) read(limit int) {
	if len(p.buf) == cap(p.buf) {
		grown := make([]byte, len(p.buf), max(2*len(p.buf), min(lookahead, limit)))
		copy(grown, p.buf)
		p.buf = grown
	}
	for range 100 {
		n, err := p.src.Read(p.buf[len(p.buf):cap(p.buf)])
		p.buf, p.srcErr = p.buf[:len(p.buf)+n], err
		if n > 0 || err != nil {
			return
		}
	}
	p.srcErr = io.ErrNoProgress
}

// Read yields the bytes of the root part and io.EOF at the delimiter that ends it.
func (p *rootPart) Read(b []byte) (int, error) {
	for p.pos == p.safe {
		if p.over {
			return 0, io.EOF
		}
		if p.locate(); p.pos < p.safe || p.over {
			continue
		}
		if p.srcErr == io.EOF {
			return 0, refuse(KindMultipart, 0, "the root part is not ended by the boundary")
		}
		if p.srcErr != nil {
			return 0, p.srcErr
		}
		p.buf = p.buf[:copy(p.buf, p.buf[p.pos:])]
		p.pos, p.safe = 0, 0
		p.read(2 * lookahead)
	}
	n := copy(b, p.buf[p.pos:p.safe])
	p.pos += n
	return n, nil
}

// locate moves safe forward: to the line end before the delimiter, or to where one could still begin.
func (p *rootPart) locate() {
	window := p.buf[p.pos:]
	for from := 0; ; {
		n := bytes.Index(window[from:], p.delimiter)
		if n < 0 {
			p.safe = p.pos + max(0, len(window)-len(p.delimiter))
			return
		}
		at := from + n
		end := at
		if at > 0 && window[at-1] == '\r' {
			end--
		}
		switch endsDelimiter(window[at+len(p.delimiter):]) {
		case yes:
			p.safe, p.over = p.pos+end, true
			return
		case unknown:
			p.safe = p.pos + end
			return
		}
		from = at + 1
	}
}

type verdict uint8

const (
	no verdict = iota
	yes
	unknown
)

// endsDelimiter looks at what follows a boundary: two hyphens, or blanks and a line end.
func endsDelimiter(after []byte) verdict {
	const longestPadding = 128
	if bytes.HasPrefix(after, []byte("--")) {
		return yes
	}
	if string(after) == "-" {
		return unknown
	}
	padding := len(after) - len(bytes.TrimLeft(after, " \t"))
	rest := after[padding:]
	switch {
	case padding > longestPadding:
		return no
	case len(rest) == 0 || string(rest) == "\r":
		return unknown
	case rest[0] == '\n' || bytes.HasPrefix(rest, []byte("\r\n")):
		return yes
	}
	return no
}

// rest returns what has not been given out as root part: the delimiter and the other parts.
func (p *rootPart) rest() io.Reader { return &remainder{p} }

type remainder struct{ p *rootPart }

func (r *remainder) Read(b []byte) (int, error) {
	p := r.p
	if p.pos < len(p.buf) {
		n := copy(b, p.buf[p.pos:])
		p.pos += n
		return n, nil
	}
	if p.srcErr != nil {
		return 0, p.srcErr
	}
	n, err := p.src.Read(b)
	p.srcErr = err
	return n, err
}
