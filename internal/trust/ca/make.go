package ca

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"docusign-auth-proxy/internal/files"
	"docusign-auth-proxy/internal/trust"
	"docusign-auth-proxy/proxy/authority"
)

// Init makes a CA: two files in a folder.
type Init struct {
	Dir, Cert, Key, Algorithm string
	Days                      int
	Names                     []string // that it may sign for besides the usual ones
	Addresses, Lenient        bool     // limit the addresses too; mark the limits as not critical
	Force                     bool     // although there is one
}

func (o Init) spec(now func() time.Time) (authority.Spec, error) {
	s := authority.Spec{
		LenientConstraints: o.Lenient, ConstrainAddresses: &o.Addresses, Now: now,
		Permitted: append(authority.DefaultPermitted(), o.Names...),
	}
	switch o.Algorithm {
	case "rsa":
	case "ecdsa":
		s.ECDSA = true
	default:
		return s, fmt.Errorf("--algorithm %s: choose rsa or ecdsa", o.Algorithm)
	}
	var err error
	s.Life, err = lifeOf(o.Days)
	return s, err
}

func lifeOf(days int) (time.Duration, error) {
	const limit = int(authority.MaxLife / (24 * time.Hour))
	if days < 1 || days > limit {
		return 0, fmt.Errorf("--days %d: choose 1 to %d", days, limit)
	}
	return time.Duration(days) * 24 * time.Hour, nil
}

// Run keeps the files that it replaces.
func (o Init) Run(m *Machine) error {
	spec, err := o.spec(m.Now)
	if err != nil {
		return err
	}
	at := Source{Cert: inFolder(o.Dir, o.Cert), Key: inFolder(o.Dir, o.Key)}
	present, err := existing(at.Cert, at.Key)
	if err != nil {
		return err
	}
	if len(present) > 0 && !o.Force {
		return fmt.Errorf("already there: %s; old programs may trust this CA: see it with ca show, prolong it with "+
			"ca renew (same key), or start over with --force, "+
			"after which every program must be told to trust the new CA", strings.Join(present, " and "))
	}
	a, err := authority.Create(spec)
	if err != nil {
		return err
	}
	if err := files.MkdirAll(o.Dir, 0o755); err != nil {
		return err
	}
	r := m.report(a.Certificate(), at)
	modes := map[string]fs.FileMode{at.Cert: 0o644, at.Key: 0o600}
	for _, p := range present {
		name, err := keepOld(p, modes[p], m.Now())
		if err != nil {
			return fmt.Errorf("keep the old file: %w", err)
		}
		r.Kept = append(r.Kept, name)
	}
	if err := a.Save(at.Cert, at.Key, o.Force); err != nil {
		return err
	}
	r.Made = []string{at.Cert, at.Key}
	r.Config = "interception: {ca_cert: " + yamlWord(at.Cert) + ", ca_key: " + yamlWord(at.Key) + "}"
	return m.answer("init", r)
}

func existing(paths ...string) ([]string, error) {
	var out []string
	for _, p := range paths {
		_, err := os.Lstat(p)
		switch {
		case err == nil:
			out = append(out, p)
		case !errors.Is(err, fs.ErrNotExist):
			return nil, err
		}
	}
	return out, nil
}

const maxOldOnDay = 99

// keepOld copies a file beside itself under the day's name, open to others no more than it is, and than mode says.
func keepOld(path string, mode fs.FileMode, now time.Time) (string, error) {
	data, err := files.Read(path, maxFile)
	if err != nil {
		return "", err
	}
	st, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	base := path + ".old-" + now.UTC().Format("20060102")
	name := base
	for i := range maxOldOnDay {
		if i > 0 {
			name = base + "-" + strconv.Itoa(i+1)
		}
		if err := files.Create(name, data, st.Mode().Perm()&mode); !errors.Is(err, fs.ErrExist) {
			return name, err
		}
	}
	return "", fmt.Errorf("%s and %d others exist already", base, maxOldOnDay-1)
}

func yamlWord(s string) string {
	if strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./-") == "" &&
		!strings.HasPrefix(s, "-") {
		return s
	}
	return strconv.Quote(s)
}

// Renew puts a certificate with the same key and a term of days from now in the place of the old one, which it keeps.
// The limits on addresses stay as they are when addresses is nil.
func Renew(m *Machine, source Source, days int, addresses *bool) error {
	life, err := lifeOf(days)
	if err != nil {
		return err
	}
	old, err := source.read() // a key in the same file would be lost here
	if err != nil {
		return err
	}
	a, err := source.load()
	if err != nil {
		return err
	}
	renewed, err := a.Renew(authority.Spec{Life: life, Now: m.Now, ConstrainAddresses: addresses})
	if err != nil {
		return err
	}
	deadline := old.NotAfter.UTC().Format(time.DateOnly)
	if !renewed.Expires().After(old.NotAfter) && addresses == nil {
		return fmt.Errorf("the new certificate would expire on %s, no later than the old one (%s): give more --days",
			renewed.Expires().UTC().Format(time.DateOnly), deadline)
	}
	// Where the path is a link, the file behind it is replaced.
	target, err := filepath.EvalSymlinks(source.Cert)
	if err != nil {
		return err
	}
	kept, err := keepOld(target, 0o644, m.Now())
	if err != nil {
		return fmt.Errorf("keep the old file: %w", err)
	}
	if err := files.Replace(target, renewed.CertPEM(), 0o644); err != nil {
		return fmt.Errorf("replace %s: %w", target, err)
	}
	r := m.report(renewed.Certificate(), source)
	r.Made, r.Kept, r.Deadline = []string{target}, []string{kept}, deadline
	r.OldName, r.OldDaysLeft = trust.Name(old), trust.Describe(old, m.Now()).DaysLeft
	r.Removal = command("trust", "--uninstall", "--cert", kept)
	return m.answer("renew", r)
}
