package mistakes_test

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"log/slog"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/app"
	"docusign-auth-proxy/internal/app/apptest"
	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/internal/sandbox"
	"docusign-auth-proxy/internal/store"
	"docusign-auth-proxy/translate/soaprest/journal"
)

// conditions are mistakes that no call is needed to see, and what the page alone tells.
func conditions() []mistake {
	nothing := func(*place) apptest.Answer { return apptest.Answer{} }
	day := func(in time.Duration) func(*place) []string {
		return func(*place) []string { return []string{"until", time.Now().Add(in).Format(time.DateOnly)} }
	}
	const hour = time.Hour
	return []mistake{
		{name: "a clock that is off by an hour", before: func(p *place) { p.docusign.SetClockOffset(hour) },
			cause: cause.ClockOff, status: 200, says: "envelopes", noHeader: wentWell, noLine: wentWell, check: "clock"},
		{name: "a configuration that is faulty when it is read again", call: func(p *place) apptest.Answer {
			p.EditConfig("soap: rest", "sope: rest")
			if p.Program.Reload(p.T.Context()) == nil {
				p.T.Error("the faulty configuration was taken")
			}
			return p.list()
		}, cause: cause.ConfigNotLoaded, status: 200, says: "envelopes",
			line: "configuration not reloaded; the last good one stays in force", noHeader: wentWell,
			noCheck: "it names the fault in the file itself"},
		{name: "a CA that has expired", before: authority(-2 * 24 * hour), call: nothing, cause: cause.CAExpired,
			of: day(-2 * 24 * hour), line: "config", noHeader: noAnswer, check: "ca"},
		{name: "a CA that expires soon", before: authority(9 * 24 * hour), call: nothing, cause: cause.CAExpiring,
			of: day(9 * 24 * hour), line: "config", noHeader: noAnswer, check: "ca"},
		{name: "a creation of which nobody knows the end", before: func(p *place) { p.leaveCreation() }, call: nothing,
			cause: cause.CreationUnresolved, noHeader: noAnswer, noLine: "the call that left it had its own",
			noCheck: "the running proxy holds the store"},
		{name: "SOAP, and the configuration does not say how it goes", config: func(s apptest.Section) {
			delete(integrationOf(s), "soap")
		}, before: (*place).found, call: func(p *place) apptest.Answer {
			return p.soap("dsapi.asmx", "GetAccountMembershipFeaturesList", "<AccountId>1234567</AccountId>")
		}, cause: cause.SOAPNotChosen, status: 200, says: "Response", noHeader: wentWell, noLine: wentWell,
			check: "operations"},
		{name: "no folder for the operator's token", config: func(s apptest.Section) {
			s.At("admin")["token_file"] = "none/token"
		}, call: nothing, cause: cause.NoOperatorToken, line: "there is no operator's token", noHeader: noAnswer,
			noPage: inLog, noCheck: inLog},
		{name: "a password that is kept at the first call", config: func(s apptest.Section) {
			s["pin_password"] = "first_use"
			delete(userOf(s), "password")
		}, cause: cause.PasswordPinned, line: "password pinned", status: 200, says: "envelopes", noHeader: wentWell,
			noPage: inLog, noCheck: inLog},
		{name: "a program that never reaches the proxy", call: nothing, cause: cause.NeverSeen, observed: true,
			noHeader: noAnswer, noLine: "there is no call", noCheck: "it does not know which programs should have called"},
		{name: "an observed program that would not work", config: func(s apptest.Section) {
			integrationOf(s)["mode"] = "observe"
			integrationOf(s)["oauth"] = privateKey("other.pem")
		}, before: legacyStillWorks, cause: cause.InvalidKey, observed: true, of: func(p *place) []string {
			return []string{"tried", fingerprint(p, "other.pem")}
		}, status: 200, says: "{}", line: "rehearsal", noHeader: wentWell, noCheck: "it looks at what is translated"},
		{name: "an observed program that would work", config: set("mode", "observe"), before: legacyStillWorks,
			cause: cause.ObserveWorks, observed: true, status: 200, says: "{}", noHeader: wentWell, noLine: wentWell,
			noCheck: "it looks at what is translated"},
	}
}

// full is a disk without room for the log.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

func TestThePageTellsOfALogThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	holder := &config.Holder{Path: p.Path}
	cfg, err := holder.Reload()
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	started, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- app.RunLogged(full{}, cfg.Log, nil, func(log *slog.Logger, h app.Hooks) error {
			program, err := app.New(holder, log, h)
			if err != nil {
				return err
			}
			p.Program = program
			go func() { <-program.Ready(); close(started) }()
			return program.Run(ctx)
		})
	}()
	select {
	case <-started:
	case err := <-ended:
		t.Fatalf("it did not start: %v", err)
	}
	apptest.Eventually(t, "the page says why the log is not written", func() bool {
		return strings.Contains(p.page().LogTrouble, syscall.ENOSPC.Error())
	})
	next := p.next(cause.LogStuck)
	checkSpecific(t, next)
	mistake{cause: cause.LogStuck}.readPage(p, next)
	ready := p.Do(nil, apptest.Request(t, "GET", p.AdminURL()+"/-/ready", nil))
	if ready.Status != 503 || !strings.Contains(ready.Body, "log") {
		t.Errorf("ready says %d %s", ready.Status, ready.Body)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// legacyStillWorks has DocuSign take the old credential, as observed programs need it.
func legacyStillWorks(p *place) {
	p.docusign.FailNext(sandbox.FailureSpec{Path: "/restapi/v2/accounts", Status: 200, Body: "{}", Times: 100})
}

// leaveCreation writes into the store what an earlier run left.
func (p *place) leaveCreation() {
	p.T.Helper()
	kept, err := store.Open(p.file("state.db"), store.Options{})
	if err != nil {
		p.T.Fatal(err)
	}
	err = kept.Creations().Put(journal.Entry{
		TransactionID: "t-1", Operation: "CreateAndSendEnvelope", Service: "soap_api", Account: sandbox.ExampleAccountID,
		Site: "https://" + site, At: time.Now().Add(-time.Hour), State: journal.Unknown, Digest: "00",
		Owner: integration.TokenOwner{Integration: "nightly-billing", Authenticator: "anna@example.com",
			Principal: "anna@example.com"},
	})
	if err = errors.Join(err, kept.Close()); err != nil {
		p.T.Fatal(err)
	}
}

// authority replaces the proxy's CA by one with the same key that is good until then.
func authority(until time.Duration) func(*place) {
	return func(p *place) {
		p.T.Helper()
		ca, err := tls.LoadX509KeyPair(p.file("ca.pem"), p.file("ca-key.pem"))
		if err != nil {
			p.T.Fatal(err)
		}
		template := *ca.Leaf
		template.NotAfter = time.Now().Add(until)
		old := certificate(p.T, ca, &template)
		text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: old.Certificate[0]})
		if err := os.WriteFile(p.file("ca.pem"), text, 0o600); err != nil {
			p.T.Fatal(err)
		}
	}
}
