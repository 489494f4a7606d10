package translate

import (
	"context"
	"runtime"
	"strings"
	"sync"
	"testing"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/panics"
	"docusign-auth-proxy/internal/secret"
)

func TestAPanicInACheckEndsNeitherTheProcessNorTheWait(t *testing.T) {
	p := testProver()
	told := make(chan *panics.Error, 8)
	p.OnPanic = func(caught *panics.Error) { told <- caught }
	a := guess("127.0.0.1", "anna", "Lgcy-Anna-11x", true)
	a.accept = func(_ context.Context, s secret.Text) (bool, error) { panic(s.Reveal()) }
	var callers sync.WaitGroup
	for range 4 {
		callers.Go(func() {
			if err := ask(p, a); call.KindOf(err) != call.KindInternal || strings.Contains(err.Error(), "Lgcy") {
				t.Errorf("the caller gets %v", err)
			}
		})
	}
	callers.Wait()
	if caught := <-told; strings.Contains(caught.Error()+caught.Stack, "Lgcy") {
		t.Errorf("told %v", caught)
	}
	a.accept = nil
	if err := ask(p, a); err != nil && call.KindOf(err) == call.KindInternal {
		t.Errorf("the next check gives %v", err)
	}
}

func TestWhatCannotBeToldIsNoWrongPassword(t *testing.T) {
	p := testProver()
	for given, want := range map[string]call.Kind{"right": call.Kinds, "another": call.KindStoreUnreachable} {
		a := guess("127.0.0.1", "anna", given, true)
		a.accept = func(context.Context, secret.Text) (bool, error) {
			return false, &call.Error{Kind: call.KindStoreUnreachable}
		}
		for range 20 { // more than guesses are allowed
			if err := ask(p, a); want == call.Kinds && err != nil || want != call.Kinds && call.KindOf(err) != want {
				t.Fatalf("%s: %v", given, err)
			}
		}
	}
}

func TestACheckThatEndsBeforeItsVerdictProvesNothing(t *testing.T) {
	p := testProver()
	a := guess("127.0.0.1", "anna", "Lgcy-Anna-11x", true)
	a.accept = func(context.Context, secret.Text) (bool, error) { runtime.Goexit(); return true, nil }
	if err := ask(p, a); call.KindOf(err) != call.KindBadLogin {
		t.Errorf("%v", err)
	}
}
