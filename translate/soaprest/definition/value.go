package definition

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"docusign-auth-proxy/translate/soaprest/element"
	"docusign-auth-proxy/translate/soaprest/fault"
)

// clean takes out the control characters that XML does not have (SOAP-REST.md §2).
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' && r != '\n' && r != '\r' {
			return -1
		}
		return r
	}, s)
}

func trimmed(s string) string { return strings.TrimSpace(clean(s)) }

// text is for what an empty element does not change.
func text(_ *maker, e *element.Element) (any, error) {
	if s := clean(e.Text); s != "" {
		return s, nil
	}
	return nil, nil
}

// kept is for texts that may be empty.
func kept(_ *maker, e *element.Element) (any, error) { return clean(e.Text), nil }

// lowered begins with a small letter in REST (SOAP-REST.md §2.1).
func lowered(_ *maker, e *element.Element) (any, error) {
	s := trimmed(e.Text)
	if s == "" {
		return nil, nil
	}
	return strings.ToLower(s[:1]) + s[1:], nil
}

// flag is a text in REST; SOAP has it as xsd:boolean, and Show and Required of a CustomField as a text.
func flag(_ *maker, e *element.Element) (any, error) {
	switch strings.ToLower(trimmed(e.Text)) {
	case "true", "1":
		return "true", nil
	case "false", "0":
		return "false", nil
	case "":
		return nil, nil
	}
	return nil, fault.Invalid("'%s' is neither true nor false", e.Path)
}

// number is a text in REST, in its shortest form, so that two ways to write an ID are one.
func number(_ *maker, e *element.Element) (any, error) {
	s := trimmed(e.Text)
	switch e.Type.Base {
	case "decimal", "double":
		f, err := strconv.ParseFloat(s, 64)
		if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
			return nil, fault.Invalid("'%s' is no number", e.Path)
		}
		return strconv.FormatFloat(f, 'f', -1, 64), nil
	}
	digits := strings.TrimLeft(s, "+-")
	if len(s)-len(digits) > 1 || digits == "" || strings.Trim(digits, "0123456789") != "" {
		return nil, fault.Invalid("'%s' is no number", e.Path)
	}
	digits = strings.TrimLeft(digits[:len(digits)-1], "0") + digits[len(digits)-1:]
	if s[0] == '-' && digits != "0" {
		return "-" + digits, nil
	}
	return digits, nil
}

// routingOrder begins at 1 in REST (SOAP-REST.md §2.3).
func routingOrder(m *maker, e *element.Element) (any, error) {
	v, err := number(m, e)
	if v == "0" {
		return "1", nil
	}
	return v, err
}

func accessCode(m *maker, e *element.Element) (any, error) {
	if utf8.RuneCountInString(clean(e.Text)) > 50 {
		return nil, m.refuse(e, " of more than 50 characters")
	}
	return text(m, e)
}

// split is for lists that SOAP writes as a;b. One semicolon may end them.
func split(s string) []string {
	if s = strings.TrimSuffix(clean(s), ";"); s == "" {
		return nil
	}
	return strings.Split(s, ";")
}

func list(_ *maker, e *element.Element) (any, error) {
	if all := split(e.Text); all != nil {
		return all, nil
	}
	return nil, nil
}

// words are the texts of the elements inside.
func words(m *maker, e *element.Element) (any, error) {
	var all []string
	for _, c := range e.Children {
		as := text
		if c.Type != nil && c.Type.Base != "string" {
			as = number
		}
		v, err := as(m, c)
		if err != nil {
			return nil, err
		}
		if v != nil {
			all = append(all, v.(string))
		}
	}
	if all == nil {
		return nil, nil
	}
	return all, nil
}

func object(m *maker, e *element.Element) (any, error) {
	o, err := m.object(e, "")
	if err != nil || len(o) == 0 {
		return nil, err
	}
	return o, nil
}

// objects are made of the elements inside.
func objects(m *maker, e *element.Element) (any, error) {
	var all []Object
	for _, c := range e.Children {
		v, err := object(m, c)
		if err != nil {
			return nil, err
		}
		if v != nil {
			all = append(all, v.(Object))
		}
	}
	if all == nil {
		return nil, nil
	}
	return all, nil
}

// content is the text of an element that is refused unless it is empty, or true where its elements have some.
func content(m *maker, e *element.Element) (any, error) {
	if e.Bytes != nil && e.Bytes.Size() > 0 {
		return true, nil
	}
	for _, c := range e.Children {
		if v, err := content(m, c); err != nil || v != nil && v != "false" {
			return true, err
		}
	}
	if s := trimmed(e.Text); s != "" {
		return s, nil
	}
	return nil, nil
}

func encoded(_ *maker, e *element.Element) (any, error) {
	if e.Bytes == nil || e.Bytes.Size() == 0 {
		return nil, nil
	}
	return Base64{e.Bytes}, nil
}

// vaulting has no effect while its mode is None.
func vaulting(m *maker, e *element.Element) (any, error) {
	if e.Value("VaultingMode") == "None" {
		return nil, nil
	}
	return content(m, e)
}

// authoritativeCopy can be exported over SOAP alone, so it must be allowed (SOAP-REST.md §3.1).
func authoritativeCopy(m *maker, e *element.Element) (any, error) {
	v, err := flag(m, e)
	if v == "true" && !m.AuthoritativeCopy {
		return nil, m.refuse(e, "")
	}
	return v, err
}

// fontStyle leaves out the styles that REST lists no longer (SOAP-REST.md §2.1).
func fontStyle(m *maker, e *element.Element) (any, error) {
	s := trimmed(e.Text)
	number, numbered := strings.CutPrefix(s, "DocuSign")
	switch {
	case numbered:
		return number + "_DocuSign", nil
	case s == "Mistral":
		return s, nil
	case s == "RageItalic":
		return "Rage Italic", nil
	case s != "":
		m.drop(e)
	}
	return nil, nil
}

// anchor is nothing without its text: some clients write an empty one into each tab.
func anchor(m *maker, e *element.Element) (any, error) {
	v, err := object(m, e)
	if v == nil || err != nil {
		return nil, err
	}
	if v.(Object)["anchorString"] == nil {
		m.drop(e)
		return nil, nil
	}
	return v, nil
}

// customFields are split by their type; without one a field is a text (SOAP-REST.md §3.1).
func customFields(m *maker, e *element.Element) (any, error) {
	fields := Object{}
	for _, c := range e.Children {
		kind := strings.ToLower(trimmed(c.Value("CustomFieldType")))
		if kind == "" {
			kind = "text"
		}
		o, err := m.object(c, kind)
		if err != nil {
			return nil, err
		}
		all, _ := fields[kind+"CustomFields"].([]Object)
		fields[kind+"CustomFields"] = append(all, o)
	}
	if len(fields) == 0 {
		return nil, nil
	}
	return fields, nil
}

// joined puts the custom fields of b behind those of a; either may be nil.
func joined(a, b any) any {
	if a == nil || b == nil {
		if a == nil {
			return b
		}
		return a
	}
	all := Object{}
	for _, kind := range []string{"textCustomFields", "listCustomFields"} {
		first, _ := a.(Object)[kind].([]Object)
		second, _ := b.(Object)[kind].([]Object)
		if both := slices.Concat(first, second); both != nil {
			all[kind] = both
		}
	}
	return all
}
