package legacy_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/translate/legacy"
)

const (
	key1 = "a1b2c3d4-0000-4000-8000-000000000001"
	key2 = "ABCD-a1b2c3d4-0000-4000-8000-000000000002"
	guid = "a1b2c3d4-0000-4000-8000-000000000020"
	anna = "anna@example.com"
	svc  = "svc@example.com"
)

func isKey(s string) bool {
	f := legacy.Fold(s)
	return f == legacy.Fold(key1) || f == legacy.Fold(key2)
}

// reveal makes the passwords comparable and printable.
func reveal(texts []secret.Text) []string {
	var l []string
	for _, t := range texts {
		l = append(l, t.Reveal())
	}
	return l
}

type headerCase struct {
	name   string
	value  string
	scheme legacy.Scheme
	key    string
	user   string
	behalf string
	first  string   // the likely password
	others []string // further readings that must be there
}

func (c headerCase) check(t *testing.T) {
	t.Helper()
	got, err := legacy.ParseHeader(c.value, isKey)
	if err != nil {
		t.Fatal(err)
	}
	passwords := reveal(got.Passwords)
	if got.Scheme != c.scheme || got.IntegratorKey != c.key || got.Username != c.user || got.OnBehalfOf != c.behalf {
		t.Errorf("got %v %q %q for %q", got.Scheme, got.IntegratorKey, got.Username, got.OnBehalfOf)
	}
	if len(passwords) == 0 || len(passwords) > 6 || passwords[0] != c.first {
		t.Errorf("passwords %q do not begin with %q", passwords, c.first)
	}
	for _, o := range c.others {
		if !slices.Contains(passwords, o) {
			t.Errorf("passwords %q lack %q", passwords, o)
		}
	}
}

func xmlHeader(user, password, key string) string {
	return "<DocuSignCredentials><Username>" + user + "</Username><Password>" + password + "</Password><IntegratorKey>" +
		key + "</IntegratorKey></DocuSignCredentials>"
}

func jsonHeader(user, password, key string) string {
	return `{"Username":"` + user + `","Password":"` + password + `","IntegratorKey":"` + key + `"}`
}

// TestVariants holds the variants of PROTOCOL.md §1.4.
func TestVariants(t *testing.T) {
	j, x := legacy.HeaderJSON, legacy.HeaderXML
	for _, c := range []headerCase{
		{"V1 compact JSON", jsonHeader(anna, "pw", key1), j, key1, anna, "", "pw", nil},
		{"V1 JSON with a principal",
			`{"Username":"svc@example.com","Password":"pw","IntegratorKey":"` + key2 + `","SendOnBehalfOf":"anna@example.com"}`,
			j, key2, svc, anna, "pw", nil},
		{"V2 blanks after separators", `{"Username": "anna@example.com", "Password": "pw", "IntegratorKey": "` + key1 + `"}`,
			j, key1, anna, "", "pw", nil},
		{"V3 blanks and tabs everywhere",
			"{ \"Username\"\t:  \"anna@example.com\"\t,  \"Password\" :\t\"pw\" ,\"IntegratorKey\":   \"" + key1 + "\" }", j,
			key1, anna, "", "pw", nil},
		{"V4 the value begins right after the colon of the header", jsonHeader(anna, "pw", key1), j, key1, anna, "", "pw",
			nil},
		{"V5 the closing brace is missing", strings.TrimSuffix(jsonHeader(anna, "pw", key1), "}"), j, key1, anna, "", "pw",
			nil},
		{"V5 the closing brace is missing after the password",
			`{"IntegratorKey":"` + key1 + `","Username":"anna@example.com","Password":"p}w"`, j, key1, anna, "", "p}w", nil},
		{"V6 values are not quoted", `{"Username":anna@example.com,"Password":pw,"IntegratorKey":` + key1 + `}`, j, key1,
			anna, "", "pw", nil},
		{"V6 nor are the names", `{Username:anna@example.com, Password: p,w , IntegratorKey:` + key1 + `}`, j, key1, anna, "",
			"p,w", nil},
		{"V6 an unquoted password that ends in a brace comes last",
			`{"Username":anna@example.com,"IntegratorKey":` + key1 + `,"Password":pw}}`, j, key1, anna, "", "pw}",
			[]string{"pw}}"}},
		{"V6 an unquoted password in the middle ends in a brace",
			`{"Username":anna@example.com,"Password":pw},"IntegratorKey":` + key1 + `}`, j, key1, anna, "", "pw}", nil},
		{"V6 an unknown member follows an unquoted password",
			`{"Username":anna@example.com,"Password":pw, "Foo" : 1,"IntegratorKey":` + key1 + `}`, j, key1, anna, "", "pw",
			[]string{`pw, "Foo" : 1`}},
		{"V7 a blank ends the key", xmlHeader(anna, "pw", key1+" "), x, key1, anna, "", "pw", nil},
		{"V7 blanks around all texts", xmlHeader(" "+anna+" ", " pw ", " "+key1+" "), x, key1, anna, "", " pw ",
			[]string{"pw"}},
		{"V8 XML folded over lines, CRLF and bare LF",
			"<DocuSignCredentials>\r\n  <Username>anna@example.com</Username>\n\t<Password>pw</Password>\n <IntegratorKey>" +
				key1 + "</IntegratorKey>\r\n </DocuSignCredentials>",
			x, key1, anna, "", "pw", nil},
		{"V8 a fold inside a text is one blank",
			"<DocuSignCredentials><Username>\r\n  anna@example.com</Username><Password>p\n   w</Password><IntegratorKey>" +
				key1 + "</IntegratorKey></DocuSignCredentials>",
			x, key1, anna, "", "p w", nil},
		{"V9 XML with a namespace prefix and another order",
			`<n:DocuSignCredentials xmlns:n="http://www.docusign.com/restapi"><n:IntegratorKey>` + key1 +
				`</n:IntegratorKey><n:Password>pw</n:Password><n:Username>anna@example.com</n:Username></n:DocuSignCredentials>`,
			x, key1, anna, "", "pw", nil},
		{"V10 the principal is the first child",
			"<DocuSignCredentials><SendOnBehalfOf>anna@example.com</SendOnBehalfOf>" +
				"<Username>svc@example.com</Username><Password>pw</Password><IntegratorKey>" +
				key1 + "</IntegratorKey></DocuSignCredentials>",
			x, key1, svc, anna, "pw", nil},
		{"V11 the principal in brackets", xmlHeader("[anna@example.com]svc@example.com", "pw", key1), x, key1, svc, anna,
			"pw", nil},
		{"V12 XML with & and < not escaped", xmlHeader(anna, `p&w<d>"\`, key1), x, key1, anna, "", `p&w<d>"\`, nil},
		{"V12 XML with an entity and a bare &", xmlHeader(anna, "a&amp;b&c", key1), x, key1, anna, "", "a&b&c",
			[]string{"a&amp;b&c"}},
		{"V12 JSON with a quote not escaped", jsonHeader(anna, `p"w`, key1), j, key1, anna, "", `p"w`, nil},
		{"V12 JSON with a backslash that is no escape", jsonHeader(anna, `p\w`, key1), j, key1, anna, "", `p\w`, nil},
		{"V12 JSON with a backslash that happens to be an escape", jsonHeader(anna, `p\tw`, key1), j, key1, anna, "", "p\tw",
			[]string{`p\tw`}},
		{"V12 JSON with a backslash at the end", jsonHeader(anna, `pw\`, key1), j, key1, anna, "", `pw\`, nil},
		{"V12 JSON with all that can break it", jsonHeader(anna, `a"b,c}d{e&f<g>h,"i`, key1), j, key1, anna, "",
			`a"b,c}d{e&f<g>h,"i`, nil},
		{"V12 the password looks like the end",
			`{"Username":"anna@example.com","IntegratorKey":"` + key1 + `","Password":"p"}"}`, j, key1, anna, "", `p"}`, nil},
		{"V12 the password makes a well-formed member", jsonHeader(anna, `a","b":"c`, key1), j, key1, anna, "", `a`,
			[]string{`a","b":"c`}},
		{"V13 named and numeric entities", xmlHeader(anna, "&amp;&lt;&gt;&quot;&apos;&#38;&#x26;", key1), x, key1, anna, "",
			`&<>"'&&`, []string{"&amp;&lt;&gt;&quot;&apos;&#38;&#x26;"}},
		{"V13 CDATA", xmlHeader(anna, "<![CDATA[a&b<c]]>", key1), x, key1, anna, "", "a&b<c", nil},
		{"V17 JSON in several lines",
			"{\n  \"Username\": \"anna@example.com\",\r\n  \"Password\": \"pw\",\n\t\"IntegratorKey\": \"" + key1 + "\"\n }", j,
			key1, anna, "", "pw", nil},
	} {
		t.Run(c.name, c.check)
	}
}

func TestTolerance(t *testing.T) {
	j, x := legacy.HeaderJSON, legacy.HeaderXML
	for _, c := range []headerCase{
		{"single quotes", `{'Username':'anna@example.com','Password':'it's','IntegratorKey':'` + key1 + `'}`, j, key1, anna,
			"", "it's", nil},
		{"a trailing comma", `{"Username":"anna@example.com","Password":"pw","IntegratorKey":"` + key1 + `",}`, j, key1, anna,
			"", "pw", nil},
		{"a trailing comma after the password",
			`{"Username":"anna@example.com","IntegratorKey":"` + key1 + `","Password":"pw",}`, j, key1, anna, "", "pw", nil},
		{"a trailing comma after an unquoted password", `{Username:anna@example.com,IntegratorKey:` + key1 + `,Password:pw,}`,
			j, key1, anna, "", "pw", nil},
		{"JSON names in another case", `{"username":"anna@example.com","PASSWORD":"pw","integratorKey":"` + key1 + `"}`, j,
			key1, anna, "", "pw", nil},
		{"XML names in another case",
			"<docusigncredentials><userName>anna@example.com</userName><password>pw</password><INTEGRATORKEY>" + key1 +
				"</INTEGRATORKEY></docusigncredentials>",
			x, key1, anna, "", "pw", nil},
		{"a byte order mark and blanks", "  \ufeff " + jsonHeader(anna, "pw", key1) + "  ", j, key1, anna, "", "pw", nil},
		{"an XML declaration with another encoding", `<?xml version="1.0" encoding="utf-16"?>` + xmlHeader(anna, "pw", key1),
			x, key1, anna, "", "pw", nil},
		{"a password of digits written as a number",
			`{"Username":"anna@example.com","Password":0.10,"IntegratorKey":"` + key1 + `"}`, j, key1, anna, "", "0.10", nil},
		{"null stands for no principal",
			`{"Username":"anna@example.com","Password":"pw","IntegratorKey":"` + key1 + `","SendOnBehalfOf":null}`, j, key1,
			anna, "", "pw", nil},
		{"null stands for no principal where the brace is missing",
			`{"Username":"anna@example.com","SendOnBehalfOf": null ,"Password":"pw","IntegratorKey":"` + key1 + `"`, j, key1,
			anna, "", "pw", nil},
		{"acting for oneself is acting for nobody",
			`{"Username":"anna@example.com","Password":"pw","IntegratorKey":"` + key1 + `","SendOnBehalfOf":"Anna@Example.com"}`,
			j, key1, anna, "", "pw", nil},
		{"unknown members are ignored",
			`{"a":{"Username":"x"},"Username":"anna@example.com","b":[1,"Password"],"Password":"pw","IntegratorKey":"` + key1 +
				`","c":null}`,
			j, key1, anna, "", "pw", nil},
		{"an unknown member where the brace is missing",
			`{"Username":"anna@example.com","Password":"pw","Foo":"bar","IntegratorKey":"` + key1 + `"`, j, key1, anna, "", "pw",
			[]string{`pw","Foo":"bar`}},
		{"unknown elements are ignored",
			"<DocuSignCredentials><a><Username>x</Username></a>" +
				"<Username>anna@example.com</Username><b/><Password>pw</Password><IntegratorKey>" +
				key1 + "</IntegratorKey></DocuSignCredentials>",
			x, key1, anna, "", "pw", nil},
		{"a field sent twice with the same text",
			`{"Username":"anna@example.com","username":"anna@example.com","Password":"pw","IntegratorKey":"` + key1 + `"}`, j,
			key1, anna, "", "pw", nil},
		{"an escape for a letter", jsonHeader(anna, `p\u00e9\ud83d\ude00`, key1), j, key1, anna, "", "pé😀",
			[]string{`p\u00e9\ud83d\ude00`}},
		{"an escape for a letter where the brace is missing",
			`{"Username":"\u00e9@example.com","Password":"p\u00E9\"\n\u12","IntegratorKey":"` + key1 + `"`, j, key1,
			"é@example.com", "", `pé"\n\u12`, nil},
		{"a password of pure blanks", jsonHeader(anna, "  ", key1), j, key1, anna, "", "  ", nil},
		{"raw UTF-8", jsonHeader(anna, "pé", key1), j, key1, anna, "", "pé", nil},
		{"raw Latin-1 in a JSON password", jsonHeader(anna, "p\xe9", key1), j, key1, anna, "", "pé", []string{"p\xe9"}},
		{"raw Latin-1 in an XML password", xmlHeader(anna, "p\xe9&amp;", key1), x, key1, anna, "", "pé&",
			[]string{"pé&amp;", "p\xe9&"}},
		{"raw Windows-1252 in a password", jsonHeader(anna, "p\x80", key1), j, key1, anna, "", "p€",
			[]string{"p\u0080", "p\x80"}},
		{"raw Latin-1 in the names", jsonHeader("[ren\xe9@example.com]zo\xeb@example.com", "pw", key1), j, key1,
			"zoë@example.com", "rené@example.com", "pw", nil},
		{"UTF-8 in one field and Latin-1 in another", jsonHeader("zo\xc3\xab@example.com", "p\xe9", key1), j, key1,
			"zoë@example.com", "", "pé", []string{"p\xe9"}},
		{"a password that names a field without quotes",
			`{"Username":"anna@example.com","Password":"a,username:b","IntegratorKey":"` + key1 + `"`, j, key1, anna, "",
			"a,username:b", nil},
		{"the closing quote of the password is missing",
			`{"Username":"anna@example.com","IntegratorKey":"` + key1 + `","Password":"pw}`, j, key1, anna, "", "pw",
			[]string{"pw}"}},
		{"elements in a password are part of it", xmlHeader(anna, "a<b>c</b>", key1), x, key1, anna, "", "a<b>c</b>", nil},
		{"a comment splits a name without cutting it", xmlHeader("anna@<!-- x -->example.com", "pw", key1), x, key1, anna, "",
			"pw", nil},
		{"the closing tag of the root is missing",
			strings.TrimSuffix(xmlHeader(anna, " p&w ", key1), "</DocuSignCredentials>"), x, key1, anna, "", " p&w ",
			[]string{"p&w"}},
		{"prefixes and attributes in XML that is not well-formed",
			`<n:DocuSignCredentials><n:Username a="b">anna@example.com</n:Username ><n:Password>p&w</n:Password>` +
				`<n:IntegratorKey>` + key1 + `</n:IntegratorKey><n:SendOnBehalfOf/>`,
			x, key1, anna, "", "p&w", nil},
		{"CDATA in XML that is not well-formed",
			"<DocuSignCredentials><Username><![CDATA[anna@example.com]]></Username>" +
				"<Password><![CDATA[p&amp;w]]></Password><IntegratorKey>" + key1 + "</IntegratorKey>",
			x, key1, anna, "", "p&amp;w", nil},
		{"all named entities beside a bare &", xmlHeader(anna, "&lt;&gt;&quot;&apos;&amp;&", key1), x, key1, anna, "",
			`<>"'&&`, []string{"&lt;&gt;&quot;&apos;&amp;&"}},
		{"lines that are not folded",
			"{\"Username\":\"anna@example.com\",\n\"Password\":\"pw\",\r\n\"IntegratorKey\":\"" + key1 + "\"}", j, key1, anna,
			"", "pw", nil},
		{"an escape beyond Latin-1 among raw Latin-1", jsonHeader(anna, "\\u20ac\xe9", key1), j, key1, anna, "", "€é", nil},
		{"half a surrogate pair where the brace is missing",
			`{"Username":"anna@example.com","IntegratorKey":"` + key1 + `","Password":"\ud83dx"`, j, key1, anna, "", `\ud83dx`,
			nil},
		{"references that are none stay", xmlHeader(anna, "&#0;&#xD800;&#x110000;&#x;&#;&#x41;&nbsp;&", key1), x, key1, anna,
			"", "&#0;&#xD800;&#x110000;&#x;&#;A&nbsp;&", nil},
		{"the key only in brackets", `{"Username":"[` + key1 + `]anna@example.com","Password":"pw"}`, j, key1, anna, "", "pw",
			nil},
		{"the key in both places", jsonHeader("["+strings.ToUpper(key1)+"] anna@example.com", "pw", key1), j, key1, anna, "",
			"pw", nil},
		{"both kinds of brackets", jsonHeader("["+key1+"]["+guid+"]svc@example.com", "pw", key1), j, key1, svc, guid, "pw",
			nil},
		{"the same principal in both places",
			`{"Username":"[anna@example.com]svc@example.com","Password":"pw","IntegratorKey":"` + key1 +
				`","SendOnBehalfOf":"ANNA@example.com"}`,
			j, key1, svc, "ANNA@example.com", "pw", nil},
	} {
		t.Run(c.name, c.check)
	}
}

func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		name, value string
		scheme      legacy.Scheme
		reason      string
		onlyKey     bool
		key         string // still known
	}{
		{"nothing", " ", legacy.None, "an empty value", false, ""},
		{"V14 a GUID alone", key1, legacy.None, "only an integrator key", true, key1},
		{"V14 a key with a prefix alone", " " + key2, legacy.None, "only an integrator key", true, key2},
		{"V14 the key as the only member", `{"IntegratorKey":"` + key1 + `"}`, legacy.HeaderJSON, "only an integrator key",
			true, key1},
		{"V14 the key as the only element",
			"<DocuSignCredentials><IntegratorKey>" + key1 + "</IntegratorKey></DocuSignCredentials>", legacy.HeaderXML,
			"only an integrator key", true, key1},
		{"neither form", "anna@example.com:pw", legacy.None, "neither JSON nor XML", false, ""},
		{"a brace alone", "{", legacy.HeaderJSON, "no known field, and not JSON", false, ""},
		{"an empty object", "{}", legacy.HeaderJSON, "no Username", false, ""},
		{"no closing brace and no field", `{"a":"b"`, legacy.HeaderJSON, "no known field, and not JSON", false, ""},
		{"a tag alone", "<", legacy.HeaderXML, "no known element, and not XML", false, ""},
		{"another document", "<html><body>x</body></html>", legacy.HeaderXML, "no known element, and not XML", false, ""},
		{"a password without a name", `{"Password":"pw","IntegratorKey":"` + key1 + `"}`, legacy.HeaderJSON, "no Username",
			false, key1},
		{"two user names in JSON", `{"Username":"a@example.com","Username":"b@example.com","Password":"pw"}`,
			legacy.HeaderJSON, "two different Username fields", false, ""},
		{"two user names in different case", `{"Username":"a@example.com","username":"b@example.com","Password":"pw"}`,
			legacy.HeaderJSON, "two different Username fields", false, ""},
		{"two user names behind an escape", `{"Username":"a@example.com","User\u006eame":"b@example.com","Password":"pw"}`,
			legacy.HeaderJSON, "two different Username fields", false, ""},
		{"two user names where the brace is missing",
			`{"Username":"a@example.com","Password":"pw","Username":"b@example.com"`, legacy.HeaderJSON,
			"two different Username fields", false, ""},
		{"two objects", `{"Username":"a@example.com","Password":"pw"},{"Username":"b@example.com","Password":"pw"}`,
			legacy.HeaderJSON, "two different Username fields", false, ""},
		{"a user name inside the password", jsonHeader("a@example.com", `x","Username":"b@example.com`, key1),
			legacy.HeaderJSON, "two different Username fields", false, ""},
		{"two passwords", `{"Username":"a@example.com","Password":"p","Password":"q"}`, legacy.HeaderJSON,
			"two different Password fields", false, ""},
		{"two keys in XML",
			"<DocuSignCredentials><IntegratorKey>a</IntegratorKey><IntegratorKey>b</IntegratorKey></DocuSignCredentials>",
			legacy.HeaderXML, "two different IntegratorKey fields", false, ""},
		{"two keys in XML that is not well-formed",
			"<DocuSignCredentials><IntegratorKey>a</IntegratorKey><n:integratorkey>b</n:integratorkey>", legacy.HeaderXML,
			"two different IntegratorKey fields", false, ""},
		{"two roots", xmlHeader("a", "p", key1) + xmlHeader("b", "p", key1), legacy.HeaderXML,
			"two different Username fields", false, ""},
		{"an object for a name", `{"Username":{"a":"b"}}`, legacy.HeaderJSON, "Username is not a text", false, ""},
		{"elements in a name", xmlHeader("<b>anna</b>", "p", key1), legacy.HeaderXML, "Username is not a text", false, ""},
		{"markup in a name where XML is not well-formed", xmlHeader("<b>anna", "p", key1), legacy.HeaderXML,
			"markup in Username", false, ""},
		{"an element that is not closed", "<DocuSignCredentials><Username>anna</DocuSignCredentials>", legacy.HeaderXML,
			"Username has no closing tag", false, ""},
		{"a name whose quote is not closed", `{"Password":"pw","Username":"anna`, legacy.HeaderJSON,
			"no closing quote in Username", false, ""},
		{"text behind a quoted name", `{"Username":"anna"x,"Password":"pw"}`, legacy.HeaderJSON,
			"text after the closing quote in Username", false, ""},
		{"a line break in a name", `{"Username":"anna\nlevel=error","Password":"pw","IntegratorKey":"` + key1 + `"}`,
			legacy.HeaderJSON, "a control character in Username", false, key1},
		{"NUL in the key", `{"Username":"anna","Password":"pw","IntegratorKey":"a\u0000b"}`, legacy.HeaderJSON,
			"a control character in IntegratorKey", false, ""},
		{"NUL in the principal", `{"Username":"anna","Password":"pw","IntegratorKey":"k","SendOnBehalfOf":"a\u0000b"}`,
			legacy.HeaderJSON, "a control character in SendOnBehalfOf", false, "k"},
		{"a name too long", jsonHeader(strings.Repeat("a", 513), "pw", key1), legacy.HeaderJSON,
			"more than 512 bytes in Username", false, key1},
		{"a value too long", jsonHeader("a", strings.Repeat("p", 16<<10), key1), legacy.None, "more than 16 KiB", false, ""},
		{"two principals",
			`{"Username":"[anna@example.com]svc@example.com","Password":"pw","IntegratorKey":"` + key1 +
				`","SendOnBehalfOf":"bob@example.com"}`,
			legacy.HeaderJSON, "two different principals: SendOnBehalfOf and the bracket in Username", false, key1},
		{"two keys, one in brackets", jsonHeader("["+key2+"]anna@example.com", "pw", key1), legacy.HeaderJSON,
			"two different integrator keys: IntegratorKey and the bracket in Username", false, key1},
		{"a token and a name", `{"Bearer ":"token","Username":"anna"}`, legacy.HeaderJSON,
			"both a Bearer field and a user name or password", false, ""},
		{"an empty token", `{"Bearer ":" "}`, legacy.HeaderJSON, "a Bearer field that holds no token", false, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := legacy.ParseHeader(c.value, isKey)
			var format *legacy.FormatError
			if !errors.As(err, &format) {
				t.Fatalf("got %+v, %v", got, err)
			}
			if format.Scheme != c.scheme || format.Reason != c.reason || format.OnlyKey != c.onlyKey {
				t.Errorf("got %v %q %v", format.Scheme, format.Reason, format.OnlyKey)
			}
			if want := (legacy.Credential{Scheme: c.scheme, IntegratorKey: c.key}); fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("the error comes with %+v", got)
			}
			if !strings.HasSuffix(err.Error(), c.reason) || c.scheme != legacy.None &&
				!strings.Contains(err.Error(), c.scheme.String()) {
				t.Errorf("the error %q does not name form and reason", err)
			}
		})
	}
}

func TestCredentialWithoutPassword(t *testing.T) {
	for _, value := range []string{
		`{"Username":"anna@example.com","IntegratorKey":"k"}`,
		jsonHeader(anna, "", "k"),
		`{"Username":"anna@example.com","Password":null,"IntegratorKey":"k"}`,
		`{"Username":"anna@example.com","IntegratorKey":"k","Password":`,
		xmlHeader(anna, "", "k"),
	} {
		got, err := legacy.ParseHeader(value, nil)
		if err != nil || got.Username != anna || len(got.Passwords) != 0 {
			t.Errorf("%s: got %+v with %q, %v", value, got, reveal(got.Passwords), err)
		}
	}
}

// TestBearerInTheHeader is PROTOCOL.md §1.4 V16.
func TestBearerInTheHeader(t *testing.T) {
	const jwt = "eyJ0eXAi.eyJpc3Mi.c2ln"
	for _, c := range []struct {
		name, value, token string
		scheme             legacy.Scheme
	}{
		{"a blank in the name", `{"Bearer ":"bm90LWEtcmVhbC10b2tlbi0tLS0="}`, "bm90LWEtcmVhbC10b2tlbi0tLS0=",
			legacy.LegacyBearer},
		{"the word once more", `{"Bearer":"bearer stub-token"}`, "stub-token", legacy.LegacyBearer},
		{"the brace missing", `{"Bearer ":"stub-token"`, "stub-token", legacy.LegacyBearer},
		{"a real OAuth token", `{"Bearer ":"` + jwt + `"}`, jwt, legacy.OAuthBearer},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := legacy.ParseHeader(c.value, nil)
			if err != nil || got.Bearer.Reveal() != c.token || got.Scheme != c.scheme || got.Username != "" {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

func TestParseHeaders(t *testing.T) {
	one, two := jsonHeader(anna, "pw", key1), jsonHeader(svc, "pw", key1)
	for _, c := range []struct {
		name   string
		values []string
		reason string
	}{
		{"one value is read", []string{one}, ""},
		{"the same value twice is read once", []string{one, " " + one}, ""},
		{"different values are refused", []string{one, two}, "the header comes twice with different values"},
		{"no value is refused", nil, "an empty value"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := legacy.ParseHeaders(c.values, isKey)
			var format *legacy.FormatError
			switch {
			case errors.As(err, &format):
				if format.Reason != c.reason {
					t.Errorf("refused: %s", format.Reason)
				}
			case c.reason != "" || got.Username != anna:
				t.Errorf("got %+v", got)
			}
		})
	}
}

// TestHostileValues would not end in time if a scanner went over the same text again and again.
func TestHostileValues(t *testing.T) {
	const size = 16 << 10
	fill := func(start, unit string) string {
		return (start + strings.Repeat(unit, size/len(unit)+1))[:size]
	}
	for _, value := range []string{
		fill("{", "{"), fill("{", ","), fill("{", " "), fill("{", `"`), fill("{", `{"a":`), fill(`{"Password":"`, `","`),
		fill(`{"Password":"`, `" `),
		fill(
			`{"Password":"`, `", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa`,
		), fill(`{"Password":"`, `\u`), fill("{", `,"Username":`),
		fill(`{"Username":"a`, `,"Password":"p"`), fill(
			`{"Username":"a","Password":`, `,"a":1`,
		), fill("<", "<"), fill("<", "<a"), fill("<", "<Username "), fill("<", "<a:"), fill("<", "<a>"),
		fill("<Password>", "</"), fill("<Password>", "</a"), fill("<Password>", "&"), fill("<Password>", "&#"), fill(
			"<a>", "<Password></Password>",
		),
		fill(
			"<a>\xe9", "<Password></Password>",
		), fill("{\xe9", `,"Password":"p"`), fill("{", "\n "), fill("{", "\n"), fill("<a>", "<!--"),
	} {
		if got, err := legacy.ParseHeader(value, isKey); err == nil && got.Username == "" {
			t.Errorf("%.40q gives %+v", value, got)
		}
	}
}

func FuzzParseHeader(f *testing.F) {
	for _, value := range []string{
		jsonHeader(anna, "pw", key1), xmlHeader(anna, "p&amp;w", key1), `{'Username':a,Password:'b'`,
		"<n:Username>a</n:Username><Password>p&w</Password>", "{\"Username\":\"\xe9\",\"Password\":\"\\u00e9\xe9\"}", key1,
	} {
		f.Add(value, anna, `p"w`, key1, "")
	}
	f.Add("", "[a]b", " <&>\\\x00\r\n", " k ", anna)
	f.Fuzz(func(t *testing.T, value, user, password, key, behalf string) {
		checkSound(t, value)
		checkJSON(t, user, password, key, behalf)
		checkXML(t, user, password, key, behalf)
	})
}

func checkSound(t *testing.T, value string) {
	got, err := legacy.ParseHeader(value, isKey)
	var format *legacy.FormatError
	switch {
	case err != nil && !errors.As(err, &format):
		t.Errorf("error %T", err)
	case err != nil && (got.Username != "" || got.Passwords != nil || !got.Bearer.Empty()):
		t.Errorf("an error comes with %+v", got)
	case err == nil && got.Username == "" && got.Bearer.Empty():
		t.Errorf("no user name and no error for %q", value)
	case err == nil && !got.Scheme.Legacy() && got.Scheme != legacy.OAuthBearer:
		t.Errorf("scheme %v", got.Scheme)
	case len(got.Passwords) > 6:
		t.Errorf("%d passwords", len(got.Passwords))
	}
	for _, p := range got.Passwords {
		if p.Empty() {
			t.Error("an empty password")
		}
	}
	for _, s := range []string{got.Username, got.OnBehalfOf, got.IntegratorKey} {
		if !sound(s) {
			t.Errorf("name %q", s)
		}
	}
}

func checkJSON(t *testing.T, user, password, key, behalf string) {
	type object struct{ Username, Password, IntegratorKey, SendOnBehalfOf string }
	value, err := json.Marshal(object{user, password, key, behalf})
	if err != nil {
		t.Fatal(err)
	}
	var want object // json.Marshal replaces what is not UTF-8
	if err := json.Unmarshal(value, &want); err != nil {
		t.Fatal(err)
	}
	checkRoundTrip(t, string(value), want.Username, want.Password, want.IntegratorKey, want.SendOnBehalfOf)
}

func checkXML(t *testing.T, user, password, key, behalf string) {
	var b strings.Builder
	b.WriteString("<DocuSignCredentials>")
	for _, e := range [][2]string{
		{"SendOnBehalfOf", behalf}, {"Username", user}, {"Password", password}, {"IntegratorKey", key},
	} {
		b.WriteString("<" + e[0] + ">" + escapeXML(t, e[1]) + "</" + e[0] + ">")
	}
	b.WriteString("</DocuSignCredentials>")
	checkRoundTrip(t, b.String(), legible(user), legible(password), legible(key), legible(behalf))
}

// checkRoundTrip expects what a proper writer wrote, as the first reading.
func checkRoundTrip(t *testing.T, value, user, password, key, behalf string) {
	user, key, behalf = strings.TrimSpace(user), strings.TrimSpace(key), strings.TrimSpace(behalf)
	if len(value) > 16<<10 || user == "" || strings.HasPrefix(user, "[") || !sound(user) || !sound(key) || !sound(behalf) {
		checkSound(t, value)
		return
	}
	if legacy.Fold(behalf) == legacy.Fold(user) {
		behalf = ""
	}
	got, err := legacy.ParseHeader(value, isKey)
	if err != nil || got.Username != user || got.IntegratorKey != key || got.OnBehalfOf != behalf {
		t.Fatalf("%q gives %+v, %v", value, got, err)
	}
	switch {
	case password == "" && len(got.Passwords) != 0:
		t.Errorf("%q gives passwords %q", value, reveal(got.Passwords))
	case password != "" && (len(got.Passwords) == 0 || got.Passwords[0].Reveal() != password):
		t.Errorf("%q gives passwords %q, not %q first", value, reveal(got.Passwords), password)
	}
}

func BenchmarkParseHeader(b *testing.B) {
	for _, c := range []struct{ name, value string }{
		{"json", jsonHeader(anna, "p@ss<w&rd>1", key1)},
		{"json-tolerant", strings.TrimSuffix(jsonHeader(anna, `p"w`, key1), "}")},
		{"xml", xmlHeader(anna, "p@ss&lt;w&amp;rd&gt;1", key1)},
		{"xml-tolerant", xmlHeader(anna, "p@ss<w&rd>1", key1)},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := legacy.ParseHeader(c.value, isKey); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
