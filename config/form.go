package config

import (
	"reflect"

	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/internal/password"
	"docusign-auth-proxy/internal/privatekey"
	"docusign-auth-proxy/internal/secret"
)

// form is a section of the file that stands for one value, given in one of several ways.
type form interface {
	// read returns the value, or nil after it has reported why there is none.
	read(s *sources, path string) any
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
func theOne(r *report, path string, form any) (name, text string, ok bool) {
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
		r.problem(path, "needs exactly one of "+orList(names), "")
	}
	return name, text, count == 1
}

func (f *secretForm) read(s *sources, path string) any {
	name, text, ok := theOne(s.report, path, f)
	if !ok {
		return nil
	}
	return s.secret(child(path, name), name, text)
}

const hashHint = "make one with: docusign-auth-proxy hash-password"

func (f *passwordForm) read(s *sources, path string) any {
	name, text, ok := theOne(s.report, path, f)
	if !ok {
		return nil
	}
	at := child(path, name)
	hashes := map[string]func(string) (password.Password, error){"bcrypt": password.Bcrypt, "argon2id": password.Argon2id}
	parse := hashes[name]
	if parse == nil {
		return password.Plain(s.secret(at, name, text))
	}
	p, err := parse(text)
	if err != nil {
		s.problem(at, err.Error(), hashHint)
		return nil
	}
	if weak := p.Weakness(); weak != "" {
		s.warn(at, weak, hashHint)
	}
	return p
}

func (f *privateKeyForm) read(s *sources, path string) any {
	name, text, ok := theOne(s.report, path, f)
	if !ok {
		return nil
	}
	at, k := child(path, name), integration.PrivateKey{}
	switch name {
	case "pem":
		k.PEM, k.Source = secret.New(text), "configuration file"
		s.warnIfShared(s.file, at)
	case "file":
		data, name := s.named(at, text, "")
		if data == nil {
			return nil
		}
		s.warnIfShared(name, at)
		k.PEM, k.Source = secret.New(string(data)), "file "+name
	default:
		k.PEM, k.Source = s.variable(at, text), "environment variable "+text
	}
	if s.faulty[at] {
		return nil
	}
	var err error
	if k.Key, err = privatekey.RSA([]byte(k.PEM.Reveal())); err != nil {
		keyProblem(s.report, at, k.Source, err)
	}
	return k
}
