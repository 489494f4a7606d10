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

// newMask takes the secrets of a seed out of a text.
func newMask(w sandbox.Seed) func(string) string {
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
	passwords := strings.NewReplacer(pairs...)
	// The text of a token nobody knows in advance. Its first four characters stay, so that the kind can be told.
	tokens := regexp.MustCompile(`((?i)bearer\s+[^\s"]{4})[^\s"]{16,}` +
		`|("(?:access_token|refresh_token|apiPassword)"\s*:\s*"[^"]{4})[^"]*` +
		`|((?:assertion|token|code)=[^&\s]{4})[^&\s]*` +
		`|(\beyJ[A-Za-z0-9_-])[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]+)*`)
	return func(s string) string {
		return tokens.ReplaceAllString(passwords.Replace(s), "${1}${2}${3}${4}"+masked)
	}
}
