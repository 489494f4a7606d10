package dashboards_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"gopkg.in/yaml.v3"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/internal/observe/metrics"
	"docusign-auth-proxy/translate/oauth"
)

const runbook = "../docs/runbook.md"

// toolsMustBeThere is set where the checks have installed everything: there a missing tool is a failure.
const toolsMustBeThere = "DOCUSIGN_AUTH_PROXY_TOOLS"

// tool finds a program of Prometheus'.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	if os.Getenv(toolsMustBeThere) != "" {
		t.Fatalf("%s is set, but %s is not in PATH: %v", toolsMustBeThere, name, err)
	}
	t.Skipf("%s is not in PATH; install Prometheus 2.42 or later to run this test", name)
	return ""
}

func promtool(t *testing.T, args ...string) {
	t.Helper()
	out, err := exec.Command(tool(t, "promtool"), args...).CombinedOutput()
	if err != nil || strings.Contains(string(out), "WARNING") {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func TestPromtoolAcceptsTheRules(t *testing.T) {
	promtool(t, append([]string{"check", "rules", "--lint=all", "--lint-fatal"}, ruleFiles()...)...)
}

func TestPromtoolAcceptsTheScrapeConfiguration(t *testing.T) {
	promtool(t, "check", "config", "--syntax-only", "prometheus/prometheus.yml")
}

func TestAlertsFireAndDoNotFire(t *testing.T) {
	promtool(t, append([]string{"test", "rules"}, ruleTests(t)...)...)
}

func ruleTests(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("prometheus/*_test.yml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no tests of the rules: %v", err)
	}
	return files
}

func TestPromtoolFindsNothingOnTheMetrics(t *testing.T) {
	reg := prometheus.NewRegistry()
	m, err := metrics.New(reg, metrics.Options{})
	if err != nil {
		t.Fatal(err)
	}
	m.Configure([]integration.Integration{{Name: "erp", IntegratorKey: "k", Mode: "translate", SOAP: "bearer"}})
	answer := httptest.NewRecorder()
	promhttp.HandlerFor(reg, promhttp.HandlerOpts{}).ServeHTTP(
		answer, httptest.NewRequest(http.MethodGet, "/metrics", nil),
	)
	checkMetrics(t, answer.Body.String())
}

// checkMetrics lets promtool look at what a scrape gets.
func checkMetrics(t *testing.T, text string) {
	t.Helper()
	cmd := exec.Command(tool(t, "promtool"), "check", "metrics")
	cmd.Stdin = strings.NewReader(text)
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("promtool check metrics: %v\n%s", err, out)
	}
}

// TestEveryAlertSaysWhatToDo also holds each against the runbook and its tests.
func TestEveryAlertSaysWhatToDo(t *testing.T) {
	sections := runbookSections(t)
	var tests string
	for _, file := range ruleTests(t) {
		tests += readFile(t, file)
	}
	count := 0
	for _, r := range allRules(t) {
		if r.Alert == "" {
			continue
		}
		count++
		t.Run(r.Alert, func(t *testing.T) {
			for _, part := range []string{"summary", "description", "runbook"} {
				if r.Annotations[part] == "" {
					t.Errorf("it has no %s", part)
				}
			}
			if s := r.Labels["severity"]; s != "page" && s != "ticket" {
				t.Errorf("severity %q", s)
			}
			anchor := strings.ToLower(r.Alert)
			if r.Annotations["runbook"] != "docs/runbook.md#"+anchor || !sections[anchor] {
				t.Errorf("%q is not the alert's section of the runbook", r.Annotations["runbook"])
			}
			quiet := regexp.MustCompile(`alertname: ` + r.Alert + `, exp_alerts: \[\]`).MatchString(tests)
			fires := regexp.MustCompile(`alertname: ` + r.Alert + `\n +exp_alerts:\n`).MatchString(tests)
			if !fires || !quiet {
				t.Errorf("it has tests in which it fires: %v, in which it does not: %v", fires, quiet)
			}
		})
	}
	if count < 10 {
		t.Errorf("only %d alerts were found", count)
	}
}

func TestTheRunbookHasNoSectionForAnAlertThatIsGone(t *testing.T) {
	known := map[string]bool{}
	for _, r := range allRules(t) {
		known[strings.ToLower(r.Alert)] = true
	}
	for s := range runbookSections(t) {
		if strings.HasPrefix(s, "docusign") && !known[s] {
			t.Errorf("#%s is no alert", s)
		}
	}
}

// TestTheRunbooksQueriesNameWhatExists holds the metrics that the runbook tells people to look at against the proxy's.
func TestTheRunbooksQueriesNameWhatExists(t *testing.T) {
	known := recordedMetrics(t)
	for _, m := range metrics.Names() {
		known[m.Name], known[m.Name+"_bucket"] = nil, nil
	}
	for _, name := range regexp.MustCompile(`docusign_auth_proxy[a-z0-9_:]+`).FindAllString(readFile(t, runbook), -1) {
		if _, ok := known[name]; !ok {
			t.Errorf("the runbook speaks of %s, which does not exist", name)
		}
	}
}

// TestTheRunbookKnowsEveryCause goes through all that the parts of the proxy can find wrong.
func TestTheRunbookKnowsEveryCause(t *testing.T) {
	text := readFile(t, runbook)
	for k := range 64 {
		for _, cause := range []string{call.Kind(k).String(), oauth.Kind(k).String()} {
			if cause != "other" && !strings.Contains(text, "`"+cause+"`") {
				t.Errorf("%s is not explained", cause)
			}
		}
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// runbookSections are the anchors of the runbook, made from its headings as Markdown viewers do.
func runbookSections(t *testing.T) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(readFile(t, runbook), -1) {
		anchor := regexp.MustCompile(`[^a-z0-9 _-]`).ReplaceAllString(strings.ToLower(m[1]), "")
		all[strings.ReplaceAll(anchor, " ", "-")] = true
	}
	return all
}

type composeFile struct {
	Services map[string]struct {
		Image, Build string
		Ports        []string
		Volumes      []string
	}
	Volumes map[string]any
}

func TestComposeIsPinnedPrivateAndComplete(t *testing.T) {
	var c composeFile
	if err := yaml.Unmarshal([]byte(readFile(t, "docker-compose.yml")), &c); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"proxy", "prometheus", "grafana"} {
		s, ok := c.Services[name]
		if !ok {
			t.Fatalf("there is no service %s", name)
		}
		if _, tag, ok := strings.Cut(s.Image, ":"); !ok || tag == "latest" {
			t.Errorf("%s: the image %q is not pinned", name, s.Image)
		}
		for _, p := range s.Ports {
			if !strings.HasPrefix(p, "127.0.0.1:") {
				t.Errorf("%s: port %s is open to the network", name, p)
			}
		}
		for _, v := range s.Volumes {
			from, _, _ := strings.Cut(v, ":")
			if _, named := c.Volumes[from]; named {
				continue
			}
			if _, err := os.Stat(from); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	all := readFile(t, "docker-compose.yml")
	for _, file := range append(dashboardFiles(), ruleFiles()...) {
		if !strings.Contains(all, "./"+file+":") {
			t.Errorf("%s is not mounted", file)
		}
	}
}

// TestTheComposedProxyStarts reads the proxy's configuration as the proxy does; only the folder of its state is
// another.
func TestTheComposedProxyStarts(t *testing.T) {
	t.Setenv("ADMIN_PASSWORD", "only-on-this-machine")
	dir := t.TempDir()
	path := filepath.Join(dir, "config.yaml")
	text := strings.Replace(readFile(t, "proxy.yaml"), "/var/lib/docusign-auth-proxy/", dir+"/", 1)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Admin.BasicAuth.Username != "prometheus" ||
		!strings.Contains(readFile(t, "prometheus/prometheus.yml"), "username: prometheus") {
		t.Error("Prometheus logs in as somebody else than the proxy asks for")
	}
}

func TestProvisioningLoadsWhatIsThere(t *testing.T) {
	for _, file := range []string{"provisioning/datasources/prometheus.yml", "provisioning/dashboards/docusign.yml"} {
		var doc struct {
			APIVersion             int `yaml:"apiVersion"`
			Datasources, Providers []map[string]any
		}
		if err := yaml.Unmarshal([]byte(readFile(t, file)), &doc); err != nil || doc.APIVersion != 1 ||
			len(doc.Datasources)+len(doc.Providers) != 1 {
			t.Errorf("%s: %v, %+v", file, err, doc)
		}
	}
}
