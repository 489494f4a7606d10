package soaprest

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/internal/store"
)

const statusText = `{"envelopeId":"` + envelopeOne + `","status":"sent","emailSubject":"Please sign",
	"createdDateTime":"2026-11-20T18:05:09.38Z","statusChangedDateTime":"2026-11-20T18:05:10Z",
	"sender":{"userName":"Anna Example","email":"anna@example.com"},
	"recipients":{"signers":[{"recipientId":"1","name":"Ben","email":"ben@example.com","routingOrder":"1",
	"status":"sent"}]}}`

const statusQuery = "?include=recipients%2Ctabs%2Ccustom_fields"

func statusStep(text string) step {
	return step{want: "GET " + envelopePath + statusQuery, answer: text}
}

func TestTheStatusOfAnEnvelope(t *testing.T) { // SOAP-REST.md §4.1, §4.2
	call := scene{operation: "RequestStatus", body: idElement}
	of := func(name, fault string, s step) scene {
		c := call
		c.name, c.fault, c.steps = name, fault, []step{s}
		return c
	}
	run(t, []scene{
		{
			name: "the smaller set", operation: "RequestStatus", body: idElement, steps: []step{statusStep(statusText)},
			has: []string{"<Status>Sent</Status>", "<TimeGenerated>2026-11-20T18:05:10Z</TimeGenerated>"},
		},
		{
			name: "the larger set", operation: "RequestStatusEx", body: idElement,
			steps: []step{{want: "GET " + envelopePath + statusQuery + "%2Cdocuments", answer: statusText}},
			has:   []string{"<Status>Sent</Status>"}, lacks: []string{"<TimeGenerated>2026-11-20T18:05:10Z"},
		},
		{
			name: "all that REST knows", operation: "RequestStatus", body: idElement,
			set:   func(c *Call) { c.Integration.SOAPREST.StatusMembers = integration.MembersFull },
			steps: []step{{want: "GET " + envelopePath + statusQuery + "%2Cdocuments", answer: statusText}},
		},
		{
			name: "the id comes back as it was sent", operation: "RequestStatus",
			body:  "<EnvelopeID>{" + strings.ToUpper(envelopeOne) + "}</EnvelopeID>",
			steps: []step{statusStep(statusText)},
			has:   []string{"<EnvelopeID>{" + strings.ToUpper(envelopeOne) + "}</EnvelopeID>"},
		},
		{
			name: "an id that is none is not asked for", operation: "RequestStatus", body: "<EnvelopeID>4711</EnvelopeID>",
			fault: absentEnvelope,
		},
		{name: "no id", operation: "RequestStatus", fault: absentEnvelope},
		{
			name: "in another account of the user", operation: "RequestStatus", body: idElement, user: twoAccounts,
			steps: []step{
				{want: "GET " + envelopePath + statusQuery, status: 400, answer: absentText},
				{want: "GET " + envelopePath + statusQuery, in: secondGUID, answer: statusText},
			},
			has: []string{"<Status>Sent</Status>"},
		},
		of("404 without a body", absentEnvelope, step{want: statusStep("").want, status: 404}),
		of("401", "User_Authentication_Failed", step{want: statusStep("").want, status: 401}),
		of("429", "Hourly_API_Invocation_Limit_Exceeded", step{
			want: statusStep("").want, status: 429, answer: `{"errorCode":"HOURLY_APIINVOCATION_LIMIT_EXCEEDED"}`,
		}),
		of("503", "Unspecified_Error", step{want: statusStep("").want, status: 503}),
		of("a page", "Unspecified_Error", statusStep("<html>")),
		of("a body that breaks off", "Unspecified_Error", step{want: statusStep("").want, answer: statusText, cut: true}),
		of("half of a body", "Unspecified_Error", statusStep(statusText[:80])),
		of("a list in its place", "Unspecified_Error", statusStep("[]")),
		of("a word that SOAP does not have", "Unspecified_Error",
			statusStep(strings.Replace(statusText, `"status":"sent"`, `"status":"frozen"`, 1))),
	})
}

func TestRetryAfterIsPassedOn(t *testing.T) { // SOAP-REST.md §5.3
	u := &script{t: t, steps: []step{{
		want: "GET " + envelopePath + statusQuery, status: 429, answer: `{"errorCode":"HOURLY_APIINVOCATION_LIMIT_EXCEEDED"}`,
		header: map[string]string{"Retry-After": "1200"},
	}}}
	a, err := New(Options{}).Serve(t.Context(), newCall(u, "RequestStatus", idElement))
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	if got := a.Header.Get("Retry-After"); got != "1200" || a.Status != 500 {
		t.Errorf("status %d, Retry-After %q", a.Status, got)
	}
}

func TestAStatusIsAnsweredFromMemory(t *testing.T) { // SOAP-REST.md §6.6
	e := New(Options{Returns: store.Memory().Returns()})
	cached := func(c *Call) { reachable(c); c.Integration.SOAPREST.CacheStatus = time.Minute }
	poll := scene{operation: "RequestStatus", body: idElement, set: cached, has: []string{"<Status>Sent</Status>"}}
	ask := func(name string, want bool) {
		t.Helper()
		s := poll
		if s.steps = nil; !want {
			s.steps = []step{statusStep(statusText)}
		}
		got := s.play(t, e)
		if got.notes.Cached != want || got.notes.Account != firstGUID || got.notes.Site != "na3.docusign.net" ||
			got.notes.Envelope != envelopeOne {
			t.Errorf("%s: %+v", name, got.notes)
		}
	}
	ask("the first time", false)
	ask("the second time", true)
	poll.body = "<EnvelopeID>" + strings.ToUpper(envelopeOne) + "</EnvelopeID>"
	poll.has = []string{strings.ToUpper(envelopeOne)}
	ask("the same envelope in other letters", true)

	change := func(operation, body string, steps ...step) string {
		t.Helper()
		u := &script{t: t, steps: steps}
		c := newCall(u, operation, body)
		cached(c)
		c.Integration.SOAPREST.ClientURLs = integration.Redirect
		if got := serveCall(t.Context(), e, c); got.status != 200 {
			t.Errorf("%s: %s", operation, got.text)
		}
		u.done()
		return strings.Join(u.bodies, "")
	}
	change("VoidEnvelope", idElement+"<Reason>r</Reason>", step{want: "PUT " + envelopePath, answer: "{}"})
	ask("after it was voided", false)
	ask("and again", true)
	body := change("RequestRecipientToken", idElement+assertionElement, viewStep("recipient"))
	ask("after a signer was sent there", false)

	_, state, ok := strings.Cut(body, "/ds-return/")
	state, _, _ = strings.Cut(state, `"`)
	if location, err := e.Return(t.Context(), state, url.Values{"event": {"signing_complete"}}); !ok || err != nil || location != "" {
		t.Errorf("the signer is led to %q, %v", location, err)
	}
	ask("after the signer came back", false)

	poll.set = func(c *Call) { cached(c); c.Owner.Authenticator = "ben@example.com" }
	ask("another user", false)
}

func filter(inside string) string {
	return "<EnvelopeStatusFilter>" + inside + "</EnvelopeStatusFilter>"
}

const (
	since    = "<BeginDateTime>2026-11-19T00:00:00Z</BeginDateTime>"
	noBegin  = `<BeginDateTime xsi:nil="true"/>`
	allWords = "created,sent,delivered,signed,completed,declined,voided,deleted,timedout,template,processing"
)

func TestFiltersThatAreAskedForNothing(t *testing.T) { // SOAP-REST.md §4.3
	many := strings.Builder{}
	for i := range 1001 {
		fmt.Fprintf(&many, "<EnvelopeId>e0000000-1111-4222-8333-%012d</EnvelopeId>", i)
	}
	for name, body := range map[string]string{
		"no filter":                        "",
		"neither a time nor ids":           filter(""),
		"no ids among the ids":             filter("<EnvelopeIds/>"),
		"a user without an address":        filter("<UserInfo><UserName>Anna</UserName></UserInfo>" + since),
		"an address without a user":        filter("<UserInfo><Email>anna@example.com</Email></UserInfo>" + since),
		"a qualifier that is none":         filter(strings.Replace(since, ">", ` statusQualifier="Soon">`, 1)),
		"a time before DocuSign":           filter("<BeginDateTime>1492-11-19T00:00:00Z</BeginDateTime>"),
		"an end that is none":              filter(since + "<EndDateTime>9999-12-31T23:59:59-08:00</EndDateTime>"),
		"a status that is none":            filter(since + "<Statuses><Status>Frozen</Status></Statuses>"),
		"a start that is out of range":     filter(since + "<StartAtIndex>99999999999</StartAtIndex>"),
		"more ids than an answer can have": filter("<EnvelopeIds>" + many.String() + "</EnvelopeIds>"),
	} {
		t.Run(name, func(t *testing.T) {
			got := serve(t.Context(), New(Options{}), &script{t: t}, "RequestStatuses", body)
			if got.status != 500 || !got.has("<faultstring>Validation error: ", "<detail />") {
				t.Error(got.text)
			}
		})
	}
}

func TestWhatAFilterAsksFor(t *testing.T) { // SOAP-REST.md §4.3, §11.6
	const id2 = "e0000000-1111-4222-8333-000000000002"
	for name, tc := range map[string]struct{ filter, want string }{
		"a time alone": {since, "from_date=2026-11-19T00:00:00Z&from_to_status=changed&status=" + allWords},
		"a time without a zone": {
			"<BeginDateTime>2026-07-19T00:00:00.5</BeginDateTime>",
			"from_date=2026-07-19T07:00:00.5Z&from_to_status=changed&status=" + allWords,
		},
		"a qualifier": {
			`<BeginDateTime statusQualifier="Delivered">2026-11-19T00:00:00+01:00</BeginDateTime>`,
			"from_date=2026-11-18T23:00:00Z&from_to_status=delivered&status=" + allWords,
		},
		"an end": {
			since + "<EndDateTime>2026-11-20T00:00:00Z</EndDateTime>",
			"from_date=2026-11-19T00:00:00Z&to_date=2026-11-20T00:00:00Z&from_to_status=changed&status=" + allWords,
		},
		"words": {
			since + "<Statuses><Status>TimedOut</Status><Status>Created</Status></Statuses>",
			"from_date=2026-11-19T00:00:00Z&from_to_status=changed&status=timedout,created",
		},
		"any word": {
			since + "<Statuses><Status>Any</Status><Status>Sent</Status></Statuses>",
			"from_date=2026-11-19T00:00:00Z&from_to_status=changed&status=" + allWords,
		},
		"a user": {
			"<UserInfo><UserName>Anna</UserName><Email>anna@example.com</Email></UserInfo>" + since,
			"user_name=Anna&email=anna@example.com&from_date=2026-11-19T00:00:00Z&from_to_status=changed&status=" + allWords,
		},
		"a user of nothing": {
			"<UserInfo><UserName/><Email/></UserInfo>" + since,
			"from_date=2026-11-19T00:00:00Z&from_to_status=changed&status=" + allWords,
		},
		"copies": {
			since + "<ACStatus>Original</ACStatus>",
			"from_date=2026-11-19T00:00:00Z&from_to_status=changed&ac_status=Original&status=" + allWords,
		},
		"ids without words": {
			noBegin + "<EnvelopeIds><EnvelopeId>" + envelopeOne + "</EnvelopeId><EnvelopeId>4711</EnvelopeId><EnvelopeId>{" +
				strings.ToUpper(id2) + "}</EnvelopeId><EnvelopeId>" + id2 + "</EnvelopeId></EnvelopeIds>",
			"envelope_ids=" + envelopeOne + "," + id2,
		},
		"ids and any word": {
			"<Statuses><Status>Any</Status></Statuses><EnvelopeIds><EnvelopeId>" + id2 + "</EnvelopeId></EnvelopeIds>",
			"envelope_ids=" + id2,
		},
		"ids, words and a time": {
			since + "<Statuses><Status>Sent</Status></Statuses><EnvelopeIds><EnvelopeId>" + id2 + "</EnvelopeId></EnvelopeIds>",
			"from_date=2026-11-19T00:00:00Z&from_to_status=changed&status=sent&envelope_ids=" + id2,
		},
	} {
		t.Run(name, func(t *testing.T) {
			want, err := url.ParseQuery(strings.ReplaceAll(tc.want, "+", "%2B"))
			if err != nil {
				t.Fatal(err)
			}
			for key, value := range map[string]string{
				"count": "1000", "start_position": "0", "include": "recipients,tabs,custom_fields",
			} {
				want.Set(key, value)
			}
			s := scene{
				operation: "RequestStatuses", body: filter(tc.filter),
				set:   func(c *Call) { c.Integration.SOAPREST.TimeZone.Location = pacific(t) },
				steps: []step{{want: "GET /envelopes?" + want.Encode(), answer: listText(0, 0, 0)}},
				has:   []string{"<ResultSetSize>0</ResultSetSize>", "<EnvelopeStatuses />"},
			}
			s.play(t, New(Options{}))
		})
	}
}

// listText is a page of a list, in which the envelopes are numbered from first.
func listText(first, count, total int) string {
	var b strings.Builder
	for i := range count {
		fmt.Fprintf(&b, `{"envelopeId":"e0000000-1111-4222-8333-%012d","status":"sent",
			"createdDateTime":"2026-11-20T18:05:09Z"},`, first+i)
	}
	return fmt.Sprintf(`{"envelopes":[%s],"resultSetSize":"%d","totalSetSize":"%d"}`,
		strings.TrimSuffix(b.String(), ","), count, total)
}

func listStep(query url.Values, start, count int, answer string) step {
	query.Set("start_position", fmt.Sprint(start))
	query.Set("count", fmt.Sprint(count))
	return step{want: "GET /envelopes?" + query.Encode(), answer: answer}
}

func TestAListIsFetchedOn(t *testing.T) {
	query := func() url.Values {
		return url.Values{
			"include": {"recipients,tabs,custom_fields"}, "from_date": {"2026-11-19T00:00:00Z"},
			"from_to_status": {"changed"}, "status": {allWords},
		}
	}
	size := func(n int) string { return fmt.Sprintf("<ResultSetSize>%d</ResultSetSize>", n) }
	id := func(n int) string { return fmt.Sprintf("<EnvelopeID>e0000000-1111-4222-8333-%012d</EnvelopeID>", n) }
	var ids, first, second []string
	for i := range 150 {
		guid := fmt.Sprintf("e0000000-1111-4222-8333-%012d", i)
		ids = append(ids, "<EnvelopeId>"+guid+"</EnvelopeId>")
		if i < 100 {
			first = append(first, guid)
		} else {
			second = append(second, guid)
		}
	}
	idQuery := func(guids []string) url.Values {
		return url.Values{"include": {"recipients,tabs,custom_fields"}, "envelope_ids": {strings.Join(guids, ",")}}
	}
	byID := func(start string) string {
		return filter("<EnvelopeIds>" + strings.Join(ids, "") + "</EnvelopeIds>" + start)
	}
	cut := listStep(query(), 0, 1000, listText(0, 1, 1))
	cut.cut = true
	run(t, []scene{
		{
			name: "until all are there", operation: "RequestStatuses", body: filter(since),
			steps: []step{
				listStep(query(), 0, 1000, listText(0, 100, 250)), listStep(query(), 100, 900, listText(100, 100, 250)),
				listStep(query(), 200, 800, listText(200, 50, 250)),
			},
			has: []string{size(250), id(0), id(249)}, lacks: []string{id(250)},
		},
		{
			name: "until the answer is full", operation: "RequestStatuses", body: filter(since),
			steps: []step{
				listStep(query(), 0, 1000, listText(0, 600, 5000)), listStep(query(), 600, 400, listText(600, 400, 5000)),
			},
			has: []string{size(5000), id(999)},
		},
		{
			name: "five times at most", operation: "RequestStatuses", body: filter(since),
			steps: []step{
				listStep(query(), 0, 1000, listText(0, 10, 90)), listStep(query(), 10, 990, listText(10, 10, 90)),
				listStep(query(), 20, 980, listText(20, 10, 90)), listStep(query(), 30, 970, listText(30, 10, 90)),
				listStep(query(), 40, 960, listText(40, 10, 90)),
			},
			has: []string{size(90), id(49)}, lacks: []string{id(50)},
		},
		{
			name: "until REST gives none", operation: "RequestStatuses", body: filter(since),
			steps: []step{
				listStep(query(), 0, 1000, listText(0, 1, 9)), listStep(query(), 1, 999, listText(0, 0, 9)),
			},
			has: []string{size(9), id(0)},
		},
		{
			name: "from a start", operation: "RequestStatuses", body: filter(since + "<StartAtIndex>40</StartAtIndex>"),
			steps: []step{listStep(query(), 40, 1000, listText(40, 2, 42))},
			has:   []string{size(42), id(41), "<StartAtIndex>40</StartAtIndex>"},
		},
		{
			name: "ids in batches", operation: "RequestStatuses", body: byID(""),
			steps: []step{
				listStep(idQuery(first), 0, 1000, listText(0, 99, 99)), listStep(idQuery(second), 0, 901, listText(100, 50, 50)),
			},
			has: []string{size(149), id(98), id(149), `<BeginDateTime xsi:nil="true" />`, `<StartAtIndex xsi:nil="true" />`},
		},
		{
			name: "ids in batches from a start in the second", operation: "RequestStatuses",
			body: byID("<StartAtIndex>120</StartAtIndex>"),
			steps: []step{
				listStep(idQuery(first), 120, 1000, listText(0, 0, 100)),
				listStep(idQuery(second), 20, 1000, listText(120, 30, 50)),
			},
			has: []string{size(150), id(149)}, lacks: []string{id(119)},
		},
		{
			name: "ids that are none", operation: "RequestStatuses",
			body: filter("<EnvelopeIds><EnvelopeId>4711</EnvelopeId></EnvelopeIds>"),
			has:  []string{size(0), "<EnvelopeId>4711</EnvelopeId>"},
		},
		{
			name: "the larger set", operation: "RequestStatusesEx", body: filter(since),
			steps: []step{func() step {
				q := query()
				q.Set("include", "recipients,tabs,custom_fields,documents")
				return listStep(q, 0, 1000, listText(0, 1, 1))
			}()},
			has: []string{size(1)},
		},
		{
			name: "the second page is refused", operation: "RequestStatuses", body: filter(since),
			steps: []step{
				listStep(query(), 0, 1000, listText(0, 1, 2)),
				{want: listStep(query(), 1, 999, "").want, status: 500},
			},
			fault: "Unspecified_Error",
		},
		{
			name: "a page that breaks off", operation: "RequestStatuses", body: filter(since),
			steps: []step{cut}, fault: "Unspecified_Error",
		},
		{
			name: "a page that is none", operation: "RequestStatuses", body: filter(since),
			steps: []step{listStep(query(), 0, 1000, "<html>")}, fault: "Unspecified_Error",
		},
	})
}

func TestAListHasAThousandEnvelopes(t *testing.T) {
	q := url.Values{
		"include": {"recipients,tabs,custom_fields"}, "from_date": {"2026-11-19T00:00:00Z"},
		"from_to_status": {"changed"}, "status": {allWords},
	}
	s := scene{
		operation: "RequestStatuses", body: filter(since), steps: []step{listStep(q, 0, 1000, listText(0, 1000, 1000))},
	}
	got := s.play(t, New(Options{}))
	if n := strings.Count(got.text, "<EnvelopeStatus>"); n != 1000 {
		t.Errorf("%d envelopes", n)
	}
	if !slices.IsSorted(strings.Split(got.text, "<EnvelopeID>")[1:]) {
		t.Error("they are in another order")
	}
}

func TestAnAccountOfOthersIsNotAsked(t *testing.T) {
	body := filter("<AccountId>7654321</AccountId>" + since)
	got := serve(t.Context(), New(Options{}), &script{t: t}, "RequestStatuses", body)
	if call.KindOf(got.err) != call.KindNotAllowed {
		t.Errorf("got %v", got.err)
	}
}
