package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one fault of a configuration, at the place where the operator can mend it.
type Problem struct {
	File    string // as given to Load or Parse
	Line    int    // from 1; 0 when the fault is of the file as a whole
	Column  int    // from 1
	Path    string // as in "integrations[0].users[1].password"; empty for the file as a whole
	Message string
	Hint    string // what to write instead; may be empty
	Cause   string // word of internal/cause; "" = it has no row there
}

// String returns the problem on one line, in the form editors and compilers use.
func (p Problem) String() string {
	text := p.File
	if p.Line > 0 {
		text += fmt.Sprintf(":%d:%d", p.Line, p.Column)
	}
	if p.Path != "" {
		text += ": " + p.Path
	}
	text += ": " + p.Message
	if p.Hint != "" {
		text += " (" + p.Hint + ")"
	}
	return text
}

// Problems is every fault of a configuration, in the order of the file. As an error it is never empty.
type Problems []Problem

// Error returns one line for each problem.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, problem := range p {
		lines[i] = problem.String()
	}
	return strings.Join(lines, "\n")
}

func (p Problems) sorted() Problems {
	slices.SortStableFunc(p, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column),
			cmp.Compare(a.Path, b.Path), cmp.Compare(a.Message, b.Message))
	})
	return p
}

type position struct{ line, column int }

// report collects problems and warnings and knows where each path stands in the file.
type report struct {
	file      string
	positions map[string]position
	faulty    map[string]bool // one problem for each path: the first is the cause, the rest would be its echo
	unread    map[string]bool // what could not be read at all: nothing is said about what is missing in it
	problems  Problems
	warnings  Problems
}

func newReport(file string) *report {
	return &report{file: file, positions: map[string]position{}, faulty: map[string]bool{}, unread: map[string]bool{}}
}

func (r *report) problemIf(wrong bool, path, message, hint string) {
	if wrong {
		r.problem(path, message, hint)
	}
}

func (r *report) warnIf(doubtful bool, path, message, hint string) {
	if doubtful {
		r.warn(path, message, hint)
	}
}

func (r *report) problem(path, message, hint string) {
	for around := path; around != ""; around = around[:max(0, strings.LastIndexAny(around, ".["))] {
		if r.unread[around] {
			return
		}
	}
	r.problemAt(r.locate(path), path, message, hint)
}

// mismatch reports a value of the wrong shape, and silences everything that would follow from its absence.
func (r *report) mismatch(path, message, hint string) {
	r.problem(path, message, hint)
	r.unread[path] = true
}

func (r *report) problemAt(at position, path, message, hint string) {
	if r.faulty[path] {
		return
	}
	r.faulty[path] = true
	r.add(at, path, message, hint)
}

// maxProblems bounds the problems told of one file.
const maxProblems = 500

func (r *report) add(at position, path, message, hint string) {
	if len(r.problems) >= maxProblems {
		return
	}
	r.problems = append(r.problems, Problem{r.file, at.line, at.column, path, message, hint, ""})
}

func (r *report) warn(path, message, hint string) {
	at := r.locate(path)
	r.warnings = append(r.warnings, Problem{r.file, at.line, at.column, path, message, hint, ""})
}

// locate finds the place of a path, or of the nearest thing around it when the path is not in the file.
func (r *report) locate(path string) position {
	for {
		if at, ok := r.positions[path]; ok {
			return at
		}
		cut := strings.LastIndexAny(path, ".[")
		if cut < 0 {
			return position{1, 1}
		}
		path = path[:cut]
	}
}

// Problem is one that shows only when the configuration is put to use, at the place of path in its file.
func (c *Config) Problem(path, message string) Problem {
	at := c.report.locate(path)
	if path == "" {
		at = position{}
	}
	return Problem{File: c.report.file, Line: at.line, Column: at.column, Path: path, Message: message}
}

// File is the configuration's name, as the operator gave it.
func (c *Config) File() string { return c.report.file }

func child(path, key string) string {
	switch {
	case strings.ContainsAny(key, `.[]" `):
		return fmt.Sprintf("%s[%q]", path, key)
	case path == "":
		return key
	}
	return path + "." + key
}

func item(path string, i int) string { return fmt.Sprintf("%s[%d]", path, i) }
