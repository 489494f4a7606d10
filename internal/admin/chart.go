package admin

import (
	"fmt"
	"strconv"
	"time"

	"docusign-auth-proxy/internal/observe/ledger"
)

const chartDays = 14

// chart is the geometry of an SVG: calls go up from a base line, failures down from it, both on one scale. What lies
// across is in percent, so that bars become as wide as the page and letters stay as they are.
type chart struct {
	Title, Desc string // for those who cannot see it
	Height      int    // pixels
	Left        string // where the bars begin
	Base        string
	Ticks       []mark // across, with the number of calls
	Marks       []mark // below, with the time
	Bars        []bar
	Max         uint64 // calls in the largest period
}

type mark struct{ At, Text string }

// bar is what one period draws.
type bar struct {
	Title string // shown when a pointer rests on it
	Rects []rect
}

type rect struct{ Class, X, Y, Width, Height string }

// scale is what a chart is drawn by. The zero value has neither numbers nor times.
type scale struct {
	Height  int    // pixels for calls and failures
	Times   string // layout of the words for a period; "" = the picture has no words
	Label   string // layout of the times below
	Labels  func(time.Time) bool
	percent float64 // left of the bars
	unit    float64 // pixels for a call
	base    float64
}

// Pixels and percents of a chart with words.
const (
	chartTop    = 8
	chartFoot   = 22
	chartMargin = 10
	maxTicks    = 4
)

// period is an hour or a day: one bar, or one line of the table that says the same.
type period struct {
	Start                                time.Time
	Calls, Failed, Legacy, Native, Other uint64
}

// series sums hours into n periods of the given length, the last of which ends with now's hour or day.
func series(hours []ledger.Hour, now time.Time, length time.Duration, n int) []period {
	end := now.UTC().Truncate(length).Add(length)
	start := end.Add(-time.Duration(n) * length)
	periods := make([]period, n)
	for i := range periods {
		periods[i].Start = start.Add(time.Duration(i) * length)
	}
	for _, h := range hours {
		if h.Start.Before(start) || !h.Start.Before(end) {
			continue
		}
		s := &periods[h.Start.Sub(start)/length]
		s.Calls += h.Calls
		s.Failed += h.Failed
		s.Legacy += h.Legacy
		s.Native += h.Native
		s.Other += h.Calls - min(h.Calls, h.Legacy+h.Native)
	}
	return periods
}

func newChart(what string, periods []period, s scale) chart {
	c := chart{Height: s.Height}
	var sum period
	var highest, failed period
	for _, p := range periods {
		sum.Calls, sum.Failed = sum.Calls+p.Calls, sum.Failed+p.Failed
		if p.Calls > highest.Calls {
			highest = p
		}
		if p.Failed > failed.Failed {
			failed = p
		}
	}
	c.Title = told(what, sum)
	if c.Max = highest.Calls; c.Max == 0 {
		return c
	}
	s.unit = float64(s.Height) / float64(highest.Calls+failed.Failed)
	s.base = float64(highest.Calls) * s.unit
	if s.Times != "" {
		s.base, s.percent = s.base+chartTop, chartMargin
		c.Height += chartTop + chartFoot
		c.Desc = fmt.Sprintf("The most calls: %s, %s.", thousands(number(c.Max)), highest.Start.Format(s.Times))
		if failed.Failed > 0 {
			c.Desc += fmt.Sprintf(" The most failures: %s, %s.", thousands(number(failed.Failed)),
				failed.Start.Format(s.Times))
		}
		c.Ticks = s.ticks(highest.Calls, failed.Failed)
	}
	c.Left, c.Base = percent(s.percent), pixels(s.base)
	step := (100 - s.percent) / float64(len(periods))
	for i, p := range periods {
		x := s.percent + float64(i)*step
		if s.Labels != nil && s.Labels(p.Start) {
			c.Marks = append(c.Marks, mark{percent(x + step/2), p.Start.Format(s.Label)})
		}
		if p.Calls > 0 {
			c.Bars = append(c.Bars, s.bar(p, x, step))
		}
	}
	return c
}

func told(what string, p period) string {
	return fmt.Sprintf("%s: %s, %s failed", what, count(p.Calls, "call"), thousands(number(p.Failed)))
}

// bar stacks the calls of a period and hangs its failures below the line. What is not nothing stays visible.
func (s scale) bar(p period, x, step float64) bar {
	var b bar
	if s.Times != "" {
		b.Title = told(p.Start.Format(s.Times), p)
	}
	y := s.base
	add := func(class string, n uint64, up float64) {
		if n == 0 {
			return
		}
		height := max(float64(n)*s.unit, 1)
		y -= up * height
		b.Rects = append(b.Rects, rect{class, percent(x + step/10), pixels(y), percent(step * 0.8), pixels(height)})
	}
	add("legacy", p.Legacy, 1)
	add("native", p.Native, 1)
	add("other", p.Other, 1)
	y = s.base + 1
	add("failed", p.Failed, 0)
	return b
}

// ticks are round numbers of calls, at most maxTicks above the line and as far apart below it.
func (s scale) ticks(calls, failed uint64) []mark {
	step := uint64(1)
	for i := 0; calls/step > maxTicks; i++ { // 1, 2, 5, 10, 20, 50 ...
		if i%3 == 1 {
			step = step / 2 * 5
			continue
		}
		step *= 2
	}
	var list []mark
	for n := range calls/step + 1 {
		list = append(list, mark{pixels(s.base - float64(n*step)*s.unit), short(n * step)})
	}
	for n := range failed / step {
		list = append(list, mark{pixels(s.base + float64((n+1)*step)*s.unit), short((n + 1) * step)})
	}
	return list
}

// short writes a number in at most four characters up to a thousand millions.
func short(n uint64) string {
	switch {
	case n >= 10_000_000:
		return number(n/1_000_000) + "M"
	case n >= 10_000:
		return number(n/1000) + "k"
	}
	return number(n)
}

func percent(f float64) string { return pixels(f) + "%" }

func pixels(f float64) string { return strconv.FormatFloat(f, 'f', 1, 64) }
