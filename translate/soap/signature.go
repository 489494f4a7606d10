package soap

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
)

// mark is an element that a signature can refer to by an attribute like wsu:Id.
type mark struct {
	id         string
	start, end int // end is unknown (the end of the message) while it is zero
	depth      int
}

// signatures is what signatures refer to, and what they can.
type signatures struct {
	marks      []mark
	references []string // the ids
	all        bool     // a reference to the whole document, or to something that cannot be told
}

// mark notes the attributes by which a signature can point at el: wsu:Id, xml:id, or Id in any case.
func (w *walk) mark(el *element, depth int) {
	for i := range w.s.attrs {
		a := &w.s.attrs[i]
		if a.declares || !slices.Contains([]string{"", namespaceWSU, namespaceXML}, a.namespace) ||
			!bytes.EqualFold(w.s.local(a.name), []byte("id")) {
			continue
		}
		if len(w.m.marks) >= maxNames {
			fail(KindTooComplex, el.start, "too many elements with an Id")
		}
		w.m.marks = append(w.m.marks, mark{id: w.s.value(a), start: el.start, depth: depth})
	}
}

// closeMarks gives the marks of the element that has just ended at depth their end.
func (w *walk) closeMarks(depth int) {
	for i := range w.m.marks {
		if m := &w.m.marks[i]; m.end == 0 && m.depth == depth {
			m.end = w.s.pos
		}
	}
}

// pointer is #xpointer(id('x')); any other expression may cover anything.
var pointer = regexp.MustCompile(`^#xpointer\(id\((?:'([^(%]*)'|"([^(%]*)")\)\)$`)

// point notes what el refers to: ds:Reference in a signature (PROTOCOL.md §4.6), or a key made from the token.
func (w *walk) point(el *element) {
	signs := w.s.is(el, namespaceDSig, "Reference")
	target := w.s.plainAttribute("URI")
	uri := ""
	if target != nil {
		uri = w.s.value(target)
	}
	id, isID := strings.CutPrefix(uri, "#")
	if found := pointer.FindStringSubmatch(uri); found != nil {
		id = found[1] + found[2]
	}
	switch {
	case uri == "" && signs, isID && strings.ContainsAny(id, "(%"):
		w.m.all = true
	case isID && len(w.m.references) >= maxNames:
		fail(KindTooComplex, el.start, "too many references")
	case isID:
		w.m.references = append(w.m.references, id)
	}
}

// covers reports whether a signature covers a byte of r.
func (s *signatures) covers(r span) bool {
	return s.all || slices.ContainsFunc(s.marks, func(m mark) bool {
		return m.start < r.end && (m.end == 0 || m.end > r.start) && slices.Contains(s.references, m.id)
	})
}
