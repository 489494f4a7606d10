// Package restbody knows what the bodies of REST v2.1 calls may have, by a description of its own, and how the site
// writes its own. It must take no member that is not in the description, and no text of another kind than it says.
// The REST site of the sandbox calls it.
package restbody

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Object is an object by its members: strings, bools, Objects, lists of them, and Content for bytes.
type Object = map[string]any

// Content is what stands for bytes that came: they are not kept.
type Content struct {
	Size   int64
	SHA256 string // hex
}

// MarshalJSON writes nothing: the bytes are gone.
func (Content) MarshalJSON() ([]byte, error) { return []byte(`""`), nil }

// Type is an object's type: its members by their names.
type Type struct {
	Name    string
	Members map[string]Kind
}

// Kind is what a member holds: an object of Type, or else what Word says.
type Kind struct {
	Word string
	Type *Type // nil unless the word is a type's name
	Many bool
}

//go:embed bodies.txt
var facts string

// types are those of the description, by name.
var types = sync.OnceValue( //nolint:gochecknoglobals // made once, never changed
	func() map[string]*Type {
		all, err := parse(facts)
		if err != nil {
			panic(err) // a test reads them
		}
		return all
	})

// Named finds a type; nil = the description has none of that name.
func Named(name string) *Type { return types()[name] }

// words are the kinds that are no type, with what checks them; it gives the value as it is kept.
func words() map[string]func(any) (any, bool) {
	return map[string]func(any) (any, bool){
		"string": text, "key": key, "numeral": numeral, "figure": figure, "truth": truth, "bool": boolean, "time": instant,
		"base64": bytesOf,
	}
}

// parse reads facts in the form that README.md tells.
func parse(facts string) (map[string]*Type, error) {
	all, groups := map[string]*Type{}, map[string]*Type{}
	var current *Type
	for line := range strings.Lines(facts) {
		line = strings.TrimRight(line, "\r\n")
		if line == "" || line[0] == '#' {
			continue
		}
		head, rest, _ := strings.Cut(line, ":")
		if members, below := strings.CutPrefix(head, "\t"); below && current != nil {
			current.add(members, strings.Fields(rest))
			continue
		}
		kind, name, _ := strings.Cut(strings.TrimSpace(head), " ")
		current = &Type{Name: name, Members: map[string]Kind{}}
		for group := range strings.FieldsSeq(rest) {
			if groups[group] == nil {
				return nil, fmt.Errorf("%q: no group %s", line, group)
			}
			maps.Copy(current.Members, groups[group].Members)
		}
		switch kind {
		case "type":
			all[name] = current
		case "group":
			groups[name] = current
		default:
			return nil, fmt.Errorf("%q is neither type nor group", line)
		}
	}
	return all, link(all)
}

func (t *Type) add(kind string, members []string) {
	word, many := strings.CutSuffix(kind, "*")
	for _, name := range members {
		t.Members[name] = Kind{Word: word, Many: many}
	}
}

// link finds the types that members name.
func link(all map[string]*Type) error {
	for _, t := range all {
		for name, k := range t.Members {
			k.Type = all[k.Word]
			if k.Type == nil && words()[k.Word] == nil {
				return fmt.Errorf("%s.%s: no type %s", t.Name, name, k.Word)
			}
			t.Members[name] = k
		}
	}
	return nil
}

// Take holds a value of JSON against the type and gives it as it is kept. Members that are null count as absent.
func (t *Type) Take(v any) (Object, error) { return t.take(t.Name, v) }

func (t *Type) take(path string, v any) (Object, error) {
	in, ok := v.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("%s is no object", path)
	}
	out := Object{}
	for _, name := range slices.Sorted(maps.Keys(in)) {
		kind, known := t.Members[name]
		switch {
		case !known:
			return nil, fmt.Errorf("%s has no member %q", path, name)
		case in[name] == nil:
			continue
		}
		value, err := kind.take(path+"."+name, in[name])
		if err != nil {
			return nil, err
		}
		out[name] = value
	}
	return out, nil
}

func (k Kind) take(path string, v any) (any, error) {
	if !k.Many {
		return k.one(path, v)
	}
	in, ok := v.([]any)
	if !ok {
		return nil, fmt.Errorf("%s is no array", path)
	}
	out := make([]any, 0, len(in))
	for i, item := range in {
		value, err := k.one(path+"["+strconv.Itoa(i)+"]", item)
		if err != nil {
			return nil, err
		}
		out = append(out, value)
	}
	return out, nil
}

func (k Kind) one(path string, v any) (any, error) {
	if k.Type != nil {
		return k.Type.take(path, v)
	}
	kept, ok := words()[k.Word](v)
	if !ok {
		return nil, fmt.Errorf("%s is no %s", path, k.Word)
	}
	return kept, nil
}

func text(v any) (any, bool) {
	s, ok := v.(string)
	return s, ok
}

// key and numeral take a bare number: npm docusign sends such ids.
func key(v any) (any, bool) {
	if n, bare := v.(json.Number); bare {
		return n.String(), true
	}
	return text(v)
}

func numeral(v any) (any, bool) {
	kept, ok := key(v)
	s, _ := kept.(string)
	_, err := strconv.ParseFloat(s, 64)
	return s, ok && err == nil
}

func figure(v any) (any, bool) {
	n, ok := v.(json.Number)
	return n.String(), ok
}

func truth(v any) (any, bool) {
	return v, v == "true" || v == "false"
}

func boolean(v any) (any, bool) {
	_, ok := v.(bool)
	return v, ok
}

// instant takes what REST documents; a time without a zone would be read in the server's (SOAP-REST.md §2.2).
func instant(v any) (any, bool) {
	s, ok := v.(string)
	_, err := time.Parse(time.RFC3339Nano, s)
	return s, ok && err == nil
}

// bytesOf decodes base64, in which blanks may stand.
func bytesOf(v any) (any, bool) {
	s, ok := v.(string)
	raw, err := base64.StdEncoding.DecodeString(strings.NewReplacer(" ", "", "\t", "").Replace(s))
	sum := sha256.Sum256(raw)
	return Content{Size: int64(len(raw)), SHA256: hex.EncodeToString(sum[:])}, ok && err == nil
}
