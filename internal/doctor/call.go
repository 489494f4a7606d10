package doctor

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"strings"

	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/internal/services"
	"docusign-auth-proxy/translate/oauth"
)

const maxBody = 1 << 20

// rest makes one harmless call: it reads the account.
func (v *visit) rest(ctx context.Context, site string, account *oauth.Account) {
	f := Finding{Check: "rest", Subject: v.subject, Status: Fail, Why: "REST calls of this user fail the same way"}
	header := http.Header{"Authorization": v.token.Header(), "Accept": {"application/json"}}
	a, err := v.send(ctx, http.MethodGet, site+"/restapi/v2.1/accounts/"+account.AccountID, header, nil)
	if err != nil {
		f.Found, f.Next = "no answer from "+hostOf(site)+": "+plain(err),
			"run the doctor again; if it stays, ask whoever runs the network"
		v.add(f)
		return
	}
	if a.status == http.StatusOK {
		text := "account " + account.Name + " read at " + hostOf(site)
		if left, limit := a.header.Get("X-RateLimit-Remaining"), a.header.Get("X-RateLimit-Limit"); left != "" &&
			limit != "" {
			text += fmt.Sprintf("; %s of %s calls left this hour", left, limit)
		}
		v.ok("rest", v.subject, text)
		return
	}
	var said struct{ ErrorCode, Message string }
	if err := json.Unmarshal(a.body, &said); err != nil || said.ErrorCode == "" {
		f.Found, f.Next = fmt.Sprintf("HTTP %d from %s without DocuSign's error text", a.status, hostOf(site)),
			"find out what stands between this machine and "+hostOf(site)
	} else {
		f.Found = fmt.Sprintf("HTTP %d %s: %s", a.status, said.ErrorCode, said.Message)
		f.Next = restNext(said.ErrorCode, v)
	}
	if trace := a.header.Get("X-DocuSign-TraceToken"); trace != "" {
		f.Found += " (trace token " + trace + ")"
	}
	v.add(f)
}

// restNext advises by PROTOCOL.md §8.2.
func restNext(code string, v *visit) string {
	switch {
	case code == "ACCOUNT_LACKS_PERMISSIONS":
		return "the account's plan has no API: ask DocuSign's sales or support"
	case code == "USER_LACKS_PERMISSIONS":
		return "let an administrator of the account look at the permission profile of " + v.user.Username
	case strings.Contains(code, "MEMBERSHIP"), strings.HasPrefix(code, "USER_DOES_NOT_BELONG"):
		return "let an administrator add " + v.user.Username + " to the account, or activate them"
	case strings.Contains(code, "LIMIT_EXCEEDED"), strings.Contains(code, "THROTTLED"):
		return "wait for the next hour; the proxy's status page shows who calls so often"
	case strings.HasPrefix(code, "AUTHORIZATION"), strings.HasPrefix(code, "USER_AUTH"),
		strings.HasPrefix(code, "PARTNER"):
		return "check that environment, site and account belong together; then give the trace token to DocuSign's " +
			"support"
	}
	return "give code and trace token to DocuSign's support"
}

// soap finds out which ways of SOAP this account takes. Ping needs no login and proves nothing (PROTOCOL.md §4.10).
func (v *visit) soap(ctx context.Context, site, account string) {
	body := `<GetAccountMembershipFeaturesList xmlns="` + services.NamespaceAPI + `"><AccountId>` + escape(account) +
		`</AccountId></GetAccountMembershipFeaturesList>`
	v.soapBearer(v.probe(ctx, site, "dsapi.asmx", "", body, v.token.Header()))
	if v.user.AppPassword.Empty() {
		return
	}
	v.soapAppPassword(v.probe(ctx, site, "api.asmx", v.usernameToken(), body, nil))
}

func (v *visit) soapBearer(p probe) {
	remark := ""
	if v.in.SOAP == integration.AppPassword {
		remark = ", so soap: bearer would do as well"
		if !p.in {
			v.ok("soap bearer", v.subject, "not taken ("+p.said+
				"), and not used: this integration has soap: app_password")
			return
		}
	}
	v.tell(p, "a bearer on SOAP", remark, Finding{Check: "soap bearer", Subject: v.subject, Status: Warn,
		Why: "SOAP calls of this integration are sent with a bearer (soap: bearer) and will be refused; REST calls " +
			"are not concerned",
		Next: "if the program uses SOAP (*.asmx): let " + v.user.Username +
			" make an App Password (DocuSign, My Profile, Privacy & Security), put it into a file, and set soap: " +
			"app_password and app_password: {file: …} in " + v.Config + "; if it uses REST alone, do nothing",
	}, "run the doctor again; if the program uses no SOAP, nothing is lost")
}

func (v *visit) soapAppPassword(p probe) {
	remark := "; it is not used while soap is bearer"
	f := Finding{Check: "app password", Subject: v.subject, Status: Warn,
		Why: "it is of use only with soap: app_password",
		Next: "let " + v.user.Username + " make a new App Password (DocuSign, My Profile, Privacy & Security) and " +
			"put it into the file that app_password names; the integrator key " + v.in.IntegratorKey +
			" must exist in this environment too"}
	if v.in.SOAP == integration.AppPassword {
		remark, f.Status = "", Fail
		f.Why = "SOAP calls of " + v.user.Username + " are sent with it (soap: app_password) and will be refused"
	}
	v.tell(p, "the App Password", remark, f, "run the doctor again")
}

// tell says whether the account takes a credential on SOAP; f is for the case that it does not, again the next step
// without an answer.
func (v *visit) tell(p probe, credential, remark string, f Finding, again string) {
	switch {
	case p.in:
		v.ok(f.Check, f.Subject, "this account takes "+credential+remark+p.remark())
		return
	case p.said == "":
		f.Found, f.Next = p.trouble, again
	default:
		f.Found = "this account does not take " + credential + ": " + p.said
	}
	v.add(f)
}

// usernameToken is the credential of api.asmx (PROTOCOL.md §4.4, §4.5).
func (v *visit) usernameToken() string {
	const wsse = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
	const text = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordText"
	return `<wsse:Security soap:mustUnderstand="1" xmlns:wsse="` + wsse + `"><wsse:UsernameToken><wsse:Username>` +
		escape("["+v.in.IntegratorKey+"]"+v.user.Username) +
		`</wsse:Username><wsse:Password Type="` + text + `">` + escape(v.user.AppPassword.Reveal()) +
		`</wsse:Password></wsse:UsernameToken></wsse:Security>`
}

// probe is what came of one SOAP call.
type probe struct {
	in      bool   // the credential was taken
	said    string // fault
	trouble string // no answer that could be read
}

func (p probe) remark() string {
	if p.said == "" {
		return ""
	}
	return " (the call itself was answered with " + p.said + ")"
}

func (v *visit) probe(ctx context.Context, site, service, security, body string, authorization []string) probe {
	a, err := v.post(ctx, site+"/api/3.0/"+service, services.NamespaceAPI+"/GetAccountMembershipFeaturesList", security,
		body, authorization)
	if err != nil {
		return probe{trouble: "no answer from " + hostOf(site) + ": " + plain(err)}
	}
	return judge(a.status, a.body)
}

// login tries the App Password where the account's site is not known: Credential.Login tells every account (PROTOCOL.md
// §4.7).
func (v *visit) login(ctx context.Context, site string) probe {
	const space = services.NamespaceCredential
	name := escape("[" + v.in.IntegratorKey + "]" + v.user.Username)
	body := `<Login xmlns="` + space + `"><Email>` + name + `</Email><Password>` +
		escape(v.user.AppPassword.Reveal()) +
		`</Password><ReturnBaseUrl>true</ReturnBaseUrl></Login>`
	a, err := v.post(ctx, site+"/api/3.0/credential.asmx", space+"/Login", "", body, nil)
	if err != nil {
		return probe{trouble: "no answer from " + hostOf(site) + ": " + plain(err)}
	}
	var e struct {
		Result *struct {
			Success bool
			Code    string `xml:"ErrorCode"`
			Message string `xml:"AuthenticationMessage"`
		} `xml:"Body>LoginResponse>LoginResult"`
	}
	switch err := xml.Unmarshal(a.body, &e); {
	case err != nil || e.Result == nil:
		return judge(a.status, a.body)
	case e.Result.Success:
		return probe{in: true}
	}
	return probe{said: cmp.Or(oneLine(e.Result.Code+" "+e.Result.Message), "the login was refused")}
}

func (v *visit) post(ctx context.Context, target, action, security, body string, authorization []string) (answer,
	error) {
	message := `<?xml version="1.0" encoding="utf-8"?>` +
		`<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Header>` + security +
		`</soap:Header><soap:Body>` + body + `</soap:Body></soap:Envelope>`
	header := http.Header{"Content-Type": {"text/xml; charset=utf-8"}, "Soapaction": {`"` + action + `"`}}
	if authorization != nil {
		header["Authorization"] = authorization
	}
	return v.send(ctx, http.MethodPost, target, header, []byte(message))
}

// judge reads a SOAP answer. Whether a fault is about the credential is told by its words (PROTOCOL.md §9).
func judge(status int, body []byte) probe {
	var e struct {
		Body struct {
			Response *struct{} `xml:"GetAccountMembershipFeaturesListResponse"`
			Fault    *struct {
				String string `xml:"faultstring"`
				Code   string `xml:"detail>ErrorCode"`
				Reason string `xml:"detail>Reason"`
			} `xml:"Fault"`
		} `xml:"Body"`
	}
	if err := xml.Unmarshal(body, &e); err != nil || e.Body.Response == nil && e.Body.Fault == nil {
		return probe{trouble: fmt.Sprintf("HTTP %d without a SOAP answer", status)}
	}
	if e.Body.Fault == nil {
		return probe{in: true}
	}
	said := oneLine(e.Body.Fault.String)
	if reason := oneLine(e.Body.Fault.Reason); reason != "" {
		said += ": " + reason
	}
	words := strings.ToLower(e.Body.Fault.String + " " + e.Body.Fault.Code + " " + e.Body.Fault.Reason)
	for _, refused := range []string{"authentication", "authorization", "invalid_token", "security", "password",
		"integrator", "unauthorized", "credential"} {
		if strings.Contains(words, refused) {
			return probe{said: said}
		}
	}
	if status == http.StatusUnauthorized || status == http.StatusForbidden {
		return probe{said: said}
	}
	return probe{in: true, said: said}
}

func oneLine(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) > 200 {
		s = strings.ToValidUTF8(s[:200], "") + "…"
	}
	return s
}

func escape(s string) string {
	var b bytes.Buffer
	_ = xml.EscapeText(&b, []byte(s)) // a bytes.Buffer takes everything
	return b.String()
}

type answer struct {
	status int
	header http.Header
	body   []byte
}

func (c *network) send(ctx context.Context, method, target string, header http.Header, body []byte) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, grantTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	req.Header = header
	req.Header.Set("User-Agent", "docusign-auth-proxy-doctor")
	client := *c.Network.HTTP
	// A redirect would carry the credential to a host nobody vetted.
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	read, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	return answer{resp.StatusCode, resp.Header, read}, err
}
