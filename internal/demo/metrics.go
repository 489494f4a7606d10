package demo

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

const metricsPrefix = "docusign_auth_proxy_"

// told are the counters that the demo speaks of, in this order, with the labels it keeps apart; all others are summed
// over.
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

// sumUp tells what DocuSign counted and which metrics moved. It waits until the last call has been recorded, which
// happens after its answer.
func (n *narrator) sumUp(ctx context.Context) (proof, []moved, []string) {
	c := n.sandbox.Counts()
	p := proof{Calls: n.calls, Let: c.API + c.SOAP - n.asides, Grants: c.Grants, Legacy: c.Legacy.Total(),
		Leaks: len(n.sandbox.Leaks())}
	for _, refused := range refusals(c) {
		for _, times := range refused {
			p.Refused += times
		}
	}
	var trouble []string
	if p.Legacy+p.Leaks > 0 {
		trouble = append(trouble, fmt.Sprintf("%d legacy credentials and %d passwords reached DocuSign", p.Legacy,
			p.Leaks))
	}
	if p.Grants != 1 {
		trouble = append(trouble, fmt.Sprintf("%d tokens were asked for instead of 1", p.Grants))
	}
	metrics, err := n.settledCounters(ctx)
	if err != nil {
		trouble = append(trouble, err.Error())
	}
	return p, metrics, trouble
}

// settledCounters waits until the metrics count all calls.
func (n *narrator) settledCounters(ctx context.Context) ([]moved, error) {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	for {
		metrics, calls, err := counters(n.proxy.Metrics())
		if err != nil || calls >= n.calls {
			return metrics, err
		}
		select {
		case <-ctx.Done():
			return metrics, fmt.Errorf("the metrics count %d calls, but %d were made", calls, n.calls)
		case <-time.After(time.Millisecond):
		}
	}
}

// counters reads the proxy's metrics, which began with the demo.
func counters(from prometheus.Gatherer) (metrics []moved, calls int, err error) {
	families, err := from.Gather()
	for _, t := range told() {
		var grown []moved
		for name, by := range sums(families, t.name, t.labels) {
			if t.name == "requests_total" {
				calls += int(by)
			}
			if by != 0 {
				grown = append(grown, moved{name, by})
			}
		}
		slices.SortFunc(grown, func(a, b moved) int {
			return cmp.Or(cmp.Compare(b.By, a.By), strings.Compare(a.Name, b.Name))
		})
		metrics = append(metrics, grown...)
	}
	return metrics, calls, err
}

// sums adds up a counter by the labels that are kept apart; the keys are its name with those.
func sums(families []*dto.MetricFamily, name string, labels []string) map[string]float64 {
	by := map[string]float64{}
	i := slices.IndexFunc(families, func(f *dto.MetricFamily) bool { return f.GetName() == metricsPrefix+name })
	if i < 0 {
		return by
	}
	for _, m := range families[i].GetMetric() {
		var kept []string
		for _, l := range slices.Backward(m.GetLabel()) { // scheme before outcome
			if slices.Contains(labels, l.GetName()) {
				kept = append(kept, fmt.Sprintf("%s=%q", l.GetName(), l.GetValue()))
			}
		}
		key := name
		if len(kept) > 0 {
			key += "{" + strings.Join(kept, ",") + "}"
		}
		by[key] += m.GetCounter().GetValue()
	}
	return by
}
