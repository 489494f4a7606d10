package capture

import (
	"strings"
	"testing"

	"docusign-auth-proxy/internal/call"
)

// The bound on memory and the bytes that an operator sees count each text that is kept once.
func TestAnExchangeIsAsLargeAsWhatItKeeps(t *testing.T) {
	t.Parallel()
	large := message{URL: "/u", Header: []field{{"Name", "value"}}, Body: body{Text: strings.Repeat("x", 1000)}}
	e := &exchange{
		Event: call.Event{Path: "/u", Detail: "why", UserAgent: "old"},
		Asked: large, Got: message{Body: body{Omitted: "pdf"}},
		Attempts: []attempt{{Request: large, Error: "cut"}},
	}
	if got, want := e.size(), int64(1<<10+8+2*(2+1000+41)+3+3); got != want {
		t.Errorf("%d, want %d", got, want)
	}
}
