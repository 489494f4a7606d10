package translate_test

import (
	"errors"
	"testing"
	"time"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/sandbox"
	"docusign-auth-proxy/translate"
	"docusign-auth-proxy/translate/oauth"
)

// bob is in the configuration without a GUID.
func (w *world) bob(t *testing.T) *translate.Decision {
	t.Helper()
	d, err := w.Decide(t.Context(), &translate.Call{Legacy: header("bob@example.com", "bob", key, ""), Client: loopback})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestAUserWhomNobodyFindsIsNoTroubleThatPasses(t *testing.T) {
	w := newWorld(t, nil)
	w.sandbox.AddUser(sandbox.User{
		ID: sandbox.BobID, Email: "robert@example.com", Accounts: []string{sandbox.ExampleAccountID},
	})
	_, err := w.Token(t.Context(), w.bob(t))
	var missing *oauth.LookupError
	var te *call.Error
	if call.KindOf(err) != call.KindNotAllowed || !errors.As(err, &missing) || !errors.As(err, &te) ||
		te.Cause != cause.NotFoundByAdmin {
		t.Errorf("%v: %v", call.KindOf(err), err)
	}
}

func TestAUserWhoWasMadeAnewGetsTokensAgain(t *testing.T) {
	w := newWorldWith(t, func(c *oauth.Config) { c.TerminalPause = time.Nanosecond }, nil)
	d := w.bob(t)
	old, err := w.Token(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	const anew = "a1b2c3d4-0000-4000-8000-0000000000b2"
	accounts := []string{sandbox.ExampleAccountID}
	w.sandbox.AddUser(sandbox.User{ID: sandbox.BobID, Email: "gone@example.com", Inactive: true, Accounts: accounts})
	w.sandbox.AddUser(sandbox.User{ID: anew, Email: "bob@example.com", Name: "Bob Example", Accounts: accounts})
	w.sandbox.Consent(key, anew, "signature", "impersonation")
	old.Worked(oauth.UseREST)
	_, err = w.Renew(t.Context(), d, old, oauth.UseREST)
	var ge *oauth.GrantError
	if !errors.As(err, &ge) || ge.Kind != oauth.UserNotFound || call.KindOf(err) != call.KindTokenRefused {
		t.Fatalf("%v", err)
	}
	for range 100 { // the look-up is repeated in the background
		if _, err = w.Token(t.Context(), d); err == nil {
			break
		}
	}
	if err != nil {
		t.Error(err)
	}
}
