//go:build linux

package wine_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/processtest"
)

// knowWindows are the packages that have code, or take decisions, for Windows alone, and files of their own there.
// internal/app is left out: it calls through real listeners for minutes, as the other rows do.
var knowWindows = []string{
	"internal/demo", "internal/doctor", "internal/files", "internal/observe/accesslog", "internal/service",
	"internal/service/control", "internal/spool", "internal/store", "internal/trust", "internal/words", "proxy/authority",
}

// unitTests runs what "go test" makes of them for Windows.
func unitTests(t *testing.T, w *windows) {
	made, root := t.TempDir(), filepath.Join("..", "..")
	build := exec.CommandContext(t.Context(), "go", "test", "-c", "-o", made+"/")
	for _, name := range knowWindows {
		build.Args = append(build.Args, "./"+name)
	}
	build.Dir, build.Env = root, append(os.Environ(), "GOOS=windows", "GOARCH=amd64", "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	for _, name := range knowWindows {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			binary := filepath.Join(made, filepath.Base(name)+".test.exe")
			p := w.startIn(t, filepath.Join(root, name), binary, "-test.v", "-test.timeout", processtest.Patience.String())
			out, err := p.ended()
			passed, skipped := strings.Count(out, "--- PASS: "), strings.Count(out, "--- SKIP: ")
			if err != nil || passed == 0 {
				t.Errorf("%d pass, %v", passed, err)
			}
			t.Logf("%d pass, %d are skipped", passed, skipped)
		})
	}
}
