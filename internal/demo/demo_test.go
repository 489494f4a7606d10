package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"docusign-auth-proxy/internal/app"
	"docusign-auth-proxy/internal/app/apptest"
	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/sandbox"
)

// sharedKeys are made once: an RSA key takes longer than all that the demo does.
var sharedKeys = sync.OnceValues(func() (map[string][]byte, error) {
	sb, err := sandbox.Start(sandbox.Options{})
	if err != nil {
		return nil, err
	}
	w, err := sb.Seed()
	return w.PrivateKeys, errors.Join(err, sb.Close())
})

func demoKeys(t *testing.T) map[string][]byte {
	t.Helper()
	keys, err := sharedKeys()
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// demoSecrets are the texts that the demo must not print: passwords, key lines and the tokens that reached DocuSign.
func demoSecrets(s *setup) []string {
	secrets := []string{wrongPassword}
	for _, u := range s.seed.Users {
		secrets = append(secrets, u.Password, u.AppPassword)
	}
	for _, pem := range s.seed.PrivateKeys {
		secrets = append(secrets, strings.Split(string(pem), "\n")[1:3]...)
	}
	for _, r := range s.sandbox.Requests() {
		if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
			secrets = append(secrets, token, strings.Split(token, ".")[1])
		}
		if form, ok := strings.CutPrefix(string(r.Body), "assertion="); ok {
			secrets = append(secrets, form)
		}
	}
	return secrets
}

func TestDemoShowsEveryWayInAndNoSecret(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	var played *setup
	d := &Demo{keys: demoKeys(t), Out: &out, Log: io.Discard, opened: func(s *setup) { played = s }}
	if err := d.Run(t.Context()); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	text := out.String()
	for _, want := range []string{
		"401 refused, although the password is right", `X-DocuSign-Authentication: {"Username":"anna@example.com",`,
		`"Password":"********"`,
		"Host: na3.docusign.net", "Authorization: Bearer eyJ0********", "CONNECT demo.docusign.net:443 HTTP/1.1",
		"HTTP/1.1 200 Connection established",
		"[TLS to demo.docusign.net]", `"baseUrl": "https://na3.docusign.net/restapi/v2/accounts/1234567"`,
		`"baseUrl": "http://127.0.0.1:`,
		"<wsse:UsernameToken>", "EnvelopeID ", "is Sent", "grant_type=password", "next_step=",
		"\n     0  legacy credentials that reached DocuSign\n",
		"\n     1  token grant", `token_grants_total{result="ok"}`, "docusign-auth-proxy hash-password",
		"docusign-auth-proxy run",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the output lacks %q", want)
		}
	}
	for _, secret := range demoSecrets(played) {
		if strings.Contains(text, secret) {
			t.Errorf("the output holds the secret %q", secret)
		}
	}
	for line := range strings.SplitSeq(text, "\n") {
		if utf8.RuneCountInString(line) > pageWidth || strings.ContainsRune(line, '\x1b') {
			t.Errorf("wider than %d columns, or coloured for no terminal: %q", pageWidth, line)
		}
	}
	if t.Failed() {
		t.Log(text)
	}
	if _, err := os.Stat(played.dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder %s was left behind", played.dir)
	}
}

func TestDemoAsJSON(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	var played *setup
	d := &Demo{
		keys: demoKeys(t), Out: &out, Log: io.Discard, AsJSON: true, opened: func(s *setup) { played = s },
	}
	if err := d.Run(t.Context()); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	var got report
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if !got.OK || len(got.Steps) != 9 || len(got.Metrics) == 0 || len(got.Next) == 0 {
		t.Errorf("%s", out.String())
	}
	if want := (proof{Calls: 10, Let: 8, Grants: 1}); got.Proof != want {
		t.Errorf("proof %+v, want %+v", got.Proof, want)
	}
	for _, secret := range demoSecrets(played) {
		if quoted, _ := json.Marshal(secret); strings.Contains(out.String(), strings.Trim(string(quoted), `"`)) {
			t.Errorf("the output holds the secret %q", secret)
		}
	}
}

func TestDemoFailsWhenSomethingDoesNotBehave(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		spoil func(*setup)
		want  string
	}{
		"DocuSign takes no bearer token on SOAP": {func(s *setup) { s.sandbox.SetSOAPBearer(false) },
			"NOT AS IT SHOULD BE: 500 sent"},
		"DocuSign refuses the grant": {func(s *setup) {
			s.sandbox.Revoke(sandbox.LegacyKey, sandbox.AnnaID)
		}, "the program got 401 instead of 200"},
		"the account lives elsewhere": {func(s *setup) {
			s.sandbox.MoveAccount(sandbox.ExampleAccountID, "eu.docusign.net")
		}, "the call went to eu.docusign.net"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			err := (&Demo{keys: demoKeys(t), Out: &out, Log: io.Discard, opened: tt.spoil}).Run(t.Context())
			if exit, ok := errors.AsType[app.ExitError](err); !ok || exit.Code != 1 {
				t.Errorf("%v instead of exit code 1", err)
			}
			if !strings.Contains(out.String(), tt.want) || strings.Contains(out.String(), "How to go on") {
				t.Errorf("the output lacks %q, or goes on:\n%s", tt.want, out.String())
			}
		})
	}
}

// discover writes a CA into the configuration that is there already.
func TestTheCAIsMadeBeforeTheProgramIsWatched(t *testing.T) {
	t.Parallel()
	made := slices.IndexFunc(NextSteps(), func(n NextStep) bool { return strings.HasSuffix(n.Command, " ca init") })
	watched := slices.IndexFunc(NextSteps(), func(n NextStep) bool { return strings.Contains(n.Command, " discover ") })
	if made < 0 || watched < made {
		t.Errorf("ca init is step %d, discover step %d", made, watched)
	}
}

func TestDemoStaysUpUntilItIsTold(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := &apptest.SyncBuffer{}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	const any = "127.0.0.1:0"
	d := &Demo{keys: demoKeys(t), Out: &out, Log: log, Keep: true, Proxy: any, Admin: any, Hosts: any}
	d.staying = func(s *setup) {
		header, err := os.ReadFile(filepath.Join(s.dir, "anna.header"))
		if err != nil {
			t.Error(err)
		}
		config, err := os.ReadFile(filepath.Join(s.dir, "proxy.yaml"))
		if err != nil || bytes.Contains(config, []byte("$2a$04$")) {
			t.Errorf("the status page will warn of hashes that are quick to guess (%v)", err)
		}
		own := s.proxy.Address(call.DoorSidecar)
		got, err := route{}.send(oldRequest("http://"+own+loginPath, "", strings.TrimSpace(string(header))))
		if err != nil || got.status != http.StatusOK {
			t.Errorf("status %d, %v", got.status, err)
		}
		for _, want := range []string{"cd " + s.dir, "http://" + own + "/restapi", "-x http://" + own, "--cacert ca.pem",
			"demo.docusign.net:443:" + s.proxy.Address(call.DoorHosts), "http://" + s.proxy.AdminAddress() + "/metrics"} {
			if !strings.Contains(out.String(), want) {
				t.Errorf("the commands to try lack %q", want)
			}
		}
		for _, secret := range demoSecrets(s) {
			if strings.Contains(out.String(), secret) {
				t.Errorf("the output holds the secret %q", secret)
			}
		}
		stop()
	}
	if err := d.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), "stopping") {
		t.Errorf("the log does not go to the terminal: %q", log)
	}
}

func TestDemoListensElsewhereWhenAPortIsTaken(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	d := &Demo{keys: demoKeys(t), Keep: true, Proxy: l.Addr().String(), Admin: "127.0.0.1:0", Hosts: "127.0.0.1:0"}
	d.Chosen = func(string) bool { return false }
	at, notes, err := d.addresses()
	if err != nil || at.Proxy != "127.0.0.1:0" || len(notes) != 1 || !strings.Contains(notes[0], l.Addr().String()) {
		t.Errorf("%+v %q %v", at, notes, err)
	}
	d.Chosen = func(flag string) bool { return flag == "listen" }
	if _, _, err := d.addresses(); err == nil || !strings.Contains(err.Error(), "--listen") {
		t.Errorf("an address that was asked for and is taken: %v", err)
	}
}

func TestDemoThatIsInterruptedLeavesNothing(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	var dir string
	d := &Demo{keys: demoKeys(t), Out: io.Discard, Log: io.Discard, opened: func(s *setup) { dir = s.dir; stop() }}
	if err := d.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder %s was left behind", dir)
	}
}

func TestTheNextStepsFitOnThePage(t *testing.T) {
	t.Parallel()
	steps := NextSteps()
	var text strings.Builder
	newPage(&text).print("ending", report{OK: true, Next: steps})
	for line := range strings.Lines(text.String()) {
		if len(line) > pageWidth+1 {
			t.Errorf("too wide: %q", line)
		}
	}
}

func TestMaskTakesOutWhatIsSecret(t *testing.T) {
	t.Parallel()
	mask := newMask(sandbox.Seed{Users: []sandbox.User{{Password: "p@ss<w&rd>é1", AppPassword: "app-1"}}})
	tests := map[string]struct{ text, want string }{
		"a password":           {`x p@ss<w&rd>é1 y`, "x ******** y"},
		"a password in XML":    {`<P>p@ss&lt;w&amp;rd&gt;é1</P>`, "<P>********</P>"},
		"a password in JSON":   {`"p@ss\u003cw\u0026rd\u003eé1"`, `"********"`},
		"a password in a form": {`password=p%40ss%3Cw%26rd%3E%C3%A91&scope=api`, "password=********&scope=api"},
		"an App Password":      {`app-1`, "********"},
		"a bearer token": {"Authorization: Bearer eyJ0eXAiOiJNVCJ9.abc.def",
			"Authorization: Bearer eyJ0********"},
		"an opaque token": {"Authorization: bearer FIzzQ29wYXF1ZXRva2VuIGhlcmU=",
			"Authorization: bearer FIzz********"},
		"a token in an answer":           {`"access_token": "FIzzQ29wYXF1ZXRva2Vu",`, `"access_token": "FIzz********",`},
		"an assertion":                   {"assertion=eyJhbGciOiJSUzI1NiJ9.e30.c2ln", "assertion=eyJh********"},
		"prose about a bearer token":     {"a bearer token got by JWT grant", "a bearer token got by JWT grant"},
		"an integrator key is no secret": {sandbox.LegacyKey, sandbox.LegacyKey},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := mask(tt.text); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

func TestLongLinesAreFoldedWithoutLosingAnything(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"words":       strings.Repeat("abc ", 80) + "end",
		"no blank":    strings.Repeat("é", 500),
		"a short one": "abc",
		"nothing":     "",
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			(&page{w: &out}).fold("   who | ", text, ansiRed)
			var joined strings.Builder
			for line := range strings.Lines(out.String()) {
				if utf8.RuneCountInString(strings.TrimRight(line, "\n")) > pageWidth {
					t.Errorf("too wide: %q", line)
				}
				_, rest, _ := strings.Cut(strings.TrimRight(line, "\n"), "|")
				joined.WriteString(strings.ReplaceAll(rest, " ", ""))
			}
			if want := strings.ReplaceAll(text, " ", ""); joined.String() != want {
				t.Errorf("%q, want %q", joined.String(), want)
			}
		})
	}
}
