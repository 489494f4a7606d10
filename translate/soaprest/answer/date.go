package answer

import (
	"strings"
	"time"

	"docusign-auth-proxy/internal/services"
	"docusign-auth-proxy/translate/soaprest/fault"
)

// The years that DocuSign stores (SOAP-REST.md §2.2).
const firstYear, lastYear = 1753, 9999

// ParseDate reads a date of a request; one without an offset is in zone. A time that the clocks show twice is the first
// of the two.
func ParseDate(text string, zone *time.Location) (time.Time, error) {
	t, err := services.ParseDateTime(strings.Trim(text, " \t\r\n"), zone)
	if err != nil {
		return t, fault.Invalid("%.40q is no dateTime", text)
	}
	if t.Location() == zone {
		t = first(t)
	}
	if t.Year() < firstYear || t.Year() > lastYear || t.UTC().Year() > lastYear {
		return t, fault.Invalid("%.40q is not in the years %d to %d", text, firstYear, lastYear)
	}
	return t, nil
}

// first gives the earlier of the two times of which a clock in t's zone shows the same, where there are two. What
// package time chooses is not guaranteed.
func first(t time.Time) time.Time {
	const wall = "2006-01-02T15:04:05"
	_, now := t.Zone()
	_, before := t.Add(-12 * time.Hour).Zone()
	if u := t.Add(time.Duration(now-before) * time.Second); u.Before(t) && u.Format(wall) == t.Format(wall) {
		return u
	}
	return t
}

// date reads a date of REST's. What is none, or lies outside DocuSign's years, is as one that is not there.
func date(text string) (time.Time, bool) {
	t, err := services.ParseDateTime(text, time.UTC)
	return t, err == nil && t.Year() > firstYear && t.Year() < lastYear
}
