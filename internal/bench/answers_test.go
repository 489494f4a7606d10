package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"testing"
)

// A figure must not stand for an answer that the proxy takes for another one.
func TestLargeAnswersAreWhatTheyShouldBe(t *testing.T) {
	l := newLarge()
	if pdf := l.pdf(); len(pdf) != pdfSize || !bytes.HasPrefix(pdf, []byte("%PDF-")) {
		t.Errorf("a PDF of %d bytes", len(pdf))
	}
	var list struct {
		TotalSetSize string
		Envelopes    []struct {
			EnvelopeID string
			Recipients struct {
				Signers []struct{ Tabs struct{ TextTabs []any } }
			}
		}
	}
	if err := json.Unmarshal(l.envelopes(), &list); err != nil {
		t.Fatal(err)
	}
	if len(list.Envelopes) != listed || len(list.Envelopes[listed-1].Recipients.Signers[1].Tabs.TextTabs) != 10 {
		t.Errorf("%d envelopes, the last one %+v", len(list.Envelopes), list.Envelopes[len(list.Envelopes)-1])
	}
	var answer struct {
		Body struct {
			RequestPDFResponse struct {
				RequestPDFResult struct{ PDFBytes string }
			}
		}
	}
	if err := xml.Unmarshal(l.soapPDF(), &answer); err != nil {
		t.Fatal(err)
	}
	pdf, err := base64.StdEncoding.DecodeString(answer.Body.RequestPDFResponse.RequestPDFResult.PDFBytes)
	if err != nil || !bytes.Equal(pdf, l.pdf()) {
		t.Errorf("SOAP's PDF has %d bytes, %v", len(pdf), err)
	}
}
