package soap

import (
	"io"
	"slices"
	"unicode/utf8"
)

const (
	lookahead   = 16 << 10 // what is read at once; a message shorter than this is checked whole before any of it is sent
	maxNameSize = 1024     // bytes of one qualified name
)

// span is a range of the buffer.
type span struct{ start, end int }

// qname is a name as it is written.
type qname struct {
	span
	prefix int // bytes of the prefix, without the colon; 0 = none
}

// input is a message as its source gives it, every byte kept, and reads characters at any offset of it. A refusal, or
// an error of the source, is a bailout.
type input struct {
	src    io.Reader
	buf    []byte
	raw    []byte // the message as it came, if buf is a conversion of it
	max    int    // no byte beyond is read
	least  int    // so much is read at once; 0 = lookahead
	srcErr error
	enc    encoding
}

// more reads until the byte at i is there. It returns false if the message is over before.
func (in *input) more(i int) bool {
	for i >= len(in.buf) {
		switch {
		case in.srcErr == io.EOF:
			return false
		case in.srcErr != nil:
			panic(bailout{in.srcErr})
		case i >= in.max:
			fail(KindTooLarge, in.max, "the part of the message that has to be read exceeds its bound")
		}
		in.fill()
	}
	return true
}

// fill reads a whole step, so that results do not depend on the sizes of reads.
func (in *input) fill() {
	step := min(max(lookahead, in.least, 2*len(in.buf)), in.max)
	in.buf = slices.Grow(in.buf, step-len(in.buf))
	for len(in.buf) < step && in.srcErr == nil {
		var n int
		n, in.srcErr = in.src.Read(in.buf[len(in.buf):step])
		in.buf = in.buf[:len(in.buf)+n]
	}
}

// at returns the byte at i. A message that ends there ends inside what.
func (in *input) at(i int, what string) byte {
	if i >= len(in.buf) && !in.more(i) {
		fail(KindIllFormed, len(in.buf), "the message ends inside "+what)
	}
	return in.buf[i]
}

func (in *input) slice(r span) []byte { return in.buf[r.start:r.end] }

// local returns a name without its prefix.
func (in *input) local(name qname) []byte {
	if name.prefix > 0 {
		name.start += name.prefix + 1
	}
	return in.slice(name.span)
}

// char checks the character at i and returns its size.
func (in *input) char(i int, what string) int {
	b := in.at(i, what)
	if b >= 0x80 {
		_, n := in.wideChar(i, what)
		return n
	}
	if b < 0x20 && !isSpace(b) {
		fail(KindIllFormed, i, "a control character")
	}
	return 1
}

// wideChar decodes the character at i, whose first byte is 0x80 or above.
func (in *input) wideChar(i int, what string) (rune, int) {
	if in.enc == encASCII {
		fail(KindEncoding, i, "a byte above 127 in a message labelled us-ascii")
	}
	if in.enc != encUTF8 {
		return in.enc.decode(in.buf[i]), 1
	}
	for n := 2; n <= utf8.UTFMax && !utf8.FullRune(in.buf[i:]); n++ {
		in.at(i+n-1, what)
	}
	r, n := utf8.DecodeRune(in.buf[i:])
	if r == utf8.RuneError && n <= 1 {
		fail(KindEncoding, i, "invalid UTF-8")
	}
	if !isChar(r) {
		fail(KindIllFormed, i, "a character that XML forbids")
	}
	return r, n
}

// until finds end at or after i, checking the characters on the way, and returns the offset after it.
func (in *input) until(i int, end, what string) int {
	for in.at(i, what) != end[0] || !in.has(i, end, what) {
		i += in.char(i, what)
	}
	return i + len(end)
}

// has reports whether want stands at i.
func (in *input) has(i int, want, what string) bool {
	in.at(i+len(want)-1, what)
	return string(in.buf[i:i+len(want)]) == want
}

// name reads a qualified name at i.
func (in *input) name(i int) qname {
	name, part := qname{span: span{start: i}}, i
	for {
		b := in.at(i, "a name")
		if b == ':' {
			if name.prefix > 0 || i == name.start {
				fail(KindIllFormed, i, "a name with a misplaced colon")
			}
			name.prefix, part = i-name.start, i+1
			i++
			continue
		}
		r, n := rune(b), 1
		if b >= 0x80 {
			r, n = in.wideChar(i, "a name")
		}
		if i == part && !isNameStart(r) || !isNameChar(r) {
			break
		}
		if i-name.start > maxNameSize {
			fail(KindTooComplex, i, "a name beyond 1024 bytes")
		}
		i += n
	}
	if i == part {
		fail(KindIllFormed, i, "a name was expected")
	}
	name.end = i
	return name
}

func (in *input) spaces(i int, what string) int {
	for isSpace(in.at(i, what)) {
		i++
	}
	return i
}
