package demo

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"

	"docusign-auth-proxy/internal/sandbox"
)

// writeTryFiles writes what the commands to try send, so that no password stands on a command line.
func writeTryFiles(dir string, w sandbox.Seed) error {
	u := w.User("anna@example.com")
	files := map[string]string{
		"anna.header": legacyHeader(u, u.Password) + "\n",
		"token.form":  passwordGrant(u),
		"soap.header": "Content-Type: text/xml; charset=utf-8\nSOAPAction: " +
			"\"http://www.docusign.net/API/3.0/CreateAndSendEnvelope\"\n",
		"envelope.xml": oldEnvelope(u, createAndSend),
		"logins.txt":   logins(w),
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// logins lists everybody whom the sandbox knows, to be typed into an old program.
func logins(w sandbox.Seed) string {
	var b strings.Builder
	b.WriteString("Made-up logins of the sandbox, to be typed into an old program.\n\n")
	for _, i := range w.Integrations {
		fmt.Fprintf(&b, "integrator key  %s\n", i.Key)
	}
	for _, a := range w.Accounts {
		fmt.Fprintf(&b, "account         %s  %s  %s  at %s\n", a.Number, a.ID, a.Name, a.Site)
	}
	for _, u := range w.Users {
		password := u.Password
		if password == "" {
			password = "(whichever your program sends first)"
		}
		fmt.Fprintf(&b, "user            %s  password %s\n", u.Email, password)
	}
	return b.String()
}

// tryLines are commands that go through each door, to be pasted into a shell.
func tryLines(dir string, at places, docusign string) []string {
	const login = "/restapi/v2/login_information"
	curl := "curl -H @anna.header "
	var lines []string
	add := func(what, format string, args ...any) {
		lines = append(lines, "# "+what, fmt.Sprintf(format, args...))
	}
	lines = append(lines, "cd "+dir)
	add("sidecar: the program's base URL is the proxy", "%shttp://%s%s", curl, at.proxy, login)
	add("forward proxy, http", "%s-x http://%s http://%s%s", curl, at.proxy, oldHost, login)
	add("forward proxy, https", "%s-x http://%s --cacert ca.pem https://%s%s", curl, at.proxy, oldHost, login)
	if at.hosts != "" {
		add("hosts file", "%s--cacert ca.pem --connect-to %s:443:%s https://%s%s", curl, oldHost, at.hosts, oldHost,
			login)
	}
	add("SOAP", "curl -H @soap.header --data-binary @envelope.xml http://%s/api/3.0/api.asmx", at.proxy)
	add("the old oauth2/token", "curl -d @token.form http://%s/restapi/v2/oauth2/token", at.proxy)
	if host, _, err := net.SplitHostPort(docusign); err == nil && host != "" {
		add("straight to DocuSign: refused", "%s--cacert sandbox-ca.pem --connect-to %s:443:%s https://%s%s", curl,
			oldHost, docusign, oldHost, login)
	}
	return append(lines, "# status page and metrics", fmt.Sprintf("http://%s/  http://%s/metrics", at.admin, at.admin))
}
