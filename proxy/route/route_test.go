package route

import (
	"net/url"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/services"
)

func TestClassify(t *testing.T) {
	for _, c := range []struct {
		name, method, path string
		want               Route
	}{
		{"an account's resource in v2", "GET", "/restapi/v2/accounts/1234567/envelopes", Route{
			API: call.APIRest2, Account: "1234567", At: 21, End: 28,
		}},
		{"v2.1 stays v2.1", "POST", "/restapi/v2.1/accounts/a1b2/envelopes", Route{
			API: call.APIRest21, Account: "a1b2", At: 23, End: 27,
		}},
		{"case does not matter", "GET", "/RestApi/V2/Accounts/1/envelopes", Route{
			API: call.APIRest2, Account: "1", At: 21, End: 22,
		}},
		{"the log-in call", "GET", "/restapi/v2/login_information", Route{API: call.APIRest2, Local: Login}},
		{
			"the log-in call with a slash behind it", "GET", "/restapi/v2/login_information/",
			Route{API: call.APIRest2, Local: Login},
		},
		{"the log-in call is only read", "POST", "/restapi/v2/login_information", Route{API: call.APIRest2}},
		{
			"changing the password", "PUT", "/restapi/v2.1/login_information/password",
			Route{API: call.APIRest21, Local: Password},
		},
		{
			"the same with parameters", "PUT", "/restapi/v2/login_information;a=b/password;c",
			Route{API: call.APIRest2, Local: Password},
		},
		{
			"the same without a version", "PUT", "/restapi/login_information/password",
			Route{API: call.APIRestOther, Local: Password},
		},
		{
			"the same in another spelling", "PUT", "/restapi/v2/login_information/password.json",
			Route{API: call.APIRest2, Local: Password},
		},
		{"the log-in call without a version", "GET", "/restapi/login_information", Route{API: call.APIRestOther}},
		{"the legacy token end point", "POST", "/restapi/v2/oauth2/token", Route{API: call.APILegacyOAuth, Local: Token}},
		{"it in a version nobody has", "POST", "/restapi/v1/oauth2/token", Route{API: call.APILegacyOAuth, Local: Token}},
		{"it without a version", "POST", "/restapi/oauth2/token", Route{API: call.APILegacyOAuth, Local: Token}},
		{"it with parameters", "POST", "/restapi/v2/oauth2/token;a=b", Route{API: call.APILegacyOAuth, Local: Token}},
		{"its counterpart", "POST", "/restapi/v2/oauth2/revoke", Route{API: call.APILegacyOAuth, Local: Revoke}},
		{
			"service information needs no credential", "GET", "/restapi/service_information",
			Route{API: call.APIRestOther, Open: true},
		},
		{"nor does the root", "GET", "/restapi", Route{API: call.APIRestOther, Open: true}},
		{"nor does the root with a slash", "GET", "/restapi/", Route{API: call.APIRestOther, Open: true}},
		{"nor does help", "GET", "/restapi/help/", Route{API: call.APIRestOther, Open: true}},
		{"nor does a version", "GET", "/restapi/v2", Route{API: call.APIRest2, Open: true}},
		{"nor does the other version", "HEAD", "/restapi/v2.1/", Route{API: call.APIRest21, Open: true}},
		{"another version does", "GET", "/restapi/v1", Route{API: call.APIRestOther}},
		{"what is open is read only", "POST", "/restapi/v2", Route{API: call.APIRest2}},
		{"nor may anything be put there", "PUT", "/restapi/service_information", Route{API: call.APIRestOther}},
		{"what is open has nothing below it", "GET", "/restapi/service_information/x", Route{API: call.APIRestOther}},
		{"and no parameters", "GET", "/restapi/v2;a=b", Route{API: call.APIRestOther}},
		{"another method", "OPTIONS", "/restapi/v2/accounts/1/envelopes", Route{
			API: call.APIRest2, Account: "1", At: 21, End: 22,
		}},
		{"a path that only begins alike", "GET", "/restapix/v2/accounts/1", Route{API: call.APIOther}},
		{"SOAP in any case", "POST", "/API/3.0/DSAPI.asmx", Route{API: "soap_dsapi"}},
		{"the API service", "POST", "/api/3.0/api.asmx", Route{API: "soap_api"}},
		{"a service with a slash behind it", "POST", "/api/3.0/api.asmx/", Route{API: "soap_api"}},
		{"a POST to the address of the WSDL", "POST", "/api/3.0/api.asmx?WSDL", Route{API: "soap_api"}},
		{"credentials in the body", "POST", "/api/3.0/Credential.asmx", Route{API: "soap_credential"}},
		{"account management", "POST", "/api/3.0/AccountManagement.asmx", Route{API: "soap_accountmanagement"}},
		{"a WSDL is open", "GET", "/api/3.0/dsapi.asmx?WSDL", Route{API: "soap_dsapi", Open: true, Local: WSDL}},
		{"a WSDL in small letters", "GET", "/api/3.0/credential.asmx?wsdl=", Route{
			API: "soap_credential", Open: true, Local: WSDL,
		}},
		{"so is its other address", "GET", "/api/3.0/schema/dsapi.wsdl", Route{API: call.APIOther, Open: true, Local: WSDL}},
		{
			"the same for account management", "GET", "/API/3.0/Schema/dsapi-accountmanagement.wsdl",
			Route{API: call.APIOther, Open: true, Local: WSDL},
		},
		{"another file there is not", "GET", "/api/3.0/schema/other.wsdl", Route{API: call.APIOther}},
		{"nor may it be posted to", "POST", "/api/3.0/schema/dsapi.wsdl", Route{API: call.APIOther}},
		{"a help page", "GET", "/api/3.0/dsapi.asmx", Route{API: "soap_dsapi", Local: Help}},
		{
			"the help page of an operation", "GET", "/api/3.0/credential.asmx?op=Login",
			Route{API: "soap_credential", Local: Help},
		},
		{"discovery", "GET", "/api/3.0/dsapi.asmx?disco", Route{API: "soap_dsapi", Local: Help}},
		{"more than a WSDL", "GET", "/api/3.0/dsapi.asmx?wsdl&password=x", Route{API: "soap_dsapi", Local: Help}},
		{"a service is not put to", "PUT", "/api/3.0/dsapi.asmx?WSDL", Route{API: "soap_dsapi", Local: Help}},
		{"an unknown service", "POST", "/api/3.0/EnvelopeManagement.asmx", Route{API: call.APIOther, Local: UnknownService}},
		{
			"its WSDL is not open", "GET", "/api/3.0/EnvelopeManagement.asmx?WSDL",
			Route{API: call.APIOther, Local: UnknownService},
		},
		{"a known name at another place", "POST", "/x/api/3.0/api.asmx", Route{API: call.APIOther, Local: UnknownService}},
		{"another version of a service", "POST", "/api/2.0/api.asmx", Route{API: call.APIOther, Local: UnknownService}},
		{"a service with parameters", "POST", "/api/3.0/api.ASMX;a=b", Route{API: call.APIOther, Local: UnknownService}},
		{
			"a name that Windows takes for the service", "POST", "/api/3.0/api.asmx.",
			Route{API: call.APIOther, Local: UnknownService},
		},
		{"one below /restapi", "POST", "/restapi/v2/api.asmx", Route{API: call.APIOther, Local: UnknownService}},
		{
			"a letter that folds to one of a service's", "POST", "/api/3.0/dſapi.asmx",
			Route{API: call.APIOther, Local: UnknownService},
		},
		{"form binding", "POST", "/api/3.0/credential.asmx/Login", Route{API: call.APIOther, Local: FormBinding}},
		{
			"form binding in a query", "GET", "/api/3.0/credential.asmx/Login?Email=a&Password=b",
			Route{API: call.APIOther, Local: FormBinding},
		},
		{"form binding of an unknown service", "GET", "/x.asmx;a=b/Login/", Route{API: call.APIOther, Local: FormBinding}},
		{"everything else", "GET", "/Signing/start", Route{API: call.APIOther}},
	} {
		t.Run(c.name, func(t *testing.T) {
			path, query, _ := strings.Cut(c.path, "?")
			for _, s := range services.All() {
				if s.API == c.want.API {
					c.want.Service = s
				}
			}
			if got := Classify(c.method, path, query); got != c.want {
				t.Errorf("%s %s is %+v, want %+v", c.method, c.path, got, c.want)
			}
			if c.want.Account != "" && c.path[c.want.At:c.want.End] != c.want.Account {
				t.Errorf("the table's own offsets are wrong")
			}
		})
	}
}

func TestCleanURL(t *testing.T) {
	for _, c := range []struct{ name, came, want string }{
		{"a plain path", "/restapi/v2/accounts/1", "/restapi/v2/accounts/1"},
		{"doubled slashes", "//restapi///v2//login_information", "/restapi/v2/login_information"},
		{"doubled slashes at the end", "/restapi/v2//", "/restapi/v2/"},
		{"dot segments", "/a/./b/../restapi/v2/.", "/a/restapi/v2/"},
		{"dot segments above the root", "/../../restapi", "/restapi"},
		{"dots in disguise", "/a/%2e%2E/restapi/%2e/v2", "/restapi/v2"},
		{"other escapes stay, in their spelling", "/restapi//v2/a%20b%2b%3B%c3%a9", "/restapi/v2/a%20b%2b%3B%c3%a9"},
		{"names that only begin with dots", "/restapi/...//..a/.b", "/restapi/.../..a/.b"},
		{"parameters", "//restapi/v2;a=b/c", "/restapi/v2;a=b/c"},
		{"the query stays as it came", "//restapi?a=//b/../c&d=%2F", "/restapi?a=//b/../c&d=%2F"},
		{"no path", "", "/"},
		{"an encoded slash", "/restapi%2Fv2", ""},
		{"an encoded slash in small letters", "/restapi/v2/accounts/a%2fb", ""},
		{"an encoded backslash", "/restapi/v2%5c..", ""},
		{"a backslash", `/restapi\v2`, ""},
		{"a NUL", "/restapi/v2%00", ""},
		{"a line end", "/restapi/v2%0d%0a", ""},
		{"a dot segment with parameters", "/restapi/..;a=b/v2", ""},
		{"the same in disguise", "/restapi/%2e%2e%3bx/v2", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			u, err := url.Parse("http://demo.docusign.net" + c.came)
			if err != nil {
				t.Fatal(err)
			}
			clean, err := Clean(u)
			if c.want == "" {
				if err == nil {
					t.Errorf("%s is not refused but read as %s", c.came, clean)
				}
				return
			}
			if err != nil || clean.RequestURI() != c.want {
				t.Fatalf("%s is read as %v, %v, want %s", c.came, clean, err, c.want)
			}
			if again, err := Clean(clean); err != nil || *again != *clean {
				t.Errorf("cleaned twice it is %s", again)
			}
		})
	}
}

func FuzzCleanURL(f *testing.F) {
	for _, path := range []string{"//restapi//v2/../v2", "/%2e%2e/a%20b;c=%3b/", "/a/.;x/b", "*", "/api/3.0/x.asmx%00"} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		u, err := url.ParseRequestURI(path)
		if err != nil {
			return
		}
		clean, err := Clean(u)
		if err != nil {
			return
		}
		for segment := range strings.SplitSeq(strings.Trim(clean.Path, "/"), "/") {
			if segment == "." || segment == ".." || segment == "" && clean.Path != "/" {
				t.Errorf("%q is read as %q", path, clean.Path)
			}
		}
		if strings.ContainsAny(clean.Path, "\\\x00\r\n") || clean.RawQuery != u.RawQuery {
			t.Errorf("%q is read as %q", path, clean)
		}
		if again, err := Clean(clean); err != nil || *again != *clean {
			t.Errorf("%q is read as %q, and that as %v, %v", path, clean, again, err)
		}
	})
}
