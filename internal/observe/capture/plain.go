package capture

import (
	"maps"
	"mime"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"

	"docusign-auth-proxy/internal/shown"
)

// What a capture shows of a message is listed here: values that are known, or have a form that no secret has. All
// others are masked, since a secret may stand in any field.

var (
	plainScope = regexp.MustCompile(`^(?:api|signature|impersonation|extended|openid|adm_store_unified_repo_read|` +
		`[+ ]|%20){1,16}$`)
	grantType = regexp.MustCompile(`^(?:password|authorization_code|refresh_token|` +
		`urn:ietf:params:oauth:grant-type:jwt-bearer)$`)
	plainNumber = regexp.MustCompile(`^[+-]?[0-9]{1,20}(?:\.[0-9]{1,20})?%?$`)
	plainTime   = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9:.]{4,18} ?(?:Z|[+-][0-9]{2}:?[0-9]{2})?)?$`)
	// plainLabel is a member of an object, an XML name, a parameter.
	plainLabel = regexp.MustCompile(`^[A-Za-z_@]{1,48}[0-9]{0,3}$`)
	// errorCode is one of DocuSign or SOAP: USER_LACKS_MEMBERSHIP, soap:Server.
	errorCode      = regexp.MustCompile(`^[A-Za-z]+(?:[._:][A-Za-z]+){0,12}$`)
	webURL         = regexp.MustCompile(`^(?i:https?)://([^/?#\s]+)([^?#\s]*)([?#]\S*)?$`)
	plainMediaType = regexp.MustCompile(`^(?:application|text|multipart|image|message)/[a-z.+-]{2,64}$`)
	soapAction     = regexp.MustCompile(`^(?:"?http://www\.docusign\.net/API/` +
		`(?:3\.0|Credential|AccountManagement)/[A-Za-z]+"?|"")?$`)
	openToken = regexp.MustCompile(`^(?:[A-Za-z*+.-]{1,64}|[0-9.]{1,20}|utf-8|utf-16|iso-8859-1|windows-1252|base64|` +
		`7bit|8bit|100-continue|h2c|1x1)$`)
	authScheme  = regexp.MustCompile(`^(?i:basic|bearer|digest|negotiate|ntlm) `)
	requestID   = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-z]{1,13}$`) // as call.IDs makes it
	headerName  = regexp.MustCompile(`^[A-Za-z-]{1,48}$`)
	messagePart = regexp.MustCompile(`[^\s"'()<>,;&=]+`)
	plainWords  = regexp.MustCompile(`^[A-Za-z]+(?:[-_./:][A-Za-z]+)*$`)
)

// plainName is an e-mail address or a GUID, after brackets with the like (PROTOCOL.md §4.5).
func plainName(s string) bool {
	s = strings.TrimSpace(s)
	if inside, ok := strings.CutPrefix(s, "["); ok {
		name, rest, _ := strings.Cut(inside, "]")
		return shown.PlainName(strings.TrimSpace(name)) && plainName(rest)
	}
	return shown.PlainName(s)
}

// plainValue reports whether the value of a field is no secret whatever the field is.
func plainValue(s string) bool {
	s = strings.TrimSpace(s)
	if s == "" || plainNumber.MatchString(s) || plainTime.MatchString(s) || shown.PlainName(s) {
		return true
	}
	for w := range strings.SplitSeq(s, ",") {
		if !shown.Word(strings.TrimSpace(w)) {
			return false
		}
	}
	return true
}

// maskValue gives a plain value, a URL without what may be a secret in it, or the mask.
func maskValue(s string) string {
	switch t := strings.TrimSpace(s); {
	case plainValue(t):
		return s
	case webURL.MatchString(t):
		return maskURL(t)
	}
	return masked
}

// maskMessage shows the words, numbers and names of a message: DocuSign quotes in it what it was sent.
func maskMessage(s string) string {
	return messagePart.ReplaceAllStringFunc(shown.Text(s), func(part string) string {
		text := strings.TrimRight(part, ".:!?")
		if text == "" || text == masked || plainWords.MatchString(text) || openToken.MatchString(text) {
			return part
		}
		return maskValue(text) + part[len(text):]
	})
}

// maskURL shows scheme, host and the known segments of the path.
func maskURL(s string) string {
	origin, path := "", s
	if m := webURL.FindStringSubmatch(s); m != nil {
		scheme, _, _ := strings.Cut(s, "://")
		origin, path = scheme+"://"+shown.Host(m[1]), m[2]+m[3]
	} else if !strings.HasPrefix(s, "/") {
		return masked
	}
	if i := strings.IndexAny(path, "?#"); i >= 0 {
		return origin + shown.Path(path[:i]) + path[i:i+1] + masked
	}
	return origin + shown.Path(path)
}

// url shows the known parts of a URL: nothing of the query where the path is no API, since those are pages with
// one-time links.
func (m *mask) url(raw string) string {
	base, query, found := strings.Cut(raw, "?")
	if base = maskURL(base); m.holds(base) {
		base = masked
	}
	switch {
	case !found:
		return shown.Printable(base)
	case m.page || m.holds(query):
		return shown.Printable(base + "?" + masked)
	}
	parts := strings.Split(query, "&")
	for i, part := range parts {
		parts[i] = maskParameter(part)
	}
	return shown.Printable(base + "?" + strings.Join(parts, "&"))
}

// maskParameter also takes for secrets what is none in a body, such as a code. true and false are none:
// api_password=true asks for a password.
func maskParameter(part string) string {
	name, value, valued := strings.Cut(part, "=")
	plain, err := url.QueryUnescape(value)
	switch {
	case !valued && strings.EqualFold(name, "wsdl"):
		return name
	case !valued || !plainLabel.MatchString(name):
		return masked
	case value == "true" || value == "false":
		return part
	case err != nil || secretParameters.MatchString(name) || secretName(name) || !plainValue(plain):
		return name + "=" + masked
	}
	return part
}

// Headers that carry legacy credentials, in canonical form.
const (
	headerLegacy = "X-Docusign-Authentication"
	headerActAs  = "X-Docusign-Act-As-User"
)

// openHeaders are shown with values that are made of known forms.
const openHeaders = `
Accept Accept-Charset Accept-Encoding Accept-Language Accept-Ranges Age Allow Cache-Control Connection
Content-Encoding Content-Language Content-Length Content-Transfer-Encoding Date Expect Expires If-Modified-Since
Keep-Alive Last-Modified Max-Forwards Mime-Version Pragma Proxy-Authenticate Retry-After Server
Strict-Transport-Security Te Trailer Transfer-Encoding Upgrade Vary Via Www-Authenticate X-Burstlimit-Limit
X-Burstlimit-Remaining X-Content-Type-Options X-Docusign-Tracetoken X-Frame-Options X-Powered-By X-Ratelimit-Limit
X-Ratelimit-Remaining X-Ratelimit-Reset
`

// header gives the fields in alphabetical order, secrets masked.
func (m *mask) header(h http.Header) []field {
	var out []field
	for _, name := range slices.Sorted(maps.Keys(h)) {
		title := name
		if !headerName.MatchString(name) {
			title = masked
		}
		for _, v := range h[name] {
			if v = maskHeader(name, v); m.holds(v) {
				v = masked
			}
			out = append(out, field{title, shown.Printable(v)})
		}
	}
	return out
}

func maskHeader(name, v string) string {
	var open bool
	switch name {
	case headerLegacy:
		return maskLegacyHeader(v)
	case "Authorization", "Proxy-Authorization": // a bare token has no scheme (PROTOCOL.md §1.4 V19)
		return authScheme.FindString(strings.TrimSpace(v)) + masked
	case headerActAs:
		open = plainName(v)
	case "Soapaction":
		open = soapAction.MatchString(v)
	case "Content-Type", "Content-Disposition":
		return maskMediaType(v)
	case "Location", "Content-Location", "Referer":
		return maskURL(v)
	case "User-Agent":
		return shown.Text(v)
	case "X-Docusign-Auth-Proxy-Request-Id":
		open = requestID.MatchString(v)
	case "X-Docusign-Auth-Proxy-Cause":
		open = errorCode.MatchString(v)
	default:
		open = slices.Contains(strings.Fields(openHeaders), name) && openValue(v)
	}
	if !open {
		return masked
	}
	return v
}

// openValue reports whether a header has only parts of a known form.
func openValue(v string) bool {
	if _, err := http.ParseTime(v); err == nil || shown.GUID(v) {
		return true
	}
	for part := range strings.FieldsFuncSeq(v, func(r rune) bool { return strings.ContainsRune(` ,;=/"()`, r) }) {
		if !openToken.MatchString(strings.ToLower(part)) {
			return false
		}
	}
	return true
}

// maskMediaType shows a Content-Type or Content-Disposition with the parameters that say how to read the body, the
// names of fields and the numbers of documents; of a file name only its extension.
func maskMediaType(v string) string {
	t, params, err := mime.ParseMediaType(v)
	disposition := t == "form-data" || t == "attachment" || t == "inline" || t == "file"
	if err != nil || !disposition && !plainMediaType.MatchString(t) {
		return masked
	}
	for name, value := range params {
		extension := path.Ext(value)
		switch {
		case !plainLabel.MatchString(name):
			delete(params, name)
			params["other"] = masked
		case name == "filename" && extension != "" && shown.Word(extension[1:]):
			params[name] = masked + extension
		case name == "charset" && openToken.MatchString(strings.ToLower(value)),
			name == "type" && plainMediaType.MatchString(value), name == "action" && soapAction.MatchString(value):
		case !disposition || name == "filename" || !plainValue(value):
			params[name] = masked
		}
	}
	return mime.FormatMediaType(t, params)
}
