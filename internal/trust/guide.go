package trust

import (
	"crypto/x509"
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"docusign-auth-proxy/internal/words"
)

// Recipe is what to paste on one kind of machine or into one kind of program.
type Recipe struct {
	Key   string   `json:"key"`
	Title string   `json:"title"`
	Steps []Step   `json:"steps"`
	names []string // Key and other usual names of the same thing
}

// Step is one way or one part of the way: a sentence, then lines to paste.
type Step struct {
	Note  string   `json:"note"`
	Lines []string `json:"lines"`
}

// recipes has a section for each Recipe: "## names: title", then by turns a note and the indented lines to paste.
//
//go:embed recipes.txt
var recipes string

// Platforms are the keys of the recipes.
func Platforms() []string {
	var keys []string
	for section := range strings.SplitSeq(strings.TrimPrefix(recipes, "## "), "\n## ") {
		keys = append(keys, parseRecipe(section, strings.NewReplacer()).Key)
	}
	return keys
}

// Recipes returns what the words ask for by name, all without words, operating systems first. path is that of the
// certificate's file on the machine where the lines are pasted. An unknown word is an error that lists the keys.
func Recipes(c *x509.Certificate, path string, words []string) ([]Recipe, error) {
	var all []Recipe
	fill := placeholders(c, path)
	for section := range strings.SplitSeq(strings.TrimPrefix(recipes, "## "), "\n## ") {
		all = append(all, parseRecipe(section, fill))
	}
	if len(words) == 0 {
		return all, nil
	}
	wanted := map[string]bool{}
	for _, w := range words {
		name := strings.ToLower(strings.TrimSpace(w))
		i := slices.IndexFunc(all, func(r Recipe) bool { return slices.Contains(r.names, name) })
		if i < 0 {
			return nil, fmt.Errorf("nothing is known about %q: choose from %s", w, strings.Join(Platforms(), ", "))
		}
		wanted[all[i].Key] = true
	}
	return slices.DeleteFunc(all, func(r Recipe) bool { return !wanted[r.Key] }), nil
}

func parseRecipe(section string, fill *strings.Replacer) Recipe {
	head, body, _ := strings.Cut(section, "\n\n")
	names, title, _ := strings.Cut(head, ": ")
	r := Recipe{Title: title, names: strings.Split(names, ", ")}
	r.Key = r.names[0]
	for part := range slices.Chunk(strings.Split(strings.TrimSpace(body), "\n\n"), 2) {
		step := Step{Note: part[0]}
		for line := range strings.SplitSeq(part[1], "\n") {
			step.Lines = append(step.Lines, fill.Replace(strings.TrimPrefix(line, "    ")))
		}
		r.Steps = append(r.Steps, step)
	}
	return r
}

func placeholders(c *x509.Certificate, path string) *strings.Replacer {
	file, windows := path[strings.LastIndexAny(path, `/\`)+1:], path
	onWindows := strings.Contains(path, `\`)
	own, set, to := words.QuotePOSIX(path), "export ", "="
	posix := path
	if onWindows {
		own, set, to = words.QuoteWindows(path), "setx /M ", " "
		posix = file // it was copied there
	} else {
		windows = file
	}
	return strings.NewReplacer(
		"{{path}}", path,
		"{{file}}", file,
		"{{shell path}}", words.QuotePOSIX(posix),
		"{{source path}}", literal(path),
		"{{windows path}}", words.QuoteWindows(windows),
		"{{own path}}", own, // quoted for the system that path is of; set and to make a variable of its environment
		"{{set}}", set,
		"{{to}}", to,
		"{{node program}}", words.QuotePOSIX("require('https').globalAgent.options.ca = "+
			"[require('fs').readFileSync("+literal(path)+")];"),
		"{{name}}", Name(c),
		"{{thumbprint}}", strings.ReplaceAll(SHA1(c), ":", ""),
	)
}

// literal quotes a string for PHP and JavaScript source.
func literal(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}
