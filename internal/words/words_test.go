package words

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/files/filestest"
)

func TestNearest(t *testing.T) {
	known := []string{"integrator_key", "integrations", "user_id", "users", "soap"}
	tests := []struct {
		name, word, want string
	}{
		{"another style of writing is the same word", "integratorKey", "integrator_key"},
		{"a missing letter is forgiven", "integratons", "integrations"},
		{"two swapped letters are one mistake", "usres", "users"},
		{"a word that is like none has no neighbour", "password", ""},
		{"the beginning of a word stands for it", "integ", "integrator_key"},
		{"a word with something behind it is found", "soapmode", "soap"},
		{"a short word must be nearer", "so", ""},
		{"nothing has no neighbour", "", ""},
		{"a very long word is not compared", strings.Repeat("x", 200), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Nearest(tt.word, known); got != tt.want {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestCount(t *testing.T) {
	for n, want := range map[int]string{0: "0 calls", 1: "1 call", 2: "2 calls"} {
		if got := Count(n, "call", "calls"); got != want {
			t.Errorf("%d: got %q", n, got)
		}
	}
}

func TestOr(t *testing.T) {
	for want, list := range map[string][]string{
		"": nil, "a": {"a"}, "a or b": {"a", "b"}, "a, b or c": {"a", "b", "c"},
	} {
		if got := Or(list); got != want {
			t.Errorf("%q: got %q", list, got)
		}
	}
}

func TestAnd(t *testing.T) {
	for want, list := range map[string][]string{
		"": nil, "a": {"a"}, "a and b": {"a", "b"}, "a, b and c": {"a", "b", "c"},
		"a, b, c and 2 more": {"a", "b", "c", "d", "e"},
	} {
		if got := And(list, 3); got != want {
			t.Errorf("%q: got %q", list, got)
		}
	}
}

func TestArgumentsAreQuotedForTheShell(t *testing.T) {
	for _, tt := range []struct{ name, arg, posix, windows string }{
		{"a plain word", "ca.pem", "ca.pem", "ca.pem"},
		{"nothing", "", "''", `""`},
		{"a drive", `C:\erp\ca.pem`, `'C:\erp\ca.pem'`, `C:\erp\ca.pem`},
		{"a blank", `C:\Program Files\ca.pem`, `'C:\Program Files\ca.pem'`, `"C:\Program Files\ca.pem"`},
		{"a folder's last backslash", `C:\Program Files\`, `'C:\Program Files\'`, `"C:\Program Files\\"`},
		{"an apostrophe", "Bob's", `'Bob'\''s'`, `"Bob's"`},
		{"what PowerShell reads otherwise", "a@b,c", "a@b,c", `"a@b,c"`},
	} {
		if posix, windows := QuotePOSIX(tt.arg), QuoteWindows(tt.arg); posix != tt.posix || windows != tt.windows {
			t.Errorf("%s: got %s and %s", tt.name, posix, windows)
		}
	}
}

func TestAFileThatCannotBeReadIsToldOnOneLine(t *testing.T) {
	dir := filestest.TempDir(t)
	_, absent := os.ReadFile(filepath.Join(dir, "key.pem"))
	_, folder := os.ReadFile(dir)
	permit := "make the user that the proxy runs as its owner, and run the command as that user"
	if runtime.GOOS == "windows" {
		permit = "run the command in a prompt that was opened with Run as administrator; the proxy's own account needs: " +
			"icacls key.pem /grant ACCOUNT:R"
	}
	for _, tt := range []struct {
		name string
		err  error
		want string
		is   error
	}{
		{"absent", absent, "the file key.pem does not exist (make it)", fs.ErrNotExist},
		{"of somebody else", &fs.PathError{Op: "open", Path: "key.pem", Err: fs.ErrPermission},
			"the file key.pem may not be read by this user (" + permit + ")", fs.ErrPermission},
		{"a folder", folder, "the file key.pem cannot be read: is a directory", folder},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := OfFile("key.pem", tt.err, "make it")
			if err.Error() != tt.want || !errors.Is(err, tt.is) {
				t.Errorf("got %q", err)
			}
		})
	}
}
