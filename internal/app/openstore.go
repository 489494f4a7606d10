package app

import (
	"errors"
	"io/fs"
	"log/slog"
	"syscall"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/observe/accesslog"
	"docusign-auth-proxy/internal/store"
)

// openStore opens the state file. One that nobody asked for by name may be missing: on a read-only file system, or
// while another process has it, the state is kept in memory and the log says so. A damaged file is always an error.
func openStore(cfg *config.Config, log *slog.Logger) (*store.Store, error) {
	options := store.Options{OnError: func(err error) { log.Error("store", "error", err) }}
	s, err := store.Open(cfg.Store.File, options)
	if err == nil || !goesWithoutStore(cfg, err) {
		return s, err
	}
	why := cause.StateInMemory
	if errors.Is(err, store.ErrLocked) {
		why = cause.StateInUse
	}
	advised(log, why).Warn("the state is kept in memory only", "error", err, "effect",
		"issued tokens and the ledger are lost at the next restart")
	return store.Open("", options)
}

// goesWithoutStore tells whether run starts although the state file cannot be used.
func goesWithoutStore(cfg *config.Config, err error) bool {
	return cfg.Store.Implicit && (errors.Is(err, fs.ErrPermission) || errors.Is(err, fs.ErrNotExist) ||
		errors.Is(err, syscall.EROFS) || errors.Is(err, store.ErrLocked))
}

// Preflight tells why run would refuse a configuration that was read without a problem. It does what a start does, but
// listens nowhere, and neither makes nor holds the state file.
func Preflight(cfg *config.Config) config.Problems {
	var problems config.Problems
	add := func(path string, err error, hint string) {
		if err != nil {
			p := cfg.Problem(path, err.Error())
			p.Hint = hint
			problems = append(problems, p)
		}
	}
	if err := store.Check(cfg.Store.File); !goesWithoutStore(cfg, err) {
		add("store", err, "if this is not the proxy's file, name another one with store")
	}
	if cfg.Log.File != "" {
		add("log.file", accesslog.CheckFile(cfg.Log.File), "let the account that the proxy runs as write there")
	}
	a, err := assemble(cfg, deps{store: store.Memory()}, nil)
	add("", err, "")
	if err == nil {
		a.close()
	}
	return problems
}
