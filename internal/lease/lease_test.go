package lease_test

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"docusign-auth-proxy/internal/lease"
)

func TestOneOfManyHasTheTurn(t *testing.T) {
	var l lease.Local
	var have, most atomic.Int32
	var wait sync.WaitGroup
	for range 50 {
		wait.Go(func() {
			got, err := l.Lease(t.Context(), "work", time.Hour)
			for errors.Is(err, lease.ErrBusy) {
				got, err = l.Lease(t.Context(), "work", time.Hour)
			}
			if err != nil {
				t.Error(err)
				return
			}
			most.Store(max(most.Load(), have.Add(1)))
			have.Add(-1)
			got.Release()
			got.Release() // takes it from nobody
		})
	}
	wait.Wait()
	if most.Load() != 1 {
		t.Errorf("%d had it at a time", most.Load())
	}
}

func TestATurnEndsByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l lease.Local
		take := func(name string) *lease.Lease {
			t.Helper()
			got, err := l.Lease(t.Context(), name, time.Minute)
			if err != nil {
				t.Fatal(err)
			}
			return got
		}
		busy := func(name string) {
			t.Helper()
			if _, err := l.Lease(t.Context(), name, time.Minute); !errors.Is(err, lease.ErrBusy) {
				t.Errorf("%s: %v", name, err)
			}
		}
		first := take("a")
		take("b").Release()
		time.Sleep(59 * time.Second)
		busy("a")
		until, err := first.Extend(t.Context(), time.Minute)
		if err != nil || time.Until(until) != time.Minute {
			t.Errorf("it ends in %v: %v", time.Until(until), err)
		}
		time.Sleep(59 * time.Second)
		busy("a")
		time.Sleep(time.Second)
		second := take("a")
		first.Release()
		busy("a")
		if _, err := first.Extend(t.Context(), time.Minute); !errors.Is(err, lease.ErrBusy) {
			t.Errorf("who came too late: %v", err)
		}
		second.Release()
		take("a")
	})
}
