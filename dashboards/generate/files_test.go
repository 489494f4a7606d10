package main

import (
	"os"
	"path/filepath"
	"testing"
)

func TestFilesAreWhatTheGeneratorWrites(t *testing.T) {
	want, err := files()
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range want {
		got, err := os.ReadFile(filepath.Join("..", name))
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != string(content) {
			t.Errorf("%s was not written from this source: go generate ./dashboards", name)
		}
	}
}
