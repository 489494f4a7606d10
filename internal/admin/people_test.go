package admin_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"docusign-auth-proxy/internal/admin"
	"docusign-auth-proxy/internal/admin/admintest"
	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/observe/ledger"
)

// show gives what a reader sees of a page.
func show(t *testing.T, h http.Handler, target string, want int) string {
	t.Helper()
	w := do(t, h, "GET", target)
	if w.Code != want {
		t.Errorf("%s: status %d", target, w.Code)
	}
	_, words := texts(t, w.Body.String())
	return strings.Join(words, "\n")
}

func TestAUserHasAPage(t *testing.T) {
	h := admin.NewHandler(config(sample))
	for _, test := range []struct {
		name, path string
		status     int
		shows      []string
		hides      string
	}{
		{"calls, account, site, and who may act for whom", "nightly-billing/user/anna@example.com", 200, []string{
			"Logs in with the old credential.", "Works", "expires\nin 38 minutes", "Northwind Ltd", "https://na3.docusign.net",
			"header, JSON", "WS-Security", "rest v2, connect", "password (bcrypt)", "May act for\nbob@example.com",
		}, "Needs a person"},
		{"the name in another case, and escaped", "nightly-billing/user/ANNA%40example.com", 200,
			[]string{"anna@example.com"}, "No such"},
		{"by GUID", "nightly-billing/user/a1b2c3d4-0000-4000-8000-000000000020", 200,
			[]string{"anna@example.com"}, "No such"},
		{"a principal", "nightly-billing/user/bob@example.com", 200, []string{
			"Is acted for, and never logs in.", "May be acted for by\nanna@example.com", "Failed\n", "WS-Security",
		}, "header, JSON"},
		{"one without consent", "contracts/user/mark@example.com", 200, []string{
			"Consent missing", "Needs a person", "Let mark@example.com open the consent page", "consent page of",
			"https://account-d.docusign.com/oauth/auth?", "Not known yet: they come with the first token.",
		}, "Is acted for"},
		{"one who only called", "hr-onboarding/user/hr@example.com", 200, []string{
			"Is not in the configuration any more.", "No token was asked for yet.", "header, XML",
		}, "mark@example.com"},
		{"nobody", "nightly-billing/user/nobody@example.com", 404, []string{"No such user", "nightly-billing"}, "Calls"},
		{"another integration's user", "crm/user/mark@example.com", 404, []string{"No such user"}, "Calls"},
		{"a user of no integration", "nobody/user/anna@example.com", 404, []string{"No such integration"}, "Calls"},
	} {
		t.Run(test.name, func(t *testing.T) {
			page := show(t, h, "/integration/"+test.path, test.status)
			for _, text := range test.shows {
				if !strings.Contains(page, text) {
					t.Errorf("does not show %q", text)
				}
			}
			if strings.Contains(page, test.hides) {
				t.Errorf("shows %q", test.hides)
			}
		})
	}
}

func TestAUserWhoseGUIDWasLookedUpIsOnePerson(t *testing.T) {
	const guid = "a1b2c3d4-0000-4000-8000-0000000000aa"
	s := sample()
	in := &s.Integrations[0]
	in.Users = append(in.Users, admin.User{Username: "cora@example.com"})
	in.Tokens = append(in.Tokens, admin.Token{User: "cora@example.com", UserID: guid})
	in.Callers = append(in.Callers, admin.Caller{Authenticator: "anna@example.com", Principal: guid, Calls: 3})
	h := admin.NewHandler(config(func() admin.Status { return s }))
	if page := show(t, h, "/users?q="+guid, 200); !strings.Contains(page, "1 user for") {
		t.Errorf("shows %s", page)
	}
	page := show(t, h, "/integration/"+in.Name+"/user/"+guid, 200)
	if !strings.Contains(page, "Logs in with the old credential.") || !strings.Contains(page, "never\n3\n") {
		t.Errorf("shows %s", page)
	}
}

// Names are callers' texts: a page of theirs is either reached by its link, or not linked.
func TestLinksToUsersLeadToThem(t *testing.T) {
	names := []string{"a/b", "a%2Fb", "a b?c#d", "..", ".", "ü@example.com", "a\"b", "'c'", "//evil.example", "\\\\evil"}
	s := sample()
	for _, name := range names {
		s.Integrations[0].Users = append(s.Integrations[0].Users, admin.User{Username: name})
	}
	h := admin.NewHandler(config(func() admin.Status { return s }))
	doc, _ := texts(t, do(t, h, "GET", "/integration/archive").Body.String())
	linked := map[string]bool{}
	for n := range doc.Descendants() {
		href := attr(n, "href")
		if _, user, ok := strings.Cut(href, "/user/"); ok {
			name, err := url.PathUnescape(user)
			if err != nil {
				t.Fatal(err)
			}
			linked[name] = true
			if page := show(t, h, href, http.StatusOK); !strings.Contains(page, "archive\n"+name+"\n") {
				t.Errorf("%s does not lead to %q", href, name)
			}
		}
	}
	for _, name := range names {
		if dots := name == "." || name == ".."; linked[name] == dots {
			t.Errorf("%q linked: %v", name, linked[name])
		}
	}
}

func TestFiltersShowAPartOfTheList(t *testing.T) {
	large := admintest.Large(now)
	h := admin.NewHandler(config(func() admin.Status { return large }))
	for _, test := range []struct {
		name, path   string
		shows, hides []string
	}{
		{"failing integrations", "/?state=failing", []string{"Failing\n3\n", "department-02-billing"},
			[]string{"department-50-billing\nTranslated"}},
		{"those that need a person", "/?state=person", []string{"Need a person\n25\n", "department-05-billing"},
			[]string{"department-30-billing\nTranslated"}},
		{"observed ones", "/?state=observed", []string{"department-06-billing\nLegacy"},
			[]string{"department-50-billing\nTranslated"}},
		{"blocked ones", "/?state=blocked", []string{"department-12-billing\nBlocked"},
			[]string{"department-06-billing\nLegacy"}},
		{"users without consent", "/users?state=consent", []string{"43 users", "user.000@example.com"},
			[]string{"user.099@example.com"}},
		{"a user by a part of the name in another case", "/users?q=USER.042", []string{"1 user for", "user.042@example.com"},
			[]string{"user.043@example.com"}},
		{"users of an integration", "/users?q=department-07", []string{"10 users", "user.007@example.com"},
			[]string{"user.008@example.com"}},
		{"the second hundred", "/users?from=100", []string{"Those before", "Those after"}, []string{"user.000@example.com"}},
		{"beyond the end", "/users?from=99999999999", []string{"None."}, []string{"Those after", "user.000"}},
		{"no such state", "/users?state=%3Cscript%3E", []string{"0 users", "None."}, []string{"user.000"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			page := show(t, h, test.path, http.StatusOK)
			for _, text := range test.shows {
				if !strings.Contains(page, text) {
					t.Errorf("does not show %q", text)
				}
			}
			for _, text := range test.hides {
				if strings.Contains(page, text) {
					t.Errorf("shows %q", text)
				}
			}
		})
	}
}

func TestEveryFilterIsKeptByReloading(t *testing.T) {
	h := admin.NewHandler(config(sample))
	doc, _ := texts(t, do(t, h, "GET", "/users?state=consent&q=a%26b&refresh=30").Body.String())
	var links []string
	for n := range doc.Descendants() {
		links = append(links, attr(n, "href"))
	}
	for _, want := range []string{"/users?q=a%26b&state=consent", "/users?q=a%26b&refresh=30&state=works"} {
		if !slices.Contains(links, want) {
			t.Errorf("no link %q in %q", want, links)
		}
	}
}

func TestCausesAreExplainedWhereTheyAreLinked(t *testing.T) {
	large := admintest.Large(now)
	h := admin.NewHandler(config(func() admin.Status { return large }))
	explained := map[string]bool{}
	doc, _ := texts(t, do(t, h, "GET", "/causes").Body.String())
	for n := range doc.Descendants() {
		explained[attr(n, "id")] = true
	}
	for _, id := range cause.All() {
		if !explained[id.String()] {
			t.Errorf("%s is not explained", id)
		}
	}
	links := 0
	doc, _ = texts(t, do(t, h, "GET", "/attention").Body.String())
	for n := range doc.Descendants() {
		if word, ok := strings.CutPrefix(attr(n, "href"), "/causes#"); ok {
			links++
			if !explained[word] {
				t.Errorf("the link to %s leads nowhere", word)
			}
		}
	}
	if links < 10 {
		t.Errorf("%d links to causes", links)
	}
}

func TestADayHasItsHours(t *testing.T) {
	h := admin.NewHandler(config(sample))
	for path, want := range map[string]string{
		"/integration/nightly-billing":                           "Calls of the last 24 hours",
		"/integration/nightly-billing?day=2026-03-16":            "Calls by the hour, 16 Mar 00:00 to 17 Mar 00:00 UTC",
		"/integration/nightly-billing?day=2026-03-16&refresh=30": "Back to the last 24 hours",
		"/integration/nightly-billing?day=2026-03-14":            "14 Mar 10:00: 18 calls, 0 failed",
		"/integration/nightly-billing?day=2026-03-18":            "Calls of the last 24 hours", // has not begun
		"/integration/nightly-billing?day=2020-01-01":            "Calls of the last 24 hours",
		"/integration/nightly-billing?day=x":                     "Calls of the last 24 hours",
		"/integration/archive":                                   "No call in the last 24 hours",
		"/integration/year-end-letters?day=2026-03-16":           "No call on this day",
	} {
		if page := show(t, h, path, http.StatusOK); !strings.Contains(page, want) {
			t.Errorf("%s does not show %q", path, want)
		}
	}
}

func TestAUserFailsOnlyWhereAPersonIsNeeded(t *testing.T) {
	const name = "anna@example.com"
	at := ago(time.Minute)
	for word, shows := range map[string]string{
		"bad_login": "Failing", "docusign_401": "Failing", "docusign_400": "Works", "client_gone": "Works", "": "Failing",
	} {
		s := admin.Status{Integrations: []admin.Integration{{
			Name: "erp", Mode: "translate", State: string(ledger.StateTranslated), Users: []admin.User{{Username: name}},
			Summary: ledger.Summary{Callers: []ledger.Row{{
				Authenticator: name, Principal: name, LastSeen: at, Calls: 2, Failed: 1, LastError: "it failed", LastErrorAt: at,
				LastCause: word,
			}}},
		}}}
		page := show(t, admin.NewHandler(config(func() admin.Status { return s })), "/integration/erp/user/"+name, 200)
		if person := strings.Contains(page, "Needs a person"); !strings.Contains(page, "\n"+shows+"\n") ||
			person != (shows == "Failing") {
			t.Errorf("%q: the state %s is not told:\n%s", word, shows, page)
		}
	}
}
