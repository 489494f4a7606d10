package admin

import (
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"docusign-auth-proxy/internal/shown"
	"docusign-auth-proxy/internal/template"
	"docusign-auth-proxy/translate/legacy"
)

const (
	maxSnippetUsers = 50
	replaceUser     = "REPLACE_WITH_USER_NAME"
)

// snippetTemplate is a part of the program.
func snippetTemplate() *template.Set {
	return template.Text(template.Funcs{
		"plain":  func(s string) (string, error) { return scalar(s, 0) },
		"quoted": func(s string) (string, error) { return scalar(s, yaml.DoubleQuotedStyle) },
	}, text("snippet.yaml"))
}

// wanted is what templates/snippet.yaml is given.
type wanted struct {
	Integration string // "" = the key is not in the configuration
	Label, Key  string
	Users       []wantedUser
	Principals  []string // whom the calls named and who never called themselves
}

type wantedUser struct {
	Name      string
	MayActFor []string
}

// snippet is the configuration that would let the callers in, but for what only the operator knows. Whatever the
// callers sent stands in double quotes; it never gets into a comment.
func snippet(t *template.Set, u Unknown) string {
	w := wanted{Integration: u.Integration, Label: labelFor(known(u.IntegratorKey, ""))}
	w.Key = known(u.IntegratorKey, "REPLACE_WITH_INTEGRATOR_KEY")
	var names []string
	for _, c := range u.Callers {
		addName(&names, c.Authenticator)
	}
	for _, name := range names {
		user := wantedUser{Name: known(name, replaceUser)}
		for _, c := range u.Callers {
			if c.Authenticator == name && !legacy.SameName(c.Principal, name) {
				addName(&user.MayActFor, known(c.Principal, ""))
			}
		}
		w.Users = append(w.Users, user)
	}
	if len(names) == 0 {
		w.Users = []wantedUser{{Name: replaceUser}}
	}
	for _, c := range u.Callers {
		called := func(o Caller) bool { return legacy.SameName(o.Authenticator, c.Principal) }
		if !slices.ContainsFunc(u.Callers, called) {
			addName(&w.Principals, known(c.Principal, ""))
		}
	}
	var b strings.Builder
	if err := t.Execute(&b, "", w); err != nil {
		return "# no snippet: " + strings.ReplaceAll(err.Error(), "\n", " ") + "\n"
	}
	return b.String()
}

func addName(list *[]string, name string) {
	if name != "" && !slices.Contains(*list, name) && len(*list) < maxSnippetUsers {
		*list = append(*list, name)
	}
}

// known replaces a text that is not shown, since it may be a secret in the wrong field.
func known(s, placeholder string) string {
	if shown.IsNot(s) {
		return placeholder
	}
	return s
}

// scalar writes a text as YAML.
func scalar(s string, style yaml.Style) (string, error) {
	b, err := yaml.Marshal(&yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s, Style: style})
	return strings.TrimSuffix(string(b), "\n"), err
}

var notInLabels = regexp.MustCompile(`[^a-z0-9]`)

// labelFor makes a label of letters, digits and dashes from what may be anything.
func labelFor(key string) string {
	label := notInLabels.ReplaceAllString(strings.ToLower(key), "")
	if label == "" {
		return "new-program"
	}
	return "program-" + label[:min(8, len(label))]
}
