package main

import (
	"strings"
	"testing"
	"time"
)

func TestQuantiles(t *testing.T) {
	var hundred []time.Duration
	for i := range 100 {
		hundred = append(hundred, time.Duration(100-i))
	}
	for _, tt := range []struct {
		name     string
		in       []time.Duration
		p50, p99 time.Duration
	}{
		{"nothing", nil, 0, 0},
		{"one", []time.Duration{7}, 7, 7},
		{"a hundred in the wrong order", hundred, 50, 99},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if p50, p99 := quantiles(tt.in); p50 != tt.p50 || p99 != tt.p99 {
				t.Errorf("got %d, %d; want %d, %d", p50, p99, tt.p50, tt.p99)
			}
		})
	}
}

func TestSpreadOf(t *testing.T) {
	for _, tt := range []struct {
		name string
		in   []float64
		want spread
	}{
		{"nothing", nil, spread{}},
		{"an odd number", []float64{3, 1, 2}, spread{2, 1, 3}},
		{"an even number", []float64{4, 1, 2, 3}, spread{2.5, 1, 4}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := spreadOf(tt.in); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// twoRounds has a proxy that takes 110 and 240 µs where the yardstick takes 100 and 200.
func twoRounds() result {
	ms := func(us ...int) (out []measure) {
		for _, u := range us {
			out = append(out, measure{requests: 1, wall: time.Second, cpu: time.Duration(u) * time.Microsecond})
		}
		return out
	}
	s := scenario{
		name: "get", title: "GET", figures: []figure{cpuFigure.over(peerReverse).atMost(1.1), cpuFigure.atLeast(100)},
	}
	s.peers = []string{peerProxy, peerReverse}
	return result{scenario: s, measures: map[string][]measure{peerProxy: ms(110, 240), peerReverse: ms(100, 200)}}
}

func TestRowDividesRoundByRound(t *testing.T) {
	r := twoRounds()
	got := r.row(r.scenario.figures[0])
	want := row{
		figure: "CPU per request", proxy: "175.0 µs", peer: "reverse 150.0 µs", ratio: "1.15", spread: "1.10–1.20",
		goal: "≤ 1.10 missed",
	}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := r.row(r.scenario.figures[1]); got.goal != "≥ 100.00 reached" || got.ratio != "" {
		t.Errorf("a figure without a peer: %+v", got)
	}
}

func TestReportNamesEveryFigure(t *testing.T) {
	r := report{results: []result{twoRounds()}, rounds: 2, quick: true, machine: "a machine"}
	var text, md strings.Builder
	if err := r.text(&text); err != nil {
		t.Fatal(err)
	}
	if err := r.markdown(&md); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"a machine", "get: GET", "1.15", "too few to judge"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the text lacks %q:\n%s", want, &text)
		}
	}
	for _, want := range []string{
		"### `get`: GET", "| CPU per request | 175.0 µs | reverse 150.0 µs | 1.15 | 1.10–1.20 | ≤ 1.10 missed |",
	} {
		if !strings.Contains(md.String(), want) {
			t.Errorf("the tables lack %q:\n%s", want, &md)
		}
	}
}

func TestParseFlags(t *testing.T) {
	for _, tt := range []struct {
		name string
		args []string
		bad  bool
	}{
		{name: "nothing", args: nil},
		{name: "two scenarios", args: []string{"-only", "get16,soap30"}},
		{name: "a scenario that does not exist", args: []string{"-only", "get17"}, bad: true},
		{name: "no rounds", args: []string{"-rounds", "0"}, bad: true},
		{name: "too many requests", args: []string{"-requests", "100000000"}, bad: true},
		{name: "a word too many", args: []string{"get16"}, bad: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := parseFlags(tt.args); (err != nil) != tt.bad {
				t.Errorf("error %v, want one: %v", err, tt.bad)
			}
		})
	}
	o, err := parseFlags([]string{"-quick", "-only", "get16"})
	if err != nil || o.rounds != 2 || o.requests > 2000 || !o.only["get16"] {
		t.Errorf("quick: %+v, %v", o, err)
	}
}

func TestScenariosMeasureTheProxyAgainstPeersOfTheirs(t *testing.T) {
	for _, s := range scenarios() {
		if p := s.peers[0]; p != peerProxy && p != peerREST || s.turn == nil || len(s.figures) == 0 {
			t.Errorf("%s is not complete", s.name)
		}
		for _, f := range s.figures {
			found := f.against == ""
			for _, p := range s.peers {
				found = found || p == f.against
			}
			if !found {
				t.Errorf("%s divides %s by %s, which takes no part", s.name, f.name, f.against)
			}
		}
	}
}
