package soapcompare

import (
	"bytes"
	"fmt"
	"strings"
)

// Size of the page in points: US Letter.
const (
	pageWidth  = 612
	pageHeight = 792
)

// mark is a place on the page, from the upper left, with what is written beside it.
type mark struct {
	x, y int
	text string
}

// page is a PDF of one page: a line each 36 points, the numbers at the edge, a cross where a tab was asked for, and the
// texts that anchors look for.
func page(crosses, texts []mark) []byte {
	var b strings.Builder
	for x := 0; x <= pageWidth; x += 36 {
		fmt.Fprintf(&b, "%.1f w 0.8 G %d 0 m %d %d l S\n", width(x), x, x, pageHeight)
		write(&b, mark{x + 1, 6, fmt.Sprint(x)})
	}
	for y := 0; y <= pageHeight; y += 36 {
		fmt.Fprintf(&b, "%.1f w 0.8 G 0 %d m %d %d l S\n", width(y), pageHeight-y, pageWidth, pageHeight-y)
		write(&b, mark{1, y - 1, fmt.Sprint(y)})
	}
	for _, m := range crosses {
		y := pageHeight - m.y
		fmt.Fprintf(&b, "0.5 w 0 G %d %d m %d %d l S %d %d m %d %d l S\n", m.x-6, y, m.x+6, y, m.x, y-6, m.x, y+6)
		write(&b, mark{m.x - 40, m.y - 2, m.text})
	}
	for _, m := range texts {
		write(&b, m)
	}
	return document(b.String())
}

// width makes each second line, one inch apart, stronger.
func width(at int) float64 {
	if at%72 == 0 {
		return 0.6
	}
	return 0.2
}

func write(b *strings.Builder, m mark) {
	fmt.Fprintf(b, "BT /F 6 Tf %d %d Td (%s) Tj ET\n", m.x, pageHeight-m.y, m.text)
}

// document puts a content stream into a PDF 1.4 (ISO 32000-1 §7.5).
func document(content string) []byte {
	objects := []string{
		"<< /Type /Catalog /Pages 2 0 R >>",
		"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
		fmt.Sprintf("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 %d %d] /Contents 4 0 R "+
			"/Resources << /Font << /F 5 0 R >> >> >>", pageWidth, pageHeight),
		fmt.Sprintf("<< /Length %d >>\nstream\n%s\nendstream", len(content), content),
		"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
	}
	var b, table bytes.Buffer
	b.WriteString("%PDF-1.4\n")
	table.WriteString("0000000000 65535 f \n")
	for i, o := range objects {
		fmt.Fprintf(&table, "%010d 00000 n \n", b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, o)
	}
	at := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n%strailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n",
		len(objects)+1, table.Bytes(), len(objects)+1, at)
	return b.Bytes()
}
