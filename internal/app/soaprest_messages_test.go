package app_test

import (
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/app/apptest"
	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/sandbox"
	"docusign-auth-proxy/translate/soap"
)

// posted are the creations that reached DocuSign.
func (r *rig) posted() (all []sandbox.Recorded) {
	for _, rec := range r.Sandbox.Requests() {
		if rec.Method == http.MethodPost && strings.HasSuffix(rec.Path, "/envelopes") {
			all = append(all, rec)
		}
	}
	return all
}

// TestShapesOfMessagesOverREST sends the same creation in each shape that a program's SOAP library may give it.
func TestShapesOfMessagesOverREST(t *testing.T) {
	t.Parallel()
	const (
		document = "%PDF-1.4\r\n--uuid\x00\xff"
		encoded  = "JVBERi0xLjQNCi0tdXVpZAD/"
		multi    = `multipart/related; type="application/xop+xml"; boundary="uuid:1"; start="<root@cxf.apache.org>"; ` +
			`start-info="text/xml"`
		include = `<xop:Include xmlns:xop="http://www.w3.org/2004/08/xop/include" href="cid:pdf%40example.com"/>`
	)
	plain := soapEnvelope(security(annaToken), sendEnvelopeBody(encoded))
	mtom := mtomMessage(soapEnvelope(security(annaToken), sendEnvelopeBody(include)), document)
	latin := strings.NewReplacer("utf-8", "iso-8859-1", "<Subject>Sign", "<Subject>Signez s'il vous pla\xeet").
		Replace(plain)
	r := overREST(t, nil)
	for _, c := range []soapShape{
		{name: "SOAP 1.1", came: plain},
		{
			name: "SOAP 1.2", contentType: "application/soap+xml; charset=utf-8",
			came: soapEnvelopeOf(soap.NamespaceSOAP12, security(annaToken), sendEnvelopeBody(encoded)),
		},
		{name: "base64 in lines", came: strings.Replace(plain, encoded, encoded[:8]+"&#13;\n"+encoded[8:]+"\n", 1)},
		{name: "base64 in a CDATA section", came: strings.Replace(plain, encoded, "<![CDATA["+encoded+"]]>", 1)},
		{name: "gzip", coding: "gzip", came: string(zipped(t, plain))},
		{name: "MTOM", contentType: multi, came: mtom},
		{name: "MTOM in gzip", contentType: multi, coding: "gzip", came: string(zipped(t, mtom))},
		{
			name: "UTF-16", contentType: "text/xml; charset=utf-16",
			came: string(inUTF16(strings.Replace(plain, "utf-8", "utf-16", 1), binary.LittleEndian, true)),
		},
		{name: "ISO-8859-1", contentType: "text/xml", came: latin, want: "Signez s'il vous plaît"},
	} {
		for name, chunked := range map[string]bool{c.name: false, c.name + ", chunked": true} {
			t.Run(name, func(t *testing.T) {
				r.Sandbox.ResetCounts()
				var body io.Reader = strings.NewReader(c.came)
				if chunked {
					body = io.MultiReader(body) // whose length net/http cannot tell
				}
				before := len(r.posted())
				req := apptest.Request(t, "POST", r.Sidecar()+"/api/3.0/api.asmx", body)
				req.Header = shapeHeader(c.contentType, c.coding, `"`+namespaceAPI+`/CreateAndSendEnvelope"`, c.came)
				got := r.Do(nil, req)
				if got.Status != 200 || !strings.Contains(got.Body, "<Status>Sent</Status>") {
					t.Fatalf("status %d, %s\n%s", got.Status, got.Body, r.lastLines())
				}
				all := r.posted()[before:]
				if len(all) != 1 || r.Sandbox.Counts().Envelopes != 1 {
					t.Fatalf("%d creations, %d envelopes", len(all), r.Sandbox.Counts().Envelopes)
				}
				if rec := all[0]; !strings.Contains(string(rec.Body), "\r\n\r\n"+document+"\r\n--") ||
					rec.ContentLength != rec.BodyLength || !strings.Contains(string(rec.Body), c.want) {
					t.Errorf("Content-Length %d: %q", rec.ContentLength, rec.Body)
				}
			})
		}
	}
	r.noSOAP()
}

// TestLargeMessagesOverREST is SOAP-REST.md §6.1 for documents of the size that DocuSign takes.
func TestLargeMessagesOverREST(t *testing.T) {
	t.Parallel()
	const mb = 1 << 20
	r := overREST(t, nil)
	for name, c := range map[string]struct {
		size   int64 // in base64
		status int
		want   string
	}{
		"25 MB":            {25 * mb / 3 * 4, 200, "<Status>Sent</Status>"},
		"more than 32 MB":  {32*mb/3*4 + 8, 500, "Envelope/Documents/Document[1]/PDFBytes of more than 33,554,432 bytes"},
		"base64 cut short": {3*mb/3*4 - 1, 500, "is no base64Binary"},
	} {
		t.Run(name, func(t *testing.T) {
			r.Sandbox.ResetCounts()
			full := soapEnvelope(security(annaToken), sendEnvelopeBody("|"))
			before, after, _ := strings.Cut(full, "|")
			body := io.MultiReader(strings.NewReader(before), io.LimitReader(endlessA{}, c.size), strings.NewReader(after))
			got := r.Do(nil, sendLarge(t, r, body, int64(len(before)+len(after))+c.size))
			if got.Status != c.status || !strings.Contains(got.Body, c.want) {
				t.Errorf("status %d, %.1000s\n%s", got.Status, got.Body, r.lastLines())
			}
			made := 0
			if c.status == 200 {
				made = 1
				if rec := r.posted(); len(rec) != 1 || rec[0].BodyLength < c.size/4*3 || rec[0].ContentLength != rec[0].BodyLength {
					t.Errorf("%d creations", len(rec))
				}
			}
			if n := r.Sandbox.Counts().Envelopes; n != made {
				t.Errorf("%d envelopes were made", n)
			}
		})
	}
	r.noSOAP()
}

// TestMessagesThatBreakOffOverREST makes nothing of a part of a message, and keeps nothing of it.
func TestMessagesThatBreakOffOverREST(t *testing.T) {
	t.Parallel()
	r := overREST(t, nil)
	const rest = "</Document></Documents></Envelope></CreateAndSendEnvelope></s:Body></s:Envelope>"
	for name, end := range map[string]string{
		"the envelope does not end":    "</PDFBytes>",
		"tags do not match":            "</PDFBytes></Document></Documents></Envelope></s:Body></s:Envelope>",
		"an element that nobody knows": "</PDFBytes><Pages>1</Pages>" + rest,
		"a document that breaks off":   "A</PDFBytes>" + rest,
	} {
		t.Run(name, func(t *testing.T) {
			body, length := largeEnvelope(security(annaToken), 4<<20, end)
			got := r.Do(nil, sendLarge(t, r, body, length))
			if got.Status != 500 || !strings.Contains(got.Body, "<soap:Fault>") || !strings.Contains(got.Body, "soap:Client") {
				t.Errorf("status %d, %s\n%s", got.Status, got.Body, r.lastLines())
			}
		})
	}
	t.Run("the program hangs up", func(t *testing.T) {
		body, length := largeEnvelope(security(annaToken), 4<<20, "")
		w := r.Dial(t, call.DoorSidecar)
		w.Send("POST /api/3.0/api.asmx HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/xml\r\n" +
			fmt.Sprintf("Content-Length: %d\r\n\r\n", length))
		if _, err := io.CopyN(w.Conn, body, 3<<20); err != nil {
			t.Fatal(err)
		}
		apptest.Eventually(t, "the document is in the spool", func() bool { return r.spooled() > 1<<20 })
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		apptest.Eventually(t, "the log says that it hung up", func() bool {
			return strings.Contains(r.Log.String(), "cause=client_gone")
		})
	})
	apptest.Eventually(t, "the spool is empty", func() bool { return r.spooled() == 0 })
	if n := len(r.AtSites()); n > 0 {
		t.Errorf("%d calls reached a site", n)
	}
	r.noSOAP()
}

var spoolBytes = regexp.MustCompile(`(?m)^docusign_auth_proxy_soap_spool_bytes(?:\{.*\})? (\S+)$`)

// spooled is how many bytes of documents the proxy holds.
func (r *rig) spooled() float64 {
	r.T.Helper()
	text := r.Do(nil, apptest.Request(r.T, "GET", r.AdminURL()+"/metrics", nil)).Body
	found := spoolBytes.FindStringSubmatch(text)
	if found == nil {
		r.T.Fatal("no metric of the spool")
	}
	n, err := strconv.ParseFloat(found[1], 64)
	if err != nil {
		r.T.Fatal(err)
	}
	return n
}
