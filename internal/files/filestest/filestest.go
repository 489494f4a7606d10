// Package filestest makes folders for tests.
package filestest

import (
	"os"
	"testing"

	"docusign-auth-proxy/internal/files"
)

// TempDir is t.TempDir where deletion is slow or of another kind too, as under Wine.
func TempDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "test-") //nolint:usetesting // its own end fails under Wine
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := files.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}
