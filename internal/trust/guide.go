package trust

import (
	"crypto/x509"
	_ "embed"
	"fmt"
	"slices"
	"strings"
)

// Recipe is what to paste on one kind of machine or into one kind of program.
type Recipe struct {
	Key   string `json:"key"` // what Guide.Only asks for
	Title string `json:"title"`
	Steps []Step `json:"steps"`
}

// Step is one way or one part of the way: a sentence, then lines to paste.
type Step struct {
	Note  string   `json:"note"`
	Lines []string `json:"lines"`
}

// Guide makes the recipes for one certificate.
type Guide struct {
	Cert *x509.Certificate
	// Path of the certificate's file on the machine where the lines are pasted.
	Path string
}

// recipes has a section for each Recipe: "## key: title", then by turns a note and the indented lines to paste.
//
//go:embed recipes.txt
var recipes string

// Recipes returns all recipes, operating systems first.
func (g Guide) Recipes() []Recipe {
	fill := strings.NewReplacer(
		"{{path}}", g.Path,
		"{{file}}", g.Path[strings.LastIndexAny(g.Path, `/\`)+1:],
		"{{shell path}}", Quote(g.Path),
		"{{source path}}", literal(g.Path),
		"{{windows path}}", g.windowsPath(),
		"{{node program}}", Quote("require('https').globalAgent.options.ca = "+
			"[require('fs').readFileSync("+literal(g.Path)+")];"),
		"{{name}}", Name(g.Cert),
		"{{thumbprint}}", strings.ReplaceAll(SHA1(g.Cert), ":", ""),
	)
	var all []Recipe
	for section := range strings.SplitSeq(strings.TrimPrefix(recipes, "## "), "\n## ") {
		head, body, _ := strings.Cut(section, "\n\n")
		r := Recipe{}
		r.Key, r.Title, _ = strings.Cut(head, ": ")
		for part := range slices.Chunk(strings.Split(strings.TrimSpace(body), "\n\n"), 2) {
			step := Step{Note: part[0]}
			for line := range strings.SplitSeq(part[1], "\n") {
				step.Lines = append(step.Lines, fill.Replace(strings.TrimPrefix(line, "    ")))
			}
			r.Steps = append(r.Steps, step)
		}
		all = append(all, r)
	}
	return all
}

// Only returns the recipes that the words ask for, in the order of Recipes. A word is a Key or another usual name of
// the same thing; an unknown one is an error that lists the keys.
func (g Guide) Only(words []string) ([]Recipe, error) {
	all := g.Recipes()
	wanted := map[string]bool{}
	for _, w := range words {
		key := keyOf(strings.ToLower(strings.TrimSpace(w)))
		if !slices.ContainsFunc(all, func(r Recipe) bool { return r.Key == key }) {
			return nil, fmt.Errorf("nothing is known about %q: choose from %s", w, strings.Join(keys(all), ", "))
		}
		wanted[key] = true
	}
	return slices.DeleteFunc(all, func(r Recipe) bool { return !wanted[r.Key] }), nil
}

func keys(recipes []Recipe) []string {
	var out []string
	for _, r := range recipes {
		out = append(out, r.Key)
	}
	return out
}

func keyOf(word string) string {
	switch word {
	case "ubuntu":
		return "debian"
	case "fedora", "redhat", "centos", "rocky", "alma", "amazon":
		return "rhel"
	case "sles", "opensuse":
		return "suse"
	case "dotnet", ".net", "iis", "win":
		return "windows"
	case "mac", "darwin", "osx":
		return "macos"
	case "keytool", "jdk", "jre", "axis":
		return "java"
	case "requests", "certifi", "zeep", "suds":
		return "python"
	case "nodejs", "node.js", "npm":
		return "node"
	case "soapclient":
		return "php"
	case "lwp":
		return "perl"
	case "orapki", "wallet":
		return "oracle"
	}
	return word
}

// Quote quotes a word for a POSIX shell where it needs that.
func Quote(s string) string {
	if s != "" && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./:@%+=,-") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// literal quotes a string for PHP and JavaScript source.
func literal(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(s) + "'"
}

// windowsPath is Path if that is a Windows path, and otherwise the file's name alone: the file was copied there.
func (g Guide) windowsPath() string {
	p := g.Path
	if !strings.ContainsAny(p, `\`) {
		p = p[strings.LastIndexByte(p, '/')+1:]
	}
	if strings.ContainsAny(p, " &()^;,") {
		return `"` + p + `"`
	}
	return p
}
