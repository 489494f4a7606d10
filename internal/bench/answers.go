package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strings"
	"sync"
)

// large are the answers of the upstream that are megabytes, made at their first use.
type large struct {
	pdf, soapPDF, envelopes func() []byte
}

const (
	pdfSize = 25_000_000
	listed  = 1000 // envelopes in a list
)

func newLarge() large {
	pdf := sync.OnceValue(func() []byte {
		return append([]byte("%PDF-1.4\n"), bytes.Repeat([]byte("0123456789abcde\n"), pdfSize/16)...)[:pdfSize]
	})
	return large{
		pdf: pdf, soapPDF: sync.OnceValue(func() []byte { return soapPDF(pdf()) }), envelopes: sync.OnceValue(envelopes),
	}
}

// soapPDF is what a SOAP service answers to RequestPDF.
func soapPDF(pdf []byte) []byte {
	const head = `<?xml version="1.0" encoding="utf-8"?><soap:Envelope ` +
		`xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>` +
		`<RequestPDFResponse xmlns="http://www.docusign.net/API/3.0"><RequestPDFResult><EnvelopeID>` + envelopeID +
		`</EnvelopeID><PDFBytes>`
	const tail = `</PDFBytes></RequestPDFResult></RequestPDFResponse></soap:Body></soap:Envelope>`
	b := base64.StdEncoding.AppendEncode([]byte(head), pdf)
	return append(b, tail...)
}

// envelopes is a list with recipients and tabs, some 6 KB an envelope.
func envelopes() []byte {
	const at = "2026-11-26T08:00:00.1230000Z"
	var tabs strings.Builder
	for i := range 10 {
		fmt.Fprintf(&tabs, `%s{"tabId":"a1b2c3d4-0000-4000-8000-%012d","tabLabel":"Field %d","name":"Text",`+
			`"value":"some text","documentId":"1","recipientId":"1","pageNumber":"1","xPosition":"100",`+
			`"yPosition":"%d","status":"active"}`,
			comma(i), i, i, 50+20*i)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, `{"resultSetSize":"%d","totalSetSize":"%d","startPosition":"0","endPosition":"%d","envelopes":[`,
		listed, listed, listed-1)
	for i := range listed {
		fmt.Fprintf(&b, `%s{"envelopeId":"93be49ab-0000-4000-8000-%012d","status":"sent","emailSubject":"Contract %d",`+
			`"createdDateTime":%q,"sentDateTime":%q,"statusChangedDateTime":%q,"sender":{"userName":"Bench",`+
			`"email":"bench@example.com"},"customFields":{"textCustomFields":[],"listCustomFields":[]},`+
			`"recipients":{"signers":[`,
			comma(i), i, i, at, at, at)
		for r := range 2 {
			fmt.Fprintf(&b, `%s{"recipientId":"%d","recipientIdGuid":"b1b2c3d4-0000-4000-8000-%012d","name":"Cora",`+
				`"email":"cora@example.com","routingOrder":"%d","status":"sent","sentDateTime":%q,"tabs":{"textTabs":[%s]}}`,
				comma(r), r+1, 2*i+r, r+1, at, tabs.String())
		}
		b.WriteString(`]}}`)
	}
	b.WriteString(`]}`)
	return b.Bytes()
}

// comma stands before all items of a list but the first.
func comma(i int) string {
	if i == 0 {
		return ""
	}
	return ","
}
