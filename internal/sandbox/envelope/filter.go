package envelope

import (
	"slices"
	"time"
)

// Filter chooses envelopes of an account (SOAP-REST.md §4.3).
type Filter struct {
	From, To time.Time
	FromTo   string // status that the time belongs to; "" or changed: any change
	Statuses []string
	IDs      []string
	SenderID string
}

// Wants tells whether an envelope is one of them. Drafts are left out where nobody asks for them.
func (f Filter) Wants(e Envelope) bool {
	at := f.moment(e)
	switch {
	case len(f.IDs) > 0 && !slices.Contains(f.IDs, e.ID),
		!f.From.IsZero() && (at.IsZero() || at.Before(f.From)),
		!f.To.IsZero() && at.After(f.To),
		f.SenderID != "" && f.SenderID != e.SenderID:
		return false
	case len(f.Statuses) > 0:
		return slices.Contains(f.Statuses, e.Status)
	}
	return e.Status != "created" || len(f.IDs) > 0
}

// moment is the time that the filter compares. REST and SOAP both widen the middle ones to any change.
func (f Filter) moment(e Envelope) time.Time {
	switch f.FromTo {
	case "created":
		return e.Created
	case "sent":
		return e.Sent
	case "completed":
		return e.Completed
	case "voided":
		return e.Voided
	}
	return e.Changed
}

// Statuses are those of SOAP-REST.md §2.1.
func Statuses() []string {
	return []string{
		"created", "sent", "delivered", "signed", "completed", "declined", "voided", "deleted", "timedout", "template",
		"processing", "correct",
	}
}
