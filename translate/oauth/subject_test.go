package oauth

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"
)

func (d *docusign) site(host string) {
	d.set(func() {
		d.info = fmt.Sprintf(
			`{"sub":%q,"accounts":[{"account_id":%q,"is_default":true,"base_uri":"https://%s"}]}`, testUser, testAccount, host,
		)
	})
}

func TestAMoveIsFoundHoweverOftenThereIsOne(t *testing.T) {
	d := newDocusign(t, 0)
	c := d.client(t, nil)
	was, err := c.UserInfo(t.Context(), anna())
	if err != nil {
		t.Fatal(err)
	}
	for range 20 { // an account that is not the user's
		was, _, _ = c.RefreshUserInfo(t.Context(), anna(), was, otherAccount)
	}
	if _, calls := d.counts(); calls != 1+refreshBurst {
		t.Errorf("%d calls for an account that is not the user's", calls)
	}
	for i := range 4 * refreshBurst {
		d.site(fmt.Sprintf("na%d.docusign.net", i))
		now, moved, err := c.RefreshUserInfo(t.Context(), anna(), was, testAccount)
		if err != nil || !moved {
			t.Fatalf("move %d: %v, %v", i+1, moved, err)
		}
		was = now
	}
}

func TestAFailureDoesNotUseUpTheLooksAtUserInfo(t *testing.T) {
	d := newDocusign(t, 0)
	c := d.client(t, nil)
	was, err := c.UserInfo(t.Context(), anna())
	if err != nil {
		t.Fatal(err)
	}
	d.set(func() {
		d.rest = func(w http.ResponseWriter, _ *http.Request, _ string) bool { return refuse(503, nil, "")(w) }
	})
	for range 2 * refreshBurst {
		if _, _, err := c.RefreshUserInfo(t.Context(), anna(), was, testAccount); err == nil {
			t.Error("no error")
		}
		d.clock.Advance(2 * time.Minute)
	}
	d.set(func() { d.rest = nil })
	d.site("eu.docusign.net")
	if _, moved, err := c.RefreshUserInfo(t.Context(), anna(), was, testAccount); err != nil || !moved {
		t.Errorf("%v, %v", moved, err)
	}
}

func TestAUserWithoutAccountsIsLookedAtAgainSoon(t *testing.T) {
	d := newDocusign(t, 0)
	d.info = fmt.Sprintf(`{"sub":%q,"accounts":[]}`, testUser)
	c := d.client(t, nil)
	get := func() *UserInfo {
		t.Helper()
		u, err := c.UserInfo(t.Context(), anna())
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	get()
	d.site("na3.docusign.net") // an administrator adds the user to an account
	d.clock.Advance(DefaultTerminalPause - time.Second)
	if u := get(); u.Default() != nil {
		t.Error("asked again too early")
	}
	d.clock.Advance(time.Second)
	if u := get(); u.Default() == nil {
		t.Error("the membership is not seen")
	}
}

// Token, UserInfo and look-ups remember failures on top of each other; the pauses must not add up.
func TestARepairIsSeenBehindEveryMemory(t *testing.T) {
	d := newDocusign(t, 0)
	c := d.client(t, nil)
	d.reply = refuse(400, nil, `{"error":"consent_required"}`)
	if _, err := c.Token(t.Context(), anna()); err == nil {
		t.Fatal("no error")
	}
	d.clock.Advance(10 * time.Second)
	if _, err := c.UserInfo(t.Context(), anna()); err == nil {
		t.Fatal("no error")
	}
	d.clock.Advance(4 * time.Second)
	if _, err := c.LookupUser(t.Context(), anna(), "bob@example.com"); err == nil {
		t.Fatal("no error")
	}
	d.wantGrants(t, 1)
	d.set(func() { d.reply = nil })
	d.twoAccounts(map[string]string{
		"/restapi/v2.1/accounts/" + testAccount + "/users?email=bob%40example.com": `{"users":[{"userId":"` + bobGUID +
			`","email":"bob@example.com"}]}`,
		"/restapi/v2.1/accounts/" + otherAccount + "/users?email=bob%40example.com": `{"users":[]}`,
	})
	d.clock.Advance(time.Second)
	if got, err := c.LookupUser(t.Context(), anna(), "bob@example.com"); got != bobGUID || err != nil {
		t.Errorf("15 s after the refusal: %q, %v", got, err)
	}
}

func TestAskingAgainKeepsAPauseThatDocuSignAskedFor(t *testing.T) {
	d := newDocusign(t, 0)
	c := d.client(t, nil)
	d.reply = refuse(429, http.Header{"Retry-After": {"60"}}, "")
	for range 5 {
		if _, err := c.Token(t.Context(), anna()); err == nil {
			t.Fatal("no error")
		}
		c.ForgetErrors()
	}
	d.wantGrants(t, 1)
}

func TestLoginInformationThatRefusesTokens(t *testing.T) {
	login := "/restapi/v2/login_information?include_account_id_guid=true"
	for _, test := range []struct {
		name    string
		revoked bool // before the look-up
		refuses bool // whatever the token
		grants  int
		knows   bool
	}{
		{"it takes them", false, false, 1, false},
		{"it refuses every one", false, true, 1, true},
		{"the token was revoked", true, false, 2, false},
		{"both", true, true, 2, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := newDocusign(t, 0)
			d.twoAccounts(map[string]string{"/restapi/v2.1/accounts/" + testAccount: `{"accountId":"1234567"}`})
			accounts := d.rest
			d.rest = func(w http.ResponseWriter, r *http.Request, user string) bool {
				switch {
				case r.URL.RequestURI() != login || user == "" && !test.refuses:
					return accounts(w, r, user)
				case test.refuses:
					w.WriteHeader(http.StatusUnauthorized)
					_, _ = io.WriteString(w, `{"errorCode":"USER_AUTHENTICATION_FAILED","message":"Invalid access token"}`)
				default:
					_, _ = io.WriteString(w, `{"loginAccounts":[{"accountId":"1234567","accountIdGuid":"`+testAccount+`"}]}`)
				}
				return true
			}
			c := d.client(t, nil)
			u, err := c.UserInfo(t.Context(), anna())
			if err != nil {
				t.Fatal(err)
			}
			if test.revoked {
				d.set(func() { clear(d.live) })
			}
			if got, err := c.LearnAccountID(t.Context(), anna(), "1234567"); got != testAccount || err != nil {
				t.Errorf("%q, %v", got, err)
			}
			d.wantGrants(t, test.grants)
			host := u.Default().BaseURI.Host
			if knows := c.LoginRefusesBearer(host); knows != test.knows {
				t.Errorf("remembered: %v", knows)
			}
			next := d.client(t, nil)
			next.Adopt(c)
			if knows := next.LoginRefusesBearer(host); knows != test.knows {
				t.Errorf("remembered after a reload: %v", knows)
			}
			d.clock.Advance(noLoginFor)
			if c.LoginRefusesBearer(host) {
				t.Error("remembered for ever")
			}
		})
	}
}

func TestAnUnreachableAccountServerProvesNothing(t *testing.T) {
	d := newDocusign(t, 0)
	c := d.client(t, nil)
	if _, err := c.UserInfo(t.Context(), anna()); err != nil {
		t.Fatal(err)
	}
	d.set(func() {
		d.rest = func(w http.ResponseWriter, _ *http.Request, _ string) bool { return refuse(503, nil, "")(w) }
	})
	other, err := c.LoginRefused(t.Context(), anna(), mustToken(t, c, anna()), "na3.docusign.net", false)
	var re *RequestError
	if other != nil || !errors.As(err, &re) || c.LoginRefusesBearer("na3.docusign.net") {
		t.Errorf("%v, %v", other, err)
	}
}
