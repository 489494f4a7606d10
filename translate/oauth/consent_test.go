package oauth

import "testing"

func TestConsentURLs(t *testing.T) {
	c := Consent{
		AccountServer: "https://account-d.docusign.com",
		ClientID:      testIssuer,
		Scopes:        testScopes,
		RedirectURI:   "https://example.com/cb?a=1+2",
	}
	for _, test := range []struct {
		name, got, want string
	}{
		{"individual, blanks as %20", c.Individual(),
			"https://account-d.docusign.com/oauth/auth?response_type=code&scope=signature%20impersonation&client_id=" +
				testIssuer + "&redirect_uri=https%3A%2F%2Fexample.com%2Fcb%3Fa%3D1%2B2"},
		{"for all users", c.Admin(),
			"https://account-d.docusign.com/oauth/auth?response_type=code&scope=openid&" +
				"admin_consent_scope=signature%20impersonation&client_id=" + testIssuer +
				"&redirect_uri=https%3A%2F%2Fexample.com%2Fcb%3Fa%3D1%2B2"},
		{"with state", func() string { c := c; c.State = "x y"; return c.Admin() }(), c.Admin() + "&state=x%20y"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.got != test.want {
				t.Errorf("got  %s\nwant %s", test.got, test.want)
			}
		})
	}
}
