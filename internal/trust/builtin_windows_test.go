package trust_test

import (
	"crypto/x509"
	"errors"
	"io/fs"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/windows/registry"

	"docusign-auth-proxy/internal/trust"
	"docusign-auth-proxy/proxy/authority"
)

// testStore is none that programs read, so that nothing on the machine comes to trust a certificate of these tests.
const (
	testStore    = "docusign-auth-proxy test"
	refusedStore = testStore + " refused"
)

func forgetStores(t *testing.T) {
	t.Helper()
	for _, place := range []registry.Key{registry.CURRENT_USER, registry.LOCAL_MACHINE} {
		for _, store := range []string{testStore, refusedStore} {
			for _, part := range []string{`\Certificates`, `\CRLs`, `\CTLs`, ""} {
				const stores = `Software\Microsoft\SystemCertificates\`
				err := registry.DeleteKey(place, stores+store+part)
				if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrPermission) {
					t.Error(err)
				}
			}
		}
	}
}

func TestAStoreOfWindows(t *testing.T) {
	defer forgetStores(t)
	old := newCA(t, authority.Spec{})
	renewed, err := old.Renew(authority.Spec{Now: func() time.Time { return day0.Add(700 * 24 * time.Hour) }})
	if err != nil {
		t.Fatal(err)
	}
	s, later := trust.StoreOf(false, testStore), day0.Add(701*24*time.Hour)
	for _, step := range []struct {
		name   string
		do     string
		what   *x509.Certificate
		steps  int // 0: it was so already
		asked  *x509.Certificate
		trusts bool
		reason string
	}{
		{"nothing is there at first", "uninstall", old.Certificate(), 0, old.Certificate(), false, "does not hold"},
		{"it is added", "install", old.Certificate(), 1, old.Certificate(), true, "it holds this certificate"},
		{"a second time does nothing", "install", old.Certificate(), 0, old.Certificate(), true, "it holds this"},
		{"a renewed one of the same key is told", "", nil, 0, renewed.Certificate(), true, "of the same CA"},
		{"both stand beside each other", "install", renewed.Certificate(), 1, old.Certificate(), true, "it holds this"},
		{"the old one alone goes", "uninstall", old.Certificate(), 1, renewed.Certificate(), true, "it holds this"},
		{"then the new one", "uninstall", renewed.Certificate(), 1, renewed.Certificate(), false, "does not hold"},
		{"and there is nothing to do", "uninstall", renewed.Certificate(), 0, renewed.Certificate(), false, "does not hold"},
	} {
		t.Run(step.name, func(t *testing.T) {
			var plan trust.Plan
			var err error
			switch step.do {
			case "install":
				plan, err = s.Install(t.Context(), step.what)
			case "uninstall":
				plan, err = s.Uninstall(t.Context(), step.what)
			}
			if err != nil || len(plan) != step.steps {
				t.Fatalf("%q, %v", plan.Steps(), err)
			}
			if err := plan.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			now := later
			if step.asked == old.Certificate() {
				now = day0
			}
			v, err := s.Trusts(t.Context(), step.asked, now)
			if err != nil || v.Trusted != step.trusts || !strings.Contains(v.Reason, step.reason) {
				t.Errorf("%+v, %v", v, err)
			}
		})
	}
}

func TestWhatTheUserAloneTrustsIsTold(t *testing.T) {
	defer forgetStores(t)
	c := newCA(t, authority.Spec{}).Certificate()
	machine, user := trust.StoreOf(true, testStore), trust.StoreOf(false, testStore)
	if err := perform(t, machine.Install, c); errors.Is(err, fs.ErrPermission) {
		if !strings.Contains(err.Error(), "Run as administrator") {
			t.Error(err)
		}
		t.Skip("stores of the machine are for administrators")
	} else if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(perform(t, machine.Uninstall, c), perform(t, user.Install, c)); err != nil {
		t.Fatal(err)
	}
	v, err := machine.Trusts(t.Context(), c, day0)
	if err != nil || v.Trusted || !strings.Contains(v.Reason, "this user does") || v.Store != `Cert:\LocalMachine\`+testStore {
		t.Errorf("%+v, %v", v, err)
	}
}

func TestACertificateThatTheMachineRefusesIsNotTrusted(t *testing.T) {
	defer forgetStores(t)
	c := newCA(t, authority.Spec{}).Certificate()
	s, refused := trust.StoreOf(false, testStore), trust.StoreOf(false, refusedStore)
	for _, install := range []trust.Store{s, refused} {
		if err := perform(t, install.Install, c); err != nil {
			t.Fatal(err)
		}
	}
	v, err := s.Trusts(t.Context(), c, day0)
	if err != nil || v.Trusted || !strings.Contains(v.Reason, refusedStore+" holds this certificate") ||
		!strings.Contains(v.Remedy, `Remove-Item 'Cert:\CurrentUser\`+refusedStore+`\`) {
		t.Errorf("%+v, %v", v, err)
	}
	if _, err := s.Install(t.Context(), c); err == nil || !strings.Contains(err.Error(), v.Reason) {
		t.Errorf("it is installed all the same: %v", err)
	}
	if err := errors.Join(perform(t, s.Uninstall, c), perform(t, refused.Uninstall, c)); err != nil {
		t.Fatal(err)
	}
	if plan, err := s.Install(t.Context(), c); err != nil || len(plan) != 1 {
		t.Errorf("it is refused no more, and still: %q, %v", plan.Steps(), err)
	}
}
