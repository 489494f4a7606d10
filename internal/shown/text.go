package shown

import (
	"encoding/json"
	"io"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Masked stands where a secret was, or could have been.
const Masked = "[masked]"

var (
	queryOfURL = regexp.MustCompile(`(?i)(https?:(?:\\?/){2}[^\s"'<>?#]*[?#])[^\s"'<>]+`)
	userOfURL  = regexp.MustCompile(`(?i)(https?:(?:\\?/){2})[^\s"'<>/?#@]*@`)
	jsonToken  = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{6,}(?:\.[A-Za-z0-9_-]*)*`)
	bearerWord = regexp.MustCompile(`(?i)\b(bearer|basic)\s+[^\s"'<>]+`)
	// assignment is a secret with its name in the middle of a text, escaped or not.
	assignment = regexp.MustCompile(`(?i)(?:passw(?:or)?d|passphrase|pwd|secret|token|assertion|access_?code)["'\\]*` +
		`\s*(?:&quot;|&#34;)?\s*(?:=|:|&gt;|>|%3D|%3A)`)
)

// Text takes out of a plain text what looks like a secret whatever its name is: queries of URLs, tokens, assignments.
func Text(s string) string {
	if !maySecret(s) {
		return s
	}
	if assignment.MatchString(s) {
		return Masked
	}
	s = userOfURL.ReplaceAllString(s, "${1}"+Masked+"@")
	s = queryOfURL.ReplaceAllString(s, "${1}"+Masked)
	s = jsonToken.ReplaceAllString(s, Masked)
	return bearerWord.ReplaceAllString(s, "${1} "+Masked)
}

// maySecret spares nearly all texts the search: each expression of Text needs one of these characters or words.
func maySecret(s string) bool {
	if strings.ContainsAny(s, "=:>%&") || strings.Contains(s, "eyJ") {
		return true
	}
	s = strings.ToLower(s)
	return strings.Contains(s, "basic") || strings.Contains(s, "bearer")
}

// UnknownKey gives the beginning of a key that the configuration does not list. It may be anything, even a password in
// the wrong field; a few characters of what has the form of a key are enough to find it on the status page.
func UnknownKey(key string) string {
	if plainKey(key) {
		return key[:8] + "…"
	}
	return Key(key)
}

// Cut shortens s to at most limit bytes without breaking a character.
func Cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}

// consentPage is the address of DocuSign's consent page in the middle of a sentence.
var consentPage = regexp.MustCompile(`https?://[^\s,;"]+/oauth/auth\?[^\s,;"]+`)

// NoConsentLink leaves the address of a consent page out of a sentence: it is long, and pages have it as a link.
func NoConsentLink(s string) string {
	if !strings.Contains(s, "/oauth/auth?") {
		return s
	}
	return consentPage.ReplaceAllString(s, "the consent page")
}

// CutWords is Cut for a sentence: it ends between words, so that no URL is cut, and shows that something is missing.
func CutWords(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	const missing = " …"
	s = Cut(s, max(limit-len(missing), 0))
	if end := strings.LastIndexByte(s, ' '); end > 0 {
		s = s[:end]
	}
	return s + missing
}

// Printable replaces what could write a line, a colour or a change of direction into somebody's terminal. The handlers
// of slog escape most of it, but not all of it in JSON, and other handlers need not.
func Printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\r' || r == '\t' {
			return ' '
		}
		return r
	}, Lines(s))
}

// Lines is Printable for texts of several lines, which keep their line ends and tabs.
func Lines(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\r' || r == '\t' || unicode.IsPrint(r) {
			return r
		}
		return utf8.RuneError
	}, s)
}

// JSON leaves & and < in addresses as they are: people copy them.
func JSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
