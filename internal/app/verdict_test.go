package app_test

import (
	"strings"
	"testing"

	"docusign-auth-proxy/internal/admin"
	"docusign-auth-proxy/internal/app/apptest"
	"docusign-auth-proxy/internal/fixture"
)

// DocuSign refuses what goes out as it came; the verdict says what would become of it with mode: translate, also after
// a restart, and once what would not work is mended.
func TestAnObservedIntegrationGetsAVerdict(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(w *fixture.Config) {
		w.Edit = func(in []map[string]any) { in[1]["mode"], in[1]["soap"] = "observe", "rest" }
	})
	call := func(credential string, times int) {
		for range times {
			if got := r.ListWith(t, credential); got != 401 {
				t.Errorf("DocuSign answered %d", got)
			}
		}
	}
	wrong := strings.Replace(apptest.AnnaJSON, "anna-legacy-1", "another", 1)
	wrong = strings.Replace(wrong, "anna@", "bob@", 1)
	seen := func() (i admin.Integration, severities string) {
		s := r.status(t)
		for _, a := range s.Attention {
			severities += a.Cause + " " + a.Severity.String() + " "
		}
		return s.Integrations[1], severities
	}
	verdict := func(when, want string) {
		t.Helper()
		apptest.Eventually(t, when, func() bool { i, _ := seen(); return strings.HasPrefix(i.ObserveVerdict, want) })
	}
	call(apptest.AnnaJSON, 3)
	verdict("all work", "3 of 3 calls would work: set mode: translate for nightly-billing.")
	call(wrong, 2)
	const some = "3 of 5 calls would work; 2 would not: bad_login for bob@example.com (2). "
	verdict("one user's password is another", some)
	i, severities := seen()
	if n := i.Rehearsals; n.Calls != 5 || n.WouldWork != 3 || len(n.Not) != 1 || n.Not[0].NextStep == "" {
		t.Errorf("the rehearsals are %+v", n)
	}
	if severities != "observe_refused ticket " {
		t.Errorf("entries: %s", severities)
	}
	r.Restart()
	verdict("after a restart", some)
	call(strings.Replace(wrong, "another", "bob-legacy-2", 1), 1)
	verdict("when it is mended", "4 of 4 calls would work: ")
}
