package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/cause"
)

func document(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestTheDocumentsSayWhatTheTableSays(t *testing.T) {
	used := map[string]bool{}
	for _, name := range documents() {
		text := document(t, name)
		if filled, err := fill(text); err != nil || filled != text {
			t.Errorf("docs/%s differs from the table (%v): go generate ./internal/cause", name, err)
		}
		for _, m := range regexp.MustCompile(`<!-- causes: ([a-z ]+) -->`).FindAllStringSubmatch(text, -1) {
			used[m[1]] = true
		}
	}
	for name := range tables() {
		if !used[name] {
			t.Errorf("the table %q stands in no document", name)
		}
	}
}

func TestEveryCauseLeadsToASectionOfTheRunbook(t *testing.T) {
	sections := map[string]bool{"": true}
	for _, m := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(document(t, "runbook.md"), -1) {
		words := regexp.MustCompile(`[^a-z0-9 _-]`).ReplaceAllString(strings.ToLower(m[1]), "")
		sections[strings.ReplaceAll(words, " ", "-")] = true
	}
	for _, id := range cause.All() {
		if e := id.Of(); !sections[e.Anchor] {
			t.Errorf("%s leads to #%s, which the runbook does not have", e.Word, e.Anchor)
		}
	}
}

func TestEveryCauseStandsInTheRunbook(t *testing.T) {
	text := document(t, "runbook.md")
	for _, id := range cause.All() {
		if !strings.Contains(text, "`"+id.String()+"`") || !strings.Contains(text, "| "+plain(id.Of().Means)+" |") {
			t.Errorf("%s is not explained, or not every case of it", id)
		}
	}
}

func TestACellIsWhatItsReaderSees(t *testing.T) {
	for text, want := range map[string]string{
		"store it for {user}: doctor --config {config}": "store it for USER: doctor --config FILE",
		"the configuration is refused: {detail}":        "the configuration is refused",
		"one of limits.*, or <b>|":                      `one of limits.\*, or \<b>\|`,
	} {
		if got := plain(text); got != want {
			t.Errorf("%q is %q", text, got)
		}
	}
}

func TestAMarkerOfNoTableIsAnError(t *testing.T) {
	if _, err := fill("<!-- causes: of dreams -->\n<!-- end of causes -->"); err == nil {
		t.Error("it is passed over")
	}
}
