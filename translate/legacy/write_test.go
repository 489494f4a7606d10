package legacy_test

import (
	"strings"
	"testing"

	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/translate/legacy"
)

func TestHeaderWrittenIsReadBackAsItWas(t *testing.T) {
	for _, scheme := range []legacy.Scheme{legacy.HeaderJSON, legacy.HeaderXML} {
		for _, password := range []string{
			"plain", `quote " back \ slash`, "<a>&amp;&lt;", "é€𝄞", "tab\tin it", `","Username":"x`,
		} {
			in := legacy.Credential{
				Scheme: scheme, IntegratorKey: "TEST-0a1b2c3d-1111-2222-3333-444455556666", Username: "änna@example.com",
				OnBehalfOf: "bob@example.com",
			}
			value := in.Header(secret.New(password))
			if strings.ContainsFunc(value, func(r rune) bool { return r > '~' || r < ' ' }) {
				t.Errorf("%v: not ASCII: %q", scheme, value)
			}
			out, err := legacy.ParseHeader(value, nil)
			if err != nil {
				t.Errorf("%v %q: %v", scheme, password, err)
				continue
			}
			if out.Scheme != scheme || out.IntegratorKey != in.IntegratorKey || out.Username != in.Username ||
				out.OnBehalfOf != in.OnBehalfOf || out.Passwords[0].Reveal() != password {
				t.Errorf("%v %q is read back as %+v with password %q", scheme, password, out, out.Passwords[0].Reveal())
			}
		}
	}
}
