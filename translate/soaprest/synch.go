package soaprest

import (
	"context"
	"net/url"
	"strings"
	"time"

	"docusign-auth-proxy/translate/soaprest/answer"
	"docusign-auth-proxy/translate/soaprest/fault"
)

// maxBlock bounds how long SynchEnvelope waits for an envelope (SOAP-REST.md §6.6).
const maxBlock = 10 * time.Minute

// synchEnvelope tells what became of an envelope that is made asynchronously, and waits for it if the program wants so.
func synchEnvelope(ctx context.Context, t *task) (*answer.Answer, error) {
	id := strings.TrimSpace(t.root.Value("TransactionID"))
	if id == "" {
		return nil, fault.Invalid("TransactionID is missing")
	}
	a, err := t.account(ctx, t.root.Value("AccountID"))
	if err != nil {
		return nil, err
	}
	end := t.engine.o.Now().Add(maxBlock)
	for next := 5 * time.Second; ; next = min(2*next, time.Minute) {
		made, err := t.transaction(ctx, a, id)
		if err != nil {
			return nil, err
		}
		left := end.Sub(t.engine.o.Now())
		if made.finished() || !t.root.True("Block") || left <= 0 {
			return t.synchronised(made)
		}
		if err := pause(ctx, min(next, left)); err != nil {
			return nil, err
		}
	}
}

// transaction is an envelope by the id that its creation had.
type transaction struct{ TransactionID, EnvelopeID, Status string }

func (t transaction) finished() bool {
	return t.EnvelopeID != "" && t.Status != "" && !strings.EqualFold(t.Status, "processing")
}

// transaction asks for one; the zero value is one that DocuSign does not know, or not yet.
func (t *task) transaction(ctx context.Context, a Account, id string) (transaction, error) {
	var list struct {
		All []transaction `json:"envelopeTransactionStatuses"`
	}
	err := t.get(ctx, a, "/envelopes", url.Values{"transaction_ids": {id}}, &list)
	for _, one := range list.All {
		if one.TransactionID == id {
			return one, err
		}
	}
	return transaction{}, err
}

func (t *task) synchronised(made transaction) (*answer.Answer, error) {
	if made.Status == "" {
		return nil, fault.Named(absentEnvelope, "DocuSign knows no envelope of this TransactionID, or no longer.")
	}
	f := answer.Fields{"EnvelopeStatus": t.writer.Status(map[string]any{"status": made.Status})["Status"]}
	if made.EnvelopeID != "" {
		f["EnvelopeID"] = made.EnvelopeID
		t.Notes.Envelope = made.EnvelopeID
	}
	return t.writer.Result(f)
}
