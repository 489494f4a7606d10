package envelope

import (
	"slices"
	"strings"
)

// IsDraft refuses a sender's view of what was sent.
func IsDraft(e Envelope) *Refusal {
	if e.Status != "created" {
		return refuse("ENVELOPE_INVALID_STATUS", "Only a draft has a sender's view.")
	}
	return nil
}

// IsUnderWay refuses to correct an envelope that was not sent, or is over.
func IsUnderWay(e Envelope) *Refusal {
	if e.Status != "sent" && e.Status != "delivered" {
		return refuse("ENVELOPE_INVALID_STATUS", "Only an envelope under way can be corrected.")
	}
	return nil
}

// CanSign holds a recipient's view against the recipients: somebody of that name signs inside the program, now
// (SOAP-REST.md §4.6).
func CanSign(e Envelope, clientUserID, name, email string) *Refusal {
	if e.Status == "created" {
		return refuse("ENVELOPE_INVALID_STATUS", "The envelope was not sent.")
	}
	named := func(r Recipient) bool { return r.Name == name && strings.EqualFold(r.Email, email) }
	i := slices.IndexFunc(e.Recipients, func(r Recipient) bool {
		return named(r) && r.Text("clientUserId") == clientUserID
	})
	switch {
	case i < 0 && slices.ContainsFunc(e.Recipients, named):
		return refuse("INVALID_CAPTIVE_RECIPIENT_OPERATION", "")
	case i < 0:
		return refuse("UNKNOWN_ENVELOPE_RECIPIENT", "")
	case !e.Recipients[i].Captive():
		return refuse("INVALID_CAPTIVE_RECIPIENT_OPERATION", "")
	case e.Recipients[i].Status == "created":
		return refuse("RECIPIENT_NOT_IN_SEQUENCE", "")
	}
	return nil
}
