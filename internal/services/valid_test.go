package services_test

import (
	"strings"
	"testing"
	"time"

	"docusign-auth-proxy/internal/services"
)

func TestTextsAreHeldAgainstTheirTypes(t *testing.T) {
	for _, tc := range []struct{ base, valid, other string }{
		{"string", "| |a|<&>|0", ""},
		{"boolean", "true|false|1|0| true\n", "|yes|True|2"},
		{"int", "0|-1|+1|2147483647| 7 ", "|1.0|2147483648|a|１"},
		{"unsignedShort", "0|65535", "|-1|65536|1.0"},
		{"integer", "0|-99999999999999999999|+5", "|1.0|0x1|1_0"},
		{"positiveInteger", "1|+7|010|99999999999999999999", "|0|-1|00|+0|certificate"},
		{"nonNegativeInteger", "0|-0|7", "|-7|1.5"},
		{"decimal", "0|-1.5|.5|5.|+2", "|1e3|.|-|INF|1,5"},
		{"double", "0|-1.5e-3|INF|-INF|NaN|.5", "|+INF|inf|0x1p-2|1_0"},
		{
			"dateTime", "2026-11-20T10:05:09|2026-11-20T10:05:09.3830000Z|2026-11-20T10:05:09.5-08:00",
			"|2026-11-20|2026-11-20T1:05:09|2026-11-20T10:05:09,5Z|2026-13-20T10:05:09|0000-11-20T10:05:09|" +
				"2026-02-29T10:05:09|2026-11-20 10:05:09|2026-11-20T10:05:09z",
		},
		{"base64Binary", "|AA==|QUJD\n\tREVG", "A|AA=|A*==|AA==AA=="},
	} {
		typ := &services.Type{Name: tc.base, Base: tc.base}
		for text := range strings.SplitSeq(tc.valid, "|") {
			if !typ.Valid(text) {
				t.Errorf("%q is no %s", text, tc.base)
			}
		}
		for text := range strings.SplitSeq(tc.other, "|") {
			if tc.base != "string" && typ.Valid(text) {
				t.Errorf("%q is a %s", text, tc.base)
			}
		}
	}
	word := &services.Type{Base: "string", Enum: []string{"Sent", "Voided"}}
	if !word.Valid("Sent") || word.Valid("sent") || word.Valid("") {
		t.Error("a word that is none is taken, or one of them is not")
	}
	if (&services.Type{}).Valid("") {
		t.Error("a type of elements has a text")
	}
}

func TestADateWithoutAZoneIsInTheZoneOfTheCaller(t *testing.T) {
	zone := time.FixedZone("", -8*3600)
	for text, want := range map[string]string{
		"2026-11-20T10:05:09":              "2026-11-20T18:05:09Z",
		"2026-11-20T10:05:09.1234567":      "2026-11-20T18:05:09.1234567Z",
		"2026-11-20T10:05:09Z":             "2026-11-20T10:05:09Z",
		"2026-11-20T10:05:09.25+01:00":     "2026-11-20T09:05:09.25Z",
		"2026-11-20T10:05:09.1234567890Z":  "2026-11-20T10:05:09.123456789Z",
		"2026-11-20T10:05:09.000000000001": "2026-11-20T18:05:09Z",
	} {
		got, err := services.ParseDateTime(text, zone)
		if err != nil || got.UTC().Format(time.RFC3339Nano) != want {
			t.Errorf("%s: %s, %v, want %s", text, got.UTC().Format(time.RFC3339Nano), err, want)
		}
	}
}
