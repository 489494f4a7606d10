package legacy_test

import (
	"strings"
	"testing"

	"docusign-auth-proxy/translate/legacy"
)

func TestBearer(t *testing.T) {
	const token = "bm90LWEtcmVh+b/C10b2tlbi0="
	for _, c := range []struct{ name, value, want string }{
		{"as the RFC writes it", "Bearer " + token, token},
		{"lower case", "bearer " + token, token},
		{"blanks and tabs", "  BEARER \t " + token + " ", token},
		{"V19 the bare token", token, token},
		{"Basic", "Basic YTpi", ""},
		{"Digest", `Digest username="a", realm="b"`, ""},
		{"a scheme without a token", "Bearer ", ""},
		{"another scheme alone", "negotiate", ""},
		{"two words after the scheme", "Bearer a b", ""},
		{"two credentials in one value", "Bearer a,Bearer b", ""},
		{"a control character", "Bearer a\x00b", ""},
		{"nothing", " ", ""},
		{"too long", "Bearer " + strings.Repeat("a", 16<<10+1), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, ok := legacy.Bearer(c.value)
			if got != c.want || ok != (c.want != "") {
				t.Errorf("got %q, %v", got, ok)
			}
		})
	}
	if n := testing.AllocsPerRun(100, func() { legacy.Bearer("bearer " + token) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestLooksLikeOAuth(t *testing.T) {
	for _, c := range []struct {
		name, token string
		want        bool
	}{
		{"a JWT", "eyJ0eXAiOiJNVCJ9.AQoAAA-_.c2ln", true},
		{"a token of the legacy grant", "bm90LWEtcmVhbC10b2tlbi0tLS0=", false},
		{"a legacy token that happens to begin like a JWT", "eyJhbGciOiJSUzI1NiJ9c2lnbmV=", false},
		{"two segments", "eyJ0.eyJ1", false},
		{"four segments", "eyJ0.a.b.c", false},
		{"an empty segment", "eyJ0..c2ln", false},
		{"no signature", "eyJ0.eyJ1.", false},
		{"a character that base64url lacks", "eyJ0.ey+1.c2ln", false},
		{"nothing", "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := legacy.LooksLikeOAuth(c.token); got != c.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

func FuzzBearer(f *testing.F) {
	f.Add("Bearer eyJ0.eyJ1.c2ln")
	f.Fuzz(func(t *testing.T, value string) {
		token, ok := legacy.Bearer(value)
		if ok == (token == "") || strings.ContainsAny(token, " \t\r\n\x00") || !strings.Contains(value, token) {
			t.Errorf("%q gives %q, %v", value, token, ok)
		}
		if legacy.LooksLikeOAuth(value) && strings.Count(value, ".") < 2 {
			t.Errorf("%q looks like a JWT", value)
		}
	})
}
