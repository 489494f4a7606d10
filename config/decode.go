package config

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"docusign-auth-proxy/internal/words"
)

// maxNodes bounds the values read from one file, which aliases could otherwise multiply without end.
const maxNodes = 50_000

// document parses the text into its single top mapping, or reports why not and returns nil.
func document(r *report, data []byte) *yaml.Node {
	if len(data) > MaxFileSize {
		r.problemAt(position{}, "", "is larger than "+maxFileSize, "")
		return nil
	}
	var doc, extra yaml.Node
	documents := yaml.NewDecoder(bytes.NewReader(data))
	err := documents.Decode(&doc)
	if errors.Is(err, io.EOF) || err == nil && isNull(doc.Content[0]) {
		return &yaml.Node{Kind: yaml.MappingNode, Line: 1, Column: 1}
	}
	if err == nil {
		err = documents.Decode(&extra)
		if errors.Is(err, io.EOF) {
			return doc.Content[0]
		}
	}
	if err == nil {
		at := position{extra.Line, extra.Column}
		r.problemAt(at, "", "a second YAML document starts here", "keep one document, without a line of ---")
		return nil
	}
	syntaxError(r, err)
	return nil
}

var syntaxLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)`)

// syntaxError reports what the YAML parser said, less the one message in which it repeats a piece of the file.
func syntaxError(r *report, err error) {
	text, at := err.Error(), position{}
	if m := syntaxLine.FindStringSubmatch(text); m != nil {
		text = m[2]
		if n, err := strconv.Atoi(m[1]); err == nil {
			at = position{n, 1}
		}
	}
	if strings.Contains(text, "unknown anchor") {
		r.problemAt(at, "", "not valid YAML: a value starts with * and is taken for an alias", "put such a value in quotes")
		return
	}
	if strings.Contains(text, "unknown escape character") {
		r.problemAt(at, "", "not valid YAML: "+text, escapeHint)
		return
	}
	r.problemAt(at, "", "not valid YAML: "+text, "look at the indentation and the quotes on the lines around")
}

const escapeHint = `between double quotes \ begins an escape: put a path of Windows in single quotes, or write / in it`

// decoder turns YAML nodes into values.
type decoder struct {
	*sources
	budget int // values that may still be read
}

// decodeConfig tells whether the whole file was read; what was not read must not be reported as missing.
func decodeConfig(s *sources, root *yaml.Node, c *Config) bool {
	d := &decoder{s, maxNodes}
	d.decode(root, reflect.ValueOf(c).Elem(), "", "")
	return d.budget >= 0 && len(s.problems) < maxProblems
}

// decode reads n into v. What is wrong goes to the report, and v keeps its default.
func (d *decoder) decode(n *yaml.Node, v reflect.Value, path string, tag reflect.StructTag) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if d.budget--; d.budget == -1 {
		message := fmt.Sprintf("holds more than %d values", maxNodes)
		d.problemAt(position{n.Line, n.Column}, "", message, "look for an alias that stands for too much")
	}
	if d.budget < 0 {
		return
	}
	if !plainTag(n) {
		d.mismatch(path, "has a YAML tag that is not understood", "leave out the word that starts with !")
		return
	}
	if f := formOf(v.Type()); f != nil {
		d.decodeForm(n, v, f, path)
		return
	}
	if s := scalarOf(v.Type(), tag); s != nil {
		d.decodeScalar(n, v, s, path, tag)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		if short, ok := shortOf(v.Type()); ok && n.Kind == yaml.ScalarNode {
			d.decode(n, v.FieldByIndex(short.Index), path, short.Tag)
			return
		}
		d.decodeStruct(n, v, path, false)
	case reflect.Pointer:
		section := reflect.New(v.Type().Elem())
		setDefaults(section.Elem())
		v.Set(section)
		d.decode(n, section.Elem(), path, tag)
	case reflect.Slice:
		d.decodeList(n, v, path, tag)
	case reflect.Map:
		d.decodeMap(n, v, path)
	}
}

func (d *decoder) decodeForm(n *yaml.Node, v reflect.Value, f *form, path string) {
	before := len(d.problems)
	keys := reflect.New(f.keys).Elem()
	d.decodeStruct(n, keys, path, true)
	if len(d.problems) == before {
		fields, names := yamlFields(f.keys)
		text := func(name string) string { return keys.FieldByIndex(fields[name].Index).String() }
		given := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return text(name) == "" })
		if len(given) != 1 {
			d.problem(path, "needs exactly one of "+words.Or(names), "")
		} else if value := f.read(d.sources, child(path, given[0]), given[0], text(given[0])); value != nil {
			v.Set(reflect.ValueOf(value))
		}
	}
	d.unread[path] = len(d.problems) > before
}

func (d *decoder) decodeScalar(n *yaml.Node, v reflect.Value, s *scalar, path string, tag reflect.StructTag) {
	needed := map[reflect.Kind]string{reflect.Bool: "!!bool", reflect.Int: "!!int"}[v.Kind()]
	if n.Kind != yaml.ScalarNode || needed != "" && n.ShortTag() != needed {
		d.problem(path, fmt.Sprintf("must be %s, not %s", s.spoken, describeNode(n)), "")
		return
	}
	if err := s.set(v, n.Value, tag); err != nil {
		var wrong complaint
		errors.As(err, &wrong)
		d.problem(path, err.Error(), wrong.hint)
	}
}

// decodeStruct reads a mapping with known keys. Inside a secret an unknown key is not repeated: it may be the secret.
func (d *decoder) decodeStruct(n *yaml.Node, v reflect.Value, path string, isSecret bool) {
	fields, names := yamlFields(v.Type())
	if n.Kind != yaml.MappingNode {
		hint := ""
		switch {
		case slices.Contains(names, "bcrypt"):
			hint = hashHint
		case isSecret:
			hint = "put it into a file of its own and write {file: name of the file}"
		}
		text := ""
		if _, short := shortOf(v.Type()); short {
			text = "text or "
		}
		d.mismatch(path, fmt.Sprintf("must be %sa mapping with %s, not %s", text, sample(names), describeNode(n)), hint)
		return
	}
	d.eachPair(n, path, func(key string, at position, value *yaml.Node) {
		field, known := fields[key]
		if !known {
			d.unknownKey(key, at, path, names, isSecret)
			return
		}
		if !isNull(value) {
			d.decode(value, v.FieldByIndex(field.Index), child(path, key), field.Tag)
		}
	})
	for _, name := range names {
		if f := fields[name]; f.Tag.Get("required") == "true" && v.FieldByIndex(f.Index).IsZero() {
			hint := ""
			if choices := f.Tag.Get("enum"); choices != "" {
				hint = "choose " + words.Or(strings.Split(choices, "|"))
			}
			d.problem(child(path, name), "is missing", hint)
		}
	}
}

func (d *decoder) decodeMap(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind != yaml.MappingNode {
		d.mismatch(path, "must be a mapping, not "+describeNode(n), "")
		return
	}
	entries := reflect.MakeMap(v.Type())
	d.eachPair(n, path, func(key string, _ position, value *yaml.Node) {
		if isNull(value) {
			d.problem(child(path, key), "is empty", "")
			return
		}
		entry := reflect.New(v.Type().Elem()).Elem()
		d.decode(value, entry, child(path, key), "")
		entries.SetMapIndex(reflect.ValueOf(key), entry)
	})
	v.Set(entries)
}

// decodeList reads a list in place of the default.
func (d *decoder) decodeList(n *yaml.Node, v reflect.Value, path string, tag reflect.StructTag) {
	if n.Kind != yaml.SequenceNode {
		d.mismatch(path, "must be a list, not "+describeNode(n), "write it as [a, b] or with one - on each line")
		return
	}
	list := reflect.MakeSlice(v.Type(), 0, len(n.Content))
	for i, node := range n.Content {
		at := item(path, i)
		d.positions[at] = position{node.Line, node.Column}
		element := reflect.New(v.Type().Elem()).Elem()
		setDefaults(element)
		if isNull(node) {
			d.mismatch(at, "is empty", "")
		} else {
			d.decode(node, element, at, tag)
		}
		list = reflect.Append(list, element) // also when faulty, so that later items keep their number
	}
	v.Set(list)
}

// eachPair visits the pairs of a mapping, notes where they stand and refuses repeated keys.
func (d *decoder) eachPair(n *yaml.Node, path string, visit func(key string, at position, value *yaml.Node)) {
	first := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, value := n.Content[i], n.Content[i+1]
		at := position{k.Line, k.Column}
		if k.Kind != yaml.ScalarNode {
			d.problemAt(at, path, "has a key that is not plain text", "")
			continue
		}
		if line, again := first[k.Value]; again {
			d.add(at, child(path, k.Value), "stands here a second time", fmt.Sprintf("the first is on line %d", line))
			continue
		}
		first[k.Value] = k.Line
		if value.Kind == yaml.ScalarNode {
			d.positions[child(path, k.Value)] = position{value.Line, value.Column}
		} else {
			d.positions[child(path, k.Value)] = at
		}
		visit(k.Value, at, value)
	}
}

func (d *decoder) unknownKey(key string, at position, path string, known []string, isSecret bool) {
	near, hint := words.Nearest(key, known), "known are "+words.Or(known)
	switch homes := homesOf(key); {
	case near != "":
		hint = words.DidYouMean(near)
		defer func() { d.faulty[child(path, near)] = true }() // not missing, only misspelt
	case isSecret:
		d.problemAt(at, path, "has an unknown key", hint)
		return
	case len(homes) > 0:
		hint = "it belongs to " + words.Or(homes)
	}
	d.problemAt(at, child(path, key), "unknown key", hint)
}

// homesOf names the sections that know a key.
func homesOf(key string) []string {
	var homes []string
	walkSchema(func(path string, _ reflect.Type, _ reflect.StructField) {
		if parent, name := cutLast(path); name == key {
			homes = append(homes, parent)
		}
	})
	if len(homes) > 0 && homes[0] == "" {
		homes = append(homes[1:], "the top level")
	}
	return homes
}

func cutLast(path string) (parent, name string) {
	i := strings.LastIndexByte(path, '.')
	return path[:max(i, 0)], path[i+1:]
}

// yamlFields returns the fields of a struct by their key, and the keys in order.
func yamlFields(t reflect.Type) (map[string]reflect.StructField, []string) {
	fields, names := map[string]reflect.StructField{}, []string{}
	for _, f := range reflect.VisibleFields(t) {
		if name := f.Tag.Get("yaml"); name != "" && name != "-" {
			fields[name] = f
			names = append(names, name)
		}
	}
	return fields, names
}

// shortOf is the field that a section stands for where it is written as one value; few sections have one.
func shortOf(t reflect.Type) (f reflect.StructField, ok bool) {
	fields, names := yamlFields(t)
	for _, name := range names {
		if f = fields[name]; f.Tag.Get("short") == "true" {
			return f, true
		}
	}
	return f, false
}

// setDefaults fills v with the defaults of its tags, and goes into sections that are always there.
func setDefaults(v reflect.Value) {
	if v.Kind() != reflect.Struct {
		return
	}
	fields, _ := yamlFields(v.Type())
	for _, f := range fields {
		field := v.FieldByIndex(f.Index)
		if text := f.Tag.Get("default"); text != "" {
			mustSet(field, text, f)
		} else {
			setDefaults(field)
		}
	}
}

// mustSet panics on a default that its own field refuses, which is a mistake in the schema and not in any file.
func mustSet(v reflect.Value, text string, f reflect.StructField) {
	if v.Kind() != reflect.Slice {
		if err := scalarOf(v.Type(), f.Tag).set(v, text, f.Tag); err != nil {
			panic(fmt.Sprintf("config: default of %s: %v", f.Name, err))
		}
		return
	}
	for one := range strings.SplitSeq(text, ", ") {
		element := reflect.New(v.Type().Elem()).Elem()
		mustSet(element, one, f)
		v.Set(reflect.Append(v, element))
	}
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

// plainTag tells whether the value has the type its look gives it; !!binary and a program's own tags are refused.
func plainTag(n *yaml.Node) bool {
	switch n.ShortTag() {
	case "!!str", "!!int", "!!float", "!!bool", "!!null", "!!timestamp", "!!map", "!!seq", "!!merge":
		return true
	}
	return false
}

func describeNode(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	words := map[string]string{
		"!!bool": "true or false", "!!int": "a number", "!!float": "a fraction", "!!null": "nothing",
	}
	return cmp.Or(words[n.ShortTag()], "text")
}

func sample(names []string) string {
	if len(names) > 5 {
		return strings.Join(names[:4], ", ") + ", …"
	}
	return words.Or(names)
}
