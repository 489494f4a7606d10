package answer_test

import (
	"bytes"
	"io"
	"testing"

	"docusign-auth-proxy/translate/soaprest/answer"
)

func BenchmarkDocumentOf25MB(b *testing.B) {
	document := bytes.Repeat([]byte("%PDF-1.4 "), 25<<20/9)
	w := writer(b, "dsapi", "RequestPDF")
	b.SetBytes(int64(len(document)))
	b.ReportAllocs()
	for b.Loop() {
		a, err := w.Result(answer.Fields{"PDFBytes": stream(int64(len(document)), bytes.NewReader(document))})
		if err != nil {
			b.Fatal(err)
		}
		if err := a.Write(io.Discard); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkStatus(b *testing.B) {
	e := envelope(b)
	w := writer(b, "api", "RequestStatusEx")
	b.ReportAllocs()
	for b.Loop() {
		a, err := w.Result(w.Status(e))
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(a.Length)
		if err := a.Write(io.Discard); err != nil {
			b.Fatal(err)
		}
	}
}
