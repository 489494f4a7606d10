package discover

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/files/filestest"
	"docusign-auth-proxy/internal/sandbox"
	"docusign-auth-proxy/translate/legacy"
)

func TestDiscoverWritesNoSecretFromAWrongField(t *testing.T) {
	const secret = "Lgcy-Anna-11x"
	d := newDiscovery(false, nil)
	for _, c := range []legacy.Credential{
		{IntegratorKey: sandbox.GUIDKey, Username: "anna@example.com"},
		{IntegratorKey: sandbox.GUIDKey, Username: secret},
		{IntegratorKey: secret, Username: "anna@example.com"},
		{IntegratorKey: sandbox.GUIDKey, Username: "anna@example.com", OnBehalfOf: secret},
	} {
		d.credential(c, "", netip.MustParseAddr("127.0.0.1"))
		d.Record(&call.Event{Key: c.IntegratorKey})
	}
	d.credential(
		legacy.Credential{IntegratorKey: sandbox.GUIDKey, Username: "anna@example.com"}, secret,
		netip.MustParseAddr("127.0.0.1"),
	)
	out := filepath.Join(filestest.TempDir(t), "proxy.yaml")
	var said bytes.Buffer
	if err := d.write(Options{Out: out, Stdout: &said, Stderr: &said}, newDocument()); err != nil {
		t.Fatal(err)
	}
	written, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if text := strings.ToLower(string(written) + said.String()); strings.Contains(text, strings.ToLower(secret)) ||
		!strings.Contains(text, "anna@example.com") || !strings.Contains(text, "4 calls carried") {
		t.Errorf("discover says and writes\n%s", text)
	}
}

// TestDiscoverSaysHowSOAPIsToGo also keeps what was seen beside it.
func TestDiscoverSaysHowSOAPIsToGo(t *testing.T) {
	for _, tt := range []struct {
		name  string
		calls []call.Event
		want  string // of the configuration; "" = no word of SOAP
	}{
		{"a program that calls REST alone", []call.Event{{API: call.APIRest2}}, ""},
		{
			"operations that REST carries out whole", []call.Event{{API: "soap_credential", Operation: "Login"}},
			"soap: rest # the 1 operation seen is carried out whole: soap: rest can be set\n",
		},
		{
			"an operation that REST does not carry out",
			[]call.Event{{API: "soap_credential", Operation: "Login"}, {API: "soap_api", Operation: "TransferEnvelope"}},
			"soap: app_password # of 2 operations seen, soap: rest would refuse TransferEnvelope\n",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newDiscovery(false, nil)
			d.credential(
				legacy.Credential{IntegratorKey: sandbox.GUIDKey, Username: "anna@example.com"}, "",
				netip.MustParseAddr("127.0.0.1"),
			)
			for _, e := range tt.calls {
				e.Key = sandbox.GUIDKey
				d.Record(&e)
			}
			out := filepath.Join(filestest.TempDir(t), "proxy.yaml")
			var said bytes.Buffer
			if err := d.write(Options{Out: out, Stdout: &said, Stderr: &said}, newDocument()); err != nil {
				t.Fatal(err)
			}
			written, err := os.ReadFile(out)
			if err != nil {
				t.Fatal(err)
			}
			if text := string(written); !strings.Contains(text, tt.want) || strings.Contains(text, "soap") != (tt.want != "") {
				t.Errorf("wrote\n%s\nsaid\n%s", text, said.String())
			}
		})
	}
}

func TestTheKeysFoundAreTheSameInEveryRun(t *testing.T) {
	d := newDiscovery(false, nil)
	var want []string
	for n := range 20 {
		key := fmt.Sprintf("00000000-0000-4000-8000-%012d", n)
		want = append(want, key)
		d.credential(legacy.Credential{IntegratorKey: key, Username: "anna@example.com"}, "",
			netip.MustParseAddr("127.0.0.1"))
	}
	var said, warned bytes.Buffer
	o := Options{Out: filepath.Join(filestest.TempDir(t), "proxy.yaml"), AsJSON: true, Stdout: &said, Stderr: &warned}
	if err := d.write(o, newDocument()); err != nil {
		t.Fatal(err)
	}
	var got struct {
		Keys []struct {
			Key string `json:"integrator_key"`
		}
	}
	if err := json.Unmarshal(said.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	for n, k := range got.Keys {
		if k.Key != want[n] {
			t.Errorf("key %d is %s", n, k.Key)
		}
	}
	if len(got.Keys) != len(want) {
		t.Errorf("%d keys", len(got.Keys))
	}
}
