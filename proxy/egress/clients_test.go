package egress_test

import (
	"context"
	"encoding/base64"
	"net/netip"
	"strings"
	"testing"
	"time"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/proxy/egress"
)

func basicHeader(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

func TestAdmit(t *testing.T) {
	var open egress.Clients
	listed := &egress.Clients{Allow: []netip.Prefix{
		netip.MustParsePrefix("10.1.2.0/24"), netip.MustParsePrefix("fd00::/8"),
	}}
	users := &egress.Clients{Verify: func(
		_ context.Context, _ netip.Addr, user string, password secret.Text,
	) error {
		switch {
		case user == "spray":
			return &call.Error{Kind: call.KindThrottled, RetryAfter: time.Minute}
		case user == "crowd":
			return &call.Error{Kind: call.KindBusy, RetryAfter: time.Second}
		case user == "anna" && password.Equal(secret.New("pw:ä")):
			return nil
		}
		return &call.Error{Kind: call.KindBadLogin}
	}}
	tests := []struct {
		name    string
		clients *egress.Clients
		remote  string
		header  string
		status  int
		reason  string
	}{
		{"this machine, by default", &open, "127.0.0.1:5000", "", 0, egress.ReasonAdmitted},
		{"this machine by IPv6, by default", &open, "[::1]:5000", "", 0, egress.ReasonAdmitted},
		{"this machine by a mapped address", &open, "[::ffff:127.0.0.1]:5000", "", 0, egress.ReasonAdmitted},
		{"another machine, by default", &open, "10.1.2.3:5000", "", 403, egress.ReasonClientAddress},
		{"a listed network", listed, "10.1.2.3:5000", "", 0, egress.ReasonAdmitted},
		{"a listed network by a mapped address", listed, "[::ffff:10.1.2.3]:5000", "", 0, egress.ReasonAdmitted},
		{"a listed IPv6 network", listed, "[fd12::1]:5000", "", 0, egress.ReasonAdmitted},
		{"a listed IPv6 network with a zone", listed, "[fd12::1%eth0]:5000", "", 0, egress.ReasonAdmitted},
		{"outside the list", listed, "10.1.3.1:5000", "", 403, egress.ReasonClientAddress},
		{"a list that leaves this machine out", listed, "127.0.0.1:5000", "", 403, egress.ReasonClientAddress},
		{"no credential where one is asked", users, "127.0.0.1:1", "", 407, egress.ReasonClientUnknown},
		{"the right credential", users, "127.0.0.1:1", basicHeader("anna", "pw:ä"), 0, egress.ReasonAdmitted},
		{
			"the scheme in any case", users, "127.0.0.1:1", "bASIC  " + basicHeader("anna", "pw:ä")[6:], 0,
			egress.ReasonAdmitted,
		},
		{"a wrong password", users, "127.0.0.1:1", basicHeader("anna", "c4n4ry"), 407, egress.ReasonClientCredential},
		{"a wrong user", users, "127.0.0.1:1", basicHeader("bob", "pw:ä"), 407, egress.ReasonClientCredential},
		{
			"the right credential from elsewhere", users, "10.1.2.3:1", basicHeader("anna", "pw:ä"), 403,
			egress.ReasonClientAddress,
		},
		{"too many wrong passwords", users, "127.0.0.1:1", basicHeader("spray", "x"), 429, egress.ReasonThrottled},
		{"too many checks at once", users, "127.0.0.1:1", basicHeader("crowd", "x"), 503, egress.ReasonBusy},
		{"another scheme", users, "127.0.0.1:1", "Bearer abc", 407, egress.ReasonClientUnknown},
		{"no base64", users, "127.0.0.1:1", "Basic %%%", 407, egress.ReasonClientUnknown},
		{
			"no colon", users, "127.0.0.1:1", "Basic " + base64.StdEncoding.EncodeToString([]byte("anna")), 407,
			egress.ReasonClientUnknown,
		},
		{"no user", users, "127.0.0.1:1", basicHeader("", "x"), 407, egress.ReasonClientUnknown},
		{"a control character", users, "127.0.0.1:1", basicHeader("an\nna", "x"), 407, egress.ReasonClientUnknown},
		{
			"a header without end", users, "127.0.0.1:1", basicHeader("anna", strings.Repeat("x", 5000)), 407,
			egress.ReasonClientUnknown,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := tt.clients.Admit(context.Background(), netip.MustParseAddrPort(tt.remote), tt.header)
			if a.Status != tt.status || a.Reason != tt.reason || a.OK() != (tt.status == 0) {
				t.Errorf("got %+v", a)
			}
			if (a.Challenge != "") != (tt.status == 407) || strings.Contains(strings.Join(a.Fill, " "), "c4n4ry") {
				t.Errorf("got %+v", a)
			}
			if (a.RetryAfter > 0) != (tt.status == 429 || tt.status == 503) {
				t.Errorf("retry after %v", a.RetryAfter)
			}
		})
	}
	if a := users.Admit(
		context.Background(), netip.MustParseAddrPort("127.0.0.1:1"), "",
	); a.Challenge != `Basic realm="docusign-auth-proxy"` {
		t.Errorf("challenge %s", a.Challenge)
	}
	if a := listed.Admit(
		context.Background(), netip.MustParseAddrPort("10.9.9.9:1"), "",
	); !strings.Contains(a.Cause.Next(a.Fill...), "if 10.9.9.9 is one of yours, add it to egress.clients") {
		t.Errorf("next step %q", a.Cause.Next(a.Fill...))
	}
	if a := open.Admit(context.Background(), netip.AddrPort{}, ""); a.Status != 403 {
		t.Errorf("an unknown peer: %+v", a)
	}
	if a := users.AdmitAddress(netip.MustParseAddrPort("127.0.0.1:1")); !a.OK() {
		t.Errorf("a door without proxy users: %+v", a)
	}
}

func FuzzProxyAuthorization(f *testing.F) {
	f.Add("Basic " + base64.StdEncoding.EncodeToString([]byte("a:b")))
	f.Add("basic  =")
	f.Add("Basic")
	f.Fuzz(func(t *testing.T, header string) {
		c := egress.Clients{Verify: func(_ context.Context, _ netip.Addr, user string, _ secret.Text) error {
			if user == "" || strings.ContainsAny(user, ":\r\n\x00") {
				t.Fatalf("user %q from %q", user, header)
			}
			return nil
		}}
		c.Admit(context.Background(), netip.MustParseAddrPort("127.0.0.1:1"), header)
	})
}
