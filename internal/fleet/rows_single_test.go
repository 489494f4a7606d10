//go:build linux

package fleet_test

import (
	"testing"
	"time"
)

// oneReplicaWithAFile is what most installations have: nothing of the shared store is in its way.
func oneReplicaWithAFile(t *testing.T, s *stage) string {
	f := s.start(t, plan{replicas: 1, file: true})
	l := work(t, crowd(t, 50, false, to(f.replicas[0].proxy)), 50*time.Millisecond)
	time.Sleep(s.lasts(3*time.Second, 20*time.Second))
	b := f.docusign.balance(l.end())
	if b.acknowledged != b.calls || b.lost+b.doubled > 0 || b.calls == 0 {
		t.Errorf("%v\n%v", b, b.examples)
	}
	if n := f.docusign.total(); n != 2 {
		t.Errorf("%d grants for 2 users", n)
	}
	return b.String()
}
