package doctor

import (
	"strings"
	"testing"
)

func TestSplitPath(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"integrations[0].users[12].password": "integrations|0|users|12|password",
		`egress.resolve["a.b"]`:              "egress|resolve|a.b",
		`egress.resolve["a\"b"].x`:           `egress|resolve|a"b|x`,
		"":                                   "",
		"listen":                             "listen",
	} {
		if got := strings.Join(splitPath(path), "|"); got != want {
			t.Errorf("%s: %s", path, got)
		}
	}
}
