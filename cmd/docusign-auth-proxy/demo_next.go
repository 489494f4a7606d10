package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// step is something that the operator does next: a command and what it is for, or only the latter.
type step struct {
	Command string `json:"command,omitempty"`
	Why     string `json:"why"`
}

// nextSteps is the way to a real account, in the commands that this binary has.
func nextSteps(root *cobra.Command) []step {
	var have []step
	for _, s := range []struct {
		step
		unless string // a command that does it better
	}{
		{step{"", "In DocuSign under Apps and Keys: add an RSA key to your integrator key, keep it as key.pem"}, ""},
		{step{"discover --private-key key.pem", "your program calls, it writes the file"}, ""},
		{step{"config reference", "every field of docusign-auth-proxy.yaml"}, "discover"},
		{step{"hash-password < password.txt", "for the password that your program sends"}, ""},
		{step{"ca init", "for HTTPS only; your program must trust it"}, ""},
		{step{"consent", "each user agrees once, in a browser"}, ""},
		{step{"config check", "every mistake at once, with its line"}, "doctor"},
		{step{"doctor", "tries it all, and says what is missing"}, ""},
		{step{"run", "for your program, as in 2 to 5 above"}, ""},
	} {
		if s.Command != "" && !has(root, s.Command) || s.unless != "" && has(root, s.unless) {
			continue
		}
		if s.Command != "" {
			s.Command = root.Name() + " " + s.Command
		}
		have = append(have, s.step)
	}
	return have
}

// has reports whether there is such a command; flags and redirections are not part of it.
func has(root *cobra.Command, command string) bool {
	words := strings.Fields(command)
	if i := slices.IndexFunc(words, func(w string) bool { return strings.ContainsAny(w[:1], "-<") }); i >= 0 {
		words = words[:i]
	}
	found, rest, err := root.Find(words)
	return err == nil && found != root && len(rest) == 0
}
