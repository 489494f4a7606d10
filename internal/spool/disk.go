package spool

import (
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"

	"docusign-auth-proxy/internal/files"
)

// create makes a file that only this process can reach, and that goes when it is closed, by a crash too.
func create(dir string) (*os.File, error) {
	if dir == "" {
		dir = os.TempDir()
	}
	path := filepath.Join(dir, "docusign-auth-proxy-"+rand.Text())
	f, err := files.Open(path, os.O_RDWR|os.O_CREATE|os.O_EXCL|deleteOnClose, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unlink(path); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
