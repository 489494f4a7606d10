package soap

import "bytes"

const (
	maxNames      = 256 // namespace declarations in scope, marks by Id, references
	maxAttributes = 64  // of one element
)

// text is a range of the buffer or, for a value that had to be decoded, of the arena.
type text struct {
	span
	decoded bool
}

type binding struct {
	prefix span
	ns     namespace
	uri    text
}

type attribute struct {
	name      span
	prefix    int // bytes of the prefix, without the colon; 0 if none
	value     span
	plain     bool // the value has neither references nor white space but blanks
	ns        namespace
	uri       text
	namespace bool // a namespace declaration
}

type element struct {
	start    int  // of '<'
	open     int  // after the '>' of the start tag
	name     span // as written
	prefix   int
	ns       namespace
	uri      text
	bindings int // declarations in scope outside this element
}

// tagReader reads the attributes of a tag and binds prefixes to the namespaces in scope.
type tagReader struct {
	input
	bindings []binding
	attrs    []attribute // of the last tag
	arena    []byte
}

// attributes reads up to and including ">", or closing and ">", and returns the offset after it.
func (t *tagReader) attributes(i int, closing byte) int {
	const what = "a start tag"
	t.attrs = t.attrs[:0]
	for {
		after := t.spaces(i, what)
		switch b := t.buf[after]; {
		case b == '>':
			return after + 1
		case b == closing:
			if t.at(after+1, what) == '>' {
				return after + 2
			}
			if closing == '?' {
				fail(KindIllFormed, after, malformedDeclaration)
			}
			fail(KindIllFormed, after, "a slash inside a start tag")
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
	name, prefix := t.name(i)
	if i = t.spaces(name.end, what); t.buf[i] != '=' {
		fail(KindIllFormed, i, "an attribute without a value")
	}
	i = t.spaces(i+1, what)
	quote := t.buf[i]
	if quote != '"' && quote != '\'' {
		fail(KindIllFormed, i, "an attribute value without quotes")
	}
	a := attribute{name: name, prefix: prefix, plain: true, value: span{start: i + 1}}
	for i++; ; {
		b := t.at(i, what)
		if b == quote {
			break
		}
		n := 0
		switch b {
		case '<':
			fail(KindIllFormed, i, "a less-than sign inside an attribute value")
		case '&':
			_, n = t.reference(i)
		default:
			n = t.char(i, what)
		}
		a.plain = a.plain && b != '&' && (b == ' ' || !isSpace(b)) && (b < 0x80 || t.enc == encUTF8)
		i += n
	}
	a.value.end = i
	t.attrs = append(t.attrs, a)
	return i + 1
}

// plainAttribute returns the attribute of that name without a prefix; nil = the tag has none.
func (t *tagReader) plainAttribute(name string) *attribute {
	for i := range t.attrs {
		if a := &t.attrs[i]; a.prefix == 0 && string(t.slice(a.name)) == name {
			return a
		}
	}
	return nil
}

// value returns the decoded value of a. A decoded one stays in the arena as long as the scanner lives.
func (t *tagReader) value(a *attribute) text {
	if a.plain {
		return text{span: a.value}
	}
	start := len(t.arena)
	t.arena = t.appendAttribute(t.arena, a.value)
	return text{span{start, len(t.arena)}, true}
}

func (t *tagReader) bytes(r text) []byte {
	if r.decoded {
		return t.arena[r.start:r.end]
	}
	return t.slice(r.span)
}

func localName(name []byte, prefix int) []byte {
	if prefix == 0 {
		return name
	}
	return name[prefix+1:]
}

// resolve binds the prefixes of e and of its attributes.
func (t *tagReader) resolve(e *element) {
	for i := range t.attrs {
		t.declare(&t.attrs[i])
	}
	e.ns, e.uri = t.lookup(e.name, e.prefix)
	if e.ns == nsXMLNS {
		fail(KindIllFormed, e.start, "an element with the prefix xmlns")
	}
	for i := range t.attrs {
		if a := &t.attrs[i]; a.prefix > 0 && !a.namespace { // one without a prefix is in no namespace
			a.ns, a.uri = t.lookup(a.name, a.prefix)
		}
	}
	t.distinct()
}

// distinct refuses two attributes of one name, as written or as resolved.
func (t *tagReader) distinct() {
	for i := range t.attrs {
		a := &t.attrs[i]
		for j := range i {
			b := &t.attrs[j]
			if !bytes.Equal(localName(t.slice(a.name), a.prefix), localName(t.slice(b.name), b.prefix)) {
				continue
			}
			same := bytes.Equal(t.slice(a.name), t.slice(b.name))
			if !same && a.prefix > 0 && b.prefix > 0 && !a.namespace && !b.namespace {
				same = a.ns == b.ns && bytes.Equal(t.bytes(a.uri), t.bytes(b.uri))
			}
			if same {
				fail(KindIllFormed, a.name.start, "two attributes of one name")
			}
		}
	}
}

// declare adds the binding that a makes, if it is a namespace declaration.
func (t *tagReader) declare(a *attribute) {
	name := t.slice(a.name)
	var prefix span
	switch {
	case string(name) == "xmlns":
	case a.prefix == 5 && string(name[:5]) == "xmlns":
		prefix = span{a.name.start + 6, a.name.end}
	default:
		return
	}
	a.namespace = true
	uri := t.value(a)
	ns := classify(t.bytes(uri))
	bound := string(t.slice(prefix)) // compared with constants only, so it does not escape
	switch {
	case bound == "xmlns" || ns == nsXMLNS, (bound == "xml") != (ns == nsXML):
		fail(KindIllFormed, a.name.start,
			"the prefixes xml and xmlns cannot be bound to anything else, nor anything else to their names")
	case ns == nsNone && prefix.end > prefix.start:
		fail(KindIllFormed, a.name.start, "a prefix bound to no namespace")
	case len(t.bindings) >= maxNames:
		fail(KindTooComplex, a.name.start, "too many namespace declarations in scope")
	}
	t.bindings = append(t.bindings, binding{prefix, ns, uri})
}

func (t *tagReader) lookup(name span, prefix int) (namespace, text) {
	want := t.buf[name.start : name.start+prefix]
	for i := len(t.bindings) - 1; i >= 0; i-- {
		if b := &t.bindings[i]; bytes.Equal(t.slice(b.prefix), want) {
			return b.ns, b.uri
		}
	}
	switch string(want) {
	case "":
		return nsNone, text{}
	case "xml":
		return nsXML, text{}
	case "xmlns":
		return nsXMLNS, text{}
	}
	panic(bailout{refuse(KindIllFormed, name.start, "a prefix that is not declared")})
}
