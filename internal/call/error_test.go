package call

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

type asked struct{ error }

func (asked) Cause() string       { return "consent_required" }
func (asked) Wait() time.Duration { return time.Second }

func TestCauseAndPauseOfAnError(t *testing.T) {
	plain := errors.New("plain")
	for _, c := range []struct {
		name  string
		err   error
		kind  Kind
		cause string
		wait  time.Duration
		text  string
	}{
		{"an error of no kind is internal", plain, KindInternal, "internal", 0, "plain"},
		{"a kind gives its word", &Error{Kind: KindSlowBody, Detail: "slow"}, KindSlowBody, "body_timeout", 0, "slow"},
		{
			"the outer kind counts", fmt.Errorf("x: %w", &Error{Kind: KindBusy, Err: &Error{}}), KindBusy, "busy", 0,
			"x: internal",
		},
		{"what knows its own word gives it", &Error{
			Kind: KindTokenRefused, Detail: "grant", Err: asked{plain},
		}, KindTokenRefused,
			"consent_required", time.Second, "grant: plain"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if KindOf(c.err) != c.kind || CauseOf(c.err) != c.cause || RetryAfterOf(c.err) != c.wait || c.err.Error() != c.text {
				t.Errorf("%v, %s, %v, %s", KindOf(c.err), CauseOf(c.err), RetryAfterOf(c.err), c.err)
			}
		})
	}
}

func TestEveryKindHasAWord(t *testing.T) {
	for k := range Kinds {
		if k.String() == "" {
			t.Errorf("%d has none", k)
		}
	}
	if Kinds.String() != "internal" {
		t.Error("beyond the end")
	}
}
