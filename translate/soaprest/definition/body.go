package definition

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"docusign-auth-proxy/internal/spool"
)

// Body is the body of a creation. Its length is known before it is sent, and it can be read more than once.
type Body []segment

// segment is text, or the bytes of a file.
type segment struct {
	text string
	file *spool.File
	// encoded = the file goes in base64.
	encoded bool
}

// Len is in bytes.
func (b Body) Len() (n int64) {
	for _, s := range b {
		switch {
		case s.file == nil:
			n += int64(len(s.text))
		case s.encoded:
			n += (s.file.Size() + 2) / 3 * 4
		default:
			n += s.file.Size()
		}
	}
	return n
}

// Open reads from the beginning.
func (b Body) Open() io.Reader {
	readers := make([]io.Reader, len(b))
	for i, s := range b {
		switch {
		case s.file == nil:
			readers[i] = strings.NewReader(s.text)
		case s.encoded:
			readers[i] = &encoder{from: s.file.Reader()}
		default:
			readers[i] = s.file.Reader()
		}
	}
	return io.MultiReader(readers...)
}

// encoder reads in base64.
type encoder struct {
	from io.Reader
	raw  []byte
	out  bytes.Buffer
	err  error
}

// chunk is how many bytes are encoded at once; a multiple of 3, so that no padding is needed before the end.
const chunk = 48 << 10

func (e *encoder) Read(p []byte) (int, error) {
	if e.out.Len() == 0 && e.err == nil {
		if e.raw == nil {
			e.raw = make([]byte, chunk)
		}
		n, err := io.ReadFull(e.from, e.raw)
		if err == io.ErrUnexpectedEOF {
			err = io.EOF
		}
		e.err = err
		e.out.Write(base64.StdEncoding.AppendEncode(e.out.AvailableBuffer(), e.raw[:n]))
	}
	if e.out.Len() == 0 {
		return 0, e.err
	}
	return e.out.Read(p)
}

// Encode gives the body and its content type: JSON, or with documents multipart/form-data whose first part is the JSON
// (SOAP-REST.md §6.1). The boundary is another one each time.
func (d *Definition) Encode() (string, Body) {
	var w writer
	if len(d.Documents) == 0 {
		w.value(d.Object)
		return "application/json", w.body()
	}
	boundary := rand.Text()
	fmt.Fprintf(&w.text, "--%s\r\nContent-Type: application/json\r\nContent-Disposition: form-data\r\n\r\n", boundary)
	w.value(d.Object)
	for _, part := range d.Documents {
		fmt.Fprintf(&w.text, "\r\n--%s\r\nContent-Type: %s\r\n", boundary, contentType(part.Extension))
		fmt.Fprintf(&w.text, "Content-Disposition: file; filename=\"document%s.%s\"; documentid=%s\r\n\r\n",
			part.ID, fileNamePart(part.Extension), part.ID)
		w.file(part.Bytes, false)
	}
	fmt.Fprintf(&w.text, "\r\n--%s--\r\n", boundary)
	return "multipart/form-data; boundary=" + boundary, w.body()
}

// fileNamePart keeps letters and digits, so that nothing in a name ends the header.
func fileNamePart(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return -1
	}, s)
}

// writer collects segments.
type writer struct {
	text     strings.Builder
	segments Body
}

func (w *writer) body() Body {
	w.flush()
	return w.segments
}

func (w *writer) flush() {
	if w.text.Len() > 0 {
		w.segments = append(w.segments, segment{text: w.text.String()})
		w.text.Reset()
	}
}

func (w *writer) file(f *spool.File, encoded bool) {
	w.flush()
	w.segments = append(w.segments, segment{file: f, encoded: encoded})
}

// value writes JSON, but leaves a place for each file.
func (w *writer) value(v any) {
	switch v := v.(type) {
	case Base64:
		w.text.WriteByte('"')
		w.file(v.File, true)
		w.text.WriteByte('"')
	case Object:
		w.text.WriteByte('{')
		for i, member := range slices.Sorted(maps.Keys(v)) {
			if i > 0 {
				w.text.WriteByte(',')
			}
			w.value(member)
			w.text.WriteByte(':')
			w.value(v[member])
		}
		w.text.WriteByte('}')
	case []Object:
		w.text.WriteByte('[')
		for i, o := range v {
			if i > 0 {
				w.text.WriteByte(',')
			}
			w.value(o)
		}
		w.text.WriteByte(']')
	default: // texts and lists of texts, which cannot fail
		text, err := json.Marshal(v)
		if err != nil {
			panic(fmt.Errorf("encode %T: %w", v, err))
		}
		w.text.Write(text)
	}
}
