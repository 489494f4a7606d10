package main

import (
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
	for _, s := range []step{
		{"", "In DocuSign under Apps and Keys: add an RSA key to your integrator key, keep its private part"},
		{"hash-password < password.txt", "for the password that your program sends"},
		{"config reference", "every field of docusign-auth-proxy.yaml"},
		{"ca init", "for HTTPS only; your program must trust it"},
		{"config check", "every mistake at once, with its line"},
		{"consent", "each user agrees once, in a browser"},
		{"doctor", "tries it all against DocuSign"},
		{"run", "then point your program at it (2 to 5 above)"},
	} {
		if s.Command == "" {
			have = append(have, s)
			continue
		}
		if has(root, s.Command) {
			s.Command = root.Name() + " " + s.Command
			have = append(have, s)
		}
	}
	return have
}

// has reports whether there is such a command; what follows "<" is not part of it.
func has(root *cobra.Command, command string) bool {
	command, _, _ = strings.Cut(command, "<")
	found, rest, err := root.Find(strings.Fields(command))
	return err == nil && found != root && len(rest) == 0
}
