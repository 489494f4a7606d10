package config

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

func TestEveryKeyIsDocumented(t *testing.T) {
	docs := fieldComments()
	walkSchema(func(path string, owner reflect.Type, f reflect.StructField) {
		_, hasDefault := f.Tag.Lookup("default")
		derived := strings.Contains(docs[owner.Name()+"."+f.Name], " Default: ")
		told := hasDefault || derived || f.Tag.Get("required") == "true"
		section := f.Type.Kind() == reflect.Struct || f.Type.Kind() == reflect.Pointer
		if !told && !section {
			t.Errorf("%s (%s) tells no default", path, f.Name)
		}
		low, high := f.Tag.Get("min"), f.Tag.Get("max")
		if bounded := f.Type.Kind() == reflect.Int || f.Type.Kind() == reflect.Int64; bounded && (low == "" || high == "") {
			t.Errorf("%s (%s) has no bounds", path, f.Name)
		}
	})
	for _, f := range reference() {
		if len(f.doc) < 10 || !strings.HasSuffix(f.doc, ".") {
			t.Errorf("%s is documented as %q", f.path, f.doc)
		}
		if f.kind == "" || f.initial == "" {
			t.Errorf("%s has type %q and default %q", f.path, f.kind, f.initial)
		}
	}
}

// TestDefaultsObeyTheirOwnRules holds every default to the bounds and choices of its field.
func TestDefaultsObeyTheirOwnRules(t *testing.T) {
	walkSchema(func(path string, owner reflect.Type, _ reflect.StructField) {
		defer func() {
			if wrong := recover(); wrong != nil {
				t.Errorf("%s: %v", path, wrong)
			}
		}()
		setDefaults(reflect.New(owner).Elem())
	})
}

// TestGoodFilesUseEveryKey keeps a key from being added without a file that shows it works.
func TestGoodFilesUseEveryKey(t *testing.T) {
	used := map[string]bool{}
	for _, file := range must(filepath.Glob("testdata/*.good.yml")) {
		var doc yaml.Node
		if err := yaml.Unmarshal(must(os.ReadFile(file)), &doc); err != nil {
			t.Fatal(err)
		}
		collectKeys(doc.Content[0], "", used)
	}
	for _, f := range reference() {
		if !used[strings.TrimSuffix(f.path, "[]")] {
			t.Errorf("no good file uses %s", f.path)
		}
	}
}

func collectKeys(n *yaml.Node, path string, used map[string]bool) {
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i < len(n.Content); i += 2 {
			at := strings.TrimPrefix(path+"."+n.Content[i].Value, ".")
			used[at] = true
			collectKeys(n.Content[i+1], at, used)
		}
	case yaml.SequenceNode:
		for _, one := range n.Content {
			collectKeys(one, path+"[]", used)
		}
	}
}

func TestReferenceMarkdown(t *testing.T) {
	text := ReferenceMarkdown()
	for _, want := range []string{
		"| `environment` | demo \\| production \\| custom | required | Which DocuSign the calls go to.",
		"### `integrations[].users[].password`",
		"| `header_bytes` | size, 4KiB to 1MiB | 64KiB | ",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in the reference", want)
		}
	}
	unescaped := regexp.MustCompile(`[^\\]\|`)
	for line := range strings.Lines(text) {
		if cells := len(unescaped.FindAllString(line, -1)); strings.HasPrefix(line, "| `") && cells != 4 {
			t.Errorf("%d cells in %s", cells, line)
		}
	}
}

func TestReferenceIsInTheOrderOfTheSchema(t *testing.T) {
	var top []string
	for _, f := range reference() {
		if !strings.Contains(f.path, ".") {
			top = append(top, f.path)
		}
	}
	want := []string{"environment", "account_server", "audience", "site", "listen"}
	if !slices.Equal(top[:len(want)], want) {
		t.Errorf("the top level begins with %v", top)
	}
}
