package forwardauth

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/proxy/conn"
)

const given = "a secret of the gateways"

func TestWhoMayAsk(t *testing.T) {
	both := Config{Gateways: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/24")}, Secret: secret.New(given)}
	for _, tt := range []struct {
		name    string
		gateway string
		unnamed bool
		secure  bool
		config  Config
		sends   string
		may     bool
	}{
		{"this machine", "127.0.0.1", false, false, Config{}, "", true},
		{"this machine by IPv6", "::1", false, false, Config{}, "", true},
		{"this machine without the secret", "127.0.0.1", false, false, Config{Secret: secret.New(given)}, "", false},
		{"this machine with the secret", "127.0.0.1", false, false, Config{Secret: secret.New(given)}, given, true},
		{"somebody behind a balancer of this machine", "127.0.0.1", true, true, Config{}, "", false},
		{"a gateway", "10.0.0.9", false, true, both, given, true},
		{"a gateway without TLS", "10.0.0.9", false, false, both, given, false},
		{"a gateway without the secret", "10.0.0.9", false, true, both, "", false},
		{"a gateway with another secret", "10.0.0.9", false, true, both,
			given + " ", false},
		{"a stranger", "10.0.1.9", false, true, both, given, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest("GET", path, nil)
			r.Header = http.Header{secretHeader: {tt.sends}, "X-Forwarded-Method": {"GET"},
				"X-Forwarded-Uri": {"/restapi/v2/accounts/1/envelopes"}, "X-Forwarded-For": {"203.0.113.7"}}
			if tt.secure {
				r.TLS = &tls.ConnectionState{}
			}
			b := &conn.Binding{
				Door: call.DoorForwardAuth, Client: netip.AddrPortFrom(netip.MustParseAddr(tt.gateway), 1), Unnamed: tt.unnamed,
			}
			asked, refused := false, cause.ID(0)
			tt.config.Target = forwarded
			tt.config.Serve(httptest.NewRecorder(), r, b, func(_ http.ResponseWriter, q *Question) {
				asked = true
				if own := q.Binding(b); own.Client.Addr().String() != "203.0.113.7" || own.Unnamed {
					t.Errorf("the call is of %v", own)
				}
				if q.Call.Header.Get(secretHeader) != "" || q.Call.Header.Get("X-Forwarded-For") != "" {
					t.Errorf("the call has %v", q.Call.Header)
				}
			}, func(_ int, why cause.ID, _ ...string) { refused = why })
			if asked != tt.may || refused != 0 == tt.may || !tt.may && refused != cause.GatewayRefused {
				t.Errorf("asked %v, refused for %v", asked, refused)
			}
		})
	}
}

func TestWhatTheGatewayChangesInACall(t *testing.T) {
	sent := func(target string, headers ...string) *http.Request {
		r := httptest.NewRequest("GET", "https://na3.docusign.net"+target, nil)
		r.Header = http.Header{}
		for i := 0; i < len(headers); i += 2 {
			r.Header.Add(headers[i], headers[i+1])
		}
		return r
	}
	const legacy, act = "X-Docusign-Authentication", "X-Docusign-Act-As-User"
	for _, tt := range []struct {
		name       string
		came, sent *http.Request
		keepsPath  bool
		status     int
		want       map[string]string
	}{
		{"a translated call", sent("/a?x=1", legacy, "{}", act, "bob@example.com"),
			sent("/b?x=1", "Authorization", "Bearer t"), false, 200, map[string]string{"Authorization": "Bearer t", siteHeader: "na3.docusign.net", pathHeader: "/b?x=1",
				removeHeader: "x-docusign-act-as-user, x-docusign-authentication"}},
		{"its path is another, and the gateway keeps paths", sent("/a", legacy, "{}"),
			sent("/b", "Authorization", "Bearer t"), true, 409, map[string]string{"Authorization": "", routeHeader: "proxy"}},
		{"its path is the same, and the gateway keeps paths", sent("/a", legacy, "{}"),
			sent("/a", "Authorization", "Bearer t"), true, 200, map[string]string{"Authorization": "Bearer t", pathHeader: "/a"}},
		{"a call with its own token", sent("/a", "Authorization", "Bearer o"), sent("/a", "Authorization", "Bearer o"), false,
			200, map[string]string{"Authorization": "Bearer o", removeHeader: ""}},
		{"an own token in the old header", sent("/a", legacy, "o"), sent("/a", "Authorization", "Bearer o"), false, 200,
			map[string]string{"Authorization": "Bearer o", removeHeader: "x-docusign-authentication"}},
		{"an observed call", sent("/a", legacy, "{}"), sent("/a", legacy, "{}"), false, 200,
			map[string]string{"Authorization": "", legacy: "{}", removeHeader: ""}},
		{"the old header by its other name", sent("/a", "X_docusign_authentication", "{}"), sent("/a"), false, 200,
			map[string]string{removeAtEnvoy: "x_docusign_authentication"}},
		{"an old header that goes on in another form", sent("/a", legacy, "{}"), sent("/a", legacy, "{x}"), false, 200,
			map[string]string{legacy: "{x}", removeHeader: ""}},
		{"an answer of the proxy's own", sent("/a"), nil, false, 409, map[string]string{routeHeader: "proxy"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.came.RequestURI = tt.came.URL.RequestURI()
			w := httptest.NewRecorder()
			a := &answer{header: http.Header{}}
			a.WriteHeader(http.StatusOK)
			a.end(w, &Question{Call: tt.came, sent: tt.sent, keepsPath: tt.keepsPath})
			if w.Code != tt.status || w.Header().Get("Cache-Control") != "no-store" {
				t.Errorf("status %d, %v", w.Code, w.Header())
			}
			for name, want := range tt.want {
				if got := w.Header().Get(name); got != want {
					t.Errorf("%s is %q, want %q", name, got, want)
				}
			}
		})
	}
}
