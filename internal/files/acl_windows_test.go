package files

import (
	"strings"
	"testing"

	"golang.org/x/sys/windows"
)

// The lists are given as SDDL, so that no account of this machine matters and nothing is enforced.
func TestWhoAnACLLetsIn(t *testing.T) {
	const (
		service = "S-1-5-80-1-2-3-4-5"
		person  = "S-1-5-21-1-2-3-1001"
	)
	for _, tt := range []struct {
		name, sddl   string
		file, folder string
	}{
		{"owner, SYSTEM and Administrators", "D:P(A;;FA;;;SY)(A;;FA;;;BA)(A;;FA;;;" + person + ")", "", ""},
		{"the account of a service", "D:P(A;;FA;;;SY)(A;;FA;;;" + service + ")", "", ""},
		{"all services", "D:P(A;;FR;;;S-1-5-80-0)", "S-1-5-80-0", ""},
		{"a domain's administrators", "D:P(A;;FA;;;S-1-5-21-1-2-3-512)", "", ""},
		{"users who read", "D:(A;ID;FR;;;BU)", "S-1-5-32-545", ""},
		{"users who change", "D:(A;ID;0x1301bf;;;AU)", "S-1-5-11", "S-1-5-11"},
		{"users who may put new files there", "D:(A;;0x6;;;BU)", "S-1-5-32-545", ""},
		{"users who may delete what is in it", "D:(A;;0x40;;;BU)", "", "S-1-5-32-545"},
		{"another person", "D:P(A;;FR;;;S-1-5-21-1-2-3-1002)", "S-1-5-21-1-2-3-1002", ""},
		{"what holds for new files alone", "D:P(A;OICIIO;FA;;;WD)", "", ""},
		{"what is denied", "D:P(D;;FA;;;WD)(A;;FA;;;SY)", "", ""},
		{"two groups", "D:P(A;;FR;;;IU)(A;;FR;;;WD)",
			"S-1-5-4 S-1-1-0", ""},
		{"an empty list", "D:P", "", ""},
		{"no list at all", "O:SY", "S-1-1-0", "S-1-1-0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sd, err := windows.SecurityDescriptorFromString(tt.sddl)
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range []struct {
				folder bool
				who    string
			}{{false, tt.file}, {true, tt.folder}} {
				list, err := strangers(sd, []string{person}, want.folder)
				var who []string
				for _, e := range list {
					who = append(who, e.sid)
				}
				if got := strings.Join(who, " "); err != nil || got != want.who {
					t.Errorf("folder %t: %q, %v, want %q", want.folder, got, err, want.who)
				}
			}
		})
	}
}

func TestTheListOfASecret(t *testing.T) {
	sd, err := windows.SecurityDescriptorFromString("D:(A;ID;FR;;;BU)(A;OICI;FR;;;S-1-5-80-1-2-3-4-5)(A;;FA;;;WD)")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, got, want string }{
		{"new", protected("", nil), "(A;;FA;;;SY)(A;;FA;;;BA)"},
		{"a folder", protected("OICI", nil), "(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)"},
		{"in the place of one that users and a service read", protected("", kept(sd)),
			"(A;;FA;;;SY)(A;;FA;;;BA)(A;;0x120089;;;S-1-5-80-1-2-3-4-5)"},
	} {
		me := strings.Split(tt.want, ";;;")[0] + ";;;" + self() + ")"
		if want := "O:" + self() + "D:P" + me + tt.want; tt.got != want {
			t.Errorf("%s: %s, want %s", tt.name, tt.got, want)
		}
	}
}

// The number is what `sc.exe showsid TrustedInstaller` says on every Windows.
func TestTheSIDOfAService(t *testing.T) {
	const want = "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464"
	if id, err := lookUp(`NT SERVICE\TrustedInstaller`); err != nil || id.String() != want {
		t.Errorf("%v, %v, want %s", id, err, want)
	}
}
