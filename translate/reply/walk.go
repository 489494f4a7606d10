package reply

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

type span struct{ start, end int }

// node is an element of XML or a value of JSON, by byte offsets.
type node struct {
	path  string // names from the root, such as a/b/c; [] names the elements of an array
	depth int    // names in path; the root value of JSON has none
	text  string // of a string, or the character data directly inside an element, entities resolved
	leaf  bool   // the text is the whole value, and of a sane size
	span         // from the start tag, or the member's name, to the end
	value span   // what stands between the tags, or the value
	named int    // where the member's name ends
}

const (
	blanks   = " \t\r\n"
	maxDepth = 64
	maxName  = 64      // bytes; longer names match nothing
	maxText  = 8 << 10 // bytes; an element with more is not looked at
)

// child is a node in n before anything is known of it but its name.
func (n *node) child(name string) node {
	if len(name) > maxName || strings.Contains(name, "/") {
		name = "?"
	}
	if n.depth > 0 {
		name = n.path + "/" + name
	}
	return node{path: name, depth: n.depth + 1}
}

// walkXML calls visit for each element when it ends, so children come before their parents. Only local names count. A
// document type is refused: nothing in these answers needs one, and it could redefine entities.
func walkXML(dec *xml.Decoder, visit func(node)) error {
	open := make([]node, 1)
	for {
		at := int(dec.InputOffset())
		t, err := dec.Token()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("malformed XML at byte %d", at)
		}
		after := int(dec.InputOffset())
		top := &open[len(open)-1]
		switch t := t.(type) {
		case xml.Directive:
			return errors.New("document type in XML")
		case xml.StartElement:
			if top.depth == maxDepth {
				return errors.New("XML nested too deeply")
			}
			top.leaf = false
			n := top.child(t.Name.Local)
			n.leaf, n.start, n.value.start = true, at, after
			open = append(open, n)
		case xml.CharData:
			if top.leaf = top.leaf && len(top.text)+len(t) <= maxText; top.leaf {
				top.text += string(t)
			}
		case xml.EndElement:
			top.value.end, top.end = at, after
			visit(*top)
			open = open[:len(open)-1]
		}
	}
}

// walkJSON calls visit for each value when it ends. src may be cut off, which is an error at the end.
func walkJSON(src []byte, visit func(node)) error {
	from := bom(src)
	w := &jsonWalk{src: src, from: from, dec: json.NewDecoder(bytes.NewReader(src[from:])), visit: visit}
	for w.dec.More() {
		if err := w.read(node{}); err != nil {
			return err
		}
	}
	return nil
}

type jsonWalk struct {
	src   []byte
	from  int // where dec begins
	dec   *json.Decoder
	visit func(node)
}

func (w *jsonWalk) token() (t json.Token, at span, err error) {
	at.start = w.from + int(w.dec.InputOffset())
	at.start += len(w.src[at.start:]) - len(bytes.TrimLeft(w.src[at.start:], blanks+":,"))
	if t, err = w.dec.Token(); err != nil {
		err = fmt.Errorf("malformed JSON at byte %d", at.start)
	}
	at.end = w.from + int(w.dec.InputOffset())
	return t, at, err
}

// read reads the value of n, of which path and name are known.
func (w *jsonWalk) read(n node) error {
	t, at, err := w.token()
	if err != nil {
		return err
	}
	n.value, n.end = at, at.end
	if n.named == 0 {
		n.start = at.start
	}
	n.text, n.leaf = t.(string)
	if kind, compound := t.(json.Delim); compound {
		if err := w.members(&n, kind); err != nil {
			return err
		}
	}
	w.visit(n)
	return nil
}

// members reads what is in an object or array, to its end.
func (w *jsonWalk) members(n *node, kind json.Delim) error {
	if n.depth == maxDepth {
		return errors.New("JSON nested too deeply")
	}
	for w.dec.More() {
		child := n.child("[]")
		if kind == '{' {
			name, at, err := w.token()
			if err != nil {
				return err
			}
			child = n.child(name.(string))
			child.start, child.named = at.start, at.end
		}
		if err := w.read(child); err != nil {
			return err
		}
	}
	_, at, err := w.token()
	n.value.end, n.end = at.end, at.end
	return err
}

// bom returns the length of a UTF-8 byte order mark, which .NET may write.
func bom(b []byte) int {
	if bytes.HasPrefix(b, []byte("\xef\xbb\xbf")) {
		return 3
	}
	return 0
}
