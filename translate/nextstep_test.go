package translate_test

import (
	"slices"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/internal/sandbox"
	"docusign-auth-proxy/translate"
	"docusign-auth-proxy/translate/oauth"
)

// nextStep is what the log says, of what this package knows.
func nextStep(d *translate.Decision, err error) (cause.ID, string) {
	id, fill := call.ErrorOf(err).Row()
	return id, id.Next(slices.Concat(d.Values(), fill)...)
}

func TestARefusalSaysWhatToDoAboutIt(t *testing.T) {
	const prefixed, stranger = "TEST-" + key, "b2b2b2b2-0000-4000-8000-000000000099"
	nobody := func(cfg *translate.Config) {
		cfg.Integrations[0].Users[1].Password = cfg.Integrations[0].Users[0].Password
	}
	for _, c := range []struct {
		name                string
		edit                func(*translate.Config)
		user, password, key string
		onBehalf            string
		want                cause.ID
		says                string
	}{
		{"a key that nobody knows", nil, "anna@example.com", "x", stranger, "", cause.UnknownKey,
			"add an integration for " + stranger},
		{"a key that may be a password in the wrong field", nil, "anna@example.com", "x", "hunter2", "", cause.UnknownKey,
			"add an integration for unshown (7 characters)"},
		{"a key with a prefix, configured without", nil, "anna@example.com", "pässword", prefixed, "", cause.PrefixedKey,
			"the same key without its prefix is configured as erp: write integrator_key: " + prefixed},
		{"a key without its prefix, configured with one", func(cfg *translate.Config) {
			cfg.Integrations[0].IntegratorKey = prefixed
		}, "anna@example.com", "pässword", key, "", cause.BareKey,
			"the same key with a prefix is configured as erp: write integrator_key: " + key},
		{"a key that is configured as a client id alone", func(cfg *translate.Config) {
			cfg.Integrations[0].IntegratorKey = stranger
		}, "anna@example.com", "pässword", key, "", cause.ClientIDAsKey, "the same key is oauth.client_id of erp"},
		{"the same with a prefix", func(cfg *translate.Config) {
			cfg.Integrations[0].IntegratorKey = stranger
		}, "anna@example.com", "pässword", prefixed, "", cause.ClientIDAsKey, "write integrator_key: " + prefixed},
		{"a wrong password", nil, "anna@example.com", "x", key, "", cause.BadLogin,
			"store the password that the program sends for Anna@example.com"},
		{"a user who is not listed", nobody, "cora@example.com", "x", key, "", cause.UserNotListed,
			"if cora@example.com should be let in, add them under users of erp"},
		{"a user without a password", func(cfg *translate.Config) {
			cfg.Integrations[0].Users[1] = integration.User{Username: "ben@example.com"}
		}, "ben@example.com", "x", key, "", cause.NoPassword, "sends for ben@example.com"},
		{"somebody whom the user may not act for", nil, "anna@example.com", "pässword", key, "cora@example.com",
			cause.PrincipalNotAllowed, "if this is wanted, list cora@example.com under may_act_for of Anna@example.com"},
		{"a program that is cut over", func(cfg *translate.Config) { cfg.Integrations[0].Mode = integration.Block },
			"anna@example.com", "x", key, "", cause.Blocked, "switch the program to OAuth"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, c.edit)
			on := ""
			if c.onBehalf != "" {
				on = `,"SendOnBehalfOf":"` + c.onBehalf + `"`
			}
			d, err := w.Decide(t.Context(), &translate.Call{Legacy: header(c.user, c.password, c.key, on), Client: loopback})
			if err == nil {
				t.Fatal("it is let in")
			}
			if id, next := nextStep(d, err); id != c.want || !strings.Contains(next, c.says) {
				t.Errorf("%v, %s; error %v", id, next, err)
			}
		})
	}
}

// TestATokenThatCannotBeHadNamesItsUser by name and GUID.
func TestATokenThatCannotBeHadNamesItsUser(t *testing.T) {
	const fresh = "b2b2b2b2-0000-4000-8000-000000000099"
	for _, c := range []struct {
		name  string
		edit  func(*translate.Config)
		spoil func(*sandbox.Sandbox)
		want  cause.ID
		says  []string
	}{
		{"consent is missing", func(cfg *translate.Config) { cfg.Integrations[0].Users[0].UserID = fresh },
			func(s *sandbox.Sandbox) {
				s.AddUser(sandbox.User{ID: fresh, Email: "anna@example.com", Accounts: []string{sandbox.ExampleAccountID}})
			}, cause.ConsentRequired,
			[]string{"let Anna@example.com open https://", "--user Anna@example.com --config"}},
		{"the user is not DocuSign's", func(cfg *translate.Config) {
			cfg.Integrations[0].Users[0].UserID = fresh
		}, nil, cause.UserNotFound, []string{"user_id of Anna@example.com, " + fresh + ","}},
		{"the client id has a prefix", func(cfg *translate.Config) {
			cfg.Integrations[0].OAuth.ClientID = "TEST-" + key
		}, nil, cause.PrefixedIssuer, []string{"without its prefix into oauth.client_id of erp"}},
		{"no private key", func(cfg *translate.Config) {
			cfg.Integrations[0].OAuth.ClientID = fresh
		}, nil, cause.NotConfigured, []string{"give " + fresh + " a private key"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorldWith(t, func(cfg *oauth.Config) { cfg.Issuers["TEST-"+key] = cfg.Issuers[key] }, c.edit)
			if c.spoil != nil {
				c.spoil(w.sandbox)
			}
			d, err := w.legacy("anna@example.com", "pässword", key, "")
			if err != nil {
				t.Fatal(err)
			}
			_, err = w.Token(t.Context(), d)
			id, next := nextStep(d, err)
			if id != c.want {
				t.Errorf("%v: %v", id, err)
			}
			for _, says := range c.says {
				if !strings.Contains(next, says) {
					t.Errorf("no %s in %s", says, next)
				}
			}
		})
	}
}
