package services

import (
	"encoding/base64"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The forms of texts (XML Schema part 2 §3.2, §3.3). Numbers that have a range are held against it afterwards.
var (
	integer  = regexp.MustCompile(`^[+-]?\d+$`)
	decimal  = regexp.MustCompile(`^[+-]?(\d+\.?\d*|\.\d+)$`)
	double   = regexp.MustCompile(`^([+-]?(\d+\.?\d*|\.\d+)([Ee][+-]?\d+)?|-?INF|NaN)$`)
	dateTime = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?$`)
)

// Valid reports whether a text is one of a type, which has no elements. Years have four digits.
func (t *Type) Valid(text string) bool {
	if len(t.Enum) > 0 {
		return slices.Contains(t.Enum, text)
	}
	if t.Base == "string" {
		return true
	}
	text = strings.Trim(text, " \t\r\n")
	var err error
	switch t.Base {
	case "boolean":
		return text == "true" || text == "false" || text == "1" || text == "0"
	case "dateTime":
		_, err = ParseDateTime(text, time.UTC)
	case "int":
		_, err = strconv.ParseInt(text, 10, 32)
	case "unsignedShort":
		_, err = strconv.ParseUint(text, 10, 16)
	case "integer":
		return integer.MatchString(text)
	case "positiveInteger":
		return integer.MatchString(text) && text[0] != '-' && strings.Trim(text, "+0") != ""
	case "nonNegativeInteger":
		return integer.MatchString(text) && (text[0] != '-' || strings.Trim(text, "-0") == "")
	case "decimal":
		return decimal.MatchString(text)
	case "double":
		return double.MatchString(text)
	case "base64Binary":
		_, err = base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
	default:
		return false
	}
	return err == nil
}

// ParseDateTime reads a dateTime; one without a zone is in zone.
func ParseDateTime(text string, zone *time.Location) (time.Time, error) {
	const layout = "2006-01-02T15:04:05"
	found := dateTime.FindStringSubmatch(text)
	switch {
	case found == nil || text[:4] == "0000":
		return time.Time{}, &time.ParseError{Layout: time.RFC3339, Value: text}
	case found[2] == "":
		return time.ParseInLocation(layout, text, zone)
	}
	return time.Parse(layout+"Z07:00", text)
}
