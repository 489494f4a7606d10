package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// documentLine is a command line of a document.
type documentLine struct {
	document string
	words    []string
	next     []string // what it is piped into
	fragment bool     // without the program's name, in the middle of a sentence
}

func (l documentLine) String() string { return l.document + ": " + strings.Join(l.words, " ") }

func documents(t *testing.T) []string {
	t.Helper()
	root := os.DirFS(filepath.Join("..", ".."))
	all := []string{"README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"}
	for _, folder := range []string{"docs", "deploy", "dashboards"} {
		err := fs.WalkDir(root, folder, func(name string, _ fs.DirEntry, err error) error {
			if path.Ext(name) == ".md" {
				all = append(all, name)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// documentLines are the lines of all documents, each once.
func documentLines(t *testing.T) []documentLine {
	t.Helper()
	block := regexp.MustCompile("(?ms)^```([a-z]*)\n(.*?)^```$")
	seen := map[string]bool{}
	var all []documentLine
	add := func(name, text string, fragment bool) {
		for _, l := range pipelines(t, text) {
			l.document, l.fragment = name, fragment
			if key := fmt.Sprint(fragment, l.words); !seen[key] {
				seen[key] = true
				all = append(all, l)
			}
		}
	}
	for _, name := range documents(t) {
		text := document(t, name)
		for _, m := range block.FindAllStringSubmatch(text, -1) {
			switch m[1] {
			case "", "powershell":
				add(name, m[2], false)
			case "yaml", "xml", "mermaid", "promql", "nginx": // no command lines
			default:
				t.Errorf("%s: a block of the kind %q, which nobody looks at", name, m[1])
			}
		}
		for _, m := range regexp.MustCompile("`([^`\n]+)`").FindAllStringSubmatch(block.ReplaceAllString(text, ""), -1) {
			first, rest, _ := strings.Cut(m[1], " ")
			_, of := outside()[first]
			switch {
			case first == "docusign-auth-proxy" && rest != "", of && rest != "", strings.Contains(m[1], " go build "):
				add(name, m[1], false)
			case rest != "" && ownCommand(first):
				add(name, "docusign-auth-proxy "+m[1], true)
			}
		}
	}
	return all
}

func ownCommand(word string) bool {
	return slices.ContainsFunc(newRoot().Commands(), func(c *cobra.Command) bool { return c.Name() == word })
}

// pipelines splits a block into command lines. Comments are left out, and quotes may go over several lines.
func pipelines(t *testing.T, block string) []documentLine {
	t.Helper()
	var all []documentLine
	for _, text := range shellLines(block) {
		lines := commandLines(t, strings.NewReplacer("\\\n", " ", "\n", " ").Replace(text))
		for i := 0; i < len(lines); i++ {
			l := documentLine{words: lines[i]}
			if strings.Contains(text, " | ") && i+1 < len(lines) {
				l.next = lines[i+1]
				i++
			}
			all = append(all, l)
		}
	}
	return all
}

func shellLines(block string) []string {
	var lines []string
	var line strings.Builder
	quote, comment, before := rune(0), false, ' '
	for _, r := range block {
		switch {
		case comment && r != '\n':
			continue
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
		case r == '\'' || r == '"':
			quote = r
		case r == '#' && (before == ' ' || before == '\n'):
			comment = true
			continue
		case r == '\n' && before != '\\':
			lines = append(lines, line.String())
			line.Reset()
			comment = false
		}
		line.WriteRune(r)
		before = r
	}
	return append(lines, line.String())
}

func TestLinesOfABlock(t *testing.T) {
	got := pipelines(t, "a --b   # the page's comment\nlog -n 1 | jq 'x\n  | {y}'\nsudo c && d \\\n  e\n")
	want := []string{"a --b", "log -n 1 | jq x   | {y}", "c", "d e"}
	var said []string
	for _, l := range got {
		text := strings.Join(l.words, " ")
		if l.next != nil {
			text += " | " + strings.Join(l.next, " ")
		}
		said = append(said, text)
	}
	if !slices.Equal(said, want) {
		t.Errorf("%q", said)
	}
}

// TestEveryCommandLineOfTheDocumentsWorks runs what can be run here: in a folder with a configuration, beside a proxy
// that runs with it, before a stand-in for DocuSign. Of commands of others it looks whether what they name is there.
func TestEveryCommandLineOfTheDocumentsWorks(t *testing.T) {
	t.Parallel()
	lines := documentLines(t)
	w := newOperatorsFolder(t)
	ran := 0
	for _, l := range lines {
		t.Run(l.String(), func(t *testing.T) {
			w.T = t
			if own := l.own(); own != nil {
				ran++
				w.runsOwn(l, own)
				return
			}
			look, ok := outside()[l.words[0]]
			if !ok && strings.HasPrefix(l.words[0], "$") {
				look, ok = assigned, true
			}
			if !ok {
				t.Fatalf("nobody knows how to try %q", l.words)
			}
			if err := look(w, l); err != nil {
				t.Errorf("%q: %v", l.words, err)
			}
		})
	}
	if ran < 40 {
		t.Errorf("only %d command lines of the program were found", ran)
	}
}

// own are the words after the program's name; nil = it is another program.
func (l documentLine) own() []string {
	words := l.words
	if words[0] == "-u" { // sudo -u USER
		words = words[2:]
	}
	if i := slices.Index(words, "--"); words[0] == "kubectl" && i > 0 {
		words = words[i+1:]
	}
	switch words[0] {
	case "docusign-auth-proxy", "/docusign-auth-proxy", "/usr/local/bin/docusign-auth-proxy", `.\docusign-auth-proxy.exe`:
		return words[1:]
	case "go":
		if len(words) > 2 && words[1] == "run" && words[2] == "./cmd/docusign-auth-proxy" {
			return words[3:]
		}
	}
	return nil
}

type look = func(*operatorsFolder, documentLine) error

// outside are the commands of others that the documents use, each with what can be said of its line here.
func outside() map[string]look {
	said := func(*operatorsFolder, documentLine) error { return nil }
	all := map[string]look{
		"go": goTool, ".ci/run": file(0), "curl": curl, "journalctl": journalctl, "systemctl": unit, "systemd-analyze": unit,
		"install": installed, "docker": docker, "cd": folder, "kill": hangUp, "Copy-Item": file(1),
		"apt": ofRelease, "dnf": ofRelease, "tar": ofRelease, "Expand-Archive": ofRelease,
	}
	for name := range strings.FieldsSeq("git systemd-sysusers systemd-tmpfiles chgrp chmod tee timedatectl printf sha256sum " +
		"redis-cli icacls sc.exe certutil foreach } New-Item Set-Location Start-Service Stop-Service Stop-Process " +
		"Register-ScheduledTask Start-ScheduledTask Unregister-ScheduledTask Stop-ScheduledTask Set-ItemProperty " +
		"Get-NetTCPConnection Add-Content Clear-DnsClientCache New-NetFirewallRule iisreset netsh net") {
		all[name] = said
	}
	return all
}

func project(name string) string { return filepath.Join("..", "..", filepath.FromSlash(name)) }

func exists(name string) error {
	_, err := os.Stat(project(name))
	return err
}

// file looks for a file of the project: the word at this place, beside the document if it has no folder. The binary,
// keys and manual pages are made or brought by the reader.
func file(at int) look {
	return func(_ *operatorsFolder, l documentLine) error {
		name := l.words[at]
		if strings.HasSuffix(name, ".exe") || name == "key.pem" || strings.HasPrefix(name, "man/") {
			return nil
		}
		return exists(path.Join(path.Dir(l.document), name))
	}
}

func installed(w *operatorsFolder, l documentLine) error {
	last := len(l.words) - 2 // the source stands before the target
	if slices.Contains(l.words, "-t") {
		last++
	}
	if path.Base(l.words[last]) == "docusign-auth-proxy" {
		return nil
	}
	return file(last)(w, l)
}

func unit(_ *operatorsFolder, l documentLine) error {
	verbs := []string{"status", "start", "restart", "reload", "daemon-reload", "enable", "security"}
	name := l.words[len(l.words)-1]
	switch {
	case !slices.Contains(verbs, l.words[1]):
		return fmt.Errorf("%s is no verb that the documents need", l.words[1])
	case len(l.words) == 2:
		return nil
	}
	return exists("deploy/systemd/" + strings.TrimSuffix(name, ".service") + ".service")
}

func folder(_ *operatorsFolder, l documentLine) error { return exists(l.words[1]) }

// ofRelease looks for a file of a release where the documents list them. The tests of deploy/release hold the README to
// the files themselves.
func ofRelease(_ *operatorsFolder, l documentLine) error {
	name := regexp.MustCompile(`docusign-auth-proxy[-_](1\.2\.3\S*)`).FindStringSubmatch(strings.Join(l.words, " "))
	if name == nil {
		return errors.New("it names no file of release 1.2.3")
	}
	kind := strings.TrimPrefix(name[1], "1.2.3")
	if text, err := os.ReadFile(project("docs/release.md")); err != nil || !strings.Contains(string(text), kind+"`") {
		return fmt.Errorf("docs/release.md has no file with the end %s (%v)", kind, err)
	}
	return nil
}

func docker(_ *operatorsFolder, l documentLine) error {
	if l.words[1] == "build" {
		return exists("Dockerfile")
	}
	return errors.Join(exists("dashboards/docker-compose.yml"), exists("deploy/compose/docker-compose.yml"))
}

func hangUp(_ *operatorsFolder, l documentLine) error {
	if l.words[1] != "-HUP" {
		return errors.New("another signal than the one the proxy takes for a reload")
	}
	return nil
}

// assigned looks at a variable of PowerShell, which may hold a command line of the program.
func assigned(w *operatorsFolder, l documentLine) error {
	m := regexp.MustCompile(`docusign-auth-proxy\.exe -Argument (.*)$`).FindStringSubmatch(strings.Join(l.words, " "))
	if m != nil {
		tryExample(w.T, withManual(), strings.Fields(m[1]))
	}
	return nil
}

// goTool looks whether the packages are there, and the flags of a command of the project.
func goTool(_ *operatorsFolder, l documentLine) error {
	words, dir := l.words[2:], "."
	if len(words) > 0 && words[0] == "-C" {
		words, dir = words[2:], words[1]
	}
	for i, word := range words {
		switch before := words[max(i-1, 0)]; {
		case strings.HasPrefix(word, "github.com/"): // the version that the checks use
			text, err := os.ReadFile(project(".ci/run"))
			if err != nil || !strings.Contains(string(text), word) {
				return fmt.Errorf("%s is not what .ci/run calls (%v)", word, err)
			}
		case strings.HasPrefix(word, "."):
			if err := exists(path.Join(dir, strings.TrimSuffix(word, "..."))); err != nil {
				return err
			}
		case dir != "." && strings.HasPrefix(word, "-"):
			if err := mentions(dir, `"`+strings.TrimLeft(word, "-")+`"`); err != nil {
				return err
			}
		case dir != "." && before == "-only":
			for scenario := range strings.SplitSeq(word, ",") {
				if err := mentions(dir, `"`+scenario+`"`); err != nil {
					return err
				}
			}
		}
	}
	if l.words[1] == "generate" {
		return mentions(words[0], "//go:generate ")
	}
	return nil
}

// mentions looks for text in the sources of a folder.
func mentions(dir, text string) error {
	names, err := filepath.Glob(filepath.Join(project(dir), "*.go"))
	if err != nil {
		return err
	}
	for _, name := range names {
		source, err := os.ReadFile(name)
		if err != nil || strings.Contains(string(source), text) {
			return err
		}
	}
	return fmt.Errorf("%s does not know %s", dir, text)
}
