package trust

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// layout is how a distribution keeps the certificates that its administrator adds.
type layout struct {
	name    string
	marker  string // must exist; "" = anchors
	anchors string // folder for added certificates
	bundle  string // file that programs read
	add     []string
	remove  []string
}

// layouts are tried in this order: the folder of the last one is also found on some of the others.
func layouts() []layout {
	return []layout{
		{
			name: "RHEL, Fedora", anchors: "/etc/pki/ca-trust/source/anchors",
			bundle: "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
			add:    []string{"update-ca-trust", "extract"}, remove: []string{"update-ca-trust", "extract"},
		},
		{
			name: "SUSE", anchors: "/etc/pki/trust/anchors", bundle: "/var/lib/ca-certificates/ca-bundle.pem",
			add: []string{"update-ca-certificates"}, remove: []string{"update-ca-certificates"},
		},
		{
			name: "Alpine", marker: "/etc/alpine-release", anchors: "/usr/local/share/ca-certificates",
			bundle: "/etc/ssl/certs/ca-certificates.crt",
			add:    []string{"update-ca-certificates"}, remove: []string{"update-ca-certificates"},
		},
		{
			// Without --fresh Debian leaves the link to a removed certificate in /etc/ssl/certs.
			name: "Debian, Ubuntu", anchors: "/usr/local/share/ca-certificates", bundle: "/etc/ssl/certs/ca-certificates.crt",
			add: []string{"update-ca-certificates"}, remove: []string{"update-ca-certificates", "--fresh"},
		},
	}
}

// programDirs are where the update programs lie; PATH often lacks the sbin folders.
func programDirs() []string { return []string{"/usr/sbin", "/usr/bin", "/sbin", "/bin"} }

// ErrUnknownSystem says that the store of this system cannot be changed by file and program.
var ErrUnknownSystem = errors.New("no store of Debian, Ubuntu, Alpine, RHEL, Fedora or SUSE found")

// System is the trust store of a Linux host, or of an image below a folder.
type System struct {
	root    string // "" = this host
	layout  layout
	program string // path of the update program, as seen below root
	run     Runner
}

// Detect finds the store below root ("" is this host). It fails with ErrUnknownSystem where there is none of a known
// kind, and otherwise when the store lacks its update program or leads out of root.
func Detect(root string, run Runner) (*System, error) {
	s := &System{root: root, run: run}
	for _, l := range layouts() {
		marker := l.marker
		if marker == "" {
			marker = l.anchors
		}
		if exists(filepath.Join(root, marker)) {
			s.layout = l
			return s, s.prepare()
		}
	}
	return nil, ErrUnknownSystem
}

func (s *System) prepare() error {
	if err := s.stayInside(); err != nil {
		return err
	}
	for _, dir := range programDirs() {
		if p := filepath.Join(dir, s.layout.add[0]); exists(filepath.Join(s.root, p)) {
			s.program = p
			return nil
		}
	}
	return fmt.Errorf(
		"%s has the folder %s but not the program %s: install the package ca-certificates", s.where(), s.layout.anchors,
		s.layout.add[0],
	)
}

// stayInside refuses an image whose links would have the certificate written to the host.
func (s *System) stayInside() error {
	if s.root == "" {
		return nil
	}
	root, err := filepath.EvalSymlinks(s.root)
	if err != nil {
		return err
	}
	dir, err := filepath.EvalSymlinks(filepath.Join(s.root, s.layout.anchors))
	if err != nil {
		return err
	}
	if rel, err := filepath.Rel(root, dir); err != nil || !filepath.IsLocal(rel) {
		return fmt.Errorf("%s leads out of %s", filepath.Join(s.root, s.layout.anchors), s.root)
	}
	return nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func (s *System) where() string {
	if s.root == "" {
		return "this host"
	}
	return s.root
}

// Name tells which store it is, for people.
func (s *System) Name() string { return s.layout.name + " store of " + s.where() }

func (s *System) command(words []string) (string, []string) {
	if s.root == "" {
		return s.program, words[1:]
	}
	// The update program makes links with absolute names, which are right only when it sees the image as its root.
	return "chroot", append([]string{s.root, s.program}, words[1:]...)
}

// update runs the update program with the certificate in the store, or out of it.
func (s *System) update(words []string) change {
	name, args := s.command(words)
	return change{
		text: "run " + strings.Join(append([]string{name}, args...), " "),
		do: func(ctx context.Context) error {
			_, err := s.run(ctx, name, args...)
			return asRoot(err)
		},
	}
}

// Install plans to put the certificate into the store. When the update program fails, the file is taken away again.
func (s *System) Install(_ context.Context, c *x509.Certificate) (Plan, error) {
	there, err := s.files(c)
	if err != nil {
		return nil, err
	}
	if len(there) > 0 {
		left := change{text: "leave " + there[0] + ", which holds this certificate already"}
		return Plan{left, s.update(s.layout.add)}, nil
	}
	file := filepath.Join(s.root, s.layout.anchors, Name(c)+".crt")
	return Plan{{
		text: "write " + file,
		do:   func(context.Context) error { return asRoot(create(file, EncodePEM(c))) },
		undo: func() error { return os.Remove(file) },
	}, s.update(s.layout.add)}, nil
}

// Uninstall plans to take the certificate out of the store, under whatever name it was put there. When the update
// program fails, the files are put back.
func (s *System) Uninstall(_ context.Context, c *x509.Certificate) (Plan, error) {
	there, err := s.files(c)
	if err != nil || len(there) == 0 {
		return nil, err
	}
	var p Plan
	for _, f := range there {
		p = append(p, change{
			text: "remove " + f,
			do:   func(context.Context) error { return asRoot(os.Remove(f)) },
			undo: func() error { return create(f, EncodePEM(c)) },
		})
	}
	return append(p, s.update(s.layout.remove)), nil
}

// files lists the files of the store that hold this certificate and nothing else; a bundle of several is never touched.
func (s *System) files(c *x509.Certificate) ([]string, error) {
	dir := filepath.Join(s.root, s.layout.anchors)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, asRoot(err)
	}
	var out []string
	for _, e := range entries {
		if !e.Type().IsRegular() {
			continue
		}
		path := filepath.Join(dir, e.Name())
		data, err := readFile(path)
		if err != nil {
			return nil, asRoot(err)
		}
		if holds(data, c) && strings.Count(string(data), "-----BEGIN ") == 1 {
			out = append(out, path)
		}
	}
	return out, nil
}

// Trusts tells whether the programs that read this store believe the certificate at the given time.
func (s *System) Trusts(_ context.Context, c *x509.Certificate, now time.Time) (Verdict, error) {
	path := filepath.Join(s.root, s.layout.bundle)
	bundle, err := readFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return Verdict{Store: path, Reason: "the file does not exist"}, nil
	}
	if err != nil {
		return Verdict{}, asRoot(err)
	}
	return verdict(path, bundle, c, now), nil
}

// PlatformTrusts asks the operating system itself: the way on macOS, Windows and Linux systems of an unknown kind.
func PlatformTrusts(c *x509.Certificate, now time.Time) Verdict {
	v := Verdict{Store: "the system's trust store", Reason: "it believes this certificate"}
	_, err := c.Verify(x509.VerifyOptions{CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	if v.Trusted = err == nil; !v.Trusted {
		v.Reason = err.Error()
	}
	return v
}

// create writes a file that must not exist yet, and removes it again if it cannot be completed.
func create(path string, data []byte) error {
	const mode = 0o644
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Chmod(mode), f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}
