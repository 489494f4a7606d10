package ledger_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/files/filestest"
	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/internal/observe/ledger"
	"docusign-auth-proxy/internal/store"
)

// observed is an integration as the configuration has it.
func observed() integration.Integration {
	return integration.Integration{Name: "billing", Mode: integration.Observe, IntegratorKey: "key",
		Users: []integration.User{{Username: "anna@example.com"}}}
}

// rehearsal is one of a call of a user, and so many of them.
type rehearsal struct {
	result, user string
	count        int
	operation    string // "" = a REST call
	after        time.Duration
}

func (r rehearsal) tell(l *ledger.Ledger) {
	e := call.Event{Time: start().Add(r.after), Integration: "billing", Authenticator: r.user, Principal: r.user,
		API: call.APIRest2, Rehearsal: r.result, Operation: r.operation}
	if r.result != "would_work" {
		e.NextStep = "mend " + r.result
	}
	if r.operation != "" {
		e.API = "soap_api"
	}
	for range max(r.count, 1) {
		l.RecordRehearsal(&e)
	}
}

func TestRehearsalsTellWhatStillWouldNotWork(t *testing.T) {
	const good, anna, ben = "would_work", "anna@example.com", "ben@example.com"
	for _, test := range []struct {
		name string
		told []rehearsal
		want string // calls that would work / all: causes with user, operation and count
	}{
		{"all would work", []rehearsal{{result: good, user: anna, count: 382}}, "382/382:"},
		{"one user's password is another", []rehearsal{{result: good, user: anna, count: 371},
			{result: "bad_login", user: ben, count: 11}}, "371/382: bad_login ben@example.com x11"},
		{"the most frequent comes first", []rehearsal{{result: "bad_login", user: ben},
			{result: "consent_required", user: anna, count: 2}},
			"0/3: consent_required anna@example.com x2, bad_login ben@example.com x1"},
		{"a user's good call shows that it is mended", []rehearsal{{result: "bad_login", user: ben, count: 11},
			{result: good, user: ben}}, "1/1:"},
		{"another user's good call shows nothing", []rehearsal{{result: "bad_login", user: ben},
			{result: good, user: anna, count: 500}}, "500/501: bad_login ben@example.com x1"},
		{"a good REST call shows nothing about SOAP", []rehearsal{{result: "unsupported", user: ben, operation: "Send"},
			{result: good, user: ben}}, "1/2: unsupported ben@example.com x1"},
		{"an operation is mended by a call of that operation", []rehearsal{
			{result: "soap_refused", user: ben, operation: "Send"}, {result: good, user: ben, operation: "Ping"},
			{result: "soap_refused", user: ben, operation: "Void"}, {result: good, user: anna, operation: "Void"}},
			"2/3: soap_refused Send x1"},
		{"what has not happened for two weeks is no longer told", []rehearsal{
			{result: "bad_login", user: ben, after: -15 * 24 * time.Hour}, {result: good, user: anna}}, "1/1:"},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := newLedger(t, ledger.Options{})
			l.Configure([]integration.Integration{observed()})
			for _, r := range test.told {
				r.tell(l)
			}
			if got := told(l, observed()); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// told says how many would work and what would not.
func told(l *ledger.Ledger, in integration.Integration) string {
	r := l.Integrations([]integration.Integration{in})[0].Rehearsals
	if r == nil {
		return "none"
	}
	if r.Not == nil {
		return "JSON has null in place of a list"
	}
	var not []string
	for _, n := range r.Not {
		if n.NextStep != "mend "+n.Cause {
			return "the next step is " + n.NextStep
		}
		not = append(not, strings.Join(strings.Fields(n.Cause+" "+n.User+" "+n.Operation), " ")+fmt.Sprintf(" x%d", n.Count))
	}
	return strings.TrimSpace(fmt.Sprintf("%d/%d: %s", r.WouldWork, r.Calls, strings.Join(not, ", ")))
}

func TestFurtherUsersOfACauseAreKeptAsOne(t *testing.T) {
	l := newLedger(t, ledger.Options{})
	l.Configure([]integration.Integration{observed()})
	for n := range 30 {
		rehearsal{result: "bad_login", user: fmt.Sprintf("user%02d@example.com", n)}.tell(l)
	}
	if got := told(l, observed()); !strings.HasPrefix(got, "0/30: bad_login x10, bad_login user00@example.com x1, ") ||
		strings.Count(got, "bad_login") != 21 {
		t.Errorf("thirty users: %q", got)
	}
	rehearsal{result: "would_work", user: "anna@example.com", count: 101}.tell(l)
	if got := told(l, observed()); !strings.HasPrefix(got, "101/121: bad_login user00@example.com x1, ") {
		t.Errorf("after a hundred good calls: %q", got)
	}
}

func TestRehearsalsAreThoseOfTheConfigurationInForce(t *testing.T) {
	s, err := store.Open(filepath.Join(filestest.TempDir(t), "state.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	restarted := func(in integration.Integration) *ledger.Ledger {
		l := newLedger(t, ledger.Options{Store: s})
		l.Configure([]integration.Integration{in})
		return l
	}
	bad := rehearsal{result: "bad_login", user: "anna@example.com"}
	l := restarted(observed())
	bad.tell(l)
	bad.tell(l)
	if err := l.Flush(); err != nil {
		t.Fatal(err)
	}
	const want = "0/2: bad_login anna@example.com x2"
	if got := told(restarted(observed()), observed()); got != want {
		t.Errorf("after a restart: %q", got)
	}
	changed := observed()
	changed.Users = append(changed.Users, integration.User{Username: "ben@example.com"})
	l = restarted(changed)
	if got := told(l, changed); got != "none" {
		t.Errorf("with another user listed: %q", got)
	}
	bad.tell(l)
	if got := told(l, changed); got != "0/1: bad_login anna@example.com x1" {
		t.Errorf("with another user listed, after a call: %q", got)
	}
	translated := changed
	translated.Mode = integration.Translate
	if got := told(l, translated); got != "none" {
		t.Errorf("once it is translated: %q", got)
	}
}
