// Package storecopy moves what a proxy remembers from one store to another: from a state file to the store of all
// replicas, and back. It must never change the store it reads from, nor what is there in the other one.
// The command "store copy" calls it.
package storecopy

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/store"
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
	read, err := source.read()
	if err != nil {
		return r, source.explained(err)
	}
	defer func() { err = errors.Join(err, read.Close()) }()
	written, err := target.open()
	if err != nil {
		return r, target.explained(err)
	}
	defer func() { err = errors.Join(err, written.Close()) }()
	r.Kinds, err = store.Copy(ctx, read, written)
	if errors.Is(err, store.ErrOtherKey) {
		err = fmt.Errorf("%w; nothing was copied\nnext: %s", err, keyStep(source, target))
	}
	return r, err
}

// IsConfig takes what ends as configurations do for one, and all else for a state file.
func IsConfig(path string) bool {
	return slices.Contains([]string{".yaml", ".yml"}, filepath.Ext(path))
}

// side is one end of a copy.
type side struct {
	file string
	cfg  *config.Config // nil = the file was named
}

func named(path string) (side, error) {
	if !IsConfig(path) {
		file, err := filepath.Abs(path)
		return side{file: file}, err
	}
	cfg, err := config.Load(path)
	if err != nil {
		return side{}, err
	}
	if !cfg.Store.Lasting() {
		return side{}, fmt.Errorf("%s keeps its state in memory: there is nothing that could be copied", path)
	}
	file, err := filepath.Abs(cfg.Store.File)
	return side{file, cfg}, err
}

func (s side) name() string { return s.file }

// read opens a side to look at.
func (s side) read() (*store.Store, error) { return store.Read(s.file) }

// open opens a side to add to.
func (s side) open() (*store.Store, error) { return store.Open(s.file, store.Options{}) }

// explained adds the next step to what a side refuses with.
func (s side) explained(err error) error {
	switch {
	case errors.Is(err, store.ErrLocked):
		return fmt.Errorf("%w\nnext: stop the proxy (as in: systemctl stop docusign-auth-proxy), and copy again", err)
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("%w\nnext: name the configuration with which the proxy ran, with --config", err)
	}
	return err
}

// keyStep tells how both sides get one key.
func keyStep(from, to side) string {
	return fmt.Sprintf("if %s is new, put %s.key in the place of its key, and copy again", to.name(), from.file)
}
