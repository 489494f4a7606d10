package dashboards_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"
)

const (
	answerLimit = 45 * time.Second // for all queries to answer
	pause       = 100 * time.Millisecond
)

// mayBeEmpty lists queries that have no reason to answer in a world that lasts a minute; each must still be valid.
func mayBeEmpty() map[string]string {
	return map[string]string{
		"DocuSignProxyFault":                                      "nothing makes the proxy panic",
		"docusign_auth_proxy:panics:increase15m":                  "nothing makes the proxy panic",
		"DocuSignCAExpired":                                       "the CA of the test is good for 20 days",
		"DocuSignLogStuck":                                        "the log is read",
		"docusign_auth_proxy:legacy_call_gap:seconds":             "it looks back an hour",
		"operations.json: Faults, and log lines lost (A)":         "nothing makes the proxy panic",
		"operations.json: Faults, and log lines lost (B)":         "the log is read",
		"operations.json: Faults, and log lines lost (C)":         "the log is read",
		"DocuSignProxySaturated":                                  "the test does not use up its file descriptors",
		"operations.json: Oldest creation without an answer (A)":  "no creation is left open",
		"DocuSignCreationUnresolved":                              "no creation is left open",
		"DocuSignReplicaCutOff":                                   "the store is there",
		"DocuSignStoreFeedLate":                                   "the store is there",
		"DocuSignStoreUnreachable":                                "the store is there",
		"DocuSignReplicasDiffer":                                  "there is one replica",
		"DocuSignReplicaDown":                                     "there is one replica",
		"DocuSignLedgerUnsent":                                    "the ledger gets there",
		"DocuSignRefreshConflict":                                 "there is one replica",
		"docusign_auth_proxy:refresh_conflicts:increase15m":       "there is one replica",
		"operations.json: What may be lost or was made twice (A)": "the server has no copy",
	}
}

// mayBeZero lists queries whose answer is rightly nothing but zero in that world.
func mayBeZero() map[string]string {
	return map[string]string{
		"migration.json: Programs off legacy (A)": "every program has just called, or shares its figure with one " +
			"that has",
		"migration.json: Integrations ready to go live (A)":       "none has made 20 calls at first",
		"operations.json: Configuration (A)":                      "the file is spoilt on purpose",
		"operations.json: Calls and connections open (A)":         "no call is under way when Prometheus looks",
		"operations.json: Calls and connections open (C)":         "no tunnel is open",
		"operations.json: Hourly limit starts anew in (A)":        "the hour may just have ended",
		"operations.json: Documents under way (A)":                "no document is under way when Prometheus looks",
		"operations.json: What may be lost or was made twice (B)": "there is one replica",
		"operations.json: What may be lost or was made twice (C)": "nobody else writes to the server",
		"operations.json: Calls not yet in the store (A)":         "they may just have been sent",
		"DocuSignConfigNotLoaded":                                 "the alert's value is 0",
		"DocuSignProxyDown":                                       "the alert's value is 0",
	}
}

// monitor is a Prometheus that scrapes the world with the rules as they are shipped.
type monitor struct {
	t       *testing.T
	process *process
	base    string
}

func newMonitor(t *testing.T, w *world) *monitor {
	t.Helper()
	binary := tool(t, "prometheus")
	var doc object
	if err := yaml.Unmarshal([]byte(readFile(t, "prometheus/prometheus.yml")), &doc); err != nil {
		t.Fatal(err)
	}
	doc["global"] = object{"scrape_interval": "1s", "evaluation_interval": "1s"}
	var rules []string
	for _, file := range ruleFiles() {
		path, err := filepath.Abs(file)
		if err != nil {
			t.Fatal(err)
		}
		rules = append(rules, path)
	}
	doc["rule_files"] = rules
	job := doc["scrape_configs"].([]any)[0].(object)
	delete(job, "basic_auth")
	job["static_configs"] = []object{{"targets": []string{w.admin}}}
	text, err := yaml.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	config := w.write(t, "prometheus.yml", text)
	m := &monitor{t: t}
	m.process = start(
		t,
		exec.Command(
			binary, "--config.file="+config, "--storage.tsdb.path="+filepath.Join(w.dir, "tsdb"),
			"--web.listen-address=127.0.0.1:0",
		),
	)
	m.base = "http://127.0.0.1:" + m.process.wait(
		t, regexp.MustCompile(`Listening on.*address=127\.0\.0\.1:([1-9]\d*)`),
	)[1]
	m.waitReady()
	return m
}

// waitReady waits until Prometheus has read its storage; it answers no query before.
func (m *monitor) waitReady() {
	m.t.Helper()
	for late := time.Now().Add(startTime); ; time.Sleep(pause) {
		resp, err := http.Get(m.base + "/-/ready")
		if err != nil {
			m.t.Fatalf("%v\n%s", err, m.process.last())
		}
		resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			return
		}
		if time.Now().After(late) {
			m.t.Fatalf("Prometheus is not ready\n%s", m.process.last())
		}
	}
}

// answer is what Prometheus' API gives.
type answer struct {
	Status, Error string
	Warnings      []string
	Data          struct {
		ResultType string
		Result     []struct {
			Metric map[string]string
			Value  [2]any
			Values [][2]any
		}
	}
}

func (m *monitor) ask(path string, form url.Values) answer {
	m.t.Helper()
	resp, err := http.PostForm(m.base+path, form)
	if err != nil {
		m.t.Fatalf("%v\n%s", err, m.process.last())
	}
	defer resp.Body.Close()
	var a answer
	if err := json.NewDecoder(io.LimitReader(resp.Body, 64<<20)).Decode(&a); err != nil {
		m.t.Fatalf("%s %v: %v", path, form, err)
	}
	return a
}

// fill puts in what Grafana would.
func fill(expr string) string {
	return strings.NewReplacer(
		"$__rate_interval", "20s", "$__range", "60s", "$__interval", "5s", "$instance", ".+", "$integration", ".+",
		"$idle_days", "0",
	).Replace(expr)
}

// run asks a query as its panel does.
func (m *monitor) run(q asked) answer {
	m.t.Helper()
	form := url.Values{"query": {fill(q.expr)}}
	path := "/api/v1/query"
	if !q.instant {
		now := time.Now().Unix()
		path = "/api/v1/query_range"
		form["start"], form["end"], form["step"] = []string{
			strconv.FormatInt(now-30, 10),
		}, []string{strconv.FormatInt(now, 10)}, []string{"1"}
	}
	a := m.ask(path, form)
	if a.Status != "success" || a.Error != "" || len(a.Warnings) > 0 {
		m.t.Fatalf("%s: %s %s %v\n%s", q.where, a.Status, a.Error, a.Warnings, fill(q.expr))
	}
	return a
}

// told reports whether there are numbers in the answer, and whether any but zero.
func (a answer) told() (number, nonzero bool) {
	see := func(v [2]any) {
		text, _ := v[1].(string)
		if f, err := strconv.ParseFloat(text, 64); err == nil && f == f {
			number = true
			nonzero = nonzero || f != 0
		}
	}
	for _, r := range a.Data.Result {
		if len(r.Values) == 0 {
			see(r.Value)
		}
		for _, v := range r.Values {
			see(v)
		}
	}
	return number, nonzero
}

// TestEveryQueryAnswersOnRealPrometheus runs the proxy under a mixed load, lets Prometheus scrape it, and asks every
// query of every dashboard and rule, with the variables filled in.
func TestEveryQueryAnswersOnRealPrometheus(t *testing.T) {
	tool(t, "prometheus")
	w := newWorld(t)
	m := newMonitor(t, w)
	l := newLoad(t, w)
	m.waitFor("the first scrape", `up{job="docusign-auth-proxy"} == 1`)
	l.round()
	w.write(t, "proxy.yaml", []byte(readFile(t, w.config)+"\nno_such_key: true\n")) // for DocuSignConfigNotLoaded
	pending := map[string]asked{}
	for _, q := range allQueries(t) {
		if q.where != "DocuSignProxyDown" && q.where != "DocuSignRateLimitNear" {
			pending[q.where] = q
		}
	}
	deadline := time.Now().Add(answerLimit)
	for m.settle(pending); len(pending) > 0 && time.Now().Before(deadline); m.settle(pending) {
		l.round()
		m.nextScrape()
	}
	for where, q := range pending {
		number, _ := m.run(q).told()
		t.Errorf("%s: answers at all: %v, with more than zero: false\n%s", where, number, fill(q.expr))
	}
	checkMetrics(t, w.scrape(t))
	l.exhaust()
	m.mustAnswer("DocuSignRateLimitNear")
	m.rulesAreWell()
	w.process.stop(t)
	m.mustAnswer("DocuSignProxyDown")
}

// settle drops the queries that have answered.
func (m *monitor) settle(pending map[string]asked) {
	m.t.Helper()
	for where, q := range pending {
		number, nonzero := m.run(q).told()
		_, zero := mayBeZero()[where]
		_, empty := mayBeEmpty()[where]
		if nonzero || number && zero || empty {
			delete(pending, where)
		}
	}
}

// waitFor polls until an expression has an answer.
func (m *monitor) waitFor(what, expr string) {
	m.t.Helper()
	for late := time.Now().Add(startTime); ; time.Sleep(pause) {
		if a := m.run(asked{where: what, expr: expr, instant: true}); len(a.Data.Result) > 0 {
			return
		}
		if time.Now().After(late) {
			m.t.Fatalf("%s: %s has no answer\n%s", what, expr, m.process.last())
		}
	}
}

func (m *monitor) nextScrape() {
	m.t.Helper()
	m.waitFor(
		"the next scrape",
		fmt.Sprintf(`timestamp(up{job="docusign-auth-proxy"}) > %.3f`, float64(time.Now().UnixMilli())/1000),
	)
}

func (m *monitor) mustAnswer(alert string) {
	m.t.Helper()
	for _, q := range allQueries(m.t) {
		if q.where == alert {
			m.waitFor(alert, fill(q.expr))
		}
	}
}

// rulesAreWell asks Prometheus how its own evaluations went.
func (m *monitor) rulesAreWell() {
	m.t.Helper()
	resp, err := http.Get(m.base + "/api/v1/rules")
	if err != nil {
		m.t.Fatal(err)
	}
	defer resp.Body.Close()
	var doc struct {
		Data struct {
			Groups []struct {
				Rules []struct{ Name, Health, LastError string }
			}
		}
	}
	if err := json.NewDecoder(resp.Body).Decode(&doc); err != nil {
		m.t.Fatal(err)
	}
	count := 0
	for _, g := range doc.Data.Groups {
		for _, r := range g.Rules {
			count++
			if r.Health != "ok" || r.LastError != "" {
				m.t.Errorf("rule %s: %s %s", r.Name, r.Health, r.LastError)
			}
		}
	}
	if want := len(allRules(m.t)); count != want {
		m.t.Errorf("Prometheus evaluates %d rules of %d", count, want)
	}
}

func (w *world) scrape(t *testing.T) string {
	t.Helper()
	resp, err := http.Get("http://" + w.admin + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("scrape: %d, %v", resp.StatusCode, err)
	}
	return string(text)
}
