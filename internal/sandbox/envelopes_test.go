package sandbox

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func TestEnvelopesAreMadeInEveryFormat(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	target := w.SiteURL("demo.docusign.net") + "/restapi/v2/accounts/1703061/envelopes"
	bearer := w.bearerOf(LegacyID)
	small, big := []byte("%PDF-1.4 small"), bytes.Repeat([]byte("0123456789"), 100_000)
	b64 := base64.StdEncoding.EncodeToString
	jsonOf := func(document []byte) string {
		return `{"status":"sent","emailSubject":"S \u00e9 \/","documents":[{"name":"a","documentId":"1","documentBase64":"` +
			b64(document) + `"}],` +
			`"recipients":{"signers":[{"email":"s@example.com","name":"Sam"}]},"notification":null}`
	}
	xmlOf := func(document string) string {
		return `<?xml version="1.0" encoding="utf-8"?><!-- c > -->` +
			`<d:envelopeDefinition xmlns:d="http://www.docusign.com/restapi" ><d:status>sent</d:status>` +
			`<d:emailSubject>S &#233; /</d:emailSubject><d:documents><d:document><d:documentBase64>` + document +
			`</d:documentBase64><d:documentId>1</d:documentId><d:name>a</d:name></d:document></d:documents>` +
			`<d:recipients><d:signers><d:signer><d:email>s@example.com</d:email><d:name>Sam</d:name></d:signer></d:signers>` +
			`</d:recipients></d:envelopeDefinition>`
	}
	lines := strings.Join(strings.SplitAfter(b64(big), "0123"), "&#xD;\r\n")
	multi := "--b\r\nContent-Type: application/json\r\n\r\n" +
		`{"status":"sent","emailSubject":"S é /","documents":[{"documentId":1,"name":"a"}],` +
		`"recipients":{"signers":[{"email":"s@example.com","name":"Sam"}]}}` +
		"\r\n--b\r\nContent-Type: application/pdf\r\nContent-Disposition: file; filename=\"a\";documentid=1\r\n\r\n" +
		string(big) + "\r\n--b--\r\n"
	tests := map[string]struct {
		contentType, body string
		document          []byte
	}{
		"JSON":                           {"application/json", jsonOf(small), small},
		"JSON with a byte order mark":    {"application/json; charset=utf-8", "\ufeff" + jsonOf(small), small},
		"JSON with a long document":      {"application/json", jsonOf(big), big},
		"XML":                            {"application/xml", xmlOf(b64(small)), small},
		"XML with a long document":       {"text/xml", xmlOf(b64(big)), big},
		"XML with references in base64":  {"text/xml", xmlOf(lines), big},
		"XML with a long CDATA document": {"application/xml", xmlOf("<![CDATA[" + b64(big) + "]]>"), big},
		"multipart":                      {"multipart/form-data; boundary=b", multi, big},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := w.call("POST", target, bearer, strings.NewReader(tt.body), "Content-Type", tt.contentType)
			w.wantReply(got, 201, `"status": "sent"`, `"statusDateTime": "2026-11-22T12:00:00.0000000Z"`)
			var summary struct{ EnvelopeID, URI string }
			if err := json.Unmarshal([]byte(got.body), &summary); err != nil || summary.URI != "/envelopes/"+summary.EnvelopeID {
				t.Fatalf("%s %v", got.body, err)
			}
			all := w.Envelopes()
			e := all[len(all)-1]
			want := Document{ID: "1", Name: "a", Size: int64(len(tt.document)), SHA256: digest(tt.document)}
			if len(e.Documents) == 1 {
				e.Documents[0].Members = nil
			}
			if e.ID != summary.EnvelopeID || e.Subject != "S é /" || e.SenderID != LegacyID ||
				!reflect.DeepEqual(e.Documents, []Document{want}) {
				t.Errorf("kept %+v", e)
			}
			if len(e.Recipients) != 1 || e.Recipients[0].Email != "s@example.com" || e.Recipients[0].Name != "Sam" {
				t.Errorf("recipients %+v", e.Recipients)
			}
		})
	}
	if n := w.Counts().Envelopes; n != len(tests) {
		t.Errorf("counted %d", n)
	}
}

func TestEnvelopeBodiesAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	target := w.SiteURL("demo.docusign.net") + "/restapi/v2/accounts/1703061/envelopes"
	bearer := w.bearerOf(LegacyID)
	tests := map[string]struct{ contentType, body, want string }{
		"no body":                  {"application/json", "", "INVALID_REQUEST_BODY"},
		"no content type":          {"", "{}", "INVALID_REQUEST_BODY"},
		"a form":                   {"application/x-www-form-urlencoded", "a=b", "INVALID_REQUEST_BODY"},
		"cut JSON":                 {"application/json", `{"status":"sent"`, "INVALID_REQUEST_BODY"},
		"JSON with a rest":         {"application/json", `{"status":"sent"}x`, "INVALID_REQUEST_BODY"},
		"a trailing comma":         {"application/json", `{"status":"sent",}`, "INVALID_REQUEST_BODY"},
		"a bare control character": {"application/json", "{\"status\":\"se\nnt\"}", "INVALID_REQUEST_BODY"},
		"half a surrogate pair":    {"application/json", `{"emailSubject":"\ud800"}`, "INVALID_REQUEST_BODY"},
		"a bad number":             {"application/json", `{"x":01}`, "INVALID_REQUEST_BODY"},
		"text that is not UTF-8":   {"application/json", "{\"x\":\"\xe9\"}", "INVALID_REQUEST_BODY"},
		"base64 that is none": {
			"application/json", `{"documents":[{"documentBase64":"a*b="}]}`, "INVALID_REQUEST_BODY",
		},
		"nesting without end": {"application/json", strings.Repeat("[", 5000), "INVALID_REQUEST_BODY"},
		"cut XML":             {"application/xml", "<a><status>sent</status>", "INVALID_REQUEST_BODY"},
		"a DTD":               {"application/xml", `<!DOCTYPE a [<!ENTITY b "c">]><a/>`, "INVALID_REQUEST_BODY"},
		"two roots":           {"application/xml", "<a/><b/>", "INVALID_REQUEST_BODY"},
		"multipart that ends early": {
			"multipart/form-data; boundary=b", "--b\r\nContent-Type: application/json\r\n\r\n{}\r\n", "INVALID_REQUEST_BODY",
		},
		"a part without a document": {
			"multipart/form-data; boundary=b", "--b\r\nContent-Type: application/json\r\n\r\n{}\r\n--b\r\n\r\nx\r\n--b--",
			"INVALID_REQUEST_BODY",
		},
		"an unknown status": {"application/json", `{"status":"done"}`, "ENVELOPE_INVALID_STATUS"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w.wantReply(w.call("POST", target, bearer, strings.NewReader(tt.body), "Content-Type", tt.contentType), 400, tt.want)
		})
	}
	if n := w.Counts().Envelopes; n != 0 {
		t.Errorf("counted %d", n)
	}
}

func TestABodyOverTheLimitIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *Options) { o.maxBody = 1000 })
	target := w.SiteURL("demo.docusign.net") + "/restapi/v2/accounts/1703061/envelopes"
	body := `{"emailSubject":"` + strings.Repeat("x", 2000) + `"}`
	w.wantReply(
		w.call("POST", target, w.bearerOf(LegacyID), strings.NewReader(body), "Content-Type", "application/json"), 413,
		"REQUEST_TOO_LARGE",
	)
}

func TestTheLifeOfAnEnvelope(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	account := w.SiteURL("demo.docusign.net") + "/restapi/v2/accounts/1703061"
	target := account + "/envelopes/" + CaptureEnvelopeID
	bearer := w.bearerOf(LegacyID)
	put := func(body string) reply {
		return w.call("PUT", target, bearer, strings.NewReader(body), "Content-Type", "application/json")
	}
	w.wantReply(w.call("GET", target, bearer, nil), 200, `"status": "sent"`, `"envelopeId": "`+CaptureEnvelopeID+`"`)
	w.wantReply(
		w.call("GET", target, bearer, nil, "Accept", "application/xml"), 200,
		`<envelope xmlns="http://www.docusign.com/restapi"`, "<status>sent</status>",
	)
	w.wantReply(
		w.call("GET", account+"/envelopes?status=sent", bearer, nil), 200, CaptureEnvelopeID, `"totalSetSize": "1"`,
	)
	w.wantReply(w.call("GET", account+"/envelopes?status=voided", bearer, nil), 200, `"envelopes": []`)
	w.wantReply(w.call("GET", target+"/recipients", bearer, nil), 200, "signer@example.com")
	w.wantReply(w.call("GET", target+"/documents", bearer, nil), 200, "sample.pdf")
	w.wantReply(put(`{"status":"voided"}`), 400, "INVALID_REQUEST_PARAMETER")
	w.wantReply(put(`{"status":"voided","voidedReason":"wrong"}`), 200, CaptureEnvelopeID)
	w.wantReply(put(`{"status":"voided","voidedReason":"wrong"}`), 400, "ENVELOPE_CANNOT_VOID_INVALID_STATE")
	w.wantReply(w.call("GET", target, bearer, nil), 200, `"status": "voided"`, `"voidedReason": "wrong"`)
	w.wantReply(w.call("GET", account+"/envelopes/"+newGUID(), bearer, nil), 404, "ENVELOPE_DOES_NOT_EXIST")
}

// captiveEnvelope has a signer inside the program, one by mail and one whose turn has not come.
const captiveEnvelope = `{"status":"%s","emailSubject":"S",
"documents":[{"documentId":"1","name":"a","documentBase64":"QUJD"}],"recipients":{"signers":[
{"recipientId":"1","name":"Ben Beispiel","email":"ben@example.com","clientUserId":"77"},
{"recipientId":"2","name":"Cora Copy","email":"cora@example.com"},
{"recipientId":"3","name":"Anna Example","email":"anna@example.com","clientUserId":"78","routingOrder":"2"}]}}`

func TestViewsAreForThoseWhoMayHaveThem(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	account := w.SiteURL("demo.docusign.net") + "/restapi/v2.1/accounts/1703061"
	bearer := w.bearerOf(LegacyID)
	post := func(path, body string) reply {
		return w.call("POST", account+path, bearer, strings.NewReader(body), "Content-Type", "application/json")
	}
	made := func(status string) string {
		var summary struct{ EnvelopeID string }
		got := post("/envelopes", fmt.Sprintf(captiveEnvelope, status))
		if err := json.Unmarshal([]byte(got.body), &summary); err != nil {
			t.Fatal(err, got.body)
		}
		return "/envelopes/" + summary.EnvelopeID
	}
	draft, sent := made("created"), made("sent")
	back := func(more string) string { return `{"returnUrl":"https://x.example.com"` + more + `}` }
	who := func(id, name, email string) string {
		return back(`,"clientUserId":"` + id + `","userName":"` + name + `","email":"` + email + `"`)
	}
	ben := who("77", "Ben Beispiel", "ben@example.com")
	tests := []struct{ name, path, body, refused string }{
		{"the console without a body", "/views/console", "", ""},
		{"the sender's view of a draft", draft + "/views/sender", back(""), ""},
		{"the sender's view of a sent one", sent + "/views/sender", back(""), "ENVELOPE_INVALID_STATUS"},
		{"a correction", sent + "/views/correct", back(`,"suppressNavigation":"true"`), ""},
		{"a correction of a draft", draft + "/views/correct", back(""), "ENVELOPE_INVALID_STATUS"},
		{"a signer inside the program", sent + "/views/recipient", ben, ""},
		{"a signer of a draft", draft + "/views/recipient", ben, "ENVELOPE_INVALID_STATUS"},
		{"no return address", sent + "/views/recipient", `{"clientUserId":"77"}`, "The returnUrl is missing."},
		{"a return address over the limit", sent + "/views/recipient", `{"returnUrl":"https://x.example.com/` +
			strings.Repeat("x", 470) + `"}`, "The returnUrl is too long."},
		{"another e-mail", sent + "/views/recipient", who("77", "Ben Beispiel", "ben2@example.com"),
			"UNKNOWN_ENVELOPE_RECIPIENT"},
		{"another name", sent + "/views/recipient", who("77", "Ben", "ben@example.com"), "UNKNOWN_ENVELOPE_RECIPIENT"},
		{"another id of the program", sent + "/views/recipient", who("7", "Ben Beispiel", "ben@example.com"),
			"INVALID_CAPTIVE_RECIPIENT_OPERATION"},
		{"a signer by mail", sent + "/views/recipient", who("", "Cora Copy", "cora@example.com"),
			"INVALID_CAPTIVE_RECIPIENT_OPERATION"},
		{"a signer whose turn has not come", sent + "/views/recipient", who("78", "Anna Example", "anna@example.com"),
			"RECIPIENT_NOT_IN_SEQUENCE"},
		{"an unknown member", sent + "/views/recipient", back(`,"user":"x"`), "INVALID_REQUEST_BODY"},
		{"a view that there is not", sent + "/views/other", `{}`, "404"},
		{"an unknown envelope", "/envelopes/" + newGUID() + "/views/sender", `{}`, "ENVELOPE_DOES_NOT_EXIST"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := post(tt.path, tt.body)
			opened := got.status == 201 && strings.Contains(got.body, `"url": "https://demo.docusign.net/Signing/`)
			refused := got.status >= 400 && strings.Contains(fmt.Sprint(got.status, got.body), tt.refused)
			if (tt.refused == "") != opened || tt.refused != "" && !refused {
				t.Errorf("%d %s", got.status, got.body)
			}
		})
	}
	if n := w.Counts().Mails; n != 1 {
		t.Errorf("%d mails, want one to the signer by mail", n)
	}
}

func TestDocuments(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	target := w.SiteURL("demo.docusign.net") + "/restapi/v2/accounts/1703061/envelopes/" + CaptureEnvelopeID +
		"/documents/"
	bearer := w.bearerOf(LegacyID)
	for _, id := range []string{"combined", "1", "certificate"} {
		got := w.call("GET", target+id, bearer, nil)
		w.wantReply(got, 200, "%PDF-1.4", "%%EOF")
		if got.header.Get("Content-Type") != "application/pdf" || got.header.Get("Content-Disposition") == "" {
			t.Errorf("%s: %v", id, got.header)
		}
	}
	w.wantReply(w.call("GET", target+"9", bearer, nil), 404, "DOCUMENT_DOES_NOT_EXIST")
	w.wantReply(w.call("GET", target+"combined?size=x", bearer, nil), 400)
	for _, size := range []int{0, 100, 1_000_000} {
		if got := w.call("GET", fmt.Sprintf("%scombined?size=%d", target, size), bearer, nil); len(got.body) != size {
			t.Errorf("%d bytes, want %d", len(got.body), size)
		}
	}
}
