package ledger_test

import (
	"strings"
	"testing"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/observe/ledger"
	"docusign-auth-proxy/internal/store"
)

func TestTheLastFailureIsWhatHappenedAndWhatToDo(t *testing.T) {
	const link = "https://account-d.docusign.com/oauth/auth?response_type=code&scope=signature%20impersonation&client_id=x"
	for _, test := range []struct {
		name, detail, next, wantError, wantNext string
	}{
		{"in words of the place where it happened", "the password is wrong", "store the other", "the password is wrong",
			"store the other"},
		{"without a detail", "", "", "bad_login", ""},
		{"the link to the consent page is left to the page", "no consent",
			"let anna@example.com open " + link + ", log in and accept", "no consent",
			"let anna@example.com open the consent page, log in and accept"},
		{"what is too long ends between words, so that no address is cut",
			strings.Repeat("word ", 95) + "https://docusign.example.com/" + strings.Repeat("x", 100), "",
			strings.Repeat("word ", 95) + "…", ""},
		{"one word that is too long", strings.Repeat("x", 600), "", strings.Repeat("x", 496) + " …", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := newLedger(t, ledger.Options{})
			e := event()
			e.Outcome, e.Cause, e.Detail, e.NextStep = call.OutcomeRefused, "bad_login", test.detail, test.next
			l.Record(&e)
			r, s := l.Rows()[0], only(t, l, "translate")
			if r.LastError != test.wantError || r.LastNext != test.wantNext || r.LastCause != "bad_login" {
				t.Errorf("%q, %q and %q", r.LastError, r.LastNext, r.LastCause)
			}
			if s.LastError != r.LastError || s.LastNext != r.LastNext || s.LastCause != r.LastCause {
				t.Errorf("the integration has %q, %q and %q", s.LastError, s.LastNext, s.LastCause)
			}
		})
	}
}

func TestTheFailureOfAnEarlierVersion(t *testing.T) {
	for text, want := range map[string][2]string{
		"the password is wrong → store the other":              {"the password is wrong", "store the other"},
		"the password is wrong → " + strings.Repeat("x ", 137): {"the password is wrong", ""}, // cut at 300 bytes
		"the password is wrong":                                {"the password is wrong", ""},
	} {
		l := newLedger(t, ledger.Options{Store: oneRow{"k00000000", `{"v":1,"first":1,"last":2,"counts":{"refused":1},` +
			`"error":"` + text + `","error_at":2,"integration":"billing"}`}})
		if r := l.Rows()[0]; r.LastError != want[0] || r.LastNext != want[1] || r.LastCause != "" {
			t.Errorf("%+v", r)
		}
	}
}

func TestAStrangerIsShownWithTheLastDoorAndAPI(t *testing.T) {
	state := store.Memory()
	l := newLedger(t, ledger.Options{Store: state})
	e := event()
	e.Integration, e.Key = call.UnknownIntegration, "c0ffee00-0000-4000-8000-000000000001"
	l.Record(&e)
	e.Door, e.API = call.DoorSidecar, "soap_api"
	l.Record(&e)
	if err := l.Flush(); err != nil {
		t.Fatal(err)
	}
	restarted := newLedger(t, ledger.Options{Store: state})
	for name, l := range map[string]*ledger.Ledger{"now": l, "after a restart": restarted} {
		if u := l.Unknown(); len(u) != 1 || u[0].Door != "sidecar" || u[0].API != "soap_api" || u[0].Calls != 2 {
			t.Errorf("%s: %+v", name, u)
		}
	}
}
