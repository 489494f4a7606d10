// Package template fills templates in the syntax of text/template, and HTML as safely as html/template does. It must
// never look a method up by a name that it reads: then the linker could leave out no method of any type, a third of the
// program. Packages with texts, pages or answers to write call it; their templates are a part of the program.
package template

import (
	"fmt"
	"io"
	"maps"
	"reflect"
	"strings"
	"text/template/parse"
)

// Set is templates that call each other. It is safe for any number of goroutines.
type Set struct {
	trees   map[string]*parse.Tree
	funcs   map[string]reflect.Value
	escapes map[parse.Node]escape // one for each value that HTML shows
	special *strings.Replacer     // nil: the set is none of HTML
}

// Funcs are what templates may call by name: functions, and methods as method expressions, which take their value
// first. A method is called as in text/template: {{.Item.Name "argument"}}.
type Funcs map[string]any

// Text makes a set whose values are written as they are. It panics on a text that does not parse.
func Text(funcs Funcs, texts ...string) *Set { return newSet(nil, funcs, texts) }

// HTML makes a set whose values are escaped for where they stand; see html.go for the places that they may stand in.
// It panics on a text that does not parse, and on a value elsewhere.
func HTML(funcs Funcs, texts ...string) *Set { return newSet(special(), funcs, texts) }

func newSet(special *strings.Replacer, funcs Funcs, texts []string) *Set {
	s := &Set{map[string]*parse.Tree{}, map[string]reflect.Value{}, map[parse.Node]escape{}, special}
	for _, from := range []Funcs{builtins(), funcs} {
		for name, f := range from {
			s.funcs[name] = reflect.ValueOf(f)
		}
	}
	return s.With(texts...)
}

// With is the set with more templates, which take the place of those of the same name.
func (s *Set) With(texts ...string) *Set {
	known := map[string]any{"and": true, "or": true} // these two are a part of the language
	for name := range s.funcs {
		known[name] = true
	}
	more := &Set{maps.Clone(s.trees), s.funcs, maps.Clone(s.escapes), s.special}
	for _, text := range texts {
		trees, err := parse.Parse("", text, "", "", known)
		if err != nil {
			panic(err)
		}
		for name, tree := range trees {
			more.trees[name] = tree
			if s.special != nil {
				more.place(name, tree)
			}
		}
	}
	return more
}

// Execute writes the template of that name; "" is what stands outside of all {{define}}. What went wrong in a template
// or in what it calls is the error, as is what w refused.
func (s *Set) Execute(w io.Writer, name string, data any) (err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case error:
			err = fmt.Errorf("template %q: %w", name, p)
		default:
			err = fmt.Errorf("template %q: %v", name, p)
		}
	}()
	s.call(w, name, reflect.ValueOf(data))
	return nil
}

func (s *Set) call(w io.Writer, name string, data reflect.Value) {
	tree := s.trees[name]
	if tree == nil {
		panic(fmt.Sprintf("there is no template %q", name))
	}
	r := run{Set: s, w: w, vars: []variable{{"$", data}}}
	r.list(data, tree.Root)
}
