package legacy

import (
	"encoding/json"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// parseJSON reads an object whose members are flat. A password with a `","` in it can make a well-formed object with members that
// nobody knows; then the tolerant reading is one more candidate.
func parseJSON(text string) (f *fields, reason string) {
	f, foreign, ok, reason := strictJSON(text)
	if !ok {
		return tolerantJSON(text)
	}
	if !foreign || reason != "" {
		return f, reason
	}
	if t, reason := tolerantJSON(text); reason == "" && t.sameNames(f) {
		f.passwords = append(f.passwords, t.passwords...)
	}
	return f, ""
}

// strictJSON is not ok when text is not JSON. foreign tells of members that are no field.
func strictJSON(text string) (f *fields, foreign, ok bool, reason string) {
	if !json.Valid([]byte(text)) {
		return nil, false, false, ""
	}
	dec := json.NewDecoder(strings.NewReader(text))
	if _, err := dec.Token(); err != nil {
		return nil, false, false, ""
	}
	f = &fields{}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return nil, false, false, ""
		}
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return nil, false, false, ""
		}
		n, known := fieldNamed(name.(string))
		if !known {
			foreign = true
			continue
		}
		if reason := f.setJSON(n, raw); reason != "" {
			return nil, false, true, reason
		}
	}
	return f, foreign, true, ""
}

// setJSON takes a number as its digits, as PHP writes a password of digits, and null as no field.
func (f *fields) setJSON(n field, raw json.RawMessage) (reason string) {
	switch raw[0] {
	case '{', '[':
		return n.String() + " is not a text"
	case 'n':
		return ""
	case '"':
		var s string
		if err := json.Unmarshal(raw, &s); err != nil {
			return n.String() + " is not a text"
		}
		inner := string(raw[1 : len(raw)-1])
		return f.set(n, s, inner, unescape(inner))
	}
	return f.set(n, string(raw))
}

// member is a known field found by the tolerant scanner.
type member struct {
	name  field
	start int // of the separator before it
	value int // first byte after the colon
}

// tolerantJSON splits on the known fields and on nothing else, so that quotes, commas and braces in a password survive.
func tolerantJSON(text string) (f *fields, reason string) {
	found := members(text)
	if len(found) == 0 {
		return nil, "no known field, and not JSON"
	}
	f = &fields{}
	for i, m := range found {
		segment := text[m.value:]
		if i+1 < len(found) {
			segment = text[m.value:found[i+1].start]
		}
		last := i+1 == len(found)
		if reason := f.setTolerant(m.name, strings.TrimSpace(segment), last); reason != "" {
			return nil, reason
		}
	}
	return f, ""
}

func (f *fields) setTolerant(n field, segment string, last bool) (reason string) {
	if n == fieldPassword {
		return f.set(n, passwordTexts(segment, last)...)
	}
	text, reason := nameText(segment)
	if reason != "" {
		return reason + " in " + n.String()
	}
	if text == "null" && strings.HasPrefix(segment, text) {
		return ""
	}
	return f.set(n, text)
}

// members finds the known fields after a brace or a comma. They are quoted as the first member is, so that a quoted object is not
// split at a password that contains `,username:`.
func members(text string) (found []member) {
	first := skipBlanks(text, 1)
	quote := byte(0)
	if first < len(text) && (text[first] == '"' || text[first] == '\'') {
		quote = text[first]
	}
	for i := 0; i < len(text); i++ {
		if text[i] != '{' && text[i] != ',' {
			continue
		}
		if n, value, ok := memberName(text, i+1, quote); ok {
			found = append(found, member{n, i, value})
			i = value - 1
		}
	}
	return found
}

// memberName reads `"Name" :` at i. quote is 0 for names without quotes.
func memberName(text string, i int, quote byte) (n field, value int, ok bool) {
	i = skipBlanks(text, i)
	if quote != 0 {
		if i >= len(text) || text[i] != quote {
			return 0, 0, false
		}
		i = skipBlanks(text, i+1)
	}
	end := i
	for end < len(text) && isLetter(text[end]) {
		end++
	}
	if n, ok = fieldNamed(text[i:end]); !ok {
		return 0, 0, false
	}
	i = skipBlanks(text, end)
	if quote != 0 {
		if i >= len(text) || text[i] != quote {
			return 0, 0, false
		}
		i = skipBlanks(text, i+1)
	}
	if i >= len(text) || text[i] != ':' {
		return 0, 0, false
	}
	return n, i + 1, true
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

func skipBlanks(s string, i int) int {
	for i < len(s) && strings.IndexByte(blanks, s[i]) >= 0 {
		i++
	}
	return i
}

const (
	blanks = " \t\r\n"
	tail   = blanks + ",}" // what may stand between the last value and the end
)

// nameText reads the value of a field that is a name. What follows its closing quote must be another member or the end: a name
// with a quote in it is refused rather than guessed.
func nameText(segment string) (text, reason string) {
	if segment == "" {
		return "", ""
	}
	quote := segment[0]
	if quote != '"' && quote != '\'' {
		text, _, _ = strings.Cut(segment, ",")
		return strings.TrimRight(text, tail), ""
	}
	end := closingQuote(segment, quote)
	if end < 0 {
		return "", "no closing quote"
	}
	rest := strings.TrimLeft(segment[end+1:], blanks)
	if !strings.HasPrefix(rest, ",") && strings.Trim(rest, tail) != "" {
		return "", "text after the closing quote"
	}
	return unescape(segment[1:end]), ""
}

// closingQuote finds the quote that ends the text begun at s[0] and is not escaped, or -1.
func closingQuote(s string, quote byte) int {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case quote:
			return i
		}
	}
	return -1
}

// passwordTexts are the readings of a password, each with its escapes resolved and as it stands.
func passwordTexts(segment string, last bool) (texts []string) {
	spans := bareSpans(segment, last)
	if segment != "" && (segment[0] == '"' || segment[0] == '\'') {
		spans = quotedSpans(segment)
	}
	for _, s := range spans {
		texts = append(texts, unescape(s), s)
	}
	return texts
}

// bareSpans are the extents that a value without quotes can have. The closing brace may be its own or the object's.
func bareSpans(segment string, last bool) (spans []string) {
	if comma := foreignMember(segment, 0); comma >= 0 {
		spans = append(spans, strings.TrimRight(segment[:comma], blanks))
	}
	if inner, closed := strings.CutSuffix(segment, "}"); closed && last {
		inner = strings.TrimRight(inner, blanks)
		spans = append(spans, strings.TrimRight(strings.TrimSuffix(inner, ","), blanks), inner)
	}
	return append(spans, segment)
}

// quotedSpans are the extents that a quoted value can have: up to the first member that is no field, then as far as it can reach.
func quotedSpans(segment string) (spans []string) {
	quote, body := segment[0], segment[1:]
	if comma := foreignMember(body, quote); comma >= 0 {
		spans = append(spans, strings.TrimSuffix(strings.TrimRight(body[:comma], blanks), string(quote)))
	}
	end := strings.LastIndexByte(body, quote)
	if end < 0 || strings.Trim(body[end+1:], tail) != "" {
		return append(spans, strings.TrimRight(body, tail), body) // the closing quote is missing
	}
	return append(spans, body[:end])
}

// maxForeign bounds the name of a member that is no field, so that looking for one stays linear.
const maxForeign = 64

// foreignMember finds the comma before `"name" :`, after a value that ends with quote (0: with anything), or gives -1.
func foreignMember(s string, quote byte) int {
	ended := quote == 0
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == ',' && ended && startsMember(s[i+1:]):
			return i
		case strings.IndexByte(blanks, s[i]) < 0 && quote != 0:
			ended = s[i] == quote
		}
	}
	return -1
}

func startsMember(s string) bool {
	i := skipBlanks(s, 0)
	if i >= len(s) || s[i] != '"' && s[i] != '\'' {
		return false
	}
	name := s[i+1 : min(len(s), i+1+maxForeign)]
	end := strings.IndexByte(name, s[i])
	if end < 0 {
		return false
	}
	i = skipBlanks(s, i+end+2)
	return i < len(s) && s[i] == ':'
}

// unescape resolves \" \' \\ \/ and \u0000 and keeps every other backslash (PROTOCOL.md §1.5).
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		switch c := s[i+1]; c {
		case '"', '\'', '\\', '/':
			b.WriteByte(c)
			i++
		case 'u':
			r, size := escapedRune(s[i:])
			if size == 0 {
				b.WriteByte('\\')
				continue
			}
			b.WriteRune(r)
			i += size - 1
		default:
			b.WriteByte('\\')
		}
	}
	return b.String()
}

// escapedRune reads \uXXXX, or two of them for a character outside the basic plane. size is 0 when s does not begin with one.
func escapedRune(s string) (r rune, size int) {
	hi, ok := hexRune(s)
	if !ok {
		return 0, 0
	}
	if !utf16.IsSurrogate(hi) {
		return hi, 6
	}
	if lo, ok := hexRune(s[6:]); ok {
		if r := utf16.DecodeRune(hi, lo); r != utf8.RuneError {
			return r, 12
		}
	}
	return 0, 0
}

func hexRune(s string) (r rune, ok bool) {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	for _, c := range []byte(s[2:6]) {
		if !isHex(c) {
			return 0, false
		}
		r = r<<4 | rune(hexDigit(c))
	}
	return r, true
}
