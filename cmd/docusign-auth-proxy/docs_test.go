package main

import (
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/spf13/cobra"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/demo"
	"docusign-auth-proxy/internal/fixture"
	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/internal/soapcompare"
	"docusign-auth-proxy/internal/store"
	"docusign-auth-proxy/internal/store/redis"
	"docusign-auth-proxy/internal/store/redis/redistest"
)

func document(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestTheConfigurationReferenceIsWhatTheCodeSays(t *testing.T) {
	if _, body, _ := strings.Cut(document(t, "docs/configuration.md"), "\n\n"); body != config.ReferenceMarkdown() {
		t.Error("docs/configuration.md differs from the code: (echo '# Configuration'; echo; go run " +
			"./cmd/docusign-auth-proxy config reference) > docs/configuration.md")
	}
}

func TestTheTableOfSOAPOperationsIsWhatTheCodeSays(t *testing.T) {
	const begin, end = "<!-- operations -->\n", "<!-- end of operations -->"
	_, rest, _ := strings.Cut(document(t, "docs/soap.md"), begin)
	if table, _, _ := strings.Cut(rest, end); table != soapcompare.OperationTable() {
		t.Errorf("docs/soap.md differs from the code: put what go run ./cmd/docusign-auth-proxy soap operations prints "+
			"between %q and %q", begin, end)
	}
}

func TestTheReadmesConfigurationIsGood(t *testing.T) {
	blocks := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(document(t, "README.md"), -1)
	if len(blocks) == 0 {
		t.Fatal("the README has no configuration")
	}
	for _, b := range blocks {
		dir := t.TempDir()
		if err := fixture.MakeCA(dir); err != nil {
			t.Fatal(err)
		}
		writeTestKey(t, filepath.Join(dir, "key.pem"))
		path := filepath.Join(dir, "docusign-auth-proxy.yaml")
		if err := os.WriteFile(path, []byte(b[1]), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := config.Load(path); err != nil {
			t.Error(err)
		}
	}
}

// In running text and in the tables of causes; documents_test.go runs the command lines.
// Redis reads its file back as the user "default", and leaves out what that one may not do.
func TestTheUsersOfTheGuideToReplicasKeepTheDataOverARestart(t *testing.T) {
	users := regexp.MustCompile(`(?m)^ *(user .*)$`).FindAllStringSubmatch(document(t, "docs/scale.md"), -1)
	acl := ""
	for _, line := range users {
		acl += line[1] + "\n"
	}
	file := filepath.Join(t.TempDir(), "users.acl")
	if err := os.WriteFile(file, []byte(acl), 0o600); err != nil {
		t.Fatal(err)
	}
	server := redistest.Start(t, "--aclfile", file, "--appendonly", "yes", "--appendfsync", "always")
	s := redis.Open(redis.Options{
		Addresses: []string{server.Addr}, Username: "proxy", Password: secret.New("PASSWORD"), Timeout: 5 * time.Second,
		Namespace: "docusign-demo", Key: make([]byte, 32), AccountServer: "https://account-d.docusign.com", Replica: "one",
	})
	defer s.Close()
	if err := s.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	server.Kill()
	server.Restart()
	if err := s.Connect(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestTheGuideToReplicasSaysWhatTheServerMustAllow holds the line for the server's users, and the configuration, to what
// the proxy needs of them.
func TestTheGuideToReplicasSaysWhatTheServerMustAllow(t *testing.T) {
	text := document(t, "docs/scale.md")
	user := regexp.MustCompile(`user proxy on >PASSWORD ~\{docusign-demo\}:\* resetchannels -@all \+select (.*)`)
	m := user.FindStringSubmatch(text)
	if want := "+" + strings.Join(redis.Commands(), " +"); m == nil || m[1] != want {
		t.Errorf("docs/scale.md has not the rights %s", want)
	}
	_, section, _ := strings.Cut(text, "```yaml\n")
	section, _, _ = strings.Cut(section, "   ```")
	section = "environment: demo\negress: {clients: [10.1.0.0/16]}\n" + strings.ReplaceAll(section, "\n   ", "\n")[3:]
	dir := t.TempDir()
	if err := fixture.MakeCA(dir); err != nil {
		t.Fatal(err)
	}
	files := map[string]string{
		"secrets/redis-password": "canary", "secrets/store.key": store.NewKey(),
		"redis-ca.pem": fileText(t, filepath.Join(dir, "ca.pem")),
	}
	cfg, err := config.Parse([]byte(section), "proxy.yaml", config.Environment{
		ReadFile: func(name string) ([]byte, error) { return []byte(files[filepath.ToSlash(name)]), nil },
		Stat: func(name string) (fs.FileInfo, error) {
			files := fstest.MapFS{"a": {Data: []byte(files[filepath.ToSlash(name)]), Mode: 0o600}}
			return files.Stat("a")
		},
	})
	if err != nil || cfg.Store.Redis == nil || len(cfg.Listen.ProxyProtocol) != 1 {
		t.Errorf("%v\n%s", err, section)
	}
}

func fileText(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestEveryCommandThatADocumentNamesExists(t *testing.T) {
	root := newRoot()
	named := regexp.MustCompile("docusign-auth-proxy ((?:[a-z][a-z-]*)(?: [a-z][a-z-]*)?)")
	for _, name := range documents(t) {
		if strings.HasPrefix(name, "deploy/") {
			continue // there the name is that of a user, a group and a service as well
		}
		for _, m := range named.FindAllStringSubmatch(document(t, name), -1) {
			words := strings.Fields(m[1])
			if words[0] == "is" || words[0] == "is-running" {
				continue
			}
			cmd, _, err := root.Find(words)
			if err != nil || cmd == root {
				t.Errorf("%s: there is no command %q", name, m[0])
			}
		}
	}
}

func TestEveryLinkOfTheDocumentsLeadsSomewhere(t *testing.T) {
	for _, name := range documents(t) {
		for _, m := range regexp.MustCompile(`\]\(([^) ]+)\)`).FindAllStringSubmatch(document(t, name), -1) {
			target, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(target, "://") {
				continue
			}
			file := name
			if target != "" {
				file = path.Join(path.Dir(name), target)
			}
			if err := exists(file); err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			if anchor != "" && !slices.Contains(anchors(document(t, file)), anchor) {
				t.Errorf("%s: %s has no section #%s", name, file, anchor)
			}
		}
	}
}

// anchors are made from headings as Markdown viewers do.
func anchors(text string) []string {
	var all []string
	for _, m := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(text, -1) {
		words := regexp.MustCompile(`[^a-z0-9 _-]`).ReplaceAllString(strings.ToLower(m[1]), "")
		all = append(all, strings.ReplaceAll(words, " ", "-"))
	}
	return all
}

func TestEveryCommandHasAnExample(t *testing.T) {
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		for _, sub := range c.Commands() {
			if sub.Name() == "help" || sub.Name() == "completion" || c.Name() == "completion" {
				continue
			}
			if sub.Runnable() && sub.Example == "" {
				t.Errorf("%s has no example", sub.CommandPath())
			}
			walk(sub)
		}
	}
	walk(newRoot())
}

func TestTheDemosNextStepsAreCommandsThatExist(t *testing.T) {
	root := newRoot()
	for _, s := range demo.NextSteps() {
		if s.Command == "" {
			continue
		}
		words := strings.Fields(strings.TrimPrefix(s.Command, "docusign-auth-proxy "))
		if i := slices.IndexFunc(words, func(w string) bool { return strings.ContainsAny(w[:1], "-<") }); i >= 0 {
			words = words[:i]
		}
		if found, rest, err := root.Find(words); err != nil || found == root || len(rest) > 0 || s.Why == "" {
			t.Errorf("%+v", s)
		}
	}
}
