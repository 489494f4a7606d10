package soap

import (
	"bufio"
	"bytes"
	"io"
	"mime"
	"net/textproto"
	"regexp"
	"strconv"
	"strings"
)

// rootPart streams the root part of a multipart/related message (RFC 2387, XOP §3.1). All before it, headers and
// delimiters, is kept in head; all after it stays in the source.
type rootPart struct {
	most    int // bytes of head
	head    []byte
	charset string
	length  span // the digits of the Content-Length of the part, in head
	size    int64
	skipped bool // a part comes before the root

	in        *bufio.Reader // what follows head; after the part, its delimiter and the other parts
	delimiter []byte        // line feed, two hyphens, boundary
	safe      int           // so many buffered bytes belong to the part
	over      bool
}

const maxBoundary = 200 // RFC 2046 §5.1.1 allows 70

// newRoot reads r through a buffer that holds the longest delimiter many times over.
func newRoot(r io.Reader) *rootPart { return &rootPart{in: bufio.NewReaderSize(r, 2*lookahead)} }

// openRoot finds the root part of a message that has parts, and the charset parameter of what is the envelope.
func openRoot(contentType string, r io.Reader, most int) (root *rootPart, charset string, err error) {
	media, parameters, err := mime.ParseMediaType(contentType)
	if err != nil && err != mime.ErrInvalidMediaParameter {
		media, parameters = "", nil // let the envelope speak for itself
	}
	if !strings.HasPrefix(media, "multipart/") {
		return nil, parameters["charset"], nil
	}
	root, err = readRoot(media, parameters, r, most)
	return root, root.charset, err
}

// readRoot finds the root part: the one that start names, or else the first. It must begin within most bytes.
func readRoot(media string, parameters map[string]string, r io.Reader, most int) (*rootPart, error) {
	p := newRoot(r)
	boundary := parameters["boundary"]
	p.delimiter = []byte("\n--" + boundary)
	if media != "multipart/related" {
		return p, refuse(KindMultipart, 0, "a multipart message other than multipart/related")
	}
	if boundary == "" || len(boundary) > maxBoundary {
		return p, refuse(KindMultipart, 0, "multipart/related without a proper boundary")
	}
	p.most = most
	return p, p.find(bareID(parameters["start"]))
}

func bareID(id string) string {
	return strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(id), "<"), ">")
}

// line returns the next line without its line end, and where it starts.
func (p *rootPart) line() (line []byte, start int) {
	start = len(p.head)
	for {
		if len(p.head) >= p.most {
			fail(KindTooLarge, len(p.head), "the root part begins too far into the multipart message")
		}
		read, err := p.in.ReadSlice('\n')
		p.head = append(p.head, read...)
		switch {
		case err == nil:
			return bytes.TrimSuffix(p.head[start:len(p.head)-1], []byte{'\r'}), start
		case err == io.EOF && len(p.head) > start: // the last line
			return p.head[start:], start
		case err == io.EOF:
			fail(KindMultipart, len(p.head), "the multipart message ends before a part")
		case err != bufio.ErrBufferFull:
			panic(bailout{err})
		}
	}
}

// find reads on until the body of the root part begins: the one with that id, if it is not empty.
func (p *rootPart) find(id string) (err error) {
	defer catch(&err)
	for {
		h, start := p.next()
		if h == nil {
			return refuse(KindMultipart, start, "the multipart message has no root part")
		}
		if id == "" || bareID(h.Get("Content-Id")) == id {
			p.rootHeaders(h, start)
			return nil
		}
		p.skipped = true
	}
}

// next reads on until the body of a part begins. It returns its headers, nil after the last part, and where in head
// they start.
func (p *rootPart) next() (h textproto.MIMEHeader, start int) {
	for {
		line, at := p.line()
		mark, isDelimiter := bytes.CutPrefix(line, p.delimiter[1:])
		mark = bytes.TrimRight(mark, " \t")
		switch {
		case isDelimiter && string(mark) == "--":
			return nil, at
		case isDelimiter && len(mark) == 0:
			start = len(p.head)
			return p.headers(), start
		}
	}
}

// headers reads the headers of one part.
func (p *rootPart) headers() textproto.MIMEHeader {
	start := len(p.head)
	for n := 0; ; n++ {
		if line, _ := p.line(); len(line) == 0 {
			break
		}
		if n == 64 {
			fail(KindTooComplex, len(p.head), "too many headers of a part")
		}
	}
	h, err := textproto.NewReader(bufio.NewReader(bytes.NewReader(p.head[start:]))).ReadMIMEHeader()
	if err != nil {
		fail(KindMultipart, start, "a malformed header of a part")
	}
	return h
}

// plain refuses a part whose bytes do not stand as they are.
func (p *rootPart) plain(h textproto.MIMEHeader) {
	for _, name := range [...]string{"Content-Type", "Content-Transfer-Encoding", "Content-Id", "Content-Length"} {
		if len(h[name]) > 1 {
			fail(KindAmbiguous, len(p.head), "a header of a part comes twice")
		}
	}
	switch strings.ToLower(strings.TrimSpace(h.Get("Content-Transfer-Encoding"))) {
	case "", "7bit", "8bit", "binary":
	default:
		fail(KindMultipart, len(p.head), "a part is in a transfer encoding other than 7bit, 8bit and binary")
	}
}

// contentLength has an offset, since the value may have to be changed in its place.
var contentLength = regexp.MustCompile(`(?im)^content-length:[ \t]*(.*?)[ \t]*\r?$`)

// rootHeaders reads the headers of the root part, which start there in head.
func (p *rootPart) rootHeaders(h textproto.MIMEHeader, start int) {
	p.plain(h)
	media, parameters, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil && err != mime.ErrInvalidMediaParameter {
		fail(KindMultipart, len(p.head), "the root part has no readable Content-Type")
	}
	switch media {
	case "application/xop+xml", "text/xml", "application/soap+xml", "application/xml":
	default:
		fail(KindMultipart, len(p.head), "the root part is not of an XML type")
	}
	p.charset = parameters["charset"]
	if at := contentLength.FindSubmatchIndex(p.head[start:]); at != nil && at[2] < at[3] {
		p.length = span{start + at[2], start + at[3]}
		p.size, err = strconv.ParseInt(string(p.head[p.length.start:p.length.end]), 10, 64)
		if err != nil || p.size < 0 {
			fail(KindMultipart, p.length.start, "the root part has an unreadable Content-Length")
		}
	}
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

// Read yields the bytes of the root part and io.EOF at the delimiter that ends it.
func (p *rootPart) Read(b []byte) (int, error) {
	if p.safe == 0 && !p.over {
		// No more than it takes to know the delimiter: what follows it may come slowly, and only after a proof of the
		// credential has it the time for that.
		_, err := p.in.Peek(1 + len(p.delimiter) + maxDelimiterEnd)
		if err != nil && err != io.EOF {
			return 0, err
		}
		window, _ := p.in.Peek(p.in.Buffered())
		if p.safe, p.over = p.locate(window, err == io.EOF); p.safe == 0 && !p.over {
			return 0, refuse(KindMultipart, 0, "the root part is not ended by the boundary")
		}
	}
	if p.safe == 0 {
		return 0, io.EOF
	}
	n, err := p.in.Read(b[:min(len(b), p.safe)])
	p.safe -= n
	return n, err
}

// delimiterEnd stands behind a boundary: two hyphens, or blanks and a line end.
var delimiterEnd = regexp.MustCompile(`^(--|[ \t]{0,128}\r?\n)`)

const maxDelimiterEnd = 130 // bytes

// locate returns how much of window is before the delimiter, or before where one could still begin, and whether it is
// the delimiter. In the last window none is cut off.
func (p *rootPart) locate(window []byte, last bool) (safe int, over bool) {
	for from := 0; ; {
		n := bytes.Index(window[from:], p.delimiter)
		if n < 0 {
			return max(0, len(window)-len(p.delimiter)), false
		}
		at := from + n
		end := at
		if at > 0 && window[at-1] == '\r' {
			end--
		}
		after := window[at+len(p.delimiter):]
		if ended := delimiterEnd.Match(after); ended || !last && len(after) < maxDelimiterEnd {
			return end, ended
		}
		from = at + 1
	}
}
