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
	"slices"
	"strings"
)

// Leaks names the recorded requests that carry the legacy password of a known user, in clear or in a usual encoding.
// It looks at the kept part of each body. The password itself is not in the text.
func (s *Sandbox) Leaks() []string {
	users := slices.DeleteFunc(s.everybody(), func(u User) bool { return u.Password == "" })
	var leaks []string
	for _, r := range s.Requests() {
		text := r.text()
		text += html.UnescapeString(text) // XML references, however they are written
		carried := func(form string) bool { return strings.Contains(text, form) }
		for _, u := range users {
			if slices.ContainsFunc(spellings(u.Password), carried) {
				leaks = append(leaks, fmt.Sprintf("%s %s%s: password of %s", r.Method, r.Host, r.Path, u.Email))
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

// text is all that the client chose but the path: query, headers, and the kept part of the body, decompressed.
func (r Recorded) text() string {
	var text bytes.Buffer
	fmt.Fprintln(&text, r.RawQuery)
	_ = r.Header.Write(&text) // a bytes.Buffer takes everything
	z, err := gzip.NewReader(bytes.NewReader(r.Body))
	if err != nil {
		text.Write(r.Body)
		return text.String()
	}
	_, _ = io.Copy(&text, io.LimitReader(z, 16*keepBody)) // a body that was cut ends with an error
	return text.String()
}
