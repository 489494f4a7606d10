package app_test

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/app"
	"docusign-auth-proxy/internal/files/filestest"
)

func TestWhereTheLogGoes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		toFile bool
		fails  bool
	}{
		{"to standard error", false, false},
		{"to standard error, with a start that fails", false, true},
		{"to a file", true, false},
		{"to a file, with a start that fails", true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := config.Log{Level: "info", Format: "text", MaxSize: 1 << 20}
			if c.toFile {
				cfg.File = filepath.Join(filestest.TempDir(t), "log", "proxy.log")
			}
			var out, also bytes.Buffer
			err := app.RunLogged(&out, cfg, slog.NewTextHandler(&also, nil), func(log *slog.Logger, _ app.Hooks) error {
				log.Info("well")
				log.Error("wrong")
				if c.fails {
					return errors.New("port taken")
				}
				return nil
			})
			if (err != nil) != c.fails {
				t.Errorf("the error is %v", err)
			}
			log := out.String()
			if c.toFile {
				text, failed := os.ReadFile(cfg.File)
				if failed != nil {
					t.Fatal(failed)
				}
				log = string(text)
				if out.String() != "docusign-auth-proxy: the log is written to "+cfg.File+"\n" {
					t.Errorf("standard error has %q", out.String())
				}
				if c.fails && err.Error() != "port taken" { // for main to print it
					t.Errorf("the error is %v", err)
				}
			}
			if !strings.Contains(log, "msg=well") || !strings.Contains(log, "msg=wrong") ||
				c.fails != strings.HasSuffix(log, "\ndocusign-auth-proxy: port taken\n") {
				t.Errorf("the log has %q", log)
			}
			if got := also.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, "msg=wrong") {
				t.Errorf("beside it: %q", got)
			}
		})
	}
}

func TestALogFileThatCannotBeOpened(t *testing.T) {
	t.Parallel()
	dir := filestest.TempDir(t)
	cfg := config.Log{Level: "info", Format: "json", File: dir}
	err := app.RunLogged(os.Stderr, cfg, nil, func(*slog.Logger, app.Hooks) error { return nil })
	if err == nil || !strings.Contains(err.Error(), "log.file: "+dir+" is not a regular file") {
		t.Errorf("the error is %v", err)
	}
}
