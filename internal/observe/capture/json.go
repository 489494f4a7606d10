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
	switch {
	case err != nil:
		return m.out.String(), errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
	case strings.TrimSpace(rest) != "":
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

// value copies the value of a member. It gives the text of a string.
func (m *jsonMask) value(name string, depth int) (string, error) {
	tok, err := m.dec.Token()
	if err != nil {
		return "", err
	}
	raw := m.copied()
	switch t := tok.(type) {
	case string:
		m.out.WriteString(m.maskedText(name, raw, t))
		return t, nil
	case json.Delim:
		m.out.WriteString(raw)
		return "", m.inside(t, name, depth+1)
	}
	m.out.WriteString(raw)
	return "", nil
}

// inside copies an object or an array after its bracket. In {"name": "password", "value": …} the value is a secret too.
func (m *jsonMask) inside(bracket json.Delim, name string, depth int) error {
	if depth > maxDepth {
		return errDepth
	}
	named := false
	for m.dec.More() {
		if bracket == '[' {
			if _, err := m.value(name, depth); err != nil {
				return err
			}
			continue
		}
		var err error
		if named, err = m.member(named, depth); err != nil {
			return err
		}
	}
	if _, err := m.dec.Token(); err != nil {
		return err
	}
	m.out.WriteString(m.copied())
	return nil
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
		if err := m.dec.Decode(&secret); err != nil {
			return false, err
		}
		m.copied()
		m.out.WriteString(`"` + masked + `"`)
		return secretValue, nil
	}
	text, err := m.value(name, depth)
	if strings.EqualFold(name, "name") || strings.EqualFold(name, "key") {
		secretValue = secretName(text)
	}
	return secretValue, err
}

// maskedText gives a string as it stands in the source when it is plain.
func (m *jsonMask) maskedText(name, raw, text string) string {
	switch {
	case documentName(name) && text != "" && !strings.HasPrefix(text, "["):
		return `"` + base64Note(int64(len(text))) + `"`
	case base64Noted.MatchString(text), plainValue(text):
		return raw
	case m.answer && answerText(name):
		text = maskMessage(text)
	default:
		text = maskValue(text)
	}
	quoted, _ := json.Marshal(text) // a string always encodes
	return string(quoted)
}
