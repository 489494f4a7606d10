package legacy

import (
	"bytes"
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"docusign-auth-proxy/internal/secret"
)

// TokenForm is the body of a legacy POST oauth2/token in one reading (PROTOCOL.md §3.1). Fields that were not sent are
// empty.
type TokenForm struct {
	GrantType string
	ClientID  string // the integrator key
	Username  string // authenticator; with a bearer token beside the form, the principal (PROTOCOL.md §3.4)
	Password  secret.Text
	Scope     string
}

// Credential is the credential of this reading, with scheme PasswordGrant. Errors are *FormatError.
func (f TokenForm) Credential(isKey func(string) bool) (Credential, error) {
	return plainFields(f.Username, f.ClientID, f.Password).credential(PasswordGrant, isKey)
}

// ParseTokenForm reads the body of a legacy POST oauth2/token. Many programs do not percent-encode, so there may be
// several readings, to be tried in order: as the form demands; with "+" as itself; split at the known fields only; and
// that with nothing decoded. There are at most four, all different. A field sent twice with different texts is
// refused. Errors are *FormatError.
func ParseTokenForm(body []byte) (readings []TokenForm, err error) {
	text, reason := formText(body)
	if reason != "" {
		return nil, &FormatError{Scheme: PasswordGrant, Reason: reason}
	}
	for _, r := range [...]formReading{
		{splitPairs, url.QueryUnescape},
		{splitPairs, keepingPlus},
		{splitKnown, keepingPlus},
		{splitKnown, asItIs},
	} {
		values, reason := r.read(text, "grant_type", "client_id", "username", "password", "scope")
		if reason != "" {
			return nil, &FormatError{Scheme: PasswordGrant, Reason: reason}
		}
		f := TokenForm{
			GrantType: values["grant_type"],
			ClientID:  values["client_id"],
			Username:  values["username"],
			Password:  secret.New(values["password"]),
			Scope:     values["scope"],
		}
		if len(values) > 0 && !slices.Contains(readings, f) {
			readings = append(readings, f)
		}
	}
	if len(readings) == 0 {
		return nil, &FormatError{Scheme: PasswordGrant, Reason: "no known form field"}
	}
	return readings, nil
}

// GrantType gives the grant_type of a form of any length and kind, "" when it has none.
func GrantType(form []byte) string {
	for _, p := range splitPairs(string(form)) {
		if strings.EqualFold(formName(p.name), "grant_type") {
			value, _ := keepingPlus(p.value)
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// FormHasPassword reports whether a query, a form, or a JSON object in its place has a password or a legacy header as
// a field. Both separators count, since servers differ in them.
func FormHasPassword(text string) bool {
	if strings.HasPrefix(strings.TrimSpace(text), "{") {
		var fields map[string]any
		_ = json.Unmarshal([]byte(text), &fields) // what is no JSON has no fields, and is read as a form
		for name := range fields {
			if isPasswordField(name) && fields[name] != "" {
				return true
			}
		}
	}
	for part := range strings.FieldsFuncSeq(text, func(c rune) bool { return c == '&' || c == ';' }) {
		if name, value, _ := strings.Cut(part, "="); value != "" && isPasswordField(formName(name)) {
			return true
		}
	}
	return false
}

func formName(name string) string {
	name, _ = keepingPlus(strings.ReplaceAll(name, "+", " "))
	return strings.TrimSpace(name)
}

func isPasswordField(name string) bool {
	return strings.EqualFold(name, "password") || strings.EqualFold(name, "X-DocuSign-Authentication")
}

// ParseRevokeForm reads the token from the body of a legacy POST oauth2/revoke (PROTOCOL.md §3.3). Errors are
// *FormatError.
func ParseRevokeForm(body []byte) (secret.Text, error) {
	text, reason := formText(body)
	var values map[string]string
	if reason == "" {
		values, reason = formReading{splitPairs, keepingPlus}.read(text, "token") // base64 has "+" and no blanks
	}
	token, ok := Bearer(values["token"])
	if reason == "" && !ok {
		reason = "no token"
	}
	if reason != "" {
		return secret.Text{}, &FormatError{Scheme: LegacyBearer, Reason: reason}
	}
	return secret.New(token), nil
}

// formText bounds and trims a form. Only what encoding never leaves bare is trimmed: old programs end the body with
// CRLF or NUL.
func formText(body []byte) (text, reason string) {
	if len(body) > maxValue {
		return "", "more than 16 KiB"
	}
	body = bytes.TrimRight(bytes.TrimPrefix(body, []byte("\ufeff")), "\r\n\x00")
	body = bytes.TrimLeft(body, blanks)
	switch {
	case len(body) == 0:
		return "", "an empty form"
	case body[0] == '<' || body[0] == '{':
		return "", "JSON or XML instead of a form"
	}
	return string(body), ""
}

// pair is a field of a form, not decoded.
type pair struct{ name, value string }

// formReading is one way to take a form apart.
type formReading struct {
	split  func(string) []pair
	decode func(string) (string, error)
}

// read gives the fields that are named. There are none where the text has no such reading.
func (r formReading) read(text string, named ...string) (values map[string]string, reason string) {
	values = map[string]string{}
	for _, p := range r.split(text) {
		name, wrong := r.decode(p.name)
		value, err := r.decode(p.value)
		if wrong != nil || err != nil {
			return nil, ""
		}
		n := slices.IndexFunc(named, func(field string) bool { return strings.EqualFold(field, name) })
		if n < 0 {
			continue
		}
		if first, again := values[named[n]]; again && first != value {
			return nil, "two different " + named[n] + " fields"
		}
		values[named[n]] = value
	}
	return values, ""
}

func splitPairs(text string) (pairs []pair) {
	for part := range strings.SplitSeq(text, "&") {
		name, value, _ := strings.Cut(part, "=")
		pairs = append(pairs, pair{name, value})
	}
	return pairs
}

var knownField = regexp.MustCompile(`(?i)(?:^|&)(grant_type|client_id|username|password|scope)=`)

// splitKnown splits only where a known field begins, so that "&" and "=" in a password survive.
func splitKnown(text string) (pairs []pair) {
	found := knownField.FindAllStringSubmatchIndex(text, -1)
	for i, at := range found {
		end := len(text)
		if i+1 < len(found) {
			end = found[i+1][0]
		}
		pairs = append(pairs, pair{text[at[2]:at[3]], text[at[1]:end]})
	}
	return pairs
}

var percentEncoded = regexp.MustCompile(`%[0-9A-Fa-f]{2}`)

// keepingPlus resolves %XX where it is well-formed, and nothing else.
func keepingPlus(s string) (string, error) {
	return percentEncoded.ReplaceAllStringFunc(s, func(code string) string {
		b, _ := url.PathUnescape(code) // two hexadecimal digits
		return b
	}), nil
}

func asItIs(s string) (string, error) { return s, nil }
