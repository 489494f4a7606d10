package capture

import (
	"encoding/json"
	"errors"
	"io"
	"strings"
)

const maxDepth = 64

var errDepth = errors.New("too deep")

// maskJSON copies JSON, which may break off, and masks the values of secret members. Blanks and order stay as they are.
// It is not ok when the text is not JSON; out is what was, up to there. answer = DocuSign's, whose messages are shown.
func maskJSON(src string, answer bool) (out string, ok bool) {
	m := jsonMask{src: src, answer: answer, dec: json.NewDecoder(strings.NewReader(src))}
	m.dec.UseNumber()
	_, err := m.value("", 0)
	rest := src[m.pos:]
	if err != nil {
		return m.out.String(), errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
	}
	if strings.TrimSpace(rest) != "" {
		return m.out.String(), false
	}
	return m.out.String() + rest, true
}

type jsonMask struct {
	src    string
	answer bool
	dec    *json.Decoder
	pos    int // in src, of the end of what was read
	out    strings.Builder
}

// copied writes what stands before a token or value that dec has just read, and gives the source of the token itself.
func (m *jsonMask) copied() string {
	read := m.src[m.pos:m.dec.InputOffset()]
	m.pos += len(read)
	token := strings.TrimLeft(read, " \t\r\n,:")
	m.out.WriteString(read[:len(read)-len(token)])
	return token
}

// value copies the value of a member, and gives the text of a string.
func (m *jsonMask) value(name string, depth int) (text string, err error) {
	tok, err := m.dec.Token()
	if err != nil {
		return "", err
	}
	raw := m.copied()
	text, isText := tok.(string)
	if safe := maskText(name, text, m.answer); isText && safe != text {
		quoted, _ := json.Marshal(safe) // a string always encodes
		raw = string(quoted)
	}
	m.out.WriteString(raw)
	bracket, inside := tok.(json.Delim)
	switch {
	case !inside:
		return text, nil
	case depth == maxDepth:
		return "", errDepth
	}
	secretValue := false // in {"name": "password", "value": …} the value is a secret too
	for m.dec.More() && err == nil {
		if bracket == '[' {
			_, err = m.value(name, depth+1)
		} else {
			secretValue, err = m.member(secretValue, depth+1)
		}
	}
	if err != nil {
		return "", err
	}
	if _, err = m.dec.Token(); err == nil {
		m.out.WriteString(m.copied())
	}
	return "", err
}

// member copies a name and its value. secretValue says that a member "value" holds a secret.
func (m *jsonMask) member(secretValue bool, depth int) (bool, error) {
	tok, err := m.dec.Token()
	if err != nil {
		return false, err
	}
	name, raw := tok.(string), m.copied()
	if !plainLabel.MatchString(name) {
		name, raw = "password", `"`+masked+`"` // no name of DocuSign's
	}
	m.out.WriteString(raw)
	if secretName(name) || secretValue && strings.EqualFold(name, "value") {
		var secret json.RawMessage
		if err = m.dec.Decode(&secret); err == nil {
			m.copied()
			m.out.WriteString(`"` + masked + `"`)
		}
		return secretValue, err
	}
	text, err := m.value(name, depth)
	if strings.EqualFold(name, "name") || strings.EqualFold(name, "key") {
		secretValue = secretName(text)
	}
	return secretValue, err
}
