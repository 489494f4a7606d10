package reply

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/translate/soap"
)

func errorJSON(code, message string) string {
	return "{\r\n  \"errorCode\": \"" + code + "\",\r\n  \"message\": \"" + message + "\"\r\n}"
}

func fault(code, reason string) string {
	return `<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="` + soap.NamespaceSOAP11 +
		`"><s:Body><s:Fault><faultcode>s:Client</faultcode><faultstring>` +
		reason + `</faultstring><detail><ErrorCode>` + code + `</ErrorCode><Reason>` + reason +
		`</Reason></detail></s:Fault></s:Body></s:Envelope>`
}

func TestClassifyUpstream(t *testing.T) {
	bearer := http.Header{"Www-Authenticate": {`Bearer realm="x", error="invalid_token"`}}
	for _, tc := range []struct {
		name   string
		status int
		header http.Header
		body   string
		want   Upstream
		code   string
	}{
		{
			"an expired token", 401, nil,
			errorJSON("AUTHORIZATION_INVALID_TOKEN", "The access token provided is expired, revoked or malformed."),
			TokenRefused, "AUTHORIZATION_INVALID_TOKEN",
		},
		{
			"an expired token in the old words", 401, nil,
			errorJSON("USER_AUTHENTICATION_FAILED", badLogin+" Invalid access token"), TokenRefused, codeUser,
		},
		{
			"an expired token in XML", 401, nil,
			`<errorDetails ` +
				`xmlns="http://www.docusign.com/restapi"><errorCode>AUTHORIZATION_INVALID_TOKEN</errorCode><message>m</message>` +
				`</errorDetails>`,
			TokenRefused, "AUTHORIZATION_INVALID_TOKEN",
		},
		{
			"an expired token in a fault", 500, nil, fault("User_Authentication_Failed", "Invalid access token"), TokenRefused,
			codeUser,
		},
		{"an expired token said by header alone", 401, bearer, "", TokenRefused, ""},
		{"a wrong password", 401, nil, errorJSON("USER_AUTHENTICATION_FAILED", badLogin), Other, codeUser},
		{"a wrong password in a fault", 500, nil, fault("User_Authentication_Failed", badLogin), Other, codeUser},
		{
			"a fault whose faultstring is the code", 500, nil,
			`<E><Fault><faultstring>Invalid_Token_Format</faultstring></Fault></E>`, Other, codeFormat,
		},
		{
			"an unknown integrator key", 400, nil, errorJSON("PARTNER_AUTHENTICATION_FAILED", badKey), Other,
			codePartner,
		},
		{"an unknown integrator key by number", 500, nil, fault("3", badKey), Other, codePartner},
		{
			"a good token at the wrong site", 400, nil,
			errorJSON("PARTNER_AUTHENTICATION_FAILED", badKey+" Invalid account specified for user."), WrongSite, codePartner,
		},
		{"no member of the account", 401, nil, errorJSON("USER_LACKS_MEMBERSHIP", "m"), WrongSite, "USER_LACKS_MEMBERSHIP"},
		{
			"no member of the account in a SOAP 1.2 fault", 500, nil,
			string(Caller{Dialect: SOAP12, Timestamp: noon}.Refuse(Failure{Kind: call.KindNoMembership}).Body), WrongSite,
			"USER_LACKS_MEMBERSHIP",
		},
		{
			"not a member of the specified account", 400, nil, errorJSON("USER_DOES_NOT_BELONG_TO_SPECIFIED_ACCOUNT", "m"),
			WrongSite, "USER_DOES_NOT_BELONG_TO_SPECIFIED_ACCOUNT",
		},
		{
			"an account that is not here", 401, nil, errorJSON("ACCOUNT_DOES_NOT_EXIST_IN_SYSTEM", "m"), WrongSite,
			"ACCOUNT_DOES_NOT_EXIST_IN_SYSTEM",
		},
		{
			"an account without the API is so everywhere", 401, nil, errorJSON("ACCOUNT_LACKS_PERMISSIONS", "m"), Other,
			codeAccount,
		},
		{"an account without the API by number", 500, nil, fault("111", "m"), Other, codeAccount},
		{"any 429", 429, nil, "", Other, ""},
		{
			"the hourly limit in the old status", 400, nil, `{"errorCode":"HOURLY_APIINVOCATION_LIMIT_EXCEEDED","message":"m"}`,
			Other, "HOURLY_APIINVOCATION_LIMIT_EXCEEDED",
		},
		{"the hourly limit by number", 500, nil, fault("207", "m"), Other, "HOURLY_APIINVOCATION_LIMIT_EXCEEDED"},
		{
			"the hourly limit by name in a fault", 500, nil, fault("Hourly_API_Invocation_Limit_Exceeded", "m"), Other,
			"HOURLY_API_INVOCATION_LIMIT_EXCEEDED",
		},
		{
			"a number that is not known, beside a name", 500, nil,
			fault("1", "User_Lacks_Membership"), WrongSite, "USER_LACKS_MEMBERSHIP",
		},
		{"throttling", 400, nil, errorJSON("API_REQUEST_IS_THROTTLED", "m"), Other, "API_REQUEST_IS_THROTTLED"},
		{"an ordinary error", 400, nil, errorJSON("ENVELOPE_DOES_NOT_EXIST", "m"), Other, "ENVELOPE_DOES_NOT_EXIST"},
		{
			"success never is anything else", 200, nil, errorJSON("AUTHORIZATION_INVALID_TOKEN", "m"), Other,
			"AUTHORIZATION_INVALID_TOKEN",
		},
		{
			"500 without a fault may have done work", 500, nil, errorJSON("AUTHORIZATION_INVALID_TOKEN", "m"), Other,
			"AUTHORIZATION_INVALID_TOKEN",
		},
		{"503 may have done work", 503, bearer, fault("User_Lacks_Membership", "m"), Other, "USER_LACKS_MEMBERSHIP"},
		{"the HTML of an edge server", 444, nil, "<html><body>no<br></body></html>", Other, ""},
		{
			"an envelope that only mentions a code", 500, nil,
			`<E><Body><ErrorCode>User_Lacks_Membership</ErrorCode></Body></E>`, Other, "",
		},
		{
			"a body cut off after the code", 401, nil, `{"errorCode":"USER_LACKS_MEMBERSHIP","message":"The Us`, WrongSite,
			"USER_LACKS_MEMBERSHIP",
		},
		{
			"a nested code is not the answer's", 401, nil,
			`{"errorDetails":{"errorCode":"USER_LACKS_MEMBERSHIP"},"message":"x"}`, Other, "",
		},
		{
			"XML in another charset", 401, nil,
			`<?xml version="1.0" ` +
				`encoding="iso-8859-1"?><errorDetails><errorCode>USER_LACKS_MEMBERSHIP</errorCode></errorDetails>`,
			WrongSite, "USER_LACKS_MEMBERSHIP",
		},
		{"a code that is none", 401, nil, errorJSON("<script>", "m"), Other, ""},
		{"a code without end", 401, nil, errorJSON(strings.Repeat("A", 65), "m"), Other, ""},
		{
			"a byte order mark", 401, nil, "\xef\xbb\xbf" + errorJSON("USER_LACKS_MEMBERSHIP", "m"), WrongSite,
			"USER_LACKS_MEMBERSHIP",
		},
		{"a code that is no string", 401, nil, `{"errorCode":3}`, Other, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := ClassifyUpstream(tc.status, tc.header, []byte(tc.body)); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
			if got := ErrorCode([]byte(tc.body)); got != tc.code {
				t.Errorf("code %q, want %q", got, tc.code)
			}
		})
	}
}

func TestOldStatus(t *testing.T) {
	for _, tc := range []struct {
		name   string
		status int
		body   string
		want   int
	}{
		{"the hourly limit was 400", 429, `{"errorCode":"HOURLY_APIINVOCATION_LIMIT_EXCEEDED","message":"m"}`, 400},
		{"the burst limit was 400", 429, errorJSON("BURST_APIINVOCATION_LIMIT_EXCEEDED", ""), 400},
		{"the polling limit was 400", 429, errorJSON("HOURLY_ENVELOPE_POLLING_LIMIT_EXCEEDED", ""), 400},
		{"the envelope limit was 400", 429, errorJSON("X_APIINVOCATION_ENVELOPE_LIMIT_EXCEEDED", ""), 400},
		{
			"the same in XML", 429, `<errorDetails><errorCode>BURST_ENVELOPE_POLLING_LIMIT_EXCEEDED</errorCode></errorDetails>`,
			400,
		},
		{"throttling always was 429", 429, errorJSON("API_REQUEST_IS_THROTTLED", ""), 429},
		{"a 429 without a code stays", 429, "", 429},
		{"the recipient limit was 429", 400, errorJSON("RECIPIENT_LIMIT_EXCEEDED", ""), 429},
		{"another 400 stays", 400, errorJSON("INVALID_REQUEST_BODY", ""), 400},
		{"a limit with another status stays", 403, errorJSON("HOURLY_APIINVOCATION_LIMIT_EXCEEDED", ""), 403},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := OldStatus(tc.status, []byte(tc.body)); got != tc.want {
				t.Errorf("got %d", got)
			}
		})
	}
}

func TestAFaultSaysWhoMendsIt(t *testing.T) {
	login := func(code string) string {
		return `<soap:Envelope xmlns:soap="s"><soap:Body><LoginResponse><LoginResult><Success>false</Success><ErrorCode>` + code +
			`</ErrorCode><AuthenticationMessage>m</AuthenticationMessage></LoginResult></LoginResponse></soap:Body></soap:Envelope>`
	}
	recorded := `<?xml version="1.0" encoding="utf-8"?><soap:Envelope xmlns:soap="s"><soap:Body><soap:Fault><faultcode>` +
		`soap:Client</faultcode><faultstring>Validation error: The element 'x' is invalid.</faultstring><detail />` +
		`</soap:Fault></soap:Body></soap:Envelope>`
	for _, tc := range []struct {
		name, body string
		want       cause.ID
	}{
		{"a wrong password", fault("User_Authentication_Failed", badLogin), cause.AppPasswordRefused},
		{"an expired token", fault("User_Authentication_Failed", "Invalid access token"), cause.AppPasswordRefused},
		{"a token that is none", fault("Authorization_Invalid_Token", "m"), cause.AppPasswordRefused},
		{"a key that DocuSign does not know", fault("3", badKey), cause.AppKeyRefused},
		{"an account that is not the user's", fault("3", "Invalid account specified for user"), cause.SOAPFault},
		{"the hourly limit", fault("207", "m"), cause.DocuSign429},
		{"a permission that is missing", fault("User_Lacks_Permissions", lacks), cause.DocuSign403},
		{"somebody else's envelope", fault("Account_Not_Authorized_For_Envelope", "m"), cause.DocuSign403},
		{"a message that breaks the schema, as it was recorded", recorded, cause.SOAPFault},
		{"the same in SOAP 1.2", `<E><Body><Fault><Code><Value>soap:Sender</Value></Code><Reason><Text>Validation error` +
			`</Text></Reason></Fault></Body></E>`, cause.SOAPFault},
		{"a fault of the server's own", `<E><Body><Fault><faultcode>soap:Server</faultcode><faultstring>Unspecified_Error` +
			`</faultstring></Fault></Body></E>`, 0},
		{"a log-in that credential.asmx refuses", login("User_Authentication_Failed"), cause.AppPasswordRefused},
		{"a log-in of a user whom DocuSign does not know", login("User_Does_Not_Exist_In_System"), cause.AppPasswordRefused},
		{"a log-in that fails for another reason", login("Unspecified_Error"), cause.SOAPFault},
		{"a log-in at accountmanagement.asmx", `<Envelope><Body><GetPlansResponse><GetPlansResult><Success>false</Success>` +
			`<Error><ErrorCode>Invalid_Login</ErrorCode><Description>m</Description></Error></GetPlansResult></GetPlansResponse>` +
			`</Body></Envelope>`, cause.AppPasswordRefused},
		{"an answer that went well", strings.Replace(login("Success"), ">false<", ">true<", 1), 0},
		{"a Success that is not the result's", `<E><Success>false</Success></E>`, 0},
		{"a document that breaks off before it says anything", recorded[:100], 0},
		{"no document", "not found", 0},
	} {
		if got := FaultCause([]byte(tc.body)); got != tc.want {
			t.Errorf("%s: %v", tc.name, got)
		}
	}
}

func FuzzErrorCode(f *testing.F) {
	f.Add([]byte(errorJSON("A", "b")))
	f.Add([]byte(fault("A", "b")))
	f.Fuzz(func(t *testing.T, body []byte) {
		code := ErrorCode(body)
		if len(code) > 64 || token(code) != code {
			t.Errorf("%q", code)
		}
		ClassifyUpstream(401, nil, body)
		OldStatus(429, body)
		if why := FaultCause(body); why != 0 && !slices.Contains([]cause.ID{
			cause.AppPasswordRefused, cause.AppKeyRefused, cause.DocuSign403, cause.DocuSign429, cause.SOAPFault,
		}, why) {
			t.Errorf("%v", why)
		}
	})
}
