package soap

import (
	"bytes"
	"strings"
)

// mark notes the attributes by which a signature can point at el: wsu:Id, xml:id, or Id in any case.
func (w *walk) mark(el *element, depth int) {
	for i := range w.s.attrs {
		a := &w.s.attrs[i]
		if a.namespace || a.ns != nsNone && a.ns != nsWSU && a.ns != nsXML ||
			!bytes.EqualFold(localName(w.s.slice(a.name), a.prefix), []byte("id")) {
			continue
		}
		if len(w.s.marks) >= maxNames {
			fail(KindTooComplex, el.start, "too many elements with an Id")
		}
		w.s.marks = append(w.s.marks, mark{id: w.s.value(a), start: el.start, depth: depth})
	}
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
func (w *walk) point(el *element) {
	signs := w.s.is(el, nsDSig, "Reference")
	target := w.s.plainAttribute("URI")
	if target == nil && !signs {
		return
	}
	if len(w.s.references) >= maxNames {
		fail(KindTooComplex, el.start, "too many references")
	}
	if target == nil {
		w.s.references = append(w.s.references, reference{all: true})
		return
	}
	uri := w.s.value(target)
	value := string(w.s.bytes(uri))
	switch {
	case value == "" && signs:
		w.s.references = append(w.s.references, reference{all: true})
	case !strings.HasPrefix(value, "#"):
	case strings.ContainsAny(value, "(%"):
		w.s.references = append(w.s.references, pointer(uri, value))
	default:
		uri.start++
		w.s.references = append(w.s.references, reference{id: uri})
	}
}

// pointer reads #xpointer(id('x')); any other expression may cover anything.
func pointer(uri text, value string) reference {
	const opening, closing = "#xpointer(id(", "))"
	id, opens := strings.CutPrefix(value, opening)
	id, closes := strings.CutSuffix(id, closing)
	if !opens || !closes || len(id) < 2 || strings.ContainsAny(id, "(%") ||
		id[0] != '\'' && id[0] != '"' || id[len(id)-1] != id[0] {
		return reference{all: true}
	}
	uri.start += len(opening) + 1
	uri.end -= len(closing) + 1
	return reference{id: uri}
}

// signed reports whether a signature covers a byte of r.
func (s *scanner) signed(r span) bool {
	for i := range s.references {
		ref := &s.references[i]
		if ref.all {
			return true
		}
		for j := range s.marks {
			at := &s.marks[j]
			if at.start < r.end && (at.end == 0 || at.end > r.start) && bytes.Equal(s.bytes(at.id), s.bytes(ref.id)) {
				return true
			}
		}
	}
	return false
}
