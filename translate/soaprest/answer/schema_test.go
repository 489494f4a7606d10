package answer_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/services"
	"docusign-auth-proxy/translate/soaprest/answer"
)

// answers are those of the operations that are carried out, with as many members as there are.
func answers(t *testing.T) map[string]func(*answer.Writer) any {
	status := func(w *answer.Writer) any { return w.Status(envelope(t)) }
	created := func(w *answer.Writer) any {
		return w.Created(creation(t), answer.Creation{EnvelopeID: "e", Status: "sent", At: now})
	}
	list := func(w *answer.Writer) any {
		text := string(read(t, "testdata/envelope.json"))
		pages := []*answer.Page{page(t, `{"envelopes":[`+text+`,`+text+`]}`)}
		if strings.HasPrefix(w.Operation, "RequestStatuses") {
			return w.Statuses(answer.Fields{"Statuses": answer.Fields{"Status": []string{"Any"}}}, 2, pages)
		}
		return w.StatusChanges(2, pages)
	}
	document := func() answer.Stream { return stream(5, strings.NewReader("%PDF-")) }
	pdf := func(*answer.Writer) any { return answer.Fields{"EnvelopeID": "e", "PDFBytes": document()} }
	pdfs := func(w *answer.Writer) any {
		return answer.Fields{"EnvelopeId": "e", "DocumentPDF": []answer.Fields{
			w.Document(map[string]any{"documentId": "1", "name": "A", "type": "content"}, document()),
			w.Document(map[string]any{"documentId": "certificate", "type": "summary"}, document()),
		}}
	}
	url := func(*answer.Writer) any { return "https://demo.docusign.net/?a=1&b=2" }
	template := func(w *answer.Writer) any {
		o := object(t, string(read(t, "testdata/template.json")))
		return w.Template(o, "1", func(string) answer.Stream { return document() })
	}
	all := map[string]func(*answer.Writer) any{
		"Ping":            func(*answer.Writer) any { return true },
		"VoidEnvelope":    func(*answer.Writer) any { return answer.Fields{"VoidSuccess": true} },
		"PurgeDocuments":  func(*answer.Writer) any { return answer.Fields{"PurgeDocumentSuccess": true} },
		"SynchEnvelope":   func(*answer.Writer) any { return answer.Fields{"EnvelopeStatus": "Sent", "EnvelopeID": "e"} },
		"SendEnvelope":    func(w *answer.Writer) any { return w.Sent(envelope(t), now) },
		"RequestTemplate": template,
		"RequestTemplates": func(w *answer.Writer) any {
			return answer.Templates(map[string]any{"envelopeTemplates": []any{object(t, string(read(t, "testdata/template.json")))}})
		},
		"CorrectAndResendEnvelope": func(w *answer.Writer) any {
			return answer.Fields{"RecipientCorrectionStatuses": answer.Fields{"RecipientCorrectionStatus": answer.Fields{
				"CorrectionSucceeded": true, "RecipientCorrection": answer.Fields{"PreviousRoutingOrder": 1},
				"RecipientStatus": w.RecipientStatus(envelope(t)["recipients"].(map[string]any), "1"),
			}}}
		},
	}
	for names, made := range map[string]func(*answer.Writer) any{
		"CreateEnvelope CreateAndSendEnvelope CreateEnvelopeFromTemplates CreateEnvelopeFromTemplatesAndForms": created,
		"RequestStatus RequestStatusEx":                                                       status,
		"RequestStatuses RequestStatusesEx RequestStatusCodes RequestStatusChanges":           list,
		"RequestPDF RequestPDFNoWaterMark RequestPDFWithCert RequestPDFWithOptions":           pdf,
		"RequestDocumentPDFs RequestDocumentPDFsEx RequestPDFsWithOptions RequestCertificate": pdfs,
		"RequestRecipientToken RequestSenderToken RequestCorrectToken GetAuthenticationToken": url,
	} {
		for name := range strings.FieldsSeq(names) {
			all[name] = made
		}
	}
	return all
}

// writeSchema writes the XML Schema inside a service's WSDL to a file.
func writeSchema(t *testing.T, s *services.Service) string {
	t.Helper()
	var wsdl bytes.Buffer
	if err := s.WriteWSDL(&wsdl, "https://example.com/"); err != nil {
		t.Fatal(err)
	}
	schema := regexp.MustCompile(`(?s)<s:schema.*</s:schema>`).FindString(wsdl.String())
	prefixes := `<s:schema xmlns:s="http://www.w3.org/2001/XMLSchema" xmlns:tns="` + s.Namespace + `"`
	file := filepath.Join(t.TempDir(), "schema.xsd")
	if err := os.WriteFile(file, []byte(strings.Replace(schema, "<s:schema", prefixes, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// Each answer is also held against the facts of the service, by result.
func TestEveryAnswerFitsTheSchemaInTheWSDL(t *testing.T) {
	all := answers(t)
	for _, name := range []string{"api", "dsapi", "credential"} {
		t.Run(name, func(t *testing.T) {
			folder, count := t.TempDir(), 0
			for operation, made := range all {
				w := writer(t, name, operation)
				if !w.Service.Has(operation) {
					continue
				}
				for _, full := range []bool{false, true} {
					w.Full = full
					_, body, _ := strings.Cut(result(t, w, made(w)), "<soap:Body>")
					body = strings.TrimSuffix(body, "</soap:Body></soap:Envelope>")
					body = strings.Replace(body, " ", ` xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" `, 1)
					file := filepath.Join(folder, fmt.Sprintf("%s-%t.xml", operation, full))
					if err := os.WriteFile(file, []byte(body), 0o600); err != nil {
						t.Fatal(err)
					}
					count++
				}
			}
			xmllint, err := exec.LookPath("xmllint")
			if err != nil {
				if os.Getenv("DOCUSIGN_AUTH_PROXY_TOOLS") != "" {
					t.Fatal("xmllint is not installed")
				}
				t.Skip("libxml2-utils is not installed; .ci/install installs it")
			}
			files, err := filepath.Glob(filepath.Join(folder, "*.xml"))
			if err != nil || len(files) != count || count == 0 {
				t.Fatalf("%d files of %d: %v", len(files), count, err)
			}
			arguments := append([]string{"--noout", "--nonet", "--schema", writeSchema(t, writer(t, name, "").Service)}, files...)
			if out, err := exec.Command(xmllint, arguments...).CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

func TestATemplateIsTheDefinitionTheOtherWayAbout(t *testing.T) { // SOAP-REST.md §4.10
	w := writer(t, "api", "RequestTemplate")
	o := object(t, string(read(t, "testdata/template.json")))
	body := inside(t, result(t, w, w.Template(o, "a1", nil)), "RequestTemplateResult")
	want := `<EnvelopeTemplateDefinition><TemplateID>70000000-0000-4000-8000-000000000001</TemplateID><Name>Order</Name>` +
		`<Shared>false</Shared><TemplateDescription /><LastModified>2026-10-05T10:00:00.5</LastModified>` +
		`<PageCount>3</PageCount></EnvelopeTemplateDefinition><Envelope><AccountId>a1</AccountId>` +
		`<Documents><Document><ID>1</ID><Name>Order.pdf</Name><PDFBytes>AA==</PDFBytes></Document></Documents>` +
		`<Recipients><Recipient><ID>1</ID><UserName /><Email /><Type>Signer</Type><AccessCode />` +
		`<RequireIDLookup>false</RequireIDLookup><IDCheckConfigurationName>SMS Auth $</IDCheckConfigurationName>` +
		`<PhoneAuthentication><SenderProvidedNumbers><SenderProvidedNumber>+15555550100</SenderProvidedNumber>` +
		`</SenderProvidedNumbers></PhoneAuthentication><SignatureInfo><SignatureName>Ben</SignatureName>` +
		`<SignatureInitials>B</SignatureInitials><FontStyle>DocuSign3</FontStyle></SignatureInfo>` +
		`<CaptiveInfo><ClientUserId>c</ClientUserId></CaptiveInfo><CustomFields><CustomField>x</CustomField></CustomFields>` +
		`<RoutingOrder>1</RoutingOrder><Note /><RoleName>Customer</RoleName><TemplateRequired>true</TemplateRequired>` +
		`<EmailNotification><Subject>s</Subject><EmailBlurb>b</EmailBlurb><Language>en</Language></EmailNotification>` +
		`<ExcludedDocuments><DocumentID>2</DocumentID></ExcludedDocuments></Recipient>` +
		`<Recipient><ID>2</ID><UserName>Host</UserName><SignerName>Gast</SignerName><Email>host@example.com</Email>` +
		`<Type>InPersonSigner</Type><AccessCode /><RequireIDLookup>false</RequireIDLookup><RoutingOrder>2</RoutingOrder>` +
		`<Note /></Recipient></Recipients><Tabs>` +
		`<Tab><DocumentID>1</DocumentID><RecipientID>1</RecipientID><PageNumber>1</PageNumber><XPosition>100</XPosition>` +
		`<YPosition>579</YPosition><ScaleValue>0.5</ScaleValue><Type>SignHere</Type><Name>SignHere</Name>` +
		`<TabLabel>sig1</TabLabel><Value /><CustomTabRequired>false</CustomTabRequired>` +
		`<CustomTabLocked>false</CustomTabLocked></Tab>` +
		`<Tab><DocumentID>1</DocumentID><RecipientID>1</RecipientID><PageNumber>1</PageNumber><XPosition>0</XPosition>` +
		`<YPosition>0</YPosition><ScaleValue>1</ScaleValue><AnchorTabItem><AnchorTabString>(i)</AnchorTabString>` +
		`<XOffset>1.5</XOffset><Unit>Inches</Unit><IgnoreIfNotPresent>true</IgnoreIfNotPresent></AnchorTabItem>` +
		`<Type>InitialHere</Type><Name>InitialHere</Name><TabLabel /><Value /><CustomTabRequired>false</CustomTabRequired>` +
		`<CustomTabLocked>false</CustomTabLocked></Tab>` +
		`<Tab><DocumentID>1</DocumentID><RecipientID>1</RecipientID><PageNumber>1</PageNumber><XPosition>60</XPosition>` +
		`<YPosition>200</YPosition><ScaleValue>1</ScaleValue><Type>Custom</Type><Name>Text</Name><TabLabel>order</TabLabel>` +
		`<Value>A</Value><CustomTabType>Text</CustomTabType><CustomTabWidth>120</CustomTabWidth>` +
		`<CustomTabRequired>true</CustomTabRequired><CustomTabLocked>true</CustomTabLocked>` +
		`<ConditionalParentLabel>kind</ConditionalParentLabel><ConditionalParentValue>new</ConditionalParentValue>` +
		`<Font>LucidaConsole</Font><Bold>true</Bold><FontSize>Size9</FontSize><MaxLength>20</MaxLength></Tab>` +
		`<Tab><DocumentID>1</DocumentID><RecipientID>1</RecipientID><PageNumber>1</PageNumber><XPosition>60</XPosition>` +
		`<YPosition>230</YPosition><ScaleValue>1</ScaleValue><Type>Custom</Type><Name>Radio</Name><TabLabel>new</TabLabel>` +
		`<Value>X</Value><CustomTabType>Radio</CustomTabType><CustomTabRequired>false</CustomTabRequired>` +
		`<CustomTabLocked>false</CustomTabLocked><CustomTabRadioGroupName>kind</CustomTabRadioGroupName></Tab>` +
		`<Tab><DocumentID>1</DocumentID><RecipientID>1</RecipientID><PageNumber>1</PageNumber><XPosition>60</XPosition>` +
		`<YPosition>280</YPosition><ScaleValue>1</ScaleValue><Type>Custom</Type><Name>List</Name><TabLabel>colour</TabLabel>` +
		`<Value>r</Value><CustomTabType>List</CustomTabType><CustomTabRequired>false</CustomTabRequired>` +
		`<CustomTabLocked>false</CustomTabLocked><CustomTabListItems>Red;Blue</CustomTabListItems>` +
		`<CustomTabListValues>r;b</CustomTabListValues><CustomTabListSelectedValue>r</CustomTabListSelectedValue></Tab>` +
		`<Tab><DocumentID>1</DocumentID><RecipientID>1</RecipientID><PageNumber>1</PageNumber><XPosition>60</XPosition>` +
		`<YPosition>300</YPosition><ScaleValue>1</ScaleValue><Type>Custom</Type><Name>Note</Name><TabLabel />` +
		`<Value>read</Value><CustomTabType>Note</CustomTabType><CustomTabRequired>false</CustomTabRequired>` +
		`<CustomTabLocked>false</CustomTabLocked></Tab></Tabs>` +
		`<Subject>Your order</Subject><EmailBlurb /><SigningLocation>InPerson</SigningLocation>` +
		`<CustomFields><CustomField><Name>CRM</Name><Show>true</Show><Required>false</Required><Value>1</Value>` +
		`<CustomFieldType>Text</CustomFieldType></CustomField></CustomFields><AutoNavigation>true</AutoNavigation>` +
		`<EnvelopeIdStamping>true</EnvelopeIdStamping><AuthoritativeCopy>false</AuthoritativeCopy>` +
		`<Notification><Reminders><ReminderEnabled>true</ReminderEnabled><ReminderDelay>2</ReminderDelay></Reminders>` +
		`<Expirations><ExpireEnabled>false</ExpireEnabled><ExpireAfter>120</ExpireAfter></Expirations></Notification>` +
		`<EnableWetSign>false</EnableWetSign><EventNotification><URL>https://app.example.com/</URL>` +
		`<LoggingEnabled>true</LoggingEnabled><EnvelopeEvents><EnvelopeEvent>` +
		`<EnvelopeEventStatusCode>Completed</EnvelopeEventStatusCode><IncludeDocuments>false</IncludeDocuments>` +
		`</EnvelopeEvent></EnvelopeEvents></EventNotification><AllowReassign>true</AllowReassign><BrandId>b1</BrandId>` +
		`</Envelope>`
	if body != want {
		g, x := strings.ReplaceAll(body, "><", ">\n<"), strings.ReplaceAll(want, "><", ">\n<")
		gl, wl := strings.Split(g, "\n"), strings.Split(x, "\n")
		expect(t, gl, wl...)
	}
	w = writer(t, "dsapi", "RequestTemplate")
	if body := result(t, w, w.Template(o, "a1", nil)); strings.Contains(body, "Note</CustomTabType>") {
		t.Error("a note on dsapi.asmx")
	}
}
