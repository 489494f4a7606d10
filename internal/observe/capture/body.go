package capture

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"regexp"
	"strings"
	"unicode/utf8"

	"docusign-auth-proxy/internal/shown"
)

// Reasons why a body is not shown.
const (
	omittedUnsure   = "where its password stands could not be told with certainty"
	omittedSecret   = "a secret of this call stands in it where none belongs"
	omittedMemory   = "the memory for captures was full"
	omittedCoding   = "its content coding is not read"
	omittedCharset  = "its character set is not read"
	omittedBinary   = "binary"
	omittedPage     = "a page or text that is no message of the API"
	omittedBoundary = "it has parts, and no boundary"
	omittedParts    = "it has too many parts"

	restOmitted  = "\n[the rest is not shown: it is not well-formed]"
	maxInflated  = 4 << 20
	maxPartCount = 32
)

// body has a text, or the reason why not.
type body struct {
	Text    string
	MIME    string
	Size    int64  // as it passed, in bytes
	SHA256  string // of binary bodies that passed whole; never of one that could hold a password
	Cut     bool
	Omitted string
}

// bodyPlace says what a body may hold.
type bodyPlace struct {
	request  bool
	password bool // a SOAP message in which the proxy found the credential
	form     bool // a form by its path, whatever its type says
}

// shrinkable reports whether runs of base64 can be told in the bytes as they pass: not when they are compressed, nor
// between boundaries, which look like base64 themselves.
func shrinkable(h http.Header) bool {
	mediaType, _ := mediaTypeOf(h.Get("Content-Type"))
	return plainCoding(h.Get("Content-Encoding")) && !strings.HasPrefix(mediaType, "multipart/")
}

func plainCoding(c string) bool {
	c = strings.TrimSpace(c)
	return c == "" || strings.EqualFold(c, "identity")
}

func mediaTypeOf(contentType string) (mediaType string, params map[string]string) {
	mediaType, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		return "", nil
	}
	return mediaType, params
}

// body masks what was heard of a body.
func (m *mask) body(h heard, limit int, p bodyPlace) body {
	mediaType, params := mediaTypeOf(h.header.Get("Content-Type"))
	t := h.body.end()
	b := body{MIME: mediaType, Size: t.size, Cut: t.cut || len(t.kept) > limit}
	if t.size == 0 {
		return b
	}
	kept := t.kept[:min(len(t.kept), limit+noteRoom)]
	if coding := h.header.Get("Content-Encoding"); !t.full && !plainCoding(coding) {
		var cut, ok bool
		if kept, cut, ok = inflated(kept, coding, limit); !ok {
			b.Omitted = omittedCoding
		}
		b.Cut = b.Cut || cut
	}
	switch {
	case t.full:
		b.Omitted = omittedMemory
	case b.Omitted != "":
	case strings.HasPrefix(mediaType, "multipart/"):
		b.Text, b.Omitted = m.parts(kept, params["boundary"], b.Cut, p)
	default:
		b.Text, b.Omitted = m.read(kept, mediaType, params["charset"], p)
	}
	switch {
	case b.Omitted == omittedBinary && revealing(mediaType, p):
		b.SHA256 = h.body.hash()
	case b.Omitted == "" && m.holds(b.Text):
		b.Text, b.Omitted = "", omittedSecret
	}
	b.Text = shown.Lines(b.Text)
	if !plainMediaType.MatchString(b.MIME) {
		b.MIME = ""
	}
	return b
}

// revealing reports whether the hash of a body tells nothing but the body: of one with a password in it, the password
// could be guessed.
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
	}
	if r == nil || err != nil {
		return nil, false, false
	}
	all, err := io.ReadAll(io.LimitReader(r, maxInflated))
	text, cut = shrunk(all, limit)
	return text, cut || err != nil, true
}

// read gives the masked text of a message, or the reason why there is none.
func (m *mask) read(kept []byte, mediaType, charset string, p bodyPlace) (text, omitted string) {
	if text, omitted = readableText(kept, mediaType, charset); omitted != "" {
		return "", omitted
	}
	out, passwords, ok, known := maskBody(text, mediaType, p)
	switch {
	case !known:
		return "", omittedPage
	case !ok && (p.form || p.password), p.password && passwords == 0:
		return "", omittedUnsure
	case !ok:
		out += restOmitted
	}
	return out, ""
}

// maskBody chooses the reader by the first character, since programs name types at random; known is false for what has
// none.
func maskBody(text, mediaType string, p bodyPlace) (out string, passwords int, ok, known bool) {
	first := strings.TrimLeft(text, " \t\r\n")
	switch {
	case p.form || mediaType == "application/x-www-form-urlencoded":
		out, ok = maskForm(text)
		return out, 0, ok, true
	case strings.HasPrefix(first, "<") && mediaType != "text/html":
		out, passwords, ok = maskXML(text, !p.request)
		return out, passwords, ok, true
	case strings.HasPrefix(first, "{"), strings.HasPrefix(first, "["), strings.HasSuffix(mediaType, "json"):
		out, ok = maskJSON(text, !p.request)
		return out, 0, ok, true
	}
	return text, 0, true, first == ""
}

var xmlEncoding = regexp.MustCompile(`^<\?xml[^>]*encoding\s*=\s*["']([^"']*)["']`)

// readableText gives bytes as text when their character set is a superset of ASCII.
func readableText(kept []byte, mediaType, charset string) (text, omitted string) {
	kept = bytes.TrimPrefix(kept, []byte("\ufeff"))
	texty := mediaType == "text/plain"
	for _, part := range [...]string{"json", "xml", "form"} {
		texty = texty || strings.Contains(mediaType, part)
	}
	if bytes.IndexByte(kept, 0) >= 0 || !texty && !utf8.Valid(wholeRunes(kept)) {
		return "", omittedBinary
	}
	named := ""
	if found := xmlEncoding.FindSubmatch(kept); found != nil {
		named = string(found[1])
	}
	if !overASCII(charset) || !overASCII(named) {
		return "", omittedCharset
	}
	return strings.ToValidUTF8(string(kept), "\uFFFD"), ""
}

// wholeRunes leaves out a character that was cut.
func wholeRunes(b []byte) []byte {
	for i := len(b) - 1; i >= max(0, len(b)-utf8.UTFMax); i-- {
		if utf8.RuneStart(b[i]) {
			if !utf8.FullRune(b[i:]) {
				return b[:i]
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
func (m *mask) parts(kept []byte, boundary string, cut bool, p bodyPlace) (text, omitted string) {
	if boundary == "" {
		return "", omittedBoundary
	}
	var out strings.Builder
	passwords := 0
	for r, n := multipart.NewReader(bytes.NewReader(kept), boundary), 0; ; n++ {
		part, err := r.NextRawPart()
		if err == io.EOF {
			out.WriteString("--boundary--\n")
		}
		if err != nil {
			break
		}
		if n == maxPartCount {
			return "", omittedParts
		}
		content, err := io.ReadAll(part)
		found, ok := m.part(&out, http.Header(part.Header), content, cut && err != nil, p)
		if !ok {
			return "", omittedUnsure
		}
		passwords += found
	}
	if p.password && passwords == 0 {
		return "", omittedUnsure
	}
	return out.String(), ""
}

// part writes one part; not ok when it should have shown a password and did not.
func (m *mask) part(
	out *strings.Builder, h http.Header, content []byte, cut bool, p bodyPlace,
) (passwords int, ok bool) {
	out.WriteString("--boundary\n")
	for _, f := range m.header(h) {
		fmt.Fprintf(out, "%s: %s\n", f.Name, f.Value)
	}
	out.WriteByte('\n')
	mediaType, params := mediaTypeOf(h.Get("Content-Type"))
	if text, omitted := readableText(content, mediaType, params["charset"]); omitted == "" {
		short, _ := shrunk([]byte(text), len(text))
		masked, passwords, ok, known := maskBody(string(short), mediaType, bodyPlace{request: true, password: p.password})
		if !ok && p.password {
			return 0, false
		}
		if known && !ok {
			masked += restOmitted
		}
		if known {
			out.WriteString(masked + "\n")
			return passwords, true
		}
	}
	note := ""
	if cut {
		note = ", of which the rest is cut"
	}
	fmt.Fprintf(out, "[%d bytes%s, not shown]\n", len(content), note)
	return 0, true
}
