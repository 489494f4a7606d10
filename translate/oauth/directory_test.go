package oauth

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

const (
	bobGUID   = "a1b2c3d4-0000-4000-8000-000000000021"
	carolGUID = "a1b2c3d4-0000-4000-8000-000000000022"
)

// twoAccounts lets the user have two accounts on d and answers REST calls by path and query.
func (d *docusign) twoAccounts(answers map[string]string) {
	d.info = fmt.Sprintf(`{"sub":%q,"accounts":[{"account_id":%q,"base_uri":%q},{"account_id":%q,"is_default":true,`+
		`"base_uri":%q}]}`,
		testUser, otherAccount, d.URL, testAccount, d.URL)
	d.rest = func(w http.ResponseWriter, r *http.Request, user string) bool {
		body, ok := answers[r.URL.RequestURI()]
		if !ok || user == "" {
			return false
		}
		var status int
		if n, _ := fmt.Sscanf(body, "%d", &status); n == 1 {
			w.WriteHeader(status)
			body = body[3:]
		}
		io.WriteString(w, body)
		return true
	}
}

func TestLookupUser(t *testing.T) {
	inDefault := "/restapi/v2.1/accounts/" + testAccount + "/users?email=bob%2Bx%40example.com"
	inOther := "/restapi/v2.1/accounts/" + otherAccount + "/users?email=bob%2Bx%40example.com"
	user := func(guid, email, status string) string {
		return fmt.Sprintf(`{"userId":%q,"email":%q,"userStatus":%q}`, guid, email, status)
	}
	users := func(list ...string) string { return `{"users":[` + strings.Join(list, ",") + `],"resultSetSize":"1"}` }
	denied := `401{"errorCode":"USER_LACKS_PERMISSIONS","message":"This user lacks sufficient permissions to access ` +
		`this resource."}`
	bob := user(bobGUID, "Bob+X@Example.com", "Active")
	for _, test := range []struct {
		name    string
		answers map[string]string
		want    string
		text    string // of the error
	}{
		{"found in the default account", map[string]string{inDefault: users(bob), inOther: users()}, bobGUID, ""},
		{
			"the same user in both",
			map[string]string{
				inDefault: users(bob), inOther: users(user(strings.ToUpper(bobGUID), "bob+x@example.com", "active")),
			},
			bobGUID, "",
		},
		{
			"only in the other account, and no permission in the default",
			map[string]string{inDefault: denied, inOther: users(bob)}, bobGUID, "",
		},
		{
			"active before closed",
			map[string]string{inDefault: users(user(carolGUID, "bob+x@example.com", "Closed"), bob), inOther: users()}, bobGUID,
			"",
		},
		{
			"inactive if there is no other",
			map[string]string{inDefault: users(user(bobGUID, "bob+x@example.com", "ActivationSent")), inOther: users()}, bobGUID,
			"",
		},
		{
			"two active users in one account",
			map[string]string{inDefault: users(bob, user(carolGUID, "bob+x@example.com", "Active")), inOther: users()}, "",
			"ambiguous: " + bobGUID + ", " + carolGUID,
		},
		{
			"two active users in two accounts",
			map[string]string{inDefault: users(bob), inOther: users(user(carolGUID, "bob+x@example.com", "Active"))}, "",
			"ambiguous",
		},
		{
			"the filter is not taken on trust",
			map[string]string{inDefault: users(user(carolGUID, "bob+xy@example.com", "Active")), inOther: users()}, "",
			"not found",
		},
		{
			"no GUID is no user",
			map[string]string{inDefault: users(user("1", "bob+x@example.com", "Active")), inOther: users()}, "", "not found",
		},
		{"no such user", map[string]string{inDefault: users(), inOther: `{}`}, "", "user bob+x@example.com was not found"},
		{"no permission", map[string]string{inDefault: denied, inOther: users()}, "", "USER_LACKS_PERMISSIONS"},
		{"an error that may pass matters more", map[string]string{inDefault: denied, inOther: "503"}, "", "HTTP 503"},
		{"no JSON", map[string]string{inDefault: "<html>", inOther: users()}, "", "not the JSON expected"},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := newDocusign(t, 0)
			d.twoAccounts(test.answers)
			var events []LookupEvent
			c := d.client(t, func(cfg *Config) { cfg.Observer.Lookup = func(e LookupEvent) { events = append(events, e) } })
			for range 3 { // the answer is remembered, whatever it is
				got, err := c.LookupUser(t.Context(), anna(), " Bob+x@Example.com ")
				if got != test.want || (err != nil) != (test.text != "") ||
					(err != nil && !strings.Contains(err.Error(), test.text)) {
					t.Fatalf("%q, %v", got, err)
				}
			}
			if grants, calls := d.counts(); calls != 3 || grants != 1 {
				t.Errorf("%d calls, %d grants: %v", calls, grants, d.calls)
			}
			if len(events) != 1 || events[0].What != "user" {
				t.Errorf("events %+v", events)
			}
		})
	}
}

func TestLookupUserRemembersForAShortTimeThatThereIsNone(t *testing.T) {
	d := newDocusign(t, 0)
	answers := map[string]string{}
	for _, a := range []string{testAccount, otherAccount} {
		answers["/restapi/v2.1/accounts/"+a+"/users?email=bob%40example.com"] = `{"users":[]}`
	}
	d.twoAccounts(answers)
	c := d.client(t, nil)
	_, err := c.LookupUser(t.Context(), anna(), "bob@example.com")
	var le *LookupError
	if !errors.As(err, &le) || len(le.Candidates) > 0 || temporary(err) {
		t.Fatalf("%#v", err)
	}
	d.set(func() {
		answers["/restapi/v2.1/accounts/"+testAccount+"/users?email=bob%40example.com"] = `{"users":[{"userId":"` + bobGUID +
			`","email":"bob@example.com","userStatus":"Active"}]}`
	})
	d.clock.Advance(DefaultTerminalPause - time.Second)
	if _, err := c.LookupUser(t.Context(), anna(), "bob@example.com"); err == nil {
		t.Error("asked again too early")
	}
	d.clock.Advance(time.Second)
	if got, err := c.LookupUser(t.Context(), anna(), "bob@example.com"); err != nil || got != bobGUID {
		t.Errorf("%q, %v", got, err)
	}
}

func TestALookedUpUserWhoIsGoneIsLookedUpAgain(t *testing.T) {
	d := newDocusign(t, 0)
	in := "/restapi/v2.1/accounts/" + testAccount + "/users?email=bob%40example.com"
	answers := map[string]string{
		"/restapi/v2.1/accounts/" + otherAccount + "/users?email=bob%40example.com": `{"users":[]}`,
	}
	bob := func(guid string) {
		d.set(func() {
			answers[in] = `{"users":[{"userId":"` + guid + `","email":"bob@example.com","userStatus":"Active"}]}`
		})
	}
	d.twoAccounts(answers)
	c := d.client(t, nil)
	look := func() string {
		t.Helper()
		guid, err := c.LookupUser(t.Context(), anna(), "bob@example.com")
		if err != nil {
			t.Fatal(err)
		}
		settle(c)
		return guid
	}
	bob(bobGUID)
	look()
	bob(carolGUID) // deleted and made anew
	_, before := d.counts()
	for range 20 {
		c.DoubtUser(anna(), "BOB@example.com")
		if look() != bobGUID {
			t.Error("asked again within the pause")
		}
	}
	if _, calls := d.counts(); calls != before {
		t.Errorf("%d calls within the pause", calls-before)
	}
	d.clock.Advance(DefaultTerminalPause)
	c.DoubtUser(anna(), "BOB@example.com")
	look()
	if got := look(); got != carolGUID {
		t.Errorf("%s", got)
	}
}

func TestManyNamesThatAreNotFoundAreAskedForLessOften(t *testing.T) {
	d := newDocusign(t, 0)
	c := d.client(t, nil)
	missing := &LookupError{}
	var longest time.Duration
	for i := range 10_000 {
		pause := c.backoff(missing, 1)
		if i < notFoundBurst && pause != DefaultTerminalPause {
			t.Fatalf("name %d waits %v", i+1, pause)
		}
		longest = max(longest, pause)
	}
	if longest != maxNotFoundPause {
		t.Errorf("the longest wait is %v", longest)
	}
}

func TestLookupsThatNeedNoAsking(t *testing.T) {
	d := newDocusign(t, 0)
	c := d.client(t, nil)
	if got, err := c.LookupUser(t.Context(), anna(), bobGUID); got != bobGUID || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := c.LearnAccountID(t.Context(), anna(), testAccount); got != testAccount || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	for _, name := range []string{"", "anna", strings.Repeat("a", 400) + "@example.com"} {
		if _, err := c.LookupUser(t.Context(), anna(), name); err == nil {
			t.Errorf("looked for %q", name)
		}
	}
	for _, number := range []string{"", "12a", "-1", strings.Repeat("1", 30)} {
		if _, err := c.LearnAccountID(t.Context(), anna(), number); err == nil {
			t.Errorf("looked for %q", number)
		}
	}
	if grants, calls := d.counts(); grants+calls != 0 {
		t.Errorf("%d grants, %d calls", grants, calls)
	}
}

func TestLearnAccountID(t *testing.T) {
	login := "/restapi/v2/login_information?include_account_id_guid=true"
	first, second := "/restapi/v2.1/accounts/"+testAccount, "/restapi/v2.1/accounts/"+otherAccount
	stranger := "a1b2c3d4-0000-4000-8000-0000000000ff"
	for _, test := range []struct {
		name    string
		answers map[string]string
		want    string
		text    string
		calls   int // besides UserInfo
		learned int
	}{
		{"from login information, with its sibling", map[string]string{
			login: `{"loginAccounts":[{"accountId":"1234567","accountIdGuid":"` + strings.ToUpper(testAccount) +
				`"},{"accountId":"7654321","accountIdGuid":"` + otherAccount + `"}]}`,
		}, testAccount, "", 1, 2},
		{"an account that UserInfo does not name does not count", map[string]string{
			login: `{"loginAccounts":[{"accountId":"1234567","accountIdGuid":"` + stranger + `"}]}`, first: `{}`, second: `{}`,
		}, "", "account 1234567 was not found", 3, 0},
		{"from an account's external id, when login information is gone", map[string]string{
			login: "404", first: `{"externalAccountId":"7654321"}`, second: `{"accountIdGuid":"x","externalAccountId":1234567}`,
		}, otherAccount, "", 3, 2},
		{"from an account's own id, default first", map[string]string{
			login: `401{"errorCode":"USER_LACKS_PERMISSIONS"}`, first: `{"accountId":"1234567"}`,
		}, testAccount, "", 2, 1},
		{"not found: what came along is kept", map[string]string{
			login: "404", first: `{"accountId":"1"}`, second: `{"accountId":"2"}`,
		}, "", "not found", 3, 2},
		{"an error that may pass is not taken for an answer", map[string]string{
			login: "404", first: "503", second: `{"accountId":"2"}`,
		}, "", "HTTP 503", 3, 1},
		{"no JSON", map[string]string{login: "<html>", first: "<html>", second: "<html>"}, "", "not the JSON expected", 3, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := newDocusign(t, 0)
			d.twoAccounts(test.answers)
			told := map[string]int{}
			c := d.client(t, func(cfg *Config) {
				cfg.Observer.Learned = func(f Fact) {
					if f.AccountServer != d.URL {
						t.Errorf("told of %+v", f)
					}
					told[f.Name]++
				}
			})
			for range 3 {
				got, err := c.LearnAccountID(t.Context(), anna(), "1234567")
				if got != test.want || (err != nil) != (test.text != "") ||
					(err != nil && !strings.Contains(err.Error(), test.text)) {
					t.Fatalf("%q, %v", got, err)
				}
			}
			if _, calls := d.counts(); calls != test.calls+1 {
				t.Errorf("%d calls: %v", calls, d.calls)
			}
			all := learned(c)
			if len(all) != test.learned || len(told) != len(all) {
				t.Errorf("%d learned, told %v: %+v", len(all), told, all)
			}
			for _, a := range all {
				if told[a.Name] != 1 {
					t.Errorf("told %d times of %s", told[a.Name], a.Name)
				}
			}
		})
	}
}

// learned is what a client knows by look-ups.
func learned(c *Client) (facts []Fact) {
	for k, e := range c.lookups.known.All() {
		if guid := e.peek(); guid != "" {
			facts = append(facts, Fact{c.server.origin, k.Identity, k.name, guid})
		}
	}
	return facts
}

func TestLearnedSurvivesARestart(t *testing.T) {
	d := newDocusign(t, 0)
	d.twoAccounts(map[string]string{
		"/restapi/v2/login_information?include_account_id_guid=true": `{"loginAccounts":[{"accountId":"1234567",` +
			`"accountIdGuid":"` + testAccount + `"}]}`,
		"/restapi/v2.1/accounts/" + testAccount + "/users?email=bob%40example.com": `{"users":[{"userId":"` + bobGUID +
			`","email":"bob@example.com","userStatus":"Active"}]}`,
		"/restapi/v2.1/accounts/" + otherAccount + "/users?email=bob%40example.com": `{"users":[]}`,
	})
	first := d.client(t, nil)
	ask := func(c *Client) {
		t.Helper()
		if got, err := c.LookupUser(t.Context(), anna(), "bob@example.com"); got != bobGUID || err != nil {
			t.Errorf("%q, %v", got, err)
		}
		if got, err := c.LearnAccountID(t.Context(), anna(), "1234567"); got != testAccount || err != nil {
			t.Errorf("%q, %v", got, err)
		}
	}
	ask(first)
	saved := learned(first)
	_, before := d.counts()
	seeded := d.client(t, func(cfg *Config) { cfg.Learned = saved })
	ask(seeded)
	adopting := d.client(t, nil)
	adopting.Adopt(first)
	ask(adopting)
	if _, after := d.counts(); after != before {
		t.Errorf("%d calls after the restart", after-before)
	}
	if a, b := learned(seeded), learned(first); fmt.Sprint(a) != fmt.Sprint(b) {
		t.Errorf("learned %+v, was %+v", a, b)
	}
	d.clock.Advance(learnedLife)
	ask(seeded) // served at once, confirmed in the background
	settle(seeded)
	if _, after := d.counts(); after == before {
		t.Error("never confirmed")
	}
	for i := range saved {
		saved[i].AccountServer = "https://account.docusign.com"
	}
	if l := learned(d.client(t, func(cfg *Config) { cfg.Learned = saved })); len(l) != 0 {
		t.Errorf("production was believed in demo: %+v", l)
	}
	saved = []Fact{
		{d.URL, anna(), "bob@example.com", "../.."}, {d.URL, anna(), "1", "x"}, {d.URL, anna(), "x", testAccount},
	}
	if l := learned(d.client(t, func(cfg *Config) { cfg.Learned = saved })); len(l) != 0 {
		t.Errorf("nonsense was believed: %+v", l)
	}
}

func TestWarmLookupDoesNotAllocate(t *testing.T) {
	d := newDocusign(t, 0)
	c := d.client(t, func(cfg *Config) {
		cfg.Learned = []Fact{{d.URL, anna(), "1234567", testAccount}}
	})
	ctx := t.Context()
	if n := testing.AllocsPerRun(1000, func() { _, _ = c.LearnAccountID(ctx, anna(), "1234567") }); n != 0 {
		t.Errorf("LearnAccountID allocates %v times", n)
	}
}

func TestLookupUserTakesNoLookAlikeOfAnEMailForIt(t *testing.T) {
	d := newDocusign(t, 0)
	answers := map[string]string{"/restapi/v2.1/accounts/" + otherAccount + "/users?email=kim%40example.com": `{}`}
	// The Kelvin sign is a k in Unicode's simple folding.
	answers["/restapi/v2.1/accounts/"+testAccount+"/users?email=kim%40example.com"] =
		`{"users":[{"userId":"` + bobGUID + `","email":"\u212Aim@example.com","userStatus":"Active"}]}`
	d.twoAccounts(answers)
	if got, err := d.client(t, nil).LookupUser(t.Context(), anna(), "kim@example.com"); err == nil {
		t.Errorf("the GUID of somebody else: %s", got)
	}
}
