package chart

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"docusign-auth-proxy/internal/observe/ledger"
)

var noon = time.Date(2026, 3, 17, 12, 0, 0, 0, time.UTC)

func told(what string, p Period) string {
	return fmt.Sprintf("%s: %d calls, %d failed", what, p.Calls, p.Failed)
}

func TestSeries(t *testing.T) {
	at := func(d time.Duration, calls uint64) ledger.Hour {
		return ledger.Hour{Start: noon.Add(d), Calls: calls, Legacy: 1, Failed: 1}
	}
	periods := Series([]ledger.Hour{at(-14*24*time.Hour, 100), at(-13*24*time.Hour-12*time.Hour, 5), at(-time.Hour, 2),
		at(0, 3), at(24*time.Hour, 100)}, noon, 24*time.Hour, 14)
	if len(periods) != 14 || periods[0].Calls != 5 || periods[13].Calls != 5 || periods[13].Legacy != 2 ||
		periods[13].Other != 3 {
		t.Errorf("%+v", periods)
	}
	if wrong := Series([]ledger.Hour{{Start: noon, Calls: 1, Legacy: 5}}, noon, time.Hour, 1); wrong[0].Other != 0 {
		t.Errorf("%+v", wrong)
	}
}

func TestAChartHasAScaleInWordsAndNumbers(t *testing.T) {
	hours := []ledger.Hour{
		{Start: noon.Add(-2 * time.Hour), Calls: 30, Legacy: 20, Native: 10},
		{Start: noon, Calls: 10, Legacy: 4, Failed: 10},
	}
	c := New("Calls", Series(hours, noon, time.Hour, 4), Scale{
		Height: 80, Told: told, Times: "15:04", Label: "15", Labels: func(t time.Time) bool { return t.Hour() == 12 },
	})
	if c.Title != "Calls: 40 calls, 10 failed" ||
		c.Desc != "Most calls, 10:00: 30 calls, 0 failed. Most failures, 12:00: 10 calls, 10 failed." {
		t.Errorf("%q, %q", c.Title, c.Desc)
	}
	want := Chart{
		Title: c.Title, Desc: c.Desc, Height: 110, Left: "10.0%", Base: "68.0", Max: 30,
		Ticks: []Mark{{"68.0", "0"}, {"48.0", "10"}, {"28.0", "20"}, {"8.0", "30"}, {"88.0", "10"}},
		Marks: []Mark{{"88.8%", "12"}},
		Bars: []Bar{
			{"10:00: 30 calls, 0 failed", []Rect{{"legacy", "34.8%", "28.0", "18.0%", "40.0"},
				{"native", "34.8%", "8.0", "18.0%", "20.0"}}},
			{"12:00: 10 calls, 10 failed", []Rect{{"legacy", "79.8%", "60.0", "18.0%", "8.0"},
				{"other", "79.8%", "48.0", "18.0%", "12.0"}, {"failed", "79.8%", "69.0", "18.0%", "20.0"}}},
		},
	}
	if !reflect.DeepEqual(c, want) {
		t.Errorf("got  %+v\nwant %+v", c, want)
	}
	empty := New("Calls", Series(nil, noon, time.Hour, 24), Scale{Height: 80, Told: told})
	if empty.Max != 0 || empty.Bars != nil {
		t.Errorf("%+v", empty)
	}
}

func TestTicksAreFewAndRound(t *testing.T) {
	for _, test := range []struct {
		calls, failed uint64
		want          string
	}{
		{1, 0, "0 1"},
		{4, 4, "0 1 2 3 4 1 2 3 4"},
		{9, 1, "0 2 4 6 8"},
		{24, 6, "0 5 10 15 20 5"},
		{1840, 0, "0 500 1000 1500"},
		{99_999, 0, "0 20k 40k 60k 80k"},
		{1 << 63, 0, "0 2000000000000M 4000000000000M 6000000000000M 8000000000000M"},
	} {
		var got []string
		for _, m := range (Scale{unit: 1}).ticks(test.calls, test.failed) {
			got = append(got, m.Text)
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("%d calls, %d failed: %q", test.calls, test.failed, got)
		}
	}
}
