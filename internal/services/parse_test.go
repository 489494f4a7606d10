package services_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/services"
)

func TestFactsThatAreWrongAreRefused(t *testing.T) {
	for _, tc := range []struct{ name, text, want string }{
		{"a word that is no declaration", "element A", `line 1, "element A": neither operation`},
		{"an answer without an operation", "answer", "out of place"},
		{"an operation without an answer", "operation A", "operation A has no answer"},
		{"an operation that is there already", "operation A\nanswer\noperation A\nanswer", "line 3"},
		{"a name that is none", "operation 1A\nanswer", "neither operation"},
		{"a type that is there already", "type A\nenum A\n\tB", "there already"},
		{"a type with the name of a built-in one", "type string", "there already"},
		{"a type without a name", "type", "a type without a name"},
		{"a type that nobody declares", "type A\n\tB C", `line 2, "B C": unknown type C`},
		{"a type of an attribute that nobody declares", "type A\n\t@B C", "unknown type C"},
		{"an element that is there already", "type A\n\tB string\n\tB? string", "line 3"},
		{"an element without a name", "type A\n\t? string", "an element is its name"},
		{"too much behind an element", "type A\n\tB string string", "an element is its name"},
		{"too much behind an attribute", "type A\n\t@B string x", "perhaps qualified"},
		{"lines below an attribute", "type A\n\t@B string\n\t\tC string", "lines below a type"},
		{"lines below a type with a name", "type A\n\tB string\n\t\tC string", "lines below a type"},
		{"lines below any", "type A\n\tB any\n\t\tC string", "lines below a type"},
		{"a base that is no built-in type", "type B\ntype A B", "no built-in type"},
		{"a text with elements", "type A string\n\tB string", "a text has elements"},
		{"an enumeration without words", "enum A", "without words"},
		{"a word that is there already", "enum A\n\tB B", "there already: B"},
		{"lines below a word", "enum A\n\tB\n\t\tC", "lines below them"},
		{"too many tabs", "type A\n\t\tB string", "too many tabs"},
		{"nothing but space", "type A\n\t \n", "an element is its name"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := services.Parse(tc.text)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

// FuzzParse: whatever is taken holds together, so that a WSDL can be written of it.
func FuzzParse(f *testing.F) {
	files, _ := filepath.Glob("facts/*.txt")
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Add("type A dateTime\n\t@b? A qualified\noperation C\n\tD* A nillable default=x\n\tE?\n\t\tF any\nanswer\n")
	f.Fuzz(func(t *testing.T, text string) {
		d, err := services.Parse(text)
		if err != nil {
			return
		}
		types := d.Types()
		for _, o := range d.Operations {
			types = append(types, o.In, o.Answer)
		}
		for _, typ := range types {
			for _, e := range typ.Elements {
				if e.Type == nil || e.Name == "" || e.Min > 1 {
					t.Errorf("%s: %+v", typ.Name, e)
				}
			}
		}
	})
}
