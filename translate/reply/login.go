package reply

import (
	"net/http"
	"slices"
	"strconv"

	"docusign-auth-proxy/internal/secret"
)

// LoginAccount is one account of a user, as login_information and Credential.Login show it.
type LoginAccount struct {
	Name            string
	AccountID       string // short numeric id; empty: not known, the GUID stands in for it
	AccountGUID     string // empty: not known, AccountID stands in for it
	BaseURL         string // origin and optional prefix without final slash, such as https://demo.docusign.net; the paths are added here
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

// LoginInformation answers GET login_information in c's dialect (PROTOCOL.md §2.2, §2.3). The default account comes first, because
// callers take the first; if none is marked, the first one is the default.
func (c Caller) LoginInformation(accounts []LoginAccount, o LoginOptions) Answer {
	order := defaultFirst(accounts)
	var a Answer
	if c.Dialect == XML {
		a = c.answer(http.StatusOK, contentTypeXML, loginXML(order, o))
	} else {
		a = c.answer(http.StatusOK, contentTypeJSON, loginJSON(order, o))
	}
	if !o.APIPassword.Empty() {
		a = confidential(a)
	}
	return a
}

// LoginResponse answers Credential.Login (PROTOCOL.md §4.7). Callers made from an old WSDL do not send ReturnBaseUrl, and Axis among
// them refuses an element it does not know: returnBaseURL must be what the request said.
func (c Caller) LoginResponse(accounts []LoginAccount, returnBaseURL bool) Answer {
	b := c.openResult(NamespaceCredential, "Login")
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

func loginJSON(accounts []LoginAccount, o LoginOptions) []byte {
	w := indented{b: make([]byte, 0, 256+512*len(accounts))}
	w.open('{')
	if !o.APIPassword.Empty() {
		w.field("apiPassword", o.APIPassword.Reveal())
	}
	w.name("loginAccounts")
	w.open('[')
	for _, a := range accounts {
		w.item()
		w.open('{')
		w.account(a, o)
		w.close('}')
	}
	w.close(']')
	w.close('}')
	return w.b
}

func (w *indented) account(a LoginAccount, o LoginOptions) {
	w.field("name", a.Name)
	w.field("accountId", a.id())
	if o.IncludeGUID {
		w.field("accountIdGuid", a.guid())
	}
	w.field("baseUrl", a.baseURL(o))
	w.field("isDefault", strconv.FormatBool(a.IsDefault))
	w.field("userName", a.UserName)
	w.field("userId", a.UserID)
	w.field("email", a.Email)
	w.field("siteDescription", a.SiteDescription)
	if o.LoginSettings {
		w.settings("loginAccountSettings", a.AccountSettings)
		w.settings("loginUserSettings", a.UserSettings)
	}
}

func (w *indented) settings(name string, list []Setting) {
	w.name(name)
	w.open('[')
	for _, s := range list {
		w.item()
		w.open('{')
		w.field("name", s.Name)
		w.field("value", s.Value)
		w.close('}')
	}
	w.close(']')
}

// loginXML keeps the default account as the first child of loginAccounts, with nothing before it in there: the walk-through that
// every Java program copied finds it by //*[1]/*[local-name()='baseUrl'] (PROTOCOL.md §2.3).
func loginXML(accounts []LoginAccount, o LoginOptions) []byte {
	b := make([]byte, 0, 256+512*len(accounts))
	b = append(b, `<loginInformation`+restNamespaces...)
	if !o.APIPassword.Empty() {
		b = appendElement(b, "apiPassword", o.APIPassword.Reveal())
	}
	b = append(b, `<loginAccounts>`...)
	for _, a := range accounts {
		b = append(b, `<loginAccount>`...)
		b = appendElement(b, "accountId", a.id())
		if o.IncludeGUID {
			b = appendElement(b, "accountIdGuid", a.guid())
		}
		b = appendElement(b, "baseUrl", a.baseURL(o))
		b = appendElement(b, "email", a.Email)
		b = appendElement(b, "isDefault", strconv.FormatBool(a.IsDefault))
		if o.LoginSettings {
			b = appendSettings(b, "loginAccountSettings", a.AccountSettings)
			b = appendSettings(b, "loginUserSettings", a.UserSettings)
		}
		b = appendElement(b, "name", a.Name)
		b = appendElement(b, "siteDescription", a.SiteDescription)
		b = appendElement(b, "userId", a.UserID)
		b = appendElement(b, "userName", a.UserName)
		b = append(b, `</loginAccount>`...)
	}
	return append(b, `</loginAccounts></loginInformation>`...)
}

func appendSettings(b []byte, name string, list []Setting) []byte {
	if len(list) == 0 {
		return appendElement(b, name, "")
	}
	b = append(b, '<')
	b = append(b, name+">"...)
	for _, s := range list {
		b = append(b, `<nameValue>`...)
		b = appendElement(b, "name", s.Name)
		b = appendElement(b, "value", s.Value)
		b = append(b, `</nameValue>`...)
	}
	return appendEnd(b, name)
}
