package main

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	goredis "github.com/redis/go-redis/v9"
	"gopkg.in/yaml.v3"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/app"
	"docusign-auth-proxy/internal/app/apptest"
	"docusign-auth-proxy/internal/sandbox"
	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/internal/store"
	"docusign-auth-proxy/internal/store/redis/redistest"
	"docusign-auth-proxy/translate/oauth"
)

// onShared gives the configuration of a clinic a store that replicas share.
func (c *clinic) onShared(addr string) *config.Config {
	c.Helper()
	text, err := os.ReadFile(c.path)
	if err != nil {
		c.Fatal(err)
	}
	var all map[string]any
	if err := yaml.Unmarshal(text, &all); err != nil {
		c.Fatal(err)
	}
	c.put("store.key", []byte(store.NewKey()), 0o600)
	all["store"] = map[string]any{
		"redis": map[string]any{"url": "redis://" + addr}, "key": map[string]any{"file": "store.key"},
	}
	if text, err = yaml.Marshal(all); err != nil {
		c.Fatal(err)
	}
	if err := os.WriteFile(c.path, text, 0o600); err != nil {
		c.Fatal(err)
	}
	cfg, err := config.Load(c.path)
	if err != nil {
		c.Fatal(err)
	}
	return cfg
}

func TestALoginGoesToAllReplicasWhileTheyRun(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	c := newLoginClinic(t)
	cfg := c.onShared(server.Addr)
	_, running := app.ShareState(cfg) // as a replica that runs meanwhile
	if err := running.Read(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer running.Close()
	j := c.wait(newLogin(), "--user", "anna@example.com")
	j.approve(sandbox.AnnaID)
	text, err := j.end()
	if err != nil || !strings.Contains(text, "ok: anna@example.com ("+sandbox.AnnaID+") is logged in") ||
		!strings.Contains(text, "all replicas were told") || strings.Contains(text, "stop") {
		t.Errorf("%v\n%s", err, text)
	}
	c.noSecretIn(text)
	id := oauth.Identity{Issuer: cfg.Integrations[0].OAuth.ClientID, Subject: sandbox.AnnaID}
	err = app.WithSharedState(t.Context(), cfg, func(s *store.Store) error {
		if token, _, ok, err := s.Refresh(oauth.RefreshName(id)); !ok || err != nil || token.Empty() {
			t.Errorf("the login is not in the store: %v, %v", ok, err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	server.Kill()
	if _, err := told(t, "login", "--config", c.path, "--user", "anna@example.com", "--listen", "127.0.0.1:0"); !errors.Is(
		err, store.ErrUnreachable,
	) {
		t.Errorf("with the store away: %v", err)
	}
}

func TestWhatReplicasRememberIsListedAndEndedWithoutAProxy(t *testing.T) {
	t.Parallel()
	c := newLoginClinic(t)
	cfg := c.onShared(redistest.Start(t).Addr)
	err := app.WithSharedState(t.Context(), cfg, func(s *store.Store) error {
		_, err := s.Issue(store.TokenOwner{Integration: "billing", Authenticator: "anna@example.com"})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct{ args, says string }{
		{"tokens list", "anna@example.com"}, {"tokens revoke --all", "revoked: 1"}, {"tokens list", "no token"},
		{"pins list", "no password is pinned"}, {"soap journal", ""},
	} {
		said, err := told(t, append(strings.Fields(step.args), "--config", c.path)...)
		if err != nil || !strings.Contains(said, step.says) || !strings.Contains(said, "from the store of all replicas") {
			t.Errorf("%s: %v\n%s", step.args, err, said)
		}
	}
}

func TestAServerThatLostAllIsFilledByAReplica(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	key := filepath.Join(t.TempDir(), "store.key")
	if err := os.WriteFile(key, []byte(store.NewKey()), 0o600); err != nil {
		t.Fatal(err)
	}
	r := newRigEdited(t, sandbox.Options{}, nil, func(s apptest.Section) {
		s["store"] = map[string]any{
			"redis": map[string]any{"url": "redis://" + server.Addr}, "key": map[string]any{"file": key},
		}
		s.At("admin")["token_file"] = "state.db.admin-token"
	})
	token := secret.New(r.LegacyLogin(t, "anna@example.com", "anna-legacy-1", sandbox.GUIDKey))
	restore := []string{"store", "restore", "--config", r.Path, "--from", strings.TrimPrefix(r.AdminURL(), "http://")}
	if _, err := told(t, restore...); err == nil || !strings.Contains(err.Error(), "is not empty") {
		t.Errorf("a store that is there: %v", err)
	}
	flushed := goredis.NewClient(&goredis.Options{Addr: server.Addr})
	defer flushed.Close()
	if err := flushed.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	said, err := told(t, restore...)
	if err != nil || !regexp.MustCompile(`issued tokens +1\n`).MatchString(said) {
		t.Errorf("%v\n%s", err, said)
	}
	cfg, err := config.Load(r.Path)
	if err != nil {
		t.Fatal(err)
	}
	err = app.WithSharedState(t.Context(), cfg, func(s *store.Store) error {
		owner, _, err := s.Lookup(t.Context(), token)
		if owner.Authenticator != "anna@example.com" {
			t.Errorf("the token is of %v", owner)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
