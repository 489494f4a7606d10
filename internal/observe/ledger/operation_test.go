package ledger_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/files/filestest"
	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/internal/observe/ledger"
	"docusign-auth-proxy/internal/store"
)

func soapEvent(api call.API, operation string) call.Event {
	e := event()
	e.API, e.Operation, e.Scheme = api, operation, "ws_security"
	return e
}

func names(operations []ledger.Operation) (list []string) {
	for _, o := range operations {
		list = append(list, o.API+" "+o.Name)
	}
	return list
}

func TestSOAPOperationsAreKept(t *testing.T) {
	path := filepath.Join(filestest.TempDir(t), "state.db")
	s, err := store.Open(path, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	l := newLedger(t, ledger.Options{Store: s})
	transfer := soapEvent("soap_api", "TransferEnvelope")
	for _, e := range []call.Event{
		soapEvent("soap_dsapi", "Ping"), transfer, soapEvent("soap_dsapi", "Ping"),
		soapEvent("soap_api", "other"),  // one of no WSDL
		event(),                         // over REST
		soapEvent("soap_api", "nobody"), // which no proxy says of a call
		soapEvent("soap_nobody", "Ping"),
	} {
		l.Record(&e)
	}
	wrong := soapEvent("soap_api", "VoidEnvelope")
	wrong.Outcome, wrong.Cause = call.OutcomeRefused, "bad_login" // anybody can send that
	l.Record(&wrong)
	refused := soapEvent("soap_credential", "Ping")
	refused.Outcome, refused.Cause = call.OutcomeRefused, "soap_refused"
	l.Record(&refused)
	want := []string{"soap_dsapi Ping", "soap_credential Ping", "soap_api TransferEnvelope", "soap_api other"}
	check := func(l *ledger.Ledger) {
		t.Helper()
		seen := only(t, l, integration.Translate).Operations
		if !slices.Equal(names(seen), want) || seen[0].Calls != 2 || !seen[0].LastSeen.Equal(start()) {
			t.Errorf("seen are %+v", seen)
		}
		if o := seen[2]; o.Class != "impossible" || o.Loss == "" {
			t.Errorf("%+v", o)
		}
	}
	check(l)
	flush(t, l)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = store.Open(path, store.Options{}); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	check(newLedger(t, ledger.Options{Store: s}))
}

// TestOperationsOfOtherVersions keeps what earlier versions wrote, and leaves out what a later one knows more.
func TestOperationsOfOtherVersions(t *testing.T) {
	const head = `{"v":1,"first":1,"last":1790000000000000000,"counts":{"ok":3},"name":"billing","recent":0,` +
		`"recent_count":0,"hours":null`
	for _, tt := range []struct {
		name, more string
		want       []string
	}{
		{"an earlier version kept none", `}`, nil},
		{
			"a later version knows more", `,"operations":{"soap_api Ping":{"n":1,"last":5},"soap_api New":{"n":1,"last":5},` +
				`"Ping":{"n":1,"last":5},"soap_dsapi Ping":{"n":1,"last":-5}}}`, []string{"soap_api Ping"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := newLedger(t, ledger.Options{Store: oneRow{"ibilling", head + tt.more}})
			if s := only(t, l, integration.Translate); s.Calls != 3 || !slices.Equal(names(s.Operations), tt.want) {
				t.Errorf("%+v", s)
			}
		})
	}
}

// oneRow is a store with one row.
type oneRow struct{ key, value string }

func (o oneRow) LedgerRows(f func(string, []byte) error) error { return f(o.key, []byte(o.value)) }

func (o oneRow) WriteLedger(map[string][]byte, []string) error { return nil }

func TestVerdict(t *testing.T) {
	of := func(classes ...string) (list []ledger.Operation) {
		for _, class := range classes {
			list = append(list, ledger.Operation{Name: strings.ToUpper(class), Class: class})
		}
		return list
	}
	for _, tt := range []struct {
		name  string
		seen  []ledger.Operation
		text  string
		whole bool
	}{
		{"nothing was seen", nil, "", false},
		{"one operation", of("whole"), "the 1 operation seen is carried out whole: soap: rest can be set", true},
		{
			"all are whole", of("whole", "whole"),
			"all of 2 operations seen are carried out whole: soap: rest can be set", true,
		},
		{
			"one loses something", of("whole", "approximate"),
			"soap: rest carries out all of 2 operations seen, with a loss in APPROXIMATE", false,
		},
		{
			"one is refused", of("whole", "approximate", "impossible"),
			"of 3 operations seen, soap: rest would refuse IMPOSSIBLE", false,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if text, whole := ledger.Verdict(tt.seen); text != tt.text || whole != tt.whole {
				t.Errorf("%q, %v", text, whole)
			}
		})
	}
}

func TestABearerThatDocuSignRefusesOnSOAP(t *testing.T) {
	l := newLedger(t, ledger.Options{})
	at := func() time.Time { return only(t, l, integration.Translate).BearerRefused }
	e := soapEvent("soap_api", "RequestStatus")
	e.Outcome, e.Cause = call.OutcomeClientError, cause.BearerRefused.String()
	l.Record(&e)
	if !at().Equal(start()) {
		t.Errorf("refused at %v", at())
	}
	e = soapEvent("soap_api", "RequestStatus")
	e.OverREST = true
	if l.Record(&e); at().IsZero() {
		t.Error("a call over REST says nothing of SOAP")
	}
	e.OverREST = false
	if l.Record(&e); !at().IsZero() {
		t.Errorf("still refused at %v", at())
	}
}

func TestRecordOfAKnownOperationDoesNotAllocate(t *testing.T) {
	l := newLedger(t, ledger.Options{})
	e := soapEvent("soap_api", "RequestStatus")
	l.Record(&e)
	if n := testing.AllocsPerRun(100, func() { l.Record(&e) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestBrowsersOfSignersAreNoCallers: a link that is too old must not look like a program that still needs the proxy.
func TestBrowsersOfSignersAreNoCallers(t *testing.T) {
	l := newLedger(t, ledger.Options{})
	e := event()
	e.Integration, e.Key, e.Authenticator, e.Principal, e.Scheme = call.UnknownIntegration, "", "", "", "none"
	e.Path, e.Outcome, e.Cause = "/ds-return/", call.OutcomeRefused, "not_found"
	l.Record(&e)
	if all := l.Unknown(); len(all) != 0 {
		t.Errorf("the unknown are %+v", all)
	}
	e.Path = "/elsewhere"
	l.Record(&e)
	if all := l.Unknown(); len(all) != 1 {
		t.Errorf("the unknown are %+v", all)
	}
}
