package soap

import "bytes"

const (
	maxNames      = 256 // namespace declarations in scope, marks by Id, references
	maxAttributes = 64  // of one element
)

type binding struct {
	prefix    span
	namespace string
}

type attribute struct {
	name      qname
	value     span
	namespace string
	declares  bool // it is a namespace declaration
}

type element struct {
	start     int // of '<'
	open      int // after the '>' of the start tag
	name      qname
	namespace string
	bindings  int    // declarations in scope outside this element
	role      role   // in the envelope
	field     *field // whose text is being read
}

// tagReader reads the attributes of a tag and binds prefixes to the namespaces in scope.
type tagReader struct {
	input
	bindings []binding
	attrs    []attribute // of the last tag
}

// attributes reads up to and including ">" or "/>", and returns the offset after it.
func (t *tagReader) attributes(i int) int {
	const what = "a start tag"
	t.attrs = t.attrs[:0]
	for {
		after := t.spaces(i, what)
		switch b := t.buf[after]; {
		case b == '>':
			return after + 1
		case b == '/':
			if t.at(after+1, what) != '>' {
				fail(KindIllFormed, after, "a slash inside a start tag")
			}
			return after + 2
		case after == i:
			fail(KindIllFormed, i, "white space was expected in a start tag")
		case len(t.attrs) >= maxAttributes:
			fail(KindTooComplex, after, "too many attributes")
		}
		i = t.attribute(after)
	}
}

// attribute reads one attribute at i and returns the offset after its closing quote.
func (t *tagReader) attribute(i int) int {
	const what = "an attribute"
	name := t.name(i)
	if i = t.spaces(name.end, what); t.buf[i] != '=' {
		fail(KindIllFormed, i, "an attribute without a value")
	}
	i = t.spaces(i+1, what)
	quote := t.buf[i]
	if quote != '"' && quote != '\'' {
		fail(KindIllFormed, i, "an attribute value without quotes")
	}
	i++
	start := i
	for b := t.at(i, what); b != quote; b = t.at(i, what) {
		n := 0
		switch b {
		case '<':
			fail(KindIllFormed, i, "a less-than sign inside an attribute value")
		case '&':
			_, n = t.reference(i)
		default:
			n = t.char(i, what)
		}
		i += n
	}
	t.attrs = append(t.attrs, attribute{name: name, value: span{start, i}})
	return i + 1
}

// plainAttribute returns the attribute of that name without a prefix; nil = the tag has none.
func (t *tagReader) plainAttribute(name string) *attribute {
	for i := range t.attrs {
		if a := &t.attrs[i]; string(t.slice(a.name.span)) == name {
			return a
		}
	}
	return nil
}

func (t *tagReader) value(a *attribute) string { return t.decode(a.value, asAttribute) }

// resolve binds the prefixes of e and of its attributes.
func (t *tagReader) resolve(e *element) {
	for i := range t.attrs {
		t.declare(&t.attrs[i])
	}
	e.namespace = t.lookup(e.name)
	if e.namespace == namespaceXMLNS {
		fail(KindIllFormed, e.start, "an element with the prefix xmlns")
	}
	for i := range t.attrs {
		if a := &t.attrs[i]; a.name.prefix > 0 && !a.declares { // one without a prefix is in no namespace
			a.namespace = t.lookup(a.name)
		}
	}
	t.distinct()
}

// distinct refuses two attributes of one name, as written or as resolved.
func (t *tagReader) distinct() {
	for i, a := range t.attrs {
		for _, b := range t.attrs[:i] {
			if a.declares == b.declares && a.namespace == b.namespace && bytes.Equal(t.local(a.name), t.local(b.name)) {
				fail(KindIllFormed, a.name.start, "two attributes of one name")
			}
		}
	}
}

// declare adds the binding that a makes, if it is a namespace declaration.
func (t *tagReader) declare(a *attribute) {
	name := t.slice(a.name.span)
	var prefix span
	switch {
	case string(name) == "xmlns":
	case a.name.prefix == 5 && string(name[:5]) == "xmlns":
		prefix = span{a.name.start + 6, a.name.end}
	default:
		return
	}
	a.declares = true
	namespace := t.value(a)
	bound := string(t.slice(prefix))
	switch {
	case bound == "xmlns" || namespace == namespaceXMLNS, (bound == "xml") != (namespace == namespaceXML):
		fail(KindIllFormed, a.name.start,
			"the prefixes xml and xmlns cannot be bound to anything else, nor anything else to their names")
	case namespace == "" && bound != "":
		fail(KindIllFormed, a.name.start, "a prefix bound to no namespace")
	case len(t.bindings) >= maxNames:
		fail(KindTooComplex, a.name.start, "too many namespace declarations in scope")
	}
	t.bindings = append(t.bindings, binding{prefix, namespace})
}

// lookup finds the namespace of a name by its prefix.
func (t *tagReader) lookup(name qname) string {
	prefix := t.buf[name.start : name.start+name.prefix]
	for i := len(t.bindings) - 1; i >= 0; i-- {
		if b := &t.bindings[i]; bytes.Equal(t.slice(b.prefix), prefix) {
			return b.namespace
		}
	}
	switch string(prefix) {
	case "":
	case "xml":
		return namespaceXML
	case "xmlns":
		return namespaceXMLNS
	default:
		fail(KindIllFormed, name.start, "a prefix that is not declared")
	}
	return ""
}
