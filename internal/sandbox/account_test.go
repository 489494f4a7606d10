package sandbox

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/json"
	"html"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

func TestAGoodAssertionYieldsAToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	got := w.assert(w.sign(w.claims(AnnaID)))
	w.wantReply(got, 200, `"token_type":"Bearer","expires_in":3600,"scope":"signature impersonation"`)
	if strings.Contains(got.body, "refresh_token") {
		t.Error("the JWT grant has no refresh token")
	}
	var granted grantedToken
	if err := json.Unmarshal([]byte(got.body), &granted); err != nil {
		t.Fatal(err)
	}
	if n := len(granted.AccessToken); n < 700 || n > 1200 || !strings.HasPrefix(granted.AccessToken, "eyJ") ||
		strings.Count(granted.AccessToken, ".") != 2 {
		t.Errorf("token of %d bytes", n)
	}
	if got.header.Get("Date") != noon.Format(http.TimeFormat) {
		t.Errorf("date %s", got.header.Get("Date"))
	}
	if c := w.Counts(); c.Grants != 1 || len(c.GrantErrors) != 0 {
		t.Errorf("%+v", c)
	}
}

func TestAssertionsAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Consent(GUIDKey, AnnaID, "signature", "impersonation")
	w.AddUser(User{ID: "a1b2c3d4-0000-4000-8000-0000000000aa", Email: "new@example.com", Name: "New"})
	w.AddUser(User{ID: "a1b2c3d4-0000-4000-8000-0000000000ab", Email: "gone@example.com", Name: "Gone", Inactive: true})
	tests := map[string]struct {
		claim string
		value any // nil removes the claim
		want  string
	}{
		"an audience in an array": {
			"aud", []string{"account-d.docusign.com"}, "invalid_grant/no_valid_keys_or_signatures",
		},
		"an audience with a scheme": {
			"aud", "https://account-d.docusign.com", "invalid_grant/no_valid_keys_or_signatures",
		},
		"the production audience": {"aud", "account.docusign.com", "invalid_grant/no_valid_keys_or_signatures"},
		"no audience":             {"aud", nil, "invalid_grant/no_valid_keys_or_signatures"},
		"no expiry":               {"exp", nil, "invalid_grant/no_valid_keys_or_signatures"},
		"an expiry as text":       {"exp", "1795352400", "invalid_grant/no_valid_keys_or_signatures"},
		"a fractional expiry":     {"exp", 1795352400.5, "invalid_grant/no_valid_keys_or_signatures"},
		"an expiry that passed":   {"exp", noon.Unix(), "invalid_grant/expired_grant"},
		"no time of issue":        {"iat", nil, "invalid_grant/no_valid_keys_or_signatures"},
		"a time of issue in the future": {
			"iat", noon.Add(10 * time.Minute).Unix(), "invalid_grant/no_valid_keys_or_signatures",
		},
		"not valid before a future time": {
			"nbf", noon.Add(10 * time.Minute).Unix(), "invalid_grant/no_valid_keys_or_signatures",
		},
		"an unknown issuer": {
			"iss", "a1b2c3d4-0000-4000-8000-0000000000ff", "invalid_grant/issuer_not_found",
		},
		"no issuer":                         {"iss", nil, "invalid_grant/issuer_not_found"},
		"another integration's key":         {"iss", LegacyKey, "invalid_grant/no_valid_keys_or_signatures"},
		"an e-mail for a subject":           {"sub", "anna@example.com", "invalid_grant/invalid_subject"},
		"an unknown subject":                {"sub", "a1b2c3d4-0000-4000-8000-0000000000ff", "invalid_grant/user_not_found"},
		"an inactive subject":               {"sub", "a1b2c3d4-0000-4000-8000-0000000000ab", "invalid_grant/user_not_found"},
		"a user who never consented":        {"sub", "a1b2c3d4-0000-4000-8000-0000000000aa", "consent_required"},
		"a scope that was not consented to": {"scope", "signature impersonation click.manage", "consent_required"},
		"a scope without impersonation":     {"scope", "signature", "consent_required"},
		"no scope":                          {"scope", nil, "invalid_request"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w.ResetCounts()
			claims := w.claims(AnnaID)
			claims[tt.claim] = tt.value
			if tt.value == nil {
				delete(claims, tt.claim)
			}
			wantGrantError(w, w.assert(w.sign(claims)), tt.want)
		})
	}
}

func wantGrantError(w *world, got reply, want string) {
	w.Helper()
	code, description, described := strings.Cut(want, "/")
	body := `{"error":"` + code + `"}`
	if described {
		body = `{"error":"` + code + `","error_description":"` + description + `"}`
	}
	if got.status != 400 || got.body != body {
		w.Errorf("got %d %s, want 400 %s", got.status, got.body, body)
	}
	if c := w.Counts(); c.GrantErrors[want] != 1 || c.Grants != 0 {
		w.Errorf("counts %+v", c)
	}
}

func TestSignaturesAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	stranger, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	sign := func(m jwt.SigningMethod, key any) string {
		text, err := jwt.NewWithClaims(m, w.claims(AnnaID)).SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	good := w.sign(w.claims(AnnaID))
	tests := map[string]string{
		"an unknown key":       sign(jwt.SigningMethodRS256, stranger),
		"RS512":                sign(jwt.SigningMethodRS512, w.key(GUIDKey)),
		"HMAC":                 sign(jwt.SigningMethodHS256, []byte("secret")),
		"alg none":             sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType),
		"a cut signature":      good[:len(good)-8],
		"not a JWT":            "hello",
		"a padded JWT":         good + "==",
		"two dots and nothing": "..",
	}
	for name, assertion := range tests {
		t.Run(name, func(t *testing.T) {
			w.ResetCounts()
			wantGrantError(w, w.assert(assertion), "invalid_grant/no_valid_keys_or_signatures")
		})
	}
}

func TestAnyOfSeveralKeysVerifies(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	old, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	w.AddIntegration(Integration{Key: GUIDKey, PublicKeys: []*rsa.PublicKey{&old.PublicKey, &w.key(GUIDKey).PublicKey}})
	w.wantReply(w.assert(w.sign(w.claims(AnnaID))), 200)
}

func TestTokenFormsAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	good := url.Values{"grant_type": {grantJWT}, "assertion": {w.sign(w.claims(AnnaID))}}.Encode()
	const form = "application/x-www-form-urlencoded"
	tests := map[string]struct{ query, contentType, body, want string }{
		"JSON":                 {"", "application/json", `{"grant_type":"x"}`, "invalid_request"},
		"no content type":      {"", "", good, "invalid_request"},
		"a query":              {"?grant_type=x", form, good, "invalid_request"},
		"a parameter twice":    {"", form, good + "&grant_type=x", "invalid_request"},
		"no assertion":         {"", form, "grant_type=" + url.QueryEscape(grantJWT), "invalid_request"},
		"no grant type":        {"", form, "assertion=x", "invalid_request"},
		"a bad escape":         {"", form, good + "&x=%zz", "invalid_request"},
		"a body without end":   {"", form, good + "&x=" + strings.Repeat("a", maxTokenForm), "invalid_request"},
		"the short grant type": {"", form, "grant_type=jwt-bearer&assertion=x", "invalid_grant/unsupported_grant_type"},
		"the retired legacy grant": {
			"", form, "grant_type=password&username=a&password=b", "invalid_grant/unsupported_grant_type",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w.ResetCounts()
			var headers []string
			if tt.contentType != "" {
				headers = []string{"Content-Type", tt.contentType}
			}
			wantGrantError(
				w, w.call("POST", w.AccountServer()+"/oauth/token"+tt.query, "", strings.NewReader(tt.body), headers...), tt.want,
			)
		})
	}
	if n := w.Counts().Legacy.PasswordGrant; n > 1 {
		t.Errorf("password grants %d", n)
	}
}

func TestTheClockDecidesAboutAssertions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.SetClockOffset(-10 * time.Minute)
	w.wantReply(w.assert(w.sign(w.claims(AnnaID))), 400, "no_valid_keys_or_signatures")
	w.SetClockOffset(2 * time.Hour)
	got := w.assert(w.sign(w.claims(AnnaID)))
	w.wantReply(got, 400, "expired_grant")
	if got.header.Get("Date") != noon.Add(2*time.Hour).Format(http.TimeFormat) {
		t.Errorf("date %s", got.header.Get("Date"))
	}
}

func TestThrottlingIsSwitched(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.SetThrottle(true)
	w.wantReply(w.assert(w.sign(w.claims(AnnaID))), 429)
	w.SetThrottle(false)
	w.wantReply(w.assert(w.sign(w.claims(AnnaID))), 200)
}

func TestProductionKnowsOnlyLiveKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(o *Options) { o.AccountHost = productionEnv })
	claims := w.claims(AnnaID)
	claims["aud"] = productionEnv
	w.wantReply(w.assert(w.sign(claims)), 200)
	w.AddIntegration(Integration{Key: GUIDKey, PublicKeys: []*rsa.PublicKey{&w.key(GUIDKey).PublicKey}})
	w.wantReply(w.assert(w.sign(claims)), 400, "issuer_not_found")
}

func TestUserInfo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	target := w.AccountServer() + "/oauth/userinfo"
	bearer := w.bearerOf(AnnaID)
	w.wantReply(w.call("GET", target, bearer, nil), 200,
		`"sub":"`+AnnaID+`"`, `"email":"anna@example.com"`, `"given_name":"Anna"`,
		`{"account_id":"`+CaptureAccountID+`","is_default":false,"account_name":"Capture \u0026 Co",`+
			`"base_uri":"https://demo.docusign.net"}`,
		`"is_default":true,"account_name":"Example Ltd","base_uri":"https://na3.docusign.net","organization":{`)
	for name, authorization := range map[string]string{
		"no bearer": "", "a lower-case scheme": "bearer " +
			bearer, "an unknown token": "Bearer eyJ.x.y", "a bare token": bearer, "a basic credential": "Basic YTpi",
	} {
		t.Run(name, func(t *testing.T) {
			w.wantReply(w.call("GET", target, "", nil, "Authorization", authorization), 401, "invalid_token")
		})
	}
	w.MoveAccount(ExampleAccountID, "eu.docusign.net")
	w.wantReply(w.call("GET", target, bearer, nil), 200, `"base_uri":"https://eu.docusign.net"`)
	if c := w.Counts(); c.UserInfo != 2 || c.Legacy.Bearer != 3 {
		t.Errorf("%+v", c)
	}
}

func TestConsentIsRecordedOnlyByApproval(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Revoke(GUIDKey, AnnaID)
	w.wantReply(w.assert(w.sign(w.claims(AnnaID))), 400, "consent_required")
	target := w.AccountServer() + "/oauth/auth?response_type=code&scope=signature%20impersonation&client_id=" + GUIDKey +
		"&redirect_uri=" + url.QueryEscape("http://localhost:8080/callback") + "&state=s1&login_hint=anna@example.com"
	page := w.call("GET", target, "", nil)
	w.wantReply(page, 200, "Approve as Anna Example")
	w.wantReply(w.assert(w.sign(w.claims(AnnaID))), 400, "consent_required")
	link := regexp.MustCompile(`href="([^"]+)"`).FindStringSubmatch(page.body)[1]
	approved := w.call("GET", w.AccountServer()+html.UnescapeString(link), "", nil)
	w.wantReply(approved, 302)
	if to := approved.header.Get("Location"); !strings.HasPrefix(
		to, "http://localhost:8080/callback?code=",
	) || !strings.HasSuffix(to, "&state=s1") {
		t.Errorf("redirected to %s", to)
	}
	w.wantReply(w.assert(w.sign(w.claims(AnnaID))), 200)
}

func TestAnAdministratorConsentsForEverybody(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Revoke(GUIDKey, BobID)
	target := w.AccountServer() +
		"/oauth/auth?response_type=code&scope=openid&admin_consent_scope=signature%20impersonation&client_id=" + GUIDKey +
		"&redirect_uri=" + url.QueryEscape("https://www.docusign.com") + "&approve="
	if to := w.call("GET", target+AnnaID, "", nil).header.Get("Location"); !strings.Contains(to, "error=access_denied") {
		t.Errorf("a plain user was sent to %s", to)
	}
	w.wantReply(w.assert(w.sign(w.claims(BobID))), 400, "consent_required")
	w.wantReply(w.call("GET", target+AdminID, "", nil), 302)
	w.wantReply(w.assert(w.sign(w.claims(BobID))), 200)
}

func TestConsentRequestsAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	good := url.Values{
		"response_type": {"code"}, "scope": {"signature"}, "client_id": {GUIDKey},
		"redirect_uri": {"https://www.docusign.com"},
	}
	tests := map[string]struct{ name, value, want string }{
		"an unknown client":           {"client_id", "x", "invalid_client"},
		"an unregistered redirect":    {"redirect_uri", "https://www.docusign.com/", "not registered"},
		"the implicit grant":          {"response_type", "token", "unsupported_response_type"},
		"no scope":                    {"scope", "", "invalid_scope"},
		"a plain challenge":           {"code_challenge", strings.Repeat("a", 43), "S256"},
		"a challenge of wrong length": {"code_challenge", "abc", "S256"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			query := url.Values{}
			maps.Copy(query, good)
			query.Set(tt.name, tt.value)
			w.wantReply(w.call("GET", w.AccountServer()+"/oauth/auth?"+query.Encode(), "", nil), 400, tt.want)
		})
	}
}

// approvedCode walks through consent and returns the code.
func approvedCode(w *world, scope, challenge string) string {
	w.Helper()
	query := url.Values{
		"response_type": {"code"}, "scope": {scope}, "client_id": {GUIDKey}, "redirect_uri": {"https://www.docusign.com"},
		"approve": {AnnaID},
	}
	if challenge != "" {
		query.Set("code_challenge", challenge)
		query.Set("code_challenge_method", "S256")
	}
	to, err := url.Parse(w.call("GET", w.AccountServer()+"/oauth/auth?"+query.Encode(), "", nil).header.Get("Location"))
	if err != nil {
		w.Fatal(err)
	}
	return to.Query().Get("code")
}

func TestTheAuthorizationCodeGrantOfAPublicClient(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sum := sha256.Sum256([]byte("verifier"))
	exchange := func(code, verifier string) reply {
		return w.token(url.Values{
			"grant_type": {grantCode}, "code": {code}, "client_id": {GUIDKey}, "code_verifier": {verifier},
		})
	}
	code := approvedCode(w, "signature extended", encode(sum[:]))
	got := exchange(code, "verifier")
	w.wantReply(got, 200, "refresh_token")
	w.wantReply(exchange(code, "verifier"), 400, "invalid_grant")
	w.wantReply(exchange(approvedCode(w, "signature", encode(sum[:])), "other"), 400, "invalid_grant")
	w.wantReply(exchange(approvedCode(w, "signature", ""), ""), 400, "invalid_grant")

	var granted grantedToken
	if err := json.Unmarshal([]byte(got.body), &granted); err != nil {
		t.Fatal(err)
	}
	w.wantReply(w.call("GET", w.AccountServer()+"/oauth/userinfo", granted.AccessToken, nil), 200, "anna@example.com")
	refresh := url.Values{"grant_type": {grantRefresh}, "refresh_token": {granted.RefreshToken}, "client_id": {GUIDKey}}
	w.wantReply(w.token(refresh), 200, "refresh_token")
	w.wantReply(w.token(refresh), 400, "invalid_grant")
}

func TestTheAuthorizationCodeGrantOfAConfidentialClient(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.AddIntegration(Integration{Key: GUIDKey, Secret: "s3cret", RedirectURIs: []string{"https://www.docusign.com"}})
	exchange := func(secret string) reply {
		form := url.Values{"grant_type": {grantCode}, "code": {approvedCode(w, "signature", "")}}
		r, err := http.NewRequest("POST", w.AccountServer()+"/oauth/token", strings.NewReader(form.Encode()))
		if err == nil {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.SetBasicAuth(GUIDKey, secret)
		}
		return w.do(r, err)
	}
	w.wantReply(exchange("s3cret"), 200, "access_token", "refresh_token")
	w.wantReply(exchange("wrong"), 400, "invalid_client")
	w.wantReply(
		w.token(url.Values{"grant_type": {grantCode}, "code": {approvedCode(w, "signature", "")}, "client_id": {GUIDKey}}),
		400, "invalid_client",
	)
}

func TestRevokedConsentEndsRefreshTokensButNotAccessTokens(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	sum := sha256.Sum256([]byte("v"))
	got := w.token(url.Values{
		"grant_type": {grantCode}, "code": {approvedCode(w, "signature", encode(sum[:]))}, "client_id": {GUIDKey},
		"code_verifier": {"v"},
	})
	var granted grantedToken
	if err := json.Unmarshal([]byte(got.body), &granted); err != nil {
		t.Fatal(err)
	}
	w.Revoke(GUIDKey, AnnaID)
	w.wantReply(w.call("GET", w.AccountServer()+"/oauth/userinfo", granted.AccessToken, nil), 200)
	w.wantReply(
		w.token(url.Values{"grant_type": {grantRefresh}, "refresh_token": {granted.RefreshToken}, "client_id": {GUIDKey}}),
		400, "invalid_grant",
	)
}
