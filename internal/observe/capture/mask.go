package capture

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"docusign-auth-proxy/internal/shown"
	"docusign-auth-proxy/translate/legacy"
)

// Headers that carry legacy credentials, in canonical form.
const (
	headerLegacy = "X-Docusign-Authentication"
	headerActAs  = "X-Docusign-Act-As-User"
)

// masked stands where a secret was, or could have been.
const masked = shown.Masked

// mask takes secrets out of messages. It goes by the place where a secret stands; what it then still finds of the secrets
// that the call is known to have carried, it drops together with the text around it.
type mask struct {
	known []string // the call's secrets in all spellings
}

// minKnown is the shortest secret that is looked for in texts: shorter ones are in every text.
const minKnown = 6

// know adds a secret in the spellings in which it could travel.
func (m *mask) know(secret string) {
	if len(secret) < minKnown {
		return
	}
	for _, s := range spellings(secret) {
		if !slices.Contains(m.known, s) {
			m.known = append(m.known, s)
		}
	}
}

func spellings(s string) []string {
	var plainJSON, escapedXML bytes.Buffer
	enc := json.NewEncoder(&plainJSON)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a string always encodes
	_ = xml.EscapeText(&escapedXML, []byte(s))
	htmlJSON, _ := json.Marshal(s)
	return []string{
		s, strings.Trim(plainJSON.String(), "\"\n"), strings.Trim(string(htmlJSON), `"`), escapedXML.String(), html.EscapeString(s),
		url.QueryEscape(s), url.PathEscape(s), strings.ReplaceAll(url.QueryEscape(s), "+", "%20"), base64.StdEncoding.EncodeToString([]byte(s)),
	}
}

// holds reports whether a text has one of the known secrets in it, also when some of its characters are escaped and others are not.
func (m *mask) holds(text string) bool {
	if len(m.known) == 0 {
		return false
	}
	texts := []string{text}
	if strings.Contains(text, "&") {
		texts = append(texts, html.UnescapeString(text))
	}
	if strings.Contains(text, `\`) {
		texts = append(texts, unescapedLoosely(text))
	}
	if strings.Contains(text, "%") {
		texts = append(texts, percentEscape.ReplaceAllStringFunc(text, func(s string) string {
			b, _ := hex.DecodeString(s[1:]) // the expression takes hexadecimal digits only
			return string(b)
		}))
	}
	return slices.ContainsFunc(m.known, func(s string) bool {
		return slices.ContainsFunc(texts, func(t string) bool { return strings.Contains(t, s) })
	})
}

var (
	percentEscape = regexp.MustCompile(`%[0-9A-Fa-f]{2}`)
	jsonEscape    = regexp.MustCompile(`\\(?:u[0-9A-Fa-f]{4}|.)`)
)

// unescapedLoosely resolves the escapes of JSON wherever they stand.
func unescapedLoosely(text string) string {
	return jsonEscape.ReplaceAllStringFunc(text, func(s string) string {
		var plain string
		if json.Unmarshal([]byte(`"`+s+`"`), &plain) != nil {
			return s
		}
		return plain
	})
}

// knowHeader learns the secrets of a request's head.
func (m *mask) knowHeader(h http.Header) {
	if c, err := legacy.ParseHeaders(h[headerLegacy], nil); err == nil {
		m.knowCredential(c)
	}
	for _, name := range [...]string{"Authorization", "Proxy-Authorization"} {
		for _, v := range h[name] {
			scheme, rest, found := strings.Cut(strings.TrimSpace(v), " ")
			if !found {
				rest = scheme
			}
			m.know(strings.TrimSpace(rest))
			if user, password, ok := (&http.Request{Header: http.Header{"Authorization": {v}}}).BasicAuth(); ok && user != "" {
				m.know(password)
			}
		}
	}
}

func (m *mask) knowCredential(c legacy.Credential) {
	for _, p := range c.Passwords {
		m.know(p.Reveal())
	}
	m.know(c.Bearer.Reveal())
}

// header gives the fields in alphabetical order, secrets masked.
func (m *mask) header(h http.Header) []field {
	var out []field
	names := make([]string, 0, len(h))
	for name := range h {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		for _, v := range h[name] {
			v = m.field(name, v)
			if m.holds(v) {
				v = masked
			}
			out = append(out, field{headerName(name), shown.Printable(v)})
		}
	}
	return out
}

func (m *mask) field(name, v string) string {
	switch name {
	case headerLegacy:
		return maskLegacyHeader(v)
	case "Authorization", "Proxy-Authorization":
		return maskAuthorization(v)
	case headerActAs:
		if plainName.MatchString(v) {
			return v
		}
		return masked
	case "Content-Type":
		return maskContentType(v)
	case "Content-Disposition":
		return maskDisposition(v)
	case "Soapaction":
		if v == "" || v == `""` || soapAction.MatchString(v) {
			return v
		}
		return masked
	case "Location", "Content-Location", "Referer":
		return maskURL(v)
	case "User-Agent":
		return shown.Text(v)
	}
	if slices.Contains(openHeaders, name) {
		return openHeader(name, v)
	}
	return masked
}

// maskAuthorization keeps the scheme's name where it is one; a bare token has none (PROTOCOL.md §1.4 V19).
func maskAuthorization(v string) string {
	scheme, _, found := strings.Cut(strings.TrimSpace(v), " ")
	switch strings.ToLower(scheme) {
	case "basic", "bearer", "digest", "negotiate", "ntlm":
		if found {
			return scheme + " " + masked
		}
	}
	return masked
}

// maskLegacyHeader keeps the shape of X-DocuSign-Authentication when it is written by the book, and nothing of it otherwise.
func maskLegacyHeader(v string) string {
	text := strings.TrimSpace(v)
	switch {
	case strings.HasPrefix(text, "{"):
		return maskLegacyJSON(text)
	case strings.HasPrefix(text, "<"):
		return maskLegacyXML(text)
	}
	return masked
}

// maskLegacyJSON trusts an object of the known members, each there once. A password with quotes in it can look like more members.
func maskLegacyJSON(text string) string {
	if !json.Valid([]byte(text)) {
		return masked
	}
	dec := json.NewDecoder(strings.NewReader(text))
	if _, err := dec.Token(); err != nil {
		return masked
	}
	var out strings.Builder
	seen := map[string]bool{}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return masked
		}
		var value string
		if err := dec.Decode(&value); err != nil {
			return masked
		}
		shown, ok := legacyField(name.(string), value, seen)
		if !ok {
			return masked
		}
		sep := byte(',')
		if out.Len() == 0 {
			sep = '{'
		}
		out.WriteByte(sep)
		out.WriteString(`"` + name.(string) + `":"` + shown + `"`)
	}
	if out.Len() == 0 {
		return masked
	}
	return out.String() + "}"
}

// legacyField masks the password and what does not look like the name it should be: secrets are put into wrong fields too.
func legacyField(name, value string, seen map[string]bool) (shown string, ok bool) {
	name = strings.ToLower(name)
	if seen[name] {
		return "", false
	}
	seen[name] = true
	plain := false
	switch name {
	case "username", "sendonbehalfof":
		plain = plainName.MatchString(value)
	case "integratorkey":
		plain = plainKey.MatchString(strings.TrimSpace(value))
	case "password":
	default:
		return "", false
	}
	if !plain {
		return masked, true
	}
	return value, true
}

var (
	plainKey = regexp.MustCompile(`^(?:[A-Za-z]{4}-)?` + guidShape + `$`)
	// plainName is an e-mail address or a GUID, after brackets with the like (PROTOCOL.md §4.5).
	plainName  = regexp.MustCompile(`^\s*(?:\[\s*(?:` + plainIdent + `)\s*\]\s*){0,2}(?:` + plainIdent + `)\s*$`)
	plainScope = regexp.MustCompile(`^(?:api|signature|impersonation|extended|openid|adm_store_unified_repo_read|[+ ]|%20){1,16}$`)
)

const (
	guidShape  = `[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}`
	plainIdent = `(?:[A-Za-z]{4}-)?` + guidShape + `|[A-Za-z0-9._%+\-]{1,64}@(?:[A-Za-z0-9\-]{1,63}\.){1,4}[A-Za-z]{2,24}`
)

// maskLegacyXML trusts one element of the known children, each there once, with nothing else in it.
func maskLegacyXML(text string) string {
	dec := xml.NewDecoder(strings.NewReader(text))
	var out, value strings.Builder
	seen, depth, done := map[string]bool{}, 0, false
	for {
		tok, err := dec.Token()
		if err == io.EOF && done {
			return out.String()
		}
		if err != nil || done && !blankText(tok) {
			return masked
		}
		switch t := tok.(type) {
		case xml.StartElement:
			depth++
			if depth > 2 || depth == 1 && !strings.EqualFold(t.Name.Local, "DocuSignCredentials") || depth == 2 && len(t.Attr) > 0 {
				return masked
			}
			value.Reset()
			if depth == 1 {
				out.WriteString("<" + t.Name.Local + ">")
			}
		case xml.EndElement:
			if depth--; depth == 0 {
				out.WriteString("</" + t.Name.Local + ">")
				done = true
				continue
			}
			shown, ok := legacyField(t.Name.Local, value.String(), seen)
			if !ok {
				return masked
			}
			out.WriteString("<" + t.Name.Local + ">" + shown + "</" + t.Name.Local + ">")
		case xml.CharData:
			if depth == 2 {
				value.Write(t)
			} else if !blankText(t) {
				return masked
			}
		default:
			return masked // comments, instructions, document types: nobody writes them here
		}
	}
}

func blankText(tok xml.Token) bool {
	t, ok := tok.(xml.CharData)
	return ok && len(bytes.TrimSpace(t)) == 0
}

// url shows the known parts of a URL: nothing of the query where the path is no API, since those are pages with one-time links.
func (m *mask) url(raw string, whole bool) string {
	base, query, found := strings.Cut(raw, "?")
	if base = maskURL(base); m.holds(base) {
		base = masked
	}
	if !found {
		return shown.Printable(base)
	}
	if whole || m.holds(query) {
		return shown.Printable(base + "?" + masked)
	}
	parts := strings.Split(query, "&")
	for i, part := range parts {
		parts[i] = maskParameter(part)
	}
	return shown.Printable(base + "?" + strings.Join(parts, "&"))
}

func maskParameter(part string) string {
	name, value, valued := strings.Cut(part, "=")
	if !valued && strings.EqualFold(name, "wsdl") {
		return name
	}
	plain, err := url.QueryUnescape(value)
	switch {
	case !valued || !plainLabel.MatchString(name):
		return masked
	case err != nil || secretParameter(name) && !boolean(value) || !plainValue(plain):
		return name + "=" + masked
	}
	return part
}

// secretParameter tells parameters whose plain values are secrets too: an access code is a number.
func secretParameter(name string) bool {
	name = strings.ToLower(name)
	return secretName(name) || strings.Contains(name, "code") || strings.Contains(name, "key") || strings.Contains(name, "session")
}

// boolean values are no secrets: api_password=true asks for one.
func boolean(v string) bool { return v == "true" || v == "false" }

// secretName tells the fields of bodies that hold secrets, by parts of their names.
func secretName(name string) bool {
	if len(name) > 128 {
		return true
	}
	name = strings.Map(func(r rune) rune {
		if r == '_' || r == '-' || r == '.' || r == ' ' {
			return -1
		}
		return r
	}, strings.ToLower(name))
	for _, word := range [...]string{"passw", "passphrase", "pwd", "secret", "assertion", "accesscode", "credential", "privatekey", "apikey", "authorization", "cookie", "jwt", "encrypted"} {
		if strings.Contains(name, word) {
			return true
		}
	}
	if strings.Contains(name, "token") {
		return name != "tokentype" && name != "tracetoken"
	}
	return name == "url" || name == "slt" || name == "nonce" || name == "pin"
}

// documentName tells the fields whose text is a file.
func documentName(name string) bool {
	name = strings.ToLower(name)
	return strings.HasSuffix(name, "base64") || strings.HasSuffix(name, "bytes")
}

// maskForm shows the fields of a form that are known to be no secrets and look like it. A program that does not encode its form can
// put more fields into a password (PROTOCOL.md §3.1), so one that is there twice makes all of it unreadable.
func maskForm(body string) (out string, ok bool) {
	parts := strings.Split(strings.Trim(body, " \t\r\n\x00"), "&")
	seen := map[string]bool{}
	for i, part := range parts {
		name, value, valued := strings.Cut(part, "=")
		lower := strings.ToLower(name)
		if !valued || !formFieldName(lower) {
			parts[i] = masked
			continue
		}
		if seen[lower] {
			return "", false
		}
		seen[lower] = true
		if !plainFormField(lower, value) {
			parts[i] = name + "=" + masked
		}
	}
	return strings.Join(parts, "&"), true
}

func formFieldName(name string) bool {
	switch name {
	case "grant_type", "client_id", "username", "password", "scope", "token", "assertion", "client_secret", "refresh_token", "code", "redirect_uri", "token_type_hint":
		return true
	}
	return false
}

func plainFormField(name, value string) bool {
	text, err := url.QueryUnescape(value)
	if err != nil {
		return false
	}
	switch name {
	case "grant_type":
		return text == "password" || text == "authorization_code" || text == "refresh_token" || text == "urn:ietf:params:oauth:grant-type:jwt-bearer"
	case "client_id":
		return plainKey.MatchString(text)
	case "username":
		return plainName.MatchString(text) || plainName.MatchString(value)
	case "scope":
		return plainScope.MatchString(value)
	}
	return false
}
