package admin_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/csv"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/net/html"

	"docusign-auth-proxy/internal/admin"
)

func report(t *testing.T, format string, s admin.Status) string {
	t.Helper()
	var b bytes.Buffer
	if err := admin.WriteReport(&b, format, s, now); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestReportAsCSVHasALineForEachCaller(t *testing.T) {
	records, err := csv.NewReader(strings.NewReader(report(t, "csv", sample()))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]int{}
	for _, r := range records {
		kinds[r[0]]++
	}
	if kinds["kind"] != 1 || kinds["integration"] != 7 || kinds["caller"] != 5 || kinds["unknown"] != 3 {
		t.Errorf("%v", kinds)
	}
}

func TestReportAsCSVHasNoFormulas(t *testing.T) {
	for _, text := range append(hostile, "+1", "-1", "@SUM(1)", "\t=1", " =1", "\r=1") {
		records, err := csv.NewReader(strings.NewReader(report(t, "csv", poisoned(text)))).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range records {
			for _, cell := range r {
				if cell != "" && strings.ContainsAny(cell[:1], "=+-@\t\r\n ") {
					t.Fatalf("a cell begins with %q", cell[:1])
				}
			}
		}
	}
}

func TestReportAsTableHasNothingForTheTerminalToObey(t *testing.T) {
	for _, text := range hostile {
		for _, r := range report(t, "table", poisoned(text)) {
			if r != '\n' && !unicode.IsPrint(r) {
				t.Fatalf("the table has %q", r)
			}
		}
	}
	if got := report(t, "table", sample()); !strings.HasPrefix(got,
		"4 of 7 integrations still need the proxy; 1 is failing.\n") {
		t.Errorf("the table begins with %q", got[:80])
	}
}

func TestReportAsJSONIsTheStatus(t *testing.T) {
	var s admin.Status
	if err := json.Unmarshal([]byte(report(t, "json", sample())), &s); err != nil {
		t.Fatal(err)
	}
	if again := report(t, "json", s); again != report(t, "json", sample()) {
		t.Error("a report of a report differs")
	}
}

func TestReportAsHTMLNeedsNoOtherFile(t *testing.T) {
	doc, _ := texts(t, report(t, "html", sample()))
	var policy, style string
	for n := range doc.Descendants() {
		switch {
		case n.Type == html.ElementNode && n.Data == "style":
			style = n.FirstChild.Data
		case attr(n, "http-equiv") == "Content-Security-Policy":
			policy = attr(n, "content")
		case n.Data == "link" || n.Data == "form" || n.Data == "nav":
			t.Errorf("there is a <%s>", n.Data)
		case n.Data == "a" && !strings.HasPrefix(attr(n, "href"), "#") &&
			!strings.HasPrefix(attr(n, "href"), "https://account-d.docusign.com/"):
			t.Errorf("a link to %q", attr(n, "href"))
		}
	}
	sum := sha256.Sum256([]byte(style))
	if !strings.Contains(policy, "style-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'") {
		t.Errorf("the policy %q is not for the style", policy)
	}
	for _, text := range hostile {
		poisonedDoc, _ := texts(t, report(t, "html", poisoned(text)))
		styles := 0
		for n := range poisonedDoc.Descendants() {
			if n.Type != html.ElementNode {
				continue
			}
			if n.Data == "style" {
				styles++
			}
			if n.Data == "script" || n.Data == "img" || styles > 1 {
				t.Fatalf("%q brought in a <%s>", text[:min(len(text), 30)], n.Data)
			}
		}
	}
}

func TestUnknownFormat(t *testing.T) {
	err := admin.WriteReport(&bytes.Buffer{}, "pdf", sample(), now)
	if err == nil || !strings.Contains(err.Error(), "table, json, csv, html") {
		t.Errorf("error %v", err)
	}
}

func TestEveryReportHasTheVerdictOfAnObservedIntegration(t *testing.T) {
	for _, format := range admin.Formats() {
		if got := report(t, format, sample()); !strings.Contains(got, "598 of 610 calls would work; 12 would not") {
			t.Errorf("%s has none", format)
		}
	}
	records, err := csv.NewReader(strings.NewReader(report(t, "csv", sample()))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		if r[0] == "integration" && r[1] == "warehouse" && !slices.Equal(r[len(r)-3:len(r)-1], []string{"610", "598"}) {
			t.Errorf("the columns are %q", r)
		}
	}
}
