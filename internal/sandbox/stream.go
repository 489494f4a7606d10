package sandbox

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"hash"
	"io"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	maxText   = 64 << 10 // longer text is hashed instead of kept
	maxMarkup = 256 << 10
	maxTexts  = 4 << 20 // all short texts of an XML document together
	maxDepth  = 100
)

// blob is a long base64 text after decoding.
type blob struct {
	size   int64
	sha256 string
	err    error
}

// base64Sum decodes base64 of any length and hashes what comes out. White space is skipped, and so are character
// references, which some XML writers make of line ends.
type base64Sum struct {
	pending []byte
	out     [3072]byte
	sum     hash.Hash
	size    int64
	ended   bool
	inRef   bool
	err     error
}

func newBase64Sum() *base64Sum {
	return &base64Sum{sum: sha256.New(), pending: make([]byte, 0, 4096)}
}

func (b *base64Sum) Write(p []byte) (int, error) {
	for _, c := range p {
		switch {
		case b.inRef:
			b.inRef = c != ';'
		case c == '&':
			b.inRef = true
		case c == '\r' || c == '\n' || c == ' ' || c == '\t':
		default:
			b.pending = append(b.pending, c)
			if len(b.pending) == cap(b.pending) {
				b.flush()
			}
		}
	}
	return len(p), nil
}

func (b *base64Sum) flush() {
	if len(b.pending) == 0 || b.err != nil {
		b.pending = b.pending[:0]
		return
	}
	if b.ended {
		b.err = errors.New("base64 goes on after its end")
		return
	}
	n, err := base64.StdEncoding.Decode(b.out[:], b.pending)
	b.err = err
	b.sum.Write(b.out[:n])
	b.size += int64(n)
	b.ended = b.pending[len(b.pending)-1] == '='
	b.pending = b.pending[:0]
}

func (b *base64Sum) blob() blob {
	b.flush()
	return blob{size: b.size, sha256: hex.EncodeToString(b.sum.Sum(nil)), err: b.err}
}

func blobOf(text string) blob {
	b := newBase64Sum()
	_, _ = b.Write([]byte(text)) // never fails
	return b.blob()
}

// jsonWalker reads strict JSON of any size into a tree.
type jsonWalker struct {
	r    *bufio.Reader
	path []string
	to   tree
}

func walkJSON(r io.Reader, to tree) error {
	w := &jsonWalker{r: bufio.NewReader(r), to: to}
	if bom, _ := w.r.Peek(3); string(bom) == "\xef\xbb\xbf" {
		_, _ = w.r.Discard(3) // just peeked
	}
	if err := w.value(); err != nil {
		return unexpectedEnd(err)
	}
	if _, err := w.next(); err != io.EOF {
		return errors.Join(errors.New("json: text after the end"), err)
	}
	return nil
}

func unexpectedEnd(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// next skips white space and peeks at what follows.
func (w *jsonWalker) next() (byte, error) {
	for {
		c, err := w.r.ReadByte()
		if err != nil {
			return 0, err
		}
		if c != ' ' && c != '\n' && c != '\r' && c != '\t' {
			return c, w.r.UnreadByte()
		}
	}
}

func (w *jsonWalker) value() error {
	if len(w.path) > maxDepth {
		return errors.New("json: nested too deep")
	}
	c, err := w.next()
	if err != nil {
		return err
	}
	switch c {
	case '{':
		if err := w.to.open(w.path); err != nil {
			return err
		}
		return w.block('}', w.field)
	case '[':
		return w.block(']', func() error { return w.under("*") })
	case '"':
		return w.stringValue()
	}
	return w.literal()
}

func (w *jsonWalker) block(end byte, item func() error) error {
	_, _ = w.r.Discard(1) // just peeked
	if c, err := w.next(); err != nil {
		return err
	} else if c == end {
		_, err = w.r.Discard(1)
		return err
	}
	for {
		if err := item(); err != nil {
			return err
		}
		c, err := w.next()
		if err != nil {
			return err
		}
		_, _ = w.r.Discard(1) // just peeked
		if c == end {
			return nil
		}
		if c != ',' {
			return fmt.Errorf("json: unexpected %q", c)
		}
	}
}

func (w *jsonWalker) field() error {
	if c, err := w.next(); err != nil {
		return err
	} else if c != '"' {
		return fmt.Errorf("json: unexpected %q for a name", c)
	}
	var name textSum
	if err := w.str(&name); err != nil {
		return err
	}
	if c, err := w.next(); err != nil {
		return err
	} else if c != ':' {
		return fmt.Errorf("json: unexpected %q after a name", c)
	}
	_, _ = w.r.Discard(1) // just peeked
	return w.under(name.String())
}

func (w *jsonWalker) under(name string) error {
	w.path = append(w.path, name)
	err := w.value()
	w.path = w.path[:len(w.path)-1]
	return err
}

func (w *jsonWalker) stringValue() error {
	if w.to.encoded(w.path) {
		sum := newBase64Sum()
		if err := w.str(sum); err != nil {
			return err
		}
		return w.to.blob(w.path, sum.blob())
	}
	var text textSum
	if err := w.str(&text); err != nil {
		return err
	}
	if !utf8.Valid(text.Bytes()) && text.Len() < maxText {
		return errors.New("json: text is not UTF-8")
	}
	return w.to.text(w.path, text.String())
}

// textSum keeps the first maxText bytes.
type textSum struct{ bytes.Buffer }

func (t *textSum) Write(p []byte) (int, error) {
	if room := maxText - t.Len(); room > 0 {
		t.Buffer.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

// str copies the string that follows, unescaped.
func (w *jsonWalker) str(to io.Writer) error {
	_, _ = w.r.Discard(1) // the quote was peeked
	for {
		if _, err := w.r.Peek(1); err != nil {
			return err
		}
		chunk, _ := w.r.Peek(w.r.Buffered())
		n := bytes.IndexFunc(chunk, func(r rune) bool { return r == '"' || r == '\\' || r < 0x20 })
		if n < 0 {
			n = len(chunk)
		}
		_, _ = to.Write(chunk[:n]) // both sinks take everything
		last := n < len(chunk)
		var c byte
		if last {
			c = chunk[n]
			n++
		}
		_, _ = w.r.Discard(n) // just peeked
		switch {
		case !last:
		case c == '"':
			return nil
		case c == '\\':
			if err := w.escape(to); err != nil {
				return err
			}
		default:
			return errors.New("json: control character in a string")
		}
	}
}

func (w *jsonWalker) escape(to io.Writer) error {
	c, err := w.r.ReadByte()
	if err != nil {
		return err
	}
	if c == 'u' {
		return w.unicodeEscape(to)
	}
	i := strings.IndexByte(`"\/bfnrt`, c)
	if i < 0 {
		return fmt.Errorf("json: unknown escape %q", c)
	}
	_, err = to.Write([]byte{"\"\\/\b\f\n\r\t"[i]})
	return err
}

func (w *jsonWalker) unicodeEscape(to io.Writer) error {
	r, err := w.hex4()
	if err != nil {
		return err
	}
	if utf16.IsSurrogate(r) {
		if pair, _ := w.r.Peek(2); string(pair) != `\u` {
			return errors.New("json: half a surrogate pair")
		}
		_, _ = w.r.Discard(2) // just peeked
		low, err := w.hex4()
		if err != nil {
			return err
		}
		if r = utf16.DecodeRune(r, low); r == utf8.RuneError {
			return errors.New("json: half a surrogate pair")
		}
	}
	_, err = to.Write([]byte(string(r)))
	return err
}

func (w *jsonWalker) hex4() (rune, error) {
	var digits [4]byte
	if _, err := io.ReadFull(w.r, digits[:]); err != nil {
		return 0, unexpectedEnd(err)
	}
	n, err := strconv.ParseUint(string(digits[:]), 16, 16)
	if err != nil {
		return 0, errors.New("json: bad \\u escape")
	}
	return rune(n), nil
}

// literal reads a number, true, false or null.
func (w *jsonWalker) literal() error {
	var word []byte
	for len(word) < 64 {
		c, err := w.r.ReadByte()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		if strings.IndexByte(" \t\r\n,]}", c) >= 0 {
			if err := w.r.UnreadByte(); err != nil {
				return err
			}
			break
		}
		word = append(word, c)
	}
	if !json.Valid(word) {
		return errors.New("json: not a value")
	}
	if string(word) == "null" {
		return nil
	}
	return w.to.text(w.path, string(word))
}

// walkXML reads an XML document of any size into a tree; the root's name is not part of the paths.
func walkXML(r io.Reader, to tree) error {
	x := newXMLReader(r)
	var path []string
	var texts [][]byte
	kept := 0
	for {
		token, long, err := x.next()
		if err == io.EOF && len(texts) == 0 && x.seen {
			return nil
		}
		if err != nil {
			return unexpectedEnd(err)
		}
		switch t := token.(type) {
		case xml.StartElement:
			if len(texts) > 0 {
				path = append(path, t.Name.Local)
			}
			texts = append(texts, nil)
			if err := to.open(path); err != nil {
				return err
			}
		case xml.CharData:
			if kept += len(t); kept > maxTexts {
				return errors.New("xml: too much text")
			}
			if last := len(texts) - 1; last >= 0 {
				texts[last] = append(texts[last], t...)
			}
		case xml.ProcInst:
			if long != nil && to.encoded(path) {
				if err := to.blob(path, *long); err != nil {
					return err
				}
			}
		case xml.EndElement:
			text := string(texts[len(texts)-1])
			if err := endElement(to, path, text); err != nil {
				return err
			}
			texts = texts[:len(texts)-1]
			path = path[:max(len(path)-1, 0)]
		}
	}
}

func endElement(to tree, path []string, text string) error {
	if !to.encoded(path) {
		return to.text(path, text)
	}
	if strings.TrimSpace(text) == "" {
		return nil
	}
	return to.blob(path, blobOf(text))
}

// xmlReader is encoding/xml with long texts taken out and DTDs refused.
type xmlReader struct {
	dec   *xml.Decoder
	elide *elider
	depth int
	seen  bool // a root element was seen
}

func newXMLReader(r io.Reader) *xmlReader {
	e := newElider(utf8Reader(bufio.NewReader(r)))
	dec := xml.NewDecoder(e)
	dec.CharsetReader = charsetReader
	return &xmlReader{dec: dec, elide: e}
}

// next returns a token; a processing instruction with a blob stands for a long text.
func (x *xmlReader) next() (xml.Token, *blob, error) {
	t, err := x.dec.Token()
	if err != nil {
		return nil, nil, err
	}
	switch t := t.(type) {
	case xml.StartElement:
		x.depth++
		if x.seen && x.depth == 1 || x.depth > maxDepth {
			return nil, nil, errors.New("xml: a second root, or nested too deep")
		}
		x.seen = true
	case xml.EndElement:
		x.depth--
	case xml.CharData:
		if x.depth == 0 && len(bytes.TrimSpace(t)) > 0 {
			return nil, nil, errors.New("xml: text outside the root")
		}
	case xml.Directive:
		return nil, nil, errors.New("xml: a DTD is not allowed")
	case xml.ProcInst:
		if t.Target != x.elide.marker {
			return t, nil, nil
		}
		n, err := strconv.Atoi(string(t.Inst))
		if err != nil || n >= len(x.elide.long) {
			return nil, nil, errors.New("xml: bad processing instruction")
		}
		return t, &x.elide.long[n], nil
	}
	return t, nil, nil
}

// elider passes XML on and puts a processing instruction in place of each text longer than maxText, which it hashes.
type elider struct {
	r      *bufio.Reader
	out    bytes.Buffer
	long   []blob
	marker string
}

func newElider(r io.Reader) *elider {
	return &elider{r: bufio.NewReaderSize(r, 32<<10), marker: "long-" + newGUID()}
}

func (e *elider) Read(p []byte) (int, error) {
	for e.out.Len() == 0 {
		if err := e.fill(); err != nil {
			return 0, err
		}
	}
	return e.out.Read(p)
}

func (e *elider) fill() error {
	head, err := e.r.Peek(1)
	if err != nil {
		return err
	}
	if head[0] != '<' {
		return e.text()
	}
	head, _ = e.r.Peek(9)
	switch {
	case bytes.HasPrefix(head, []byte("<![CDATA[")):
		return e.cdata()
	case bytes.HasPrefix(head, []byte("<!--")):
		return e.markup("-->")
	case bytes.HasPrefix(head, []byte("<?")):
		return e.markup("?>")
	}
	return e.tag()
}

// run collects a text and decides at maxText bytes whether it is long.
type run struct {
	kept []byte
	sum  *base64Sum
}

func (t *run) add(p []byte) {
	if t.sum == nil && len(t.kept)+len(p) > maxText {
		t.sum = newBase64Sum()
		_, _ = t.sum.Write(t.kept) // never fails
		t.kept = nil
	}
	if t.sum != nil {
		_, _ = t.sum.Write(p)
		return
	}
	t.kept = append(t.kept, p...)
}

func (e *elider) end(t *run, before, after string) {
	if t.sum == nil {
		e.out.WriteString(before)
		e.out.Write(t.kept)
		e.out.WriteString(after)
		return
	}
	fmt.Fprintf(&e.out, "<?%s %d?>", e.marker, len(e.long))
	e.long = append(e.long, t.sum.blob())
}

func (e *elider) text() error {
	var t run
	for {
		if _, err := e.r.Peek(1); err == io.EOF {
			break
		} else if err != nil {
			return err
		}
		chunk, _ := e.r.Peek(e.r.Buffered())
		n := bytes.IndexByte(chunk, '<')
		last := n >= 0
		if !last {
			n = len(chunk)
		}
		t.add(chunk[:n])
		_, _ = e.r.Discard(n) // just peeked
		if last {
			break
		}
	}
	e.end(&t, "", "")
	return nil
}

func (e *elider) cdata() error {
	const open, shut = "<![CDATA[", "]]>"
	_, _ = e.r.Discard(len(open)) // just peeked
	var t run
	for {
		chunk, err := e.r.ReadSlice('>')
		if err != nil && err != bufio.ErrBufferFull {
			return unexpectedEnd(err)
		}
		// A full buffer may end within "]]>"; base64, the only long text, has no bracket.
		if body, closed := bytes.CutSuffix(chunk, []byte(shut)); closed {
			t.add(body)
			break
		}
		t.add(chunk)
	}
	e.end(&t, open, shut)
	return nil
}

func (e *elider) markup(end string) error {
	var b []byte
	for !bytes.HasSuffix(b, []byte(end)) {
		c, err := e.r.ReadByte()
		if err != nil {
			return unexpectedEnd(err)
		}
		if b = append(b, c); len(b) > maxMarkup {
			return errors.New("xml: markup is too long")
		}
	}
	e.out.Write(b)
	return nil
}

// tag passes one tag; a '>' within quotes does not end it.
func (e *elider) tag() error {
	var quote byte
	for n := 0; n < maxMarkup; n++ {
		c, err := e.r.ReadByte()
		if err != nil {
			return unexpectedEnd(err)
		}
		e.out.WriteByte(c)
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '>':
			return nil
		}
	}
	return errors.New("xml: markup is too long")
}

// utf8Reader drops a UTF-8 byte order mark and converts UTF-16 that has one.
func utf8Reader(r *bufio.Reader) io.Reader {
	head, _ := r.Peek(3)
	switch {
	case bytes.HasPrefix(head, []byte("\xef\xbb\xbf")):
		_, _ = r.Discard(3) // just peeked
	case bytes.HasPrefix(head, []byte("\xff\xfe")):
		_, _ = r.Discard(2)
		return &utf16Reader{r: r, low: 0, high: 1}
	case bytes.HasPrefix(head, []byte("\xfe\xff")):
		_, _ = r.Discard(2)
		return &utf16Reader{r: r, low: 1, high: 0}
	}
	return r
}

type utf16Reader struct {
	r         *bufio.Reader
	low, high int
	out       bytes.Buffer
}

func (u *utf16Reader) Read(p []byte) (int, error) {
	for u.out.Len() == 0 {
		r, err := u.unit()
		if err != nil {
			return 0, err
		}
		if utf16.IsSurrogate(r) {
			low, err := u.unit()
			if err != nil {
				return 0, unexpectedEnd(err)
			}
			r = utf16.DecodeRune(r, low)
		}
		u.out.WriteRune(r)
	}
	return u.out.Read(p)
}

func (u *utf16Reader) unit() (rune, error) {
	var b [2]byte
	if _, err := io.ReadFull(u.r, b[:]); err != nil {
		return 0, err
	}
	return rune(b[u.low]) | rune(b[u.high])<<8, nil
}

// charsetReader takes the encodings clients declare: UTF-16 is converted already, Latin-1 is converted here.
func charsetReader(charset string, r io.Reader) (io.Reader, error) {
	switch strings.ToLower(charset) {
	case "utf-16", "us-ascii":
		return r, nil
	case "iso-8859-1", "latin1":
		return &latin1Reader{r: r}, nil
	}
	return nil, fmt.Errorf("charset %q is not supported", charset)
}

type latin1Reader struct {
	r   io.Reader
	out bytes.Buffer
}

func (l *latin1Reader) Read(p []byte) (int, error) {
	var in [512]byte
	for l.out.Len() == 0 {
		n, err := l.r.Read(in[:])
		for _, c := range in[:n] {
			l.out.WriteRune(rune(c))
		}
		if n == 0 && err != nil {
			return 0, err
		}
	}
	return l.out.Read(p)
}
