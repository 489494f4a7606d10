package legacy_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/translate/legacy"
)

// form prints as one line, with the password, for comparison.
func form(f legacy.TokenForm) string {
	return strings.Join([]string{f.GrantType, f.ClientID, f.Username, f.Password.Reveal(), f.Scope}, "|")
}

func TestParseTokenForm(t *testing.T) {
	for _, c := range []struct {
		name, body string
		want       []string
	}{
		{"properly encoded", "grant_type=password&client_id=k&username=anna%40example.com&password=p%26w%2B&scope=api",
			[]string{"password|k|anna@example.com|p&w+|api", "password|k|anna%40example.com|p%26w%2B|api"}},
		{"nothing to decode gives one reading", "grant_type=password&client_id=k&username=anna&password=pw&scope=api",
			[]string{"password|k|anna|pw|api"}},
		{"a plus that was not encoded",
			"grant_type=password&client_id=k&username=anna+x@example.com&password=p+w&scope=api",
			[]string{"password|k|anna x@example.com|p w|api", "password|k|anna+x@example.com|p+w|api"}},
		{"an ampersand that was not encoded",
			"grant_type=password&client_id=k&username=anna%40example.com&password=p&w=x&scope=api",
			[]string{"password|k|anna@example.com|p|api", "password|k|anna@example.com|p&w=x|api",
				"password|k|anna%40example.com|p&w=x|api"}},
		{"a percent sign that was not encoded",
			"grant_type=password&client_id=k&username=anna&password=100%&scope=api",
			[]string{"password|k|anna|100%|api"}},
		{"a percent sign that happens to be an escape",
			"grant_type=password&client_id=k&username=anna&password=p%41&scope=api",
			[]string{"password|k|anna|pA|api", "password|k|anna|p%41|api"}},
		{"all of it", "client_id=k&password=+&%zz=&x&username=a&scope=",
			[]string{"|k|a|+|", "|k|a|+&%zz=&x|"}},
		{"names in another case and unknown fields",
			"Grant_Type=password&CLIENT_ID=k&UserName=anna&Password=pw&client_secret=s",
			[]string{"password|k|anna|pw|", "password|k|anna|pw&client_secret=s|"}},
		{"the second step of acting for somebody", "grant_type=password&client_id=k&username=anna&scope=api",
			[]string{"password|k|anna||api"}},
		{"a line break after the body", "\ufeffgrant_type=password&client_id=k&username=anna&password=pw\r\n\x00",
			[]string{"password|k|anna|pw|"}},
		{"the same field twice", "username=anna&username=anna&password=pw", []string{"||anna|pw|"}},
		{"an unencoded letter stays as sent", "username=anna&password=p%E9", []string{"||anna|p\xe9|", "||anna|p%E9|"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			readings, err := legacy.ParseTokenForm([]byte(c.body))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, r := range readings {
				got = append(got, form(r))
			}
			if strings.Join(got, "\n") != strings.Join(c.want, "\n") {
				t.Errorf("got\n%s\nnot\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
		})
	}
}

func TestParseTokenFormRefuses(t *testing.T) {
	for _, c := range []struct{ name, body, reason string }{
		{"nothing", " \r\n", "an empty form"},
		{"JSON", `{"grant_type":"password"}`, "JSON or XML instead of a form"},
		{"XML", ` <a/>`, "JSON or XML instead of a form"},
		{"no field", "a=b&c", "no known form field"},
		{"two user names", "username=a&username=b", "two different username fields"},
		{"two user names, one encoded", "username=a&%75sername=b", "two different username fields"},
		{"two user names behind an escape that is none", "username=a&password=%&username=b", "two different username fields"},
		{"too long", "password=" + strings.Repeat("p", 16<<10), "more than 16 KiB"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := legacy.ParseTokenForm([]byte(c.body))
			var format *legacy.FormatError
			if !errors.As(err, &format) || format.Reason != c.reason || format.Scheme != legacy.PasswordGrant {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}

func TestTokenFormCredential(t *testing.T) {
	f := legacy.TokenForm{
		ClientID: " " + key1, Username: "[zo\xeb@example.com]svc@example.com", Password: secret.New(" p\xe9"),
	}
	got, err := f.Credential(isKey)
	if err != nil {
		t.Fatal(err)
	}
	if got.Scheme != legacy.PasswordGrant || got.IntegratorKey != key1 || got.Username != svc ||
		got.OnBehalfOf != "zoë@example.com" {
		t.Errorf("got %+v", got)
	}
	if want := " pé| p\xe9"; strings.Join(reveal(got.Passwords), "|") != want {
		t.Errorf("passwords %q", reveal(got.Passwords))
	}
	if _, err := (legacy.TokenForm{ClientID: key1}).Credential(nil); err == nil {
		t.Error("a form without a user name is taken")
	}
}

func TestParseRevokeForm(t *testing.T) {
	for _, c := range []struct {
		name, body, want string
	}{
		{"encoded", "token=bm90LWEtcmVh%2Bb%2FC10b2tlbi0%3D", "bm90LWEtcmVh+b/C10b2tlbi0="},
		{"not encoded", "Token=bm90LWEtcmVh+b/C10b2tlbi0=\r\n", "bm90LWEtcmVh+b/C10b2tlbi0="},
		{"twice the same", "token=a&token=a&x=y", "a"},
		{"two tokens are refused", "token=a&token=b", ""},
		{"no token is refused", "a=b", ""},
		{"JSON is refused", "{}", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := legacy.ParseRevokeForm([]byte(c.body))
			if got.Reveal() != c.want || (err == nil) != (c.want != "") {
				t.Errorf("got %q, %v", got.Reveal(), err)
			}
		})
	}
}

func FuzzParseTokenForm(f *testing.F) {
	f.Add(
		"grant_type=password&client_id=k&username=a+b%40c&password=p&w%&scope=api", "password", key1, anna, "p&w+%", "api",
	)
	f.Add("username=a&%75sername=a&&=&password", "", "", "\xe9", "\r\n\x00", " ")
	f.Fuzz(func(t *testing.T, body, grant, client, username, password, scope string) {
		readings, err := legacy.ParseTokenForm([]byte(body))
		var format *legacy.FormatError
		if err != nil && !errors.As(err, &format) || err == nil && len(readings) == 0 || len(readings) > 4 {
			t.Errorf("%d readings, %v", len(readings), err)
		}
		for _, r := range readings {
			if c, err := r.Credential(isKey); err == nil && (c.Username == "" || !sound(c.Username)) {
				t.Errorf("credential %+v", c)
			}
		}
		proper := url.Values{
			"grant_type": {grant}, "client_id": {client}, "username": {username}, "password": {password}, "scope": {scope},
		}.Encode()
		if len(proper) > 16<<10 {
			return
		}
		readings, err = legacy.ParseTokenForm([]byte(proper))
		if err != nil {
			t.Fatal(err)
		}
		if want := strings.Join([]string{grant, client, username, password, scope}, "|"); form(readings[0]) != want {
			t.Errorf("%q gives %q", proper, form(readings[0]))
		}
	})
}

func BenchmarkParseTokenForm(b *testing.B) {
	body := []byte("grant_type=password&client_id=" + key1 +
		"&username=legacy.user%40example.com&password=p%40ss%3Cw%26rd%3E%C3%A91&scope=api")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := legacy.ParseTokenForm(body); err != nil {
			b.Fatal(err)
		}
	}
}

func TestFormHasPassword(t *testing.T) {
	for text, want := range map[string]bool{
		"": false, "a=b&c=d": false, "password=": false, "api_password=true": false, "search_text=password": false,
		"password":   false,
		"password=x": true, "a=b&Password=x": true, "a=b;PASSWORD=x": true, "p%61ssword=x": true, "+password+=x": true,
		"%zz&password=x":                true,
		"X-DocuSign-Authentication=%7B": true, `{"a":"b"}`: false, `{"a":{"password":"x"}}`: false, ` {"Password":"x"}`: true,
		`{"password":""}`: false, `{"a&password=x`: true,
	} {
		if got := legacy.FormHasPassword(text); got != want {
			t.Errorf("%q: %t, want %t", text, got, want)
		}
	}
}
