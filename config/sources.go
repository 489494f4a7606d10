package config

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"docusign-auth-proxy/internal/files"
	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/internal/shown"
	"docusign-auth-proxy/internal/words"
)

// digests remembers what every file held when it was read: its SHA-256, and zero for one that cannot be read.
type digests map[string][sha256.Size]byte

func (d digests) read(env Environment, name string) ([]byte, error) {
	data, err := readBounded(env, name)
	d[name] = sha256.Sum256(data)
	if err != nil {
		d[name] = [sha256.Size]byte{}
	}
	return data, err
}

// sources reads the files and environment variables that the configuration names, and reports what they lack.
type sources struct {
	*report
	env    Environment
	files  digests
	shared map[string]bool // folders that were warned of
}

// resolvePath makes a path of the file relative to the file's directory.
func (s *sources) resolvePath(name string) string {
	if filepath.IsAbs(name) {
		return filepath.Clean(name)
	}
	dir := filepath.Dir(s.file)
	if strings.HasPrefix(filepath.ToSlash(name), "/") { // on Windows a path without its drive, as in a file made on Linux
		dir = filepath.VolumeName(dir)
	}
	return filepath.Join(dir, name)
}

// named returns the contents of a file that the configuration names, which are remembered for the watch, and its path.
// The contents are nil after a problem, which it has reported, and without a name.
func (s *sources) named(path, name, hint string) (data []byte, file string) {
	if name == "" {
		return nil, ""
	}
	file = s.resolvePath(name)
	data, err := s.files.read(s.env, file)
	if err != nil {
		s.unreadable(path, err, hint)
		return nil, file
	}
	return append([]byte{}, data...), file
}

// unreadable reports a file that readBounded could not give.
func (s *sources) unreadable(path string, err error, hint string) {
	file := words.OfFile("", err, "")
	usual := "name the file that is meant"
	if errors.Is(err, fs.ErrNotExist) {
		usual = "put it there, or " + usual
	}
	if strings.ContainsFunc(file.Name, unicode.IsControl) { // "C:\new" has a line end in it
		usual, file.Name = escapeHint, shown.Printable(file.Name)
	}
	s.problem(path, file.Message(), cmp.Or(file.Hint, hint, usual))
}

// readBounded refuses what is not a regular file, so that a pipe or a device cannot hold the start up. The error is
// a *words.FileError.
func readBounded(env Environment, name string) ([]byte, error) {
	info, err := env.Stat(name)
	switch {
	case err != nil:
		return nil, words.OfFile(name, err, "")
	case !info.Mode().IsRegular():
		return nil, &words.FileError{Name: name, What: "is not a regular file"}
	case info.Size() > MaxFileSize:
		return nil, &words.FileError{Name: name, What: "is larger than " + maxFileSize}
	}
	data, err := env.ReadFile(name)
	if err != nil {
		return nil, words.OfFile(name, err, "")
	}
	return data, nil
}

// warnIfShared warns of a file with a secret that others on the machine can read or change, and of a folder in which
// they can put another file in its place.
func (s *sources) warnIfShared(name, path string) {
	for _, place := range []struct {
		what, name string
		folder     bool
	}{{"the file ", name, false}, {"the folder ", filepath.Dir(name), true}} {
		who, err := s.env.OpenTo(place.name)
		switch {
		case errors.Is(err, fs.ErrNotExist): // reading it has reported that
		case err != nil:
			s.warn(path, fmt.Sprintf("nobody knows who may read %s: %v", place.name, err), "look at its permissions")
		case who != "" && !s.shared[place.name]:
			s.shared[place.name] = place.folder
			s.warn(path, fmt.Sprintf("%s%s is open to others (%s)", place.what, place.name, who), files.Closing(place.name))
		}
	}
}

// secret reads a secret from a file or an environment variable, whichever kind says.
func (s *sources) secret(path, kind, name string) secret.Text {
	if kind == "env" {
		return s.variable(path, name)
	}
	data, file := s.named(path, name, "")
	if data == nil {
		return secret.Text{}
	}
	s.warnIfShared(file, path)
	// Editors end a file with a line end, and on Windows may begin it with a byte order mark; neither is meant.
	data = bytes.TrimRight(bytes.TrimPrefix(data, []byte("\ufeff")), "\r\n")
	s.problemIf(len(data) == 0, path, fmt.Sprintf("the file %s is empty", file), "")
	s.problemIf(!utf8.Valid(data), path, fmt.Sprintf("the file %s is not UTF-8 text", file), "")
	return secret.New(string(data))
}

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,127}$`)

func (s *sources) variable(path, name string) secret.Text {
	if !variableName.MatchString(name) {
		s.problem(path, "is not the name of an environment variable", "the name stands here, the secret in the variable")
		return secret.Text{}
	}
	text, set := s.env.LookupEnv(name)
	text = strings.TrimRight(text, "\r\n")
	s.problemIf(!set, path, fmt.Sprintf("the environment variable %s is not set", name), "")
	s.problemIf(text == "", path, fmt.Sprintf("the environment variable %s is empty", name), "")
	return secret.New(text)
}
