package config

import (
	"reflect"

	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/internal/password"
	"docusign-auth-proxy/internal/privatekey"
	"docusign-auth-proxy/internal/secret"
)

// form is a section of the file that stands for one value: exactly one of its keys is given.
type form struct {
	keys reflect.Type // a struct of texts
	// read makes the value from the text of one key, which stands at path. It returns nil after it has reported why
	// there is none.
	read func(s *sources, path, key, text string) any
}

// formOf returns nil for the types that do not stand in the file as a form.
func formOf(t reflect.Type) *form {
	switch t {
	case reflect.TypeFor[secret.Text]():
		return &form{reflect.TypeFor[secretForm](), readSecret}
	case reflect.TypeFor[password.Password]():
		return &form{reflect.TypeFor[passwordForm](), readPassword}
	case reflect.TypeFor[integration.PrivateKey]():
		return &form{reflect.TypeFor[privateKeyForm](), readPrivateKey}
	}
	return nil
}

func readSecret(s *sources, path, key, text string) any { return s.secret(path, key, text) }

const hashHint = "make one with: docusign-auth-proxy hash-password"

func readPassword(s *sources, path, key, text string) any {
	hashes := map[string]func(string) (password.Password, error){"bcrypt": password.Bcrypt, "argon2id": password.Argon2id}
	parse := hashes[key]
	if parse == nil {
		return password.Plain(s.secret(path, key, text))
	}
	p, err := parse(text)
	if err != nil {
		s.problem(path, err.Error(), hashHint)
		return nil
	}
	weak := p.Weakness()
	s.warnIf(weak != "", path, weak, hashHint)
	return p
}

func readPrivateKey(s *sources, path, key, text string) any {
	var k integration.PrivateKey
	switch key {
	case "pem":
		k.PEM, k.Source = secret.New(text), "configuration file"
		s.warnIfShared(s.file, path)
	case "file":
		data, name := s.named(path, text, "")
		s.warnIfShared(name, path)
		k.PEM, k.Source = secret.New(string(data)), "file "+name
	default:
		k.PEM, k.Source = s.variable(path, text), "environment variable "+text
	}
	if s.faulty[path] {
		return nil
	}
	var err error
	if k.Key, err = privatekey.RSA([]byte(k.PEM.Reveal())); err != nil {
		keyProblem(s.report, path, k.Source, err)
	}
	return k
}
