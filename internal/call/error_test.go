package call

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"docusign-auth-proxy/internal/cause"
)

func TestARefusalKnowsTheRowThatSaysMost(t *testing.T) {
	known := &Error{Kind: KindBadLogin, Cause: cause.UserNotListed, Fill: []string{"user", "anna@example.com"}}
	for _, c := range []struct {
		name string
		err  *Error
		want cause.ID
		says string
	}{
		{"its own", known, cause.UserNotListed, "if anna@example.com should be let in"},
		{"that of what it wraps", &Error{Kind: KindTokenRefused, Detail: "again", Err: fmt.Errorf("x: %w", known)},
			cause.UserNotListed, "if anna@example.com should be let in"},
		{"values around it", &Error{Err: known, Fill: []string{"user", "ben@example.com"}},
			cause.UserNotListed, "if ben@example.com should be let in"},
		{"that of its kind", &Error{Kind: KindSlowBody, Err: errors.New("x")}, cause.BodyTimeout, "look at the network"},
	} {
		id, fill := c.err.Row()
		if id != c.want || !strings.HasPrefix(id.Next(fill...), c.says) {
			t.Errorf("%s: %v, %s", c.name, id, id.Next(fill...))
		}
	}
}

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

func TestEveryKindHasARowOfItsWord(t *testing.T) {
	for k := range Kinds {
		id, ok := cause.Lookup(k.String())
		if !ok || id != k.Cause() && id.String() != k.Cause().String() {
			t.Errorf("%d is %q, and its row %v", k, k, id)
		}
		if row, fill := (&Error{Kind: k}).Row(); row != k.Cause() || row.Next(fill...) == "" {
			t.Errorf("%v: nothing says what to do", k)
		}
	}
	if Kinds.String() != "internal" {
		t.Error("beyond the end")
	}
}
