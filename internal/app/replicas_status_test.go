package app_test

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/admin"
	"docusign-auth-proxy/internal/app/apptest"
	"docusign-auth-proxy/internal/sandbox"
	"docusign-auth-proxy/internal/store/redis/redistest"
)

func (r *rig) fetch(t *testing.T, path string) string {
	t.Helper()
	resp, err := http.Get("http://" + r.Program.AdminAddress() + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d, %v", path, resp.StatusCode, err)
	}
	return string(body)
}

// differing starts one more replica, whose configuration was changed.
func (r *rig) differing(t *testing.T, edit func(apptest.Section)) *rig {
	t.Helper()
	other := *r.Rig
	other.Log, other.Path = &apptest.SyncBuffer{}, filepath.Join(r.Dir, "other.yaml")
	text, err := os.ReadFile(r.Path)
	if err == nil {
		err = os.WriteFile(other.Path, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	other.Change(edit)
	other.Start()
	return &rig{&other}
}

func callsOf(s admin.Status) (calls uint64) {
	for _, i := range s.Integrations {
		calls += i.Calls
	}
	return calls
}

func TestTheStatusIsThatOfAllReplicas(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, addr string) {
		a := newRigEdited(t, sandbox.Options{}, nil, sharing(t, addr, 1))
		within(t, "the first replica has announced itself", func() bool {
			return !a.status(t).Replicas.AsOf.IsZero()
		})
		b := a.differing(t, func(s apptest.Section) { s["unknown"] = "observe" })
		for n, r := range []*rig{a, b, b} {
			if got := r.ListWith(t, apptest.AnnaJSON); got != 200 {
				t.Fatalf("call %d: %d", n, got)
			}
		}
		a.Settled()
		if s := a.status(t); callsOf(s) != 1 || s.Replicas.Counts.Unsent != 1 {
			t.Errorf("before its calls are sent it knows %d, of them unsent %d", callsOf(s), s.Replicas.Counts.Unsent)
		}
		var s admin.Status
		within(t, "the second replica sees the first", func() bool { s = b.status(t); return len(s.Replicas.List) == 2 })
		for _, r := range s.Replicas.List {
			if r.Self == r.OtherConfig || r.OtherVersion || r.Operations == "" || r.Started.IsZero() {
				t.Errorf("%+v", r)
			}
		}
		if !slices.ContainsFunc(s.Attention, func(a admin.Attention) bool { return a.Cause == "replicas_differ" }) {
			t.Errorf("nobody is told: %+v", s.Attention)
		}
		b.Settled()
		metrics := b.fetch(t, "/metrics")
		for _, want := range []string{"_replicas 2", `_store_fault{cause="replicas_differ"} 1`, "_ledger_unsent_calls 2"} {
			if !strings.Contains(metrics, want) {
				t.Errorf("the metrics do not tell %s", want)
			}
		}
		a.Halt()
		within(t, "what the first replica counted is seen by the second", func() bool { return callsOf(b.status(t)) == 3 })
		within(t, "the first replica is gone from the list", func() bool { return len(b.status(t).Replicas.List) == 1 })
		if page := b.fetch(t, "/"); !strings.Contains(page, "Counts of all replicas, as of") {
			t.Error("the page does not say whose counts it shows")
		}
	})
}

func TestAProxyWithAStoreOfItsOwnKnowsNoReplicas(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	if s := r.status(t); s.Replicas != nil {
		t.Errorf("%+v", s.Replicas)
	}
	metrics := r.fetch(t, "/metrics")
	if strings.Contains(metrics, "_replicas") || strings.Contains(metrics, "_unsent_calls") {
		t.Error("the metrics speak of replicas")
	}
}
