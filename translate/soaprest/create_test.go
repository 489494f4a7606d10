package soaprest

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/store"
	"docusign-auth-proxy/translate/soap"
	"docusign-auth-proxy/translate/soaprest/journal"
)

const (
	creationPOST = "POST /envelopes"
	lookUpAny    = "GET /envelopes?transaction_ids=*"
	lookUpOne    = "GET /envelopes?transaction_ids=tx-1"
	wasMade      = `{"envelopeId":"` + envelopeOne + `","uri":"/envelopes/` + envelopeOne +
		`","statusDateTime":"2026-11-20T18:05:09.3830000Z","status":"sent"}`
	isThere = `{"resultSetSize":"0","envelopeTransactionStatuses":[{"envelopeId":"` + envelopeOne +
		`","status":"sent","transactionId":"tx-1"}]}`
	isNowhere = `{"resultSetSize":"0"}`
	refusal   = `{"errorCode":"INVALID_EMAIL_ADDRESS_FOR_RECIPIENT","message":"The email address is not valid."}`
)

// envelopeOf is the Envelope of a message; more stands before its Documents.
func envelopeOf(more string) string {
	return `<Envelope>` + more + `<AccountId>1234567</AccountId><Documents><Document><ID>1</ID><Name>Contract</Name>` +
		`<PDFBytes>JVBERi0xLjQK</PDFBytes><FileExtension>pdf</FileExtension></Document></Documents><Recipients>` +
		`<Recipient><ID>1</ID><UserName>Ben Beispiel</UserName><Email>ben@example.com</Email><Type>Signer</Type>` +
		`<RoutingOrder>1</RoutingOrder></Recipient></Recipients><Tabs><Tab><DocumentID>1</DocumentID>` +
		`<RecipientID>1</RecipientID><PageNumber>1</PageNumber><XPosition>100</XPosition><YPosition>100</YPosition>` +
		`<Type>SignHere</Type></Tab></Tabs><Subject>Please sign</Subject></Envelope>`
}

const transactionOne = `<TransactionID>tx-1</TransactionID>`

// entries are those of the journal as "id state envelope", the latest first.
func entries(c *store.Creations) string {
	var all []string
	for _, e := range c.Find(func(journal.Entry) bool { return true }) {
		all = append(all, strings.TrimSpace(e.TransactionID+" "+string(e.State)+" "+e.EnvelopeID))
	}
	return strings.Join(all, ", ")
}

func TestACreationIsOnePOST(t *testing.T) {
	const unreachable = "the connection broke"
	for _, tc := range []struct {
		name    string
		more    string
		steps   []step
		status  int // 0 = an error that is no fault
		answer  string
		state   string // of the journal
		notes   string
		seconds float64
	}{
		{
			"DocuSign makes it", transactionOne, []step{{want: creationPOST, status: 201, answer: wasMade}},
			200, "<EnvelopeID>" + envelopeOne + "</EnvelopeID>", "tx-1 done " + envelopeOne, "done", 0,
		},
		{
			"DocuSign makes it later", transactionOne + `<Asynchronous>true</Asynchronous>`,
			[]step{{want: creationPOST, status: 201, answer: `{"status":"processing"}`}},
			200, "<Status>Processing</Status>", "tx-1 done", "done", 0,
		},
		{
			"DocuSign refuses it", transactionOne, []step{{want: creationPOST, status: 400, answer: refusal}},
			500, "Invalid_Email_Address_For_Recipient", "tx-1 refused", "refused", 0,
		},
		{
			"too many calls", transactionOne, []step{{want: creationPOST, status: 429,
				answer: `{"errorCode":"HOURLY_APIINVOCATION_LIMIT_EXCEEDED","message":"-"}`}},
			500, "Hourly_API_Invocation_Limit_Exceeded", "tx-1 refused", "refused", 0,
		},
		{
			"nothing was sent", transactionOne,
			[]step{{want: creationPOST, err: &call.Error{Kind: call.KindUnreachable, Detail: unreachable}, unsent: true}},
			0, unreachable, "tx-1 not_created", "not_created", 0,
		},
		{
			"DocuSign refused the token, and there is no other", transactionOne,
			[]step{{want: creationPOST, err: &call.Error{Kind: call.KindTokenRefused, Detail: "no consent"}}},
			0, "no consent", "tx-1 not_created", "not_created", 0,
		},
		{
			"a 500, and the first look-up finds it", transactionOne,
			[]step{{want: creationPOST, status: 500}, {want: lookUpOne, answer: isThere}},
			200, "<EnvelopeID>" + envelopeOne + "</EnvelopeID>", "tx-1 done " + envelopeOne, "done", 5,
		},
		{
			"the connection breaks, and the second look-up finds it", transactionOne,
			[]step{
				{want: creationPOST, err: errors.New(unreachable)},
				{want: lookUpOne, answer: isNowhere}, {want: lookUpOne, answer: isThere},
			},
			200, "<EnvelopeID>" + envelopeOne + "</EnvelopeID>", "tx-1 done " + envelopeOne, "done", 15,
		},
		{
			"a time-out, and the last look-up finds it after two that fail", transactionOne,
			[]step{
				{want: creationPOST, err: &call.Error{Kind: call.KindTimeout}},
				{want: lookUpOne, status: 503}, {want: lookUpOne, err: errors.New(unreachable)},
				{want: lookUpOne, answer: isThere},
			},
			200, "<EnvelopeID>" + envelopeOne + "</EnvelopeID>", "tx-1 done " + envelopeOne, "done", 45,
		},
		{
			"a 502, and no look-up finds it", transactionOne,
			[]step{
				{want: creationPOST, status: 502, answer: "<html>"}, {want: lookUpOne, answer: isNowhere},
				{want: lookUpOne, answer: isNowhere}, {want: lookUpOne, answer: isNowhere},
			},
			500, "<faultcode>soap:Server</faultcode>", "tx-1 unknown", "unknown", 45,
		},
		{
			"a success that breaks off", transactionOne,
			[]step{{want: creationPOST, status: 201, answer: `{"envelopeId":"e0`}, {want: lookUpOne, answer: isThere}},
			200, "<EnvelopeID>" + envelopeOne + "</EnvelopeID>", "tx-1 done " + envelopeOne, "done", 5,
		},
		{
			"a page of something between", transactionOne,
			[]step{{want: creationPOST, answer: `<html>sign in</html>`}, {want: lookUpOne, answer: isThere}},
			200, "<EnvelopeID>" + envelopeOne + "</EnvelopeID>", "tx-1 done " + envelopeOne, "done", 5,
		},
		{
			"a success that names no envelope", transactionOne,
			[]step{{want: creationPOST, status: 201, answer: `{"status":"sent"}`}, {want: lookUpOne, answer: isThere}},
			200, "<EnvelopeID>" + envelopeOne + "</EnvelopeID>", "tx-1 done " + envelopeOne, "done", 5,
		},
		{
			"a success that breaks off, of which no look-up knows", transactionOne,
			[]step{
				{want: creationPOST, status: 201, answer: `{"envelopeId":"e0`}, {want: lookUpOne, status: 500},
				{want: lookUpOne, status: 500}, {want: lookUpOne, answer: isNowhere},
			},
			200, "<Status>Processing</Status>", "tx-1 done", "done", 45,
		},
		{
			"a success at a time that nobody can read", transactionOne,
			[]step{{want: creationPOST, status: 201, answer: strings.Replace(wasMade, "2026-11-20T18:05:09.3830000Z", "", 1)}},
			200, "<EnvelopeID>" + envelopeOne + "</EnvelopeID>", "tx-1 done " + envelopeOne, "done", 0,
		},
		{
			"something between lost the call", transactionOne,
			[]step{{want: creationPOST, status: 408}, {want: lookUpOne, answer: isThere}},
			200, "<EnvelopeID>" + envelopeOne + "</EnvelopeID>", "tx-1 done " + envelopeOne, "done", 5,
		},
		{
			"an envelope that has an error of its own", transactionOne,
			[]step{{want: creationPOST, status: 201, answer: strings.Replace(wasMade, "{",
				`{"errorDetails":{"errorCode":"X","message":"-"},`, 1)}},
			200, "<EnvelopeID>" + envelopeOne + "</EnvelopeID>", "tx-1 done " + envelopeOne, "done", 0,
		},
		{
			"an error in a good answer, and no envelope", transactionOne,
			[]step{
				{want: creationPOST, status: 201, answer: `{"errorDetails":` + refusal + `}`},
				{want: lookUpOne, answer: isNowhere}, {want: lookUpOne, answer: isNowhere}, {want: lookUpOne, answer: isNowhere},
			},
			500, "Invalid_Email_Address_For_Recipient", "tx-1 refused", "refused", 45,
		},
		{
			"an error in a good answer, of what is made later", transactionOne + `<Asynchronous>true</Asynchronous>`,
			[]step{
				{want: creationPOST, status: 201, answer: `{"status":"processing","errorDetails":` + refusal + `}`},
				{want: lookUpOne, answer: isNowhere}, {want: lookUpOne, answer: isNowhere}, {want: lookUpOne, answer: isNowhere},
			},
			500, "Invalid_Email_Address_For_Recipient", "tx-1 refused", "refused", 45,
		},
		{
			"an error in a good answer, and an envelope all the same", transactionOne,
			[]step{
				{want: creationPOST, status: 201, answer: `{"errorDetails":` + refusal + `}`}, {want: lookUpOne, answer: isThere},
			},
			200, "<EnvelopeID>" + envelopeOne + "</EnvelopeID>", "tx-1 done " + envelopeOne, "done", 5,
		},
		{
			"an error in a good answer, and nobody knows", transactionOne,
			[]step{
				{want: creationPOST, status: 201, answer: `{"errorDetails":` + refusal + `}`},
				{want: lookUpOne, status: 500}, {want: lookUpOne, status: 500}, {want: lookUpOne, status: 500},
			},
			500, "transaction id tx-1", "tx-1 unknown", "unknown", 45,
		},
		{
			"what is found is of another creation", transactionOne,
			[]step{
				{want: creationPOST, status: 500},
				{want: lookUpOne, answer: strings.Replace(isThere, "tx-1", "tx-2", 1)},
				{want: lookUpOne, answer: `{"envelopeTransactionStatuses":[{"status":"failed","transactionId":"tx-1",` +
					`"errorDetails":{"errorCode":"X"}}]}`},
				{want: lookUpOne, answer: isNowhere},
			},
			500, "transaction id tx-1", "tx-1 unknown", "unknown", 45,
		},
		{
			"an id that cannot be looked up", `<TransactionID>a,b</TransactionID>`,
			[]step{{want: creationPOST, status: 500}}, 500, "transaction id a,b", "a,b unknown", "unknown", 45,
		},
		{
			"an element that is refused", transactionOne + `<VaultingOptions><VaultingMode>EODeStore</VaultingMode>` +
				`</VaultingOptions>`, nil, 500, "Nothing was sent.", "", "", 0,
		},
		{
			"an id that is too long for the journal",
			`<TransactionID>` + strings.Repeat("x", journal.MaxText+1) + `</TransactionID>`,
			nil, 500, "TransactionID", "", "", 0,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				u := &script{t: t, steps: tc.steps}
				e, creations := newEngine()
				began := time.Now()
				got := serve(t.Context(), e, u, "CreateAndSendEnvelope", envelopeOf(tc.more))
				u.done()
				if got.err != nil {
					got.text = got.err.Error()
				}
				if got.status != tc.status || !got.has(tc.answer) {
					t.Errorf("got %d: %s", got.status, got.text)
				}
				if is := entries(creations); is != tc.state || got.notes.Journal != tc.notes {
					t.Errorf("the journal says %q, the notes %q", is, got.notes.Journal)
				}
				if took := time.Since(began).Seconds(); took != tc.seconds {
					t.Errorf("it took %v s", took)
				}
			})
		})
	}
}

func TestACreationWithoutATransactionIDGetsOne(t *testing.T) {
	u := &script{t: t, steps: []step{{want: creationPOST, status: 201, answer: wasMade}}}
	e, creations := newEngine()
	if got := serve(t.Context(), e, u, "CreateEnvelope", envelopeOf("")); got.status != 200 {
		t.Fatal(got)
	}
	found := creations.Find(func(journal.Entry) bool { return true })
	if len(found) != 1 || !found[0].Own || found[0].Owner.Voucher != "" ||
		!strings.Contains(u.bodies[0], `"transactionId":"`+found[0].TransactionID+`"`) {
		t.Errorf("the journal has %+v, DocuSign got %.300s", found, u.bodies[0])
	}
}

func TestTheIntentIsInTheJournalBeforeThePOST(t *testing.T) {
	e, creations := newEngine()
	var during string
	u := &script{t: t, steps: []step{{want: creationPOST, status: 201, answer: wasMade,
		before: func() { during = entries(creations) }}}}
	serve(t.Context(), e, u, "CreateEnvelope", envelopeOf(transactionOne))
	if during != "tx-1 intended" {
		t.Errorf("during the POST the journal says %q", during)
	}
}

// full is a journal that takes no entry.
type full struct{ *store.Creations }

func (full) Put(journal.Entry) error { return store.ErrFull }

func TestWithoutAJournalNothingIsSent(t *testing.T) {
	e := New(Options{Journal: full{store.Memory().Creations()}})
	got := serve(t.Context(), e, &script{t: t}, "CreateEnvelope", envelopeOf(transactionOne))
	if got.status != 500 || !got.has("soap:Server", "Nothing was sent.") {
		t.Errorf("got %+v", got)
	}
}

func TestAMessageThatComesAgain(t *testing.T) { // SOAP-REST.md §6.2, §11.7
	const found = "<EnvelopeID>" + envelopeOne + "</EnvelopeID>"
	fails := []step{
		{want: creationPOST, status: 500}, {want: lookUpOne, answer: isNowhere}, {want: lookUpOne, answer: isNowhere},
		{want: lookUpOne, answer: isNowhere},
	}
	made := step{want: creationPOST, status: 201, answer: wasMade}
	for _, tc := range []struct {
		name   string
		more   string
		before []step
		pause  time.Duration
		other  string // in place of more, the second time
		steps  []step
		status int
		answer string
		state  string
		notes  string
	}{
		{
			"with a transaction id of the program's, after a success", transactionOne, []step{made}, 6 * 24 * time.Hour, "",
			nil, 200, found, "tx-1 done " + envelopeOne, "repeated",
		},
		{
			"after more than a week", transactionOne, []step{made}, journal.Kept + time.Second, "",
			[]step{made}, 200, found, "tx-1 done " + envelopeOne, "done",
		},
		{
			"another message with the same transaction id", transactionOne, []step{made}, time.Minute,
			transactionOne + "<EmailBlurb>x</EmailBlurb>", []step{made}, 200, found,
			"tx-1 done " + envelopeOne + ", tx-1 done " + envelopeOne, "done",
		},
		{
			"after a refusal", transactionOne, []step{{want: creationPOST, status: 400, answer: refusal}}, time.Minute, "",
			[]step{made}, 200, found, "tx-1 done " + envelopeOne, "done",
		},
		{
			"after an unknown state, and now DocuSign knows it", transactionOne, fails, 9 * time.Minute, "",
			[]step{{want: lookUpOne, answer: isThere}}, 200, found, "tx-1 done " + envelopeOne, "repeated",
		},
		{
			"after an unknown state, and DocuSign does not know it", transactionOne, fails, 9 * time.Minute, "",
			[]step{{want: lookUpOne, answer: isNowhere}, made}, 200, found, "tx-1 done " + envelopeOne, "done",
		},
		{
			"after an unknown state, and DocuSign does not say", transactionOne, fails, 9 * time.Minute, "",
			[]step{{want: lookUpOne, status: 500}}, 500, "transaction id tx-1", "tx-1 unknown", "unknown",
		},
		{
			"long after an unknown state, with a transaction id of the program's", transactionOne, fails, 24 * time.Hour, "",
			[]step{{want: lookUpOne, answer: isThere}}, 200, found, "tx-1 done " + envelopeOne, "repeated",
		},
		{
			"long after an unknown state", "", []step{
				{want: creationPOST, status: 500}, {want: lookUpAny, answer: isNowhere}, {want: lookUpAny, answer: isNowhere},
				{want: lookUpAny, answer: isNowhere},
			}, 10 * time.Minute, "", []step{made}, 200, found, "done " + envelopeOne + ", unknown", "done",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				u := &script{t: t, steps: tc.before}
				e, creations := newEngine()
				serve(t.Context(), e, u, "CreateAndSendEnvelope", envelopeOf(tc.more))
				u.done()
				time.Sleep(tc.pause)
				u.steps = tc.steps
				if tc.other == "" {
					tc.other = tc.more
				}
				got := serve(t.Context(), e, u, "CreateAndSendEnvelope", envelopeOf(tc.other))
				u.done()
				if got.status != tc.status || !got.has(tc.answer) || got.notes.Journal != tc.notes {
					t.Errorf("got %d, %q: %s", got.status, got.notes.Journal, got.text)
				}
				is := entries(creations)
				for _, e := range creations.Find(func(e journal.Entry) bool { return e.Own }) {
					is = strings.ReplaceAll(is, e.TransactionID+" ", "")
				}
				if is != tc.state {
					t.Errorf("the journal says %q", is)
				}
			})
		})
	}
}

func TestTheSameContractMayBeSentTwiceOnPurpose(t *testing.T) {
	const second = "e0000000-1111-4222-8333-000000000002"
	u := &script{t: t, steps: []step{
		{want: creationPOST, status: 201, answer: wasMade},
		{want: creationPOST, status: 201, answer: strings.ReplaceAll(wasMade, envelopeOne, second)},
	}}
	e, _ := newEngine()
	serve(t.Context(), e, u, "CreateAndSendEnvelope", envelopeOf(""))
	if got := serve(t.Context(), e, u, "CreateAndSendEnvelope", envelopeOf("")); !got.has(second) {
		t.Errorf("got %+v", got)
	}
	u.done()
}

// A program that was not told comes again: its message is the same one.
func TestAProgramThatHungUpGetsTheFirstOutcome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, hangUp := context.WithCancel(t.Context())
		u := &script{t: t, steps: []step{{want: creationPOST, status: 201, answer: wasMade, before: hangUp}}}
		e, creations := newEngine()
		serve(ctx, e, u, "CreateAndSendEnvelope", envelopeOf(""))
		if got := entries(creations); !strings.HasSuffix(got, " done "+envelopeOne) {
			t.Errorf("the journal says %q", got)
		}
		time.Sleep(9 * time.Minute)
		got := serve(t.Context(), e, u, "CreateAndSendEnvelope", envelopeOf(""))
		if !got.has(envelopeOne) || got.notes.Journal != "repeated" {
			t.Errorf("got %+v", got)
		}
		u.steps = []step{{want: creationPOST, status: 201, answer: wasMade}} // told once, the next is meant
		serve(t.Context(), e, u, "CreateAndSendEnvelope", envelopeOf(""))
		u.done()
	})
}

func TestAProgramThatHangsUpBeforeThePOSTSendsNothing(t *testing.T) {
	ctx, hangUp := context.WithCancel(t.Context())
	hangUp()
	e, creations := newEngine()
	got := serve(ctx, e, &script{t: t}, "CreateEnvelope", envelopeOf(""))
	if !errors.Is(got.err, context.Canceled) || entries(creations) != "" {
		t.Errorf("got %+v, and the journal says %q", got, entries(creations))
	}
}

func TestThoseWhoComeMeanwhileWait(t *testing.T) {
	for _, tc := range []struct {
		name   string
		steps  []step
		status int
		answer string
	}{
		{"for the envelope", []step{{want: creationPOST, status: 201, answer: wasMade}}, 200, envelopeOne},
		{"for the refusal", []step{{want: creationPOST, status: 400, answer: refusal}}, 500, "Invalid_Email"},
		{
			"through the look-ups", []step{
				{want: creationPOST, status: 500}, {want: lookUpOne, answer: isNowhere}, {want: lookUpOne, answer: isThere},
			}, 200, envelopeOne,
		},
		{
			"until nobody knows", []step{
				{want: creationPOST, status: 500}, {want: lookUpOne, answer: isNowhere}, {want: lookUpOne, answer: isNowhere},
				{want: lookUpOne, answer: isNowhere},
			}, 500, "transaction id tx-1",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				first := make(chan struct{})
				tc.steps[0].before = func() { <-first }
				u := &script{t: t, steps: tc.steps}
				e, creations := newEngine()
				var all sync.WaitGroup
				answers := make(chan served, 5)
				for range 5 {
					all.Go(func() {
						answers <- serve(t.Context(), e, u, "CreateAndSendEnvelope", envelopeOf(transactionOne))
					})
				}
				impatient, leave := context.WithCancel(t.Context())
				all.Go(func() {
					synctest.Wait()
					if got := serve(impatient, e, u, "CreateAndSendEnvelope", envelopeOf(transactionOne)); !errors.Is(
						got.err, context.Canceled) {
						t.Errorf("who leaves gets %+v", got)
					}
				})
				time.Sleep(time.Minute)
				leave()
				synctest.Wait()
				close(first)
				all.Wait()
				close(answers)
				waited := 0
				for got := range answers {
					if got.status != tc.status || !got.has(tc.answer) {
						t.Errorf("got %d: %s", got.status, got.text)
					}
					if got.notes.Journal == "repeated" {
						waited++
					}
				}
				if waited != 4 || len(strings.Split(entries(creations), ", ")) != 1 {
					t.Errorf("%d waited, the journal says %q", waited, entries(creations))
				}
				u.done()
			})
		})
	}
}

// The first one leaves before anything was sent: the next one sends.
func TestWhoWaitsIsNotBoundToWhoLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, hangUp := context.WithCancel(t.Context())
		u := &script{t: t, steps: []step{
			{want: creationPOST, err: context.Canceled, unsent: true, before: func() { time.Sleep(time.Second); hangUp() }},
			{want: creationPOST, status: 201, answer: wasMade},
		}}
		e, _ := newEngine()
		var all sync.WaitGroup
		all.Go(func() { serve(ctx, e, u, "CreateAndSendEnvelope", envelopeOf("")) })
		synctest.Wait()
		if got := serve(t.Context(), e, u, "CreateAndSendEnvelope", envelopeOf("")); got.status != 200 {
			t.Errorf("got %+v", got)
		}
		all.Wait()
		u.done()
	})
}

// fromTemplate fills a field of a template, whose kind REST has to tell.
const fromTemplate = `<TemplateReferences><TemplateReference><TemplateLocation>Server</TemplateLocation><Template>` +
	secondGUID + `</Template><RoleAssignments><RoleAssignment><RoleName>Customer</RoleName><RecipientID>1</RecipientID>` +
	`</RoleAssignment></RoleAssignments><FieldData><DataValues><DataValue><TabLabel>order</TabLabel>` +
	`<Value>A-17</Value></DataValue></DataValues></FieldData><Sequence>1</Sequence></TemplateReference>` +
	`</TemplateReferences><Recipients><Recipient><ID>1</ID><UserName>Ben Beispiel</UserName>` +
	`<Email>ben@example.com</Email><Type>Signer</Type><RoutingOrder>1</RoutingOrder><RoleName>Customer</RoleName>` +
	`</Recipient></Recipients><EnvelopeInformation><AccountId>` + firstGUID + `</AccountId><Subject>Your order</Subject>` +
	`</EnvelopeInformation><ActivateEnvelope>true</ActivateEnvelope>`

func TestATemplateIsReadOnceAMinute(t *testing.T) { // SOAP-REST.md §4.8, §6.6
	synctest.Test(t, func(t *testing.T) {
		get := step{want: "GET /templates/" + secondGUID + "?include=tabs", answer: `{"recipients":{"signers":[` +
			`{"roleName":"Customer","tabs":{"textTabs":[{"tabLabel":"order"}]}}]}}`}
		made := step{want: creationPOST, status: 201, answer: wasMade}
		u := &script{t: t, steps: []step{get, made, made}}
		e, _ := newEngine()
		create := func() {
			t.Helper()
			got := serve(t.Context(), e, u, "CreateEnvelopeFromTemplates", fromTemplate)
			if got.status != 200 || !got.has(envelopeOne) {
				t.Errorf("got %+v", got)
			}
			u.done()
			if last := u.bodies[len(u.bodies)-1]; !strings.Contains(last, `"textTabs":[{"tabLabel":"order","value":"A-17"}]`) {
				t.Errorf("DocuSign got %s", last)
			}
		}
		serve(t.Context(), e, u, "CreateEnvelopeFromTemplates", fromTemplate)
		create()
		time.Sleep(time.Minute)
		u.steps = []step{get, made}
		create()
	})
}

func TestATemplateThatIsTooLargeIsNotKept(t *testing.T) {
	get := step{want: "GET /templates/" + secondGUID + "?include=tabs", answer: `{"recipients":{"signers":["` +
		strings.Repeat("x", maxTemplate) + `"]}}`, status: 400}
	u := &script{t: t, steps: []step{get}}
	e, creations := newEngine()
	got := serve(t.Context(), e, u, "CreateEnvelopeFromTemplates", fromTemplate)
	if u.done(); got.status != 500 || entries(creations) != "" || e.templates.Len() != 0 {
		t.Errorf("got %+v, %d templates are kept", got, e.templates.Len())
	}
}

func TestAMessageWhosePOSTPanicsIsNotSentByThoseWhoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, creations := newEngine()
		u := &script{t: t, steps: []step{
			{want: creationPOST, before: func() { time.Sleep(time.Second); panic("a bug") }},
			{want: lookUpOne, answer: isThere},
		}}
		var all sync.WaitGroup
		all.Go(func() {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			serve(t.Context(), e, u, "CreateAndSendEnvelope", envelopeOf(transactionOne))
		})
		synctest.Wait()
		got := serve(t.Context(), e, u, "CreateAndSendEnvelope", envelopeOf(transactionOne))
		all.Wait()
		u.done()
		if got.status != 200 || !got.has(envelopeOne) || entries(creations) != "tx-1 done "+envelopeOne {
			t.Errorf("got %+v, the journal says %q", got, entries(creations))
		}
	})
}

// counting is a User for whom DocuSign answers any call in the same way.
type counting struct {
	script

	status int
	answer string
	posts  int
}

func (c *counting) Do(_ context.Context, r *Request) (*http.Response, error) {
	if r.Method == http.MethodPost {
		c.posts++
	}
	if r.Body != nil {
		if n, err := io.Copy(io.Discard, r.Body.Open()); err != nil || n != r.Body.Len() {
			c.t.Errorf("%d bytes of %d, %v", n, r.Body.Len(), err)
		}
	}
	return &http.Response{StatusCode: c.status, Body: io.NopCloser(strings.NewReader(c.answer))}, nil
}

// FuzzACreationIsOnePOST: whatever comes makes one envelope at most, and what is refused has sent nothing.
func FuzzACreationIsOnePOST(f *testing.F) {
	for _, body := range []string{
		envelopeOf(""), envelopeOf(transactionOne), envelopeOf("<Asynchronous>true</Asynchronous>"), fromTemplate,
		"<CompositeTemplates/>", "<Envelope/>", "", "<Envelope><Documents><Document/></Documents></Envelope>",
	} {
		for i := range 4 {
			f.Add(uint8(i), 201, wasMade, body)
			f.Add(uint8(i), 500, isNowhere, body)
		}
	}
	operations := []string{
		"CreateEnvelope", "CreateAndSendEnvelope", "CreateEnvelopeFromTemplates", "CreateEnvelopeFromTemplatesAndForms",
	}
	f.Fuzz(func(t *testing.T, operation uint8, status int, answer, body string) {
		u := &counting{script: script{t: t}, status: status, answer: answer}
		creations := store.Memory().Creations()
		e := New(Options{Journal: creations, Lookups: []time.Duration{0, 0}})
		got := serve(t.Context(), e, u, operations[int(operation)%len(operations)], body)
		all := creations.Find(func(journal.Entry) bool { return true })
		if u.posts > 1 || len(all) != u.posts {
			t.Fatalf("%d POSTs, the journal says %q", u.posts, entries(creations))
		}
		if got.err != nil {
			_, noXML := errors.AsType[*soap.Error](got.err)
			if noMember := call.KindOf(got.err) == call.KindNotAllowed; !noXML && !noMember || u.posts > 0 {
				t.Errorf("%d POSTs, %v", u.posts, got.err)
			}
			return
		}
		if done := u.posts == 1 && all[0].State == journal.Done; done != (got.status == 200) {
			t.Errorf("status %d, the journal says %q", got.status, entries(creations))
		}
		if u.posts == 1 && all[0].State == journal.Intended {
			t.Error("the outcome is not in the journal")
		}
	})
}
