package template_test

import (
	"errors"
	htmltemplate "html/template"
	"strings"
	"testing"
	texttemplate "text/template"

	"docusign-auth-proxy/internal/template"
)

type house struct {
	Name    string
	Rooms   []room
	None    []room
	Owner   *person
	Nobody  *person
	Any     any
	Calls   uint64
	Share   float64
	Good    bool
	Kind    kind
	Numbers map[string]int
	base
}

type (
	base   struct{ Street string }
	kind   string
	room   struct{ Name string }
	person struct{ Name string }
)

func (h *house) Big() bool                 { return len(h.Rooms) > 1 }
func (h *house) Room(i int) room           { return h.Rooms[i] }
func (r room) Long() int                   { return len(r.Name) }
func (p *person) Greets(who string) string { return p.Name + " greets " + who }
func (k kind) String() string              { return "kind " + string(k) }

func example() *house {
	return &house{
		Name: "Elm <1>", Rooms: []room{{"hall"}, {"bath"}}, Owner: &person{"Anna"}, Any: room{"attic"}, Calls: 7, Share: 0.5,
		Good: true, Kind: "brick", Numbers: map[string]int{"a": 1}, base: base{"Low Road"},
	}
}

// The functions that text/template has of its own are among these where this package has them, too.
func funcs() template.Funcs {
	return template.Funcs{
		"Big": (*house).Big, "Room": (*house).Room, "Long": room.Long, "Greets": (*person).Greets,
		"upper": strings.ToUpper, "some": func(list ...any) []any { return list },
		"fails": func() (string, error) { return "", errFails },
	}
}

var errFails = errors.New("it fails")

func TestTextIsThatOfTextTemplate(t *testing.T) {
	for _, text := range []string{
		`plain {{"text"}} {{12}} {{true}} {{.Name}} {{.Street}} {{.Share}} {{.Kind}} {{.Owner.Name}} {{.Numbers.a}} {{.Any.Name}}`,
		`{{/* a comment */}}{{- "  cut " -}}  {{print 1 2 "x"}} {{printf "%05d|%s" .Calls .Name}}`,
		`{{if .Good}}yes{{else}}no{{end}} {{if .Nobody}}a{{else if .Owner}}b{{else}}c{{end}} {{if not .Good}}x{{end}}`,
		`{{with .Owner}}{{.Name}} of {{$.Name}}{{end}} {{with .Nobody}}x{{else}}{{.Name}}{{end}} {{with $o := .Owner}}{{$o.Name}}{{end}}`,
		`{{range .Rooms}}{{.Name}},{{end}} {{range $r := .Rooms}}{{$r.Name}}{{end}} {{range $i, $r := .Rooms}}{{$i}}{{$r.Name}}{{end}}`,
		`{{range .Rooms}}{{$.Name}}{{end}} {{range .None}}x{{else}}none{{end}}`,
		`{{$a := 1}}{{if .Good}}{{$a = 2}}{{$b := 3}}{{$b}}{{end}}{{$a}} {{with $a := 5}}{{$a}}{{end}}{{$a}}`,
		`{{and .Good .Name}} {{and .Nobody .Name.Missing}} {{or .Nobody "x"}} {{or .Name (fails)}} {{or false 0 ""}} {{and 1 2}}`,
		`{{eq .Name "Elm <1>"}} {{ne 1 2}} {{lt .Calls .Calls}} {{gt 3 2}} {{eq .Kind "brick"}} {{eq (len .Rooms) 2}}`,
		`{{.Big}} {{with .Room 0}}{{.Long}}{{end}} {{.Owner.Greets "Ben"}} {{.Owner.Greets (upper .Name)}} {{len .Name}}`,
		`{{range some 1 "b" .Owner.Name}}{{.}};{{end}} {{index (some 4 5) 1}} {{range some}}x{{else}}nothing{{end}}`,
		`{{define "part"}}[{{.Name}}{{template "leaf"}}]{{end}}{{define "leaf"}}!{{end}}{{template "part" .Owner}}{{template "part" .}}`,
		`{{if .Rooms}}{{if .Numbers}}{{if .Any}}all{{end}}{{end}}{{end}}{{if .Share}}some{{end}}{{if .Owner}}pointer{{end}}`,
	} {
		var ours, theirs strings.Builder
		oracle := texttemplate.Must(texttemplate.New("").Funcs(texttemplate.FuncMap(funcs())).Parse(text))
		if err := oracle.Execute(&theirs, example()); err != nil {
			t.Errorf("%s: %v", text, err)
		}
		err := template.Text(funcs(), text).Execute(&ours, "", example())
		if err != nil || ours.String() != theirs.String() {
			t.Errorf("%s:\n%s\nand not\n%s\n%v", text, ours.String(), theirs.String(), err)
		}
	}
}

func TestWhatIsWrongIsAnError(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"a field that is not there", `{{.Missing}}`, "has no Missing"},
		{"a method that is not listed", `{{.Hidden}}`, "has no Hidden"},
		{"a field of nothing", `{{.Nobody.Name}}`, "has no Name"},
		{"an argument too many", `{{.Big 1}}`, "takes 1 arguments, not 2"},
		{"an argument of another kind", `{{upper 1}}`, "upper takes a string, not a int"},
		{"a comparison of two kinds", `{{eq .Name 1}}`, "cannot compare"},
		{"a template that is not there", `{{template "x"}}`, `there is no template "x"`},
		{"a function that fails", `{{fails}}`, "it fails"},
		{"a number with a point", `{{print 1.5}}`, "not supported"},
		{"a command after another", `{{.Name | upper}}`, "one command at a time"},
		{"the end of a loop within", `{{range .Rooms}}{{break}}{{end}}`, "not supported"},
	} {
		err := template.Text(funcs(), tt.text).Execute(&strings.Builder{}, "", example())
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	if err := template.Text(funcs(), `{{fails}}`).Execute(&strings.Builder{}, "", nil); !errors.Is(err, errFails) {
		t.Errorf("the error of a function is hidden: %v", err)
	}
	if err := template.Text(nil, `text`).Execute(full{}, "", nil); !errors.Is(err, errFails) {
		t.Errorf("the error of a writer is hidden: %v", err)
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFails }

func (h *house) Hidden() string { return "not in the list of functions" }

func TestAnotherPageTakesTheSameParts(t *testing.T) {
	base := template.HTML(nil, `{{define "page"}}<h1>{{template "title" .}}</h1>{{end}}`)
	for _, title := range []string{"one", "two"} {
		var out strings.Builder
		err := base.With(`{{define "title"}}`+title+` of {{.}}{{end}}`).Execute(&out, "page", "<b>")
		if want := "<h1>" + title + " of &lt;b&gt;</h1>"; err != nil || out.String() != want {
			t.Errorf("%s, %v", out.String(), err)
		}
	}
}

// everywhere has a value in each place where one may stand.
const everywhere = `<!DOCTYPE html><html lang="en"><head><title>{{.}}</title><style>a > b {color: red}</style></head><body>
{{define "part"}}<bdi>{{.}}</bdi>{{end}}<p class="state {{.}}" title="{{.}}"{{if .}} id="{{.}}"{{else}} id="none"{{end}} hidden>{{.}}</p>
<a href="{{.}}" rel="noreferrer">{{template "part" .}}</a> <a href="/users?q={{.}}&amp;x=1#y">a</a> <a href="/a/{{.}}/b">b</a>
<a href=" {{.}}">c</a><a href="#{{.}}">d</a><a href="/a/{{.}}?b={{.}}">e</a><a href="mailto:{{.}}">f</a>
<input name="q" value="{{.}}"><svg><rect x="{{.}}"/></svg><pre tabindex="0" aria-label="Text {{.}}">{{.}}</pre></body></html>`

func FuzzHTMLIsThatOfHTMLTemplate(f *testing.F) {
	ours, theirs := template.HTML(nil, everywhere), htmltemplate.Must(htmltemplate.New("").Parse(everywhere))
	for _, text := range []string{
		"", "plain", `"'<>&+` + "\x00`", "javascript:alert(1)", "JaVaScRiPt://%0aalert(1)", "https://a.example/b?c=d&e=f#g h",
		"data:text/html,<script>", "//host/path", "a/b:c", "%41%zz%", "é\xff\u2028", "</title></style></script>-->", " \t\nx",
		"{{.}}", "mailto:anna@example.com", "x:", ":x", "#", "?a", "[::1]:80",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var got, want strings.Builder
		if err := theirs.Execute(&want, text); err != nil {
			t.Fatal(err)
		}
		err := ours.Execute(&got, "", text)
		if expected := strings.ReplaceAll(want.String(), "#ZgotmplZ", "#unsafe"); err != nil || got.String() != expected {
			t.Errorf("%q:\n%s\nand not\n%s\n%v", text, got.String(), expected, err)
		}
	})
}

func TestValuesStandOnlyWhereTheyAreHarmless(t *testing.T) {
	for _, text := range []string{
		`<script>var a = "{{.}}"</script>`, `<style>{{.}}</style>`, `<STYLE>{{.}}</STYLE>`, `<!-- {{.}} -->`, `<p {{.}}>`,
		`<{{.}}>`, `<p class={{.}}>`, `<p class='{{.}}'>`, `<p onclick="{{.}}">`, `<p style="{{.}}">`, `<img src="{{.}}">`,
		`<p {{.}}="x">`, `<p data-{{.}}="x">`, `<a href="{{.}}`, `<p`, `{{if .}}<p class="{{end}}`,
		`{{if .}}<a href="/a?{{else}}<a href="/a{{end}}{{.}}">x</a>`, `{{range .}}<p class="{{end}}`, `<script>`,
		`{{define "a"}}x{{end}}<p class="{{template "a"}}">`, `<p class = "{{.}}">`, `<a xlink:href="{{.}}">`,
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s is taken", text)
				}
			}()
			template.HTML(nil, text)
		}()
	}
}
