package services

import (
	"embed"
	"errors"
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
}

// Parse reads facts in the form that facts/README.md tells. A type may be used before it comes, and in another text.
func Parse(texts ...string) (*Description, error) {
	r := &reader{description: &Description{operations: map[string]*Operation{}, types: map[string]*Type{}}}
	r.kinds = map[string]*Type{}
	for name := range strings.FieldsSeq(builtIns) {
		r.kinds[name] = &Type{Name: name, Base: name}
	}
	var all []*line
	for _, text := range texts {
		lines, err := outline(text)
		if err != nil {
			return nil, err
		}
		all = append(all, lines...)
	}
	for _, l := range all {
		if err := r.declare(l); err != nil {
			return nil, l.wrap(err)
		}
	}
	for _, l := range all {
		if err := r.define(l); err != nil {
			return nil, err
		}
	}
	for _, o := range r.description.Operations {
		if o.Answer == nil {
			return nil, fmt.Errorf("operation %s has no answer", o.Name)
		}
	}
	return r.description, nil
}

// outline puts each line below the one it belongs to by its tabs.
func outline(text string) ([]*line, error) {
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
			return nil, l.wrap(errors.New("nothing but space"))
		case depth >= len(open):
			return nil, l.wrap(errors.New("too many tabs"))
		}
		parent := open[depth]
		parent.below = append(parent.below, l)
		open = append(open[:depth+1], l)
	}
	return root.below, nil
}

func (l *line) wrap(err error) error { return fmt.Errorf("line %d, %q: %w", l.at, l.text, err) }

// declare makes known what types there are.
func (r *reader) declare(l *line) error {
	if l.words[0] != "type" && l.words[0] != "enum" {
		return nil
	}
	if len(l.words) < 2 || !xmlName.MatchString(l.words[1]) {
		return errors.New("a type without a name")
	}
	name := l.words[1]
	if r.kinds[name] != nil || name == "enum" || name == "any" {
		return errors.New("the type is there already")
	}
	t := &Type{Name: name}
	r.kinds[name], r.description.types[name] = t, t
	return nil
}

func (r *reader) define(l *line) error {
	var err error
	switch words := l.words; {
	case words[0] == "operation" && len(words) == 2:
		return r.operation(l)
	case words[0] == "answer" && len(words) == 1 && r.current != nil:
		r.current.Answer, err = r.content(l)
		r.current = nil
	case words[0] == "enum" && len(words) == 2:
		err = enumerate(r.kinds[words[1]], l)
	case words[0] == "type" && len(words) == 2:
		err = r.fill(r.kinds[words[1]], l)
	case words[0] == "type" && len(words) == 3:
		base := r.kinds[words[2]]
		if base == nil || !base.BuiltIn() {
			return l.wrap(errors.New("the base is no built-in type"))
		}
		t := r.kinds[words[1]]
		if err = r.fill(t, l); err == nil && len(t.Elements) > 0 {
			return l.wrap(errors.New("a text has no elements"))
		}
		t.Base = base.Name
	default:
		return l.wrap(errors.New("neither operation, answer, type nor enum"))
	}
	return err
}

func (r *reader) operation(l *line) error {
	name := l.words[1]
	if !xmlName.MatchString(name) || r.description.Operation(name) != nil {
		return l.wrap(errors.New("the name is none, or there already"))
	}
	in, err := r.content(l)
	r.current = &Operation{Name: name, In: in}
	r.description.Operations = append(r.description.Operations, r.current)
	r.description.operations[name] = r.current
	return err
}

func (r *reader) content(l *line) (*Type, error) {
	t := &Type{}
	return t, r.fill(t, l)
}

// fill reads elements and attributes.
func (r *reader) fill(t *Type, l *line) error {
	for _, b := range l.below {
		if name, is := strings.CutPrefix(b.words[0], "@"); is {
			a, err := r.attribute(name, b)
			if err != nil {
				return b.wrap(err)
			}
			t.Attributes = append(t.Attributes, a)
			continue
		}
		e, err := r.element(b)
		if err != nil {
			return err
		}
		if t.Element(e.Name) != nil {
			return b.wrap(errors.New("the element is there already"))
		}
		t.Elements = append(t.Elements, e)
	}
	return nil
}

func (r *reader) attribute(name string, l *line) (Attribute, error) {
	a := Attribute{Required: !strings.HasSuffix(name, "?")}
	a.Name = strings.TrimSuffix(name, "?")
	switch {
	case !xmlName.MatchString(a.Name) || len(l.below) > 0:
		return a, errors.New("no name of an attribute, or lines below it")
	case len(l.words) == 3 && l.words[2] == "qualified":
		a.Qualified = true
	case len(l.words) != 2:
		return a, errors.New("an attribute is its name, its type and perhaps qualified")
	}
	a.Type = r.kinds[l.words[1]]
	if a.Type == nil {
		return a, errors.New("unknown type " + l.words[1])
	}
	return a, nil
}

func (r *reader) element(l *line) (Element, error) {
	e := Element{Min: 1, Max: 1}
	name := l.words[0]
	switch name[len(name)-1] {
	case '?':
		e.Min, name = 0, name[:len(name)-1]
	case '*':
		e.Min, e.Max, name = 0, Unbounded, name[:len(name)-1]
	}
	if e.Name = name; !xmlName.MatchString(name) {
		return e, l.wrap(errors.New("no name of an element"))
	}
	rest := l.words[1:]
	for len(rest) > 0 {
		value, isDefault := strings.CutPrefix(rest[len(rest)-1], "default=")
		switch {
		case isDefault:
			e.Default = value
		case rest[len(rest)-1] == "nillable":
			e.Nillable = true
		default:
			var err error
			if e.Type, err = r.typeOf(rest, l); err != nil {
				return e, err
			}
			return e, nil
		}
		rest = rest[:len(rest)-1]
	}
	var err error
	e.Type, err = r.content(l)
	return e, err
}

// typeOf reads an element's type, which stands below it where it is an enumeration.
func (r *reader) typeOf(words []string, l *line) (*Type, error) {
	t := r.kinds[words[0]]
	switch {
	case len(words) != 1:
		return nil, l.wrap(errors.New("more than a name, a type, nillable and default="))
	case words[0] == "enum":
		t = &Type{}
		return t, enumerate(t, l)
	case len(l.below) > 0:
		return nil, l.wrap(errors.New("lines below an element whose type has a name"))
	case words[0] == "any":
		return &Type{Any: true}, nil
	case t == nil:
		return nil, l.wrap(errors.New("unknown type " + words[0]))
	}
	return t, nil
}

func enumerate(t *Type, l *line) error {
	t.Base = "string"
	for _, b := range l.below {
		if len(b.below) > 0 {
			return b.wrap(errors.New("lines below a word"))
		}
		for _, word := range b.words {
			if !xmlName.MatchString(word) || slices.Contains(t.Enum, word) {
				return b.wrap(errors.New("no word, or there already: " + word))
			}
			t.Enum = append(t.Enum, word)
		}
	}
	if len(t.Enum) == 0 {
		return l.wrap(errors.New("an enumeration without words"))
	}
	return nil
}
