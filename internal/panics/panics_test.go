package panics_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/panics"
)

func TestAPanicBecomesAnErrorWithoutItsValue(t *testing.T) {
	var list []string
	index := 3
	for _, tt := range []struct {
		name, want string
		f          func() error
	}{
		{"a text", "panic: string", func() error { panic("Lgcy-Anna-11x") }},
		{"an error", "panic: *errors.errorString", func() error { panic(errors.New("Lgcy-Anna-11x")) }},
		{"a fault found by the runtime", "panic: runtime error: index out of range [3] with length 0", func() error {
			list[index] = ""
			return nil
		}},
		{"no panic", "", func() error { return nil }},
		{"an error that is returned", "refused", func() error { return errors.New("refused") }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := func() (err error) {
				defer panics.Into(&err)
				return tt.f()
			}()
			if got := strings.TrimPrefix(fmt.Sprint(err), "<nil>"); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			p := panics.In(err)
			if caught := strings.HasPrefix(tt.want, "panic"); caught != (p != nil) {
				t.Errorf("found in the error: %v", p)
			}
			if p != nil && (strings.Contains(p.Stack, "Lgcy") || !strings.Contains(p.Stack, "panics_test.go")) {
				t.Errorf("the stack is\n%s", p.Stack)
			}
		})
	}
}

func TestNetHTTPsOwnPanicPasses(t *testing.T) {
	defer func() {
		if v := recover(); v != http.ErrAbortHandler {
			t.Errorf("recovered %v", v)
		}
	}()
	var err error
	defer panics.Into(&err)
	panic(http.ErrAbortHandler)
}
