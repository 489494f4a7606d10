package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
)

// report writes the results as text or as the tables of docs/performance.md.
type report struct {
	results []result
	rounds  int
	quick   bool
	machine string
}

// row is one figure of one scenario, ready to print.
type row struct {
	figure, proxy, peer, ratio, spread, goal string
}

// spread is the median of some numbers and their extremes.
type spread struct{ median, low, high float64 }

func spreadOf(values []float64) spread {
	if len(values) == 0 {
		return spread{}
	}
	s := slices.Sorted(slices.Values(values))
	middle := s[len(s)/2]
	if len(s)%2 == 0 {
		middle = (s[len(s)/2-1] + s[len(s)/2]) / 2
	}
	return spread{middle, s[0], s[len(s)-1]}
}

func values(ms []measure, f figure) []float64 {
	var out []float64
	for _, m := range ms {
		out = append(out, f.of(m))
	}
	return out
}

// ratios divides round by round: what disturbs one round disturbs both of its turns.
func ratios(a, b []measure, f figure) []float64 {
	var out []float64
	for i := range min(len(a), len(b)) {
		if d := f.of(b[i]); d != 0 {
			out = append(out, f.of(a[i])/d)
		}
	}
	return out
}

func (r result) row(f figure) row {
	own := spreadOf(values(r.measures[r.scenario.peers[0]], f))
	out := row{figure: f.name, proxy: number(own.median) + " " + f.unit}
	judged := own
	if f.against == "" {
		out.spread = number(own.low) + "–" + number(own.high) + " " + f.unit
	} else {
		out.peer = f.against + " " + number(spreadOf(values(r.measures[f.against], f)).median) + " " + f.unit
		judged = spreadOf(ratios(r.measures[r.scenario.peers[0]], r.measures[f.against], f))
		out.ratio = fmt.Sprintf("%.2f", judged.median)
		out.spread = fmt.Sprintf("%.2f–%.2f", judged.low, judged.high)
	}
	out.goal = f.goal(judged.median)
	return out
}

func (f figure) goal(got float64) string {
	switch {
	case f.most > 0:
		return fmt.Sprintf("≤ %.2f %s", f.most, verdict(got <= f.most))
	case f.least > 0:
		return fmt.Sprintf("≥ %.2f %s", f.least, verdict(got >= f.least))
	}
	return ""
}

func verdict(reached bool) string {
	if reached {
		return "reached"
	}
	return "missed"
}

func number(v float64) string {
	switch {
	case v >= 1000:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

func (r report) text(w io.Writer) error {
	fmt.Fprintf(w, "%s; %d rounds; median ratio and its extremes over the rounds\n", r.machine, r.rounds)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, res := range r.results {
		fmt.Fprintf(t, "\n%s: %s\n", res.scenario.name, res.scenario.title)
		for _, f := range res.scenario.figures {
			x := res.row(f)
			fmt.Fprintf(t, "  %s\t%s\t%s\t%s\t%s\t%s\n", x.figure, x.proxy, x.peer, x.ratio, x.spread, x.goal)
		}
	}
	if r.quick {
		fmt.Fprintln(t, "\nThese are the small counts of -quick: too few to judge by.")
	}
	return t.Flush()
}

func (r report) markdown(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "Measured on %s, in %d rounds.\n", r.machine, r.rounds)
	for _, res := range r.results {
		fmt.Fprintf(&b, "\n### `%s`: %s\n\n", res.scenario.name, res.scenario.title)
		b.WriteString("| Figure | docusign-auth-proxy | Peer | Ratio | Lowest–highest | Goal |\n|---|---|---|---|---|---|\n")
		for _, f := range res.scenario.figures {
			x := res.row(f)
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", x.figure, x.proxy, x.peer, x.ratio, x.spread, x.goal)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// describeMachine says what the figures were measured with.
func describeMachine(ctx context.Context) string {
	return fmt.Sprintf(
		"%s, %d processors, %s/%s, %s, commit %s", processor(), runtime.NumCPU(), runtime.GOOS, runtime.GOARCH,
		runtime.Version(), commit(ctx),
	)
}

func processor() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "an unknown processor"
	}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "an unnamed processor"
}

func commit(ctx context.Context) string {
	out, err := exec.CommandContext(ctx, "git", "rev-parse", "--short", "HEAD").Output()
	if err != nil {
		return "unknown"
	}
	return cmp.Or(strings.TrimSpace(string(out)), "unknown")
}
