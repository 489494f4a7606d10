package main

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"docusign-auth-proxy/internal/words"
)

// misspelt looks at the words before anything runs: cobra shows help, with exit code 0, for an unknown word after
// "config" or "ca", and takes -config for -c with the value "onfig".
func misspelt(root *cobra.Command, args []string) error {
	if len(args) > 0 && strings.HasPrefix(args[0], cobra.ShellCompRequestCmd) {
		return nil
	}
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd(args...)
	if len(args) > 0 && args[0] == "help" {
		args = args[1:] // cobra would show help for an unknown topic, too
	}
	cmd, rest, err := root.Find(args)
	isGroup := cmd.HasSubCommands() && !cmd.Runnable()
	if len(rest) > 0 && !strings.HasPrefix(rest[0], "-") && (err != nil || isGroup) {
		return unknownCommand(cmd, rest[0])
	}
	for _, word := range rest {
		name, _, _ := strings.Cut(strings.TrimPrefix(word, "-"), "=")
		if word == "--" {
			break
		}
		if strings.HasPrefix(word, "-") && len(name) > 1 && cmd.Flags().Lookup(name) != nil {
			return fmt.Errorf("-%s is not understood (did you mean --%s?)", name, name)
		}
	}
	return err
}

func unknownCommand(parent *cobra.Command, word string) error {
	names := subcommands(parent)
	hint := cmp.Or(words.DidYouMean(words.Nearest(word, names)), parent.CommandPath()+" --help lists them")
	path := strings.TrimPrefix(parent.CommandPath()+" "+word, parent.Root().Name()+" ")
	return fmt.Errorf("unknown command %q (%s)", path, hint)
}

func subcommands(parent *cobra.Command) []string {
	var names []string
	for _, c := range parent.Commands() {
		if c.IsAvailableCommand() || c.Name() == "help" {
			names = append(names, c.Name())
		}
	}
	return names
}

// noArgs is for commands that take flags alone.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	isFile := strings.HasSuffix(args[0], ".yaml") || strings.HasSuffix(args[0], ".yml")
	switch {
	case words.Nearest(args[0], subcommands(cmd)) != "":
		return unknownCommand(cmd, args[0])
	case isFile && cmd.Flags().Lookup("config") != nil:
		return fmt.Errorf("%q stands alone (did you mean --config %s?)", args[0], words.Argument(args[0]))
	}
	return fmt.Errorf("%s takes no argument, and %q is one (%s --help lists its flags)", cmd.CommandPath(), args[0],
		cmd.CommandPath())
}

// unknownFlag adds the flag that was most likely meant.
func unknownFlag(cmd *cobra.Command, err error) error {
	missing, ok := errors.AsType[*pflag.NotExistError](err)
	if !ok {
		return err
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	near := words.Nearest(cmp.Or(missing.GetSpecifiedShortnames(), missing.GetSpecifiedName()), slices.Compact(names))
	if near == "" {
		return fmt.Errorf("%w (%s --help lists the flags)", err, cmd.CommandPath())
	}
	return fmt.Errorf("%w (did you mean --%s?)", err, near)
}
