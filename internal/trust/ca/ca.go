// Package ca does the work of the ca commands: it makes, shows and renews the files of the certificate authority, and
// tells machines to trust it. It must never print a key, lose one, or change a store without consent. The ca commands
// call it.
package ca

import (
	"crypto/x509"
	_ "embed"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/files"
	"docusign-auth-proxy/internal/shown"
	"docusign-auth-proxy/internal/template"
	"docusign-auth-proxy/internal/trust"
	"docusign-auth-proxy/internal/words"
	"docusign-auth-proxy/proxy/authority"
)

const maxFile = 1 << 20

// Machine is what the commands need of the machine, and where they answer.
type Machine struct {
	Now         func() time.Time
	Run         trust.Runner
	Interactive func(io.Reader) bool // is a person there to be asked?

	In       io.Reader
	Out, Err io.Writer
	JSON     bool
}

// texts has a template for each answer to a person.
//
//go:embed texts.txt
var texts string

func (m *Machine) answer(name string, v any) error {
	if m.JSON {
		return shown.JSON(m.Out, v)
	}
	return write(m.Out, name, v)
}

func write(w io.Writer, name string, v any) error {
	day := func(t time.Time) string { return t.UTC().Format(time.DateOnly) }
	functions := template.Funcs{"day": day, "readers": readers, "Scope": (*report).Scope}
	return template.Text(functions, texts).Execute(w, name, v)
}

// readers are those whom files.Create lets read a key.
func readers() string {
	if runtime.GOOS == "windows" {
		return "its owner, SYSTEM and administrators"
	}
	return "this user"
}

// report is what init, show and renew say about a certificate; the first fields tell what was done.
type report struct {
	Made     []string `json:"made,omitempty"`
	Kept     []string `json:"kept,omitempty"`
	CertFile string   `json:"cert_file"`
	KeyFile  string   `json:"key_file,omitempty"`
	trust.Description
	Warnings []string `json:"warnings"`
	PEM      string   `json:"pem,omitempty"`
	Config   string   `json:"config,omitempty"`
	Deadline string   `json:"deadline,omitempty"` // by when other machines need the new certificate
	NextStep string   `json:"next_step"`

	// Of the certificate before a renewal, for people.
	OldName     string `json:"-"`
	OldDaysLeft int    `json:"-"`
	Removal     string `json:"-"`
}

func (m *Machine) report(c *x509.Certificate, s Source) *report {
	return &report{
		CertFile: s.Cert, KeyFile: s.Key, Description: trust.Describe(c, m.Now()), Warnings: trust.Warnings(c, m.Now()),
		NextStep: s.command("trust"),
	}
}

// Scope says what the CA may sign for.
func (r *report) Scope() string {
	if len(r.Permitted) == 0 {
		return "any host"
	}
	scope := strings.Join(r.Permitted, ", ")
	if !strings.Contains(scope+strings.Join(r.Excluded, ""), "/") { // no range of addresses
		scope += ", any address"
	}
	if !r.Critical {
		scope += " (not critical)"
	}
	return scope
}

// Source says which certificate a command is about: named outright, or by interception in a configuration. Key is ""
// where the command needs the certificate alone.
type Source struct {
	Config, Cert, Key string
	pem               []byte // what read found in Cert
}

// resolve takes the files from the configuration. It reads two paths and nothing else, so that a configuration that is
// still full of faults will do.
func (s *Source) resolve() error {
	data, err := files.Read(s.Config, maxFile)
	if err != nil {
		return config.Problems{config.Unreadable(s.Config, err)}
	}
	var doc struct {
		Interception struct {
			CACert string `yaml:"ca_cert"`
			CAKey  string `yaml:"ca_key"`
		}
	}
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return fmt.Errorf("%s: %w", s.Config, err)
	}
	in := doc.Interception
	if in.CACert == "" || in.CAKey == "" {
		return fmt.Errorf("%s names no CA: put interception: {ca_cert: …, ca_key: …} into it; "+
			"docusign-auth-proxy ca init makes both files", s.Config)
	}
	folder := filepath.Dir(s.Config)
	s.Cert, s.Key = inFolder(folder, in.CACert), inFolder(folder, in.CAKey)
	return nil
}

// read reads the certificate. It refuses a file that also holds the key.
func (s *Source) read() (*x509.Certificate, error) {
	if s.Config != "" {
		if err := s.resolve(); err != nil {
			return nil, err
		}
	}
	var err error
	s.pem, err = files.Read(s.Cert, maxFile)
	if err != nil {
		return nil, words.OfFile(s.Cert, err, "docusign-auth-proxy ca init makes one")
	}
	c, err := trust.Parse(s.pem)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.Cert, err)
	}
	return c, nil
}

// load reads the key too.
func (s *Source) load() (*authority.Authority, error) {
	key, err := files.Read(s.Key, maxFile)
	if err != nil {
		return nil, words.OfFile(s.Key, err, "name the key of "+s.Cert+" with --key")
	}
	a, err := authority.Load(s.pem, key)
	if err != nil {
		return nil, fmt.Errorf("%s, %s: %w", s.Cert, s.Key, err)
	}
	return a, nil
}

// command is another ca command about the same certificate.
func (s *Source) command(name string) string {
	if s.Config != "" {
		return command(name, "--config", s.Config)
	}
	return command(name, "--cert", s.Cert)
}

// command is a ca command as it can be pasted.
func command(args ...string) string {
	line := []string{"docusign-auth-proxy ca"}
	for _, arg := range args {
		line = append(line, words.Argument(arg))
	}
	return strings.Join(line, " ")
}

func inFolder(folder, name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(folder, name)
}

// Show tells what the certificate is, and that the key of a configuration belongs to it.
func Show(m *Machine, source Source, asPEM bool) error {
	cert, err := source.read()
	if err != nil {
		return err
	}
	if source.Key != "" {
		if _, err := source.load(); err != nil {
			return err
		}
	}
	r := m.report(cert, source)
	if len(r.Warnings) > 0 && trust.SelfSigned(cert) && r.DaysLeft < 30 {
		r.NextStep = source.command("renew")
	}
	if asPEM {
		r.PEM = string(trust.EncodePEM(cert))
		return m.answer("pem", r)
	}
	return m.answer("show", r)
}
