package cause_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// TestNextStepsStandInTheTableAlone looks for texts of next steps in the running proxy.
func TestNextStepsStandInTheTableAlone(t *testing.T) {
	files := 0
	running := []string{"translate", "proxy", "internal/call", "internal/app", "internal/admin", "internal/observe"}
	for _, root := range running {
		err := filepath.WalkDir(filepath.Join("..", "..", root), func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			files++
			at := token.NewFileSet()
			f, err := parser.ParseFile(at, path, nil, 0)
			if err != nil {
				return err
			}
			ast.Inspect(f, func(n ast.Node) bool {
				if text := writtenOut(n); text != nil {
					t.Errorf("%s: a next step that is not in the table", at.Position(text.Pos()))
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if files < 200 {
		t.Errorf("%d files were read", files)
	}
}

func TestATextOutsideTheTableIsFound(t *testing.T) {
	for _, test := range []struct {
		name, source string
		want         bool
	}{
		{"in a literal of a struct", `package p; var e = Error{NextStep: "do it"}`, true},
		{"put together", `package p; func f(e *Error) { e.NextStep = "do " + it }`, true},
		{"as a constant", `package p; const nextTrust = "trust it"`, true},
		{"in a line of the log", `package p; func f() { log.Warn("m", "next_step", "do it") }`, true},
		{"of a function of that name", `package p; func nextStep() string { return "do it" }`, true},
		{"a row of the table", `package p; func f(e *Error) { e.NextStep = id.Next("user", name) }`, false},
		{"two rows with a blank between", `package p; func f(e *Error) { e.NextStep += " " + id.Next() }`, false},
		{"a value in a line of the log", `package p; func f() { log.Warn("m", "next_step", e.NextStep, "n", 3) }`, false},
		{"a constant that is no text", `package p; const next = 3`, false},
	} {
		f, err := parser.ParseFile(token.NewFileSet(), "p.go", test.source, 0)
		if err != nil {
			t.Fatal(err)
		}
		found := false
		ast.Inspect(f, func(n ast.Node) bool { found = found || writtenOut(n) != nil; return true })
		if found != test.want {
			t.Errorf("%s: found %v", test.name, found)
		}
	}
}

// writtenOut gives the literal by which a node says what an operator does next; nil = none.
func writtenOut(n ast.Node) ast.Expr {
	switch n := n.(type) {
	case *ast.KeyValueExpr:
		if name, ok := n.Key.(*ast.Ident); ok && name.Name == "NextStep" {
			return literal(n.Value)
		}
	case *ast.AssignStmt:
		for i, to := range n.Lhs {
			if field, ok := to.(*ast.SelectorExpr); ok && field.Sel.Name == "NextStep" && i < len(n.Rhs) {
				return literal(n.Rhs[i])
			}
		}
	case *ast.ValueSpec:
		for i, name := range n.Names {
			if strings.HasPrefix(name.Name, "next") && i < len(n.Values) {
				return literal(n.Values[i])
			}
		}
	case *ast.CallExpr:
		for i, argument := range n.Args {
			if key, ok := argument.(*ast.BasicLit); ok && key.Value == `"next_step"` && i+1 < len(n.Args) {
				return literal(n.Args[i+1])
			}
		}
	case *ast.FuncDecl:
		if strings.EqualFold(n.Name.Name, "nextStep") {
			return returned(n.Body)
		}
	}
	return nil
}

// literal gives a text in quotes that is the expression or a part of its sum.
func literal(e ast.Expr) ast.Expr {
	switch e := e.(type) {
	case *ast.BasicLit:
		if e.Kind == token.STRING && strings.Trim(e.Value, "\"` ") != "" {
			return e
		}
	case *ast.BinaryExpr:
		if text := literal(e.X); text != nil {
			return text
		}
		return literal(e.Y)
	}
	return nil
}

func returned(body *ast.BlockStmt) (text ast.Expr) {
	ast.Inspect(body, func(n ast.Node) bool {
		if r, ok := n.(*ast.ReturnStmt); ok && text == nil && len(r.Results) > 0 {
			text = literal(r.Results[0])
		}
		return text == nil
	})
	return text
}
