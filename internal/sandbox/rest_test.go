package sandbox

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"docusign-auth-proxy/internal/sandbox/restbody"
	"docusign-auth-proxy/internal/shown"
)

func TestLegacyCredentialsAreRefusedAndCounted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	site := w.SiteURL("demo.docusign.net")
	bearer := w.bearerOf(LegacyID)
	const json = `{"Username":"legacy.user@example.com","Password":"x","IntegratorKey":"` + LegacyKey + `"}`
	tests := map[string]struct {
		method, path string
		headers      []string
		status       int
		code         string
		want         Legacy
	}{
		"a JSON header": {
			"GET", "/restapi/v2/login_information", []string{"X-DocuSign-Authentication", json}, 401,
			"USER_AUTHENTICATION_FAILED", Legacy{Header: 1},
		},
		"an empty header": {
			"GET", "/restapi/v2/login_information", []string{"X-DocuSign-Authentication", ""}, 401, "USER_AUTHENTICATION_FAILED",
			Legacy{Header: 1},
		},
		"a header beside a good bearer": {
			"GET", "/restapi/v2/accounts/1703061",
			[]string{"Authorization", "Bearer " + bearer, "X-DocuSign-Authentication", json}, 401, "USER_AUTHENTICATION_FAILED",
			Legacy{Header: 1},
		},
		"a header where none is needed": {
			"GET", "/restapi/service_information", []string{"X-DocuSign-Authentication", json}, 401,
			"USER_AUTHENTICATION_FAILED", Legacy{Header: 1},
		},
		"a header at an unknown route": {
			"GET", "/restapi/v9/nothing", []string{"X-DocuSign-Authentication", json}, 404, "", Legacy{Header: 1},
		},
		"act-as beside a good bearer": {
			"GET", "/restapi/v2/accounts/1703061",
			[]string{"Authorization", "Bearer " + bearer, "X-DocuSign-Act-As-User", "bob@example.com"}, 401,
			"USER_AUTHENTICATION_FAILED", Legacy{ActAs: 1},
		},
		"the lower-case scheme": {
			"GET", "/restapi/v2/accounts/1703061", []string{"Authorization", "bearer " + bearer}, 401,
			"AUTHORIZATION_INVALID_TOKEN", Legacy{Bearer: 1},
		},
		"an old opaque token": {
			"GET", "/restapi/v2/accounts/1703061", []string{"Authorization", "Bearer bm90LWEtcmVhbC10b2tlbi0tLS0="}, 401,
			"AUTHORIZATION_INVALID_TOKEN", Legacy{Bearer: 1},
		},
		"a bare token": {
			"GET", "/restapi/v2/accounts/1703061", []string{"Authorization", bearer}, 401, "AUTHORIZATION_INVALID_TOKEN",
			Legacy{Bearer: 1},
		},
		"the password grant": {
			"POST", "/restapi/v2/oauth2/token", nil, 401, "USER_AUTHENTICATION_FAILED", Legacy{PasswordGrant: 1},
		},
		"revoking at the site": {
			"POST", "/restapi/v2/oauth2/revoke", nil, 401, "USER_AUTHENTICATION_FAILED", Legacy{PasswordGrant: 1},
		},
		"no credential": {
			"GET", "/restapi/v2/accounts/1703061", nil, 401, "An Integrator key was not specified.", Legacy{},
		},
		"an unknown OAuth token": {
			"GET", "/restapi/v2/accounts/1703061", []string{"Authorization", "Bearer eyJ.eyJ.x"}, 401,
			"AUTHORIZATION_INVALID_TOKEN", Legacy{},
		},
		"two good bearers": {
			"GET", "/restapi/v2/accounts/1703061",
			[]string{"Authorization", "Bearer " + bearer, "Authorization", "Bearer " + bearer}, 401,
			"AUTHORIZATION_INVALID_TOKEN", Legacy{},
		},
		"changing the password with a bearer": {
			"PUT", "/restapi/v2/login_information/password", []string{"Authorization", "Bearer " + bearer}, 401,
			"USER_LACKS_PERMISSIONS", Legacy{},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w.ResetCounts()
			got := w.call(tt.method, site+tt.path, "", nil, tt.headers...)
			w.wantReply(got, tt.status, tt.code)
			if c := w.Counts(); c.Legacy != tt.want || c.Legacy.Total() > 1 {
				t.Errorf("counted %+v, want %+v", c.Legacy, tt.want)
			}
		})
	}
}

func TestErrorsHaveTheRecordedBytes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	site := w.SiteURL("demo.docusign.net")
	t.Run("JSON is the default", func(t *testing.T) {
		got := w.call("GET", site+"/restapi/v2/login_information", "", nil, "X-DocuSign-Authentication", "x")
		const want = "{\r\n  \"errorCode\": \"USER_AUTHENTICATION_FAILED\",\r\n" +
			"  \"message\": \"One or both of Username and Password are invalid.\"\r\n}"
		if got.body != want || got.header.Get("Content-Type") != "application/json; charset=utf-8" ||
			got.header.Get("Content-Length") != "116" {
			t.Errorf("%q %v", got.body, got.header)
		}
	})
	t.Run("XML when asked for", func(t *testing.T) {
		got := w.call("GET", site+"/restapi/v2/login_information", "", nil, "Accept", "application/xml")
		const want = `<errorDetails xmlns="http://www.docusign.com/restapi"` +
			` xmlns:i="http://www.w3.org/2001/XMLSchema-instance"><errorCode>PARTNER_AUTHENTICATION_FAILED</errorCode>` +
			`<message>The specified Integrator Key was not found or is disabled. ` +
			`An Integrator key was not specified.</message></errorDetails>`
		if got.body != want || got.header.Get("Content-Type") != "application/xml; charset=utf-8" {
			t.Errorf("%q %v", got.body, got.header)
		}
	})
	t.Run("an unknown route is empty", func(t *testing.T) {
		for _, path := range []string{
			"/", "/restapi/v3/login_information", "/restapi/v2/accounts", "/restapi//v2/login_information",
		} {
			if got := w.call("GET", site+path, "", nil); got.status != 404 || got.body != "" {
				t.Errorf("%s: %d %q", path, got.status, got.body)
			}
		}
	})
}

func TestTheBearerDecides(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	target := w.SiteURL("na3.docusign.net") + "/restapi/v2.1/accounts/" + ExampleAccountID
	bob, legacy := w.bearerOf(BobID), w.bearerOf(LegacyID)
	t.Run("a member is let in by GUID, upper-case GUID and number", func(t *testing.T) {
		for _, id := range []string{ExampleAccountID, strings.ToUpper(ExampleAccountID), "1234567"} {
			w.wantReply(w.call("GET", w.SiteURL("na3.docusign.net")+"/restapi/v2/accounts/"+id, bob, nil), 200, "Example Ltd")
		}
	})
	t.Run("a stranger is not", func(t *testing.T) {
		w.wantReply(w.call("GET", target, legacy, nil), 401, "USER_LACKS_MEMBERSHIP")
	})
	t.Run("the wrong site is refused with the chosen code", func(t *testing.T) {
		wrong := w.SiteURL("eu.docusign.net") + "/restapi/v2.1/accounts/" + ExampleAccountID
		w.wantReply(w.call("GET", wrong, bob, nil), 401, "USER_LACKS_MEMBERSHIP")
		w.SetWrongSite("PARTNER_AUTHENTICATION_FAILED")
		w.wantReply(
			w.call("GET", wrong, bob, nil), 401, "PARTNER_AUTHENTICATION_FAILED", "Invalid account specified for user.",
		)
		w.MoveAccount(ExampleAccountID, "eu.docusign.net")
		w.wantReply(w.call("GET", wrong, bob, nil), 200)
		w.MoveAccount(ExampleAccountID, "na3.docusign.net")
	})
	t.Run("an application token is refused", func(t *testing.T) {
		claims := w.claims("")
		delete(claims, "sub")
		body := w.assert(w.sign(claims)).body
		token := strings.Split(body, `"`)[3]
		w.wantReply(w.call("GET", target, token, nil), 401, "AUTHORIZATION_INVALID_TOKEN", "system application")
	})
	t.Run("an expired token is refused", func(t *testing.T) {
		w.SetTokenLife(time.Minute)
		short := w.bearerOf(BobID)
		w.SetClockOffset(time.Minute)
		w.wantReply(w.call("GET", target, short, nil), 401, "AUTHORIZATION_INVALID_TOKEN")
		w.SetClockOffset(0)
	})
	t.Run("a revoked token is refused, in the chosen words", func(t *testing.T) {
		w.RevokeTokens(BobID)
		w.wantReply(w.call("GET", target, bob, nil), 401, "AUTHORIZATION_INVALID_TOKEN", "expired, revoked or malformed")
		w.SetBadToken("USER_AUTHENTICATION_FAILED")
		w.wantReply(w.call("GET", target, bob, nil), 401, "USER_AUTHENTICATION_FAILED", "Invalid access token")
	})
}

func TestAnswersCarryTheDocumentedHeaders(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	got := w.call("GET", w.SiteURL("na3.docusign.net")+"/restapi/v2/accounts/1234567", w.bearerOf(BobID), nil)
	for name, want := range map[string]string{
		"X-RateLimit-Limit": "3000", "X-RateLimit-Remaining": "2999", "X-BurstLimit-Limit": "500",
		"X-BurstLimit-Remaining": "499",
		"X-RateLimit-Reset":      "1795352400", "Cache-Control": "no-cache",
	} {
		if got.header.Get(name) != want {
			t.Errorf("%s: %q, want %q", name, got.header.Get(name), want)
		}
	}
	if !shown.GUID(got.header.Get("X-DocuSign-TraceToken")) {
		t.Error("no trace token")
	}
}

func TestLimitsAreEnforcedOnRequest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	target := w.SiteURL("na3.docusign.net") + "/restapi/v2/accounts/1234567"
	bearer := w.bearerOf(BobID)
	w.SetLimits(2, 0)
	w.call("GET", target, bearer, nil)
	w.wantReply(w.call("GET", target, bearer, nil), 200)
	got := w.call("GET", target, bearer, nil)
	if got.status != 429 ||
		got.body != `{"errorCode": "HOURLY_APIINVOCATION_LIMIT_EXCEEDED","message": `+
			`"The maximum number of hourly API invocations has been exceeded."}` {
		t.Errorf("%d %s", got.status, got.body)
	}
	w.SetClockOffset(time.Hour)
	w.wantReply(w.call("GET", target, w.bearerAt(BobID, time.Hour), nil), 200)
	w.SetLimits(0, 1)
	w.wantReply(w.call("GET", target, w.bearerAt(BobID, time.Hour), nil), 429, "BURST_APIINVOCATION_LIMIT_EXCEEDED")
}

// bearerAt gets a token while the sandbox's clock is ahead.
func (w *world) bearerAt(user string, ahead time.Duration) string {
	w.Helper()
	claims := w.claims(user)
	claims["iat"], claims["exp"] = noon.Add(ahead).Unix(), noon.Add(ahead+time.Hour).Unix()
	return strings.Split(w.assert(w.sign(claims)).body, `"`)[3]
}

func TestLoginInformation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	target := w.SiteURL("demo.docusign.net") + "/restapi/v2/login_information"
	bearer := w.bearerOf(AnnaID)
	t.Run("JSON has strings, numbers for ids and the accounts' own sites", func(t *testing.T) {
		got := w.call("GET", target, bearer, nil)
		w.wantReply(got, 200, `"accountId": "1234567"`, `"baseUrl": "https://na3.docusign.net/restapi/v2/accounts/1234567"`,
			`"baseUrl": "https://demo.docusign.net/restapi/v2/accounts/1703061"`, `"isDefault": "true"`, `"isDefault": "false"`)
		if strings.Contains(got.body, "apiPassword") || strings.Contains(got.body, "accountIdGuid") {
			t.Errorf("not asked for: %s", got.body)
		}
	})
	t.Run("the query adds to it", func(t *testing.T) {
		w.wantReply(w.call(
			"GET", target+"?api_password=true&include_account_id_guid=true&embed_account_id_guid=true&login_settings=all",
			bearer, nil,
		), 200,
			`"apiPassword": "bm90`, `"accountIdGuid": "`+ExampleAccountID+`"`,
			`/restapi/v2/accounts/`+ExampleAccountID, `"loginUserSettings"`)
	})
	t.Run("XML is in alphabetical order", func(t *testing.T) {
		const want = `<loginInformation xmlns="http://www.docusign.com/restapi"` +
			` xmlns:i="http://www.w3.org/2001/XMLSchema-instance"><loginAccounts><loginAccount>` +
			`<accountId>1234567</accountId><baseUrl>https://na3.docusign.net/restapi/v2.1/accounts/1234567</baseUrl>` +
			`<email>bob@example.com</email><isDefault>true</isDefault>` +
			`<name>Example Ltd</name><siteDescription/><userId>` + BobID +
			`</userId><userName>Bob Example</userName></loginAccount></loginAccounts></loginInformation>`
		got := w.call(
			"GET", w.SiteURL("eu.docusign.net")+"/restapi/v2.1/login_information/", w.bearerOf(BobID), nil, "Accept",
			"application/xml",
		)
		if got.body != want {
			t.Errorf("got  %s\nwant %s", got.body, want)
		}
	})
	t.Run("it can be switched off", func(t *testing.T) {
		w.SetLoginInformation(401)
		w.wantReply(w.call("GET", target, bearer, nil), 401, "USER_AUTHENTICATION_FAILED")
		w.SetLoginInformation(404)
		if got := w.call("GET", target, bearer, nil); got.status != 404 || got.body != "" {
			t.Errorf("%d %q", got.status, got.body)
		}
		w.SetLoginInformation(0)
		w.wantReply(w.call("GET", target, bearer, nil), 200)
	})
}

func TestUsersAreForAdministrators(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	target := w.SiteURL("na3.docusign.net") + "/restapi/v2.1/accounts/1234567/users"
	w.wantReply(w.call("GET", target, w.bearerOf(BobID), nil), 401, "USER_LACKS_PERMISSIONS")
	w.wantReply(w.call("GET", target, w.bearerOf(AdminID), nil), 200, `"totalSetSize": "3"`)
	w.wantReply(
		w.call("GET", target+"?email=BOB%40example.com", w.bearerOf(AdminID), nil), 200, `"userId": "`+BobID+`"`,
		`"totalSetSize": "1"`,
	)
}

func TestGzipIsUsedWhenTheRequestAllowsIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for accept, want := range map[string]bool{
		"gzip": true, "identity;q=0.3, gzip;q=1.0": true, "gzip;q=0": false, "none": false, "identity": false,
	} {
		got := w.call("GET", w.SiteURL("demo.docusign.net")+"/restapi", "", nil, "Accept-Encoding", accept)
		if (got.header.Get("Content-Encoding") == "gzip") != want {
			t.Errorf("%s: %v", accept, got.header)
		}
		if !want {
			continue
		}
		z, err := gzip.NewReader(strings.NewReader(got.body))
		if err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(z); err != nil || !bytes.Contains(b, []byte("serviceVersions")) {
			t.Errorf("%s %v", b, err)
		}
	}
}

// exchange sends raw bytes over TLS and reads one answer, which must not close the connection early.
func (w *world) exchange(raw []byte) reply {
	w.Helper()
	conn, err := tls.Dial("tcp", w.Addr(), &tls.Config{RootCAs: w.CertPool(), ServerName: "127.0.0.1"})
	if err != nil {
		w.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write(raw); err != nil {
		w.Fatal(err)
	}
	in := bufio.NewReader(conn)
	resp, err := http.ReadResponse(in, nil)
	if err == nil && resp.StatusCode == http.StatusContinue {
		resp, err = http.ReadResponse(in, nil)
	}
	if err != nil {
		w.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		w.Fatal(err)
	}
	return reply{resp.StatusCode, resp.Header, string(body)}
}

// capture reads a recorded request, with its legacy credential or with a bearer in its place.
func capture(t *testing.T, name, bearer string) []byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	head, body, _ := bytes.Cut(raw, []byte("\r\n\r\n"))
	var lines []string
	for line := range strings.SplitSeq(string(head), "\r\n") {
		field := strings.ToLower(line)
		if strings.HasPrefix(field, "host:") {
			line = "Host: 127.0.0.1"
		}
		if strings.HasPrefix(field, "accept-encoding:") {
			continue
		}
		if bearer != "" && (strings.HasPrefix(
			field, "x-docusign-authentication:",
		) || strings.HasPrefix(field, "authorization:")) {
			continue
		}
		lines = append(lines, line)
	}
	if bearer != "" {
		lines = append(lines, "Authorization: Bearer "+bearer)
	}
	return append([]byte(strings.Join(lines, "\r\n")+"\r\n\r\n"), body...)
}

func TestRecordedClientsAreRefusedAsTheyAreAndServedWithABearer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	bearer := w.bearerOf(LegacyID)
	tests := map[string]struct {
		status int
		body   string
	}{
		"curl-post-envelopes.http":                   {201, "envelopeId"},
		"curl-post-envelopes-chunked-expect.http":    {201, "envelopeId"},
		"node-post-envelopes-multipart-chunked.http": {201, "envelopeId"},
		"py-get-login-information-xmlcreds.http":     {200, "<loginInformation"},
		"node-get-document.http":                     {200, "%PDF-1.4"},
		"node-post-token.http":                       {401, "errorCode"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w.ResetCounts()
			w.wantReply(w.exchange(capture(t, "rest/"+name, bearer)), tt.status, tt.body)
			w.wantReply(w.exchange(capture(t, "rest/"+name, "")), 401, "AUTH")
			if w.Counts().Legacy.Total() == 0 {
				t.Error("the legacy credential was not counted")
			}
		})
	}
}

func TestErrorBodiesHaveTheLengthsOfRecordedOnes(t *testing.T) {
	t.Parallel()
	tests := map[int]*apiError{
		165: refusal("PARTNER_AUTHENTICATION_FAILED", "An Integrator key was not specified."),
		126: refusal("USER_LACKS_PERMISSIONS"),
	}
	for want, e := range tests {
		if got := len(restbody.JSON(e.answer(httptest.NewRequest("GET", "/", nil)).body)); got != want {
			t.Errorf("%s: %d bytes, want %d", e.code, got, want)
		}
	}
}
