package admin

import (
	"reflect"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/cause"
)

const consentPage = "https://account-d.docusign.com/oauth/auth?response_type=code&scope=signature%20impersonation"

func TestASentenceIsTakenApart(t *testing.T) {
	p := &page{lists: lists{Status: Status{Integrations: []Integration{
		{Tokens: []Token{{User: "anna@example.com", ConsentURL: consentPage}}},
	}}}}
	for text, want := range map[string][]piece{
		"":      nil,
		"Wait.": {{Text: "Wait."}},
		"Open " + consentPage + ", once.": {{Text: "Open "},
			{Text: "the consent page of anna@example.com", Link: consentPage}, {Text: ", once."}},
		"Open " + consentPage + "x.":  {{Text: "Open "}, {Address: consentPage + "x"}, {Text: "."}},
		"See http://evil.example/<b>": {{Text: "See "}, {Address: "http://evil.example/"}, {Text: "<b>"}},
		"Run docusign-auth-proxy config check --config /etc/a.yaml; it says why.": {{Text: "Run "},
			{Command: "docusign-auth-proxy config check --config /etc/a.yaml"}, {Text: "; it says why."}},
		"docusign-auth-proxy doctor tries it (docusign-auth-proxy ca trust).": {{Command: "docusign-auth-proxy doctor"},
			{Text: " tries it ("}, {Command: "docusign-auth-proxy ca trust"}, {Text: ")."}},
		"Mend /etc/docusign-auth-proxy/proxy.yaml.": {{Text: "Mend /etc/docusign-auth-proxy/proxy.yaml."}},
		`Run docusign-auth-proxy doctor --config "C:\Program Files\p.yaml".`: {{Text: "Run "},
			{Command: `docusign-auth-proxy doctor --config "C:\Program Files\p.yaml"`}, {Text: "."}},
		"See docusign-auth-proxy consent wait --user the user --config FILE.": {{Text: "See "},
			{Command: "docusign-auth-proxy consent wait --user the user --config FILE"}, {Text: "."}},
		"docusign-auth-proxy hash-password": {{Command: "docusign-auth-proxy hash-password"}},
	} {
		if got := p.Rich(text); !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %+v", text, got)
		}
	}
}

func FuzzASentenceKeepsItsWords(f *testing.F) {
	for _, id := range cause.All() {
		f.Add(id.Next())
	}
	f.Add("http://...,;:) docusign-auth-proxy  --a  https://")
	f.Fuzz(func(t *testing.T, text string) {
		var b strings.Builder
		for _, part := range (&page{}).Rich(text) {
			b.WriteString(part.Text + part.Command + part.Address)
			if part.Link != "" {
				t.Errorf("a link to %q", part.Link)
			}
		}
		if b.String() != text {
			t.Errorf("%q became %q", text, b.String())
		}
	})
}

func TestAnEntryAboutSeveralUsersHasTheirConsentPages(t *testing.T) {
	p := &page{lists: lists{Status: Status{Integrations: []Integration{{Name: "billing", Tokens: []Token{
		{User: "anna@example.com", Consent: "required", ConsentURL: consentPage},
		{User: "ben@example.com", Consent: "given"},
		{User: "cora@example.com", Consent: "required", ConsentURL: consentPage + "&x=1"},
		{User: "nobody yet", Consent: "unknown", ConsentURL: consentPage},
	}}}}}}
	for _, test := range []struct {
		entry Attention
		want  int
	}{
		{Attention{Integration: "billing", Cause: "consent_required"}, 2},
		{Attention{Integration: "billing", Cause: "consent_required", User: "anna@example.com"}, 0},
		{Attention{Integration: "billing", Cause: "invalid_key"}, 0},
		{Attention{Integration: "gone", Cause: "consent_required"}, 0},
		{Attention{Cause: "consent_required"}, 0},
	} {
		if got := p.Consents(test.entry); len(got) != test.want {
			t.Errorf("%+v: %+v", test.entry, got)
		}
	}
}

func TestAnAddressIsNeverCutInTheMiddle(t *testing.T) {
	padding := strings.Repeat("word ", 390)
	for text, want := range map[string]string{
		padding + consentPage + " and more":  padding + "…",
		padding + "\n" + consentPage + "x x": padding + "\n…",
		consentPage + " " + padding:          (consentPage + " " + padding)[:maxText] + "…",
		consentPage:                          consentPage,
	} {
		if got := clean(text); got != want {
			t.Errorf("got %q", got)
		}
	}
}
