package config

import (
	"strings"
	"testing"
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
			if got := nearest(tt.word, known); got != tt.want {
				t.Errorf("got %q", got)
			}
		})
	}
}
