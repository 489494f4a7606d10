package proxy

import "testing"

func TestClassify(t *testing.T) {
	for _, c := range []struct {
		name, method, path string
		want               route
	}{
		{"an account's resource in v2", "GET", "/restapi/v2/accounts/1234567/envelopes", route{api: APIRest2, account: "1234567", at: 21, end: 28}},
		{"v2.1 stays v2.1", "POST", "/restapi/v2.1/accounts/a1b2/envelopes", route{api: APIRest21, account: "a1b2", at: 23, end: 27}},
		{"case does not matter", "GET", "/RestApi/V2/Accounts/1/envelopes", route{api: APIRest2, account: "1", at: 21, end: 22}},
		{"doubled slashes are one", "GET", "/restapi//v2/accounts//7", route{api: APIRest2, account: "7", at: 23, end: 24}},
		{"the log-in call", "GET", "/restapi/v2/login_information", route{api: APIRest2, local: localLogin}},
		{"the log-in call with a slash behind it", "GET", "/restapi/v2/login_information/", route{api: APIRest2, local: localLogin}},
		{"the log-in call is only read", "POST", "/restapi/v2/login_information", route{api: APIRest2}},
		{"changing the password", "PUT", "/restapi/v2.1/login_information/password", route{api: APIRest21, local: localPassword}},
		{"the legacy token end point", "POST", "/restapi/v2/oauth2/token", route{api: APILegacyOAuth, local: localToken}},
		{"its counterpart", "POST", "/restapi/v2/oauth2/revoke", route{api: APILegacyOAuth, local: localRevoke}},
		{"service information needs no credential", "GET", "/restapi/service_information", route{api: APIRestOther, open: true}},
		{"nor does the root", "GET", "/restapi", route{api: APIRestOther, open: true}},
		{"nor does a version", "GET", "/restapi/v2", route{api: APIRest2, open: true}},
		{"a browser's preflight carries none", "OPTIONS", "/restapi/v2/accounts/1/envelopes", route{api: APIRest2, account: "1", at: 21, end: 22, open: true}},
		{"a path that only begins alike", "GET", "/restapix/v2/accounts/1", route{api: APIOther, open: true}},
		{"SOAP in any case", "POST", "/API/3.0/DSAPI.asmx", route{api: APISoapDSAPI}},
		{"the API service", "POST", "/api/3.0/api.asmx", route{api: APISoapAPI}},
		{"credentials in the body", "POST", "/api/3.0/Credential.asmx", route{api: APISoapCredential}},
		{"account management", "POST", "/api/3.0/AccountManagement.asmx", route{api: APISoapAccount}},
		{"a WSDL is open", "GET", "/api/3.0/dsapi.asmx", route{api: APISoapDSAPI, open: true, local: localWSDL}},
		{"so is its other address", "GET", "/api/3.0/schema/dsapi.wsdl", route{api: APIOther, open: true, local: localWSDL}},
		{"everything else", "GET", "/Signing/start", route{api: APIOther, open: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := classify(c.method, c.path); got != c.want {
				t.Errorf("%s %s is %+v, want %+v", c.method, c.path, got, c.want)
			}
			if c.want.account != "" && c.path[c.want.at:c.want.end] != c.want.account {
				t.Errorf("the table's own offsets are wrong")
			}
		})
	}
}
