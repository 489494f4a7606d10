package ledger

import (
	"strings"
	"testing"
	"unicode/utf8"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/integration"
)

// one is a store with a single row.
type one struct{ key, value string }

func (o one) LedgerRows(f func(string, []byte) error) error { return f(o.key, []byte(o.value)) }

func (o one) WriteLedger(map[string][]byte, []string) error { return nil }

// FuzzLoad looks for rows that make the ledger panic or lose its bounds.
func FuzzLoad(f *testing.F) {
	f.Add("k00000001", `{"v":1,"first":1,"last":2,"counts":{"ok":3},"way":2,"integration":"a","authenticator":"b"}`)
	f.Add("u7fffffff", `{"v":1,"first":1,"last":2,"counts":{"x":3},"way":255,"key":"a\u0000","error":"\u202e"}`)
	f.Add(
		"ia",
		`{"v":1,"first":1,"last":2,"name":"a","native":5,"recent":3,"recent_count":2,"hours":[[495000,1,1,1,1,1],`+
			`[9223372036854775807,1,0,0,0,0]]}`,
	)
	f.Add("ia", `{"v":1,"first":1,"last":2,"name":"a","rehearsals":{"config":"x","good":1,"last":1,"bad":[`+
		`{"cause":"bad_login","user":"\u202e","n":3,"last":1,"next":"mend it"}]}}`)
	f.Fuzz(func(t *testing.T, key, value string) {
		l, err := New(Options{Store: one{key, value}, MaxRows: 2, MaxUnknown: 2, MaxIntegrations: 2})
		if err != nil {
			t.Fatal(err)
		}
		l.Configure([]integration.Integration{{Name: "a", Mode: integration.Observe}})
		for _, name := range []string{"a", "b", "c"} {
			l.RecordRehearsal(&call.Event{Integration: name, Rehearsal: name})
			l.Record(&call.Event{Integration: name, Scheme: "oauth_bearer"})
			l.Record(&call.Event{Integration: call.UnknownIntegration, Key: name})
		}
		if err := l.Flush(); err != nil {
			t.Fatal(err)
		}
		if n := len(l.Rows()) + len(l.Unknown()); n > 4 {
			t.Errorf("%d rows", n)
		}
		l.Integrations([]integration.Integration{{Name: "a", Mode: integration.Observe}, {Name: strings.TrimPrefix(key, integrationPrefix)}})
	})
}

// FuzzClean looks for texts that come out too long, unprintable, or other the second time.
func FuzzClean(f *testing.F) {
	f.Add("plain", 200)
	f.Add("é\x1b\u202e\xff", 3)
	f.Fuzz(func(t *testing.T, s string, limit int) {
		if limit < utf8.UTFMax || limit > 1000 {
			return
		}
		got := clean(s, limit)
		if len(got) > limit || !utf8.ValidString(got) || strings.ContainsAny(got, "\x1b\r\n\x00\u202e") ||
			clean(got, limit) != got {
			t.Errorf("%q becomes %q", s, got)
		}
	})
}
