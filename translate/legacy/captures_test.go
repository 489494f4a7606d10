package legacy_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"docusign-auth-proxy/translate/legacy"
)

// TestCaptures reads the credentials of programs that people really use, as they came off the socket.
func TestCaptures(t *testing.T) {
	files, err := filepath.Glob("testdata/captures/*/*.http")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[legacy.Scheme]int{}
	for _, file := range files {
		t.Run(filepath.ToSlash(file), func(t *testing.T) {
			raw, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			head, body, _ := bytes.Cut(raw, []byte("\r\n\r\n"))
			for line := range strings.SplitSeq(string(head), "\r\n") {
				name, value, _ := strings.Cut(line, ":")
				seen[checkCapturedHeader(t, name, value)]++
			}
			if bytes.Contains(head, []byte("/oauth2/token")) {
				seen[checkCapturedForm(t, body)]++
			}
		})
	}
	for _, s := range []legacy.Scheme{legacy.HeaderJSON, legacy.HeaderXML, legacy.PasswordGrant, legacy.LegacyBearer} {
		if seen[s] == 0 {
			t.Errorf("no capture with %v", s)
		}
	}
}

func checkCapturedHeader(t *testing.T, name, value string) legacy.Scheme {
	switch {
	case strings.EqualFold(name, "X-DocuSign-Authentication"):
		c, err := legacy.ParseHeader(value, nil)
		if err != nil {
			t.Fatal(err)
		}
		checkCaptured(t, c)
		return c.Scheme
	case strings.EqualFold(name, "Authorization"):
		if token, ok := legacy.Bearer(value); !ok || token != "stub-token" {
			t.Errorf("token %q, %v", token, ok)
		}
		return legacy.LegacyBearer
	}
	return legacy.None
}

func checkCapturedForm(t *testing.T, body []byte) legacy.Scheme {
	readings, err := legacy.ParseTokenForm(body)
	if err != nil {
		t.Fatal(err)
	}
	c, err := readings[0].Credential(nil)
	if err != nil {
		t.Fatal(err)
	}
	checkCaptured(t, c)
	return c.Scheme
}

func checkCaptured(t *testing.T, c legacy.Credential) {
	if c.Username != "legacy.user@example.com" || c.IntegratorKey != "TEST-0a1b2c3d-1111-2222-3333-444455556666" ||
		c.OnBehalfOf != "" {
		t.Errorf("got %+v", c)
	}
	if p := reveal(c.Passwords); slices.Index(p, "p@ss<w&rd>é1") != 0 {
		t.Errorf("passwords %q", p)
	}
}
