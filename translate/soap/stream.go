package soap

import (
	"bytes"
	"io"
)

const (
	maxToken = 512 << 10 // bytes of one tag, text or comment that a Stream reads
	window   = 64 << 10  // what it reads at once
)

// Stream reads a whole message from front to back and keeps nothing of what it has passed. It checks what ReadMessage
// checks of XML, but looks for no credential.
type Stream struct {
	s       *scanner
	root    *rootPart // nil unless the envelope is a part of a multipart message
	section bool      // a CDATA section is being decoded
	decoder base64Decoder
}

// NewStream begins to read a message with that Content-Type: an envelope, or one in the first part of
// multipart/related. Here and in all methods an error is an *Error, or comes from r as it is.
func NewStream(contentType string, r io.Reader) (_ *Stream, err error) {
	defer catch(&err)
	root, charset, err := openRoot(contentType, r, DefaultMaxHeader)
	switch {
	case err != nil:
		return nil, err
	case root != nil && root.skipped:
		return nil, refuse(KindMultipart, 0, "the root part is not the first")
	case root != nil:
		r = root
	}
	t := &Stream{s: newScanner(r, maxToken), root: root}
	t.s.least = window
	t.s.prolog(charset)
	return t, nil
}

// Next reads on. After Start there are Name and Attributes, after Text there is Text, which may come in pieces.
func (t *Stream) Next() (e Event, err error) {
	defer catch(&err)
	for e = other; e == other; {
		t.s.forget()
		e = t.s.next()
	}
	return e, nil
}

// Name is that of the element of the last Start.
func (t *Stream) Name() Name {
	e := t.s.top()
	return Name{e.namespace, string(t.s.local(e.name))}
}

// Attributes gives the attributes of the last Start with their values, but no namespace declarations.
func (t *Stream) Attributes(yield func(Name, string) bool) {
	for i := range t.s.attrs {
		a := &t.s.attrs[i]
		if !a.declares && !yield(Name{a.namespace, string(t.s.local(a.name))}, t.s.value(a)) {
			return
		}
	}
}

// Text is that of the last Text, with references and line ends resolved.
func (t *Stream) Text() string { return t.s.decode(t.s.text, t.s.as) }

// Base64 decodes the text after a Start, up to the next tag, into w, piece by piece. Text that is not base64 is an
// *Error of KindBase64; an error of w comes as it is.
func (t *Stream) Base64(w io.Writer) (err error) {
	defer catch(&err)
	d := &t.decoder
	*d = base64Decoder{w: w, text: d.text[:0], out: d.out}
	for t.piece(d) {
		t.s.forget()
	}
	d.finish()
	return nil
}

// piece decodes what is there, up to the next markup or reference. It returns false before a tag.
func (t *Stream) piece(d *base64Decoder) bool {
	const what = "base64"
	s := t.s
	switch {
	case s.noClose:
		return false
	case t.section && s.at(s.pos, what) != ']':
		t.write(d, "]")
	case t.section:
		if !s.has(s.pos, "]]>", what) {
			fail(KindBase64, s.pos, "a bracket in base64")
		}
		s.pos += 3
		t.section = false
	case s.at(s.pos, what) == '&':
		r, n := s.reference(s.pos)
		d.write([]byte(string(r)))
		s.pos += n
	case s.buf[s.pos] != '<':
		t.write(d, "<&")
	case s.at(s.pos+1, what) == '!' && s.at(s.pos+2, what) == '[' && s.has(s.pos, cdataStart, what):
		s.pos += len(cdataStart)
		t.section = true
	case s.buf[s.pos+1] == '!', s.buf[s.pos+1] == '?':
		s.next()
	default:
		return false
	}
	return true
}

// write decodes what is buffered, up to the first of the ends.
func (t *Stream) write(d *base64Decoder, ends string) {
	piece := t.s.buf[t.s.pos:]
	for i := range len(ends) {
		if n := bytes.IndexByte(piece, ends[i]); n >= 0 {
			piece = piece[:n]
		}
	}
	d.write(piece)
	t.s.pos += len(piece)
}

// Part goes on, after EOF, to the next part of a multipart message: its Content-ID without brackets, and its bytes.
// It is nil after the last part, and when there are no parts.
func (t *Stream) Part() (id string, part io.Reader, err error) {
	defer catch(&err)
	p := t.root
	if p == nil {
		return "", nil, nil
	}
	if _, err := io.Copy(io.Discard, p); err != nil {
		return "", nil, err
	}
	p.head, p.over = p.head[:0], false
	h, _ := p.next()
	if h == nil {
		return "", nil, nil
	}
	p.plain(h)
	return bareID(h.Get("Content-Id")), p, nil
}
