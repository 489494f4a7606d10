package metrics

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/cause"
)

// sources parses the packages where words come from, so that one added elsewhere and forgotten in the closed lists is
// found.
func sources(t *testing.T, pattern string) []*ast.File {
	t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	return files
}

func inspect[N ast.Node](files []*ast.File, f func(N)) {
	for _, file := range files {
		ast.Inspect(file, func(n ast.Node) bool {
			if want, ok := n.(N); ok {
				f(want)
			}
			return true
		})
	}
}

func literal(e ast.Expr) (string, bool) {
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return "", false
	}
	s, err := strconv.Unquote(lit.Value)
	return s, err == nil
}

func TestEveryDoorAPIAndOutcomeIsALabel(t *testing.T) {
	w := newLabelWords()
	lists := map[string]words{"Door": w.doors, "API": w.apis, "Outcome": w.outcomes}
	seen := map[string]int{}
	inspect(sources(t, "../../call/*.go"), func(spec *ast.ValueSpec) {
		kind, ok := spec.Type.(*ast.Ident)
		if !ok || len(spec.Values) != 1 {
			return
		}
		list, ok := lists[kind.Name]
		word, isText := literal(spec.Values[0])
		if !ok || !isText {
			return
		}
		seen[kind.Name]++
		if word != "other" && !list[word] {
			t.Errorf("%s %q is missing in labels.go", kind.Name, word)
		}
	})
	for kind, list := range lists {
		if seen[kind] == 0 || list["no such word"] {
			t.Errorf("%s: %d constants found", kind, seen[kind])
		}
	}
}

func TestEveryCauseOfTheProxyIsALabel(t *testing.T) {
	w := newLabelWords()
	at := map[string]struct {
		argument int
		list     words
	}{"refused": {1, w.causes}, "refuseConnect": {2, w.connects}}
	rows, found := rowsByName(t), map[string]int{}
	inspect(sources(t, "../../../proxy/*.go"), func(call *ast.CallExpr) {
		sel, ok := call.Fun.(*ast.SelectorExpr)
		if !ok {
			return
		}
		where, ok := at[sel.Sel.Name]
		if !ok {
			return
		}
		row, ok := call.Args[where.argument].(*ast.SelectorExpr)
		if !ok {
			return // a value, whose words are those of its package
		}
		id, ok := rows[row.Sel.Name]
		if ok {
			found[sel.Sel.Name]++
		}
		if ok && !where.list[id.String()] {
			t.Errorf("%s(… cause.%s …) is missing in labels.go", sel.Sel.Name, row.Sel.Name)
		}
	})
	// What DocuSign refused is noted by values; each row that such a value can have stands in this file.
	inspect(sources(t, "../../../proxy/edit.go"), func(row *ast.SelectorExpr) {
		id, ok := rows[row.Sel.Name]
		if of, named := row.X.(*ast.Ident); !ok || !named || of.Name != "cause" {
			return
		}
		found["because"]++
		if !w.causes[id.String()] {
			t.Errorf("cause.%s of edit.go is missing in labels.go", row.Sel.Name)
		}
	})
	for _, name := range []string{"refused", "refuseConnect", "because"} {
		if found[name] == 0 {
			t.Errorf("no row of %s was found", name)
		}
	}
}

// rowsByName gives the rows of the table by their names in the source, which stand there in order.
func rowsByName(t *testing.T) map[string]cause.ID {
	rows := map[string]cause.ID{}
	inspect(sources(t, "../../cause/calls.go"), func(spec *ast.ValueSpec) {
		if name := spec.Names[0].Name; ast.IsExported(name) {
			rows[name] = cause.ID(len(rows) + 1)
		}
	})
	return rows
}

// TestEveryCauseIsInTheTable also holds rows of one word against each other: a label cannot tell them apart, so they
// need somebody or nobody alike.
func TestEveryCauseIsInTheTable(t *testing.T) {
	w := newLabelWords()
	for _, list := range []words{w.causes, w.grantErrors, w.conns, w.connects} {
		for word := range list {
			if _, ok := cause.Lookup(word); !ok {
				t.Errorf("%s has no row", word)
			}
		}
	}
	for _, id := range cause.All() {
		first, _ := cause.Lookup(id.String())
		if (first.Of().Severity > cause.Note) != (id.Of().Severity > cause.Note) {
			t.Errorf("%s is %s in one row and %s in another", id, first.Of().Severity, id.Of().Severity)
		}
	}
}

func TestLabelWords(t *testing.T) {
	w := newLabelWords()
	for _, tt := range []struct{ name, got, want string }{
		{"a cause of the account server", w.cause("consent_required", 401), "consent_required"},
		{"a usual status of DocuSign", w.cause("docusign_429", 429), "docusign_429"},
		{"a rare client error of DocuSign", w.cause("docusign_499", 499), "docusign_4xx"},
		{"a rare server error of DocuSign", w.cause("docusign_599", 599), "docusign_5xx"},
		{"no cause", w.cause("", 500), "other"},
		{"no status", classLabel(0), "none"},
		{"switching protocols", classLabel(101), "1xx"},
		{"a server error", classLabel(599), "5xx"},
		{"a status that is none", classLabel(600), "other"},
		{"SSL 3", tlsLabel(0x0300), "other"},
		{"TLS 1.0", tlsLabel(0x0301), "1.0"},
		{"TLS 1.3", tlsLabel(0x0304), "1.3"},
		{"a kind of grant error", w.grantErrors.known("invalid_key"), "invalid_key"},
	} {
		if tt.got != tt.want {
			t.Errorf("%s is %q, want %q", tt.name, tt.got, tt.want)
		}
	}
	for s := range w.schemes {
		if w.legacySchemes[s] != (s != "none" && s != "oauth_bearer") {
			t.Errorf("scheme %s: legacy %t", s, w.legacySchemes[s])
		}
	}
}
