package app_test

import (
	"net/http"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/app/apptest"
	"docusign-auth-proxy/internal/sandbox"
)

func TestLegacyHeaderThroughEachDoor(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	forward := r.ForwardClient()
	path := "/restapi/v2/accounts/1234567/envelopes?from_date=2026-01-01"
	for _, c := range []struct {
		name, url string
		client    *http.Client
	}{
		{"sidecar over http", r.Sidecar() + path, nil},
		{"forward proxy, plain request", "http://demo.docusign.net" + path, forward},
		{"forward proxy, CONNECT with interception", "https://demo.docusign.net" + path, forward},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := r.Do(c.client, apptest.Request(t, "GET", c.url, nil, "X-DocuSign-Authentication", apptest.AnnaJSON))
			if got.Status != 200 || !strings.Contains(got.Body, "resultSetSize") {
				t.Errorf("status %d, body %q\n%s", got.Status, got.Body, r.Log)
			}
		})
	}
	r.NoLeak()
	if c := r.Sandbox.Counts(); c.Grants != 1 || c.Legacy.Total() != 0 {
		t.Errorf("%d grants, want 1; %d legacy credentials reached DocuSign", c.Grants, c.Legacy.Total())
	}
	_ = sandbox.AnnaID
}

func TestTwoPrincipalsInOneCallAreRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	req := apptest.Request(
		t, "GET", r.Sidecar()+"/restapi/v2/accounts/1234567/envelopes", nil, "X-DocuSign-Authentication", apptest.AnnaJSON,
	)
	req.Header["X-Docusign-Act-As-User"] = []string{"anna@example.com", "bob@example.com"}
	if got := r.Do(nil, req); got.Status != 401 || !strings.Contains(got.Body, "INVALID_TOKEN_FORMAT") {
		t.Errorf("status %d, body %q", got.Status, got.Body)
	}
	req = apptest.Request(
		t, "GET", r.Sidecar()+"/restapi/v2/accounts/1234567/envelopes", nil, "X-DocuSign-Authentication", apptest.AnnaJSON,
	)
	req.Header["X-Docusign-Act-As-User"] = []string{"anna@example.com", "anna@example.com"}
	if got := r.Do(nil, req); got.Status != 200 {
		t.Errorf("the same principal twice: status %d, body %q", got.Status, got.Body)
	}
}
