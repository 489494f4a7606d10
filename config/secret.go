package config

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"docusign-auth-proxy/internal/secret"
)

// Secret is a secret that a file or an environment variable held when the configuration was read.
type Secret struct {
	// Text is empty when the configuration gives none.
	Text secret.Text
	// Source is where it came from, as in "file keys/secret.txt", fit for a message.
	Source string
}

// MarshalText makes encoders write the source.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.Source), nil }

func (s *Secret) form() any { return &secretForm{} }

func (s *Secret) fill(l *loader, path string, form any) {
	f := form.(*secretForm)
	if !l.exactlyOne(path, []string{"file", "env"}, f.File != "", f.Env != "") {
		return
	}
	s.Text, s.Source = l.secret(path, f.File, f.Env)
}

// exactlyOne reports a problem unless one alternative of a form is given.
func (l *loader) exactlyOne(path string, names []string, given ...bool) bool {
	count := 0
	for _, g := range given {
		if g {
			count++
		}
	}
	if count != 1 {
		l.problem(path, "needs exactly one of "+orList(names), "")
	}
	return count == 1
}

// secret reads one secret from a file or, when file is empty, from an environment variable.
func (l *loader) secret(path, file, env string) (text secret.Text, source string) {
	if file != "" {
		return l.secretFile(child(path, "file"), file)
	}
	return l.secretVariable(child(path, "env"), env)
}

func (l *loader) secretFile(path, file string) (secret.Text, string) {
	name := l.resolvePath(file)
	data, err := l.read(name)
	if err != nil {
		l.problem(path, err.Error(), "")
		return secret.Text{}, ""
	}
	l.warnIfShared(name, path)
	// Editors end a file with a line end, and on Windows may begin it with a byte order mark; neither is meant.
	data = bytes.TrimRight(bytes.TrimPrefix(data, []byte("\ufeff")), "\r\n")
	switch {
	case len(data) == 0:
		l.problem(path, fmt.Sprintf("the file %s is empty", name), "")
	case !utf8.Valid(data):
		l.problem(path, fmt.Sprintf("the file %s is not UTF-8 text", name), "")
	}
	return secret.New(string(data)), "file " + name
}

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,127}$`)

func (l *loader) secretVariable(path, variable string) (secret.Text, string) {
	if !variableName.MatchString(variable) {
		l.problem(path, "is not the name of an environment variable", "the name stands here, the secret in the variable")
		return secret.Text{}, ""
	}
	text, set := l.env.LookupEnv(variable)
	switch {
	case !set:
		l.problem(path, fmt.Sprintf("the environment variable %s is not set", variable), "")
	case strings.TrimRight(text, "\r\n") == "":
		l.problem(path, fmt.Sprintf("the environment variable %s is empty", variable), "")
	}
	return secret.New(strings.TrimRight(text, "\r\n")), "environment variable " + variable
}
