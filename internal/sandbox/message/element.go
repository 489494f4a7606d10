// Package message reads what reaches the sandbox, strictly: envelope definitions in JSON, XML and multipart, and SOAP
// envelopes with or without MTOM. It must never keep a document: of each there is the size and the digest.
// The REST and the SOAP site of the sandbox call it.
package message

import (
	"bytes"
	"cmp"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

const (
	maxMarkup = 256 << 10 // bytes of one attribute
	longText  = 64 << 10  // longer texts are documents, which only the body's limit bounds
	maxTexts  = 4 << 20   // all other texts of an XML document together
	maxDepth  = 100
)

// element is one element of an XML document or one value of a JSON document. Its methods take a nil element.
type element struct {
	name     xml.Name
	attrs    []xml.Attr
	text     string
	children []*element
}

// child finds the last child of a name.
func (e *element) child(name string) *element {
	var found *element
	for _, c := range e.items() {
		if c.name.Local == name {
			found = c
		}
	}
	return found
}

func (e *element) items() []*element {
	if e == nil {
		return nil
	}
	return e.children
}

// value is the text of the last child of a name.
func (e *element) value(name string) string {
	if c := e.child(name); c != nil {
		return c.text
	}
	return ""
}

// readJSON reads strict JSON. The elements of an array have no name; the members of an object come in order of theirs.
func readJSON(r io.Reader) (*element, error) {
	raw, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	raw = bytes.TrimPrefix(raw, []byte("\xef\xbb\xbf"))
	var v any
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	// What is not UTF-8, or half a surrogate pair, is decoded as utf8.RuneError.
	if !json.Valid(raw) || dec.Decode(&v) != nil || strings.ContainsRune(fmt.Sprint(v), utf8.RuneError) {
		return nil, errors.New("json: not one whole value in UTF-8")
	}
	return jsonElement("", v), nil
}

func jsonElement(name string, v any) *element {
	e := &element{name: xml.Name{Local: name}}
	switch v := v.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			e.children = append(e.children, jsonElement(key, v[key]))
		}
	case []any:
		for _, item := range v {
			e.children = append(e.children, jsonElement("", item))
		}
	case nil:
	default:
		e.text = fmt.Sprint(v)
	}
	return e
}

// readXML reads one document without a DTD, of which a byte order mark tells UTF-16 from UTF-8. With an error comes
// what was read before it.
func readXML(r io.Reader) (*element, error) {
	raw, cut := io.ReadAll(transform.NewReader(r, unicode.BOMOverride(transform.Nop)))
	dec := xml.NewDecoder(bytes.NewReader(raw))
	dec.CharsetReader = charsetReader
	document := &element{}
	err := readElements(dec, document)
	if len(document.children) == 0 {
		return nil, cmp.Or(cut, err)
	}
	return document.children[0], cmp.Or(cut, err)
}

// readElements reads everything into document, whose only child is the root.
func readElements(dec *xml.Decoder, document *element) error {
	open, texts := []*element{document}, 0
	for {
		token, err := dec.Token()
		if err == io.EOF && len(open) == 1 && len(document.children) == 1 {
			return nil
		}
		if err == io.EOF {
			return io.ErrUnexpectedEOF
		}
		if err != nil {
			return err
		}
		last := open[len(open)-1]
		switch t := token.(type) {
		case xml.StartElement:
			if last == document && len(document.children) > 0 || len(open) > maxDepth {
				return errors.New("xml: a second root, or nested too deep")
			}
			for _, a := range t.Attr {
				if len(a.Value) >= maxMarkup {
					return errors.New("xml: markup is too long")
				}
			}
			e := &element{name: t.Name, attrs: t.Attr}
			last.children = append(last.children, e)
			open = append(open, e)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			if len(t) <= longText {
				texts += len(t)
			}
			if texts > maxTexts || last == document && len(bytes.TrimSpace(t)) > 0 {
				return errors.New("xml: too much text, or text outside the root")
			}
			last.text += string(t)
		case xml.Directive:
			return errors.New("xml: a DTD is not allowed")
		case xml.ProcInst:
			if t.Target != "xml" {
				return errors.New("xml: a processing instruction is not allowed")
			}
		}
	}
}

// charsetReader takes the encodings clients declare; UTF-16 is converted already.
func charsetReader(charset string, r io.Reader) (io.Reader, error) {
	switch strings.ToLower(charset) {
	case "utf-16", "us-ascii":
		return r, nil
	case "iso-8859-1", "latin1":
		return charmap.ISO8859_1.NewDecoder().Reader(r), nil
	}
	return nil, fmt.Errorf("charset %q is not supported", charset)
}
