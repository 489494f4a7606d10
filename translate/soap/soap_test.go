package soap_test

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/internal/services"
	"docusign-auth-proxy/translate/soap"
)

func TestTheEncodingFollowsMarkThenParameterThenDeclaration(t *testing.T) {
	for name, c := range map[string]struct{ charset, prefix, text, want string }{
		"nothing said means UTF-8":                          {"", "", "é", "é"},
		"the declaration counts when there is nothing else": {"", `<?xml version="1.0" encoding="ISO-8859-1"?>`, "\xe9", "é"},
		"the parameter overrides the declaration": {
			"iso-8859-1", `<?xml version="1.0" encoding="utf-8"?>`, "\xe9", "é",
		},
		"a quoted parameter": {`"UTF-8"`, `<?xml version="1.0" encoding="utf-16"?>`, "é", "é"},
		"the mark overrides parameter and declaration": {
			"iso-8859-1", "\ufeff" + `<?xml version="1.0" encoding="iso-8859-1"?>`, "é", "é",
		},
		"windows-1252 has letters where ISO-8859-1 has none": {"windows-1252", "", "\x80\x9c\xe9", "€œé"},
		"US-ASCII with a character reference":                {"us-ascii", "", "&#233;", "é"},
		"a standalone declaration in single quotes with blanks": {
			"", "<?xml version = '1.0'  encoding='UTF-8' standalone='no' ?>\r\n", "é", "é",
		},
	} {
		t.Run(name, func(t *testing.T) {
			e, err := soap.ReadMessage(
				"text/xml; charset="+c.charset, "", strings.NewReader(c.prefix+password(c.text)), soap.Options{})
			must(t, err)
			if got := e.Token.Password.Reveal(); got != c.want {
				t.Errorf("the password reads %q, want %q", got, c.want)
			}
		})
	}
	if _, err := soap.ReadMessage(
		"text/xml; charset=ebcdic", "", strings.NewReader(security(token)), soap.Options{},
	); !errors.Is(err, soap.KindEncoding) {
		t.Errorf("an unknown parameter gives %v", err)
	}
}

func TestTheMessageIDIsReadSoThatTheAnswerCanNameIt(t *testing.T) {
	const addressing = `xmlns:a="http://www.w3.org/2005/08/addressing"`
	long := strings.Repeat("1", 1024)
	for name, c := range map[string]struct{ header, want string }{
		"of WCF": {`<a:MessageID ` + addressing + `> urn:uuid:1 </a:MessageID>`, "urn:uuid:1"},
		"of WSE, with references": {
			`<MessageID xmlns="http://schemas.xmlsoap.org/ws/2004/08/addressing">a&amp;&#60;<![CDATA[b]]></MessageID>`, "a&<b",
		},
		"of somebody else":          {`<MessageID xmlns="urn:x">1</MessageID>`, ""},
		"below another header":      {`<x><a:MessageID ` + addressing + `>1</a:MessageID></x>`, ""},
		"the first of two":          {strings.Repeat(`<a:MessageID `+addressing+`>1</a:MessageID>`, 2), "1"},
		"an empty one":              {`<a:MessageID ` + addressing + `/>`, ""},
		"the longest":               {`<a:MessageID ` + addressing + `>` + long + `</a:MessageID>`, long},
		"one too long to be echoed": {`<a:MessageID ` + addressing + `>` + long + `1</a:MessageID>`, ""},
		"none":                      {"", ""},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := read(strings.NewReader(envelope(c.header+"<o:Security>"+token+"</o:Security>", "")), soap.Options{})
			must(t, err)
			if m.MessageID != c.want || !m.Token.HasUsername {
				t.Errorf("it reads %q", m.MessageID)
			}
		})
	}
}

func TestUTF16IsConvertedWholeOrRefused(t *testing.T) {
	wide := func(s string) string {
		var b strings.Builder
		for _, r := range s {
			b.WriteByte(byte(r))
			b.WriteByte(byte(r >> 8))
		}
		return b.String()
	}
	e, err := soap.ReadMessage("text/xml; charset=utf-16", "", strings.NewReader(wide(security(token))), soap.Options{})
	must(t, err)
	for came, want := range map[string]string{
		`text/xml; charset=utf-16`:                           `text/xml; charset=utf-8`,
		`text/xml; x="; charset=a"; Charset="UTF-16" ;y=z`:   `text/xml; x="; charset=a"; Charset=utf-8 ;y=z`,
		`application/soap+xml; action="a\";charset=b"`:       `application/soap+xml; action="a\";charset=b"; charset=utf-8`,
		`application/soap+xml;charset=utf-16;action="urn:x"`: `application/soap+xml;charset=utf-8;action="urn:x"`,
	} {
		if got := e.ContentType(came); got != want {
			t.Errorf("%s becomes %s", came, got)
		}
	}
	long := wide(envelope("<o:Security>"+token+"</o:Security>", "<x>"+strings.Repeat("y", soap.DefaultMaxHeader)+"</x>"))
	e, err = read(strings.NewReader(long), soap.Options{})
	if !errors.Is(err, soap.KindTooLarge) {
		t.Fatalf("a long message in UTF-16 gives %v", err)
	}
	refused(t, e, err, long)
}

func TestOnlyTheHeaderRegionCountsAgainstItsBound(t *testing.T) {
	body := "<x>" + strings.Repeat("y", 100000) + "</x>"
	for _, limit := range []int{1000, 4096, 20000} {
		e, err := read(
			iotest.HalfReader(strings.NewReader(envelope("<o:Security>"+token+"</o:Security>", body))),
			soap.Options{MaxHeader: limit},
		)
		must(t, err)
		must(t, e.RemoveToken())
		if out, err := io.ReadAll(e.Reader()); err != nil || string(out) != envelope("", body) {
			t.Errorf("with a bound of %d bytes: %d bytes, %v", limit, len(out), err)
		}
	}
}

// Anybody may send such a message: what it costs must not grow with the square of its pieces.
func TestATextInManyPiecesCostsWhatItsSizeCosts(t *testing.T) {
	name := strings.Repeat("a<!---->", 30000)
	message := security("<o:UsernameToken><o:Username>" + name + "</o:Username></o:UsernameToken>")
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	e, err := read(strings.NewReader(message), soap.Options{})
	runtime.ReadMemStats(&after)
	must(t, err)
	if spent := after.TotalAlloc - before.TotalAlloc; len(e.Token.Username) != 30000 || spent > 8<<20 {
		t.Errorf("%d bytes of memory for a message of %d", spent, len(message))
	}
}

func TestACompleteMessageCanBeReadTwice(t *testing.T) {
	e, err := read(strings.NewReader(security(token)), soap.Options{})
	must(t, err)
	must(t, e.Token.SetUsername("bob"))
	first, second := e.Reader(), e.Reader()
	must(t, e.RemoveToken())
	want := strings.Replace(security(token), "anna", "bob", 1)
	for _, r := range []io.Reader{first, second} {
		if out, err := io.ReadAll(iotest.OneByteReader(r)); err != nil || string(out) != want {
			t.Errorf("got %s, %v", out, err)
		}
	}
}

func TestReadingsAreWhatTheClientMayHaveMeant(t *testing.T) {
	e, err := read(strings.NewReader(password("\n a&amp;b ")), soap.Options{})
	must(t, err)
	var got []string
	for _, r := range e.Token.Readings() {
		got = append(got, r.Reveal())
	}
	if strings.Join(got, "|") != "\n a&b |a&b|\n a&amp;b " {
		t.Errorf("got %q", got)
	}
}

func credential(operation, children string) string {
	return `<s:Envelope xmlns:s="` + soap.NamespaceSOAP12 + `"><s:Body><` + operation + ` xmlns="` + namespaceCredential +
		`">` + children + `</` + operation + `></s:Body></s:Envelope>`
}

func TestTheFourOperationsOfTheCredentialService(t *testing.T) {
	const who = "<Email>[K]anna</Email><Password>p</Password>"
	for operation, c := range map[string]struct {
		children string
		check    func(*soap.CredentialBody) bool
	}{
		"Login": {who +
			"<ReturnBaseUrl> 1 </ReturnBaseUrl>", func(c *soap.CredentialBody) bool { return c.True("ReturnBaseUrl") }},
		"GetAuthenticationToken": {who +
			"<AccountID>a</AccountID><GoToEnvelopeID>g</GoToEnvelopeID>",
			func(c *soap.CredentialBody) bool {
				return c.Text("AccountID") == "a" && c.Text("GoToEnvelopeID") == "g"
			}},
		"RequestSenderToken": {"<ReturnURL>http://x?a&amp;b</ReturnURL>" + who +
			"<EnvelopeID>e</EnvelopeID><AccountID/>", func(c *soap.CredentialBody) bool {
			return c.Text("ReturnURL") == "http://x?a&b" && c.Text("EnvelopeID") == "e" && c.Text("AccountID") == ""
		}},
		"RequestCorrectToken": {who +
			"<SuppressNavigation>true</SuppressNavigation><New>ignored</New>",
			func(c *soap.CredentialBody) bool { return c.True("SuppressNavigation") }},
	} {
		message := credential(operation, c.children)
		e, err := read(iotest.OneByteReader(strings.NewReader(message)), soap.Options{Credential: true})
		must(t, err)
		if b := e.Credential; e.Operation != (soap.Name{
			Namespace: namespaceCredential, Local: operation,
		}) || b.Username != "[K]anna" || b.Password.Reveal() != "p" || !c.check(b) {
			t.Errorf("%s is read as %v, %+v", operation, e.Operation, b)
		}
		must(t, e.Credential.SetUsername("bob"))
		must(t, e.Credential.SetPassword(secret.New("<q>")))
		want := strings.Replace(strings.Replace(message, "[K]anna", "bob", 1), "<Password>p", "<Password>&lt;q&gt;", 1)
		if out, err := io.ReadAll(e.Reader()); err != nil || string(out) != want ||
			int64(len(want)-len(message)) != e.Delta() {
			t.Errorf("%s becomes %s, %v", operation, out, err)
		}
	}
}

func TestACredentialBodyThatIsNotUnderstoodIsRefused(t *testing.T) {
	const who = "<Email>anna</Email><Password>" + canary + "</Password>"
	for name, c := range map[string]struct {
		message string
		kind    soap.Kind
	}{
		"two passwords":  {credential("Login", who+"<Password>x</Password>"), soap.KindAmbiguous},
		"two operations": {strings.Replace(credential("Login", who), "</s:Body>", "<x/></s:Body>", 1), soap.KindAmbiguous},
		"a password in another namespace": {
			credential("Login", `<Password xmlns="">`+canary+`</Password>`), soap.KindMisplaced,
		},
		"a password deeper down": {credential("Login", "<x>"+who+"</x>"), soap.KindMisplaced},
		"a password after the Body": {
			strings.Replace(credential("Login", ""), "</s:Body>", "</s:Body><x>"+who+"</x>", 1), soap.KindMisplaced,
		},
		"an element in the password":        {credential("Login", "<Password>"+canary+"<x/></Password>"), soap.KindToken},
		"an unescaped ampersand at the end": {credential("Login", who+"<ReturnURL>?a&b</ReturnURL>"), soap.KindIllFormed},
		"an end that is missing": {
			strings.TrimSuffix(credential("Login", who), "</s:Envelope>"), soap.KindIllFormed,
		},
		"text after the envelope": {credential("Login", who) + "x", soap.KindIllFormed},
		"more than the bound": {
			credential("Login", who+"<x>"+strings.Repeat("y", soap.MaxBody)+"</x>"), soap.KindTooLarge,
		},
	} {
		t.Run(name, func(t *testing.T) {
			e, err := read(strings.NewReader(c.message), soap.Options{Credential: true})
			if !errors.Is(err, c.kind) {
				t.Fatalf("got %v, want %v", err, c.kind)
			}
			refused(t, e, err, c.message)
		})
	}
	e, err := read(
		strings.NewReader(`<s:Envelope xmlns:s="`+soap.NamespaceSOAP11+`"><s:Body/></s:Envelope>`),
		soap.Options{Credential: true},
	)
	if err != nil || e.Credential != nil {
		t.Errorf("an empty Body gives %+v, %v", e, err)
	}
}

func TestATimestampIsInsertedIntoAnAnswerThatHasNoSecurityHeader(t *testing.T) {
	at := time.Date(2026, 11, 22, 11, 0, 0, 0, time.FixedZone("", 3600))
	block := `<wsse:Security xmlns:wsse="` + wsse + `" xmlns:wsu="` + wsu +
		`"><wsu:Timestamp wsu:Id="Timestamp-0"><wsu:Created>2026-11-22T10:00:00.000Z</wsu:Created>` +
		`<wsu:Expires>2026-11-22T10:05:00.000Z</wsu:Expires></wsu:Timestamp></wsse:Security>`
	long := strings.Repeat("JVBERi0x", 8<<10)
	for name, c := range map[string]struct{ before, marker, after string }{
		"no Header": {
			`<?xml version="1.0"?><soap:Envelope xmlns:soap="` + soap.NamespaceSOAP11 + `">`, `<soap:Header>*</soap:Header>`,
			`<soap:Body><r>` + long + `</r></soap:Body></soap:Envelope>`,
		},
		"no Header, no prefix": {
			`<Envelope xmlns="` + soap.NamespaceSOAP12 + `"> `, `<Header>*</Header>`, `<Body/></Envelope>`,
		},
		"an empty Header": {
			`<S:Envelope xmlns:S="` + soap.NamespaceSOAP11 + `"><S:Header>`, `*`, `</S:Header><S:Body/></S:Envelope>`,
		},
		"a Header with something in it": {
			`<S:Envelope xmlns:S="` + soap.NamespaceSOAP11 + `"><S:Header a=''>`, `*`, ` <x/></S:Header><S:Body/></S:Envelope>`,
		},
		"a Security header of its own": {
			`<S:Envelope xmlns:S="` + soap.NamespaceSOAP11 + `" xmlns:o="` + wsse + `"><S:Header>`, ``,
			`<o:Security/></S:Header><S:Body/></S:Envelope>`,
		},
		"a body this package would not take from a client": {
			`<S:Envelope xmlns:S="` + soap.NamespaceSOAP11 + `"><S:Header>`, `*`, `</S:Header><S:Body><x></S:Body>`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			message := c.before + c.after
			e, err := soap.InsertSecurityTimestamp(
				iotest.HalfReader(strings.NewReader(message)), at,
			)
			must(t, err)
			want := c.before + strings.Replace(c.marker, "*", block, 1) + c.after
			if out, err := io.ReadAll(e.Reader()); err != nil || string(out) != want ||
				e.Delta() != int64(len(want)-len(message)) {
				t.Errorf("got %s, %v", out, err)
			}
		})
	}
	self := `<S:Envelope xmlns:S="` + soap.NamespaceSOAP11 + `"><S:Header /><S:Body/></S:Envelope>`
	e, err := soap.InsertSecurityTimestamp(strings.NewReader(self), at)
	must(t, err)
	if out, err := io.ReadAll(e.Reader()); err != nil ||
		string(out) != strings.Replace(self, "<S:Header />", "<S:Header >"+block+"</S:Header>", 1) {
		t.Errorf("got %s, %v", out, err)
	}
	e, err = soap.InsertSecurityTimestamp(strings.NewReader("<html>x"), at)
	if !errors.Is(err, soap.KindNotSOAP) {
		t.Fatalf("a page gives %v", err)
	}
	if out, err := io.ReadAll(e.Original()); err != nil || string(out) != "<html>x" {
		t.Errorf("got %s, %v", out, err)
	}
}

func TestATokenIsInsertedWhereSecurityIs(t *testing.T) {
	const wsse = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
	inserted := `<wsse:UsernameToken xmlns:wsse="` + wsse +
		`"><wsse:Username>[k]a&amp;b</wsse:Username><wsse:Password Type="` +
		`http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordText">` +
		`&lt;p&gt;</wsse:Password></wsse:UsernameToken>`
	block := `<wsse:Security xmlns:wsse="` + wsse + `">` + inserted + `</wsse:Security>`
	for name, c := range map[string]struct{ before, after string }{
		"no Header": {
			`<e:Envelope xmlns:e="` + soap.NamespaceSOAP11 + `"><e:Body/></e:Envelope>`,
			`<e:Header>` + block + `</e:Header><e:Body/>`,
		},
		"an empty Header": {
			`<e:Envelope xmlns:e="` + soap.NamespaceSOAP12 + `"><e:Header/><e:Body/></e:Envelope>`,
			`<e:Header>` + block + `</e:Header><e:Body/>`,
		},
		"another block": {envelope("<x/>", "<y/>"), block + "<x/>"},
		"a Security header": {
			envelope("<o:Security><x/></o:Security>", "<y/>"), "<o:Security>" + inserted + "<x/></o:Security>",
		},
		"an empty Security": {envelope("<o:Security/>", "<y/>"), "<o:Security>" + inserted + "</o:Security>"},
		"a block of its own name": {
			envelope(`<a:Login xmlns:a="urn:a"><a:Password>x</a:Password></a:Login>`, "<y/>"),
			block + `<a:Login xmlns:a="urn:a"><a:Password>x</a:Password></a:Login>`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			e, err := read(strings.NewReader(c.before), soap.Options{})
			must(t, err)
			must(t, e.InsertToken("[k]a&b", secret.New("<p>")))
			out, err := io.ReadAll(e.Reader())
			must(t, err)
			if !strings.Contains(string(out), c.after) || int64(len(out)-len(c.before)) != e.Delta() {
				t.Errorf("got %s, want %s in it", out, c.after)
			}
			again, err := read(bytes.NewReader(out), soap.Options{})
			must(t, err)
			if again.Token == nil || again.Token.Username != "[k]a&b" || again.Token.Password.Reveal() != "<p>" {
				t.Errorf("reads back as %+v", again.Token)
			}
		})
	}
}

// wsdl is that of a service at its place in the demo environment.
func wsdl(t testing.TB, service *services.Service) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := service.WriteWSDL(&b, "https://demo.docusign.net"+service.Path); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestAddressesInTheServicesWSDLsAreRewrittenAndNothingElse(t *testing.T) {
	for _, service := range services.All() {
		src := wsdl(t, service)
		var seen []string
		got, err := soap.RewriteWSDL(bytes.Clone(src), func(url string) string {
			seen = append(seen, url)
			return strings.Replace(url, "https://demo.docusign.net", "http://127.0.0.1:8080", 1)
		})
		must(t, err)
		want := bytes.ReplaceAll(
			src, []byte(`location="https://demo.docusign.net`), []byte(`location="http://127.0.0.1:8080`),
		)
		if !bytes.Equal(got, want) || bytes.Equal(got, src) || len(seen) != 2 {
			t.Errorf("%s: addresses %q, changed wrongly", service.Path, seen)
		}
	}
}

func TestAddressesAreFoundByNamespace(t *testing.T) {
	const wsdl = "http://schemas.xmlsoap.org/wsdl/"
	const soap11, soap12, http = wsdl + "soap/", wsdl + "soap12/", wsdl + "http/"
	src := `<?xml version='1.0' encoding='iso-8859-1'?><w:definitions` +
		` xmlns:w="http://schemas.xmlsoap.org/wsdl/" xmlns:s="http://www.w3.org/2001/XMLSchema">` +
		"<!-- \xe9 <address location='U'/> -->" +
		`<w:import namespace="U" location="U"/><s:import schemaLocation='U' location="U"/><s:include schemaLocation="U"/>` +
		`<s:redefine schemaLocation="U"/><s:element location="U"/>` +
		`<address xmlns="` + soap11 + `" location='U?a&amp;b'/><x:address xmlns:x="` + soap12 +
		`" x:location="U" location="U" ></x:address><h:address xmlns:h="` + http +
		`" location="U"/><address location="U"/></w:definitions>`
	got, err := soap.RewriteWSDL([]byte(src), func(url string) string { return strings.Replace(url, "U", `é"'<€`, 1) })
	must(t, err)
	const changed = "\xe9&quot;&apos;&lt;&#8364;"
	want := src
	for _, found := range []string{
		` location="U"/><s:import schemaLocation='U`, `"/><s:include schemaLocation="U`, `<s:redefine schemaLocation="U`,
		`location='U?a&amp;b`, ` location="U" >`, `xmlns:h="` + http + `" location="U`,
	} {
		replaced := strings.NewReplacer(`include schemaLocation="U`, `include schemaLocation="`+changed, ` location="U"/>`+
			`<s:import schemaLocation='U`, ` location="`+changed+`"/><s:import schemaLocation='`+changed,
			`redefine schemaLocation="U`, `redefine schemaLocation="`+changed, `'U?a&amp;b`, `'`+changed+`?a&amp;b`,
			` location="U" >`, ` location="`+changed+`" >`,
			`" location="U`, `" location="`+changed).Replace(found)
		want = strings.Replace(want, found, replaced, 1)
	}
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	for _, bad := range []string{"", "<a>", "<!DOCTYPE a><a/>", "\xff\xfe<\x00a\x00/\x00>\x00"} {
		if _, err := soap.RewriteWSDL([]byte(bad), strings.ToUpper); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

func compressed(t *testing.T, s string, writer func(io.Writer) io.WriteCloser) []byte {
	t.Helper()
	var b bytes.Buffer
	w := writer(&b)
	_, err := io.WriteString(w, s)
	must(t, err)
	must(t, w.Close())
	return b.Bytes()
}

func zip(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }

func TestCompressedBodiesAreDecodedWithinBounds(t *testing.T) {
	raw := func(w io.Writer) io.WriteCloser {
		f, err := flate.NewWriter(w, 9)
		must(t, err)
		return f
	}
	message := security(token)
	for coding, body := range map[string][]byte{
		"GZip": compressed(t, message, zip), "x-gzip": compressed(t, message, zip), "identity": []byte(message),
		"":          []byte(message),
		"deflate":   compressed(t, message, func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) }),
		" deflate ": compressed(t, message, raw),
	} {
		m, err := soap.ReadMessage("text/xml", coding, iotest.OneByteReader(bytes.NewReader(body)), soap.Options{})
		if err != nil {
			t.Errorf("%q: %v", coding, err)
			continue
		}
		if out, err := io.ReadAll(m.Reader()); err != nil || string(out) != message || m.Decoded != (len(coding) > 0 &&
			coding != "identity") {
			t.Errorf("%q: %s, %v, decoded=%v", coding, out, err, m.Decoded)
		}
	}
	bomb := envelope("", "<x>"+strings.Repeat("y", 4<<20)+"</x>")
	zipped := compressed(t, bomb, zip)
	long := envelope("", "<x>"+strings.Repeat("y", 64<<20)+"</x>")
	stored := func(w io.Writer) io.WriteCloser {
		z, err := gzip.NewWriterLevel(w, gzip.NoCompression)
		must(t, err)
		return z
	}
	for name, c := range map[string]struct {
		coding string
		body   []byte
	}{
		"an unknown coding":           {"br", zipped},
		"two codings":                 {"gzip, gzip", zipped},
		"no gzip at all":              {"gzip", []byte(message)},
		"a body that breaks off":      {"gzip", compressed(t, message, zip)[:100]},
		"nothing":                     {"gzip", nil},
		"more than plausible":         {"gzip", zipped},
		"more than the bound in size": {"gzip", compressed(t, long, stored)},
	} {
		m, err := soap.ReadMessage("text/xml", c.coding, bytes.NewReader(c.body), soap.Options{})
		if err == nil {
			_, err = io.Copy(io.Discard, m.Reader())
		}
		if !errors.Is(err, soap.KindCompression) {
			t.Errorf("%s gives %v", name, err)
		}
	}
	m, err := soap.ReadMessage("text/xml", "br", strings.NewReader("anything"), soap.Options{})
	if out, failure := io.ReadAll(m.Original()); err == nil || failure != nil || string(out) != "anything" || m.Decoded {
		t.Errorf("a body of unknown coding passes as %q, %v", out, failure)
	}
	m, err = soap.ReadMessage(
		"multipart/related; boundary=b", "gzip", bytes.NewReader(compressed(t, "--b--", zip)), soap.Options{})
	if out, failure := io.ReadAll(m.Original()); err == nil || failure != nil || string(out) != "--b--" || !m.Decoded {
		t.Errorf("a compressed message without a root part passes as %q, %v, decoded=%v", out, failure, m.Decoded)
	}
	broken := errors.New("broken")
	if _, err := soap.ReadMessage(
		"text/xml", "gzip", io.MultiReader(bytes.NewReader(zipped[:50]), iotest.ErrReader(broken)), soap.Options{},
	); !errors.Is(err, broken) {
		t.Errorf("a failing connection gives %v", err)
	}
}

func TestMultipartMessagesThatCannotBeEditedAreRefused(t *testing.T) {
	const related = "multipart/related; boundary=b"
	part := func(header string) string { return "--b\r\n" + header + "\r\n\r\n" + security(token) + "\r\n--b--" }
	for name, c := range map[string]struct {
		contentType, body string
		kind              soap.Kind
	}{
		"form data":   {"multipart/form-data; boundary=b", part("Content-Type: text/xml"), soap.KindMultipart},
		"no boundary": {"multipart/related", part("Content-Type: text/xml"), soap.KindMultipart},
		"no part":     {related, "--b--", soap.KindMultipart},
		"a root part in base64": {
			related, part("Content-Type: text/xml\r\nContent-Transfer-Encoding: base64"), soap.KindMultipart,
		},
		"a root part in quoted-printable": {
			related, part("Content-Type: text/xml\r\nContent-Transfer-Encoding: Quoted-Printable"), soap.KindMultipart,
		},
		"a root part that is no XML": {related, part("Content-Type: application/pdf"), soap.KindMultipart},
		"a root part without type":   {related, part("Content-ID: <a>"), soap.KindMultipart},
		"a start that does not exist": {
			related + `; start="<z>"`, part("Content-Type: text/xml\r\nContent-ID: <a>"), soap.KindMultipart,
		},
		"a header twice":        {related, part("Content-Type: text/xml\r\nContent-type: text/xml"), soap.KindAmbiguous},
		"a length that is none": {related, part("Content-Type: text/xml\r\nContent-Length: -1"), soap.KindMultipart},
		"a malformed header":    {related, part("Content-Type"), soap.KindMultipart},
		"too many headers": {
			related, part(strings.Repeat("a: b\r\n", 70) + "Content-Type: text/xml"), soap.KindTooComplex,
		},
		"a root part without end": {
			related, strings.TrimSuffix(part("Content-Type: text/xml"), "\r\n--b--"), soap.KindMultipart,
		},
		"a root part too far in": {
			related, strings.Repeat("x", soap.DefaultMaxHeader) + "\n" + part("Content-Type: text/xml"), soap.KindTooLarge,
		},
		"a root part in UTF-16": {related, part("Content-Type: text/xml; charset=utf-16"), soap.KindIllFormed},
		"an envelope in UTF-16": {
			related,
			"--b\nContent-Type: text/xml\n\n\xff\xfe" + strings.ReplaceAll(
				strings.Join(strings.Split(security(token), ""), "\x00")+"\x00", "\x00\x00", "\x00",
			) + "\n--b--",
			soap.KindEncoding,
		},
		"an envelope with a mistake": {
			related, strings.Replace(part("Content-Type: text/xml"), "</o:Security>", "", 1), soap.KindIllFormed,
		},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := soap.ReadMessage(c.contentType, "", iotest.HalfReader(strings.NewReader(c.body)), soap.Options{})
			if !errors.Is(err, c.kind) {
				t.Fatalf("got %v, want %v", err, c.kind)
			}
			if out, failure := io.ReadAll(m.Reader()); len(out) > 0 || !errors.Is(failure, c.kind) {
				t.Errorf("Reader gives %q, %v", out, failure)
			}
			if out, failure := io.ReadAll(m.Original()); failure != nil || string(out) != c.body {
				t.Errorf("Original gives %q, %v", out, failure)
			}
		})
	}
}

func TestALongRootPartAndLongOtherPartsStream(t *testing.T) {
	long := strings.Repeat("JVBERi0x\n--\r\n--b-\r\n--bb\n", 8<<10)
	head := "\r\n--b\t \r\nContent-Type: application/xop+xml; type=\"text/xml\"\r\nContent-Length: 999\r\n\r\n"
	tail := "\r\n--b\r\n\r\n" + long + "\n--b--\r\n"
	body := "<x>" + strings.ReplaceAll(long, "--b-", "--c-") + "</x>"
	message := head + envelope("<o:Security>"+token+"</o:Security>", body) + tail
	for way, chunk := range chunkings {
		m, err := soap.ReadMessage(
			`multipart/related; boundary="b"; type="application/xop+xml"`, "", chunk(strings.NewReader(message)), soap.Options{},
		)
		must(t, err)
		must(t, m.RemoveToken())
		want := strings.Replace(head, "999", "784", 1) + envelope("", body) + tail
		size := 999 - (len("<o:Security>"+token) + len("</o:Security>"))
		want = strings.Replace(want, "784", itoa(size), 1)
		delta := m.Delta()
		out, err := io.ReadAll(m.Reader())
		if err != nil || string(out) != want || delta != int64(len(want)-len(message)) {
			t.Errorf("%s: %d bytes instead of %d, %v", way, len(out), len(want), err)
		}
		if m.ContentType("x") != "x" {
			t.Errorf("%s: renamed", way)
		}
	}
}

func itoa(n int) string {
	return string([]byte{byte('0' + n/100), byte('0' + n/10%10), byte('0' + n%10)})
}

// big is an envelope with a document of 30 MB.
func big() []byte {
	return []byte(envelope(
		"<o:Security>"+token+"</o:Security>",
		`<CreateAndSendEnvelope xmlns="`+namespaceAPI+`">`+
			`<PDFBytes>`+strings.Repeat("JVBERi0x", 30<<20/8)+"</PDFBytes></CreateAndSendEnvelope>",
	))
}

func BenchmarkEnvelope30MB(b *testing.B) {
	message := big()
	block := make([]byte, 32<<10)
	b.SetBytes(int64(len(message)))
	b.ReportAllocs()
	for b.Loop() {
		e, err := read(bytes.NewReader(message), soap.Options{})
		if err != nil || e.RemoveToken() != nil {
			b.Fatal(err)
		}
		if _, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, e.Reader(), block); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCopy30MB is the yardstick: the same bytes through the same block without this package.
func BenchmarkCopy30MB(b *testing.B) {
	message := big()
	block := make([]byte, 32<<10)
	b.SetBytes(int64(len(message)))
	for b.Loop() {
		if _, err := io.CopyBuffer(
			struct{ io.Writer }{io.Discard}, struct{ io.Reader }{bytes.NewReader(message)}, block,
		); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkHeaderOnly(b *testing.B) {
	message := load(b, "testdata/shapes/wse.xml")
	source := bytes.NewReader(message)
	b.SetBytes(int64(len(message)))
	b.ReportAllocs()
	for b.Loop() {
		source.Reset(message)
		e, err := read(source, soap.Options{})
		if err != nil || e.RemoveToken() != nil {
			b.Fatal(err)
		}
	}
}

// A program may need long for the attachments, and has that time only once its credential is proven.
func TestTheAttachmentsAreNotWaitedFor(t *testing.T) {
	head := "--b\r\nContent-Type: text/xml\r\n\r\n" + security(token) + "\r\n--b\r\n"
	next := "Content-Type: application/pdf\r\nContent-Transfer-Encoding: binary\r\nContent-ID: <contract@example.com>\r\n" +
		"Content-Disposition: attachment\r\n\r\n"
	waited := iotest.ErrReader(errors.New("more is waited for"))
	m, err := soap.ReadMessage("multipart/related; boundary=b", "",
		io.MultiReader(strings.NewReader(head+next), waited), soap.Options{})
	if err != nil || m.Token == nil {
		t.Errorf("%+v, %v", m, err)
	}
}
