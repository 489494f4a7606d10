package admin_test

import (
	"reflect"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/admin"
	"docusign-auth-proxy/internal/admin/admintest"
)

// Callers choose much of what the pages show. html/template, which the program does without, is the judge of that.
func TestPagesAreThoseOfHTMLTemplate(t *testing.T) {
	for _, tt := range []struct{ name, added string }{
		{"usual texts", ""},
		{"what ends an attribute or begins a tag", `"'><script>alert(1)</script><!--&amp;`},
		{"an address that runs a script", "javascript:alert(1)//"},
		{"bytes that are no text", "\x00\xff\u2028+%41%zz\\\r\n\t`{{.}}"},
		{"other alphabets", "Zoë 東京 😀"},
	} {
		for name, status := range map[string]admin.Status{"a house": sample(), "a large one": admintest.Large(now)} {
			status.Integrations = status.Integrations[:7]
			appendTo(reflect.ValueOf(&status), tt.added)
			shown := map[string]bool{}
			err := admin.EachPage(status, now, func(page, ours, theirs string) {
				theirs = strings.ReplaceAll(theirs, "#ZgotmplZ", "#unsafe")
				shown[page] = true
				if ours != theirs {
					t.Errorf("%s in %s, %s: the page is\n%s", tt.name, name, page, difference(ours, theirs))
				}
			})
			if err != nil || len(shown) != 10 {
				t.Errorf("%s in %s: %d pages, %v", tt.name, name, len(shown), err)
			}
		}
	}
}

// difference shows where two texts part.
func difference(a, b string) string {
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	around := func(s string) string { return s[max(0, n-80):min(len(s), n+80)] }
	return around(a) + "\nand not\n" + around(b)
}

// appendTo changes every text of a value.
func appendTo(v reflect.Value, added string) {
	switch v.Kind() {
	case reflect.String:
		if v.CanSet() {
			v.SetString(v.String() + added)
		}
	case reflect.Pointer:
		if !v.IsNil() {
			appendTo(v.Elem(), added)
		}
	case reflect.Slice:
		for i := range v.Len() {
			appendTo(v.Index(i), added)
		}
	case reflect.Struct:
		for _, field := range v.Fields() {
			appendTo(field, added)
		}
	}
}
