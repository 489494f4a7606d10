package admin

import (
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"docusign-auth-proxy/internal/shown"
)

type pasted struct {
	Integrations []struct {
		Name  string `yaml:"name"`
		Key   string `yaml:"integrator_key"`
		Mode  string `yaml:"mode"`
		OAuth struct {
			PrivateKeys []struct {
				File string `yaml:"file"`
			} `yaml:"private_keys"`
		} `yaml:"oauth"`
		Users []struct {
			Username  string            `yaml:"username"`
			UserID    string            `yaml:"user_id"`
			Password  map[string]string `yaml:"password"`
			MayActFor []string          `yaml:"may_act_for"`
		} `yaml:"users"`
		Principals []struct {
			Username string `yaml:"username"`
			UserID   string `yaml:"user_id"`
		} `yaml:"principals"`
	} `yaml:"integrations"`
}

func paste(t *testing.T, text string) pasted {
	t.Helper()
	var p pasted
	d := yaml.NewDecoder(strings.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(&p); err != nil {
		t.Fatalf("%v in:\n%s", err, text)
	}
	if len(p.Integrations) != 1 {
		t.Fatalf("%d integrations in:\n%s", len(p.Integrations), text)
	}
	return p
}

var strange = []string{
	"anna@example.com", "yes", "null", "~", "12", "1e3", "0x10", "2026-01-01", "", " lead", "trail ", "a: b", "a #b", "- x", "[x", "{x", "*x", "&x", "!x", "|", ">", "%x", "@x", "`x",
	`"`, `'`, `\`, "\n- injected: true\n", "a\nb: c", "\t", "\u2028", "\ufffd", "ünïcödé 漢字 😀", `{{.}}`, `">` +
		`<script>`, strings.Repeat("long ", 2000),
}

func TestSnippetKeepsWhateverCallersSent(t *testing.T) {
	for _, text := range strange {
		u := Unknown{IntegratorKey: text, Callers: []Caller{{Authenticator: text + "x", Principal: text + "y"}, {Authenticator: text + "x", Principal: text + "y"}, {Authenticator: text + "x"}}}
		in := paste(t, snippet(snippetTemplate(), u)).Integrations[0]
		if in.Key != text || len(in.Users) != 1 || in.Users[0].Username != text+"x" || len(in.Users[0].MayActFor) != 1 || in.Users[0].MayActFor[0] != text+"y" || len(in.Principals) != 1 || in.Principals[0].Username != text+"y" {
			t.Errorf("%q became %+v", text, in)
		}
	}
}

func TestSnippetAsksForWhatIsNotShown(t *testing.T) {
	u := Unknown{IntegratorKey: shown.Not("Lgcy-Anna-11x"), Callers: []Caller{
		{Authenticator: shown.Not("Lgcy-Anna-11x"), Principal: shown.Not("Lgcy")}, {Authenticator: "anna@example.com", Principal: shown.Not("Lgcy")},
	}}
	in := paste(t, snippet(snippetTemplate(), u)).Integrations[0]
	if in.Key != "REPLACE_WITH_INTEGRATOR_KEY" || in.Name != "new-program" || len(in.Users) != 2 || in.Users[0].Username != "REPLACE_WITH_USER_NAME" ||
		in.Users[1].Username != "anna@example.com" || len(in.Users[1].MayActFor)+len(in.Principals) != 0 {
		t.Errorf("%+v", in)
	}
}

func TestSnippetSaysWhatIsMissing(t *testing.T) {
	text := snippet(snippetTemplate(), Unknown{IntegratorKey: "230546a7-9c55-40ad-8fbf-af205d5494ad"})
	in := paste(t, text).Integrations[0]
	if in.Name != "program-230546a7" || in.Mode != "translate" || in.Users[0].Username != "REPLACE_WITH_USER_NAME" || in.Users[0].Password["bcrypt"] != "REPLACE_WITH_HASH" {
		t.Errorf("%+v", in)
	}
	for _, hint := range []string{"docusign-auth-proxy hash-password", "DocuSign Admin", "Apps and Keys"} {
		if !strings.Contains(text, hint) {
			t.Errorf("nothing tells of %s:\n%s", hint, text)
		}
	}
}

func TestSnippetForUnlistedUsersOfAnIntegration(t *testing.T) {
	in := paste(t, snippet(snippetTemplate(), Unknown{Integration: "billing", IntegratorKey: "k", Callers: []Caller{{Authenticator: "bob"}, {Authenticator: "eve"}}})).Integrations[0]
	if in.Name != "billing" || in.Key != "" || in.Mode != "" || len(in.Users) != 2 || in.Users[1].Username != "eve" {
		t.Errorf("%+v", in)
	}
}

func TestSnippetIsBounded(t *testing.T) {
	var u Unknown
	for n := range 500 {
		u.Callers = append(u.Callers, Caller{Authenticator: strings.Repeat("a", n+1), Principal: "p"}, Caller{Authenticator: "a", Principal: strings.Repeat("p", n+1)})
	}
	in := paste(t, snippet(snippetTemplate(), u)).Integrations[0]
	if len(in.Users) != maxSnippetUsers || len(in.Principals) != maxSnippetUsers ||
		len(in.Users[0].MayActFor) != maxSnippetUsers {
		t.Errorf("%d users, %d principals", len(in.Users), len(in.Users[0].MayActFor))
	}
}

func FuzzSnippet(f *testing.F) {
	for _, s := range strange {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		s = clean(s)
		in := paste(t, snippet(snippetTemplate(), Unknown{IntegratorKey: s, Callers: []Caller{{Authenticator: s + "x"}}})).Integrations[0]
		if in.Key != s || in.Users[0].Username != s+"x" {
			t.Errorf("%q became %+v", s, in)
		}
	})
}
