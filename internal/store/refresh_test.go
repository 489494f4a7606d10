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
