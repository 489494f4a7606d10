package reply

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/internal/services"
)

// LoginAccount is one account of a user, as login_information and Credential.Login show it.
type LoginAccount struct {
	Name        string
	AccountID   string // short numeric id; empty: not known, the GUID stands in for it
	AccountGUID string // empty: not known, AccountID stands in for it
	BaseURL     string // such as https://demo.docusign.net, without final slash; the paths are added here
	IsDefault   bool
	UserName    string
	UserID      string
	Email       string
}

// LoginOptions are the query parameters of login_information (PROTOCOL.md §2.1).
type LoginOptions struct {
	APIPassword   secret.Text // api_password=true: the proxy-side password to hand out; empty: none
	IncludeGUID   bool        // include_account_id_guid=true
	EmbedGUID     bool        // embed_account_id_guid=true
	LoginSettings bool        // login_settings=all
	Version       string      // v2 or v2.1, as in the request's path; empty means v2
}

// LoginOptionsOf reads the query of login_information, but for the version. password = a password is asked for.
func LoginOptionsOf(q url.Values) (o LoginOptions, password bool) {
	return LoginOptions{
		IncludeGUID:   queryTrue(q, "include_account_id_guid"),
		EmbedGUID:     queryTrue(q, "embed_account_id_guid"),
		LoginSettings: strings.EqualFold(q.Get("login_settings"), "all"),
	}, queryTrue(q, "api_password")
}

func queryTrue(q url.Values, name string) bool {
	for key, values := range q {
		if strings.EqualFold(key, name) && len(values) > 0 {
			return strings.EqualFold(values[0], "true") || values[0] == "1"
		}
	}
	return false
}

// LoginInformation answers GET login_information in c's dialect (PROTOCOL.md §2.2, §2.3). The default account comes
// first, because callers take the first; if none is marked, the first one is the default.
func (c Caller) LoginInformation(accounts []LoginAccount, o LoginOptions) Answer {
	list := member{name: "loginAccounts", item: "loginAccount"}
	for _, a := range defaultFirst(accounts) {
		list.objects = append(list.objects, a.object(o))
	}
	if o.APIPassword.Empty() {
		return c.object(http.StatusOK, "loginInformation", object{list})
	}
	password := member{name: "apiPassword", text: o.APIPassword.Reveal()}
	return confidential(c.object(http.StatusOK, "loginInformation", object{password, list}))
}

// object has baseUrl where the walk-through that every Java program copied finds it in XML, by
// //*[1]/*[local-name()='baseUrl'] (PROTOCOL.md §2.3): in the first child of loginAccounts.
func (a LoginAccount) object(o LoginOptions) object {
	id, guid := cmp.Or(a.AccountID, a.AccountGUID), cmp.Or(a.AccountGUID, a.AccountID)
	m := object{{name: "name", text: a.Name}, {name: "accountId", text: id}}
	if o.IncludeGUID {
		m = append(m, member{name: "accountIdGuid", text: guid})
	}
	if o.EmbedGUID {
		id = guid
	}
	// The URL must not contain /v2 before the version: callers cut it there (PROTOCOL.md §2.4).
	m = append(m,
		member{name: "baseUrl", text: a.BaseURL + "/restapi/" + cmp.Or(o.Version, "v2") + "/accounts/" + id},
		member{name: "isDefault", text: strconv.FormatBool(a.IsDefault)},
		member{name: "userName", text: a.UserName},
		member{name: "userId", text: a.UserID},
		member{name: "email", text: a.Email},
		member{name: "siteDescription"})
	if o.LoginSettings {
		m = append(m, member{name: "loginAccountSettings", item: "nameValue"})
		m = append(m, member{name: "loginUserSettings", item: "nameValue"})
	}
	return m
}

// LoginResponse answers Credential.Login (PROTOCOL.md §4.7). Callers made from an old WSDL do not send ReturnBaseUrl,
// and Axis among them refuses an element it does not know: returnBaseURL must be what the request said.
func (c Caller) LoginResponse(accounts []LoginAccount, returnBaseURL bool) Answer {
	var b strings.Builder
	for _, a := range defaultFirst(accounts) {
		b.WriteString(`<Account>` + element("AccountID", cmp.Or(a.AccountGUID, a.AccountID)) +
			element("AccountName", a.Name) + element("UserID", a.UserID) + element("UserName", a.UserName) +
			element("Email", a.Email))
		if returnBaseURL {
			b.WriteString(element("BaseUrl", a.BaseURL+"/api/3.0"))
		}
		b.WriteString(`</Account>`)
	}
	return c.result(services.NamespaceCredential, "Login",
		element("Success", "true")+element("ErrorCode", "Success")+`<Accounts>`+b.String()+`</Accounts>`)
}

// defaultFirst returns a copy with the default account in front and marked.
func defaultFirst(accounts []LoginAccount) []LoginAccount {
	if len(accounts) == 0 {
		return nil
	}
	first := max(slices.IndexFunc(accounts, func(a LoginAccount) bool { return a.IsDefault }), 0)
	out := slices.Concat(accounts[first:first+1], accounts[:first], accounts[first+1:])
	out[0].IsDefault = true
	return out
}

// Token answers the legacy oauth2/token with the three fields that the live service sent, and 200 because callers
// test for exactly that (PROTOCOL.md §3.1). scope is what was asked for; empty means api.
func (c Caller) Token(accessToken secret.Text, scope string) Answer {
	return confidential(c.object(http.StatusOK, "oauthAccess", object{
		{name: "access_token", text: accessToken.Reveal()},
		{name: "scope", text: cmp.Or(scope, "api")},
		{name: "token_type", text: "bearer"},
	}))
}

// Revoked answers the legacy oauth2/revoke: 200 and no body.
func (c Caller) Revoked() Answer { return c.answer(http.StatusOK, "", "") }
