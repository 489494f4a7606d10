package soaprest

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"docusign-auth-proxy/translate/soaprest/answer"
	"docusign-auth-proxy/translate/soaprest/element"
	"docusign-auth-proxy/translate/soaprest/fault"
)

// includes are what the two sets of members are made of (SOAP-REST.md §4.1). The documents are in the larger one alone.
func (t *task) includes() string {
	if t.writer.Full || strings.HasSuffix(t.Operation, "Ex") {
		return "recipients,tabs,custom_fields,documents"
	}
	return "recipients,tabs,custom_fields"
}

// requestStatus answers with the status of an envelope (SOAP-REST.md §4.1, §4.2), from memory where the same caller
// asked a short time ago.
func requestStatus(ctx context.Context, t *task) (*answer.Answer, error) {
	text := t.root.Value("EnvelopeID")
	id, err := envelopeID(text)
	if err != nil {
		return nil, err
	}
	key := statusKey{owner: t.Owner, envelope: id, members: t.includes()}
	s, cached, err := t.engine.statuses.get(ctx, key, t.Integration.SOAPREST.CacheStatus, func(ctx context.Context) (
		s *status, err error,
	) {
		err = t.read(ctx, id, func(ctx context.Context, e envelope) error {
			s = &status{account: e.Account, at: t.engine.o.Now()}
			query := url.Values{"include": {t.includes()}}
			s.json, err = t.json(ctx, &Request{Method: http.MethodGet, Account: e.Account, Path: e.path(""), Query: query})
			return err
		})
		return s, err
	})
	if err != nil {
		return nil, err
	}
	t.Notes.Cached, t.Notes.Envelope = cached, id
	t.Notes.Account, t.Notes.Site = s.account.ID, s.account.Site.Host
	var envelope map[string]any
	if err := json.Unmarshal(s.json, &envelope); err != nil {
		return nil, fault.Server("the status of the envelope cannot be read: %v", err)
	}
	fields := t.writer.Status(envelope)
	fields["EnvelopeID"] = text
	if strings.HasSuffix(t.Operation, "Ex") {
		fields["TimeGenerated"] = s.at
	}
	return t.writer.Result(fields)
}

// Bounds of a list (SOAP-REST.md §4.3, §11.6).
const (
	maxListed = 1000 // envelopes in an answer, as SOAP had, and ids in a filter
	maxPages  = 5    // calls for one query
	batch     = 100  // ids in a call
)

// requestStatuses answers with the statuses of all envelopes that a filter lets through.
func requestStatuses(ctx context.Context, t *task) (*answer.Answer, error) {
	filter := t.root.Child("EnvelopeStatusFilter")
	queries, err := t.queries(filter)
	if err != nil {
		return nil, err
	}
	skip, err := strconv.ParseUint("0"+strings.TrimLeft(filter.Value("StartAtIndex"), "+"), 10, 31)
	if err != nil {
		return nil, fault.Invalid("StartAtIndex is out of range")
	}
	a, err := t.account(ctx, filter.Value("AccountId"))
	if err != nil {
		return nil, err
	}
	l := &list{documents: documents{task: t}, account: a, skip: int(skip)}
	for _, q := range queries {
		if err = l.fetch(ctx, q); err != nil {
			break
		}
	}
	return l.answer(t.writer.Statuses(answer.Echo(filter), l.total, l.pages), err)
}

// list is the envelopes of an answer while they are fetched. They wait in spools, since how many there are comes first.
type list struct {
	documents

	account Account
	skip    int // how many come before the first one that is wanted
	total   int // of all queries
	count   int
	pages   []*answer.Page
}

// fetch asks a query on and on where REST gives less than there is, until the answer is full.
func (l *list) fetch(ctx context.Context, query url.Values) error {
	start, wanted := l.skip, maxListed-l.count
	for call := range maxPages {
		query.Set("start_position", strconv.Itoa(start))
		query.Set("count", strconv.Itoa(wanted))
		page, err := l.page(ctx, query)
		if err != nil {
			return err
		}
		if call == 0 {
			l.total += page.Total
			l.skip = max(0, l.skip-page.Total)
		}
		l.pages = append(l.pages, page)
		l.count += page.Count
		start, wanted = start+page.Count, wanted-page.Count
		if page.Count == 0 || wanted <= 0 || start >= page.Total {
			break
		}
	}
	return nil
}

func (l *list) page(ctx context.Context, query url.Values) (*answer.Page, error) {
	resp, err := l.send(ctx, &Request{Method: http.MethodGet, Account: l.account, Path: "/envelopes", Query: query})
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	file, err := l.keep(resp)
	if err != nil {
		return nil, err
	}
	return answer.ReadPage(file)
}

// queries are the calls that a filter needs: one, or one for each batch of ids (SOAP-REST.md §4.3, §11.6).
func (t *task) queries(filter *element.Element) ([]url.Values, error) {
	if filter == nil {
		return nil, fault.Invalid("EnvelopeStatusFilter is missing")
	}
	common := url.Values{"include": {t.includes()}}
	ids := filter.Child("EnvelopeIds").All("EnvelopeId")
	begin := filter.Value("BeginDateTime") != ""
	if !begin && len(ids) == 0 {
		return nil, fault.Invalid("the filter has neither BeginDateTime nor EnvelopeIds")
	}
	if err := t.dates(filter, common); err != nil {
		return nil, err
	}
	user, email := filter.At("UserInfo", "UserName"), filter.At("UserInfo", "Email")
	switch {
	case empty(user) != empty(email):
		return nil, fault.Invalid("UserInfo needs both UserName and Email")
	case !empty(user):
		common.Set("user_name", user.Text)
		common.Set("email", email.Text)
	}
	if ac := filter.Value("ACStatus"); ac != "" {
		common.Set("ac_status", ac)
	}
	if words := statusWords(filter.Child("Statuses"), len(ids) > 0); len(words) > 0 {
		common.Set("status", strings.Join(words, ","))
	}
	if len(ids) == 0 {
		return []url.Values{common}, nil
	}
	return batches(common, ids)
}

func empty(e *element.Element) bool { return e == nil || e.Text == "" }

// batches ask for the envelopes with these ids. What is no GUID exists nowhere, and is left out as REST does with ids
// that it does not know.
func batches(common url.Values, ids []*element.Element) (queries []url.Values, err error) {
	var guids []string
	for _, e := range ids {
		if id, err := envelopeID(e.Text); err == nil && !slices.Contains(guids, id) {
			guids = append(guids, id)
		}
	}
	if len(guids) > maxListed {
		return nil, fault.Invalid("EnvelopeIds has more than %d ids", maxListed)
	}
	for some := range slices.Chunk(guids, batch) {
		q := maps.Clone(common)
		q.Set("envelope_ids", strings.Join(some, ","))
		queries = append(queries, q)
	}
	return queries, nil
}

// dates puts in the time between which something became of an envelope.
func (t *task) dates(filter *element.Element, query url.Values) error {
	for name, member := range map[string]string{"BeginDateTime": "from_date", "EndDateTime": "to_date"} {
		text := filter.Value(name)
		if text == "" {
			continue
		}
		at, err := answer.ParseDate(text, t.writer.Zone)
		if err != nil {
			return err
		}
		query.Set(member, restDate(at))
	}
	if query.Has("from_date") {
		qualifier := strings.ToLower(filter.Child("BeginDateTime").Attributes["statusQualifier"])
		if qualifier = cmp.Or(qualifier, "changed"); qualifier != "changed" && !slices.Contains(allStatuses(), qualifier) {
			return fault.Invalid("statusQualifier of BeginDateTime is no status")
		}
		query.Set("from_to_status", qualifier)
	}
	return nil
}

// allStatuses are REST's words. It leaves drafts out where it is asked for no word, or for "any" (SOAP-REST.md §4.3).
func allStatuses() []string {
	return strings.Fields("created sent delivered signed completed declined voided deleted timedout template processing")
}

// statusWords are those of a filter. One without words, or with Any, lets all through.
func statusWords(statuses *element.Element, withIDs bool) (words []string) {
	for _, e := range statuses.All("Status") {
		words = append(words, strings.ToLower(e.Text))
	}
	switch {
	case len(words) > 0 && !slices.Contains(words, "any"):
		return words
	case withIDs:
		return nil
	}
	return allStatuses()
}
