package soaprest

import (
	"strings"
	"testing"

	"docusign-auth-proxy/internal/call"
)

// lost is a call whose answer did not come.
func lost(want string) step {
	return step{want: want, err: &call.Error{Kind: call.KindTimeout, Detail: "no answer in 30 s"}}
}

func stateStep(text string) step { return step{want: "GET " + envelopePath, answer: text} }

func putStep(status int, answer string) step {
	return step{want: "PUT " + envelopePath, status: status, answer: answer}
}

func TestVoidAndPurge(t *testing.T) { // SOAP-REST.md §4.5, §6.3
	const voided, queued = `{"status":"voided"}`, `{"purgeState":"documents_queued"}`
	void := func(name, fault string, steps ...step) scene {
		return scene{
			name: "void: " + name, operation: "VoidEnvelope", body: idElement + "<Reason>Wrong price</Reason>",
			steps: steps, fault: fault,
		}
	}
	purge := func(name, fault string, steps ...step) scene {
		return scene{name: "purge: " + name, operation: "PurgeDocuments", body: idElement, steps: steps, fault: fault}
	}
	const unknownState = "Unspecified_Error"
	all := []scene{
		void("done", "", putStep(200, "{}")),
		void("its state says no", "Envelope_Cannot_Void_Invalid_State",
			putStep(400, `{"errorCode":"ENVELOPE_CANNOT_VOID_INVALID_STATE","message":"No."}`)),
		void("refused in a good answer", "Envelope_Cannot_Void_Invalid_State", // §5.3
			putStep(200, `{"errorDetails":{"errorCode":"ENVELOPE_CANNOT_VOID_INVALID_STATE","message":"No."}}`)),
		void("success in words", "", putStep(200, `{"errorDetails":{"errorCode":"SUCCESS"}}`)),
		void("done, and an answer that breaks off", "", putStep(200, `{"errorDetails":{"errorCode":"EN`)),
		void("no answer, and it is voided", "", lost("PUT "+envelopePath), stateStep(voided)),
		void("an error of DocuSign's, and it is voided", "", putStep(502, "<html>"), stateStep(voided)),
		void("an error of DocuSign's, and it is not voided", "Unspecified_Error", putStep(500, ""),
			stateStep(`{"status":"sent"}`)),
		void("no answer, and nobody knows", unknownState, lost("PUT "+envelopePath), lost("GET "+envelopePath)),
		void("no answer from something between", "Unspecified_Error", putStep(408, ""), stateStep(`{"status":"sent"}`)),
		purge("done", "", putStep(200, "{}")),
		purge("refused", "Some_Refusal", putStep(400, refusedText)),
		purge("no answer, and it is queued", "", lost("PUT "+envelopePath), stateStep(queued)),
		purge("no answer, and it is not", unknownState, putStep(504, ""), stateStep(`{"status":"completed"}`)),
		{
			name: "void: in an account that is a guess it is looked for first", operation: "VoidEnvelope",
			body: idElement + "<Reason>r</Reason>", user: twoAccounts,
			steps: []step{
				{want: "GET " + envelopePath, status: 400, answer: absentText},
				{want: "GET " + envelopePath, in: secondGUID, answer: `{}`},
				{want: "PUT " + envelopePath, in: secondGUID, answer: `{}`},
			},
		},
	}
	for i := range all {
		if all[i].fault == "" {
			all[i].has = []string{"Success>true</"}
		}
	}
	run(t, all)
	for _, reason := range []string{"", "<Reason/>", "<Reason> </Reason>"} {
		got := serve(t.Context(), New(Options{}), &script{t: t}, "VoidEnvelope", idElement+reason)
		if !got.has("Validation error: Reason is missing") {
			t.Errorf("%q: %s", reason, got.text)
		}
	}
}

func TestALostAnswerIsNoAnswer(t *testing.T) {
	for name, tc := range map[string]struct {
		put  step
		more []step
		want call.Kind
	}{
		"it was not done": {
			lost("PUT " + envelopePath), []step{stateStep(`{"status":"sent"}`)}, call.KindTimeout,
		},
		"nothing was sent": {
			step{want: "PUT " + envelopePath, err: &call.Error{Kind: call.KindUnreachable}, unsent: true}, nil,
			call.KindUnreachable,
		},
		"the token was refused": {
			step{want: "PUT " + envelopePath, err: &call.Error{Kind: call.KindTokenRefused}}, nil, call.KindTokenRefused,
		},
	} {
		t.Run(name, func(t *testing.T) {
			u := &script{t: t, steps: append([]step{tc.put}, tc.more...)}
			got := serve(t.Context(), New(Options{}), u, "VoidEnvelope", idElement+"<Reason>r</Reason>")
			if call.KindOf(got.err) != tc.want {
				t.Errorf("got %v", got.err)
			}
			u.done()
		})
	}
}

const draftText = `{"envelopeId":"` + envelopeOne + `","status":"created","emailSubject":"Draft",
	"createdDateTime":"2026-11-20T18:20:01.5Z","sender":{"userName":"Anna Example","email":"anna@example.com"},
	"recipients":{"signers":[
		{"recipientId":"1","name":"Ben","email":"ben@example.com","routingOrder":"2","status":"created"},
		{"recipientId":"2","name":"Cora","email":"cora@example.com","routingOrder":"10","status":"created"}]}}`

func TestADraftIsSent(t *testing.T) { // SOAP-REST.md §4.5
	const id = "<EnvelopeId>" + envelopeOne + "</EnvelopeId>"
	get := step{want: "GET " + envelopePath + "?include=recipients%2Ccustom_fields%2Cdocuments", answer: draftText}
	put := putStep(200, "{}")
	put.header = map[string]string{"Date": "Fri, 20 Nov 2026 18:30:00 GMT"}
	with := func(change func(*step)) step {
		s := get
		change(&s)
		return s
	}
	has := []string{"<Status>Sent</Status>", "<Sent>2026-11-20T18:30:00Z</Sent>", "<Subject>Draft</Subject>"}
	run(t, []scene{
		{
			name: "when DocuSign says", operation: "SendEnvelope", body: id, steps: []step{get, put}, has: has,
			sent: []string{`{"status":"sent"}`},
		},
		{
			name: "those who come later do not have it yet", operation: "SendEnvelope", body: id, steps: []step{get, put},
			has: []string{"<UserName>Cora</UserName><RoutingOrder>10</RoutingOrder><DeclineReason xsi:nil=\"true\" />" +
				"<Status>Created</Status>"},
		},
		{
			name: "in the account that the program names", operation: "SendEnvelope", user: twoAccounts,
			body: id + "<AccountId>" + secondGUID + "</AccountId>",
			steps: []step{
				with(func(s *step) { s.in = secondGUID }), {want: put.want, in: secondGUID, answer: "{}", header: put.header},
			},
			has: has,
		},
		{
			name: "not there, in the account that the program names", operation: "SendEnvelope", user: twoAccounts,
			body:  id + "<AccountId>" + secondGUID + "</AccountId>",
			steps: []step{with(func(s *step) { s.in, s.status, s.answer = secondGUID, 400, absentText })}, fault: absentEnvelope,
		},
		{
			name: "it was sent before", operation: "SendEnvelope", body: id, fault: "Envelope_Invalid_Status",
			steps: []step{with(func(s *step) { s.answer = statusText })},
		},
		{
			name: "its answer cannot be made", operation: "SendEnvelope", body: id, fault: "Unspecified_Error",
			steps: []step{with(func(s *step) {
				s.answer = strings.Replace(draftText, `"10","status":"created"`, `"10","status":"frozen"`, 1)
			})},
		},
		{
			name: "refused", operation: "SendEnvelope", body: id, steps: []step{get, putStep(400, refusedText)},
			fault: "Some_Refusal",
		},
		{
			name: "refused in a good answer", operation: "SendEnvelope", body: id, fault: "Anchor_Tab_String_Not_Found",
			steps: []step{get, putStep(200, `{"errorDetails":{"errorCode":"ANCHOR_TAB_STRING_NOT_FOUND"}}`)},
		},
		{
			name: "no answer, and it is on its way", operation: "SendEnvelope", body: id,
			steps: []step{get, lost(put.want), stateStep(`{"status":"sent"}`)}, has: []string{"<Status>Sent</Status>"},
		},
		{
			name: "an error, and it is a draft", operation: "SendEnvelope", body: id,
			steps: []step{get, putStep(503, ""), stateStep(`{"status":"created"}`)}, fault: "Unspecified_Error",
		},
		{
			name: "no answer, and nobody knows", operation: "SendEnvelope", body: id,
			steps: []step{get, lost(put.want), lost("GET " + envelopePath)}, fault: "Unspecified_Error",
			has: []string{"The state of the envelope is unknown"},
		},
	})
}
