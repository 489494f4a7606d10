// Package shown decides what of a caller's input may be shown to people: in the log, on the status page, in the state
// file, in a capture. A secret can stand in any field, typed into the wrong one, so only what is known to be none is
// shown: words of DocuSign's API, GUIDs, numbers, e-mail addresses. It must never give a part or a hash of anything
// else, for a password can be guessed from either. Whoever logs, records or prints uses it.
package shown

import (
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Not stands in the place of a text that is not shown. It tells the length only.
func Not(s string) string {
	return "unshown (" + strconv.Itoa(utf8.RuneCountInString(s)) + " characters)"
}

func or(ok bool, s string) string {
	if ok || s == "" || IsNot(s) {
		return s
	}
	return Not(s)
}

// IsNot recognises what Not gave.
func IsNot(s string) bool {
	rest, ok := strings.CutPrefix(s, "unshown (")
	n, found := strings.CutSuffix(rest, " characters)")
	return ok && found && number(n, 9)
}

// Name gives a user or principal that is an e-mail address or a GUID, as a snippet of the configuration needs it.
func Name(s string) string { return or(PlainName(s), s) }

// Key gives an integrator key of the usual form: a GUID, or four letters and a GUID.
func Key(s string) string { return or(plainKey(s), s) }

// Account gives an account id: a number or a GUID.
func Account(s string) string { return or(Number(s) || GUID(s), s) }

// Number reports whether s has the shape of an account number.
func Number(s string) bool { return number(s, 20) }

// PlainName reports whether s is an e-mail address or a GUID, which may have four letters in front.
func PlainName(s string) bool { return plainKey(s) || email(s) }

func plainKey(s string) bool {
	if len(s) == 41 && s[4] == '-' && of(letters, s[:4]) {
		s = s[5:]
	}
	return GUID(s)
}

// GUID reports whether s has the shape 8-4-4-4-12 of hexadecimal digits.
func GUID(s string) bool {
	return len(s) == 36 && s[8] == '-' && s[13] == '-' && s[18] == '-' && s[23] == '-' && strings.Count(s, "-") == 4 &&
		of(digits+"-abcdefABCDEF", s)
}

// emailForm takes fewer addresses than RFC 5322: a password with an @ in it must not pass for one.
var emailForm = regexp.MustCompile(`^[A-Za-z0-9._%+-]{1,64}@([A-Za-z0-9-]+\.)+[A-Za-z]{2,}$`)

func email(s string) bool {
	_, domain, _ := strings.Cut(s, "@")
	return len(domain) <= 190 && emailForm.MatchString(s)
}

const (
	digits  = "0123456789"
	letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
)

func number(s string, most int) bool { return s != "" && len(s) <= most && of(digits, s) }

// of reports whether s has no other characters than these.
func of(these, s string) bool { return strings.Trim(s, these) == "" }

// Method gives a method of RFC 9110 §9 or RFC 5789; of any other only that it is one.
func Method(s string) string {
	switch s {
	case "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "CONNECT", "TRACE":
		return s
	}
	return "other"
}

// Host gives a host name with a dot in it, localhost or an address, with its port. What stands before an @ is never
// shown.
func Host(s string) string {
	if i := strings.LastIndexByte(s, '@'); i >= 0 {
		return Not(s[:i]) + "@" + Host(s[i+1:])
	}
	name, port := s, ""
	if i := strings.LastIndexByte(s, ':'); i >= 0 && strings.LastIndexByte(s, ']') < i {
		name, port = s[:i], s[i+1:]
	}
	return or((port == "" || number(port, 5)) && plainHost(name), s)
}

// hostForm is localhost, an IPv6 address, or what has a dot in it.
var hostForm = regexp.MustCompile(`^((?i:localhost)|\[[0-9A-Fa-f:.]{0,45}\]|[\w.-]*[\w-]\.[\w.-]*[\w-]\.*)$`)

func plainHost(s string) bool { return len(s) <= 253 && hostForm.MatchString(s) }

// Path gives a path with its known segments: words of DocuSign's API, numbers and GUIDs. Of any other segment, and of
// parameters after a semicolon (RFC 3986 §3.3), it tells the length only.
func Path(path string) string {
	if pathShown(path) {
		return path
	}
	segments := strings.Split(path, "/")
	const most = 32
	rest := ""
	if len(segments) > most {
		segments, rest = segments[:most], "/…"
	}
	for i, s := range segments {
		name, parameters, found := strings.Cut(s, ";")
		segments[i] = segment(name)
		if found {
			segments[i] += ";" + segment(parameters)
		}
	}
	return strings.Join(segments, "/") + rest
}

func segment(s string) string {
	if plainSegment(s) {
		return s
	}
	return "{" + strconv.Itoa(utf8.RuneCountInString(s)) + " characters}"
}

func pathShown(path string) bool {
	if len(path) > 512 {
		return false
	}
	for s := range strings.SplitSeq(path, "/") {
		if !plainSegment(s) {
			return false
		}
	}
	return true
}

func plainSegment(s string) bool { return s == "" || number(s, 20) || plainKey(s) || Word(s) }
