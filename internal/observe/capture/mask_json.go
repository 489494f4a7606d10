package capture

import (
	"encoding/json"
	"strconv"
	"strings"

	"docusign-auth-proxy/internal/shown"
)

// jsonMask copies JSON, which may break off, and masks the values of secret members. It keeps blanks and order as they are.
type jsonMask struct {
	src    string
	answer bool // DocuSign's, whose messages are shown
	pos    int
	out    strings.Builder
	bad    bool // not JSON from pos on
	depth  int
}

const maxMaskDepth = 64

// maskJSON is not ok when the text is not JSON; out is what was, up to there.
func maskJSON(src string, answer bool) (out string, ok bool) {
	m := jsonMask{src: src, answer: answer}
	m.value("", false)
	m.blanks()
	if m.pos < len(m.src) {
		m.bad = true
	}
	return m.out.String(), !m.bad
}

func (m *jsonMask) ended() bool { return m.bad || m.pos >= len(m.src) }

func (m *jsonMask) blanks() {
	from := m.pos
	for m.pos < len(m.src) && strings.IndexByte(" \t\r\n", m.src[m.pos]) >= 0 {
		m.pos++
	}
	m.out.WriteString(m.src[from:m.pos])
}

// value copies the value of a member; hide masks it whole.
func (m *jsonMask) value(name string, hide bool) {
	m.blanks()
	if m.ended() {
		return
	}
	if hide {
		m.skip()
		m.out.WriteString(`"` + masked + `"`)
		return
	}
	switch c := m.src[m.pos]; c {
	case '{', '[':
		if m.depth++; m.depth > maxMaskDepth {
			m.bad = true
			return
		}
		m.pos++
		m.out.WriteByte(c)
		if c == '{' {
			m.members()
		} else {
			m.elements(name)
		}
		m.depth--
	case '"':
		raw, closed := m.text()
		m.out.WriteString(m.maskedText(name, raw, closed))
	default:
		word := m.word()
		if word == "" {
			m.bad = true
			return
		}
		m.out.WriteString(word)
	}
}

// maskedText writes a string whose escapes are kept.
func (m *jsonMask) maskedText(name, raw string, closed bool) string {
	end := `"`
	if !closed {
		end = ""
	}
	if documentName(name) && raw != "" && !strings.HasPrefix(raw, "[") {
		return `"` + base64Note(int64(len(raw))) + end
	}
	text := unquoted(raw)
	switch {
	case closed && (base64Noted.MatchString(raw) || plainValue(text)):
		return `"` + raw + end
	case m.answer && answerText(name) && shown.Text(text) != masked:
		text = maskMessage(text)
	default:
		text = maskValue(text)
	}
	quoted, _ := json.Marshal(text) // a string always encodes
	return strings.TrimSuffix(string(quoted), `"`) + end
}

// unquoted resolves escapes, so that a name or a text cannot hide behind them.
func unquoted(raw string) string {
	var s string
	if !strings.Contains(raw, `\`) || json.Unmarshal([]byte(`"`+raw+`"`), &s) != nil {
		return raw
	}
	return s
}

// text reads a string at pos.
func (m *jsonMask) text() (raw string, closed bool) {
	from := m.pos + 1
	for i := from; i < len(m.src); i++ {
		switch m.src[i] {
		case '\\':
			i++
		case '"':
			m.pos = i + 1
			return m.src[from:i], true
		}
	}
	m.pos = len(m.src)
	return m.src[min(from, len(m.src)):], false
}

// word reads a number or a literal.
func (m *jsonMask) word() string {
	from := m.pos
	for m.pos < len(m.src) && (base64Letter(m.src[m.pos]) && m.src[m.pos] > ' ' || m.src[m.pos] == '.') {
		m.pos++
	}
	w := m.src[from:m.pos]
	if _, err := strconv.ParseFloat(w, 64); err == nil {
		return w
	}
	for _, literal := range [...]string{"true", "false", "null"} {
		if w == literal || m.pos == len(m.src) && w != "" && strings.HasPrefix(literal, w) {
			return w
		}
	}
	if m.pos == len(m.src) && strings.Trim(w, "0123456789+-.eE") == "" {
		return w
	}
	m.pos = from
	return ""
}

// skip passes over a value.
func (m *jsonMask) skip() {
	for depth := 0; m.pos < len(m.src); {
		switch c := m.src[m.pos]; c {
		case '"':
			m.text()
		case '{', '[':
			depth++
			m.pos++
		case '}', ']':
			if depth == 0 {
				m.bad = true
				return
			}
			depth--
			m.pos++
		case ' ', '\t', '\r', '\n':
			m.pos++
			continue
		case ',', ':':
			if depth == 0 {
				m.bad = true
				return
			}
			m.pos++
		default:
			if m.word() == "" {
				m.bad = true
				return
			}
		}
		if depth == 0 {
			return
		}
	}
}

// members copies an object after its brace. In {"name": "password", "value": …} the value is a secret too.
func (m *jsonMask) members() {
	named := false
	for first := true; ; first = false {
		m.blanks()
		if m.ended() || m.closes('}', first) {
			return
		}
		if m.src[m.pos] != '"' {
			m.bad = true
			return
		}
		raw, closed := m.text()
		if !closed {
			return // a name that breaks off; it is not shown
		}
		name := unquoted(raw)
		if !plainLabel.MatchString(name) {
			raw, name = masked, "password" // no name of DocuSign's
		}
		m.out.WriteString(`"` + raw + `"`)
		m.blanks()
		if m.ended() {
			return
		}
		if m.src[m.pos] != ':' {
			m.bad = true
			return
		}
		m.pos++
		m.out.WriteByte(':')
		if strings.EqualFold(name, "name") || strings.EqualFold(name, "key") {
			named = secretName(m.peek())
		}
		m.value(name, secretName(name) || named && strings.EqualFold(name, "value"))
	}
}

// peek gives the string that follows, without reading it.
func (m *jsonMask) peek() string {
	from := m.pos
	defer func() { m.pos = from }()
	for m.pos < len(m.src) && strings.IndexByte(" \t\r\n", m.src[m.pos]) >= 0 {
		m.pos++
	}
	if m.pos == len(m.src) || m.src[m.pos] != '"' {
		return ""
	}
	raw, _ := m.text()
	return unquoted(raw)
}

// closes takes the closing bracket, or the comma before the next member.
func (m *jsonMask) closes(bracket byte, first bool) bool {
	switch c := m.src[m.pos]; {
	case c == bracket:
		m.pos++
		m.out.WriteByte(c)
		return true
	case first:
		return false
	case c == ',':
		m.pos++
		m.out.WriteByte(c)
		m.blanks()
		return m.ended()
	}
	m.bad = true
	return true
}

func (m *jsonMask) elements(name string) {
	for first := true; ; first = false {
		m.blanks()
		if m.ended() || m.closes(']', first) {
			return
		}
		m.value(name, false)
	}
}
