package admin

import (
	"fmt"
	"strings"
	"time"

	"docusign-auth-proxy/internal/observe/ledger"
)

const chartDays = 14

// chart is the geometry of an SVG: calls go up from a base line, failures down from it, both on one scale.
type chart struct {
	Width, Height, Base           int
	Legacy, Native, Other, Failed string // path data
	Label                         string // for those who cannot see it
	Max                           uint64 // calls in the largest period
	From, To                      time.Time
	TotalCalls, TotalFailed       uint64
}

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

func newChart(periods []period, width, up, down int) chart {
	c := chart{Width: width, Height: up + down, Base: up}
	for _, s := range periods {
		c.Max = max(c.Max, s.Calls)
		c.TotalCalls += s.Calls
		c.TotalFailed += s.Failed
	}
	if len(periods) > 0 {
		c.From, c.To = periods[0].Start, periods[len(periods)-1].Start
	}
	c.Label = fmt.Sprintf("%s in the last %d days, %s failed",
		count(c.TotalCalls, "call"), chartDays, thousands(number(c.TotalFailed)))
	if c.Max == 0 {
		return c
	}
	var legacy, native, other, failures strings.Builder
	step := float64(width) / float64(len(periods))
	scale := float64(up) / float64(c.Max)
	for i, s := range periods {
		x, y := float64(i)*step, float64(up)
		y = bar(&legacy, x, y, step, float64(s.Legacy)*scale)
		y = bar(&native, x, y, step, float64(s.Native)*scale)
		bar(&other, x, y, step, float64(s.Other)*scale)
		// Downwards there is less room, so the bars end there.
		bar(&failures, x, float64(up)+1, step, -min(float64(s.Failed)*scale, float64(down)-1))
	}
	c.Legacy, c.Native, c.Other, c.Failed = legacy.String(), native.String(), other.String(), failures.String()
	return c
}

// bar draws up from y, down if height is negative, and returns where it ends. What is not nothing stays visible.
func bar(b *strings.Builder, x, y, step, height float64) float64 {
	switch {
	case height == 0:
		return y
	case height > 0:
		height = max(height, 1)
	default:
		height = min(height, -1)
	}
	width := max(step-max(step/8, 0.3), 0.5)
	fmt.Fprintf(b, "M%.1f %.1fh%.1fv%.1fh-%.1fz", x, y, width, -height, width)
	return y - height
}
