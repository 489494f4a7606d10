package authority

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

const (
	certMode fs.FileMode = 0o644
	keyMode  fs.FileMode = 0o600
)

// Save writes the certificate (mode 0644) and the key (PKCS#8, mode 0600) as PEM.
// Without overwrite an existing file is an error (fs.ErrExist) and nothing is left behind. With overwrite each file is
// replaced as a whole, the key first; if the second step fails, Load tells that the two do not belong together.
// On Windows the mode is not the protection: put the key into a directory that only the proxy's account can read.
func (a *Authority) Save(certPath, keyPath string, overwrite bool) error {
	der, err := x509.MarshalPKCS8PrivateKey(a.key)
	if err != nil {
		return fmt.Errorf("authority: encode the key: %w", err)
	}
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	if filepath.Clean(certPath) == filepath.Clean(keyPath) {
		return errors.New("authority: certificate and key need two different files")
	}
	if overwrite {
		if err := replace(keyPath, keyPEM, keyMode); err != nil {
			return err
		}
		return replace(certPath, a.CertPEM(), certMode)
	}
	if err := create(keyPath, keyPEM, keyMode); err != nil {
		return err
	}
	if err := create(certPath, a.CertPEM(), certMode); err != nil {
		return errors.Join(err, os.Remove(keyPath))
	}
	return nil
}

// create writes a file that must not exist yet, and removes it again if it cannot be completed.
func create(path string, data []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return fmt.Errorf("authority: create: %w", err)
	}
	if err := fill(f, data, mode); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// replace lets a reader see the old file or the new one, never a part.
func replace(path string, data []byte, mode fs.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("authority: create: %w", err)
	}
	if err := fill(f, data, mode); err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return errors.Join(fmt.Errorf("authority: replace: %w", err), os.Remove(f.Name()))
	}
	return nil
}

func fill(f *os.File, data []byte, mode fs.FileMode) error {
	_, err := f.Write(data)
	// The umask may have taken bits away from what the open asked for.
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err != nil {
		return fmt.Errorf("authority: write: %w", err)
	}
	return nil
}
