package envelope

import (
	"bytes"
	_ "embed"
	"fmt"
	"io"
	"slices"
)

//go:embed sample.pdf
var samplePDF []byte

// Options are words for how a PDF was asked for, as far as it makes a difference for this one.
func Options(document string, certificate, watermark, changes bool) string {
	switch document {
	case "combined":
		return fmt.Sprintf("certificate=%t watermark=%t show_changes=%t", certificate, watermark, changes)
	case "certificate":
		return ""
	}
	return fmt.Sprintf("show_changes=%t", changes)
}

// PDFSize is the length of a PDF: that of what was uploaded, where it is longer than a small one.
func (e Envelope) PDFSize(document string) int64 {
	var uploaded int64
	for _, d := range e.Documents {
		if d.ID == document || document == "combined" {
			uploaded += d.Size
		}
	}
	return max(uploaded, int64(len(head(e.ID, document, ""))))
}

// HasPDF tells whether there is a document of that id; combined and certificate are there always.
func (e Envelope) HasPDF(document string) bool {
	return document == "combined" || document == "certificate" || e.hasDocument(document)
}

// PDF gives the bytes of a document, the same at every call for the same options, which are written into it.
func (e Envelope) PDF(document, options string, size int64) io.Reader {
	first := head(e.ID, document, options)
	return io.LimitReader(io.MultiReader(bytes.NewReader(first), &alphabet{len(first)}), size)
}

// head is a whole small PDF with a comment behind it.
func head(envelopeID, document, options string) []byte {
	return fmt.Appendf(slices.Clone(samplePDF), "%% envelope %s document %s %-60s\n", envelopeID, document, options)
}

// alphabet yields capital letters without end; at is how many bytes came before.
type alphabet struct{ at int }

func (a *alphabet) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte('A' + (a.at+i)%26)
	}
	a.at += len(p)
	return len(p), nil
}
