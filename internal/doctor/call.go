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
	"net/url"
	"strings"

	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/internal/services"
	"docusign-auth-proxy/translate/oauth"
)

const maxBody = 1 << 20

// rest makes one harmless call: it reads the account.
func (v *visit) rest(ctx context.Context, account *oauth.Account) {
	host := account.BaseURI.Host
	const why = "REST calls of this user fail the same way"
	header := http.Header{"Authorization": v.token.Header(), "Accept": {"application/json"}}
	resp, body, err := v.send(ctx, http.MethodGet,
		account.BaseURI.String()+"/restapi/v2.1/accounts/"+account.AccountID, header, "")
	if err != nil {
		id, fill := cause.OfNetwork(host, err)
		v.note(fault{Finding: of("rest", "", Fail, why, id, v.values(fill...)), same: fmt.Sprintf("rest %d", id)})
		return
	}
	if resp.StatusCode == http.StatusOK {
		text := "account " + account.Name + " read at " + host
		left, limit := resp.Header.Get("X-RateLimit-Remaining"), resp.Header.Get("X-RateLimit-Limit")
		if left != "" && limit != "" {
			text += fmt.Sprintf("; %s of %s calls left this hour", left, limit)
		}
		v.ok("rest", v.subject, text)
		return
	}
	var said struct{ ErrorCode, Message string }
	id, found := cause.BadAnswer, fmt.Sprintf("HTTP %d from %s without DocuSign's error text", resp.StatusCode, host)
	if json.Unmarshal(body, &said) == nil && said.ErrorCode != "" {
		id = restCause(resp.StatusCode, said.ErrorCode)
		found = fmt.Sprintf("HTTP %d %s: %s", resp.StatusCode, said.ErrorCode, said.Message)
	}
	f := of("rest", "", Fail, why, id, v.values("server", host, "host", host))
	f.Found = found
	if trace := resp.Header.Get("X-DocuSign-TraceToken"); trace != "" {
		f.Found += " (trace token " + trace + ")"
	}
	v.note(fault{Finding: f, same: "rest " + found, person: map[bool]string{true: v.id.Subject}[personal(id)]})
}

// restCause is the row for an error of DocuSign's (PROTOCOL.md §8.2).
func restCause(status int, code string) cause.ID {
	switch {
	case code == "ACCOUNT_LACKS_PERMISSIONS":
		return cause.PlanWithoutAPI
	case code == "USER_LACKS_PERMISSIONS":
		return cause.DocuSign403
	case strings.Contains(code, "MEMBERSHIP"), strings.HasPrefix(code, "USER_DOES_NOT_BELONG"):
		return cause.LacksMembership
	case strings.Contains(code, "LIMIT_EXCEEDED"), strings.Contains(code, "THROTTLED"):
		return cause.DocuSign429
	}
	id, known := cause.Lookup(fmt.Sprintf("docusign_%d", status))
	if !known {
		return cause.Other
	}
	return id
}

// soap finds out which ways of SOAP this account takes. Ping needs no login and proves nothing (PROTOCOL.md §4.10).
func (v *visit) soap(ctx context.Context, account *oauth.Account) {
	if v.in.SOAP == integration.OverREST {
		v.ok("soap", v.subject, "SOAP calls are carried out over REST (soap: rest): what holds for REST holds for them")
		return
	}
	body := `<GetAccountMembershipFeaturesList xmlns="` + services.NamespaceAPI + `"><AccountId>` +
		escape(account.AccountID) + `</AccountId></GetAccountMembershipFeaturesList>`
	const action = services.NamespaceAPI + "/GetAccountMembershipFeaturesList"
	v.soapBearer(v.probe(ctx, account.BaseURI, "dsapi.asmx", action, "", body, v.token.Header()))
	if !v.user.AppPassword.Empty() {
		v.soapAppPassword(v.probe(ctx, account.BaseURI, "api.asmx", action, v.usernameToken(), body, nil))
	}
}

func (v *visit) soapBearer(p probe) {
	remark := ""
	if v.in.SOAP == integration.AppPassword {
		remark = ", so soap: bearer would do as well"
		if !p.in {
			v.ok("soap bearer", v.subject, "not taken ("+cmp.Or(p.said, p.trouble)+
				"), and not used: this integration has soap: app_password")
			return
		}
	}
	v.judgeSOAP(p, "a bearer on SOAP", remark, of("soap bearer", "", Warn, "SOAP calls of this integration are sent with "+
		"a bearer (soap: bearer) and will be refused; REST calls are not concerned, and a program that uses REST alone "+
		"needs nothing", cause.BearerRefused, v.values()))
}

func (v *visit) soapAppPassword(p probe) {
	remark := "; it is not used while soap is bearer"
	f := of("app password", "", Warn, "it is of use only with soap: app_password", cause.AppPasswordRefused, v.values())
	if v.in.SOAP == integration.AppPassword {
		remark, f.Status = "", Fail
		f.Why = "SOAP calls of " + v.user.Username + " are sent with it (soap: app_password) and will be refused"
	}
	v.judgeSOAP(p, "the App Password", remark, f)
}

// judgeSOAP says whether the account takes a credential; f is for the case that it does not.
func (v *visit) judgeSOAP(p probe, credential, remark string, f Finding) {
	switch {
	case p.in:
		if p.said != "" {
			remark += " (the call itself was answered with " + p.said + ")"
		}
		v.ok(f.Check, v.subject, "this account takes "+credential+remark)
		return
	case p.said == "":
		f.Found = p.trouble
		f.Next = "run the doctor again; if the program uses no SOAP, nothing is lost"
	default:
		f.Found = "this account does not take " + credential + ": " + p.said
	}
	v.note(fault{Finding: f, same: f.Check + f.Found})
}

// oldName is the user as SOAP names them beside an integrator key.
func (v *visit) oldName() string { return escape("[" + v.in.IntegratorKey + "]" + v.user.Username) }

// usernameToken is the credential of api.asmx (PROTOCOL.md §4.4, §4.5).
func (v *visit) usernameToken() string {
	const wss = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-"
	return `<wsse:Security soap:mustUnderstand="1" xmlns:wsse="` + wss + `wssecurity-secext-1.0.xsd">` +
		`<wsse:UsernameToken><wsse:Username>` + v.oldName() + `</wsse:Username><wsse:Password Type="` + wss +
		`username-token-profile-1.0#PasswordText">` + escape(v.user.AppPassword.Reveal()) +
		`</wsse:Password></wsse:UsernameToken></wsse:Security>`
}

// login tries the App Password where the account's site is not known: Credential.Login tells every account (PROTOCOL.md
// §4.7).
func (v *visit) login(ctx context.Context) probe {
	const space = services.NamespaceCredential
	body := `<Login xmlns="` + space + `"><Email>` + v.oldName() + `</Email><Password>` +
		escape(v.user.AppPassword.Reveal()) + `</Password><ReturnBaseUrl>true</ReturnBaseUrl></Login>`
	return v.probe(ctx, v.cfg.Site.URL(), "credential.asmx", space+"/Login", "", body, nil)
}

// probe is what came of one SOAP call.
type probe struct {
	in      bool   // the credential was taken
	said    string // fault
	trouble string // no answer that could be read
}

func (v *visit) probe(
	ctx context.Context, site *url.URL, service, action, security, body string, authorization []string,
) probe {
	header := http.Header{"Content-Type": {"text/xml; charset=utf-8"}, "Soapaction": {`"` + action + `"`}}
	if authorization != nil {
		header["Authorization"] = authorization
	}
	resp, answer, err := v.send(ctx, http.MethodPost, site.String()+"/api/3.0/"+service, header,
		`<?xml version="1.0" encoding="utf-8"?>`+
			`<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Header>`+security+
			`</soap:Header><soap:Body>`+body+`</soap:Body></soap:Envelope>`)
	if err != nil {
		return probe{trouble: "no answer from " + site.Host + ": " + plain(err)}
	}
	return judge(resp.StatusCode, answer)
}

// judge reads a SOAP answer. Whether a fault is about the credential is told by its words (PROTOCOL.md §9).
func judge(status int, body []byte) probe {
	var e struct {
		Body struct {
			Response *struct{} `xml:"GetAccountMembershipFeaturesListResponse"`
			Login    *struct {
				Success bool
				Code    string `xml:"ErrorCode"`
				Message string `xml:"AuthenticationMessage"`
			} `xml:"LoginResponse>LoginResult"`
			Fault *struct {
				String string `xml:"faultstring"`
				Code   string `xml:"detail>ErrorCode"`
				Reason string `xml:"detail>Reason"`
			} `xml:"Fault"`
		} `xml:"Body"`
	}
	err := xml.Unmarshal(body, &e)
	login, fault := e.Body.Login, e.Body.Fault
	switch {
	case err != nil || e.Body.Response == nil && login == nil && fault == nil:
		return probe{trouble: fmt.Sprintf("HTTP %d without a SOAP answer", status)}
	case login != nil && !login.Success:
		return probe{said: cmp.Or(oneLine(login.Code+" "+login.Message), "the login was refused")}
	case fault == nil:
		return probe{in: true}
	}
	said := oneLine(fault.String)
	if reason := oneLine(fault.Reason); reason != "" {
		said += ": " + reason
	}
	words := strings.ToLower(fault.String + " " + fault.Code + " " + fault.Reason)
	refused := status == http.StatusUnauthorized || status == http.StatusForbidden
	for _, word := range []string{"authentication", "authorization", "invalid_token", "security", "password",
		"integrator", "unauthorized", "credential"} {
		refused = refused || strings.Contains(words, word)
	}
	return probe{in: !refused, said: said}
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

// send makes one call; the body of the answer is read already.
func (c *network) send(
	ctx context.Context, method, target string, header http.Header, body string,
) (*http.Response, []byte, error) {
	ctx, cancel := context.WithTimeout(ctx, grantTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, target, strings.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	req.Header = header
	req.Header.Set("User-Agent", "docusign-auth-proxy-doctor")
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	read, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	return resp, read, err
}
