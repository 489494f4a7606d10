package reply

import (
	"encoding/xml"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/secret"
)

// declaration is an xs:element of a WSDL's schema.
type declaration struct {
	Name      string        `xml:"name,attr"`
	Type      string        `xml:"type,attr"`
	MinOccurs string        `xml:"minOccurs,attr"`
	MaxOccurs string        `xml:"maxOccurs,attr"`
	Inline    []declaration `xml:"complexType>sequence>element"`
}

type schema struct {
	TargetNamespace string        `xml:"targetNamespace,attr"`
	Elements        []declaration `xml:"element"`
	Complex         []struct {
		Name   string        `xml:"name,attr"`
		Fields []declaration `xml:"sequence>element"`
	} `xml:"complexType"`
	Simple []struct {
		Name   string `xml:"name,attr"`
		Values []struct {
			Value string `xml:"value,attr"`
		} `xml:"restriction>enumeration"`
	} `xml:"simpleType"`
}

type wsdl struct {
	Schema     schema `xml:"types>schema"`
	Operations []struct {
		Name string `xml:"name,attr"`
	} `xml:"portType>operation"`
}

func loadWSDL(t *testing.T, name string) wsdl {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	var w wsdl
	if err := xml.Unmarshal(b, &w); err != nil {
		t.Fatal(err)
	}
	return w
}

func (s schema) element(name string) declaration {
	for _, d := range s.Elements {
		if d.Name == name {
			return d
		}
	}
	return declaration{}
}

func (s schema) fields(d declaration) []declaration {
	for _, c := range s.Complex {
		if "tns:"+c.Name == d.Type {
			return c.Fields
		}
	}
	return d.Inline
}

// check validates e against d: order, required elements, unknown elements, namespace and enumerations.
func (s schema) check(e *element, d declaration) error {
	if e.XMLName.Space != s.TargetNamespace {
		return fmt.Errorf("%s is in namespace %q", e.XMLName.Local, e.XMLName.Space)
	}
	for _, simple := range s.Simple {
		if "tns:"+simple.Name != d.Type {
			continue
		}
		for _, v := range simple.Values {
			if v.Value == e.Text {
				return nil
			}
		}
		return fmt.Errorf("%s: %q is no value of %s", d.Name, e.Text, d.Type)
	}
	rest := e.Children
	for _, f := range s.fields(d) {
		n := 0
		for len(rest) > 0 && rest[0].XMLName.Local == f.Name {
			if err := s.check(rest[0], f); err != nil {
				return err
			}
			rest = rest[1:]
			n++
		}
		if n == 0 && f.MinOccurs != "0" {
			return fmt.Errorf("%s lacks %s", d.Name, f.Name)
		}
		if n > 1 && f.MaxOccurs != "unbounded" {
			return fmt.Errorf("%s has %d %s", d.Name, n, f.Name)
		}
	}
	if len(rest) > 0 {
		return fmt.Errorf("%s: %s is out of place", d.Name, rest[0].XMLName.Local)
	}
	return nil
}

// conforms checks the only element in the body of an answer's envelope.
func (w wsdl) conforms(t *testing.T, operation string, a Answer) {
	t.Helper()
	root, err := parse(a.Body)
	if err != nil {
		t.Fatal(err)
	}
	body := root.at("Body")
	if a.Status != 200 || len(body.Children) != 1 || body.Children[0].XMLName.Local != operation+"Response" {
		t.Fatalf("%s: %d %s", operation, a.Status, a.Body)
	}
	if err := w.Schema.check(body.Children[0], w.Schema.element(operation+"Response")); err != nil {
		t.Errorf("%s: %v", operation, err)
	}
}

func TestAccountManagementFailuresConformToTheWSDL(t *testing.T) {
	w := loadWSDL(t, "accountmanagement.wsdl")
	if len(w.Operations) != 42 {
		t.Fatalf("%d operations", len(w.Operations))
	}
	for _, op := range w.Operations {
		response := w.Schema.element(op.Name + "Response")
		if len(response.Inline) != 1 {
			t.Fatalf("%s: no result", op.Name)
		}
		names := map[string]string{}
		for _, f := range response.Inline[0].Inline {
			names[f.Name] = f.Type
		}
		reports := names["Success"] == "s:boolean" && names["Error"] == "tns:RequestError"
		a := Caller{Dialect: SOAP11}.RefuseOperation(NamespaceAccountManagement, op.Name, Failure{Kind: BadLogin})
		if !reports {
			if a.Status != 500 || ErrorCode(a.Body) != codeUser {
				t.Errorf("%s: want a fault, got %d %s", op.Name, a.Status, a.Body)
			}
			continue
		}
		w.conforms(t, op.Name, a)
	}
}

func TestEveryKindHasACodeOfTheWSDL(t *testing.T) {
	member, login := loadWSDL(t, "accountmanagement.wsdl"), loadWSDL(t, "credential.wsdl")
	for k := Internal; k <= Unsupported; k++ {
		c := Caller{Dialect: SOAP12}
		a := c.RefuseOperation(NamespaceAccountManagement, "ChangePassword", Failure{Kind: k})
		b := c.RefuseOperation(NamespaceCredential, "Login", Failure{Kind: k})
		if k == NotFound {
			continue
		}
		if k.entry().transient() {
			if a.Status != 500 || b.Status != 500 {
				t.Errorf("%s must be a fault", k)
			}
			continue
		}
		member.conforms(t, "ChangePassword", a)
		login.conforms(t, "Login", b)
	}
}

func TestResultsConformToTheWSDL(t *testing.T) {
	member, login := loadWSDL(t, "accountmanagement.wsdl"), loadWSDL(t, "credential.wsdl")
	for _, d := range []Dialect{SOAP11, SOAP12} {
		c := Caller{Dialect: d, Timestamp: noon}
		member.conforms(t, "Ping", c.Ping(NamespaceAccountManagement))
		member.conforms(t, "GetEncryptedPassword", c.EncryptedPassword(secret.New("x")))
		login.conforms(t, "Ping", c.Ping(NamespaceCredential))
		login.conforms(t, "Login", c.LoginResponse([]LoginAccount{anna, second}, true))
		login.conforms(t, "Login", c.LoginResponse(nil, true))
		for _, op := range []string{"GetAuthenticationToken", "RequestSenderToken", "RequestCorrectToken"} {
			login.conforms(t, op, c.URLResult(NamespaceCredential, op, secret.New("https://x/?a&b")))
		}
	}
}

func TestFaultShapes(t *testing.T) {
	for _, tc := range []struct {
		name                         string
		c                            Caller
		kind                         Kind
		namespace, contentType, code string
		at                           []string
	}{
		{"SOAP 1.1 blames the caller", Caller{Dialect: SOAP11}, BadLogin, NamespaceSOAP11, "text/xml; charset=utf-8", "soap:Client", []string{"faultcode"}},
		{"SOAP 1.1 blames the service", Caller{Dialect: SOAP11}, Timeout, NamespaceSOAP11, "text/xml; charset=utf-8", "soap:Server", []string{"faultcode"}},
		{"SOAP 1.2 blames the caller", Caller{Dialect: SOAP12, Timestamp: noon}, BadLogin, NamespaceSOAP12, "application/soap+xml; charset=utf-8", "soap:Sender", []string{"Code", "Value"}},
		{"SOAP 1.2 blames the service", Caller{Dialect: SOAP12}, Internal, NamespaceSOAP12, "application/soap+xml; charset=utf-8", "soap:Receiver", []string{"Code", "Value"}},
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
			if root.XMLName.Space != tc.namespace || fault.XMLName.Space != tc.namespace || a.Header.Get("Content-Type") != tc.contentType {
				t.Errorf("%s, %s", root.XMLName.Space, a.Header.Get("Content-Type"))
			}
		})
	}
}

func TestTimestampIsAnsweredWithoutMustUnderstand(t *testing.T) {
	with := Caller{Dialect: SOAP11, Timestamp: noon}.Ping(NamespaceAPI)
	root, err := parse(with.Body)
	if err != nil {
		t.Fatal(err)
	}
	stamp := root.at("Header", "Security", "Timestamp")
	if stamp.at("Created").Text != "2026-11-22T11:00:00.005Z" || stamp.at("Expires").Text != "2026-11-22T11:05:00.005Z" || stamp.XMLName.Space != namespaceWSU {
		t.Errorf("%s", with.Body)
	}
	if strings.Contains(string(with.Body), "mustUnderstand") {
		t.Error("mustUnderstand")
	}
	if without := (Caller{Dialect: SOAP11}).Ping(NamespaceAPI); strings.Contains(string(without.Body), "Header") {
		t.Error("a header nobody asked for")
	}
}

func TestOperationNamesAreChecked(t *testing.T) {
	c := Caller{Dialect: SOAP11}
	for _, op := range []string{"", "a b", "x><y", "1a", strings.Repeat("a", 65), "Löschen"} {
		if a := c.URLResult(NamespaceAPI, op, secret.New("u")); a.Status != 500 {
			t.Errorf("%q: %s", op, a.Body)
		}
		if a := c.RefuseOperation(NamespaceAccountManagement, op, Failure{Kind: BadLogin}); a.Status != 500 {
			t.Errorf("%q: %s", op, a.Body)
		}
	}
	wellFormed(t, c.Ping(`urn:"><x`))
	if a := (Caller{Dialect: SOAP11, Actor: strings.Repeat("x", maxActor+1)}).Refuse(Failure{}); len(a.Body) > maxActor {
		t.Error("an endless actor is repeated")
	}
}

// xpath evaluates //*[1]/*[local-name()=name], the expression of the Java walk-through (PROTOCOL.md §2.3), in document order.
func xpath(e *element, name string, first bool) []string {
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
		{"with everything asked for", LoginOptions{APIPassword: secret.New("p"), IncludeGUID: true, EmbedGUID: true, LoginSettings: true, Version: "v2.1"},
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
		{"a code and a sentence", `{"errorCode":"ENVELOPE_DOES_NOT_EXIST","message":"The envelope <x> does not exist."}`, "<faultcode>soap:Client</faultcode><faultstring>The envelope &lt;x&gt; does not exist.</faultstring><detail><ErrorCode>Envelope_Does_Not_Exist</ErrorCode><Reason>The envelope &lt;x&gt; does not exist.</Reason></detail>", 404},
		{"a code alone, from a server in trouble", `{"errorCode":"UNSPECIFIED_ERROR"}`, "<faultcode>soap:Server</faultcode><faultstring>Unspecified_Error</faultstring>", 503},
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
