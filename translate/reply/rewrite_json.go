package reply

import (
	"encoding/json"
	"errors"
	"strings"
)

// member is one name and value of a JSON object, by byte offsets.
type member struct {
	name       string
	key, value span
}

// loginJSON records the edits of a login_information answer. json.Valid has the word on syntax; after it the scanners below may
// assume well-formed text and need no errors of their own.
func (e *editor) loginJSON(o RewriteOptions) error {
	start := bom(e.src)
	if !json.Valid(e.src[start:]) {
		return errors.New("malformed JSON")
	}
	root := e.members(e.skipSpace(start))
	found := false
	for _, m := range root {
		if m.name != "loginAccounts" {
			continue
		}
		if found || e.src[m.value.start] != '[' {
			return errors.New("loginAccounts is not one array")
		}
		found = true
		if err := e.accountsJSON(m.value); err != nil {
			return err
		}
	}
	if !found {
		return errors.New("no loginAccounts")
	}
	if !e.only {
		e.passwordJSON(root, o.APIPassword.Reveal())
	}
	return nil
}

func (e *editor) accountsJSON(array span) error {
	e.slots = e.elements(array)
	chosen := false
	for i, slot := range e.slots {
		if e.src[slot.start] != '{' {
			return errors.New("an account is not an object")
		}
		var ids []string
		var urls []span
		for _, m := range e.members(slot.start) {
			switch m.name {
			case "accountId", "accountIdGuid":
				if id, ok := e.stringAt(m.value); ok {
					ids = append(ids, id)
				}
			case "baseUrl":
				urls = append(urls, m.value)
			case "isDefault":
				if !e.only && e.defaultJSON(m.value) && !chosen {
					e.first, chosen = i, true
				}
			}
		}
		for _, v := range urls {
			e.urlJSON(v, ids)
		}
	}
	return nil
}

func (e *editor) urlJSON(v span, ids []string) {
	old, ok := e.stringAt(v)
	if !ok {
		return
	}
	if text := e.rewrite(old, ids); text != old {
		e.replace(v.start, v.end, appendJSON(nil, text))
	}
}

// defaultJSON reports whether the account is the default one, and quotes a boolean: callers compare with the string "true".
func (e *editor) defaultJSON(v span) bool {
	text := string(e.src[v.start:v.end])
	if text == "true" || text == "false" {
		e.replace(v.start, v.end, []byte(`"`+text+`"`))
		return text == "true"
	}
	s, ok := e.stringAt(v)
	return ok && strings.EqualFold(s, "true")
}

// passwordJSON puts password in the place of every apiPassword, or in front if there is none; an empty one removes them.
func (e *editor) passwordJSON(root []member, password string) {
	if password == "" {
		e.removeJSON(root, "apiPassword")
		return
	}
	found := false
	for _, m := range root {
		if m.name == "apiPassword" {
			e.replace(m.value.start, m.value.end, appendJSON(nil, password))
			found = true
		}
	}
	if found {
		return
	}
	first := root[0]
	text := append([]byte(`"apiPassword"`), e.src[first.key.end:first.value.start]...)
	text = append(appendJSON(text, password), ',')
	text = append(text, e.gapBefore(first.key.start)...)
	e.replace(first.key.start, first.key.start, text)
}

// removeJSON removes each member of that name with its comma and one of the gaps around it. Another member is known to stay.
func (e *editor) removeJSON(root []member, name string) {
	last := len(root)
	for root[last-1].name == name {
		last--
	}
	if last < len(root) {
		e.replace(root[last-1].value.end, root[len(root)-1].value.end, nil)
	}
	for i := range last - 1 {
		if root[i].name == name {
			e.replace(root[i].key.start, root[i+1].key.start, nil)
		}
	}
}

// gapBefore returns the white space in front of at.
func (e *editor) gapBefore(at int) []byte {
	i := at
	for i > 0 && isSpace(e.src[i-1]) {
		i--
	}
	return e.src[i:at]
}

func (e *editor) stringAt(v span) (string, bool) {
	if e.src[v.start] != '"' {
		return "", false
	}
	var s string
	err := json.Unmarshal(e.src[v.start:v.end], &s)
	return s, err == nil
}

// members lists the object that opens at i.
func (e *editor) members(i int) []member {
	var list []member
	i = e.skipSpace(i + 1)
	for e.src[i] != '}' {
		var m member
		m.key = span{i, e.skipString(i)}
		m.name, _ = e.stringAt(m.key)
		i = e.skipSpace(e.skipSpace(m.key.end) + 1)
		m.value = span{i, e.skipValue(i)}
		list = append(list, m)
		i = e.nextItem(m.value.end)
	}
	return list
}

// elements lists the values of an array.
func (e *editor) elements(array span) []span {
	var list []span
	i := e.skipSpace(array.start + 1)
	for e.src[i] != ']' {
		v := span{i, e.skipValue(i)}
		list = append(list, v)
		i = e.nextItem(v.end)
	}
	return list
}

// nextItem steps over white space and a comma.
func (e *editor) nextItem(i int) int {
	i = e.skipSpace(i)
	if e.src[i] == ',' {
		i = e.skipSpace(i + 1)
	}
	return i
}

func (e *editor) skipSpace(i int) int {
	for isSpace(e.src[i]) {
		i++
	}
	return i
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// skipString returns the end of the string that opens at i.
func (e *editor) skipString(i int) int {
	for i++; e.src[i] != '"'; i++ {
		if e.src[i] == '\\' {
			i++
		}
	}
	return i + 1
}

// skipValue returns the end of the value at i, without recursion, so that depth costs no stack.
func (e *editor) skipValue(i int) int {
	depth := 0
	for {
		switch c := e.src[i]; {
		case c == '"':
			i = e.skipString(i)
		case c == '{' || c == '[':
			depth++
			i++
		case c == '}' || c == ']':
			depth--
			i++
		case depth == 0:
			return e.skipLiteral(i)
		default:
			i++
		}
		if depth == 0 {
			return i
		}
	}
}

func (e *editor) skipLiteral(i int) int {
	for c := e.src[i]; c != ',' && c != '}' && c != ']' && !isSpace(c); c = e.src[i] {
		i++
	}
	return i
}
