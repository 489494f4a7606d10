package envelope

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"docusign-auth-proxy/internal/sandbox/restbody"
)

// Recorded: the third digit of a stored time is 0, 3 or 7 (SOAP-REST.md §2.2).
func TestTimesAreStoredAsSQLServerDoes(t *testing.T) {
	t.Parallel()
	for in, want := range map[int]int{0: 0, 381: 380, 382: 383, 384: 383, 385: 387, 389: 387, 999: 997} {
		at := time.Date(2026, 11, 20, 18, 5, 9, in*1e6+123, time.FixedZone("", 3600))
		if got := Stored(at); got.Nanosecond() != want*1e6 || got.Location() != time.UTC || got.Second() != 9 {
			t.Errorf("%d milliseconds became %v", in, got)
		}
	}
}

// The numbers are those of an envelope whose REST request and XML document are known (SOAP-REST.md §3.4).
func TestPositionsOfBothAPIs(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, kind, y string
		lower         bool
		stored, shown int
	}{
		{"a signature of v2.1", "signHereTabs", "147", true, 263, 147},
		{"a signature of SOAP", "signHereTabs", "126", false, 263, 126},
		{"initials of v2.1", "initialHereTabs", "516", true, 1042, 516},
		{"initials of SOAP", "initialHereTabs", "500", false, 1042, 500},
		{"a text of either", "textTabs", "200", true, 417, 200},
		{"a signature above the page", "signHereTabs", "5", true, 0, 21},
	} {
		tab := NewTab(tt.kind, Object{"xPosition": "195", "yPosition": tt.y}, tt.lower)
		shown := fmt.Sprint(tab.show(tt.lower)["yPosition"])
		if tab.X != 406 || tab.Y != tt.stored || shown != fmt.Sprint(tt.shown) {
			t.Errorf("%s: stored at %d, %d and shown at %s", tt.name, tab.X, tab.Y, shown)
		}
	}
	for unit, want := range map[string]int{"pixels": 210, "inches": 358, "cms": 267, "mms": 214} {
		tab := NewTab("signHereTabs", Object{
			"anchorString": "x", "anchorXOffset": "1", "anchorUnits": unit,
		}, true)
		if tab.X != want {
			t.Errorf("an offset of one %s is at %d, want %d", unit, tab.X, want)
		}
	}
}

func TestAGroupOfRadioButtonsIsOneInREST(t *testing.T) {
	t.Parallel()
	in := Object{"radioGroupTabs": []any{Object{
		"groupName": "kind", "documentId": "1", "radios": []any{
			Object{"value": "a", "selected": "false", "xPosition": "1"},
			Object{"value": "b", "selected": "true", "xPosition": "2"},
		},
	}}}
	tabs := readTabs(in, true)
	if len(tabs) != 2 || tabs[1].Text("groupName") != "kind" {
		t.Fatalf("%+v", tabs)
	}
	group := objects(showTabs(Recipient{ID: "7", Tabs: tabs}, true)["radioGroupTabs"])
	if len(group) != 1 || group[0]["value"] != "b" || group[0]["recipientId"] != "7" ||
		len(objects(group[0]["radios"])) != 2 {
		t.Errorf("%+v", group)
	}
	for i, o := range objects(group[0]["radios"]) {
		if o["groupName"] != nil || o["value"] != []string{"a", "b"}[i] {
			t.Errorf("%+v", o)
		}
	}
}

func TestPeopleOfTwoCompositeTemplates(t *testing.T) {
	t.Parallel()
	role := func(id, name, who string) Object {
		return Object{"sequence": "1", "recipients": Object{"signers": []any{Object{
			"recipientId": id, "roleName": name, "name": who, "email": strings.ToLower(who) + "@example.com",
			"tabs": Object{"signHereTabs": []any{Object{"documentId": "1", "xPosition": id}}},
		}}}}
	}
	part := func(inline Object) Object {
		return Object{"inlineTemplates": []any{inline}, "document": Object{
			"documentId": "1", "documentBase64": restbody.Content{Size: 1, SHA256: "x"},
		}}
	}
	for _, tt := range []struct {
		name, status string
		parts        []any
		want         string
	}{
		{"the same person twice", "sent", []any{part(role("1", "A", "Ben")), part(role("1", "A", "Ben"))}, "1Ben2"},
		{"one role under two ids, sent", "sent", []any{part(role("1", "A", "Ben")), part(role("2", "A", "Ben"))}, "1Ben2"},
		{"one role under two ids, a draft", "created", []any{part(role("1", "A", "Ben")), part(role("2", "A", "Ben"))},
			"1Ben1 2Ben1"},
		{"two people with one id", "sent", []any{part(role("1", "A", "Ben")), part(role("1", "B", "Cora"))}, "1Ben1 2Cora1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e, refused := New(Object{"status": tt.status, "compositeTemplates": tt.parts}, Making{})
			if refused != nil {
				t.Fatal(refused)
			}
			var got []string
			for _, r := range e.Recipients {
				got = append(got, fmt.Sprint(r.ID, r.Name, len(r.Tabs)))
			}
			if strings.Join(got, " ") != tt.want || len(e.Documents) != 2 || e.Documents[1].ID != "2" {
				t.Errorf("%s, want %s; %+v", got, tt.want, e.Documents)
			}
			last := e.Recipients[len(e.Recipients)-1].Tabs
			if last[len(last)-1].Text("documentId") != "2" {
				t.Errorf("the last tab is on document %s", last[len(last)-1].Text("documentId"))
			}
		})
	}
}

func TestACopyIsNotChangedWithTheOther(t *testing.T) {
	t.Parallel()
	first := Envelope{ID: "1", Status: "sent", Members: Object{"a": "b"}, Recipients: []Recipient{{
		ID: "1", Members: Object{"note": "x"}, Tabs: []Tab{{Kind: "textTabs", Members: Object{"value": "x"}}},
	}}}
	first.Settle(time.Now())
	second := first.Clone()
	second.Members["a"], second.Recipients[0].Members["note"] = "c", "y"
	second.Recipients[0].Tabs[0].Members["value"] = "y"
	second.Sign(time.Now())
	r := first.Recipients[0]
	if first.Status != "sent" || first.Members["a"] != "b" || r.Text("note") != "x" || r.Tabs[0].Text("value") != "x" ||
		r.Status != "sent" || r.Tabs[0].Signed {
		t.Errorf("%+v", first)
	}
}

func TestPDFsAreAsLongAsWhatWasUploaded(t *testing.T) {
	t.Parallel()
	e := Envelope{ID: "1", Documents: []Document{{ID: "1", Size: 100_000}, {ID: "2", Size: 5}}}
	for document, least := range map[string]int64{"1": 100_000, "2": 200, "combined": 100_005, "certificate": 200} {
		size := e.PDFSize(document)
		got, err := io.ReadAll(e.PDF(document, Options(document, true, true, true), size))
		if err != nil || int64(len(got)) != size || size < least || !strings.HasPrefix(string(got), "%PDF-1.4") {
			t.Errorf("%s: %d bytes of %d, %v", document, len(got), size, err)
		}
	}
}
