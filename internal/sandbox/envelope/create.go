package envelope

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"time"

	"docusign-auth-proxy/internal/sandbox/restbody"
)

// Making is what a creation needs beside the definition.
type Making struct {
	Now time.Time
	// Lower = positions are REST v2.1's, not those of v2 and SOAP (SOAP-REST.md §3.4).
	Lower bool
	// MergeRoles joins recipients of one role in drafts, too (SOAP-REST.md §4.8).
	MergeRoles bool
	// NoTemplateNotification = reminders of server templates are not taken over (SOAP-REST.md §3.5).
	NoTemplateNotification bool
	// Template finds a template by its id.
	Template func(id string) (Template, bool)
}

// MaxSubject is REST's limit in characters (SOAP-REST.md §3.1).
const MaxSubject = 100

// New makes an envelope of REST's definition. Its ID, account and sender are the caller's to set, then Settle and,
// where Status asks for it, Send.
func New(definition Object, m Making) (Envelope, *Refusal) {
	e := Envelope{
		Status: "created", Subject: text(definition, "emailSubject"), TransactionID: text(definition, "transactionId"),
		Asynchronous: text(definition, "asynchronous") == "true",
		Members: rest(
			definition, "status", "emailSubject", "transactionId", "documents", "recipients", "compositeTemplates",
		),
	}
	if e.Asynchronous && e.TransactionID == "" {
		return e, refuse("INVALID_REQUEST_PARAMETER", "asynchronous needs a transactionId.")
	}
	composites := objects(definition["compositeTemplates"])
	if len(composites) > 0 {
		// At the root they are not looked at (SOAP-REST.md §3.1).
		delete(e.Members, "customFields")
		c := composer{&e, m}
		if refused := c.compose(composites, text(definition, "status") == "sent"); refused != nil {
			return e, refused
		}
	} else {
		e.Documents = readDocuments(definition["documents"])
		e.Recipients = readRecipients(object(definition, "recipients"), m.Lower)
	}
	nameTabs(e.Recipients)
	return e, check(e, len(composites) > 0)
}

// rest gives the members but for some.
func rest(o Object, but ...string) Object {
	out := copyOf(o)
	maps.DeleteFunc(out, func(name string, _ any) bool { return slices.Contains(but, name) })
	return out
}

// readDocuments gives them in their order.
func readDocuments(v any) (all []Document) {
	list := objects(v)
	for i, o := range list {
		all = append(all, readDocument(o, i+1))
	}
	order := func(d Document) int {
		n, _ := strconv.Atoi(text(d.Members, "order"))
		return n
	}
	slices.SortStableFunc(all, func(a, b Document) int { return cmp.Compare(order(a), order(b)) })
	for _, d := range all {
		delete(d.Members, "order")
	}
	return all
}

func readDocument(o Object, position int) Document {
	content, _ := o["documentBase64"].(restbody.Content)
	d := Document{
		ID: text(o, "documentId"), Name: text(o, "name"), Size: content.Size, SHA256: content.SHA256,
		Members: rest(o, "documentId", "name", "documentBase64"),
	}
	if d.ID == "" {
		d.ID = strconv.Itoa(position)
	}
	return d
}

func readRecipients(in Object, lower bool) (all []Recipient) {
	for _, kind := range Types() {
		for _, o := range objects(in[kind]) {
			all = append(all, readRecipient(kind, o, lower))
		}
	}
	number(all)
	return all
}

func readRecipient(kind string, o Object, lower bool) Recipient {
	r := Recipient{ID: text(o, "recipientId"), Type: kind, Status: "created"}
	switch tabs := o["tabs"].(type) {
	case []Tab: // SOAP's, in one list
		r.Tabs = tabs
	case Object:
		r.Tabs = readTabs(tabs, lower)
	}
	name, email := NameMembers(kind)
	r.Name, r.Email = text(o, name), text(o, email)
	r.Members = rest(o, "recipientId", name, email, "tabs")
	return r
}

// NameMembers are where REST has the name that SOAP calls UserName, and the e-mail (SOAP-REST.md §3.3).
func NameMembers(kind string) (name, email string) {
	if kind == "inPersonSigners" {
		return "hostName", "hostEmail"
	}
	return "name", "email"
}

// number gives ids to those without: the first ones that are free.
func number(all []Recipient) {
	taken := map[string]bool{}
	for _, r := range all {
		taken[r.ID] = true
	}
	next := 1
	for i := range all {
		for all[i].ID == "" {
			if id := strconv.Itoa(next); !taken[id] {
				all[i].ID = id
			}
			next++
		}
	}
}

// check is what REST holds a definition to.
func check(e Envelope, composed bool) *Refusal {
	if n := len([]rune(e.Subject)); n > MaxSubject {
		return refuse("INVALID_REQUEST_PARAMETER", "The emailSubject has %d characters, the limit is %d.", n, MaxSubject)
	}
	documents := map[string]bool{}
	for _, d := range e.Documents {
		switch {
		case documents[d.ID]:
			return refuse("INVALID_REQUEST_PARAMETER", "The document %s is there twice.", d.ID)
		case !composed && d.SHA256 == "" && text(d.Members, "remoteUrl") == "":
			return refuse("UNABLE_TO_LOAD_DOCUMENT", "The document %s has no bytes.", d.ID)
		}
		documents[d.ID] = true
	}
	people := map[string]bool{}
	for _, r := range e.Recipients {
		if people[r.ID] {
			return refuse("INVALID_RECIPIENT_ID", "The recipient %s is there twice.", r.ID)
		}
		people[r.ID] = true
		for _, t := range r.Tabs {
			id := t.Text("documentId")
			if id != "" && !documents[id] && (!composed || len(documents) > 0) {
				return refuse("TAB_REFERS_TO_MISSING_DOCUMENT", "The tab %q names document %s.", t.Text("tabLabel"), id)
			}
			if t.owner != "" && t.owner != r.ID && !composed {
				return refuse("INVALID_RECIPIENT_ID", "A tab of recipient %s names recipient %s.", r.ID, t.owner)
			}
		}
	}
	return nil
}
