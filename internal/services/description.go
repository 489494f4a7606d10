package services

import (
	"maps"
	"slices"
	"strings"
)

// Description is what a service takes and answers.
type Description struct {
	Operations []*Operation
	// operations and types are by their names.
	operations map[string]*Operation
	types      map[string]*Type
}

// Operation is one call. Its elements and those of its answer are those of the two types.
type Operation struct {
	Name       string
	In, Answer *Type
}

// Type is a type of XML Schema, as far as these services use it: a text, a choice of words, or elements in order.
type Type struct {
	// Name is "" where the type stands inside an element.
	Name string
	// Base is the built-in type of a text ("string", also of an enumeration); "" = the type has elements.
	Base string
	// Enum lists the words of an enumeration.
	Enum       []string
	Elements   []Element
	Attributes []Attribute
	// Any is text mixed with one element of any name.
	Any bool
}

// Element is one element of a type.
type Element struct {
	Name string
	Type *Type
	// Min is 0 or 1.
	Min int
	// Many = any number of it may come, else one.
	Many     bool
	Nillable bool
	// Default is what an empty element stands for; "" = nothing.
	Default string
}

// Attribute is one attribute of a type. Qualified = its name is in the service's namespace.
type Attribute struct {
	Name                string
	Type                *Type
	Required, Qualified bool
}

// Operation finds an operation by its name, which has a case; nil = there is none.
func (d *Description) Operation(name string) *Operation { return d.operations[name] }

// Type finds a named type of the service; nil = there is none.
func (d *Description) Type(name string) *Type { return d.types[name] }

// Types lists the named types in the order of their names.
func (d *Description) Types() []*Type {
	return slices.SortedFunc(maps.Values(d.types), func(a, b *Type) int { return strings.Compare(a.Name, b.Name) })
}

// Result is the type of the only element of the answer, where it has just one of elements; else nil.
func (o *Operation) Result() *Type {
	if len(o.Answer.Elements) != 1 || o.Answer.Elements[0].Type.Base != "" {
		return nil
	}
	return o.Answer.Elements[0].Type
}

// Element finds an element by its name; nil = the type has none of that name.
func (t *Type) Element(name string) *Element {
	if i := slices.IndexFunc(t.Elements, func(e Element) bool { return e.Name == name }); i >= 0 {
		return &t.Elements[i]
	}
	return nil
}

// BuiltIn reports whether t is a type of XML Schema's own.
func (t *Type) BuiltIn() bool { return t.Base != "" && t.Name == t.Base }
