package definition_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/spool"
	"docusign-auth-proxy/translate/soaprest/definition"
	"docusign-auth-proxy/translate/soaprest/fault"
)

func file(t testing.TB, p *spool.Pool, content []byte) *spool.File {
	t.Helper()
	f := p.New()
	t.Cleanup(f.Close)
	if _, err := f.Write(content); err != nil {
		t.Fatal(err)
	}
	return f
}

func TestDocumentsGoAsParts(t *testing.T) {
	d := &definition.Definition{Object: definition.Object{"status": "sent"}, Documents: []definition.Document{
		{ID: "1", Extension: "pdf", Bytes: file(t, pool(), []byte("%PDF-1"))},
		{ID: "20", Extension: "a\r\n\"/b", Bytes: file(t, pool(), []byte("\r\n--"))},
	}}
	contentType, body := d.Encode()
	boundary, found := strings.CutPrefix(contentType, "multipart/form-data; boundary=")
	if !found {
		t.Fatal(contentType)
	}
	want := strings.ReplaceAll("--B\r\nContent-Type: application/json\r\nContent-Disposition: form-data\r\n\r\n"+
		`{"status":"sent"}`+"\r\n--B\r\nContent-Type: application/pdf\r\n"+
		"Content-Disposition: file; filename=\"document1.pdf\"; documentid=1\r\n\r\n%PDF-1\r\n--B\r\n"+
		"Content-Type: application/octet-stream\r\n"+
		"Content-Disposition: file; filename=\"document20.ab\"; documentid=20\r\n\r\n\r\n--\r\n--B--\r\n", "B", boundary)
	if got := read(t, body); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if again, _ := d.Encode(); again == contentType {
		t.Error("the boundary can be guessed")
	}
}

func TestDocumentsInsideJSONAreEncodedOnTheWay(t *testing.T) {
	const quota = 4 << 20
	p := spool.New(t.TempDir(), 1000, quota)
	for _, size := range []int{0, 1, 2, 3, 48<<10 - 1, 48 << 10, 48<<10 + 1, 1_000_000} {
		content := bytes.Repeat([]byte{0xff, 1, 2, '"'}, size/4+1)[:size]
		d := &definition.Definition{Object: definition.Object{"a": []definition.Object{
			{"x": definition.Base64{File: file(t, p, content)}, "l": []string{"<", "ä"}},
		}}}
		text, _ := parts(t, d)
		var got struct {
			A []struct {
				X string
				L []string
			}
		}
		if err := json.Unmarshal([]byte(text), &got); err != nil {
			t.Fatal(err)
		}
		if got.A[0].X != base64.StdEncoding.EncodeToString(content) || got.A[0].L[1] != "ä" {
			t.Errorf("%d bytes are not encoded as they are", size)
		}
	}
}

func TestWhatRESTDoesNotTakeIsRefusedBeforeItIsSent(t *testing.T) {
	half := file(t, spool.New(t.TempDir(), 0, 1<<30), make([]byte, 19<<20))
	root, err := tree(api, sending(form+strings.Replace(form, ">1<", ">2<", 1), ben, "", ""))
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range root.At("Envelope", "Documents").All("Document") {
		d.Child("PDFBytes").Bytes = half
	}
	_, err = makeOf(root, settings())
	const want = "REST request has more than 35,651,584 bytes"
	if f, ok := errors.AsType[*fault.Fault](err); !ok || !strings.Contains(f.Reason, want) || !f.Client {
		t.Errorf("%v, want %q", err, want)
	}
}

func TestManyRecipientsAndTabsAreNotTooMany(t *testing.T) {
	var recipients, tabs strings.Builder
	for i := range 200 {
		id := strconv.Itoa(i + 1)
		recipients.WriteString(person(id, "Signer", ""))
		for range 15 {
			tabs.WriteString("<Tab><DocumentID>1</DocumentID><RecipientID>" + id + "</RecipientID><XPosition>1</XPosition>" +
				"<YPosition>1</YPosition><Type>SignHere</Type></Tab>")
		}
	}
	root, err := tree(api, sending(form, recipients.String(), tabs.String(), ""))
	if err != nil {
		t.Fatal(err)
	}
	d, err := makeOf(root, settings())
	if err != nil {
		t.Fatal(err)
	}
	signers := d.Object["recipients"].(definition.Object)["signers"].([]definition.Object)
	last := signers[199]["tabs"].(definition.Object)["signHereTabs"].([]definition.Object)
	if len(signers) != 200 || len(last) != 15 || last[14]["recipientId"] != "200" || d.Recipients[199] != "200" {
		t.Errorf("%d signers, the last with %v", len(signers), last)
	}
}
