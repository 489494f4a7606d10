package main

import (
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/sandbox"
)

// operatorCalls are all that the operations listener does for the operator alone.
var operatorCalls = []struct{ method, path string }{
	{"POST", "/-/reload"}, {"PUT", "/-/reload"}, {"GET", "/api/capture"}, {"POST", "/api/capture"},
	{"GET", "/api/capture/3f9a0c2b71de.zip"},
	{"POST", "/api/capture/3f9a0c2b71de/stop"}, {"DELETE", "/api/capture/3f9a0c2b71de"}, {"GET", "/api/tokens"},
	{"DELETE", "/api/tokens?all=true"},
	{"GET", "/api/pins"}, {"DELETE", "/api/pins?all=true"},
}

// Every user of the machine reaches a loopback address.
func TestOnlyTheOperatorChangesAndCaptures(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	token := r.legacyLogin(t, "anna@example.com", "anna-legacy-1", sandbox.GUIDKey)
	for _, c := range operatorCalls {
		for name, headers := range map[string][]string{
			"nobody": nil, "a guess": {"Authorization", "Bearer AAAAAAAAAAAAAAAAAAAAAAAAAA"},
			"a token of the proxy's own": {"Authorization", "Bearer " + token},
		} {
			if got := r.do(
				nil, request(t, c.method, r.adminURL()+c.path, nil, headers...),
			); got.status != http.StatusUnauthorized || !strings.Contains(got.body, "basic_auth") {
				t.Errorf("%s %s by %s: status %d, %s", c.method, c.path, name, got.status, got.body)
			}
		}
		if got := r.do(
			nil, request(t, c.method, r.adminURL()+c.path, nil, "Authorization", "Bearer "+r.operatorToken(t), "Host", "x"),
		); got.status == http.StatusUnauthorized {
			t.Errorf("%s %s by the operator: status %d, %s", c.method, c.path, got.status, got.body)
		}
		if got := r.do(
			nil,
			request(
				t, c.method, r.adminURL()+c.path, nil, "Authorization", "Bearer "+r.operatorToken(t), "Origin",
				"https://evil.example.com",
			),
		); c.method != "GET" && got.status != http.StatusForbidden {
			t.Errorf("%s %s by another site's page: status %d", c.method, c.path, got.status)
		}
	}
	for _, path := range []string{"/", "/metrics", "/api/status", "/security", "/-/healthy", "/-/ready"} {
		if got := r.do(nil, request(t, "GET", r.adminURL()+path, nil)); got.status != http.StatusOK {
			t.Errorf("%s without a login: status %d", path, got.status)
		}
	}
	if strings.Contains(r.log.String(), r.operatorToken(t)) {
		t.Error("the log shows the operator's token")
	}
}

func TestTheOperatorsTokenIsNewAtEachStartAndGoneAtTheEnd(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	first := r.operatorToken(t)
	info, err := os.Stat(r.tokenFile())
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS != "windows" && info.Mode() != 0o600 {
		t.Errorf("its mode is %v", info.Mode())
	}
	r.halt()
	if _, err := os.Stat(r.tokenFile()); !os.IsNotExist(err) {
		t.Errorf("after the stop: %v", err)
	}
	if err := os.WriteFile(r.tokenFile(), []byte("of a proxy that was killed\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	r.start()
	if next := r.operatorToken(t); next == first || len(next) < 26 {
		t.Errorf("%q follows %q", next, first)
	}
	if info, err := os.Stat(r.tokenFile()); err != nil || runtime.GOOS != "windows" && info.Mode() != 0o600 {
		t.Errorf("after a kill: %v, %v", info.Mode(), err)
	}
	if got := r.do(
		nil, request(t, "POST", r.adminURL()+"/-/reload", nil, "Authorization", "Bearer "+first),
	); got.status != http.StatusUnauthorized {
		t.Errorf("the token of an earlier start: status %d", got.status)
	}
	if err := os.WriteFile(r.tokenFile(), []byte("another proxy's\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r.halt()
	if r.operatorToken(t) != "another proxy's" {
		t.Error("it was not the stopped proxy's to remove")
	}
}

func TestWhereTheOperatorsTokenIs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		edit func(section)
		want string // "" = it cannot be written
	}{
		{"beside the state file", func(section) {}, "state.db.admin-token"},
		{"beside the configuration, where the state is in memory", func(s section) {
			s["store"] = "memory"
		}, "docusign-auth-proxy.db.admin-token"},
		{"where the configuration says", func(s section) { s.at("admin")["token_file"] = "keys/operator" }, "keys/operator"},
		{"nowhere, when its folder is missing", func(s section) { s.at("admin")["token_file"] = "missing/operator" }, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRigEdited(t, sandbox.Options{}, nil, c.edit)
			out, err := r.operate(t, newReload(), "--admin", r.adminURL())
			if c.want != "" {
				if _, statErr := os.Stat(filepath.Join(r.dir, c.want)); statErr != nil || err != nil ||
					!strings.HasPrefix(out, "reloaded\n") {
					t.Errorf("%v, %v %q", statErr, err, out)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), "--admin-token-file") {
				t.Errorf("the command: %v", err)
			}
			if !strings.Contains(r.log.String(), "there is no operator's token") ||
				!strings.Contains(r.log.String(), "set admin.basic_auth") {
				t.Error("the log does not say so, or not what to do")
			}
			got := r.do(nil, request(t, "POST", r.adminURL()+"/-/reload", nil, "Authorization", "Bearer "))
			if got.status != http.StatusUnauthorized || !strings.Contains(got.body, "set admin.basic_auth") {
				t.Errorf("status %d, %s", got.status, got.body)
			}
		})
	}
}

// A second proxy with the same folder keeps its state in memory. The token there is the first one's.
func TestASecondProxyLeavesTheFirstOnesToken(t *testing.T) {
	t.Parallel()
	byDefault := func(s section) { delete(s, "store") }
	r := newRigEdited(t, sandbox.Options{}, nil, byDefault)
	file := filepath.Join(r.dir, "docusign-auth-proxy.db.admin-token")
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	second := &rig{t: t, dir: r.dir, path: r.path, sandbox: r.sandbox, world: r.world, log: &syncBuffer{}}
	second.start()
	second.halt()
	if after, err := os.ReadFile(file); err != nil || string(after) != string(before) {
		t.Errorf("%v, it changed: %v", err, string(after) != string(before))
	}
}

func TestReloadByCommandTellsOfProblems(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.editConfig("integrations:", "intergrations: []\nintegrations:")
	if _, err := r.operate(t, newReload(), "--admin", r.adminURL()); err == nil {
		t.Error("a configuration that cannot be read is reloaded")
	}
	r.editConfig("intergrations: []\n", "unknown: reject\npin_password: never\n")
	r.editConfig("proxy: 127.0.0.1:0", "proxy: 127.0.0.1:1")
	if _, err := r.operate(t, newReload(), "--admin", r.adminURL()); err == nil ||
		!strings.Contains(err.Error(), "needs a restart") {
		t.Errorf("the error is %v", err)
	}
}

// pinned is a rig with a pinned user and everything that the pin vouched for.
func pinned(t *testing.T) (*rig, issuedToAnna) {
	t.Helper()
	r := newRigEdited(t, sandbox.Options{}, annaActsForBob, func(s section) {
		delete(userSection(s, "nightly-billing", "anna@example.com"), "password")
		s["pin_password"] = "first_use"
	})
	all := r.issueAll(t, "first-seen")
	r.checkIssued(t, all, 200)
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
				args = append(args, "--admin", r.adminURL())
			} else {
				r.halt()
			}
			out, err := r.operate(t, newPins(), args...)
			if said := strings.Contains(out, "forgotten: 1"); err != nil || said != (c.want == 401) {
				t.Errorf("%v %s", err, out)
			}
			if !c.running {
				r.start()
			} else if logged := strings.Contains(r.log.String(), `msg="pin forgotten" integration=nightly-billing `+
				`authenticator=anna@example.com by=127.0.0.1:`); logged != (c.want == 401) {
				t.Errorf("the log tells of it: %v", logged)
			}
			if got := r.withToken(t, all.token).status; got != c.want {
				t.Errorf("its token: status %d, want %d", got, c.want)
			}
			if got := r.withToken(t, all.behalf).status; got != c.want {
				t.Errorf("its token for somebody else: status %d, want %d", got, c.want)
			}
			// The remembered credential must be proven again: now another password is the first one.
			if c.want == 401 {
				if got := r.listWith(t, annaWith("next-seen")); got != 200 {
					t.Errorf("the next password: status %d", got)
				}
				if got := r.listWith(t, annaWith("first-seen")); got != 401 {
					t.Errorf("the forgotten password: status %d", got)
				}
			}
			r.checkIssued(t, all, c.want)
		})
	}
}

func TestAPinnedHashMovedToTheConfigurationEndsNothing(t *testing.T) {
	t.Parallel()
	r, all := pinned(t)
	out, err := r.operate(t, newPins(), "list", "--admin", r.adminURL())
	if err != nil {
		t.Fatal(err)
	}
	_, line, found := strings.Cut(out, "    password: {bcrypt: \"")
	hash, _, closed := strings.Cut(line, "\"}\n")
	if !found || !closed || !strings.Contains(out, "anna@example.com of nightly-billing") {
		t.Fatalf("%s", out)
	}
	r.reloaded(t, func(s section) {
		setPassword("anna@example.com", section{"bcrypt": hash})(s)
		s["pin_password"] = "never"
	})
	r.checkIssued(t, all, 200)
	if _, err := r.operate(t, newPins(), "forget", "--all", "--admin", r.adminURL()); err != nil {
		t.Fatal(err)
	}
	r.checkIssued(t, all, 200)
}

func TestTokensAreListedAndRevoked(t *testing.T) {
	t.Parallel()
	for _, running := range []bool{true, false} {
		name := map[bool]string{true: "by the running proxy", false: "in the state file"}[running]
		t.Run(name, func(t *testing.T) {
			r := newRig(t, annaActsForBob)
			all := r.issueAll(t, "anna-legacy-1")
			tokens := func(args ...string) (string, error) {
				if running {
					args = append(args, "--admin", r.adminURL())
				}
				return r.operate(t, newTokens(), args...)
			}
			if !running {
				r.halt()
			}
			list, err := tokens("list")
			rows := strings.Split(strings.TrimSpace(list), "\n")
			if err != nil || len(rows) != 7 { // a head, three tokens and a password of anna, one token of bob, the next step
				t.Fatalf("%v\n%s", err, list)
			}
			for _, secret := range []string{all.token, all.password, all.behalf, all.bobs} {
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
				if n := strings.Count(r.log.String(), "msg=revoked"); n != 4 || !strings.Contains(r.log.String(), "by=127.0.0.1:") {
					t.Errorf("the log tells of %d", n)
				}
			} else {
				r.start()
			}
			r.checkIssued(t, all, 401)
			if running {
				if out, err := tokens("revoke", "--all", "--json"); err != nil ||
					!strings.Contains(out, `"authenticator": "bob@example.com"`) {
					t.Errorf("%v\n%s", err, out)
				}
				if got := r.withToken(t, all.bobs); got.status != 401 {
					t.Errorf("after all were revoked: status %d", got.status)
				}
			}
		})
	}
}

func TestTheListTellsWhichTokensAreRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	r.legacyLogin(t, "anna@example.com", "anna-legacy-1", sandbox.GUIDKey)
	r.legacyLogin(t, "bob@example.com", "bob-legacy-2", sandbox.GUIDKey)
	r.reloaded(t, setPassword("anna@example.com", section{"bcrypt": bcryptOf(t, "anna-new-1")}))
	out, err := r.operate(t, newTokens(), "list", "--admin", r.adminURL())
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
	for _, i := range r.program.Status().Security.Issued {
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
	r.halt()
	if err := os.Remove(filepath.Join(r.dir, "state.db")); err != nil {
		t.Fatal(err)
	}
	if _, err = r.operate(t, newTokens(), "list"); err == nil || !strings.Contains(err.Error(), "state.db") {
		t.Errorf("the error is %v", err)
	}
	if _, err := os.Stat(filepath.Join(r.dir, "state.db")); !os.IsNotExist(err) {
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
		cmd.SetArgs(append(args, "--admin", r.adminURL()))
		return out.String(), cmd.ExecuteContext(t.Context())
	}
	if _, err := run("list"); err == nil || !strings.Contains(err.Error(), "--admin-token-file") {
		t.Errorf("the error is %v", err)
	}
	if _, err := run("list", "--admin-token-file", r.tokenFile()); err != nil {
		t.Error(err)
	}
}
