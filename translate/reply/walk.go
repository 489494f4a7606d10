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

// node is an element of XML or a value of JSON, by byte offsets.
type node struct {
	path  string // names from the root, such as a/b/c; [] names the elements of an array
	text  string // of a string, or the character data directly inside an element, entities resolved
	leaf  bool   // the text is the whole value, and of a sane size
	start int    // of the start tag, or of the member's name
	value span   // what stands between the tags, or the value
	end   int
	depth int // of JSON; 1 = a member of the root

	// Of a member's name: where it ends, and of the open object, for its next value.
	nameEnd int
	named   bool
	name    string
	at      span
}

type span struct{ start, end int }

const (
	maxXMLDepth  = 64
	maxJSONPath  = 16      // levels; what is deeper has no path
	maxXMLName   = 64      // bytes; longer names match nothing
	maxXMLText   = 8 << 10 // bytes; an element with more is not looked at
	notLookedFor = "?"
)

// walkXML calls visit for each element when it ends, so children come before their parents. Only local names count. A
// document type is refused: nothing in these answers needs one, and it could redefine entities.
func walkXML(dec *xml.Decoder, visit func(node)) error {
	var open []node
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
		switch t := t.(type) {
		case xml.Directive:
			return errors.New("document type in XML")
		case xml.StartElement:
			if len(open) == maxXMLDepth {
				return errors.New("XML nested too deeply")
			}
			open = append(open, childXML(open, t.Name.Local, span{at, after}))
		case xml.CharData:
			if len(open) > 0 {
				open[len(open)-1].add(t)
			}
		case xml.EndElement:
			n := open[len(open)-1]
			open = open[:len(open)-1]
			n.value.end, n.end = at, after
			visit(n)
		}
	}
}

// childXML makes the node of an element that begins inside the innermost of open.
func childXML(open []node, name string, tag span) node {
	if len(name) > maxXMLName {
		name = notLookedFor
	}
	if len(open) > 0 {
		parent := &open[len(open)-1]
		parent.leaf = false
		name = parent.path + "/" + name
	}
	return node{path: name, leaf: true, start: tag.start, value: span{start: tag.end}}
}

func (n *node) add(text []byte) {
	if len(n.text)+len(text) > maxXMLText {
		n.leaf = false
	}
	if n.leaf {
		n.text += string(text)
	}
}

// walkJSON calls visit for each value when it ends. src may be cut off, which is an error at the end.
func walkJSON(src []byte, visit func(node)) error {
	from := bom(src)
	dec := json.NewDecoder(bytes.NewReader(src[from:]))
	var open []node
	for {
		at := from + int(dec.InputOffset())
		at += len(src[at:]) - len(bytes.TrimLeft(src[at:], " \t\r\n:,"))
		t, err := dec.Token()
		if err == io.EOF && len(open) == 0 {
			return nil
		}
		if err != nil {
			return fmt.Errorf("malformed JSON at byte %d", at)
		}
		after := from + int(dec.InputOffset())
		text, isText := t.(string)
		if isText && len(open) > 0 && open[len(open)-1].awaitsName(src) {
			parent := &open[len(open)-1]
			parent.named, parent.name, parent.at = true, text, span{at, after}
			continue
		}
		n := node{start: at, text: text, leaf: isText, value: span{at, after}, end: after}
		switch t {
		case json.Delim('{'), json.Delim('['):
			n.place(open)
			open = append(open, n)
			continue
		case json.Delim('}'), json.Delim(']'):
			n, open = open[len(open)-1], open[:len(open)-1]
			n.value.end, n.end = after, after
		default:
			n.place(open)
		}
		visit(n)
	}
}

func (n *node) awaitsName(src []byte) bool { return src[n.value.start] == '{' && !n.named }

// place gives the node the path of its place in the innermost of open.
func (n *node) place(open []node) {
	if len(open) == 0 {
		return
	}
	n.depth = len(open)
	parent := &open[len(open)-1]
	name := "[]"
	if parent.named {
		name, parent.named = parent.name, false
		n.start, n.nameEnd = parent.at.start, parent.at.end
	}
	switch {
	case len(open) > maxJSONPath || strings.Contains(name, "/"):
		n.path = notLookedFor
	case len(open) == 1:
		n.path = name
	default:
		n.path = parent.path + "/" + name
	}
}

// bom returns the length of a UTF-8 byte order mark, which .NET may write.
func bom(b []byte) int {
	if bytes.HasPrefix(b, []byte("\xef\xbb\xbf")) {
		return 3
	}
	return 0
}
