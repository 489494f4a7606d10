//go:build linux

// Package fleet proves what several replicas on one store promise. It runs the program's own binary as processes, with a
// real redis-server, HAProxy and nginx before and behind them, and ends, freezes and cuts them off while old programs
// call. It has tests alone and talks to loopback alone.
package fleet_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// Environment variables of this test. mode "off" skips it, "long" takes the durations of an outage in production.
const (
	modeVariable  = "DOCUSIGN_AUTH_PROXY_FLEET"
	toolsVariable = "DOCUSIGN_AUTH_PROXY_TOOLS"
)

// row is one fault and what must hold.
type row struct {
	number int
	name   string
	run    func(t *testing.T, s *stage) (counted string)
}

func rows() []row {
	return []row{
		{0, "one replica with a file serves 50 programs", oneReplicaWithAFile},
	}
}

func TestFleet(t *testing.T) {
	if testing.Short() || os.Getenv(modeVariable) == "off" {
		t.Skip("starts servers and takes minutes; run it without -short and without " + modeVariable + "=off")
	}
	s := newStage(t)
	results := make([]string, 0, len(rows()))
	for _, r := range rows() {
		began := time.Now()
		counted := "it did not come to its end"
		good := t.Run(strings.ReplaceAll(fmt.Sprintf("row %d, %s", r.number, r.name), "/", " or "), func(t *testing.T) {
			counted = r.run(t, s)
		})
		result := map[bool]string{true: "holds", false: "FAILED"}[good]
		if took := time.Since(began); took > time.Millisecond { // else -run left it out
			results = append(results, fmt.Sprintf("%3d  %-6s %5.1f s  %s\n                     %s",
				r.number, result, took.Seconds(), r.name, counted))
		}
	}
	fmt.Printf("row  result    time  what must hold, and what was counted\n%s\n", strings.Join(results, "\n"))
}
