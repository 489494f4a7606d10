// Package storecopy moves what a proxy remembers from one store to another: from a state file to the store of all
// replicas, and back. It must never change the store it reads from, nor what is there in the other one.
// The command "store copy" calls it.
package storecopy

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/app"
	"docusign-auth-proxy/internal/observe/ledger"
	"docusign-auth-proxy/internal/store"
	"docusign-auth-proxy/internal/store/redis"
)

// Report is what a copy did.
type Report struct {
	From  string         `json:"from"`
	To    string         `json:"to"`
	Kinds []store.Copied `json:"kinds"`
}

// Run copies from the store of one configuration to that of another one, or to a state file. What it did until an error
// stands; it may be repeated.
func Run(ctx context.Context, from, to string) (r Report, err error) {
	source, err := named(from)
	if err != nil {
		return r, err
	}
	target, err := named(to)
	if err != nil {
		return r, err
	}
	if r.From, r.To = source.name(), target.name(); r.From == r.To {
		return r, fmt.Errorf("%s is on both sides; name another store with --to", r.From)
	}
	if err := source.open(store.Read); err != nil {
		return r, source.explained(err)
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	made := func(path string) (*store.Store, error) { return store.Open(path, store.Options{}) }
	if err := target.open(made); err != nil {
		return r, target.explained(err)
	}
	defer func() { err = errors.Join(err, target.Close()) }()
	r.Kinds, err = store.Copy(ctx, source.Store, target.Store)
	if err == nil && (source.server != nil || target.server != nil) {
		var rows store.Copied
		rows, err = copyLedger(ctx, source, target)
		r.Kinds = append(r.Kinds, rows)
	}
	switch {
	case errors.Is(err, store.ErrOtherKey):
		err = fmt.Errorf("%w; nothing was copied\nnext: %s", err, keyStep(source, target))
	case errors.Is(err, store.ErrUnreachable):
		err = fmt.Errorf("%w\nnext: docusign-auth-proxy doctor tells why; then copy again", err)
	}
	return r, err
}

// IsConfig takes what ends as configurations do for one, and all else for a state file.
func IsConfig(path string) bool {
	return slices.Contains([]string{".yaml", ".yml"}, filepath.Ext(path))
}

// side is one end of a copy: a state file, or the store that replicas share.
type side struct {
	file string
	cfg  *config.Config // nil = the file was named

	*store.Store
	server *redis.Server // nil = a file
}

func named(path string) (*side, error) {
	s := &side{file: path}
	if IsConfig(path) {
		var err error
		if s.cfg, err = config.Load(path); err != nil {
			return nil, err
		}
		if s.file = s.cfg.Store.File; !s.cfg.Store.Lasting() {
			return nil, fmt.Errorf("%s keeps its state in memory: there is nothing that could be copied", path)
		}
		if s.cfg.Store.Redis != nil {
			return s, nil
		}
	}
	var err error
	s.file, err = filepath.Abs(s.file)
	return s, err
}

func (s *side) name() string {
	if s.file != "" {
		return s.file
	}
	r := s.cfg.Store.Redis
	return fmt.Sprintf("%s at %s", r.Namespace, strings.Join(r.Addresses, ", "))
}

// open opens a file by open; the store of replicas is reached by store.Copy.
func (s *side) open(open func(path string) (*store.Store, error)) (err error) {
	if s.file == "" {
		s.server, s.Store = app.ShareState(s.cfg)
		return nil
	}
	s.Store, err = open(s.file)
	return err
}

// explained adds the next step to what a side refuses with.
func (s *side) explained(err error) error {
	switch {
	case errors.Is(err, store.ErrLocked):
		return fmt.Errorf("%w\nnext: stop the proxy (as in: docusign-auth-proxy service stop), and copy again", err)
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("%w\nnext: name the configuration with which the proxy ran, with --config", err)
	}
	return err
}

// keyStep tells how both sides get one key.
func keyStep(from, to *side) string {
	switch {
	case to.server != nil && from.server != nil:
		return "give both configurations the same store.key"
	case to.server != nil:
		return fmt.Sprintf("name %s.key as store.key in the configuration of the replicas, and copy again", from.file)
	case from.server != nil:
		return fmt.Sprintf("put the file that store.key names in the place of %s.key, and copy again", to.file)
	}
	return fmt.Sprintf("put %s.key in the place of %s.key, and copy again", from.file, to.file)
}

// copyLedger brings the rows of a file to what replicas fill together, or back, or by way of memory to other replicas.
func copyLedger(ctx context.Context, from, to *side) (c store.Copied, err error) {
	rows := to.Store
	if to.server != nil {
		rows = store.Memory()
		if from.server == nil {
			rows = from.Store
		}
	}
	l, err := ledger.New(ledger.Options{Store: rows})
	if err == nil && from.server != nil {
		c.Found, c.Added, err = l.Take(from.server.Ledger("copy", false))
	}
	if err == nil && to.server != nil {
		var source string
		if source, err = from.source(); err == nil {
			c.Found, c.Added, err = l.Give(ctx, to.server.Ledger(source, true))
		}
	}
	c.Kind = store.KindLedger
	return c, err
}

// source is the name under which the rows of this side are counted, once for ever: that of its key, or of the rows of a
// file that never needed one.
func (s *side) source() (string, error) {
	if s.server != nil {
		return "copied from " + s.name(), nil
	}
	fingerprint, err := store.KeyFingerprint(s.file + ".key")
	if !errors.Is(err, os.ErrNotExist) {
		return "copied with key " + fingerprint, err
	}
	h := sha256.New()
	err = s.LedgerRows(func(key string, row []byte) error {
		_, err := fmt.Fprintf(h, "%q %q\n", key, row)
		return err
	})
	return fmt.Sprintf("copied rows %x", h.Sum(nil)), err
}
