package soaprest

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/internal/store"
)

// parrot is a User whom DocuSign answers the same to every GET, and another thing to what changes something.
type parrot struct {
	script

	status       int
	read, change string
	changes      int
}

func (p *parrot) Do(_ context.Context, r *Request) (*http.Response, error) {
	text := p.read
	if r.Method != http.MethodGet {
		text = p.change
		p.changes++
	}
	return &http.Response{
		StatusCode: p.status, Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(strings.NewReader(text)), ContentLength: int64(len(text)),
	}, nil
}

// FuzzAnswersOfREST: whatever DocuSign answers, the program gets XML or an error, and nothing is changed twice.
func FuzzAnswersOfREST(f *testing.F) {
	calls := []struct {
		operation, body string
		changes         int // at most
	}{
		{"RequestStatusEx", idElement, 0},
		{"RequestStatusesEx", filter(since), 0},
		{"RequestDocumentPDFsEx", idElement, 0},
		{"RequestTemplates", "<IncludeAdvancedTemplates>true</IncludeAdvancedTemplates>", 0},
		{
			"RequestTemplate",
			"<TemplateID>" + templateOne + "</TemplateID><IncludeDocumentBytes>true</IncludeDocumentBytes>", 0,
		},
		{"SendEnvelope", "<EnvelopeId>" + envelopeOne + "</EnvelopeId>", 1},
		{"VoidEnvelope", idElement + "<Reason>r</Reason>", 1},
		{
			"CorrectAndResendEnvelope",
			correctionOf("", ben+"<CorrectedUserName>New</CorrectedUserName>", cora+"<Resend>true</Resend>"), 2,
		},
		{"SynchEnvelope", synchBody("false"), 0},
		{"RequestSenderToken", idElement, 1},
	}
	results := `{"recipientUpdateResults":[{"recipientId":"1","errorDetails":{"errorCode":"SUCCESS"}}],"url":"https://a/"}`
	for i, text := range []string{
		statusText, listText(0, 2, 3), documentList, templateList(0, 2, 2), templateText, draftText, statusText,
		recipientsText, transactionStep("sent", envelopeOne).answer, "{}",
	} {
		f.Add(uint8(i), uint16(200), text, results)
	}
	f.Add(uint8(0), uint16(400), absentText, "")
	f.Fuzz(func(t *testing.T, which uint8, status uint16, read, change string) {
		if status < 100 || status > 599 {
			return
		}
		do := calls[int(which)%len(calls)]
		p := &parrot{script: script{t: t}, status: int(status), read: read, change: change}
		c := newCall(p, do.operation, do.body)
		c.Integration.SOAPREST.SafeDocuments = integration.SafeAuto
		got := serveCall(t.Context(), New(Options{Returns: store.Memory().Returns()}), c)
		if got.err != nil {
			t.Errorf("%s: %v", do.operation, got.err)
		}
		elements(t, got.text)
		if p.changes > do.changes {
			t.Errorf("%s: %d changes", do.operation, p.changes)
		}
		if n := c.Spools.Used(); n != 0 {
			t.Errorf("%d bytes were left in spools", n)
		}
	})
}
