package services

import (
	"embed"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

//go:embed facts/*.txt
var factFiles embed.FS

// load reads the facts of a service; that they can be read is held by a test.
func (s *Service) load() *Description {
	var texts []string
	for _, name := range s.facts {
		text, err := factFiles.ReadFile("facts/" + name)
		if err != nil {
			panic(err)
		}
		texts = append(texts, string(text))
	}
	d, err := Parse(texts...)
	if err != nil {
		panic(fmt.Errorf("facts of %s: %w", s.Path, err))
	}
	return d
}

// builtIns are the types of XML Schema that the services use.
const builtIns = `string boolean dateTime base64Binary decimal double
int unsignedShort integer positiveInteger nonNegativeInteger`

// The forms of a line; the words after an element's name have an order.
var (
	declared  = regexp.MustCompile(`^(operation|answer|type|enum)(?: (` + name + `))?(?: (` + name + `))?$`)
	element   = regexp.MustCompile(`^(` + name + `)([?*]?)(?: (` + name + `))?( nillable)?(?: default=(\S+))?$`)
	attribute = regexp.MustCompile(`^@(` + name + `)(\??) (` + name + `)( qualified)?$`)
	words     = regexp.MustCompile(`^` + name + `(?: ` + name + `)*$`)
)

const name = `[A-Za-z_][A-Za-z0-9_.-]*`

// line is one line of facts with those that belong to it.
type line struct {
	below []*line
	text  string
	at    int
}

// reader makes a Description of lines.
type reader struct {
	description *Description
	// kinds are the types by their names, built-in ones too.
	kinds map[string]*Type
	// current is the operation whose answer is to come.
	current *Operation
	// err is the first that was found; what is read after it does not count.
	err error
}

func (r *reader) fail(l *line, reason string) {
	if r.err == nil {
		r.err = fmt.Errorf("line %d, %q: %s", l.at, l.text, reason)
	}
}

// Parse reads facts in the form that facts/README.md tells. A type may be used before it comes, and in another text.
func Parse(texts ...string) (*Description, error) {
	d := &Description{operations: map[string]*Operation{}, types: map[string]*Type{}}
	r := &reader{description: d, kinds: map[string]*Type{"any": {Any: true}}}
	for name := range strings.FieldsSeq(builtIns) {
		r.kinds[name] = &Type{Name: name, Base: name}
	}
	var all []*line
	for _, text := range texts {
		all = append(all, r.outline(text)...)
	}
	for _, l := range all {
		r.declare(l)
	}
	for _, l := range all {
		if r.err == nil {
			r.define(l)
		}
	}
	for _, o := range d.Operations {
		if o.Answer == nil && r.err == nil {
			r.err = fmt.Errorf("operation %s has no answer", o.Name)
		}
	}
	if r.err != nil {
		return nil, r.err
	}
	return d, nil
}

// outline puts each line below the one it belongs to by its tabs.
func (r *reader) outline(text string) []*line {
	root := &line{}
	open := []*line{root}
	at := 0
	for content := range strings.Lines(text) {
		at++
		content = strings.TrimRight(content, "\r\n")
		if content == "" || content[0] == '#' {
			continue
		}
		l := &line{text: strings.TrimLeft(content, "\t"), at: at}
		depth := len(content) - len(l.text)
		if depth >= len(open) {
			r.fail(l, "too many tabs")
			break
		}
		open[depth].below = append(open[depth].below, l)
		open = append(open[:depth+1], l)
	}
	return root.below
}

// split takes a line apart by its form.
func (r *reader) split(l *line, form *regexp.Regexp, otherwise string) []string {
	found := form.FindStringSubmatch(l.text)
	if found == nil {
		r.fail(l, otherwise)
		return make([]string, form.NumSubexp()+1)
	}
	return found
}

// declare makes known what types there are.
func (r *reader) declare(l *line) {
	found := r.split(l, declared, "neither operation, answer, type nor enum")
	kind, name := found[1], found[2]
	if kind != "type" && kind != "enum" {
		return
	}
	if name == "" || name == "enum" || r.kinds[name] != nil {
		r.fail(l, "a type without a name, or there already")
	}
	t := &Type{Name: name}
	r.kinds[name], r.description.types[name] = t, t
}

func (r *reader) define(l *line) {
	found := r.split(l, declared, "")
	kind, name, base := found[1], found[2], found[3]
	t := r.kinds[name]
	switch {
	case kind == "operation" && name != "" && base == "" && r.description.Operation(name) == nil:
		r.current = &Operation{Name: name, In: r.fill(&Type{}, l)}
		r.description.Operations = append(r.description.Operations, r.current)
		r.description.operations[name] = r.current
	case kind == "answer" && name == "" && r.current != nil:
		r.current.Answer, r.current = r.fill(&Type{}, l), nil
	case kind == "enum" && base == "":
		r.enumerate(t, l)
	case kind == "type":
		r.fill(t, l)
		if b := r.kinds[base]; base != "" && (b == nil || !b.BuiltIn() || len(t.Elements) > 0) {
			r.fail(l, "the base is no built-in type, or a text has elements")
		}
		t.Base = base
	default:
		r.fail(l, "out of place, or there already")
	}
}

// fill reads elements and attributes.
func (r *reader) fill(t *Type, l *line) *Type {
	for _, b := range l.below {
		if strings.HasPrefix(b.text, "@") {
			t.Attributes = append(t.Attributes, r.attribute(b))
			continue
		}
		e := r.element(b)
		if t.Element(e.Name) != nil {
			r.fail(b, "the element is there already")
		}
		t.Elements = append(t.Elements, e)
	}
	return t
}

func (r *reader) attribute(l *line) Attribute {
	found := r.split(l, attribute, "an attribute is its name, its type and perhaps qualified")
	return Attribute{
		Name: found[1], Required: found[2] == "", Qualified: found[4] != "", Type: r.named(found[3], l),
	}
}

// named finds a type by its name.
func (r *reader) named(name string, l *line) *Type {
	t := r.kinds[name]
	switch {
	case t == nil:
		r.fail(l, "unknown type "+name)
	case len(l.below) > 0:
		r.fail(l, "lines below a type with a name")
	}
	return t
}

func (r *reader) element(l *line) Element {
	found := r.split(l, element, "an element is its name, its type and perhaps nillable and default=")
	e := Element{Name: found[1], Min: 1, Many: found[2] == "*", Nillable: found[4] != "", Default: found[5]}
	if found[2] != "" {
		e.Min = 0
	}
	switch found[3] {
	case "": // the type stands below
		e.Type = r.fill(&Type{}, l)
	case "enum":
		e.Type = r.enumerate(&Type{}, l)
	default:
		e.Type = r.named(found[3], l)
	}
	return e
}

func (r *reader) enumerate(t *Type, l *line) *Type {
	t.Base = "string"
	for _, b := range l.below {
		if !words.MatchString(b.text) || len(b.below) > 0 {
			r.fail(b, "no words, or lines below them")
		}
		for word := range strings.FieldsSeq(b.text) {
			if slices.Contains(t.Enum, word) {
				r.fail(b, "there already: "+word)
			}
			t.Enum = append(t.Enum, word)
		}
	}
	if len(t.Enum) == 0 {
		r.fail(l, "an enumeration without words")
	}
	return t
}
