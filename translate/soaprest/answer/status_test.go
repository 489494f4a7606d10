package answer_test

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"docusign-auth-proxy/translate/soaprest/answer"
	"docusign-auth-proxy/translate/soaprest/definition"
	"docusign-auth-proxy/translate/soaprest/fault"
)

func object(t testing.TB, text string) (o map[string]any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		t.Fatal(err)
	}
	return o
}

func envelope(t testing.TB) map[string]any {
	t.Helper()
	return object(t, string(read(t, "testdata/envelope.json")))
}

// recipients and tabs of a status, each a line without its tags: what is empty is a hyphen.
func parts(body, element string) (all []string) {
	for part := range strings.SplitSeq(body, "<"+element+">") {
		part, _, found := strings.Cut(part, "</"+element+">")
		if !found {
			continue
		}
		part, _, _ = strings.Cut(part, "<TabStatuses>")
		part = strings.NewReplacer(` xsi:nil="true"`, "=nil").Replace(part)
		var b strings.Builder
		for tag := range strings.SplitSeq(part, "<") {
			name, text, full := strings.Cut(tag, ">")
			switch {
			case strings.HasSuffix(name, " /"):
				b.WriteString(strings.TrimSuffix(name, " /") + "=- ")
			case full && !strings.HasPrefix(name, "/"):
				b.WriteString(name + "=" + text + " ")
			}
		}
		all = append(all, strings.TrimSpace(b.String()))
	}
	return all
}

func expect(t *testing.T, got []string, want ...string) {
	t.Helper()
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || got[i] != want[i] {
			t.Errorf("%d:\ngot  %s\nwant %s", i, strings.Join(got[min(i, len(got)):], "\n     "),
				strings.Join(want[min(i, len(want)):], "\n     "))
			return
		}
	}
}

func TestTheStatusOfAnEnvelope(t *testing.T) { // SOAP-REST.md §4.1
	w := writer(t, "api", "RequestStatusEx")
	body := inside(t, result(t, w, w.Status(envelope(t))), "RequestStatusExResult")
	_, after, _ := strings.Cut(body, "</RecipientStatuses>")
	const want = `<TimeGenerated>2026-11-20T10:30:00.1234567</TimeGenerated>` +
		`<EnvelopeID>e0000000-0000-4000-8000-000000000001</EnvelopeID><Subject>Please &lt;sign&gt;</Subject>` +
		`<UserName>Anna Example</UserName><Email>anna@example.com</Email><Status>Delivered</Status>` +
		`<Created>2026-07-01T10:00:00.123</Created><Sent>2026-07-01T10:00:01.5</Sent>` +
		`<Delivered>2026-07-01T10:00:02</Delivered><ACStatus>AuthoritativeCopy</ACStatus>` +
		`<ACStatusDate>2026-07-01T10:00:00.123</ACStatusDate><ACHolder>Anna Example</ACHolder>` +
		`<ACHolderEmail>anna@example.com</ACHolderEmail><ACHolderLocation>DocuSign</ACHolderLocation>` +
		`<SigningLocation>InPerson</SigningLocation><EnvelopePDFHash /><CustomFields><CustomField><Name>CRM</Name>` +
		`<Show>true</Show><Required>false</Required><Value /><CustomFieldType>Text</CustomFieldType></CustomField>` +
		`<CustomField><Name>Region</Name><Show>false</Show><Required>true</Required><Value>West</Value>` +
		`<CustomFieldType>List</CustomFieldType><ListItems>West;East</ListItems></CustomField></CustomFields>` +
		`<AutoNavigation>false</AutoNavigation><EnvelopeIdStamping>false</EnvelopeIdStamping>` +
		`<AuthoritativeCopy>true</AuthoritativeCopy><DocumentStatuses><DocumentStatus><ID>1</ID><Name>Contract</Name>` +
		`<TemplateName /><Sequence>1</Sequence></DocumentStatus></DocumentStatuses>`
	if after != want {
		t.Errorf("got  %s\nwant %s", after, want)
	}
	slices.Sort(w.Dropped)
	expect(t, w.Dropped, "recipients/seals", "tabs/notarizeTabs")
}

func TestRecipientsStandInRoutingOrderThenByType(t *testing.T) { // SOAP-REST.md §4.1, §4.2
	w := writer(t, "api", "RequestStatusEx")
	expect(t, parts(result(t, w, w.Status(envelope(t))), "RecipientStatus"),
		"Type=Intermediary Email=ida@example.com UserName=Ida RoutingOrder=1 DeclineReason=nil=- Status=Sent "+
			"RecipientIPAddress=- CustomFields=-",
		"Type=CarbonCopy Email=cora@example.com UserName=Cora RoutingOrder=1 DeclineReason=nil=- "+
			"AutoRespondedReason=away Status=AutoResponded RecipientIPAddress=- CustomFields=- "+
			"RecipientId=90000000-0000-4000-8000-000000000003",
		"Type=Signer Email=ben@example.com UserName=Ben RoutingOrder=2 Declined=2026-07-01T10:00:03 DeclineReason=wrong "+
			"Status=Declined RecipientIPAddress=- ClientUserId=c1 RecipientAuthenticationStatus= AccessCodeResult= "+
			"Status=Passed EventTimestamp=2026-07-01T10:00:02.5 PhoneAuthResult= Status=Failed "+
			"EventTimestamp=2026-07-01T10:00:02.5 FailureDescription=busy CustomFields= CustomField=a CustomField=b",
		"Type=InPersonSigner Email=host@example.com UserName=Host RoutingOrder=2 DeclineReason=nil=- Status=Created "+
			"RecipientIPAddress=- CustomFields=-",
	)
}

func TestARecipientIsFoundByItsID(t *testing.T) {
	w := writer(t, "dsapi", "CorrectAndResendEnvelope")
	recipients := envelope(t)["recipients"].(map[string]any)
	if got := w.RecipientStatus(recipients, "4")["Email"]; got != "host@example.com" {
		t.Error(got)
	}
	if got := w.RecipientStatus(recipients, "6"); got != nil {
		t.Errorf("a seal: %v", got)
	}
}

func TestTabsHaveThePositionsThatSOAPHad(t *testing.T) { // SOAP-REST.md §3.4, §4.2
	w := writer(t, "api", "RequestStatusEx")
	const custom = "OriginalValue=- ValidationPattern=- "
	expect(t, parts(result(t, w, w.Status(envelope(t))), "TabStatus"),
		"TabType=SignHere Status=Signed XPosition=406 YPosition=263 TabLabel=Sign Here TabName=SignHere TabValue=- "+
			"DocumentID=1 PageNumber=2 ScaleValue=1",
		"TabType=SignHereOptional Status=N/A XPosition=0 YPosition=0 TabLabel=s2 TabName=SignHereOptional TabValue=- "+
			"DocumentID=1 PageNumber=2",
		"TabType=InitialHereOptional Status=Declined XPosition=21 YPosition=208 TabLabel=i1 TabName=InitialHereOptional "+
			"TabValue=-",
		"TabType=Approve Status=Active XPosition=2 YPosition=2 TabLabel=yes TabName=Approve TabValue=-",
		"TabType=Custom Status=Active XPosition=125 YPosition=417 TabLabel=order TabName=Text TabValue=A-17 DocumentID=1 "+
			"PageNumber=1 OriginalValue=A ValidationPattern=[A-Z].* CustomTabType=Text",
		"TabType=Custom Status=Active XPosition=125 YPosition=417 TabLabel=c1 TabName=box TabValue=X "+custom+
			"CustomTabType=Checkbox",
		"TabType=Custom Status=Active XPosition=125 YPosition=417 TabLabel=c2 TabName=Checkbox TabValue=- "+custom+
			"CustomTabType=Checkbox",
		"TabType=Custom Status=Signed XPosition=175 YPosition=631 TabLabel=kind TabName=new TabValue=X DocumentID=1 "+
			"PageNumber=1 "+custom+"CustomTabType=Radio",
		"TabType=Custom Status=Active XPosition=250 YPosition=633 TabLabel=kind TabName=old TabValue=- DocumentID=1 "+
			"PageNumber=1 "+custom+"CustomTabType=Radio",
		"TabType=Custom Status=Active XPosition=150 YPosition=227 TabLabel=colour TabName=Red;Blue TabValue=b "+custom+
			"ListValues=r;b ListSelectedValue=b CustomTabType=List",
		"TabType=Custom Status=Active XPosition=0 YPosition=0 TabLabel=zip TabName=ZIP5DASH4 TabValue=- "+custom+
			"CustomTabType=ZIP5DASH4",
		"TabType=Custom Status=Active XPosition=0 YPosition=0 TabLabel=note TabName=Note TabValue=read this "+custom+
			"CustomTabType=Note",
	)
}

func TestDSAPIGoesWithoutTheWordsThatItLacks(t *testing.T) { // SOAP-REST.md §2.1
	w := writer(t, "dsapi", "RequestStatusEx")
	body := result(t, w, w.Status(envelope(t)))
	for _, not := range []string{"Intermediary", "AutoRespond", "Approve"} {
		if strings.Contains(body, not) {
			t.Errorf("%s is there", not)
		}
	}
	if got := parts(body, "RecipientStatus")[0]; !strings.Contains(got, "Type=CarbonCopy") ||
		!strings.Contains(got, " Status=Sent") {
		t.Error(got)
	}
	slices.Sort(w.Dropped)
	expect(t, w.Dropped, "recipients/intermediaries", "recipients/seals", "tabs/approveTabs", "tabs/firstNameTabs",
		"tabs/notarizeTabs")
}

func TestThePlainAnswersHaveTheRecordedMembers(t *testing.T) { // SOAP-REST.md §4.1
	for _, tc := range []struct {
		operation    string
		full, isFull bool
		generated    string
	}{
		{operation: "RequestStatus", generated: "2026-07-01T10:00:02.1234567"},
		{operation: "RequestStatus", full: true, isFull: true, generated: "2026-07-01T10:00:02.1234567"},
		{operation: "RequestStatusEx", isFull: true, generated: "2026-11-20T10:30:00.1234567"},
		{operation: "SendEnvelope", generated: "2026-07-01T10:00:02.1234567"},
	} {
		w := writer(t, "api", tc.operation)
		w.Full = tc.full
		body := result(t, w, w.Status(envelope(t)))
		for _, name := range []string{
			"DocumentID", "PageNumber", "OriginalValue", "CustomTabType", "AccountStatus", "RecipientId", "DocumentStatuses",
		} {
			if strings.Contains(body, "<"+name+">") != tc.isFull {
				t.Errorf("%s, full %t: %s", tc.operation, tc.full, name)
			}
		}
		if got := inside(t, body, "TimeGenerated"); got != tc.generated {
			t.Errorf("%s: %s", tc.operation, got)
		}
	}
}

func TestWordsThatSOAPHasNotAreAFault(t *testing.T) { // SOAP-REST.md §2.1
	with := func(change func(map[string]any)) map[string]any {
		e := envelope(t)
		change(e)
		return e
	}
	signer := func(e map[string]any) map[string]any {
		return e["recipients"].(map[string]any)["signers"].([]any)[0].(map[string]any)
	}
	for _, tc := range []struct {
		name     string
		envelope map[string]any
	}{
		{"a new status of envelopes", with(func(e map[string]any) { e["status"] = "authoritative" })},
		{"no status", with(func(e map[string]any) { delete(e, "status") })},
		{"a new status of recipients", with(func(e map[string]any) { signer(e)["status"] = "thinking" })},
		{"no date", with(func(e map[string]any) {
			maps.DeleteFunc(e, func(name string, _ any) bool { return strings.HasSuffix(name, "DateTime") })
		})},
		{"no envelope", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := writer(t, "api", "RequestStatus")
			_, err := w.Result(w.Status(tc.envelope))
			if f := (*fault.Fault)(nil); !errors.As(err, &f) || f.Client {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestAnEnvelopeThatIsCorrectedIsStillOut(t *testing.T) { // SOAP-REST.md §2.1
	w := writer(t, "api", "SynchEnvelope")
	for _, delivered := range []string{"", "2026-07-01T17:00:02Z"} {
		w.Operation = "RequestStatus"
		e := envelope(t)
		e["status"], e["deliveredDateTime"] = "correct", delivered
		want := "<Status>Delivered</Status>"
		if delivered == "" {
			want = "<Status>Sent</Status>"
		}
		if _, after, _ := strings.Cut(result(t, w, w.Status(e)), "</RecipientStatuses>"); !strings.Contains(after, want) {
			t.Errorf("delivered %q: %s", delivered, after)
		}
	}
}

// creation is a definition of two templates, of which both name the second recipient.
func creation(t *testing.T) *definition.Definition {
	t.Helper()
	o := definition.Object{"emailSubject": "Two", "status": "sent", "autoNavigation": "false"}
	inline := func(fields []definition.Object, arrays definition.Object) definition.Object {
		return definition.Object{"inlineTemplates": []definition.Object{{
			"recipients": arrays, "customFields": definition.Object{
				"textCustomFields": fields,
				"listCustomFields": []definition.Object{{"name": "Region", "value": "West", "listItems": []string{"West", "East"}}},
			},
		}}}
	}
	signer := func(id, name, order string, tabs definition.Object) definition.Object {
		return definition.Object{
			"recipientId": id, "name": name, "email": name + "@example.com", "routingOrder": order, "tabs": tabs,
		}
	}
	crm := definition.Object{"name": "CRM", "value": "1"}
	o["compositeTemplates"] = []definition.Object{
		inline([]definition.Object{crm}, definition.Object{
			"signers": []definition.Object{
				signer("1", "ben", "2", nil),
				signer("2", "cora", "1", definition.Object{"textTabs": []definition.Object{
					{"tabLabel": "a", "xPosition": "72", "yPosition": "72"}, {"tabLabel": "anchored", "anchorString": "x"},
				}}),
			},
		}),
		inline([]definition.Object{crm}, definition.Object{
			"carbonCopies": []definition.Object{signer("3", "anna", "1", nil)},
			"signers": []definition.Object{signer("2", "cora", "1", definition.Object{
				"textTabs": []definition.Object{{"tabLabel": "b", "xPosition": "72", "yPosition": "72"}},
				"radioGroupTabs": []definition.Object{{"groupName": "g", "radios": []definition.Object{
					{"value": "placed", "xPosition": "72", "yPosition": "72"}, {"value": "anchored"},
				}}},
			})},
		}),
	}
	return &definition.Definition{Object: o, Recipients: []string{"3", "1", "2", "2"}}
}

func TestACreationIsAnsweredFromWhatWasSent(t *testing.T) { // SOAP-REST.md §4.1
	w := writer(t, "dsapi", "CreateEnvelopeFromTemplates")
	at := time.Date(2026, 11, 20, 18, 0, 0, 0, time.UTC)
	d := creation(t)
	before, err := json.Marshal(d.Object)
	if err != nil {
		t.Fatal(err)
	}
	body := result(t, w, w.Created(d, answer.Creation{
		EnvelopeID: "e", Status: "sent", At: at, UserName: "Anna", Email: "anna@example.com",
	}))
	const tail = " DeclineReason=nil=- Status=%s RecipientIPAddress=- CustomFields=-"
	sent, created := strings.ReplaceAll(tail, "%s", "Sent"), strings.ReplaceAll(tail, "%s", "Created")
	expect(t, parts(body, "RecipientStatus"),
		"Type=CarbonCopy Email=anna@example.com UserName=anna RoutingOrder=1 Sent=2026-11-20T10:00:00"+sent,
		"Type=Signer Email=ben@example.com UserName=ben RoutingOrder=2"+created,
		"Type=Signer Email=cora@example.com UserName=cora RoutingOrder=1 Sent=2026-11-20T10:00:00"+sent,
	)
	const tab = "TabType=Custom Status=Active XPosition=150 YPosition=150 TabLabel="
	expect(t, parts(body, "TabStatus"),
		tab+"a TabName=Text TabValue=-", tab+"b TabName=Text TabValue=-", tab+"g TabName=placed TabValue=-")
	if strings.Count(body, "<Name>CRM</Name>") != 1 || strings.Count(body, "<ListItems>West;East</ListItems>") != 1 ||
		!strings.Contains(body, "<AutoNavigation>false</AutoNavigation>") {
		t.Error(body)
	}
	after, err := json.Marshal(d.Object)
	if err != nil {
		t.Fatal(err)
	}
	if string(after) != string(before) {
		t.Error("the definition is changed")
	}
}

func TestADraftAndAnEnvelopeThatIsMadeLater(t *testing.T) {
	w := writer(t, "api", "CreateEnvelope")
	at := time.Date(2026, 11, 20, 18, 0, 0, 0, time.UTC)
	for _, tc := range []struct{ id, status, want string }{
		{"e", "created", "Created"}, {"", "", "Processing"}, {"", "sent", "Processing"},
	} {
		body := result(t, w, w.Created(creation(t), answer.Creation{EnvelopeID: tc.id, Status: tc.status, At: at}))
		if strings.Contains(body, "<Sent>") || strings.Contains(body, "<EnvelopeID>") == (tc.id == "") {
			t.Error(body)
		}
		if _, after, _ := strings.Cut(body, "</RecipientStatuses>"); inside(t, after, "Status") != tc.want {
			t.Error(after)
		}
	}
}

func TestTheCertificateIsNoDocumentWithAnID(t *testing.T) { // SOAP-REST.md §4.4, §11.2
	certificate := map[string]any{"documentId": "certificate", "name": "Certificate Of Completion", "type": "summary"}
	for _, tc := range []struct {
		operation string
		document  map[string]any
		empty     bool
		want      string
	}{
		{"RequestDocumentPDFs", certificate, true, "<Name>Summary</Name><PDFBytes>"},
		{"RequestDocumentPDFsEx", certificate, false, "<DocumentType>SUMMARY</DocumentType>"},
		{"RequestDocumentPDFsEx", certificate, true, "<DocumentID /><DocumentType>SUMMARY</DocumentType>"},
		{
			"RequestDocumentPDFsEx", map[string]any{"documentId": "12", "name": "A"}, true,
			"<DocumentID>12</DocumentID><DocumentType>CONTENT</DocumentType>",
		},
		{
			"RequestDocumentPDFsEx", map[string]any{"documentId": "x", "name": "A"}, true,
			"</PDFBytes><DocumentType>CONTENT</DocumentType>",
		},
	} {
		w := writer(t, "dsapi", tc.operation)
		w.CertificateEmpty = tc.empty
		a, err := w.Result(answer.Fields{"DocumentPDF": w.Document(tc.document, stream(1, strings.NewReader("a")))})
		if err != nil {
			t.Fatal(err)
		}
		if body := text(t, a); !strings.Contains(body, tc.want) ||
			strings.Contains(body, "DocumentType") == (tc.operation == "RequestDocumentPDFs") {
			t.Errorf("%s of %v: %s", tc.operation, tc.document, body)
		}
	}
}
