package legacy_test

import (
	"testing"

	"docusign-auth-proxy/translate/legacy"
)

func TestAnOldKeyHasFourCharactersBeforeTheGUID(t *testing.T) {
	const guid = "a1b2c3d4-0000-4000-8000-000000000001"
	for _, tt := range []struct {
		name, key, bare string
		prefixed        bool
	}{
		{"a key of today", guid, guid, false},
		{"an old key", "TEST-" + guid, guid, true},
		{"no key", "TEST-password", "TEST-password", false},
		{"three characters", "TES-" + guid, "TES-" + guid, false},
		{"nothing", "", "", false},
	} {
		if bare, prefixed := legacy.BareKey(tt.key); bare != tt.bare || prefixed != tt.prefixed {
			t.Errorf("%s: %q %v", tt.name, bare, prefixed)
		}
	}
}
