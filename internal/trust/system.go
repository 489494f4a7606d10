package trust

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"docusign-auth-proxy/internal/files"
)

// layout is how a distribution keeps the certificates that its administrator adds.
type layout struct {
	name    string
	marker  string // must exist; "" = anchors
	anchors string // folder for added certificates
	bundle  string // file that programs read
	program string // that makes bundle of anchors
	add     []string
	remove  []string // arguments of program
}

// layouts are tried in this order: the folder of the last one is also found on some of the others.
func layouts() []layout {
	return []layout{
		{
			name: "RHEL, Fedora", anchors: "/etc/pki/ca-trust/source/anchors",
			bundle:  "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
			program: "update-ca-trust", add: []string{"extract"}, remove: []string{"extract"},
		},
		{
			name: "SUSE", anchors: "/etc/pki/trust/anchors", bundle: "/var/lib/ca-certificates/ca-bundle.pem",
			program: "update-ca-certificates",
		},
		{
			name: "Alpine", marker: "/etc/alpine-release", anchors: "/usr/local/share/ca-certificates",
			bundle: "/etc/ssl/certs/ca-certificates.crt", program: "update-ca-certificates",
		},
		{
			// Without --fresh Debian leaves the link to a removed certificate in /etc/ssl/certs.
			name: "Debian, Ubuntu", anchors: "/usr/local/share/ca-certificates",
			bundle:  "/etc/ssl/certs/ca-certificates.crt",
			program: "update-ca-certificates", remove: []string{"--fresh"},
		},
	}
}

// ErrUnknownSystem says that the store of this system cannot be changed by file and program.
var ErrUnknownSystem = errors.New("no store of Debian, Ubuntu, Alpine, RHEL, Fedora, SUSE or Windows found")

// System is the trust store of a Linux host, or of an image below a folder.
type System struct {
	root string // "" = this host
	layout
	run Runner
}

// Detect finds the store below root ("" is this host). It fails with ErrUnknownSystem where there is none of a known
// kind, and otherwise when the store lacks its update program or leads out of root.
func Detect(root string, run Runner) (Store, error) {
	if s := builtIn(); s != nil {
		if root != "" {
			return nil, ErrUnknownSystem
		}
		return s, nil
	}
	for _, l := range layouts() {
		if exists(filepath.Join(root, cmp.Or(l.marker, l.anchors))) {
			s := &System{root: root, layout: l, run: run}
			return s, s.prepare()
		}
	}
	return nil, ErrUnknownSystem
}

// prepare refuses an image whose links would have the certificate written to the host, and finds the program. PATH
// often lacks the folders for it.
func (s *System) prepare() error {
	if s.root != "" {
		image, err := os.OpenRoot(s.root)
		if err != nil {
			return err
		}
		defer image.Close()
		if _, err := image.Stat(s.anchors[1:]); errors.Is(err, os.ErrNotExist) {
			return err
		} else if err != nil {
			return fmt.Errorf("%s leads out of %s", filepath.Join(s.root, s.anchors), s.root)
		}
	}
	for _, dir := range []string{"/usr/sbin", "/usr/bin", "/sbin", "/bin"} {
		if p := filepath.Join(dir, s.program); exists(filepath.Join(s.root, p)) {
			s.program = p
			return nil
		}
	}
	return fmt.Errorf("%s has the folder %s but not the program %s: install the package ca-certificates", s.where(),
		s.anchors, s.program)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func (s *System) where() string { return cmp.Or(s.root, "this host") }

// Name tells which store it is, for people.
func (s *System) Name() string { return s.name + " store of " + s.where() }

// update runs the update program with the certificate in the store, or out of it.
func (s *System) update(args []string) change {
	if s.root == "" {
		return running(s.run, s.program, args)
	}
	// The program makes links with absolute names, which are right only when it sees the image as its root.
	return running(s.run, "chroot", append([]string{s.root, s.program}, args...))
}

// Install plans to put the certificate into the store. When the update program fails, the file is taken away again.
func (s *System) Install(_ context.Context, c *x509.Certificate) (Plan, error) {
	there, err := s.files(c)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(s.root, s.anchors, Name(c)+".crt")
	first := change{
		text: "write " + file,
		do:   func(context.Context) error { return files.Create(file, EncodePEM(c), 0o644) },
		undo: func() error { return os.Remove(file) },
	}
	if len(there) > 0 {
		first = change{
			text: "leave " + there[0] + ", which holds this certificate already",
			do:   func(context.Context) error { return nil },
		}
	}
	return Plan{first, s.update(s.add)}, nil
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
			do:   func(context.Context) error { return os.Remove(f) },
			undo: func() error { return files.Create(f, EncodePEM(c), 0o644) },
		})
	}
	return append(p, s.update(s.remove)), nil
}

// files lists the files of the store that hold this certificate and nothing else; a bundle of several is never touched.
func (s *System) files(c *x509.Certificate) ([]string, error) {
	dir := filepath.Join(s.root, s.anchors)
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
		data, err := files.Read(path, maxFile)
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
	path := filepath.Join(s.root, s.bundle)
	bundle, err := files.Read(path, maxFile)
	if errors.Is(err, os.ErrNotExist) {
		return Verdict{Store: path, Reason: "the file does not exist"}, nil
	}
	if err != nil {
		return Verdict{}, asRoot(err)
	}
	return verdict(path, certificates(bundle), c, now), nil
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
