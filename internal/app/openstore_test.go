package app_test

import (
	"bytes"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/app"
	"docusign-auth-proxy/internal/store"
)

func TestAStoreThatAnotherProcessHasIsSaidToBeSo(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state.db")
	other, err := store.Open(path, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	s, err := app.OpenStore(
		&config.Config{Store: config.Store{File: path, Implicit: true}}, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), "end the other process") || strings.Contains(log.String(), "proxy may write") {
		t.Errorf("the log says %s", &log)
	}
	if err := errors.Join(s.Close(), other.Close()); err != nil {
		t.Error(err)
	}
}
