package egress_test

import (
	"strings"
	"testing"

	"docusign-auth-proxy/proxy/egress"
)

func TestDecide(t *testing.T) {
	listed := &egress.Policy{
		Hosts:   []egress.Host{host(t, "127.0.0.1:9443"), host(t, "account.example:443")},
		Tunnels: []egress.Host{host(t, "updates.example.com:443"), host(t, "demo.docusign.net:8443"), host(t, "[::1]:25")},
	}
	own := &egress.Policy{Suffixes: []string{"esign.example"}}
	var zero egress.Policy
	tests := []struct {
		name   string
		policy *egress.Policy
		host   string
		action egress.Action
		reason string
	}{
		{"a DocuSign host", &zero, "demo.docusign.net:443", egress.Intercept, egress.ReasonDocuSign},
		{"a DocuSign host, plain", &zero, "na2.docusign.net:80", egress.Intercept, egress.ReasonDocuSign},
		{"the account server", &zero, "account-d.docusign.com:443", egress.Intercept, egress.ReasonDocuSign},
		{"the apex itself", &zero, "docusign.net:443", egress.Intercept, egress.ReasonDocuSign},
		{"any spelling", &zero, "DEMO.docusign.net.:443", egress.Intercept, egress.ReasonDocuSign},
		{"a DocuSign host on another port", &zero, "demo.docusign.net:8443", egress.Refuse, egress.ReasonDocuSignPort},
		{"a name that merely ends alike", &zero, "evildocusign.net:443", egress.Refuse, egress.ReasonNotListed},
		{"a name that merely begins alike", &zero, "docusign.net.evil.example:443", egress.Refuse, egress.ReasonNotListed},
		{"an address", &zero, "192.0.2.1:443", egress.Refuse, egress.ReasonNotListed},
		{"an unlisted host", listed, "www.example.com:443", egress.Refuse, egress.ReasonNotListed},
		{"a listed host", listed, "Updates.Example.com:443", egress.Tunnel, egress.ReasonTunnel},
		{"a listed address", listed, "[0:0::1]:25", egress.Tunnel, egress.ReasonTunnel},
		{"a listed host on another port", listed, "updates.example.com:80", egress.Refuse, egress.ReasonNotListed},
		{"below a listed host", listed, "x.updates.example.com:443", egress.Refuse, egress.ReasonNotListed},
		{
			"a DocuSign host is not tunnelled even when listed", listed, "demo.docusign.net:8443", egress.Refuse,
			egress.ReasonDocuSignPort,
		},
		{"a further intercepted address", listed, "127.0.0.1:9443", egress.Intercept, egress.ReasonDocuSign},
		{"a further intercepted address on another port", listed, "127.0.0.1:443", egress.Refuse, egress.ReasonNotListed},
		{"a suffix of one's own", own, "a.esign.example:443", egress.Intercept, egress.ReasonDocuSign},
		{"a suffix of one's own replaces the default", own, "demo.docusign.net:443", egress.Refuse, egress.ReasonNotListed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := tt.policy.Decide(host(t, tt.host))
			if d.Action != tt.action || d.Reason != tt.reason {
				t.Errorf("got %v, %s", d.Action, d.Reason)
			}
			if (d.Cause.String() == d.Reason) != (d.Action == egress.Refuse) {
				t.Errorf("cause %q", d.Cause)
			}
		})
	}
	if d := zero.Decide(host(t, "a.example:8080")); !strings.Contains(d.Cause.Next(d.Fill...), `add "a.example:8080" to egress.tunnel`) {
		t.Errorf("next step %q", d.Cause.Next(d.Fill...))
	}
	if d := zero.Decide(egress.Host{}); d.Action != egress.Refuse {
		t.Errorf("no host: %v", d)
	}
}

// PROTOCOL.md §4.1 and §7.
func TestEnvironmentOfAHost(t *testing.T) {
	for want, hosts := range map[egress.Environment]string{
		egress.Demo: "demo.docusign.net DEMO.DocuSign.net. demo.docusign.net:8443 account-d.docusign.com " +
			"apps-d.docusign.com" +
			" api-d.docusign.com admindemo.docusign.com",
		egress.Stage:              "stage.docusign.com stage2.docusign.net account-s.docusign.com account-s1.docusign.com",
		egress.UnknownEnvironment: "preview.docusign.net test.docusign.net",
		egress.Production: "www.docusign.net na2.docusign.net eu1.docusign.net jp1.docusign.net docusign.net " +
			"account.docusign.com" +
			" www.docusign.com demonstration.docusign.net",
		egress.AnyEnvironment: "services.docusign.net demo.example.com docusign.net.example.com demodocusign.net 127.0.0.1 " +
			"[::1]",
	} {
		for h := range strings.FieldsSeq(hosts) {
			if got := egress.EnvironmentOf(host(t, h)); got != want {
				t.Errorf("%s: %q, want %q", h, got, want)
			}
		}
	}
}

func TestAPolicyKeepsToItsEnvironment(t *testing.T) {
	demo := &egress.Policy{Environment: egress.Demo, Hosts: []egress.Host{
		host(t, "preview.docusign.net"), host(t, "esign.example.com"),
	}}
	production := &egress.Policy{Environment: egress.Production}
	for _, tt := range []struct {
		policy       *egress.Policy
		host, reason string
	}{
		{demo, "demo.docusign.net:443", egress.ReasonDocuSign},
		{demo, "preview.docusign.net:80", egress.ReasonDocuSign}, // listed on another port
		{demo, "esign.example.com:443", egress.ReasonDocuSign},
		{demo, "test.docusign.net:443", egress.ReasonEnvironment},
		{demo, "na3.docusign.net:8443", egress.ReasonEnvironment},
		{demo, "account.docusign.com:443", egress.ReasonEnvironment},
		{production, "na3.docusign.net:443", egress.ReasonDocuSign},
		{production, "demo.docusign.net.:443", egress.ReasonEnvironment},
		{production, "account-d.docusign.com:443", egress.ReasonEnvironment},
		{production, "services.docusign.net:443", egress.ReasonNotListed},
		{&egress.Policy{}, "services.docusign.net:443", egress.ReasonNotListed},
		{&egress.Policy{}, "stage.docusign.com:443", egress.ReasonDocuSign},
	} {
		if d := tt.policy.Decide(host(t, tt.host)); d.Reason != tt.reason {
			t.Errorf("%s in %q: %s", tt.host, tt.policy.Environment, d.Reason)
		}
	}
}

func TestDocuSign(t *testing.T) {
	p := &egress.Policy{Hosts: []egress.Host{host(t, "127.0.0.1:9443")}}
	for in, want := range map[string]bool{
		"na2.docusign.net": true, "na2.docusign.net:8443": true, "127.0.0.1:9443": true, "127.0.0.1:1": false,
		"docusign.net.evil.example": false,
	} {
		if p.DocuSign(host(t, in)) != want {
			t.Errorf("%s: %v", in, !want)
		}
	}
}

func BenchmarkDecide(b *testing.B) {
	p := &egress.Policy{Tunnels: []egress.Host{host(b, "a.example"), host(b, "b.example")}}
	h := host(b, "demo.docusign.net:443")
	b.ReportAllocs()
	for b.Loop() {
		if p.Decide(h).Action != egress.Intercept {
			b.Fatal("not intercepted")
		}
	}
}
