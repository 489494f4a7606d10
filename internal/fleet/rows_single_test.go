//go:build linux

package fleet_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"docusign-auth-proxy/internal/processtest"
)

// oneReplicaWithAFile is what most installations have: nothing of the shared store is in its way.
func oneReplicaWithAFile(t *testing.T, s *stage) string {
	f := s.start(t, plan{replicas: 1, file: true})
	programs := crowd(t, 50, "", to(f.replicas[0].proxy))
	logins := countTokens(programs)
	l := work(programs, 50*time.Millisecond)
	time.Sleep(s.lasts(3*time.Second, 20*time.Second))
	b := f.docusign.balance(l.end())
	if b.acknowledged != b.calls || b.lost+b.doubled > 0 || b.calls == 0 {
		t.Errorf("%v\n%v", b, b.examples)
	}
	if n := f.docusign.total(); n != 2 {
		t.Errorf("%d grants for 2 users", n)
	}
	f.awaitLedger(f.replicas[0], b.calls+logins)
	return b.String()
}

func countTokens(programs []*program) (n int) {
	for _, p := range programs {
		if p.kind == byToken {
			n++
		}
	}
	return n
}

// awaitLedger waits until a replica tells of exactly so many calls.
func (f *fleet) awaitLedger(r *replica, want int) {
	f.t.Helper()
	got := -1
	processtest.Await(f.t, fmt.Sprintf("%s tells of %d calls", r.name, want), func() error {
		n, err := r.ledger()
		if err != nil {
			return err
		}
		if got = n; got != want {
			return fmt.Errorf("it tells of %d", got)
		}
		return nil
	})
}

// ledger is the number of calls that the status page of a replica counts.
func (r *replica) ledger() (int, error) {
	text, err := fetch("http://" + r.admin + "/api/status")
	if err != nil {
		return 0, err
	}
	type counted struct {
		Calls int `json:"calls"`
	}
	var status struct {
		Integrations []counted `json:"integrations"`
		Unknown      []counted `json:"unknown"`
	}
	if err := json.Unmarshal([]byte(text), &status); err != nil {
		return 0, err
	}
	n := 0
	for _, c := range append(status.Integrations, status.Unknown...) {
		n += c.Calls
	}
	return n, nil
}

// realAddresses sends programs of many machines over two balancers.
func realAddresses(t *testing.T, s *stage) string {
	f := s.start(t, plan{replicas: 1, file: true, config: balancers})
	seen := 0
	calls, connections := f.nginx()
	for name, b := range map[string]*balancer{
		"HAProxy with PROXY v2": f.haproxy(), "nginx with X-Forwarded-For": calls, "nginx with PROXY v1": connections,
	} {
		processtest.Await(t, name+" has found the replica", func() error {
			o := newProgram(byHeader, "anna@example.com", programNetwork+"9", b.base).list(t.Context())
			if !o.good() {
				return fmt.Errorf("%v", o)
			}
			return nil
		})
		for i, p := range crowd(t, 6, programNetwork, b.base) {
			o := p.create(t.Context(), fmt.Sprintf("serial-%08d", i))
			if !o.good() {
				t.Errorf("%s: %v", name, o)
			}
			want := fmt.Sprintf(`"client":"%s%d"`, programNetwork, i+10)
			processtest.Await(t, name+": a line of the log with "+want, func() error { return f.replicas[0].logged(want) })
			seen++
		}
	}
	return fmt.Sprintf("%d programs, each with its own address in the log", seen)
}
