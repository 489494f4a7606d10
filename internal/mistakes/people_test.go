package mistakes_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"docusign-auth-proxy/internal/app/apptest"
	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/sandbox"
)

const (
	otherKey  = "99999999-8888-4777-8666-555555555555"
	otherGUID = "a1b2c3d4-9999-4000-8000-000000000020"
	coraID    = "a1b2c3d4-0000-4000-8000-0000000000c0"
	benID     = "a1b2c3d4-0000-4000-8000-0000000000ff"
	prefixed  = "TEST-" + sandbox.GUIDKey
)

// refusedGrant has the account server refuse each grant.
func refusedGrant(status int, body string) func(*place) {
	return func(p *place) {
		p.docusign.FailNext(sandbox.FailureSpec{Path: "/oauth/token", Times: 100, Status: status, Body: body})
	}
}

// grants are mistakes for which the account server gives no token.
func grants() []mistake {
	const wrongUser = "USER_AUTHENTICATION_FAILED"
	withdraw := func(p *place) {
		p.docusign.Revoke(sandbox.GUIDKey, sandbox.AnnaID)
		p.docusign.RevokeTokens(sandbox.AnnaID)
	}
	return []mistake{
		{name: "the private key of another integration key", config: set("oauth", privateKey("other.pem")),
			cause: cause.InvalidKey, of: func(p *place) []string { return []string{"tried", fingerprint(p, "other.pem")} },
			status: 401, says: wrongUser, check: "grant"},
		{name: "an integration key that DocuSign does not have here", config: set("integrator_key", otherKey),
			call:  func(p *place) apptest.Answer { return p.as("anna@example.com", "anna-legacy-1", otherKey) },
			cause: cause.IssuerNotFound, of: values("key", otherKey), status: 401, says: wrongUser, check: "grant"},
		{name: "a key with a prefix used as client id", config: set("integrator_key", prefixed),
			call:  func(p *place) apptest.Answer { return p.as("anna@example.com", "anna-legacy-1", prefixed) },
			cause: cause.PrefixedIssuer, of: values("key", prefixed), status: 401, says: wrongUser, check: "grant"},
		{name: "the GUID that the user has in the other environment", config: setUser("user_id", otherGUID),
			cause: cause.UserNotFound, of: values("guid", otherGUID), status: 401, says: wrongUser, check: "grant"},
		{name: "nobody gave consent", before: withdraw, cause: cause.ConsentRequired, of: consentPage, status: 401,
			says: wrongUser, check: "grant"},
		{name: "consent withdrawn while the proxy runs", call: func(p *place) apptest.Answer {
			p.list()
			withdraw(p)
			return p.list()
		}, cause: cause.ConsentRequired, of: consentPage, status: 401, says: wrongUser, check: "grant"},
		{name: "nobody asked the principal for consent", config: func(s apptest.Section) {
			userOf(s)["may_act_for"] = []any{"cora@example.com"}
			integrationOf(s)["principals"] = []any{apptest.Section{"username": "cora@example.com", "user_id": coraID}}
		}, before: addCora, call: func(p *place) apptest.Answer {
			return p.as("anna@example.com", "anna-legacy-1", sandbox.GUIDKey, "SendOnBehalfOf", "cora@example.com")
		}, cause: cause.ConsentRequired, of: func(p *place) []string {
			return append(consentPage(p), "user", "cora@example.com")
		}, status: 401, says: wrongUser, check: "grant"},
		{name: "nobody asked for the consent of a principal who is not listed", config: func(s apptest.Section) {
			userOf(s)["may_act_for"] = []any{coraID}
		}, before: addCora, call: func(p *place) apptest.Answer {
			return p.as("anna@example.com", "anna-legacy-1", sandbox.GUIDKey, "SendOnBehalfOf", coraID)
		}, cause: cause.ConsentRequired, of: func(p *place) []string { return append(consentPage(p), "user", coraID) },
			status: 401, says: wrongUser, check: "grant"},
		{name: "a scope that DocuSign does not know", before: refusedGrant(400, `{"error":"invalid_scope"}`),
			cause: cause.InvalidScope, status: 401, says: wrongUser, check: "grant"},
		{name: "a clock that no correction helps", before: refusedGrant(400,
			`{"error":"invalid_grant","error_description":"expired_grant"}`), cause: cause.ExpiredGrant, status: 401,
			says: wrongUser, check: "grant"},
		{name: "an e-mail address that the administrator does not see", config: func(s apptest.Section) {
			delete(userOf(s), "user_id")
			userOf(s)["username"] = "cora@example.com"
			integrationOf(s).At("oauth")["admin_user_id"] = sandbox.AdminID
		}, call: func(p *place) apptest.Answer { return p.as("cora@example.com", "anna-legacy-1", sandbox.GUIDKey) },
			cause: cause.NotFoundByAdmin, of: values("user", "cora@example.com"), status: 401,
			says: "USER_LACKS_PERMISSIONS", check: "grant"},
		{name: "too many tokens were asked for", before: func(p *place) { p.docusign.SetThrottle(true) },
			cause: cause.GrantThrottled, status: 503, says: "not available", check: "grant"},
		{name: "the account server fails", before: refusedGrant(500, ""), cause: cause.ServerError, status: 503,
			says: "not available", check: "grant"},
		{name: "something else answers in the account server's name", before: refusedGrant(200, "hello"),
			cause: cause.BadAnswer, status: 503, says: "not available", check: "grant"},
	}
}

// addCora makes a user who consented to nothing.
func addCora(p *place) {
	p.docusign.AddUser(sandbox.User{ID: coraID, Email: "cora@example.com", Name: "Cora Example"})
}

func privateKey(file string) apptest.Section {
	return apptest.Section{"private_keys": []any{apptest.Section{"file": file}}}
}

// people are mistakes about who calls.
func people() []mistake {
	const (
		wrongKey  = "PARTNER_AUTHENTICATION_FAILED"
		wrongUser = "USER_AUTHENTICATION_FAILED"
	)
	as := func(of ...string) func(*place) apptest.Answer {
		return func(p *place) apptest.Answer { return p.as(of[0], of[1], of[2], of[3:]...) }
	}
	const anna, password, key = "anna@example.com", "anna-legacy-1", sandbox.GUIDKey
	return []mistake{
		{name: "an integrator key that nobody configured", call: as(anna, password, otherKey), cause: cause.UnknownKey,
			of: values("key", otherKey), status: 401, says: wrongKey, noCheck: onlyInCall},
		{name: "the program's key has a prefix that the configuration lacks", call: as(anna, password, prefixed),
			cause: cause.PrefixedKey, of: values("key", prefixed), status: 401, says: wrongKey, noCheck: onlyInCall},
		{name: "a password that differs", call: as(anna, "canary-password", key), cause: cause.BadLogin, status: 401,
			says: wrongUser, noCheck: onlyInCall},
		{name: "a user who is not listed", call: as("ben@example.com", "canary-password", key), cause: cause.UserNotListed,
			of: values("user", "ben@example.com"), status: 401, says: wrongUser, noCheck: onlyInCall},
		{name: "a password tried again and again", call: guess, cause: cause.Throttled, status: 401, says: wrongUser,
			noPage: "guesses that wait for their turn come after it", noCheck: onlyInCall},
		{name: "no credential at all", call: func(p *place) apptest.Answer {
			return p.get(apptest.ListPath, "User-Agent", "old")
		}, cause: cause.NoCredential, status: 401, says: wrongKey, noCheck: onlyInCall},
		{name: "a user who may not act for another", call: as(anna, password, key, "SendOnBehalfOf", "ben@example.com"),
			cause: cause.PrincipalNotAllowed, of: values("principal", "ben@example.com"), status: 401,
			says: "USER_LACKS_PERMISSIONS", noCheck: onlyInCall},
		{name: "a principal without a GUID", config: setUser("may_act_for", []any{"cora@example.com"}),
			call: as(anna, password, key, "SendOnBehalfOf", "cora@example.com"), cause: cause.NoGUID,
			of: values("user", "cora@example.com"), status: 401, says: "USER_LACKS_PERMISSIONS", check: "config"},
		{name: "a user without an account", config: func(s apptest.Section) {
			userOf(s)["username"], userOf(s)["user_id"] = "ben@example.com", benID
		}, before: func(p *place) {
			p.docusign.AddUser(sandbox.User{ID: benID, Email: "ben@example.com", Name: "Ben Example"})
			p.docusign.Consent(key, benID, "signature", "impersonation")
		}, call: as("ben@example.com", password, key), cause: cause.LacksMembership, of: values("user", "ben@example.com"),
			status: 401, says: "USER_LACKS_MEMBERSHIP", check: "account"},
		{name: "an account of which the user is no member", call: func(p *place) apptest.Answer {
			return p.get("/restapi/v2/accounts/7777777/envelopes?from_date=2026-01-01")
		}, cause: cause.DocuSign401, status: 401, says: "USER_LACKS_MEMBERSHIP", noHeader: itsOwn, noCheck: onlyInCall},
		{name: "a token that the program stored years ago", call: func(p *place) apptest.Answer {
			return p.get(apptest.ListPath, "Authorization", "bearer canary-AbCdEfGhIjKlMnOpQrStUvWx")
		}, cause: cause.UnknownToken, status: 401, says: "AUTHORIZATION_INVALID_TOKEN", noCheck: onlyInCall},
		{name: "a token got with a password that was changed since", call: func(p *place) apptest.Answer {
			token := p.LegacyLogin(p.T, anna, password, key)
			p.Reloaded(p.T, setUser("password", apptest.Section{"bcrypt": apptest.BcryptOf(p.T, "canary-new")}))
			return p.WithToken(p.T, token)
		}, cause: cause.VoucherChanged, status: 401, says: "AUTHORIZATION_INVALID_TOKEN", noCheck: onlyInCall},
		{name: "the program's own OAuth where it is not let through", config: set("pass_oauth_bearer", false),
			call: func(p *place) apptest.Answer {
				return p.get(apptest.ListPath, "Authorization", "Bearer eyJ0eXAiOiJNVCJ9."+
					base64.RawURLEncoding.EncodeToString([]byte(`{"client_id":"`+key+`"}`))+".c2lnbmF0dXJl")
			}, cause: cause.OAuthRefused, status: 401, says: "AUTHORIZATION_INVALID_TOKEN", noCheck: onlyInCall},
		{name: "an integration that was cut over", config: set("mode", "block"), cause: cause.Blocked, status: 401,
			says: wrongKey, noPage: onPurpose, noCheck: onPurpose},
	}
}

// guess tries more passwords at once than may wait for their turn, and gives the first answer.
func guess(p *place) apptest.Answer {
	ctx, cancel := context.WithCancel(p.T.Context())
	defer cancel()
	const guesses = 20
	answers := make(chan apptest.Answer, guesses)
	for n := range guesses {
		req := apptest.Request(p.T, "GET", p.Sidecar()+apptest.ListPath, nil,
			"X-DocuSign-Authentication", apptest.AnnaWith(fmt.Sprintf("canary-%d", n)))
		go func() {
			resp, err := http.DefaultClient.Do(req.WithContext(ctx))
			if err != nil {
				answers <- apptest.Answer{}
				return
			}
			defer resp.Body.Close()
			body, _ := io.ReadAll(resp.Body)
			answers <- apptest.Answer{Status: resp.StatusCode, Header: resp.Header, Body: string(body)}
		}()
	}
	for range guesses {
		if got := <-answers; got.Header.Get(headerCause) == cause.Throttled.String() {
			return got
		}
	}
	return apptest.Answer{}
}

// calls are mistakes in what a program asks for, and answers of DocuSign's that an operator can do something about.
func calls() []mistake {
	get := func(path string, headers ...string) func(*place) apptest.Answer {
		return func(p *place) apptest.Answer { return p.get(path, headers...) }
	}
	answers := func(f sandbox.FailureSpec) func(*place) {
		return func(p *place) { f.Times = 100; p.docusign.FailNext(f) }
	}
	userInfo := func(base string) func(*place) {
		return answers(sandbox.FailureSpec{Path: "/oauth/userinfo", Status: 200, Body: `{"sub":"` + sandbox.AnnaID +
			`","email":"anna@example.com","accounts":[{"account_id":"` + sandbox.ExampleAccountID +
			`","is_default":true,"account_name":"Example","base_uri":"` + base + `"}]}`})
	}
	return []mistake{
		{name: "/restapi written twice", call: get("/restapi/restapi/v2/accounts/1234567/envelopes"),
			cause: cause.DocuSign404, status: 404, noHeader: itsOwn, noCheck: onlyInCall},
		{name: "an address without its version", call: get("/restapi/accounts/1234567/envelopes"),
			cause: cause.DocuSign404, status: 404, noHeader: itsOwn, noCheck: onlyInCall},
		{name: "an address without /restapi", call: get("/v2/accounts/1234567/envelopes"), cause: cause.NotFound,
			status: 404, noCheck: onlyInCall},
		{name: "service.asmx/Operation", call: get("/api/3.0/credential.asmx/Ping?Email=a&Password=canary-query"),
			cause: cause.FormBinding, status: 500, says: "faultstring", noCheck: onlyInCall},
		{name: "a password in the query", call: get("/restapi/v2/login_information?password=canary-query"),
			cause: cause.ClearPassword, status: 400, says: "INVALID_REQUEST_PARAMETER", noCheck: onlyInCall},
		{name: "another grant at the old oauth2/token", call: func(p *place) apptest.Answer {
			return p.Do(nil, apptest.TokenRequest(p.T, p.Sidecar(), "grant_type=client_credentials&client_id="+sandbox.GUIDKey))
		}, cause: cause.UnsupportedGrant, status: 400, says: "unsupported_grant_type", noCheck: onlyInCall},
		{name: "a program that changes its password", call: func(p *place) apptest.Answer {
			return p.Do(nil, apptest.Request(p.T, "PUT", p.Sidecar()+"/restapi/v2/login_information/password",
				strings.NewReader(`{"currentPassword":"anna-legacy-1","newPassword":"canary-new"}`),
				"X-DocuSign-Authentication", apptest.AnnaJSON, "Content-Type", "application/json"))
		}, cause: cause.PasswordChange, status: 401, says: "USER_LACKS_PERMISSIONS", noCheck: onlyInCall},
		{name: "a host of the other environment", call: func(p *place) apptest.Answer {
			return p.connect("na3.docusign.net:443")
		}, cause: cause.WrongEnvironment, of: values("other", "production"), status: 403,
			says: "production", noCheck: onlyInCall},
		{name: "an account at a site that is not believed", before: userInfo("https://evil.example.com"),
			cause: cause.UntrustedSite, of: values("host", "evil.example.com"), status: 503, says: "not available",
			check: "account"},
		{name: "the calls of this hour are used up", before: func(p *place) { p.docusign.SetLimits(1, 0) },
			call: func(p *place) apptest.Answer { p.list(); return p.list() }, cause: cause.DocuSign429, status: 429,
			says: "HOURLY_APIINVOCATION_LIMIT_EXCEEDED", noHeader: itsOwn, check: "rest"},
		{name: "DocuSign fails", before: answers(sandbox.FailureSpec{Path: "/restapi", Status: 503,
			Body: `{"errorCode":"UNSPECIFIED_ERROR","message":"x"}`}), cause: cause.DocuSign5xx,
			word: "docusign_503", status: 503,
			says: "UNSPECIFIED_ERROR", noHeader: itsOwn, check: "rest"},
		{name: "DocuSign does not answer in time", config: func(s apptest.Section) {
			s.At("upstream")["response_timeout"] = "100ms"
		}, before: answers(sandbox.FailureSpec{Path: "/restapi", Status: 200, Delay: 2 * time.Second}),
			cause: cause.Timeout, status: 504, says: "did not answer in time", noCheck: "its own calls wait longer"},
		{name: "the connection breaks after the call was sent", before: answers(sandbox.FailureSpec{Path: "/restapi",
			Drop: sandbox.DropAfterWork}), cause: cause.Reset, status: 502, says: "could not be reached", check: "rest"},
	}
}

// soapCalls are mistakes with soap:.
func soapCalls() []mistake {
	const features = "GetAccountMembershipFeaturesList"
	soap := func(service, operation string) func(*place) apptest.Answer {
		return func(p *place) apptest.Answer {
			return p.soap(service, operation, "<AccountId>1234567</AccountId>")
		}
	}
	return []mistake{
		{name: "soap: bearer, which DocuSign refuses", config: set("soap", "bearer"),
			before: func(p *place) { p.docusign.SetSOAPBearer(false) }, call: soap("dsapi.asmx", features),
			cause: cause.BearerRefused, status: 500, says: "Authorization_Invalid_Token", noHeader: itsOwn,
			check: "soap bearer"},
		{name: "a wrong App Password", config: func(s apptest.Section) {
			integrationOf(s)["soap"] = "app_password"
			userOf(s)["app_password"] = apptest.Section{"file": "wrong-app-password"}
		}, call: soap("api.asmx", features), cause: cause.AppPasswordRefused, status: 500,
			says: "User_Authentication_Failed", noHeader: itsOwn, check: "app password"},
		{name: "soap: rest with an operation that REST does not have", before: (*place).found,
			call:  soap("api.asmx", "TransferEnvelope"),
			cause: cause.SOAPRefused, status: 500, says: "Nothing was sent.", check: "operations"},
		{name: "a SOAP service that DocuSign does not have", call: soap("other.asmx", "RequestStatus"),
			cause: cause.UnknownService, status: 500, says: "faultstring", noCheck: onlyInCall},
		{name: "the password as a digest", call: func(p *place) apptest.Answer {
			return p.Do(nil, apptest.Request(p.T, "POST", p.Sidecar()+"/api/3.0/api.asmx", strings.NewReader(
				`<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Header>`+
					usernameToken("#PasswordDigest", "canary-digest")+`</soap:Header><soap:Body><Ping/></soap:Body></soap:Envelope>`),
				"Content-Type", "text/xml"))
		}, cause: cause.DigestPassword, status: 500, says: "must be sent as text", noCheck: onlyInCall},
		{name: "a spool without room", config: set("soap_rest", apptest.Section{"spool_max": "1MiB"}),
			call: func(p *place) apptest.Answer {
				return p.soap("api.asmx", "CreateAndSendEnvelope", `<Envelope><AccountId>1234567</AccountId><Documents><Document>`+
					`<ID>1</ID><Name>a.pdf</Name><PDFBytes>`+strings.Repeat("QUJD", 1<<20)+
					`</PDFBytes></Document></Documents></Envelope>`)
			}, cause: cause.SOAPFailed, status: 500, says: "faultstring", noCheck: onlyInCall},
	}
}

// consentPage is the page that the user has to open.
func consentPage(*place) []string {
	page := "https://account-d.docusign.com/oauth/auth?response_type=code&scope=signature%20impersonation&client_id=" +
		sandbox.GUIDKey + "&redirect_uri=https%3A%2F%2Fdevelopers.docusign.com%2Fplatform%2Fauth%2Fconsent"
	return []string{"consent", page, "redirect", "https://developers.docusign.com/platform/auth/consent"}
}
