package capture

import (
	"maps"
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"docusign-auth-proxy/internal/shown"
)

// What a capture shows of a message is listed here: values that are known, or have a form that no secret has. All others are masked,
// since a secret may stand in any field.

var (
	plainNumber    = regexp.MustCompile(`^[+-]?[0-9]{1,20}(?:\.[0-9]{1,20})?%?$`)
	plainTime      = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9:.]{4,18} ?(?:Z|[+-][0-9]{2}:?[0-9]{2})?)?$`)
	plainLabel     = regexp.MustCompile(`^[A-Za-z_@]{1,48}[0-9]{0,3}$`)        // a member of an object, an XML name, a parameter
	errorCode      = regexp.MustCompile(`^[A-Za-z]+(?:[._:][A-Za-z]+){0,12}$`) // of DocuSign or SOAP: USER_LACKS_MEMBERSHIP, soap:Server
	webURL         = regexp.MustCompile(`^(?i:https?)://([^/?#\s]+)([^?#\s]*)([?#]\S*)?$`)
	plainMediaType = regexp.MustCompile(`^(?:application|text|multipart|image|message)/[a-z.+-]{2,64}$`)
	soapAction     = regexp.MustCompile(`^"?http://www\.docusign\.net/API/(?:3\.0|Credential|AccountManagement)/([A-Za-z]+)"?$`)
	openToken      = regexp.MustCompile(`^(?:[A-Za-z*+.-]{1,64}|[0-9.]{1,20}|utf-8|utf-16|iso-8859-1|windows-1252|base64|7bit|8bit|100-continue|h2c|1x1)$`)
)

// plainValue reports whether the value of a field is no secret whatever the field is.
func plainValue(s string) bool {
	s = strings.TrimSpace(s)
	switch {
	case s == "" || plainNumber.MatchString(s) || plainTime.MatchString(s) || shown.PlainName(s):
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
	if plainValue(s) {
		return s
	}
	if m := webURL.FindStringSubmatch(strings.TrimSpace(s)); m != nil {
		return maskURL(m[0])
	}
	return masked
}

// maskURL shows scheme, host and the known segments of the path.
func maskURL(s string) string {
	if m := webURL.FindStringSubmatch(s); m != nil {
		scheme, _, _ := strings.Cut(s, "://")
		return scheme + "://" + shown.Host(m[1]) + shown.Path(m[2]) + maskQuery(m[3])
	}
	if !strings.HasPrefix(s, "/") {
		return masked
	}
	path := s
	if i := strings.IndexAny(s, "?#"); i >= 0 {
		path = s[:i]
	}
	return shown.Path(path) + maskQuery(s[len(path):])
}

func maskQuery(s string) string {
	if s == "" {
		return ""
	}
	return s[:1] + masked
}

// openHeaders are shown with values that are made of known forms.
var openHeaders = []string{
	"Accept", "Accept-Charset", "Accept-Encoding", "Accept-Language", "Accept-Ranges", "Age", "Allow", "Cache-Control", "Connection",
	"Content-Encoding", "Content-Language", "Content-Length", "Content-Transfer-Encoding", "Date", "Expect", "Expires",
	"If-Modified-Since", "Keep-Alive", "Last-Modified", "Max-Forwards", "Mime-Version", "Pragma", "Proxy-Authenticate", "Retry-After", "Server", "Strict-Transport-Security", "Te", "Trailer", "Transfer-Encoding",
	"Upgrade", "Vary", "Via", "Www-Authenticate", "X-Burstlimit-Limit", "X-Burstlimit-Remaining", "X-Content-Type-Options",
	"X-Docusign-Auth-Proxy-Cause", "X-Docusign-Auth-Proxy-Request-Id", "X-Docusign-Tracetoken", "X-Frame-Options", "X-Powered-By",
	"X-Ratelimit-Limit", "X-Ratelimit-Remaining", "X-Ratelimit-Reset",
}

// openHeader gives the value of a header that is no secret by its name, as far as its parts have a known form.
func openHeader(name, v string) string {
	if _, err := http.ParseTime(v); err == nil {
		return v
	}
	if shown.GUID(v) || name == "X-Docusign-Auth-Proxy-Request-Id" && len(v) <= 40 || name == "X-Docusign-Auth-Proxy-Cause" && errorCode.MatchString(v) {
		return v
	}
	for part := range strings.FieldsFuncSeq(v, func(r rune) bool { return strings.ContainsRune(` ,;=/"()`, r) }) {
		if !openToken.MatchString(strings.ToLower(part)) {
			return masked
		}
	}
	return v
}

// headerName gives the name of a header that looks like one.
func headerName(name string) string {
	if slices.Contains(openHeaders, name) || strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-") == "" && len(name) <= 48 {
		return name
	}
	return masked
}

// maskContentType shows the type, and the parameters that say how to read it.
func maskContentType(v string) string {
	t, params, err := mime.ParseMediaType(v)
	if err != nil || !plainMediaType.MatchString(t) {
		return masked
	}
	for _, name := range slices.Sorted(maps.Keys(params)) {
		value := params[name]
		switch {
		case name == "charset" && openToken.MatchString(strings.ToLower(value)), name == "type" && plainMediaType.MatchString(value):
		case name == "action" && soapAction.MatchString(value):
		case plainLabel.MatchString(name):
			value = masked
		default:
			name, value = masked, masked
		}
		t += "; " + name + "=" + value
	}
	return t
}

// maskDisposition shows the names of fields and the numbers of documents; of a file name only its extension.
func maskDisposition(v string) string {
	t, params, err := mime.ParseMediaType(v)
	if err != nil || t != "form-data" && t != "attachment" && t != "inline" && t != "file" {
		return masked
	}
	for _, name := range slices.Sorted(maps.Keys(params)) {
		value := params[name]
		switch {
		case name == "filename":
			if i := strings.LastIndexByte(value, '.'); i >= 0 && shown.Word(value[i+1:]) {
				value = masked + value[i:]
			} else {
				value = masked
			}
		case !plainLabel.MatchString(name):
			name, value = masked, masked
		case !plainValue(value):
			value = masked
		}
		t += "; " + name + "=" + `"` + value + `"`
	}
	return t
}

var (
	messagePart = regexp.MustCompile(`[^\s"'()<>,;&=]+`)
	plainWords  = regexp.MustCompile(`^[A-Za-z]+(?:[-_./:][A-Za-z]+)*$`)
)

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

// answerText are the fields in which DocuSign says in words why it refused.
func answerText(name string) bool {
	switch strings.ToLower(name) {
	case "message", "errorcode", "error", "error_description", "errordescription", "description", "faultstring", "faultcode", "text", "reason", "status":
		return true
	}
	return false
}
