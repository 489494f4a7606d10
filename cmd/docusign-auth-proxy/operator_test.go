package main

import (
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/app/apptest"
	"docusign-auth-proxy/internal/sandbox"
)

// operatorCalls are all that the operations listener does for the operator alone.
var operatorCalls = []struct{ method, path string }{
	{"POST", "/-/reload"}, {"PUT", "/-/reload"}, {"GET", "/api/capture"}, {"POST", "/api/capture"},
	{"GET", "/api/capture/3f9a0c2b71de.zip"},
	{"POST", "/api/capture/3f9a0c2b71de/stop"}, {"DELETE", "/api/capture/3f9a0c2b71de"}, {"GET", "/api/tokens"},
	{"DELETE", "/api/tokens?all=true"},
	{"GET", "/api/pins"}, {"DELETE", "/api/pins?all=true"}, {"GET", "/api/journal"}, {"DELETE", "/api/journal?all=true"},
	{"POST", "/api/store/restore"},
}

// Every user of the machine reaches a loopback address.
func TestOnlyTheOperatorChangesAndCaptures(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	token := r.LegacyLogin(t, "anna@example.com", "anna-legacy-1", sandbox.GUIDKey)
	for _, c := range operatorCalls {
		for name, headers := range map[string][]string{
			"nobody": nil, "a guess": {"Authorization", "Bearer AAAAAAAAAAAAAAAAAAAAAAAAAA"},
			"a token of the proxy's own": {"Authorization", "Bearer " + token},
		} {
			if got := r.Do(
				nil, apptest.Request(t, c.method, r.AdminURL()+c.path, nil, headers...),
			); got.Status != http.StatusUnauthorized || !strings.Contains(got.Body, "basic_auth") {
				t.Errorf("%s %s by %s: status %d, %s", c.method, c.path, name, got.Status, got.Body)
			}
		}
		if got := r.Do(
			nil, apptest.Request(t, c.method, r.AdminURL()+c.path, nil, "Authorization", "Bearer "+r.OperatorToken(t), "Host",
				"x"),
		); got.Status == http.StatusUnauthorized {
			t.Errorf("%s %s by the operator: status %d, %s", c.method, c.path, got.Status, got.Body)
		}
		if got := r.Do(
			nil,
			apptest.Request(
				t, c.method, r.AdminURL()+c.path, nil, "Authorization", "Bearer "+r.OperatorToken(t), "Origin",
				"https://evil.example.com",
			),
		); c.method != "GET" && got.Status != http.StatusForbidden {
			t.Errorf("%s %s by another site's page: status %d", c.method, c.path, got.Status)
		}
	}
	for _, path := range []string{"/", "/metrics", "/api/status", "/security", "/-/healthy", "/-/ready"} {
		if got := r.Do(nil, apptest.Request(t, "GET", r.AdminURL()+path, nil)); got.Status != http.StatusOK {
			t.Errorf("%s without a login: status %d", path, got.Status)
		}
	}
	if strings.Contains(r.Log.String(), r.OperatorToken(t)) {
		t.Error("the log shows the operator's token")
	}
}

func TestTheOperatorsTokenIsNewAtEachStartAndGoneAtTheEnd(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	first := r.OperatorToken(t)
	info, err := os.Stat(r.TokenFile())
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" && info.Mode() != 0o600 {
		t.Errorf("its mode is %v", info.Mode())
	}
	r.Halt()
	if _, err := os.Stat(r.TokenFile()); !os.IsNotExist(err) {
		t.Errorf("after the stop: %v", err)
	}
	if err := os.WriteFile(r.TokenFile(), []byte("of a proxy that was killed\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	r.Start()
	if next := r.OperatorToken(t); next == first || len(next) < 26 {
		t.Errorf("%q follows %q", next, first)
	}
	if info, err := os.Stat(r.TokenFile()); err != nil || runtime.GOOS != "windows" && info.Mode() != 0o600 {
		t.Errorf("after a kill: %v, %v", info.Mode(), err)
	}
	if got := r.Do(
		nil, apptest.Request(t, "POST", r.AdminURL()+"/-/reload", nil, "Authorization", "Bearer "+first),
	); got.Status != http.StatusUnauthorized {
		t.Errorf("the token of an earlier start: status %d", got.Status)
	}
	if err := os.WriteFile(r.TokenFile(), []byte("another proxy's\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r.Halt()
	if r.OperatorToken(t) != "another proxy's" {
		t.Error("it was not the stopped proxy's to remove")
	}
}

func TestWhereTheOperatorsTokenIs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		edit func(apptest.Section)
		want string // "" = it cannot be written
	}{
		{"beside the state file", func(apptest.Section) {}, "state.db.admin-token"},
		{"beside the configuration, where the state is in memory", func(s apptest.Section) {
			s["store"] = "memory"
		}, "docusign-auth-proxy.db.admin-token"},
		{"where the configuration says", func(s apptest.Section) { s.At("admin")["token_file"] = "keys/operator" },
			"keys/operator"},
		{"nowhere, when its folder is missing", func(s apptest.Section) { s.At("admin")["token_file"] = "missing/operator" },
			""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRigEdited(t, sandbox.Options{}, nil, c.edit)
			out, err := r.operate(t, newReload(), "--admin", r.AdminURL())
			if c.want != "" {
				if _, statErr := os.Stat(filepath.Join(r.Dir, c.want)); statErr != nil || err != nil ||
					!strings.HasPrefix(out, "reloaded\n") {
					t.Errorf("%v, %v %q", statErr, err, out)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), "--admin-token-file") {
				t.Errorf("the command: %v", err)
			}
			if !strings.Contains(r.Log.String(), "there is no operator's token") ||
				!strings.Contains(r.Log.String(), "set admin.basic_auth") {
				t.Error("the log does not say so, or not what to do")
			}
			got := r.Do(nil, apptest.Request(t, "POST", r.AdminURL()+"/-/reload", nil, "Authorization", "Bearer "))
			if got.Status != http.StatusUnauthorized || !strings.Contains(got.Body, "set admin.basic_auth") {
				t.Errorf("status %d, %s", got.Status, got.Body)
			}
		})
	}
}

// A second proxy with the same folder keeps its state in memory. The token there is the first one's.
func TestASecondProxyLeavesTheFirstOnesToken(t *testing.T) {
	t.Parallel()
	byDefault := func(s apptest.Section) { delete(s, "store") }
	r := newRigEdited(t, sandbox.Options{}, nil, byDefault)
	file := filepath.Join(r.Dir, "docusign-auth-proxy.db.admin-token")
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	second := &rig{&apptest.Rig{T: t, Dir: r.Dir, Path: r.Path, Sandbox: r.Sandbox, Seed: r.Seed,
		Log: &apptest.SyncBuffer{}}}
	second.Start()
	second.Halt()
	if after, err := os.ReadFile(file); err != nil || string(after) != string(before) {
		t.Errorf("%v, it changed: %v", err, string(after) != string(before))
	}
}

func TestReloadByCommandTellsOfProblems(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.EditConfig("integrations:", "intergrations: []\nintegrations:")
	if _, err := r.operate(t, newReload(), "--admin", r.AdminURL()); err == nil {
		t.Error("a configuration that cannot be read is reloaded")
	}
	r.EditConfig("intergrations: []\n", "unknown: reject\npin_password: never\n")
	r.EditConfig("proxy: 127.0.0.1:0", "proxy: 127.0.0.1:1")
	if _, err := r.operate(t, newReload(), "--admin", r.AdminURL()); err == nil ||
		!strings.Contains(err.Error(), "needs a restart") {
		t.Errorf("the error is %v", err)
	}
}

// pinned is a rig with a pinned user and everything that the pin vouched for.
func pinned(t *testing.T) (*rig, apptest.IssuedToAnna) {
	t.Helper()
	r := newRigEdited(t, sandbox.Options{}, apptest.AnnaActsForBob, func(s apptest.Section) {
		delete(apptest.UserSection(s, "nightly-billing", "anna@example.com"), "password")
		s["pin_password"] = "first_use"
	})
	all := r.IssueAll(t, "first-seen")
	r.CheckIssued(t, all, 200)
	return r, all
}

func TestWhatAPinVouchedForEndsWithIt(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		running bool
		args    []string
		want    int
	}{
		{"of the user", true, []string{"--user", "Anna@example.com"}, 401},
		{"of the integration", true, []string{"--integration", "nightly-billing"}, 401},
		{"all", true, []string{"--all"}, 401},
		{"of another user", true, []string{"--user", "bob@example.com"}, 200},
		{"of another integration", true, []string{"--integration", "old-erp"}, 200},
		{"while no proxy runs", false, []string{"--user", "anna@example.com"}, 401},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, all := pinned(t)
			args := append([]string{"forget"}, c.args...)
			if c.running {
				args = append(args, "--admin", r.AdminURL())
			} else {
				r.Halt()
			}
			out, err := r.operate(t, newPins(), args...)
			if said := strings.Contains(out, "forgotten: 1"); err != nil || said != (c.want == 401) {
				t.Errorf("%v %s", err, out)
			}
			if !c.running {
				r.Start()
			} else if logged := strings.Contains(r.Log.String(), `msg="pin forgotten" integration=nightly-billing `+
				`authenticator=anna@example.com by=127.0.0.1:`); logged != (c.want == 401) {
				t.Errorf("the log tells of it: %v", logged)
			}
			if got := r.WithToken(t, all.Token).Status; got != c.want {
				t.Errorf("its token: status %d, want %d", got, c.want)
			}
			if got := r.WithToken(t, all.Behalf).Status; got != c.want {
				t.Errorf("its token for somebody else: status %d, want %d", got, c.want)
			}
			// The remembered credential must be proven again: now another password is the first one.
			if c.want == 401 {
				if got := r.ListWith(t, apptest.AnnaWith("next-seen")); got != 200 {
					t.Errorf("the next password: status %d", got)
				}
				if got := r.ListWith(t, apptest.AnnaWith("first-seen")); got != 401 {
					t.Errorf("the forgotten password: status %d", got)
				}
			}
			r.CheckIssued(t, all, c.want)
		})
	}
}

func TestAPinnedHashMovedToTheConfigurationEndsNothing(t *testing.T) {
	t.Parallel()
	r, all := pinned(t)
	out, err := r.operate(t, newPins(), "list", "--admin", r.AdminURL())
	if err != nil {
		t.Fatal(err)
	}
	_, line, found := strings.Cut(out, "    password: {bcrypt: \"")
	hash, _, closed := strings.Cut(line, "\"}\n")
	if !found || !closed || !strings.Contains(out, "anna@example.com of nightly-billing") {
		t.Fatalf("%s", out)
	}
	r.Reloaded(t, func(s apptest.Section) {
		apptest.SetPassword("anna@example.com", apptest.Section{"bcrypt": hash})(s)
		s["pin_password"] = "never"
	})
	r.CheckIssued(t, all, 200)
	if _, err := r.operate(t, newPins(), "forget", "--all", "--admin", r.AdminURL()); err != nil {
		t.Fatal(err)
	}
	r.CheckIssued(t, all, 200)
}

func TestTokensAreListedAndRevoked(t *testing.T) {
	t.Parallel()
	for _, running := range []bool{true, false} {
		name := map[bool]string{true: "by the running proxy", false: "in the state file"}[running]
		t.Run(name, func(t *testing.T) {
			r := newRig(t, apptest.AnnaActsForBob)
			all := r.IssueAll(t, "anna-legacy-1")
			tokens := func(args ...string) (string, error) {
				if running {
					args = append(args, "--admin", r.AdminURL())
				}
				return r.operate(t, newTokens(), args...)
			}
			if !running {
				r.Halt()
			}
			list, err := tokens("list")
			rows := strings.Split(strings.TrimSpace(list), "\n")
			if err != nil || len(rows) != 7 { // a head, three tokens and a password of anna, one token of bob, the next step
				t.Fatalf("%v\n%s", err, list)
			}
			for _, secret := range []string{all.Token, all.Password, all.Behalf, all.Bobs} {
				if strings.Contains(list, secret) {
					t.Errorf("the list shows a secret: %s", list)
				}
			}
			for _, c := range []struct {
				args []string
				want string
			}{
				{[]string{"revoke"}, "say which"},
				{[]string{"revoke", "--all", "--user", "anna@example.com"}, "say which"},
			} {
				if _, err := tokens(c.args...); err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("%v: %v", c.args, err)
				}
			}
			for _, c := range []struct {
				args []string
				want string
			}{
				{[]string{"revoke", "000000000000"}, "nothing was revoked"},
				{[]string{"revoke", "--integration", "old-erp"}, "nothing was revoked"},
				{[]string{"revoke", strings.Fields(rows[1])[0]}, "revoked: 1\n"},
				{[]string{"revoke", "--user", "ANNA@example.com", "--integration", "nightly-billing"}, "revoked: 3\n"},
			} {
				if out, err := tokens(c.args...); err != nil || !strings.Contains(out, c.want) {
					t.Errorf("%v: %v\n%s", c.args, err, out)
				}
			}
			if running {
				if n := strings.Count(r.Log.String(), "msg=revoked"); n != 4 || !strings.Contains(r.Log.String(), "by=127.0.0.1:") {
					t.Errorf("the log tells of %d", n)
				}
			} else {
				r.Start()
			}
			r.CheckIssued(t, all, 401)
			if running {
				if out, err := tokens("revoke", "--all", "--json"); err != nil ||
					!strings.Contains(out, `"authenticator": "bob@example.com"`) {
					t.Errorf("%v\n%s", err, out)
				}
				if got := r.WithToken(t, all.Bobs); got.Status != 401 {
					t.Errorf("after all were revoked: status %d", got.Status)
				}
			}
		})
	}
}

func TestTheListTellsWhichTokensAreRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.LegacyLogin(t, "anna@example.com", "anna-legacy-1", sandbox.GUIDKey)
	r.LegacyLogin(t, "bob@example.com", "bob-legacy-2", sandbox.GUIDKey)
	r.Reloaded(t, apptest.SetPassword("anna@example.com", apptest.Section{"bcrypt": apptest.BcryptOf(t, "anna-new-1")}))
	out, err := r.operate(t, newTokens(), "list", "--admin", r.AdminURL())
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out) {
		if refused := strings.Contains(
			line, "the password has changed",
		); refused != strings.Contains(line, "anna@example.com") {
			t.Errorf("%s", line)
		}
	}
	var live []string
	for _, i := range r.Program.Status().Security.Issued {
		live = append(live, i.Authenticator)
	}
	if len(live) != 1 || live[0] != "bob@example.com" {
		t.Errorf("the status page calls live: %v", live)
	}
}

func TestTheCommandsSayWhyNeitherFileNorProxyAnswers(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	// listen.admin has port 0: the running proxy cannot be found without --admin
	_, err := r.operate(t, newTokens(), "list")
	if err == nil || !strings.Contains(err.Error(), "the store is in use") || !strings.Contains(err.Error(), "--admin") {
		t.Errorf("the error is %v", err)
	}
	r.Halt()
	if err := os.Remove(filepath.Join(r.Dir, "state.db")); err != nil {
		t.Fatal(err)
	}
	if _, err = r.operate(t, newTokens(), "list"); err == nil || !strings.Contains(err.Error(), "state.db") {
		t.Errorf("the error is %v", err)
	}
	if _, err := os.Stat(filepath.Join(r.Dir, "state.db")); !os.IsNotExist(err) {
		t.Errorf("a command made a state file: %v", err)
	}
}

func TestACommandWithoutAConfigurationAsksForTheTokensFile(t *testing.T) {
	r := newRig(t, nil)
	none := filepath.Join(t.TempDir(), "docusign-auth-proxy.yaml")
	t.Chdir(filepath.Dir(none))
	run := func(args ...string) (string, error) {
		cmd := newTokens()
		cmd.SilenceUsage, cmd.SilenceErrors = true, true
		var out strings.Builder
		cmd.SetOut(&out)
		cmd.SetArgs(append(args, "--admin", r.AdminURL()))
		return out.String(), cmd.ExecuteContext(t.Context())
	}
	if _, err := run("list"); err == nil || !strings.Contains(err.Error(), "--admin-token-file") {
		t.Errorf("the error is %v", err)
	}
	if _, err := run("list", "--admin-token-file", r.TokenFile()); err != nil {
		t.Error(err)
	}
}
