package demo

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	metricsPrefix = "docusign_auth_proxy_"
	scrapeLimit   = 8 << 20
)

// told are the counters that the demo speaks of, with the labels it keeps apart; all others are summed over.
var told = []struct {
	name   string
	labels []string
}{
	{"requests_total", []string{"scheme", "outcome"}},
	{"request_failures_total", []string{"cause"}},
	{"token_grants_total", []string{"result"}},
	{"token_cache_hits_total", nil},
	{"userinfo_fetches_total", []string{"result"}},
	{"base_uri_rewrites_total", nil},
}

// moved is a counter and by how much it grew during the demo.
type moved struct {
	Name string  `json:"name"`
	By   float64 `json:"by"`
}

// sumUp tells what DocuSign counted and which metrics moved. It waits until the last call has been recorded, which happens after its answer.
func (s *stage) sumUp(ctx context.Context) (proof, []moved, []string) {
	c := s.sandbox.Counts()
	p := proof{Calls: s.calls, Let: c.API + c.SOAP - s.asides, Grants: c.Grants, Legacy: c.Legacy.Total(), Leaks: len(s.sandbox.Leaks())}
	for _, refused := range []map[string]int{c.Refused, c.SOAPRefused, c.GrantErrors} {
		for _, n := range refused {
			p.Refused += n
		}
	}
	var trouble []string
	if p.Legacy+p.Leaks > 0 {
		trouble = append(trouble, fmt.Sprintf("%d legacy credentials and %d passwords reached DocuSign", p.Legacy, p.Leaks))
	}
	if p.Grants != 1 {
		trouble = append(trouble, fmt.Sprintf("%d tokens were asked for instead of 1", p.Grants))
	}
	metrics, err := s.movement(ctx)
	if err != nil {
		trouble = append(trouble, err.Error())
	}
	return p, metrics, trouble
}

// movement compares the counters with those before the first act.
func (s *stage) movement(ctx context.Context) ([]moved, error) {
	for deadline := time.Now().Add(callLimit); ; time.Sleep(time.Millisecond) {
		after, err := s.counters(ctx)
		if err != nil {
			return nil, err
		}
		metrics, calls := s.compare(after)
		if calls >= s.calls {
			return metrics, nil
		}
		if time.Now().After(deadline) {
			return metrics, fmt.Errorf("the metrics count %d calls, but %d were made", calls, s.calls)
		}
	}
}

func (s *stage) compare(after map[string]float64) (metrics []moved, calls int) {
	sums := map[string]float64{}
	for series, value := range after {
		by := value - s.before[series]
		name, labels, _ := strings.Cut(strings.TrimPrefix(series, metricsPrefix), "{")
		for _, t := range told {
			if t.name == name && by != 0 {
				sums[name+kept(labels, t.labels)] += by
			}
		}
		if name == "requests_total" {
			calls += int(by)
		}
	}
	for name, by := range sums {
		metrics = append(metrics, moved{name, by})
	}
	slices.SortFunc(metrics, func(a, b moved) int {
		return cmp.Or(rank(a.Name)-rank(b.Name), cmp.Compare(b.By, a.By), strings.Compare(a.Name, b.Name))
	})
	return metrics, calls
}

func rank(series string) int {
	name, _, _ := strings.Cut(series, "{")
	for i, t := range told {
		if t.name == name {
			return i
		}
	}
	return len(told)
}

// kept writes the labels of that list again. The values of these labels are words of the proxy's own, without quotes or commas.
func kept(labels string, names []string) string {
	var pairs []string
	for _, name := range names {
		for pair := range strings.SplitSeq(strings.TrimSuffix(labels, "}"), ",") {
			if strings.HasPrefix(pair, name+"=") {
				pairs = append(pairs, pair)
			}
		}
	}
	if len(pairs) == 0 {
		return ""
	}
	return "{" + strings.Join(pairs, ",") + "}"
}

// counters scrapes the operations listener as Prometheus does.
func (s *stage) counters(ctx context.Context) (map[string]float64, error) {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.adminURL()+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{DisableKeepAlives: true} // no HTTP_PROXY either: this goes to the machine itself
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return nil, fmt.Errorf("scrape: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("scrape: status %d", resp.StatusCode)
	}
	return readCounters(io.LimitReader(resp.Body, scrapeLimit))
}

// readCounters takes the proxy's counters from the text format, a series a line.
func readCounters(r io.Reader) (map[string]float64, error) {
	found := map[string]float64{}
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		line := lines.Text()
		at := strings.LastIndexByte(line, ' ')
		if at < 0 || !strings.HasPrefix(line, metricsPrefix) || !strings.Contains(line, "_total") {
			continue
		}
		value, err := strconv.ParseFloat(line[at+1:], 64)
		if err != nil {
			return nil, fmt.Errorf("scrape: %w", err)
		}
		found[line[:at]] = value
	}
	return found, lines.Err()
}
