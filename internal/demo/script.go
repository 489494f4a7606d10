package demo

import (
	"fmt"
	"net/http"

	"docusign-auth-proxy/internal/call"
)

// sameHeaders stands for headers that were shown before.
const sameHeaders = "\n[headers as in 1, with the password]"

// script is the demo in order. The first step is DocuSign without the proxy; all others go through it.
func script() []func(*setup) step {
	return []func(*setup) step{
		(*setup).withoutProxy, (*setup).sidecar, (*setup).forwardProxy, (*setup).connect, (*setup).hostsFile,
		(*setup).loginInformation, (*setup).soapEnvelope, (*setup).legacyToken, (*setup).wrongLogin,
	}
}

// withoutProxy is the operator's situation.
func (s *setup) withoutProxy() step {
	a := step{Title: "Today: the old program calls DocuSign itself"}
	request := s.listEnvelopes("", oldHost, legacyHeader(s.anna(), s.anna().Password))
	got, err := s.straight(oldHost, request)
	a.show("program sends", head(request))
	if a.failed(err) {
		return a
	}
	a.show("DocuSign answers", answered(got, 8))
	a.status(got, http.StatusUnauthorized, "refused, although the password is right")
	s.first = got.body
	// From here on nothing legacy may arrive, so the stand-in starts counting afresh.
	s.sandbox.ResetCounts()
	return a
}

func (s *setup) sidecar() step {
	own := s.address(call.DoorSidecar)
	a := step{Title: "Sidecar: the same call, with the program's base URL set to http://" + own}
	mark := s.mark()
	request := s.listEnvelopes("", own, legacyHeader(s.anna(), s.anna().Password))
	got, err := s.plain(request)
	a.show("program sends", head(request))
	if a.failed(err) {
		return a
	}
	r := s.translated(&a, mark)
	a.show("DocuSign receives", received(r, ""))
	a.show("program gets", answered(got, 4))
	a.status(got, http.StatusOK, "works; DocuSign sees OAuth, and the program notices nothing")
	for _, asked := range second(s.arrived(mark)) {
		a.note("%s", whatFor(asked.Path, asked.Status))
	}
	a.check(r.Host == "na3.docusign.net", "the call went to %s, but the account lives at na3.docusign.net", r.Host)
	return a
}

func second[A, B any](_ A, b B) B { return b }

// whatFor explains the proxy's own requests.
func whatFor(path string, status int) string {
	switch path {
	case "/oauth/token":
		return fmt.Sprintf("First the proxy got the token for a signed assertion: POST /oauth/token, %d.", status)
	case "/oauth/userinfo":
		return fmt.Sprintf("Then it asked where the account lives: GET /oauth/userinfo, %d. Both are remembered.",
			status)
	}
	return fmt.Sprintf("And it asked for %s, %d.", path, status)
}

func (s *setup) forwardProxy() step {
	a := step{Title: "Forward proxy: HTTP_PROXY=http://" + s.address(call.DoorSidecar) + ", a plain http:// URL"}
	mark := s.mark()
	request := s.listEnvelopes("http://"+oldHost, oldHost, legacyHeader(s.anna(), s.anna().Password))
	got, err := s.plain(request)
	a.show("program sends", firstLine(request)+sameHeaders)
	if a.failed(err) {
		return a
	}
	a.show("DocuSign receives", briefly(s, &a, mark))
	a.status(got, http.StatusOK, "works; upstream it is https")
	return a
}

// briefly shows where a translated call went and with what.
func briefly(s *setup, a *step, mark int) string {
	r := s.translated(a, mark)
	return fmt.Sprintf("%s https://%s%s\nAuthorization: %s", r.Method, r.Host, r.Path, r.Header.Get("Authorization"))
}

func (s *setup) connect() step {
	a := step{Title: "Forward proxy: HTTPS_PROXY=http://" + s.address(call.DoorSidecar) + ", the program trusts ca.pem"}
	mark := s.mark()
	tunnel := request11([]string{"CONNECT " + oldHost + ":443 HTTP/1.1", "Host: " + oldHost + ":443"}, "")
	request := s.listEnvelopes("", oldHost, legacyHeader(s.anna(), s.anna().Password))
	opened, got, err := s.tunnelled(tunnel, request)
	a.show("program sends", firstLine(tunnel))
	a.show("proxy answers", firstLine(opened.head))
	a.show("program sends", "[TLS to "+oldHost+"]\n"+firstLine(request)+sameHeaders)
	if a.failed(err) {
		return a
	}
	a.show("DocuSign receives", briefly(s, &a, mark))
	a.status(got, http.StatusOK, "works")
	return a
}

func (s *setup) hostsFile() step {
	a := step{Title: "Hosts file: " + oldHost + " points at " + s.address(call.DoorHosts) +
		", for programs that know no proxy"}
	mark := s.mark()
	request := s.listEnvelopes("", oldHost, legacyHeader(s.anna(), s.anna().Password))
	got, err := s.byHostsFile(request)
	a.show("program sends", "[TLS to "+oldHost+"]\n"+firstLine(request)+sameHeaders)
	if a.failed(err) {
		return a
	}
	a.show("DocuSign receives", briefly(s, &a, mark))
	a.status(got, http.StatusOK, "works")
	return a
}
