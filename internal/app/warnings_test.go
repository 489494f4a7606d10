package app_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/app"
	"docusign-auth-proxy/internal/app/apptest"
	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/proxy/authority"
)

func TestTheTermOfTheCAIsAWarning(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	cfg, err := config.Load(r.Path)
	if err != nil {
		t.Fatal(err)
	}
	c := cfg.Interception.Authority.Certificate()
	for _, test := range []struct {
		name string
		now  time.Time
		want []string
	}{
		{"it has begun and lasts", time.Now(), nil},
		{"it ends within thirty days", c.NotAfter.Add(-29 * 24 * time.Hour), []string{"ca_expiring"}},
		{"it has ended", c.NotAfter, []string{"ca_expired"}},
		{"it has not begun", c.NotBefore.Add(-time.Second), []string{"ca_not_begun"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, w := range app.Warnings(cfg, nil, test.now) {
				if w.Cause == "" {
					continue
				}
				got = append(got, w.Cause)
				if w.Line == 0 || w.Path != "interception.ca_cert" || strings.Contains(w.Hint, "ca init") ||
					w.Cause != "ca_not_begun" && !strings.Contains(w.Hint, "ca renew --config "+r.Path) {
					t.Errorf("it says %s", w)
				}
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("it warns of %q", got)
			}
		})
	}
}

// A CA that has expired and SOAP calls that nobody has chosen a way for are told in the log, at the start and with
// every reload, and are entries of the status page.
func TestWhatWillNotWorkIsToldAtTheStart(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.Do(nil, soapPost(t, r.Sidecar()+"/api/3.0/api.asmx", soapEnvelope(security(annaToken), listFeatures)))
	r.Settled()
	r.Halt()
	ca, err := authority.Create(authority.Spec{Life: time.Hour, Now: func() time.Time {
		return time.Now().Add(-48 * time.Hour)
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := ca.Save(filepath.Join(r.Dir, "ca.pem"), filepath.Join(r.Dir, "ca-key.pem"), true); err != nil {
		t.Fatal(err)
	}
	lines := func(id cause.ID) (n int) {
		for line := range strings.Lines(r.Log.String()) {
			if strings.Contains(line, "config") && strings.Contains(line, "cause="+id.String()+" ") &&
				strings.Contains(line, "next_step=") {
				n++
			}
		}
		return n
	}
	r.Start()
	for times := 1; times <= 2; times++ {
		for _, id := range []cause.ID{cause.CAExpired, cause.SOAPNotChosen} {
			if n := lines(id); n != times {
				t.Errorf("%s is told %d times, not %d", id, n, times)
			}
		}
		r.Reloaded(t, func(s apptest.Section) { s["unknown"] = [...]string{"observe", "reject"}[times-1] })
	}
	var got []string
	for _, a := range r.status(t).Attention {
		got = append(got, a.Cause)
	}
	for _, id := range []cause.ID{cause.CAExpired, cause.SOAPNotChosen} {
		if !slices.Contains(got, id.String()) {
			t.Errorf("no entry of %s among %q", id, got)
		}
	}
}
