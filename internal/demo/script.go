package demo

import (
	"fmt"
	"net/http"

	"docusign-auth-proxy/internal/call"
)

// sameHeaders stands for headers that were shown before.
const sameHeaders = "\n[headers as in 1, with the password]"

// script is the demo in order. The first step is DocuSign without the proxy; all others go through it.
func script() []func(*narrator, *step) {
	return []func(*narrator, *step){
		(*narrator).withoutProxy, (*narrator).baseURL, (*narrator).forwardProxy, (*narrator).connect,
		(*narrator).hostsFile, (*narrator).loginInformation, (*narrator).soapEnvelope, (*narrator).legacyToken,
		(*narrator).wrongLogin,
	}
}

// withoutProxy is the operator's situation.
func (n *narrator) withoutProxy(a *step) {
	a.Title = "Today: the old program calls DocuSign itself"
	request := listEnvelopes("", oldHost, n.login())
	got, err := n.straight(oldHost, request)
	a.show("program sends", head(request))
	if a.failed(err) {
		return
	}
	a.show("DocuSign answers", answered(got, 8))
	a.status(got, http.StatusUnauthorized, "refused, although the password is right")
	n.refusal = got.body
	// From here on nothing legacy may arrive, so the stand-in starts counting afresh.
	n.sandbox.ResetCounts()
}

func (n *narrator) baseURL(a *step) {
	a.Title = "Sidecar: the same call, with the program's base URL set to http://" + n.sidecar
	request := listEnvelopes("", n.sidecar, n.login())
	got, err := n.plain(request)
	a.show("program sends", head(request))
	if a.failed(err) {
		return
	}
	r := n.translated(a)
	a.show("DocuSign receives", received(r))
	a.show("program gets", answered(got, 4))
	a.status(got, http.StatusOK, "works; DocuSign sees OAuth, and the program notices nothing")
	_, asked := n.reached()
	for _, r := range asked {
		a.Notes = append(a.Notes, whatFor(r.Path, r.Status))
	}
	a.check(r.Host == "na3.docusign.net", "the call went to %s, but the account lives at na3.docusign.net", r.Host)
}

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

func (n *narrator) forwardProxy(a *step) {
	a.Title = "Forward proxy: HTTP_PROXY=http://" + n.sidecar + ", a plain http:// URL"
	n.anotherWay(a, connection{address: n.sidecar}, "http://"+oldHost, "works; upstream it is https")
}

func (n *narrator) connect(a *step) {
	a.Title = "Forward proxy: HTTPS_PROXY=http://" + n.sidecar + ", the program trusts ca.pem"
	n.anotherWay(a, connection{
		address: n.sidecar, tls: oldTLS(oldHost, n.trust),
		tunnel: request11([]string{"CONNECT " + oldHost + ":443 HTTP/1.1", "Host: " + oldHost + ":443"}, ""),
	}, "", "works")
}

// hostsFile is a machine whose hosts file points DocuSign's name at the proxy: TLS, at once, by that name.
func (n *narrator) hostsFile(a *step) {
	door := n.proxy.Address(call.DoorHosts)
	a.Title = "Hosts file: " + oldHost + " points at " + door + ", for programs that know no proxy"
	n.anotherWay(a, connection{address: door, tls: oldTLS(oldHost, n.trust)}, "", "works")
}

// anotherWay makes the call of step 1 on another kind of connection and shows what differs.
func (n *narrator) anotherWay(a *step, c connection, target, words string) {
	request := listEnvelopes(target, oldHost, n.login())
	got, err := n.through(c, request)
	sent := firstLine(request) + sameHeaders
	if c.tunnel != "" {
		a.show("program sends", firstLine(c.tunnel))
		a.show("proxy answers", firstLine(got.tunnel))
	}
	if c.tls != nil {
		sent = "[TLS to " + oldHost + "]\n" + sent
	}
	a.show("program sends", sent)
	if a.failed(err) {
		return
	}
	a.show("DocuSign receives", briefly(n.translated(a)))
	a.status(got, http.StatusOK, words)
}
