package restbody

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func decode(t *testing.T, text string) any {
	t.Helper()
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestBodiesAreHeldAgainstTheDescription(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, kind, body, refused string }{
		{"an envelope", "envelopeDefinition", `{"status":"sent","recipients":{"signers":[{"recipientId":"1"}]}}`, ""},
		{"an unknown member", "envelopeDefinition", `{"recipients":{"signers":[{"nick":"x"}]}}`,
			`envelopeDefinition.recipients.signers[0] has no member "nick"`},
		{"a member of another case", "envelopeDefinition", `{"Status":"sent"}`, `has no member "Status"`},
		{"a bare number as an id", "document", `{"documentId":1}`, ""},
		{"a bare number as text", "document", `{"name":1}`, "document.name is no string"},
		{"a bare truth", "signHere", `{"optional":true}`, "signHere.optional is no truth"},
		{"another word for a truth", "signHere", `{"optional":"yes"}`, "signHere.optional is no truth"},
		{"text for a number", "signHere", `{"xPosition":"left"}`, "signHere.xPosition is no numeral"},
		{"a number with a fraction", "signHere", `{"scaleValue":"0.8"}`, ""},
		{"text for a bare truth", "document", `{"signerMustAcknowledgeUseAccountDefault":"true"}`, "is no bool"},
		{"an object for an array", "recipients", `{"signers":{}}`, "recipients.signers is no array"},
		{"an array for an object", "envelopeDefinition", `{"recipients":[]}`, "envelopeDefinition.recipients is no object"},
		{"text for an object", "envelopeDefinition", `{"notification":"x"}`, "envelopeDefinition.notification is no object"},
		{"bytes", "document", `{"documentBase64":"QUJD"}`, ""},
		{"no bytes", "document", `{"documentBase64":"QU*D"}`, "document.documentBase64 is no base64"},
		{"a date", "recipientViewRequest", `{"authenticationInstant":"2026-11-20T18:06:00Z"}`, ""},
		{"a date without a zone", "recipientViewRequest", `{"authenticationInstant":"2026-11-20T18:06:00"}`, "is no time"},
		{"nothing for a member", "envelopeDefinition", `{"notification":null}`, ""},
		{"no object at all", "envelopeDefinition", `[]`, "envelopeDefinition is no object"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Named(tt.kind).Take(decode(t, tt.body))
			if (err == nil) != (tt.refused == "") || err != nil && !strings.Contains(err.Error(), tt.refused) {
				t.Errorf("%v, want %q", err, tt.refused)
			}
		})
	}
}

func TestBytesAreKeptAsTheirDigest(t *testing.T) {
	t.Parallel()
	got, err := Named("document").Take(decode(t, `{"documentBase64":"QUJ D","documentId":7}`))
	want := Content{Size: 3, SHA256: "b5d4045c3f466fa91fe2cc6abe79232a1a57cdf104f7a26e716e0a1e2789df78"}
	if err != nil || got["documentBase64"] != want || got["documentId"] != "7" {
		t.Errorf("%v %v", got, err)
	}
}

func TestFactsThatAreNoneAreRefused(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"type a\n\tnothing: b\n", "type a : missing\n", "other a\n"} {
		if _, err := parse(text); err == nil {
			t.Errorf("%q was read", text)
		}
	}
}

// TestTheDescriptionIsThatOfTheVendor holds names and kinds against the part of DocuSign's OpenAPI description that the
// specification of SOAP over REST came with. It is no part of this repository.
func TestTheDescriptionIsThatOfTheVendor(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile(filepath.FromSlash("../../../../shared/docusign/soap-rest/check/openapi-subset.json"))
	if err != nil {
		t.Skipf("the vendor's description is not here: %v", err)
	}
	type property struct {
		Type  string
		Ref   string `json:"$ref"`
		Items *property
	}
	var vendor struct {
		Definitions map[string]struct{ Properties map[string]property }
	}
	if err := json.NewDecoder(bytes.NewReader(raw)).Decode(&vendor); err != nil {
		t.Fatal(err)
	}
	simple := map[string][]string{
		"string": {"string", "key", "numeral", "truth", "time", "base64"}, "boolean": {"bool"},
		"integer": {"figure"}, "number": {"figure"},
	}
	for name, ours := range types() {
		theirs := vendor.Definitions[name].Properties
		if len(ours.Members) != len(theirs) {
			t.Errorf("%s has %d members, theirs %d", name, len(ours.Members), len(theirs))
		}
		for member, p := range theirs {
			kind, known := ours.Members[member]
			if p.Type == "array" {
				if !kind.Many {
					t.Errorf("%s.%s is an array", name, member)
				}
				p = *p.Items
			} else if kind.Many {
				t.Errorf("%s.%s is no array", name, member)
			}
			if !known || p.Ref != "" && p.Ref != kind.Word || p.Ref == "" && !slices.Contains(simple[p.Type], kind.Word) {
				t.Errorf("%s.%s is %+v, theirs %+v", name, member, kind, p)
			}
		}
	}
}
