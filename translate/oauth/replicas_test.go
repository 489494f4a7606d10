package oauth_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/golang-jwt/jwt/v5"

	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/store/redis"
	"docusign-auth-proxy/internal/store/redis/redistest"
	"docusign-auth-proxy/translate/oauth"
)

const (
	fleetKey     = "7f1d8c5e-0000-4000-8000-0000000000ff"
	fleetAccount = "7f1d8c5e-0000-4000-8000-0000000000aa"
	fleetAnna    = "7f1d8c5e-0000-4000-8000-0000000000a1"
)

// fleet is an account server that counts, and the replicas that ask it.
type fleet struct {
	*testing.T
	*httptest.Server
	addr   string // of the shared store
	key    *oauth.Key
	elapse atomic.Int64 // added to the clock of all replicas

	mu       sync.Mutex
	delay    time.Duration
	refusal  string // answered in place of a token; "" = none
	grants   map[string]int
	infos    int
	searches int
	revoked  map[string]bool
	base     string // base_uri
}

// fleetPrivateKey is made once, which is slow.
var fleetPrivateKey = sync.OnceValue(func() *rsa.PrivateKey {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return private
})

func newFleet(t *testing.T, addr string) *fleet {
	f := &fleet{
		T: t, addr: addr, key: oauth.NewKey("the fleet's", fleetPrivateKey()), grants: map[string]int{}, revoked: map[string]bool{},
	}
	f.Server = httptest.NewServer(http.HandlerFunc(f.serve))
	t.Cleanup(f.Server.Close)
	f.base = f.URL
	return f
}

func (f *fleet) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

func (f *fleet) wantGrants(want int) {
	f.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	sum := 0
	for _, n := range f.grants {
		sum += n
	}
	if sum != want {
		f.Errorf("%d grants, want %d", sum, want)
	}
}

func (f *fleet) serve(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	f.mu.Lock()
	delay, refusal := f.delay, f.refusal
	bearer := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	defer f.mu.Unlock()
	switch {
	case r.URL.Path == "/oauth/token":
		form, _ := url.ParseQuery(string(body))
		claims := jwt.MapClaims{}
		_, _, _ = jwt.NewParser().ParseUnverified(form.Get("assertion"), claims)
		user := fmt.Sprint(claims["sub"])
		f.grants[user]++
		n := f.grants[user]
		f.mu.Unlock()
		time.Sleep(delay)
		f.mu.Lock()
		if refusal != "" {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprintf(w, `{"error":%q,"error_description":"as the test wants"}`, refusal)
			return
		}
		fmt.Fprintf(w, `{"access_token":"canary-token-%s-%d","token_type":"Bearer","expires_in":3600}`, user, n)
	case f.revoked[bearer]:
		w.WriteHeader(http.StatusUnauthorized)
		io.WriteString(w, `{"errorCode":"AUTHORIZATION_INVALID_TOKEN"}`)
	case r.URL.Path == "/oauth/userinfo":
		f.infos++
		user := strings.TrimPrefix(bearer, "canary-token-")
		fmt.Fprintf(w, `{"sub":%q,"name":"Canary Name","email":"canary@example.com","accounts":[{"account_id":%q,`+
			`"is_default":true,"account_name":"Example","base_uri":%q}]}`, user[:36], fleetAccount, f.base)
	default:
		f.searches++
		io.WriteString(w, `{"users":[{"userId":"7f1d8c5e-0000-4000-8000-0000000000b2","email":"ben@example.com",`+
			`"userStatus":"active"}]}`)
	}
}

func (f *fleet) storeOptions() redis.Options {
	return redis.Options{
		Addresses: []string{f.addr}, Namespace: "fleet", Key: bytes.Repeat([]byte{9}, 32),
		AccountServer: "https://account-d.docusign.com", Replica: rand.Text(), Timeout: 20 * time.Second,
	}
}

// replica is one process. All of them see the test's clock.
func (f *fleet) replica(change ...func(*oauth.Config)) *oauth.Client {
	f.Helper()
	server := redis.Open(f.storeOptions())
	f.Cleanup(func() { _ = server.Close() })
	if err := server.Connect(f.Context()); err != nil {
		f.Fatal(err)
	}
	return f.client(server, change...)
}

func (f *fleet) client(server *redis.Server, change ...func(*oauth.Config)) *oauth.Client {
	cfg := oauth.Config{
		AccountServer: f.URL, HTTP: f.Server.Client(), Issuers: map[string][]*oauth.Key{fleetKey: {f.key}},
		Now:         func() time.Time { return time.Now().Add(time.Duration(f.elapse.Load())) },
		TrustedBase: func(*url.URL) error { return nil }, Shared: server.Claims(),
	}
	for _, c := range change {
		c(&cfg)
	}
	c := oauth.New(cfg)
	f.Cleanup(c.Close)
	return c
}

func (f *fleet) replicas(n int) (all []*oauth.Client) {
	f.Helper()
	for range n {
		all = append(all, f.replica())
	}
	return all
}

func person(subject string) oauth.Identity {
	return oauth.Identity{Issuer: fleetKey, Subject: subject, Scopes: "signature impersonation"}
}

// tokens has every replica get a token at once. Where one fails, its error is in its place.
func tokens(ctx context.Context, all []*oauth.Client, id oauth.Identity) (texts []string, errs []error) {
	texts, errs = make([]string, len(all)), make([]error, len(all))
	var wg sync.WaitGroup
	for i, c := range all {
		wg.Go(func() {
			token, err := c.Token(ctx, id)
			if errs[i] = err; err == nil {
				texts[i] = token.AccessToken.Reveal()
			}
		})
	}
	wg.Wait()
	return texts, errs
}

// wantSame has every replica get the same token.
func (f *fleet) wantSame(all []*oauth.Client, id oauth.Identity) string {
	f.Helper()
	texts, errs := tokens(f.Context(), all, id)
	for i := range all {
		if errs[i] != nil || texts[i] != texts[0] {
			f.Fatalf("replica %d has %q, %v; the first has %q", i, texts[i], errs[i], texts[0])
		}
	}
	return texts[0]
}

func TestAHundredColdReplicasMakeOneGrant(t *testing.T) {
	redistest.Each(t, func(t *testing.T, addr string) {
		f := newFleet(t, addr)
		f.delay = 300 * time.Millisecond
		f.wantSame(f.replicas(100), person(fleetAnna))
		f.wantGrants(1)
	})
}

func TestManyUsersOfThreeColdReplicasMakeOneGrantEach(t *testing.T) {
	redistest.Each(t, func(t *testing.T, addr string) {
		f := newFleet(t, addr)
		all := f.replicas(3)
		var wg sync.WaitGroup
		for i := range 200 {
			id := person(fmt.Sprintf("7f1d8c5e-0000-4000-8000-%012d", i))
			for _, c := range all {
				wg.Go(func() {
					info, err := c.UserInfo(t.Context(), id)
					if err != nil || info.Sub != id.Subject || info.Default().BaseURI.String() != f.URL {
						t.Errorf("%+v, %v", info, err)
					}
				})
			}
		}
		wg.Wait()
		f.wantGrants(200)
		if f.infos != 200 {
			t.Errorf("UserInfo was asked for %d times, want 200", f.infos)
		}
	})
}

func TestALookUpIsMadeForAllReplicas(t *testing.T) {
	redistest.Each(t, func(t *testing.T, addr string) {
		f := newFleet(t, addr)
		for range 3 {
			guid, err := f.replica().LookupUser(t.Context(), person(fleetAnna), "ben@example.com")
			if err != nil || guid != "7f1d8c5e-0000-4000-8000-0000000000b2" {
				t.Errorf("%q, %v", guid, err)
			}
		}
		if f.wantGrants(1); f.searches != 1 {
			t.Errorf("%d searches, want 1", f.searches)
		}
	})
}

func TestEachReplicaJudgesTheSiteItself(t *testing.T) {
	redistest.Each(t, func(t *testing.T, addr string) {
		f := newFleet(t, addr)
		if info, err := f.replica().UserInfo(t.Context(), person(fleetAnna)); err != nil || info.Default().Untrusted != nil {
			t.Fatalf("%+v, %v", info, err)
		}
		strict := f.replica(func(cfg *oauth.Config) {
			cfg.TrustedBase = func(*url.URL) error { return errors.New("not here") }
		})
		info, err := strict.UserInfo(t.Context(), person(fleetAnna))
		if err != nil || info.Default().Untrusted == nil || info.Default().BaseURI != nil {
			t.Errorf("it believes what another replica believes: %+v, %v", info, err)
		}
		if f.infos != 1 {
			t.Errorf("UserInfo was asked for %d times", f.infos)
		}
	})
}

func TestARenewalIsMadeByOneAndFoundByTheOthers(t *testing.T) {
	m := miniredis.RunT(t)
	f := newFleet(t, m.Addr())
	m.SetTime(time.Now())
	all, id := f.replicas(5), person(fleetAnna)
	old := f.wantSame(all, id)
	f.elapse.Store(int64(55 * time.Minute)) // all are due
	m.SetTime(time.Now().Add(55 * time.Minute))
	f.set(func() { f.delay = 100 * time.Millisecond })
	if f.wantSame(all, id) != old {
		t.Error("a live token was not served while it is renewed")
	}
	for _, c := range all {
		waitFor(t, func() bool {
			f.elapse.Add(int64(10 * time.Millisecond)) // who found it busy looks again after a while
			token, err := c.Token(t.Context(), id)
			return err == nil && token.AccessToken.Reveal() != old
		})
	}
	f.wantSame(all, id)
	f.wantGrants(2)
}

func TestATokenRefusedEverywhereIsReplacedOnce(t *testing.T) {
	redistest.Each(t, func(t *testing.T, addr string) {
		f := newFleet(t, addr)
		all, id := f.replicas(10), person(fleetAnna)
		old := f.wantSame(all, id)
		var wg sync.WaitGroup
		for _, c := range all {
			used, err := c.Token(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			used.Worked(oauth.UseREST)
			wg.Go(func() { c.Invalidate(id, used, oauth.UseREST) })
		}
		wg.Wait()
		if f.wantSame(all, id) == old {
			t.Error("the refused token is served again")
		}
		f.wantGrants(2)
	})
}

func TestAStoreDropsNoMoreThanAFewRefusedTokens(t *testing.T) {
	redistest.Each(t, func(t *testing.T, addr string) {
		f := newFleet(t, addr)
		for range 20 { // each time another replica, which has refused nothing yet
			c, id := f.replica(), person(fleetAnna)
			used, err := c.Token(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			c.Invalidate(id, used, oauth.UseREST)
			if _, err := c.Token(t.Context(), id); err != nil {
				t.Fatal(err)
			}
		}
		f.wantGrants(6)
	})
}

func TestARefusalIsRememberedForAllAndLiftedForAll(t *testing.T) {
	redistest.Each(t, func(t *testing.T, addr string) {
		f := newFleet(t, addr)
		f.refusal = "consent_required"
		all, id := f.replicas(10), person(fleetAnna)
		_, errs := tokens(t.Context(), all, id)
		first, ok := errors.AsType[*oauth.GrantError](errs[0])
		if !ok || first.ConsentURL == "" {
			t.Fatalf("%v", errs[0])
		}
		for i, err := range errs {
			e, ok := errors.AsType[*oauth.GrantError](err)
			if !ok || e.Error() != first.Error() || e.NextStep() != first.NextStep() || e.Kind != first.Kind ||
				e.OAuthError != first.OAuthError || e.Description != first.Description || e.ConsentURL != first.ConsentURL ||
				e.HTTPStatus != first.HTTPStatus || e.Identity != first.Identity || e.Cause() != first.Cause() ||
				e.RetryAfter <= 0 || e.RetryAfter > oauth.DefaultTerminalPause {
				t.Errorf("replica %d says %v, pause %v; the first says %v", i, err, e.RetryAfter, first)
			}
		}
		f.wantGrants(1)
		f.set(func() { f.refusal = "" })
		server := redis.Open(f.storeOptions())
		defer server.Close()
		if err := errors.Join(server.Connect(t.Context()), server.Claims().Forget(t.Context())); err != nil {
			t.Fatal(err)
		}
		for _, c := range all {
			c.ForgetErrors()
		}
		f.wantSame(all, id)
		f.wantGrants(2)
	})
}

func TestTheNetworkTroubleOfOneReplicaIsNotToldToTheOthers(t *testing.T) {
	redistest.Each(t, func(t *testing.T, addr string) {
		f := newFleet(t, addr)
		cutOff := f.replica(func(cfg *oauth.Config) {
			cfg.HTTP = &http.Client{Transport: broken{}}
		})
		if _, err := cutOff.Token(t.Context(), person(fleetAnna)); err == nil {
			t.Fatal("no error")
		}
		f.wantSame(f.replicas(2), person(fleetAnna))
	})
}

type broken struct{}

func (broken) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, errors.New("no route to host")
}

func TestAHolderWhoDiesCostsOneFurtherGrant(t *testing.T) {
	m := miniredis.RunT(t)
	f := newFleet(t, m.Addr())
	m.SetTime(time.Now())
	dead := redis.Open(f.storeOptions())
	defer dead.Close()
	if err := dead.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	all := f.replicas(20)
	// Killed between its claim and its answer.
	f.set(func() { f.delay = time.Hour })
	dying, kill := context.WithCancel(t.Context())
	doomed := f.client(dead, func(cfg *oauth.Config) { cfg.HTTP = &http.Client{Transport: until{dying}} })
	go func() { _, _ = doomed.Token(dying, person(fleetAnna)) }()
	waitFor(t, func() bool { return strings.Contains(strings.Join(m.Keys(), " "), "lease:at") })
	m.SetError("the store does not hear the one that dies")
	kill()
	doomed.Close()
	m.SetError("")
	f.set(func() { f.delay = 0 })
	got := make(chan []error)
	go func() {
		_, errs := tokens(t.Context(), all, person(fleetAnna))
		got <- errs
	}()
	select {
	case errs := <-got:
		t.Fatalf("somebody did not wait for the holder: %v", errs)
	case <-time.After(300 * time.Millisecond):
	}
	m.SetTime(time.Now().Add(36 * time.Second))
	if err := errors.Join(<-got...); err != nil {
		t.Error(err)
	}
	f.wantGrants(1)
}

// until has no answer before its context ends.
type until struct{ ctx context.Context }

func (u until) RoundTrip(*http.Request) (*http.Response, error) {
	<-u.ctx.Done()
	return nil, u.ctx.Err()
}

func waitFor(t *testing.T, what func() bool) {
	t.Helper()
	for range 1000 {
		if what() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatal("it did not happen")
}

func TestAHolderWhoSleptTakesWhatTheNewerTurnWrote(t *testing.T) {
	m := miniredis.RunT(t)
	f := newFleet(t, m.Addr())
	m.SetTime(time.Now())
	asleep, wake := context.WithCancel(t.Context())
	sleeper := f.replica(func(cfg *oauth.Config) { cfg.HTTP = &http.Client{Transport: after{asleep, f.Server.Client()}} })
	late := make(chan string)
	go func() {
		token, err := sleeper.Token(t.Context(), person(fleetAnna))
		if err != nil {
			t.Error(err)
			close(late)
			return
		}
		late <- token.AccessToken.Reveal()
	}()
	waitFor(t, func() bool { return strings.Contains(strings.Join(m.Keys(), " "), "lease:at") })
	m.SetTime(time.Now().Add(36 * time.Second))
	others := f.replicas(3)
	newer := f.wantSame(others, person(fleetAnna))
	wake()
	if got := <-late; got != newer {
		t.Errorf("the sleeper serves %q, the others %q", got, newer)
	}
	if got := f.wantSame(f.replicas(2), person(fleetAnna)); got != newer {
		t.Errorf("the late write stands: %q", got)
	}
	f.wantGrants(2)
}

func TestATurnWhoseEndTheStoreDidNotHearIsSettledLater(t *testing.T) {
	f := newFleet(t, miniredis.RunT(t).Addr())
	cutOff := f.replica(func(cfg *oauth.Config) {
		deaf := &deafStore{Shared: cfg.Shared}
		deaf.times.Store(2)
		cfg.Shared = deaf
	})
	f.wantSame([]*oauth.Client{cutOff}, person(fleetAnna))
	f.wantSame([]*oauth.Client{f.replica(), cutOff}, person(fleetAnna)) // long before the turn would end by itself
	f.wantGrants(1)
}

// deafStore does not hear the first ends of turns.
type deafStore struct {
	oauth.Shared
	times atomic.Int64
}

func (d *deafStore) Settle(ctx context.Context, t oauth.Turn, r oauth.Result) error {
	if d.times.Add(-1) >= 0 {
		return errors.New("no answer")
	}
	return d.Shared.Settle(ctx, t, r)
}

// after asks only when its context has ended.
type after struct {
	ctx  context.Context
	then *http.Client
}

func (a after) RoundTrip(r *http.Request) (*http.Response, error) {
	<-a.ctx.Done()
	return a.then.Transport.RoundTrip(r)
}

func TestACallerWhoWaitsInVainIsToldWhenToComeBack(t *testing.T) {
	m := miniredis.RunT(t)
	f := newFleet(t, m.Addr())
	m.SetTime(time.Now())
	held, end := context.WithCancel(t.Context())
	holder := f.replica(func(cfg *oauth.Config) { cfg.HTTP = &http.Client{Transport: until{held}} })
	go func() { _, _ = holder.Token(held, person(fleetAnna)) }()
	defer end()
	waitFor(t, func() bool { return strings.Contains(strings.Join(m.Keys(), " "), "lease:at") })
	c := f.replica()
	c.WaitAtMost(200 * time.Millisecond)
	_, err := c.Token(t.Context(), person(fleetAnna))
	e, ok := errors.AsType[*oauth.GrantError](err)
	if !ok || !errors.Is(err, context.DeadlineExceeded) || e.Wait() < 30*time.Second || e.Wait() > 35*time.Second {
		t.Fatalf("%v", err)
	}
	if id, _ := e.Row(); id != cause.TokenTimeout {
		t.Errorf("the cause is %s", id)
	}
	f.wantGrants(0)
}

func TestAStoreThatIsAwayIsDoneWithoutAndOfferedWhatItMissed(t *testing.T) {
	real := redistest.Start(t, "--appendonly", "yes", "--appendfsync", "always")
	f := newFleet(t, real.Addr)
	server := redis.Open(f.storeOptions())
	defer server.Close()
	if err := server.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	watched := make(chan struct{})
	go func() { server.Watch(ctx); close(watched) }()
	defer func() { stop(); <-watched }()
	var mu sync.Mutex
	results := map[string]int{}
	c := f.client(server, func(cfg *oauth.Config) {
		cfg.Observer.Shared = func(e oauth.SharedEvent) {
			mu.Lock()
			defer mu.Unlock()
			results[e.Kind+" "+e.Result]++
		}
	})
	real.Kill()
	alone := f.wantSame([]*oauth.Client{c}, person(fleetAnna))
	f.wantGrants(1)
	if results["at unshared"] != 1 {
		t.Errorf("claims: %v", results)
	}
	real.Restart()
	waitFor(t, func() bool { return server.State().Err == nil })
	f.elapse.Add(int64(5 * time.Second)) // past the pause after which it is offered
	f.wantSame([]*oauth.Client{c}, person(fleetAnna))
	waitFor(t, func() bool {
		mu.Lock()
		defer mu.Unlock()
		return results["at turn"] == 1
	})
	c.Close() // waits for the end of the turn
	if got := f.wantSame(f.replicas(3), person(fleetAnna)); got != alone {
		t.Errorf("the others have %q, not %q", got, alone)
	}
	f.wantGrants(1)
}

func TestWhatReplicasShareIsNotInTheStoreInClear(t *testing.T) {
	m := miniredis.RunT(t)
	f := newFleet(t, m.Addr())
	c := f.replica()
	if _, err := c.LookupUser(t.Context(), person(fleetAnna), "ben@example.com"); err != nil {
		t.Fatal(err)
	}
	f.set(func() { f.refusal = "consent_required" })
	if _, err := c.Token(t.Context(), person("7f1d8c5e-0000-4000-8000-0000000000c3")); err == nil {
		t.Fatal("no error")
	}
	dump, err := json.Marshal(m.Dump())
	if err != nil {
		t.Fatal(err)
	}
	for _, canary := range []string{
		"canary", "Canary", "example.com", "7f1d8c5e", "consent", "userinfo", "127.0.0.1", "ben",
	} {
		if bytes.Contains(dump, []byte(canary)) {
			t.Errorf("%q stands in the store", canary)
		}
	}
	for _, key := range []string{"val:at:", "val:ui:", "val:lk:", "val:no:at:"} {
		if !bytes.Contains(dump, []byte(key)) {
			t.Errorf("the store has no %s", key)
		}
	}
}
