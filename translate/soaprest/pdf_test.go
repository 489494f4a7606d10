package soaprest

import (
	"encoding/base64"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/internal/spool"
	"docusign-auth-proxy/internal/store"
)

const (
	combinedPath = envelopePath + "/documents/combined"
	plainQuery   = "?certificate=false&watermark=true"
	pdfText      = "%PDF-1.4 sample"
)

func inBase64(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

func TestWhatEachOperationAsksFor(t *testing.T) { // SOAP-REST.md §1.2
	pdf := func(query string) []step {
		return []step{{want: "GET " + combinedPath + query, pdf: true, answer: pdfText}}
	}
	has := []string{
		"<EnvelopeID>" + envelopeOne + "</EnvelopeID><PDFBytes>" + inBase64(pdfText) + "</PDFBytes>",
	}
	run(t, []scene{
		{
			name: "all documents without the certificate", operation: "RequestPDF", body: idElement,
			steps: pdf(plainQuery), has: has,
		},
		{
			name: "without the watermark", operation: "RequestPDFNoWaterMark", body: idElement,
			steps: pdf("?certificate=false&watermark=false"), has: has,
		},
		{
			name: "with the certificate and the watermark", operation: "RequestPDFWithCert",
			body:  idElement + "<AddWaterMark>1</AddWaterMark>",
			steps: pdf("?certificate=true&watermark=true"), has: has,
		},
		{
			name: "with the certificate alone", operation: "RequestPDFWithCert",
			body:  idElement + "<AddWaterMark>false</AddWaterMark>",
			steps: pdf("?certificate=true&watermark=false"), has: has,
		},
		{
			name: "with options", operation: "RequestPDFWithOptions",
			body: idElement + "<PDFOptions><ShowChanges>true</ShowChanges><AddWaterMark>false</AddWaterMark>" +
				"<IncludeCert>true</IncludeCert></PDFOptions>",
			steps: pdf("?certificate=true&show_changes=true&watermark=false"), has: has,
		},
		{
			name: "on dsapi.asmx", operation: "RequestPDF", body: idElement, set: onDSAPI,
			steps: pdf(plainQuery), has: has,
		},
		{
			name: "the id comes back as it was sent", operation: "RequestPDF",
			body:  "<EnvelopeID> {" + strings.ToUpper(envelopeOne) + "}</EnvelopeID>",
			steps: pdf(plainQuery), has: []string{"<EnvelopeID> {" + strings.ToUpper(envelopeOne) + "}</EnvelopeID>"},
		},
		{
			name: "the certificate", operation: "RequestCertificate", body: idElement,
			steps: []step{{want: "GET " + envelopePath + "/documents/certificate", pdf: true, answer: pdfText}},
			has: []string{"<DocumentPDF><Name>Summary</Name><PDFBytes>" + inBase64(pdfText) +
				"</PDFBytes><DocumentType>SUMMARY</DocumentType></DocumentPDF>"},
		},
	})
}

func TestADocumentThatDoesNotCome(t *testing.T) {
	get := step{want: "GET " + combinedPath + plainQuery, pdf: true, answer: pdfText}
	with := func(change func(*step)) []step {
		s := get
		change(&s)
		return []step{s}
	}
	always := func(c *Call) { c.Integration.SOAPREST.SafeDocuments = integration.SafeAlways }
	askState := func(status string) step {
		return step{want: "GET " + envelopePath, answer: `{"status":"` + status + `"}`}
	}
	refused := with(func(s *step) { s.status, s.answer, s.pdf = 400, refusedText, false })
	call := scene{operation: "RequestPDF", body: idElement}
	of := func(name string, steps []step, change func(*scene)) scene {
		s := call
		s.name, s.steps = name, steps
		change(&s)
		return s
	}
	run(t, []scene{
		of("a page in its place", with(func(s *step) { s.header = map[string]string{"Content-Type": "text/html"} }),
			func(s *scene) { s.fault = "Unspecified_Error" }),
		of("a page of an error", with(func(s *step) { s.status, s.answer = 502, "<html>" }),
			func(s *scene) { s.fault = "Unspecified_Error" }),
		of("a refusal for a draft is an answer without bytes", append(refused, askState("created")),
			func(s *scene) { s.has, s.lacks = []string{idElement}, []string{"PDFBytes"} }),
		of("a refusal for another envelope", append(refused, askState("sent")),
			func(s *scene) { s.fault = "Some_Refusal" }),
		of("a refusal, and the state does not come", append(refused, step{want: "GET " + envelopePath, status: 500}),
			func(s *scene) { s.fault = "Some_Refusal" }),
		of("no such envelope", with(func(s *step) { s.status, s.answer = 404, absentText }),
			func(s *scene) { s.fault = absentEnvelope }),
		of("too many calls", with(func(s *step) {
			s.status, s.answer = 429, `{"errorCode":"HOURLY_APIINVOCATION_LIMIT_EXCEEDED","message":"Later."}`
		}), func(s *scene) {
			s.fault, s.has = "Hourly_API_Invocation_Limit_Exceeded", []string{"<ErrorCode>207</ErrorCode>"}
		}),
		of("a break in the middle cuts the answer off", with(func(s *step) { s.cut = true }),
			func(s *scene) { s.broken, s.lacks = true, []string{"</PDFBytes>"} }),
		of("a break where nobody told the length", with(func(s *step) { s.cut, s.unsized = true, true }),
			func(s *scene) { s.broken, s.lacks = true, []string{"</PDFBytes>"} }),
		of("a break before the answer began is a fault", with(func(s *step) { s.cut = true }),
			func(s *scene) { s.set, s.fault = always, "Unspecified_Error" }),
		of("no room for it", with(func(*step) {}), func(s *scene) {
			s.fault = "Unspecified_Error"
			s.set = func(c *Call) { always(c); c.Spools = spool.New("", 10, 10) }
		}),
		of("no disk for it", with(func(*step) {}), func(s *scene) {
			s.fault, s.has = "Unspecified_Error", []string{"the proxy cannot keep what DocuSign answers"}
			s.lacks = []string{"breaks off", "absent"}
			s.set = func(c *Call) { always(c); c.Spools = spool.New("/absent", 1, 1<<20) }
		}),
		of("an id that is none", nil, func(s *scene) {
			s.body, s.fault = "<EnvelopeID>1</EnvelopeID>", absentEnvelope
		}),
	})
}

func TestTheLengthOfAnAnswer(t *testing.T) { // SOAP-REST.md §6.4
	for name, tc := range map[string]struct {
		unsized, http10 bool
		known           bool
	}{
		"DocuSign tells it":                             {known: true},
		"DocuSign tells it, for HTTP/1.0":               {http10: true, known: true},
		"nobody knows it, so that it goes in chunks":    {unsized: true},
		"HTTP/1.0 needs it, so that the document waits": {unsized: true, http10: true, known: true},
	} {
		t.Run(name, func(t *testing.T) {
			u := &script{t: t, steps: []step{{
				want: "GET " + combinedPath + plainQuery, pdf: true, answer: pdfText, unsized: tc.unsized,
			}}}
			c := newCall(u, "RequestPDF", idElement)
			c.HTTP10 = tc.http10
			a, err := New(Options{}).Serve(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			defer a.Close()
			var text strings.Builder
			if err := a.Write(&text); err != nil {
				t.Fatal(err)
			}
			if known := a.Length >= 0; known != tc.known || known && a.Length != int64(text.Len()) {
				t.Errorf("told %d, wrote %d", a.Length, text.Len())
			}
		})
	}
}

// list is what REST says of the documents of an envelope.
const documentList = `{"envelopeDocuments":[
	{"documentId":"certificate","name":"Certificate of Completion","type":"summary","order":"0","sizeBytes":"9"},
	{"documentId":"7","name":"Second","type":"content","order":"10","sizeBytes":"9"},
	{"documentId":"3","name":"First","type":"content","order":"2","sizeBytes":"9"},
	{"documentId":"up-1","name":"Passport","type":"content","order":"11","sizeBytes":"9"}]}`

func documentSteps(query string, ids ...string) []step {
	steps := []step{{want: "GET " + envelopePath + "/documents", answer: documentList}}
	for _, id := range ids {
		steps = append(steps, step{want: "GET " + envelopePath + "/documents/" + id + query, pdf: true, answer: "of " + id})
	}
	return steps
}

func documentField(name, id, more string) string {
	return "<DocumentPDF><Name>" + name + "</Name><PDFBytes>" + inBase64("of "+id) + "</PDFBytes>" + more +
		"</DocumentPDF>"
}

func TestTheDocumentsOfAnEnvelope(t *testing.T) { // SOAP-REST.md §4.4
	const content, last = "<DocumentType>CONTENT</DocumentType>", "<DocumentType>SUMMARY</DocumentType>"
	never := func(c *Call) { c.Integration.SOAPREST.SafeDocuments = integration.SafeNever }
	plain := documentField("First", "3", "") + documentField("Second", "7", "") + documentField("Passport", "up-1", "") +
		documentField("Summary", "certificate", "") + "</RequestDocumentPDFsResult>"
	ex := documentField("First", "3", "<DocumentID>3</DocumentID>"+content) +
		documentField("Second", "7", "<DocumentID>7</DocumentID>"+content) + documentField("Passport", "up-1", content)
	all := documentSteps("", "3", "7", "up-1", "certificate")
	changes := func(options string) string {
		return idElement + "<PDFsOptions><ShowChanges>true</ShowChanges>" + options + "</PDFsOptions>"
	}
	missing := documentSteps("", "3", "7")
	missing[2].status, missing[2].answer, missing[2].pdf = 400, refusedText, false
	draft := append(documentSteps("", "3"), step{want: "GET " + envelopePath, answer: `{"status":"created"}`})
	draft[1].status, draft[1].answer, draft[1].pdf = 400, refusedText, false
	run(t, []scene{
		{
			name: "in their order, the certificate last", operation: "RequestDocumentPDFs", body: idElement,
			steps: all, has: []string{"<EnvelopeId>" + envelopeOne + "</EnvelopeId>" + plain},
		},
		{
			name: "one after the other", operation: "RequestDocumentPDFs", body: idElement,
			steps: all, set: never, has: []string{plain},
		},
		{
			name: "with ids and types, but for ids that SOAP cannot have", operation: "RequestDocumentPDFsEx", body: idElement,
			steps: all, has: []string{ex + documentField("Summary", "certificate", last)},
		},
		{
			name: "with the empty id of the certificate", operation: "RequestDocumentPDFsEx", body: idElement,
			set: func(c *Call) {
				c.Integration.SOAPREST.CertificateDocumentID = integration.EmptyCertificateID
			},
			steps: all, has: []string{documentField("Summary", "certificate", "<DocumentID />"+last)},
		},
		{
			name: "with changes and without the certificate", operation: "RequestPDFsWithOptions", body: changes(""),
			steps: documentSteps("?show_changes=true", "3", "7", "up-1"), has: []string{ex}, lacks: []string{"Summary"},
		},
		{
			name: "one of them", operation: "RequestPDFsWithOptions", body: changes("<DocumentID>7</DocumentID>"),
			steps: documentSteps("?show_changes=true", "7"),
			has:   []string{documentField("Second", "7", "<DocumentID>7</DocumentID>"+content)}, lacks: []string{"First"},
		},
		{
			name: "one that is not there", operation: "RequestPDFsWithOptions", body: changes("<DocumentID>8</DocumentID>"),
			steps: documentSteps(""), fault: "Document_Does_Not_Exist",
		},
		{
			name: "none", operation: "RequestDocumentPDFs", body: idElement,
			steps: []step{{want: "GET " + envelopePath + "/documents", answer: `{"envelopeDocuments":[]}`}},
			has:   []string{"<EnvelopeId>" + envelopeOne + "</EnvelopeId></RequestDocumentPDFsResult>"},
		},
		{
			name: "those of a draft are left out", operation: "RequestDocumentPDFs", body: idElement,
			steps: draft, lacks: []string{"DocumentPDF>"},
		},
		{
			name: "the second is refused before the answer began", operation: "RequestDocumentPDFs", body: idElement,
			steps: append(missing, step{want: "GET " + envelopePath, answer: `{"status":"sent"}`}), fault: "Some_Refusal",
		},
		{
			name: "the second is refused after the first was answered", operation: "RequestDocumentPDFs", body: idElement,
			steps: missing, set: never, broken: true, lacks: []string{"Second</Name></", "</soap:Envelope>"},
		},
		{
			name: "the list is refused", operation: "RequestDocumentPDFs", body: idElement,
			steps: []step{{want: "GET " + envelopePath + "/documents", status: 401}}, fault: "User_Authentication_Failed",
		},
	})
}

func TestLargeDocumentsAreNotReadBeforehand(t *testing.T) {
	list := strings.Replace(documentList, `"sizeBytes":"9"}]`, `"sizeBytes":"`+"30000000"+`"}]`, 1)
	steps := documentSteps("", "3", "7", "up-1", "certificate")
	steps[0].answer = list
	u := &script{t: t, steps: steps}
	c := newCall(u, "RequestDocumentPDFs", idElement)
	c.Integration.SOAPREST.SafeDocuments = integration.SafeAuto
	a, err := New(Options{Returns: store.Memory().Returns()}).Serve(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if len(u.steps) != 3 || a.Length != -1 {
		t.Errorf("%d documents are not asked for yet, the length is %d", len(u.steps), a.Length)
	}
	var text strings.Builder
	if err := a.Write(&text); err != nil {
		t.Error(err)
	}
	a.Close()
	u.done()
}
