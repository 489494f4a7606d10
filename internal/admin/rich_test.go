package admin

import (
	"reflect"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/cause"
)

const consentPage = "https://account-d.docusign.com/oauth/auth?response_type=code&scope=signature%20impersonation"

func TestASentenceIsTakenApart(t *testing.T) {
	p := &page{Status: Status{Integrations: []Integration{
		{Tokens: []Token{{User: "anna@example.com", ConsentURL: consentPage}}},
	}}}
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

func TestEntriesThatDifferInTheUserStandTogether(t *testing.T) {
	entry := func(integration, user, word string) Attention {
		return Attention{Integration: integration, User: user, Cause: word, Severity: cause.Page}
	}
	got := troubles([]Attention{
		entry("a", "anna", "consent_required"), entry("a", "ben", "consent_required"), entry("a", "cora", "invalid_key"),
		entry("b", "anna", "consent_required"), entry("a", "", "consent_required"), entry("a", "", "consent_required"),
		entry("a", "dora", "consent_required"), entry("a", "eve", ""), entry("a", "fred", ""),
	})
	var lengths []int
	for _, t := range got {
		lengths = append(lengths, len(t.Others))
	}
	if !reflect.DeepEqual(lengths, []int{2, 0, 0, 0, 0, 0, 0}) {
		t.Errorf("%v: %+v", lengths, got)
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
