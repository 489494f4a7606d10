package app

import (
	"net/http"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/sandbox"
)

func TestHopByHopTricksTakeNothingAway(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	for _, listed := range []string{
		"close, Authorization", "X-DocuSign-Authentication", "keep-alive, X-DocuSign-Act-As-User, Host, Content-Length",
	} {
		got := r.do(
			nil,
			request(
				t, "GET", r.sidecar()+"/restapi/v2/accounts/1234567/envelopes", nil, "X-DocuSign-Authentication", annaJSON,
				"Connection", listed,
			),
		)
		if got.status != http.StatusOK {
			t.Errorf("Connection: %s gives %d %q", listed, got.status, got.body)
		}
	}
	// A principal that is listed as hop-by-hop still is the principal: refused, and not quietly dropped.
	got := r.do(nil, request(t, "GET", r.sidecar()+"/restapi/v2/accounts/1234567/envelopes", nil,
		"X-DocuSign-Authentication", annaJSON, "X-DocuSign-Act-As-User", "bob@example.com", "Connection", "X-DocuSign-Act-As-User"))
	if got.status != http.StatusUnauthorized || !strings.Contains(got.body, "USER_LACKS_PERMISSIONS") {
		t.Errorf("a hidden principal gives %d %q", got.status, got.body)
	}
	r.noLeak()
}

func TestAnAccountServerThatAnswersNonsenseIsNotTakenForAnAnswer(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		"<html>captive portal</html>", `{"access_token":"","expires_in":3600}`,
		`{"access_token":"a\r\nX-Evil: 1","token_type":"Bearer","expires_in":3600}`, "",
	} {
		r := newRig(t, nil)
		r.sandbox.FailNext(sandbox.FailureSpec{Path: "/oauth/token", Times: 1000, Status: http.StatusOK, Body: body})
		got := r.do(
			nil,
			request(t, "GET", r.sidecar()+"/restapi/v2/accounts/1234567/envelopes", nil, "X-DocuSign-Authentication", annaJSON),
		)
		if got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" {
			t.Errorf("%q gives %d %q", body, got.status, got.body)
		}
		if n := r.sandbox.Counts().API; n != 0 {
			t.Errorf("%q: %d calls reached DocuSign", body, n)
		}
		r.noLeak()
	}
}
