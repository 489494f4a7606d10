package main

import (
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"gopkg.in/yaml.v3"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/admin"
	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/soapcompare"
	"docusign-auth-proxy/internal/trust"
)

// completions are what a shell offers as value of a flag: by the flag's name, or by command and flag where the name
// means several things.
func completions() map[string]cobra.CompletionFunc {
	return map[string]cobra.CompletionFunc{
		"algorithm":               choices("rsa", "ecdsa"),
		"capture download format": choices("zip", "har"),
		"capture start integration": func(cmd *cobra.Command, _ []string, _ string) (
			[]cobra.Completion, cobra.ShellCompDirective,
		) {
			return append(configuredNames(cmd), call.UnknownIntegration, "*"), cobra.ShellCompDirectiveNoFileComp
		},
		"ca trust for":            choiceList(trust.Platforms),
		"config":                  cobra.FixedCompletions([]cobra.Completion{"yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt),
		"dir":                     cobra.FixedCompletions(nil, cobra.ShellCompDirectiveFilterDirs),
		"environment":             choices(config.Demo, config.Production),
		"integration":             offer(configuredNames),
		"report format":           choices(admin.Formats()...),
		"root":                    cobra.FixedCompletions(nil, cobra.ShellCompDirectiveFilterDirs),
		"sandbox user":            cobra.NoFileCompletions,
		"soap compare operations": choiceList(soapcompare.Operations),
		"user":                    offer(configuredUsers),
	}
}

// complete registers the completions of all commands.
func complete(root *cobra.Command) {
	all := completions()
	for _, cmd := range root.Commands() {
		complete(cmd)
	}
	path := strings.TrimPrefix(root.CommandPath(), root.Root().Name()+" ")
	root.LocalFlags().VisitAll(func(f *pflag.Flag) {
		offered := all[path+" "+f.Name]
		if offered == nil {
			offered = all[f.Name]
		}
		if offered != nil {
			_ = root.RegisterFlagCompletionFunc(f.Name, offered) // fails only for a flag that is not there
		}
	})
}

func choices(values ...string) cobra.CompletionFunc {
	return cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)
}

// choiceList completes the last word of a list with commas.
func choiceList(values func() []string) cobra.CompletionFunc {
	return func(_ *cobra.Command, _ []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		before := typed[:strings.LastIndexByte(typed, ',')+1]
		var offered []cobra.Completion
		for _, v := range values() {
			if !slices.Contains(strings.Split(before, ","), v) {
				offered = append(offered, before+v)
			}
		}
		return offered, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	}
}

func offer(values func(*cobra.Command) []string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return values(cmd), cobra.ShellCompDirectiveNoFileComp
	}
}

// people are the names in a configuration.
type people struct {
	Integrations []struct {
		Name  string
		Users []struct{ Username string }
	}
}

// configured reads the names alone, of a configuration that may be full of faults.
func configured(cmd *cobra.Command) people {
	var p people
	path, err := cmd.Flags().GetString("config")
	if err != nil {
		return p
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return p // there is nothing to offer
	}
	_ = yaml.Unmarshal(text, &p) // what could be read is offered
	return p
}

func configuredNames(cmd *cobra.Command) []string {
	var names []string
	for _, in := range configured(cmd).Integrations {
		names = append(names, in.Name)
	}
	return names
}

// configuredUsers are those of the integration that is chosen, or of all.
func configuredUsers(cmd *cobra.Command) []string {
	chosen, _ := cmd.Flags().GetString("integration") // empty where a command has no such flag
	var names []string
	for _, in := range configured(cmd).Integrations {
		for _, u := range in.Users {
			if (chosen == "" || chosen == in.Name) && !slices.Contains(names, u.Username) {
				names = append(names, u.Username)
			}
		}
	}
	return names
}
