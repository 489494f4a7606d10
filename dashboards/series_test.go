package dashboards_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"gopkg.in/yaml.v3"

	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/internal/observe/metrics"
)

// scraped is one proxy as a Prometheus that looks once a minute sees it. Its samples are those of the real metrics.
type scraped struct {
	t        *testing.T
	instance string
	minute   int
	started  int // the minute in which the process did; before the first one it was the day before

	*metrics.Metrics // nil = the process does not run
	options          metrics.Options
	reg              *prometheus.Registry
	wanted           func(metric string) bool

	samples map[string][]string // by series: one a minute, _ where there is none
}

const job = "docusign-auth-proxy"

func newScraped(t *testing.T, instance string) *scraped {
	text := ""
	for _, r := range allRules(t) {
		text += r.Expr + "\n"
	}
	names := map[string]bool{}
	for _, name := range regexp.MustCompile(`[a-z_]+`).FindAllString(text, -1) {
		names[name] = true
	}
	return &scraped{
		t: t, instance: instance, wanted: func(metric string) bool { return names[metric] }, samples: map[string][]string{},
	}
}

func (g *scraped) now() time.Time { return time.Unix(int64(g.minute)*60, 0) }

// start begins a process with nothing counted yet.
func (g *scraped) start(list ...integration.Integration) {
	g.t.Helper()
	g.reg, g.started = prometheus.NewRegistry(), g.minute
	g.options.Now = g.now
	var err error
	if g.Metrics, err = metrics.New(g.reg, g.options); err != nil {
		g.t.Fatal(err)
	}
	g.Configure(list)
}

// look is one scrape; seen says whether Prometheus knows the target yet.
func (g *scraped) look(seen bool) {
	g.t.Helper()
	minute := map[string]float64{}
	if seen {
		minute[g.series("up", nil)] = 0
	}
	if seen && g.Metrics != nil {
		minute[g.series("up", nil)] = 1
		started := float64(g.started * 60)
		if g.started == 0 {
			started = -86400
		}
		minute[g.series("process_start_time_seconds", nil)] = started
		g.gather(minute)
	}
	for key := range minute {
		if g.samples[key] == nil {
			g.samples[key] = strings.Split(strings.Repeat("_ ", g.minute), " ")[:g.minute]
		}
	}
	for key, list := range g.samples {
		v, ok := minute[key]
		switch {
		case ok:
			list = append(list, strconv.FormatFloat(v, 'f', -1, 64))
		case list[len(list)-1] == "_" || list[len(list)-1] == "stale":
			list = append(list, "_")
		default:
			list = append(list, "stale")
		}
		g.samples[key] = list
	}
	g.minute++
}

func (g *scraped) gather(into map[string]float64) {
	g.t.Helper()
	families, err := g.reg.Gather()
	if err != nil {
		g.t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if g.wanted(f.GetName()) && m.Histogram == nil {
				into[g.series(f.GetName(), m.GetLabel())] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
}

func (g *scraped) series(name string, labels []*dto.LabelPair) string {
	text := fmt.Sprintf("%s{job=%q,instance=%q", name, job, g.instance)
	for _, l := range labels {
		text += fmt.Sprintf(",%s=%q", l.GetName(), l.GetValue())
	}
	return text + "}"
}

// inputs are the series as promtool takes them. Counters that stay at zero can raise nothing; without them it is quick.
func (g *scraped) inputs() []object {
	var list []object
	for key, values := range g.samples {
		text := strings.Join(values, " ")
		if strings.Contains(key, "_total{") && !strings.ContainsAny(text, "123456789") {
			continue
		}
		list = append(list, object{"series": key, "values": text})
	}
	return list
}

// expectation is what fires after some minutes: the labels that count by (alertname, instance) leaves, as promtool
// writes them.
type expectation struct {
	minute int
	alerts map[string][]string // by instance; "" = of all replicas together
}

// promtoolTest writes a test of the rules and lets promtool run it.
func promtoolTest(t *testing.T, targets []*scraped, expected []expectation) {
	t.Helper()
	var inputs, asks []object
	for _, g := range targets {
		inputs = append(inputs, g.inputs()...)
	}
	for _, e := range expected {
		samples := []object{}
		for instance, alerts := range e.alerts {
			for _, a := range alerts {
				labels := fmt.Sprintf("{alertname=%q,instance=%q}", a, instance)
				if instance == "" {
					labels = fmt.Sprintf("{alertname=%q}", a)
				}
				samples = append(samples, object{"labels": labels, "value": 1})
			}
		}
		asks = append(asks, object{
			"expr": `count by (alertname, instance) (count by (alertname, instance) (` +
				`ALERTS{alertstate="firing",alertname!="DocuSignProxyDown"}))`,
			"eval_time": fmt.Sprintf("%dm", e.minute), "exp_samples": samples,
		})
	}
	var files []string
	for _, file := range ruleFiles() {
		path, err := filepath.Abs(file)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, path)
	}
	text, err := yaml.Marshal(object{
		"rule_files": files, "evaluation_interval": "1m",
		"group_eval_order": []string{"docusign-auth-proxy", "docusign-auth-proxy-alerts"},
		"tests":            []object{{"interval": "1m", "input_series": inputs, "promql_expr_test": asks}},
	})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "alerts_test.yml")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	promtool(t, "test", "rules", path)
}
