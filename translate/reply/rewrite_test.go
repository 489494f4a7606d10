package reply

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"slices"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/internal/services"
)

func toProxy(s string, _ []string) string {
	return strings.Replace(s, "https://na3.docusign.net", "http://127.0.0.1:8080/a&b", 1)
}

func TestRewriteLoginInformation(t *testing.T) {
	const (
		url   = `https://na3.docusign.net/restapi/v2/accounts/1`
		ours  = `http://127.0.0.1:8080/a&b/restapi/v2/accounts/1`
		oursX = `http://127.0.0.1:8080/a&amp;b/restapi/v2/accounts/1`
	)
	for _, tc := range []struct {
		name, in, password, want string
	}{
		{"only the URL changes",
			"{\r\n  \"loginAccounts\": [\r\n    {\r\n      \"name\": \"B\\u00e9\",\r\n" +
				"      \"baseUrl\": \"" + url + "\",\r\n      \"isDefault\": \"true\"\r\n    }\r\n  ]\r\n}", "",
			"{\r\n  \"loginAccounts\": [\r\n    {\r\n      \"name\": \"B\\u00e9\",\r\n" +
				"      \"baseUrl\": \"" + ours + "\",\r\n      \"isDefault\": \"true\"\r\n    }\r\n  ]\r\n}"},
		{"escaped slashes and names are understood",
			`{"login\u0041ccounts":[{"baseUr\u006c":"https:\/\/na3.docusign.net\/x"}]}`, "",
			`{"login\u0041ccounts":[{"baseUr\u006c":"http://127.0.0.1:8080/a&b/x"}]}`},
		{"a URL that stays keeps its bytes",
			`{"loginAccounts":[{"baseUrl":"https:\/\/eu.docusign.net"}]}`, "",
			`{"loginAccounts":[{"baseUrl":"https:\/\/eu.docusign.net"}]}`},
		{"the default account moves to the front and booleans become strings",
			`{"loginAccounts": [ {"n":1,"isDefault":false} ,{"n":2,"isDefault":"false"},` +
				`  {"n":3,"isDefault":true,"baseUrl":"` + url + `"}, {"n":4} ], "x": [1]}`, "",
			`{"loginAccounts": [ {"n":3,"isDefault":"true","baseUrl":"` + ours + `"} ,{"n":1,"isDefault":"false"},` +
				`  {"n":2,"isDefault":"false"}, {"n":4} ], "x": [1]}`},
		{"only the first of two defaults moves",
			`{"loginAccounts":[{"n":1},{"n":2,"isDefault":"true"},{"n":3,"isDefault":"true"}]}`, "",
			`{"loginAccounts":[{"n":2,"isDefault":"true"},{"n":1},{"n":3,"isDefault":"true"}]}`},
		{"no account at all is fine", `{"loginAccounts": [ ]}`, "", `{"loginAccounts": [ ]}`},
		{
			"DocuSign's password is replaced", `{ "apiPassword" : "theirs/+=" , "loginAccounts":[]}`, `o"urs`,
			`{ "apiPassword" : "o\"urs" , "loginAccounts":[]}`,
		},
		{"DocuSign's password is taken out in front", "{\r\n  \"apiPassword\": \"theirs\",\r\n  \"loginAccounts\": []\r\n" +
			"}", "", "{\r\n  \"loginAccounts\": []\r\n}"},
		{
			"DocuSign's password is taken out at the end", "{\n \"loginAccounts\": [],\n \"apiPassword\": \"theirs\"\n}", "",
			"{\n \"loginAccounts\": []\n}",
		},
		{
			"DocuSign's password is taken out wherever it is",
			`{"apiPassword":1,"apiPassword":2,"a":3,"apiPassword":4,"loginAccounts":[],"apiPassword":{},"apiPassword":[5]}`, "",
			`{"a":3,"loginAccounts":[]}`,
		},
		{"our password is added in the style of the answer", "{\r\n  \"loginAccounts\": []\r\n}", "ours", "{\r\n" +
			"  \"apiPassword\": \"ours\",\r\n  \"loginAccounts\": []\r\n}"},
		{
			"a byte order mark stays", "\xef\xbb\xbf{\"loginAccounts\":[{\"baseUrl\":\"" + url + "\"}]}", "",
			"\xef\xbb\xbf{\"loginAccounts\":[{\"baseUrl\":\"" + ours + "\"}]}",
		},
		{"a baseUrl elsewhere is not ours", `{"baseUrl":"` + url + `",` +
			`"loginAccounts":[{"x":{"baseUrl":"` + url + `"}}]}`, "", `{"baseUrl":"` + url + `",` +
			`"loginAccounts":[{"x":{"baseUrl":"` + url + `"}}]}`},
		{
			"strings may hold brackets", `{"a":"}]\"{[","loginAccounts":[{"b":["]}",[{}]],"baseUrl":"` + url + `"}],"n":null}`,
			"", `{"a":"}]\"{[","loginAccounts":[{"b":["]}",[{}]],"baseUrl":"` + ours + `"}],"n":null}`,
		},

		{"XML: only the URL changes",
			`<?xml version="1.0"?><!-- c --><loginInformation xmlns="http://www.docusign.com/restapi"><loginAccounts>` +
				`<loginAccount><baseUrl> ` + url +
				"\n</baseUrl><name>A &amp; B</name><siteDescription/></loginAccount></loginAccounts></loginInformation>\n", "",
			`<?xml version="1.0"?><!-- c --><loginInformation xmlns="http://www.docusign.com/restapi"><loginAccounts>` +
				`<loginAccount><baseUrl>` + oursX + `</baseUrl><name>A &amp; B</name><siteDescription/></loginAccount>` +
				`</loginAccounts></loginInformation>` + "\n"},
		{"XML: entities and CDATA are understood",
			`<loginInformation><loginAccounts><loginAccount><baseUrl>https&#58;//<![CDATA[na3.docusign.net]]>/x</baseUrl>` +
				`</loginAccount></loginAccounts></loginInformation>`, "",
			`<loginInformation><loginAccounts><loginAccount><baseUrl>http://127.0.0.1:8080/a&amp;b/x</baseUrl>` +
				`</loginAccount></loginAccounts></loginInformation>`},
		{"XML: the default account moves to the front",
			"<l:loginInformation xmlns:l='u'>\n <l:loginAccounts>\n  <l:loginAccount><l:isDefault>false</l:isDefault><l:baseUrl/></l:loginAccount>\n  <l:loginAccount a='b'><l:baseUrl>" + url + "</l:baseUrl><l:isDefault> true </l:isDefault></l:loginAccount>\n </l:loginAccounts>\n</l:loginInformation>",
			"",
			"<l:loginInformation xmlns:l='u'>\n <l:loginAccounts>\n  <l:loginAccount a='b'><l:baseUrl>" + oursX +
				"</l:baseUrl><l:isDefault> true </l:isDefault></l:loginAccount>\n  <l:loginAccount><l:isDefault>false</l:isDefault><l:baseUrl/></l:loginAccount>\n </l:loginAccounts>\n</l:loginInformation>"},
		{
			"XML: our password is added with the prefix in use",
			"<l:loginInformation xmlns:l='u'>\n <l:loginAccounts/>\n</l:loginInformation>", "o<urs",
			"<l:loginInformation xmlns:l='u'>\n <l:apiPassword>o&lt;urs</l:apiPassword>\n <l:loginAccounts/>\n</l:loginInformation>",
		},
		{"XML: DocuSign's password is replaced", `<loginInformation xmlns:i="i"><apiPassword i:nil="true"/>` +
			`<loginAccounts/></loginInformation>`, "ours", `<loginInformation xmlns:i="i"><apiPassword>ours</apiPassword>` +
			`<loginAccounts/></loginInformation>`},
		{
			"XML: DocuSign's password is taken out",
			"<loginInformation>\n <apiPassword>theirs</apiPassword>\n <loginAccounts></loginAccounts>\n <apiPassword />\n</loginInformation>",
			"", "<loginInformation>\n <loginAccounts></loginAccounts>\n</loginInformation>",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := RewriteLoginInformation([]byte(tc.in), "", toProxy, RewriteOptions{APIPassword: secret.New(tc.password)})
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != tc.want {
				t.Errorf("got  %q\nwant %q", got, tc.want)
			}
		})
	}
}

func TestRewriteRefusesWhatItDoesNotKnow(t *testing.T) {
	deep := strings.Repeat("<a>", 70) + strings.Repeat("</a>", 70)
	for _, tc := range []struct{ name, in, contentType string }{
		{"nothing", "", "application/json"},
		{"text", "hello", ""},
		{"malformed JSON", `{"loginAccounts":[}`, ""},
		{"two JSON values", `{"loginAccounts":[]}{}`, ""},
		{"an error body", `{"errorCode":"X","message":"y"}`, "application/json"},
		{"accounts that are no array", `{"loginAccounts":null}`, ""},
		{"accounts twice", `{"loginAccounts":[],"loginAccounts":[]}`, ""},
		{"an account that is no object", `{"loginAccounts":[1]}`, ""},
		{"an array", `[]`, ""},
		{"malformed XML", `<loginInformation><loginAccounts></loginInformation>`, ""},
		{"XML cut off", `<loginInformation><loginAccounts/>`, ""},
		{"another XML", `<errorDetails/>`, ""},
		{"a document type", `<!DOCTYPE a [<!ENTITY x "y">]><loginInformation><loginAccounts/></loginInformation>`, ""},
		{"XML without end", deep, ""},
		{"another charset in the header", `{"loginAccounts":[]}`, "application/json; charset=utf-16"},
		{"another charset in the XML", `<?xml version="1.0" encoding="iso-8859-1"?><loginInformation><loginAccounts/>` +
			`</loginInformation>`, ""},
		{"too much", `{"loginAccounts":[]}` + strings.Repeat(" ", MaxLoginInformation), ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := RewriteLoginInformation([]byte(tc.in), tc.contentType, toProxy, RewriteOptions{})
			if !errors.Is(err, ErrNotLoginInformation) || got != nil {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}

func TestRewriteURLsOnly(t *testing.T) {
	const second = "https://na3.docusign.net/restapi/v2/accounts/2"
	for _, in := range []string{
		`{"apiPassword":"theirs","loginAccounts":[{"baseUrl":"https://eu.docusign.net/1","accountId":"1",` +
			`"isDefault":false},` +
			`{"isDefault":true,"accountIdGuid":"g2","baseUrl":"` + second + `","accountId":"2"}]}`,
		`<loginInformation><apiPassword>theirs</apiPassword><loginAccounts><loginAccount>` +
			`<baseUrl>https://eu.docusign.net/1</baseUrl><accountId>1</accountId>` +
			`</loginAccount><loginAccount><accountIdGuid> g2 </accountIdGuid><baseUrl>` + second +
			`</baseUrl><isDefault>true</isDefault><accountId>2</accountId>` +
			`</loginAccount></loginAccounts></loginInformation>`,
	} {
		told := map[string][]string{}
		rewrite := func(base string, ids []string) string {
			told[base] = ids
			return strings.Replace(base, "https://na3.docusign.net", "http://127.0.0.1:8080", 1)
		}
		got, err := RewriteLoginInformation([]byte(in), "", rewrite, RewriteOptions{URLsOnly: true})
		if want := strings.Replace(in, "https://na3.docusign.net", "http://127.0.0.1:8080", 1); err != nil ||
			string(got) != want {
			t.Errorf("%v\n got %s\nwant %s", err, got, want)
		}
		if ids := told[second]; len(told) != 2 || !slices.Equal(ids, []string{"g2", "2"}) ||
			!slices.Equal(told["https://eu.docusign.net/1"], []string{"1"}) {
			t.Errorf("told %v of %s", told, in)
		}
	}
}

func TestRewriteOwnAnswers(t *testing.T) {
	back := func(string, []string) string { return "https://x/" }
	for _, d := range []Dialect{JSON, XML} {
		a := Caller{Dialect: d}.LoginInformation([]LoginAccount{anna, second}, LoginOptions{
			IncludeGUID: true, LoginSettings: true,
		})
		got, err := RewriteLoginInformation(a.Body, a.Header.Get("Content-Type"), back, RewriteOptions{})
		if err != nil || bytes.Count(got, []byte("https://x/")) != 2 {
			t.Errorf("%v: %s, %v", d, got, err)
		}
	}
}

func TestRewriteLoginResponse(t *testing.T) {
	c := Caller{Dialect: SOAP11}
	a := c.LoginResponse([]LoginAccount{anna, second}, true)
	got, err := RewriteLoginResponse(a.Body, a.Header.Get("Content-Type"), func(s string, _ []string) string {
		return s + "?a&b"
	})
	want := strings.ReplaceAll(string(a.Body), "/api/3.0</BaseUrl>", "/api/3.0?a&amp;b</BaseUrl>")
	if err != nil || string(got) != want || want == string(a.Body) {
		t.Errorf("%s, %v", got, err)
	}
	failed := c.RefuseOperation(services.NamespaceCredential, "Login", Failure{Kind: call.KindBadLogin}).Body
	if got, err := RewriteLoginResponse(failed, "", toProxy); err != nil || !bytes.Equal(got, failed) {
		t.Errorf("%s, %v", got, err)
	}
	for _, in := range []string{`{"loginAccounts":[]}`, "", string(c.Refuse(Failure{}).Body), "<a>"} {
		if _, err := RewriteLoginResponse([]byte(in), "", toProxy); !errors.Is(err, ErrNotLoginInformation) {
			t.Errorf("%q: %v", in, err)
		}
	}
}

func FuzzRewriteLoginInformation(f *testing.F) {
	for _, d := range []Dialect{JSON, XML} {
		b := Caller{Dialect: d}.LoginInformation([]LoginAccount{second, anna}, LoginOptions{
			APIPassword: secret.New("p"), LoginSettings: true,
		}).Body
		f.Add(b, "x")
		f.Add(b, "")
	}
	f.Add(
		[]byte(`{"apiPassword":1,"loginAccounts":[{"isDefault":false},{"isDefault":true,"baseUrl":"u"}],"apiPassword":{}}`),
		"",
	)
	f.Add(
		[]byte("<a:loginInformation xmlns:a='b'> <a:apiPassword/> <a:loginAccounts> "+
			"<loginAccount/><!--x--></a:loginAccounts></a:loginInformation>"),
		"p&\"<\x00",
	)
	f.Fuzz(func(t *testing.T, in []byte, password string) {
		before := bytes.Clone(in)
		got, err := RewriteLoginInformation(in, "", func(s string, _ []string) string {
			return s + "/<&\">"
		}, RewriteOptions{APIPassword: secret.New(password)})
		if !bytes.Equal(in, before) {
			t.Fatal("the input was changed")
		}
		if err != nil {
			if got != nil || !errors.Is(err, ErrNotLoginInformation) {
				t.Fatalf("%q, %v", got, err)
			}
			return
		}
		text := bytes.TrimPrefix(got, []byte("\xef\xbb\xbf"))
		if bytes.HasPrefix(bytes.TrimLeft(text, " \t\r\n"), []byte("{")) {
			if !json.Valid(text) {
				t.Fatalf("not JSON: %q from %q", got, in)
			}
			var m map[string]any
			if json.Unmarshal(text, &m) == nil && password == "" && m["apiPassword"] != nil {
				t.Fatalf("a password is left: %q", got)
			}
			return
		}
		if err := walkXML(xml.NewDecoder(bytes.NewReader(got)), func(node) {}); err != nil {
			t.Fatalf("%v: %q from %q", err, got, in)
		}
	})
}

func FuzzRewriteLoginResponse(f *testing.F) {
	f.Add(Caller{Dialect: SOAP12, Timestamp: noon}.LoginResponse([]LoginAccount{second, anna}, true).Body)
	f.Fuzz(func(t *testing.T, in []byte) {
		got, err := RewriteLoginResponse(in, "", func(s string, _ []string) string { return s + "<" })
		if err != nil {
			return
		}
		if err := walkXML(xml.NewDecoder(bytes.NewReader(got)), func(node) {}); err != nil {
			t.Fatalf("%v: %q from %q", err, got, in)
		}
	})
}
