//go:build linux

package fleet_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"docusign-auth-proxy/internal/processtest"
)

// killedUnderLoad ends one replica after the other while programs make envelopes.
func killedUnderLoad(t *testing.T, s *stage) string {
	f := s.start(t, plan{replicas: 3, config: balancers})
	front := f.haproxy()
	processtest.Await(t, "a call goes through", func() error {
		if o := newProgram(byHeader, "anna@example.com", programNetwork+"9", front.base).list(t.Context()); !o.good() {
			return fmt.Errorf("%v", o)
		}
		return nil
	})
	l := work(crowd(t, 50, programNetwork, front.base), 20*time.Millisecond)
	began, kills, under := time.Now(), 0, int64(0)
	for time.Since(began) < s.lasts(12*time.Second, 60*time.Second) {
		time.Sleep(s.lasts(time.Second, 4*time.Second))
		r := f.replicas[kills%len(f.replicas)]
		under += l.active.Load()
		r.kill()
		kills++
		time.Sleep(time.Second)
		r.start()
		processtest.Await(t, r.name+" is ready again", r.isReady)
	}
	b := f.docusign.balance(l.end())
	if b.lost+b.doubled > 0 || b.refused > 0 || b.acknowledged == 0 {
		t.Errorf("%v\n%v", b, b.examples)
	}
	if int64(b.cut) > under {
		t.Errorf("%d calls cut off by %d kills, with %d under way at all replicas\n%v", b.cut, kills, under, b.examples)
	}
	return fmt.Sprintf("%d kills; %v", kills, b)
}

// killedBeforeTheAnswer ends a replica after DocuSign has made an envelope of a SOAP call over REST.
func killedBeforeTheAnswer(t *testing.T, s *stage) string {
	f := s.start(t, plan{
		replicas: 3, sites: true, integrations: func(list []map[string]any) { list[1]["soap"] = "rest" },
	})
	transactions := []string{"", "5c2ef4b0-0000-4000-8000-000000000001"}
	serial := func(i int) string { return fmt.Sprintf("serial-%08d", i) }
	f.docusign.hold("/envelopes")
	for i, transaction := range transactions {
		p := newProgram(bySOAP, "anna@example.com", "", to(f.replicas[0].proxy))
		go p.createBySOAP(context.WithoutCancel(t.Context()), serial(i), transaction) // it ends with its replica
	}
	processtest.Await(t, "the envelopes were made and are not answered", f.docusign.heldIs(len(transactions)))
	f.replicas[0].kill()
	f.docusign.release()
	for i, transaction := range transactions { // the lease of the killed one ends for both at the same time
		again := newProgram(bySOAP, "anna@example.com", "", to(f.replicas[1+i].proxy))
		processtest.Await(t, "the retry at another replica is answered", func() error {
			if o := again.createBySOAP(t.Context(), serial(i), transaction); !o.good() {
				return fmt.Errorf("%v", o)
			}
			return nil
		})
		if n := f.docusign.made(serial(i)); n != 1 {
			t.Errorf("transaction id %q: %d envelopes", transaction, n)
		}
	}
	return fmt.Sprintf("%d retries at another replica, 1 envelope each, %d in all", len(transactions), len(f.docusign.sandbox.Envelopes())-2)
}
