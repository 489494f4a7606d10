package admin_test

import (
	"net/url"
	"time"

	"docusign-auth-proxy/internal/admin"
	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/internal/observe/ledger"
	"docusign-auth-proxy/translate/oauth"
)

var now = time.Date(2026, 3, 17, 14, 25, 0, 0, time.UTC)

func ago(d time.Duration) time.Time { return now.Add(-d) }

const (
	hour = time.Hour
	day  = 24 * time.Hour
)

// hours draws a working day: busy from 8 to 18, quiet at night, little at the weekend.
func hours(perHour uint64, failing, native bool) []ledger.Hour {
	var list []ledger.Hour
	for start := now.Truncate(hour).Add(-335 * hour); !start.After(now); start = start.Add(hour) {
		calls := perHour / 10
		if h := start.Hour(); h >= 8 && h < 18 && start.Weekday() != time.Saturday && start.Weekday() != time.Sunday {
			calls = perHour - uint64(h%3)*perHour/8
		}
		if calls == 0 {
			continue
		}
		p := ledger.Hour{Start: start, Calls: calls, Legacy: calls}
		if native && start.After(ago(5*day)) {
			p.Native = calls * 2 / 3
			p.Legacy = calls - p.Native
		}
		if failing && start.After(ago(26*hour)) {
			p.Failed = calls
		}
		list = append(list, p)
	}
	return list
}

func summary(name string, mode integration.Mode, state ledger.State, last time.Time, calls,
	failed uint64) ledger.Summary {
	s := ledger.Summary{
		Name: name, Mode: mode, State: state, LastSeen: last, Calls: calls, Failed: failed,
		Outcomes: map[string]uint64{"ok": calls - failed},
		Schemes:  []string{"header_json"}, Doors: []string{"connect"}, APIs: []string{"rest_v2"}, BytesIn: calls * 2100,
		BytesOut: calls * 48000,
	}
	if failed > 0 {
		s.Outcomes["token_error"] = failed
	}
	if calls > 0 {
		s.FirstSeen = ago(41 * day)
	}
	if state != ledger.StateNative {
		s.LegacyLast = last
	}
	return s
}

func row(integration, user, principal, scheme string, way ledger.Way, last time.Time, calls, failed uint64) ledger.Row {
	r := ledger.Row{
		Integration: integration, Authenticator: user, Principal: principal, Scheme: scheme, Door: "connect", API: "rest_v2",
		Way:       way.String(),
		FirstSeen: ago(41 * day), LastSeen: last, Calls: calls, Failed: failed,
		Outcomes: map[string]uint64{"ok": calls - failed}, LastStatus: 201,
		Client: "10.1.2.17", UserAgent: "Apache-HttpClient/4.5.1 (Java/1.8.0_151)", BytesIn: calls * 2100,
		BytesOut: calls * 48000,
	}
	if failed > 0 {
		r.Outcomes["token_error"], r.LastStatus = failed, 401
		r.LastCause, r.LastError, r.LastErrorAt = "consent_required", "DocuSign refused the grant: consent_required", last
		if failed < calls { // it was some time ago
			r.LastErrorAt = last.Add(-hour)
		}
	}
	return r
}

func token(user, guid string) admin.Token {
	return admin.TokenOf(oauth.State{
		Identity: oauth.Identity{Issuer: keyBilling, Subject: guid, Scopes: "signature impersonation"},
		Obtained: ago(22 * time.Minute), Expires: now.Add(38 * time.Minute),
		Consent: oauth.ConsentGiven, Accounts: []oauth.Account{{AccountID: "a1b2c3d4-0000-4000-8000-000000000010",
			Name: "Northwind Ltd", IsDefault: true, BaseURI: &url.URL{Scheme: "https", Host: "na3.docusign.net"}}},
	}, user, "")
}

func missingConsent() admin.Token {
	return admin.TokenOf(oauth.State{
		Identity: oauth.Identity{Issuer: keyContracts, Subject: "a1b2c3d4-0000-4000-8000-000000000021",
			Scopes: "signature impersonation"}, Consent: oauth.ConsentMissing,
		Failure: &oauth.Failure{
			Label: "consent_required", Text: "the user has not consented to this integration key", Since: ago(26 * hour),
			Next:  now.Add(9 * time.Minute),
			Cause: cause.ConsentRequired,
		},
	}, "mark@example.com",
		"https://account-d.docusign.com/oauth/auth?response_type=code&scope=signature%20impersonation&client_id="+keyContracts+"&redirect_uri=https%3A%2F%2Fproxy.example.com%2Fconsent")
}

const (
	keyBilling   = "230546a7-9c55-40ad-8fbf-af205d5494ad"
	keyContracts = "5a1f9c0e-77b3-4e59-9d0c-8f4c2c1f0a11"
	keyStranger  = "9b0d7f52-1c1e-4ad0-b1f4-6a2a3d6e7c88"
)

// sample is a migration in the middle.
func sample() admin.Status {
	billing := summary("nightly-billing", "translate", ledger.StateTranslated, ago(3*time.Minute), 48210, 31)
	billing.CallsLast24h, billing.OAuthLast24h, billing.Hours = 1840, 1838, hours(180, false, false)
	billing.UnknownUsers = 1
	billing.Operations = []ledger.Operation{
		{API: "soap_api", Name: "RequestStatus", Calls: 812, LastSeen: ago(3 * time.Minute), Class: "whole"},
		{
			API: "soap_dsapi", Name: "TransferEnvelope", Calls: 2, LastSeen: ago(9 * day), Class: "impossible",
			Loss: "REST hands over all envelopes of a user, never one alone",
		},
	}
	billing.Verdict, _ = ledger.Verdict(billing.Operations)
	contracts := summary("contracts", "translate", ledger.StateFailing, ago(40*time.Second), 3120, 140)
	contracts.CallsLast24h, contracts.Hours = 140, hours(14, true, false)
	contracts.LastError, contracts.LastErrorAt = "DocuSign refused the grant: consent_required", ago(40*time.Second)
	contracts.LastCause = "consent_required"
	hr := summary("hr-onboarding", "translate", ledger.StateMixed, ago(11*time.Minute), 912, 0)
	hr.CallsLast24h, hr.OAuthLast24h, hr.Hours, hr.NativeLast = 66, 66, hours(9, false, true), ago(14*time.Minute)
	hr.Schemes = []string{"header_xml", "oauth_bearer"}
	crm := summary("crm", "translate", ledger.StateNative, ago(2*hour), 20411, 3)
	crm.CallsLast24h, crm.OAuthLast24h, crm.LegacyLast, crm.NativeLast, crm.NativeSince = 260, 260, ago(20*day),
		ago(2*hour), ago(19*day)
	for _, h := range hours(30, false, false) {
		h.Native, h.Legacy = h.Legacy, 0
		crm.Hours = append(crm.Hours, h)
	}
	warehouse := summary("warehouse", "observe", ledger.StateLegacy, ago(25*time.Minute), 610, 0)
	warehouse.CallsLast24h, warehouse.Hours, warehouse.Schemes = 30, hours(4, false, false), []string{"ws_security"}
	warehouse.Rehearsals = &ledger.Rehearsals{
		Calls: 610, WouldWork: 598, Last: ago(25 * time.Minute), Not: []ledger.Rehearsed{{
			Cause: "bad_login", User: "cora@example.com", Count: 12, Last: ago(3 * hour),
			NextStep: "store the password that the program sends for cora@example.com: docusign-auth-proxy hash-password",
		}},
	}
	year := summary("year-end-letters", "translate", ledger.StateIdle, ago(31*day), 240, 0)
	archive := summary("archive", "block", ledger.StateBlocked, time.Time{}, 0, 0)
	rows := []ledger.Row{
		row("contracts", "mark@example.com", "", "header_json", ledger.WayTranslated, ago(40*time.Second), 140, 140),
		row("nightly-billing", "anna@example.com", "", "header_json", ledger.WayTranslated, ago(3*time.Minute), 47000, 0),
		row("nightly-billing", "anna@example.com", "bob@example.com", "ws_security", ledger.WayTranslated, ago(5*hour), 1210,
			31),
		row("hr-onboarding", "hr@example.com", "", "header_xml", ledger.WayTranslated, ago(11*time.Minute), 300, 0),
		row("hr-onboarding", "", "", "oauth_bearer", ledger.WayNative, ago(14*time.Minute), 612, 0),
	}
	rows[4].Client = "10.1.2.18"
	s := admin.Status{
		Version: "v1.4.0", Commit: "3f2c9aa", Environment: "demo", Started: ago(9*day + 3*hour), UnknownMode: "reject",
		Config: admin.ConfigState{Path: "/etc/docusign-auth-proxy/proxy.yaml", LoadedAt: ago(2 * day)},
		Listeners: []admin.Listener{
			{Name: "proxy", Address: "10.1.2.4:8080", Clients: []string{"10.1.2.0/24"}, Login: "Proxy-Authorization"},
			{Name: "admin", Address: "127.0.0.1:9090", Loopback: true},
		},
		Authority: &admin.Authority{
			Subject:     "CN=docusign-auth-proxy CA",
			Fingerprint: "5E:0C:91:7A:33:7F:44:2B:90:1E:6A:CD:12:88:FA:07:5E:0C:91:7A:33:7F:44:2B:90:1E:6A:CD:12:88:FA:07",
			Expires:     now.Add(23 * day), Names: []string{"docusign.net", "docusign.com"}, CertPath: "ca.pem",
			KeyPath: "ca-key.pem",
		},
		Clock:   admin.Clock{OffsetSeconds: 0.4, LearnedAt: ago(22 * time.Minute)},
		Tunnels: admin.Tunnels{Open: 2, Allowed: []string{"updates.example.com:443"}},
		Unknown: admin.UnknownOf([]ledger.UnknownRow{
			{Key: keyStranger, Row: row("unknown", "scanner@example.com", "", "header_xml", ledger.WayNone, ago(hour), 77, 0)},
			{Key: keyBilling, Row: row("nightly-billing", "temp@example.com", "", "header_json", ledger.WayNone, ago(3*day), 4,
				0)},
			{Key: keyStranger, Row: row("unknown", "scanner@example.com", "boss@example.com", "header_xml", ledger.WayNone,
				ago(2*hour), 5, 0)},
		}),
		Security: admin.Security{
			Hosts: []string{".docusign.net", ".docusign.com"}, AccountServer: "https://account-d.docusign.com",
			PinPassword: "never", Store: "/var/lib/docusign-auth-proxy/state.db",
			LogLevel: "info", ProxyUsers: []string{"legacy-app"},
			Issued: []admin.Issued{{Integration: "nightly-billing", Authenticator: "anna@example.com",
				Principal: "anna@example.com", Kind: "token", Fingerprint: "9f86d081884c", IssuedAt: ago(12 * day),
				LastUsed: ago(hour)}},
		},
	}
	for _, known := range []ledger.Summary{archive, billing, contracts, crm, hr, warehouse, year} {
		for _, r := range rows {
			if r.Integration == known.Name {
				known.Callers = append(known.Callers, r)
			}
		}
		in := integration.Integration{
			Name: known.Name, Mode: known.Mode, SOAP: integration.Bearer, IntegratorKey: keyBilling,
			OAuth: integration.OAuth{ClientID: keyBilling},
		}
		i := admin.IntegrationOf(&in, known)
		i.Keys = []admin.Key{{Source: "file keys/new.pem", Fingerprint: "a8f5f167f44f4964", Works: true}}
		i.Users = []admin.User{{Username: "anna@example.com", UserID: "a1b2c3d4-0000-4000-8000-000000000020",
			Password: "bcrypt", MayActFor: []string{"bob@example.com"}}}
		i.Principals = []admin.Principal{{Username: "bob@example.com", UserID: "a1b2c3d4-0000-4000-8000-000000000022"}}
		switch i.Name {
		case "nightly-billing":
			i.Tokens = []admin.Token{token("anna@example.com", "a1b2c3d4-0000-4000-8000-000000000020"),
				token("bob@example.com", "a1b2c3d4-0000-4000-8000-000000000022")}
		case "contracts":
			i.Tokens = []admin.Token{missingConsent()}
		}
		s.Integrations = append(s.Integrations, i)
	}
	return s
}
