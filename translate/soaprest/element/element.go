// Package element reads a SOAP message for package soaprest: a small tree, with the bytes of documents in spools beside
// it. It must refuse what the service's description does not have, and never hold a document in memory.
package element

import (
	"slices"
	"strings"

	"docusign-auth-proxy/internal/services"
	"docusign-auth-proxy/internal/spool"
)

// Element is one element with what it holds. Methods on a nil Element answer as for one that is absent; xsi:nil="true"
// is absent too (SOAP-REST.md §2).
type Element struct {
	Name string
	Type *services.Type
	// Text is that of a simple type as it came, entities resolved; for numbers, booleans, dates and words of an
	// enumeration without white space around it.
	Text string
	// Bytes are those of base64Binary, decoded, of size 0 when it is empty; nil for other types.
	Bytes *spool.File
	// Attributes are by their local names; statusQualifier may come with or without a prefix (SOAP-REST.md §2).
	Attributes map[string]string
	Children   []*Element
	// Path leads to it from the operation, as in "Envelope/Tabs/Tab[2]/YPosition", for faults.
	Path string
}

// Child gives the first child of that name, nil when there is none.
func (e *Element) Child(name string) *Element {
	if e == nil {
		return nil
	}
	if i := slices.IndexFunc(e.Children, func(c *Element) bool { return c.Name == name }); i >= 0 {
		return e.Children[i]
	}
	return nil
}

// At follows names from child to child.
func (e *Element) At(names ...string) *Element {
	for _, name := range names {
		e = e.Child(name)
	}
	return e
}

// All gives the children of that name.
func (e *Element) All(name string) (all []*Element) {
	if e == nil {
		return nil
	}
	for _, c := range e.Children {
		if c.Name == name {
			all = append(all, c)
		}
	}
	return all
}

// Value is the text of a child, "" when there is none.
func (e *Element) Value(name string) string {
	if c := e.Child(name); c != nil {
		return c.Text
	}
	return ""
}

// True reports whether a child is true or 1.
func (e *Element) True(name string) bool {
	text := strings.TrimSpace(e.Value(name))
	return text == "true" || text == "1"
}

// Message is a whole SOAP message.
type Message struct {
	// Root is the element of the operation.
	Root *Element
	// Digest is a SHA-256 of all that Root tells, documents too: the same for a message that comes again with another
	// security header, other white space between elements or other names of MTOM parts (SOAP-REST.md §6.2).
	Digest [32]byte

	files []*spool.File
}

// Close gives the spools back. The message must not be read afterwards.
func (m *Message) Close() {
	for _, f := range m.files {
		f.Close()
	}
}
