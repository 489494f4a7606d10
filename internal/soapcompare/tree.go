package soapcompare

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
)

// node is an element of an answer. Prefixes do not count, white space around a text does not either.
type node struct {
	name     string
	text     string
	isNil    bool
	children []*node
}

// parse reads a document.
func parse(text []byte) (*node, error) {
	d := xml.NewDecoder(bytes.NewReader(text))
	top := &node{}
	open := []*node{top}
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) && len(open) == 1 && len(top.children) == 1 {
			return top.children[0], nil
		}
		if err != nil {
			return nil, err
		}
		last := open[len(open)-1]
		switch token := token.(type) {
		case xml.StartElement:
			n := &node{name: token.Name.Local}
			for _, a := range token.Attr {
				n.isNil = n.isNil || a.Name.Local == "nil" && (a.Value == "true" || a.Value == "1")
			}
			last.children = append(last.children, n)
			open = append(open, n)
		case xml.CharData:
			last.text += string(token)
		case xml.EndElement:
			last.text = strings.TrimSpace(last.text)
			open = open[:len(open)-1]
		}
	}
}

// child gives the first child of that name.
func (n *node) child(name string) *node {
	for _, c := range n.children {
		if c.name == name {
			return c
		}
	}
	return nil
}

// all gives the elements of that name at any depth, n itself among them, in their order.
func (n *node) all(name string) (found []*node) {
	if n.name == name {
		found = append(found, n)
	}
	for _, c := range n.children {
		found = append(found, c.all(name)...)
	}
	return found
}

// value gives the text of the first element of that name; "" = there is none.
func (n *node) value(name string) string {
	if found := n.all(name); len(found) > 0 {
		return found[0].text
	}
	return ""
}
