package capture

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"docusign-auth-proxy/internal/shown"
	"docusign-auth-proxy/translate/legacy"
)

// masked stands where a secret was, or could have been.
const masked = shown.Masked

// mask takes secrets out of messages. It goes by the place where a secret stands; what it then still finds of the
// secrets that the call is known to have carried, it drops together with the text around it.
type mask struct {
	known []string // the call's secrets, and their base64
}

// minKnown is the shortest secret that is looked for in texts: shorter ones are in every text.
const minKnown = 6

func (m *mask) know(secret string) {
	if len(secret) >= minKnown && !slices.Contains(m.known, secret) {
		m.known = append(m.known, secret, base64.StdEncoding.EncodeToString([]byte(secret)))
	}
}

// knowHeader learns the secrets of a request's head.
func (m *mask) knowHeader(h http.Header) {
	if c, err := legacy.ParseHeaders(h[headerLegacy], nil); err == nil {
		for _, p := range c.Passwords {
			m.know(p.Reveal())
		}
		m.know(c.Bearer.Reveal())
	}
	for _, name := range [...]string{"Authorization", "Proxy-Authorization"} {
		for _, v := range h[name] {
			scheme, rest, found := strings.Cut(strings.TrimSpace(v), " ")
			if !found {
				rest = scheme
			}
			m.know(strings.TrimSpace(rest))
			r := http.Request{Header: http.Header{"Authorization": {v}}}
			if user, password, ok := r.BasicAuth(); ok && user != "" {
				m.know(password)
			}
		}
	}
}

var (
	percentEscape = regexp.MustCompile(`%[0-9A-Fa-f]{2}`)
	jsonEscapes   = regexp.MustCompile(`(?:\\(?:u[0-9A-Fa-f]{4}|.))+`)
)

// holds reports whether a text has one of the known secrets in it, also when some of its characters are escaped and
// others are not.
func (m *mask) holds(text string) bool {
	if len(m.known) == 0 || text == "" {
		return false
	}
	texts := []string{text, html.UnescapeString(text)}
	if strings.Contains(text, `\`) {
		texts = append(texts, jsonEscapes.ReplaceAllStringFunc(text, func(s string) string {
			var plain string
			if json.Unmarshal([]byte(`"`+s+`"`), &plain) != nil {
				return s
			}
			return plain
		}))
	}
	if strings.ContainsAny(text, "%+") {
		plain := percentEscape.ReplaceAllStringFunc(text, func(s string) string {
			b, _ := hex.DecodeString(s[1:]) // the expression takes hexadecimal digits only
			return string(b)
		})
		texts = append(texts, plain, strings.ReplaceAll(plain, "+", " "))
	}
	return slices.ContainsFunc(m.known, func(s string) bool {
		return slices.ContainsFunc(texts, func(t string) bool { return strings.Contains(t, s) })
	})
}

// secretName tells the fields of bodies that hold secrets, by parts of their names.
func secretName(name string) bool {
	if len(name) > 128 {
		return true
	}
	name = strings.NewReplacer("_", "", "-", "", ".", "", " ", "").Replace(strings.ToLower(name))
	for _, word := range [...]string{
		"passw", "passphrase", "pwd", "secret", "assertion", "accesscode", "credential", "privatekey", "apikey",
		"authorization", "cookie", "jwt", "encrypted",
	} {
		if strings.Contains(name, word) {
			return true
		}
	}
	if strings.Contains(name, "token") {
		return name != "tokentype" && name != "tracetoken"
	}
	return name == "url" || name == "slt" || name == "nonce" || name == "pin"
}

// secretParameter tells parameters whose plain values are secrets too: an access code is a number. true and false are
// none: api_password=true asks for a password.
func secretParameter(name, value string) bool {
	if value == "true" || value == "false" {
		return false
	}
	for _, part := range [...]string{"code", "key", "session"} {
		if strings.Contains(strings.ToLower(name), part) {
			return true
		}
	}
	return secretName(name)
}

// documentName tells the fields whose text is a file.
func documentName(name string) bool {
	name = strings.ToLower(name)
	return strings.HasSuffix(name, "base64") || strings.HasSuffix(name, "bytes")
}

// answerText are the fields in which DocuSign says in words why it refused.
func answerText(name string) bool {
	switch strings.ToLower(name) {
	case "message", "errorcode", "error", "error_description", "errordescription", "description", "faultstring",
		"faultcode", "text", "reason", "status":
		return true
	}
	return false
}

// maskForm shows the fields of a form that are known to be no secrets and look like it. A program that does not encode
// its form can put more fields into a password (PROTOCOL.md §3.1), so one that is there twice makes all of it
// unreadable.
func maskForm(body string) (out string, ok bool) {
	parts := strings.Split(strings.Trim(body, " \t\r\n\x00"), "&")
	seen := map[string]bool{}
	for i, part := range parts {
		name, value, valued := strings.Cut(part, "=")
		lower := strings.ToLower(name)
		known, plain := formField(lower, value)
		switch {
		case !valued || !known:
			parts[i] = masked
			continue
		case seen[lower]:
			return "", false
		case !plain:
			parts[i] = name + "=" + masked
		}
		seen[lower] = true
	}
	return strings.Join(parts, "&"), true
}

func formField(name, value string) (known, plain bool) {
	text, err := url.QueryUnescape(value)
	switch name {
	case "password", "token", "assertion", "client_secret", "refresh_token", "code", "redirect_uri", "token_type_hint":
		return true, false
	case "grant_type":
		plain = text == "password" || text == "authorization_code" || text == "refresh_token" ||
			text == "urn:ietf:params:oauth:grant-type:jwt-bearer"
	case "client_id":
		plain = plainKey.MatchString(text)
	case "username":
		plain = plainName.MatchString(text) || plainName.MatchString(value)
	case "scope":
		plain = plainScope.MatchString(value)
	default:
		return false, false
	}
	return true, plain && err == nil
}
