package soap

import (
	"bytes"
	"strings"
)

// mark notes the attributes by which a signature can point at el: wsu:Id, xml:id, or Id in any case.
func (w *walk) mark(el *element, depth int) error {
	for i := range w.s.attrs {
		a := &w.s.attrs[i]
		if a.namespace || a.ns != nsNone && a.ns != nsWSU && a.ns != nsXML ||
			!bytes.EqualFold(localName(w.s.slice(a.name), a.prefix), []byte("id")) {
			continue
		}
		if len(w.s.marks) >= maxNames {
			return refuse(KindTooComplex, el.start, "too many elements with an Id")
		}
		w.s.marks = append(w.s.marks, mark{id: w.s.value(a), start: el.start, depth: depth})
	}
	return nil
}

// closeMarks gives the marks of the element that has just ended at depth their end.
func (w *walk) closeMarks(depth int) {
	for i := len(w.s.marks) - 1; i >= 0; i-- {
		if m := &w.s.marks[i]; m.end == 0 && m.depth == depth {
			m.end = w.s.pos
		}
	}
}

// point notes what el refers to: ds:Reference in a signature (PROTOCOL.md §4.6), or a key made from the token.
func (w *walk) point(el *element) error {
	signs := w.s.is(el, nsDSig, "Reference")
	var target *attribute
	for i := range w.s.attrs {
		a := &w.s.attrs[i]
		if !a.namespace && a.ns == nsNone && a.prefix == 0 && string(w.s.slice(a.name)) == "URI" {
			target = a
		}
	}
	if target == nil && !signs {
		return nil
	}
	if len(w.s.references) >= maxNames {
		return refuse(KindTooComplex, el.start, "too many references")
	}
	if target == nil {
		w.s.references = append(w.s.references, reference{all: true})
		return nil
	}
	uri := w.s.value(target)
	value := string(w.s.bytes(uri))
	switch {
	case value == "":
		if signs {
			w.s.references = append(w.s.references, reference{all: true})
		}
	case value[0] != '#':
	case strings.ContainsAny(value, "(%"):
		w.s.references = append(w.s.references, w.pointer(uri, value))
	default:
		uri.start++
		w.s.references = append(w.s.references, reference{id: uri})
	}
	return nil
}

// pointer reads #xpointer(id('x')); any other expression may cover anything.
func (w *walk) pointer(uri text, value string) reference {
	const opening, closing = "#xpointer(id(", "))"
	id := strings.TrimSuffix(strings.TrimPrefix(value, opening), closing)
	if len(value)-len(id) != len(opening)+len(closing) || len(id) < 2 || strings.ContainsAny(id, "(%") ||
		id[0] != '\'' && id[0] != '"' || id[len(id)-1] != id[0] {
		return reference{all: true}
	}
	uri.start += len(opening) + 1
	uri.end -= len(closing) + 1
	return reference{id: uri}
}

// signed reports whether a signature covers a byte of r.
func (e *Envelope) signed(r span) bool {
	for i := range e.s.references {
		ref := &e.s.references[i]
		if ref.all {
			return true
		}
		for j := range e.s.marks {
			m := &e.s.marks[j]
			if m.start < r.end && (m.end == 0 || m.end > r.start) && bytes.Equal(e.s.bytes(m.id), e.s.bytes(ref.id)) {
				return true
			}
		}
	}
	return false
}
