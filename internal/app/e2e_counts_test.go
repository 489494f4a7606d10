package app_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/app/apptest"
	"docusign-auth-proxy/internal/fixture"
	"docusign-auth-proxy/internal/sandbox"
)

func (r *rig) metrics(t *testing.T) string {
	t.Helper()
	resp, err := http.Get(r.AdminURL() + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestMigratedProgramsPassAndAreCounted(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	token := r.oauthToken(t)
	r.Sandbox.ResetCounts()
	got := r.Get(t, apptest.ListPath, "Authorization: Bearer "+token+"\r\nX-DocuSign-Edit: e\r\n")
	if sent := r.Last(t); got.Status != 200 || sent.Header.Get("Authorization") != "Bearer "+token ||
		sent.Host != "na3.docusign.net" {
		t.Errorf("status %d, went to %s", got.Status, sent.Host)
	}
	if c := r.Sandbox.Counts(); c.Grants != 0 || c.API != 1 {
		t.Errorf("%d grants, %d calls", c.Grants, c.API)
	}
	apptest.Eventually(t, "the call is counted as migrated", func() bool {
		for line := range strings.Lines(r.metrics(t)) {
			if strings.Contains(line, `scheme="oauth_bearer"`) && strings.Contains(line, "_total{") &&
				!strings.HasSuffix(strings.TrimSpace(line), " 0") {
				return true
			}
		}
		return false
	})
	r.Sandbox.RevokeTokens(sandbox.AnnaID)
	r.Sandbox.ResetCounts()
	if got := r.Get(t, apptest.ListPath, "Authorization: Bearer "+token+"\r\n"); got.Status != 401 ||
		r.Sandbox.Counts().Grants != 0 || len(r.AtSites()) != 1 {
		t.Errorf(
			"a migrated program's refused token: status %d, %d grants, sent %d times", got.Status, r.Sandbox.Counts().Grants,
			len(r.AtSites()),
		)
	}
}

func TestOldStatusCodesOnlyForThoseThatAsk(t *testing.T) {
	t.Parallel()
	for _, old := range []bool{false, true} {
		r := newRig(t, func(w *fixture.Config) {
			w.Edit = func(in []map[string]any) { in[1]["old_status_codes"] = old }
		})
		for _, c := range []struct {
			code      string
			now, then int
		}{
			{"HOURLY_APIINVOCATION_LIMIT_EXCEEDED", 429, 400}, {"BURST_APIINVOCATION_LIMIT_EXCEEDED", 429, 400},
			{"RECIPIENT_LIMIT_EXCEEDED", 400, 429}, {"API_REQUEST_IS_THROTTLED", 429, 429}, {"INVALID_REQUEST_BODY", 400, 400},
		} {
			body := `{"errorCode":"` + c.code + `","message":"m"}`
			r.Sandbox.FailNext(sandbox.FailureSpec{Path: "/restapi", Status: c.now, Body: body})
			want := c.now
			if old {
				want = c.then
			}
			if got := r.Get(t, apptest.ListPath, "X-DocuSign-Authentication: "+apptest.AnnaJSON+"\r\n"); got.Status != want ||
				got.Body != body {
				t.Errorf("%s with old_status_codes %v: %d %q, want %d", c.code, old, got.Status, got.Body, want)
			}
		}
	}
}

func TestPathsThatNeedNoCredential(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	for _, c := range []struct {
		method, path string
		want         int
	}{
		{"GET", "/restapi", 200}, {"GET", "/restapi/", 200}, {"GET", "/restapi/service_information", 200},
		{"GET", "/restapi/help", 200}, {"GET", "/restapi/v2", 200},
		{"GET", "/restapi/v2.1", 200}, {"GET", "/RestAPI/V2", 200}, {"GET", "/restapi/v2/accounts/1234567", 401},
		{"GET", "/restapi/v2/login_information", 401},
		{"POST", "/restapi/v2", 401}, {"GET", "/restapi/v3/accounts", 401},
	} {
		r.Sandbox.ResetCounts()
		w := r.Do(nil, apptest.Request(t, c.method, r.Sidecar()+c.path, nil))
		if w.Status != c.want || (len(r.AtSites()) == 1) != (c.want == 200) {
			t.Errorf(
				"%s %s: status %d, want %d; reached DocuSign %d times", c.method, c.path, w.Status, c.want, len(r.AtSites()),
			)
		}
	}
}
