package demo

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/sandbox"
	"docusign-auth-proxy/internal/words"
)

// step is one call of the demo with what was seen in it.
type step struct {
	Title    string    `json:"title"`
	Excerpts []excerpt `json:"excerpts"`
	Notes    []string  `json:"notes,omitempty"`
	Result   string    `json:"result"`
	Trouble  []string  `json:"trouble,omitempty"`
}

// excerpt is what went over one wire, secrets masked.
type excerpt struct {
	Who  string `json:"who"`
	Text string `json:"text"`
}

// narrator makes the old program's calls, one step after the other, and tells what went over the wires.
type narrator struct {
	*setup
	step    // the one that runs
	mask    func(string) string
	anna    sandbox.User
	sidecar string // address of the proxy
	calls   int    // made through the proxy so far
	asides  int    // calls that the demo itself made to DocuSign, to show what it answers
	arrived int    // requests that had reached DocuSign before the last call through the proxy
	refusal string // DocuSign's own, to compare with the proxy's
}

func newNarrator(s *setup) *narrator {
	return &narrator{setup: s, mask: newMask(s.seed), anna: s.seed.User("anna@example.com"),
		sidecar: s.proxy.Address(call.DoorSidecar)}
}

// straight sends to DocuSign itself, as programs did.
func (n *narrator) straight(r *http.Request) (oldAnswer, error) {
	return route{address: n.sandbox.Addr(), trust: n.sandbox.CertPool()}.send(r)
}

// through makes a call through the proxy.
func (n *narrator) through(t route, r *http.Request) (oldAnswer, error) {
	n.arrived = len(n.sandbox.Requests())
	got, err := t.send(r)
	if err == nil {
		n.calls++
	}
	return got, err
}

// plain makes a call through the proxy as sidecar, without TLS.
func (n *narrator) plain(path, body string, headers ...string) (oldAnswer, error) {
	return n.through(route{}, oldRequest("http://"+n.sidecar+path, body, headers...))
}

// reached are the requests that the last call has brought to DocuSign: calls of the API, and what the proxy asked the
// account server.
func (n *narrator) reached() (calls, asked []sandbox.Recorded) {
	for _, r := range n.sandbox.Requests()[n.arrived:] {
		if strings.HasPrefix(r.Path, "/oauth/") {
			asked = append(asked, r)
			continue
		}
		calls = append(calls, r)
	}
	return calls, asked
}

// translated checks that exactly one call reached DocuSign, with a token and without a legacy credential.
func (n *narrator) translated() sandbox.Recorded {
	calls, _ := n.reached()
	if len(calls) != 1 {
		n.check(false, "%s reached DocuSign instead of 1", words.Count(len(calls), "call", "calls"))
		return sandbox.Recorded{}
	}
	r := calls[0]
	n.check(strings.HasPrefix(r.Header.Get("Authorization"), "Bearer eyJ"), "no bearer token reached DocuSign")
	n.check(r.Header.Get("X-Docusign-Authentication") == "", "the legacy header reached DocuSign")
	return r
}

func (n *narrator) show(who, text string) {
	n.Excerpts = append(n.Excerpts, excerpt{who, n.mask(text)})
}

// check records what is not as it should be.
func (n *narrator) check(good bool, format string, args ...any) {
	if !good {
		n.Trouble = append(n.Trouble, n.mask(fmt.Sprintf(format, args...)))
	}
}

// status checks an answer's status and makes it the step's result.
func (n *narrator) status(got oldAnswer, want int, words string) {
	n.Result = fmt.Sprintf("%d %s", got.status, words)
	n.check(got.status == want, "the program got %d instead of %d: %s", got.status, want, abridge(got.body, 4))
}

// logged waits for the newest log line about a call with this status, and gives the fields that an operator looks at
// first.
func (n *narrator) logged(status int) (text string, err error) {
	found := eventually(func() bool {
		for _, line := range slices.Backward(strings.Split(n.log.text(), "\n")) {
			var fields map[string]any
			if json.Unmarshal([]byte(line), &fields) != nil || fields["status"] != float64(status) {
				continue
			}
			var lines []string
			for _, name := range []string{"level", "integration", "authenticator", "client", "status", "cause", "error",
				"next_step"} {
				if v, ok := fields[name]; ok {
					lines = append(lines, fmt.Sprintf("%s=%v", name, v))
				}
			}
			text = strings.Join(lines, "\n")
			return true
		}
		return false
	})
	if !found {
		err = fmt.Errorf("the log has no line about a call with status %d", status)
	}
	return text, err
}

// eventually waits for what follows a call: its log line and its metrics come after its answer.
func eventually(is func() bool) bool {
	for deadline := time.Now().Add(callLimit); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			return false
		}
	}
	return true
}

// received is a request as DocuSign's server read it: Host and Authorization first, then by the alphabet.
func received(r sandbox.Recorded) string {
	var others strings.Builder
	_ = r.Header.WriteSubset(&others, map[string]bool{"Authorization": true}) // a strings.Builder takes everything
	target := url.URL{Opaque: r.Path, RawQuery: r.RawQuery}
	return fmt.Sprintf("%s %s %s\nHost: %s\nAuthorization: %s\n%s", r.Method, target.String(), r.Proto, r.Host,
		r.Header.Get("Authorization"), strings.TrimSpace(strings.ReplaceAll(others.String(), "\r\n", "\n")))
}

// briefly shows where a translated call went and with what.
func briefly(r sandbox.Recorded) string {
	return fmt.Sprintf("%s https://%s%s\nAuthorization: %s", r.Method, r.Host, r.Path, r.Header.Get("Authorization"))
}

// answered is what the program hears, without the headers that matter to machines only.
func answered(got oldAnswer, lines int) string { return got.line + "\n" + abridge(got.body, lines) }

// abridge keeps the first lines of a text.
func abridge(text string, lines int) string {
	all := strings.Split(strings.ReplaceAll(strings.TrimSpace(text), "\r\n", "\n"), "\n")
	if len(all) > lines {
		all = append(all[:lines:lines], "[...]")
	}
	return strings.Join(all, "\n")
}

const (
	masked        = "********"
	wrongPassword = "spring-2019"
)

// newMask takes the secrets of a seed out of a text.
func newMask(w sandbox.Seed) func(string) string {
	secrets := []string{wrongPassword}
	for _, u := range w.Users {
		secrets = append(secrets, u.Password, u.AppPassword)
	}
	var forms []string
	for _, s := range secrets {
		if s != "" {
			forms = append(forms, sandbox.Spellings(s)...)
		}
	}
	// A longer form first, so that none is left half shown.
	slices.SortFunc(forms, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	var pairs []string
	for _, f := range slices.Compact(forms) {
		pairs = append(pairs, f, masked)
	}
	passwords := strings.NewReplacer(pairs...)
	// The text of a token nobody knows in advance. Its first four characters stay, so that the kind can be told.
	tokens := regexp.MustCompile(`((?i)bearer\s+[^\s"]{4})[^\s"]{16,}` +
		`|("(?:access_token|refresh_token|apiPassword)"\s*:\s*"[^"]{4})[^"]*` +
		`|((?:assertion|token|code)=[^&\s]{4})[^&\s]*` +
		`|(\beyJ[A-Za-z0-9_-])[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]+)*`)
	return func(s string) string {
		return tokens.ReplaceAllString(passwords.Replace(s), "${1}${2}${3}${4}"+masked)
	}
}
