//go:build linux

package wine_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"docusign-auth-proxy/internal/processtest"
)

// windows is what Wine makes of a folder, and the programs that the rows run there.
type windows struct {
	loader, server, compiler string
	home                     string // temporary folder with the following in it
	prefix                   string // what Wine calls so: the drive C, the registry
	drive                    string // C:\ as a folder here
	env                      []string
	given                    atomic.Int32 // addresses of loopback
}

// bin is where the programs lie.
const bin = `C:\bin\`

// product is the program's own binary.
const product = bin + "docusign-auth-proxy.exe"

// newWindows installs Windows, so to speak: half of it waits for Wine, half for compilers.
func newWindows(t *testing.T) *windows {
	t.Helper()
	w := &windows{
		loader: tool(t, "wine64", "wine64"), server: tool(t, "wineserver64", "wine64"),
		compiler: tool(t, "x86_64-w64-mingw32-gcc", "gcc-mingw-w64-x86-64"),
	}
	w.home = t.TempDir()
	w.prefix = filepath.Join(w.home, "prefix")
	w.drive = filepath.Join(w.prefix, "drive_c")
	// Wine wants a home to link folders to, and a character set for the names of files. The tools are those of Linux.
	env := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, toolsVariable) })
	w.env = append(env, "WINEPREFIX="+w.prefix, "WINEDEBUG=-all", "HOME="+w.home, "LC_ALL=C.UTF-8", "DISPLAY=",
		"WINEDLLOVERRIDES=winemenubuilder.exe,mscoree,mshtml=d")
	if err := os.MkdirAll(filepath.Join(w.home, "bin"), 0o700); err != nil {
		t.Fatal(err)
	}
	var jobs sync.WaitGroup
	var failed [3]error
	jobs.Go(func() { failed[0] = w.install(t) })
	jobs.Go(func() { failed[1] = w.build(t.Context()) })
	jobs.Go(func() { failed[2] = w.compile(t.Context()) })
	jobs.Wait()
	err := errors.Join(failed[:]...)
	if err == nil {
		err = os.Rename(filepath.Join(w.home, "bin"), filepath.Join(w.drive, "bin"))
	}
	if err == nil { // where Wine finds it for every program
		err = os.Rename(filepath.Join(w.drive, "bin", stub), filepath.Join(w.drive, "windows", "system32", stub))
	}
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// tool finds a program that the rows need, in the folder of Debian's Wine too.
func tool(t *testing.T, name, debian string) string {
	t.Helper()
	found, err := exec.LookPath(name)
	if err != nil {
		found, err = exec.LookPath("/usr/lib/wine/" + name)
	}
	switch {
	case err == nil:
	case os.Getenv(toolsVariable) != "":
		t.Fatalf("%s is set, but there is no %s: %v", toolsVariable, name, err)
	default:
		t.Skipf("%s is not installed; on Debian it is in the package %s, which .ci/install installs", name, debian)
	}
	return found
}

// install makes the drive C. The server ends with the test, however that ends, and every program of this Wine with it.
func (w *windows) install(t *testing.T) error {
	server := exec.Command(w.server, "-f", "-p")
	server.Env = w.env
	server.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := server.Start(); err != nil {
		return err
	}
	t.Cleanup(func() {
		stop := exec.Command(w.server, "-k")
		stop.Env = w.env
		if err := stop.Run(); err != nil {
			t.Errorf("end of Wine: %v", err)
		}
		_ = server.Wait() // it was killed
	})
	ctx, cancel := context.WithTimeout(t.Context(), processtest.Patience)
	defer cancel()
	first := exec.CommandContext(ctx, w.loader, "cmd.exe", "/c", "ver")
	first.Env = w.env
	if err := first.Run(); err != nil {
		return fmt.Errorf("first start of Wine: %w", err)
	}
	desktop := exec.Command(w.loader, "explorer.exe", "/desktop=test,100x100") // Wine ends its services without one
	desktop.Env = w.env
	if err := desktop.Start(); err != nil {
		return err
	}
	go func() { _ = desktop.Wait() }() // it ends with the server
	return nil
}

// build makes the binary unless somebody did.
func (w *windows) build(ctx context.Context) error {
	to := filepath.Join(w.home, "bin", "docusign-auth-proxy.exe")
	if release := os.Getenv(releaseVariable); release != "" {
		data, err := os.ReadFile(filepath.Join(release, "binaries", "windows-amd64", "docusign-auth-proxy.exe"))
		if err != nil {
			return err
		}
		return os.WriteFile(to, data, 0o700)
	}
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", to, "docusign-auth-proxy/cmd/docusign-auth-proxy")
	cmd.Env = append(os.Environ(), "GOOS=windows", "GOARCH=amd64", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build: %w\n%s", err, out)
	}
	return nil
}

// stub is the library that Wine lacks.
const stub = "bcryptprimitives.dll"

// compile makes the programs beside the product.
func (w *windows) compile(ctx context.Context) error {
	for _, p := range []struct{ name, options string }{
		{stub, "-shared -ladvapi32"},
		{"console.exe", "-municode"},
		{"hold.exe", "-municode"},
		{"winhttp.exe", "-municode -lwinhttp"},
	} {
		source := filepath.Join("programs", strings.TrimSuffix(p.name, filepath.Ext(p.name))+".c")
		args := append([]string{"-O1", "-s", "-Wall", "-Werror", "-o", filepath.Join(w.home, "bin", p.name), source},
			strings.Fields(p.options)...)
		if out, err := exec.CommandContext(ctx, w.compiler, args...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", source, err, out)
		}
	}
	script, err := os.ReadFile(filepath.Join("programs", "xmlhttp.js"))
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(w.home, "bin", "xmlhttp.js"), script, 0o600)
}

// local is the file here of a path on drive C.
func (w *windows) local(path string) string {
	return filepath.Join(w.drive, strings.ReplaceAll(strings.TrimPrefix(path, `C:\`), `\`, "/"))
}
