package config

import (
	"strings"
	"time"
	_ "time/tzdata" // Windows and small container images have no database of time zones

	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/internal/words"
)

// parseTimeZone takes a name of the IANA database. Local is none: it would change with the machine.
func parseTimeZone(text string) (any, error) {
	zone, err := time.LoadLocation(text)
	if err == nil && text != "Local" {
		return integration.TimeZone{Location: zone}, nil
	}
	hint := words.DidYouMean(zoneFor(text))
	if hint == "" {
		hint = "write an IANA name, as in America/New_York or UTC"
	}
	return nil, complaint{"is no time zone that is known", hint}
}

// zoneFor gives the IANA name that an abbreviation, a name of Windows or a mistyped name most likely stands for.
func zoneFor(text string) string {
	if zone := otherZoneNames()[strings.ToLower(text)]; zone != "" {
		return zone
	}
	return words.Nearest(strings.ReplaceAll(text, " ", "_"), commonZones())
}

// otherZoneNames are in lower case. The Windows names are those of Unicode's windowsZones.
func otherZoneNames() map[string]string {
	const (
		pacific, mountain, central = "America/Los_Angeles", "America/Denver", "America/Chicago"
		eastern, london, berlin    = "America/New_York", "Europe/London", "Europe/Berlin"
	)
	return map[string]string{
		"pst": pacific, "pdt": pacific, "pt": pacific, "pacific": pacific, "pacific standard time": pacific,
		"mdt": mountain, "mt": mountain, "mountain": mountain, "mountain standard time": mountain,
		"cst": central, "cdt": central, "ct": central, "central": central, "central standard time": central,
		"edt": eastern, "et": eastern, "eastern": eastern, "eastern standard time": eastern,
		"bst": london, "gmt standard time": london, "w. europe standard time": berlin, "cest": berlin,
		"romance standard time": "Europe/Paris", "tokyo standard time": "Asia/Tokyo", "jst": "Asia/Tokyo",
		"aus eastern standard time": "Australia/Sydney", "z": "UTC", "zulu time": "UTC",
	}
}

func commonZones() []string {
	return []string{
		"America/Los_Angeles", "America/Denver", "America/Phoenix", "America/Chicago", "America/New_York",
		"America/Toronto", "America/Vancouver", "America/Mexico_City", "America/Sao_Paulo", "America/Anchorage",
		"Pacific/Honolulu", "Europe/London", "Europe/Dublin", "Europe/Paris", "Europe/Berlin", "Europe/Madrid",
		"Europe/Rome", "Europe/Zurich", "Europe/Amsterdam", "Europe/Brussels", "Europe/Stockholm", "Europe/Warsaw",
		"Asia/Tokyo", "Asia/Singapore", "Asia/Hong_Kong", "Asia/Kolkata", "Asia/Dubai", "Australia/Sydney",
		"Australia/Melbourne", "Pacific/Auckland", "Africa/Johannesburg", "UTC",
	}
}
