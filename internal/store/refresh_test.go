package store

import (
	"testing"

	"docusign-auth-proxy/internal/secret"
)

func TestARefreshTokenOfAFileWithoutDatesIsRead(t *testing.T) {
	s := Memory()
	aead, err := s.keys.cipher(refreshKey, true)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.commit(s.refresh.put(
		"anna", aead.Seal(nil, nil, []byte("of-an-earlier-version"), []byte("anna")),
	)); err != nil {
		t.Fatal(err)
	}
	token, at, ok, err := s.Refresh("anna")
	if !token.Equal(secret.New("of-an-earlier-version")) || !at.IsZero() || !ok || err != nil {
		t.Errorf("%v, %v, %v", at, ok, err)
	}
}

func TestARefreshTokenIsReplacedByWhoKnowsItsVersion(t *testing.T) {
	s := Memory()
	if _, _, _, ok, err := s.FreshRefresh(t.Context(), "anna"); ok || err != nil {
		t.Errorf("there is one: %v", err)
	}
	if err := s.PutRefresh("anna", secret.New("first")); err != nil {
		t.Fatal(err)
	}
	_, _, version, _, err := s.FreshRefresh(t.Context(), "anna")
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		name, token string
		want        bool
		stored      string
	}{
		{"the version is that of the store", "second", true, "second"},
		{"the same once more, since the answer did not come", "second", true, "second"},
		{"another one of the same version", "third", false, "second"},
	} {
		replaced, err := s.ReplaceRefresh(t.Context(), "anna", secret.New(step.token), version)
		if replaced != step.want || err != nil {
			t.Errorf("%s: %v, %v", step.name, replaced, err)
		}
		if got, _, _, _ := s.Refresh("anna"); got.Reveal() != step.stored {
			t.Errorf("%s: stored is %s", step.name, got.Reveal())
		}
	}
}
