package soap

import (
	"io"
	"unicode/utf8"
)

const (
	lookahead   = 16 << 10 // what is read at once; a message shorter than this is checked whole before any of it is sent
	maxNameSize = 1024     // bytes of one qualified name
)

// span is a range of the buffer.
type span struct{ start, end int }

// input is a message as its source gives it, every byte kept, and reads characters at any offset of it. A refusal, or
// an error of the source, is a bailout.
type input struct {
	src    io.Reader
	buf    []byte
	raw    []byte // the message as it came, if buf is a conversion of it
	limit  int    // no byte beyond is read yet: it moves in steps, so that results do not depend on the sizes of reads
	max    int    // and never beyond this one
	srcErr error
	enc    encoding
	came   encoding // the encoding before a conversion
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
		for i >= in.limit {
			in.limit = min(2*in.limit, in.max)
		}
		in.read()
	}
	return true
}

// read takes what one call of the source gives.
func (in *input) read() {
	if cap(in.buf) < in.limit {
		grown := make([]byte, len(in.buf), in.limit)
		copy(grown, in.buf)
		in.buf = grown
	}
	for range 100 {
		n, err := in.src.Read(in.buf[len(in.buf):in.limit])
		in.buf = in.buf[:len(in.buf)+n]
		in.srcErr = err
		if n > 0 || err != nil {
			return
		}
	}
	in.srcErr = io.ErrNoProgress
}

// at returns the byte at i. A message that ends there ends inside what.
func (in *input) at(i int, what string) byte {
	if i >= len(in.buf) && !in.more(i) {
		fail(KindIllFormed, len(in.buf), "the message ends inside "+what)
	}
	return in.buf[i]
}

func (in *input) slice(r span) []byte { return in.buf[r.start:r.end] }

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
	for n := range len(want) {
		if in.at(i+n, what) != want[n] {
			return false
		}
	}
	return true
}

// name reads a qualified name at i; prefix is the size of its prefix.
func (in *input) name(i int) (name span, prefix int) {
	start, part := i, i
	for {
		b := in.at(i, "a name")
		if b == ':' {
			if prefix > 0 || i == start {
				fail(KindIllFormed, i, "a name with a misplaced colon")
			}
			prefix, part = i-start, i+1
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
		if i-start > maxNameSize {
			fail(KindTooComplex, i, "a name beyond 1024 bytes")
		}
		i += n
	}
	if i == part {
		fail(KindIllFormed, i, "a name was expected")
	}
	return span{start, i}, prefix
}

func (in *input) spaces(i int, what string) int {
	for isSpace(in.at(i, what)) {
		i++
	}
	return i
}
