package element_test

import (
	"io"
	"runtime"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/spool"
	"docusign-auth-proxy/translate/soaprest/element"
)

const large = 25 << 20 // bytes of a document

// largeMessage is one with a document of that size in such lines; its length is told. each is called for each MB that
// is read.
func largeMessage(line string, each func()) (io.Reader, int64) {
	before, after, _ := strings.Cut(message("CreateAndSendEnvelope",
		`<Envelope><Documents><Document><ID>1</ID><PDFBytes>|</PDFBytes></Document></Documents></Envelope>`), "|")
	document := &repeated{text: line, left: int64(large / (len(strings.TrimSpace(line)) / 4 * 3) * len(line)), each: each}
	length := int64(len(before)+len(after)) + document.left
	return io.MultiReader(strings.NewReader(before), document, strings.NewReader(after)), length
}

// repeated is a text again and again.
type repeated struct {
	text string
	at   int
	left int64
	each func()
}

func (r *repeated) Read(p []byte) (n int, err error) {
	was := r.left
	for n < len(p) && r.left > 0 {
		m := copy(p[n:], r.text[r.at:])
		n += m
		r.at = (r.at + m) % len(r.text)
		r.left -= int64(m)
	}
	if was>>20 > r.left>>20 {
		r.each()
	}
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

func lines() map[string]string {
	return map[string]string{
		"in one line":    strings.Repeat("JVBE", 256),
		"in lines of 60": strings.Repeat("JVBE", 15) + "\n",
		"in lines of 76": strings.Repeat("JVBE", 19) + "\r\n",
		"in words of 76": strings.Repeat("JVBE", 19) + " ",
	}
}

func live() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// The bytes of a large document are never in memory (SOAP-REST.md §6.1).
func TestALargeDocumentTakesLessThanAMegabyte(t *testing.T) {
	api := service(t, "api.asmx")
	api.Description() // is read at its first use
	pool := spool.New(t.TempDir(), spool.MaxMemory, 1<<30)
	for name, line := range lines() {
		t.Run(name, func(t *testing.T) {
			var before, most int64
			text, _ := largeMessage(line, func() { most = max(most, live()-before) })
			before = live()
			m, err := element.Read(xmlType, text, api, "CreateAndSendEnvelope", pool)
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			if size := m.Root.At("Envelope", "Documents", "Document", "PDFBytes").Bytes.Size(); size < large-1000 {
				t.Errorf("%d bytes", size)
			}
			if left := live() - before; most >= 1<<20 || left > 64<<10 {
				t.Errorf("at most %d KB were in use, %d KB at the end", most>>10, left>>10)
			}
		})
	}
}

func BenchmarkRead(b *testing.B) {
	api := service(b, "api.asmx")
	pool := spool.New(b.TempDir(), spool.MaxMemory, 1<<30)
	for name, line := range lines() {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				text, length := largeMessage(line, func() {})
				b.SetBytes(length)
				m, err := element.Read(xmlType, text, api, "CreateAndSendEnvelope", pool)
				if err != nil {
					b.Fatal(err)
				}
				m.Close()
			}
		})
	}
}

// BenchmarkTree reads 200 recipients with ten tabs each.
func BenchmarkTree(b *testing.B) {
	const recipient = `<Recipient><ID>1</ID><UserName>Ben</UserName><Email>ben@example.com</Email><Type>Signer</Type>` +
		`<AccessCode/><RequireIDLookup>false</RequireIDLookup><RoutingOrder>1</RoutingOrder></Recipient>`
	const tab = `<Tab><DocumentID>1</DocumentID><RecipientID>1</RecipientID><PageNumber>1</PageNumber>` +
		`<XPosition>100</XPosition><YPosition>200</YPosition><Type>SignHere</Type><TabLabel>label</TabLabel></Tab>`
	api := service(b, "api.asmx")
	pool := spool.New(b.TempDir(), spool.MaxMemory, 1<<30)
	text := message("CreateEnvelope", `<Envelope><Recipients>`+strings.Repeat(recipient, 200)+`</Recipients><Tabs>`+
		strings.Repeat(tab, 2000)+`</Tabs></Envelope>`)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		m, err := element.Read(xmlType, strings.NewReader(text), api, "CreateEnvelope", pool)
		if err != nil {
			b.Fatal(err)
		}
		m.Close()
	}
}
