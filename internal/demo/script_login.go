package demo

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"docusign-auth-proxy/internal/sandbox"
)

// loginInformation is how most REST programs begin: the answer tells them where to send everything else.
func (n *narrator) loginInformation(a *step) {
	a.Title = "GET login_information, which tells the program where to go next"
	const line = "GET /restapi/v2/login_information HTTP/1.1"
	got, err := n.plain(request11([]string{line, "Host: " + n.sidecar, "User-Agent: " + oldAgent,
		"Accept: application/json", n.login()}, ""))
	if a.failed(err) {
		return
	}
	r := n.translated(a)
	n.asides++
	told, err := n.straight(r.Host, request11([]string{line, "Host: " + r.Host, "Accept: application/json",
		"Authorization: " + r.Header.Get("Authorization")}, ""))
	if a.failed(err) {
		return
	}
	before, after := toldURLs(told.body), toldURLs(got.body)
	a.show("DocuSign answers", strings.Join(before, "\n"))
	a.show("program gets", strings.Join(after, "\n"))
	a.status(got, http.StatusOK, "works; it comes back through the proxy, and its default account is first")
	a.check(len(before) == 2 && len(after) == 2 && !slices.Equal(before, after), "the base URLs were not rewritten")
	a.check(slices.Equal(withoutBaseURLs(told.body), withoutBaseURLs(got.body)),
		"more was changed than the base URLs and the order")
	for _, u := range after {
		a.check(strings.Contains(u, "http://"+n.sidecar+"/"), "%s does not lead back through the proxy", u)
	}
}

// toldURLs are the lines of login_information that name one.
func toldURLs(body string) []string {
	var found []string
	for line := range strings.SplitSeq(body, "\n") {
		if strings.Contains(line, `"baseUrl"`) {
			found = append(found, strings.TrimSpace(line))
		}
	}
	return found
}

// withoutBaseURLs are the other lines in an order of their own: the proxy puts the default account first (PROTOCOL.md
// §2.4).
func withoutBaseURLs(body string) []string {
	lines := slices.DeleteFunc(strings.Split(body, "\n"),
		func(line string) bool { return strings.Contains(line, `"baseUrl"`) })
	slices.Sort(lines)
	return lines
}

// legacyToken is the login of programs that used DocuSign's first, own OAuth.
func (n *narrator) legacyToken(a *step) {
	a.Title = "POST oauth2/token with a password, and the token it gives"
	form := passwordGrant(n.anna)
	request := request11([]string{"POST /restapi/v2/oauth2/token HTTP/1.1", "Host: " + n.sidecar,
		"User-Agent: " + oldAgent, "Content-Type: application/x-www-form-urlencoded"}, form)
	got, err := n.plain(request)
	a.show("program sends", firstLine(request)+"\n"+form)
	if a.failed(err) {
		return
	}
	a.show("program gets", answered(got, 6))
	calls, _ := n.reached()
	a.check(len(calls) == 0, "%d calls of oauth2/token reached DocuSign, which no longer has it", len(calls))
	var token struct {
		AccessToken string `json:"access_token"`
	}
	a.status(got, http.StatusOK, "works; the token is the proxy's own")
	if !a.failed(json.Unmarshal([]byte(got.body), &token)) {
		n.useLegacyToken(a, token.AccessToken)
	}
}

func passwordGrant(u sandbox.User) string {
	return "grant_type=password&client_id=" + sandbox.LegacyKey + "&username=" + u.Email + "&password=" + u.Password +
		"&scope=api"
}

func (n *narrator) useLegacyToken(a *step, token string) {
	credential := "Authorization: bearer " + token
	request := listEnvelopes("", n.sidecar, credential)
	got, err := n.plain(request)
	if a.failed(err) {
		return
	}
	a.show("program sends", firstLine(request)+"\n"+credential)
	r := n.translated(a)
	a.show("DocuSign receives", briefly(r))
	a.check(!strings.Contains(r.Header.Get("Authorization"), token), "the proxy's own token reached DocuSign")
	a.check(got.status == http.StatusOK, "with its token the program got %d: %s", got.status, abridge(got.body, 4))
}

// wrongLogin shows both faces of a refusal: DocuSign's bytes to the program, the cause to the operator.
func (n *narrator) wrongLogin(a *step) {
	a.Title = "A wrong password: the program hears DocuSign's own words, the operator the cause"
	got, err := n.plain(listEnvelopes("", n.sidecar, legacyHeader(n.anna, wrongPassword)))
	if a.failed(err) {
		return
	}
	a.show("program gets", answered(got, 8))
	a.status(got, http.StatusUnauthorized, "refused by the proxy; DocuSign was not asked")
	a.check(got.body == n.refusal, "the answer is not byte for byte DocuSign's own")
	calls, asked := n.reached()
	a.check(len(calls)+len(asked) == 0, "%d requests reached DocuSign", len(calls)+len(asked))
	line, err := n.logged(http.StatusUnauthorized)
	if a.failed(err) {
		return
	}
	a.show("operator's log", line)
	a.check(strings.Contains(line, "next_step"), "the log line has no next_step")
}
