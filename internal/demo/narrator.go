package demo

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/sandbox"
)

// narrator makes the old program's calls, one step after the other, and tells what went over the wires.
type narrator struct {
	*setup
	anna    sandbox.User
	sidecar string // address of the proxy
	calls   int    // made through the proxy so far
	asides  int    // calls that the demo itself made to DocuSign, to show what it answers
	arrived int    // requests that had reached DocuSign before the last call through the proxy
	refusal string // DocuSign's own, to compare with the proxy's
}

func newNarrator(s *setup) *narrator {
	return &narrator{setup: s, anna: s.seed.User("anna@example.com"), sidecar: s.proxy.Address(call.DoorSidecar)}
}

// login is the credential that the old program sends with every call.
func (n *narrator) login() string { return legacyHeader(n.anna, n.anna.Password) }

// straight sends to DocuSign itself, as programs did.
func (n *narrator) straight(host, request string) (oldAnswer, error) {
	return connection{address: n.sandbox.Addr(), tls: oldTLS(host, n.sandbox.CertPool())}.send(request)
}

// plain sends to the proxy without TLS: as sidecar, or as forward proxy with an absolute request target.
func (n *narrator) plain(request string) (oldAnswer, error) {
	return n.through(connection{address: n.sidecar}, request)
}

// through makes a call through the proxy.
func (n *narrator) through(c connection, request string) (oldAnswer, error) {
	n.arrived = len(n.sandbox.Requests())
	got, err := c.send(request)
	if err == nil {
		n.calls++
	}
	return got, err
}

// reached are the requests that the last call has brought to DocuSign: calls of the API, and what the proxy asked the
// account server.
func (n *narrator) reached() (calls, asked []sandbox.Recorded) {
	for _, r := range n.sandbox.Requests()[n.arrived:] {
		if strings.HasPrefix(r.Path, "/oauth/") {
			asked = append(asked, r)
			continue
		}
		calls = append(calls, r)
	}
	return calls, asked
}

// translated checks that exactly one call reached DocuSign, with a token and without a legacy credential.
func (n *narrator) translated(a *step) sandbox.Recorded {
	calls, _ := n.reached()
	if len(calls) != 1 {
		a.check(false, "%d calls reached DocuSign instead of 1", len(calls))
		return sandbox.Recorded{}
	}
	r := calls[0]
	a.check(strings.HasPrefix(r.Header.Get("Authorization"), "Bearer eyJ"), "no bearer token reached DocuSign")
	a.check(r.Header.Get("X-Docusign-Authentication") == "", "the legacy header reached DocuSign")
	return r
}

// logged waits for the newest log line about a call with this status, which is written when the call is over.
func (n *narrator) logged(status int) (string, error) {
	for deadline := time.Now().Add(callLimit); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		lines := strings.Split(strings.TrimSpace(string(n.log.text())), "\n")
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
