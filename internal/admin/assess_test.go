package admin

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/observe/ledger"
)

var noon = time.Date(2026, 3, 17, 12, 0, 0, 0, time.UTC)

func with(states ...ledger.State) Status {
	var s Status
	for n, state := range states {
		i := Integration{Name: string(rune('a' + n)), Mode: "translate", State: string(state)}
		switch state {
		case ledger.StateLegacy, ledger.StateTranslated, ledger.StateFailing, ledger.StateMixed:
			i.LegacyLast = noon.Add(-time.Hour)
		case ledger.StateNative:
			i.NativeLast = noon.Add(-time.Hour)
		}
		s.Integrations = append(s.Integrations, i)
	}
	return s
}

func TestHeadlineAndVerdict(t *testing.T) {
	stranger := with(ledger.StateNative)
	stranger.Unknown = []Unknown{{LastSeen: noon.Add(-time.Hour)}, {LastSeen: noon.Add(-15 * 24 * time.Hour)}}
	failingNative := with(ledger.StateFailing)
	failingNative.Integrations[0].LegacyLast, failingNative.Integrations[0].NativeLast = time.Time{}, noon
	for _, test := range []struct {
		name              string
		status            Status
		headline, verdict string
		remove            bool
	}{
		{"nothing is configured", Status{}, "No integration is configured yet",
			"Add the first one to integrations: in the configuration, or let a program call: its key then shows under unknown " +
				"callers.", false},
		{"one needs it", with(ledger.StateTranslated), "1 of 1 integration still needs the proxy; none is failing",
			"The proxy can go when a has OAuth of its own.", false},
		{"one fails", with(ledger.StateTranslated, ledger.StateFailing, ledger.StateNative),
			"2 of 3 integrations still need the proxy; 1 is failing", "The proxy can go when a and b have OAuth of their own.",
			false},
		{"many need it", with(slices7()...), "7 of 7 integrations still need the proxy; none is failing",
			"The proxy can go when a, b, c, d, e and 2 more have OAuth of their own.", false},
		{"all moved", with(ledger.StateNative, ledger.StateBlocked), "No integration is seen to need the proxy",
			"The proxy can go: nobody has sent a legacy credential for 14 days.", true},
		{"one is silent", with(ledger.StateNative, ledger.StateIdle), "No integration is seen to need the proxy",
			"The proxy can go when the owner of 1 silent integration confirms that nothing comes any more.", false},
		{"a stranger came lately", stranger, "No integration is seen to need the proxy",
			"The proxy can go when 1 unknown caller is accounted for.", false},
		{"a moved one fails", failingNative, "No integration is seen to need the proxy; 1 is failing",
			"The proxy can go when the failing one works.", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := complete(test.status, noon).Migration
			if m.Headline != test.headline || m.Verdict != test.verdict || m.CanRemove != test.remove {
				t.Errorf("%q\n%q\n%v", m.Headline, m.Verdict, m.CanRemove)
			}
		})
	}
}

func TestNothingFollowsFromCallsThatWereNotRead(t *testing.T) {
	fresh, old := noon.Add(-time.Minute), noon.Add(-30*24*time.Hour)
	all := []ledger.State{ledger.StateNeverSeen, ledger.StateIdle, ledger.StateNative, ledger.StateBlocked}
	away := OfStore(cause.StoreUnreachable)
	for _, test := range []struct {
		name              string
		asOf, made, first time.Time
		wrong             []Attention
		states            []ledger.State
		headline, verdict string
		known             bool
		unlisted          bool // were not read
	}{
		{"never read", time.Time{}, time.Time{}, time.Time{}, nil, all, "Which integrations need the proxy is not known",
			"Not known: the store of all replicas has not been read (it has not been reached yet).", false, false},
		{"never read, and it is said why", time.Time{}, time.Time{}, time.Time{}, []Attention{away}, all,
			"Which integrations need the proxy is not known", "Not known: the store of all replicas has not been read " +
				"(The store of all replicas cannot be reached, and only it knows the answer).", false, false},
		{"one is seen all the same", time.Time{}, time.Time{}, time.Time{}, nil,
			append([]ledger.State{ledger.StateLegacy}, all...), "At least 1 of 5 integrations still needs the proxy",
			"Not known: the store of all replicas has not been read (it has not been reached yet). Seen to need the proxy: a.",
			false, false},
		{"unknown callers never read", fresh, old, old, nil, all, "Which integrations need the proxy is not known",
			"Not known: the store of all replicas has not been read (it has not been reached yet).", false, true},
		{"read long ago", noon.Add(-2 * time.Hour), old, old, nil, all, "Which integrations need the proxy is not known",
			"Not known: the store of all replicas has not been read for 2 hours.", false, false},
		{"made anew", fresh, noon.Add(-3 * time.Minute), time.Time{}, nil, all,
			"Which integrations need the proxy is not known", "Not known: the store of all replicas was made 3 minutes ago, " +
				"and has no call from before.", false, false},
		{"made anew, and all moved", fresh, noon.Add(-24 * time.Hour), fresh, nil, []ledger.State{ledger.StateNative},
			"Which integrations need the proxy is not known", "Not known: the store of all replicas was made 1 day ago, " +
				"and has no call from before.", false, false},
		{"made as a copy of an older one", fresh, noon.Add(-3 * time.Minute), old, nil, []ledger.State{ledger.StateNative},
			"No integration is seen to need the proxy", "The proxy can go: nobody has sent a legacy credential for 14 days.",
			true, false},
		{"read, and old enough", fresh, old, time.Time{}, nil, []ledger.State{ledger.StateNative},
			"No integration is seen to need the proxy", "The proxy can go: nobody has sent a legacy credential for 14 days.",
			true, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := with(test.states...)
			s.Integrations[0].FirstSeen = test.first
			counts := ledger.Sharing{AsOf: test.asOf, UnknownAsOf: test.asOf}
			s.Replicas = &Replicas{Made: test.made, Counts: counts, Server: test.wrong}
			if test.unlisted {
				s.Replicas.Counts.UnknownAsOf = time.Time{}
			}
			s = complete(s, noon)
			s = complete(s, noon) // as a report that asks a running proxy
			m := s.Migration
			if m.Headline != test.headline || m.Verdict != test.verdict || m.CanRemove != test.known {
				t.Errorf("%q\n%q\n%v", m.Headline, m.Verdict, m.CanRemove)
			}
			for n, i := range s.Integrations {
				was := test.states[n]
				follows := was != ledger.StateBlocked && was != ledger.StateLegacy
				if hidden := ledger.State(i.State) == ledger.StateNotKnown; hidden != (follows && !test.known) {
					t.Errorf("%s is told as %s", was, i.State)
				} else if hidden && (i.StateText != "Not known" || !strings.HasPrefix(i.NextStep, "Not known: the store")) {
					t.Errorf("%s: %q, %q", was, i.StateText, i.NextStep)
				}
			}
			if told := m.NotKnown + m.Silent + m.Moved + m.Blocked + m.Need; told != m.Total {
				t.Errorf("%d of %d are counted", told, m.Total)
			}
		})
	}
}

func TestSentence(t *testing.T) {
	for text, want := range map[string]string{
		"":                              "",
		"wait, it passes":               "Wait, it passes.",
		"nobody's":                      "Nobody's.",
		"old-erp has no private key":    "old-erp has no private key.",
		"anna@example.com may not":      "anna@example.com may not.",
		"soap: rest can be set":         "soap: rest can be set.",
		"docusign-auth-proxy login":     "docusign-auth-proxy login.",
		"127.0.0.1:443 does not answer": "127.0.0.1:443 does not answer.",
		"DocuSign failed.":              "DocuSign failed.",
	} {
		if got := sentence(text); got != want {
			t.Errorf("%q became %q, not %q", text, got, want)
		}
	}
}

func TestManyUsersWithoutConsentAreToldWithTheirScopes(t *testing.T) {
	s := with(ledger.StateTranslated)
	i := &s.Integrations[0]
	i.ClientID, i.Scopes = "the-key", []string{"signature", "impersonation"}
	for n := range userEntries + 1 {
		i.Tokens = append(i.Tokens, Token{User: fmt.Sprintf("user%d", n), Consent: "required"})
	}
	a := complete(s, noon).Attention
	if len(a) != 1 || !strings.Contains(a[0].Problem, "with the scopes signature impersonation. It is so for user0, ") ||
		!strings.Contains(a[0].NextStep, "consent wait --integration a --user USER --config ") {
		t.Errorf("%+v", a)
	}
	if class := stateClass(complete(s, noon).Integrations[0]); class != "state-partly" {
		t.Errorf("it looks as if it worked for all: %s", class)
	}
}

func slices7() []ledger.State {
	list := make([]ledger.State, 7)
	for i := range list {
		list[i] = ledger.StateMixed
	}
	return list
}

func TestAttention(t *testing.T) {
	trouble := Token{User: "anna", Consent: "required", Error: "no consent", NextStep: "open the page",
		ConsentURL: "https://x.example/"}
	failing := with(ledger.StateFailing)
	failing.Integrations[0].LastError = "refused"
	folded := with(ledger.StateFailing)
	folded.Integrations[0].Tokens = []Token{trouble}
	apart := with(ledger.StateTranslated)
	apart.Integrations[0].Tokens = []Token{trouble, {User: "bob", Consent: "given"}}
	bearer, over := with(ledger.StateTranslated), with(ledger.StateTranslated)
	bearer.Integrations[0].SOAP, bearer.Integrations[0].BearerRefused = "bearer", noon.Add(-time.Hour)
	bearer.Integrations[0].Verdict = "the 1 operation seen is carried out whole: soap: rest can be set"
	over.Integrations[0].SOAP, over.Integrations[0].BearerRefused = "rest", noon.Add(-time.Hour)
	unchosen, one, many, blocked := with(ledger.StateTranslated), with(ledger.StateTranslated),
		with(ledger.StateTranslated), with(ledger.StateBlocked)
	unchosen.Integrations[0].SOAP, unchosen.Integrations[0].Operations = "bearer", []ledger.Operation{{Name: "Ping"}}
	one.Integrations[0].Callers = []Caller{
		failed("ben@example.com", "bad_login", "the password is another"),
		{Authenticator: "anna@example.com", LastSeen: noon},
		failed("cora@example.com", "docusign_404", "there is no such envelope"),
	}
	for n := range 7 {
		callers := &many.Integrations[0].Callers
		*callers = append(*callers, failed(fmt.Sprintf("user%d", n+1), "bad_login", "x"))
	}
	oneAddress := []Integration{{Summary: ledger.Summary{Name: "a"}}}
	for _, agent := range []string{"x", "y", "z"} {
		oneAddress[0].Callers = append(oneAddress[0].Callers, Caller{Client: "10.0.0.9", UserAgent: agent})
	}
	blocked.Integrations[0].Mode, blocked.Integrations[0].Callers = "block", one.Integrations[0].Callers
	blocked.Integrations[0].Tokens = []Token{trouble}
	conns := Status{ConnFailures: []call.ConnFailure{
		connFailure("10.0.0.1", cause.TLSNoCall, 3, false), connFailure("10.0.0.2", cause.TLSNotTrusted, 1, true),
		connFailure("10.0.0.3", cause.TLSNoCall, 900, true), {Last: noon.Add(-2 * time.Hour), Cause: "tls_version"},
	}}
	for _, test := range []struct {
		name   string
		status Status
		want   []string // subject, problem, next step
	}{
		{"DocuSign takes no token on SOAP", bearer, []string{"a over SOAP",
			sentence(cause.BearerRefused.Means()) + " The last time was 1 hour ago.",
			sentence(cause.BearerRefused.Next()) + " The 1 operation seen is carried out whole: soap: rest can be set."}},
		{"DocuSign took no token on SOAP before soap: rest was set", over, nil},
		{"nothing", with(ledger.StateTranslated), nil},
		{"a blocked integration is refused on purpose", blocked, nil},
		{"a failing integration tells its last error", failing, []string{"a",
			"Most of its last calls failed. Last error: refused.", cause.Other.Next()}},
		{"the one token in trouble is the likely cause", folded, []string{"a for anna",
			"Most of its last calls failed. No consent.", "Open the page."}},
		{"a token in trouble counts although calls go well", apart, []string{"a for anna", "No consent.", "Open the page."}},
		{"a creation that nobody knows the end of",
			Status{Unresolved: Unresolved{Count: 2, Oldest: noon.Add(-time.Hour)}}, []string{"SOAP over REST",
				cause.CreationUnresolved.Means("count", "2 creations, the oldest of 1 hour ago,"),
				cause.CreationUnresolved.Next()}},
		{"a creation under way", Status{Unresolved: Unresolved{Count: 1, Oldest: noon.Add(-time.Minute)}}, nil},
		{"a bad reload", Status{Config: ConfigState{Error: "x"}}, []string{"Configuration",
			cause.ConfigNotLoaded.Means("detail", "x"), cause.ConfigNotLoaded.Next()}},
		{"a CA that ends soon", Status{Authority: &Authority{Expires: noon.Add(48 * time.Hour)},
			Config: ConfigState{Path: "p.yaml"}},
			[]string{"Certificate authority", cause.CAExpiring.Means("until", "2026-03-19"),
				cause.CAExpiring.Next("config", "p.yaml")}},
		{"a CA that has ended", Status{Authority: &Authority{Expires: noon}}, []string{"Certificate authority",
			cause.CAExpired.Means("until", "2026-03-17"), cause.CAExpired.Next()}},
		{"a CA of tomorrow", Status{Authority: &Authority{NotBefore: noon.Add(24 * time.Hour),
			Expires: noon.Add(48 * time.Hour)}}, []string{"Certificate authority",
			cause.CANotBegun.Means("until", "2026-03-18"), cause.CANotBegun.Next()}},
		{"a CA that lasts", Status{Authority: &Authority{Expires: noon.Add(400 * 24 * time.Hour)}}, nil},
		{"a clock behind", Status{Clock: Clock{OffsetSeconds: 90}}, []string{"Clock",
			"This machine's clock is 90 seconds behind the account server's.",
			cause.ClockOff.Next()}},
		{"a clock ahead", Status{Clock: Clock{OffsetSeconds: -30}}, []string{"Clock",
			"This machine's clock is 30 seconds ahead of the account server's.",
			cause.ClockOff.Next()}},
		{"three programs at one address", Status{Integrations: oneAddress}, []string{"Addresses of programs",
			"Calls of 3 programs come from the one address 10.0.0.9, as if a balancer hid where they come from.",
			cause.OneClient.Next("client", "10.0.0.9")}},
		{"three programs at one address that names its clients", Status{Integrations: oneAddress,
			Balancers: []string{"10.0.0.0/24"}}, nil},
		{"a log that nobody reads", Status{LogTrouble: "stuck"},
			[]string{"Log", cause.LogStuck.Means(), cause.LogStuck.Next()}},
		{"SOAP calls while nobody has said how they go", unchosen, []string{"a over SOAP",
			cause.SOAPNotChosen.Means("integration", "a"), cause.SOAPNotChosen.Next()}},
		{"a user whose last call failed", one, []string{"a for ben@example.com", "the password is another",
			cause.BadLogin.Next("user", "ben@example.com")}},
		{"many users with the same trouble are one entry", many, []string{"a for 7 users", sentence(cause.BadLogin.Means()) +
			" It is so for user1, user2, user3, user4, user5 and 2 more.", cause.BadLogin.Next()}},
		{"a program that cannot make out why is told apart from one that works", conns, []string{
			"Client 10.0.0.1", cause.NoConnect.Means("client", "10.0.0.1") + ". 3 connections, the last 1 minute ago.",
			cause.NoConnect.Next(),
			"Client 10.0.0.2", "unknown ca. Other calls of this client come through. 1 connection, the last 1 minute ago.",
			cause.TLSNotTrusted.Next()}},
		{"a clock that is right", Status{Clock: Clock{OffsetSeconds: 2}}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, a := range complete(test.status, noon).Attention {
				got = append(got, a.Subject, a.Problem, a.NextStep)
			}
			for n := range test.want {
				if n%3 > 0 { // a subject is none
					test.want[n] = sentence(test.want[n])
				}
			}
			if strings.Join(got, "|") != strings.Join(test.want, "|") {
				t.Errorf("got %q", got)
			}
		})
	}
}

// failed is a caller whose last call failed.
func failed(user, word, text string) Caller {
	return Caller{Authenticator: user, LastSeen: noon, LastErrorAt: noon, LastCause: word, LastError: text}
}

func connFailure(client string, id cause.ID, times uint64, called bool) call.ConnFailure {
	f := call.ConnFailure{Client: netip.MustParseAddr(client), Door: call.DoorConnect, Cause: id.String(), Count: times,
		Last: noon.Add(-time.Minute), Called: called}
	if id == cause.TLSNotTrusted {
		f.Detail = "unknown ca"
	}
	return f
}

func TestItWorksIsSaidOnlyWhereItDoesForEveryUser(t *testing.T) {
	const works = "It works through this proxy. Move the program to OAuth of its own when it can be changed."
	missing := Token{User: "anna@example.com", Consent: "required", NextStep: "open the page"}
	old := failed("ben@example.com", "bad_login", "x")
	old.LastSeen, old.LastErrorAt = noon.Add(-ledger.Window), noon.Add(-ledger.Window)
	good := Caller{Authenticator: "ben@example.com", LastSeen: noon.Add(time.Second)}
	for _, test := range []struct {
		name       string
		state      ledger.State
		tokens     []Token
		callers    []Caller
		text, want string
		lastNext   string
	}{
		{name: "for every user", state: ledger.StateTranslated, text: "Translated", want: works},
		{name: "a consent is missing", state: ledger.StateTranslated, tokens: []Token{missing},
			text: "Translated, not for all", want: "It does not work for anna@example.com. Open the page."},
		{name: "a user's last call failed", state: ledger.StateMixed,
			callers: []Caller{failed("ben@example.com", "bad_login", "x")}, text: "Mixed, not for all",
			want: "It does not work for ben@example.com. " + sentence(cause.BadLogin.Next("user", "ben@example.com"))},
		{name: "a later call of the user worked", state: ledger.StateTranslated,
			callers: []Caller{good, failed("ben@example.com", "bad_login", "x")}, text: "Translated", want: works},
		{name: "what the user asked for was wrong", state: ledger.StateTranslated,
			callers: []Caller{failed("ben@example.com", "docusign_404", "x")}, text: "Translated", want: works},
		{name: "the user has not called for two weeks", state: ledger.StateTranslated, callers: []Caller{old},
			text: "Translated", want: works},
		{name: "it is failing", state: ledger.StateFailing, lastNext: "raise the limit", text: "Failing",
			want: "Raise the limit."},
		{name: "it was never seen", state: ledger.StateNeverSeen, text: "Never seen",
			want: sentence(cause.NeverSeen.Next("key", "the-key"))},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := with(test.state)
			i := &s.Integrations[0]
			i.Tokens, i.Callers, i.LastNext, i.IntegratorKey = test.tokens, test.callers, test.lastNext, "the-key"
			got := complete(s, noon).Integrations[0]
			if got.StateText != test.text || got.NextStep != test.want {
				t.Errorf("%q: %q", got.StateText, got.NextStep)
			}
		})
	}
}

func TestObservedIntegrationsHaveAVerdict(t *testing.T) {
	const out = "Its old credential goes out as it came. "
	not := []ledger.Rehearsed{
		{Cause: "bad_login", User: "anna@example.com", ActsFor: "cora@example.com", Count: 1200, NextStep: "store it"},
		{Cause: "soap_refused", Operation: "Send", Count: 1},
	}
	for _, test := range []struct {
		name          string
		r             *ledger.Rehearsals
		edit          func(*Integration)
		verdict, next string
	}{
		{"nothing was seen yet", nil, nil, "", out + "Give it keys and consent, then set mode: translate."},
		{"one call would work", &ledger.Rehearsals{Calls: 1, WouldWork: 1}, nil,
			"1 of 1 call would work: set mode: translate for a.", out},
		{"all would work", &ledger.Rehearsals{Calls: 1382, WouldWork: 1382}, nil,
			"1,382 of 1,382 calls would work: set mode: translate for a.", out},
		{"it calls SOAP, and nobody has said how that goes", &ledger.Rehearsals{Calls: 3, WouldWork: 3},
			func(i *Integration) { i.Operations = []ledger.Operation{{Name: "Ping"}} },
			"3 of 3 calls would work: " + cause.SOAPNotChosen.Next() + "; then set mode: translate for a.", out},
		{"some would not", &ledger.Rehearsals{Calls: 1301, WouldWork: 100, Not: not}, nil,
			"100 of 1,301 calls would work; 1,201 would not: bad_login for anna@example.com acting for cora@example.com " +
				"(1,200) and soap_refused in Send (1). Store it.", out},
		{"DocuSign refuses the calls as they are", &ledger.Rehearsals{Calls: 2, WouldWork: 2},
			func(i *Integration) { i.LastCause, i.LastErrorAt = "docusign_401", noon },
			"2 of 2 calls would work: set mode: translate for a.",
			sentence(cause.ObserveRefused.Means("integration", "a")) + " "},
		{"they are refused, and none was tried yet", nil,
			func(i *Integration) { i.LastCause, i.LastErrorAt = "docusign_401", noon }, "",
			sentence(cause.ObserveRefused.Means("integration", "a")) + " " +
				sentence(cause.ObserveRefused.Next("integration", "a"))},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := with(ledger.StateLegacy)
			i := &s.Integrations[0]
			i.Mode, i.Rehearsals = "observe", test.r
			if test.edit != nil {
				test.edit(i)
			}
			got := complete(s, noon).Integrations[0]
			if want := test.next + test.verdict; got.ObserveVerdict != test.verdict || got.NextStep != want {
				t.Errorf("%q\n%q", got.ObserveVerdict, got.NextStep)
			}
		})
	}
}

func TestAttentionSaysHowGraveAndToWhom(t *testing.T) {
	missing := Token{User: "anna@example.com", Consent: "required"}
	observed, translated := with(ledger.StateFailing), with(ledger.StateTranslated)
	observed.Integrations[0].Mode, observed.Integrations[0].Tokens = "observe", []Token{missing}
	observed.Integrations[0].LastCause, observed.Integrations[0].LastErrorAt = "docusign_401", noon
	translated.Integrations[0].Tokens = []Token{missing}
	translated.Clock.OffsetSeconds = 60
	translated.Authority = &Authority{Expires: noon}
	type entry struct {
		cause, user, runbook string
		severity             cause.Severity
	}
	for _, test := range []struct {
		name   string
		status Status
		want   []entry
	}{
		{"the gravest come first, as they stand in the table", translated, []entry{
			{"consent_required", "anna@example.com", cause.ConsentRequired.Of().Anchor, cause.Page},
			{"ca_expired", "", cause.CAExpired.Of().Anchor, cause.Page},
			{"clock_off", "", cause.ClockOff.Of().Anchor, cause.Ticket},
		}},
		{"an observed integration that DocuSign refuses is never a reason to wake somebody", observed, []entry{
			{"observe_refused", "", cause.ObserveRefused.Of().Anchor, cause.Ticket},
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []entry
			for _, a := range complete(test.status, noon).Attention {
				got = append(got, entry{a.Cause, a.User, a.Runbook, a.Severity})
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestRelative(t *testing.T) {
	for want, d := range map[string]time.Duration{
		"just now": -9 * time.Second, "10 seconds ago": -10 * time.Second, "1 minute ago": -119 * time.Second,
		"2 hours ago": -2 * time.Hour, "1 day ago": -47 * time.Hour,
		"30 days ago": -30 * 24 * time.Hour, "in 59 minutes": 59*time.Minute + 59*time.Second, "in 1 second": time.Second,
	} {
		if got := relative(noon.Add(d), noon); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}

func TestFormatting(t *testing.T) {
	for in, want := range map[string]string{"0": "0", "999": "999", "1000": "1,000", "1234567": "1,234,567",
		"-1000": "-1,000"} {
		if got := thousands(in); got != want {
			t.Errorf("%s: %s", in, got)
		}
	}
	for in, want := range map[uint64]string{0: "0 B", 1023: "1023 B", 1536: "1.5 KiB", 1 << 63: "8.0 EiB"} {
		if got := byteSize(in); got != want {
			t.Errorf("%d: %s", in, got)
		}
	}
	if !isKey("DOCU-230546a7-9c55-40ad-8fbf-af205d5494ad") || !isKey("230546A7-9c55-40ad-8fbf-af205d5494ad") ||
		isKey("230546a7-9c55-40ad-8fbf-af205d5494aX") || isKey("") {
		t.Error("keys are not told from other texts")
	}
}
