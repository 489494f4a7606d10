package route

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

var errPath = errors.New("an encoded slash, a backslash or a control character in the path")

// Clean gives u with runs of slashes collapsed and dot segments resolved (PROTOCOL.md §1.6), its other escapes and
// its query as they came. Everything behind it sees this path alone: two readings of one path would let a call pass
// for another. It is u itself when nothing had to change.
func Clean(u *url.URL) (*url.URL, error) {
	if u.Opaque != "" {
		return nil, errors.New("a request target that is no path")
	}
	if plainPath(u) {
		return u, nil
	}
	escaped := u.EscapedPath()
	var kept []string
	trailing := false
	for part := range strings.SplitSeq(escaped, "/") {
		name, err := url.PathUnescape(part)
		if err != nil || strings.Contains(name, "/") || strings.ContainsFunc(name, refusedInPath) {
			return nil, errPath
		}
		bare, _, parameters := strings.Cut(name, ";")
		dots := bare == "." || bare == ".."
		if dots && parameters {
			return nil, errors.New("a dot segment with parameters") // resolved by some servers, taken for a name by others
		}
		if trailing = dots || part == ""; !trailing {
			kept = append(kept, part)
		} else if bare == ".." && len(kept) > 0 {
			kept = kept[:len(kept)-1]
		}
	}
	escaped = "/" + strings.Join(kept, "/")
	if trailing && len(kept) > 0 {
		escaped += "/"
	}
	out := *u
	out.Path, _ = url.PathUnescape(escaped) // each part has just been unescaped
	if out.RawPath = escaped; (&url.URL{Path: out.Path}).EscapedPath() == escaped {
		out.RawPath = ""
	}
	return &out, nil
}

// plainPath reports without allocating that there is nothing to clean.
func plainPath(u *url.URL) bool {
	return strings.HasPrefix(u.Path, "/") && u.RawPath == "" &&
		!strings.Contains(u.Path, "//") && !strings.Contains(u.Path, "/.") &&
		!strings.ContainsFunc(u.Path, refusedInPath)
}

// refusedInPath is what no path of DocuSign's has and what servers read in different ways.
func refusedInPath(c rune) bool { return c == '\\' || c < ' ' || c == 0x7f }

// EscapeByByte escapes in a path what the program should have escaped and did not: a bar, a quote, a letter outside
// ASCII. net/url would escape the whole path anew because of such a byte, and turn %2B into a plus.
func EscapeByByte(u *url.URL) {
	if u.RawPath == "" || u.EscapedPath() == u.RawPath {
		return
	}
	b := make([]byte, 0, len(u.RawPath)+16)
	for i := range len(u.RawPath) {
		c := u.RawPath[i]
		if c <= ' ' || c >= 0x7f || strings.IndexByte("\"<>\\^`{|}", c) >= 0 { // RFC 3986 §3.3
			b = fmt.Appendf(b, "%%%02X", c)
			continue
		}
		b = append(b, c)
	}
	u.RawPath = string(b)
}

// SetAccount writes another account id into the path that was classified, where it is still there. All else stays as
// the program escaped it.
func (r Route) SetAccount(u *url.URL, id string) {
	p, at, end := u.Path, r.At, r.End
	if r.Account == "" || end > len(p) || p[at:end] != r.Account {
		return
	}
	escaped := u.EscapedPath()
	from, to := escapedIndex(escaped, at), escapedIndex(escaped, end)
	u.Path, u.RawPath = p[:at]+id+p[end:], escaped[:from]+id+escaped[to:]
}

// escapedIndex finds in an escaped path the place of byte n of the path that it stands for.
func escapedIndex(escaped string, n int) int {
	i := 0
	for ; n > 0 && i < len(escaped); n-- {
		if escaped[i] == '%' {
			i += 2
		}
		i++
	}
	return i
}

// PlainID keeps what is no id out of a path.
func PlainID(s string) bool {
	return len(s) <= 64 && !strings.ContainsFunc(s, func(c rune) bool {
		return c != '-' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z')
	})
}
