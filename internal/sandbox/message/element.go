// Package message reads what reaches the sandbox, strictly: bodies of REST in JSON, XML and multipart, and SOAP
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
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"

	"docusign-auth-proxy/internal/sandbox/restbody"
)

const (
	maxMarkup = 256 << 10 // bytes of one attribute
	longText  = 64 << 10  // longer texts are documents, which only the body's limit bounds
	maxTexts  = 4 << 20   // all other texts of an XML document together
	maxDepth  = 100
)

// Element is one element of an XML document. Its methods take a nil element.
type Element struct {
	Name     xml.Name
	Attrs    []xml.Attr
	Text     string
	Children []*Element

	// Raw and Content are filled in where the element is held against a description: the text as it came, while Text is
	// in one form, and what stands for bytes.
	Raw     string
	Content *restbody.Content
}

// Child finds the last child of a name.
func (e *Element) Child(name string) *Element {
	var found *Element
	for _, c := range e.Items() {
		if c.Name.Local == name {
			found = c
		}
	}
	return found
}

// Items are the children.
func (e *Element) Items() []*Element {
	if e == nil {
		return nil
	}
	return e.Children
}

// Value is the text of the last child of a name.
func (e *Element) Value(name string) string {
	if c := e.Child(name); c != nil {
		return c.Text
	}
	return ""
}

// readJSON reads strict JSON. Numbers stay as they are written.
func readJSON(r io.Reader) (any, error) {
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
	return v, nil
}

// readXML reads one document without a DTD, of which a byte order mark tells UTF-16 from UTF-8. With an error comes
// what was read before it.
func readXML(r io.Reader) (*Element, error) {
	raw, cut := io.ReadAll(transform.NewReader(r, unicode.BOMOverride(transform.Nop)))
	dec := xml.NewDecoder(bytes.NewReader(raw))
	dec.CharsetReader = charsetReader
	document := &Element{}
	err := readElements(dec, document)
	if len(document.Children) == 0 {
		return nil, cmp.Or(cut, err)
	}
	return document.Children[0], cmp.Or(cut, err)
}

// readElements reads everything into document, whose only child is the root.
func readElements(dec *xml.Decoder, document *Element) error {
	open, texts := []*Element{document}, 0
	for {
		token, err := dec.Token()
		if err == io.EOF && len(open) == 1 && len(document.Children) == 1 {
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
			if last == document && len(document.Children) > 0 || len(open) > maxDepth {
				return errors.New("xml: a second root, or nested too deep")
			}
			for _, a := range t.Attr {
				if len(a.Value) >= maxMarkup {
					return errors.New("xml: markup is too long")
				}
			}
			e := &Element{Name: t.Name, Attrs: t.Attr}
			last.Children = append(last.Children, e)
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
			last.Text += string(t)
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
