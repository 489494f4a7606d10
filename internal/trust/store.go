package trust

import (
	"bytes"
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"docusign-auth-proxy/internal/words"
)

// commandLimit bounds one run of update-ca-certificates or keytool, whose hooks can be slow.
const commandLimit = 5 * time.Minute

// Runner runs a program of the machine and returns its standard output. The error says what the program said last.
type Runner func(ctx context.Context, name string, args ...string) ([]byte, error)

// Exec is the Runner that really runs. The output it keeps is bounded.
func Exec(ctx context.Context, name string, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, commandLimit)
	defer cancel()
	var out, errOut capped
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%s: %w: %s", filepath.Base(name), err, lastWords(out.Bytes(), errOut.Bytes()))
	}
	return out.Bytes(), nil
}

// maxFile bounds the bundles and answers that are read: a system's bundle is about 250 KB.
const maxFile = 8 << 20

// capped keeps the first maxFile bytes and lets the program go on writing.
type capped struct{ bytes.Buffer }

func (c *capped) Write(p []byte) (int, error) {
	if room := maxFile - c.Len(); room > 0 {
		c.Buffer.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

// lastWords is the end of what a program said: keytool complains on standard output, others on standard error.
func lastWords(out, errOut []byte) string {
	const limit = 400
	text := cmp.Or(strings.TrimSpace(string(errOut)), strings.TrimSpace(string(out)))
	if len(text) > limit {
		text = "…" + text[len(text)-limit:]
	}
	return text
}

// Store is a place where a machine keeps what it believes: its own, or a Java keystore.
type Store interface {
	// Name tells which store it is, for people.
	Name() string
	// Install and Uninstall plan to put the certificate into the store and to take it out.
	Install(context.Context, *x509.Certificate) (Plan, error)
	Uninstall(context.Context, *x509.Certificate) (Plan, error)
	// Trusts tells whether the programs that read this store believe the certificate at the given time.
	Trusts(context.Context, *x509.Certificate, time.Time) (Verdict, error)
}

// Plan is a change of a store step by step; empty if there is nothing to do.
type Plan []change

type change struct {
	text string
	do   func(context.Context) error
	hint string       // what may help when it fails
	undo func() error // nil: it cannot or need not be undone
}

func running(run Runner, name string, args []string) change {
	return change{
		text: "run " + strings.Join(append([]string{name}, args...), " "),
		do: func(ctx context.Context) error {
			_, err := run(ctx, name, args...)
			return err
		},
	}
}

// Steps says for people what Run will do.
func (p Plan) Steps() []string {
	steps := make([]string, len(p))
	for i, c := range p {
		steps[i] = c.text
	}
	return steps
}

// Run makes the change. When a step fails, those before it are undone.
func (p Plan) Run(ctx context.Context) error {
	for i, c := range p {
		err := asRoot(c.do(ctx))
		if err == nil {
			continue
		}
		if c.hint != "" {
			err = errors.Join(err, errors.New(c.hint))
		}
		for _, done := range slices.Backward(p[:i]) {
			if done.undo != nil {
				err = errors.Join(err, done.undo())
			}
		}
		return err
	}
	return nil
}

// Verdict is the answer whether a store believes the CA.
type Verdict struct {
	Trusted bool   `json:"trusted"`
	Store   string `json:"store"`
	Reason  string `json:"reason"`
	Remedy  string `json:"-"` // what has the store believe it; empty: Install
}

func verdict(store string, all []*x509.Certificate, c *x509.Certificate, now time.Time) Verdict {
	v := Verdict{Store: store, Reason: "it does not hold this certificate"}
	if slices.ContainsFunc(all, c.Equal) {
		v.Reason = "it holds this certificate"
		if v.Trusted = valid(c, now); !v.Trusted {
			v.Reason += ", but the certificate is not valid today"
		}
		return v
	}
	// One with the same subject and key, from before or after a renewal: leaves verify under it just as well. x509.Verify
	// would not look for it, since it takes the two for one and the same.
	i := slices.IndexFunc(all, func(k *x509.Certificate) bool {
		return bytes.Equal(k.RawSubject, c.RawSubject) &&
			bytes.Equal(k.RawSubjectPublicKeyInfo, c.RawSubjectPublicKeyInfo) && valid(k, now)
	})
	if i >= 0 {
		v.Trusted = true
		v.Reason = fmt.Sprintf("it holds %s of the same CA, which expires on %s; this one is not in it", Name(all[i]),
			all[i].NotAfter.UTC().Format(time.DateOnly))
	}
	return v
}

func valid(c *x509.Certificate, now time.Time) bool {
	return !now.Before(c.NotBefore) && !now.After(c.NotAfter)
}

// asRoot adds the usual remedy to a refusal of the operating system.
func asRoot(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%w: run the command %s", err, words.AsAdministrator())
	}
	return err
}
