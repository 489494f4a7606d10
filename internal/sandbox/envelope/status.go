package envelope

import (
	"slices"
	"strings"
	"time"
)

// Send sends a draft and tells how many invitations go out.
func (e *Envelope) Send(now time.Time) (mails int, refused *Refusal) {
	if e.Status != "created" {
		return 0, refuse("ENVELOPE_INVALID_STATUS", "Only a draft can be sent.")
	}
	if refused := complete(e.Recipients); refused != nil {
		return 0, refused
	}
	now = Stored(now)
	e.Status, e.Sent, e.Changed = "sent", now, now
	return e.invite(now), nil
}

// Unsent is the envelope as it was before it was sent, with another status.
func (e Envelope) Unsent(status string) Envelope {
	e = e.Clone()
	e.Status, e.Sent = status, time.Time{}
	for i := range e.Recipients {
		e.Recipients[i].Status, e.Recipients[i].Sent = "created", time.Time{}
	}
	return e
}

// complete tells what the recipients of a sent envelope must have and those of a draft need not.
func complete(all []Recipient) *Refusal {
	for _, r := range all {
		named := r.Name != "" && strings.Contains(r.Email, "@")
		if !named && text(r.Members, "signingGroupId") == "" {
			return refuse("INVALID_EMAIL_ADDRESS_FOR_RECIPIENT", "The recipient %s has no name or no e-mail.", r.ID)
		}
	}
	return nil
}

// invite sends to those whose turn it is.
func (e *Envelope) invite(now time.Time) (mails int) {
	turn := 0
	for _, r := range e.InOrder() {
		if r.Status == "created" || r.Status == "sent" || r.Status == "delivered" {
			turn = r.Order()
			break
		}
	}
	for i := range e.Recipients {
		r := &e.Recipients[i]
		if r.Order() != turn || r.Status != "created" {
			continue
		}
		r.Status, r.Sent = "sent", now
		if !r.Captive() {
			mails++
		}
	}
	return mails
}

// Void ends an envelope that is under way. REST keeps 200 characters of the reason (SOAP-REST.md §4.5).
func (e *Envelope) Void(reason string, now time.Time) *Refusal {
	switch {
	case e.Status != "sent" && e.Status != "delivered":
		return refuse("ENVELOPE_CANNOT_VOID_INVALID_STATE", "")
	case reason == "":
		return refuse("INVALID_REQUEST_PARAMETER", "A reason is needed to void an envelope.")
	}
	runes := []rune(reason)
	e.Status, e.Reason = "voided", string(runes[:min(len(runes), 200)])
	e.Voided = Stored(now)
	e.Changed = e.Voided
	return nil
}

// QueuePurge takes the documents away in 14 days (SOAP-REST.md §4.5).
func (e *Envelope) QueuePurge(state, userID string) *Refusal {
	switch {
	case state != "documents_queued" && state != "documents_and_metadata_queued":
		return refuse("INVALID_REQUEST_PARAMETER", "The purgeState %q is not known.", state)
	case e.SenderID != userID:
		return refuse("USER_NOT_ENVELOPE_SENDER", "")
	case !slices.Contains([]string{"completed", "declined", "voided"}, e.Status):
		return refuse("ENVELOPE_INVALID_STATUS", "Only completed, declined and voided envelopes can be purged.")
	case text(e.Members, "authoritativeCopy") == "true":
		return refuse("ENVELOPE_INVALID_STATUS", "An authoritative copy cannot be purged.")
	}
	e.Purge = state
	return nil
}

// Deliver is what happens when the recipients whose turn it is look at the documents.
func (e *Envelope) Deliver(now time.Time) {
	now = Stored(now)
	for i := range e.Recipients {
		if r := &e.Recipients[i]; r.Status == "sent" {
			r.Status, r.Delivered = "delivered", now
		}
	}
	e.Status, e.Delivered, e.Changed = "delivered", now, now
}

// Sign completes the envelope: everybody has signed or got a copy.
func (e *Envelope) Sign(now time.Time) {
	if e.Delivered.IsZero() {
		e.Deliver(now)
	}
	now = Stored(now)
	for i := range e.Recipients {
		r := &e.Recipients[i]
		if r.Sent.IsZero() {
			r.Sent = e.Sent
		}
		r.Status = "completed"
		if !signs(r.Type) {
			continue
		}
		if r.Delivered.IsZero() {
			r.Delivered = now
		}
		r.Signed = now
		for n := range r.Tabs {
			r.Tabs[n].sign()
		}
	}
	e.Status, e.Completed, e.Changed = "completed", now, now
}

// Refuse is a recipient's "no".
func (e *Envelope) Refuse(recipientID, reason string, now time.Time) {
	now = Stored(now)
	for i := range e.Recipients {
		if r := &e.Recipients[i]; r.ID == recipientID {
			r.Status, r.Declined, r.Reason = "declined", now, reason
		}
	}
	e.Status, e.Declined, e.Changed = "declined", now, now
}

func signs(kind string) bool { return kind == "signers" || kind == "inPersonSigners" }
