package config

import (
	_ "embed" // the reference is made from the comments of schema.go
	"fmt"
	"reflect"
	"strings"

	"docusign-auth-proxy/internal/integration"
)

//go:embed schema.go
var schemaSource string

// field is one key of the configuration file.
type field struct {
	path    string // as in "integrations[].users[].password.bcrypt"
	kind    string // as in "duration", "list of text" or "translate | observe | block"
	initial string // as it would be written, or in words; "required" and "none" where there is no default
	doc     string // effect, then danger
}

// reference returns every key in the order of the schema, sections before their keys.
func reference() []field {
	docs := fieldComments()
	var fields []field
	walkSchema(func(path string, owner reflect.Type, f reflect.StructField) {
		doc, derived, _ := strings.Cut(docs[owner.Name()+"."+f.Name], " Default: ")
		initial := defaultText(f, strings.TrimSuffix(derived, "."))
		fields = append(fields, field{path, typeName(f.Type, f.Tag), initial, doc})
	})
	return fields
}

// ReferenceMarkdown returns every key of the file: one table for the top level and one for each section.
func ReferenceMarkdown() string {
	const columns = "| Key | Type | Default | Meaning |\n|---|---|---|---|\n"
	var b strings.Builder
	b.WriteString(columns)
	section := ""
	for _, f := range reference() {
		parent, key := cutLast(f.path)
		if parent != section {
			section = parent
			fmt.Fprintf(&b, "\n### `%s`\n\n%s", section, columns)
		}
		key = strings.TrimSuffix(key, "[]")
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", key, cell(f.kind), cell(f.initial), cell(f.doc))
	}
	return b.String()
}

// cell keeps a text from ending its cell of a Markdown table, or from being taken for markup.
func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "*", `\*`, "_", `\_`, "<", `\<`).Replace(text)
}

// walkSchema visits every key, those of a section before those of the sections in it.
func walkSchema(visit func(path string, owner reflect.Type, f reflect.StructField)) {
	walkStruct("", reflect.TypeFor[Config](), visit)
}

func walkStruct(path string, t reflect.Type, visit func(string, reflect.Type, reflect.StructField)) {
	fields, names := yamlFields(t)
	at := func(name string) string {
		if f := fields[name]; f.Type.Kind() == reflect.Slice && sectionOf(f.Type) != nil {
			return child(path, name) + "[]"
		}
		return child(path, name)
	}
	for _, name := range names {
		visit(at(name), t, fields[name])
	}
	for _, name := range names {
		if s := sectionOf(fields[name].Type); s != nil {
			walkStruct(at(name), s, visit)
		}
	}
}

// sectionOf returns the struct whose keys stand in the file for a type, or for each item of one, and nil for values.
func sectionOf(t reflect.Type) reflect.Type {
	f := formOf(t)
	switch {
	case f != nil:
		return f.keys
	case scalarOf(t, "") != nil:
		return nil
	case t.Kind() == reflect.Slice, t.Kind() == reflect.Pointer:
		return sectionOf(t.Elem())
	case t.Kind() == reflect.Struct:
		return t
	}
	return nil
}

func typeName(t reflect.Type, tag reflect.StructTag) string {
	if choices := tag.Get("enum"); choices != "" {
		return strings.ReplaceAll(choices, "|", " | ")
	}
	if low, high := tag.Get("min"), tag.Get("max"); high != "" {
		return fmt.Sprintf("%s, %s to %s", typeName(t, ""), low, high)
	}
	if s := scalarOf(t, tag); s != nil {
		return s.name
	}
	switch t.Kind() {
	case reflect.Slice:
		return "list of " + plural(typeName(t.Elem(), ""))
	case reflect.Map:
		return "mapping of text"
	case reflect.Struct:
		if short, ok := shortOf(t); ok {
			return typeName(short.Type, short.Tag) + " | section"
		}
	}
	return "section"
}

func plural(word string) string {
	if word == "section" || word == "network" {
		return word + "s"
	}
	return word
}

func defaultText(f reflect.StructField, derived string) string {
	if f.Tag.Get("required") == "true" {
		return "required"
	}
	if derived != "" {
		return derived
	}
	if value := f.Tag.Get("default"); value != "" {
		return value
	}
	if _, explicit := f.Tag.Lookup("default"); !explicit && f.Type.Kind() == reflect.Struct {
		return "each key its own"
	}
	return "none"
}

// fieldComments returns the comments of the schema by "Type.Field", each on one line. gofmt has each field and each
// line of a comment on a line of its own; what the lines of functions add is asked for by nobody.
func fieldComments() map[string]string {
	comments := map[string]string{}
	for _, source := range append(integration.Sources(), schemaSource) {
		var owner string
		var comment []string
		for line := range strings.Lines(source) {
			words := strings.Fields(line)
			switch {
			case len(words) > 0 && words[0] == "//":
				comment = append(comment, words[1:]...)
				continue
			case len(words) > 1 && words[0] == "type":
				owner = words[1]
			}
			for i, word := range words {
				name, more := strings.CutSuffix(word, ",")
				comments[owner+"."+name] = strings.Join(comment, " ")
				if !more || i == len(words)-1 {
					break
				}
			}
			comment = nil
		}
	}
	return comments
}
