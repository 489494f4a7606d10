package element_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/iotest"

	"docusign-auth-proxy/internal/services"
	"docusign-auth-proxy/internal/spool"
	"docusign-auth-proxy/translate/soap"
	"docusign-auth-proxy/translate/soaprest/element"
	"docusign-auth-proxy/translate/soaprest/fault"
)

const (
	xmlType = "text/xml; charset=utf-8"
	pdf     = "%PDF-1.4\n% sample\n%%EOF\n"
)

func service(t testing.TB, base string) *services.Service {
	t.Helper()
	s := services.ByBase(base)
	if s == nil {
		t.Fatalf("no service %s", base)
	}
	return s
}

// message is an envelope around the content of an operation of api.asmx.
func message(operation, content string) string {
	return `<?xml version="1.0" encoding="utf-8"?><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/" ` +
		`xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soap:Body><` + operation +
		` xmlns="http://www.docusign.net/API/3.0">` + content + `</` + operation + `></soap:Body></soap:Envelope>`
}

func asFault(t *testing.T, err error) *fault.Fault {
	t.Helper()
	f, ok := errors.AsType[*fault.Fault](err)
	if !ok {
		t.Fatalf("%v is no fault", err)
	}
	return f
}

func encode(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

func read(t testing.TB, operation, text string) (*element.Message, error) {
	t.Helper()
	pool := spool.New(t.TempDir(), 1000, 100<<20)
	m, err := element.Read(xmlType, strings.NewReader(text), service(t, "api.asmx"), operation, pool)
	if err != nil && pool.Used() != 0 {
		t.Errorf("%d bytes stay in the pool after %v", pool.Used(), err)
	}
	if m != nil {
		t.Cleanup(func() {
			m.Close()
			if pool.Used() != 0 {
				t.Errorf("%d bytes stay in the pool after Close", pool.Used())
			}
		})
	}
	return m, err
}

// write tells all of an element, a line each.
func write(e *element.Element) string {
	var b strings.Builder
	var tell func(e *element.Element)
	tell = func(e *element.Element) {
		fmt.Fprintf(&b, "%s %q", e.Path, e.Text)
		if len(e.Attributes) > 0 {
			fmt.Fprintf(&b, " %v", e.Attributes)
		}
		if e.Bytes != nil {
			content, err := io.ReadAll(e.Bytes.Reader())
			fmt.Fprintf(&b, " %q %v", content, err)
		}
		b.WriteString("\n")
		for _, c := range e.Children {
			tell(c)
		}
	}
	tell(e)
	return b.String()
}

func TestAMessageBecomesATree(t *testing.T) {
	const text = `
		<Envelope>
			<Subject>A &amp; B<![CDATA[ <c>]]>
&#xE9;</Subject>
			<!-- children in another order than the schema's -->
			<AccountId> 1234567 </AccountId>
			<Documents>
				<Document><ID> 1
					</ID><Name>Contract</Name><PDFBytes>JVBERi0xLjQK
JSBzYW1w&#13;
bGUK<![CDATA[JSVF T0YK]]></PDFBytes></Document>
				<Document><PDFBytes/></Document>
			</Documents>
			<Recipients><Recipient>
				<AccessCode xsi:nil="true"/>
				<RequireIDLookup xsi:type="xsd:boolean" xmlns:xsd="http://www.w3.org/2001/XMLSchema"> true </RequireIDLookup>
				<Type>Signer</Type>
				<RoutingOrder xsi:nil="1">not read</RoutingOrder>
			</Recipient></Recipients>
			<Tabs>
				<Tab><XPosition>1</XPosition></Tab>
				<Tab><AnchorTabItem><XOffset>-1.5</XOffset></AnchorTabItem></Tab>
			</Tabs>
		</Envelope>`
	const want = ` ""
Envelope ""
Envelope/Subject "A & B <c>\né"
Envelope/AccountId " 1234567 "
Envelope/Documents ""
Envelope/Documents/Document[1] ""
Envelope/Documents/Document[1]/ID "1"
Envelope/Documents/Document[1]/Name "Contract"
Envelope/Documents/Document[1]/PDFBytes "" "%PDF-1.4\n% sample\n%%EOF\n" <nil>
Envelope/Documents/Document[2] ""
Envelope/Documents/Document[2]/PDFBytes "" "" <nil>
Envelope/Recipients ""
Envelope/Recipients/Recipient[1] ""
Envelope/Recipients/Recipient[1]/RequireIDLookup "true"
Envelope/Recipients/Recipient[1]/Type "Signer"
Envelope/Tabs ""
Envelope/Tabs/Tab[1] ""
Envelope/Tabs/Tab[1]/XPosition "1"
Envelope/Tabs/Tab[2] ""
Envelope/Tabs/Tab[2]/AnchorTabItem ""
Envelope/Tabs/Tab[2]/AnchorTabItem/XOffset "-1.5"
`
	m, err := read(t, "CreateEnvelope", message("CreateEnvelope", text))
	if err != nil {
		t.Fatal(err)
	}
	if got := write(m.Root); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	recipient := m.Root.At("Envelope", "Recipients", "Recipient")
	if !recipient.True("RequireIDLookup") || recipient.Value("AccessCode") != "" ||
		m.Root.At("Envelope", "None", "None") != nil {
		t.Error("the tree is not found by names")
	}
	if tabs := m.Root.At("Envelope", "Tabs").All("Tab"); len(tabs) != 2 {
		t.Errorf("%d tabs", len(tabs))
	}
}

func TestAttributesAreReadWithAndWithoutAPrefix(t *testing.T) {
	for name, attribute := range map[string]string{
		"bare":      `statusQualifier="Sent"`,
		"qualified": `xmlns:d="http://www.docusign.net/API/3.0" d:statusQualifier="Sent"`,
		"among attributes that say nothing": `xml:lang="en" id="ref1" xsi:type="x" xmlns:u="urn:u" ` +
			`u:statusQualifier="Other" statusQualifier="Sent"`,
	} {
		t.Run(name, func(t *testing.T) {
			m, err := read(t, "RequestStatuses", message("RequestStatuses",
				`<EnvelopeStatusFilter><BeginDateTime `+attribute+`>2026-11-20T10:00:00</BeginDateTime></EnvelopeStatusFilter>`))
			if err != nil {
				t.Fatal(err)
			}
			begin := m.Root.At("EnvelopeStatusFilter", "BeginDateTime")
			if begin.Text != "2026-11-20T10:00:00" || len(begin.Attributes) != 1 ||
				begin.Attributes["statusQualifier"] != "Sent" {
				t.Errorf("%q, %q", begin.Text, begin.Attributes)
			}
		})
	}
}

func TestWhatDoesNotBelongInAMessageIsAFault(t *testing.T) {
	const (
		refused = "cannot be carried out over REST (proxy). Nothing was sent."
		tab     = `<Envelope><Tabs><Tab>%s</Tab></Tabs></Envelope>`
		bytes   = `<Envelope><Documents><Document><PDFBytes>%s</PDFBytes></Document></Documents></Envelope>`
	)
	in := func(where, what string) string { return message("CreateEnvelope", fmt.Sprintf(where, what)) }
	for name, test := range map[string]struct{ text, want string }{
		"an element that the service does not have": {
			in(tab, `<YPositon>1</YPositon>`), "CreateEnvelope: Envelope/Tabs/Tab[1]/YPositon " + refused,
		},
		"an element of another namespace": {
			in(tab, `<YPosition xmlns="urn:other">1</YPosition>`),
			"'YPosition' was expected in namespace 'NS', in CreateEnvelope Envelope/Tabs/Tab[1]/YPosition",
		},
		"an element without a namespace": {
			in(tab, `<YPosition xmlns="">1</YPosition>`), "'YPosition' was expected in namespace",
		},
		"an element in a text": {
			in(tab, `<YPosition>1<b/></YPosition>`), "CreateEnvelope: Envelope/Tabs/Tab[1]/YPosition/b " + refused,
		},
		"an element that comes twice": {
			in(tab, `<YPosition>1</YPosition><YPosition>1</YPosition>`),
			"'YPosition' of namespace 'NS' comes twice, in CreateEnvelope Envelope/Tabs/Tab[1]/YPosition",
		},
		"an element that comes twice, once nil": {
			in(tab, `<YPosition>1</YPosition><YPosition xsi:nil="true"/>`), "comes twice",
		},
		"an element that is nil with an element in it": {
			in(tab, `<AnchorTabItem xsi:nil="true"><Unit>Pixels</Unit></AnchorTabItem>`), "'AnchorTabItem' of namespace " +
				"'NS' is nil and has elements",
		},
		"a reference to another element": {
			in(tab, `<AnchorTabItem href="#ref1"/>`), "CreateEnvelope: Envelope/Tabs/Tab[1]/AnchorTabItem/@href " + refused,
		},
		"text between elements": {
			in(tab, `<YPosition>1</YPosition>x`), "'Tab' of namespace 'NS' has text beside its elements",
		},
		"text in the operation": {
			message("CreateEnvelope", "x"), "'CreateEnvelope' of namespace 'NS' has text beside its elements, in CreateEnvelope.",
		},
		"a word that is none of the enumeration": {
			in(tab, `<Type>signHere</Type>`), "'Type' of namespace 'NS' is no TabTypeCode, in",
		},
		"no number":         {in(tab, `<XPosition>1.5</XPosition>`), "is no nonNegativeInteger, in"},
		"an empty number":   {in(tab, `<XPosition/>`), "is no nonNegativeInteger, in"},
		"no boolean":        {in(tab, `<CustomTabRequired>yes</CustomTabRequired>`), "is no boolean, in"},
		"no decimal":        {in(tab, `<ScaleValue>0,5</ScaleValue>`), "is no decimal, in"},
		"no base64":         {in(bytes, `JVB!`), "'PDFBytes' of namespace 'NS' is no base64Binary, in"},
		"no padding":        {in(bytes, `JVBERi0`), "is no base64Binary, in"},
		"bytes after it":    {in(bytes, `JVBERi0=JVBE`), "is no base64Binary, in"},
		"a bracket":         {in(bytes, `<![CDATA[JVB]]]>`), "is no base64Binary, in"},
		"another character": {in(bytes, `JVB&#233;`), "is no base64Binary, in"},
		"an element in base64": {
			in(bytes, `JVBE<b/>`), "CreateEnvelope: Envelope/Documents/Document[1]/PDFBytes/b " + refused,
		},
		"a reference to a part in a message without parts": {
			in(bytes, `<x:Include xmlns:x="http://www.w3.org/2004/08/xop/include" href="cid:a"/>`),
			"refers to a part that did not come, in",
		},
		"a reference to a part that is none": {
			in(bytes, `<x:Include xmlns:x="http://www.w3.org/2004/08/xop/include" href="https://example.com/"/>`),
			"refers to no part of the message, in",
		},
		"two references to parts": {
			in(bytes, strings.Repeat(`<x:Include xmlns:x="http://www.w3.org/2004/08/xop/include" href="cid:a"/>`, 2)),
			"'Envelope/Documents/Document[1]/PDFBytes' has more than a reference to a part. Nothing was sent.",
		},
		"a reference to a part beside bytes": {
			in(bytes, `JVBE<x:Include xmlns:x="http://www.w3.org/2004/08/xop/include" href="cid:a"/>`),
			"PDFBytes/Include " + refused,
		},
		"no date": {
			message("RequestStatuses", `<EnvelopeStatusFilter><BeginDateTime>2026-11-20</BeginDateTime></EnvelopeStatusFilter>`),
			"is no EnvelopeStatusFilterBeginDateTime, in RequestStatuses EnvelopeStatusFilter/BeginDateTime",
		},
		"another operation": {message("Ping", ``), "'CreateEnvelope' of namespace 'NS' was expected"},
		"a nil operation": {
			strings.Replace(message("CreateEnvelope", ``), ` xmlns="http`, ` xsi:nil="true" xmlns="http`, 1),
			"'CreateEnvelope' is nil",
		},
		"a second operation": {message("CreateEnvelope xmlns=''/><CreateEnvelope", ``), "was expected in 'Body'"},
		"another element in Body": {
			strings.Replace(message("CreateEnvelope", ``), `</soap:Body>`, `<x/></soap:Body>`, 1),
			"'Body' has more than one element",
		},
		"an empty Body": {
			regexp.MustCompile(`<Create.*?/Create\w+>`).ReplaceAllString(message("CreateEnvelope", ``), ``),
			"'Body' has no element",
		},
		"an element after Body": {
			strings.Replace(message("CreateEnvelope", ``), `</soap:Body>`, `</soap:Body><x/>`, 1),
			"'Envelope' has more than its 'Body'",
		},
		"no Body":     {`<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope"/>`, "'Envelope' has no 'Body'"},
		"no Envelope": {`<Envelope/>`, "the root element is not the Envelope of SOAP 1.1 or 1.2"},
		"an unknown section": {
			`<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope"><x/></e:Envelope>`,
			"neither its 'Header' nor its 'Body'",
		},
		"XML that is none":   {in(tab, `<`), "ill-formed XML"},
		"XML that ends":      {strings.TrimSuffix(in(tab, ``), `</soap:Envelope>`), "the message ends inside an element"},
		"nothing":            {``, "ill-formed XML"},
		"an entity":          {in(tab, `<Name>&pdf;</Name>`), "unknown entity"},
		"a document type":    {`<!DOCTYPE a>` + in(tab, ``), "document type declaration"},
		"a text without end": {in(tab, `<Name>`+strings.Repeat("long ", 200_000)+`</Name>`), "too large"},
		"much text": {
			in(tab, strings.Repeat(`<Name>`+strings.Repeat("long ", 50_000)+`</Name></Tab><Tab>`, 20)),
			"more than 4194304 bytes",
		},
		"many elements": {in(tab, strings.Repeat(`</Tab><Tab>`, 50_000)), "more than 50000 elements"},
		"a text of many pieces": {
			in(tab, `<Name>`+strings.Repeat("a<!---->", 500_000)+`<b/></Name>`), "Tab[1]/Name/b " + refused,
		},
	} {
		t.Run(name, func(t *testing.T) {
			operation := "CreateEnvelope"
			if strings.Contains(test.text, "RequestStatuses") {
				operation = "RequestStatuses"
			}
			_, err := read(t, operation, test.text)
			want := strings.ReplaceAll(test.want, "NS", "http://www.docusign.net/API/3.0")
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v\nwant %s", err, want)
			}
			if _, ok := errors.AsType[*soap.Error](err); ok {
				return
			}
			if f := asFault(t, err); !f.Client || !strings.HasSuffix(f.Error(), "Nothing was sent.") {
				t.Errorf("%v", err)
			}
		})
	}
}

// Package proxy tells a program that hangs up from one that sends bad XML.
func TestAMessageThatBreaksOffIsNoFault(t *testing.T) {
	gone := errors.New("gone")
	text := message("CreateEnvelope", `<Envelope><Documents><Document><PDFBytes>`+encode(strings.Repeat(pdf, 10_000))+
		`</PDFBytes></Document></Documents><Subject>s</Subject></Envelope>`)
	pool := spool.New(t.TempDir(), 1000, 10<<20)
	for _, at := range []int{0, 10, 300, 400, 100_000, len(text) - 20, len(text)} {
		r := io.MultiReader(strings.NewReader(text[:at]), iotest.ErrReader(gone))
		if _, err := element.Read(xmlType, r, service(t, "api.asmx"), "CreateEnvelope", pool); err != gone {
			t.Errorf("after %d bytes: %v", at, err)
		}
	}
	if pool.Used() != 0 {
		t.Errorf("%d bytes stay in the pool", pool.Used())
	}
}

func TestOnlyOperationsOfTheServiceAreRead(t *testing.T) {
	_, err := read(t, "Login", message("Login", ""))
	if f := asFault(t, err); !f.Client || !strings.HasPrefix(f.Reason, "Login: cannot be carried out") {
		t.Errorf("%v", err)
	}
}

func TestMessagesInOtherEncodings(t *testing.T) {
	text := message("VoidEnvelope", "<Reason>caf\xe9</Reason>")
	text = strings.Replace(text, "utf-8", "iso-8859-1", 1)
	pool := spool.New(t.TempDir(), 1000, 10<<20)
	m, err := element.Read("text/xml", strings.NewReader(text), service(t, "api.asmx"), "VoidEnvelope", pool)
	if err != nil || m.Root.Value("Reason") != "café" {
		t.Errorf("%v", err)
	}
}

func TestTheDigestIsThatOfWhatWasUnderstood(t *testing.T) {
	const (
		content = `<Envelope><Documents><Document><ID>1</ID><PDFBytes>JVBE</PDFBytes></Document></Documents>` +
			`<Subject>s</Subject></Envelope>`
		header = `<soap:Header><a xmlns="urn:a">b</a></soap:Header>`
	)
	digest := func(text string) [32]byte {
		t.Helper()
		m, err := read(t, "CreateEnvelope", text)
		if err != nil {
			t.Fatal(err)
		}
		return m.Digest
	}
	want := digest(message("CreateEnvelope", content))
	for name, text := range map[string]string{
		"another header":               strings.Replace(message("CreateEnvelope", content), `<soap:B`, header+`<soap:B`, 1),
		"white space between elements": message("CreateEnvelope", strings.ReplaceAll(content, `><`, ">\n <")),
		"white space in base64":        message("CreateEnvelope", strings.Replace(content, `JVBE`, "JV\nBE\n", 1)),
	} {
		if digest(text) != want {
			t.Errorf("%s changes the digest", name)
		}
	}
	for name, change := range map[string][2]string{
		"another document":        {`JVBE`, `JVBF`},
		"another text":            {`>s<`, `>t<`},
		"no text":                 {`>s<`, `><`},
		"a text somewhere else":   {`<Subject>s</Subject>`, `<EmailBlurb>s</EmailBlurb>`},
		"an element more":         {`</Envelope>`, `<EmailBlurb/></Envelope>`},
		"an element less":         {`<ID>1</ID>`, ``},
		"another order":           {`<ID>1</ID><PDFBytes>JVBE</PDFBytes>`, `<PDFBytes>JVBE</PDFBytes><ID>1</ID>`},
		"an element further down": {`</Document></Documents>`, `<Name>x</Name></Document></Documents>`},
	} {
		changed := strings.Replace(content, change[0], change[1], 1)
		if changed == content {
			t.Errorf("%s: nothing changed", name)
		}
		if digest(message("CreateEnvelope", changed)) == want {
			t.Errorf("%s does not change the digest", name)
		}
	}
}

// The samples and captures are not part of this repository.
const shared = "../../../../shared/docusign/"

func TestTheSamplesAreRead(t *testing.T) {
	files, err := filepath.Glob(shared + "soap-rest/*.soap-request.xml")
	if err != nil || len(files) == 0 {
		t.Skipf("the samples are not beside this repository: %v", err)
	}
	if len(files) != 22 {
		t.Errorf("%d samples", len(files))
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			base := regexp.MustCompile(`service=(\w+)`).FindSubmatch(text)
			operation := regexp.MustCompile(`<soap:Body>\s*<(\w+)`).FindSubmatch(text)
			if base == nil || operation == nil {
				t.Fatal("no service or operation")
			}
			readWhole(t, string(base[1])+".asmx", string(operation[1]), xmlType, text)
		})
	}
}

func TestTheCapturesAreRead(t *testing.T) {
	files, err := filepath.Glob(shared + "captures/*/*asmx*.http")
	if err != nil || len(files) == 0 {
		t.Skipf("the captures are not beside this repository: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		head, body, _ := bytes.Cut(text, []byte("\r\n\r\n"))
		base := regexp.MustCompile(`(?i)/(\w+\.asmx) HTTP`).FindSubmatch(head)
		operation := regexp.MustCompile(`Body><(?:\w+:)?(\w+)`).FindSubmatch(body)
		if base == nil || operation == nil || bytes.Contains(head, []byte("chunked")) {
			t.Logf("%s is in a coding that is undone before", file)
			continue
		}
		t.Run(filepath.Base(file), func(t *testing.T) {
			readWhole(t, strings.ToLower(string(base[1])), string(operation[1]), xmlType, body)
		})
	}
}

// readWhole reads a message and holds its tree against the texts that a general reader finds.
func readWhole(t *testing.T, base, operation, contentType string, text []byte) {
	t.Helper()
	pool := spool.New(t.TempDir(), 1000, 10<<20)
	m, err := element.Read(contentType, bytes.NewReader(text), service(t, base), operation, pool)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if m.Root.Name != operation {
		t.Errorf("root %s", m.Root.Name)
	}
	_, content, _ := bytes.Cut(text, []byte("Body>"))
	var count func(e *element.Element) int
	count = func(e *element.Element) int {
		n := 1
		for _, c := range e.Children {
			n += count(c)
		}
		return n
	}
	tags := len(regexp.MustCompile(`<[A-Za-z]`).FindAll(content, -1)) - bytes.Count(content, []byte(`nil="true"`))
	if got := count(m.Root); got != tags {
		t.Errorf("%d elements, want %d", got, tags)
	}
}
