package template

import (
	"fmt"
	"strings"
	"text/template/parse"
)

// A value may stand in text, in the value of an attribute of texts, and in one of addresses: these have double quotes.
// Whatever else HTML allows (scripts, styles, comments, names of tags and attributes) has no values in it.
type place struct {
	in        string // one of those below
	element   string // of the tag
	attribute string // whose value this is
	address   string // how far an address has come: "" or one of those below
}

const (
	inText      = ""
	inTag       = "a tag"
	inAttribute = "an attribute"
	inRaw       = "a script or a style"

	inPath  = "after its first letters"
	inQuery = "after ? or #"
)

// escape makes a value harmless where it stands.
type escape func(string) string

// These are the attributes that may have values in them.
const (
	textAttributes = " aria-label aria-labelledby class content data-label datetime height id title value " +
		"width x x1 x2 y y1 y2 "
	addressAttributes = " href "
)

// place finds out for each value of a template where it stands. A template begins and ends in text, and is called in
// text.
func (s *Set) place(name string, tree *parse.Tree) {
	if end := s.after(place{}, tree.Root); end != (place{}) {
		panic(fmt.Sprintf("template %q ends in %s", name, end.in))
	}
}

func (s *Set) after(p place, l *parse.ListNode) place {
	if l == nil {
		return p
	}
	for _, n := range l.Nodes {
		p = s.afterNode(p, n)
	}
	return p
}

func (s *Set) afterNode(p place, n parse.Node) place {
	switch n := n.(type) {
	case *parse.TextNode:
		return p.afterText(string(n.Text))
	case *parse.ActionNode:
		if len(n.Pipe.Decl) == 0 { // a variable is not written
			s.escapes[n] = s.escapeAt(p, n)
		}
	case *parse.TemplateNode:
		if p.in != inText {
			panic(fmt.Sprintf("%s stands in %s", n, p.in))
		}
	case *parse.IfNode:
		return s.afterBranch(p, &n.BranchNode)
	case *parse.WithNode:
		return s.afterBranch(p, &n.BranchNode)
	case *parse.RangeNode:
		if end := s.afterBranch(p, &n.BranchNode); end != p {
			panic(fmt.Sprintf("what %s repeats begins in %s and ends in %s", n.Pipe, p.in, end.in))
		}
	}
	return p
}

func (s *Set) afterBranch(p place, n *parse.BranchNode) place {
	then, other := s.after(p, n.List), s.after(p, n.ElseList)
	if then != other {
		panic(fmt.Sprintf("after %s it is unclear what stands in %s", n.Pipe, then.in+other.in))
	}
	return then
}

func (p place) afterText(text string) place {
	for text != "" {
		p, text = p.step(text)
	}
	return p
}

// step reads to the next place where something changes.
func (p place) step(text string) (place, string) {
	switch p.in {
	case inText:
		_, rest, found := strings.Cut(text, "<")
		if !found {
			return p, ""
		}
		name := strings.TrimPrefix(strings.TrimPrefix(rest, "/"), "!")
		return place{in: inTag, element: strings.ToLower(name[:letters(name)])}, name[letters(name):]
	case inRaw:
		_, rest, found := strings.Cut(text, "</"+p.element)
		if !found {
			return p, ""
		}
		return place{in: inTag}, rest
	case inTag:
		return p.stepTag(text)
	}
	value, rest, closed := strings.Cut(text, `"`)
	switch {
	case closed:
		return place{in: inTag, element: p.element}, rest
	case strings.ContainsAny(value, "?#"):
		p.address = inQuery
	case strings.TrimSpace(value) != "" && p.address == "":
		p.address = inPath
	}
	return p, ""
}

func (p place) stepTag(text string) (place, string) {
	text = strings.TrimLeft(text, " \n/")
	n := letters(text)
	name, rest := text[:n], text[n:]
	switch {
	case text == "":
	case text[0] == '>' && (p.element == "script" || p.element == "style"):
		return place{in: inRaw, element: p.element}, text[1:]
	case text[0] == '>':
		return place{}, text[1:]
	case n == 0:
		panic(fmt.Sprintf("no attribute begins here: %s", text))
	case strings.HasPrefix(rest, `="`):
		return place{in: inAttribute, element: p.element, attribute: strings.ToLower(name)}, rest[2:]
	case rest != "" && !strings.ContainsRune(" \n/>", rune(rest[0])):
		panic(fmt.Sprintf("the value of an attribute has no double quotes: %s", text))
	}
	return p, rest
}

// letters is the length of the name at the beginning of a text.
func letters(text string) int {
	n := strings.IndexFunc(text, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != ':'
	})
	if n < 0 {
		return len(text)
	}
	return n
}

func (s *Set) escapeAt(p place, n parse.Node) escape {
	attribute := " " + p.attribute + " "
	switch {
	case p.in == inText, p.in == inAttribute && strings.Contains(textAttributes, attribute):
		return s.special.Replace
	case p.in == inAttribute && strings.Contains(addressAttributes, attribute):
		return func(text string) string { return s.special.Replace(p.escapeAddress(text)) }
	}
	panic(fmt.Sprintf("%s stands in %s%s", n, p.in, attribute))
}

// special is what texts and attributes must not have. A plus had a meaning in some old browsers.
func special() *strings.Replacer {
	return strings.NewReplacer("<", "&lt;", ">", "&gt;", "&", "&amp;", `"`, "&#34;", "'", "&#39;", "+", "&#43;",
		"\x00", "\uFFFD")
}

// escapeAddress lets no value choose a scheme that runs a script, and none end the part of the address it stands in.
func (p place) escapeAddress(s string) string {
	scheme, _, has := strings.Cut(s, ":")
	if p.address == "" && has && !strings.Contains(scheme, "/") &&
		!strings.EqualFold(scheme, "http") && !strings.EqualFold(scheme, "https") && !strings.EqualFold(scheme, "mailto") {
		return "#unsafe"
	}
	kept := "-._~"
	if p.address != inQuery {
		kept += "!#$&*+,/:;=?@[]"
	}
	var out strings.Builder
	for i, c := range []byte(s) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte(kept, c) >= 0,
			c == '%' && p.address != inQuery && isHex(s, i+1) && isHex(s, i+2):
			out.WriteByte(c)
		default:
			fmt.Fprintf(&out, "%%%02x", c)
		}
	}
	return out.String()
}

func isHex(s string, i int) bool {
	return i < len(s) && strings.IndexByte("0123456789abcdefABCDEF", s[i]) >= 0
}
