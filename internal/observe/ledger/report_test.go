package ledger

import (
	"strconv"
	"strings"
	"testing"
)

func TestOneAddressOfManyProgramsIsPerhapsABalancer(t *testing.T) {
	for name, tt := range map[string]struct {
		rows     string // integration, User-Agent and client of each
		client   string
		programs int
	}{
		"no calls":                         {"", "", 0},
		"three integrations":               {"a x 10.0.0.9, b x 10.0.0.9, c x 10.0.0.9", "10.0.0.9", 3},
		"three kinds of programs":          {"a x 10.0.0.9, a y 10.0.0.9, a z 10.0.0.9", "10.0.0.9", 3},
		"users of two programs":            {"a x 10.0.0.9, a x 10.0.0.9, a x 10.0.0.9, b x 10.0.0.9", "", 0},
		"another address":                  {"a x 10.0.0.9, b x 10.0.0.9, c x 10.0.0.9, c x 10.0.0.8", "", 0},
		"programs of this machine":         {"a x 127.0.0.1, b x 127.0.0.1, c x 127.0.0.1", "", 0},
		"a row from before addresses":      {"a x 10.0.0.9, b x 10.0.0.9, c x 10.0.0.9, d x -", "", 0},
		"IPv6":                             {"a x 2001:db8::9, b y 2001:db8::9, c z 2001:db8::9", "2001:db8::9", 3},
		"programs of one machine, but two": {"a x 10.0.0.9, b x 10.0.0.9", "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			var rows []Row
			for text := range strings.SplitSeq(tt.rows, ", ") {
				if words := strings.Fields(text); len(words) == 3 {
					rows = append(rows, Row{Integration: words[0], UserAgent: words[1], Client: words[2]})
				}
			}
			client, programs := OneClient(rows)
			if got, want := client+" "+strconv.Itoa(programs), tt.client+" "+strconv.Itoa(tt.programs); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}
