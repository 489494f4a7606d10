package envelope

import (
	"maps"
	"slices"
	"time"
)

// Correct changes recipients as REST's PUT does; results has one object for each, mails is how many go out. A member
// email counts as a new address, even an unchanged one (SOAP-REST.md §4.9).
func (e *Envelope) Correct(body Object, resend bool, now time.Time) (results []any, mails int, refused *Refusal) {
	if !slices.Contains([]string{"created", "sent", "delivered"}, e.Status) {
		return nil, 0, refuse("ENVELOPE_INVALID_STATUS", "Recipients of a %s envelope cannot be changed.", e.Status)
	}
	results = []any{}
	for _, kind := range Types() {
		for _, over := range objects(body[kind]) {
			result := Object{"recipientId": over["recipientId"]}
			i := slices.IndexFunc(e.Recipients, func(r Recipient) bool { return r.ID == over["recipientId"] && r.Type == kind })
			code, message := "SUCCESS", ""
			switch {
			case i < 0:
				code, message = "UNKNOWN_ENVELOPE_RECIPIENT", "The recipient you have identified is not a valid recipient of it."
			case e.Recipients[i].Status == "completed" || e.Recipients[i].Status == "declined":
				code, message = "RECIPIENT_UPDATE_FAILED", "The recipient has acted already."
			default:
				if e.Recipients[i].correct(over, e.Status != "created", resend) {
					mails++
				}
				result["recipientIdGuid"] = e.Recipients[i].GUID
			}
			result["errorDetails"] = Object{"errorCode": code, "message": message}
			results = append(results, result)
		}
	}
	return results, mails + e.inviteAgain(now), nil
}

// inviteAgain sends to those whose turn has come by a new order.
func (e *Envelope) inviteAgain(now time.Time) int {
	if e.Status == "created" {
		return 0
	}
	return e.invite(Stored(now))
}

// correct changes one recipient and tells whether that sends mail.
func (r *Recipient) correct(over Object, sent, resend bool) bool {
	name, email := NameMembers(r.Type)
	_, newAddress := over[email]
	if v, has := over[name].(string); has {
		r.Name = v
	}
	if v, has := over[email].(string); has {
		r.Email = v
	}
	r.Members = copyOf(r.Members)
	maps.Copy(r.Members, rest(over, "recipientId", name, email, "tabs"))
	return sent && !r.Captive() && r.Status != "created" && (newAddress || resend)
}
