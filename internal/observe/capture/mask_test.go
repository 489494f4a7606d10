package capture

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"encoding/xml"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

const (
	canaryHead = "Zq7c4n4ry"
	canaryTail = "9xC4N4RYw"
	maskGUID   = "a1b2c3d4-0000-4000-8000-000000000001"
)

// holdsCanary finds either end of a canary.
func holdsCanary(s string) bool {
	return strings.Contains(s, canaryHead) || strings.Contains(s, canaryTail)
}

func TestTheLegacyHeaderKeepsItsShapeWithoutItsPassword(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"JSON as PHP writes it", `{"Username":"anna@example.com","Password":"pw","IntegratorKey":"` + maskGUID + `"}`,
			`{"Username":"anna@example.com","Password":"[masked]","IntegratorKey":"` + maskGUID + `"}`},
		{"JSON with blanks", `{ "Username" : "anna@example.com", "Password":	"pw" }`,
			`{"Username":"anna@example.com","Password":"[masked]"}`},
		{"a password with another member's shape in it", `{"Username":"anna@example.com","Password":"pw","x":"Zq7"}`, masked},
		{"a member twice", `{"Password":"pw","Username":"a@b.co","Username":"Zq7"}`, masked},
		{"no closing brace", `{"Username":"anna@example.com","Password":"pw"`, masked},
		{"no quotes", `{"Username":anna@example.com,"Password":pw}`, masked},
		{"a password in the field of the name", `{"Username":"my secret!","Password":""}`,
			`{"Username":"[masked]","Password":"[masked]"}`},
		{
			"XML",
			`<DocuSignCredentials><Username>[anna@example.com]svc@example.com</Username><Password>p&amp;w</Password>` +
				`<IntegratorKey>ABCD-` + maskGUID + ` </IntegratorKey></DocuSignCredentials>`,
			`<DocuSignCredentials><Username>[anna@example.com]svc@example.com</Username><Password>[masked]</Password>` +
				`<IntegratorKey>ABCD-` + maskGUID + ` </IntegratorKey></DocuSignCredentials>`,
		},
		{
			"XML with CDATA",
			`<DocuSignCredentials><Username>a@b.co</Username><Password><![CDATA[p<w]]></Password></DocuSignCredentials>`,
			`<DocuSignCredentials><Username>a@b.co</Username><Password>[masked]</Password></DocuSignCredentials>`,
		},
		{
			"XML with a declaration and a namespace",
			`<?xml version="1.0"?><n:DocuSignCredentials xmlns:n="http://www.docusign.com/restapi">` +
				`<n:Password>pw</n:Password><n:Username>a@b.co</n:Username></n:DocuSignCredentials>`,
			`<DocuSignCredentials><Password>[masked]</Password><Username>a@b.co</Username></DocuSignCredentials>`,
		},
		{"XML with an attribute at the password",
			`<DocuSignCredentials><Username>a@b.co</Username><Password a="Zq7">pw</Password></DocuSignCredentials>`, masked},
		{"XML with markup in the password",
			`<DocuSignCredentials><Username>a@b.co</Username><Password>p<w</Password></DocuSignCredentials>`, masked},
		{"XML with a comment", `<DocuSignCredentials><!-- Zq7 --><Username>a@b.co</Username></DocuSignCredentials>`, masked},
		{"the integrator key alone", maskGUID, masked},
		{"nothing", "", masked},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := maskLegacyHeader(c.in); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestHeadersAndURLs(t *testing.T) {
	m := &mask{}
	h := http.Header{
		"Authorization":       {"Basic dXNlcjpwdw==", "bearer " + canaryHead, canaryHead},
		"Proxy-Authorization": {"Basic " + canaryHead}, "Cookie": {"a=" + canaryHead},
		"Set-Cookie": {"s=" + canaryHead}, "X-Docusign-Apptoken": {canaryHead}, "X-Api-Key": {canaryHead},
		"Location":        {"/Signing/?t=" + canaryHead},
		"X-Forwarded-Url": {"https://user:" + canaryHead + "@h/?a=" + canaryHead}, "X-Docusign-Tracetoken": {maskGUID},
		"Accept": {"application/json"}, "X-Docusign-Auth-Proxy-Request-Id": {canaryHead, "0a1b2c3d-7x"},
	}
	got := map[string][]string{}
	for _, f := range m.header(h) {
		got[f.Name] = append(got[f.Name], f.Value)
		if holdsCanary(f.Value) {
			t.Errorf("%s: %s", f.Name, f.Value)
		}
	}
	if got["Authorization"][0] != "Basic [masked]" || got["Authorization"][2] != masked ||
		got["X-Docusign-Tracetoken"][0] != maskGUID || got["Accept"][0] != "application/json" ||
		got["X-Docusign-Auth-Proxy-Request-Id"][1] != "0a1b2c3d-7x" ||
		got["Location"][0] != "/Signing/?[masked]" {
		t.Errorf("%v", got)
	}
	for _, c := range []struct {
		name, in, want string
		whole          bool
	}{
		{"an API call", "https://h.example/restapi/v2/login_information?api_password=true&include=all",
			"https://h.example/restapi/v2/login_information?api_password=true&include=all", false},
		{"a token in the query", "https://h.example/restapi?access_token=Zq7&status=sent",
			"https://h.example/restapi?access_token=[masked]&status=sent", false},
		{"a one-time page", "https://h.example/Signing/StartInSession.aspx?x=Zq7",
			"https://h.example/Signing/StartInSession.aspx?[masked]", true},
		{"an escaped name", "https://h.example/restapi?tok%65n=Zq7", "https://h.example/restapi?[masked]", false},
	} {
		if got := (&mask{page: c.whole}).url(c.in); got != c.want {
			t.Errorf("%s: %s", c.name, got)
		}
	}
}

func TestBodiesLoseTheirSecretsAndKeepTheRest(t *testing.T) {
	long := strings.Repeat("JVBERi0xLjQK", 40)
	for _, c := range []struct{ name, in, want string }{
		{"an envelope with a document",
			`{"emailSubject":"Please sign","documents":[{"documentBase64":"AAAA","name":"a.pdf"}]}`,
			`{"emailSubject":"[masked]","documents":[{"documentBase64":"[4 bytes of base64]","name":"[masked]"}]}`},
		{"a token", `{ "access_token": "pw", "scope":"api", "expires_in": 28800 }`,
			`{ "access_token": "[masked]", "scope":"api", "expires_in": 28800 }`},
		{"an access code", `{"accessCode":123456,"x":[1,2.5,null,true]}`, `{"accessCode":"[masked]","x":[1,2.5,null,true]}`},
		{"a secret object", `{"credentials":{"a":["x",{"b":1}]},"c":1}`, `{"credentials":"[masked]","c":1}`},
		{"an escaped name", `{"Pass\u0077ord":"pw"}`, `{"Pass\u0077ord":"[masked]"}`},
		{"a name and value pair", `{"name":"smtpPassword","value":"pw"}`, `{"name":"[masked]","value":"[masked]"}`},
		{"a one-time view", `{"url":"https://demo.docusign.net/Signing/?t=1"}`, `{"url":"[masked]"}`},
		{"a URL with a query, slashes escaped", `{"returnUrl":"https:\/\/app.example\/views\/back?session=1"}`,
			`{"returnUrl":"https://app.example/views/{4 characters}?[masked]"}`},
		{"a form in a text", `{"note":"login with password=pw please"}`, `{"note":"[masked]"}`},
		{"what breaks off in a secret", `{"a":"b","password":"half of i`, `{"a":"[masked]","password"`},
		{"what breaks off in a name", `{"a":"b","passw`, `{"a":"[masked]"`},
		{"SOAP", `<e:Envelope xmlns:e="u"><e:Body><PDFBytes>` + long + `</PDFBytes><Name>A</Name></e:Body></e:Envelope>`,
			`<e:Envelope xmlns:e="[masked]"><e:Body><PDFBytes>[480 bytes of ` +
				`base64]</PDFBytes><Name>[masked]</Name></e:Body></e:Envelope>`},
		{"WS-Security", `<w:Security><w:UsernameToken w:Id="t"><w:Username>[` + maskGUID +
			`]a@b.co</w:Username><w:Password ` +
			`Type="x">pw</w:Password><w:Nonce>n</w:Nonce><u:Created>2026-11-22T10:00:00Z</u:Created></w:UsernameToken>` +
			`</w:Security>`,
			`<w:Security><w:UsernameToken w:Id="[masked]"><w:Username>[` + maskGUID +
				`]a@b.co</w:Username><w:Password ` +
				`Type="[masked]">[masked]</w:Password><w:Nonce>[masked]</w:Nonce><u:Created>2026-11-22T10:00:00Z</u:Created>` +
				`</w:UsernameToken></w:Security>`},
		{"a credential body", `<Login xmlns="n"><Email>a@b.co</Email><Password><![CDATA[p]]>w&#65;</Password></Login>`,
			`<Login xmlns="[masked]"><Email>a@b.co</Email><Password>[masked]</Password></Login>`},
		{"a token's answer",
			`<RequestSenderTokenResponse><RequestSenderTokenResult>https://x/?t=1</RequestSenderTokenResult>` +
				`</RequestSenderTokenResponse>`, `<RequestSenderTokenResponse>` +
				`<RequestSenderTokenResult>[masked]</RequestSenderTokenResult></RequestSenderTokenResponse>`},
		{"an encrypted password",
			`<GetEncryptedPasswordResponse><GetEncryptedPasswordResult><EncryptedPassword>abc</EncryptedPassword>` +
				`<Success>true</Success></GetEncryptedPasswordResult></GetEncryptedPasswordResponse>`,
			`<GetEncryptedPasswordResponse><GetEncryptedPasswordResult><EncryptedPassword>[masked]</EncryptedPassword>` +
				`<Success>true</Success></GetEncryptedPasswordResult></GetEncryptedPasswordResponse>`},
		{"a comment", `<a><!-- pw --><b/></a>`, `<a><b/></a>`},
		{"a secret attribute", `<a password='x' b="c"/>`, `<a password="[masked]" b="[masked]"/>`},
		{"XML that breaks off in a password", `<Login><Password>ha`, `<Login><Password>[masked]`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := bodyOf(t, &mask{}, "", "", []byte(c.in), MaxBody, place{request: true}); got.Text != c.want {
				t.Errorf("%s\ngot  %s\nwant %s", got.Omitted, got.Text, c.want)
			}
		})
	}
}

func TestAFormShowsOnlyWhatIsPlain(t *testing.T) {
	for _, c := range []struct {
		name, in, want string
		ok             bool
	}{
		{"by the book", "grant_type=password&client_id=" + maskGUID + "&username=anna%40example.com&password=pw&scope=api",
			"grant_type=password&client_id=" + maskGUID + "&username=anna%40example.com&password=[masked]&scope=api", true},
		{"a password with & in it", "username=a+b@example.com&password=p&w&scope=api",
			"username=a+b@example.com&password=[masked]&[masked]&scope=api", true},
		{"a password with a known field in it", "username=a@b.co&password=p&username=w", "", false},
		{"a password with a field that is not there", "username=a@b.co&password=p&client_id=w",
			"username=a@b.co&password=[masked]&client_id=[masked]", true},
		{"no form", "Zq7", masked, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, ok := maskForm(c.in); got != c.want || ok != c.ok {
				t.Errorf("%v %s", ok, got)
			}
		})
	}
}

func TestBodiesThatCannotBeReadAreLeftOut(t *testing.T) {
	envelope := `<Envelope><Header><Security><UsernameToken><Username>a@b.co</Username><Password>` + canaryHead +
		`</Password></UsernameToken></Security></Header></Envelope>`
	utf16 := make([]byte, 0, 2*len(envelope))
	for _, b := range []byte(envelope) {
		utf16 = append(utf16, b, 0)
	}
	for _, c := range []struct {
		name, contentType, coding, body, omitted string
		place                                    place
	}{
		{"a document type, whose entities could be anything", "text/xml", "",
			`<!DOCTYPE x [<!ENTITY p "Zq7c4n4ry">]><a>&p;</a>`, omittedUnsure, place{request: true, password: true}},
		{"a message without the password that was found in it", "text/xml", "", `<Envelope/>`, omittedUnsure,
			place{request: true, password: true}},
		{"markup in the password", "text/xml", "", strings.Replace(envelope, canaryHead, canaryHead+"<"+canaryTail, 1),
			omittedUnsure, place{request: true, password: true}},
		{"UTF-16", "text/xml", "", string(utf16), omittedBinary, place{request: true, password: true}},
		{"another character set", "text/xml", "", `<?xml version="1.0" encoding="utf-7"?>` + envelope, omittedCharset,
			place{request: true, password: true}},
		{"a coding nobody reads", "text/xml", "br", canaryHead, "its content coding is not read", place{request: true}},
		{"a page", "text/html", "", "<html>" + canaryHead, omittedPage, place{}},
		{"a text that a program sends", "text/plain", "", canaryHead, omittedPage, place{request: true}},
		{"a form with a field twice", "application/x-www-form-urlencoded", "", "username=a@b.co&password=x&username=" +
			canaryHead, omittedUnsure, place{request: true, form: true}},
		{"parts without a boundary", "multipart/mixed", "", canaryHead, "it has parts, and no boundary",
			place{request: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := bodyOf(t, &mask{}, c.contentType, c.coding, []byte(c.body), DefaultBody, c.place)
			if b.Omitted != c.omitted || b.Text != "" || b.SHA256 != "" {
				t.Errorf("%+v", b)
			}
		})
	}
}

// bodyOf masks a body as if it had passed a tap.
func bodyOf(t testing.TB, m *mask, contentType, coding string, body []byte, limit int, p place) body {
	t.Helper()
	h := http.Header{"Content-Type": {contentType}}
	if coding != "" {
		h.Set("Content-Encoding", coding)
	}
	c := newCaptures(DefaultMemory)
	tap := &tap{capture: c, limit: limit}
	b := tap.buffer(h)
	for len(body) > 0 {
		n := min(len(body), 700)
		b.write(body[:n])
		body = body[n:]
	}
	b.close()
	out := m.body(heard{header: h, body: b}, limit, p)
	b.release()
	if left := c.budget.left.Load(); left != DefaultMemory {
		t.Errorf("%d bytes were not given back", DefaultMemory-left)
	}
	return out
}

func TestBinaryBodiesAreLengthAndHash(t *testing.T) {
	pdf := append([]byte("%PDF-1.4\x00"), bytes.Repeat([]byte{0xff, 1, 2}, 50000)...)
	b := bodyOf(t, &mask{}, "application/pdf", "", pdf, DefaultBody, place{})
	if b.Text != "" || len(b.SHA256) != 64 || b.Size != int64(len(pdf)) {
		t.Errorf("%+v", b)
	}
	if b := bodyOf(t, &mask{}, "text/xml", "", pdf, DefaultBody, place{}); b.SHA256 != "" {
		t.Error("a hash of what could have a password in it")
	}
}

func TestADocumentDoesNotHideWhatFollowsIt(t *testing.T) {
	body := `{"documents":[{"documentBase64":"` + strings.Repeat("QUJD", 50000) + `","documentId":"1"}],"status":"sent"}`
	b := bodyOf(t, &mask{}, "application/json", "", []byte(body), 512, place{request: true})
	if want := `{"documents":[{"documentBase64":"[200000 bytes of base64]",` +
		`"documentId":"1"}],"status":"sent"}`; b.Text != want || b.Cut || b.Size != int64(len(body)) {
		t.Errorf("%+v", b)
	}
	b = bodyOf(t, &mask{}, "application/json", "", []byte(`{"a":"`+strings.Repeat("words and ", 5000)+`"}`), 512,
		place{request: true})
	if !b.Cut || len(b.Text) > 600 || b.Text != `{"a"` {
		t.Errorf("%+v", b)
	}
}

func TestPartsAreReadOneByOne(t *testing.T) {
	body := "--b1\r\nContent-Type: application/json\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\n" +
		"{\"status\":\"sent\",\"password\":\"" + canaryHead + "\"}\r\n" +
		"--b1\r\nContent-Type: application/pdf\r\nX-Token: " + canaryHead + "\r\n\r\n%PDF\x00\x01" + canaryHead +
		"\r\n--b1--\r\n"
	b := bodyOf(t, &mask{}, `multipart/form-data; boundary="b1"`, "", []byte(body), DefaultBody, place{request: true})
	if b.Omitted != "" || holdsCanary(b.Text) || !strings.Contains(b.Text, `{"status":"sent","password":"[masked]"}`) ||
		!strings.Contains(b.Text, "[15 bytes, not shown]") {
		t.Errorf("%+v", b)
	}
}

func TestWhatTheCallIsKnownToCarryIsNeverShownElsewhere(t *testing.T) {
	m := &mask{}
	m.know(canaryHead + `"<&` + canaryTail)
	m.know(`correct"<&horse`) // made of words, which messages are shown with
	const head, tail = "correct", "horse"
	for _, body := range []string{
		`{"message":"` + head + `\"<&` + tail + `"}`, `{"message":"` + head + `\"\u003c\u0026` + tail + `"}`,
		`<faultstring>` + head + `&#34;&lt;&amp;` + tail + `</faultstring>`, `<faultstring>` + head + `"&lt;&amp;` + tail +
			`</faultstring>`,
		`{"message":"` + head + `\u0022<\u0026` + tail + `"}`,
	} {
		if b := bodyOf(t, m, "", "", []byte(body), DefaultBody, place{}); b.Text != "" || b.Omitted != omittedSecret {
			t.Errorf("%s: %+v", body, b)
		}
	}
	if got := m.url("https://h.example/a?b=" + url.QueryEscape(canaryHead+`"<&`+canaryTail)); holdsCanary(got) {
		t.Error(got)
	}
	h := m.header(http.Header{"X-Note": {"it is " + canaryHead + `"<&` + canaryTail}})
	if h[0].Value != masked {
		t.Error(h)
	}
}

func gzipped(t testing.TB, s string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(s)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestCompressedMessagesAreReadAsFarAsTheyWereHeard(t *testing.T) {
	env := `<Envelope><Header><Security><UsernameToken><Username>a@b.co</Username><Password>` + canaryHead +
		`</Password></UsernameToken></Security></Header><Body><x>1</x></Body></Envelope>`
	b := bodyOf(t, &mask{}, "text/xml", "gzip", gzipped(t, env), DefaultBody, place{request: true, password: true})
	if b.Omitted != "" || holdsCanary(b.Text) || !strings.Contains(b.Text, "<Password>[masked]</Password>") ||
		!strings.Contains(b.Text, "<x>1</x>") {
		t.Errorf("%+v", b)
	}
}

func TestTheLimitHoldsForWhatWasCompressed(t *testing.T) {
	long := `{"a":"` + strings.Repeat("sent, ", 500) + `"}`
	if b := bodyOf(t, &mask{}, "application/json", "gzip", gzipped(t, `["sent",`+long+`]`), 100,
		place{request: true}); !b.Cut || b.Text != `["sent",{"a"` {
		t.Errorf("%+v", b)
	}
}

// FuzzMaskers puts a password into every form in which one travels, as a careful and as a careless program writes it.
func FuzzMaskers(f *testing.F) {
	for _, s := range []string{"", `","x":"`, `"`, `\`, `</Password>`, `&`, `&scope=`, `&username=`, `]]>`, `<!--`, `'`,
		"\x00", "\n", `"}`, `{`, `&#65;`, `%41`, strings.Repeat("A", 300), "</Password><Note>", `<![CDATA[`, `","Username":"`,
		`?`, `&client_id=`, " "} {
		f.Add(s, uint16(16<<10))
		f.Add(s, uint16(150))
	}
	f.Fuzz(func(t *testing.T, middle string, limit uint16) {
		if limit == 0 {
			return
		}
		password := canaryHead + middle + canaryTail
		quoted, err := json.Marshal(password)
		if err != nil {
			t.Fatal(err)
		}
		var escaped bytes.Buffer
		if err := xml.EscapeText(&escaped, []byte(password)); err != nil {
			t.Fatal(err)
		}
		m := &mask{}
		m.know(password)
		m.know(strings.ToValidUTF8(password, "\uFFFD"))
		cdata := "<![CDATA[" + strings.ReplaceAll(password, "]]>", "]]]]><![CDATA[>") + "]]>"
		inJSON := []string{string(quoted), `"` + password + `"`}
		inXML := []string{escaped.String(), cdata, password}
		for _, p := range inJSON {
			member := `{"Username":"anna@example.com","Password":` + p + `,"IntegratorKey":"` + maskGUID + `"}`
			refuteCanary(t, "header", maskLegacyHeader(member))
			refuteCanary(t, "header, last", maskLegacyHeader(`{"Username":"anna@example.com","Password":`+p+`}`))
			if p == string(quoted) {
				b := bodyOf(t, m, "application/json", "", []byte(`{"a":1,"currentPassword":`+p+`,"b":[{"apiPassword":`+p+`}]}`),
					int(limit), place{request: true})
				refuteCanary(t, "JSON body", b.Text)
			}
		}
		for i, p := range inXML {
			refuteCanary(t, "XML header",
				maskLegacyHeader(`<DocuSignCredentials><Username>anna@example.com</Username><Password>`+p+`</Password>`+
					`<IntegratorKey>`+maskGUID+`</IntegratorKey></DocuSignCredentials>`))
			if i == 2 && strings.ContainsAny(password, "<") {
				continue // the message is another one then, and the proxy refuses it
			}
			soap := `<s:Envelope xmlns:s="u"><s:Header><w:Security xmlns:w="v"><w:UsernameToken>` +
				`<w:Username>a@b.co</w:Username><w:Password Type="T">` + p + `</w:Password></w:UsernameToken></w:Security>` +
				`</s:Header><s:Body><Login xmlns="n"><Email>a@b.co</Email><Password>` + p + `</Password></Login></s:Body>` +
				`</s:Envelope>`
			refuteCanary(t, "SOAP", bodyOf(t, m, "text/xml", "", []byte(soap), int(limit),
				place{request: true, password: true}).Text)
			refuteCanary(t, "SOAP, nothing known", bodyOf(t, &mask{}, "text/xml", "", []byte(soap), int(limit),
				place{request: true, password: true}).Text)
			refuteCanary(t, "gzip SOAP", bodyOf(t, m, "text/xml", "gzip", gzipped(t, soap), int(limit),
				place{request: true, password: true}).Text)
		}
		for _, p := range []string{password, url.QueryEscape(password), url.PathEscape(password)} {
			form := "grant_type=password&client_id=" + maskGUID + "&username=anna@example.com&password=" + p + "&scope=api"
			refuteCanary(t, "form", bodyOf(t, m, "application/x-www-form-urlencoded", "", []byte(form), int(limit),
				place{request: true, form: true}).Text)
			refuteCanary(t, "form, nothing known", bodyOf(t, &mask{}, "", "", []byte(form), int(limit),
				place{request: true, form: true}).Text)
		}
		for _, f := range m.header(http.Header{"Authorization": {"Bearer " + password, password},
			"X-Docusign-Authentication": {password}, "Cookie": {password}}) {
			refuteCanary(t, f.Name, f.Value)
		}
	})
}

// FuzzMaskBodies holds the readers to what they promise of any text: they come to an end, and JSON stays JSON.
func FuzzMaskBodies(f *testing.F) {
	for _, s := range []string{`{"a":[1,"b",{"password":["x"]}],"c":null}`,
		`<a b="c"><Password>x</Password><!-- y --><![CDATA[z]]></a>`, "a=b&password=c", `{"a":`, `<a`,
		`<?xml version="1.0"?><a/>`, `[]`, `{"name":"token","value":1.5e3}`, "--b\r\n\r\n{}\r\n--b--"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if out, ok := maskJSON(text, false); json.Valid([]byte(text)) && (!ok || !json.Valid([]byte(out))) &&
			strings.Count(text, "[")+strings.Count(text, "{") < maxDepth {
			t.Errorf("%q became %q", text, out)
		}
		for _, contentType := range []string{"", "text/xml", "application/x-www-form-urlencoded",
			"multipart/mixed; boundary=b"} {
			bodyOf(t, &mask{}, contentType, "", []byte(text), 1<<10, place{request: true})
		}
		maskLegacyHeader(text)
	})
}

func refuteCanary(t *testing.T, where, text string) {
	t.Helper()
	if holdsCanary(text) {
		t.Errorf("%s: %q", where, text)
	}
}
