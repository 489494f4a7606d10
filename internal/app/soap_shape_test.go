package app_test

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"encoding/binary"
	"io"
	"net/http"
	"strings"
	"testing"
	"unicode/utf16"

	"docusign-auth-proxy/internal/app/apptest"
	"docusign-auth-proxy/internal/sandbox"
)

const legacyName = "[" + sandbox.LegacyKey + "]legacy.user@example.com"

func zipped(t *testing.T, body string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(body)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func inUTF16(body string, order binary.ByteOrder, mark bool) []byte {
	units := utf16.Encode([]rune(body))
	if mark {
		units = append([]uint16{0xfeff}, units...)
	}
	out := make([]byte, 2*len(units))
	for i, u := range units {
		order.PutUint16(out[2*i:], u)
	}
	return out
}

// mtomMessage is what CXF with MTOM sends: the envelope is the root part, the document another.
func mtomMessage(envelope, document string) string {
	return "--uuid:1\r\nContent-Type: application/xop+xml; charset=UTF-8; " +
		"type=\"text/xml\"\r\nContent-Transfer-Encoding: binary\r\nContent-ID: <root@cxf.apache.org>\r\n\r\n" +
		envelope + "\r\n--uuid:1\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: " +
		"binary\r\nContent-ID: <pdf@example.com>\r\n\r\n" + document + "\r\n--uuid:1--"
}

// sendEnvelopeBody is a CreateAndSendEnvelope whose document is pdf, as XML content of PDFBytes.
func sendEnvelopeBody(pdf string) string {
	return `<CreateAndSendEnvelope xmlns="` + namespaceAPI + `"><Envelope><AccountId>` + sandbox.ExampleAccountID +
		`</AccountId><Documents><Document><ID>1</ID><Name>a.pdf</Name><PDFBytes>` +
		pdf + `</PDFBytes></Document></Documents><Recipients><Recipient><ID>1</ID><UserName>Sam</UserName><Email>` +
		`sam@example.com</Email><Type>Signer</Type></Recipient></Recipients><Subject>Sign</Subject></Envelope>` +
		`</CreateAndSendEnvelope>`
}

func TestShapesOfSOAPMessages(t *testing.T) {
	t.Parallel()
	const declaration = `<?xml version="1.0" encoding="utf-8"?>` + "\r\n"
	gone := security(annaToken)
	plain := soapEnvelope(gone, listFeatures)
	bare := strings.Replace(plain, gone, "", 1)
	goneLatin := security(usernameToken(legacyName, "p@ss&lt;w&amp;rd&gt;\xe91"))
	latin := strings.TrimPrefix(soapEnvelope(goneLatin, requestStatus+"<!-- \xe4 -->"), declaration)
	mtom := mtomMessage(
		soapEnvelope(
			gone,
			sendEnvelopeBody(`<xop:Include xmlns:xop="http://www.w3.org/2004/08/xop/include" href="cid:pdf@example.com"/>`),
		),
		"%PDF-1.4\r\n--uuid\x00\xff",
	)
	signed := strings.Replace(
		soapEnvelope(security(annaToken+signatureOver("#body")), listFeatures), "<s:Body>",
		`<s:Body xmlns:wsu="`+namespaceWSU+`" wsu:Id="body">`, 1,
	)
	mixed := soapEnvelope(`<!-- a --><x:Other xmlns:x="urn:x" a='&gt;'><x:Child/></x:Other>`+gone+"\n\t", listFeatures)
	shapes := []soapShape{
		{name: "no XML declaration", came: strings.TrimPrefix(plain, declaration), gone: gone},
		{
			name: "a declaration in single quotes", came: strings.Replace(plain, declaration, "<?xml version='1.0'?>", 1),
			gone: gone,
		},
		{
			name: "a standalone declaration",
			came: strings.Replace(plain, declaration, `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>`+"\n", 1),
			gone: gone,
		},
		{
			name: "US-ASCII", contentType: "text/xml",
			came: strings.Replace(plain, declaration, `<?xml version="1.0" encoding='us-ascii' ?>`, 1), gone: gone, unread: true,
		},
		{name: "a byte order mark", came: "\ufeff" + plain, gone: gone},
		{name: "white space around the envelope", came: plain + "\r\n \t", gone: gone},
		{name: "gzip", coding: "gzip", came: string(zipped(t, plain)), want: bare},
		{name: "x-gzip", coding: "x-gzip", came: string(zipped(t, plain)), want: bare},
		{
			name: "SOAPAction without quotes", action: namespaceAPI + "/GetAccountMembershipFeaturesList", came: plain,
			gone: gone,
		},
		{name: "an end point in capitals", path: "/API/3.0/API.ASMX", came: plain, gone: gone},
		{name: "a POST to the WSDL's address", path: "/api/3.0/api.asmx?WSDL", came: plain, gone: gone},
		{name: "Content-Type without charset", contentType: "text/xml", came: plain, gone: gone},
		{name: "Content-Type in capitals", contentType: `Text/XML; Charset="UTF-8"`, came: plain, gone: gone},
		{
			name: "ISO-8859-1 by the declaration", contentType: "text/xml",
			came: `<?xml version="1.0" encoding="ISO-8859-1"?>` + latin, gone: goneLatin, unread: true,
		},
		{
			name: "ISO-8859-1 by the Content-Type", contentType: "text/xml; charset=iso-8859-1", came: latin, gone: goneLatin,
			unread: true,
		},
		{
			name: "UTF-16, little end first", contentType: "text/xml; charset=utf-16", wantType: "text/xml; charset=utf-8",
			came: string(inUTF16(strings.Replace(plain, "utf-8", "utf-16", 1), binary.LittleEndian, true)), want: bare,
		},
		{
			name: "UTF-16, big end first, without a mark", contentType: "text/xml; charset=utf-16be",
			wantType: "text/xml; charset=utf-8",
			came:     string(inUTF16(strings.TrimPrefix(plain, declaration), binary.BigEndian, false)),
			want:     strings.TrimPrefix(bare, declaration),
		},
		{
			name: "MTOM",
			contentType: `multipart/related; type="application/xop+xml"; boundary="uuid:1"; start="<root@cxf.apache.org>"; ` +
				`start-info="text/xml"`,
			came: mtom, gone: gone,
		},
		{
			name: "MTOM in gzip",
			contentType: `multipart/related; type="application/xop+xml"; boundary="uuid:1"; start="<root@cxf.apache.org>"; ` +
				`start-info="text/xml"`,
			coding: "gzip", came: string(zipped(t, mtom)), want: strings.Replace(mtom, gone, "", 1),
		},
		{name: "a signature over the body only, which stays as it is", came: signed, gone: annaToken, unread: true},
		{name: "comments and other blocks in the header", came: mixed, gone: gone},
	}
	r := newRig(t, nil)
	for _, c := range shapes {
		t.Run(c.name, func(t *testing.T) { r.sendShape(t, c, false) })
		t.Run(c.name+", chunked", func(t *testing.T) { r.sendShape(t, c, true) })
	}
}

type soapShape struct {
	name        string
	path        string // "" = api.asmx
	contentType string // "" = as in SOAP 1.1
	coding      string
	action      string // "" = quoted
	came        string
	gone        string // what of it does not go upstream
	want        string // what goes upstream, where that is not came without gone
	wantType    string // Content-Type upstream, where it is another
	unread      bool   // the sandbox does not read such messages
}

func (r *rig) sendShape(t *testing.T, c soapShape, chunked bool) {
	t.Helper()
	r.Sandbox.ResetCounts()
	var body io.Reader = strings.NewReader(c.came)
	if chunked {
		body = io.MultiReader(body) // whose length net/http cannot tell
	}
	req := apptest.Request(t, "POST", r.Sidecar()+cmp.Or(c.path, "/api/3.0/api.asmx"), body)
	req.Header = shapeHeader(c.contentType, c.coding, c.action, c.came)
	got := r.Do(nil, req)
	if !c.unread && got.Status != 200 {
		t.Errorf("status %d, %s\n%s", got.Status, got.Body, r.lastLines())
	}
	rec, want := r.lastSOAP(), c.want
	if want == "" {
		want = strings.Replace(c.came, c.gone, "", 1)
	}
	if string(rec.Body) != want {
		t.Errorf("upstream\n got %q\nwant %q", rec.Body, want)
	}
	if rec.ContentLength != int64(len(want)) || rec.Header.Get("Content-Encoding") != "" {
		t.Errorf(
			"Content-Length %d, want %d; Content-Encoding %q", rec.ContentLength, len(want), rec.Header.Get("Content-Encoding"),
		)
	}
	if came := req.Header; rec.Header.Get("Content-Type") != cmp.Or(c.wantType, came.Get("Content-Type")) ||
		rec.Header.Get("SOAPAction") != came.Get("SOAPAction") {
		t.Errorf("Content-Type %q, SOAPAction %q upstream", rec.Header.Get("Content-Type"), rec.Header.Get("SOAPAction"))
	}
	r.NoLeak()
}

func shapeHeader(contentType, coding, action, body string) http.Header {
	h := http.Header{"Content-Type": {contentType}, "Soapaction": {action}}
	if contentType == "" {
		h.Set("Content-Type", "text/xml; charset=utf-8")
	}
	if coding != "" {
		h.Set("Content-Encoding", coding)
	}
	if action == "" {
		h.Set("SOAPAction", `"`+namespaceAPI+`/GetAccountMembershipFeaturesList"`)
		if strings.Contains(body, "PDF") || strings.HasPrefix(contentType, "multipart") {
			h.Set("SOAPAction", `"`+namespaceAPI+`/CreateAndSendEnvelope"`)
		}
	}
	return h
}

// signatureOver is an XML signature with one reference.
func signatureOver(uri string) string {
	const ds = "http://www.w3.org/2000/09/xmldsig#"
	return `<ds:Signature xmlns:ds="` + ds +
		`"><ds:SignedInfo><ds:CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/><ds:SignatureMethod Algorithm="` + ds + `rsa-sha1"/><ds:Reference URI="` + uri +
		`"><ds:DigestMethod Algorithm="` + ds + `sha1"/><ds:DigestValue>MA==</ds:DigestValue></ds:Reference>` +
		`</ds:SignedInfo><ds:SignatureValue>MA==</ds:SignatureValue></ds:Signature>`
}
