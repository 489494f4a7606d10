package app_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestAPanicOfTheOperationsListenerIsCounted(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.Halt()
	r.Program.ForgetConfiguration() // the pages panic
	ask := func(path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		r.Program.Operations().ServeHTTP(w, httptest.NewRequest("GET", "http://127.0.0.1"+path, nil))
		return w
	}
	if w := ask("/"); w.Code != http.StatusInternalServerError {
		t.Errorf("status %d", w.Code)
	}
	if metrics := ask("/metrics").Body.String(); !strings.Contains(
		metrics, `docusign_auth_proxy_panics_total{where="operations"} 1`,
	) {
		t.Error("no panic is counted")
	}
}
