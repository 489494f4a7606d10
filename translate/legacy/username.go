package legacy

import (
	"cmp"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"docusign-auth-proxy/internal/shown"
)

// Name is a user name taken apart.
type Name struct {
	IntegratorKey string // the caller's own key, else the one in brackets; "" when neither is there
	Username      string // the authenticator
	OnBehalfOf    string // the principal; "" when the authenticator acts for itself
}

// SplitUsername takes the brackets off a user name (PROTOCOL.md §4.5). scheme and ownKey, the key that the form
// carries beside the name, say what a single bracket means: the key in WS-Security, in SOAP bodies and where ownKey is
// empty; the principal otherwise. Where shape and position leave it open, isKey (if non-nil) knows the keys. Errors
// are *FormatError.
func SplitUsername(scheme Scheme, username, ownKey string, isKey func(string) bool) (Name, error) {
	fail := func(reason string) (Name, error) { return Name{}, &FormatError{Scheme: scheme, Reason: reason} }
	ownKey = strings.TrimSpace(validName(ownKey))
	if scheme == WSSecurity || scheme == SOAPBody {
		ownKey = ""
	}
	brackets, rest, reason := cutBrackets(validName(username))
	if reason == "" {
		reason = flaw(rest)
	}
	switch {
	case reason != "":
		return fail(reason + " in Username")
	case rest == "" && len(brackets) == 0:
		return fail("no Username")
	case rest == "":
		return fail("no user name after the brackets in Username")
	case flaw(ownKey) != "":
		return fail(flaw(ownKey) + " in IntegratorKey")
	}
	key, principal := keyTable(isKey).assign(brackets, ownKey)
	if key != "" && ownKey != "" && !SameName(key, ownKey) {
		return fail("two different integrator keys: IntegratorKey and the bracket in Username")
	}
	if SameName(principal, rest) {
		principal = ""
	}
	return Name{IntegratorKey: cmp.Or(ownKey, key), Username: rest, OnBehalfOf: principal}, nil
}

// cutBrackets splits off at most two leading brackets; blanks around and in them do not count.
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
	return brackets, rest, ""
}

// keyTable knows the configured integrator keys; nil knows none.
type keyTable func(string) bool

func (known keyTable) has(s string) bool { return known != nil && known(s) }

// assign says which bracket is the key and which the principal. Position decides, unless shape or table say otherwise.
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
		return Fold(single) == Fold(ownKey) || known.has(single)
	}
	return known.has(single) || keyShaped(single) || !strings.Contains(single, "@")
}

func (known keyTable) swapped(first, second, ownKey string) bool {
	switch {
	case ownKey != "" && Fold(first) != Fold(second):
		return Fold(second) == Fold(ownKey)
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
	return shown.GUID(s) || len(s) == 41 && keyPrefix.MatchString(s) && shown.GUID(s[5:])
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
	for i := range len(s) {
		if c := s[i]; c >= utf8.RuneSelf || c >= 'A' && c <= 'Z' {
			return fold(s)
		}
	}
	return s
}

// SameName reports whether two user names or keys are the same once folded.
func SameName(a, b string) bool { return Fold(a) == Fold(b) }

func fold(s string) string {
	if !utf8.ValidString(s) {
		return foldBytes(s)
	}
	return strings.Map(func(r rune) rune {
		l := unicode.ToLower(r)
		if r >= utf8.RuneSelf && l < utf8.RuneSelf {
			return r
		}
		return l
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
