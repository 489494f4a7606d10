package legacy

import "strings"

// Bearer takes the value of an Authorization header apart: "Bearer X", "bearer X", and the bare token that an official
// SDK sent (PROTOCOL.md §1.4 V19). ok is false for Basic, for other schemes, and for what cannot be a token.
func Bearer(authorization string) (token string, ok bool) {
	token = strings.Trim(authorization, " \t")
	if scheme, rest, found := cutBlank(token); found {
		if !strings.EqualFold(scheme, "bearer") {
			return "", false
		}
		token = strings.TrimLeft(rest, " \t")
	} else if isScheme(token) {
		return "", false
	}
	if token == "" || len(token) > maxValue || !isToken(token) {
		return "", false
	}
	return token, true
}

func cutBlank(s string) (before, after string, found bool) {
	if i := strings.IndexAny(s, " \t"); i >= 0 {
		return s[:i], s[i:], true
	}
	return s, "", false
}

// isScheme knows the words that stand alone when a program has no credential to put behind them.
func isScheme(word string) bool {
	for _, s := range [...]string{"bearer", "basic", "digest", "negotiate", "ntlm", "oauth"} {
		if strings.EqualFold(word, s) {
			return true
		}
	}
	return false
}

// isToken is the b64token of RFC 6750 §2.1, with "=" in any place.
func isToken(s string) bool {
	for i := range len(s) {
		if !isBase64URL(s[i]) && strings.IndexByte(".~+/=", s[i]) < 0 {
			return false
		}
	}
	return true
}

func isBase64URL(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' || c == '-' || c == '_'
}

// LooksLikeOAuth reports whether a bearer token is a real DocuSign OAuth access token, which is a JWT (RFC 7519 §3)
// and needs no translation. Tokens of the legacy grant are 28 characters of base64 and have no dots.
func LooksLikeOAuth(token string) bool {
	if !strings.HasPrefix(token, "eyJ") {
		return false
	}
	dots := 0
	for i := range len(token) {
		switch c := token[i]; {
		case c == '.' && token[i-1] != '.':
			dots++
		case !isBase64URL(c):
			return false
		}
	}
	return dots == 2 && token[len(token)-1] != '.'
}
