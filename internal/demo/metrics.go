package demo

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"docusign-auth-proxy/internal/words"
)

const metricsPrefix = "docusign_auth_proxy_"

// spoken is a counter that the demo speaks of, with the labels it keeps apart; over all others it is summed.
type spoken struct {
	name   string
	labels []string
}

func told() []spoken {
	return []spoken{
		{"requests_total", []string{"scheme", "outcome"}},
		{"request_failures_total", []string{"cause"}},
		{"token_grants_total", []string{"result"}},
		{"token_cache_hits_total", nil},
		{"userinfo_fetches_total", []string{"result"}},
		{"base_uri_rewrites_total", nil},
	}
}

// moved is a counter and by how much it grew during the demo.
type moved struct {
	Name string  `json:"name"`
	By   float64 `json:"by"`
}

// Reached counts what must not reach DocuSign.
func (p proof) Reached() int { return p.Legacy + p.Leaks }

// sumUp tells what DocuSign counted and which metrics moved.
func (n *narrator) sumUp() (proof, []moved, []string) {
	c := n.sandbox.Counts()
	p := proof{Calls: n.calls, Let: c.API + c.SOAP - n.asides, Grants: c.Grants, Legacy: c.Legacy.Total(),
		Leaks: len(n.sandbox.Leaks())}
	for _, refused := range refusals(c) {
		for _, times := range refused {
			p.Refused += times
		}
	}
	var trouble []string
	if p.Reached() > 0 {
		trouble = append(trouble, fmt.Sprintf("%s and %s reached DocuSign", words.Count(p.Legacy,
			"legacy credential", "legacy credentials"), words.Count(p.Leaks, "password", "passwords")))
	}
	if p.Grants != 1 {
		trouble = append(trouble, "tokens were asked for "+words.Count(p.Grants, "time", "times")+" instead of once")
	}
	var metrics []moved
	var calls int
	var err error
	counted := eventually(func() bool {
		metrics, calls, err = counters(n.proxy.Metrics())
		return err != nil || calls >= n.calls
	})
	if !counted {
		err = fmt.Errorf("the metrics count %s, and %d were made", words.Count(calls, "call", "calls"), n.calls)
	}
	if err != nil {
		trouble = append(trouble, err.Error())
	}
	return p, metrics, trouble
}

// counters reads the proxy's metrics, which began with the demo.
func counters(from prometheus.Gatherer) (metrics []moved, calls int, err error) {
	families, err := from.Gather()
	for _, t := range told() {
		i := slices.IndexFunc(families, func(f *dto.MetricFamily) bool { return f.GetName() == metricsPrefix+t.name })
		if i < 0 {
			continue
		}
		sums := map[string]float64{}
		for _, m := range families[i].GetMetric() {
			sums[t.name+t.kept(m.GetLabel())] += m.GetCounter().GetValue()
			if t.name == "requests_total" {
				calls += int(m.GetCounter().GetValue())
			}
		}
		first := len(metrics)
		for name, by := range sums {
			if by != 0 {
				metrics = append(metrics, moved{name, by})
			}
		}
		slices.SortFunc(metrics[first:], func(a, b moved) int {
			return cmp.Or(cmp.Compare(b.By, a.By), strings.Compare(a.Name, b.Name))
		})
	}
	return metrics, calls, err
}

// kept are the labels that are told apart.
func (t spoken) kept(labels []*dto.LabelPair) string {
	var kept []string
	for _, l := range slices.Backward(labels) { // scheme before outcome
		if slices.Contains(t.labels, l.GetName()) {
			kept = append(kept, fmt.Sprintf("%s=%q", l.GetName(), l.GetValue()))
		}
	}
	if len(kept) == 0 {
		return ""
	}
	return "{" + strings.Join(kept, ",") + "}"
}
