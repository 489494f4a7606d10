package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestHealthAsksTheRunningProxyAndDoesNotJudgeTheFile(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	file := filepath.Join(t.TempDir(), "proxy.yaml")
	for _, c := range []struct {
		name, text, says string
		ok               bool
	}{
		{"a running proxy is ready", "listen: {admin: \"" + r.Program.AdminAddress() + "\"}\n", "ready", true},
		{
			"a bad edit elsewhere does not matter", "listen: {admin: \"" + r.Program.AdminAddress() + "\"}\nintergrations: 7\n",
			"ready", true,
		},
		{
			"a file that is no longer YAML does not matter", "listen:\n  admin: \"" + r.Program.AdminAddress() + "\"\n bad: [\n",
			"ready", true,
		},
		{
			"a broken flow mapping does not matter", "listen: {proxy: 127.0.0.1:1, admin: " + r.Program.AdminAddress() + ", [\n",
			"ready", true,
		},
		{"nobody answers", "listen: {admin: \"127.0.0.1:1\"}\n", "no answer", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			cmd := newHealth()
			var out bytes.Buffer
			cmd.SetOut(&out)
			cmd.SetArgs([]string{"--config", file})
			cmd.SilenceErrors, cmd.SilenceUsage = true, true
			err := cmd.ExecuteContext(t.Context())
			said := out.String()
			if err != nil {
				said += err.Error()
			}
			if (err == nil) != c.ok || !strings.Contains(said, c.says) {
				t.Errorf("error %v, said %q", err, said)
			}
		})
	}
}
