// Package envelope is what the sandbox keeps of envelopes and templates: made from REST's definitions, shown as REST's
// objects, moved from status to status. It must not know over which API an envelope came or is asked for, and keeps no
// document. The REST and the SOAP site of the sandbox call it.
package envelope

import (
	"cmp"
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"docusign-auth-proxy/internal/sandbox/restbody"
)

// Object is an object of REST.
type Object = restbody.Object

// Envelope is one that was created here. Documents are kept as their digests only.
type Envelope struct {
	ID            string
	AccountID     string // GUID
	SenderID      string // GUID of the user whose token sent it
	Key           string // integration key
	TransactionID string
	Asynchronous  bool
	Status        string
	Subject       string
	Reason        string // of voiding
	Purge         string // REST's purgeState
	Created       time.Time
	Changed       time.Time // when it got its status
	Sent          time.Time
	Delivered     time.Time
	Completed     time.Time
	Declined      time.Time
	Voided        time.Time
	Documents     []Document
	Recipients    []Recipient
	Members       Object // what else the definition had
}

// Document is what came as one document.
type Document struct {
	ID      string
	Name    string
	Size    int64  // decoded bytes
	SHA256  string // hex, of the decoded bytes
	Members Object
}

// Recipient is one person of an envelope. Of an in-person signer, Name and Email are the host's.
type Recipient struct {
	ID, Email, Name string
	Type            string // REST's array
	GUID            string
	Status          string
	Reason          string // of declining
	Sent            time.Time
	Delivered       time.Time
	Signed          time.Time
	Declined        time.Time
	Members         Object
	Tabs            []Tab
}

// Refusal is why something cannot be done, with the code of REST.
type Refusal struct{ Code, Detail string }

func refuse(code, format string, values ...any) *Refusal {
	return &Refusal{Code: code, Detail: fmt.Sprintf(format, values...)}
}

// Types are REST's arrays of recipients, in the order in which they are shown (SOAP-REST.md §4.1).
func Types() []string {
	return []string{
		"signers", "agents", "editors", "intermediaries", "carbonCopies", "certifiedDeliveries", "inPersonSigners",
		"seals", "witnesses", "notaries", "participants",
	}
}

// Clone copies all that a change may touch.
func (e Envelope) Clone() Envelope {
	e.Members = copyOf(e.Members)
	e.Documents = slices.Clone(e.Documents)
	e.Recipients = slices.Clone(e.Recipients)
	for i := range e.Recipients {
		r := &e.Recipients[i]
		r.Members, r.Tabs = copyOf(r.Members), slices.Clone(r.Tabs)
		for n := range r.Tabs {
			r.Tabs[n].Members = copyOf(r.Tabs[n].Members)
		}
	}
	return e
}

// copyOf copies one level: values inside are replaced, never changed.
func copyOf(o Object) Object {
	if o == nil {
		return Object{}
	}
	return maps.Clone(o)
}

// Settle fills in what an envelope needs to be shown, by its status.
func (e *Envelope) Settle(now time.Time) {
	now = Stored(now)
	if e.Created.IsZero() {
		e.Created, e.Changed = now, now
	}
	if e.Status != "created" && e.Sent.IsZero() {
		e.Sent = e.Changed
	}
	for i := range e.Documents {
		e.Documents[i].ID = cmp.Or(e.Documents[i].ID, strconv.Itoa(i+1))
	}
	for i := range e.Recipients {
		r := &e.Recipients[i]
		r.ID = cmp.Or(r.ID, strconv.Itoa(i+1))
		r.Type = cmp.Or(r.Type, "signers")
		r.GUID = cmp.Or(r.GUID, GUID(e.ID, "recipient", r.ID))
		if r.Status == "" {
			r.Status = cmp.Or(map[string]string{"voided": "sent"}[e.Status], e.Status)
		}
		if r.Status == "sent" && r.Sent.IsZero() {
			r.Sent = e.Sent
		}
	}
}

// Stored is a time as it is kept: SQL Server's third digit is 0, 3 or 7 (SOAP-REST.md §2.2).
func Stored(t time.Time) time.Time {
	t = t.UTC()
	millis := t.Nanosecond() / 1e6
	last := map[int]int{0: 0, 1: 0, 2: 3, 3: 3, 4: 3, 5: 7, 6: 7, 7: 7, 8: 7, 9: 7}[millis%10]
	return t.Truncate(time.Second).Add(time.Duration(millis-millis%10+last) * time.Millisecond)
}

// GUID is made of names, the same for the same ones.
func GUID(names ...string) string {
	b := sha256.Sum256(fmt.Append(nil, names))
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:16])
}

// Order is the recipient's routing order.
func (r Recipient) Order() int {
	order, _ := strconv.Atoi(text(r.Members, "routingOrder"))
	return max(order, 1)
}

// OrderText is the routing order as both APIs write it.
func (r Recipient) OrderText() string { return strconv.Itoa(r.Order()) }

// Captive recipients sign inside the program that sent the envelope.
func (r Recipient) Captive() bool { return text(r.Members, "clientUserId") != "" }

// InOrder gives the recipients by routing order, then by type (SOAP-REST.md §4.1).
func (e Envelope) InOrder() []Recipient {
	return slices.SortedStableFunc(slices.Values(e.Recipients), func(a, b Recipient) int {
		return cmp.Or(
			cmp.Compare(a.Order(), b.Order()),
			cmp.Compare(slices.Index(Types(), a.Type), slices.Index(Types(), b.Type)),
		)
	})
}

func text(o Object, name string) string {
	s, _ := o[name].(string)
	return s
}

func objects(v any) []Object {
	list, _ := v.([]any)
	var all []Object
	for _, item := range list {
		if o, ok := item.(Object); ok {
			all = append(all, o)
		}
	}
	return all
}

func object(o Object, name string) Object {
	inner, _ := o[name].(Object)
	return inner
}
