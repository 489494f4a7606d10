//go:build linux

// Package wine_test proves that the program works as built for Windows. It runs that binary under Wine, with old
// programs of Windows beside it, and DocuSign's stand-in here. It has tests alone and talks to loopback alone.
package wine_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// Environment variables of this test.
const (
	modeVariable    = "DOCUSIGN_AUTH_PROXY_WINE" // "on" or "off"
	toolsVariable   = "DOCUSIGN_AUTH_PROXY_TOOLS"
	releaseVariable = "DOCUSIGN_AUTH_PROXY_RELEASE" // folder; empty = the binary is built
)

// row is what must hold. Rows run side by side, each in a folder and at an address of its own.
type row struct {
	name string
	run  func(t *testing.T, w *windows)
}

func rows() []row {
	return []row{
		{"packages that know Windows pass their own tests", unitTests},
		{"each door answers as on Linux", doorsAsOnLinux},
		{"old programs of Windows call through each kind of proxy setting", oldPrograms},
		{"a service is installed, started, stopped during a call, started with its state and taken out", aService},
		{"the demo ends well and leaves no folder behind", demoLeavesNothing},
		{"a killed proxy keeps its state, and a second one is told who has the file", stateIsKept},
		{"every command speaks to the running proxy", commandsBesideIt},
		{"files with secrets are closed to others, and one that is open is told", secretsAreClosed},
		{"a log file that is full is renamed, and grows while another program has it open", aLogFile},
		{"no line of calls under way is lost or torn while the log is renamed and others read it", logUnderTraffic},
		{"paths may have drives, backslashes, spaces and letters of other languages", windowsPaths},
		{"Ctrl-C, Ctrl-Break, a closed window, log-off and shutdown finish the calls under way", consoleEvents},
	}
}

func TestWindows(t *testing.T) {
	mode := os.Getenv(modeVariable)
	if mode == "off" || mode == "" && os.Getenv(toolsVariable) == "" {
		t.Skip("it starts Wine and takes a minute: set " + modeVariable + "=on, as .ci/run does by " + toolsVariable)
	}
	w := newWindows(t)
	results := make([]string, len(rows()))
	t.Run("row", func(t *testing.T) {
		for i, r := range rows() {
			t.Run(r.name, func(t *testing.T) {
				t.Parallel()
				began := time.Now()
				t.Cleanup(func() {
					result := map[bool]string{true: "FAILED", false: "holds"}[t.Failed()]
					results[i] = fmt.Sprintf("%-6s %5.1f s  %s", result, time.Since(began).Seconds(), r.name)
				})
				r.run(t, w)
			})
		}
	})
	fmt.Printf("result    time  what must hold\n%s\n", strings.Join(results, "\n"))
}
