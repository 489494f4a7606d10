package config

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"docusign-auth-proxy/internal/files"
	"docusign-auth-proxy/internal/shown"
)

// SchemaFile is the name of the schema's file beside a configuration.
const SchemaFile = "docusign-auth-proxy.schema.json"

// SchemaHeader is the first line of a configuration, from which editors know its schema. path is relative to the
// configuration, so that no network is needed.
func SchemaHeader(path string) string { return "# yaml-language-server: $schema=" + path }

// Schema is the JSON Schema of the configuration file, for editors. It takes whatever the decoder takes; what ties keys
// together, and what stands in other files, only config check knows. It is of draft 7, the newest that the YAML server
// of the editors and the JetBrains programs know whole.
func Schema() ([]byte, error) {
	s := schemaMaker{fieldComments()}.section(reflect.TypeFor[Config]())
	s.Draft, s.Title = "http://json-schema.org/draft-07/schema#", "Configuration of docusign-auth-proxy"
	var b bytes.Buffer
	err := shown.JSON(&b, s)
	return b.Bytes(), err
}

// SaveSchema writes the schema beside the configurations of a folder.
func SaveSchema(dir string) error {
	text, err := Schema()
	if err != nil {
		return err
	}
	return files.Replace(filepath.Join(dir, SchemaFile), text, 0o644)
}

// jsonSchema has the keywords that are used.
type jsonSchema struct {
	Draft       string        `json:"$schema,omitempty"`
	Title       string        `json:"title,omitempty"`
	Description string        `json:"description,omitempty"`
	Type        []string      `json:"type,omitempty"`
	Enum        []any         `json:"enum,omitempty"`
	Default     any           `json:"default,omitempty"`
	Pattern     string        `json:"pattern,omitempty"`
	MinLength   int           `json:"minLength,omitempty"`
	Minimum     *int64        `json:"minimum,omitempty"`
	Maximum     *int64        `json:"maximum,omitempty"`
	Items       *jsonSchema   `json:"items,omitempty"`
	Properties  properties    `json:"properties,omitempty"`
	Required    []string      `json:"required,omitempty"`
	OneOf       []*jsonSchema `json:"oneOf,omitempty"`
	Additional  any           `json:"additionalProperties,omitempty"` // false, or a schema
}

// properties keep the order of the file.
type properties []property

type property struct {
	key    string
	schema *jsonSchema
}

// MarshalJSON writes an object.
func (p properties) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	for i, one := range p {
		text, err := json.Marshal(one.schema)
		if err != nil {
			return nil, err
		}
		b.WriteByte("{,"[min(i, 1)])
		b.WriteString(`"` + one.key + `":`)
		b.Write(text)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

type schemaMaker struct{ comments map[string]string }

// section is a mapping with the keys of a struct.
func (m schemaMaker) section(t reflect.Type) *jsonSchema {
	s := &jsonSchema{Type: []string{"object"}, Additional: false}
	fields, names := yamlFields(t)
	for _, name := range names {
		f := fields[name]
		s.Properties = append(s.Properties, property{name, m.field(t, f)})
		if f.Tag.Get("required") == "true" {
			s.Required = append(s.Required, name)
		}
	}
	return s
}

// field is one key. One that need not be there may also be empty, which is the same.
func (m schemaMaker) field(owner reflect.Type, f reflect.StructField) *jsonSchema {
	s := m.value(f.Type, f.Tag)
	s.Description = m.comments[owner.Name()+"."+f.Name]
	if low, high := f.Tag.Get("min"), f.Tag.Get("max"); high != "" {
		s.Description += " From " + low + " to " + high + "." // no keyword compares texts with units
	}
	if text := f.Tag.Get("default"); text != "" {
		s.Default = defaultValue(f.Type, text)
	}
	if f.Tag.Get("required") == "true" {
		if s.Enum == nil && slices.Contains(s.Type, "string") {
			s.MinLength = 1
		}
		return s
	}
	if s.Type = append(s.Type, "null"); s.Enum != nil {
		s.Enum = append(s.Enum, nil)
	}
	if s.OneOf != nil {
		s.OneOf = append(s.OneOf, &jsonSchema{Type: []string{"null"}})
	}
	return s
}

// value is what decoder.decode reads into a type.
func (m schemaMaker) value(t reflect.Type, tag reflect.StructTag) *jsonSchema {
	if f := formOf(t); f != nil {
		return m.form(f)
	}
	if s := scalarOf(t, tag); s != nil {
		return s.schema(tag)
	}
	switch t.Kind() {
	case reflect.Pointer:
		return m.value(t.Elem(), tag)
	case reflect.Slice:
		return &jsonSchema{Type: []string{"array"}, Items: m.value(t.Elem(), tag)}
	case reflect.Map:
		return &jsonSchema{Type: []string{"object"}, Additional: m.value(t.Elem(), "")}
	}
	s := m.section(t)
	if short, ok := shortOf(t); ok { // only mappings have properties: a text has to be a text alone
		s.Type = append(s.Type, m.value(short.Type, short.Tag).Type...)
	}
	return s
}

// form has exactly one key with a text.
func (m schemaMaker) form(f *form) *jsonSchema {
	s := m.section(f.keys)
	for _, p := range s.Properties {
		types := slices.DeleteFunc(slices.Clone(p.schema.Type), func(name string) bool { return name == "null" })
		given := properties{{p.key, &jsonSchema{Type: types, MinLength: 1}}}
		s.OneOf = append(s.OneOf, &jsonSchema{Type: s.Type, Properties: given, Required: []string{p.key}})
	}
	return s
}

func (s *scalar) schema(tag reflect.StructTag) *jsonSchema {
	if enum := tag.Get("enum"); enum != "" {
		choices := &jsonSchema{Type: []string{"string"}}
		for one := range strings.SplitSeq(enum, "|") {
			choices.Enum = append(choices.Enum, one)
		}
		return choices
	}
	types, shape := s.types, s.shape
	if f, named := formats()[tag.Get("format")]; named {
		types, shape = strings.TrimSuffix("string|"+f.plain, "|"), f.shape
	}
	v := &jsonSchema{Type: strings.Split(types, "|")}
	if shape != "" {
		v.Pattern = whole(shape)
	}
	if low, high := tag.Get("min"), tag.Get("max"); high != "" {
		s.bound(v, low, high)
	}
	return v
}

// bound says between what a number lies. Without a unit, 0 alone is a duration.
func (s *scalar) bound(v *jsonSchema, low, high string) {
	from, to := s.number(low), s.number(high)
	if s.name != "duration" {
		v.Minimum, v.Maximum = &from, &to
		return
	}
	if v.Type = []string{"string"}; from == 0 {
		v.Type, v.Minimum, v.Maximum = append(v.Type, "integer"), &from, &from
	}
}

// defaultValue has the JSON type of the value.
func defaultValue(t reflect.Type, text string) any {
	switch t.Kind() {
	case reflect.Bool:
		return text == "true"
	case reflect.Int:
		return json.Number(text)
	case reflect.Slice:
		return strings.Split(text, ", ")
	}
	return text
}
