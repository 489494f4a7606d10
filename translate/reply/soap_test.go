package reply

import (
	"slices"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/internal/services"
	"docusign-auth-proxy/internal/services/servicestest"
	"docusign-auth-proxy/translate/soap"
)

// service is that at /api/3.0/name.asmx.
func service(name string) *services.Service { return services.ByPath("/api/3.0/" + name + ".asmx") }

// conforms holds an answer against the WSDL of a service.
func conforms(t *testing.T, service *services.Service, operation string, a Answer) {
	t.Helper()
	root, err := parse(a.Body)
	if err != nil {
		t.Fatal(err)
	}
	body := root.at("Body")
	if a.Status != 200 || len(body.Children) != 1 || body.Children[0].XMLName.Local != operation+"Response" {
		t.Fatalf("%s: %d %s", operation, a.Status, a.Body)
	}
	if err := servicestest.Check(service, string(a.Body)); err != nil {
		t.Errorf("%s: %v", operation, err)
	}
}

func TestAccountManagementFailuresConformToTheWSDL(t *testing.T) {
	member, faults := service("accountmanagement"), 0
	for _, op := range member.Description().Operations {
		a := Caller{Dialect: SOAP11}.RefuseOperation(
			services.NamespaceAccountManagement, op.Name, Failure{Kind: call.KindBadLogin},
		)
		if op.Name != "Ping" {
			conforms(t, member, op.Name, a)
			continue
		}
		if faults++; a.Status != 500 || ErrorCode(a.Body) != codeUser {
			t.Errorf("%s: want a fault, got %d %s", op.Name, a.Status, a.Body)
		}
	}
	if faults != 1 {
		t.Errorf("%d operations answer with a fault", faults)
	}
}

func TestEveryKindHasACodeOfTheWSDL(t *testing.T) {
	member, login := service("accountmanagement"), service("credential")
	for k := range call.Kinds {
		c := Caller{Dialect: SOAP12}
		a := c.RefuseOperation(services.NamespaceAccountManagement, "ChangePassword", Failure{Kind: k})
		b := c.RefuseOperation(services.NamespaceCredential, "Login", Failure{Kind: k})
		if row(k).code == "" {
			continue
		}
		if row(k).transient() {
			if a.Status != 500 || b.Status != 500 {
				t.Errorf("%s must be a fault", k)
			}
			continue
		}
		conforms(t, member, "ChangePassword", a)
		conforms(t, login, "Login", b)
	}
}

func TestResultsConformToTheWSDL(t *testing.T) {
	member, login := service("accountmanagement"), service("credential")
	for _, d := range []Dialect{SOAP11, SOAP12} {
		c := Caller{Dialect: d, Timestamp: noon}
		conforms(t, member, "Ping", c.Ping(services.NamespaceAccountManagement))
		conforms(t, member, "GetEncryptedPassword", c.EncryptedPassword(secret.New("x")))
		conforms(t, login, "Ping", c.Ping(services.NamespaceCredential))
		conforms(t, login, "Login", c.LoginResponse([]LoginAccount{anna, second}, true))
		conforms(t, login, "Login", c.LoginResponse(nil, true))
		for _, op := range []string{"GetAuthenticationToken", "RequestSenderToken", "RequestCorrectToken"} {
			conforms(t, login, op, c.URLResult(services.NamespaceCredential, op, secret.New("https://x/?a&b")))
		}
	}
}

func TestFaultShapes(t *testing.T) {
	for _, tc := range []struct {
		name                         string
		c                            Caller
		kind                         call.Kind
		namespace, contentType, code string
		at                           []string
	}{
		{
			"SOAP 1.1 blames the caller", Caller{Dialect: SOAP11}, call.KindBadLogin, soap.NamespaceSOAP11,
			"text/xml; charset=utf-8", "soap:Client", []string{"faultcode"},
		},
		{
			"SOAP 1.1 blames the service", Caller{Dialect: SOAP11}, call.KindTimeout, soap.NamespaceSOAP11,
			"text/xml; charset=utf-8", "soap:Server", []string{"faultcode"},
		},
		{
			"SOAP 1.2 blames the caller", Caller{Dialect: SOAP12, Timestamp: noon}, call.KindBadLogin, soap.NamespaceSOAP12,
			"application/soap+xml; charset=utf-8", "soap:Sender", []string{"Code", "Value"},
		},
		{
			"SOAP 1.2 blames the service", Caller{Dialect: SOAP12}, call.KindInternal, soap.NamespaceSOAP12,
			"application/soap+xml; charset=utf-8", "soap:Receiver", []string{"Code", "Value"},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := tc.c.Refuse(Failure{Kind: tc.kind})
			root, err := parse(a.Body)
			if err != nil {
				t.Fatal(err)
			}
			fault := root.at("Body", "Fault")
			if got := fault.at(tc.at...).Text; got != tc.code {
				t.Errorf("code %q", got)
			}
			if root.XMLName.Space != tc.namespace || fault.XMLName.Space != tc.namespace ||
				a.Header.Get("Content-Type") != tc.contentType {
				t.Errorf("%s, %s", root.XMLName.Space, a.Header.Get("Content-Type"))
			}
		})
	}
}

func TestTimestampIsAnsweredWithoutMustUnderstand(t *testing.T) {
	with := Caller{Dialect: SOAP11, Timestamp: noon}.Ping(services.NamespaceAPI)
	root, err := parse(with.Body)
	if err != nil {
		t.Fatal(err)
	}
	stamp := root.at("Header", "Security", "Timestamp")
	if stamp.at("Created").Text != "2026-11-22T11:00:00.005Z" || stamp.at("Expires").Text != "2026-11-22T11:05:00.005Z" ||
		!strings.HasSuffix(stamp.XMLName.Space, "wssecurity-utility-1.0.xsd") {
		t.Errorf("%s", with.Body)
	}
	if strings.Contains(string(with.Body), "mustUnderstand") {
		t.Error("mustUnderstand")
	}
	if without := (Caller{Dialect: SOAP11}).Ping(services.NamespaceAPI); strings.Contains(string(without.Body), "Header") {
		t.Error("a header nobody asked for")
	}
}

func TestOperationNamesAreChecked(t *testing.T) {
	c := Caller{Dialect: SOAP11}
	for _, op := range []string{"", "a b", "x><y", "1a", strings.Repeat("a", 65), "Löschen"} {
		if a := c.URLResult(services.NamespaceAPI, op, secret.New("u")); a.Status != 500 {
			t.Errorf("%q: %s", op, a.Body)
		}
		if a := c.RefuseOperation(
			services.NamespaceAccountManagement, op, Failure{Kind: call.KindBadLogin},
		); a.Status != 500 {
			t.Errorf("%q: %s", op, a.Body)
		}
	}
	wellFormed(t, c.Ping(`urn:"><x`))
	if a := (Caller{Dialect: SOAP11, Actor: strings.Repeat("x", maxActor+1)}).Refuse(Failure{}); len(a.Body) > maxActor {
		t.Error("an endless actor is repeated")
	}
}

// xpath evaluates //*[1]/*[local-name()=name], the expression of the Java walk-through (PROTOCOL.md §2.3), in document
// order.
func xpath(e *parsed, name string, first bool) []string {
	var found []string
	for i, c := range e.Children {
		if first && c.XMLName.Local == name {
			found = append(found, c.Text)
		}
		found = slices.Concat(found, xpath(c, name, i == 0))
	}
	return found
}

func TestTheXPathOfTheJavaWalkThroughHitsTheDefaultAccount(t *testing.T) {
	for _, tc := range []struct {
		name string
		o    LoginOptions
		want string
	}{
		{"plain", LoginOptions{}, "https://demo.docusign.net/restapi/v2/accounts/1234567"},
		{"with everything asked for", LoginOptions{
			APIPassword: secret.New("p"), IncludeGUID: true, EmbedGUID: true, LoginSettings: true, Version: "v2.1",
		},
			"https://demo.docusign.net/restapi/v2.1/accounts/a1b2c3d4-0000-4000-8000-000000000010"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			root, err := parse(Caller{Dialect: XML}.LoginInformation([]LoginAccount{second, anna}, tc.o).Body)
			if err != nil {
				t.Fatal(err)
			}
			if urls := xpath(root, "baseUrl", true); len(urls) == 0 || urls[0] != tc.want {
				t.Errorf("baseUrl %v", urls)
			}
			if ids := xpath(root, "accountId", true); len(ids) == 0 || ids[0] != "1234567" {
				t.Errorf("accountId %v", ids)
			}
		})
	}
}

func TestRelay(t *testing.T) {
	for _, c := range []struct {
		name, body, want string
		status           int
	}{
		{
			"a code and a sentence", `{"errorCode":"ENVELOPE_DOES_NOT_EXIST","message":"The envelope <x> does not exist."}`,
			"<faultcode>soap:Client</faultcode><faultstring>The envelope &lt;x&gt; does not " +
				"exist.</faultstring><detail><ErrorCode>Envelope_Does_Not_Exist</ErrorCode><Reason>The envelope &lt;x&gt; does " +
				"not exist.</Reason></detail>",
			404,
		},
		{
			"a code alone, from a server in trouble", `{"errorCode":"UNSPECIFIED_ERROR"}`,
			"<faultcode>soap:Server</faultcode><faultstring>Unspecified_Error</faultstring>", 503,
		},
		{"no code", `<html>gone</html>`, "", 404},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, ok := Caller{Dialect: SOAP11}.Relay(c.status, []byte(c.body))
			if ok != (c.want != "") || !strings.Contains(string(a.Body), c.want) {
				t.Errorf("%t, %s", ok, a.Body)
			}
		})
	}
}
