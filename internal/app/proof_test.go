package app_test

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/netip"
	"testing"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/app"
	"docusign-auth-proxy/internal/app/apptest"
	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/internal/password"
	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/translate"
)

func hashed(t *testing.T, text string) string {
	t.Helper()
	hash, err := password.HashBcrypt(secret.New(text), 4)
	if err != nil {
		t.Fatal(err)
	}
	return hash
}

func TestWithProxyUsersEverybodyIsAskedAtTheForwardProxyAndOnlyThere(t *testing.T) {
	t.Parallel()
	hash, err := password.Bcrypt(hashed(t, "right"))
	if err != nil {
		t.Fatal(err)
	}
	user := integration.Login{Username: "erp", Password: hash}
	alone := config.Egress{ProxyUsers: []integration.Login{user}}
	listed := config.Egress{ProxyUsers: []integration.Login{user}, Clients: []netip.Prefix{
		netip.MustParsePrefix("10.1.2.0/24"),
	}}
	login := func(user, password string) string {
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
	}
	for _, c := range []struct {
		name, client, login string
		egress              config.Egress
		forward, local      int // status; 0 = admitted
	}{
		{"this machine without a login", "127.0.0.1", "", alone, 407, 0},
		{"this machine with a wrong one", "::1", login("erp", "wrong"), alone, 407, 0},
		{"this machine with a name nobody knows", "127.0.0.2", login("eve", "right"), alone, 407, 0},
		{"this machine with the right one", "127.0.0.1", login("erp", "right"), alone, 0, 0},
		{"another machine without a login", "192.0.2.1", "", alone, 407, 403},
		{"another machine with a wrong one", "192.0.2.1", login("erp", "wrong"), alone, 407, 403},
		{"another machine with the right one", "192.0.2.1", login("erp", "right"), alone, 0, 403},
		{"a listed machine without a login", "10.1.2.3", "", listed, 407, 0},
		{"a listed machine with the right one", "10.1.2.3", login("erp", "right"), listed, 0, 0},
		{"a machine that is not listed, with the right one", "192.0.2.1", login("erp", "right"), listed, 403, 403},
	} {
		forward, local := app.ClientsOf(&config.Config{Egress: c.egress}, translate.NewProver())
		client := netip.AddrPortFrom(netip.MustParseAddr(c.client), 4711)
		if got := forward.Admit(context.Background(), client, c.login).Status; got != c.forward {
			t.Errorf("%s: status %d at the forward proxy, want %d", c.name, got, c.forward)
		}
		if got := local.AdmitAddress(client).Status; got != c.local {
			t.Errorf("%s: status %d at the other doors, want %d", c.name, got, c.local)
		}
	}
}

func TestAReloadTakesOverTheAdminLogin(t *testing.T) {
	t.Parallel()
	r := newRigChanged(t, func(doc apptest.Section) {
		doc.At("admin")["basic_auth"] = apptest.Section{"username": "ops",
			"password": apptest.Section{"bcrypt": hashed(t, "first")}}
	})
	look := func(password string) int {
		req := apptest.Request(t, "GET", "http://"+r.Program.AdminAddress()+"/api/status", nil)
		if password != "" {
			req.SetBasicAuth("ops", password)
		}
		return r.Do(nil, req).Status
	}
	if got := look("first"); got != http.StatusOK {
		t.Fatalf("status %d", got)
	}
	r.Change(func(doc apptest.Section) {
		doc.At("admin")["basic_auth"] = apptest.Section{"username": "ops",
			"password": apptest.Section{"bcrypt": hashed(t, "second")}}
	})
	if err := r.Program.Reload(context.Background()); err != nil {
		t.Fatal(err)
	}
	for password, want := range map[string]int{"first": 401, "second": 200, "": 401} {
		if got := look(password); got != want {
			t.Errorf("password %q after the reload: status %d, want %d", password, got, want)
		}
	}
}

func TestAReloadTakesOverHowLongProofsAreRemembered(t *testing.T) {
	t.Parallel()
	r := newRig(t, nil)
	call := &translate.Call{Legacy: []string{apptest.AnnaJSON}, Client: netip.MustParseAddr("127.0.0.1")}
	for _, c := range []struct {
		life       string
		remembered bool
	}{{"1h", true}, {"0s", false}, {"5m", true}} {
		r.Change(func(doc apptest.Section) { doc.At("credentials")["remember_for"] = c.life })
		if err := r.Program.Reload(context.Background()); err != nil {
			t.Fatal(err)
		}
		tr := r.Program.Translator()
		first, err := tr.Decide(context.Background(), call)
		if err != nil {
			t.Fatal(err)
		}
		if second, err := tr.Decide(context.Background(), call); err != nil || (second == first) != c.remembered {
			t.Errorf("remember_for: %s: remembered %v, %v", c.life, second == first, err)
		}
	}
}
