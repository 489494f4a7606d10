package demo

import (
	_ "embed"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"

	"docusign-auth-proxy/internal/sandbox"
	"docusign-auth-proxy/internal/template"
)

const pageWidth = 100

// Colours are ANSI's own eight, so that they suit every terminal's theme.
const (
	ansiBold   = "\x1b[1m"
	ansiFaint  = "\x1b[2m"
	ansiRed    = "\x1b[31m"
	ansiGreen  = "\x1b[32m"
	ansiYellow = "\x1b[33m"
	ansiPlain  = "\x1b[0m"
)

// texts are what both commands print and write, but for the steps of the demo and the lines of the sandbox's log.
//
//go:embed text.tmpl
var texts string

// page writes to a terminal or a file.
type page struct {
	w       io.Writer
	colours bool
	texts   *template.Set
	err     error // the first that occurred
}

func newPage(w io.Writer) *page {
	p := &page{w: w, colours: takesColours(w)}
	in := func(colour string) func(string) string {
		return func(text string) string { return p.in(colour, text) }
	}
	p.texts = template.Text(template.Funcs{
		"bold": in(ansiBold), "red": in(ansiRed), "green": in(ansiGreen), "yellow": in(ansiYellow),
		"number": func(i int) string { return fmt.Sprintf("%3d. ", i+1) },
		"legacy": legacyText, "refused": refusedText,
		"Reached": proof.Reached, "Total": sandbox.Legacy.Total,
	}, texts)
	return p
}

// takesColours is true for a terminal whose owner does not object (https://no-color.org).
func takesColours(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return false
	}
	if runtime.GOOS == "windows" && os.Getenv("WT_SESSION") == "" {
		return false // the consoles of old servers would show the codes
	}
	st, err := f.Stat()
	return err == nil && st.Mode()&os.ModeCharDevice != 0
}

func (p *page) in(colour, text string) string {
	if !p.colours || colour == "" {
		return text
	}
	return colour + text + ansiPlain
}

// print writes one of the texts.
func (p *page) print(name string, data any) {
	if p.err == nil {
		p.err = p.texts.Execute(p.w, name, data)
	}
}

// written is one of the texts by itself.
func written(name string, data any) string {
	var b strings.Builder
	p := newPage(&b)
	p.print(name, data)
	if p.err != nil {
		panic(p.err) // the text does not fit its data
	}
	return b.String()
}

func (p *page) line(format string, args ...any) {
	if _, err := fmt.Fprintf(p.w, format+"\n", args...); err != nil && p.err == nil {
		p.err = err
	}
}

// step prints one step: title, what went over the wires, how it ended.
func (p *page) step(number int, a step) {
	p.line("")
	p.line("%s", p.in(ansiBold, fmt.Sprintf("%d. %s", number, a.Title)))
	for _, e := range a.Excerpts {
		label := e.Who
		for line := range strings.SplitSeq(e.Text, "\n") {
			p.fold(fmt.Sprintf("%19s | ", label), line, colourOf(line))
			label = ""
		}
	}
	for _, note := range a.Notes {
		p.fold(fmt.Sprintf("%19s   ", ""), note, ansiFaint)
	}
	mark, colour := "=> ", ansiGreen
	if len(a.Trouble) > 0 {
		mark, colour = "=> NOT AS IT SHOULD BE: ", ansiRed
	} else if number == 1 {
		colour = ansiYellow
	}
	p.line("%19s %s", "", p.in(colour, mark+a.Result))
	for _, t := range a.Trouble {
		p.fold(fmt.Sprintf("%19s    ", ""), t, ansiRed)
	}
}

// colourOf marks what the demo is about: the old credential and the new one.
func colourOf(line string) string {
	switch {
	case strings.HasPrefix(line, "Authorization: Bearer"):
		return ansiGreen
	case strings.HasPrefix(line, "X-DocuSign-Authentication"), strings.Contains(line, "<wsse:"),
		strings.Contains(line, "</wsse:"),
		strings.HasPrefix(line, "grant_type=password"), strings.HasPrefix(line, "Authorization: bearer"):
		return ansiYellow
	}
	return ""
}

// fold prints a text after a prefix and breaks it at the width of the page, after a character that separates where
// there is one.
func (p *page) fold(prefix, text, colour string) {
	label, _, _ := strings.Cut(prefix, "|")
	next := strings.Repeat(" ", len(label)) + strings.TrimPrefix(prefix, label) + "  "
	rest := []rune(text)
	for len(rest) > pageWidth-len(prefix) {
		at := breakAt(rest[:pageWidth-len(prefix)])
		p.line("%s%s", prefix, p.in(colour, strings.TrimRight(string(rest[:at]), " ")))
		prefix, rest = next, rest[at:]
	}
	p.line("%s", strings.TrimRight(prefix+p.in(colour, string(rest)), " "))
}

// breakAt finds the last separator in the second half of a line, or its end.
func breakAt(line []rune) int {
	for i := len(line) - 1; i > len(line)/4; i-- {
		if strings.ContainsRune(" ,&>]?", line[i]) {
			return i + 1
		}
	}
	return len(line)
}
