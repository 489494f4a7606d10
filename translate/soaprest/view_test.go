package soaprest

import (
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/internal/services"
	"docusign-auth-proxy/internal/store"
	"docusign-auth-proxy/translate/soaprest/journal"
	"docusign-auth-proxy/translate/soaprest/redirect"
)

const assertionElement = `<AuthenticationAssertion>` +
	`<AuthenticationInstant>2026-11-20T10:06:00Z</AuthenticationInstant>` +
	`<AuthenticationMethod>Password</AuthenticationMethod></AuthenticationAssertion>`

const (
	viewAddress = "https://na3.docusign.net/Signing/?t=1&a=2"
	viewText    = `{"url":"` + viewAddress + `"}`
	viewHas     = "https://na3.docusign.net/Signing/?t=1&amp;a=2"
)

func viewStep(kind string) step {
	return step{want: "POST " + envelopePath + "/views/" + kind, status: 201, answer: viewText}
}

func clientURLs(pairs ...string) string {
	var b strings.Builder
	for i := 0; i < len(pairs); i += 2 {
		b.WriteString("<" + pairs[i] + ">" + pairs[i+1] + "</" + pairs[i] + ">")
	}
	return "<ClientURLs>" + b.String() + "</ClientURLs>"
}

// recipientBody is a message with addresses.
func recipientBody(urls string) string {
	return idElement + "<ClientUserID>c-1</ClientUserID><Username>Ben </Username><Email>Ben@example.com</Email>" +
		assertionElement + urls
}

const recipientJSON = `{"clientUserId":"c-1","userName":"Ben ","email":"Ben@example.com",
	"authenticationInstant":"2026-11-20T10:06:00Z","authenticationMethod":"Password"`

func TestWhereASignerComesBackTo(t *testing.T) { // SOAP-REST.md §4.6
	const signed, declined = "https://app.example.com/signed", "https://app.example.com/declined"
	all := func(address string) string {
		var pairs []string
		for _, name := range redirect.Outcomes() {
			pairs = append(pairs, name, address)
		}
		return clientURLs(pairs...)
	}
	passthrough := func(c *Call) { c.Integration.SOAPREST.ClientURLs = integration.Passthrough }
	run(t, []scene{
		{
			name: "one address for all, and nobody can be led over the proxy", operation: "RequestRecipientToken",
			body: recipientBody(all(signed)), steps: []step{viewStep("recipient")}, has: []string{viewHas},
			sent: []string{recipientJSON + `,"returnUrl":"` + signed + `"}`},
		},
		{
			name: "one address for one end, and nobody can be led over the proxy", operation: "RequestRecipientToken",
			body: recipientBody(clientURLs("OnSigningComplete", signed)), steps: []step{viewStep("recipient")},
			has: []string{viewHas}, sent: []string{recipientJSON + `,"returnUrl":"` + signed + `"}`},
		},
		{
			name: "addresses that DocuSign is handed", operation: "RequestRecipientToken", set: passthrough,
			body:  recipientBody(clientURLs("OnSigningComplete", signed, "OnDecline", declined)),
			steps: []step{viewStep("recipient")}, has: []string{viewHas},
			sent: []string{recipientJSON + `,"returnUrl":"` + signed + `",
				"clientURLs":{"OnSigningComplete":"` + signed + `","OnDecline":"` + declined + `"}}`},
		},
		{
			name: "the token's envelope is not there", operation: "RequestRecipientToken", set: reachable,
			body: recipientBody(all(signed)), fault: absentEnvelope,
			steps: []step{{want: viewStep("recipient").want, status: 400, answer: absentText}},
		},
		{
			name: "no address in a good answer", operation: "RequestRecipientToken", set: reachable,
			body: recipientBody(""), fault: "Unspecified_Error",
			steps: []step{{want: viewStep("recipient").want, status: 201, answer: "{}"}},
		},
		{
			name: "another recipient", operation: "RequestRecipientToken", set: reachable,
			body: recipientBody(""), fault: "Unknown_Envelope_Recipient",
			steps: []step{{
				want: viewStep("recipient").want, status: 400,
				answer: `{"errorCode":"UNKNOWN_ENVELOPE_RECIPIENT","message":"No."}`,
			}},
		},
	})
	for name, tc := range map[string]struct {
		body, says string
		set        func(*Call)
	}{
		"the addresses differ": {
			recipientBody(clientURLs("OnSigningComplete", signed, "OnDecline", declined)), "ClientURLs cannot", nil,
		},
		"none is there":   {recipientBody(""), "ClientURLs cannot", nil},
		"a script":        {recipientBody(all("javascript:alert(1)")), "ClientURLs/OnSigningComplete cannot", reachable},
		"none to pass on": {recipientBody(clientURLs("OnDecline", declined)), "ClientURLs cannot", passthrough},
		"no assertion":    {idElement, "AuthenticationAssertion is missing", reachable},
		"an instant before DocuSign": {
			strings.Replace(recipientBody(""), "2026-11-20", "0001-01-01", 1), "Validation error", reachable,
		},
		"no envelope": {strings.Replace(recipientBody(""), envelopeOne, "1", 1), absentEnvelope, reachable},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCall(&script{t: t}, "RequestRecipientToken", tc.body)
			c.Integration.SOAPREST.ClientURLs = integration.Redirect
			if tc.set != nil {
				tc.set(c)
			}
			got := serveCall(t.Context(), New(Options{Returns: store.Memory().Returns()}), c)
			if got.status != 500 || !got.has(tc.says) {
				t.Errorf("got %s", got.text)
			}
		})
	}
}

// A draft for a sender is a creation as others are: it is in the journal, and a message that comes again because the
// first got no answer makes no second one (SOAP-REST.md §6.2).
func TestADraftForASenderIsMadeOnce(t *testing.T) {
	kept := store.Memory()
	e := New(Options{Returns: kept.Returns(), Journal: kept.Creations(), Lookups: []time.Duration{0}})
	newDraft := step{want: creationPOST, status: 201, answer: `{"envelopeId":"` + envelopeOne + `","status":"created"}`}
	failed := viewStep("sender")
	failed.status, failed.answer = 502, "<html>"
	for _, steps := range []scene{
		{steps: []step{newDraft, failed}, fault: "Unspecified_Error"},
		{steps: []step{viewStep("sender")}, has: []string{viewHas}},
		{steps: []step{newDraft, viewStep("sender")}, has: []string{viewHas}},
	} {
		steps.operation, steps.body = "RequestSenderToken", "<ReturnURL>https://app.example.com/</ReturnURL>"
		steps.play(t, e)
	}
	made := kept.Creations().Find(func(o journal.Entry) bool { return o.State == journal.Done && o.Answered })
	if len(made) != 2 {
		t.Errorf("the journal has %v", made)
	}
}

func TestASignerIsLedBack(t *testing.T) { // SOAP-REST.md §4.6
	e := New(Options{Returns: store.Memory().Returns()})
	urls := clientURLs("OnSigningComplete", " https://app.example.com/pop?event=Sign&amp;x=1\n",
		"OnDecline", "https://app.example.com/pop?event=Decline", "OnException", "http://app.example.com/oops",
		"OnFaxPending", "", "GenerateSignedDocumentAsynch", "true")
	u := &script{t: t, steps: []step{viewStep("recipient")}}
	c := newCall(u, "RequestRecipientToken", recipientBody(urls))
	reachable(c)
	c.Integration.SOAPREST.ClientURLs = integration.Redirect
	if got := serveCall(t.Context(), e, c); got.status != 200 ||
		strings.Join(c.Notes.Dropped, " ") != "ClientURLs/GenerateSignedDocumentAsynch" {
		t.Fatalf("got %+v", got)
	}
	var sent struct{ ReturnURL string }
	if err := json.Unmarshal([]byte(u.bodies[0]), &sent); err != nil {
		t.Fatal(err)
	}
	state, ok := strings.CutPrefix(sent.ReturnURL, "https://proxy.example.com"+redirect.Path)
	if !ok {
		t.Fatalf("REST is told %s", sent.ReturnURL)
	}
	for event, want := range map[string]string{
		"signing_complete": "https://app.example.com/pop?event=Sign&x=1",
		"decline":          "https://app.example.com/pop?event=Decline",
		"cancel":           "http://app.example.com/oops",
		"fax_pending":      "http://app.example.com/oops",
	} {
		if got, err := e.Return(t.Context(), state, url.Values{"event": {event}}); got != want || err != nil {
			t.Errorf("%s leads to %q, %v", event, got, err)
		}
	}
	if got, err := e.Return(t.Context(), "AAAA", url.Values{}); !errors.Is(err, redirect.ErrGone) || got != "" {
		t.Errorf("leads to %q, %v", got, err)
	}
}

func TestViewsOfSenders(t *testing.T) { // SOAP-REST.md §4.7
	const back = "<ReturnURL>https://app.example.com/b?a=1&amp;b=2</ReturnURL>"
	const backJSON = `{"returnUrl":"https://app.example.com/b?a=1&b=2"`
	const suppress = "<SuppressNavigation>1</SuppressNavigation>"
	without := viewStep("correct")
	refused := viewStep("correct")
	refused.status, refused.answer = 400, `{"errorCode":"INVALID_REQUEST_BODY","message":"suppressNavigation"}`
	newDraft := step{want: "POST /envelopes", status: 201, answer: `{"envelopeId":"` + envelopeOne + `"}`}
	second := viewStep("sender")
	second.in = secondGUID
	notSender := viewStep("sender")
	notSender.status, notSender.answer = 400, `{"errorCode":"USER_NOT_ENVELOPE_SENDER","message":"No."}`
	run(t, []scene{
		{
			name: "of a draft", operation: "RequestSenderToken", body: idElement + back,
			steps: []step{viewStep("sender")}, has: []string{viewHas}, sent: []string{backJSON + "}"},
		},
		{
			name: "of a draft, without an address to come back to", operation: "RequestSenderToken", body: idElement,
			steps: []step{viewStep("sender")}, has: []string{viewHas}, sent: []string{"{}"},
		},
		{
			name: "in the account that the program names", operation: "RequestSenderToken", user: twoAccounts,
			body:  idElement + "<AccountID>" + secondGUID + "</AccountID>" + back,
			steps: []step{second}, has: []string{viewHas},
		},
		{
			name: "of a draft that is made for it", operation: "RequestSenderToken", body: "<EnvelopeID> </EnvelopeID>" + back,
			steps: []step{newDraft, viewStep("sender")}, has: []string{viewHas},
		},
		{
			name: "the draft is refused", operation: "RequestSenderToken", body: back,
			steps: []step{{want: newDraft.want, status: 400, answer: refusedText}}, fault: "Some_Refusal",
		},
		{
			name: "the draft has no id", operation: "RequestSenderToken", body: back,
			steps: []step{{want: newDraft.want, status: 201, answer: `{}`}, {want: lookUpAny, answer: `{}`}},
			fault: "Unspecified_Error",
		},
		{
			name: "of another's", operation: "RequestSenderToken", body: idElement, steps: []step{notSender},
			fault: "User_Not_Envelope_Sender",
		},
		{
			name: "of an envelope on its way", operation: "RequestCorrectToken", body: idElement + suppress + back,
			steps: []step{viewStep("correct")}, has: []string{viewHas},
			sent: []string{backJSON + `,"suppressNavigation":"true"}`},
		},
		{
			name: "without the member that REST knows no longer", operation: "RequestCorrectToken",
			body: idElement + suppress + back, steps: []step{refused, without}, has: []string{viewHas},
			sent: []string{backJSON + `,"suppressNavigation":"true"}`, backJSON + "}"},
		},
		{
			name: "refused without it, too", operation: "RequestCorrectToken", body: idElement + suppress,
			steps: []step{refused, {want: refused.want, status: 400, answer: refusedText}}, fault: "Some_Refusal",
		},
		{
			name: "no such envelope", operation: "RequestCorrectToken", body: idElement + suppress, fault: absentEnvelope,
			steps: []step{{want: refused.want, status: 400, answer: absentText}},
		},
	})
}

// onCredential makes it a call of credential.asmx.
func onCredential(operation, body string) func(*Call) {
	return func(c *Call) {
		c.Service = services.ByBase("credential.asmx")
		c.Integration.SOAPREST.ConsoleReturnURL = "https://app.example.com/console"
		c.Message = strings.NewReader(`<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>` +
			`<` + operation + ` xmlns="` + services.NamespaceCredential + `"><Email>anna@example.com</Email>` +
			`<Password>secret</Password>` + body +
			`</` + operation + `></s:Body></s:Envelope>`)
	}
}

func TestViewsOfCredential(t *testing.T) { // SOAP-REST.md §1.3
	console := step{want: "POST /views/console", status: 201, answer: viewText}
	inSecond := console
	inSecond.in = secondGUID
	const backJSON = `{"returnUrl":"https://app.example.com/console"`
	without := onCredential("GetAuthenticationToken", "")
	run(t, []scene{
		{
			name: "the console", operation: "GetAuthenticationToken", set: without, steps: []step{console},
			has: []string{viewHas}, sent: []string{backJSON + "}"},
		},
		{
			name: "the console at an envelope, wherever that is", operation: "GetAuthenticationToken", user: twoAccounts,
			set: onCredential("GetAuthenticationToken", "<GoToEnvelopeID>"+envelopeOne+"</GoToEnvelopeID>"),
			steps: []step{
				{want: "GET " + envelopePath, status: 400, answer: absentText},
				{want: "GET " + envelopePath, in: secondGUID, answer: "{}"}, inSecond,
			},
			has: []string{viewHas}, sent: []string{backJSON + `,"envelopeId":"` + envelopeOne + `"}`},
		},
		{
			name: "the console of an account", operation: "GetAuthenticationToken", user: twoAccounts,
			set:   onCredential("GetAuthenticationToken", "<AccountID>"+secondGUID+"</AccountID>"),
			steps: []step{inSecond}, has: []string{viewHas},
		},
		{
			name: "the console, without an address to come back to", operation: "GetAuthenticationToken",
			set:   func(c *Call) { without(c); c.Integration.SOAPREST.ConsoleReturnURL = "" },
			fault: "Unspecified_Error", has: []string{"GetAuthenticationToken: cannot be carried out", "Nothing was sent."},
		},
		{
			name: "of a sender", operation: "RequestSenderToken", steps: []step{viewStep("sender")}, has: []string{viewHas},
			set: onCredential("RequestSenderToken", idElement+"<AccountID>1234567</AccountID>"),
		},
		{
			name: "of an envelope on its way", operation: "RequestCorrectToken", steps: []step{viewStep("correct")},
			set: onCredential("RequestCorrectToken", idElement+"<SuppressNavigation>false</SuppressNavigation>"),
			has: []string{viewHas}, sent: []string{`{"suppressNavigation":"false"}`},
		},
	})
}

func TestTheSecretsOfAViewAreNotKept(t *testing.T) {
	u := &script{t: t, steps: []step{viewStep("sender")}}
	a, err := New(Options{}).Serve(t.Context(), newCall(u, "RequestSenderToken", idElement))
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if got := a.Header.Get("Cache-Control"); got != "no-store" {
		t.Errorf("Cache-Control is %q", got)
	}
}
