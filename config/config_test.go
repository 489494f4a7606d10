package config

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"gopkg.in/yaml.v3"

	"docusign-auth-proxy/internal/files/filestest"
	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/internal/password"
	"docusign-auth-proxy/internal/secret"
)

var update = flag.Bool("update", false, "write the golden files of testdata anew")

// TestFiles holds each file of testdata to the listing next to it: problems of a bad one, warnings of a good one.
func TestFiles(t *testing.T) {
	for _, kind := range []string{"good", "bad"} {
		files := must(filepath.Glob("testdata/*." + kind + ".yml"))
		if len(files) == 0 {
			t.Fatalf("no %s files", kind)
		}
		for _, file := range files {
			t.Run(filepath.Base(file), func(t *testing.T) {
				c, err := Parse(must(os.ReadFile(file)), "proxy.yml", machine(t))
				if (err == nil) != (kind == "good") {
					t.Fatalf("the error of a %s file is:\n%v", kind, err)
				}
				compareGolden(t, strings.TrimSuffix(file, ".yml")+".txt", listing(t, c, err))
			})
		}
	}
}

func listing(t *testing.T, c *Config, err error) string {
	t.Helper()
	if err == nil {
		return c.Warnings.Error()
	}
	if c != nil {
		t.Error("a configuration comes with the error")
	}
	var problems Problems
	if !errors.As(err, &problems) || len(problems) == 0 {
		t.Fatalf("the error is a %T", err)
	}
	return problems.Error()
}

// compareGolden takes an absent file for an empty one.
func compareGolden(t *testing.T, file, got string) {
	t.Helper()
	if got != "" {
		got += "\n"
	}
	if *update {
		if err := os.Remove(file); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		if got == "" {
			return
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func TestEverythingIsRead(t *testing.T) {
	c := parseFile(t, "testdata/everything.good.yml")
	in := c.Integrations[0]
	tests := []struct {
		name      string
		got, want any
	}{
		{"an origin loses upper case, its own port and the slash", c.AccountServer.String(), "https://account.example.com"},
		{"the hosts of a custom environment are believed after the given ones", c.Egress.Hosts,
			[]string{
				".docusign.net", ".docusign.com", ".esign.example.com", "127.0.0.1", "account.example.com", "www.example.com",
			}},
		{"a single address becomes a network", c.Egress.AllowAddresses,
			[]netip.Prefix{netip.MustParsePrefix("10.9.8.7/32"), netip.MustParsePrefix("fd00::/8")}},
		{"a tunnel's host is in lower case", c.Egress.Tunnel[0].String(), "updates.example.org:443"},
		{"a resolved host is in lower case", c.Egress.Fixed["account.example.com"].String(), "127.0.0.1:9443"},
		{"a resolver has a port", c.Egress.Resolver.String(), "10.0.0.53:53"},
		{"a duration may have parts", c.Upstream.ResponseTimeout, 90 * time.Second},
		{"a size has a unit", c.Limits.SOAPHeader, Size(1 << 20)},
		{"zero replaces a default", c.Limits.ReplayBody, Size(0)},
		{"false replaces a default", in.PassOAuthBearer, false},
		{"a list replaces its default", in.OAuth.Scopes, integration.Scopes{"signature"}},
		{"the case of an integrator key stays", in.IntegratorKey, "DOCU-230546A7-9c55-40ad-8fbf-af205d5494ad"},
		{"a client id of its own goes before the old key", in.OAuth.ClientID, "330546a7-9c55-40ad-8fbf-af205d5494ad"},
		{"the digest of a token may be in upper case", hex.EncodeToString(in.Tokens[0].SHA256[:]),
			"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"},
		{"an account number written as a number is a key", in.Users[0].Accounts["1234567"],
			"a1b2c3d4-0000-4000-8000-000000000010"},
		{"a secret file loses its line end", in.Users[0].AppPassword.Reveal(), "c4n4ry-file"},
		{"a secret file of Windows loses its byte order mark", c.Upstream.ProxyPassword.Reveal(), "c4n4ry-windows"},
		{"a plain password is read from a variable", c.Egress.ProxyUsers[3].Password.Clear().Reveal(), "c4n4ry-variable"},
		{"a hash is known for what it is", c.Egress.ProxyUsers[0].Password.Kind(), password.KindBcrypt},
		{"a time zone is known by its IANA name", in.SOAPREST.TimeZone.String(), "Europe/Berlin"},
		{"an origin for browsers is a URL", in.SOAPREST.PublicURL.String(), "https://sign.example.com"},
		{"numbers may be negative", in.SOAPREST.TabOffset, integration.TabOffset{SignHere: 20, InitialHere: -3}},
		{"a directory is relative to the file", in.SOAPREST.SpoolDir, "state"},
		{"a bound is a size", in.SOAPREST.SpoolMax, Size(64 << 20)},
		{"a way of SOAP that is written is somebody's choice", in.SOAPUnset, false},
		{"a path is relative to the file", c.Store.File, filepath.Join("state", "proxy.db")},
		{"so is the log", c.Log.File, filepath.Join("state", "proxy.log")},
		{"every file that was read is known", c.Files,
			[]string{
				"ca-key.pem", "ca.pem", "key.pem", "keys/new.pem", "password.txt", "proxy.yml", "windows.txt",
			}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if !reflect.DeepEqual(tt.got, tt.want) {
				t.Errorf("got %v, want %v", tt.got, tt.want)
			}
		})
	}
}

func parseFile(t *testing.T, file string) *Config {
	t.Helper()
	c, err := Parse(must(os.ReadFile(file)), "proxy.yml", machine(t))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestTheVocabularyMeansWhatItSays(t *testing.T) {
	c := parseFile(t, "testdata/vocabulary.good.yml")
	in := c.Integrations[0]
	tests := []struct {
		name      string
		got, want any
	}{
		{"demo has its account server", c.AccountServer.String(), "https://account-d.docusign.com"},
		{"the audience is the bare host", c.Audience, "account-d.docusign.com"},
		{"demo has its site", c.Site.String(), "https://demo.docusign.net"},
		{"an empty client id is the integrator key", in.OAuth.ClientID, in.IntegratorKey},
		{"keys keep their order", in.OAuth.PrivateKeys[0].Source, "file keys/new.pem"},
		{"the hosts of DocuSign are believed", c.Egress.Hosts, []string{".docusign.net", ".docusign.com"}},
		{"what is not written has its default", c.Limits, Default().Limits},
		{"a section that is not written has its defaults", in.SOAPREST.TabOffset,
			integration.TabOffset{SignHere: 21, InitialHere: 16}},
		{"dates are DocuSign's own unless told otherwise", in.SOAPREST.TimeZone.String(), "America/Los_Angeles"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if !reflect.DeepEqual(tt.got, tt.want) {
				t.Errorf("got %v, want %v", tt.got, tt.want)
			}
		})
	}
	for _, k := range in.OAuth.PrivateKeys {
		if k.Key == nil || k.Key.N.BitLen() != 2048 {
			t.Errorf("the key of %s is %v", k.Source, k.Key)
		}
	}
}

func TestCompanyProxy(t *testing.T) {
	at := func(origin string) Origin { o, _ := parseOrigin(origin); return o }
	const corp = "http://corp.example:3128"
	tests := []struct {
		name, yaml string
		want       CompanyProxy
	}{
		{"no proxy is none", `{}`, CompanyProxy{}},
		{"a proxy without user", `{proxy: "http://corp.example:3128/"}`, CompanyProxy{Origin: at(corp)}},
		{"a password of its own joins the user",
			`{proxy: "https://user@corp.example:3128", proxy_password: {file: password.txt}}`,
			CompanyProxy{at("https://corp.example:3128"), "user", secret.New("c4n4ry-file")}},
		{"a password in clear is used", `{proxy: "http://user:pw@corp.example:3128"}`,
			CompanyProxy{at(corp), "user", secret.New("pw")}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := Parse([]byte("environment: demo\nunknown: observe\nupstream: "+tt.yaml), "proxy.yml", machine(t))
			if err != nil {
				t.Fatal(err)
			}
			if c.Upstream.Proxy != tt.want {
				t.Errorf("got %+v", c.Upstream.Proxy)
			}
		})
	}
}

// TestSecretsNeverShow prints a configuration full of canaries in every way there is, and every message about one.
func TestSecretsNeverShow(t *testing.T) {
	var out strings.Builder
	for _, file := range must(filepath.Glob("testdata/*.yml")) {
		c, err := Parse(must(os.ReadFile(file)), "proxy.yml", machine(t))
		fmt.Fprintln(&out, err)
		if c == nil {
			continue
		}
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
			fmt.Fprintf(&out, verb+"\n"+verb+"\n", c, *c)
			fmt.Fprintf(&out, verb+"\n"+verb+"\n"+verb+"\n", c.Admin, c.Upstream, c.Egress)
			fmt.Fprintf(&out, verb+"\n", struct{ *Interception }{c.Interception})
		}
		out.Write(must(json.Marshal(c)))
		out.Write(must(yaml.Marshal(c)))
		slog.New(slog.NewTextHandler(&out, nil)).Info("m", "config", *c, "upstream", c.Upstream)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("m", "config", *c, "upstream", c.Upstream)
	}
	for _, canary := range []string{
		"c4n4ry", fmt.Sprintf("%x", "c4n4ry"), "N9qo8uLOickgx2ZMRZoMye", "c29tZXNhbHR",
		"-----BEGIN RSA", "-----BEGIN PRIVATE",
	} {
		if i := strings.Index(out.String(), canary); i >= 0 {
			t.Errorf("%s shows in: …%s…", canary, out.String()[max(0, i-200):i+40])
		}
	}
}

func TestExamplesParseWithoutWarning(t *testing.T) {
	files := maps.Clone(machineFiles())
	files["old-password.txt"], files["app-password.txt"] = files["password.txt"], files["password.txt"]
	for name, text := range examples() {
		t.Run(name, func(t *testing.T) {
			c, err := Parse([]byte(text), "proxy.yml", environment(files, nil))
			if err != nil {
				t.Fatal(err)
			}
			for _, w := range c.Warnings {
				if name != "app-password" { // without a key, REST cannot work, and the example is about SOAP alone
					t.Error(w)
				}
			}
		})
	}
}

func TestLoad(t *testing.T) {
	dir := filestest.TempDir(t)
	path := filepath.Join(dir, "proxy.yml")
	write(t, path, exampleMinimal)
	write(t, filepath.Join(dir, "key.pem"), string(machineFiles()["key.pem"].Data))

	c, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(dir, "key.pem"); !slices.Contains(c.Files, want) {
		t.Errorf("%s is not among %v", want, c.Files)
	}
	_, err = Load(filepath.Join(dir, "absent.yml"))
	var problems Problems
	if !errors.As(err, &problems) || !strings.Contains(problems.Error(), "does not exist") {
		t.Errorf("an absent file is reported as %v", err)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestWhoMayReadASecretIsTold(t *testing.T) {
	for _, tt := range []struct{ name, file, folder, want string }{
		{"an account that may read the file", `BUILTIN\Users may read it`, "",
			`the file keys/old.pem is open to others (BUILTIN\Users may read it)`},
		{"one that may put another file in its place", "", "mode 0777", "the folder keys is open to others (mode 0777)"},
		{"an answer that the system does not give", "error", "", "nobody knows who may read keys/old.pem: denied"},
		{"nobody", "", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			env := machine(t)
			env.OpenTo = func(name string) (string, error) {
				switch {
				case name == "keys":
					return tt.folder, nil
				case tt.file == "error":
					return "", errors.New("denied")
				}
				return tt.file, nil
			}
			text := strings.ReplaceAll(exampleMinimal, "key.pem", "keys/old.pem")
			c, err := Parse([]byte(text), "proxy.yml", env)
			if err != nil {
				t.Fatal(err)
			}
			if (tt.want == "") != (len(c.Warnings) == 0) || !strings.Contains(c.Warnings.Error(), tt.want) {
				t.Errorf("warned of:\n%v", c.Warnings)
			}
		})
	}
}

func TestUnreadableFilesAreReportedByName(t *testing.T) {
	env := environment(fstest.MapFS{}, nil)
	env.Stat = machine(t).Stat
	env.ReadFile = func(string) ([]byte, error) { return nil, os.ErrPermission }
	_, err := Parse([]byte(exampleMinimal), "proxy.yml", env)
	if err == nil || !strings.Contains(err.Error(), "the file key.pem may not be read by this user") {
		t.Errorf("got %v", err)
	}
}

func TestEverythingIsBounded(t *testing.T) {
	large := []byte("environment: demo\n" + strings.Repeat("# filler\n", MaxFileSize/8))
	_, err := Parse(large, "proxy.yml", machine(t))
	if err == nil || !strings.Contains(err.Error(), "larger than 1MiB") {
		t.Errorf("got %v", err)
	}
	names := strings.Repeat("a@example.com, ", 1000)
	laughs := "environment: demo\nintegrations:\n- &i\n  users: [{may_act_for: [" + names + "]}]\n" +
		strings.Repeat("- *i\n", 100)
	_, err = Parse([]byte(laughs), "proxy.yml", machine(t))
	if err == nil || !strings.Contains(err.Error(), "holds more than 50000 values") {
		t.Error("aliases are not bounded")
	}
	var problems Problems
	many := "environment: demo\nintegrations: [" + strings.Repeat("{}, ", 2000) + "]"
	_, err = Parse([]byte(many), "proxy.yml", machine(t))
	if !errors.As(err, &problems) || len(problems) != maxProblems {
		t.Errorf("%d problems are told", len(problems))
	}
}

func FuzzParse(f *testing.F) {
	for _, file := range must(filepath.Glob("testdata/*.yml")) {
		f.Add(must(os.ReadFile(file)))
	}
	for _, text := range examples() {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse(data, "proxy.yml", machine(t))
		if (c == nil) == (err == nil) {
			t.Fatalf("configuration %v with error %v", c, err)
		}
		if err == nil {
			if c.Environment == "" || c.AccountServer == (Origin{}) || c.Site == (Origin{}) || c.Audience == "" {
				t.Errorf("an incomplete configuration passes: %v", c)
			}
			return
		}
		var problems Problems
		if !errors.As(err, &problems) || len(problems) == 0 {
			t.Fatalf("the error is %T", err)
		}
		for i, p := range problems {
			if p.Message == "" || p.File != "proxy.yml" || (i > 0 && p.Line < problems[i-1].Line) {
				t.Errorf("problem %d is out of order or empty: %v", i, problems)
			}
		}
	})
}

func TestHowSOAPGoesMustBeChosen(t *testing.T) {
	tests := []struct {
		name, soap string
		effective  integration.SOAP
		unset      bool
	}{
		{"without a word it is bearer, as in earlier versions, and nobody's choice", "", integration.Bearer, true},
		{"bearer may be chosen", "soap: bearer", integration.Bearer, false},
		{"rest needs the key alone", "soap: rest", integration.OverREST, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text := strings.Replace(exampleMinimal, "    oauth:", "    "+tt.soap+"\n    oauth:", 1)
			c, err := Parse([]byte(text), "proxy.yml", machine(t))
			if err != nil {
				t.Fatal(err)
			}
			if in := c.Integrations[0]; in.SOAP != tt.effective || in.SOAPUnset != tt.unset {
				t.Errorf("soap is %q, unset %v", in.SOAP, in.SOAPUnset)
			}
		})
	}
}

func TestTimeZoneSuggestions(t *testing.T) {
	for wrong, right := range map[string]string{
		"PDT": "America/Los_Angeles", "Pacific Standard Time": "America/Los_Angeles", "europe/berlin ": "Europe/Berlin",
		"America/New York": "America/New_York", "Asia/Tokio": "Asia/Tokyo",
	} {
		if got := zoneFor(wrong); got != right {
			t.Errorf("for %q it suggests %q", wrong, got)
		}
	}
	for _, zone := range append(slices.Collect(maps.Values(otherZoneNames())), commonZones()...) {
		if _, err := time.LoadLocation(zone); err != nil {
			t.Errorf("a suggested zone does not exist: %v", err)
		}
	}
}
