package sandbox

import (
	"net/http"
	"strings"
)

// loginInformation is PROTOCOL.md §2. It lists the user's accounts in their own order, so the default may come second.
func (c *restCall) loginInformation() {
	switch c.s.settings().loginInfoOff {
	case 0:
	case http.StatusNotFound:
		c.w.WriteHeader(http.StatusNotFound)
		return
	default:
		c.refuse(refusal("USER_AUTHENTICATION_FAILED", "Invalid access token"))
		return
	}
	query := c.r.URL.Query()
	asked := func(name string) bool { return strings.EqualFold(query.Get(name), "true") }
	c.s.mu.Lock()
	accounts := c.s.dir.memberships(c.user)
	c.s.mu.Unlock()
	settings := strings.EqualFold(query.Get("login_settings"), "all")
	var entries []object
	for _, a := range accounts {
		entries = append(entries, c.loginAccount(a, asked("include_account_id_guid"), asked("embed_account_id_guid"), settings))
	}
	answer := object{{"loginAccounts", list{"loginAccount", entries}}}
	if asked("api_password") {
		answer = append(object{{"apiPassword", "bm90LWEtcmVhbC1wYXNzd29yZC0h"}}, answer...)
	}
	c.send(http.StatusOK, "loginInformation", answer)
}

func (c *restCall) loginAccount(a Account, includeGUID, embedGUID, settings bool) object {
	id := a.Number
	if embedGUID || id == "" {
		id = a.ID
	}
	isDefault := "false"
	if a.ID == c.user.Default {
		isDefault = "true"
	}
	o := object{{"name", a.Name}, {"accountId", a.Number}}
	if includeGUID {
		o = append(o, member{"accountIdGuid", a.ID})
	}
	o = append(o, object{
		{"baseUrl", c.s.origin(a.Site) + "/restapi/" + c.version + "/accounts/" + id}, {"isDefault", isDefault},
		{"userName", c.user.Name}, {"userId", c.user.ID}, {"email", c.user.Email}, {"siteDescription", ""},
	}...)
	if settings {
		o = append(o,
			member{"loginAccountSettings", list{"nameValue", []object{{{"name", "allowDataDownload"}, {"value", "true"}}}}},
			member{"loginUserSettings", list{"nameValue", []object{{{"name", "canSendEnvelope"}, {"value", "true"}}}}})
	}
	return o
}

// members lists the users of an account, ordered by e-mail.
func (s *Sandbox) members(a Account) []User {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dir.members(a)
}
