package config

import (
	"bytes"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"unicode/utf8"

	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/internal/password"
	"docusign-auth-proxy/internal/privatekey"
	"docusign-auth-proxy/internal/secret"
)

// form is a section of the file that stands for one value, given in one of several ways.
type form interface {
	// read returns the value, or nil after it has reported why there is none.
	read(l *loader, path string) any
}

// formOf returns an empty form for the types that stand in the file as one, and nil for all others.
func formOf(t reflect.Type) form {
	switch t {
	case reflect.TypeFor[secret.Text]():
		return &secretForm{}
	case reflect.TypeFor[password.Password]():
		return &passwordForm{}
	case reflect.TypeFor[integration.PrivateKey]():
		return &privateKeyForm{}
	}
	return nil
}

// theOne finds the one field of a form that is given. It reports a problem unless there is exactly one.
func (l *loader) theOne(path string, form any) (name, text string, ok bool) {
	v := reflect.ValueOf(form).Elem()
	fields, names := yamlFields(v.Type())
	count := 0
	for _, n := range names {
		if given := v.FieldByIndex(fields[n].Index).String(); given != "" {
			name, text = n, given
			count++
		}
	}
	if count != 1 {
		l.problem(path, "needs exactly one of "+orList(names), "")
	}
	return name, text, count == 1
}

func (f *secretForm) read(l *loader, path string) any {
	name, text, ok := l.theOne(path, f)
	if !ok {
		return nil
	}
	s, _ := l.secret(child(path, name), name, text)
	return s
}

const hashHint = "make one with: docusign-auth-proxy hash-password"

func (f *passwordForm) read(l *loader, path string) any {
	name, text, ok := l.theOne(path, f)
	if !ok {
		return nil
	}
	at := child(path, name)
	hashes := map[string]func(string) (password.Password, error){"bcrypt": password.Bcrypt, "argon2id": password.Argon2id}
	parse := hashes[name]
	if parse == nil {
		clear, _ := l.secret(at, name, text)
		return password.Plain(clear)
	}
	p, err := parse(text)
	if err != nil {
		l.problem(at, err.Error(), hashHint)
		return nil
	}
	if weak := p.Weakness(); weak != "" {
		l.warn(at, weak, hashHint)
	}
	return p
}

func (f *privateKeyForm) read(l *loader, path string) any {
	name, text, ok := l.theOne(path, f)
	if !ok {
		return nil
	}
	at, k := child(path, name), integration.PrivateKey{}
	switch name {
	case "pem":
		k.PEM, k.Source = secret.New(text), "configuration file"
		l.warnIfShared(l.file, at)
	case "file":
		data, name := l.named(at, text, "")
		if data == nil {
			return nil
		}
		l.warnIfShared(name, at)
		k.PEM, k.Source = secret.New(string(data)), "file "+name
	default:
		k.PEM, k.Source = l.variable(at, text)
	}
	if l.faulty[at] {
		return nil
	}
	var err error
	if k.Key, err = privatekey.RSA([]byte(k.PEM.Reveal())); err != nil {
		l.keyProblem(at, k.Source, err)
	}
	return k
}

// secret reads a secret from a file or an environment variable, whichever kind says, and tells which one that was.
func (l *loader) secret(path, kind, name string) (text secret.Text, source string) {
	if kind == "env" {
		return l.variable(path, name)
	}
	data, file := l.named(path, name, "")
	if data == nil {
		return secret.Text{}, ""
	}
	l.warnIfShared(file, path)
	// Editors end a file with a line end, and on Windows may begin it with a byte order mark; neither is meant.
	data = bytes.TrimRight(bytes.TrimPrefix(data, []byte("\ufeff")), "\r\n")
	switch {
	case len(data) == 0:
		l.problem(path, fmt.Sprintf("the file %s is empty", file), "")
	case !utf8.Valid(data):
		l.problem(path, fmt.Sprintf("the file %s is not UTF-8 text", file), "")
	}
	return secret.New(string(data)), "file " + file
}

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,127}$`)

func (l *loader) variable(path, name string) (secret.Text, string) {
	if !variableName.MatchString(name) {
		l.problem(path, "is not the name of an environment variable", "the name stands here, the secret in the variable")
		return secret.Text{}, ""
	}
	text, set := l.env.LookupEnv(name)
	text = strings.TrimRight(text, "\r\n")
	switch {
	case !set:
		l.problem(path, fmt.Sprintf("the environment variable %s is not set", name), "")
	case text == "":
		l.problem(path, fmt.Sprintf("the environment variable %s is empty", name), "")
	}
	return secret.New(text), "environment variable " + name
}
