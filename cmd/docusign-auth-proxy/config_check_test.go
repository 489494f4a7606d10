package main

import (
	"strings"
	"testing"
	"time"

	"docusign-auth-proxy/internal/sandbox"
	"docusign-auth-proxy/proxy/authority"
)

func TestConfigCheckWarnsOfAnExpiredCA(t *testing.T) {
	c := newClinic(t, sandbox.Options{}, nil)
	twoDaysAgo := func() time.Time { return time.Now().Add(-48 * time.Hour) }
	ca, err := authority.Create(authority.Spec{Life: time.Hour, Now: twoDaysAgo})
	if err != nil {
		t.Fatal(err)
	}
	if err := ca.Save(c.file("ca.pem"), c.file("ca-key.pem"), true); err != nil {
		t.Fatal(err)
	}
	said, good := checkWords(t, c.path)
	if !good || !strings.Contains(said, "warning: ") || !strings.Contains(said, "interception.ca_cert: the CA expired on ") ||
		!strings.Contains(said, "docusign-auth-proxy ca renew --config "+c.path) || strings.Contains(said, "ca init") {
		t.Errorf("it says\n%s", said)
	}
}
