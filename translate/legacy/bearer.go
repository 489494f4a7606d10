package legacy

import "strings"

// base64URL are the characters of each part of a JWT; a b64token of RFC 6750 §2.1 has more.
const base64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// Bearer takes the value of an Authorization header apart: "Bearer X", "bearer X", and the bare token that an official
// SDK sent (PROTOCOL.md §1.4 V19). ok is false for Basic, for other schemes, and for what cannot be a token.
func Bearer(authorization string) (token string, ok bool) {
	token = strings.Trim(authorization, " \t")
	if blank := strings.IndexAny(token, " \t"); blank >= 0 {
		if !strings.EqualFold(token[:blank], "bearer") {
			return "", false
		}
		token = strings.TrimLeft(token[blank:], " \t")
	} else if isScheme(token) {
		return "", false
	}
	// With "=" in any place, unlike RFC 6750.
	if token == "" || len(token) > maxValue || strings.Trim(token, base64URL+".~+/=") != "" {
		return "", false
	}
	return token, true
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

// LooksLikeOAuth reports whether a bearer token is a real DocuSign OAuth access token, which is a JWT (RFC 7519 §3)
// and needs no translation. Tokens of the legacy grant are 28 characters of base64 and have no dots.
func LooksLikeOAuth(token string) bool {
	parts := strings.Split(token, ".")
	for _, part := range parts {
		if part == "" || strings.Trim(part, base64URL) != "" {
			return false
		}
	}
	return len(parts) == 3 && strings.HasPrefix(token, "eyJ")
}
