package sandbox

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/url"
	"strings"
)

// Leaks names the recorded requests that carry the legacy password of a known user, in clear or in a usual encoding.
// It looks at the kept part of each body. The password itself is not in the text.
func (c *core) Leaks() []string {
	needles := map[string][]string{}
	for _, u := range c.everybody() {
		if u.Password != "" {
			needles[u.Email] = spellings(u.Password)
		}
	}
	var leaks []string
	for _, r := range c.Requests() {
		for email, forms := range needles {
			if where := r.holds(forms); where != "" {
				leaks = append(leaks, fmt.Sprintf("%s %s%s: password of %s in %s", r.Method, r.Host, r.Path, email, where))
			}
		}
	}
	return leaks
}

func spellings(password string) []string {
	quoted, _ := json.Marshal(password) // a string always marshals
	var latin1 []byte
	for _, r := range password {
		latin1 = append(latin1, byte(r))
	}
	return []string{
		password, strings.Trim(string(quoted), `"`), url.QueryEscape(password), url.PathEscape(password),
		base64.StdEncoding.EncodeToString([]byte(password)), string(latin1),
	}
}

func (r Recorded) holds(forms []string) string {
	body := string(r.plain())
	for _, form := range forms {
		if appears(body, form) {
			return "body"
		}
		if strings.Contains(r.RawQuery, form) {
			return "query"
		}
		for name, values := range r.Header {
			if appears(strings.Join(values, "\n"), form) {
				return "header " + name
			}
		}
	}
	return ""
}

// appears looks at text as it is and with its XML references resolved, however they are written.
func appears(text, form string) bool {
	return strings.Contains(text, form) || strings.Contains(html.UnescapeString(text), form)
}

// plain is the kept part of the body, decompressed as far as it goes.
func (r Recorded) plain() []byte {
	if !strings.EqualFold(r.Header.Get("Content-Encoding"), "gzip") {
		return r.Body
	}
	z, err := gzip.NewReader(bytes.NewReader(r.Body))
	if err != nil {
		return r.Body
	}
	body, _ := io.ReadAll(io.LimitReader(z, 16*keepBody)) // a body that was cut ends with an error
	return body
}
