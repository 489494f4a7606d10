//go:build linux

package fleet_test

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"docusign-auth-proxy/internal/processtest"
	"docusign-auth-proxy/internal/sandbox"
)

// coldCalls are many first calls of one user at once, at all replicas.
func coldCalls(t *testing.T, s *stage) string {
	f := s.start(t, plan{replicas: 3})
	f.docusign.setDelay(300 * time.Millisecond)
	var calls []func() outcome
	for i := range 1000 {
		p := newProgram(byHeader, "anna@example.com", "", to(f.replicas[i%3].proxy))
		calls = append(calls, func() outcome { return p.list(t.Context()) })
	}
	good := f.allGood(together(calls))
	grants, infos := f.docusign.total(), f.docusign.sandbox.Counts().UserInfo
	if grants != 1 || infos != 1 {
		t.Errorf("%d grants and %d UserInfo, want 1 and 1", grants, infos)
	}
	return fmt.Sprintf("%d calls served, %d grants, %d UserInfo", good, grants, infos)
}

// together makes calls at the same moment.
func together(calls []func() outcome) []outcome {
	seen := make([]outcome, len(calls))
	begin := make(chan struct{})
	var wg sync.WaitGroup
	for i, call := range calls {
		wg.Go(func() {
			<-begin
			seen[i] = call()
		})
	}
	close(begin)
	wg.Wait()
	return seen
}

// allGood counts those that went well; the first that did not fails the test.
func (f *fleet) allGood(seen []outcome) (good int) {
	f.t.Helper()
	var first *outcome
	for _, o := range seen {
		if o.good() {
			good++
		} else if first == nil {
			first = &o
		}
	}
	if first != nil {
		f.t.Errorf("%d of %d calls went wrong; the first: %v", len(seen)-good, len(seen), first)
	}
	return good
}

// manyUsersCold are the first calls of many users, each at all replicas at once.
func manyUsersCold(t *testing.T, s *stage) string {
	const users = 200
	f := s.start(t, plan{replicas: 3, users: users})
	good := 0
	for i := 0; i < users; i += 20 { // in groups that two processors can serve at once
		var calls []func() outcome
		for n := range 20 {
			for _, r := range f.replicas {
				p := newProgram(byHeader, userNumber(i+n), "", to(r.proxy))
				calls = append(calls, func() outcome { return p.list(t.Context()) })
			}
		}
		good += f.allGood(together(calls))
	}
	grants := f.docusign.total()
	if grants != users {
		t.Errorf("%d grants for %d users", grants, users)
	}
	return fmt.Sprintf("%d calls served, %d grants for %d users", good, grants, users)
}

// killedWithTheTurn ends the replica that fetches a token after the account server has made it.
func killedWithTheTurn(t *testing.T, s *stage) string {
	f := s.start(t, plan{replicas: 3})
	holder := newProgram(byHeader, "anna@example.com", "", to(f.replicas[0].proxy))
	f.docusign.hold("/oauth/token")
	go holder.list(context.WithoutCancel(t.Context())) // its end is that of its replica
	processtest.Await(t, "the grant was made and is not answered", f.docusign.heldIs(1))
	f.replicas[0].kill()
	f.docusign.release()
	began := time.Now()
	if !s.long {
		f.endLeases()
	}
	var calls []func() outcome
	for i := range 20 {
		p := newProgram(byHeader, "anna@example.com", "", to(f.replicas[1+i%2].proxy))
		calls = append(calls, func() outcome { return p.untilServed(t.Context()) })
	}
	good := f.allGood(together(calls))
	if n := f.docusign.total(); n != 2 {
		t.Errorf("%d grants, want the lost one and one further", n)
	}
	return fmt.Sprintf("%d callers served %.1f s after the kill, %d grants", good, time.Since(began).Seconds(),
		f.docusign.total())
}

// cutOffWithTheTurn keeps the replica that fetches a token from telling the others of it, for two seconds.
func cutOffWithTheTurn(t *testing.T, s *stage) string {
	relays := make([]*relay, 3)
	f := s.start(t, plan{replicas: 3, relays: relays})
	holder := newProgram(byHeader, "anna@example.com", "", to(f.replicas[0].proxy))
	f.docusign.hold("/oauth/token")
	served := make(chan outcome, 1)
	go func() { served <- holder.list(context.WithoutCancel(t.Context())) }()
	processtest.Await(t, "the grant was made and is not answered", f.docusign.heldIs(1))
	relays[0].setCut(true)
	f.docusign.release()
	f.allGood([]outcome{<-served})
	time.Sleep(2 * time.Second)
	relays[0].setCut(false)
	other := newProgram(byHeader, "anna@example.com", "", to(f.replicas[1].proxy)).list(t.Context())
	f.allGood([]outcome{other})
	if n := f.docusign.total(); n != 1 || other.took > 15*time.Second { // the lease has half a minute left
		t.Errorf("%d grants, and another replica waited for %v", n, other.took)
	}
	return fmt.Sprintf("another replica had the token %.1f s after the line was whole again, %d grants",
		other.took.Seconds(), f.docusign.total())
}

func (d *docusign) heldIs(n int) func() error {
	return func() error {
		if held := d.answersHeld(); held != n {
			return fmt.Errorf("%d are held", held)
		}
		return nil
	}
}

// untilServed calls again after the pause that the proxy asks for, as a patient program does.
func (p *program) untilServed(ctx context.Context) (o outcome) {
	for began := time.Now(); time.Since(began) < 2*processtest.Patience; {
		o = p.list(ctx)
		if o.status != http.StatusServiceUnavailable || o.header.Get("Retry-After") == "" {
			return o
		}
		_ = wait(ctx, time.Second) // an ended context ends the next call
	}
	return o
}

// endLeases lets every lease end now, as its time would: the rows need not wait for that.
func (f *fleet) endLeases() {
	f.t.Helper()
	keys, err := f.store.client.Keys(f.t.Context(), "{"+namespace+"}:lease:*").Result()
	if err != nil || len(keys) == 0 {
		f.t.Fatalf("there is no lease: %v", err)
	}
	for _, key := range keys {
		if err := f.store.client.PExpire(f.t.Context(), key, time.Millisecond).Err(); err != nil {
			f.t.Fatal(err)
		}
	}
}

const clientSecret = "canary-client-secret"

// byCode makes the integration of most programs one of logins.
func (f *fleet) byCode() {
	in, _ := f.seedIntegration(sandbox.GUIDKey)
	in.Secret = clientSecret
	f.docusign.sandbox.AddIntegration(in)
	for _, u := range f.seed.Users {
		f.docusign.sandbox.Revoke(sandbox.GUIDKey, u.ID)
	}
}

func (f *fleet) seedIntegration(key string) (sandbox.Integration, bool) {
	i := slices.IndexFunc(f.seed.Integrations, func(in sandbox.Integration) bool { return in.Key == key })
	if i < 0 {
		return sandbox.Integration{}, false
	}
	return f.seed.Integrations[i], true
}

// codeGrant is the configuration for byCode.
func codeGrant(list []map[string]any) {
	list[1]["grant"] = "authorization_code"
	list[1]["oauth"] = section{
		"redirect_uri": "https://www.docusign.com", "client_secret": section{"file": "client-secret"},
	}
}

// logIn runs the command with which a user logs in, and is the user's browser.
func (f *fleet) logIn(config, email string) {
	f.t.Helper()
	address := processtest.Free(f.t, "127.28.5.1")
	f.docusign.sandbox.AddRedirectURI(sandbox.GUIDKey, "http://"+address+"/callback")
	command := newProcess(f.t, f.dir, "login-"+email, f.s.binary, "login", "--config", config, "--user", email,
		"--integration", "nightly-billing", "--listen", address)
	command.start()
	page := ""
	processtest.Await(f.t, "the page of the login of "+email, func() error {
		if !command.running() {
			return fmt.Errorf("%w: %s", processtest.ErrEnded, command.output())
		}
		if page = regexp.MustCompile(`https://` + accountServer + `/oauth/auth\S+`).FindString(command.output()); page == "" {
			return fmt.Errorf("it is not there: %s", command.output())
		}
		return nil
	})
	back, err := f.docusign.approve(page, f.seed.User(email).ID)
	if err == nil {
		_, err = fetch(back)
	}
	if err != nil {
		f.t.Fatalf("login of %s: %v", email, err)
	}
	<-command.done
	if !command.cmd.ProcessState.Success() {
		f.t.Fatalf("login of %s: %s", email, command.output())
	}
}

// refreshTokensDue lets logins become due at all replicas at once, again and again.
func refreshTokensDue(t *testing.T, s *stage) string {
	const users, rounds, frozen = 18, 5, 10
	f := s.prepare(t, plan{replicas: 3, users: users + frozen, integrations: codeGrant})
	f.byCode()
	f.write("client-secret", []byte(clientSecret+"\n"))
	f.eachUser(users+frozen, func(email string) { f.logIn(f.replicas[0].config, email) })
	for _, r := range f.replicas {
		r.start()
	}
	f.ready()
	before, _ := f.docusign.presentedTwice()
	for range rounds {
		var calls []func() outcome
		for i := range users {
			f.docusign.sandbox.RevokeTokens(f.seed.User(userNumber(i)).ID)
			for _, r := range f.replicas {
				p := newProgram(byHeader, userNumber(i), "", to(r.proxy))
				calls = append(calls, func() outcome { return p.list(t.Context()) })
			}
		}
		f.allGood(together(calls))
	}
	presented, twice := f.docusign.presentedTwice()
	if twice != 0 || presented-before != users*rounds {
		t.Errorf("%d tokens presented for %d rounds, %d of them twice", presented-before, users*rounds, twice)
	}
	var late []string
	for i := range frozen {
		late = append(late, userNumber(users+i))
	}
	recovered := f.frozenWithTheTurn(late)
	_, after := f.docusign.presentedTwice()
	return fmt.Sprintf("%d rounds at 3 replicas, presented twice: %d; %d rounds with a frozen holder, presented twice there: "+
		"%d, logins that work afterwards: %d", users*rounds, twice, frozen, after, recovered)
}

// eachUser does something for the users that the plan added, a few at a time.
func (f *fleet) eachUser(n int, do func(email string)) {
	slots := make(chan struct{}, 4)
	var wg sync.WaitGroup
	for i := range n {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			do(userNumber(i))
		})
	}
	wg.Wait()
	if f.t.Failed() {
		f.t.FailNow() // what follows would only fail for that
	}
}

// frozenWithTheTurn freezes the replica that exchanges refresh tokens until its leases have ended and another replica
// has tried. The account server of the sandbox refuses the second one; the tokens that the frozen one got must not be
// lost. It gives how many users are served by every replica afterwards.
func (f *fleet) frozenWithTheTurn(emails []string) (recovered int) {
	t := f.t
	t.Helper()
	holder, other := f.replicas[0], f.replicas[1]
	f.docusign.hold("/oauth/token")
	first := make(chan outcome, len(emails))
	var second []func() outcome
	for _, email := range emails {
		p := newProgram(byHeader, email, "", to(holder.proxy))
		go func() { first <- p.list(context.WithoutCancel(t.Context())) }()
		next := newProgram(byHeader, email, "", to(other.proxy))
		second = append(second, func() outcome { return next.list(t.Context()) })
	}
	processtest.Await(t, "the exchanges were made and are not answered", f.docusign.heldIs(len(emails)))
	holder.signal(syscall.SIGSTOP)
	defer holder.signal(syscall.SIGCONT)
	f.docusign.release()
	f.endLeases()
	together(second) // the account server refuses what they present
	holder.signal(syscall.SIGCONT)
	for range emails {
		<-first
	}
	for _, email := range emails {
		for _, r := range f.replicas {
			p := newProgram(byHeader, email, "", to(r.proxy))
			processtest.Await(t, email+" is served by "+r.name, func() error {
				if o := p.list(t.Context()); !o.good() {
					return fmt.Errorf("%v", o)
				}
				return nil
			})
		}
		recovered++
	}
	return recovered
}

// restartedTogether ends all replicas at once and starts them again.
func restartedTogether(t *testing.T, s *stage) string {
	pinning := func(_ int, c section) { c["pin_password"] = "first_use" }
	f := s.prepare(t, plan{replicas: 3, users: 4, config: pinning, integrations: func(list []map[string]any) {
		for _, u := range list[0]["users"].([]map[string]any) {
			delete(u, "password")
		}
		codeGrant(list)
	}})
	f.byCode()
	f.write("client-secret", []byte(clientSecret+"\n"))
	f.eachUser(4, func(email string) { f.logIn(f.replicas[0].config, email) })
	for _, r := range f.replicas {
		r.start()
	}
	f.ready()
	var programs []*program
	for i := range 4 {
		token := newProgram(byToken, userNumber(i), "", f.turns())
		if o := token.login(t.Context()); !o.good() {
			t.Fatalf("log in: %v", o)
		}
		pinned := newProgram(byHeader, userNumber(i), "", f.turns())
		pinned.key = sandbox.LegacyKey
		programs = append(programs, token, newProgram(byHeader, userNumber(i), "", f.turns()), pinned)
	}
	use := func() {
		var seen []outcome
		for _, p := range programs {
			for range f.replicas {
				seen = append(seen, p.list(t.Context()))
			}
		}
		f.allGood(seen)
	}
	use()
	before := f.docusign.total()
	for _, r := range f.replicas {
		r.kill()
	}
	for _, r := range f.replicas {
		r.start()
	}
	f.ready()
	use()
	if n := f.docusign.total() - before; n != 0 {
		t.Errorf("%d grants after the restart", n)
	}
	stranger := newProgram(byHeader, userNumber(0), "", f.turns())
	stranger.key, stranger.secret = sandbox.LegacyKey, "another password"
	for range f.replicas {
		if o := stranger.list(t.Context()); o.status != http.StatusUnauthorized {
			t.Errorf("another password than the pinned one: %v", o)
		}
	}
	return fmt.Sprintf("%d tokens, logins and pins work at each of 3 replicas, %d grants before, 0 after", len(programs), before)
}

// turns gives one replica after the other.
func (f *fleet) turns() func() string {
	var mu sync.Mutex
	next := 0
	return func() string {
		mu.Lock()
		defer mu.Unlock()
		next++
		return "http://" + f.replicas[next%len(f.replicas)].proxy
	}
}

// wrongPasswords are guesses at one user, at all replicas in turn.
func wrongPasswords(t *testing.T, s *stage) string {
	const burst = 5        // of one client at one user; one more each second
	const ofTheClient = 20 // at all users; one more every two seconds
	f := s.start(t, plan{replicas: 3})
	next := f.turns()
	began := time.Now()
	lasts := s.lasts(8*time.Second, 30*time.Second)
	var mu sync.Mutex
	admitted, refused := 0, 0
	var wg sync.WaitGroup
	for guesser := range 6 {
		wg.Go(func() {
			p := newProgram(byHeader, "anna@example.com", "", next)
			for i := 0; time.Since(began) < lasts; i++ {
				p.secret = fmt.Sprintf("guess %d of %d", i, guesser)
				o := p.list(t.Context())
				mu.Lock()
				switch {
				case o.cause() == "bad_login":
					admitted++
				case o.cause() == "throttled":
					refused++
				default:
					t.Errorf("a wrong password: %v", o)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	took := time.Since(began)
	want := min(burst+int(took/time.Second), ofTheClient+int(took/(2*time.Second)))
	if admitted < want-1 || admitted > want+1 {
		t.Errorf("%d guesses were checked in %v, want %d, one more or one less", admitted, took, want)
	}
	return fmt.Sprintf("%d guesses answered after a check in %.1f s, of %d + 1 each second and %d + 1 every two, "+
		"%d refused", admitted, took.Seconds(), burst, ofTheClient, refused)
}

// output is what it has printed so far.
func (p *process) output() string {
	text, err := readFile(p.log)
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(text)
}
