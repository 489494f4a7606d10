package demo

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"docusign-auth-proxy/internal/sandbox"
)

const (
	oldWSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
	oldPDF  = "JVBERi0xLjQKMSAwIG9iajw8L1R5cGUvQ2F0YWxvZy9QYWdlcyAyIDAgUj4+CmVuZG9iagoyIDAgb2JqPDwvVHlwZS9Q" +
		"YWdlcy9LaWRzW10vQ291bnQgMD4+CmVuZG9iagp0cmFpbGVyPDwvUm9vdCAxIDAgUj4+CiUlRU9GCg=="
)

// oldEnvelope is a SOAP 1.1 message with WS-Security, in the layout of hand-written templates.
func oldEnvelope(u sandbox.User, body string) string {
	return `<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/">
 <soap:Header>
  <wsse:Security soap:mustUnderstand="1" xmlns:wsse="` + oldWSSE + `">
   <wsse:UsernameToken>
    <wsse:Username>[` + sandbox.LegacyKey + `]` + u.Email + `</wsse:Username>
    <wsse:Password>` + u.Password + `</wsse:Password>
   </wsse:UsernameToken>
  </wsse:Security>
 </soap:Header>
 <soap:Body>
` + body + `
 </soap:Body>
</soap:Envelope>`
}

const createAndSend = `  <CreateAndSendEnvelope xmlns="http://www.docusign.net/API/3.0">
   <Envelope><AccountId>` + oldAccount + `</AccountId>
    <Documents><Document><ID>1</ID><Name>order.pdf</Name><PDFBytes>` + oldPDF + `</PDFBytes></Document></Documents>
    <Recipients><Recipient><ID>1</ID><UserName>Sam Signer</UserName><Email>sam@example.com</Email><Type>Signer</Type>
     <AccessCode/><RequireIDLookup>false</RequireIDLookup></Recipient></Recipients>
    <Subject>Please sign order 4711</Subject></Envelope>
  </CreateAndSendEnvelope>`

func (n *narrator) soapRequest(operation, body string) string {
	return request11([]string{
		"POST /api/3.0/api.asmx HTTP/1.1", "Host: " + n.sidecar, "User-Agent: " + oldAgent,
		"Content-Type: text/xml; charset=utf-8",
		`SOAPAction: "http://www.docusign.net/API/3.0/` + operation + `"`,
	}, oldEnvelope(n.anna, body))
}

// soapEnvelope sends a document over SOAP and asks for its status.
func (n *narrator) soapEnvelope(a *step) {
	a.Title = "SOAP: CreateAndSendEnvelope with WS-Security, then RequestStatus"
	request := n.soapRequest("CreateAndSendEnvelope", createAndSend)
	got, err := n.plain(request)
	_, body, _ := strings.Cut(request, "\r\n\r\n")
	a.show("program sends", firstLine(request)+"\n"+soapTop(body))
	if a.failed(err) {
		return
	}
	r := n.translated(a)
	a.show("DocuSign receives", briefly(r)+"\n"+soapTop(string(r.Body)))
	a.check(!strings.Contains(string(r.Body), "UsernameToken"), "the UsernameToken reached DocuSign")
	a.check(afterHeader(string(r.Body)) == afterHeader(body), "the SOAP body was changed")
	a.status(got, http.StatusOK, "sent; the SOAP body is untouched, to the byte")
	id := textOf(got.body, "EnvelopeID")
	a.check(textOf(got.body, "Status") != "" && id != "", "the answer names no envelope: %s", abridge(got.body, 4))

	got, err = n.plain(n.soapRequest("RequestStatus",
		`  <RequestStatus xmlns="http://www.docusign.net/API/3.0"><EnvelopeID>`+id+`</EnvelopeID></RequestStatus>`))
	if a.failed(err) {
		return
	}
	n.translated(a)
	about := textOf(got.body, "Subject")
	a.check(got.status == http.StatusOK && about == "Please sign order 4711", "RequestStatus got %d: %s", got.status,
		abridge(got.body, 4))
	// Its recipients have a status each; the envelope's own is the last.
	a.show("program gets", fmt.Sprintf("EnvelopeID %s\nand by RequestStatus: %q is %s", id, about,
		textOf(got.body, "Status")))
}

// soapTop is a message up to its body, where nothing is changed.
func soapTop(message string) string {
	top, _, _ := strings.Cut(message, "</CreateAndSendEnvelope>")
	first, rest, _ := strings.Cut(top, "<soap:Body>")
	operation, _, _ := strings.Cut(strings.TrimSpace(rest), ">")
	return strings.ReplaceAll(strings.TrimRight(first, " \n"), "\r\n", "\n") + "\n <soap:Body>" + operation + ">[...]"
}

func afterHeader(message string) string {
	_, rest, _ := strings.Cut(message, "</soap:Header>")
	if rest == "" {
		_, rest, _ = strings.Cut(message, "<soap:Header/>")
	}
	return rest
}

// textOf is the text of the last element of this name.
func textOf(message, name string) string {
	all := regexp.MustCompile(`<`+name+`>([^<]*)</`+name+`>`).FindAllStringSubmatch(message, -1)
	if len(all) == 0 {
		return ""
	}
	return all[len(all)-1][1]
}
