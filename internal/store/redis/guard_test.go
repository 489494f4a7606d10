package redis

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/store"
)

// pieces is a connection that gives a text in pieces of a size.
type pieces struct {
	net.Conn
	text string
	size int
}

func (p *pieces) Read(b []byte) (int, error) {
	if p.text == "" {
		return 0, io.EOF
	}
	n := copy(b, p.text[:min(p.size, len(p.text))])
	p.text = p.text[n:]
	return n, nil
}

func (p *pieces) Close() error { return nil }

func TestAServerCannotAnnounceMoreThanAReplicaHolds(t *testing.T) {
	many := strings.Repeat("*1000\r\n+a\r\n", 1000)
	large := "$30000000\r\n" + strings.Repeat("a", 30_000_000) + "\r\n"
	tests := map[string]struct {
		text string
		ok   bool
	}{
		"small things":                      {"+OK\r\n:7\r\n-ERR no\r\n$-1\r\n*-1\r\n*0\r\n$0\r\n\r\n$3\r\na\nb\r\n", true},
		"lists in lists":                    {"*2\r\n$1\r\n0\r\n*2\r\n+a\r\n*1\r\n:1\r\n", true},
		"maps, sets and pushes":             {"%1\r\n+a\r\n+b\r\n~1\r\n_\r\n>2\r\n#t\r\n,1.5\r\n=5\r\ntxt:a\r\n", true},
		"many answers, one after another":   {strings.Repeat("*2\r\n$2\r\nab\r\n+c\r\n", 100_000), true},
		"a text that fills the memory":      {"$99999999999\r\n", false},
		"a text whose size overflows":       {"$9223372036854775807\r\n", false},
		"a list that fills the memory":      {"*999999999\r\n", false},
		"a size below none":                 {"*-2\r\n", false},
		"no size":                           {"$x\r\n", false},
		"lists in lists without end":        {strings.Repeat("*1\r\n", 100), false},
		"a line without end":                {"+" + strings.Repeat("a", 1<<20), false},
		"an empty line":                     {"\r\n", false},
		"lists that are many together":      {"*10000\r\n" + strings.Repeat(many, 5), false},
		"texts that are too large together": {"*9\r\n" + strings.Repeat(large, 3), false},
	}
	for name, test := range tests {
		for _, size := range []int{1, 7, 1 << 16} {
			if len(test.text) > 1<<22 && size < 1<<16 {
				continue
			}
			t.Run(fmt.Sprintf("%s in pieces of %d", name, size), func(t *testing.T) {
				g := &guard{Conn: &pieces{text: test.text, size: size}}
				_, err := io.Copy(io.Discard, g)
				if test.ok != (err == nil) || err != nil && !errors.Is(err, errTooMuch) {
					t.Errorf("the error is %v", err)
				}
				if test.ok && (len(g.open) > 0 || g.elements > 0 || g.text > 0) {
					t.Errorf("it waits for more: %v", g)
				}
			})
		}
	}
}

// Whatever a server tells, it is read or refused.
func FuzzWhatAServerTells(f *testing.F) {
	s := Open(Options{Addresses: []string{"127.0.0.1:1"}, Namespace: "test", Key: make([]byte, keySize)})
	names := make([]byte, keySize)
	s.ring.names.Store(&names)
	field := s.ring.name("record", "tok", "a")
	good := string(s.ring.record("tok", field, "a", []byte("value")))
	for _, text := range []string{"", "+", "-", good, good[:20], "+" + strings.Repeat("x", 100), "1-2", "-1--2", "1"} {
		f.Add("tok", field, text)
	}
	f.Add("tok:"+field, good, "17-1")
	f.Fuzz(func(t *testing.T, a, b, text string) {
		c, _, err := s.ring.openRecord(a, b, text)
		ours := func(c store.Change) bool { return c.Bucket == "tokens" && c.Key == "a" && string(c.Value) == "value" }
		if err == nil && !ours(c) {
			t.Errorf("a record of nobody opens: %q", c)
		}
		nested := []any{[]any{nil, []any{[]any{text, []any{b, a}}}}}
		for _, answer := range []any{text, []any{text}, []any{a, []any{text, []any{b, text, a}}}, nested} {
			list, err := entriesOf(partsOf(answer))
			if _, markErr := markOf(text); err == nil && len(list) > 0 && markErr != nil {
				t.Errorf("an entry of %q", answer)
			}
		}
		for _, c := range s.changes([]string{a, text, b, a, text}) {
			if !ours(c) {
				t.Errorf("a change of nobody: %q", c)
			}
		}
		g := &guard{}
		_ = g.follow([]byte(text)) // it ends
	})
}
