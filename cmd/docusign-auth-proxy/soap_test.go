package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"docusign-auth-proxy/internal/app"
	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/translate/soaprest/journal"
)

// creations are in the journal of a proxy that was stopped.
func (r *rig) creations(t *testing.T) {
	t.Helper()
	r.Halt()
	s, err := app.OpenState(filepath.Join(r.Dir, "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for i, e := range []journal.Entry{
		{TransactionID: "tx-done", State: journal.Done, EnvelopeID: "93be49ab-0000-4000-8000-000000000001"},
		{TransactionID: "tx-unknown", State: journal.Unknown},
		{TransactionID: "tx-older", State: journal.Unknown},
		{TransactionID: "tx-under-way", State: journal.Intended},
	} {
		e.At, e.Operation, e.Digest = now.Add(-time.Duration(i)*time.Hour), "CreateAndSendEnvelope", e.TransactionID
		e.Owner = integration.TokenOwner{
			Integration: "old-erp", Authenticator: "anna@example.com", Voucher: "digest-of-a-password",
		}
		if err := s.Creations().Put(e); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestTheJournalIsListedAndSettled(t *testing.T) {
	t.Parallel()
	for _, running := range []bool{true, false} {
		t.Run(map[bool]string{true: "by the running proxy", false: "in the state file"}[running], func(t *testing.T) {
			t.Parallel()
			r := newRig(t, nil)
			r.creations(t)
			if running {
				r.Start()
			}
			soap := func(args ...string) (string, error) {
				args = append([]string{"journal"}, args...)
				if running {
					args = append(args, "--admin", r.AdminURL())
				}
				return r.operate(t, newSOAP(), args...)
			}
			list, err := soap()
			if err != nil || strings.Contains(list, "digest-of-a-password") {
				t.Fatalf("%v\n%s", err, list)
			}
			order := []string{"tx-unknown", "tx-older", "tx-under-way", "tx-done", "next: look for the unknown ones"}
			for last, i := -1, 0; i < len(order); i++ {
				at := strings.Index(list, order[i])
				if at <= last {
					t.Fatalf("%s is not in its place:\n%s", order[i], list)
				}
				last = at
			}
			for _, c := range []struct {
				args []string
				want string
			}{
				{[]string{"settle", "tx-done"}, "nothing was settled"}, // its outcome is known
				{[]string{"settle", "tx-under-way"}, "nothing was settled"},
				{[]string{"settle", "tx-unknown"}, "settled: 1\nnext: docusign-auth-proxy soap journal --"},
				{[]string{"settle", "tx-unknown"}, "nothing was settled"},
				{[]string{"settle", "--all"}, "settled: 1\n"},
				{nil, "next: nothing, no state is unknown"},
				{[]string{"--user", "ben@example.com"}, "no envelope was asked for"},
			} {
				if out, err := soap(c.args...); err != nil || !strings.Contains(out, c.want) {
					t.Errorf("%v: %v\n%s", c.args, err, out)
				}
			}
			if _, err := soap("settle"); err == nil || !strings.Contains(err.Error(), "say which") {
				t.Errorf("settled nothing in particular: %v", err)
			}
			out, err := soap("--json")
			var answer map[string][]app.CreationInfo
			if err == nil {
				err = json.Unmarshal([]byte(out), &answer)
			}
			if got := answer["journal"]; err != nil || len(got) != 4 || got[0].TransactionID != "tx-under-way" ||
				!got[0].Unresolved || got[1].EnvelopeID == "" || got[2].State != journal.NotCreated {
				t.Errorf("%v: %+v", err, got)
			}
		})
	}
}

func TestBothWaysAreComparedBesideARunningProxy(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	token := r.OperatorToken(t)
	out, err := r.operate(t, newSOAP(), "compare", "--operations", "Ping,RequestStatus", "--user", "anna@example.com")
	if err != nil || !strings.Contains(out, "= Ping\n= RequestStatus\n2 operations compared") {
		t.Errorf("%v\n%s", err, out)
	}
	if r.OperatorToken(t) != token {
		t.Error("the token of the running proxy was written over")
	}
	if _, err := r.operate(t, newSOAP(), "test-envelope"); err == nil || !strings.Contains(err.Error(), "--to") {
		t.Errorf("a test envelope for nobody: %v", err)
	}
}
