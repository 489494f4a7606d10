package legacy

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf16"
)

// parseJSON reads an object whose members are flat. A password with a `","` in it can make a well-formed object with
// members that nobody knows; then the tolerant reading is one more candidate.
func parseJSON(text string) (f *fields, reason string) {
	if !json.Valid([]byte(text)) {
		return tolerantJSON(text)
	}
	f = newFields()
	foreign := false
	dec := json.NewDecoder(strings.NewReader(text)) // has no error for what is valid
	_, _ = dec.Token()
	for dec.More() {
		name, _ := dec.Token()
		var raw json.RawMessage
		_ = dec.Decode(&raw)
		n := fieldNamed(name.(string))
		if n == "" {
			foreign = true
		} else if reason := f.setJSON(n, raw); reason != "" {
			return nil, reason
		}
	}
	if !foreign {
		return f, ""
	}
	if t, reason := tolerantJSON(text); reason == "" && t.sameNames(f) {
		f.passwords = append(f.passwords, t.passwords...)
	}
	return f, ""
}

// setJSON takes a number as its digits, as PHP writes a password of digits, and null as no field.
func (f *fields) setJSON(n string, raw json.RawMessage) (reason string) {
	switch raw[0] {
	case '{', '[':
		return n + " is not a text"
	case 'n':
		return ""
	case '"':
		var s string
		_ = json.Unmarshal(raw, &s)
		inner := string(raw[1 : len(raw)-1])
		return f.set(n, s, inner, unescape(inner))
	}
	return f.set(n, string(raw))
}

// member is a known field found by the tolerant scanner.
type member struct {
	name  string
	start int // of the separator before it
	value int // first byte after the colon
}

// tolerantJSON splits on the known fields and on nothing else, so that quotes, commas and braces in a password survive.
func tolerantJSON(text string) (f *fields, reason string) {
	found := members(text)
	if len(found) == 0 {
		return nil, "no known field, and not JSON"
	}
	f = newFields()
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

func (f *fields) setTolerant(n, segment string, last bool) (reason string) {
	if n == fieldPassword {
		return f.set(n, passwordTexts(segment, last)...)
	}
	text, reason := nameText(segment)
	if reason != "" {
		return reason + " in " + n
	}
	if text == "null" && strings.HasPrefix(segment, text) {
		return ""
	}
	return f.set(n, text)
}

// memberStart is a name and its colon, after a brace or a comma.
var memberStart = regexp.MustCompile(`[{,][ \t\r\n]*(["']?)[ \t\r\n]*([A-Za-z]+)[ \t\r\n]*(["']?)[ \t\r\n]*:`)

// members finds the known fields after a brace or a comma. They are quoted as the first member is, so that a quoted
// object is not split at a password that contains `,username:`.
func members(text string) (found []member) {
	quote := strings.TrimLeft(text[1:], blanks)
	if quote = quote[:min(1, len(quote))]; quote != `"` && quote != "'" {
		quote = ""
	}
	for _, at := range memberStart.FindAllStringSubmatchIndex(text, -1) {
		n := fieldNamed(text[at[4]:at[5]])
		if n != "" && text[at[2]:at[3]] == quote && text[at[6]:at[7]] == quote {
			found = append(found, member{n, at[0], at[1]})
		}
	}
	return found
}

const (
	blanks = " \t\r\n"
	tail   = blanks + ",}" // what may stand between the last value and the end
)

// nameText reads the value of a field that is a name. What follows its closing quote must be another member or the
// end: a name with a quote in it is refused rather than guessed.
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

// quotedSpans are the extents that a quoted value can have: up to the first member that is no field, then as far as it
// can reach.
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

// foreignStart is the name of a member that is no field; its length is bounded so that looking for one stays linear.
var foreignStart = regexp.MustCompile(`^[ \t\r\n]*("[^"]{0,63}"|'[^']{0,63}')[ \t\r\n]*:`)

// foreignMember finds the comma before `"name" :`, after a value that ends with quote (0: with anything), or gives -1.
func foreignMember(s string, quote byte) int {
	ended := quote == 0
	for i := range len(s) {
		switch {
		case s[i] == ',' && ended && foreignStart.MatchString(s[i+1:]):
			return i
		case strings.IndexByte(blanks, s[i]) < 0 && quote != 0:
			ended = s[i] == quote
		}
	}
	return -1
}

// jsonEscape takes a surrogate pair whole.
var jsonEscape = regexp.MustCompile(`\\(?:["'\\/]|` +
	`u[dD][89abAB][0-9A-Fa-f]{2}\\u[dD][c-fC-F][0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4})`)

// unescape resolves \" \' \\ \/ and \u0000 and keeps every other backslash (PROTOCOL.md §1.5).
func unescape(s string) string {
	return jsonEscape.ReplaceAllStringFunc(s, func(escape string) string {
		if escape[1] != 'u' {
			return escape[1:]
		}
		r := hexRune(escape[2:6])
		if len(escape) > 6 {
			r = utf16.DecodeRune(r, hexRune(escape[8:]))
		}
		if utf16.IsSurrogate(r) {
			return escape
		}
		return string(r)
	})
}

func hexRune(digits string) rune {
	n, _ := strconv.ParseUint(digits, 16, 16) // four hexadecimal digits
	return rune(n)
}
