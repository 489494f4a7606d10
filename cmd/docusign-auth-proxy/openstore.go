package main

import (
	"errors"
	"io/fs"
	"log/slog"
	"syscall"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/store"
)

// openStore opens the state file. One that nobody asked for by name may be missing: on a read-only file system, or while another
// process has it, the state is kept in memory and the log says so. A damaged file is always an error.
func openStore(cfg *config.Config, log *slog.Logger) (*store.Store, error) {
	options := store.Options{OnError: func(err error) { log.Error("store", "error", err) }}
	s, err := store.Open(cfg.Store, options)
	if err == nil || !cfg.StoreImplicit {
		return s, err
	}
	if !errors.Is(err, fs.ErrPermission) && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.EROFS) && !errors.Is(err, store.ErrLocked) {
		return nil, err
	}
	log.Warn("the state is kept in memory only", "error", err, "effect", "issued tokens and the ledger are lost at the next restart",
		"next_step", "set store: to a file in a folder that the proxy may write, or store: memory if this is wanted")
	return store.Open("", options)
}
