package oauth_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/lease"
	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/internal/store"
	"docusign-auth-proxy/internal/store/redis"
	"docusign-auth-proxy/internal/store/redis/redistest"
	"docusign-auth-proxy/translate/oauth"
)

// rotating is an account server whose refresh tokens serve once. One that is presented again ends the login.
type rotating struct {
	*httptest.Server
	mu        sync.Mutex
	number    int // of the token in force
	exchanges int
	twice     int
	delay     time.Duration
	before    func() // called during each exchange; may be nil
}

func newRotating(t *testing.T) *rotating {
	r := &rotating{number: 1}
	r.Server = httptest.NewServer(http.HandlerFunc(r.serve))
	t.Cleanup(r.Server.Close)
	return r
}

func (r *rotating) token() secret.Text { return secret.New(fmt.Sprint("canary-refresh-", r.number)) }

func (r *rotating) serve(w http.ResponseWriter, req *http.Request) {
	_ = req.ParseForm()
	r.mu.Lock()
	defer r.mu.Unlock()
	if given := req.Form.Get("refresh_token"); given != r.token().Reveal() {
		r.twice++
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"error":"invalid_grant","error_description":"presented twice"}`)
		return
	}
	r.number++
	r.exchanges++
	next := r.token().Reveal()
	if r.before != nil {
		r.before()
	}
	time.Sleep(r.delay)
	fmt.Fprintf(w, `{"access_token":"canary-access-%d","token_type":"Bearer","expires_in":3600,"refresh_token":%q}`,
		r.exchanges, next)
}

func (r *rotating) counts() (exchanges, twice int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.exchanges, r.twice
}

// node is one replica with a store of its own on the one that all share.
type node struct {
	server  *redis.Server
	store   *store.Store
	granter *oauth.CodeGranter
	client  *oauth.Client
	lost    int // conflicts
}

func (f *fleet) node(r *rotating, change ...func(*oauth.CodeConfig)) *node {
	f.Helper()
	n := &node{server: redis.Open(f.storeOptions())}
	f.Cleanup(func() { _ = n.server.Close() })
	n.store = store.Share(n.server, make([]byte, 32), nil, store.Options{})
	if err := n.store.Read(f.Context()); err != nil {
		f.Fatal(err)
	}
	cfg := oauth.CodeConfig{
		AccountServer: r.URL, ClientID: fleetKey, HTTP: r.Server.Client(), Tokens: n.store,
		Conflict: func(oauth.Identity) { n.lost++ },
	}
	for _, c := range change {
		c(&cfg)
	}
	n.granter = oauth.NewCodeGranter(cfg)
	n.client = f.client(n.server, func(cfg *oauth.Config) {
		cfg.AccountServer, cfg.HTTP = r.URL, r.Server.Client()
		cfg.Granters = func(oauth.Identity) oauth.Granter { return n.granter.Grant }
	})
	return n
}

func (n *node) login(t *testing.T, r *rotating) {
	t.Helper()
	if err := n.store.PutRefresh(oauth.RefreshName(person(fleetAnna)), r.token()); err != nil {
		t.Fatal(err)
	}
}

func TestARefreshTokenDueOnThreeReplicasIsPresentedOnce(t *testing.T) {
	redistest.Each(t, func(t *testing.T, addr string) {
		f, r := newFleet(t, addr), newRotating(t)
		nodes := []*node{f.node(r), f.node(r), f.node(r)}
		nodes[0].login(t, r)
		for round := range 50 { // of each server
			var wg sync.WaitGroup
			for _, n := range nodes {
				wg.Go(func() { // past the shared access token, as if it were due everywhere
					if _, err := n.granter.Grant(t.Context(), person(fleetAnna)); err != nil {
						t.Errorf("round %d: %v", round, err)
					}
				})
			}
			wg.Wait()
		}
		if exchanges, twice := r.counts(); exchanges != 150 || twice != 0 {
			t.Errorf("%d exchanges, presented twice: %d", exchanges, twice)
		}
	})
}

func TestColdReplicasExchangeARefreshTokenOnce(t *testing.T) {
	redistest.Each(t, func(t *testing.T, addr string) {
		f, r := newFleet(t, addr), newRotating(t)
		r.delay = 50 * time.Millisecond
		var all []*oauth.Client
		for range 10 {
			n := f.node(r)
			n.login(t, r)
			all = append(all, n.client)
		}
		f.wantSame(all, person(fleetAnna))
		if exchanges, twice := r.counts(); exchanges != 1 || twice != 0 {
			t.Errorf("%d exchanges, presented twice: %d", exchanges, twice)
		}
	})
}

// sleepy gives turns that have ended: its holder slept.
type sleepy struct{ *store.Store }

func (s sleepy) Lease(context.Context, string, time.Duration) (*lease.Lease, error) {
	return new(lease.Local).Lease(context.Background(), "", time.Minute)
}

func TestAHolderWhoseLeaseEndedKeepsWhatAnotherWrote(t *testing.T) {
	for _, test := range []struct {
		name   string
		during func(n *node, r *rotating) // its exchange
		lost   int
		number int // of the token that is stored afterwards
	}{
		{"nobody has written: its token is stored all the same", func(*node, *rotating) {}, 0, 2},
		{"a login has written: that stays, and is tried", func(n *node, r *rotating) {
			r.number, r.before = 7, nil
			_ = n.store.PutRefresh(oauth.RefreshName(person(fleetAnna)), r.token())
		}, 1, 8},
	} {
		t.Run(test.name, func(t *testing.T) {
			redistest.Each(t, func(t *testing.T, addr string) {
				f, r := newFleet(t, addr), newRotating(t)
				other := f.node(r)
				other.login(t, r)
				late := f.node(r, func(cfg *oauth.CodeConfig) { cfg.Tokens = sleepy{cfg.Tokens.(*store.Store)} })
				r.before = func() { test.during(other, r) }
				if _, err := late.granter.Grant(t.Context(), person(fleetAnna)); err != nil {
					t.Fatal(err)
				}
				if late.lost != test.lost {
					t.Errorf("%d conflicts", late.lost)
				}
				kept, _, _, ok, err := other.store.FreshRefresh(t.Context(), oauth.RefreshName(person(fleetAnna)))
				if want := fmt.Sprint("canary-refresh-", test.number); !ok || err != nil || kept.Reveal() != want {
					t.Errorf("%q is stored, %v, %v; want %q", kept.Reveal(), ok, err, want)
				}
			})
		})
	}
}

func TestAnEndedLoginIsDeclaredOnlyOfTheTokenThatIsStored(t *testing.T) {
	redistest.Each(t, func(t *testing.T, addr string) {
		f, r := newFleet(t, addr), newRotating(t)
		n := f.node(r)
		if err := n.store.PutRefresh(oauth.RefreshName(person(fleetAnna)), secret.New("outdated")); err != nil {
			t.Fatal(err)
		}
		_, err := n.granter.Grant(t.Context(), person(fleetAnna))
		if e, ok := errors.AsType[*oauth.GrantError](err); !ok || e.Kind != oauth.LoginRequired {
			t.Errorf("%v", err)
		}
		n.login(t, r)
		if _, err := n.granter.Grant(t.Context(), person(fleetAnna)); err != nil {
			t.Error(err)
		}
	})
}

func TestWithoutTheStoreNoRefreshTokenIsExchanged(t *testing.T) {
	real := redistest.Start(t, "--appendonly", "yes", "--appendfsync", "always")
	f, r := newFleet(t, real.Addr), newRotating(t)
	unsaved := &oauth.Unsaved{}
	n := f.node(r, func(cfg *oauth.CodeConfig) { cfg.Unsaved = unsaved })
	n.login(t, r)
	ctx, stop := context.WithCancel(t.Context())
	watched := make(chan struct{})
	go func() { n.server.Watch(ctx); close(watched) }()
	defer func() { stop(); <-watched }()
	away := func(err error) bool {
		e, ok := errors.AsType[*oauth.GrantError](err)
		return ok && e.Kind == oauth.StoreUnreachable && e.Cause() == "store_unreachable" && e.Wait() == 5*time.Second
	}
	r.before = func() { real.Kill() } // between the exchange and the write
	if _, err := n.granter.Grant(t.Context(), person(fleetAnna)); !away(err) {
		t.Fatalf("%v, kind %v", err, call.KindOf(err))
	}
	r.before = nil
	if _, err := n.granter.Grant(t.Context(), person(fleetAnna)); !away(err) {
		t.Errorf("%v", err)
	}
	if exchanges, twice := r.counts(); exchanges != 1 || twice != 0 {
		t.Errorf("%d exchanges, presented twice: %d", exchanges, twice)
	}
	real.Restart()
	waitFor(t, func() bool { return n.server.State().Err == nil })
	unsaved.Save(t.Context(), n.store)
	kept, _, _, _, err := f.node(r).store.FreshRefresh(t.Context(), oauth.RefreshName(person(fleetAnna)))
	if err != nil || kept != r.token() {
		t.Errorf("the login was lost: %v", err)
	}
}

func TestOneReplicaRenewsIdleLogins(t *testing.T) {
	redistest.Each(t, func(t *testing.T, addr string) {
		f, r := newFleet(t, addr), newRotating(t)
		f.node(r).login(t, r)
		later := func(d time.Duration) func(cfg *oauth.CodeConfig) {
			return func(cfg *oauth.CodeConfig) {
				cfg.Identities = []oauth.Identity{person(fleetAnna)}
				cfg.Now = func() time.Time { return time.Now().Add(d) }
			}
		}
		renew := func(d time.Duration, want int) {
			t.Helper()
			var wg sync.WaitGroup
			for range 3 {
				n := f.node(r, later(d))
				wg.Go(func() {
					if err := n.granter.Renew(t.Context(), n.client); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			if exchanges, twice := r.counts(); exchanges != want || twice != 0 {
				t.Errorf("after %v: %d exchanges, want %d, presented twice: %d", d, exchanges, want, twice)
			}
		}
		renew(0, 0)              // a start
		renew(7*24*time.Hour, 0) // not a quarter of 30 days yet
		renew(8*24*time.Hour+13*time.Hour, 1)
	})
}
