package shown_test

import (
	"strings"
	"testing"

	"docusign-auth-proxy/internal/shown"
)

const guid = "a1b2c3d4-0001-4000-8000-0000000000a1"

func TestPathsShowWordsNumbersAndGUIDs(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{
			"an API call", "/restapi/v2.1/accounts/1234567/envelopes/" + guid + "/documents/combined",
			"/restapi/v2.1/accounts/1234567/envelopes/" + guid + "/documents/combined",
		},
		{"the case of the program is kept", "/RestAPI/v2/Login_Information", "/RestAPI/v2/Login_Information"},
		{"a service", "/api/3.0/dsapi.asmx", "/api/3.0/dsapi.asmx"},
		{"the root", "/", "/"},
		{"nothing", "", ""},
		{"doubled slashes stay", "//restapi/v2", "//restapi/v2"},
		{
			"a password in a parameter", "/restapi/v2/accounts;password=Lgcy-Anna-11x/1",
			"/restapi/v2/accounts;{22 characters}/1",
		},
		{"a parameter without a name before it", "/;Lgcy", "/;{4 characters}"},
		{"a password as a segment", "/restapi/Lgcy-Anna-11x/accounts", "/restapi/{13 characters}/accounts"},
		{"an e-mail address is no segment of the API", "/restapi/v2/anna@example.com", "/restapi/v2/{16 characters}"},
		{"many segments", strings.Repeat("/v2", 40) + "/x", strings.Repeat("/v2", 31) + "/…"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := shown.Path(tt.in); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestNamesKeysAndAccounts(t *testing.T) {
	for _, tt := range []struct {
		name string
		f    func(string) string
		in   string
		is   bool // shown as it is
	}{
		{"an e-mail address", shown.Name, "anna.b+c@mail.example.com", true},
		{"a GUID", shown.Name, guid, true},
		{"a GUID with four letters", shown.Name, "ABCD-" + guid, true},
		{"a password", shown.Name, "Lgcy-Anna-11x", false},
		{"a password with an @", shown.Name, "P@ssw0rd", false},
		{"a password with an @ and a dot", shown.Name, "P@ss.1", false},
		{"two @", shown.Name, "a@b@example.com", false},
		{"a blank", shown.Name, "anna @example.com", false},
		{"what was not shown before", shown.Name, "unshown (13 characters)", true},
		{"nearly so", shown.Name, "unshown (Lgcy characters)", false},
		{"a key", shown.Key, guid, true},
		{"an e-mail address is no key", shown.Key, "anna@example.com", false},
		{"an account's number", shown.Account, "1000001", true},
		{"an account's GUID", shown.Account, guid, true},
		{"a word is no account", shown.Account, "accounts", false},
		{"a host with a port", shown.Host, "demo.docusign.net:443", true},
		{"an address", shown.Host, "192.0.2.1", true},
		{"an IPv6 address", shown.Host, "[2001:db8::1]:443", true},
		{"localhost", shown.Host, "localhost:8080", true},
		{"a name without a dot", shown.Host, "lgcy-anna-11x:443", false},
		{"a port that is none", shown.Host, "demo.docusign.net:Lgcy", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			want := tt.in
			if !tt.is {
				want = shown.Not(tt.in)
			}
			if got := tt.f(tt.in); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
	if got := shown.Host("anna:Lgcy-Anna-11x@demo.docusign.net:443"); got != "unshown (18 "+
		"characters)@demo.docusign.net:443" {
		t.Errorf("user information of a host: %q", got)
	}
	if got := shown.Method("LGCY") + " " + shown.Operation("Lgcy") + " " +
		shown.Operation("RequestStatus"); got != "other other RequestStatus" {
		t.Errorf("method and operations: %q", got)
	}
}

func TestOfAnUnknownKeyTheBeginningIsShown(t *testing.T) {
	for in, want := range map[string]string{
		"": "", guid: "a1b2c3d4…", "ABCD-" + guid: "ABCD-a1b…", "Lgcy-Anna-11x": "unshown (13 characters)",
		"unshown (13 characters)": "unshown (13 characters)",
	} {
		if got := shown.UnknownKey(in); got != want {
			t.Errorf("%q is shown as %q, want %q", in, got, want)
		}
	}
}

func BenchmarkPath(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		shown.Path("/restapi/v2.1/accounts/1234567/envelopes/" + guid)
	}
}

func TestGUID(t *testing.T) {
	for s, want := range map[string]bool{
		guid: true, strings.ToUpper(guid): true, "": false, guid[1:]: false, "g" + guid[1:]: false,
		strings.ReplaceAll(guid, "-", "a"): false, "0000000000000000000000000000000000-0"[:36]: false,
	} {
		if shown.GUID(s) != want {
			t.Errorf("shown.GUID(%q) is %v", s, !want)
		}
	}
}
