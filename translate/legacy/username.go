package legacy

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"docusign-auth-proxy/internal/shown"
)

// cutBrackets takes at most two leading brackets off a user name (PROTOCOL.md §4.5); blanks around and in them do not
// count.
func cutBrackets(s string) (brackets []string, rest, reason string) {
	rest = strings.TrimSpace(s)
	for strings.HasPrefix(rest, "[") {
		if len(brackets) == 2 {
			return nil, "", "more than two brackets"
		}
		end := strings.IndexByte(rest, ']')
		if end < 0 {
			return nil, "", "a bracket that is not closed"
		}
		inner := strings.TrimSpace(rest[1:end])
		switch {
		case inner == "":
			return nil, "", "an empty bracket"
		case strings.Contains(inner, "["):
			return nil, "", "brackets inside brackets"
		case flaw(inner) != "":
			return nil, "", flaw(inner)
		}
		brackets = append(brackets, inner)
		rest = strings.TrimSpace(rest[end+1:])
	}
	if rest == "" {
		return nil, "", "no user name after the brackets"
	}
	return brackets, rest, flaw(rest)
}

// keyTable knows the configured integrator keys; nil knows none.
type keyTable func(string) bool

func (known keyTable) has(s string) bool { return known != nil && known(s) }

// assign says which bracket is the key and which the principal. A single one is the key where the form has no ownKey,
// as in WS-Security and in SOAP bodies, and else the principal. Of two, position decides, unless shape or table say
// otherwise.
func (known keyTable) assign(brackets []string, ownKey string) (key, principal string) {
	switch len(brackets) {
	case 1:
		if known.isKey(brackets[0], ownKey) {
			return brackets[0], ""
		}
		return "", brackets[0]
	case 2:
		if known.swapped(brackets[0], brackets[1], ownKey) {
			return brackets[1], brackets[0]
		}
		return brackets[0], brackets[1]
	}
	return "", ""
}

func (known keyTable) isKey(single, ownKey string) bool {
	if ownKey != "" {
		return SameName(single, ownKey) || known.has(single)
	}
	return known.has(single) || keyShaped(single) || !strings.Contains(single, "@")
}

func (known keyTable) swapped(first, second, ownKey string) bool {
	switch {
	case ownKey != "" && !SameName(first, second):
		return SameName(second, ownKey)
	case known.has(first):
		return false
	case known.has(second):
		return true
	}
	return keyShaped(second) && !keyShaped(first)
}

var keyPrefix = regexp.MustCompile(`^[0-9A-Za-z]{4}-`)

// keyShaped reports whether s is a GUID, with or without the four-character prefix of old integrator keys.
func keyShaped(s string) bool {
	_, prefixed := BareKey(s)
	return prefixed || shown.GUID(s)
}

// BareKey is an integrator key without the four characters that old ones have before the GUID (PROTOCOL.md §1.2), and
// whether it had them. OAuth knows keys without them.
func BareKey(key string) (bare string, prefixed bool) {
	if len(key) == 41 && keyPrefix.MatchString(key) && shown.GUID(key[5:]) {
		return key[5:], true
	}
	return key, false
}

// flaw says why s cannot be a user name or a key: such a text would forge lines in logs or match what it should not.
func flaw(s string) string {
	if len(s) > maxName {
		return "more than 512 bytes"
	}
	if strings.IndexFunc(s, unicode.IsControl) >= 0 {
		return "a control character"
	}
	return ""
}

// Fold gives the form in which user names and integrator keys are compared: without regard to case. It allocates only
// when s has upper-case or other than ASCII letters. No letter outside ASCII becomes one inside it.
func Fold(s string) string {
	if !utf8.ValidString(s) {
		return foldBytes(s)
	}
	return strings.Map(func(r rune) rune {
		if l := unicode.ToLower(r); r < utf8.RuneSelf || l >= utf8.RuneSelf {
			return l
		}
		return r
	}, s)
}

// foldBytes leaves alone what strings.Map would turn into the same replacement character.
func foldBytes(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c | 0x20
		}
	}
	return string(b)
}

// SameName reports whether two user names or keys are the same once folded.
func SameName(a, b string) bool { return Fold(a) == Fold(b) }
