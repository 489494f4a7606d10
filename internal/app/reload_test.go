package app_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"docusign-auth-proxy/internal/app/apptest"
	"docusign-auth-proxy/internal/sandbox"
)

// touchConfig changes the text of the configuration and not what it says.
func (r *rig) touchConfig(n int) {
	r.T.Helper()
	text, err := os.ReadFile(r.Path)
	if err != nil {
		r.T.Fatal(err)
	}
	text, _, _ = bytes.Cut(text, []byte("# change "))
	if err := os.WriteFile(r.Path, fmt.Appendf(text, "# change %d\n", n), 0o600); err != nil {
		r.T.Fatal(err)
	}
}

// Each state has connections of its own, so each reload is given some to leave behind.
func TestManyReloadsLeaveNothingBehind(t *testing.T) {
	r := newRig(t, nil)
	call := func() {
		r.Do(
			nil,
			apptest.Request(t, "GET", r.Sidecar()+"/restapi/v2/accounts/1234567/envelopes", nil, "X-DocuSign-Authentication",
				apptest.AnnaJSON),
		)
		r.Do(nil, apptest.Request(t, "GET", r.Sidecar()+"/restapi/v2/login_information", nil, "X-DocuSign-Authentication",
			apptest.AnnaJSON))
	}
	slow := make(chan apptest.Answer)
	r.Sandbox.FailNext(sandbox.FailureSpec{Path: "/restapi/v2/accounts/1234567/slow", Status: 200, Delay: 2 * time.Second})
	go func() {
		slow <- r.Do(
			nil, apptest.Request(t, "GET", r.Sidecar()+"/restapi/v2/accounts/1234567/slow", nil, "X-DocuSign-Authentication",
				apptest.AnnaJSON),
		)
	}()
	apptest.Eventually(t, "the slow call is under way", func() bool { return r.Program.Server.Active() == 1 })
	reload := func(n int) {
		r.touchConfig(n)
		if err := r.Program.Reload(context.Background()); err != nil {
			t.Error(err)
		}
		call()
	}
	reload(0)
	_, released := r.Program.State()
	descriptors := func() int {
		list, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			return 0 // they cannot be counted here
		}
		return len(list)
	}
	goroutines, open := runtime.NumGoroutine(), descriptors()
	for n := range 100 {
		reload(n + 1)
	}
	apptest.Eventually(t, "what the old states held is given back", func() bool {
		return runtime.NumGoroutine() <= goroutines+20 && descriptors() <= open+20
	})
	select {
	case <-released:
	default:
		t.Error("a replaced state without calls is still kept")
	}
	if got := <-slow; got.Status != 200 {
		t.Errorf("a call of the first state: status %d", got.Status)
	}
	before, _ := r.Program.State()
	for range 300 {
		if err := r.Program.Reload(context.Background()); err != nil {
			t.Error(err)
		}
	}
	if now, _ := r.Program.State(); now != before {
		t.Error("a reload of unchanged files makes a new state")
	}
}

func TestReloadTakesOverWhatChangedAndKeepsTokens(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	call := func() int {
		return r.Do(
			nil,
			apptest.Request(t, "GET", r.Sidecar()+"/restapi/v2/accounts/1234567/envelopes", nil, "X-DocuSign-Authentication",
				apptest.AnnaJSON),
		).Status
	}
	if got := call(); got != 200 {
		t.Fatalf("status %d before the reload", got)
	}
	r.EditConfig("name: nightly-billing", "name: nightly-billing\n      mode: block")
	if err := r.Program.Reload(context.Background()); err != nil {
		t.Fatal(err)
	}
	if got := call(); got != 401 {
		t.Errorf("status %d after the integration was blocked", got)
	}
	r.EditConfig("mode: block", "mode: translate")
	if err := r.Program.Reload(context.Background()); err != nil {
		t.Fatal(err)
	}
	if got := call(); got != 200 {
		t.Errorf("status %d after the integration was let in again", got)
	}
	if n := r.Sandbox.Counts().Grants; n != 1 {
		t.Errorf("%d grants, want 1: a reload must not cost tokens", n)
	}
}

func TestAChangedFileIsTakenOverByItself(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.EditConfig("name: nightly-billing", "name: nightly-billing\n      mode: block")
	apptest.Eventually(t, "the change is in force", func() bool {
		return r.Do(nil, apptest.Request(t, "GET", r.Sidecar()+"/restapi/v2/accounts/1234567/envelopes", nil,
			"X-DocuSign-Authentication", apptest.AnnaJSON)).Status == 401
	})
}

func TestAnInvalidFileLeavesTheLastGoodOneInForce(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	for _, c := range []struct{ name, old, new, says string }{
		{"a misspelt key", "integrations:", "intergrations: []\nintegrations:", "intergrations"},
		{"a mode nobody knows", "name: nightly-billing", "name: nightly-billing\n      mode: transalte", "mode"},
		{"a listener that cannot move", "proxy: 127.0.0.1:0", "proxy: 127.0.0.1:1", "restart"},
	} {
		t.Run(c.name, func(t *testing.T) {
			before, err := os.ReadFile(r.Path)
			if err != nil {
				t.Fatal(err)
			}
			r.EditConfig(c.old, c.new)
			err = r.Program.Reload(context.Background())
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %v, want one about %q", err, c.says)
			}
			got := r.Do(
				nil,
				apptest.Request(t, "GET", r.Sidecar()+"/restapi/v2/accounts/1234567/envelopes", nil, "X-DocuSign-Authentication",
					apptest.AnnaJSON),
			)
			if got.Status != 200 {
				t.Errorf("status %d: the last good configuration is not in force", got.Status)
			}
			if err := os.WriteFile(r.Path, before, 0o600); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestNoCallFailsDuringReloadsUnderLoad(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	ctx, stop := context.WithCancel(context.Background())
	var calls, failures atomic.Int64
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for ctx.Err() == nil {
				req, _ := http.NewRequest("GET", r.Sidecar()+"/restapi/v2/accounts/1234567/envelopes", nil)
				req.Header.Set("X-DocuSign-Authentication", apptest.AnnaJSON)
				resp, err := http.DefaultClient.Do(req)
				calls.Add(1)
				if err != nil {
					failures.Add(1)
					continue
				}
				resp.Body.Close()
				if resp.StatusCode != 200 {
					failures.Add(1)
				}
			}
		})
	}
	for n := 0; n < 20 || calls.Load() < 200; n++ {
		r.touchConfig(n)
		if err := r.Program.Reload(context.Background()); err != nil {
			t.Error(err)
		}
	}
	stop()
	wg.Wait()
	if failures.Load() > 0 {
		t.Errorf("%d of %d calls failed", failures.Load(), calls.Load())
	}
}
