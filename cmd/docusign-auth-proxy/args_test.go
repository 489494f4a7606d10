package main

import (
	"bytes"
	"context"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// tell runs a command line as mainExit does, and gives what would be said.
func tell(t *testing.T, line string) (said string, failed bool) {
	t.Helper()
	var out bytes.Buffer
	root, args := newRoot(), versionFirst(strings.Fields(line))
	root.SetArgs(args)
	root.SetOut(&out)
	root.SetErr(&out)
	root.SetIn(strings.NewReader(""))
	err := misspelt(root, args)
	if err == nil {
		err = root.ExecuteContext(context.Background())
	}
	if err != nil {
		out.WriteString(err.Error())
	}
	return out.String(), err != nil
}

func TestASlipOnTheCommandLineIsToldWithWhatWasMeant(t *testing.T) {
	for _, tt := range []struct{ line, want string }{
		{"rnu", `unknown command "rnu" (did you mean "run"?)`},
		{"docter --offline", `unknown command "docter" (did you mean "doctor"?)`},
		{"config chek", `unknown command "config chek" (did you mean "check"?)`},
		{"ca int --dir x", `unknown command "ca int" (did you mean "init"?)`},
		{"consent wat", `unknown command "consent wat" (did you mean "wait"?)`},
		{"soap juornal", `unknown command "soap juornal" (did you mean "journal"?)`},
		{"frobnicate", `unknown command "frobnicate" (docusign-auth-proxy --help lists them)`},
		{"run --confg x", `unknown flag: --confg (did you mean --config?)`},
		{"run --zzz", `unknown flag: --zzz (docusign-auth-proxy run --help lists the flags)`},
		{"run -config x", `-config is not understood (did you mean --config?)`},
		{"report -format=csv", `-format is not understood (did you mean --format?)`},
		{"run proxy.yaml", `"proxy.yaml" stands alone (did you mean --config proxy.yaml?)`},
		{"version now", `takes no argument, and "now" is one`},
		{"explain consent_requird", `no cause is called "consent_requird" (did you mean "consent_required"?)`},
		{"explain zzzzzzzz", `no cause is called "zzzzzzzz" (docusign-auth-proxy explain lists them)`},
	} {
		t.Run(tt.line, func(t *testing.T) {
			if said, failed := tell(t, tt.line); !failed || !strings.Contains(said, tt.want) {
				t.Errorf("failed %v, said %s", failed, said)
			}
		})
	}
}

func TestTheVersionIsToldInEveryWayThatIsUsual(t *testing.T) {
	want := versionLine()
	for _, line := range []string{"version", "--version", "-v", "-version"} {
		if said, failed := tell(t, line); failed || strings.TrimSpace(said) != want {
			t.Errorf("%s: failed %v, said %s", line, failed, said)
		}
	}
}

// TestExitCodes holds what help says of them: 0 done and good, 1 not; those of doctor and soap are tested with these.
func TestExitCodes(t *testing.T) {
	dir := t.TempDir()
	for _, tt := range []struct {
		line string
		want int
	}{
		{"version", 0}, {"--help", 0}, {"config", 0}, {"help run", 0}, {"explain bad_login", 0}, {"config reference", 0},
		{"config schema --output " + filepath.Join(dir, "x.json"), 0}, {"ca init --dir " + dir, 0},
		{"frobnicate", 1}, {"config chek", 1}, {"help frobnicate", 1}, {"run --zzz", 1}, {"run --config absent.yaml", 1},
		{"config check --config absent.yaml", 1}, {"health --config absent.yaml", 1}, {"explain frobnicate", 1},
		{"ca init --dir " + dir, 1}, {"doctor --config absent.yaml", 2}, {"soap compare --config absent.yaml", 2},
	} {
		cmd := programCommand(t.Context(), t, strings.Fields(tt.line)...)
		cmd.Dir = dir
		out, _ := cmd.CombinedOutput() // the exit code is what is tested
		if got := cmd.ProcessState.ExitCode(); got != tt.want {
			t.Errorf("%s: exit code %d\n%s", tt.line, got, out)
		}
	}
	help, _ := tell(t, "--help")
	if !strings.Contains(help, "Exit code of every command: 0 = done and good, 1 = not") {
		t.Error("help does not tell the exit codes")
	}
}

// TestAMissingConfigurationIsToldAlikeEverywhere holds every command that reads one to one line with the next step.
func TestAMissingConfigurationIsToldAlikeEverywhere(t *testing.T) {
	const want = "absent.yaml: does not exist (name the configuration with --config FILE; docusign-auth-proxy discover " +
		"writes one)"
	given := map[string]string{
		"capture start": "--integration billing", "soap test-envelope": "--to anna@example.com", "tokens revoke": "--all",
		"pins forget": "--all", "soap journal settle": "--all", "discover": "--out docusign-auth-proxy.yaml",
		"capture delete": "3f9a0c2b71de", "store copy": "--to other.db",
	}
	eachCommand(newRoot(), func(c *cobra.Command) {
		path := strings.TrimPrefix(c.CommandPath(), "docusign-auth-proxy ")
		if !c.Runnable() || c.Flags().Lookup("config") == nil || path == "service install" { // it prepares for one
			return
		}
		said, failed := tell(t, path+" --config absent.yaml "+given[path])
		if path == "doctor" { // its findings have lines of their own for what to do
			said = regexp.MustCompile(`\n +why .*\n +next +(.*)`).ReplaceAllString(said, " ($1)")
		}
		if !failed || !strings.Contains(said, want) {
			t.Errorf("%s: failed %v, said %s", path, failed, said)
		}
	})
}

func TestExplainTellsEveryCaseOfAWord(t *testing.T) {
	said, failed := tell(t, "explain bad_login")
	for _, want := range []string{
		"bad_login: USER is not among the users of INTEGRATION\n", "\n  next          ", "\n  severity      page\n",
		"\n  program sees  401 ", "\n  runbook       docs/runbook.md#a-program-gets-401\n",
	} {
		if failed || !strings.Contains(said, want) {
			t.Errorf("no %q in\n%s", want, said)
		}
	}
	if strings.Contains(said, "{") || strings.Count(said, "bad_login: ") < 2 {
		t.Error(said)
	}
	said, failed = tell(t, "explain docusign_418 --json")
	if failed || !strings.Contains(said, `"cause": "docusign_4xx"`) || !strings.Contains(said, `"severity": "note"`) {
		t.Error(said)
	}
	said, failed = tell(t, "explain")
	if failed || !strings.Contains(said, "\nnext: docusign-auth-proxy explain") {
		t.Error(said)
	}
	for _, word := range []string{"bad_login", "refused"} { // the rows of refused do not stand together
		if strings.Count(said, "\n"+word+" ") != 1 {
			t.Errorf("%s: %s", word, said)
		}
	}
}
