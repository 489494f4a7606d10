package sandbox

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// account is one of the sandbox as a caller of REST v2.1 sees it.
type account struct {
	*world
	base, bearer string
}

func newAccount(t *testing.T, edit ...func(*Options)) *account {
	t.Helper()
	w := newWorld(t, edit...)
	return &account{w, w.SiteURL("demo.docusign.net") + "/restapi/v2.1/accounts/1703061", w.bearerOf(LegacyID)}
}

// ask makes a call and gives the answer's members, which must be of a type of the description.
func (a *account) ask(method, path, body, kind string) map[string]any {
	a.Helper()
	var in io.Reader
	if body != "" {
		in = strings.NewReader(body)
	}
	got := a.call(method, a.base+path, a.bearer, in, "Content-Type", "application/json")
	if got.status != http.StatusOK && got.status != http.StatusCreated {
		a.Fatalf("%s %s: %d %s", method, path, got.status, got.body)
	}
	var o map[string]any
	dec := json.NewDecoder(strings.NewReader(got.body))
	dec.UseNumber()
	if err := dec.Decode(&o); err != nil {
		a.Fatal(err)
	}
	for _, wrong := range vendorCheck(a.T, kind, o) {
		a.Errorf("%s %s: %s", method, path, wrong)
	}
	return o
}

// refused makes a call that must fail with a code.
func (a *account) refused(method, path, body, code string) {
	a.Helper()
	got := a.call(method, a.base+path, a.bearer, strings.NewReader(body), "Content-Type", "application/json")
	if got.status < 400 || !strings.Contains(got.body, code) {
		a.Errorf("%s %s: %d %s, want %s", method, path, got.status, got.body, code)
	}
}

// vendorTypes is the vendor's description, which is no part of this repository; without it answers are not checked.
var vendorTypes = sync.OnceValue(func() map[string]map[string]any {
	raw, err := os.ReadFile(filepath.FromSlash("../../../shared/docusign/soap-rest/check/openapi-subset.json"))
	if err != nil {
		return nil
	}
	var file struct {
		Definitions map[string]map[string]any
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		return nil
	}
	return file.Definitions
})

// vendorCheck lists what an answer has that the vendor's description does not allow.
func vendorCheck(t *testing.T, kind string, v any) []string {
	t.Helper()
	types := vendorTypes()
	if types == nil {
		return nil
	}
	return checkVendor(types, map[string]any{"$ref": kind}, kind, v)
}

func checkVendor(types map[string]map[string]any, schema map[string]any, path string, v any) (wrong []string) {
	if ref, is := schema["$ref"].(string); is {
		schema = types[ref]
	}
	switch v := v.(type) {
	case map[string]any:
		properties, _ := schema["properties"].(map[string]any)
		for name, inner := range v {
			p, known := properties[name].(map[string]any)
			if !known {
				return []string{path + " has no member " + name}
			}
			wrong = append(wrong, checkVendor(types, p, path+"."+name, inner)...)
		}
	case []any:
		items, is := schema["items"].(map[string]any)
		if !is {
			return []string{path + " is no array"}
		}
		for _, inner := range v {
			wrong = append(wrong, checkVendor(types, items, path, inner)...)
		}
	case string:
		if schema["type"] != "string" {
			return []string{path + " is no text"}
		}
	default:
		return []string{fmt.Sprintf("%s is %T", path, v)}
	}
	return wrong
}

// at follows members and positions.
func at(v any, path ...any) any {
	for _, step := range path {
		switch step := step.(type) {
		case string:
			o, _ := v.(map[string]any)
			v = o[step]
		case int:
			list, _ := v.([]any)
			if step >= len(list) {
				return nil
			}
			v = list[step]
		}
	}
	return v
}

func wantAt(t *testing.T, v any, want string, path ...any) {
	t.Helper()
	if got := at(v, path...); fmt.Sprint(got) != want {
		t.Errorf("%v is %v, want %s", path, got, want)
	}
}

const contract = `{"status":"%s","emailSubject":"Contract","emailBlurb":"Hello","transactionId":"t-1",
"documents":[{"documentId":"1","name":"a.pdf","documentBase64":"QUJD"}],
"customFields":{"textCustomFields":[{"name":"CRM","show":"true","required":"false","value":"4711"}]},
"recipients":{"signers":[{"recipientId":"1","name":"Ben","email":"ben@example.com","tabs":{
"signHereTabs":[{"documentId":"1","pageNumber":"1","xPosition":"195","yPosition":"147"}],
"radioGroupTabs":[{"documentId":"1","groupName":"kind","radios":[
{"pageNumber":"1","xPosition":"60","yPosition":"230","value":"new","selected":"true"},
{"pageNumber":"1","xPosition":"60","yPosition":"250","value":"old","selected":"false"}]}]}}],
"carbonCopies":[{"recipientId":"2","name":"Cora","email":"cora@example.com","routingOrder":"2"}]}}`

func TestAnEnvelopeIsShownAsItWasMade(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	id := at(a.ask("POST", "/envelopes", fmt.Sprintf(contract, "sent"), "envelopeSummary"), "envelopeId").(string)
	e := a.ask("GET", "/envelopes/"+id+"?include=recipients,tabs,custom_fields,documents", "", "envelope")
	wantAt(t, e, "Hello", "emailBlurb")
	wantAt(t, e, "Legacy User", "sender", "userName")
	wantAt(t, e, "2026-11-22T12:00:00.0000000Z", "sentDateTime")
	wantAt(t, e, "4711", "customFields", "textCustomFields", 0, "value")
	wantAt(t, e, "sent", "recipients", "signers", 0, "status")
	wantAt(t, e, "created", "recipients", "carbonCopies", 0, "status")
	wantAt(t, e, "147", "recipients", "signers", 0, "tabs", "signHereTabs", 0, "yPosition")
	wantAt(t, e, "Sign Here", "recipients", "signers", 0, "tabs", "signHereTabs", 0, "tabLabel")
	wantAt(t, e, "old", "recipients", "signers", 0, "tabs", "radioGroupTabs", 0, "radios", 1, "value")
	wantAt(t, e, "certificate", "envelopeDocuments", 1, "documentId")
	// REST v2 counts signatures 21 points higher (SOAP-REST.md §3.4).
	old := strings.Replace(a.base, "v2.1", "v2", 1) + "/envelopes/" + id + "?include=recipients,tabs"
	a.wantReply(a.call("GET", old, a.bearer, nil), 200, `"yPosition": "126"`)
	e = a.ask("GET", "/envelopes/"+id, "", "envelope")
	wantAt(t, e, "<nil>", "recipients")
	if got := a.Counts(); got.Mails != 1 || got.Envelopes != 1 {
		t.Errorf("%+v", got)
	}
}

func TestDefinitionsThatRESTRefuses(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	good := fmt.Sprintf(contract, "sent")
	for name, tt := range map[string]struct{ old, new, code string }{
		"a subject of 101 characters": {`"Contract"`, `"` + strings.Repeat("é", 101) + `"`, "INVALID_REQUEST_PARAMETER"},
		"a document without bytes":    {`,"documentBase64":"QUJD"`, ``, "UNABLE_TO_LOAD_DOCUMENT"},
		"a recipient twice":           {`"recipientId":"2"`, `"recipientId":"1"`, "INVALID_RECIPIENT_ID"},
		"a tab on no document":        {`{"documentId":"1","pageNumber"`, `{"documentId":"9","pageNumber"`, "TAB_REFERS_TO"},
		"a tab of another recipient":  {`"signHereTabs":[{`, `"signHereTabs":[{"recipientId":"2",`, "names recipient 2"},
		"no e-mail":                   {`"email":"ben@example.com",`, ``, "INVALID_EMAIL_ADDRESS_FOR_RECIPIENT"},
		"an unknown status":           {`"status":"sent"`, `"status":"done"`, "ENVELOPE_INVALID_STATUS"},
		"an unknown member":           {`"emailBlurb"`, `"emailblurb"`, `has no member \"emailblurb\"`},
		"asynchronous without an id":  {`"transactionId":"t-1"`, `"asynchronous":"true"`, "needs a transactionId"},
		"an unknown template": {`"documents":[`, `"compositeTemplates":[{"serverTemplates":[{"sequence":"1",` +
			`"templateId":"x"}]}],` +
			`"documents":[`, "TEMPLATE_ID_INVALID"},
	} {
		t.Run(name, func(t *testing.T) {
			inner := &account{&world{t, a.Sandbox, a.Seed, a.client}, a.base, a.bearer}
			inner.refused("POST", "/envelopes", strings.Replace(good, tt.old, tt.new, 1), tt.code)
		})
	}
	a.refused("POST", "/envelopes?merge=1", good, "query parameter merge")
	a.refused("GET", "/envelopes/"+CaptureEnvelopeID+"?include=everything", "", "include everything")
	if n := a.Counts().Envelopes; n != 0 {
		t.Errorf("%d envelopes", n)
	}
}

func composite(status, role string) string {
	return `{"status":"` + status + `","compositeTemplates":[{"compositeTemplateId":"1","serverTemplates":[{` +
		`"sequence":"1","templateId":"` + OrderTemplateID + `"}],"inlineTemplates":[{"sequence":"2","recipients":{` +
		`"signers":[{"recipientId":"1","roleName":"` + role + `","name":"Ben","email":"ben@example.com","tabs":{` +
		`"textTabs":[{"tabLabel":"order","value":"A-17"},` +
		`{"tabLabel":"nowhere","value":"x"}]}}]},"customFields":{"textCustomFields":[{"name":"CRM","value":"1"}]}}]}]}`
}

func TestCompositeTemplates(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	made := func(body string) map[string]any {
		id := at(a.ask("POST", "/envelopes", body, "envelopeSummary"), "envelopeId").(string)
		return a.ask("GET", "/envelopes/"+id+"?include=recipients,tabs,custom_fields,documents", "", "envelope")
	}
	e := made(composite("sent", "Customer"))
	wantAt(t, e, "Your order", "emailSubject")
	wantAt(t, e, "See attached", "emailBlurb")
	wantAt(t, e, "Ben", "recipients", "signers", 0, "name")
	wantAt(t, e, "A-17", "recipients", "signers", 0, "tabs", "textTabs", 0, "value")
	wantAt(t, e, "60", "recipients", "signers", 0, "tabs", "textTabs", 0, "xPosition")
	wantAt(t, e, "<nil>", "recipients", "signers", 0, "tabs", "textTabs", 1)
	wantAt(t, e, "<nil>", "recipients", "signers", 1) // nobody is the manager
	wantAt(t, e, "Cora Copy", "recipients", "carbonCopies", 0, "name")
	wantAt(t, e, "CRM", "customFields", "textCustomFields", 1, "name")
	wantAt(t, e, "Order.pdf", "envelopeDocuments", 0, "name")
	e = made(composite("sent", "customer")) // a role has a case (SOAP-REST.md §4.8)
	wantAt(t, e, "<nil>", "recipients", "signers", 0, "tabs", "textTabs", 0)
	e = made(composite("created", "Customer"))
	wantAt(t, e, "Manager", "recipients", "signers", 1, "roleName")
}

// A part says to which document it belongs, and to which composite template where there are several.
func TestPartsOfAMessageGoToTheirDocuments(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	post := func(definition string, parts ...string) string {
		body := "--b\r\nContent-Type: application/json\r\nContent-Disposition: form-data\r\n\r\n" + definition
		for _, part := range parts {
			body += "\r\n--b\r\nContent-Type: application/pdf\r\n" + part
		}
		got := a.call("POST", a.base+"/envelopes", a.bearer, strings.NewReader(body+"\r\n--b--\r\n"),
			"Content-Type", "multipart/form-data; boundary=b")
		if got.status != http.StatusCreated {
			return got.body
		}
		all, sizes := a.Envelopes(), ""
		for _, d := range all[len(all)-1].Documents {
			sizes += fmt.Sprint(d.Name, d.Size, " ")
		}
		return sizes
	}
	const two = `{"documents":[{"documentId":"1","name":"a"},{"documentId":"2","name":"b"}]}`
	const composites = `{"compositeTemplates":[{"compositeTemplateId":"1","document":{"documentId":"1","name":"a"}},` +
		`{"compositeTemplateId":"2","document":{"documentId":"1","name":"b"}}]}`
	part := func(disposition, content string) string {
		return "Content-Disposition: file; filename=\"x.pdf\"; " + disposition + "\r\n\r\n" + content
	}
	for _, tt := range []struct{ name, got, want string }{
		{"in another order", post(two, part("documentid=2", "12"), part(`documentId="1"`, "1")), "a1 b2 "},
		{"in base64", post(two, part("documentid=1", "1"), "Content-Transfer-Encoding: base64\r\n"+
			part("documentid=2", "QUJD")), "a1 b3 "},
		{"of composite templates", post(composites, part(`documentid=1; compositetemplateid="2"`, "12"),
			part("documentid=1; compositetemplateid=1", "1")), "a1 b2 "},
		{"of no document", post(two, part("documentid=3", "1")), "no document 3"},
		{"of no composite template", post(composites, part("documentid=1; compositetemplateid=3", "1")), "no document 1"},
		{"of one document alone", post(two, part("documentid=1", "1")), "The document 2 has no bytes"},
	} {
		if !strings.Contains(tt.got, tt.want) {
			t.Errorf("%s: %s, want %s", tt.name, tt.got, tt.want)
		}
	}
}

func TestTransactionsAreFoundForAWeekAndKeepNothingFromBeingMadeTwice(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	a.SetTokenLife(30 * 24 * time.Hour)
	a.bearer = a.bearerOf(LegacyID)
	body := fmt.Sprintf(contract, "sent")
	a.ask("POST", "/envelopes", body, "envelopeSummary")
	a.ask("POST", "/envelopes", body, "envelopeSummary")
	find := func() []any {
		got := a.ask("GET", "/envelopes?transaction_ids=t-1,t-2", "", "envelopesInformation")
		return at(got, "envelopeTransactionStatuses").([]any)
	}
	if found := find(); len(found) != 2 || at(found, 0, "status") != "sent" {
		t.Errorf("%v", found)
	}
	a.SetClockOffset(6 * 24 * time.Hour)
	a.SetProcessing(time.Minute)
	late := a.ask(
		"POST",
		"/envelopes",
		strings.Replace(body, `"t-1"`, `"t-2","asynchronous":"true"`, 1),
		"envelopeSummary",
	)
	wantAt(t, late, "processing", "status")
	wantAt(t, late, "<nil>", "envelopeId")
	if found := find(); len(found) != 3 || at(found, 2, "status") != "processing" || at(found, 2, "envelopeId") != nil {
		t.Errorf("%v", found)
	}
	a.SetProcessing(0)
	a.SetClockOffset(8 * 24 * time.Hour)
	if found := find(); len(found) != 1 || at(found, 0, "status") != "sent" {
		t.Errorf("%v", found)
	}
}

func TestListsAreFilteredAndCut(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	hour := func(n int) time.Time { return time.Date(2026, 11, 1, n, 0, 0, 0, time.UTC) }
	for n, status := range []string{"created", "sent", "delivered", "completed", "voided"} {
		a.AddEnvelope(Envelope{
			ID: "e0000000-0000-4000-8000-00000000000" + strconv.Itoa(n), AccountID: CaptureAccountID, SenderID: LegacyID,
			Status: status, Created: hour(n), Changed: hour(n), Completed: hour(n + 1),
		})
	}
	const prefix = "e0000000-0000-4000-8000-00000000000"
	for query, want := range map[string]string{
		"from_date=2026-11-01T00:00:00Z&to_date=2026-11-02T00:00:00Z":                                   "1234",
		"from_date=2026-11-01T02:00:00Z&to_date=2026-11-02":                                             "234",
		"from_date=2026-11-01&to_date=2026-11-02&status=any":                                            "1234",
		"from_date=2026-11-01&to_date=2026-11-02&status=created,sent":                                   "01",
		"from_date=2026-11-01T04:30:00Z&to_date=2026-11-01T05:30:00Z&from_to_status=completed":          "4",
		"envelope_ids=" + prefix + "0," + prefix + "3":                                                  "03",
		"from_date=2026-11-01&to_date=2026-11-02&start_position=1&count=2":                              "23",
		"from_date=2026-11-01&to_date=2026-11-02&order=desc&count=1":                                    "4",
		"from_date=2026-11-01&to_date=2026-11-02&user_name=Legacy%20User&email=legacy.user@example.com": "1234",
	} {
		t.Run(query, func(t *testing.T) {
			got := ""
			inner := &account{&world{t, a.Sandbox, a.Seed, a.client}, a.base, a.bearer}
			for _, e := range at(inner.ask("GET", "/envelopes?"+query, "", "envelopesInformation"), "envelopes").([]any) {
				got += strings.TrimPrefix(at(e, "envelopeId").(string), prefix)
			}
			if got != want {
				t.Errorf("%s, want %s", got, want)
			}
		})
	}
	page := a.ask(
		"GET",
		"/envelopes?from_date=2026-11-01&to_date=2026-11-02&start_position=1&count=2",
		"",
		"envelopesInformation",
	)
	wantAt(t, page, "4", "totalSetSize")
	wantAt(t, page, "2", "resultSetSize")
	wantAt(t, page, "2", "endPosition")
	for _, query := range []string{
		"from_date=yesterday", "status=done", "from_to_status=done", "count=x", "user_name=Legacy%20User",
		"email=legacy.user@example.com&user_name=x", "unknown=1", "status=sent&status=voided",
	} {
		a.refused("GET", "/envelopes?"+query, "", "")
	}
}

func TestCorrectionsCountTheirMails(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	id := at(a.ask("POST", "/envelopes", fmt.Sprintf(contract, "sent"), "envelopeSummary"), "envelopeId").(string)
	path := "/envelopes/" + id + "/recipients"
	for _, tt := range []struct {
		name, query, body, result string
		mails                     int
	}{
		{"a name", "", `{"signers":[{"recipientId":"1","name":"Benno"}]}`, "SUCCESS", 0},
		{"an unchanged address", "", `{"signers":[{"recipientId":"1","email":"ben@example.com"}]}`, "SUCCESS", 1},
		{"once more", "?resend_envelope=true", `{"signers":[{"recipientId":"1"}]}`, "SUCCESS", 1},
		{"somebody unknown", "?resend_envelope=true", `{"signers":[{"recipientId":"7"}]}`, "UNKNOWN_ENVELOPE_RECIPIENT", 0},
		{"one whose turn is later", "", `{"carbonCopies":[{"recipientId":"2","email":"c@example.com"}]}`, "SUCCESS", 0},
	} {
		a.ResetCounts()
		got := a.ask("PUT", path+tt.query, tt.body, "recipientsUpdateSummary")
		wantAt(t, got, tt.result, "recipientUpdateResults", 0, "errorDetails", "errorCode")
		if c := a.Counts(); c.Mails != tt.mails || c.Changes["correct"] != 1 {
			t.Errorf("%s: %+v", tt.name, c)
		}
	}
	wantAt(t, a.ask("GET", path, "", "recipients"), "Benno", "signers", 0, "name")
	a.ask(
		"PUT",
		"/envelopes/"+id+"/notification",
		`{"reminders":{"reminderEnabled":"true","reminderDelay":"2"}}`,
		"notification",
	)
	wantAt(t, a.ask("GET", "/envelopes/"+id+"/notification", "", "notification"), "2", "reminders", "reminderDelay")
	a.Complete(id)
	a.refused("PUT", path, `{"signers":[{"recipientId":"1","name":"x"}]}`, "ENVELOPE_INVALID_STATUS")
}

func TestStatusesMove(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	made := func(status string) string {
		id := at(a.ask("POST", "/envelopes", fmt.Sprintf(contract, status), "envelopeSummary"), "envelopeId").(string)
		return "/envelopes/" + id
	}
	show := func(path string) map[string]any { return a.ask("GET", path+"?include=recipients,tabs", "", "envelope") }
	draft, signed, declined := made("created"), made("sent"), made("sent")
	a.refused("PUT", draft, `{"status":"voided","voidedReason":"x"}`, "ENVELOPE_CANNOT_VOID_INVALID_STATE")
	a.refused("PUT", draft, `{"purgeState":"documents_queued"}`, "ENVELOPE_INVALID_STATUS")
	a.ask("PUT", draft, `{"status":"sent"}`, "envelopeUpdateSummary")
	a.refused("PUT", draft, `{"status":"sent"}`, "ENVELOPE_INVALID_STATUS")
	a.refused("PUT", draft, `{"status":"voided"}`, "A reason is needed")
	a.ask("PUT", draft, `{"status":"voided","voidedReason":"`+strings.Repeat("x", 250)+`"}`, "envelopeUpdateSummary")
	wantAt(t, show(draft), strings.Repeat("x", 200), "voidedReason")

	a.Deliver(strings.TrimPrefix(signed, "/envelopes/"))
	wantAt(t, show(signed), "delivered", "recipients", "signers", 0, "status")
	a.Complete(strings.TrimPrefix(signed, "/envelopes/"))
	e := show(signed)
	wantAt(t, e, "completed", "status")
	wantAt(t, e, "signed", "recipients", "signers", 0, "tabs", "signHereTabs", 0, "status")
	wantAt(t, e, "active", "recipients", "signers", 0, "tabs", "radioGroupTabs", 0, "radios", 1, "status")
	wantAt(
		t,
		a.ask("PUT", signed, `{"purgeState":"documents_queued"}`, "envelopeUpdateSummary"),
		"documents_queued",
		"purgeState",
	)

	a.Decline(strings.TrimPrefix(declined, "/envelopes/"), "1", "too dear")
	wantAt(t, show(declined), "too dear", "recipients", "signers", 0, "declinedReason")
	want := map[string]int{"send": 1, "void": 1, "purge": 1}
	if c := a.Counts(); !maps.Equal(c.Changes, want) || c.Envelopes != 3 {
		t.Errorf("%+v", c)
	}
}

func TestPDFsTellHowTheyWereAskedFor(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	base := a.base + "/envelopes/" + CaptureEnvelopeID + "/documents/"
	seen := map[string]string{}
	for _, path := range []string{
		"1", "1?show_changes=true", "certificate", "combined", "combined?certificate=true", "combined?watermark=false",
		"combined?show_changes=true",
	} {
		got := a.call("GET", base+path, a.bearer, nil)
		again := a.call("GET", base+path, a.bearer, nil)
		if other, twice := seen[got.body]; twice || got.status != 200 || got.body != again.body {
			t.Errorf("%s is like %s, or differs from itself", path, other)
		}
		seen[got.body] = path
	}
	a.wantReply(a.call("GET", base+"combined?certificate=yes&what=1", a.bearer, nil), 400, "what")
	id := at(a.ask("POST", "/envelopes", fmt.Sprintf(contract, "sent"), "envelopeSummary"), "envelopeId").(string)
	if size := len(a.call("GET", a.base+"/envelopes/"+id+"/documents/1", a.bearer, nil).body); size < 100 {
		t.Errorf("%d bytes", size)
	}
}

func TestTemplatesAreShown(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	all := a.ask("GET", "/templates?include=advanced_templates&user_filter=all&count=2000&start_position=0", "",
		"envelopeTemplateResults")
	wantAt(t, all, "2", "totalSetSize")
	wantAt(t, all, "Agreement", "envelopeTemplates", 1, "name")
	one := a.ask(
		"GET",
		"/templates/"+OrderTemplateID+"?include=tabs,documents,custom_fields,notifications",
		"",
		"envelopeTemplate",
	)
	wantAt(t, one, "600", "recipients", "signers", 0, "tabs", "signHereTabs", 0, "yPosition")
	wantAt(t, one, "Order.pdf", "documents", 0, "name")
	wantAt(t, one, "3", "notification", "reminders", "reminderFrequency")
	a.wantReply(a.call("GET", a.base+"/templates/"+OrderTemplateID+"/documents/1", a.bearer, nil), 200, "%PDF-1.4")
	a.refused("GET", "/templates/"+newGUID(), "", "TEMPLATE_ID_INVALID")
}

func TestFailuresAreForOneRouteAndMayCutAnAnswer(t *testing.T) {
	t.Parallel()
	a := newAccount(t)
	a.FailNext(FailureSpec{Suffix: "/documents/combined", Drop: DropMidAnswer})
	a.FailNext(FailureSpec{Method: "POST", Suffix: "/envelopes", Drop: DropAfterWork})
	path := a.base + "/envelopes/" + CaptureEnvelopeID + "/documents/combined?size=1000000"
	r, err := http.NewRequest("GET", path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+a.bearer)
	resp, err := a.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err == nil || len(got) != 500_000 || resp.ContentLength != 1_000_000 {
		t.Errorf("%d of %d bytes, %v", len(got), resp.ContentLength, err)
	}
	r, err = http.NewRequest("POST", a.base+"/envelopes", strings.NewReader(fmt.Sprintf(contract, "sent")))
	if err != nil {
		t.Fatal(err)
	}
	r.Header = http.Header{"Authorization": {"Bearer " + a.bearer}, "Content-Type": {"application/json"}}
	if resp, err := a.client.Do(r); err == nil {
		_ = resp.Body.Close()
		t.Errorf("an answer came: %d", resp.StatusCode)
	}
	if n := a.Counts().Envelopes; n != 1 {
		t.Errorf("%d envelopes, want the one that nobody heard of", n)
	}
	if slices.ContainsFunc(a.Requests(), func(r Recorded) bool { return r.Status == 503 }) {
		t.Error("a planned failure was answered")
	}
}
