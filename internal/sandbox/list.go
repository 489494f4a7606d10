package sandbox

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"docusign-auth-proxy/internal/sandbox/envelope"
)

// transactionLife is how long an envelope is found by the id of its transaction (SOAP-REST.md §6.2).
const transactionLife = 7 * 24 * time.Hour

// choose lists the envelopes of an account that a filter wants, oldest first.
func (s *Sandbox) choose(accountID string, f envelope.Filter) []Envelope {
	return slices.DeleteFunc(s.Envelopes(), func(e Envelope) bool { return e.AccountID != accountID || !f.Wants(e) })
}

// filter reads the query.
func (c *restRequest) filter() (f envelope.Filter, refused *apiError) {
	q := c.URL.Query()
	if f.From, refused = queryTime(q.Get("from_date")); refused != nil {
		return f, refused
	}
	if f.To, refused = queryTime(q.Get("to_date")); refused != nil {
		return f, refused
	}
	f.FromTo = strings.ToLower(q.Get("from_to_status"))
	if f.FromTo != "" && f.FromTo != "changed" && !slices.Contains(envelope.Statuses(), f.FromTo) {
		return f, refusal("INVALID_REQUEST_PARAMETER", "from_to_status "+f.FromTo)
	}
	f.Statuses, f.IDs = words(q.Get("status")), words(q.Get("envelope_ids"))
	for _, status := range f.Statuses {
		if status != "any" && !slices.Contains(envelope.Statuses(), status) {
			return f, refusal("INVALID_REQUEST_PARAMETER", "status "+status)
		}
	}
	if slices.Contains(f.Statuses, "any") {
		f.Statuses = nil
	}
	return f, c.senderOf(&f, q.Get("user_name"), q.Get("email"))
}

// senderOf finds the user whose envelopes are asked for; name and e-mail come together.
func (c *call) senderOf(f *envelope.Filter, name, email string) *apiError {
	if name == "" && email == "" {
		return nil
	}
	u, known := c.findUser(email)
	switch {
	case name == "" || email == "":
		return refusal("INVALID_REQUEST_PARAMETER", "user_name and email come together.")
	case !known || u.Name != name:
		return refusal("USER_DOES_NOT_EXIST_IN_SYSTEM")
	}
	f.SenderID = u.ID
	return nil
}

func isComma(r rune) bool { return r == ',' || r == ' ' }

func words(list string) []string { return strings.FieldsFunc(strings.ToLower(list), isComma) }

// queryTime reads a time in the forms that REST documents; without a zone it is UTC here.
func queryTime(s string) (time.Time, *apiError) {
	if s == "" {
		return time.Time{}, nil
	}
	for _, form := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02T15:04", time.DateOnly,
		"1/2/2006", "1/2/2006 15:04", "1/2/2006 15:04:05", "1/2/2006 3:04 PM"} {
		if t, err := time.Parse(form, s); err == nil {
			return t, nil
		}
	}
	return time.Time{}, refusal("INVALID_REQUEST_PARAMETER", "The date "+strconv.Quote(s)+" cannot be read.")
}

// span is a part of a list.
type span struct{ from, to int }

// page is the part that start_position and count ask for, with the members that tell so.
func (c *restRequest) page(total, most int) (p span, place object, refused *apiError) {
	q, limit := c.URL.Query(), most
	for name, to := range map[string]*int{"start_position": &p.from, "count": &limit} {
		if s := q.Get(name); s != "" {
			n, err := strconv.Atoi(s)
			if err != nil || n < 0 {
				return p, nil, refusal("INVALID_REQUEST_PARAMETER", name)
			}
			*to = n
		}
	}
	p.from = min(p.from, total)
	p.to = min(p.from+min(limit, most), total)
	return p, object{
		"resultSetSize": strconv.Itoa(p.to - p.from), "totalSetSize": strconv.Itoa(total),
		"startPosition": strconv.Itoa(p.from), "endPosition": strconv.Itoa(max(p.to-1, 0)),
	}, nil
}

func listEnvelopes(c *restRequest) answer {
	if ids := c.URL.Query().Get("transaction_ids"); ids != "" {
		return c.listTransactions(strings.Split(ids, ","))
	}
	f, refused := c.filter()
	if refused != nil {
		return c.refuse(refused)
	}
	all := c.choose(c.Account.ID, f)
	if c.Asks("order", "desc") {
		slices.Reverse(all)
	}
	page, place, refused := c.page(len(all), 1000)
	if refused != nil {
		return c.refuse(refused)
	}
	list := []any{}
	for _, e := range all[page.from:page.to] {
		list = append(list, e.Show(c.view(e)))
	}
	place["envelopes"] = list
	return c.tree(http.StatusOK, "envelopesInformation", place)
}

// listTransactions tells what became of creations, several of one id too: the id keeps nobody from a second one.
func (c *restRequest) listTransactions(ids []string) answer {
	list := []any{}
	for _, e := range c.transactions(ids) {
		status := object{"transactionId": e.TransactionID, "status": "processing"}
		if !c.processing(e) {
			status["envelopeId"], status["status"] = e.ID, e.Status
		}
		list = append(list, status)
	}
	return c.tree(http.StatusOK, "envelopesInformation", object{
		"resultSetSize": strconv.Itoa(len(list)), "totalSetSize": strconv.Itoa(len(list)), "startPosition": "0",
		"endPosition": strconv.Itoa(max(len(list)-1, 0)), "envelopeTransactionStatuses": list,
	})
}

// transactions are the envelopes of the account that were made under these ids, as long as that is known.
func (c *call) transactions(ids []string) []Envelope {
	return slices.DeleteFunc(c.Envelopes(), func(e Envelope) bool {
		gone := c.now().After(e.Created.Add(transactionLife))
		return e.AccountID != c.Account.ID || gone || !slices.Contains(ids, e.TransactionID)
	})
}
