package demo

import (
	"cmp"
	"encoding/json"
	"html"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"docusign-auth-proxy/internal/sandbox"
)

const (
	masked        = "********"
	wrongPassword = "spring-2019"
)

// tokenForms find the tokens, whose text nobody knows in advance. The first four characters stay, so that the kind can
// be told.
func tokenForms() []*regexp.Regexp {
	return []*regexp.Regexp{
		regexp.MustCompile(`(?i)(bearer\s+[^\s"]{4})([^\s"]{16,})`),
		regexp.MustCompile(`("(?:access_token|refresh_token|apiPassword)"\s*:\s*"[^"]{4})([^"]*)`),
		regexp.MustCompile(`((?:assertion|token|code)=[^&\s]{4})([^&\s]*)`),
		regexp.MustCompile(`(\beyJ[A-Za-z0-9_-])([A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]+)*)`),
	}
}

// masker takes the secrets of a seed out of a text.
type masker struct{ passwords *strings.Replacer }

func newMasker(w sandbox.Seed) *masker {
	secrets := []string{wrongPassword}
	for _, u := range w.Users {
		secrets = append(secrets, u.Password, u.AppPassword)
	}
	var forms []string
	for _, s := range secrets {
		quoted, err := json.Marshal(s)
		if s == "" || err != nil {
			continue
		}
		forms = append(forms, s, strings.Trim(string(quoted), `"`), html.EscapeString(s), url.QueryEscape(s),
			url.PathEscape(s))
	}
	// A longer form first, so that none is left half shown.
	slices.SortFunc(forms, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	var pairs []string
	for _, f := range slices.Compact(forms) {
		pairs = append(pairs, f, masked)
	}
	return &masker{strings.NewReplacer(pairs...)}
}

func (m *masker) text(s string) string {
	s = m.passwords.Replace(s)
	for _, form := range tokenForms() {
		s = form.ReplaceAllString(s, "${1}"+masked)
	}
	return s
}

func (a *step) mask(m *masker) {
	a.Result = m.text(a.Result)
	for i := range a.Excerpts {
		a.Excerpts[i].Text = m.text(a.Excerpts[i].Text)
	}
	for _, lines := range [][]string{a.Notes, a.Trouble} {
		for i := range lines {
			lines[i] = m.text(lines[i])
		}
	}
}
