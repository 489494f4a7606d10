package redirect_test

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"maps"
	"net/url"
	"strings"
	"testing"
	"time"

	"docusign-auth-proxy/translate/soaprest/redirect"
)

// memory is a store that forgets nothing before its time.
type memory struct {
	key    []byte
	keyErr error
	putErr error
	getErr error
	values map[string][]byte
	puts   int
	now    func() time.Time
	until  map[string]time.Time
}

func (m *memory) Cipher() (cipher.AEAD, error) {
	if m.keyErr != nil {
		return nil, m.keyErr
	}
	block, err := aes.NewCipher(m.key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

func (m *memory) Put(_ context.Context, key string, value []byte, until time.Time) error {
	m.puts++
	m.values[key], m.until[key] = value, until
	return m.putErr
}

func (m *memory) Get(_ context.Context, key string) ([]byte, bool, error) {
	value, ok := m.values[key]
	return value, ok && m.now().Before(m.until[key]), m.getErr
}

type clock struct{ time.Time }

func (c *clock) now() time.Time { return c.Time }

func begin(t *testing.T) (*redirect.Redirector, *memory, *clock) {
	t.Helper()
	c := &clock{time.Date(2026, 11, 20, 18, 40, 0, 0, time.UTC)}
	m := &memory{
		key: []byte(strings.Repeat("k", 32)), values: map[string][]byte{}, until: map[string]time.Time{}, now: c.now,
	}
	return redirect.New(m, c.now), m, c
}

func public(t *testing.T) *url.URL {
	t.Helper()
	u, err := url.Parse("https://proxy.example.com")
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// ten are the addresses of the sample of RequestRecipientToken.
func ten() redirect.Addresses {
	a := redirect.Addresses{}
	for outcome, word := range map[string]string{
		"OnSigningComplete": "SignComplete", "OnViewingComplete": "ViewComplete", "OnCancel": "Cancel",
		"OnDecline": "Decline", "OnSessionTimeout": "Timeout", "OnTTLExpired": "TTLExpired",
		"OnException": "Exception", "OnAccessCodeFailed": "AccessCode", "OnIdCheckFailed": "IDCheck",
		"OnFaxPending": "Fax",
	} {
		a[outcome] = "https://app.example.com/pop?event=" + word
	}
	return a
}

// long are addresses that cannot be said in few characters.
func long() redirect.Addresses {
	a := ten()
	for outcome, address := range a {
		digest := sha512.Sum512([]byte(outcome))
		a[outcome] = address + "&session=" + hex.EncodeToString(digest[:])
	}
	return a
}

// state makes an address and gives what follows the path.
func state(t *testing.T, r *redirect.Redirector, a redirect.Addresses) string {
	t.Helper()
	got, err := r.URL(t.Context(), public(t), a, "e1")
	if err != nil {
		t.Fatal(err)
	}
	if len(got) > 470 {
		t.Errorf("%d characters, DocuSign takes 470", len(got))
	}
	state, ok := strings.CutPrefix(got, "https://proxy.example.com/ds-return/")
	if !ok || strings.ContainsAny(state, "/?#%") {
		t.Fatalf("the address is %s", got)
	}
	return state
}

func TestEachEventLeadsToItsAddress(t *testing.T) {
	r, m, _ := begin(t)
	s := state(t, r, ten())
	for word, want := range map[string]string{
		"signing_complete": "SignComplete", "viewing_complete": "ViewComplete", "cancel": "Cancel",
		"decline": "Decline", "session_timeout": "Timeout", "ttl_expired": "TTLExpired", "exception": "Exception",
		"access_code_failed": "AccessCode", "id_check_failed": "IDCheck", "fax_pending": "Fax",
		"a_new_word": "Exception", "": "Exception",
	} {
		got, note, err := r.Location(t.Context(), s, url.Values{"event": {word}, "envelopeId": {"x"}})
		if err != nil || got != "https://app.example.com/pop?event="+want || note != "e1" {
			t.Errorf("%q leads to %q with %q, %v", word, got, note, err)
		}
	}
	if m.puts != 0 {
		t.Error("the store was used for addresses that fit")
	}
}

func TestAddressesThatDoNotFitAreKept(t *testing.T) {
	r, m, c := begin(t)
	a := long()
	s := state(t, r, a)
	if m.puts == 0 {
		t.Fatal("nothing was kept")
	}
	if state(t, r, a); len(m.values) != 1 {
		t.Errorf("the same addresses are kept %d times", len(m.values))
	}
	for event, want := range map[string]string{"decline": a["OnDecline"], "cancel": a["OnCancel"]} {
		if got, note, err := r.Location(t.Context(), s, url.Values{"event": {event}}); err != nil || got != want || note != "e1" {
			t.Errorf("%s leads to %.60q with %q, %v", event, got, note, err)
		}
	}
	for key, value := range m.values {
		if strings.Contains(string(value), "app.example.com") || len(key) != 16 {
			t.Error("the store has the addresses in clear")
		}
	}
	again := redirect.New(m, c.now) // the proxy was started again
	if _, _, err := again.Location(t.Context(), s, nil); err != nil {
		t.Error(err)
	}
	m.getErr = errors.New("the store is away")
	if _, _, err := r.Location(t.Context(), s, nil); !errors.Is(err, m.getErr) {
		t.Errorf("while the store is away: %v", err)
	}
	m.getErr = nil
	clear(m.values)
	if _, _, err := r.Location(t.Context(), s, nil); !errors.Is(err, redirect.ErrGone) {
		t.Errorf("got %v", err)
	}
}

func TestNobodyIsLedToAnAddressThatNoCallNamed(t *testing.T) {
	r, m, c := begin(t)
	s := state(t, r, ten())
	other, otherStore, _ := begin(t)
	otherStore.key = []byte(strings.Repeat("x", 32))
	for name, bad := range map[string]string{
		"nothing":                "",
		"no state":               "https://evil.example.com",
		"a part of a state":      s[:len(s)-4],
		"a state with more":      s + "AAAA",
		"a changed state":        "A" + s[1:],
		"a change at the end":    s[:len(s)-6] + strings.ToUpper(s[len(s)-6:len(s)-3]) + strings.ToLower(s[len(s)-3:]),
		"a state of another key": state(t, other, ten()),
		"far too long":           strings.Repeat("A", 1<<20),
	} {
		if bad == s {
			continue
		}
		if got, _, err := r.Location(t.Context(), bad, url.Values{"event": {"cancel"}}); !errors.Is(err, redirect.ErrGone) || got != "" {
			t.Errorf("%s: leads to %q, %v", name, got, err)
		}
	}
	c.Time = c.Add(24*time.Hour - time.Second)
	if _, _, err := r.Location(t.Context(), s, nil); err != nil {
		t.Errorf("within a day: %v", err)
	}
	c.Time = c.Add(time.Second)
	if _, _, err := r.Location(t.Context(), s, nil); !errors.Is(err, redirect.ErrGone) {
		t.Errorf("after a day: %v", err)
	}
	if got, err := r.URL(t.Context(), public(t), ten(), strings.Repeat("n", 37)); err == nil {
		t.Errorf("a long note gave %q", got)
	}
	m.keyErr = errors.New("no key")
	if _, err := redirect.New(m, c.now).URL(t.Context(), public(t), ten(), "e1"); !errors.Is(err, m.keyErr) {
		t.Errorf("without a key: %v", err)
	}
}

func TestWhatTheStoreRefusesIsNoAddress(t *testing.T) {
	r, m, _ := begin(t)
	m.putErr = errors.New("full")
	if got, err := r.URL(t.Context(), public(t), long(), ""); !errors.Is(err, m.putErr) || got != "" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestAnAddressThatIsMissing(t *testing.T) {
	r, _, _ := begin(t)
	for name, tc := range map[string]struct {
		give redirect.Addresses
		want string
	}{
		"is that of an exception":       {redirect.Addresses{"OnException": "https://a/e"}, "https://a/e"},
		"or none":                       {redirect.Addresses{"OnSigningComplete": "https://a.example.com/s"}, ""},
		"even where there is none":      {nil, ""},
		"and an empty one is missing":   {redirect.Addresses{"OnException": "http://a/", "OnDecline": ""}, "http://a/"},
		"what no URL has is escaped":    {redirect.Addresses{"OnDecline": "http://a/b c?é"}, "http://a/b%20c?%C3%A9"},
		"what is escaped stays":         {redirect.Addresses{"OnDecline": "http://a/%20%c3"}, "http://a/%20%c3"},
		"a fragment and a query stay":   {redirect.Addresses{"OnDecline": "HTTP://a/?x=1&y#z?"}, "HTTP://a/?x=1&y#z?"},
		"an address of a machine's own": {redirect.Addresses{"OnDecline": "http://localhost:8080"}, "http://localhost:8080"},
	} {
		t.Run(name, func(t *testing.T) {
			got, _, err := r.Location(t.Context(), state(t, r, tc.give), url.Values{"event": {"decline"}})
			if err != nil || got != tc.want {
				t.Errorf("leads to %q, %v", got, err)
			}
		})
	}
}

func TestAddressesThatNoBrowserIsLedTo(t *testing.T) {
	r, _, _ := begin(t)
	for name, address := range map[string]string{
		"a script":           "javascript:alert(1)",
		"a file":             "file:///etc/passwd",
		"no scheme":          "//a.example.com/",
		"a path":             "/signed",
		"no host":            "http:///signed",
		"a user":             "https://a@b.example.com/",
		"a second header":    "https://a.example.com/\r\nSet-Cookie: a=b",
		"an application's":   "myapp://signed",
		"too long":           "https://a.example.com/" + strings.Repeat("a", 2000),
		"white space before": " https://a.example.com/",
	} {
		t.Run(name, func(t *testing.T) {
			a := ten()
			a["OnDecline"] = address
			if got := a.Check(); got != "OnDecline" {
				t.Errorf("found %q", got)
			}
			if got, err := r.URL(t.Context(), public(t), a, "e1"); err == nil {
				t.Errorf("made %q", got)
			}
		})
	}
	if got := ten().Check(); got != "" {
		t.Errorf("%s is refused", got)
	}
}

func TestOneAddressForAll(t *testing.T) {
	same := redirect.Addresses{}
	for _, name := range redirect.Outcomes() {
		same[name] = "https://a.example.com/"
	}
	without := maps.Clone(same)
	delete(without, "OnDecline")
	onlySigned := redirect.Addresses{"OnSigningComplete": "https://a.example.com/"}
	for name, tc := range map[string]struct {
		give redirect.Addresses
		want bool
	}{
		"ten that are the same":     {same, true},
		"nine that are the same":    {without, true},
		"only that of an exception": {redirect.Addresses{"OnException": "https://a/"}, true},
		"only that of an end":       {onlySigned, true},
		"they differ":               {ten(), false},
		"there is none":             {redirect.Addresses{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if address, ok := tc.give.Same(); ok != tc.want || ok && !strings.HasPrefix(address, "https://a") {
				t.Errorf("got %q, %v", address, ok)
			}
		})
	}
}

// FuzzLocation: no state that was not made here leads anywhere.
func FuzzLocation(f *testing.F) {
	f.Add("AAAA", "cancel")
	f.Add("https://evil.example.com", "signing_complete")
	f.Fuzz(func(t *testing.T, state, event string) {
		r, _, _ := begin(t)
		if got, _, err := r.Location(t.Context(), state, url.Values{"event": {event}}); err == nil || got != "" {
			t.Errorf("leads to %q", got)
		}
	})
}
