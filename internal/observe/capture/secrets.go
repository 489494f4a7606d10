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
	page  bool     // the path is none of an API
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
			v = strings.TrimSpace(v)
			m.know(strings.TrimSpace(v[strings.IndexByte(v, ' ')+1:])) // a bare token has no scheme
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
	fromJSON := jsonEscapes.ReplaceAllStringFunc(text, func(s string) string {
		plain := s
		_ = json.Unmarshal([]byte(`"`+s+`"`), &plain) // what is no escape stays
		return plain
	})
	fromURL := percentEscape.ReplaceAllStringFunc(text, func(s string) string {
		b, _ := hex.DecodeString(s[1:]) // the expression takes hexadecimal digits only
		return string(b)
	})
	texts := []string{text, html.UnescapeString(text), fromJSON, fromURL, strings.ReplaceAll(fromURL, "+", " ")}
	return slices.ContainsFunc(m.known, func(s string) bool {
		return slices.ContainsFunc(texts, func(t string) bool { return strings.Contains(t, s) })
	})
}

var (
	blanksInNames = regexp.MustCompile(`[_\-. ]`)
	secretNames   = regexp.MustCompile(`^(?:url|slt|nonce|pin)$|passw|passphrase|pwd|secret|assertion|accesscode|` +
		`credential|privatekey|apikey|authorization|cookie|jwt|encrypted|token`)
	secretParameters = regexp.MustCompile(`(?i)code|key|session`)
	answerTexts      = regexp.MustCompile(`(?i)^(?:message|error|error_?description|description|errorcode|faultstring|` +
		`faultcode|text|reason|status)$`)
	documentNames = regexp.MustCompile(`(?i)(?:base64|bytes)$`)
)

// secretName tells the fields of bodies that hold secrets, by parts of their names.
func secretName(name string) bool {
	name = blanksInNames.ReplaceAllString(strings.ToLower(name), "")
	return secretNames.MatchString(name) && name != "tokentype" && name != "tracetoken"
}

// maskText masks the text of a field that is no secret by its name. answer = DocuSign's, which says in words why it
// refused.
func maskText(name, s string, answer bool) string {
	switch {
	case documentNames.MatchString(name) && s != "" && !strings.HasPrefix(s, "["):
		return base64Note(int64(len(s)))
	case plainValue(s), base64Noted.MatchString(strings.TrimSpace(s)):
		return s
	case answer && answerTexts.MatchString(name):
		return maskMessage(s)
	}
	return maskValue(s)
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
	case "grant_type":
		plain = grantType.MatchString(text)
	case "client_id":
		plain = shown.Key(text) == text
	case "username":
		plain = plainName(text) || plainName(value)
	case "scope":
		plain = plainScope.MatchString(value)
	default:
		return false, false
	}
	return true, plain && err == nil
}
