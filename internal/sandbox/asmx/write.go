package asmx

import (
	"bytes"
	"encoding/base64"
	"io"
	"strconv"
	"strings"
	"time"

	"docusign-auth-proxy/internal/sandbox/message"
	"docusign-auth-proxy/internal/sandbox/restbody"
	"docusign-auth-proxy/internal/services"
)

// Fields are elements by their names: strings, bools, ints, times, Fields, lists of Fields or strings, Bytes and Nil.
// Attributes have @ before their names, the text beside them has none.
type Fields map[string]any

// Nil is written as xsi:nil="true".
type Nil struct{}

// Exact is a time with up to seven digits of its fraction; others have three (SOAP-REST.md §2.2).
type Exact time.Time

// Bytes are written in base64 while they are read.
type Bytes struct {
	Size int64
	Open io.Reader
}

// Body is what an answer consists of, with its length.
type Body struct {
	io.Reader
	Length int64
}

// Write writes the elements of an operation's answer in the order of its description.
func Write(s *services.Service, operation string, result any) Body {
	w := &writer{namespace: s.Namespace}
	w.text("<" + operation + `Response xmlns="` + s.Namespace + `">`)
	w.elements(s.Description().Operation(operation).Answer, Fields{operation + "Result": result})
	w.text("</" + operation + "Response>")
	w.flush()
	return Body{io.MultiReader(w.parts...), w.length}
}

type writer struct {
	namespace string
	open      bytes.Buffer
	parts     []io.Reader
	length    int64
}

func (w *writer) text(s string) { w.open.WriteString(s) }

func (w *writer) flush() {
	w.length += int64(w.open.Len())
	w.parts = append(w.parts, strings.NewReader(w.open.String()))
	w.open.Reset()
}

func (w *writer) elements(t *services.Type, f Fields) {
	for i := range t.Elements {
		e := &t.Elements[i]
		switch v := f[e.Name].(type) {
		case []Fields:
			for _, item := range v {
				w.element(e, item)
			}
		case []string:
			for _, item := range v {
				w.element(e, item)
			}
		default:
			w.element(e, v)
		}
	}
}

func (w *writer) element(e *services.Element, v any) {
	tag := "<" + e.Name
	switch v := v.(type) {
	case nil:
	case Nil:
		w.text(tag + ` xsi:nil="true" />`)
	case Fields:
		w.text(tag + w.attributes(e.Type, v) + ">")
		if t, given := v[""].(string); given {
			w.text(restbody.Escape(t))
		}
		w.elements(e.Type, v)
		w.text("</" + e.Name + ">")
	case Bytes:
		w.text(tag + ">")
		w.flush()
		w.parts = append(w.parts, &base64Reader{in: io.LimitReader(v.Open, v.Size)})
		w.length += int64(base64.StdEncoding.EncodedLen(int(v.Size)))
		w.text("</" + e.Name + ">")
	default:
		w.plain(tag, e.Name, textOf(v))
	}
}

func (w *writer) plain(tag, name, text string) {
	if text == "" {
		w.text(tag + " />")
		return
	}
	w.text(tag + ">" + restbody.Escape(text) + "</" + name + ">")
}

func (w *writer) attributes(t *services.Type, f Fields) string {
	var out strings.Builder
	for _, a := range t.Attributes {
		v, given := f["@"+a.Name].(string)
		switch {
		case !given:
		case a.Qualified:
			out.WriteString(` d:` + a.Name + `="` + restbody.Escape(v) + `" xmlns:d="` + w.namespace + `"`)
		default:
			out.WriteString(` ` + a.Name + `="` + restbody.Escape(v) + `"`)
		}
	}
	return out.String()
}

func textOf(v any) string {
	switch v := v.(type) {
	case bool:
		return strconv.FormatBool(v)
	case int:
		return strconv.Itoa(v)
	case time.Time:
		return v.In(pacific()).Truncate(time.Millisecond).Format("2006-01-02T15:04:05.999")
	case Exact:
		return time.Time(v).In(pacific()).Truncate(100).Format("2006-01-02T15:04:05.9999999")
	}
	return v.(string)
}

// base64Reader encodes what in yields.
type base64Reader struct {
	in   io.Reader
	rest []byte // encoded and not read yet
}

func (r *base64Reader) Read(p []byte) (int, error) {
	if len(r.rest) == 0 {
		raw := make([]byte, 48<<10)
		n, err := io.ReadFull(r.in, raw)
		if n == 0 {
			return 0, err
		}
		r.rest = base64.StdEncoding.AppendEncode(nil, raw[:n])
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// echo gives an element's children as they came.
func echo(e *message.Element) Fields {
	f := Fields{}
	for _, c := range e.Items() {
		var v any = c.Raw
		if len(c.Children) > 0 {
			v = echo(c)
		}
		switch old := f[c.Name.Local].(type) {
		case nil:
			f[c.Name.Local] = v
		case string:
			f[c.Name.Local] = []string{old, c.Raw}
		case []string:
			f[c.Name.Local] = append(old, c.Raw)
		}
	}
	return f
}
