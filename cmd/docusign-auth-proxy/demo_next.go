package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// step is something that the operator does next; Command may be empty.
type step struct {
	Do      string `json:"do"`
	Command string `json:"command,omitempty"`
}

// nextSteps is the way to a real account, in the commands that this binary has.
func nextSteps(root *cobra.Command) []step {
	all := []step{
		{"In DocuSign, Apps and Keys: add an RSA key to your integrator key and keep the private part as key.pem.", ""},
		{"Hash the password your program sends, for the configuration:", "hash-password < password.txt"},
		{"Write docusign-auth-proxy.yaml; every field is explained by:", "config reference"},
		{"For programs that reach DocuSign over HTTPS through a proxy, make a CA and let them trust it:", "ca init"},
		{"Let each user consent once, in a browser:", "consent"},
		{"Check everything against DocuSign, from this machine:", "doctor"},
		{"Check the configuration:", "config check"},
		{"Run it; point the program at it as base URL, as HTTPS_PROXY or by the hosts file:", "run"},
	}
	var have []step
	for _, s := range all {
		if s.Command == "doctor" && !has(root, "doctor") || s.Command == "config check" && has(root, "doctor") {
			continue // doctor checks the configuration, too
		}
		if s.Command != "" && !has(root, s.Command) {
			continue
		}
		if s.Command != "" {
			s.Command = fmt.Sprintf("%s %s", root.Name(), s.Command)
		}
		have = append(have, s)
	}
	return have
}

// has reports whether there is such a command.
func has(root *cobra.Command, command string) bool {
	words := strings.Fields(command)
	if i := len(words); i > 2 {
		words = words[:1] // what follows is a redirection
	}
	found, rest, err := root.Find(words)
	return err == nil && found != root && len(rest) == 0
}
