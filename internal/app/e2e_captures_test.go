package app_test

import (
	"compress/gzip"
	"io"
	"io/fs"
	"os"
	"strings"
	"testing"
)

func captureFS() fs.FS { return os.DirFS("testdata/captures") }

func gunzip(t *testing.T, s string) string {
	t.Helper()
	z, err := gzip.NewReader(strings.NewReader(s))
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
