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

var xmlName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.-]*$`)

// line is one line of facts with those that belong to it.
type line struct {
	words []string
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
	r := &reader{description: d, kinds: map[string]*Type{}}
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
		r.define(l)
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
		l.words = strings.Fields(l.text)
		depth := len(content) - len(l.text)
		switch {
		case len(l.words) == 0:
			r.fail(l, "nothing but space")
		case depth >= len(open):
			r.fail(l, "too many tabs")
		default:
			open[depth].below = append(open[depth].below, l)
			open = append(open[:depth+1], l)
		}
	}
	return root.below
}

// declare makes known what types there are.
func (r *reader) declare(l *line) {
	if l.words[0] != "type" && l.words[0] != "enum" {
		return
	}
	if len(l.words) < 2 || !xmlName.MatchString(l.words[1]) {
		r.fail(l, "a type without a name")
		return
	}
	name := l.words[1]
	if r.kinds[name] != nil || name == "enum" || name == "any" {
		r.fail(l, "the type is there already")
		return
	}
	t := &Type{Name: name}
	r.kinds[name], r.description.types[name] = t, t
}

func (r *reader) define(l *line) {
	if r.err != nil {
		return
	}
	switch words := l.words; {
	case words[0] == "operation" && len(words) == 2:
		r.operation(l)
	case words[0] == "answer" && len(words) == 1 && r.current != nil:
		r.current.Answer = r.fill(&Type{}, l)
		r.current = nil
	case words[0] == "enum" && len(words) == 2:
		r.enumerate(r.kinds[words[1]], l)
	case words[0] == "type" && len(words) == 2:
		r.fill(r.kinds[words[1]], l)
	case words[0] == "type" && len(words) == 3:
		t, base := r.fill(r.kinds[words[1]], l), r.kinds[words[2]]
		if base == nil || !base.BuiltIn() {
			r.fail(l, "the base is no built-in type")
		}
		if len(t.Elements) > 0 {
			r.fail(l, "a text has no elements")
		}
		t.Base = words[2]
	default:
		r.fail(l, "neither operation, answer, type nor enum")
	}
}

func (r *reader) operation(l *line) {
	name := l.words[1]
	if !xmlName.MatchString(name) || r.description.Operation(name) != nil {
		r.fail(l, "the name is none, or there already")
	}
	r.current = &Operation{Name: name, In: r.fill(&Type{}, l)}
	r.description.Operations = append(r.description.Operations, r.current)
	r.description.operations[name] = r.current
}

// fill reads elements and attributes.
func (r *reader) fill(t *Type, l *line) *Type {
	for _, b := range l.below {
		if strings.HasPrefix(b.words[0], "@") {
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
	name, optional := strings.CutSuffix(l.words[0][1:], "?")
	a := Attribute{Name: name, Required: !optional, Qualified: len(l.words) == 3 && l.words[2] == "qualified"}
	switch {
	case !xmlName.MatchString(name) || len(l.below) > 0:
		r.fail(l, "no name of an attribute, or lines below it")
	case len(l.words) != 2 && !a.Qualified:
		r.fail(l, "an attribute is its name, its type and perhaps qualified")
	default:
		a.Type = r.named(l.words[1], l)
	}
	return a
}

// named finds a type by its name.
func (r *reader) named(name string, l *line) *Type {
	t := r.kinds[name]
	if t == nil {
		r.fail(l, "unknown type "+name)
	}
	return t
}

func (r *reader) element(l *line) Element {
	e := Element{Name: strings.TrimRight(l.words[0], "?*"), Min: 1, Max: 1}
	switch l.words[0][len(e.Name):] {
	case "":
	case "?":
		e.Min = 0
	case "*":
		e.Min, e.Max = 0, Unbounded
	default:
		e.Name = ""
	}
	if !xmlName.MatchString(e.Name) {
		r.fail(l, "no name of an element")
	}
	var words []string
	for _, word := range l.words[1:] {
		if value, is := strings.CutPrefix(word, "default="); is {
			e.Default = value
		} else if word == "nillable" {
			e.Nillable = true
		} else {
			words = append(words, word)
		}
	}
	e.Type = r.typeOf(words, l)
	return e
}

// typeOf reads an element's type, which stands below it where it has no name.
func (r *reader) typeOf(words []string, l *line) *Type {
	switch {
	case len(words) == 0:
		return r.fill(&Type{}, l)
	case len(words) > 1:
		r.fail(l, "more than a name, a type, nillable and default=")
	case words[0] == "enum":
		return r.enumerate(&Type{}, l)
	case len(l.below) > 0:
		r.fail(l, "lines below an element whose type has a name")
	case words[0] == "any":
		return &Type{Any: true}
	}
	return r.named(words[0], l)
}

func (r *reader) enumerate(t *Type, l *line) *Type {
	t.Base = "string"
	for _, b := range l.below {
		if len(b.below) > 0 {
			r.fail(b, "lines below a word")
		}
		for _, word := range b.words {
			if !xmlName.MatchString(word) || slices.Contains(t.Enum, word) {
				r.fail(b, "no word, or there already: "+word)
			}
			t.Enum = append(t.Enum, word)
		}
	}
	if len(t.Enum) == 0 {
		r.fail(l, "an enumeration without words")
	}
	return t
}
