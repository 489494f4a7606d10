package demo

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"docusign-auth-proxy/internal/call"
)

// loginInformation is how most REST programs begin: the answer tells them where to send everything else.
func (s *setup) loginInformation() step {
	own := s.address(call.DoorSidecar)
	a := step{Title: "GET login_information, which tells the program where to go next"}
	lines := []string{"GET /restapi/v2/login_information HTTP/1.1", "Host: " + own, "User-Agent: " + oldAgent,
		"Accept: application/json", legacyHeader(s.anna(), s.anna().Password)}
	mark := s.mark()
	got, err := s.plain(request11(lines, ""))
	if a.failed(err) {
		return a
	}
	r := s.translated(&a, mark)
	s.asides++
	told, err := s.straight(r.Host, request11([]string{"GET /restapi/v2/login_information HTTP/1.1", "Host: " + r.Host,
		"Accept: application/json", "Authorization: " + r.Header.Get("Authorization")}, ""))
	if a.failed(err) {
		return a
	}
	before, after := toldURLs(told.body), toldURLs(got.body)
	a.show("DocuSign answers", strings.Join(before, "\n"))
	a.show("program gets", strings.Join(after, "\n"))
	a.status(got, http.StatusOK, "works; it comes back through the proxy, and its default account is first")
	a.check(len(before) == 2 && len(after) == 2 && !slices.Equal(before, after), "the base URLs were not rewritten")
	a.check(slices.Equal(withoutBaseURLs(told.body), withoutBaseURLs(got.body)),
		"more was changed than the base URLs and the order")
	for _, u := range after {
		a.check(strings.Contains(u, "http://"+own+"/"), "%s does not lead back through the proxy", u)
	}
	return a
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
func (s *setup) legacyToken() step {
	own := s.address(call.DoorSidecar)
	a := step{Title: "POST oauth2/token with a password, and the token it gives"}
	u := s.anna()
	form := "grant_type=password&client_id=" + clientID + "&username=" + u.Email + "&password=" + u.Password +
		"&scope=api"
	mark := s.mark()
	request := request11([]string{"POST /restapi/v2/oauth2/token HTTP/1.1", "Host: " + own, "User-Agent: " + oldAgent,
		"Content-Type: application/x-www-form-urlencoded"}, form)
	got, err := s.plain(request)
	a.show("program sends", firstLine(request)+"\n"+form)
	if a.failed(err) {
		return a
	}
	a.show("program gets", answered(got, 6))
	calls, _ := s.arrived(mark)
	a.check(len(calls) == 0, "%d calls of oauth2/token reached DocuSign, which no longer has it", len(calls))
	var token struct {
		AccessToken string `json:"access_token"`
	}
	a.status(got, http.StatusOK, "works; the token is the proxy's own")
	if a.failed(json.Unmarshal([]byte(got.body), &token)) {
		return a
	}
	s.useLegacyToken(&a, token.AccessToken)
	return a
}

func (s *setup) useLegacyToken(a *step, token string) {
	mark := s.mark()
	request := s.listEnvelopes("", s.address(call.DoorSidecar), "Authorization: bearer "+token)
	got, err := s.plain(request)
	if a.failed(err) {
		return
	}
	a.show("program sends", firstLine(request)+"\nAuthorization: bearer "+token)
	a.show("DocuSign receives", briefly(s, a, mark))
	r := s.translated(a, mark)
	a.check(!strings.Contains(r.Header.Get("Authorization"), token), "the proxy's own token reached DocuSign")
	a.check(got.status == http.StatusOK, "with its token the program got %d: %s", got.status, abridge(got.body, 4))
}

// wrongLogin shows both faces of a refusal: DocuSign's bytes to the program, the cause to the operator.
func (s *setup) wrongLogin() step {
	own := s.address(call.DoorSidecar)
	a := step{Title: "A wrong password: the program hears DocuSign's own words, the operator the cause"}
	mark := s.mark()
	got, err := s.plain(s.listEnvelopes("", own, legacyHeader(s.anna(), wrongPassword)))
	if a.failed(err) {
		return a
	}
	a.show("program gets", answered(got, 8))
	a.status(got, http.StatusUnauthorized, "refused by the proxy; DocuSign was not asked")
	a.check(got.body == s.first, "the answer is not byte for byte DocuSign's own")
	calls, asked := s.arrived(mark)
	a.check(len(calls)+len(asked) == 0, "%d requests reached DocuSign", len(calls)+len(asked))
	line, err := s.logged(http.StatusUnauthorized)
	if a.failed(err) {
		return a
	}
	a.show("operator's log", line)
	a.check(strings.Contains(line, "next_step"), "the log line has no next_step")
	return a
}

// logged waits for the newest log line about a call with this status, which is written when the call is over.
func (s *setup) logged(status int) (string, error) {
	for deadline := time.Now().Add(callLimit); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		lines := strings.Split(strings.TrimSpace(string(s.log.text())), "\n")
		for _, line := range slices.Backward(lines) {
			var fields map[string]any
			if json.Unmarshal([]byte(line), &fields) == nil && fields["status"] == float64(status) {
				return readable(fields), nil
			}
		}
	}
	return "", fmt.Errorf("the log has no line about a call with status %d", status)
}

// readable are the fields that an operator looks at first.
func readable(fields map[string]any) string {
	var lines []string
	for _, name := range []string{"level", "integration", "authenticator", "client", "status", "cause", "error",
		"next_step"} {
		if v, ok := fields[name]; ok {
			lines = append(lines, fmt.Sprintf("%s=%v", name, v))
		}
	}
	return strings.Join(lines, "\n")
}
