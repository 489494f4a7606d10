package soaprest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"docusign-auth-proxy/internal/store"
	"docusign-auth-proxy/translate/soaprest/journal"
)

// childEnv holds what a child process of these tests does, as JSON of a task for a program that runs the engine.
const childEnv = "SOAPREST_TEST_CHILD"

// program is one process: it opens the store, settles what is open, and carries out calls.
type program struct {
	Store, REST string
	// Die is where the process kills itself.
	Die string
	// Resolve settles what is open before the calls come, else meanwhile.
	Resolve bool
	Calls   int
	Message string
}

// outcome is what a program prints for each call, and in the end for the journal.
type outcome struct {
	Answer  string
	Journal []string
}

func TestMain(m *testing.M) {
	if text, ok := os.LookupEnv(childEnv); ok {
		var p program
		if err := json.Unmarshal([]byte(text), &p); err != nil {
			panic(err)
		}
		p.run()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// die ends the process as kill -9 does.
func die() {
	self, err := os.FindProcess(os.Getpid())
	if err == nil {
		err = self.Kill()
	}
	panic(fmt.Sprint("still alive: ", err))
}

// at kills the process where it is to die.
func (p *program) at(step string) {
	if p.Die == step {
		die()
	}
}

func (p *program) run() {
	s, err := store.Open(p.Store, store.Options{})
	if err != nil {
		panic(err)
	}
	creations := s.Creations()
	var out outcome
	e := New(Options{
		Journal: &mortalJournal{Creations: creations, program: p},
		Lookups: []time.Duration{10 * time.Millisecond, 20 * time.Millisecond, 30 * time.Millisecond},
	})
	resolve := func() { e.Resolve(context.Background(), func(journal.Entry) (User, error) { return p, nil }) }
	var all sync.WaitGroup
	if p.Resolve {
		resolve()
		out.Journal = append(out.Journal, entries(creations))
	} else {
		all.Go(resolve)
	}
	for range p.Calls {
		got := serve(context.Background(), e, p, "CreateAndSendEnvelope", p.Message)
		out.Answer += fmt.Sprintln(got.status, got.text, got.err)
		out.Journal = append(out.Journal, entries(creations))
	}
	all.Wait()
	if err := s.Close(); err != nil {
		panic(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(out); err != nil {
		panic(err)
	}
}

// mortalJournal dies around its writes.
type mortalJournal struct {
	*store.Creations

	program *program
}

func (j *mortalJournal) Put(e journal.Entry) error {
	j.program.at("before " + string(e.State))
	err := j.Creations.Put(e)
	j.program.at("after " + string(e.State))
	return err
}

// The program is the user, too, who dies around REST calls.

func (p *program) Me(context.Context) (Person, error) {
	return Person{Name: "Anna Example", Email: "anna@example.com"}, nil
}

func (p *program) Accounts(context.Context) ([]Account, error) {
	site, err := url.Parse(p.REST)
	return []Account{{ID: firstGUID, Site: site, Default: true}}, err
}

func (p *program) Named(ctx context.Context, _ string) (Account, error) {
	all, err := p.Accounts(ctx)
	return all[0], err
}

func (p *program) Configured(context.Context) (Account, bool, error) { return Account{}, false, nil }

func (p *program) Do(ctx context.Context, r *Request) (*http.Response, error) {
	p.at("before " + r.Method)
	to := r.Account.Site.JoinPath("restapi/v2.1/accounts", r.Account.ID, r.Path)
	to.RawQuery = r.Query.Encode()
	var body io.Reader
	if r.Body != nil {
		body = &mortalBody{Reader: r.Body.Open(), left: r.Body.Len() / 2, program: p}
	}
	out, err := http.NewRequestWithContext(ctx, r.Method, to.String(), body)
	if err != nil {
		return nil, err
	}
	if r.Body != nil {
		out.ContentLength = r.Body.Len()
		out.Header.Set("Content-Type", r.ContentType)
	}
	resp, err := http.DefaultClient.Do(out)
	p.at("after " + r.Method)
	return resp, err
}

// mortalBody dies when half of it was sent.
type mortalBody struct {
	io.Reader

	left    int64
	program *program
}

func (b *mortalBody) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p[:min(len(p), 64)])
	if b.left -= int64(n); b.left < 0 {
		b.program.at("half of the body")
	}
	return n, err
}

// standIn is DocuSign as far as creations go. It takes nothing that it would not take.
type standIn struct {
	t *testing.T

	mu   sync.Mutex
	made []map[string]string // transactionId and envelopeId
	// lose has creations end in a 500: "before" or "after" the envelope was made.
	lose string
	// hang has the answer to a creation not come; it is told.
	hang chan struct{}
}

// envelopes are the ids of those that were made.
func (s *standIn) envelopes() (ids []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.made {
		ids = append(ids, e["envelopeId"])
	}
	return ids
}

// heal has everything work from now on.
func (s *standIn) heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lose, s.hang = "", nil
}

func (s *standIn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	if r.URL.Path != "/restapi/v2.1/accounts/"+firstGUID+"/envelopes" {
		s.t.Errorf("a call of %s", r.URL)
	}
	switch r.Method {
	case http.MethodGet:
		s.find(w, r.URL.Query().Get("transaction_ids"))
	case http.MethodPost:
		s.create(w, r)
	default:
		s.t.Errorf("a %s", r.Method)
	}
}

func (s *standIn) find(w io.Writer, id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := []map[string]string{}
	for _, e := range s.made {
		if e["transactionId"] == id {
			found = append(found, e)
		}
	}
	if err := json.NewEncoder(w).Encode(map[string]any{"envelopeTransactionStatuses": found}); err != nil {
		s.t.Error(err)
	}
}

func (s *standIn) create(w http.ResponseWriter, r *http.Request) {
	id, err := wholeCreation(r)
	if err != nil {
		return // the connection broke, so nothing is made
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lose == "before" {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	made := map[string]string{
		"envelopeId": fmt.Sprintf("e0000000-1111-4222-8333-%012d", len(s.made)+1), "status": "sent", "transactionId": id,
	}
	s.made = append(s.made, made)
	switch {
	case s.lose == "after":
		w.WriteHeader(http.StatusInternalServerError)
	case s.hang != nil:
		s.hang <- struct{}{}
		<-r.Context().Done()
	default:
		w.WriteHeader(http.StatusCreated)
		if err := json.NewEncoder(w).Encode(made); err != nil {
			s.t.Error(err)
		}
	}
}

// wholeCreation reads a creation to its end and gives its transaction id.
func wholeCreation(r *http.Request) (string, error) {
	_, parameters, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return "", err
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return "", err
	}
	form := multipart.NewReader(bytes.NewReader(body), parameters["boundary"])
	first, err := form.NextRawPart()
	if err != nil {
		return "", err
	}
	var d struct {
		TransactionID string `json:"transactionId"`
		Status        string `json:"status"`
	}
	if err := json.NewDecoder(first).Decode(&d); err != nil || d.Status != "sent" || d.TransactionID == "" {
		return "", fmt.Errorf("%+v: %w", d, err)
	}
	if _, err := form.NextRawPart(); err != nil {
		return "", err
	}
	return d.TransactionID, nil
}

// start runs a program in a process of its own.
func (p program) start(t *testing.T) (cmd *exec.Cmd, output *bufio.Reader) {
	t.Helper()
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	cmd = exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+string(text))
	cmd.Stderr = os.Stderr
	pipe, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	return cmd, bufio.NewReader(pipe)
}

// TestNoCrashMakesTwoEnvelopes kills the program at each step of a creation, and starts it again (SOAP-REST.md §6.2).
func TestNoCrashMakesTwoEnvelopes(t *testing.T) {
	for _, tc := range []struct {
		name, die string
		lose      string
		hang      bool
		made      int    // envelopes after the crash
		word      string // of the journal, when it is settled
	}{
		{"before the journal", "before intended", "", false, 0, ""},
		{"after the journal", "after intended", "", false, 0, "not_created"},
		{"before the POST", "before POST", "", false, 0, "not_created"},
		{"in the middle of the body", "half of the body", "", false, 0, "not_created"},
		{"while DocuSign answers", "", "", true, 1, "done"},
		{"after the answer", "after POST", "", false, 1, "done"},
		{"before the outcome is in the journal", "before done", "", false, 1, "done"},
		{"after the outcome is in the journal", "after done", "", false, 1, "done"},
		{"before a look-up of what was made", "before GET", "after", false, 1, "done"},
		{"after a look-up of what was made", "after GET", "after", false, 1, "done"},
		{"before a look-up of what was not made", "before GET", "before", false, 0, "not_created"},
		{"after a look-up of what was not made", "after GET", "before", false, 0, "not_created"},
		{"before it is known that nobody knows", "before unknown", "before", false, 0, "not_created"},
		{"after nobody knows", "after unknown", "before", false, 0, "unknown"},
	} {
		for _, own := range []bool{true, false} {
			for _, resolved := range []bool{true, false} {
				name := fmt.Sprintf("%s, own id %t, settled first %t", tc.name, own, resolved)
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					rest := &standIn{t: t, lose: tc.lose}
					if tc.hang {
						rest.hang = make(chan struct{}, 1)
					}
					server := httptest.NewServer(rest)
					defer server.Close()
					p := program{
						Store: filepath.Join(t.TempDir(), "state.db"), REST: server.URL, Die: tc.die, Calls: 1,
						Message: envelopeOf(map[bool]string{true: "", false: transactionOne}[own]),
					}
					crash(t, p, rest.hang)
					if made := rest.envelopes(); len(made) != tc.made {
						t.Fatalf("after the crash there are %v", made)
					}
					rest.heal()
					p.Die, p.Resolve, p.Calls = "", resolved, 2
					afterwards(t, p, rest, own, tc.word)
				})
			}
		}
	}
}

// crash lets the program run until it is killed, by the test if it hangs.
func crash(t *testing.T, p program, hangs chan struct{}) {
	t.Helper()
	cmd, output := p.start(t)
	if hangs != nil {
		<-hangs
		if err := cmd.Process.Kill(); err != nil {
			t.Error(err)
		}
	}
	said, err := io.ReadAll(output)
	if err != nil || len(said) > 0 {
		t.Errorf("it lived on and said %s, %v", said, err)
	}
	if err := cmd.Wait(); err == nil {
		t.Error("it ended well")
	}
}

// afterwards starts the program again. The message comes twice: first since the program does not know the outcome, then
// because it is meant.
func afterwards(t *testing.T, p program, rest *standIn, own bool, word string) {
	t.Helper()
	cmd, output := p.start(t)
	var out outcome
	if err := json.NewDecoder(output).Decode(&out); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	words, made := out.Journal, rest.envelopes()
	if p.Resolve {
		if settled := words[0]; word == "" && settled != "" || word != "" && !strings.Contains(settled, " "+word) ||
			strings.Contains(settled, ",") {
			t.Errorf("settled, the journal says %q", settled)
		}
		words = words[1:]
	}
	answers := strings.Split(strings.TrimSpace(out.Answer), "\n")
	if !strings.HasPrefix(answers[0], "200 ") || !strings.Contains(answers[0], made[0]) ||
		!strings.Contains(words[0], " done "+made[0]) {
		t.Errorf("the answer is %s, the journal says %q", answers[0], words[0])
	}
	want := 1
	if own { // sent again by somebody who knew the outcome
		want = 2
	}
	if len(made) != want || !strings.Contains(answers[1], made[want-1]) {
		t.Errorf("%d envelopes, want %d; the second answer is %s", len(made), want, answers[1])
	}
	if strings.Contains(words[1], "intended") {
		t.Errorf("in the end the journal says %q", words[1])
	}
}
