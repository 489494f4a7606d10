// Package config turns the YAML file into one validated value that nobody changes afterwards.
// It must never let a secret reach a message, and never return a value with a known fault in it.
// The commands call it; every other package is handed plain values taken from it.
package config

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// MaxFileSize bounds the configuration file and each file it names, in bytes.
const MaxFileSize = 1 << 20

// Environment is all that reading a configuration may ask of the machine. A nil function means the one of package os.
type Environment struct {
	ReadFile  func(name string) ([]byte, error)
	Stat      func(name string) (fs.FileInfo, error)
	LookupEnv func(name string) (string, bool)
	// GOOS is the operating system; "windows" has no file permission worth a warning. Empty means runtime.GOOS.
	GOOS string
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
	e.GOOS = cmp.Or(e.GOOS, runtime.GOOS)
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
	c, _, err := parse(data, path, env)
	return c, err
}

// Default returns a configuration in which every field has the default the reference tells. It does not validate: it
// lacks what only the operator knows.
func Default() *Config {
	c := &Config{}
	setDefaults(reflect.ValueOf(c).Elem())
	return c
}

// digests remembers what every file held when it was read.
type digests map[string]digest

// digest is the SHA-256 of a file, and zero for a file that cannot be read.
type digest [sha256.Size]byte

func digestOf(env Environment, name string) digest {
	data, err := readBounded(env, name)
	if err != nil {
		return digest{}
	}
	return sha256.Sum256(data)
}

func load(path string, env Environment) (*Config, digests, error) {
	env = env.withDefaults()
	data, err := readBounded(env, path)
	if err != nil {
		hint := "give the path of the configuration file"
		return nil, digests{path: {}}, Problems{{File: path, Message: err.Error(), Hint: hint}}
	}
	return parse(data, path, env)
}

func parse(data []byte, path string, env Environment) (*Config, digests, error) {
	l := &loader{
		report: newReport(path),
		env:    env.withDefaults(),
		files:  digests{path: sha256.Sum256(data)},
		budget: maxNodes,
	}
	c := Default()
	if root := l.document(data); root != nil {
		l.decode(root, reflect.ValueOf(c).Elem(), "", "")
		l.check(c)
	}
	if problems := l.problems.sorted(); len(problems) > 0 {
		return nil, l.files, problems
	}
	c.Warnings = l.warnings.sorted()
	c.Files = l.files.names()
	c.report = l.report
	return c, l.files, nil
}

func (d digests) names() []string {
	names := make([]string, 0, len(d))
	for name := range d {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// loader is one reading of one configuration file.
type loader struct {
	*report
	env    Environment
	files  digests
	budget int
}

// document parses the text into its single top mapping, or reports why not and returns nil.
func (l *loader) document(data []byte) *yaml.Node {
	if len(data) > MaxFileSize {
		l.problemAt(position{}, "", fmt.Sprintf("is larger than %s", Size(MaxFileSize)), "")
		return nil
	}
	var doc, extra yaml.Node
	documents := yaml.NewDecoder(bytes.NewReader(data))
	err := documents.Decode(&doc)
	if errors.Is(err, io.EOF) || (err == nil && isNull(doc.Content[0])) {
		return &yaml.Node{Kind: yaml.MappingNode, Line: 1, Column: 1}
	}
	if err != nil {
		l.syntaxError(err)
		return nil
	}
	switch err := documents.Decode(&extra); {
	case err == nil:
		at := position{extra.Line, extra.Column}
		l.problemAt(at, "", "a second YAML document starts here", "keep one document, without a line of ---")
		return nil
	case !errors.Is(err, io.EOF):
		l.syntaxError(err)
		return nil
	}
	return doc.Content[0]
}

var syntaxLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)`)

// syntaxError reports what the YAML parser said, less the one message in which it repeats a piece of the file.
func (l *loader) syntaxError(err error) {
	text, at := err.Error(), position{}
	if m := syntaxLine.FindStringSubmatch(text); m != nil {
		text = m[2]
		if n, err := strconv.Atoi(m[1]); err == nil {
			at = position{n, 1}
		}
	}
	if strings.Contains(text, "unknown anchor") {
		l.problemAt(at, "", "not valid YAML: a value starts with * and is taken for an alias", "put such a value in quotes")
		return
	}
	l.problemAt(at, "", "not valid YAML: "+text, "look at the indentation and the quotes on the lines around")
}

// resolvePath makes a path of the file relative to the file's directory.
func (l *loader) resolvePath(name string) string {
	if filepath.IsAbs(name) {
		return filepath.Clean(name)
	}
	return filepath.Join(filepath.Dir(l.file), name)
}

// named returns the contents of a file that the configuration names, which are remembered for the watch, and its path.
// The contents are nil after a problem, which it has reported, and without a name.
func (l *loader) named(path, name, hint string) (data []byte, file string) {
	if name == "" {
		return nil, ""
	}
	file = l.resolvePath(name)
	data, err := readBounded(l.env, file)
	if err != nil {
		l.files[file] = digest{}
		l.problem(path, err.Error(), hint)
		return nil, file
	}
	l.files[file] = sha256.Sum256(data)
	if data == nil {
		data = []byte{}
	}
	return data, file
}

// readBounded refuses what is not a regular file, so that a pipe or a device cannot hold the start up.
func readBounded(env Environment, name string) ([]byte, error) {
	info, err := env.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("the file %s does not exist", name)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("the file %s may not be read by this user", name)
	case err != nil:
		return nil, fmt.Errorf("cannot look at %s: %w", name, err)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a regular file", name)
	case info.Size() > MaxFileSize:
		return nil, fmt.Errorf("the file %s is larger than %s", name, Size(MaxFileSize))
	}
	data, err := env.ReadFile(name)
	if errors.Is(err, fs.ErrPermission) {
		return nil, fmt.Errorf("the file %s may not be read by this user", name)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read %s: %w", name, err)
	}
	return data, nil
}

// warnIfShared warns of a file with a secret that others on the machine can read or change.
func (l *loader) warnIfShared(name, path string) {
	if l.env.GOOS == "windows" {
		return
	}
	info, err := l.env.Stat(name)
	if err != nil {
		return // reading the file has reported it
	}
	if perm := info.Mode().Perm(); perm&^0o640 != 0 {
		l.warn(path, fmt.Sprintf("the file %s is open to others (mode %04o)", name, perm), "chmod 600 "+name)
	}
}
