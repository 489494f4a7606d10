package answer

import (
	"maps"
	"slices"
	"time"

	"docusign-auth-proxy/translate/soaprest/definition"
)

// Creation is what is known of an envelope that has been made.
type Creation struct {
	// EnvelopeID is "" where DocuSign makes the envelope later (Asynchronous).
	EnvelopeID string
	// Status is REST's; At is when it was reached.
	Status string
	At     time.Time
	// UserName and Email are the sender's.
	UserName, Email string
}

// Created makes an EnvelopeStatus of what was sent to REST: when an envelope has been made, no other call may fail
// (SOAP-REST.md §4.1). Recipients come in the order of the request.
func (w *Writer) Created(d *definition.Definition, c Creation) Fields {
	e := copied(object(d.Object))
	e["envelopeId"], e["status"], e["createdDateTime"] = c.EnvelopeID, c.Status, c.At
	if c.EnvelopeID == "" {
		e["status"] = "processing"
	}
	e["sender"] = object{"userName": c.UserName, "email": c.Email}
	recipients, fields := object{}, object{}
	add := func(o object) {
		join(recipients, o.object("recipients"), "recipientId", "name", "hostName", "email", "hostEmail")
		join(fields, o.object("customFields"), "name", "value")
	}
	add(e)
	for _, composite := range e.objects("compositeTemplates") {
		for _, inline := range composite.objects("inlineTemplates") {
			add(inline)
		}
	}
	e["recipients"], e["customFields"] = recipients, fields
	for member := range recipients {
		for _, r := range recipients[member].([]object) {
			r["tabs"], r["status"] = placed(r.object("tabs")), "created"
		}
	}
	if c.Status == "sent" && c.EnvelopeID != "" {
		w.send(e, c.At)
	}
	order := w.sorted(recipients)
	at := func(r recipient) int { return slices.Index(d.Recipients, r.text("recipientId")) }
	slices.SortStableFunc(order, func(a, b recipient) int { return at(a) - at(b) })
	return w.status(e, w.Now(), order)
}

// Sent makes an EnvelopeStatus of a draft as REST gave it before it was sent, and when that was.
func (w *Writer) Sent(draft map[string]any, at time.Time) Fields {
	e := copied(draft)
	e["status"], e["statusChangedDateTime"] = "sent", at
	recipients := object{}
	join(recipients, e.object("recipients"))
	e["recipients"] = recipients
	w.send(e, at)
	return w.status(e, w.Now(), nil)
}

func copied(o object) object {
	c := object{}
	maps.Copy(c, o)
	return c
}

// send marks an envelope, and those of its recipients who are first. Their objects must be the caller's own.
func (w *Writer) send(e object, at time.Time) {
	e["sentDateTime"] = at
	all := w.sorted(e.object("recipients"))
	for _, r := range all {
		if r.order() == all[0].order() {
			r.object["status"], r.object["sentDateTime"] = "sent", at
		}
	}
}

// join adds copies of the objects in all lists. One that is there already by these members is not added again: each
// template of an envelope may name the same recipient.
func join(to, from object, by ...string) {
	for member := range from {
		for _, o := range from.objects(member) {
			all, _ := to[member].([]object)
			there := slices.IndexFunc(all, func(a object) bool {
				differ := func(name string) bool { return a.text(name) != o.text(name) }
				return len(by) > 0 && !slices.ContainsFunc(by, differ)
			})
			if there < 0 {
				to[member] = append(all, maps.Clone(o))
				continue
			}
			tabs := object{}
			join(tabs, all[there].object("tabs"))
			join(tabs, o.object("tabs"))
			all[there]["tabs"] = tabs
		}
	}
}

// placed are the tabs whose position is known: those that hang on a text, or take a template's place, are not.
func placed(tabs object) object {
	all := object{}
	unplaced := func(o object) bool { return o.text("xPosition") == "" || o.text("yPosition") == "" }
	for member := range tabs {
		list := slices.Clone(tabs.objects(member))
		if member != "radioGroupTabs" {
			all[member] = slices.DeleteFunc(list, unplaced)
			continue
		}
		for i, group := range list {
			list[i] = maps.Clone(group)
			list[i]["radios"] = slices.DeleteFunc(slices.Clone(group.objects("radios")), unplaced)
		}
		all[member] = list
	}
	return all
}
