package capture

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"crypto/sha256"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/textproto"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Reasons why a body is not shown.
const (
	omittedUnsure  = "where its password stands could not be told with certainty"
	omittedSecret  = "a secret of this call stands in it where none belongs"
	omittedMemory  = "the memory for captures was full"
	omittedCharset = "its character set is not read"
	omittedBinary  = "binary"
	omittedPage    = "a page or text that is no message of the API"

	restOmitted  = "\n[the rest is not shown: it is not well-formed]"
	maxInflated  = 4 << 20
	maxPartCount = 32
)

// bodyPlace says what a body may hold.
type bodyPlace struct {
	request  bool
	password bool // a SOAP message in which the proxy found the credential
	form     bool // a form by its path, whatever its type says
}

// shrinkable reports whether runs of base64 can be told in the bytes as they pass: not when they are compressed, nor between
// boundaries, which look like base64 themselves.
func shrinkable(h http.Header) bool {
	ct := strings.ToLower(h.Get("Content-Type"))
	return plainCoding(h.Get("Content-Encoding")) && !strings.HasPrefix(strings.TrimSpace(ct), "multipart/")
}

func plainCoding(c string) bool {
	c = strings.TrimSpace(c)
	return c == "" || strings.EqualFold(c, "identity")
}

// body masks what was heard of a body.
func (m *mask) body(t tapped, h http.Header, limit int, p bodyPlace) body {
	mediaType, params, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil {
		mediaType, params = "", nil
	}
	b := body{MIME: mediaType, Size: t.size, Cut: t.cut || len(t.kept) > limit}
	kept := t.kept[:min(len(t.kept), limit+noteRoom)]
	switch {
	case t.size == 0:
		return b
	case t.full:
		b.Omitted = omittedMemory
		return b
	case !plainCoding(h.Get("Content-Encoding")):
		var ok, cut bool
		if kept, cut, ok = inflated(kept, h.Get("Content-Encoding"), limit); !ok {
			b.Omitted = "its content coding is not read"
			return b
		}
		b.Cut = b.Cut || cut
	}
	m.read(&b, kept, params, p)
	if b.Omitted == omittedBinary && revealing(mediaType, p) {
		b.SHA256 = t.sum
	}
	if b.Omitted == "" && m.holds(b.Text) {
		b.Omitted = omittedSecret
	}
	if b.Omitted != "" {
		b.Text = ""
	}
	b.Text = printableText(b.Text)
	if !plainMediaType.MatchString(b.MIME) {
		b.MIME = ""
	}
	return b
}

// revealing reports whether the hash of a body tells nothing but the body: of one with a password in it, the password could be guessed.
func revealing(mediaType string, p bodyPlace) bool {
	for _, part := range [...]string{"json", "xml", "form", "multipart", "text"} {
		if strings.Contains(mediaType, part) {
			return false
		}
	}
	return mediaType != "" && !p.password && !p.form
}

// inflated undoes the coding of a body that may break off.
func inflated(raw []byte, coding string, limit int) (text []byte, cut, ok bool) {
	var r io.Reader
	var err error
	switch strings.ToLower(strings.TrimSpace(coding)) {
	case "gzip", "x-gzip":
		r, err = gzip.NewReader(bytes.NewReader(raw))
	case "deflate":
		r, err = zlib.NewReader(bytes.NewReader(raw))
	default:
		return nil, false, false
	}
	if err != nil {
		return nil, false, false
	}
	b := looseBuffer(limit)
	_, err = io.Copy(bufferWriter{b}, io.LimitReader(r, maxInflated))
	t := b.take()
	return t.kept, t.cut || err != nil, true
}

type bufferWriter struct{ *tapBuffer }

func (w bufferWriter) Write(p []byte) (int, error) {
	w.write(p)
	return len(p), nil
}

// looseBuffer shrinks what was heard already; it counts for no budget.
func looseBuffer(limit int) *tapBuffer {
	budget := &budget{}
	budget.left.Store(int64(limit) + noteRoom + maxInflated)
	return &tapBuffer{budget: budget, max: limit, shrink: true, sum: sha256.New()}
}

// read fills in the text, or the reason why not.
func (m *mask) read(b *body, kept []byte, params map[string]string, p bodyPlace) {
	if strings.HasPrefix(b.MIME, "multipart/") {
		m.parts(b, kept, params["boundary"], p)
		return
	}
	text, reason := readableText(kept, b.MIME, params["charset"])
	if reason != "" {
		b.Omitted = reason
		return
	}
	out, passwords, ok, known := maskBody(text, b.MIME, p)
	switch {
	case !known:
		b.Omitted = omittedPage
	case !ok && (p.form || p.password), p.password && passwords == 0:
		b.Omitted = omittedUnsure
	case !ok:
		b.Text = out + restOmitted
	default:
		b.Text = out
	}
}

// maskBody chooses the reader by the first character, since programs name types at random; known is false for what has none.
func maskBody(text, mediaType string, p bodyPlace) (out string, passwords int, ok, known bool) {
	form := p.form || mediaType == "application/x-www-form-urlencoded"
	first := strings.TrimLeft(text, " \t\r\n")
	switch {
	case form:
		out, ok = maskForm(text)
		return out, 0, ok, true
	case strings.HasPrefix(first, "<") && mediaType != "text/html":
		out, passwords, ok = maskXML(text, !p.request)
		return out, passwords, ok, true
	case strings.HasPrefix(first, "{"), strings.HasPrefix(first, "["), strings.HasSuffix(mediaType, "json"):
		out, ok = maskJSON(text, !p.request)
		return out, 0, ok, true
	case first == "":
		return text, 0, true, true
	}
	return "", 0, false, false
}

var xmlEncoding = regexp.MustCompile(`^<\?xml[^>]*encoding\s*=\s*["']([^"']*)["']`)

// readableText gives bytes as text when their character set is a superset of ASCII.
func readableText(kept []byte, mediaType, charset string) (text, reason string) {
	kept = bytes.TrimPrefix(kept, []byte("\ufeff"))
	texty := strings.Contains(mediaType, "json") || strings.Contains(mediaType, "xml") || strings.Contains(mediaType, "form") || mediaType == "text/plain"
	if bytes.IndexByte(kept, 0) >= 0 || !texty && !utf8.Valid(wholeRunes(kept)) {
		return "", omittedBinary
	}
	if found := xmlEncoding.FindSubmatch(kept); found != nil && charset == "" {
		charset = string(found[1])
	} else if found != nil && !overASCII(string(found[1])) {
		return "", omittedCharset
	}
	if !overASCII(charset) {
		return "", omittedCharset
	}
	return strings.ToValidUTF8(string(kept), "\uFFFD"), ""
}

// wholeRunes leaves out a character that was cut.
func wholeRunes(b []byte) []byte {
	for i := 1; i <= min(utf8.UTFMax, len(b)); i++ {
		if utf8.RuneStart(b[len(b)-i]) {
			if !utf8.FullRune(b[len(b)-i:]) {
				return b[:len(b)-i]
			}
			break
		}
	}
	return b
}

func overASCII(charset string) bool {
	switch c := strings.ToLower(strings.TrimSpace(charset)); {
	case c == "", c == "utf-8", c == "utf8", c == "us-ascii", c == "ascii", c == "latin1":
		return true
	default:
		return strings.HasPrefix(c, "iso-8859-") || strings.HasPrefix(c, "windows-125")
	}
}

// parts shows the parts of a multipart body that are messages, and the length of those that are files.
func (m *mask) parts(b *body, kept []byte, boundary string, p bodyPlace) {
	if boundary == "" {
		b.Omitted = "it has parts, and no boundary"
		return
	}
	pieces := bytes.Split(append([]byte("\r\n"), kept...), []byte("\n--"+boundary))
	if len(pieces) > maxPartCount {
		b.Omitted = "it has too many parts"
		return
	}
	var out strings.Builder
	passwords := 0
	for i, piece := range pieces[1:] {
		if bytes.HasPrefix(piece, []byte("--")) {
			out.WriteString("--boundary--\n")
			break
		}
		last := i == len(pieces)-2
		out.WriteString("--boundary\n")
		n, ok := m.part(&out, piece, last && b.Cut, p)
		if !ok {
			b.Omitted = omittedUnsure
			return
		}
		passwords += n
	}
	if p.password && passwords == 0 {
		b.Omitted = omittedUnsure
		return
	}
	b.Text = out.String()
}

// part writes one part; not ok when it should have shown a password and did not.
func (m *mask) part(out *strings.Builder, piece []byte, cut bool, p bodyPlace) (passwords int, ok bool) {
	head, content, found := bytes.Cut(piece, []byte("\r\n\r\n"))
	if !found {
		if head, content, found = bytes.Cut(piece, []byte("\n\n")); !found {
			return 0, true // a head that breaks off
		}
	}
	h := partHeader(head)
	for _, f := range m.header(h) {
		fmt.Fprintf(out, "%s: %s\n", f.Name, f.Value)
	}
	out.WriteByte('\n')
	mediaType, params, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil {
		mediaType, params = "", nil
	}
	content = bytes.TrimSuffix(content, []byte("\r"))
	note := ""
	if cut {
		note = ", of which the rest is cut"
	}
	text, reason := readableText(content, mediaType, params["charset"])
	if reason == "" {
		var known bool
		if text, passwords, ok, known = maskBody(shrunk(text), mediaType, bodyPlace{request: true, password: p.password}); known {
			if !ok && p.password {
				return 0, false
			}
			if !ok {
				text += restOmitted
			}
			out.WriteString(text + "\n")
			return passwords, true
		}
	}
	fmt.Fprintf(out, "[%d bytes%s, not shown]\n", len(content), note)
	return 0, true
}

func partHeader(head []byte) http.Header {
	h := http.Header{}
	for line := range bytes.SplitSeq(head, []byte("\n")) {
		name, value, found := strings.Cut(strings.TrimRight(string(line), "\r"), ":")
		if found && len(h) < maxPartCount {
			h.Add(textproto.CanonicalMIMEHeaderKey(strings.TrimSpace(name)), strings.TrimSpace(value))
		}
	}
	return h
}

// shrunk puts the length in the place of long runs of base64.
func shrunk(text string) string {
	b := looseBuffer(len(text))
	b.write([]byte(text))
	return string(b.take().kept)
}

// printableText is printable for texts of several lines.
func printableText(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\r' || r == '\t' || unicode.IsPrint(r) {
			return r
		}
		return utf8.RuneError
	}, s)
}
