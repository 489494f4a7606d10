package config

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/integration"
)

// TestTheHashFollowsTheMeaning changes one thing of the file that has every key.
func TestTheHashFollowsTheMeaning(t *testing.T) {
	text := string(must(os.ReadFile("testdata/everything.good.yml")))
	key := bytes.Repeat([]byte{1}, 32)
	hash := func(t *testing.T, text string, key []byte) string {
		t.Helper()
		c, err := Parse([]byte(text), "proxy.yml", machine(t))
		if err != nil {
			t.Fatal(err)
		}
		return c.Hash(key)
	}
	want := hash(t, text, key)
	if len(want) != 16 {
		t.Errorf("it is %q", want)
	}
	if hash(t, text, bytes.Repeat([]byte{2}, 32)) == want {
		t.Error("it does not depend on the key of the store")
	}
	for _, tt := range []struct {
		name, old, new string
		same           bool
	}{
		{"a comment", "environment:", "# of the fleet\nenvironment:", true},
		{"quotes", "unknown: observe", `"unknown": "observe"`, true},
		{"another address to listen on", "0.0.0.0:3128", "0.0.0.0:3129", true},
		{"another name for the sidecar", "proxy.example:3128", "proxy-2.example:3128", true},
		{"another log", "level: debug", "level: info", true},
		{"another operator", "username: admin", "username: root", true},
		{"another state file", "state/proxy.db", "state/other.db", true},
		{"another directory for documents", "spool_dir: state", "spool_dir: keys", true},
		{"another proxy on the way", "corp.example:3128", "corp-2.example:3128", true},
		{"a duration in other units", "tunnel_idle: 1h", "tunnel_idle: 60m", true},
		{"hosts in another order", "[.ESIGN.example.com, 127.0.0.1]", "[127.0.0.1, .esign.example.com]", true},
		{"another site", "www.example.com:8443", "www.example.com:8444", false},
		{"other limits", "tunnels: 10", "tunnels: 11", false},
		{"other networks", "10.1.2.0/24", "10.1.3.0/24", false},
		{"a password of the forward proxy", "{env: CLIENT_SECRET}\n  hosts", "{file: windows.txt}\n  hosts", false},
		{"how long passwords are remembered", "remember_for: 10m", "remember_for: 11m", false},
		{"unknown callers", "unknown: observe", "unknown: reject", false},
		{"pinning", "pin_password: first_use", "pin_password: never", false},
		{"TLS of the interception", "tls: legacy", "tls: modern", false},
		{"who may be acted for", "[bob@example.com, a1b2", "[\"*\", a1b2", false},
		{"an account number", "{1234567:", "{1234568:", false},
		{"a scope", "scopes: [signature]", "scopes: [signature, extended]", false},
		{"an App Password", "app_password: {file: password.txt", "app_password: {file: windows.txt", false},
		{"a hash of a password", "RdescudvJCsgt3ub+b+dWRWJTmaaJObGRdescudvJCs\"}\n    - username: tool",
			"RdescudvJCsgt3ub+b+dWRWJTmaaJObGRdescudvJCA\"}\n    - username: tool", false},
		{"the client's secret", "client_secret: {env: CLIENT_SECRET", "client_secret: {env: KEY_PEM", false},
		{"a token's digest", "9F86D081", "9F86D082", false},
		{"an address of a host", "10.0.0.1,", "10.0.0.2,", false},
		{"the place of signatures", "sign_here: 20", "sign_here: 21", false},
		{"the address of signers' browsers", "Sign.example.com:443", "Sign.example.com:444", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			changed := strings.Replace(text, tt.old, tt.new, 1)
			if changed == text {
				t.Fatal("the file does not have it")
			}
			if got := hash(t, changed, key); (got == want) != tt.same {
				t.Errorf("the hash stays the same: %v", got == want)
			}
		})
	}
}

func TestTheHashKnowsTheNamespace(t *testing.T) {
	c := parseFile(t, "testdata/store-here.good.yml")
	key := Bytes(c.Store.Key)
	before := c.Hash(key)
	c.Store.Redis.Namespace = "other"
	if c.Hash(key) == before {
		t.Error("replicas of two namespaces have one hash")
	}
}

func TestTheHashKnowsWhereOrderCounts(t *testing.T) {
	key := bytes.Repeat([]byte{1}, 32)
	of := func(features, names []string) string {
		c := Default()
		c.Integrations = make([]integration.Integration, 1)
		c.Integrations[0].SOAPREST.Features = features
		for _, name := range names {
			c.Integrations[0].Users = append(c.Integrations[0].Users, integration.User{Username: name})
		}
		return c.Hash(key)
	}
	ab, ba := []string{"a", "b"}, []string{"b", "a"}
	if of(ab, ab) != of(ab, ba) {
		t.Error("users in another order are another configuration")
	}
	if of(ab, ab) == of(ba, ab) {
		t.Error("the order of features does not count")
	}
}
