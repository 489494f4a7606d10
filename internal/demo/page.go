package demo

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
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

// page writes the demo as text.
type page struct {
	w       io.Writer
	colours bool
	err     error // the first that occurred
}

func newPage(w io.Writer) *page { return &page{w: w, colours: takesColours(w)} }

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

func (p *page) line(format string, args ...any) {
	if _, err := fmt.Fprintf(p.w, format+"\n", args...); err != nil && p.err == nil {
		p.err = err
	}
}

func (p *page) opening() {
	p.line("%s", p.in(ansiBold, "docusign-auth-proxy: an old program keeps its password, DocuSign gets OAuth"))
	p.line("")
	p.line("Nothing leaves this machine. DocuSign is played by a strict stand-in that takes and refuses what")
	p.line("DocuSign does. What follows went over real sockets; only passwords and tokens are shown as %s", masked)
	p.line("and long lines are folded.")
}

// step prints one step: title, what went over the wires, how it ended.
func (p *page) step(number int, a step) {
	p.line("")
	p.line("%s", p.in(ansiBold, fmt.Sprintf("%d. %s", number, a.Title)))
	for _, e := range a.Excerpts {
		p.excerpt(e)
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

func (p *page) excerpt(e excerpt) {
	label := e.Who
	for line := range strings.SplitSeq(e.Text, "\n") {
		p.fold(fmt.Sprintf("%19s | ", label), line, colourOf(line))
		label = ""
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
	next := strings.Map(func(r rune) rune {
		if r == '|' {
			return r
		}
		return ' '
	}, prefix) + "  "
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

// ending prints what was proved, what moved and how to go on.
func (p *page) ending(done report) {
	p.line("")
	p.line("%s", p.in(ansiBold, "What DocuSign saw of the calls that went through the proxy"))
	colour := ansiGreen
	if !done.OK {
		colour = ansiRed
	}
	p.line("%s", p.in(colour, fmt.Sprintf("%6d  legacy credentials that reached DocuSign",
		done.Proof.Legacy+done.Proof.Leaks)))
	p.line("%6d  calls let in with a bearer token, %d refused", done.Proof.Let, done.Proof.Refused)
	p.line("%6d  token grant for all of them", done.Proof.Grants)
	p.line("")
	p.line("%s", p.in(ansiBold, "What the proxy counted ("+metricsPrefix+"..., at /metrics for Prometheus)"))
	for _, m := range done.Metrics {
		p.line("%+6g  %s", m.By, m.Name)
	}
	for _, t := range done.Trouble {
		p.line("%s", p.in(ansiRed, "NOT AS IT SHOULD BE: "+t))
	}
	p.line("")
	if !done.OK {
		p.line("%s", p.in(ansiRed, "Something did not behave as it should; see the lines above. The exit code is 1."))
		return
	}
	p.line("%s", p.in(ansiBold, "How to go on with a real account"))
	for i, s := range done.Next {
		if s.Command == "" {
			p.line("%3d. %s", i+1, s.Why)
			continue
		}
		p.line("%3d. %s  %s", i+1, p.in(ansiGreen, fmt.Sprintf("%-50s", s.Command)), s.Why)
	}
	p.line("")
	p.line("By hand: docusign-auth-proxy demo --keep. Your own program, offline: docusign-auth-proxy sandbox")
}
