package cause_test

import (
	"regexp"
	"strings"
	"testing"
	"unicode"

	"docusign-auth-proxy/internal/cause"
)

func TestEveryRowIsWhole(t *testing.T) {
	for _, id := range cause.All() {
		e := id.Of()
		if !regexp.MustCompile(`^[a-z][a-z0-9_]*$`).MatchString(e.Word) {
			t.Errorf("row %d has the word %q", id, e.Word)
		}
		for name, text := range map[string]string{"means": e.Means, "next": e.Next} {
			if text == "" || strings.HasSuffix(text, ".") || strings.HasPrefix(text, " ") {
				t.Errorf("%s (%d): %s is %q", e.Word, id, name, text)
			}
			if first := []rune(text); len(first) > 1 && unicode.IsUpper(first[0]) && !unicode.IsUpper(first[1]) &&
				!strings.HasPrefix(text, "DocuSign") && !strings.HasPrefix(text, "UserInfo") {
				t.Errorf("%s: %s begins upper case: %q", e.Word, name, text)
			}
			if filled := cause.Fill(text); strings.ContainsAny(filled, "{}") {
				t.Errorf("%s: nobody can fill %q", e.Word, filled)
			}
		}
		if e.Anchor == "" {
			t.Errorf("%s leads to no section", e.Word)
		}
	}
}

func TestTheRowIsFilledWithWhatIsKnown(t *testing.T) {
	got := cause.LacksMembership.Next("user", "anna@example.com", "environment", "")
	if want := "make anna@example.com an active member of an account in this environment (demo and production have " +
		"separate memberships)"; got != want {
		t.Errorf("got %q", got)
	}
}

func TestCommandsCanBePasted(t *testing.T) {
	for _, test := range []struct {
		fill []string
		want string
	}{
		{nil, "docusign-auth-proxy login --user USER --config FILE"},
		{[]string{"user", "anna@example.com", "config", "p.yaml"},
			"docusign-auth-proxy login --user anna@example.com --config p.yaml"},
		{[]string{"user", "anna@example.com", "config", "p.yaml", "integration", "billing"},
			"docusign-auth-proxy login --integration billing --user anna@example.com --config p.yaml"},
		{[]string{"config", `C:\Program Files\p.yaml`},
			`docusign-auth-proxy login --user USER --config "C:\Program Files\p.yaml"`},
	} {
		if got := cause.LoginRequired.Next(test.fill...); got != test.want {
			t.Errorf("got %q", got)
		}
	}
}

func TestAStatusIsKnownByItsClass(t *testing.T) {
	for word, want := range map[string]cause.ID{
		"docusign_401": cause.DocuSign401, "docusign_418": cause.DocuSign4xx, "docusign_503": cause.DocuSign5xx,
		"bad_login": cause.BadLogin,
	} {
		if id, ok := cause.Lookup(word); !ok || id != want {
			t.Errorf("%s is %v (%v)", word, id, ok)
		}
	}
	if id, ok := cause.Lookup("docusign_9xx"); ok {
		t.Errorf("docusign_9xx is %v", id)
	}
}

func TestAConsentPageBeginsWithTheUsersAddress(t *testing.T) {
	const page = "https://account.docusign.com/oauth/auth?client_id=a"
	for user, want := range map[string]string{
		"anna+x@example.com": page + "&login_hint=anna%2Bx%40example.com", "a1b2c3d4-0000-4000-8000-000000000020": page,
	} {
		next := cause.ConsentRequired.Next("user", user, "consent", page)
		if got := cause.ConsentPage(page, user); got != want || !strings.Contains(next, want+" ") && !strings.Contains(next, want+",") {
			t.Errorf("%s: got %s and %s", user, got, next)
		}
	}
}
