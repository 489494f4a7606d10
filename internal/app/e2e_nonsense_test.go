package app_test

import (
	"net/http"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/app/apptest"
	"docusign-auth-proxy/internal/sandbox"
)

func TestHopByHopTricksTakeNothingAway(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	for _, listed := range []string{
		"close, Authorization", "X-DocuSign-Authentication", "keep-alive, X-DocuSign-Act-As-User, Host, Content-Length",
	} {
		got := r.Do(
			nil,
			apptest.Request(
				t, "GET", r.Sidecar()+"/restapi/v2/accounts/1234567/envelopes", nil, "X-DocuSign-Authentication", apptest.AnnaJSON,
				"Connection", listed,
			),
		)
		if got.Status != http.StatusOK {
			t.Errorf("Connection: %s gives %d %q", listed, got.Status, got.Body)
		}
	}
	// A principal that is listed as hop-by-hop still is the principal: refused, and not quietly dropped.
	got := r.Do(nil, apptest.Request(t, "GET", r.Sidecar()+"/restapi/v2/accounts/1234567/envelopes", nil,
		"X-DocuSign-Authentication", apptest.AnnaJSON, "X-DocuSign-Act-As-User", "bob@example.com", "Connection",
		"X-DocuSign-Act-As-User"))
	if got.Status != http.StatusUnauthorized || !strings.Contains(got.Body, "USER_LACKS_PERMISSIONS") {
		t.Errorf("a hidden principal gives %d %q", got.Status, got.Body)
	}
	r.NoLeak()
}

func TestAnAccountServerThatAnswersNonsenseIsNotTakenForAnAnswer(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		"<html>captive portal</html>", `{"access_token":"","expires_in":3600}`,
		`{"access_token":"a\r\nX-Evil: 1","token_type":"Bearer","expires_in":3600}`, "",
	} {
		r := newRig(t, nil)
		r.Sandbox.FailNext(sandbox.FailureSpec{Path: "/oauth/token", Times: 1000, Status: http.StatusOK, Body: body})
		got := r.Do(
			nil,
			apptest.Request(t, "GET", r.Sidecar()+"/restapi/v2/accounts/1234567/envelopes", nil, "X-DocuSign-Authentication",
				apptest.AnnaJSON),
		)
		if got.Status != http.StatusServiceUnavailable || got.Header.Get("Retry-After") == "" {
			t.Errorf("%q gives %d %q", body, got.Status, got.Body)
		}
		if n := r.Sandbox.Counts().API; n != 0 {
			t.Errorf("%q: %d calls reached DocuSign", body, n)
		}
		r.NoLeak()
	}
}
