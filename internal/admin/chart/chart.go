// Package chart computes the geometry of the status page's pictures: bars of calls and failures by the hour or the day.
// It draws nothing and knows no text of a caller; the templates of internal/admin draw what it gives.
package chart

import (
	"strconv"
	"time"

	"docusign-auth-proxy/internal/observe/ledger"
)

// Chart is the geometry of an SVG: calls go up from a base line, failures down from it, both on one scale. What lies
// across is in percent, so that bars become as wide as the page and letters stay as they are.
type Chart struct {
	Title, Desc string // for those who cannot see it
	Height      int    // pixels
	Left        string // where the bars begin
	Base        string
	Ticks       []Mark // across, with the number of calls
	Marks       []Mark // below, with the time
	Bars        []Bar
	Max         uint64 // calls in the largest period
}

// Mark is a word at a place.
type Mark struct{ At, Text string }

// Bar is what one period draws.
type Bar struct {
	Title string // shown when a pointer rests on it
	Rects []Rect
}

// Rect is a part of a bar.
type Rect struct{ Class, X, Y, Width, Height string }

// Scale is what a chart is drawn by.
type Scale struct {
	Height int                                // pixels for calls and failures
	Told   func(what string, p Period) string // says in words how many calls there are
	Times  string                             // layout of the words for a period; "" = the picture has no words
	Label  string                             // layout of the times below
	Labels func(time.Time) bool               // which periods have one; nil = none

	percent float64 // left of the bars
	unit    float64 // pixels for a call
	base    float64
}

// Pixels and percents of a chart with words.
const (
	top      = 8
	foot     = 22
	margin   = 10
	maxTicks = 4
)

// Period is an hour or a day: one bar, or one line of the table that says the same.
type Period struct {
	Start                                time.Time
	Calls, Failed, Legacy, Native, Other uint64
}

// Series sums hours into n periods of the given length, the last of which ends with now's hour or day.
func Series(hours []ledger.Hour, now time.Time, length time.Duration, n int) []Period {
	end := now.UTC().Truncate(length).Add(length)
	start := end.Add(-time.Duration(n) * length)
	periods := make([]Period, n)
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

// New draws periods; what is the picture's title.
func New(what string, periods []Period, s Scale) Chart {
	c := Chart{Height: s.Height}
	var sum, highest, failed Period
	for _, p := range periods {
		sum.Calls, sum.Failed = sum.Calls+p.Calls, sum.Failed+p.Failed
		if p.Calls > highest.Calls {
			highest = p
		}
		if p.Failed > failed.Failed {
			failed = p
		}
	}
	c.Title = s.Told(what, sum)
	if c.Max = highest.Calls; c.Max == 0 {
		return c
	}
	s.unit = float64(s.Height) / float64(highest.Calls+failed.Failed)
	s.base = float64(highest.Calls) * s.unit
	if s.Times != "" {
		s.base, s.percent = s.base+top, margin
		c.Height += top + foot
		c.Desc = s.Told("Most calls, "+highest.Start.Format(s.Times), highest) + "."
		if failed.Failed > 0 {
			c.Desc += " " + s.Told("Most failures, "+failed.Start.Format(s.Times), failed) + "."
		}
		c.Ticks = s.ticks(highest.Calls, failed.Failed)
	}
	c.Left, c.Base = percent(s.percent), pixels(s.base)
	step := (100 - s.percent) / float64(len(periods))
	for i, p := range periods {
		x := s.percent + float64(i)*step
		if s.Labels != nil && s.Labels(p.Start) {
			c.Marks = append(c.Marks, Mark{percent(x + step/2), p.Start.Format(s.Label)})
		}
		if p.Calls > 0 {
			c.Bars = append(c.Bars, s.bar(p, x, step))
		}
	}
	return c
}

// bar stacks the calls of a period and hangs its failures below the line. What is not nothing stays visible.
func (s Scale) bar(p Period, x, step float64) Bar {
	var b Bar
	if s.Times != "" {
		b.Title = s.Told(p.Start.Format(s.Times), p)
	}
	y := s.base
	add := func(class string, n uint64, up float64) {
		if n == 0 {
			return
		}
		height := max(float64(n)*s.unit, 1)
		y -= up * height
		b.Rects = append(b.Rects, Rect{class, percent(x + step/10), pixels(y), percent(step * 0.8), pixels(height)})
	}
	add("legacy", p.Legacy, 1)
	add("native", p.Native, 1)
	add("other", p.Other, 1)
	y = s.base + 1
	add("failed", p.Failed, 0)
	return b
}

// ticks are round numbers of calls, at most maxTicks above the line and as far apart below it.
func (s Scale) ticks(calls, failed uint64) []Mark {
	step := uint64(1)
	for i := 0; calls/step > maxTicks; i++ { // 1, 2, 5, 10, 20, 50 ...
		if i%3 == 1 {
			step = step / 2 * 5
			continue
		}
		step *= 2
	}
	var list []Mark
	for n := range calls/step + 1 {
		list = append(list, Mark{pixels(s.base - float64(n*step)*s.unit), short(n * step)})
	}
	for n := range failed / step {
		list = append(list, Mark{pixels(s.base + float64((n+1)*step)*s.unit), short((n + 1) * step)})
	}
	return list
}

// short writes a number in at most four characters up to a thousand millions.
func short(n uint64) string {
	switch {
	case n >= 10_000_000:
		return strconv.FormatUint(n/1_000_000, 10) + "M"
	case n >= 10_000:
		return strconv.FormatUint(n/1000, 10) + "k"
	}
	return strconv.FormatUint(n, 10)
}

func percent(f float64) string { return pixels(f) + "%" }

func pixels(f float64) string { return strconv.FormatFloat(f, 'f', 1, 64) }
