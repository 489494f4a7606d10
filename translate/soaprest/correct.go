package soaprest

import (
	"context"
	"errors"
	"maps"
	"net/url"
	"strconv"
	"strings"

	"docusign-auth-proxy/translate/soaprest/answer"
	"docusign-auth-proxy/translate/soaprest/definition"
	"docusign-auth-proxy/translate/soaprest/element"
	"docusign-auth-proxy/translate/soaprest/fault"
)

// correction is one of a recipient (SOAP-REST.md §4.9).
type correction struct {
	asked *element.Element
	kind  string // REST's array of such recipients
	// recipient is as REST has it; nil = none matches, or more than one, so that nothing is done.
	recipient map[string]any
	// fields are those that change.
	fields    map[string]any
	resend    bool
	succeeded bool
}

func (c *correction) id() string { return textOf(c.recipient["recipientId"]) }

func textOf(v any) string { s, _ := v.(string); return s }

// correctAndResend corrects recipients of an envelope on its way, and sends it to them again.
func correctAndResend(ctx context.Context, t *task) (*answer.Answer, error) {
	asked := t.root.Child("Correction")
	if asked == nil {
		return nil, fault.Invalid("Correction is missing")
	}
	if err := t.refuseCorrection(asked); err != nil {
		return nil, err
	}
	var a *answer.Answer
	err := t.change(ctx, asked.Value("EnvelopeID"), func(ctx context.Context, e envelope) error {
		var recipients map[string]any
		if err := t.get(ctx, e.Account, e.path("/recipients"), nil, &recipients); err != nil {
			return err
		}
		if !onItsWay(recipients) {
			return fault.Named("Envelope_Cannot_Correct_Invalid_State", "The envelope is a draft. Nothing was sent.")
		}
		all := corrections(asked, recipients)
		// What the answer cannot be made of is found before the change.
		if _, err := t.corrected(asked, recipients, all); err != nil {
			return err
		}
		if err := t.correct(ctx, e, asked, all); err != nil {
			return err
		}
		var err error
		a, err = t.corrected(asked, recipients, all)
		return err
	})
	return a, err
}

// refuseCorrection refuses what REST has no place for, before anything is asked (SOAP-REST.md §5.1).
func (t *task) refuseCorrection(asked *element.Element) error {
	if e := asked.Child("EnvelopeSettingsCorrection"); given(e) {
		return fault.Refused(t.Operation, e.Name)
	}
	for _, one := range asked.Child("RecipientCorrections").All("RecipientCorrection") {
		if one.Value("PreviousRoutingOrder") == "" { // the answer repeats it, and no recipient is found without
			return fault.Invalid("'PreviousRoutingOrder' is missing in '%s'", one.Path)
		}
		for _, name := range []string{
			"CorrectedAutoNavigation", "CorrectedIDCheckInformationInput", "CorrectedFaxNumber", "CorrectedDeliveryMethod",
		} {
			if e := one.Child(name); given(e) && e.Text != "Email" {
				return fault.Refused(t.Operation, name)
			}
		}
	}
	return nil
}

func given(e *element.Element) bool { return e != nil && (e.Text != "" || len(e.Children) > 0) }

// recipientLists are REST's arrays of recipients that SOAP knows.
func recipientLists() []string {
	return strings.Fields("signers agents editors intermediaries carbonCopies certifiedDeliveries inPersonSigners")
}

// listOf gives the recipients of an array; what is no object is none.
func listOf(recipients map[string]any, kind string) (all []map[string]any) {
	list, _ := recipients[kind].([]any)
	for _, one := range list {
		if r, ok := one.(map[string]any); ok {
			all = append(all, r)
		}
	}
	return all
}

// onItsWay reports whether the envelope was sent: then those who come first are more than created.
func onItsWay(recipients map[string]any) bool {
	for _, kind := range recipientLists() {
		for _, r := range listOf(recipients, kind) {
			if status := textOf(r["status"]); status != "" && status != "created" {
				return true
			}
		}
	}
	return false
}

// corrections finds for each the one recipient that it means.
func corrections(asked *element.Element, recipients map[string]any) (all []*correction) {
	taken := map[string]bool{}
	for _, one := range asked.Child("RecipientCorrections").All("RecipientCorrection") {
		c := &correction{asked: one, resend: one.True("Resend")}
		found := 0
		for _, kind := range recipientLists() {
			for _, r := range listOf(recipients, kind) {
				if means(one, kind, r) {
					c.kind, c.recipient = kind, r
					found++
				}
			}
		}
		if found != 1 || taken[c.id()] {
			c.kind, c.recipient = "", nil
		}
		if c.recipient != nil {
			taken[c.id()] = true
			c.fields = changes(one, c.kind, c.recipient)
			c.succeeded = true // unless REST says otherwise
		}
		all = append(all, c)
	}
	return all
}

// named gives REST's names of the members that are the host's with in-person signers.
func named(kind string) (name, email string) {
	if kind == "inPersonSigners" {
		return "hostName", "hostEmail"
	}
	return "name", "email"
}

// means reports whether a recipient is the one that a correction describes.
func means(one *element.Element, kind string, r map[string]any) bool {
	name, email := named(kind)
	signer := one.Value("PreviousSignerName")
	return textOf(r[name]) == one.Value("PreviousUserName") &&
		strings.EqualFold(textOf(r[email]), one.Value("PreviousEmail")) &&
		sameNumber(textOf(r["routingOrder"]), one.Value("PreviousRoutingOrder")) &&
		(signer == "" || kind != "inPersonSigners" || signer == textOf(r["signerName"]))
}

func sameNumber(a, b string) bool {
	n, err := strconv.Atoi(a)
	m, other := strconv.Atoi(b)
	return err == nil && other == nil && n == m
}

// changes are the members that differ. One that does not must not be sent: an e-mail address counts as a new one even
// if it is equal, and sends mail.
func changes(one *element.Element, kind string, r map[string]any) map[string]any {
	name, email := named(kind)
	fields := map[string]any{}
	put := func(member, value string) {
		if value != "" && value != textOf(r[member]) {
			fields[member] = value
		}
	}
	put(name, one.Value("CorrectedUserName"))
	if address := one.Value("CorrectedEmail"); !strings.EqualFold(address, textOf(r[email])) {
		put(email, address)
	}
	if kind == "inPersonSigners" {
		put("signerName", one.Value("CorrectedSignerName"))
	}
	if order := one.Value("CorrectedRoutingOrder"); order != "0" && !sameNumber(order, textOf(r["routingOrder"])) {
		put("routingOrder", order)
	}
	if one.Child("CorrectedRequireIDLookup") != nil {
		if lookup := one.True("CorrectedRequireIDLookup"); lookup != (textOf(r["requireIdLookup"]) == "true") {
			fields["requireIdLookup"] = strconv.FormatBool(lookup)
		}
	}
	put("idCheckConfigurationName", one.Value("CorrectedIDCheckConfigurationName"))
	put("accessCode", one.Value("CorrectedAccessCode"))
	if required := one.Child("CorrectedAccessCodeRequired"); required != nil && one.Value("CorrectedAccessCode") == "" &&
		!one.True(required.Name) {
		fields["accessCode"] = ""
	}
	if captive := one.Child("CorrectedCaptiveInfo"); captive != nil {
		if id := captive.Value("ClientUserId"); id != textOf(r["clientUserId"]) {
			fields["clientUserId"] = id
		}
	}
	return fields
}

// correct makes the changes: what can be taken back first, then those who get no mail.
func (t *task) correct(ctx context.Context, e envelope, asked *element.Element, all []*correction) error {
	t.engine.statuses.forget(e.id)
	defer t.engine.statuses.forget(e.id)
	fields, err := notification(t.Operation, asked)
	if err != nil {
		return err
	}
	if len(fields) > 0 {
		r := &Request{Account: e.Account, Path: e.path("/notification"), Body: JSON(fields)}
		if err := t.correction(ctx, r, nil); err != nil {
			return err
		}
	}
	changed := false
	for _, resend := range []bool{false, true} {
		done, err := t.correctSome(ctx, e, all, resend)
		if f, ok := errors.AsType[*fault.Fault](err); ok && changed && f.Client {
			// The others are corrected already: that these are not is told of each (SOAP-REST.md §11.9).
			t.engine.o.Log.WarnContext(ctx, "the second part of a correction was refused", "envelope", e.id, "reason", f)
			continue
		}
		if err != nil {
			return err
		}
		changed = changed || done
	}
	return nil
}

// notification is what becomes of reminders and expiration.
func notification(operation string, asked *element.Element) (fields map[string]any, err error) {
	fields = map[string]any{}
	for _, name := range []string{"Reminders", "Expirations"} {
		members, err := definition.Reminder(operation, asked.Child(name))
		if err != nil {
			return nil, err
		}
		if len(members) > 0 {
			fields[strings.ToLower(name)] = members
		}
	}
	return fields, nil
}

// correctSome corrects those who get it again, or those who do not.
func (t *task) correctSome(ctx context.Context, e envelope, all []*correction, resend bool) (done bool, err error) {
	body := map[string][]map[string]any{}
	some := map[string]*correction{}
	for _, c := range all {
		if c.recipient == nil || c.resend != resend || len(c.fields) == 0 && !resend {
			continue
		}
		fields := map[string]any{"recipientId": c.id()}
		maps.Copy(fields, c.fields)
		body[c.kind] = append(body[c.kind], fields)
		some[c.id()] = c
	}
	if len(some) == 0 {
		return false, nil
	}
	r := &Request{Account: e.Account, Path: e.path("/recipients"), Body: JSON(body)}
	if resend {
		r.Query = url.Values{"resend_envelope": {"true"}}
	}
	for _, c := range some {
		c.succeeded = false // until REST says so
	}
	var result struct {
		Results []struct {
			RecipientID  string `json:"recipientId"`
			ErrorDetails struct{ ErrorCode string }
		} `json:"recipientUpdateResults"`
	}
	if err := t.correction(ctx, r, &result); err != nil {
		return false, err
	}
	for _, c := range some {
		c.succeeded = true
	}
	for _, one := range result.Results {
		if code := one.ErrorDetails.ErrorCode; code != "" && code != "SUCCESS" && some[one.RecipientID] != nil {
			some[one.RecipientID].succeeded = false
		}
	}
	return true, nil
}

// correction sends one change. Whether DocuSign made it cannot be seen afterwards (SOAP-REST.md §11.9).
func (t *task) correction(ctx context.Context, r *Request, into any) error {
	resp, open, err := t.alter(ctx, r)
	if err == nil {
		defer resp.Body.Close()
		if into == nil {
			return t.inside(resp)
		}
		err = decode(resp, into)
		open = err != nil
	}
	if open {
		return t.unknown(ctx, err)
	}
	return err
}

// corrected is the answer: what was asked, what became of it, and the recipient as it is then.
func (t *task) corrected(
	asked *element.Element, recipients map[string]any, all []*correction,
) (*answer.Answer, error) {
	statuses := []answer.Fields{}
	for _, c := range all {
		f := answer.Fields{"CorrectionSucceeded": c.succeeded, "RecipientCorrection": answer.Echo(c.asked)}
		if c.recipient != nil {
			before := maps.Clone(c.recipient)
			if c.succeeded {
				maps.Copy(c.recipient, c.fields)
			}
			f["RecipientStatus"] = t.writer.RecipientStatus(recipients, c.id())
			clear(c.recipient)
			maps.Copy(c.recipient, before)
		}
		statuses = append(statuses, f)
	}
	f := answer.Fields{"RecipientCorrectionStatuses": answer.Fields{"RecipientCorrectionStatus": statuses}}
	for _, name := range []string{"Reminders", "Expirations"} {
		if e := asked.Child(name); given(e) {
			f[name] = answer.Echo(e)
		}
	}
	return t.writer.Result(f)
}
