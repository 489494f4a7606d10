package oauth

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

const otherAccount = "a1b2c3d4-0000-4000-8000-000000000011"

func TestUserInfo(t *testing.T) {
	d := newDocusign(t, 0)
	d.info = fmt.Sprintf(`{"sub":%q,"name":"Anna Example","given_name":"Anna","created":"2015-08-13T22:03:03.45","email":"anna@example.com","accounts":[
		{"account_id":%q,"is_default":false,"account_name":"Second","base_uri":"https://eu.docusign.net"},
		{"account_id":%q,"is_default":true,"account_name":"Example Ltd","base_uri":"https://NA3.docusign.net/",
		 "organization":{"organization_id":"x","links":[{"rel":"self","href":"https://account.docusign.com/organizations/x"}]}}]}`, testUser, otherAccount, testAccount)
	var trusted []string
	c := d.client(t, func(cfg *Config) {
		cfg.TrustedBase = func(u *url.URL) error {
			trusted = append(trusted, u.String())
			if !strings.HasSuffix(u.Hostname(), ".docusign.net") {
				return errors.New("not under docusign.net")
			}
			return nil
		}
	})
	u, err := c.UserInfo(t.Context(), anna())
	if err != nil {
		t.Fatal(err)
	}
	if u.Sub != testUser || u.Name != "Anna Example" || u.Email != "anna@example.com" || !u.Fetched.Equal(d.clock.Now()) {
		t.Errorf("%+v", u)
	}
	if a := u.Default(); a.AccountID != testAccount || a.Name != "Example Ltd" ||
		a.BaseURI.String() != "https://na3.docusign.net" {
		t.Errorf("default account %+v", a)
	}
	if a := u.Account("{" + strings.ToUpper(otherAccount) + "}"); a == nil || a.BaseURI.Host != "eu.docusign.net" {
		t.Errorf("account by GUID %+v", a)
	}
	if u.Account("1234567") != nil || u.Account("") != nil || (*UserInfo)(nil).Default() != nil ||
		(&UserInfo{}).Default() != nil {
		t.Error("an account out of nothing")
	}
	if len(trusted) != 2 {
		t.Errorf("asked about %v", trusted)
	}
	if again, err := c.UserInfo(t.Context(), anna()); err != nil || again != u {
		t.Errorf("not cached: %v", err)
	}
	if st := c.Snapshot()[0]; len(st.Accounts) != 2 || !st.Accounts[1].IsDefault ||
		st.Accounts[1].BaseURI.String() != "https://na3.docusign.net" {
		t.Errorf("accounts %+v", st.Accounts)
	}
}

func TestBaseURITrust(t *testing.T) {
	yes := func(*url.URL) error { return nil }
	no := func(*url.URL) error { return errors.New("not listed") }
	for _, test := range []struct {
		name, claimed string
		trust         func(*url.URL) error
		want          string // origin; "" = untrusted
	}{
		{"https", "https://eu.docusign.net", nil, "https://eu.docusign.net"},
		{"https with port and slash", "https://eu.docusign.net:8443/", yes, "https://eu.docusign.net:8443"},
		{"not listed", "https://evil.example", no, ""},
		{"plain http", "http://eu.docusign.net", yes, ""},
		{"plain http on this machine, listed", "http://127.0.0.1:8080", yes, "http://127.0.0.1:8080"},
		{"plain http on this machine, not listed", "http://127.0.0.1:8080", no, ""},
		{"plain http on this machine, nobody to ask", "http://127.0.0.1:8080", nil, ""},
		{"a user before the host", "https://eu.docusign.net@evil.example", yes, ""},
		{"a path", "https://eu.docusign.net/restapi", yes, ""},
		{"a query", "https://eu.docusign.net?", yes, ""},
		{"a fragment", "https://eu.docusign.net#x", yes, ""},
		{"only a port", "https://:443", yes, ""},
		{"no scheme", "eu.docusign.net", yes, ""},
		{"another scheme", "ftp://eu.docusign.net", yes, ""},
		{"nothing", "", yes, ""},
		{"no URL", "https://%zz", yes, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			u, err := trust(test.claimed, test.trust)
			if (err != nil) != (test.want == "") || (u != nil && u.String() != test.want) {
				t.Errorf("%v, %v", u, err)
			}
		})
	}
}

func TestUntrustedAccountIsKeptButNotRouted(t *testing.T) {
	d := newDocusign(t, 0)
	d.info = fmt.Sprintf(`{"sub":%q,"accounts":[{"account_id":%q,"is_default":"true","base_uri":"http://evil.example"},`+
		`{"account_id":%q,"base_uri":%q}]}`,
		testUser, testAccount, otherAccount, d.URL)
	c := d.client(t, nil)
	u, err := c.UserInfo(t.Context(), anna())
	if err != nil {
		t.Fatal(err)
	}
	if a := u.Default(); a.AccountID != testAccount || a.BaseURI != nil || a.Untrusted == nil {
		t.Errorf("%+v", a)
	}
	if list := u.ordered(); len(list) != 1 || list[0].AccountID != otherAccount {
		t.Errorf("routable accounts %+v", list)
	}
	if a := c.Snapshot()[0].Accounts; a[0].BaseURI != nil || a[0].Untrusted == nil {
		t.Errorf("accounts %+v", a)
	}
}

func TestUserInfoErrors(t *testing.T) {
	answer := func(status int, header http.Header, body string) func(http.ResponseWriter, *http.Request, string) bool {
		return func(w http.ResponseWriter, _ *http.Request, _ string) bool { return refuse(status, header, body)(w) }
	}
	for _, test := range []struct {
		name      string
		rest      func(http.ResponseWriter, *http.Request, string) bool
		text      string
		label     string
		temporary bool
		grants    int
	}{
		{
			"a refused token is replaced once", answer(401, nil, `{"error":"invalid_token","error_description":"gone"}`),
			"user info from 127.0.0.1:", "unauthorized", false, 2,
		},
		{
			"out of order", answer(503, http.Header{"Content-Type": {"text/html"}}, "<h1>Down</h1>"), "text/html",
			"server_error", true, 1,
		},
		{"throttled", answer(429, http.Header{"Retry-After": {"60"}}, ""), "HTTP 429", "throttled", true, 1},
		{"a refusal", answer(404, nil, "{}"), "(HTTP 404)", "refused", false, 1},
		{
			"a redirect is not followed", answer(302, http.Header{"Location": {"/oauth/other"}}, ""), "HTTP 302", "bad_answer",
			true, 1,
		},
		{"a page instead of JSON", answer(200, nil, "<h1>Hello</h1>"), "<h1>Hello</h1>", "bad_answer", true, 1},
		{"an answer about nobody", answer(200, nil, "{}"), "neither a user nor an account", "bad_answer", true, 1},
		{
			"an answer about somebody else", answer(200, nil, `{"sub":"a1b2c3d4-0000-4000-8000-000000000099","accounts":[]}`),
			"000099", "bad_answer", true, 1,
		},
		{"too much", answer(200, nil, `"`+strings.Repeat("x", maxLookupAnswer)), "longer than", "bad_answer", true, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := newDocusign(t, 0)
			d.rest = test.rest
			c := d.client(t, nil)
			_, err := c.UserInfo(t.Context(), anna())
			var re *RequestError
			if !errors.As(err, &re) || re.Label() != test.label || re.Temporary() != test.temporary ||
				!strings.Contains(err.Error(), test.text) {
				t.Fatalf("%v", err)
			}
			if re.RetryAfter <= 0 {
				t.Errorf("retry after %v", re.RetryAfter)
			}
			d.wantGrants(t, test.grants)
			_, before := d.counts()
			if _, err := c.UserInfo(t.Context(), anna()); err == nil {
				t.Error("no error the second time")
			}
			if _, after := d.counts(); after != before || before != test.grants {
				t.Errorf("%d calls, then %d", before, after)
			}
			if st := c.Snapshot()[0]; st.UserInfoFailure == nil || st.UserInfoFailure.Label != test.label {
				t.Errorf("state %+v", st)
			}
		})
	}
}

func TestUserInfoWithARevokedToken(t *testing.T) {
	d := newDocusign(t, 0)
	c := d.client(t, nil)
	tok := mustToken(t, c, anna())
	d.set(func() { clear(d.live) })
	if _, err := c.UserInfo(t.Context(), anna()); err != nil {
		t.Fatal(err)
	}
	if mustToken(t, c, anna()) == tok {
		t.Error("the revoked token is still there")
	}
}

func TestUserInfoRefreshesInTheBackground(t *testing.T) {
	d := newDocusign(t, 0)
	var events []UserInfoEvent
	c := d.client(t, func(cfg *Config) { cfg.Observer.UserInfo = func(e UserInfoEvent) { events = append(events, e) } })
	get := func() *UserInfo {
		t.Helper()
		u, err := c.UserInfo(t.Context(), anna())
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	first := get()
	d.clock.Advance(11 * time.Hour)
	if get() != first {
		t.Fatal("fetched too early")
	}
	d.set(func() { d.reply = refuse(500, nil, "") })
	d.clock.Advance(time.Hour)
	if get() != first {
		t.Error("a due refresh made a caller wait")
	}
	settle(c)
	if get() != first {
		t.Error("a failed refresh took the old answer away")
	}
	settle(c)
	d.set(func() {
		d.reply = nil
		d.info = fmt.Sprintf(
			`{"sub":%q,"accounts":[{"account_id":%q,"is_default":true,"base_uri":"https://eu.docusign.net"}]}`, testUser,
			testAccount,
		)
	})
	d.clock.Advance(time.Hour)
	get()
	settle(c)
	if u := get(); u == first || u.Default().BaseURI.Host != "eu.docusign.net" {
		t.Errorf("not refreshed: %+v", u)
	}
	if last := events[len(events)-1]; last.Moved != 1 || last.Err != nil || events[0].Moved != 0 {
		t.Errorf("events %+v", events)
	}
}

func TestRefreshUserInfo(t *testing.T) {
	d := newDocusign(t, 0)
	c := d.client(t, nil)
	stale, err := c.UserInfo(t.Context(), anna())
	if err != nil {
		t.Fatal(err)
	}
	d.set(func() {
		d.info = fmt.Sprintf(
			`{"sub":%q,"accounts":[{"account_id":%q,"is_default":true,"base_uri":"https://eu.docusign.net"}]}`, testUser,
			testAccount,
		)
	})
	d.clock.Advance(time.Minute)
	fresh, moved, err := c.RefreshUserInfo(t.Context(), anna(), stale, testAccount)
	if err != nil || !moved || fresh.Default().BaseURI.Host != "eu.docusign.net" {
		t.Fatalf("%+v, %v, %v", fresh, moved, err)
	}
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			u, moved, err := c.RefreshUserInfo(t.Context(), anna(), stale, testAccount)
			if err != nil || !moved || u != fresh {
				t.Errorf("who comes late does not get what is newer: %v, %v", moved, err)
			}
		})
	}
	wg.Wait()
	if _, calls := d.counts(); calls != 2 {
		t.Errorf("%d calls", calls)
	}
	for range refreshBurst {
		u, moved, err := c.RefreshUserInfo(t.Context(), anna(), fresh, testAccount)
		if err != nil || moved || u == fresh {
			t.Errorf("%v, %v", moved, err)
		}
		fresh = u
	}
	u, moved, err := c.RefreshUserInfo(t.Context(), anna(), fresh, testAccount)
	if !errors.Is(err, ErrTooSoon) || u != fresh || moved {
		t.Errorf("the fourth without a move in a row: %v, %v, %v", u, moved, err)
	}
	if _, calls := d.counts(); calls != 2+refreshBurst {
		t.Errorf("%d calls", calls)
	}
	d.clock.Advance(refreshEvery)
	if _, _, err := c.RefreshUserInfo(t.Context(), anna(), fresh, testAccount); err != nil {
		t.Errorf("the limit does not recover: %v", err)
	}
	d.set(func() {
		d.rest = func(w http.ResponseWriter, _ *http.Request, _ string) bool { return refuse(500, nil, "")(w) }
	})
	d.clock.Advance(refreshEvery)
	cached, err := c.UserInfo(t.Context(), anna())
	if err != nil {
		t.Fatal(err)
	}
	if u, moved, err := c.RefreshUserInfo(t.Context(), anna(), cached, testAccount); err == nil || moved || u != cached {
		t.Errorf("a failure: %v, %v, %v", u, moved, err)
	}
}

func TestRefreshUserInfoBeforeThereIsAny(t *testing.T) {
	d := newDocusign(t, 0)
	u, moved, err := d.client(t, nil).RefreshUserInfo(t.Context(), anna(), nil, testAccount)
	if err != nil || moved || u.Default() == nil {
		t.Errorf("%v, %v, %v", u, moved, err)
	}
}

func TestColdUserInfoIsFetchedOnce(t *testing.T) {
	d := newDocusign(t, 0)
	d.gate = make(chan struct{})
	c := d.client(t, nil)
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			if _, err := c.UserInfo(t.Context(), anna()); err != nil {
				t.Error(err)
			}
		})
	}
	<-d.arrived
	close(d.gate)
	wg.Wait()
	if grants, calls := d.counts(); grants != 1 || calls != 1 {
		t.Errorf("%d grants, %d calls", grants, calls)
	}
}

func TestManyIdentitiesShareTheWire(t *testing.T) {
	d := newDocusign(t, 0)
	c := d.client(t, nil)
	var wg sync.WaitGroup
	for i := range 3 * maxConcurrent {
		wg.Go(func() {
			if _, err := c.UserInfo(t.Context(), Identity{testIssuer, fmt.Sprintf("user-%d", i), testScopes}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func FuzzUserInfo(f *testing.F) {
	f.Add([]byte(`{"sub":"a","accounts":[{"account_id":"b","is_default":true,"base_uri":"https://demo.docusign.net"}]}`))
	f.Add([]byte(`{"sub":1,"accounts":[{"is_default":"TRUE","base_uri":"https://a@b/../"}]}`))
	f.Add([]byte(`<html>`))
	f.Fuzz(func(t *testing.T, body []byte) {
		var a userInfoAnswer
		if json.Unmarshal(body, &a) != nil {
			return
		}
		u, err := a.userInfo(nil)
		if err != nil {
			return
		}
		for i := range u.Accounts {
			a := &u.Accounts[i]
			if (a.BaseURI == nil) == (a.Untrusted == nil) {
				t.Errorf("neither trusted nor untrusted: %+v", a)
			}
			if a.BaseURI != nil && (a.BaseURI.Scheme != "https" || a.BaseURI.User != nil || a.BaseURI.Path != "") {
				t.Errorf("believed %q", a.claimed)
			}
		}
		_ = u.Default()
	})
}

func FuzzClean(f *testing.F) {
	f.Add("a\r\nb\x00 eyJabc.def", 10)
	f.Fuzz(func(t *testing.T, s string, limit int) {
		if limit < 1 || limit > 1000 {
			return
		}
		got := clean(s, limit)
		if len(got) > limit+3 || strings.ContainsAny(got, "\r\n\x00") || strings.Contains(got, "eyJ") {
			t.Errorf("%q from %q", got, s)
		}
	})
}

func TestBrokenConnection(t *testing.T) {
	d := newDocusign(t, 0)
	d.rest = func(w http.ResponseWriter, _ *http.Request, _ string) bool {
		w.Header().Set("Content-Length", "100")
		io.WriteString(w, "{")
		return true
	}
	_, err := d.client(t, nil).UserInfo(t.Context(), anna())
	if !errors.Is(err, io.ErrUnexpectedEOF) || !temporary(err) {
		t.Errorf("%v", err)
	}
}
