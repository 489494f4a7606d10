package legacy_test

import (
	"encoding/xml"
	"errors"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/translate/legacy"
)

// sound tells of a text that may be a name.
func sound(s string) bool {
	return utf8.ValidString(s) && len(s) <= 512 && strings.IndexFunc(s, unicode.IsControl) < 0
}

func escapeXML(t *testing.T, s string) string {
	var b strings.Builder
	if err := xml.EscapeText(&b, []byte(s)); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// legible is what remains of a text in XML, which has no place for most control characters.
func legible(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xfffe || r == 0xffff {
			return utf8.RuneError
		}
		return r
	}, s)
}

// name is a user name taken apart.
type name struct{ IntegratorKey, Username, OnBehalfOf string }

// split takes a user name apart that came beside a key.
func split(username, key string, isKey func(string) bool) (name, error) {
	form := legacy.TokenForm{ClientID: key, Username: username, Password: secret.New("p")}
	c, err := form.Credential(isKey)
	return name{c.IntegratorKey, c.Username, c.OnBehalfOf}, err
}

func TestSplitUsername(t *testing.T) {
	const other = "a1b2c3d4-0000-4000-8000-0000000000ff" // shaped like a key, in no table
	for _, c := range []struct {
		name, username, own string
		want                name
	}{
		{"a plain name", anna, "", name{Username: anna}},
		{"a name beside a key", anna, key1, name{IntegratorKey: key1, Username: anna}},
		{"a key in brackets", "[" + key1 + "]" + anna, "", name{IntegratorKey: key1, Username: anna}},
		{"a key with a prefix", "[" + key2 + "]" + guid, "", name{IntegratorKey: key2, Username: guid}},
		{"blanks around brackets", " [ " + key1 + " ] [ " + anna + " ] " + svc + " ", "",
			name{IntegratorKey: key1, Username: svc, OnBehalfOf: anna}},
		{"a key and a principal", "[" + key1 + "][" + anna + "]" + svc, "",
			name{IntegratorKey: key1, Username: svc, OnBehalfOf: anna}},
		{"a principal before the key", "[" + anna + "][" + other + "]" + svc, "",
			name{IntegratorKey: other, Username: svc, OnBehalfOf: anna}},
		{"two GUIDs of which the table knows neither", "[" + other + "][" + guid + "]" + svc, "",
			name{IntegratorKey: other, Username: svc, OnBehalfOf: guid}},
		{"two GUIDs of which the table knows the second", "[" + guid + "][" + key1 + "]" + svc, "",
			name{IntegratorKey: key1, Username: svc, OnBehalfOf: guid}},
		{"two GUIDs of which the table knows the first", "[" + key1 + "][" + guid + "]" + svc, "",
			name{IntegratorKey: key1, Username: svc, OnBehalfOf: guid}},
		{"a principal beside a key", "[" + anna + "]" + svc, key1,
			name{IntegratorKey: key1, Username: svc, OnBehalfOf: anna}},
		{"a principal that is a GUID beside a key", "[" + guid + "]" + svc, key1,
			name{IntegratorKey: key1, Username: svc, OnBehalfOf: guid}},
		{"a header without a key", "[" + key1 + "]" + svc, "", name{IntegratorKey: key1, Username: svc}},
		{"the key of the header once more", "[" + strings.ToUpper(key1) + "]" + svc, key1,
			name{IntegratorKey: key1, Username: svc}},
		{"the key of the header once more, second", "[" + guid + "][" + other + "]" + svc, other,
			name{IntegratorKey: other, Username: svc, OnBehalfOf: guid}},
		{"an e-mail alone in brackets is no key", "[" + anna + "]" + svc, "",
			name{Username: svc, OnBehalfOf: anna}},
		{"a key of unknown shape", "[OLDKEY]" + anna, "", name{IntegratorKey: "OLDKEY", Username: anna}},
		{"acting for oneself", "[" + key1 + "][Anna@Example.com]" + anna, "",
			name{IntegratorKey: key1, Username: anna}},
		{"brackets that do not lead", "anna[1]@example.com", key1,
			name{IntegratorKey: key1, Username: "anna[1]@example.com"}},
		{
			"Latin-1", "[" + key1 + "]zo\xeb@example.com", "", name{IntegratorKey: key1, Username: "zoë@example.com"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := split(c.username, c.own, isKey)
			if err != nil || got != c.want {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

func TestSplitUsernameRefuses(t *testing.T) {
	for _, c := range []struct{ name, username, own, reason string }{
		{"nothing", " ", key1, "no Username"},
		{"brackets alone", "[" + key1 + "] ", "", "no user name after the brackets in Username"},
		{"three brackets", "[a][b][c]d", "", "more than two brackets in Username"},
		{"an open bracket", "[" + key1 + anna, "", "a bracket that is not closed in Username"},
		{"an empty bracket", "[ ]" + anna, "", "an empty bracket in Username"},
		{"nested brackets", "[[a]]" + anna, "", "brackets inside brackets in Username"},
		{"a control character", "a\x00b", "", "a control character in Username"},
		{"a control character in brackets", "[a\x7fb]" + anna, "", "a control character in Username"},
		{"a control character of Latin-1", "a\x81b", "", "a control character in Username"},
		{"a control character in the key", anna, "a\tb", "a control character in IntegratorKey"},
		{"another key in two brackets", "[" + guid + "][" + anna + "]" + svc, key1,
			"two different integrator keys: IntegratorKey and the bracket in Username"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := split(c.username, c.own, isKey)
			var format *legacy.FormatError
			if !errors.As(err, &format) || format.Reason != c.reason || got.Username != "" {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

func TestNewCredential(t *testing.T) {
	readings := []secret.Text{secret.New(" p\xe9 "), secret.New("p\xe9")}
	got, err := legacy.NewCredential(legacy.WSSecurity, "["+key1+"]["+anna+"]"+svc, readings, isKey)
	if err != nil {
		t.Fatal(err)
	}
	if got.Scheme != legacy.WSSecurity || got.IntegratorKey != key1 || got.Username != svc || got.OnBehalfOf != anna {
		t.Errorf("got %+v", got)
	}
	if want := " pé |pé| p\xe9 |p\xe9"; strings.Join(reveal(got.Passwords), "|") != want {
		t.Errorf("passwords %q", reveal(got.Passwords))
	}
	if _, err := legacy.NewCredential(legacy.SOAPBody, "", []secret.Text{secret.New("p")}, nil); err == nil {
		t.Error("an empty name is taken")
	}
}

func TestFold(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"lower case stays", "anna@example.com", "anna@example.com"},
		{"ASCII", "Anna@EXAMPLE.com", "anna@example.com"},
		{"other letters", "RENÉ@example.com", "rené@example.com"},
		{"the Kelvin sign is no k", "\u212aey", "\u212aey"},
		{"dotted İ is no i", "\u0130d", "\u0130d"},
		{"bytes that are not UTF-8 stay apart", "A\xe9\xff", "a\xe9\xff"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := legacy.Fold(c.in); got != c.want {
				t.Errorf("got %q", got)
			}
		})
	}
	if n := testing.AllocsPerRun(100, func() { legacy.Fold("anna@example.com") }); n != 0 {
		t.Errorf("%v allocations for a name in lower case", n)
	}
}

func TestScheme(t *testing.T) {
	labels := map[string]bool{}
	for _, s := range legacy.Schemes() {
		labels[s.String()] = s.Legacy()
	}
	want := map[string]bool{
		"none": false, "header_json": true, "header_xml": true, "ws_security": true,
		"soap_body": true, "password_grant": true, "legacy_bearer": true, "oauth_bearer": false,
	}
	for label, isLegacy := range want {
		if got, ok := labels[label]; !ok || got != isLegacy {
			t.Errorf("%s: %v, %v", label, got, ok)
		}
	}
	if len(labels) != len(want) || legacy.Scheme(200).String() != "none" {
		t.Errorf("labels %v", labels)
	}
}

func FuzzSplitUsername(f *testing.F) {
	f.Add("["+key1+"]["+anna+"]"+svc, "", key1, anna, svc)
	f.Add("[ a ] b", key1, "k", "p", "\xe9")
	f.Fuzz(func(t *testing.T, username, own, key, principal, authenticator string) {
		got, err := split(username, own, isKey)
		if err == nil && got.Username == "" || err != nil && got.Username != "" {
			t.Errorf("got %+v, %v", got, err)
		}
		for _, part := range []string{got.IntegratorKey, got.Username, got.OnBehalfOf} {
			if !sound(part) || part != strings.TrimSpace(part) {
				t.Errorf("part %q", part)
			}
		}
		if legacy.Fold(legacy.Fold(username)) != legacy.Fold(username) {
			t.Errorf("Fold of %q is not stable", username)
		}
		for _, part := range []string{key, principal, authenticator} {
			if part == "" || part != strings.TrimSpace(part) || strings.ContainsAny(part, "[]") || !sound(part) {
				return
			}
		}
		want := name{IntegratorKey: key, Username: authenticator, OnBehalfOf: principal}
		if legacy.Fold(principal) == legacy.Fold(authenticator) {
			want.OnBehalfOf = ""
		}
		onlyKey := func(s string) bool { return s == key }
		if got, err := split("["+key+"]["+principal+"]"+authenticator, "", onlyKey); err != nil || got != want {
			t.Errorf("got %+v, %v, not %+v", got, err, want)
		}
	})
}
