package main

import (
	"bytes"
	"fmt"
	"strings"
)

const restHead = "Host: %s\r\nUser-Agent: Jakarta Commons-HttpClient/3.1\r\nAccept: " +
	"application/json\r\nX-DocuSign-Authentication: %s\r\n"

func legacyHeader(user, password string) string {
	return fmt.Sprintf(`{"Username":"%s","Password":"%s","IntegratorKey":"%s"}`, user, password, integratorKey)
}

// getMessage reads an envelope, as old programs do when they poll.
func getMessage(user, password string) message {
	return message{head: fmt.Appendf(nil, "GET /restapi/v2/accounts/%s/envelopes/"+envelopeID+
		" HTTP/1.1\r\n"+restHead+"\r\n",
		accountNumber, site, legacyHeader(user, password))}
}

func uploadMessage(user string, body []byte) message {
	return message{body: body, head: fmt.Appendf(nil, "POST /restapi/v2/accounts/%s/envelopes HTTP/1.1\r\n"+
		restHead+"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n",
		accountNumber, site, legacyHeader(user, password), len(body))}
}

func uploadBody(size int) []byte {
	const head, tail = `{"emailSubject":"bench","documents":[{"documentId":"1","documentBase64":"`, `"}]}`
	return padded(head, tail, size)
}

func padded(head, tail string, size int) []byte {
	b := make([]byte, 0, size)
	b = append(b, head...)
	b = append(b, bytes.Repeat([]byte("JVBERi0x"), max(0, size-len(head)-len(tail))/8)...)
	return append(b, tail...)
}

func soapMessage(operation string, body []byte) message {
	return message{body: body, head: fmt.Appendf(nil, "POST /api/3.0/api.asmx HTTP/1.1\r\nHost: %s\r\nUser-Agent: "+
		"PHP-SOAP/5.2.17\r\n"+
		"Content-Type: text/xml; charset=utf-8\r\nSOAPAction: "+
		"\"http://www.docusign.net/API/3.0/%s\"\r\nContent-Length: %d\r\n\r\n", site, operation, len(body))}
}

// soapBody is CreateAndSendEnvelope.
func soapBody(user string, size int) []byte {
	head := soapHead(user) + `<ns1:CreateAndSendEnvelope><ns1:Envelope><ns1:AccountId>` + accountNumber +
		`</ns1:AccountId><ns1:Documents><ns1:Document><ns1:ID>1</ns1:ID>` +
		`<ns1:Name>bench.pdf</ns1:Name><ns1:PDFBytes>`
	const tail = `</ns1:PDFBytes><ns1:FileExtension>pdf</ns1:FileExtension></ns1:Document></ns1:Documents>` +
		`<ns1:Recipients><ns1:Recipient><ns1:ID>1</ns1:ID><ns1:UserName>Cora</ns1:UserName><ns1:Email>cora@example.com` +
		`</ns1:Email><ns1:Type>Signer</ns1:Type><ns1:AccessCode/><ns1:RoutingOrder>1</ns1:RoutingOrder></ns1:Recipient>` +
		`</ns1:Recipients><ns1:Subject>bench</ns1:Subject></ns1:Envelope></ns1:CreateAndSendEnvelope>` + soapTail
	return padded(head, tail, size)
}

func pdfMessage(user string) message {
	return soapMessage("RequestPDF", []byte(soapHead(user)+`<ns1:RequestPDF><ns1:EnvelopeID>`+envelopeID+
		`</ns1:EnvelopeID></ns1:RequestPDF>`+soapTail))
}

func statusesMessage(user string) message {
	return soapMessage("RequestStatuses", []byte(soapHead(user)+`<ns1:RequestStatuses><ns1:EnvelopeStatusFilter>`+
		`<ns1:AccountId>`+accountNumber+`</ns1:AccountId><ns1:BeginDateTime>2026-01-01T00:00:00Z</ns1:BeginDateTime>`+
		`</ns1:EnvelopeStatusFilter></ns1:RequestStatuses>`+soapTail))
}

const soapTail = `</SOAP-ENV:Body></SOAP-ENV:Envelope>`

// soapHead begins a message with a WS-Security UsernameToken, as PHP writes it.
func soapHead(user string) string {
	const wsse = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
	escaped := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(password)
	return `<?xml version="1.0" encoding="UTF-8"?>` + "\n" +
		`<SOAP-ENV:Envelope xmlns:SOAP-ENV="http://schemas.xmlsoap.org/soap/envelope/" ` +
		`xmlns:ns1="http://www.docusign.net/API/3.0"><SOAP-ENV:Header>` +
		`<wsse:Security xmlns:wsse="` + wsse + `" SOAP-ENV:mustUnderstand="1"><wsse:UsernameToken><wsse:Username>[` +
		integratorKey + `]` + user +
		`</wsse:Username><wsse:Password>` + escaped +
		`</wsse:Password></wsse:UsernameToken></wsse:Security></SOAP-ENV:Header><SOAP-ENV:Body>`
}
