//go:build linux

package wine_test

import (
	"context"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/app"
	"docusign-auth-proxy/internal/app/apptest"
	"docusign-auth-proxy/internal/demo"
	"docusign-auth-proxy/internal/processtest"
	"docusign-auth-proxy/internal/sandbox"
)

// exchange is a call by curl, and status, headers and body of the answer without what differs from call to call.
type exchange struct{ call, answer string }

// doorsAsOnLinux makes the calls that the command sandbox prints, and three more, here and there.
func doorsAsOnLinux(t *testing.T, w *windows) {
	if _, err := exec.LookPath("curl"); err != nil {
		if os.Getenv(toolsVariable) != "" {
			t.Fatal(err)
		}
		t.Skip("curl is not installed; .ci/install installs it")
	}
	there, here := onWindows(t, w), onLinux(t, w)
	if len(there) != len(here) || len(here) < 10 {
		t.Fatalf("%d calls there, %d here", len(there), len(here))
	}
	for i, want := range here {
		if got := there[i]; got.answer != want.answer {
			t.Errorf("%s\n%s\nwant, as here:\n%s", got.call, got.answer, want.answer)
		}
		if !strings.Contains(want.answer, "HTTP/") {
			t.Errorf("%s: no answer: %s", want.call, want.answer)
		}
	}
}

// addresses are the flags of the command sandbox.
func addresses(t *testing.T, host string) (flags []string, listen []string) {
	for _, name := range []string{"listen", "proxy", "admin", "hosts"} {
		listen = append(listen, processtest.Free(t, host))
		flags = append(flags, "--"+name, listen[len(listen)-1])
	}
	return flags, listen
}

func onWindows(t *testing.T, w *windows) []exchange {
	t.Helper()
	flags, at := addresses(t, w.address())
	sandbox := w.start(t, append([]string{product, "sandbox", "--dir", `C:\doors`}, flags...)...)
	sandbox.prints("What reaches DocuSign:")
	s := &setup{t: t, w: w, folder: `C:\doors`, config: `C:\doors\proxy.yaml`, proxy: at[1], admin: at[2]}
	s.run()
	return calls(t, w.local(s.folder), sandbox.printed(), at[1])
}

// onLinux is the same in this process.
func onLinux(t *testing.T, w *windows) []exchange {
	t.Helper()
	_, at := addresses(t, w.address())
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	out := &apptest.SyncBuffer{}
	c := demo.SandboxCommand{Listen: at[0], Dir: dir, Proxy: at[1], Admin: at[2], Hosts: at[3], Out: out}
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	processtest.Await(t, "the sandbox here", func() error {
		if !strings.Contains(out.String(), "What reaches DocuSign:") {
			return os.ErrNotExist
		}
		return nil
	})
	holder := &config.Holder{Path: filepath.Join(dir, "proxy.yaml")}
	_, err := holder.Reload()
	if err != nil {
		t.Fatal(err)
	}
	p, err := app.Start(ctx, holder, slog.New(slog.DiscardHandler), app.Hooks{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Stop(); err != nil {
			t.Error(err)
		}
	})
	return calls(t, dir, out.String(), at[1])
}

// calls runs the lines with curl of a text in a folder, and more of the kind.
func calls(t *testing.T, dir, text, proxy string) []exchange {
	t.Helper()
	ping := `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>` +
		`<Login xmlns="http://www.docusign.net/API/Credential"><Email>[` + sandbox.LegacyKey + `]anna@example.com</Email>` +
		`<Password>anna-legacy-1</Password></Login></s:Body></s:Envelope>`
	lines := regexp.MustCompile(`(?m)^ *curl(\.exe)? .*$`).FindAllString(text, -1)
	lines = append(lines,
		`curl -H 'Content-Type: text/xml' --data '`+ping+`' http://`+proxy+`/api/3.0/credential.asmx`,
		`curl -H 'X-DocuSign-Authentication: {}' http://`+proxy+apptest.LoginPath,
		`curl http://`+proxy+`/.well-known/nothing`)
	var all []exchange
	for _, line := range lines {
		here := strings.Replace(strings.TrimSpace(line), "curl.exe", "curl", 1) // Wine has none
		cmd := exec.CommandContext(t.Context(), "sh", "-c", here+" --silent --show-error --include")
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%s", line, err, out)
		}
		all = append(all, exchange{line, steady(string(out))})
	}
	return all
}

// steady replaces what is new in each run: addresses, times, tokens and made-up identifiers.
func steady(answer string) string {
	for _, r := range []struct{ pattern, by string }{
		{`127\.25\.0\.[0-9]+:[0-9]+`, "ADDRESS"},
		{`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`, "GUID"},
		{`[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z?`, "TIME"},
		{`(?im)^(Date|X-[A-Za-z-]*(Request-Id|Reset)): .*$`, "$1: …"},
		{`"access_token": "[^"]*"`, `"access_token": "…"`},
		{`(?i)(Content-Length): [0-9]+`, "$1: …"}, // a time without zeros at its end is shorter
	} {
		answer = regexp.MustCompile(r.pattern).ReplaceAllString(answer, r.by)
	}
	return answer
}

// Classes of objects by which VB6, VBA and classic ASP call; programs in C call WinHTTP itself.
const (
	winHTTP   = "WinHttp.WinHttpRequest.5.1"
	serverXML = "MSXML2.ServerXMLHTTP.6.0"
	xmlHTTP   = "MSXML2.XMLHTTP" // by WinINET, as Internet Explorer
	inC       = ""
)

// old is a call of an old program: status and body, or the error of Windows.
func (s *setup) old(program, base string) (string, error) {
	s.t.Helper()
	if program == inC { // it has the proxy in its code
		return s.w.run(s.t, bin+"winhttp.exe", "get", s.proxy, base+apptest.LoginPath,
			"X-DocuSign-Authentication: "+apptest.AnnaJSON)
	}
	return s.w.run(s.t, "cscript.exe", "//nologo", bin+"xmlhttp.js", program, base+apptest.LoginPath, apptest.AnnaJSON)
}

// oldPrograms calls as programs of Windows do that nobody can change: with the proxy in their code, with the settings
// of WinHTTP, with those of Internet Explorer, or with the proxy as their base URL.
func oldPrograms(t *testing.T, w *windows) {
	s := w.newSetup(t, `C:\programs`, nil)
	s.run()
	good := func(program, base string) {
		t.Helper()
		out, err := s.old(program, base)
		if err != nil || !strings.HasPrefix(out, "200\n") || !strings.Contains(out, `"accountId": "1234567"`) {
			t.Errorf("%q to %s: %v\n%s", program, base, err, out)
		}
	}
	refused := func(program, reason string) {
		t.Helper()
		if out, _ := s.old(program, "https://demo.docusign.net"); !strings.HasPrefix(out, reason) {
			t.Errorf("%q trusts nobody yet: %s", program, out)
		}
	}
	for _, program := range []string{winHTTP, serverXML, xmlHTTP} {
		good(program, "http://"+s.proxy)
	}
	w.done(t, bin+"winhttp.exe", "proxy", s.proxy)
	const internet = `HKCU\Software\Microsoft\Windows\CurrentVersion\Internet Settings`
	w.done(t, "reg.exe", "add", internet, "/v", "ProxyEnable", "/t", "REG_DWORD", "/d", "1", "/f")
	w.done(t, "reg.exe", "add", internet, "/v", "ProxyServer", "/d", s.proxy, "/f")
	untrusted := map[string]string{ // 12157 is a fault of the secure channel, 800c0019 a certificate that is not valid
		inC: "send: error 12157", winHTTP: "error 80072f7d", serverXML: "error 800c0019", xmlHTTP: "error 800c0019",
	}
	for program, reason := range untrusted {
		good(program, "http://demo.docusign.net")
		refused(program, reason)
	}
	trust := func(do string) string {
		return w.done(t, product, "ca", "trust", "--cert", s.folder+`\ca.pem`, do, "--yes")
	}
	trust("--install")
	trust("--check")
	for program := range untrusted {
		good(program, "https://demo.docusign.net")
	}
	trust("--uninstall")
	for program, reason := range untrusted {
		refused(program, reason)
	}
}
