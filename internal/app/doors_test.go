package app

import (
	"net/http"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/sandbox"
)

func TestLegacyHeaderThroughEachDoor(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	forward := r.forwardClient()
	path := "/restapi/v2/accounts/1234567/envelopes?from_date=2026-01-01"
	for _, c := range []struct {
		name, url string
		client    *http.Client
	}{
		{"sidecar over http", r.sidecar() + path, nil},
		{"forward proxy, plain request", "http://demo.docusign.net" + path, forward},
		{"forward proxy, CONNECT with interception", "https://demo.docusign.net" + path, forward},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := r.do(c.client, request(t, "GET", c.url, nil, "X-DocuSign-Authentication", annaJSON))
			if got.status != 200 || !strings.Contains(got.body, "resultSetSize") {
				t.Errorf("status %d, body %q\n%s", got.status, got.body, r.log)
			}
		})
	}
	r.noLeak()
	if c := r.sandbox.Counts(); c.Grants != 1 || c.Legacy.Total() != 0 {
		t.Errorf("%d grants, want 1; %d legacy credentials reached DocuSign", c.Grants, c.Legacy.Total())
	}
	_ = sandbox.AnnaID
}

func TestTwoPrincipalsInOneCallAreRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	req := request(
		t, "GET", r.sidecar()+"/restapi/v2/accounts/1234567/envelopes", nil, "X-DocuSign-Authentication", annaJSON,
	)
	req.Header["X-Docusign-Act-As-User"] = []string{"anna@example.com", "bob@example.com"}
	if got := r.do(nil, req); got.status != 401 || !strings.Contains(got.body, "INVALID_TOKEN_FORMAT") {
		t.Errorf("status %d, body %q", got.status, got.body)
	}
	req = request(
		t, "GET", r.sidecar()+"/restapi/v2/accounts/1234567/envelopes", nil, "X-DocuSign-Authentication", annaJSON,
	)
	req.Header["X-Docusign-Act-As-User"] = []string{"anna@example.com", "anna@example.com"}
	if got := r.do(nil, req); got.status != 200 {
		t.Errorf("the same principal twice: status %d, body %q", got.status, got.body)
	}
}
