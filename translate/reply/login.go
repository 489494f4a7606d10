package reply

import (
	"net/http"
	"slices"
	"strconv"

	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/internal/services"
)

// LoginAccount is one account of a user, as login_information and Credential.Login show it.
type LoginAccount struct {
	Name            string
	AccountID       string // short numeric id; empty: not known, the GUID stands in for it
	AccountGUID     string // empty: not known, AccountID stands in for it
	BaseURL         string // such as https://demo.docusign.net, without final slash; the paths are added here
	IsDefault       bool
	UserName        string
	UserID          string
	Email           string
	SiteDescription string
	AccountSettings []Setting // shown only with LoginOptions.LoginSettings
	UserSettings    []Setting
}

// Setting is one entry of loginAccountSettings or loginUserSettings.
type Setting struct{ Name, Value string }

// LoginOptions are the query parameters of login_information (PROTOCOL.md §2.1).
type LoginOptions struct {
	APIPassword   secret.Text // api_password=true: the proxy-side password to hand out; empty: none
	IncludeGUID   bool        // include_account_id_guid=true
	EmbedGUID     bool        // embed_account_id_guid=true
	LoginSettings bool        // login_settings=all
	Version       string      // v1, v2 or v2.1, as in the request's path; anything else is v2
}

// LoginInformation answers GET login_information in c's dialect (PROTOCOL.md §2.2, §2.3). The default account comes
// first, because callers take the first; if none is marked, the first one is the default.
func (c Caller) LoginInformation(accounts []LoginAccount, o LoginOptions) Answer {
	a := c.object(http.StatusOK, "loginInformation", loginObject(defaultFirst(accounts), o))
	if !o.APIPassword.Empty() {
		a = confidential(a)
	}
	return a
}

// LoginResponse answers Credential.Login (PROTOCOL.md §4.7). Callers made from an old WSDL do not send ReturnBaseUrl,
// and Axis among them refuses an element it does not know: returnBaseURL must be what the request said.
func (c Caller) LoginResponse(accounts []LoginAccount, returnBaseURL bool) Answer {
	b := c.openResult(services.NamespaceCredential, "Login")
	b = append(b, `<Success>true</Success><ErrorCode>Success</ErrorCode><Accounts>`...)
	for _, a := range defaultFirst(accounts) {
		b = append(b, `<Account>`...)
		b = appendElement(b, "AccountID", a.guid())
		b = appendElement(b, "AccountName", a.Name)
		b = appendElement(b, "UserID", a.UserID)
		b = appendElement(b, "UserName", a.UserName)
		b = appendElement(b, "Email", a.Email)
		if returnBaseURL {
			b = appendElement(b, "BaseUrl", a.BaseURL+"/api/3.0")
		}
		b = append(b, `</Account>`...)
	}
	b = append(b, `</Accounts>`...)
	return c.envelopeAnswer(http.StatusOK, closeResult(b, "Login"))
}

func (a LoginAccount) id() string {
	if a.AccountID == "" {
		return a.AccountGUID
	}
	return a.AccountID
}

func (a LoginAccount) guid() string {
	if a.AccountGUID == "" {
		return a.AccountID
	}
	return a.AccountGUID
}

// baseURL must not contain /v2 before the version: callers cut it there (PROTOCOL.md §2.4).
func (a LoginAccount) baseURL(o LoginOptions) string {
	version := "v2"
	if o.Version == "v1" || o.Version == "v2.1" {
		version = o.Version
	}
	id := a.id()
	if o.EmbedGUID {
		id = a.guid()
	}
	return a.BaseURL + "/restapi/" + version + "/accounts/" + id
}

// defaultFirst returns a copy with the default account in front and marked.
func defaultFirst(accounts []LoginAccount) []LoginAccount {
	if len(accounts) == 0 {
		return nil
	}
	first := max(slices.IndexFunc(accounts, func(a LoginAccount) bool { return a.IsDefault }), 0)
	out := append(make([]LoginAccount, 0, len(accounts)), accounts[first])
	out[0].IsDefault = true
	return append(append(out, accounts[:first]...), accounts[first+1:]...)
}

func loginObject(accounts []LoginAccount, o LoginOptions) object {
	list := member{name: "loginAccounts", item: "loginAccount"}
	for _, a := range accounts {
		list.objects = append(list.objects, a.object(o))
	}
	if o.APIPassword.Empty() {
		return object{list}
	}
	return object{{name: "apiPassword", text: o.APIPassword.Reveal()}, list}
}

// object has baseUrl where the walk-through that every Java program copied finds it in XML, by
// //*[1]/*[local-name()='baseUrl'] (PROTOCOL.md §2.3): in the first child of loginAccounts.
func (a LoginAccount) object(o LoginOptions) object {
	m := object{{name: "name", text: a.Name}, {name: "accountId", text: a.id()}}
	if o.IncludeGUID {
		m = append(m, member{name: "accountIdGuid", text: a.guid()})
	}
	m = append(m,
		member{name: "baseUrl", text: a.baseURL(o)},
		member{name: "isDefault", text: strconv.FormatBool(a.IsDefault)},
		member{name: "userName", text: a.UserName},
		member{name: "userId", text: a.UserID},
		member{name: "email", text: a.Email},
		member{name: "siteDescription", text: a.SiteDescription})
	if o.LoginSettings {
		m = append(m, settings("loginAccountSettings", a.AccountSettings), settings("loginUserSettings", a.UserSettings))
	}
	return m
}

func settings(name string, list []Setting) member {
	m := member{name: name, item: "nameValue"}
	for _, s := range list {
		m.objects = append(m.objects, object{{name: "name", text: s.Name}, {name: "value", text: s.Value}})
	}
	return m
}
