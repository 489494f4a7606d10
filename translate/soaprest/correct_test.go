package soaprest

import (
	"context"
	"strings"
	"testing"
)

const recipientsText = `{"recipientCount":"4","signers":[
	{"recipientId":"1","name":"Ben","email":"ben@example.com","routingOrder":"1","status":"sent","clientUserId":"c-1"},
	{"recipientId":"2","name":"Cora","email":"cora@example.com","routingOrder":"2","status":"created",
		"requireIdLookup":"true","accessCode":"4711"}],
	"carbonCopies":[
	{"recipientId":"4","name":"Twin","email":"twin@example.com","routingOrder":"3","status":"created"},
	{"recipientId":"5","name":"Twin","email":"twin@example.com","routingOrder":"3","status":"created"}],
	"inPersonSigners":[{"recipientId":"3","hostName":"Host","hostEmail":"host@example.com","signerName":"Dora",
		"routingOrder":"2","status":"created"}]}`

const (
	ben  = "<PreviousUserName>Ben</PreviousUserName><PreviousEmail>Ben@Example.com</PreviousEmail>" + first
	cora = "<PreviousUserName>Cora</PreviousUserName><PreviousEmail>cora@example.com</PreviousEmail>" + second
	host = "<PreviousUserName>Host</PreviousUserName><PreviousEmail>host@example.com</PreviousEmail>" + second
	twin = "<PreviousUserName>Twin</PreviousUserName><PreviousEmail>twin@example.com</PreviousEmail>" +
		"<PreviousRoutingOrder>3</PreviousRoutingOrder>"
	first  = "<PreviousRoutingOrder>1</PreviousRoutingOrder>"
	second = "<PreviousRoutingOrder>2</PreviousRoutingOrder>"
)

func correctionOf(more string, recipients ...string) string {
	body := idElement
	if len(recipients) > 0 {
		body += "<RecipientCorrections><RecipientCorrection>" +
			strings.Join(recipients, "</RecipientCorrection><RecipientCorrection>") +
			"</RecipientCorrection></RecipientCorrections>"
	}
	return "<Correction>" + body + more + "</Correction>"
}

const (
	recipientsPath = envelopePath + "/recipients"
	resendPut      = "PUT " + recipientsPath + "?resend_envelope=true"
	succeeded      = "<CorrectionSucceeded>true</CorrectionSucceeded>"
	failed         = "<CorrectionSucceeded>false</CorrectionSucceeded>"
)

func getRecipients() step { return step{want: "GET " + recipientsPath, answer: recipientsText} }

func TestWhatACorrectionSends(t *testing.T) { // SOAP-REST.md §4.9
	for name, tc := range map[string]struct{ asked, sent string }{
		"another address": {
			ben + "<CorrectedEmail>ben.b@example.com</CorrectedEmail>",
			`{"signers":[{"recipientId":"1","email":"ben.b@example.com"}]}`,
		},
		"the same address would send mail": {
			ben + "<CorrectedUserName>Benno</CorrectedUserName><CorrectedEmail>ben@example.com</CorrectedEmail>",
			`{"signers":[{"recipientId":"1","name":"Benno"}]}`,
		},
		"a host and a signer": {
			host + "<PreviousSignerName>Dora</PreviousSignerName><CorrectedUserName>Other</CorrectedUserName>" +
				"<CorrectedSignerName>Dorothea</CorrectedSignerName><CorrectedEmail>other@example.com</CorrectedEmail>",
			`{"inPersonSigners":[{"recipientId":"3","hostName":"Other","hostEmail":"other@example.com",
				"signerName":"Dorothea"}]}`,
		},
		"the order": {
			cora + "<CorrectedRoutingOrder>7</CorrectedRoutingOrder>", `{"signers":[{"recipientId":"2","routingOrder":"7"}]}`,
		},
		"a check that is no longer needed": {
			cora + "<CorrectedRequireIDLookup>0</CorrectedRequireIDLookup>",
			`{"signers":[{"recipientId":"2","requireIdLookup":"false"}]}`,
		},
		"another check": {
			ben + "<CorrectedRequireIDLookup>1</CorrectedRequireIDLookup>" +
				"<CorrectedIDCheckConfigurationName>SMS Auth $</CorrectedIDCheckConfigurationName>",
			`{"signers":[{"recipientId":"1","requireIdLookup":"true","idCheckConfigurationName":"SMS Auth $"}]}`,
		},
		"a new access code": {
			cora + "<CorrectedAccessCode>4712</CorrectedAccessCode>", `{"signers":[{"recipientId":"2","accessCode":"4712"}]}`,
		},
		"no access code any more": {
			cora + "<CorrectedAccessCode/><CorrectedAccessCodeRequired>false</CorrectedAccessCodeRequired>",
			`{"signers":[{"recipientId":"2","accessCode":""}]}`,
		},
		"another embedded signer": {
			ben + "<CorrectedCaptiveInfo><ClientUserId>c-2</ClientUserId></CorrectedCaptiveInfo>",
			`{"signers":[{"recipientId":"1","clientUserId":"c-2"}]}`,
		},
		"an embedded signer becomes a remote one": {
			ben + "<CorrectedCaptiveInfo/>", `{"signers":[{"recipientId":"1","clientUserId":""}]}`,
		},
		"e-mail as the way": {
			ben + "<CorrectedUserName>Benno</CorrectedUserName><CorrectedDeliveryMethod>Email</CorrectedDeliveryMethod>",
			`{"signers":[{"recipientId":"1","name":"Benno"}]}`,
		},
		"nothing, with the code left alone": {
			cora + "<CorrectedUserName>Cora</CorrectedUserName><CorrectedAccessCode>4711</CorrectedAccessCode>" +
				"<CorrectedAccessCodeRequired>true</CorrectedAccessCodeRequired><CorrectedRoutingOrder>2</CorrectedRoutingOrder>" +
				"<CorrectedRequireIDLookup>true</CorrectedRequireIDLookup>",
			"",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := scene{
				operation: "CorrectAndResendEnvelope", body: correctionOf("", tc.asked), steps: []step{getRecipients()},
				has: []string{succeeded}, sent: []string{},
			}
			if tc.sent != "" {
				s.steps = append(s.steps, step{want: "PUT " + recipientsPath, answer: "{}"})
				s.sent = []string{tc.sent}
			}
			s.play(t, New(Options{}))
		})
	}
}

func TestWhatBecomesOfCorrections(t *testing.T) { // SOAP-REST.md §4.9, §11.9
	const resend, rename = "<Resend>true</Resend>", "<CorrectedUserName>New</CorrectedUserName>"
	done := func(want string) step { return step{want: want, answer: "{}"} }
	result := func(want, id, code string) step {
		return step{want: want, answer: `{"recipientUpdateResults":[{"recipientId":"` + id + `",` +
			`"errorDetails":{"errorCode":"` + code + `"}}]}`}
	}
	correct := func(name, fault, body string, has []string, steps ...step) scene {
		return scene{
			name: name, operation: "CorrectAndResendEnvelope", body: body, fault: fault, has: has, steps: steps,
		}
	}
	run(t, []scene{
		correct("sent again without a change", "", correctionOf("", ben+resend), []string{succeeded},
			getRecipients(), done(resendPut)),
		correct("one is sent again, the other is not", "", correctionOf("", ben+rename+resend, cora+rename),
			[]string{succeeded, "<UserName>New</UserName>"},
			getRecipients(), done("PUT "+recipientsPath), done(resendPut)),
		correct("nobody of that name", "", correctionOf("", strings.Replace(ben, "Ben<", "Bert<", 1)+rename+resend),
			[]string{failed}, getRecipients()),
		correct("another order", "", correctionOf("", strings.Replace(ben, first, second, 1)+rename),
			[]string{failed}, getRecipients()),
		correct("another signer at that host", "",
			correctionOf("", host+"<PreviousSignerName>Emma</PreviousSignerName>"+rename), []string{failed}, getRecipients()),
		correct("two of that name", "", correctionOf("", twin+rename), []string{failed}, getRecipients()),
		correct("the same one twice", "", correctionOf("", ben+rename, ben+resend),
			[]string{succeeded, failed}, getRecipients(), done("PUT "+recipientsPath)),
		correct("one of two is refused in a good answer", "", correctionOf("", ben+rename, cora+rename),
			[]string{succeeded, failed, "<UserName>Cora</UserName>"},
			getRecipients(), result("PUT "+recipientsPath, "2", "RECIPIENT_UPDATE_FAILED")),
		correct("success in words", "", correctionOf("", ben+rename), []string{succeeded, "<UserName>New</UserName>"},
			getRecipients(), result("PUT "+recipientsPath, "1", "SUCCESS")),
		correct("the second step is refused", "", correctionOf("", ben+rename, cora+resend),
			[]string{succeeded, failed},
			getRecipients(), done("PUT "+recipientsPath), step{want: resendPut, status: 400, answer: refusedText}),
		correct("the first step is refused", "Some_Refusal", correctionOf("", ben+rename, cora+resend), nil,
			getRecipients(), step{want: "PUT " + recipientsPath, status: 400, answer: refusedText}),
		correct("it is too late", "Envelope_Cannot_Correct_Invalid_State", correctionOf("", ben+rename), nil,
			getRecipients(),
			step{want: "PUT " + recipientsPath, status: 400, answer: `{"errorCode":"ENVELOPE_INVALID_STATUS"}`}),
		correct("no answer", "Unspecified_Error", correctionOf("", ben+rename),
			[]string{"The state of the envelope is unknown"}, getRecipients(), lost("PUT "+recipientsPath)),
		correct("an error of DocuSign's", "Unspecified_Error", correctionOf("", ben+rename),
			[]string{"The state of the envelope is unknown"}, getRecipients(), step{want: "PUT " + recipientsPath, status: 502}),
		correct("no answer to the second step", "Unspecified_Error", correctionOf("", ben+rename, cora+resend), nil,
			getRecipients(), done("PUT "+recipientsPath), lost(resendPut)),
		correct("an answer that is none", "Unspecified_Error", correctionOf("", ben+rename), nil,
			getRecipients(), step{want: "PUT " + recipientsPath, answer: "<html>"}),
		correct("a draft", "Envelope_Cannot_Correct_Invalid_State", correctionOf("", ben+rename), nil,
			step{want: "GET " + recipientsPath, answer: strings.ReplaceAll(recipientsText, `"sent"`, `"created"`)}),
		correct("an answer that could not be made", "Unspecified_Error", correctionOf("", ben+rename), nil,
			step{want: "GET " + recipientsPath, answer: strings.ReplaceAll(recipientsText, `"sent"`, `"frozen"`)}),
		correct("no such envelope", absentEnvelope, correctionOf("", ben+rename), nil,
			step{want: "GET " + recipientsPath, status: 404}),
	})
}

func TestRemindersAndExpirations(t *testing.T) {
	const reminders = "<Reminders><ReminderEnabled>1</ReminderEnabled><ReminderDelay>2</ReminderDelay></Reminders>"
	const expirations = "<Expirations><ExpireEnabled>false</ExpireEnabled><ExpireAfter>30</ExpireAfter></Expirations>"
	const path = "PUT " + envelopePath + "/notification"
	run(t, []scene{
		{
			name: "before the recipients", operation: "CorrectAndResendEnvelope",
			body:  correctionOf(reminders+expirations, ben+"<Resend>true</Resend>"),
			steps: []step{getRecipients(), {want: path, answer: "{}"}, {want: resendPut, answer: "{}"}},
			has:   []string{succeeded, reminders, expirations},
			sent: []string{
				`{"reminders":{"reminderEnabled":"true","reminderDelay":"2"},
					"expirations":{"expireEnabled":"false","expireAfter":"30"}}`,
				`{"signers":[{"recipientId":"1"}]}`,
			},
		},
		{
			name: "refused, and the recipients are left alone", operation: "CorrectAndResendEnvelope",
			body:  correctionOf(reminders, ben+"<Resend>true</Resend>"),
			steps: []step{getRecipients(), {want: path, status: 400, answer: refusedText}}, fault: "Some_Refusal",
		},
		{
			name: "refused in a good answer", operation: "CorrectAndResendEnvelope",
			body:  correctionOf(reminders, ben+"<Resend>true</Resend>"),
			steps: []step{getRecipients(), {want: path, answer: `{"errorDetails":` + refusedText + `}`}}, fault: "Some_Refusal",
		},
	})
}

func TestCorrectionsThatRESTHasNoPlaceFor(t *testing.T) { // SOAP-REST.md §5.1
	for element, body := range map[string]string{
		"EnvelopeSettingsCorrection": correctionOf(
			"<EnvelopeSettingsCorrection><AutoNavigation>true</AutoNavigation></EnvelopeSettingsCorrection>"),
		"CorrectedAutoNavigation": correctionOf("", ben+"<CorrectedAutoNavigation>true</CorrectedAutoNavigation>"),
		"CorrectedIDCheckInformationInput": correctionOf("", ben+"<CorrectedIDCheckInformationInput>"+
			"<SSN4InformationInput/></CorrectedIDCheckInformationInput>"),
		"PreviousRoutingOrder": correctionOf(
			"", "<PreviousUserName>Ben</PreviousUserName><PreviousEmail>ben@example.com</PreviousEmail>"),
		"CorrectedFaxNumber":      correctionOf("", ben+"<CorrectedFaxNumber>1</CorrectedFaxNumber>"),
		"CorrectedDeliveryMethod": correctionOf("", ben+"<CorrectedDeliveryMethod>Fax</CorrectedDeliveryMethod>"),
	} {
		got := serve(context.Background(), New(Options{}), &script{t: t}, "CorrectAndResendEnvelope", body)
		if !got.has(element, "Nothing was sent.") || got.status != 500 {
			t.Errorf("%s: %s", element, got.text)
		}
	}
	if got := serve(t.Context(), New(Options{}), &script{t: t}, "CorrectAndResendEnvelope", ""); !got.has(
		"Validation error: Correction is missing") {
		t.Error(got.text)
	}
}
