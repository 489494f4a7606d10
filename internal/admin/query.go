package admin

import (
	"net/url"
	"strconv"
	"time"
)

// query is what the address of a page asks for.
type query struct {
	Path    string // of the page, for its own links
	State   string // the filter of a list; "" = all
	Search  string
	From    int       // users that are left out before those shown
	Day     time.Time // whose hours are shown; zero = the last 24 hours
	Refresh int       // seconds; 0 = never
}

// link is the page itself with one thing of its query changed, or taken out.
func (q query) link(name, value string) string {
	values := url.Values{}
	set := func(name, value string) {
		values.Del(name)
		if value != "" {
			values.Set(name, value)
		}
	}
	set("state", q.State)
	set("q", q.Search)
	if !q.Day.IsZero() {
		set("day", q.Day.Format(isoDay))
	}
	if q.Refresh > 0 {
		set("refresh", strconv.Itoa(q.Refresh))
	}
	set(name, value)
	if len(values) == 0 {
		return q.Path
	}
	return q.Path + "?" + values.Encode()
}

// Reload is the page itself, read anew now and then, or no more.
func (q query) Reload() string { return q.link("refresh", "30") }
func (q query) Stop() string   { return q.link("refresh", "") }

// OnDay is the page with the hours of a day.
func (q query) OnDay(t time.Time) string { return q.link("day", t.Format(isoDay)) + "#hours" }

// LastHours is the page without a day.
func (q query) LastHours() string { return q.link("day", "") + "#hours" }
