package app_test

import (
	"bytes"
	"encoding/base64"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/app"
	"docusign-auth-proxy/internal/app/apptest"
	"docusign-auth-proxy/internal/sandbox"
	"docusign-auth-proxy/internal/store/redis/redistest"
)

// sharing is the section of a store that replicas share.
func sharing(t *testing.T, addr string, key byte) func(apptest.Section) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "store.key")
	text := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{key}, 32))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return func(s apptest.Section) {
		s["store"] = apptest.Section{
			"redis": apptest.Section{"url": "redis://" + addr + "/0"},
			"key":   apptest.Section{"file": file},
		}
	}
}

// another starts one more replica with the same configuration.
func (r *rig) another() *rig {
	other := *r.Rig
	other.Log = &apptest.SyncBuffer{}
	other.Start()
	return &rig{&other}
}

// ready is the answer of /-/ready.
func (r *rig) ready(t *testing.T) (status int, text string) {
	t.Helper()
	resp, err := http.Get("http://" + r.Program.AdminAddress() + "/-/ready")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func within(t *testing.T, what string, is func() bool) {
	t.Helper()
	for began := time.Now(); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Since(began) > 20*time.Second {
			t.Fatal("it does not come to this: " + what)
		}
	}
}

func TestATokenIsThatOfEveryReplica(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, addr string) {
		a := newRigEdited(t, sandbox.Options{}, nil, sharing(t, addr, 1))
		b := a.another()
		token := a.LegacyLogin(t, "anna@example.com", "anna-legacy-1", sandbox.GUIDKey)
		if got := b.WithToken(t, token); got.Status != 200 {
			t.Errorf("the other replica answers %d %s\n%s", got.Status, got.Body, b.Log)
		}
		form := strings.NewReader("token=" + strings.NewReplacer("+", "%2B", "=", "%3D", "/", "%2F").Replace(token))
		got := b.Do(nil, apptest.Request(t, "POST", b.Sidecar()+"/restapi/v2/oauth2/revoke", form,
			"Content-Type", "application/x-www-form-urlencoded"))
		if got.Status != 200 {
			t.Errorf("revoke: %d %s", got.Status, got.Body)
		}
		within(t, "the token is dead everywhere", func() bool {
			return a.WithToken(t, token).Status == 401 && b.WithToken(t, token).Status == 401
		})
	})
}

func TestAReplicaGoesOnWithoutItsStore(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	r := newRigEdited(t, sandbox.Options{}, nil, sharing(t, server.Addr, 1))
	token := r.LegacyLogin(t, "anna@example.com", "anna-legacy-1", sandbox.GUIDKey)
	if got := r.WithToken(t, token); got.Status != 200 {
		t.Fatalf("%d %s", got.Status, got.Body)
	}
	server.Kill()
	unknown := "b1NGfWU2apqLyL3gEtNtlBdyE1k="
	for range 3 {
		if got := r.WithToken(t, token); got.Status != 200 {
			t.Errorf("a known token: %d %s", got.Status, got.Body)
		}
		if got := r.ListWith(t, apptest.AnnaJSON); got != 200 {
			t.Errorf("a header: %d", got)
		}
		got := r.WithToken(t, unknown)
		if got.Status != 503 || got.Header.Get("Retry-After") != "5" ||
			got.Header.Get("X-DocuSign-Auth-Proxy-Cause") != "store_unreachable" {
			t.Errorf("an unknown token: %d %v %s", got.Status, got.Header, got.Body)
		}
		form := apptest.TokenForm("anna@example.com", "anna-legacy-1", sandbox.GUIDKey)
		if got := r.Do(nil, apptest.TokenRequest(t, r.Sidecar(), form)); got.Status != 503 {
			t.Errorf("a new token: %d %s", got.Status, got.Body)
		}
		if status, text := r.ready(t); status != 200 {
			t.Errorf("not ready: %d %s", status, text)
		}
	}
	server.Restart()
	// It came back empty: it is not believed, and nothing is lost here.
	time.Sleep(1500 * time.Millisecond)
	if got := r.WithToken(t, token); got.Status != 200 {
		t.Errorf("after the server lost all: %d %s", got.Status, got.Body)
	}
	if log := r.Log.String(); strings.Count(log, "the store of all replicas is away") == 0 {
		t.Errorf("the log says nothing\n%s", log)
	}
}

func TestAReplicaWaitsForAStoreThatItNeverReached(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	server.Kill()
	for word, want := range map[string]int{"wait": 503, "serve": 200} {
		t.Run(word, func(t *testing.T) {
			r := newRigEdited(t, sandbox.Options{}, nil, func(s apptest.Section) {
				sharing(t, server.Addr, 1)(s)
				s.At("store")["cold_start"] = word
			})
			status, text := r.ready(t)
			if status != want || want == 503 && !strings.Contains(text, "store") {
				t.Errorf("%d %s", status, text)
			}
			if got := r.ListWith(t, apptest.AnnaJSON); got != 200 {
				t.Errorf("a header, all the same: %d", got)
			}
		})
	}
	r := newRigEdited(t, sandbox.Options{}, nil, sharing(t, server.Addr, 1))
	server.Restart()
	within(t, "it is ready", func() bool { status, _ := r.ready(t); return status == 200 })
	r.LegacyLogin(t, "anna@example.com", "anna-legacy-1", sandbox.GUIDKey)
}

func TestAStartWithTheKeyOfAnotherStoreEnds(t *testing.T) {
	t.Parallel()
	redistest.Each(t, func(t *testing.T, addr string) {
		r := newRigEdited(t, sandbox.Options{}, nil, sharing(t, addr, 1))
		r.Change(sharing(t, addr, 2))
		holder := &config.Holder{Path: r.Path}
		if _, err := holder.Reload(); err != nil {
			t.Fatal(err)
		}
		if problems := app.Preflight(holder.Current()); len(problems) > 0 {
			t.Errorf("a check asks the server: %v", problems)
		}
		_, err := app.New(holder, slog.New(slog.DiscardHandler), app.Hooks{})
		if err == nil || !strings.Contains(err.Error(), "(take the store.key of the other replicas") {
			t.Errorf("the error is %v", err)
		}
	})
}
