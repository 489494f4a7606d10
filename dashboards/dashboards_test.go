package dashboards_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"docusign-auth-proxy/internal/observe/metrics"
	"docusign-auth-proxy/translate/legacy"
)

const grid = 24

// dashboardFiles are what Grafana loads.
func dashboardFiles() []string { return []string{"migration.json", "operations.json"} }

// board is a dashboard as read from its file, so that the file is tested and not the program that wrote it.
type board struct {
	UID           string
	Title         string
	SchemaVersion int
	Refresh       string
	Links         []struct{ Type, URL string }
	Time          struct{ From, To string }
	Templating    struct{ List []variable }
	Panels        []panel
}

type variable struct {
	Name, Type, Label, Description string
	Query                          any
	Options                        []struct{ Text, Value string }
	Hide                           int
}

type panel struct {
	ID          int
	Type        string
	Title       string
	Description string
	Collapsed   bool
	GridPos     struct{ H, W, X, Y int }
	Datasource  struct{ Type, UID string }
	Links       []struct{ Title, URL string }
	Targets     []target
	Panels      []panel
	FieldConfig struct {
		Defaults struct {
			Unit       string
			Thresholds struct {
				Mode  string
				Steps []struct {
					Color string
					Value *float64
				}
			}
		}
		Overrides []struct {
			Matcher    struct{ ID, Options string }
			Properties []struct {
				ID    string
				Value any
			}
		}
	}
	Transformations []struct {
		ID      string
		Options map[string]any
	}
}

type target struct {
	RefID, Expr, Format string
	Instant, Range      bool
	Datasource          struct{ Type, UID string }
}

func read(t *testing.T, file string) board {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var b board
	if err := json.Unmarshal(text, &b); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return b
}

// eachPanel visits everything but rows.
func eachPanel(t *testing.T, visit func(t *testing.T, b board, p panel)) {
	t.Helper()
	for _, file := range dashboardFiles() {
		b := read(t, file)
		for _, p := range b.Panels {
			if p.Type != "row" {
				t.Run(b.UID+"/"+p.Title, func(t *testing.T) { visit(t, b, p) })
			}
		}
	}
}

func TestDashboardsAreOfTheOldestGrafanaTheyAreFor(t *testing.T) {
	// Panels of Grafana 9.3 that need no plugin and no other kind of data.
	known := []string{
		"row", "stat", "timeseries", "bargauge", "gauge", "barchart", "table", "heatmap", "status-history", "state-timeline",
		"piechart", "text", "histogram",
	}
	for _, file := range dashboardFiles() {
		b := read(t, file)
		if b.SchemaVersion != 37 {
			t.Errorf("%s: schemaVersion is %d", file, b.SchemaVersion)
		}
		if b.UID == "" || len(b.UID) > 40 || b.Title == "" || b.Time.From == "" || b.Refresh == "" {
			t.Errorf("%s: uid %q, title %q, time %+v, refresh %q", file, b.UID, b.Title, b.Time, b.Refresh)
		}
		for _, p := range b.Panels {
			if !slices.Contains(known, p.Type) {
				t.Errorf("%s: panel %q is a %s", file, p.Title, p.Type)
			}
		}
	}
}

func TestPanelsHaveTheirOwnIDAndPlace(t *testing.T) {
	for _, file := range dashboardFiles() {
		ids, titles, taken := map[int]string{}, map[string]bool{}, map[[2]int]string{}
		for _, p := range read(t, file).Panels {
			if other, again := ids[p.ID]; again || p.ID < 1 {
				t.Errorf("%s: %q has the id %d of %q", file, p.Title, p.ID, other)
			}
			if titles[p.Title] {
				t.Errorf("%s: two panels are called %q", file, p.Title)
			}
			ids[p.ID], titles[p.Title] = p.Title, true
			g := p.GridPos
			if g.W < 1 || g.H < 1 || g.X < 0 || g.Y < 0 || g.X+g.W > grid {
				t.Errorf("%s: %q lies at %+v, outside the grid", file, p.Title, g)
			}
			for x := g.X; x < g.X+g.W; x++ {
				for y := g.Y; y < g.Y+g.H; y++ {
					if other, again := taken[[2]int{x, y}]; again {
						t.Fatalf("%s: %q lies on %q", file, p.Title, other)
					}
					taken[[2]int{x, y}] = p.Title
				}
			}
			if len(p.Panels) > 0 || p.Collapsed {
				t.Errorf("%s: the row %q hides panels", file, p.Title)
			}
		}
	}
}

func TestEveryPanelExplainsItself(t *testing.T) {
	sections := runbookSections(t)
	eachPanel(t, func(t *testing.T, _ board, p panel) {
		what, red, ok := strings.Cut(p.Description, "\n\n**Red:** ")
		if !ok || len(what) < 30 || len(red) < 20 {
			t.Errorf("the description %q does not say what it shows and what to do when it is red", p.Description)
		}
		d := p.FieldConfig.Defaults
		if p.Title == "" || d.Unit == "" {
			t.Errorf("title %q, unit %q", p.Title, d.Unit)
		}
		colours := map[string]bool{}
		last := 0.0
		for i, s := range d.Thresholds.Steps {
			colours[s.Color] = true
			if (s.Value == nil) != (i == 0) {
				t.Errorf("threshold %d has the value %v", i, s.Value)
			}
			if i > 1 && *s.Value < last {
				t.Errorf("thresholds do not rise: %+v", d.Thresholds.Steps)
			}
			if s.Value != nil {
				last = *s.Value
			}
		}
		if !colours["red"] || len(d.Thresholds.Steps) < 2 {
			t.Errorf("nothing is ever red: %+v", d.Thresholds.Steps)
		}
		if len(p.Links) != 1 {
			t.Fatalf("%d links instead of the one to the runbook", len(p.Links))
		}
		section, ok := strings.CutPrefix(p.Links[0].URL, "${runbook}#")
		if !ok || !sections[section] {
			t.Errorf("%s leads to no section of the runbook", p.Links[0].URL)
		}
	})
}

func TestEveryTargetAsksTheChosenDataSource(t *testing.T) {
	eachPanel(t, func(t *testing.T, _ board, p panel) {
		if p.Datasource.UID != "${datasource}" || len(p.Targets) == 0 {
			t.Errorf("data source %+v, %d targets", p.Datasource, len(p.Targets))
		}
		for _, q := range p.Targets {
			if q.Datasource.UID != "${datasource}" || q.Datasource.Type != "prometheus" || q.RefID == "" ||
				q.Instant == q.Range {
				t.Errorf("target %+v", q)
			}
		}
	})
}

func TestVariablesAreThereAndUsed(t *testing.T) {
	needed := []string{"datasource", "instance", "integration", "runbook", "status_page"}
	builtIn := regexp.MustCompile(`^__`)
	use := regexp.MustCompile(`\$\{?([a-zA-Z_]+)`)
	for _, file := range dashboardFiles() {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		known := map[string]bool{}
		for _, v := range read(t, file).Templating.List {
			known[v.Name] = true
			if v.Label == "" || v.Description == "" {
				t.Errorf("%s: variable %s has label %q, description %q", file, v.Name, v.Label, v.Description)
			}
		}
		for _, name := range needed {
			if !known[name] {
				t.Errorf("%s: the variable %s is missing", file, name)
			}
		}
		used := map[string]bool{}
		for _, m := range use.FindAllStringSubmatch(string(text), -1) {
			used[m[1]] = true
			if !known[m[1]] && !builtIn.MatchString(m[1]) {
				t.Errorf("%s: %s is no variable", file, m[0])
			}
		}
		for name := range known {
			if !used[name] {
				t.Errorf("%s: the variable %s is not used", file, name)
			}
		}
	}
}

// TestNoPanelIgnoresTheVariables finds queries that show what was not chosen.
func TestNoPanelIgnoresTheVariables(t *testing.T) {
	selector := regexp.MustCompile(`[a-z_:]+\{[^}]*\}`)
	eachPanel(t, func(t *testing.T, _ board, p panel) {
		for _, q := range p.Targets {
			if strings.HasPrefix(q.Expr, "max by (alertname") {
				continue // alerts are shown whatever is chosen
			}
			if !strings.Contains(q.Expr, `instance=~"$instance"`) {
				t.Errorf("%s does not look at $instance", q.Expr)
			}
			for _, s := range selector.FindAllString(q.Expr, -1) {
				if !strings.Contains(s, `instance=~"$instance"`) &&
					!strings.HasPrefix(s, "docusign_auth_proxy_integration_info{mode=") {
					t.Errorf("%s does not look at $instance", s)
				}
			}
		}
	})
}

func TestNoQueryStandsTwice(t *testing.T) {
	seen, parts := map[string]string{}, map[string]string{}
	for _, q := range allQueries(t) {
		text := strings.Join(strings.Fields(q.expr), " ")
		if other, again := seen[text]; again {
			t.Errorf("%s asks the same as %s: %s", q.where, other, text)
		}
		seen[text] = q.where
		for _, part := range aggregates(text) {
			if other, again := parts[part]; again && other != q.panel {
				t.Errorf("%s and %s have this in common; record it: %s", q.where, other, part)
			}
			parts[part] = q.panel
		}
	}
	if len(seen) < 80 {
		t.Errorf("only %d queries were found", len(seen))
	}
}

// aggregates finds the parts of an expression that aggregate a rate: what would be computed twice.
func aggregates(expr string) []string {
	var list []string
	for _, at := range regexp.MustCompile(`\b(sum|min|max|avg|count)( by \([^)]*\))? ?\(`).FindAllStringIndex(expr, -1) {
		depth := 0
		for i := at[1] - 1; i < len(expr); i++ {
			switch expr[i] {
			case '(':
				depth++
			case ')':
				depth--
			}
			if depth == 0 {
				if part := expr[at[0] : i+1]; strings.Contains(part, "rate(") || strings.Contains(part, "increase(") {
					list = append(list, part)
				}
				break
			}
		}
	}
	return list
}

// TestEveryMetricAndLabelExists holds the queries against what the proxy has.
func TestEveryMetricAndLabelExists(t *testing.T) {
	labels := map[string][]string{
		"up":                            nil,
		"ALERTS":                        {"alertname", "alertstate", "severity", "integration"},
		"go_goroutines":                 nil,
		"process_cpu_seconds_total":     nil,
		"process_resident_memory_bytes": nil,
		"process_open_fds":              nil,
		"process_max_fds":               nil,
		"process_start_time_seconds":    nil,
	}
	for _, m := range metrics.Names() {
		labels[m.Name] = m.Labels
		if m.Type == "histogram" {
			labels[m.Name+"_bucket"] = append(slices.Clone(m.Labels), "le")
			labels[m.Name+"_sum"], labels[m.Name+"_count"] = m.Labels, m.Labels
		}
	}
	recorded := recordedMetrics(t)
	maps.Copy(labels, recorded)
	used := map[string]bool{}
	for _, q := range allQueries(t) {
		checkNames(t, q, labels, used)
	}
	for name := range recorded {
		if !used[name] {
			t.Errorf("%s is recorded and used nowhere", name)
		}
	}
	for _, m := range metrics.Names() {
		if !used[m.Name] && !used[m.Name+"_bucket"] {
			t.Errorf("%s is shown nowhere", m.Name)
		}
	}
}

func checkNames(t *testing.T, q asked, labels map[string][]string, used map[string]bool) {
	t.Helper()
	bare := regexp.MustCompile(`"[^"]*"`).ReplaceAllString(q.expr, `""`)
	everywhere := []string{"instance", "job"}
	var inQuery []string
	metric := regexp.MustCompile(`\b((?:docusign_auth_proxy|process_|go_)[a-zA-Z0-9_:]*|up|ALERTS)\b(\{[^}]*\})?`)
	for _, m := range metric.FindAllStringSubmatch(bare, -1) {
		has, ok := labels[m[1]]
		if !ok {
			t.Errorf("%s: there is no metric %s", q.where, m[1])
		}
		used[m[1]] = true
		inQuery = append(inQuery, has...)
		for _, l := range regexp.MustCompile(`([a-z_]+)(=~|!~|!=|=)`).FindAllStringSubmatch(m[2], -1) {
			if !slices.Contains(has, l[1]) && !slices.Contains(everywhere, l[1]) {
				t.Errorf("%s: %s has no label %s", q.where, m[1], l[1])
			}
		}
	}
	grouping := regexp.MustCompile(`\b(?:by|on|ignoring|without|group_left) ?\(([^)]*)\)`)
	for _, m := range grouping.FindAllStringSubmatch(bare, -1) {
		for l := range strings.SplitSeq(m[1], ",") {
			if l = strings.TrimSpace(l); l != "" && !slices.Contains(inQuery, l) && !slices.Contains(everywhere, l) {
				t.Errorf("%s: no metric in it has the label %s", q.where, l)
			}
		}
	}
}

// TestLegacyMeansTheSameAsInTheProxy guards the one selector that all of it rests on.
func TestLegacyMeansTheSameAsInTheProxy(t *testing.T) {
	text, err := os.ReadFile("migration.json")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`scheme!~\\"([^"]*)\\"`).FindSubmatch(text)
	if found == nil {
		t.Fatal("no query tells legacy credentials from others")
	}
	others := strings.Split(string(found[1]), "|")
	for _, s := range legacy.Schemes() {
		if slices.Contains(others, s.String()) == s.Legacy() {
			t.Errorf("%s: legacy is %v in the proxy and not in the dashboards", s, s.Legacy())
		}
	}
}

func TestTableColumnsExist(t *testing.T) {
	eachPanel(t, func(t *testing.T, _ board, p panel) {
		for _, tr := range p.Transformations {
			if tr.ID != "organize" {
				continue
			}
			for field := range tr.Options["renameByName"].(map[string]any) {
				if !columnExists(p, field) {
					t.Errorf("no query answers with the column %s", field)
				}
			}
		}
	})
}

func columnExists(p panel, field string) bool {
	for _, q := range p.Targets {
		if field == "Value #"+q.RefID || field == "Value" && len(p.Targets) == 1 {
			return true
		}
		grouping := regexp.MustCompile(`^(?:[a-z() -]*)(?:max|min|sum) by \(([^)]*)\)|by \(([^)]*)\)`)
		for _, m := range grouping.FindAllStringSubmatch(q.Expr, -1) {
			if slices.Contains(strings.Split(m[1]+m[2], ", "), field) {
				return true
			}
		}
	}
	return false
}

// asked is a query and where it stands.
type asked struct {
	where, panel, expr string
	instant            bool
}

// allQueries are those of the dashboards and of the rules.
func allQueries(t *testing.T) []asked {
	t.Helper()
	var list []asked
	for _, file := range dashboardFiles() {
		for _, p := range read(t, file).Panels {
			name := file + ": " + p.Title
			for _, q := range p.Targets {
				list = append(list, asked{fmt.Sprintf("%s (%s)", name, q.RefID), name, q.Expr, q.Instant})
			}
		}
	}
	for _, r := range allRules(t) {
		name := r.Record + r.Alert
		list = append(list, asked{name, name, r.Expr, true})
	}
	return list
}

type rule struct {
	Record, Alert, Expr, For string
	Labels, Annotations      map[string]string
}

func ruleFiles() []string {
	return []string{"prometheus/recording.rules.yml", "prometheus/alerts.rules.yml"}
}

func allRules(t *testing.T) []rule {
	t.Helper()
	var all []rule
	for _, file := range ruleFiles() {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var doc struct {
			Groups []struct {
				Name  string
				Rules []rule
			}
		}
		if err := yaml.Unmarshal(text, &doc); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, g := range doc.Groups {
			all = append(all, g.Rules...)
		}
	}
	return all
}

// recordedMetrics are the recording rules' with the labels that are left after their aggregation.
func recordedMetrics(t *testing.T) map[string][]string {
	t.Helper()
	all := map[string][]string{}
	for _, r := range allRules(t) {
		if r.Record != "" {
			all[r.Record] = []string{"integration", "scheme", "outcome", "window", "cause", "door", "reason", "mode", "soap", "store",
				"state"}
		}
	}
	return all
}
