package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"docusign-auth-proxy/internal/soapcompare"
	"docusign-auth-proxy/internal/trust"
)

// eachCommand visits the commands of this program: not help and completion, which are cobra's own.
func eachCommand(root *cobra.Command, visit func(*cobra.Command)) {
	for _, c := range root.Commands() {
		if c.Name() == "help" || c.Name() == "completion" {
			continue
		}
		visit(c)
		eachCommand(c, visit)
	}
}

func withManual() *cobra.Command {
	root := newRoot()
	if c, _, err := root.Find([]string{"manual"}); err != nil || c == root {
		root.AddCommand(newManual())
	}
	return root
}

func TestEveryCommandThatHelpShowsHasAManualPage(t *testing.T) {
	t.Setenv("SOURCE_DATE_EPOCH", "1790000000")
	dir := filepath.Join(t.TempDir(), "share", "man1")
	root := withManual()
	root.SetArgs([]string{"manual", "--dir", dir})
	root.SetOut(&bytes.Buffer{})
	if err := root.Execute(); err != nil {
		t.Fatal(err)
	}
	want := map[string]*cobra.Command{"docusign-auth-proxy.1": root}
	eachCommand(root, func(c *cobra.Command) {
		if c.IsAvailableCommand() {
			want[strings.ReplaceAll(c.CommandPath(), " ", "-")+".1"] = c
		}
	})
	for name, c := range want {
		page, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Error(err)
			continue
		}
		text := strings.ReplaceAll(string(page), `\-`, "-")
		if strings.Contains(text, "Auto generated") {
			t.Errorf("%s tells of its generator", name)
		}
		for _, part := range []string{".TH", `"Sep 2026"`, "SYNOPSIS", c.Short} {
			if !strings.Contains(text, part) {
				t.Errorf("%s has no %q", name, part)
			}
		}
		c.NonInheritedFlags().VisitAll(func(f *pflag.Flag) {
			if !f.Hidden && !strings.Contains(text, "--"+f.Name) {
				t.Errorf("%s does not tell of --%s", name, f.Name)
			}
		})
	}
	found, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		if want[f.Name()] == nil && !strings.HasPrefix(f.Name(), "docusign-auth-proxy-completion") {
			t.Errorf("%s is the page of no command", f.Name())
		}
	}
}

func TestManualPagesAreTheSameForTheSameSources(t *testing.T) {
	date := time.Date(2026, 9, 21, 0, 0, 0, 0, time.UTC)
	pages := func() map[string]string {
		dir, all := t.TempDir(), map[string]string{}
		if err := writeManual(newRoot(), dir, date); err != nil {
			t.Fatal(err)
		}
		names, err := filepath.Glob(filepath.Join(dir, "*.1"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			page, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			all[filepath.Base(name)] = string(page)
		}
		return all
	}
	once, again := pages(), pages()
	for name, page := range once {
		if again[name] != page {
			t.Errorf("%s differs the second time", name)
		}
	}
}

func TestTheDateOfTheManual(t *testing.T) {
	for _, tt := range []struct {
		name, epoch string
		set         bool
		want        string
	}{
		{"is the one of the sources", "1790000000", true, "2026-09-21"},
		{"is refused if it is no number", "yesterday", true, ""},
		{"is refused if it is empty", "", true, ""},
		{"is that of the release where nothing tells it", "", false, released},
	} {
		t.Run(tt.name, func(t *testing.T) {
			date, err := manualDate(func(string) (string, bool) { return tt.epoch, tt.set })
			if tt.want == "" {
				if err == nil {
					t.Errorf("got %s", date)
				}
				return
			}
			// A test binary is built without the commit's time.
			if err != nil || date.Format(time.DateOnly) != tt.want {
				t.Errorf("%s, %v", date, err)
			}
		})
	}
}

func TestEveryCommandSaysWhatItIsFor(t *testing.T) {
	eachCommand(withManual(), func(c *cobra.Command) {
		if c.Short == "" {
			t.Errorf("%s has no short text", c.CommandPath())
		}
		if strings.HasSuffix(c.Short, ".") || len(c.Short) > 100 {
			t.Errorf("%s: the short text is one line without a full stop, not %q", c.CommandPath(), c.Short)
		}
		if c.Runnable() && c.Example == "" {
			t.Errorf("%s has no example", c.CommandPath())
		}
		c.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if f.Usage == "" {
				t.Errorf("%s --%s has no text", c.CommandPath(), f.Name)
			}
		})
	})
}

// TestEveryExampleIsACommandLineThatWouldRun parses the examples as a run would, up to the point where something is
// done.
func TestEveryExampleIsACommandLineThatWouldRun(t *testing.T) {
	eachCommand(withManual(), func(owner *cobra.Command) {
		own := 0
		for _, line := range commandLines(t, owner.Example) {
			words := line
			if words[0] != "docusign-auth-proxy" {
				continue // what a shell does with the outcome
			}
			ran := tryExample(t, owner, words[1:])
			if ran == owner.CommandPath() || strings.HasPrefix(ran, owner.CommandPath()+" ") {
				own++
			}
		}
		if owner.Example != "" && own == 0 {
			t.Errorf("%s: no example shows the command itself", owner.CommandPath())
		}
	})
}

// tryExample returns the path of the command that would run.
func tryExample(t *testing.T, owner *cobra.Command, words []string) string {
	t.Helper()
	root := withManual() // a fresh one: parsing fills the flags' variables
	root.InitDefaultCompletionCmd()
	cmd, rest, err := root.Find(words)
	if err != nil || !cmd.Runnable() {
		t.Errorf("%s: %q is no command that runs: %v", owner.CommandPath(), words, err)
		return ""
	}
	if err := cmd.ParseFlags(rest); err != nil {
		t.Errorf("%s: %q: %v", owner.CommandPath(), words, err)
		return ""
	}
	for _, check := range []error{
		cmd.ValidateArgs(cmd.Flags().Args()), cmd.ValidateRequiredFlags(), cmd.ValidateFlagGroups(),
	} {
		if check != nil {
			t.Errorf("%s: %q: %v", owner.CommandPath(), words, check)
		}
	}
	return cmd.CommandPath()
}

// commandLines splits examples into command lines and those into words: comments, redirections and assignments of the
// shell are left out, pipes and && begin a new line.
func commandLines(t *testing.T, examples string) [][]string {
	t.Helper()
	var lines [][]string
	for text := range strings.Lines(strings.ReplaceAll(examples, "\\\n", " ")) {
		var line []string
		words := shellWords(text)
		for i := 0; i < len(words); i++ {
			switch w := words[i]; {
			case strings.HasPrefix(w, "#"):
				i = len(words)
			case w == "|" || w == "&&" || w == ";":
				lines, line = append(lines, line), nil
			case w == "<" || w == ">" || w == ">>":
				i++
			case len(line) == 0 && (w == "$" || w == "sudo" || strings.Contains(w, "=")):
			default:
				line = append(line, w)
			}
		}
		lines = append(lines, line)
	}
	return slices.DeleteFunc(lines, func(l []string) bool { return len(l) == 0 })
}

// shellWords splits at blanks outside quotes.
func shellWords(text string) []string {
	var words []string
	var word strings.Builder
	quote, open := rune(0), false
	for _, r := range text {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			quote, open = r, true
		case r == ' ' || r == '\t' || r == '\n':
			if word.Len() > 0 || open {
				words = append(words, word.String())
			}
			word.Reset()
			open = false
		default:
			word.WriteRune(r)
		}
	}
	if word.Len() > 0 || open {
		words = append(words, word.String())
	}
	return words
}

func TestCommandLinesOfExamples(t *testing.T) {
	got := commandLines(
		t,
		"  # first\n  TOKEN=x docusign-auth-proxy a --b 'c d' < in > out\n  docusign-auth-proxy e \\\n    --f | jq .  # "+
			"why\n",
	)
	want := [][]string{{"docusign-auth-proxy", "a", "--b", "c d"}, {"docusign-auth-proxy", "e", "--f"}, {"jq", "."}}
	if !slices.EqualFunc(got, want, func(a, b []string) bool { return slices.Equal(a, b) }) {
		t.Errorf("%q", got)
	}
}

func TestCompletionForEveryShell(t *testing.T) {
	for _, tt := range []struct{ shell, register string }{
		{"bash", "complete -o default -F __start_docusign-auth-proxy docusign-auth-proxy"},
		{"zsh", "#compdef docusign-auth-proxy"},
		{"fish", "complete -c docusign-auth-proxy"},
		{"powershell", "Register-ArgumentCompleter -CommandName 'docusign-auth-proxy'"},
	} {
		t.Run("of "+tt.shell, func(t *testing.T) {
			if script := output(t, "completion", tt.shell); !strings.Contains(script, tt.register) {
				t.Errorf("%d bytes without %q", len(script), tt.register)
			}
			if help := output(t, "completion", tt.shell, "--help"); !strings.Contains(
				help, "docusign-auth-proxy completion "+tt.shell,
			) || !strings.Contains(help, "To load completions") {
				t.Errorf("help does not tell how to install it:\n%s", help)
			}
		})
	}
}

func TestCompletionOffersCommandsAndFlags(t *testing.T) {
	for _, tt := range []struct {
		name  string
		words []string
		want  string
	}{
		{"a command", []string{"hash"}, "hash-password\t"},
		{"a command below another", []string{"config", ""}, "check\t"},
		{"a flag", []string{"run", "--con"}, "--config\t"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := output(t, append([]string{cobra.ShellCompRequestCmd}, tt.words...)...); !strings.Contains(got, tt.want) {
				t.Errorf("offers %q", got)
			}
		})
	}
}

// TestTheReleaseIsTheOneOfTheChangelog finds no date as long as nothing is released.
func TestTheReleaseIsTheOneOfTheChangelog(t *testing.T) {
	newest := regexp.MustCompile(`(?m)^## .*(\d{4}-\d{2}-\d{2})`).FindStringSubmatch(document(t, "CHANGELOG.md"))
	if newest != nil && newest[1] != released {
		t.Errorf("the newest release is of %s, the manual of a build without commit says %s", newest[1], released)
	}
	if _, err := time.Parse(time.DateOnly, released); err != nil {
		t.Error(err)
	}
}

func TestCompletionOffersValues(t *testing.T) {
	file := filepath.Join(t.TempDir(), "proxy.yaml")
	if err := os.WriteFile(file, []byte(`integrations:
  - {name: billing, users: [{username: anna@example.com}, {username: ben@example.com}]}
  - {name: archive, users: [{username: cora@example.com}, {username: anna@example.com}], oauth: 7}
`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, words, want string }{
		{"the formats of a report", "report --format", "table json csv html"},
		{"the formats of a capture", "capture download --format", "zip har"},
		{"the environments", "discover --environment", "demo production"},
		{"the users of the configuration, each once", "consent --config FILE --user",
			"anna@example.com ben@example.com cora@example.com"},
		{"the users of the integration that is chosen", "login --config FILE --integration archive --user",
			"cora@example.com anna@example.com"},
		{"no users without a configuration", "consent --config absent.yaml --user", ""},
		{"the integrations", "tokens list --config FILE --integration", "billing archive"},
		{"also those that are none", "capture start --config FILE --integration", "billing archive unknown *"},
		{"platforms", "ca trust --for", strings.Join(trust.Platforms(), " ")},
		{"operations", "soap compare --operations", strings.Join(soapcompare.Operations(), " ")},
		{"algorithms", "ca init --algorithm", "rsa ecdsa"},
		{"configuration files", "run --config", "yaml yml"},
		{"nothing for a name of one's own", "sandbox --user", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			args := strings.Fields(strings.ReplaceAll(tt.words, "FILE", file))
			got := output(t, slices.Concat([]string{cobra.ShellCompRequestCmd}, args, []string{""})...)
			offered, _, _ := strings.Cut(got, ":")
			if strings.Join(strings.Fields(offered), " ") != tt.want {
				t.Errorf("offers %q", offered)
			}
		})
	}
	got := output(t, cobra.ShellCompRequestCmd, "ca", "trust", "--for", "java,windows,")
	if !strings.Contains(got, "java,windows,debian\n") || strings.Contains(got, "java,windows,java") {
		t.Errorf("a list goes on with %q", got)
	}
	if got := output(t, cobra.ShellCompRequestCmd, "explain", ""); !strings.Contains(got, "consent_required\tDocuSign ") {
		t.Errorf("explain offers %.300q", got)
	}
}

func output(t *testing.T, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	root := withManual()
	root.SetArgs(args)
	root.SetOut(&out)
	root.SetErr(&out)
	if err := root.Execute(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}
