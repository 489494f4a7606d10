// Package admintest makes a status for tests of the operations listener's pages: a house with 60 integrations and 500
// users, in which everything that can be wrong is wrong somewhere. Nothing but tests may use it.
package admintest

import (
	"fmt"
	"net/netip"
	"net/url"
	"time"

	"docusign-auth-proxy/internal/admin"
	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/internal/observe/ledger"
	"docusign-auth-proxy/translate/oauth"
)

const (
	integrations = 60
	users        = 500
	day          = 24 * time.Hour
)

// house is what Large builds from.
type house struct{ now time.Time }

func (h house) ago(d time.Duration) time.Time { return h.now.Add(-d) }

// guid is as long as a real one.
func guid(kind, n int) string { return fmt.Sprintf("a1b2c3d4-%04d-4000-8000-%012d", kind, n) }

// Large is the status of the house at now.
func Large(now time.Time) admin.Status {
	h := house{now}
	s := admin.Status{
		Version: "v1.4.0", Commit: "3f2c9aa", Environment: "production", Started: h.ago(9 * day), UnknownMode: "reject",
		Config: admin.ConfigState{
			Path: "/etc/docusign-auth-proxy/proxy.yaml", LoadedAt: h.ago(2 * day),
			Error: "proxy.yaml:214: integrations[17].mode: \"translte\" is none of translate, observe, block",
			Warnings: []string{"integrations[3].soap is not set, and SOAP calls were seen: see docusign-auth-proxy soap " +
				"operations"},
		},
		Listeners: []admin.Listener{
			{Name: "proxy", Address: "10.1.2.4:8080", Clients: []string{"10.1.0.0/16", "192.168.0.0/16"}},
			{Name: "hosts", Address: "[2001:db8:85a3::8a2e:370:7334]:443", TLS: "legacy"},
			{Name: "admin", Address: "127.0.0.1:9190", Loopback: true},
		},
		Authority: &admin.Authority{
			Subject:     "CN=docusign-auth-proxy CA",
			Fingerprint: "5E:0C:91:7A:33:7F:44:2B:90:1E:6A:CD:12:88:FA:07:5E:0C:91:7A:33:7F:44:2B:90:1E:6A:CD:12:88:FA:07",
			NotBefore:   h.ago(3653 * day), Expires: h.ago(2 * day), Names: []string{"docusign.net", "docusign.com"},
			CertPath: "/etc/docusign-auth-proxy/ca.pem", KeyPath: "/etc/docusign-auth-proxy/ca-key.pem",
		},
		Clock:        admin.Clock{OffsetSeconds: -94, LearnedAt: h.ago(22 * time.Minute)},
		Tunnels:      admin.Tunnels{Open: 2, Allowed: []string{"updates.example.com:443"}},
		Unknown:      h.unknown(),
		Unresolved:   admin.Unresolved{Count: 1, Oldest: h.ago(time.Hour)},
		ConnFailures: h.failures(),
		Security: admin.Security{
			Hosts: []string{".docusign.net", ".docusign.com"}, AccountServer: "https://account.docusign.com",
			PinPassword: "first_use", Store: "/var/lib/docusign-auth-proxy/state.db", LogLevel: "info",
		},
	}
	for n := range integrations {
		s.Integrations = append(s.Integrations, h.integration(n))
	}
	return s
}

func (h house) unknown() []admin.Unknown {
	var rows []ledger.UnknownRow
	for n := range 9 {
		rows = append(rows, ledger.UnknownRow{Key: guid(9, n/2), Row: ledger.Row{
			Integration: call.UnknownIntegration, Authenticator: fmt.Sprintf("scanner-%d@example.com", n), Scheme: "header_xml",
			Door: "hosts", API: "rest_v2", FirstSeen: h.ago(20 * day), LastSeen: h.ago(time.Duration(n+1) * time.Hour),
			Calls: 77, Failed: 77, Outcomes: map[string]uint64{"refused": 77}, LastStatus: 401, Client: "10.1.2.17",
			UserAgent: "Apache-HttpClient/4.5.1 (Java/1.8.0_151)",
		}})
	}
	return admin.UnknownOf(rows)
}

func (h house) failures() []call.ConnFailure {
	var list []call.ConnFailure
	for n, why := range []cause.ID{cause.TLSNotTrusted, cause.TLSVersion} {
		list = append(list, call.ConnFailure{
			Client: netip.AddrFrom4([4]byte{10, 1, 2, byte(20 + n)}), Door: call.DoorConnect, Cause: why.String(), Count: 12,
			First: h.ago(day), Last: h.ago(time.Duration(n+2) * time.Minute),
		})
	}
	return list
}

// integration numbers: 0 to 2 fail, 3 and 4 have SOAP refused, 5 waits for consent of most users, 6 to 11 observe,
// 12 to 14 are blocked, 15 to 19 were never seen, 20 to 29 have moved; the others are translated.
func (h house) integration(n int) admin.Integration {
	in := integration.Integration{
		Name: fmt.Sprintf("department-%02d-billing", n), IntegratorKey: guid(1, n), Mode: integration.Translate,
		SOAP: integration.OverREST, OAuth: integration.OAuth{ClientID: guid(1, n)},
	}
	if n%7 == 3 {
		in.IntegratorKey, in.Name = "TEST-"+in.IntegratorKey, in.Name+"-with-a-name-that-somebody-made-very-long"
	}
	state := ledger.StateTranslated
	switch {
	case n < 3:
		state = ledger.StateFailing
	case n < 5:
		in.SOAP = integration.Bearer
	case n >= 6 && n < 12:
		in.Mode, state = integration.Observe, ledger.StateLegacy
	case n >= 12 && n < 15:
		in.Mode, state = integration.Block, ledger.StateBlocked
	case n >= 15 && n < 20:
		state = ledger.StateNeverSeen
	case n >= 20 && n < 30:
		state = ledger.StateNative
	}
	for u := n; u < users; u += integrations {
		user := integration.User{Username: fmt.Sprintf("user.%03d@example.com", u), UserID: guid(2, u)}
		if u%5 == 0 {
			user.MayActFor = []string{fmt.Sprintf("user.%03d@example.com", u+integrations), "director@example.com"}
		}
		in.Users = append(in.Users, user)
	}
	in.Principals = []integration.Principal{{Username: "director@example.com", UserID: guid(3, n)}}
	one := admin.IntegrationOf(&in, h.summary(&in, n, state))
	one.Keys = []admin.Key{{Source: fmt.Sprintf("file /etc/docusign-auth-proxy/keys/%02d.pem", n),
		Fingerprint: "a8f5f167f44f4964", Works: true}}
	for k, u := range in.Users {
		if state != ledger.StateNeverSeen && state != ledger.StateBlocked {
			one.Tokens = append(one.Tokens, h.token(&in, u, n < 2 || n == 5 && k > 2 || n > 40 && k == 7))
		}
	}
	return one
}

func (h house) summary(in *integration.Integration, n int, state ledger.State) ledger.Summary {
	s := ledger.Summary{Name: in.Name, Mode: in.Mode, State: state, Outcomes: map[string]uint64{}}
	if state == ledger.StateNeverSeen {
		return s
	}
	for at := h.now.Truncate(time.Hour).Add(-335 * time.Hour); !at.After(h.now); at = at.Add(time.Hour) {
		calls := uint64(n)
		if hour := at.Hour(); hour >= 8 && hour < 18 {
			calls = uint64(120 + 7*n - 9*(hour%4))
		}
		p := ledger.Hour{Start: at, Calls: calls, Legacy: calls}
		if state == ledger.StateNative {
			p.Native, p.Legacy = calls, 0
		}
		if state == ledger.StateFailing && at.After(h.ago(9*time.Hour)) {
			p.Failed = calls
		}
		s.Hours, s.Calls, s.Failed = append(s.Hours, p), s.Calls+calls, s.Failed+p.Failed
	}
	s.FirstSeen, s.LastSeen, s.CallsLast24h = h.ago(41*day), h.ago(time.Duration(n)*time.Minute), 2400
	s.Outcomes["ok"], s.Outcomes["token_error"] = s.Calls-s.Failed, s.Failed
	s.Schemes, s.Doors, s.APIs = []string{"header_json"}, []string{"connect"}, []string{"rest_v2"}
	if state == ledger.StateNative {
		s.NativeLast, s.NativeSince, s.LegacyLast = s.LastSeen, h.ago(19*day), h.ago(20*day)
	} else {
		s.LegacyLast = s.LastSeen
	}
	if in.SOAP == integration.Bearer {
		s.BearerRefused, s.Operations = h.ago(time.Hour), []ledger.Operation{
			{API: "soap_api", Name: "RequestStatus", Calls: 812, LastSeen: h.ago(3 * time.Minute), Class: "whole"},
			{API: "soap_dsapi", Name: "TransferEnvelope", Calls: 2, LastSeen: h.ago(9 * day), Class: "impossible",
				Loss: "REST hands over all envelopes of a user, never one alone"},
		}
		s.Verdict, _ = ledger.Verdict(s.Operations)
	}
	if in.Mode == integration.Observe {
		s.Rehearsals = &ledger.Rehearsals{Calls: 382, WouldWork: 382, Last: s.LastSeen}
	}
	if n%2 == 1 && s.Rehearsals != nil {
		s.Rehearsals.WouldWork = 371
		s.Rehearsals.Not = []ledger.Rehearsed{
			{Cause: "bad_login", User: "clerk@example.com", Count: 9, Last: h.ago(day), NextStep: cause.UserNotListed.Next()},
			{Cause: "soap_refused", Operation: "TransferEnvelope", Count: 2, Last: h.ago(9 * day),
				NextStep: cause.SOAPRefused.Next()},
		}
	}
	for k, u := range in.Users {
		s.Callers = append(s.Callers, h.caller(in, u, state, k))
	}
	if state == ledger.StateFailing {
		s.LastError, s.LastErrorAt, s.LastCause = s.Callers[0].LastError, s.LastSeen, s.Callers[0].LastCause
	}
	return s
}

func (h house) caller(in *integration.Integration, u integration.User, state ledger.State, k int) ledger.Row {
	r := ledger.Row{
		Integration: in.Name, Authenticator: u.Username, Scheme: "header_json", Door: "connect", API: "rest_v2",
		Way: ledger.WayTranslated.String(), FirstSeen: h.ago(41 * day), LastSeen: h.ago(time.Duration(k+1) * time.Minute),
		Calls: 4711, Outcomes: map[string]uint64{"ok": 4711}, LastStatus: 200, Client: "10.1.2.17",
		UserAgent: "Apache-HttpClient/4.5.1 (Java/1.8.0_151)",
	}
	if in.Mode == integration.Observe {
		r.Way = ledger.WayForwarded.String()
	}
	if len(u.MayActFor) > 0 {
		r.Principal = u.MayActFor[0]
	}
	if state == ledger.StateFailing {
		r.Failed, r.LastStatus, r.LastErrorAt = 12, 401, r.LastSeen
		r.Outcomes["token_error"], r.LastError = 12, "DocuSign refused the grant: consent_required"
		r.LastCause = cause.ConsentRequired.String()
	}
	return r
}

func (h house) token(in *integration.Integration, u integration.User, refused bool) admin.Token {
	s := oauth.State{
		Identity: oauth.Identity{Issuer: in.OAuth.ClientID, Subject: u.UserID, Scopes: "signature impersonation"},
	}
	consent := "https://account.docusign.com/oauth/auth?response_type=code&scope=signature%20impersonation&client_id=" +
		in.OAuth.ClientID + "&login_hint=" + url.QueryEscape(u.Username) +
		"&redirect_uri=https%3A%2F%2Fproxy.example.com%2Fconsent"
	if refused {
		s.Consent, s.Failure = oauth.ConsentMissing, &oauth.Failure{
			Label: "consent_required", Text: "the user has not consented to this integration key", Since: h.ago(26 * time.Hour),
			Next:  h.now.Add(9 * time.Minute),
			Cause: cause.ConsentRequired, Fill: []string{"consent", consent},
		}
		return admin.TokenOf(s, u.Username, consent)
	}
	s.Obtained, s.Expires, s.Consent = h.ago(22*time.Minute), h.now.Add(38*time.Minute), oauth.ConsentGiven
	s.Accounts = []oauth.Account{{AccountID: guid(4, 1), Name: "Northwind Ltd", IsDefault: true,
		BaseURI: &url.URL{Scheme: "https", Host: "na3.docusign.net"}}}
	return admin.TokenOf(s, u.Username, consent)
}
