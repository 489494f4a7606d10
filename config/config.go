// Package config turns the YAML file into one validated value that nobody changes afterwards.
// It must never let a secret reach a message, and never return a value with a known fault in it.
// The commands call it; every other package is handed plain values taken from it.
package config

import (
	"cmp"
	"io/fs"
	"maps"
	"os"
	"reflect"
	"slices"

	"docusign-auth-proxy/internal/files"
	"docusign-auth-proxy/internal/words"
)

// MaxFileSize bounds the configuration file and each file it names, in bytes.
const (
	MaxFileSize = 1 << 20
	maxFileSize = "1MiB" // in messages
)

// Environment is all that reading a configuration may ask of the machine. A nil function means the one of package os.
type Environment struct {
	ReadFile  func(name string) ([]byte, error)
	Stat      func(name string) (fs.FileInfo, error)
	LookupEnv func(name string) (string, bool)
	OpenTo    func(name string) (who string, err error) // as files.OpenTo
}

func (e Environment) withDefaults() Environment {
	if e.ReadFile == nil {
		e.ReadFile = os.ReadFile
	}
	if e.Stat == nil {
		e.Stat = os.Stat
	}
	if e.LookupEnv == nil {
		e.LookupEnv = os.LookupEnv
	}
	if e.OpenTo == nil {
		e.OpenTo = files.OpenTo
	}
	return e
}

// Load reads and validates the file at path. The error is a Problems with everything that is wrong.
func Load(path string) (*Config, error) {
	c, _, err := load(path, Environment{})
	return c, err
}

// Parse validates data as if it were the contents of the file at path, which is named in messages and is what relative
// paths are relative to. The error is a Problems with everything that is wrong.
func Parse(data []byte, path string, env Environment) (*Config, error) {
	return parse(&sources{newReport(path), env.withDefaults(), digests{path: {}}, map[string]bool{}}, data)
}

// Default returns a configuration in which every field has the default the reference tells. It does not validate: it
// lacks what only the operator knows.
func Default() *Config {
	c := &Config{}
	setDefaults(reflect.ValueOf(c).Elem())
	return c
}

func load(path string, env Environment) (*Config, digests, error) {
	s := &sources{newReport(path), env.withDefaults(), digests{}, map[string]bool{}}
	data, err := s.files.read(s.env, path)
	if err != nil {
		return nil, s.files, Problems{Unreadable(path, err)}
	}
	c, err := parse(s, data)
	return c, s.files, err
}

// Unreadable is the problem of a configuration file that could not be read.
func Unreadable(path string, err error) Problem {
	file := words.OfFile(path, err, "")
	hint := "name the configuration with --config FILE; docusign-auth-proxy discover writes one"
	return Problem{File: path, Message: file.What, Hint: cmp.Or(file.Hint, hint)}
}

func parse(s *sources, data []byte) (*Config, error) {
	c := Default()
	if root := document(s.report, data); root != nil && decodeConfig(s, root, c) {
		check(s, c)
	}
	if problems := s.problems.sorted(); len(problems) > 0 {
		return nil, problems
	}
	c.Warnings = s.warnings.sorted()
	c.Files = slices.Sorted(maps.Keys(s.files))
	c.report = s.report
	return c, nil
}
