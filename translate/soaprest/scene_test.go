package soaprest

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/internal/services"
	"docusign-auth-proxy/internal/store"
)

// scene is one call of a program, what REST is asked then, and what the program is answered.
type scene struct {
	name            string
	operation, body string
	set             func(*Call) // nil = as newCall makes it
	user            func(*script)
	steps           []step
	sent            []string // JSON bodies that went to REST
	has             []string // texts of the answer
	lacks           []string
	fault           string // its name
	broken          bool   // the answer breaks off while it is written
}

const (
	envelopePath = "/envelopes/" + envelopeOne
	idElement    = "<EnvelopeID>" + envelopeOne + "</EnvelopeID>"
	refusedText  = `{"errorCode":"SOME_REFUSAL","message":"No."}`
	absentText   = `{"errorCode":"ENVELOPE_DOES_NOT_EXIST","message":"It does not exist."}`
)

func run(t *testing.T, scenes []scene) {
	t.Helper()
	for _, s := range scenes {
		t.Run(s.name, func(t *testing.T) {
			kept := store.Memory()
			s.play(t, New(Options{Returns: kept.Returns(), Journal: kept.Creations(), Lookups: []time.Duration{0}}))
		})
	}
}

// play carries out the scene, and gives what the program got.
func (s scene) play(t *testing.T, e *Engine) served {
	t.Helper()
	u := &script{t: t, steps: s.steps}
	if s.user != nil {
		s.user(u)
	}
	c := newCall(u, s.operation, s.body)
	c.Integration.SOAPREST.ClientURLs = integration.Redirect
	c.Integration.SOAPREST.SafeDocuments = integration.SafeAuto
	if s.set != nil {
		s.set(c)
	}
	got := serveCall(t.Context(), e, c)
	u.done()
	if s.broken != (got.err != nil) {
		t.Errorf("the error is %v", got.err)
	}
	if got.notes.Fault != s.fault {
		t.Errorf("fault %q: %s, want %q", got.notes.Fault, got.notes.FaultReason, s.fault)
	}
	if want := map[bool]int{false: 200, true: 500}[s.fault != ""]; got.status != want {
		t.Errorf("status %d, want %d", got.status, want)
	}
	if !got.has(s.has...) {
		t.Errorf("of %q not all are in %s", s.has, got.text)
	}
	for _, text := range s.lacks {
		if strings.Contains(got.text, text) {
			t.Errorf("%q is in %s", text, got.text)
		}
	}
	if s.sent != nil {
		sameJSON(t, u.bodies, s.sent)
	}
	if n := c.Spools.Used(); n != 0 {
		t.Errorf("%d bytes were left in spools", n)
	}
	return got
}

// sameJSON compares bodies by what they mean.
func sameJSON(t *testing.T, got, want []string) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("sent %q, want %q", got, want)
	}
	for i := range got {
		var g, w any
		err := errors.Join(json.NewDecoder(strings.NewReader(got[i])).Decode(&g),
			json.NewDecoder(bytes.NewReader([]byte(want[i]))).Decode(&w))
		if err != nil || !reflect.DeepEqual(g, w) {
			t.Errorf("sent %s, want %s, %v", got[i], want[i], err)
		}
	}
}

func onDSAPI(c *Call) { c.Service = services.ByBase("dsapi.asmx") }

func reachable(c *Call) { c.PublicURL = &url.URL{Scheme: "https", Host: "proxy.example.com"} }

// twoAccounts are a default one and another, so that where an envelope is has to be found out.
func twoAccounts(s *script) {
	first, second := accountOf(firstGUID), accountOf(secondGUID)
	first.Default = true
	s.accounts = []Account{first, second}
}
