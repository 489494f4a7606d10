package asmx

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"docusign-auth-proxy/internal/sandbox/envelope"
	"docusign-auth-proxy/internal/sandbox/message"
	"docusign-auth-proxy/internal/sandbox/restbody"
	"docusign-auth-proxy/internal/services"
)

const space = services.NamespaceAPI

func read(t *testing.T, operation, inner string) message.SOAP {
	t.Helper()
	text := `<e:Envelope xmlns:e="` + message.SOAP11 + `"><e:Body><` + operation + ` xmlns="` + space + `">` + inner +
		`</` + operation + `></e:Body></e:Envelope>`
	r, err := http.NewRequest("POST", "https://demo.docusign.net/", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "text/xml")
	m, err := message.ReadSOAP(r, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestRequestsAreHeldAgainstTheDescription(t *testing.T) {
	t.Parallel()
	filter := func(inner string) string { return "<EnvelopeStatusFilter>" + inner + "</EnvelopeStatusFilter>" }
	for _, tt := range []struct{ name, operation, inner, wrong string }{
		{"elements in any order", "VoidEnvelope", "<Reason>x</Reason><EnvelopeID>1</EnvelopeID>", ""},
		{"an unknown element", "VoidEnvelope", "<EnvelopeId>1</EnvelopeId>", "invalid child element 'EnvelopeId'"},
		{"an element twice", "VoidEnvelope", "<Reason>x</Reason><Reason>y</Reason>", "invalid child element 'Reason'"},
		{"nothing for an element", "RequestStatuses", filter(
			`<BeginDateTime xmlns:i="` + xsi + `" i:nil="true"/><StartAtIndex xmlns:i="` + xsi + `" i:nil="1"/>`), ""},
		{"no date", "RequestStatuses", filter("<BeginDateTime>yesterday</BeginDateTime>"), "'BeginDateTime' element"},
		{"no number", "RequestStatuses", filter("<StartAtIndex>-1</StartAtIndex>"), "'StartAtIndex' element"},
		{"no word of an enumeration", "RequestStatuses", filter("<Statuses><Status>sent</Status></Statuses>"), "'Status'"},
		{"no boolean", "RequestPDFWithCert", "<AddWaterMark>yes</AddWaterMark>", "'AddWaterMark' element"},
		{"elements in a text", "VoidEnvelope", "<Reason><b/></Reason>", "'Reason' element"},
		{"bytes in lines", "CreateEnvelope", "<Envelope><Documents><Document><PDFBytes>QU\nJD\n</PDFBytes></Document>" +
			"</Documents></Envelope>", ""},
		{"no bytes", "CreateEnvelope", "<Envelope><Documents><Document><PDFBytes>Q*</PDFBytes></Document></Documents>" +
			"</Envelope>", "'PDFBytes' element"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := read(t, tt.operation, tt.inner)
			err := Check(services.ByBase("api.asmx"), &m)
			if (err == nil) != (tt.wrong == "") || err != nil && (!strings.Contains(err.Error(), tt.wrong) ||
				!strings.HasPrefix(err.Error(), "Validation error: ")) {
				t.Errorf("%v, want %q", err, tt.wrong)
			}
		})
	}
}

// Dates without a zone are Pacific, summer and winter (SOAP-REST.md §2.2).
func TestDatesAreReadAndWrittenInPacificTime(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"2026-11-19T00:00:00":       "2026-11-19T08:00:00Z",
		"2026-06-19T00:00:00.5":     "2026-06-19T07:00:00.5Z",
		"2026-06-19T00:00:00Z":      "2026-06-19T00:00:00Z",
		"2026-06-19T00:00:00+02:00": "2026-06-18T22:00:00Z",
	} {
		m := read(t, "RequestStatuses", "<EnvelopeStatusFilter><BeginDateTime>"+in+"</BeginDateTime></EnvelopeStatusFilter>")
		if err := Check(services.ByBase("api.asmx"), &m); err != nil {
			t.Fatal(err)
		}
		begin := m.Body.Child("EnvelopeStatusFilter").Child("BeginDateTime")
		if begin.Text != want || begin.Raw != in || !Time(begin).Equal(mustTime(t, want)) {
			t.Errorf("%s was read as %s", in, begin.Text)
		}
	}
	at := time.Date(2026, 11, 20, 18, 5, 9, 383_123_456, time.UTC)
	if got := textOf(at); got != "2026-11-20T10:05:09.383" {
		t.Error(got)
	}
	if got := textOf(Exact(at)); got != "2026-11-20T10:05:09.3831234" {
		t.Error(got)
	}
	if got := textOf(at.Truncate(time.Second)); got != "2026-11-20T10:05:09" {
		t.Error(got)
	}
}

func mustTime(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestBytesAreEncodedWhileTheyAreRead(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 1, 2, 3, 48 << 10, 100_001} {
		raw := bytes.Repeat([]byte{0xfb, 0x00, 0x7f}, size/3+1)[:size]
		body := Write(services.ByBase("dsapi.asmx"), "RequestPDF", Fields{
			"EnvelopeID": "1", "PDFBytes": Bytes{Size: int64(size), Open: bytes.NewReader(raw)},
		})
		got, err := io.ReadAll(body)
		if err != nil || int64(len(got)) != body.Length {
			t.Fatalf("%d bytes, said %d, %v", len(got), body.Length, err)
		}
		var answer struct {
			Result struct{ PDFBytes string } `xml:"RequestPDFResult"`
		}
		if err := xml.Unmarshal(got, &answer); err != nil {
			t.Fatal(err)
		}
		if decoded, err := base64.StdEncoding.DecodeString(answer.Result.PDFBytes); err != nil || !bytes.Equal(decoded, raw) {
			t.Errorf("%d bytes became %d, %v", size, len(decoded), err)
		}
	}
}

func TestElementsComeInTheOrderOfTheDescription(t *testing.T) {
	t.Parallel()
	body := Write(services.ByBase("dsapi.asmx"), "VoidEnvelope", Fields{"VoidSuccess": true, "Unknown": "x"})
	got, err := io.ReadAll(body)
	want := `<VoidEnvelopeResponse xmlns="` + space + `"><VoidEnvelopeResult><VoidSuccess>true</VoidSuccess>` +
		`</VoidEnvelopeResult></VoidEnvelopeResponse>`
	if err != nil || string(got) != want {
		t.Errorf("%s %v", got, err)
	}
	e := envelope.Envelope{ID: "1", Status: "sent", Members: envelope.Object{}}
	body = Write(services.ByBase("dsapi.asmx"), "RequestStatus", Status{Envelope: e, SenderName: "A & B"}.Fields())
	if got, err = io.ReadAll(body); err != nil {
		t.Fatal(err)
	}
	last := -1
	for _, name := range []string{"RecipientStatuses", "TimeGenerated", "<UserName>A &amp; B<", "<Status>Sent<", "Created",
		"ACStatus", "SigningLocation", "EnvelopePDFHash", "CustomFields", "AutoNavigation", "AuthoritativeCopy"} {
		at := bytes.Index(got, []byte(name))
		if at <= last {
			t.Errorf("%s is missing or out of place in %s", name, got)
		}
		last = at
	}
}

func TestACorrectionMeansOnePersonOrNobody(t *testing.T) {
	t.Parallel()
	people := []envelope.Recipient{
		{ID: "1", Name: "Ben", Email: "ben@example.com", Type: "signers"},
		{ID: "2", Name: "Twin", Email: "twin@example.com", Type: "signers"},
		{ID: "3", Name: "Twin", Email: "twin@example.com", Type: "carbonCopies"},
		{ID: "4", Name: "Hugo", Email: "hugo@example.com", Type: "inPersonSigners",
			Members: envelope.Object{"signerName": "Ina", "accessCode": "1"}},
	}
	correction := func(name, more string) string {
		return "<PreviousUserName>" + name + "</PreviousUserName><PreviousEmail>" + strings.ToLower(name) +
			"@example.com</PreviousEmail><PreviousRoutingOrder>1</PreviousRoutingOrder>" + more
	}
	for _, tt := range []struct{ name, inner, want string }{
		{
			"a name that changes", correction("Ben", "<CorrectedUserName>Benno</CorrectedUserName>"),
			"name=Benno recipientId=1",
		},
		{"what stays the same", correction("Ben", "<CorrectedEmail>ben@example.com</CorrectedEmail>"), "recipientId=1"},
		{"twins", correction("Twin", ""), "nobody"},
		{"a stranger", correction("Sam", ""), "nobody"},
		{"the host of a signer in person", correction("Hugo", "<PreviousSignerName>Ina</PreviousSignerName>"+
			"<CorrectedUserName>Hanna</CorrectedUserName>"), "hostName=Hanna recipientId=4"},
		{"the host of another signer", correction("Hugo", "<PreviousSignerName>Eva</PreviousSignerName>"), "nobody"},
		{"a code that goes", correction("Hugo", "<CorrectedAccessCode/><CorrectedAccessCodeRequired>false"+
			"</CorrectedAccessCodeRequired>"), "accessCode= recipientId=4"},
		{"a code that stays", correction("Hugo", "<CorrectedAccessCode/><CorrectedAccessCodeRequired>true"+
			"</CorrectedAccessCodeRequired>"), "recipientId=4"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := read(t, "CorrectAndResendEnvelope", "<Correction><RecipientCorrections><RecipientCorrection>"+tt.inner+
				"</RecipientCorrection></RecipientCorrections></Correction>")
			if err := Check(services.ByBase("api.asmx"), &m); err != nil {
				t.Fatal(err)
			}
			all := Corrections(m.Body.Child("Correction"), people)
			got := "nobody"
			if all[0].Recipient != nil {
				var parts []string
				for _, name := range []string{"accessCode", "email", "hostName", "name", "recipientId", "signerName"} {
					if v, has := all[0].Over[name]; has {
						parts = append(parts, name+"="+v.(string))
					}
				}
				got = strings.Join(parts, " ")
			}
			if got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
}

// FuzzCheck: no message that could be read makes the sandbox panic.
func FuzzCheck(f *testing.F) {
	f.Add("CreateEnvelope", "<Envelope><Recipients><Recipient><Type>Signer</Type></Recipient></Recipients><Tabs><Tab>"+
		"<Type>Custom</Type><CustomTabType>List</CustomTabType><CustomTabListItems>a;b</CustomTabListItems></Tab></Tabs>"+
		"</Envelope>")
	f.Add("CreateEnvelopeFromTemplates", "<TemplateReferences><TemplateReference/></TemplateReferences>")
	f.Add("CreateEnvelopeFromTemplatesAndForms", "<CompositeTemplates><CompositeTemplate/></CompositeTemplates>")
	f.Add("CorrectAndResendEnvelope", "<Correction><RecipientCorrections><RecipientCorrection/></RecipientCorrections>"+
		"</Correction>")
	f.Fuzz(func(t *testing.T, operation, inner string) {
		text := `<e:Envelope xmlns:e="` + message.SOAP11 + `"><e:Body><x xmlns="` + space + `">` + inner +
			`</x></e:Body></e:Envelope>`
		r, err := http.NewRequest("POST", "https://demo.docusign.net/", strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "text/xml")
		m, err := message.ReadSOAP(r, 1<<20)
		if err != nil {
			return
		}
		m.Operation = operation
		if Check(services.ByBase("api.asmx"), &m) != nil {
			return
		}
		for _, d := range []Object{
			Definition(m.Body.Child("Envelope")), FromForms(m.Body),
			FromTemplates(m.Body, func(_, _, _ string) []string { return []string{"textTabs", "checkboxTabs"} }),
		} {
			e, _ := envelope.New(d, envelope.Making{Template: func(string) (envelope.Template, bool) {
				return envelope.Template{}, true
			}})
			e.Settle(time.Now())
			_, _ = e.Send(time.Now())
			_ = Status{Envelope: e, Ex: true}.Fields()
			_ = e.Show(envelope.View{Include: []string{"recipients", "tabs", "custom_fields", "documents"}})
		}
		_ = Corrections(m.Body.Child("Correction"), nil)
		if filter := m.Body.Child("EnvelopeStatusFilter"); filter != nil {
			_ = Filter(filter)
		}
	})
}

// FuzzDefinition: what REST takes can be shown over both APIs.
func FuzzDefinition(f *testing.F) {
	f.Add([]byte(`{"status":"sent","recipients":{"signers":[{"name":"a","email":"a@example.com","tabs":{"listTabs":[` +
		`{"listItems":[{"text":"a","value":"b","selected":"true"}]}],"radioGroupTabs":[{"groupName":"g","radios":[` +
		`{"value":"1","selected":"true","xPosition":"1"}]}],"signHereTabs":[{"anchorString":"x","anchorXOffset":"-1"}]}}]}}`))
	f.Add([]byte(`{"compositeTemplates":[{"serverTemplates":[{"sequence":"1","templateId":"x"}],"inlineTemplates":[` +
		`{"sequence":"2","recipients":{"signers":[{"roleName":"r"}]},"customFields":{"textCustomFields":[{"name":"n"}]}}],` +
		`"document":{"documentId":"1","documentBase64":"QQ=="}}]}`))
	kind := restbody.Named("envelopeDefinition")
	f.Fuzz(func(t *testing.T, in []byte) {
		dec := json.NewDecoder(bytes.NewReader(in))
		dec.UseNumber()
		var v any
		if dec.Decode(&v) != nil {
			return
		}
		d, err := kind.Take(v)
		if err != nil {
			return
		}
		e, refused := envelope.New(d, envelope.Making{
			Lower: true, MergeRoles: true,
			Template: func(string) (envelope.Template, bool) { return envelope.NewTemplate(d), true },
		})
		if refused != nil {
			return
		}
		e.Settle(time.Now())
		_, _ = e.Send(time.Now())
		e.Sign(time.Now())
		view := envelope.View{Include: []string{"recipients", "tabs", "custom_fields"}}
		if _, err := json.Marshal(e.Show(view)); err != nil {
			t.Error(err)
		}
		body := Write(services.ByBase("api.asmx"), "RequestStatusEx", Status{Envelope: e, Ex: true}.Fields())
		if n, err := io.Copy(io.Discard, body); err != nil || n != body.Length {
			t.Errorf("%d bytes, said %d: %v", n, body.Length, err)
		}
	})
}
