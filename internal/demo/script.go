package demo

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/sandbox"
)

const acceptJSON = "Accept: application/json"

// script is the demo in order. The first step is DocuSign without the proxy; all others go through it. What a step
// returns is trouble like what it checks.
func (n *narrator) script() []func() error {
	door := n.proxy.Address(call.DoorHosts)
	return []func() error{
		n.withoutProxy,
		n.baseURL,
		n.anotherWay("Forward proxy: HTTP_PROXY=http://"+n.sidecar+", a plain http:// URL",
			route{proxy: n.sidecar}, "http", "works; upstream it is https"),
		n.anotherWay("Forward proxy: HTTPS_PROXY=http://"+n.sidecar+", the program trusts ca.pem",
			route{proxy: n.sidecar, trust: n.trust}, "https", "works"),
		n.anotherWay("Hosts file: "+oldHost+" points at "+door+", for programs that know no proxy",
			route{address: door, trust: n.trust}, "https", "works"),
		n.loginInformation,
		n.soapEnvelope,
		n.legacyToken,
		n.wrongLogin,
	}
}

// login is the credential that the old program sends with every call.
func (n *narrator) login() string { return legacyHeader(n.anna, n.anna.Password) }

// withoutProxy is the operator's situation.
func (n *narrator) withoutProxy() error {
	n.Title = "Today: the old program calls DocuSign itself"
	request := oldRequest("https://"+oldHost+listPath, "", acceptJSON, n.login())
	n.show("program sends", head(request))
	got, err := n.straight(request)
	if err != nil {
		return err
	}
	n.show("DocuSign answers", answered(got, 8))
	n.status(got, http.StatusUnauthorized, "refused, although the password is right")
	n.refusal = got.body
	// From here on nothing legacy may arrive, so the stand-in starts counting afresh.
	n.sandbox.ResetCounts()
	return nil
}

func (n *narrator) baseURL() error {
	n.Title = "Sidecar: the same call, with the program's base URL set to http://" + n.sidecar
	request := oldRequest("http://"+n.sidecar+listPath, "", acceptJSON, n.login())
	n.show("program sends", head(request))
	got, err := n.through(route{}, request)
	if err != nil {
		return err
	}
	r := n.translated()
	n.show("DocuSign receives", received(r))
	n.show("program gets", answered(got, 4))
	n.status(got, http.StatusOK, "works; DocuSign sees OAuth, and the program notices nothing")
	why := map[string]string{
		"/oauth/token":    "First the proxy got the token for a signed assertion: POST /oauth/token, %d.",
		"/oauth/userinfo": "Then it asked where the account lives: GET /oauth/userinfo, %d. Both are remembered.",
	}
	_, asked := n.reached()
	for _, r := range asked {
		if format := why[r.Path]; format != "" {
			n.Notes = append(n.Notes, fmt.Sprintf(format, r.Status))
		}
	}
	n.check(r.Host == "na3.docusign.net", "the call went to %s, but the account lives at na3.docusign.net", r.Host)
	return nil
}

// anotherWay makes the call of step 1 on another kind of connection and shows what differs.
func (n *narrator) anotherWay(title string, t route, scheme, words string) func() error {
	return func() error {
		n.Title = title
		origin := scheme + "://" + oldHost
		got, err := n.through(t, oldRequest(origin+listPath, "", acceptJSON, n.login()))
		sent := "GET " + origin + listPath + " HTTP/1.1"
		if t.trust != nil {
			sent = "[TLS to " + oldHost + "]\nGET " + listPath + " HTTP/1.1"
		}
		if t.trust != nil && t.proxy != "" {
			n.show("program sends", "CONNECT "+oldHost+":443 HTTP/1.1")
			n.show("proxy answers", got.connect)
		}
		n.show("program sends", sent+"\n[headers as in 1, with the password]")
		if err != nil {
			return err
		}
		n.show("DocuSign receives", briefly(n.translated()))
		n.status(got, http.StatusOK, words)
		return nil
	}
}

// loginInformation is how most REST programs begin: the answer tells them where to send everything else.
func (n *narrator) loginInformation() error {
	n.Title = "GET login_information, which tells the program where to go next"
	got, err := n.plain(loginPath, "", acceptJSON, n.login())
	if err != nil {
		return err
	}
	r := n.translated()
	n.asides++
	told, err := n.straight(oldRequest("https://"+r.Host+loginPath, "", acceptJSON,
		"Authorization: "+r.Header.Get("Authorization")))
	if err != nil {
		return err
	}
	before, othersBefore := baseURLs(told.body)
	after, othersAfter := baseURLs(got.body)
	n.show("DocuSign answers", strings.Join(before, "\n"))
	n.show("program gets", strings.Join(after, "\n"))
	n.status(got, http.StatusOK, "works; it comes back through the proxy, and its default account is first")
	n.check(len(before) == 2 && len(after) == 2 && !slices.Equal(before, after), "the base URLs were not rewritten")
	n.check(slices.Equal(othersBefore, othersAfter), "more was changed than the base URLs and the order")
	for _, u := range after {
		n.check(strings.Contains(u, "http://"+n.sidecar+"/"), "%s does not lead back through the proxy", u)
	}
	return nil
}

// baseURLs are the lines of login_information that name one, and the others in an order of their own: the proxy puts
// the default account first (PROTOCOL.md §2.4).
func baseURLs(body string) (found, others []string) {
	for line := range strings.SplitSeq(body, "\n") {
		if strings.Contains(line, `"baseUrl"`) {
			found = append(found, strings.TrimSpace(line))
			continue
		}
		others = append(others, line)
	}
	slices.Sort(others)
	return found, others
}

// oldEnvelope is a SOAP 1.1 message with WS-Security, in the layout of hand-written templates: the status of an
// envelope is asked for, or one is sent where none is named.
func oldEnvelope(u sandbox.User, envelope string) string {
	return written("envelope", map[string]any{"Key": sandbox.LegacyKey, "User": u, "Envelope": envelope})
}

func (n *narrator) soapCall(operation, message string) (oldAnswer, error) {
	return n.plain("/api/3.0/api.asmx", message, "Content-Type: text/xml; charset=utf-8",
		`SOAPAction: "http://www.docusign.net/API/3.0/`+operation+`"`)
}

// soapEnvelope sends a document over SOAP and asks for its status.
func (n *narrator) soapEnvelope() error {
	n.Title = "SOAP: CreateAndSendEnvelope with WS-Security, then RequestStatus"
	message := oldEnvelope(n.anna, "")
	n.show("program sends", "POST /api/3.0/api.asmx HTTP/1.1\n"+soapTop(message))
	got, err := n.soapCall("CreateAndSendEnvelope", message)
	if err != nil {
		return err
	}
	r := n.translated()
	n.show("DocuSign receives", briefly(r)+"\n"+soapTop(string(r.Body)))
	n.check(!strings.Contains(string(r.Body), "UsernameToken"), "the UsernameToken reached DocuSign")
	n.check(afterHeader(string(r.Body)) == afterHeader(message), "the SOAP body was changed")
	n.status(got, http.StatusOK, "sent; the SOAP body is untouched, to the byte")
	id := textOf(got.body, "EnvelopeID")
	n.check(textOf(got.body, "Status") != "" && id != "", "the answer names no envelope: %s", abridge(got.body, 4))

	got, err = n.soapCall("RequestStatus", oldEnvelope(n.anna, id))
	if err != nil {
		return err
	}
	n.translated()
	about := textOf(got.body, "Subject")
	n.check(got.status == http.StatusOK && about == "Please sign order 4711", "RequestStatus got %d: %s", got.status,
		abridge(got.body, 4))
	// Its recipients have a status each; the envelope's own is the last.
	n.show("program gets", fmt.Sprintf("EnvelopeID %s\nand by RequestStatus: %q is %s", id, about,
		textOf(got.body, "Status")))
	return nil
}

// soapTop is a message up to its body, where nothing is changed.
func soapTop(message string) string {
	first, rest, _ := strings.Cut(message, "<soap:Body>")
	operation, _, _ := strings.Cut(strings.TrimSpace(rest), ">")
	return strings.ReplaceAll(strings.TrimRight(first, " \n"), "\r\n", "\n") + "\n <soap:Body>" + operation + ">[...]"
}

func afterHeader(message string) string {
	_, rest, found := strings.Cut(message, "</soap:Header>")
	if !found {
		_, rest, _ = strings.Cut(message, "<soap:Header/>")
	}
	return rest
}

// textOf is the text of the last element of this name.
func textOf(message, name string) string {
	all := regexp.MustCompile(`<`+name+`>([^<]*)</`+name+`>`).FindAllStringSubmatch(message, -1)
	if len(all) == 0 {
		return ""
	}
	return all[len(all)-1][1]
}

// legacyToken is the login of programs that used DocuSign's first, own OAuth.
func (n *narrator) legacyToken() error {
	n.Title = "POST oauth2/token with a password, and the token it gives"
	const path = "/restapi/v2/oauth2/token"
	form := passwordGrant(n.anna)
	n.show("program sends", "POST "+path+" HTTP/1.1\n"+form)
	got, err := n.plain(path, form, "Content-Type: application/x-www-form-urlencoded")
	if err != nil {
		return err
	}
	n.show("program gets", answered(got, 6))
	calls, _ := n.reached()
	n.check(len(calls) == 0, "oauth2/token reached DocuSign, which no longer has it")
	n.status(got, http.StatusOK, "works; the token is the proxy's own")
	var token struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal([]byte(got.body), &token); err != nil {
		return err
	}
	credential := "Authorization: bearer " + token.AccessToken
	n.show("program sends", "GET "+listPath+" HTTP/1.1\n"+credential)
	if got, err = n.plain(listPath, "", acceptJSON, credential); err != nil {
		return err
	}
	r := n.translated()
	n.show("DocuSign receives", briefly(r))
	n.check(!strings.Contains(r.Header.Get("Authorization"), token.AccessToken),
		"the proxy's own token reached DocuSign")
	n.check(got.status == http.StatusOK, "with its token the program got %d: %s", got.status, abridge(got.body, 4))
	return nil
}

// wrongLogin shows both faces of a refusal: DocuSign's bytes to the program, the cause to the operator.
func (n *narrator) wrongLogin() error {
	n.Title = "A wrong password: the program hears DocuSign's own words, the operator the cause"
	got, err := n.plain(listPath, "", acceptJSON, legacyHeader(n.anna, wrongPassword))
	if err != nil {
		return err
	}
	n.show("program gets", answered(got, 8))
	n.status(got, http.StatusUnauthorized, "refused by the proxy; DocuSign was not asked")
	n.check(got.body == n.refusal, "the answer is not byte for byte DocuSign's own")
	calls, asked := n.reached()
	n.check(len(calls)+len(asked) == 0, "the call reached DocuSign, or led to one that did")
	line, err := n.logged(http.StatusUnauthorized)
	if err != nil {
		return err
	}
	n.show("operator's log", line)
	n.check(strings.Contains(line, "next_step"), "the log line has no next_step")
	return nil
}
