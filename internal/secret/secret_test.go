package secret_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"docusign-auth-proxy/internal/secret"
)

func TestSecretNeverPrints(t *testing.T) {
	const canary = "c4n4ry"
	s := secret.New(canary)
	holder := struct {
		Password secret.Text
		List     []secret.Text
		Map      map[string]secret.Text
		Pointer  *secret.Text
	}{s, []secret.Text{s}, map[string]secret.Text{"a": s}, &s}

	type hidden struct{ password secret.Text }
	type deeper struct{ p *hidden }

	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T"} {
		fmt.Fprintf(&out, verb+"\n", s)
		fmt.Fprintf(&out, verb+"\n", holder)
		fmt.Fprintf(&out, verb+"\n", &holder)
		fmt.Fprintf(&out, verb+"\n", hidden{s})
		fmt.Fprintf(&out, verb+"\n", &hidden{s})
		fmt.Fprintf(&out, verb+"\n", deeper{&hidden{s}})
		fmt.Fprintf(&out, verb+"\n", []any{hidden{s}, &deeper{&hidden{s}}})
	}
	for _, h := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(h).Info("m", "secret", s, "holder", holder)
	}
	j, err := json.Marshal(holder)
	if err != nil {
		t.Fatal(err)
	}
	y, err := yaml.Marshal(holder)
	if err != nil {
		t.Fatal(err)
	}
	out.Write(j)
	out.Write(y)
	for _, form := range []string{
		canary, fmt.Sprintf("%x", canary), fmt.Sprintf("%X", canary), fmt.Sprint([]byte(canary)),
	} {
		if strings.Contains(out.String(), form) {
			t.Errorf("the secret shows as %q in:\n%s", form, out.String())
		}
	}
}

func TestEqual(t *testing.T) {
	if !secret.New("a").Equal(secret.New("a")) || secret.New("a").Equal(secret.New("ab")) ||
		secret.New("").Equal(secret.New("a")) {
		t.Error("Equal does not compare the texts")
	}
}
