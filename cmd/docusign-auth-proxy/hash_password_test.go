package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestHashPasswordReadsOneLineFromAPipe(t *testing.T) {
	for _, tt := range []struct {
		name, in, want string
		args           []string
		wrong          bool
	}{
		{"a line", "anna-legacy-1\n", `password: {bcrypt: "$2a$10$`, nil, false},
		{"a line of Windows, with a byte order mark", "\ufeffanna-legacy-1\r\n", `password: {bcrypt: "$2a$10$`, nil, false},
		{"no line end", "anna-legacy-1", `password: {argon2id: "$argon2id$`, []string{"--argon2id"}, false},
		{"a second line is refused", "anna-legacy-1\nben-legacy-1\n", "more than one line", nil, true},
		{"nothing is refused", "", "no password on standard input", nil, true},
		{"an empty line is refused", "\n", "no password on standard input", nil, true},
		{"a file that is no password is refused", strings.Repeat("x", 5000), "too long", nil, true},
		{"what bcrypt cannot take", strings.Repeat("x", 73) + "\n", "use hash-password --argon2id", nil, true},
		{"an argument", "", "seen by everybody on this machine", []string{"anna-legacy-1"}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			cmd := newHashPassword()
			cmd.SilenceErrors, cmd.SilenceUsage = true, true
			cmd.SetArgs(tt.args)
			cmd.SetIn(strings.NewReader(tt.in))
			cmd.SetOut(&out)
			cmd.SetErr(&out)
			err := cmd.ExecuteContext(t.Context())
			if err != nil {
				out.WriteString(err.Error())
			}
			if (err != nil) != tt.wrong || !strings.Contains(out.String(), tt.want) ||
				strings.Contains(out.String(), "legacy-1") {
				t.Errorf("error %v, said %s", err, out.String())
			}
		})
	}
}
