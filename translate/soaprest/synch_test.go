package soaprest

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

const transactionStepWant = "GET /envelopes?transaction_ids=tx-1"

func transactionStep(status, envelope string) step {
	return step{want: transactionStepWant, answer: `{"envelopeTransactionStatuses":[
		{"transactionId":"tx-0","status":"sent","envelopeId":"x"},
		{"transactionId":"tx-1","status":"` + status + `","envelopeId":"` + envelope + `"}]}`}
}

func synchBody(block string) string {
	return "<TransactionID>tx-1</TransactionID><Block>" + block + "</Block>"
}

func TestWhatBecameOfAnAsynchronousEnvelope(t *testing.T) { // SOAP-REST.md §1.2
	none := step{want: transactionStepWant, answer: `{"envelopeTransactionStatuses":[]}`}
	run(t, []scene{
		{
			name: "it is there", operation: "SynchEnvelope", body: synchBody("false"),
			steps: []step{transactionStep("sent", envelopeOne)},
			has:   []string{"<EnvelopeStatus>Sent</EnvelopeStatus><EnvelopeID>" + envelopeOne + "</EnvelopeID>"},
		},
		{
			name: "it is under way", operation: "SynchEnvelope", body: synchBody("false"),
			steps: []step{transactionStep("processing", "")},
			has:   []string{"<EnvelopeStatus>Processing</EnvelopeStatus>"}, lacks: []string{"EnvelopeID"},
		},
		{
			name: "nobody knows it", operation: "SynchEnvelope", body: synchBody("false"), steps: []step{none},
			fault: absentEnvelope,
		},
		{
			name: "a word that SOAP does not have", operation: "SynchEnvelope", body: synchBody("false"),
			steps: []step{transactionStep("frozen", envelopeOne)}, fault: "Unspecified_Error",
		},
		{
			name: "refused", operation: "SynchEnvelope", body: synchBody("true"),
			steps: []step{{want: transactionStepWant, status: 400, answer: refusedText}}, fault: "Some_Refusal",
		},
	})
	if got := serve(t.Context(), New(Options{}), &script{t: t}, "SynchEnvelope", "<Block>true</Block>"); !got.has(
		"Validation error: TransactionID is missing") {
		t.Error(got.text)
	}
}

func TestWaitingForAnEnvelopeIsSpaced(t *testing.T) { // SOAP-REST.md §6.6
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var at []time.Duration
		s := transactionStep("processing", "")
		s.before = func() { at = append(at, time.Since(began)) }
		u := &script{t: t}
		for range 15 {
			u.steps = append(u.steps, s)
		}
		got := serve(t.Context(), New(Options{}), u, "SynchEnvelope", synchBody("true"))
		if !got.has("<EnvelopeStatus>Processing</EnvelopeStatus>") || time.Since(began) != 10*time.Minute {
			t.Errorf("after %s: %+v", time.Since(began), got)
		}
		want := []time.Duration{0, 5, 15, 35, 75, 135, 195, 255, 315, 375, 435, 495, 555, 600}
		for i := range max(len(at), len(want)) {
			if i >= len(at) || i >= len(want) || at[i] != want[i]*time.Second {
				t.Fatalf("asked at %v, want %v seconds", at, want)
			}
		}
	})
}

func TestWaitingEndsWhenTheEnvelopeIsThereOrTheCallerGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		none := step{want: transactionStepWant, answer: "{}"}
		u := &script{t: t, steps: []step{none, transactionStep("processing", ""), transactionStep("sent", envelopeOne)}}
		if got := serve(t.Context(), New(Options{}), u, "SynchEnvelope", synchBody("true")); !got.has(envelopeOne) {
			t.Errorf("got %+v", got)
		}
		if d := time.Since(began); d != 15*time.Second {
			t.Errorf("after %s", d)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		u = &script{t: t, steps: []step{none}}
		got := serve(ctx, New(Options{}), u, "SynchEnvelope", synchBody("true"))
		if !errors.Is(got.err, context.DeadlineExceeded) {
			t.Errorf("got %+v", got)
		}
	})
}
