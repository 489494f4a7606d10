package admin_test

import (
	"net/http"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/admin"
	"docusign-auth-proxy/internal/admin/admintest"
)

// Bytes that a page of 60 integrations and 500 users may take.
func TestPagesOfALargeHouseStaySmall(t *testing.T) {
	large := admintest.Large(now)
	large.Clock.OffsetSeconds = -0.04
	h := admin.NewHandler(config(func() admin.Status { return large }))
	for path, most := range map[string]int{
		"/": 200 << 10, "/?state=failing": 100 << 10, "/attention": 200 << 10, "/users": 500 << 10,
		"/users?state=consent": 150 << 10, "/users?q=user.042": 20 << 10, "/security": 400 << 10, "/causes": 140 << 10,
		"/integration/department-00-billing":                           60 << 10,
		"/integration/department-00-billing/user/user.000@example.com": 20 << 10,
	} {
		w := do(t, h, "GET", path)
		t.Logf("%-80s %7d bytes", path, w.Body.Len())
		if w.Code != http.StatusOK || w.Body.Len() > most {
			t.Errorf("%s: status %d, %d bytes", path, w.Code, w.Body.Len())
		}
		if strings.Contains(w.Body.String(), "-0.0 s") {
			t.Errorf("%s: nothing has a sign", path)
		}
		if strings.Contains(w.Body.String(), "#unsafe") {
			t.Errorf("%s: the template engine refused a value", path)
		}
	}
}

func BenchmarkUsersOfALargeHouse(b *testing.B) {
	large := admintest.Large(now)
	h := admin.NewHandler(config(func() admin.Status { return large }))
	for b.Loop() {
		if w := do(b, h, "GET", "/users"); w.Code != http.StatusOK {
			b.Fatal(w.Code)
		}
	}
}
