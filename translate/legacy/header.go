package legacy

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// ParseHeaders reads all the values of X-DocuSign-Authentication in one request. Values that differ are refused,
// because another reader of the same request might take another one than the proxy; a value sent twice is read once.
// Otherwise as ParseHeader.
func ParseHeaders(values []string, isKey func(string) bool) (Credential, error) {
	if len(values) == 0 {
		return Credential{}, &FormatError{Reason: reasonEmpty}
	}
	for _, v := range values[1:] {
		if strings.TrimSpace(v) != strings.TrimSpace(values[0]) {
			return Credential{}, &FormatError{Reason: "the header comes twice with different values"}
		}
	}
	return ParseHeader(values[0], isKey)
}

const reasonEmpty = "an empty value"

// ParseHeader reads the value of X-DocuSign-Authentication in the order of PROTOCOL.md §1.5: as the form demands, then
// tolerantly. isKey reports whether a text is a known integrator key; nil knows none. Without error, the Credential
// has a Username or a Bearer. With one, always a *FormatError, it has the Scheme, and the IntegratorKey if it could be
// read.
func ParseHeader(value string, isKey func(string) bool) (Credential, error) {
	if len(value) > maxValue {
		return Credential{}, &FormatError{Reason: "more than 16 KiB"}
	}
	text := trimmed(value)
	latin := !utf8.ValidString(text)
	if latin {
		text = fromLatin1(text)
	}
	var scheme Scheme
	var f *fields
	var reason string
	switch {
	case strings.HasPrefix(text, "{"):
		scheme = HeaderJSON
		f, reason = parseJSON(text)
	case strings.HasPrefix(text, "<"):
		scheme = HeaderXML
		f, reason = parseXML(text)
	default:
		return bare(text, isKey)
	}
	if reason != "" {
		return Credential{Scheme: scheme}, &FormatError{Scheme: scheme, Reason: reason}
	}
	if latin {
		f.readLatin()
	}
	return f.credential(scheme, isKey)
}

// bare reports on a value in neither form (PROTOCOL.md §1.4 V14).
func bare(text string, isKey func(string) bool) (Credential, error) {
	switch {
	case text == "":
		return Credential{}, &FormatError{Reason: reasonEmpty}
	case keyShaped(text) || keyTable(isKey).has(text):
		return Credential{IntegratorKey: text}, &FormatError{Reason: reasonOnlyKey, OnlyKey: true}
	}
	return Credential{}, &FormatError{Reason: "neither JSON nor XML"}
}

// folded is where a value was sent in several lines (PROTOCOL.md §1.4 V8).
var folded = regexp.MustCompile(`\r?\n[ \t]+`)

// trimmed joins lines, and takes off blanks and a byte order mark, which editors leave at the start of a file.
func trimmed(s string) string {
	s = strings.TrimPrefix(strings.TrimSpace(s), "\ufeff")
	return folded.ReplaceAllString(strings.TrimSpace(s), " ")
}
