package main

import (
	"context"
	"os"
	"os/exec"
	"testing"
)

// asProgram in the environment makes the test binary the program itself.
const asProgram = "DOCUSIGN_AUTH_PROXY_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		os.Exit(mainExit(os.Args[1:]))
	}
	os.Exit(m.Run())
}

// programCommand runs the program as a process of its own.
func programCommand(ctx context.Context, t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Env = append(os.Environ(), asProgram+"=1")
	return cmd
}
