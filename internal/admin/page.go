package admin

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"math"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"docusign-auth-proxy/internal/admin/chart"
	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/shown"
	"docusign-auth-proxy/internal/template"
)

const (
	shortUTC  = "2006-01-02 15:04 MST"
	isoDay    = "2006-01-02"
	shortDay  = "2 Jan"
	shortHour = "2 Jan 15:04"
)

// page is what a template is given.
type page struct {
	lists
	Nav         string // entry of the navigation that is the page itself
	CanReload   bool
	CanRetry    bool
	Static      bool // a file: no navigation, no form, style included
	StylePolicy string
	Integration *Integration
	Person      *person
	own         map[string]*person // see CallerLink
	consents    map[string]string  // see consentOf
}

// pages are the parsed templates by name.
type pages map[string]*template.Set

// newPages panics on templates that do not parse: they are part of the program.
func newPages() pages {
	p := pages{}
	layout := strings.Replace(text("layout.html"), "<style></style>", "<style>"+string(styleSheet)+"</style>", 1)
	base := template.HTML(functions(), layout, text("parts.html"))
	for _, name := range []string{
		"overview", "attention", "integration", "user", "users", "unknown", "security", "causes", "missing", "report",
	} {
		p[name] = base.With(text(name + ".html"))
	}
	return p
}

// text is the text of a template.
func text(name string) string {
	b, err := files.ReadFile("templates/" + name)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func (p pages) execute(w io.Writer, name string, data *page) error {
	return p[name].Execute(w, "layout", data)
}

// part hands a template its page together with what it is about. Label names it for assistive technology; no two parts
// of a page have the same.
type part struct {
	Page  *page
	Item  any
	Label string
}

func functions() template.Funcs {
	return template.Funcs{
		"pair":     func(p *page, item any) part { return part{Page: p, Item: item} },
		"labelled": func(p *page, label string, item any) part { return part{p, item, label} },
		"upTo":     func(n int, list any) any { return reflect.ValueOf(list).Slice(0, min(n, length(list))).Interface() },
		"beyond":   func(n int, list any) int { return max(0, length(list)-n) },
		"num":      func(n any) string { return thousands(fmt.Sprint(n)) },
		"bytes":    byteSize,
		"iso":      func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"utc":      func(t time.Time) string { return t.UTC().Format(shortUTC) },
		"day":      func(t time.Time) string { return t.UTC().Format(shortDay) },
		"join":     func(list []string) string { return strings.Join(list, ", ") },
		"words":    func(s string) string { return strings.ReplaceAll(s, "_", " ") },
		"stateOf":  stateClass,
		"schemeOf": schemeText,
		"wayOf":    wayText,
		"outcomes": outcomesOf,
		"isGUID":   isKey,
		"plural":   count,
		"fields":   strings.Fields,
		"severity": severityText,
		"causes":   causeRows,
		"sentence": sentence,
		"isoDay":   func(t time.Time) string { return t.Format(isoDay) },
		"hour":     func(t time.Time) string { return t.Format(shortHour) },
		"seconds": func(s float64) string { // + 0 makes -0 what it is
			return strconv.FormatFloat(math.Round(s*10)/10+0, 'f', 1, 64)
		},

		"IsZero": time.Time.IsZero, "Drift": Replica.Drift, "Others": (*Replicas).Others,
		"Now": (*page).Now, "Relative": (*page).Relative, "Expired": (*page).Expired, "Rich": (*page).Rich,
		"Link": (*page).Link, "HasLink": (*page).HasLink, "UserLink": (*page).UserLink, "CallerLink": (*page).CallerLink,
		"CauseLink": (*page).CauseLink, "Reload": (*page).Reload, "Stop": (*page).Stop, "OnDay": (*page).OnDay,
		"LastHours": (*page).LastHours, "Spark": (*page).Spark, "Days": (*page).Days, "Hours": (*page).Hours,
		"Sorted": (*page).Sorted, "Shown": (*page).Shown, "IntegrationChoices": (*page).IntegrationChoices,
		"BySeverity": (*page).BySeverity, "Severities": (*page).Severities, "TroublesOf": (*page).TroublesOf,
		"Consents": (*page).Consents, "Unlisted": (*page).Unlisted,
		"One": (*page).One, "Troubled": (*page).Troubled, "Everybody": (*page).Everybody, "Some": (*page).Some,
		"Before": (*page).Before, "After": (*page).After, "UserChoices": (*page).UserChoices,
		"State": (*person).State, "StateText": (*person).StateText, "Token": (*person).Token,
		"Trouble": (*person).Trouble, "Cause": (*person).Cause, "ShowRetry": (*person).ShowRetry,
		"ActsFor": (*person).ActsFor, "Actors": (*person).Actors,
	}
}

func length(list any) int { return reflect.ValueOf(list).Len() }

func (p *page) Now() time.Time { return p.Status.Generated }

func (p *page) Relative(t time.Time) string { return relative(t, p.Now()) }

// Expired reports whether a time has come. A time that never was has not.
func (p *page) Expired(t time.Time) bool { return !t.IsZero() && !p.Now().Before(t) }

// Link is the address of an integration's own page, or of its section in a report.
func (p *page) Link(name string) string {
	if !p.Static {
		return "/integration/" + url.PathEscape(name)
	}
	return "#integration-" + strconv.Itoa(p.index(name))
}

func (p *page) index(name string) int {
	return slices.IndexFunc(p.Status.Integrations, func(i Integration) bool { return i.Name == name })
}

func (p *page) Spark(i Integration) chart.Chart {
	days := chart.Series(i.Hours, p.Now(), 24*time.Hour, chartDays)
	return chart.New(chartTitle(days), days, chart.Scale{Height: 26, Told: told})
}

// Days are the chart of 14 days and its numbers, the latest day first in those.
func (p *page) Days(i Integration) calls {
	days := chart.Series(i.Hours, p.Now(), 24*time.Hour, chartDays)
	c := chart.New(chartTitle(days), days, chart.Scale{
		Height: 120, Told: told, Times: shortDay, Label: shortDay,
		Labels: func(t time.Time) bool { return p.Now().Sub(t)/(24*time.Hour)%3 == 0 },
	})
	slices.Reverse(days)
	return calls{c, days}
}

// Hours are the chart of the day that was asked for, or of the last 24 hours.
func (p *page) Hours(i Integration) calls {
	end := p.Now()
	if !p.Day.IsZero() {
		end = p.Day.Add(23 * time.Hour)
	}
	hours := chart.Series(i.Hours, end, time.Hour, 24)
	from, to := hours[0].Start.Format(shortHour), hours[23].Start.Add(time.Hour).Format(shortHour)
	c := chart.New("Calls by the hour, "+from+" to "+to+" UTC", hours, chart.Scale{
		Height: 120, Told: told, Times: shortHour, Label: "15:04", Labels: func(t time.Time) bool { return t.Hour()%4 == 0 },
	})
	return calls{c, hours}
}

const chartDays = 14

func told(what string, p chart.Period) string {
	return what + ": " + count(p.Calls, "call") + ", " + thousands(number(p.Failed)) + " failed"
}

// calls are a picture and the same in numbers.
type calls struct {
	Chart   chart.Chart
	Periods []chart.Period
}

func chartTitle(days []chart.Period) string {
	return "Calls by the day, " + days[0].Start.Format(shortDay) + " to " + days[len(days)-1].Start.Format(shortDay)
}

func stateClass(i Integration) string {
	switch text, _ := stateWords(i.State); {
	case text == "":
		return "state-unknown"
	case strings.HasSuffix(i.StateText, notForAll):
		return "state-partly"
	}
	return "state-" + strings.ReplaceAll(i.State, "_", "-")
}

// schemeText names the forms a credential comes in, as package legacy labels them.
func schemeText(s string) string {
	texts := map[string]string{
		"": "no credential", "none": "no credential", "header_json": "header, JSON", "header_xml": "header, XML",
		"ws_security": "WS-Security", "soap_body": "SOAP body", "legacy_bearer": "legacy token",
		"oauth_bearer": "OAuth token",
	}
	return cmp.Or(texts[s], strings.ReplaceAll(s, "_", " "))
}

func wayText(way string) string {
	return map[string]string{
		"forwarded": "passed on as it came", "translated": "replaced by OAuth", "app_password": "App Password put in",
		"native": "its own",
	}[way]
}

// outcomesOf lists the failures by count, as in "refused 12, upstream error 3".
func outcomesOf(counts map[string]uint64) string {
	byCount := func(a, b string) int { return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b)) }
	var parts []string
	for _, name := range slices.SortedFunc(maps.Keys(counts), byCount) {
		if !call.Outcome(name).Good() && counts[name] > 0 {
			parts = append(parts, strings.ReplaceAll(name, "_", " ")+" "+thousands(number(counts[name])))
		}
	}
	return strings.Join(parts, ", ")
}

// isKey reports whether a text has the form of an integrator key.
func isKey(s string) bool { return s != "" && !shown.IsNot(s) && shown.Key(s) == s }

func thousands(digits string) string {
	for i := len(digits) - 3; i > 0 && digits[i-1] != '-'; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

func byteSize(n uint64) string {
	const unit = 1024
	if n < unit {
		return strconv.FormatUint(n, 10) + " B"
	}
	size, units := float64(n)/unit, "KMGTPE"
	for size >= unit && len(units) > 1 {
		size, units = size/unit, units[1:]
	}
	return strconv.FormatFloat(size, 'f', 1, 64) + " " + units[:1] + "iB"
}
