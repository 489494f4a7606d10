//go:build linux

// Package fleet proves what several replicas on one store promise. It runs the program's own binary as processes, with
// a real redis-server, HAProxy and nginx before and behind them, and ends, freezes and cuts them off while old programs
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
		{0, "the real address of each program is seen behind HAProxy and nginx", realAddresses},
		{1, "1,000 cold first calls of one user over 3 replicas are 1 grant", coldCalls},
		{2, "200 users at 3 cold replicas are 200 grants", manyUsersCold},
		{3, "replicas killed under load double and lose nothing", killedUnderLoad},
		{4, "a replica killed between grant and settle costs one further grant", killedWithTheTurn},
		{4, "a replica cut off between grant and settle tells of the token afterwards", cutOffWithTheTurn},
		{5, "a refresh token due at 3 replicas at once is presented once", refreshTokensDue},
		{6, "a token issued at one replica works at the next, and is revoked everywhere", usedAtOnce},
		{7, "all replicas restarted together ask for nothing", restartedTogether},
		{8, "wrong passwords at 3 replicas count as at one", wrongPasswords},
		{9, "the store away under load: no known call fails, every call is counted", storeKilled},
		{10, "a store that is frozen, slow or cut off holds nobody up", storeStuck},
		{11, "a fail-over loses no issued token", failOver},
		{11, "an empty store and another one are never believed", foreignStore},
		{13, "a file copied into the store and back keeps tokens, logins and sums", storeCopied},
		{14, "what a later version writes is kept and skipped", newerWriter},
		{16, "no secret is in the store, a log, a metric or a page", canaries},
		{18, "a SOAP call over REST repeated at another replica is one envelope", killedBeforeTheAnswer},
	}
}

func TestFleet(t *testing.T) {
	mode := os.Getenv(modeVariable)
	if mode == "off" || mode == "" && os.Getenv(toolsVariable) == "" {
		t.Skip("it starts servers and takes minutes: set " + modeVariable + "=on, as .ci/run does by " + toolsVariable)
	}
	s := newStage(t)
	results := make([]string, 0, len(rows()))
	for _, r := range rows() {
		began := time.Now()
		counted, ran := "it did not come to its end", false
		good := t.Run(strings.ReplaceAll(fmt.Sprintf("row %d, %s", r.number, r.name), "/", " or "), func(t *testing.T) {
			ran = true
			counted = r.run(t, s)
		})
		result := map[bool]string{true: "holds", false: "FAILED"}[good]
		if ran { // else -run left it out
			took := time.Since(began)
			results = append(results, fmt.Sprintf("%3d  %-6s %5.1f s  %s\n                     %s",
				r.number, result, took.Seconds(), r.name, counted))
		}
	}
	fmt.Printf("row  result    time  what must hold, and what was counted\n%s\n", strings.Join(results, "\n"))
}
