package capture

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/hex"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"regexp"
	"strings"

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

// place says what a body may hold.
type place struct {
	request  bool
	password bool // a SOAP message in which the proxy found the credential
	form     bool // a form by its path, whatever its type says
}

// codingOf gives the content coding; "" = none.
func codingOf(h http.Header) string {
	return strings.TrimPrefix(strings.ToLower(strings.TrimSpace(h.Get("Content-Encoding"))), "identity")
}

// body masks what was heard of a body.
func (m *mask) body(h heard, limit int, p place) body {
	mediaType, _, _ := mime.ParseMediaType(h.header.Get("Content-Type"))
	b := body{}
	if plainMediaType.MatchString(mediaType) {
		b.MIME = mediaType
	}
	if h.body == nil || h.body.size == 0 {
		return b
	}
	b.Size = h.body.size
	kept, cut := h.body.kept, false
	if coding := codingOf(h.header); coding != "" {
		kept, cut, b.Omitted = inflated(kept, coding, limit)
	}
	b.Cut = cut || h.body.cut || len(kept) > limit
	kept = kept[:min(len(kept), limit)]
	switch {
	case h.body.full:
		b.Omitted = omittedMemory
	case b.Omitted == "":
		b.Text, b.Omitted = m.read(kept, h.header, b.Cut, p)
	}
	switch {
	case b.Omitted == omittedBinary && !hidingType.MatchString(mediaType) && !p.password && !p.form:
		b.SHA256 = hex.EncodeToString(h.body.sum.Sum(nil))
	case b.Omitted == "" && m.holds(b.Text):
		b.Text, b.Omitted = "", omittedSecret
	}
	b.Text = shown.Lines(b.Text)
	return b
}

var (
	messageType = regexp.MustCompile(`json|xml|form|^text/plain$`)
	// hidingType are those that can have a password in them, which could be guessed from the hash.
	hidingType = regexp.MustCompile(`json|xml|form|multipart|text|^$`)
)

// inflated undoes the coding of a body that may break off.
func inflated(raw []byte, coding string, limit int) (text []byte, cut bool, omitted string) {
	var r io.Reader
	var err error
	switch coding {
	case "gzip", "x-gzip":
		r, err = gzip.NewReader(bytes.NewReader(raw))
	case "deflate":
		r, err = zlib.NewReader(bytes.NewReader(raw))
	}
	if r == nil || err != nil {
		return nil, false, omittedCoding
	}
	all, err := io.ReadAll(io.LimitReader(r, maxInflated))
	short := shrunk(all, limit)
	return short.kept, short.cut || err != nil, ""
}

// read gives the masked text of a body, or the reason why there is none.
func (m *mask) read(kept []byte, h http.Header, cut bool, p place) (text, omitted string) {
	mediaType, params, _ := mime.ParseMediaType(h.Get("Content-Type"))
	var passwords int
	if strings.HasPrefix(mediaType, "multipart/") {
		text, passwords, omitted = m.parts(kept, params["boundary"], cut, p)
	} else {
		text, passwords, omitted = readMessage(kept, h, p)
	}
	if omitted == "" && p.password && passwords == 0 {
		omitted = omittedUnsure
	}
	if omitted != "" {
		return "", omitted
	}
	return text, ""
}

// readMessage chooses the reader by the first character, since programs name types at random. passwords is how many
// were masked.
func readMessage(kept []byte, h http.Header, p place) (text string, passwords int, omitted string) {
	mediaType, params, _ := mime.ParseMediaType(h.Get("Content-Type"))
	if text, omitted = readableText(kept, mediaType, params["charset"]); omitted != "" {
		return "", 0, omitted
	}
	first, ok := strings.TrimLeft(text, " \t\r\n"), true
	switch {
	case p.form || mediaType == "application/x-www-form-urlencoded":
		text, ok = maskForm(text)
	case strings.HasPrefix(first, "<") && mediaType != "text/html":
		text, passwords, ok = maskXML(text, !p.request)
	case strings.HasPrefix(first, "{"), strings.HasPrefix(first, "["), strings.HasSuffix(mediaType, "json"):
		text, ok = maskJSON(text, !p.request)
	case first != "":
		return "", 0, omittedPage
	}
	switch {
	case ok:
		return text, passwords, ""
	case p.form || p.password:
		return "", 0, omittedUnsure
	}
	return text + restOmitted, passwords, ""
}

var (
	xmlEncoding = regexp.MustCompile(`^<\?xml[^>]*encoding\s*=\s*["']([^"']*)["']`)
	overASCII   = regexp.MustCompile(`(?i)^\s*(?:utf-?8|(?:us-)?ascii|latin1|iso-8859-.*|windows-125.*)?\s*$`)
)

// readableText gives bytes as text when their character set is a superset of ASCII. A character that was cut at the end
// does not make them binary.
func readableText(kept []byte, mediaType, charset string) (text, omitted string) {
	text = strings.ToValidUTF8(strings.TrimPrefix(string(kept), "\ufeff"), "\uFFFD")
	whole := !strings.Contains(strings.TrimSuffix(text, "\uFFFD"), "\uFFFD")
	if strings.Contains(text, "\x00") || !whole && !messageType.MatchString(mediaType) {
		return "", omittedBinary
	}
	named := xmlEncoding.FindStringSubmatch(text)
	if !overASCII.MatchString(charset) || named != nil && !overASCII.MatchString(named[1]) {
		return "", omittedCharset
	}
	return text, ""
}

// parts shows the parts of a multipart body that are messages, and the length of those that are files.
func (m *mask) parts(
	kept []byte, boundary string, cut bool, p place,
) (text string, passwords int, omitted string) {
	if boundary == "" {
		return "", 0, omittedBoundary
	}
	var out strings.Builder
	r := multipart.NewReader(bytes.NewReader(kept), boundary)
	for range maxPartCount + 1 {
		part, err := r.NextRawPart()
		if err != nil {
			if err == io.EOF {
				out.WriteString("--boundary--\n")
			}
			return out.String(), passwords, ""
		}
		content, err := io.ReadAll(part)
		in := place{request: true, password: p.password}
		found, omitted := m.writePart(&out, http.Header(part.Header), content, cut && err != nil, in)
		if omitted != "" {
			return "", 0, omitted
		}
		passwords += found
	}
	return "", 0, omittedParts
}

// writePart has omittedUnsure when the whole body must not be shown.
func (m *mask) writePart(
	out *strings.Builder, h http.Header, content []byte, cut bool, p place,
) (found int, omitted string) {
	out.WriteString("--boundary\n")
	for _, f := range m.header(h) {
		fmt.Fprintf(out, "%s: %s\n", f.Name, f.Value)
	}
	text, found, omitted := readMessage(shrunk(content, len(content)).kept, h, p)
	switch {
	case omitted == omittedUnsure:
		return 0, omitted
	case omitted == "":
		fmt.Fprintf(out, "\n%s\n", text)
	case cut:
		fmt.Fprintf(out, "\n[%d bytes, of which the rest is cut, not shown]\n", len(content))
	default:
		fmt.Fprintf(out, "\n[%d bytes, not shown]\n", len(content))
	}
	return found, ""
}
