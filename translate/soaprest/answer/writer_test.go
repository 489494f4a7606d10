package answer_test

import (
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"docusign-auth-proxy/internal/services"
	"docusign-auth-proxy/internal/services/servicestest"
	"docusign-auth-proxy/internal/spool"
	"docusign-auth-proxy/translate/soaprest/answer"
	"docusign-auth-proxy/translate/soaprest/element"
	"docusign-auth-proxy/translate/soaprest/fault"
)

var now = time.Date(2026, 11, 20, 18, 30, 0, 123456700, time.UTC)

func pacific(t testing.TB) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("America/Los_Angeles")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

// writer writes an answer of that operation of api, dsapi or credential as it is without settings.
func writer(t testing.TB, service, operation string) *answer.Writer {
	t.Helper()
	return &answer.Writer{
		Settings:  answer.Settings{Zone: pacific(t), Header: "recorded", SignHere: 21, InitialHere: 16},
		Service:   services.ByPath("/api/3.0/" + service + ".asmx"),
		Operation: operation,
		Now:       func() time.Time { return now },
	}
}

// text is the body of an answer, whose length must be as promised.
func text(t testing.TB, a *answer.Answer) string {
	t.Helper()
	defer a.Close()
	var b strings.Builder
	if err := a.Write(&b); err != nil {
		t.Fatal(err)
	}
	if a.Length >= 0 && a.Length != int64(b.Len()) {
		t.Errorf("%d bytes, and %d were promised", b.Len(), a.Length)
	}
	return b.String()
}

// result is the body of the answer with that result, held against the service's description.
func result(t testing.TB, w *answer.Writer, value any) string {
	t.Helper()
	a, err := w.Result(value)
	if err != nil {
		t.Fatal(err)
	}
	body := text(t, a)
	if err := servicestest.Check(w.Service, body); err != nil {
		t.Errorf("%v\n%s", err, body)
	}
	return body
}

// inside is what stands in the element of that name.
func inside(t testing.TB, body, name string) string {
	t.Helper()
	_, rest, found := strings.Cut(body, "<"+name+">")
	content, _, closed := strings.Cut(rest, "</"+name+">")
	if !found || !closed {
		t.Fatalf("no %s in %s", name, body)
	}
	return content
}

func TestAnswersOfAPIHaveTheRecordedLength(t *testing.T) { // SOAP-REST.md §2.0
	for _, tc := range []struct {
		operation string
		result    any
		want      int64
	}{
		{"Ping", true, 1135},
		{"VoidEnvelope", answer.Fields{"VoidSuccess": true}, 1202},
	} {
		a, err := writer(t, "api", tc.operation).Result(tc.result)
		if err != nil {
			t.Fatal(err)
		}
		if body := text(t, a); a.Length != tc.want || strings.ContainsAny(body, "\n\r") {
			t.Errorf("%s has %d bytes, want %d: %s", tc.operation, a.Length, tc.want, body)
		}
	}
}

func TestAnAnswerThatBecomesAnotherIsAnError(t *testing.T) {
	name := ""
	each := answer.Each(func(yield func(answer.Fields) error) error {
		name += "a"
		return yield(answer.Fields{"Shared": true, "Name": name})
	})
	a, err := writer(t, "api", "RequestTemplates").Result(answer.Fields{"EnvelopeTemplateDefinition": each})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Write(io.Discard); err == nil {
		t.Error("no error, though it is longer than was promised")
	}
}

func TestTheFilterIsGivenBackAsItCame(t *testing.T) { // SOAP-REST.md §2, §4.3
	const filter = `<UserInfo><UserName>Anna &amp; Co</UserName><Email>anna@example.com</Email></UserInfo>` +
		`<BeginDateTime xmlns:d="http://www.docusign.net/API/3.0" d:statusQualifier="Sent">2026-11-19T00:00:00</BeginDateTime>` +
		`<Statuses><Status>Sent</Status><Status>Voided</Status></Statuses><StartAtIndex>0</StartAtIndex>`
	message := `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>` +
		`<RequestStatuses xmlns="http://www.docusign.net/API/3.0"><EnvelopeStatusFilter>` + filter +
		`</EnvelopeStatusFilter></RequestStatuses></s:Body></s:Envelope>`
	w := writer(t, "api", "RequestStatuses")
	pool := spool.New(t.TempDir(), 1<<20, 1<<30)
	m, err := element.Read("text/xml", strings.NewReader(message), w.Service, w.Operation, pool)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	body := result(t, w, w.Statuses(answer.Echo(m.Root.Child("EnvelopeStatusFilter")), 0, nil))
	if got := inside(t, body, "EnvelopeStatusFilter"); got != filter {
		t.Errorf("got  %s\nwant %s", got, filter)
	}
	body = result(t, w, w.Statuses(answer.Echo(m.Root.Child("Other")), 0, nil))
	if strings.Contains(body, "EnvelopeStatusFilter") {
		t.Errorf("what was not sent is given back: %s", body)
	}
}

func TestTheHeaderIsAsTheSettingSays(t *testing.T) {
	for _, tc := range []struct {
		name, service, header      string
		hasTimestamp, soap12, want bool
		addressed                  bool
	}{
		{name: "api.asmx, always", service: "api", header: "recorded", addressed: true, want: true},
		{name: "in SOAP 1.2 too", service: "api", header: "recorded", addressed: true, want: true, soap12: true},
		{name: "dsapi.asmx, not asked for", service: "dsapi", header: "recorded"},
		{name: "dsapi.asmx, asked for", service: "dsapi", header: "recorded", hasTimestamp: true, want: true},
		{name: "api.asmx on request, not asked for", service: "api", header: "on_request"},
		{name: "api.asmx on request", service: "api", header: "on_request", hasTimestamp: true, want: true},
		{name: "never", service: "api", header: "never", hasTimestamp: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := writer(t, tc.service, "Ping")
			if tc.service == "dsapi" {
				w.Operation = "VoidEnvelope"
			}
			w.Header, w.HasTimestamp, w.SOAP12 = tc.header, tc.hasTimestamp, tc.soap12
			body := text(t, w.Fault(fault.Refused(w.Operation, "")))
			if got := strings.Contains(body, "<wsu:Created>2026-11-20T18:30:00"); got != tc.want {
				t.Errorf("a Timestamp: %t\n%s", got, body)
			}
			if got := strings.Contains(body, "<wsa:RelatesTo>urn:uuid:"); got != tc.addressed {
				t.Errorf("addressed: %t\n%s", got, body)
			}
			if got := strings.Contains(body, `"http://www.w3.org/2003/05/soap-envelope"`); got != tc.soap12 {
				t.Errorf("SOAP 1.2: %t\n%s", got, body)
			}
			if err := xml.Unmarshal([]byte(body), new(any)); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestAnAnswerNamesTheMessageIDOfItsRequest(t *testing.T) { // SOAP-REST.md §2.0
	w := writer(t, "api", "Ping")
	w.MessageID = "urn:uuid:1&<\x01"
	const want = "<wsa:RelatesTo>urn:uuid:1&amp;&lt;</wsa:RelatesTo>"
	if got := text(t, w.Fault(fault.Refused("Ping", ""))); !strings.Contains(got, want) {
		t.Errorf("a fault: %s", got)
	}
	if got := result(t, w, true); !strings.Contains(got, want) {
		t.Errorf("an answer: %s", got)
	}
}

func TestElementsStandInTheOrderOfTheDescription(t *testing.T) {
	got := result(t, writer(t, "dsapi", "RequestTemplates"), answer.Fields{"EnvelopeTemplateDefinition": []answer.Fields{
		{
			"Shared": true, "PageCount": 3, "TemplateDescription": "a < b & \"c\"\r\n\x01", "Name": "", "TemplateID": "t",
			"LastModified": time.Date(2026, 10, 5, 17, 0, 0, 500e6, time.UTC),
		},
		{"Shared": false},
	}})
	want := "<EnvelopeTemplateDefinition><TemplateID>t</TemplateID><Name /><Shared>true</Shared>" +
		"<TemplateDescription>a &lt; b &amp; \"c\"&#xD;\n</TemplateDescription>" +
		"<LastModified>2026-10-05T10:00:00.5</LastModified><PageCount>3</PageCount></EnvelopeTemplateDefinition>" +
		"<EnvelopeTemplateDefinition><Shared>false</Shared></EnvelopeTemplateDefinition>"
	if got = inside(t, got, "RequestTemplatesResult"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestWhatIsRequiredIsThere(t *testing.T) {
	filter := answer.Fields{"AccountId": "1"}
	got := result(t, writer(t, "api", "RequestStatuses"), answer.Fields{"ResultSetSize": 0, "EnvelopeStatusFilter": filter})
	const want = `<ResultSetSize>0</ResultSetSize><EnvelopeStatusFilter><AccountId>1</AccountId>` +
		`<BeginDateTime xsi:nil="true" /><StartAtIndex xsi:nil="true" /></EnvelopeStatusFilter>` +
		`<EnvelopeStatuses xsi:nil="true" />`
	if got = inside(t, got, "RequestStatusesResult"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	filter["BeginDateTime"] = answer.Fields{"@statusQualifier": `a"<`, "": "2026-11-19T00:00:00"}
	got = result(t, writer(t, "api", "RequestStatuses"), answer.Fields{"ResultSetSize": 0, "EnvelopeStatusFilter": filter})
	const qualified = `<BeginDateTime xmlns:d="http://www.docusign.net/API/3.0" d:statusQualifier="a&quot;&lt;">`
	if !strings.Contains(got, qualified) {
		t.Errorf("no %s in %s", qualified, got)
	}
}

func TestAttributesAreWrittenInTheirNamespaceOrNone(t *testing.T) {
	form := answer.Fields{"xfdf": answer.Fields{"fields": answer.Fields{"field": []answer.Fields{
		{"@name": `a"b` + "\n", "value": "c"}, {"value": ""},
	}}}}
	w := writer(t, "api", "RequestStatus")
	status := w.Status(envelope(t))
	status["FormData"] = form
	const want = `<fields><field name="a&quot;b&#xA;"><value>c</value></field><field><value /></field></fields>`
	if got := result(t, w, status); !strings.Contains(got, want) {
		t.Error(got)
	}
}

func TestMistakesAreErrorsBeforeTheFirstByte(t *testing.T) {
	for _, tc := range []struct {
		name, service, operation string
		result                   any
		isFault                  bool
	}{
		{"no operation", "dsapi", "RequestCertificate", answer.Fields{}, false},
		{"an element that neither service has", "dsapi", "VoidEnvelope", answer.Fields{"Success": true}, false},
		{"a text for elements", "api", "VoidEnvelope", "true", false},
		{"elements for a text", "api", "Ping", answer.Fields{"A": 1}, false},
		{"a kind that no element has", "api", "Ping", 1.5, false},
		{"a nil that must not be", "api", "Ping", answer.Nil{}, false},
		{"bytes that are none", "api", "Ping", answer.Stream{}, false},
		{"a number as an attribute", "api", "RequestStatuses", answer.Fields{
			"ResultSetSize": 0, "EnvelopeStatusFilter": answer.Fields{
				"BeginDateTime": answer.Fields{"@statusQualifier": 1, "": "2026-11-19T00:00:00"},
			},
		}, false},
		{"an attribute without a text", "api", "RequestStatuses", answer.Fields{
			"ResultSetSize": 0, "EnvelopeStatusFilter": answer.Fields{"BeginDateTime": answer.Fields{"@statusQualifier": "Sent"}},
		}, false},
		{"two where there is one", "api", "Ping", []string{"true", "false"}, false},
		{"many where there is one", "api", "Ping", answer.Each(func(func(answer.Fields) error) error { return nil }), false},
		{"an attribute that is none", "api", "VoidEnvelope", answer.Fields{"VoidSuccess": answer.Fields{"@a": "b"}}, false},
		{"nothing where there is something", "api", "VoidEnvelope", answer.Fields{}, true},
		{"a word that is none", "api", "SynchEnvelope", answer.Fields{"EnvelopeStatus": "Correct"}, true},
		{"a number that is none", "api", "RequestStatuses", answer.Fields{"ResultSetSize": "many"}, true},
		{"an error in the middle of a list", "api", "RequestTemplates", answer.Fields{
			"EnvelopeTemplateDefinition": answer.Each(func(yield func(answer.Fields) error) error {
				return yield(answer.Fields{"Shared": "perhaps"})
			}),
		}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a, err := writer(t, tc.service, tc.operation).Result(tc.result)
			if err == nil {
				t.Fatalf("it is written: %s", text(t, a))
			}
			if f := (*fault.Fault)(nil); errors.As(err, &f) != tc.isFault {
				t.Errorf("%T: %v", err, err)
			}
		})
	}
}

func TestWhatDSAPILacksIsLeftOut(t *testing.T) { // SOAP-REST.md §2
	correction := answer.Fields{"Reminders": answer.Fields{"ReminderEnabled": true}}
	if got := result(t, writer(t, "api", "CorrectAndResendEnvelope"), correction); !strings.Contains(got, "Reminders") {
		t.Error(got)
	}
	if got := result(t, writer(t, "dsapi", "CorrectAndResendEnvelope"), correction); strings.Contains(got, "Reminders") {
		t.Error(got)
	}
}

func stream(size int64, r io.Reader) answer.Stream {
	return answer.Stream{Size: size, Open: func() (io.ReadCloser, error) { return io.NopCloser(r), nil }}
}

func TestDocumentsAreStreamedInBase64(t *testing.T) { // SOAP-REST.md §6.4
	for _, size := range []int{0, 1, 2, 3, 48<<10 - 1, 48 << 10, 48<<10 + 1, 1 << 20} {
		document := bytes.Repeat([]byte("%PDF-1.4 "), size/9+1)[:size]
		for _, promised := range []int64{int64(size), -1} {
			source := iotest.HalfReader(bytes.NewReader(document))
			w := writer(t, "dsapi", "RequestPDF")
			a, err := w.Result(answer.Fields{"EnvelopeID": "e", "PDFBytes": stream(promised, source)})
			if err != nil {
				t.Fatal(err)
			}
			if known := a.Length >= 0; known != (promised >= 0) {
				t.Errorf("%d bytes: a length of %d", size, a.Length)
			}
			if a.Header.Get("Cache-Control") != "no-store" {
				t.Error("a cache may keep the document")
			}
			want := "<PDFBytes>" + base64.StdEncoding.EncodeToString(document) + "</PDFBytes>"
			if size == 0 {
				want = "<PDFBytes />"
			}
			if got := text(t, a); !strings.Contains(got, want) {
				t.Errorf("%d bytes come out otherwise", size)
			}
		}
	}
}

func TestADocumentThatBreaksLooksCutOff(t *testing.T) {
	document := func() io.Reader { return strings.NewReader(strings.Repeat("a", 100<<10)) }
	broken := errors.New("broken")
	for _, tc := range []struct {
		name   string
		stream answer.Stream
	}{
		{"too short", stream(100<<10+1, document())},
		{"too long", stream(100<<10-1, document())},
		{"an error", stream(-1, io.MultiReader(document(), iotest.ErrReader(broken)))},
		{"a connection that ends", stream(-1, io.MultiReader(document(), iotest.ErrReader(io.ErrUnexpectedEOF)))},
		{"it cannot be opened", answer.Stream{Size: -1, Open: func() (io.ReadCloser, error) { return nil, broken }}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a, err := writer(t, "dsapi", "RequestPDF").Result(answer.Fields{"PDFBytes": tc.stream})
			if err != nil {
				t.Fatal(err)
			}
			var b strings.Builder
			if err := a.Write(&b); err == nil || strings.Contains(b.String(), "</PDFBytes>") {
				t.Errorf("%v, %d bytes", err, b.Len())
			}
		})
	}
}

func TestAWriterThatFailsEndsTheDocument(t *testing.T) {
	endless := stream(-1, endlessReader{})
	a, err := writer(t, "dsapi", "RequestPDF").Result(answer.Fields{"PDFBytes": endless})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Write(failingWriter{}); err == nil {
		t.Error("no error")
	}
}

type endlessReader struct{}

func (endlessReader) Read(b []byte) (int, error) { return len(b), nil }

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, errors.New("gone") }

func TestListsAreMadeOneItemAtATime(t *testing.T) {
	const count = 3
	alive := 0
	each := answer.Each(func(yield func(answer.Fields) error) error {
		for i := range count {
			if alive++; alive > 1 {
				t.Error("the one before has not been written yet")
			}
			if err := yield(answer.Fields{"Name": fmt.Sprint(i), "Shared": i == 1}); err != nil {
				return err
			}
			alive--
		}
		return nil
	})
	got := result(t, writer(t, "api", "RequestTemplates"), answer.Fields{"EnvelopeTemplateDefinition": each})
	if strings.Count(got, "<Name>") != count {
		t.Error(got)
	}
}

func TestFaultsHaveTheShapeThatProgramsKnow(t *testing.T) { // SOAP-REST.md §5.2
	const reason = "VoidEnvelope: &lt;a&gt; cannot be carried out over REST (proxy). Nothing was sent."
	for _, tc := range []struct {
		name, operation, want string
		fault                 *fault.Fault
		soap12                bool
	}{
		{
			name: "against the schema", fault: fault.Invalid("'Documents' has no 'Document' in %s", "CreateAndSendEnvelope"),
			want: `<soap:Fault><faultcode>soap:Client</faultcode><faultstring>Validation error: 'Documents' has no 'Document' ` +
				`in CreateAndSendEnvelope. Nothing was sent.</faultstring><detail /></soap:Fault>`,
		},
		{
			name: "refused", fault: fault.Refused("VoidEnvelope", "<a>"),
			want: `<soap:Fault><faultcode>soap:Client</faultcode><faultstring>Unspecified_Error</faultstring>` +
				`<detail><ErrorCode>1</ErrorCode><Reason>` + reason + `</Reason></detail></soap:Fault>`,
		},
		{
			name: "trouble of ours", fault: fault.Server("no disk"),
			want: `<soap:Fault><faultcode>soap:Server</faultcode><faultstring>Unspecified_Error</faultstring>` +
				`<detail><ErrorCode>1</ErrorCode><Reason>no disk</Reason></detail></soap:Fault>`,
		},
		{
			name: "SOAP 1.2", fault: fault.Refused("VoidEnvelope", "<a>"), soap12: true,
			want: `<soap:Fault><soap:Code><soap:Value>soap:Sender</soap:Value></soap:Code><soap:Reason>` +
				`<soap:Text xml:lang="en">Unspecified_Error</soap:Text></soap:Reason>` +
				`<soap:Detail><ErrorCode>1</ErrorCode><Reason>` + reason + `</Reason></soap:Detail></soap:Fault>`,
		},
		{
			name: "against the schema in SOAP 1.2", fault: fault.Invalid("a"), soap12: true,
			want: `<soap:Fault><soap:Code><soap:Value>soap:Sender</soap:Value></soap:Code><soap:Reason>` +
				`<soap:Text xml:lang="en">Validation error: a. Nothing was sent.</soap:Text></soap:Reason>` +
				`<soap:Detail /></soap:Fault>`,
		},
		{
			name: "trouble in SOAP 1.2", fault: fault.Server("no disk"), soap12: true,
			want: `<soap:Fault><soap:Code><soap:Value>soap:Receiver</soap:Value></soap:Code><soap:Reason>` +
				`<soap:Text xml:lang="en">Unspecified_Error</soap:Text></soap:Reason>` +
				`<soap:Detail><ErrorCode>1</ErrorCode><Reason>no disk</Reason></soap:Detail></soap:Fault>`,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := writer(t, "api", "VoidEnvelope")
			w.SOAP12 = tc.soap12
			tc.fault.RetryAfter = "7"
			a := w.Fault(tc.fault)
			h := a.Header
			if a.Status != 500 || h.Get("Cache-Control") != "private" || h.Get("Retry-After") != "7" {
				t.Errorf("%d %v", a.Status, h)
			}
			body := text(t, a)
			_, got, _ := strings.Cut(body, "<soap:Body>")
			if got = strings.TrimSuffix(got, "</soap:Body></soap:Envelope>"); got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
			if !strings.Contains(body, "<wsa:Action>http://schemas.xmlsoap.org/ws/2004/08/addressing/fault</wsa:Action>") {
				t.Errorf("no action of a fault in %s", body)
			}
		})
	}
}

func TestAnswersTellTheirTypeAndWhoMayKeepThem(t *testing.T) {
	w := writer(t, "credential", "RequestSenderToken")
	a, err := w.Result("https://demo.docusign.net/?a=1&t=2")
	if err != nil {
		t.Fatal(err)
	}
	if h := a.Header; h.Get("Cache-Control") != "no-store" || h.Get("Content-Type") != "text/xml; charset=utf-8" {
		t.Error(h)
	}
	if got := text(t, a); !strings.Contains(got, "?a=1&amp;t=2</RequestSenderTokenResult>") {
		t.Error(got)
	}
	w = writer(t, "credential", "Ping")
	w.SOAP12 = true
	if a, err = w.Result(true); err != nil {
		t.Fatal(err)
	}
	if h := a.Header; h.Get("Cache-Control") != "private, max-age=0" ||
		h.Get("Content-Type") != "application/soap+xml; charset=utf-8" {
		t.Error(h)
	}
}

func TestDatesAreReadInTheZoneOfTheIntegration(t *testing.T) { // SOAP-REST.md §2.2
	zone := pacific(t)
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"2026-10-25T02:30:00": "2026-10-25T00:30:00Z", "2026-10-25T03:00:00": "2026-10-25T02:00:00Z",
		"2026-10-25T01:59:59": "2026-10-24T23:59:59Z",
	} {
		if got, err := answer.ParseDate(text, paris); err != nil || got.UTC().Format(time.RFC3339) != want {
			t.Errorf("%s in Paris: %s, %v", text, got.UTC().Format(time.RFC3339), err)
		}
	}
	for _, tc := range []struct{ name, text, want string }{
		{"winter", "2026-11-20T10:05:09.5", "2026-11-20T18:05:09.5Z"},
		{"summer", "2026-07-20T10:05:09", "2026-07-20T17:05:09Z"},
		{"with an offset", " 2026-07-20T10:05:09+02:00\n", "2026-07-20T08:05:09Z"},
		{"in UTC", "2026-07-20T10:05:09Z", "2026-07-20T10:05:09Z"},
		{"an hour that comes twice is the first", "2026-11-01T01:30:00", "2026-11-01T08:30:00Z"},
		{"the hour before", "2026-11-01T00:59:59", "2026-11-01T07:59:59Z"},
		{"the hour after", "2026-11-01T02:00:00", "2026-11-01T10:00:00Z"},
		{"the first year", "1753-01-01T00:00:00Z", "1753-01-01T00:00:00Z"},
		{"the last year", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z"},
		{"before the first year", "1752-12-31T23:59:59Z", ""},
		{"after the last year in UTC", "9999-12-31T23:59:59", ""},
		{"a date alone", "2026-11-20", ""},
		{"nothing", "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := answer.ParseDate(tc.text, zone)
			var f *fault.Fault
			switch {
			case tc.want == "" && !(errors.As(err, &f) && f.Schema):
				t.Errorf("%s, %v: no fault", got, err)
			case tc.want != "" && (err != nil || got.UTC().Format(time.RFC3339Nano) != tc.want):
				t.Errorf("%s, %v, want %s", got.UTC().Format(time.RFC3339Nano), err, tc.want)
			}
		})
	}
}

func TestDatesAreWrittenInTheZoneOfTheIntegration(t *testing.T) { // SOAP-REST.md §2.2, §11.10
	for _, tc := range []struct{ zone, at, want string }{
		{"America/Los_Angeles", "2026-11-20T18:05:09.3830000Z", "2026-11-20T10:05:09.383"},
		{"America/Los_Angeles", "2026-07-20T18:05:09.3800000Z", "2026-07-20T11:05:09.38"},
		{"America/Los_Angeles", "2026-11-01T09:30:00.0000000Z", "2026-11-01T01:30:00"},
		{"America/Los_Angeles", "2026-11-01T08:30:00.9999999Z", "2026-11-01T01:30:00.999"},
		{"Europe/Paris", "2026-12-31T23:30:00Z", "2027-01-01T00:30:00"},
		{"UTC", "2026-11-20T18:05:09.6000000Z", "2026-11-20T18:05:09.6Z"},
	} {
		zone, err := time.LoadLocation(tc.zone)
		if err != nil {
			t.Fatal(err)
		}
		at, err := time.Parse(time.RFC3339Nano, tc.at)
		if err != nil {
			t.Fatal(err)
		}
		w := writer(t, "api", "RequestTemplates")
		w.Zone = zone
		got := result(t, w, answer.Fields{"EnvelopeTemplateDefinition": answer.Fields{"Shared": true, "LastModified": at}})
		if got = inside(t, got, "LastModified"); got != tc.want {
			t.Errorf("%s in %s: %s, want %s", tc.at, tc.zone, got, tc.want)
		}
	}
}
