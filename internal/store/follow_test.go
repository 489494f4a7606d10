package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/lease"
	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/internal/store"
	"docusign-auth-proxy/internal/store/storetest"
	"docusign-auth-proxy/translate/soaprest/journal"
)

// replica is a Store on a Memory that others have too.
type replica struct {
	*store.Store
	handle *storetest.Handle
	stop   func()
}

func shareKey(b byte) []byte { return bytes.Repeat([]byte{b}, 32) }

// share starts a replica, which ends with the test. Begin is called before it follows.
func share(t *testing.T, m *storetest.Memory, o store.Options, begin ...func(*replica)) *replica {
	t.Helper()
	h := m.Open()
	r := &replica{Store: store.Share(h, shareKey(1), nil, o), handle: h}
	for _, f := range begin {
		f(r)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := r.Follow(ctx); err != nil {
			t.Errorf("the follower ends with %v", err)
		}
	}()
	r.stop = func() { stop(); <-ended }
	t.Cleanup(r.stop)
	return r
}

// behind has the feed of a replica bring nothing while a gate is locked.
func behind(gate *sync.Mutex) func(*replica) {
	return func(r *replica) {
		r.handle.Pause = func() {
			gate.Lock()
			defer gate.Unlock()
		}
	}
}

// until waits for a state that comes by itself.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for began := time.Now(); !is(); time.Sleep(time.Millisecond) {
		if time.Since(began) > 20*time.Second {
			t.Fatal("it does not come to this: " + what)
		}
	}
}

func (r *replica) read() bool { return r.Sight().Read && r.Sight().Err == nil }

func TestReplicasEndEqualToTheirStore(t *testing.T) {
	m := storetest.NewMemory()
	late := func(r *replica) {
		r.handle.Pause = func() { time.Sleep(time.Duration(rand.IntN(300)) * time.Microsecond) }
	}
	all := []*replica{share(t, m, store.Options{}, late), share(t, m, store.Options{}, late)}
	for _, r := range all {
		until(t, "it was read", r.read)
	}
	var wait sync.WaitGroup
	for i, r := range all {
		for worker := range 4 {
			wait.Go(func() {
				for n := range 60 {
					name := fmt.Sprintf("user%d@example.com", (n+worker)%3)
					err := r.PutRefresh("shared name", secret.New(fmt.Sprint(i, worker, n)))
					_, pinned := r.Pin("erp", name, fmt.Sprint("hash ", i, worker, n))
					if n%3 == 0 {
						_, forgot := r.ForgetPins(func(p store.Pin) bool { return p.Username == name })
						err = errors.Join(err, forgot)
					}
					// Of a pin that another forgets in the same moment nobody can say which one holds.
					if err != nil || pinned != nil && !errors.Is(pinned, store.ErrConflict) {
						t.Error(err, pinned)
					}
				}
			})
		}
	}
	wait.Wait()
	state := func(r *replica) string {
		token, _, _, err := r.Refresh("shared name")
		if err != nil {
			t.Error(err)
		}
		text := token.Reveal()
		for _, p := range r.Pins() {
			text += " " + p.Username + " " + p.Hash
		}
		return text
	}
	fresh := share(t, m, store.Options{})
	until(t, "it was read", fresh.read)
	want := state(fresh)
	for i, r := range all {
		until(t, fmt.Sprintf("replica %d has what the store has", i), func() bool { return state(r) == want })
	}
}

func TestATokenWorksEverywhereAtOnceAndEndsEverywhere(t *testing.T) {
	m := storetest.NewMemory()
	var held sync.Mutex // while it is locked, no feed brings anything
	a := share(t, m, store.Options{})
	b := share(t, m, store.Options{}, behind(&held))
	until(t, "both were read", func() bool { return a.read() && b.read() })
	held.Lock()
	token := must[secret.Text](t)(a.Issue(anna()))
	if o, ok := found(b.Lookup(t.Context(), token)); !ok || o != anna() {
		t.Errorf("before the feed brings it, it is of %v, %v", o, ok)
	}
	if n := len(b.List()); n != 0 {
		t.Errorf("a look-up put %d into the table", n)
	}
	if !must[bool](t)(a.Revoke(t.Context(), token)) {
		t.Error("it was not live")
	}
	if _, ok := found(b.Lookup(t.Context(), token)); ok {
		t.Error("it is live after it was revoked")
	}
	again := must[secret.Text](t)(a.Issue(anna()))
	held.Unlock()
	until(t, "the feed brings it", func() bool { return len(b.List()) == 1 })
	if !must[bool](t)(b.Revoke(t.Context(), again)) {
		t.Error("it was not live")
	}
	until(t, "the other one hears of the end", func() bool { _, ok := found(a.Lookup(t.Context(), again)); return !ok })
}

func TestAPinOfAnotherReplicaHolds(t *testing.T) {
	m := storetest.NewMemory()
	a := share(t, m, store.Options{})
	var held sync.Mutex
	b := share(t, m, store.Options{}, behind(&held))
	until(t, "both were read", func() bool { return a.read() && b.read() })
	held.Lock()
	first := must[string](t)(a.Pin("erp", "anna@example.com", "hash a"))
	done := make(chan string)
	go func() { done <- must[string](t)(b.Pin("erp", "anna@example.com", "hash b")) }()
	held.Unlock()
	if second := <-done; second != first {
		t.Errorf("%q and %q hold", first, second)
	}
	before := b.Unpinned()
	if _, err := a.ForgetPins(func(store.Pin) bool { return true }); err != nil {
		t.Error(err)
	}
	until(t, "the other one forgets", func() bool { return b.Unpinned() > before && len(b.Pins()) == 0 })
}

func TestAfterAGapEverythingIsReadAnew(t *testing.T) {
	m := storetest.NewMemory()
	a, b := share(t, m, store.Options{}), share(t, m, store.Options{})
	until(t, "both were read", func() bool { return a.read() && b.read() })
	gone, stays := must[secret.Text](t)(a.Issue(anna())), must[secret.Text](t)(a.Issue(anna()))
	until(t, "the feed brings them", func() bool { return len(b.List()) == 2 })
	b.handle.Cut(store.ErrUnreachable)
	until(t, "it is cut off", func() bool { return b.Sight().Err != nil })
	if err := b.Users().Learn("demo", "ben@example.com", "guid"); err != nil {
		t.Error(err)
	}
	b.Lookup(t.Context(), stays) // a late change of a record that stays
	b.Lookup(t.Context(), gone)  // and of one that does not
	if _, err := a.Revoke(t.Context(), gone); err != nil {
		t.Error(err)
	}
	added := must[secret.Text](t)(a.Issue(anna()))
	m.Trim()
	b.handle.Cut(nil)
	until(t, "it is back", b.read)
	for text, want := range map[secret.Text]bool{gone: false, stays: true, added: true} {
		if _, ok := found(b.Lookup(t.Context(), text)); ok != want {
			t.Errorf("live: %v, want %v", ok, want)
		}
	}
	if n := len(b.List()); n != 2 {
		t.Errorf("memory has %d", n)
	}
	if err := b.Flush(); err != nil {
		t.Error(err)
	}
	until(t, "the other one hears of what was late", func() bool {
		return learned(a.Users(), "demo", "ben@example.com") == "guid"
	})
	if n := len(a.List()); n != 2 {
		t.Errorf("the flush left %d", n)
	}
}

func TestAFlushRevivesNothing(t *testing.T) {
	m := storetest.NewMemory()
	a, b := share(t, m, store.Options{}), share(t, m, store.Options{})
	until(t, "both were read", func() bool { return a.read() && b.read() })
	token := must[secret.Text](t)(a.Issue(anna()))
	entry := creation("t1", journal.Done)
	putAll(t, a.Store, entry)
	until(t, "the feed brings both", func() bool { return len(b.List()) == 1 && ids(b.Store) == "t1" })
	b.handle.Cut(store.ErrUnreachable)
	b.Lookup(t.Context(), token)
	if _, err := a.Revoke(t.Context(), token); err != nil {
		t.Error(err)
	}
	b.handle.Cut(nil)
	if err := b.Flush(); err != nil {
		t.Error(err)
	}
	fresh := share(t, m, store.Options{})
	until(t, "it was read", fresh.read)
	if n := len(fresh.List()); n != 0 {
		t.Errorf("%d tokens are back", n)
	}
}

func TestTheLastUseIsWrittenOnceAnHour(t *testing.T) {
	m := storetest.NewMemory()
	var hours atomic.Int64
	now := func() time.Time {
		return time.Date(2026, 11, 20, 8, 40, 0, 0, time.UTC).Add(time.Duration(hours.Load()) * time.Hour)
	}
	a, b := share(t, m, store.Options{Now: now}), share(t, m, store.Options{Now: now})
	until(t, "both were read", func() bool { return a.read() && b.read() })
	token := must[secret.Text](t)(a.Issue(anna()))
	until(t, "the feed brings it", func() bool { return len(b.List()) == 1 })
	hours.Add(2)
	end := func() store.Mark { return must[store.Mark](t)(a.handle.End(t.Context())) }
	use := func(r *replica) {
		t.Helper()
		r.Lookup(t.Context(), token)
		if err := r.Flush(); err != nil {
			t.Error(err)
		}
	}
	before := end()
	use(a)
	if end() == before {
		t.Error("the use was not written")
	}
	until(t, "the other one knows", func() bool { return b.List()[0].LastUsed.Equal(now().Truncate(time.Hour)) })
	before = end()
	use(a)
	use(b)
	if end() != before {
		t.Error("the use in the same hour was written again")
	}
}

func TestAStoreThatIsAwayIsNoRefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := storetest.NewMemory()
		var told []error
		var mu sync.Mutex
		b := share(t, m, store.Options{MaxStale: time.Hour, OnAway: func(err error) {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, err)
		}}, func(r *replica) { r.handle.Cut(store.ErrUnreachable) })
		defer b.stop()
		synctest.Wait()
		away := func(what string, err error) {
			t.Helper()
			if call.KindOf(err) != call.KindStoreUnreachable || call.RetryAfterOf(err) != 5*time.Second {
				t.Errorf("%s: %v", what, err)
			}
		}
		ask := func(what string, text secret.Text) {
			t.Helper()
			_, _, err := b.Lookup(t.Context(), text)
			away(what+": a token", err)
			_, _, err = b.LookupPassword(t.Context(), text)
			away(what+": a password", err)
			_, _, err = b.Returns().Get(t.Context(), "key")
			away(what+": where a signer returns to", err)
			_, err = b.Issue(anna())
			away(what+": issue", err)
			_, err = b.IssuePassword(anna())
			away(what+": issue a password", err)
			_, err = b.Revoke(t.Context(), text)
			away(what+": revoke", err)
			_, err = b.Pin("erp", "ben@example.com", "hash")
			away(what+": pin", err)
			_, _, _, _, err = b.FreshRefresh(t.Context(), "anna")
			away(what+": a refresh token", err)
			away(what+": the journal", b.Creations().Put(creation("t1", journal.Intended)))
			_, err = b.ForgetPins(func(store.Pin) bool { return true })
			away(what+": forget pins", err)
			_, err = b.RevokeWhere(func(store.Issued) bool { return true })
			away(what+": revoke all", err)
		}
		unknown := secret.New("b1NGfWU2apqLyL3gEtNtlBdyE1k=")
		ask("never reached", unknown)
		_, _, err := b.Pinned("erp", "anna@example.com")
		away("never reached: what is pinned", err)
		if _, ok := found(b.Lookup(t.Context(), secret.New("too short to be one"))); ok {
			t.Error("a text of another length is known")
		}
		b.handle.Cut(nil)
		time.Sleep(10 * time.Second)
		token := must[secret.Text](t)(b.Issue(anna()))
		hash := must[string](t)(b.Pin("erp", "anna@example.com", "hash"))
		b.handle.Cut(fmt.Errorf("dial: %w", store.ErrUnreachable))
		time.Sleep(59 * time.Minute)
		ask("away", unknown)
		if o, ok := found(b.Lookup(t.Context(), token)); !ok || o != anna() {
			t.Errorf("a known token is of %v, %v", o, ok)
		}
		if held, ok := found(b.Pinned("erp", "anna@example.com")); !ok || held != hash {
			t.Errorf("the pin is %q, %v", held, ok)
		}
		time.Sleep(2 * time.Minute)
		ask("away for longer than it may be", token)
		_, _, err = b.Pinned("erp", "anna@example.com")
		away("away for longer than it may be: what is pinned", err)
		b.handle.Cut(store.ErrReplaced)
		time.Sleep(10 * time.Second)
		if n := len(b.List()); n != 1 {
			t.Errorf("it took over %d tokens of another store", n)
		}
		b.handle.Cut(nil)
		time.Sleep(10 * time.Second)
		if _, ok := found(b.Lookup(t.Context(), token)); !ok {
			t.Error("the token is lost")
		}
		mu.Lock()
		defer mu.Unlock()
		if text := fmt.Sprint(told); text != fmt.Sprint([]error{store.ErrUnreachable, nil,
			fmt.Errorf("dial: %w", store.ErrUnreachable), store.ErrReplaced, nil}) {
			t.Errorf("told of %v", text)
		}
	})
}

func TestAWrongKeyEndsAFollowerThatHasReadNothing(t *testing.T) {
	h := storetest.NewMemory().Open()
	wrong := errors.New("sealed with another key")
	h.Cut(wrong)
	if err := store.Share(h, shareKey(1), nil, store.Options{}).Follow(t.Context()); !errors.Is(err, wrong) {
		t.Errorf("it ends with %v", err)
	}
	r := share(t, storetest.NewMemory(), store.Options{})
	until(t, "it was read", r.read)
	token := must[secret.Text](t)(r.Issue(anna()))
	r.handle.Cut(wrong)
	until(t, "it is told", func() bool { return errors.Is(r.Sight().Err, wrong) })
	if _, ok := found(r.Lookup(t.Context(), token)); !ok {
		t.Error("what was known is lost")
	}
	r.handle.Cut(nil)
	until(t, "it goes on", r.read)
}

func TestARecordThatCannotBeReadIsNone(t *testing.T) {
	m := storetest.NewMemory()
	told := make(chan error, 10)
	a := share(t, m, store.Options{OnError: func(err error) { told <- err }})
	until(t, "it was read", a.read)
	if _, err := m.Open().Commit(t.Context(), []store.Change{
		{Bucket: "pins", Key: "bad", Value: []byte("{")}, {Bucket: "of a later version", Key: "a", Value: []byte("b")},
	}); err != nil {
		t.Fatal(err)
	}
	must[string](t)(a.Pin("erp", "anna@example.com", "hash"))
	if err := <-told; !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("by the feed: %v", err)
	}
	if err := a.Read(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-told; !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("when all is read: %v", err)
	}
	if n := len(a.Pins()); n != 1 {
		t.Errorf("%d pins", n)
	}
}

func TestWhatTheKeyOfBeforeMadeStillHolds(t *testing.T) {
	m := storetest.NewMemory()
	old := share(t, m, store.Options{})
	until(t, "it was read", old.read)
	voucher := func(s *store.Store) store.TokenOwner {
		o := anna()
		o.Voucher = must[string](t)(s.Voucher(o, [32]byte{7}))
		return o
	}
	before := voucher(old.Store)
	password := must[secret.Text](t)(old.IssuePassword(before))
	sealed := must[interface {
		Seal(dst, nonce, plaintext, additionalData []byte) []byte
	}](t)(old.Returns().Cipher()).Seal(nil, nil, []byte("where to"), nil)
	if err := old.PutRefresh("anna", secret.New("refresh")); err != nil {
		t.Fatal(err)
	}

	next := store.Share(m.Open(), shareKey(2), shareKey(1), store.Options{})
	if err := next.Read(t.Context()); err != nil {
		t.Fatal(err)
	}
	owner, ok := found(next.LookupPassword(t.Context(), password))
	if vouches := must[bool](t)(next.Vouches(owner, [32]byte{7})); !ok || !vouches {
		t.Errorf("the password is known: %v, vouched for: %v", ok, vouches)
	}
	if must[bool](t)(next.Vouches(owner, [32]byte{8})) {
		t.Error("another password vouches for it too")
	}
	if got, _, ok, err := next.Refresh("anna"); !ok || err != nil || got.Reveal() != "refresh" {
		t.Errorf("the refresh token: %v, %v", ok, err)
	}
	cipher, err := next.Returns().Cipher()
	if err != nil {
		t.Fatal(err)
	}
	if text, err := cipher.Open(nil, nil, sealed, nil); string(text) != "where to" {
		t.Errorf("a return address: %v", err)
	}
	if err := next.TakeOver(func(store.TokenOwner) ([32]byte, bool) { return [32]byte{7}, true }); err != nil {
		t.Fatal(err)
	}
	if err := next.Read(t.Context()); err != nil {
		t.Fatal(err)
	}
	if again := must[secret.Text](t)(next.IssuePassword(voucher(next))); !again.Equal(password) {
		t.Error("another password was made")
	}
	stranger := store.Share(m.Open(), shareKey(2), nil, store.Options{})
	read := func() error {
		if err := stranger.Read(t.Context()); err != nil {
			t.Fatal(err)
		}
		_, _, _, err := stranger.Refresh("anna")
		return err
	}
	if err := read(); !errors.Is(err, store.ErrUnreadable) {
		t.Errorf("without the key of before: %v", err)
	}
	turn := must[*store.Lease](t)(next.Lease(t.Context(), lease.OfRefresh("anna"), time.Minute))
	if err := next.RenewRefresh(t.Context()); err != nil || !errors.Is(read(), store.ErrUnreadable) {
		t.Errorf("while another exchanges the token, it is sealed anew: %v", err)
	}
	turn.Release()
	_, at, _, err := next.Refresh("anna")
	if err := errors.Join(err, next.RenewRefresh(t.Context()), read()); err != nil {
		t.Errorf("sealed anew, the key of before is still needed: %v", err)
	}
	if got, then, _, _ := stranger.Refresh("anna"); got.Reveal() != "refresh" || !then.Equal(at) || at.IsZero() {
		t.Errorf("sealed anew, it is of %v, before of %v", then, at)
	}
}

func TestAnEventReachesEveryReplica(t *testing.T) {
	m := storetest.NewMemory()
	heard := make(chan string, 10)
	note := func(name string) store.Options {
		return store.Options{OnEvent: func(event string) { heard <- name + " " + event }}
	}
	a, b := share(t, m, note("a")), share(t, m, note("b"))
	until(t, "both were read", func() bool { return a.read() && b.read() })
	if err := a.Announce(t.Context(), store.EventRetry); err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{<-heard: true, <-heard: true}
	if !got["a retry"] || !got["b retry"] {
		t.Errorf("heard is %v", got)
	}
}

func TestAFeedThatWasTrimmedIsNoStoreThatIsAway(t *testing.T) {
	m := storetest.NewMemory()
	told := make(chan error, 10)
	var gate sync.Mutex
	a := share(t, m, store.Options{})
	b := share(t, m, store.Options{OnAway: func(err error) { told <- err }}, behind(&gate))
	until(t, "both were read", func() bool { return a.read() && b.read() })
	gate.Lock()
	for range 3 {
		must[secret.Text](t)(a.Issue(anna()))
	}
	m.Trim()
	gate.Unlock()
	until(t, "everything was read anew", func() bool { return len(b.List()) == 3 })
	b.stop()
	close(told)
	var all []error
	for err := range told {
		all = append(all, err)
	}
	if len(all) != 2 || all[0] != nil || !errors.Is(all[1], store.ErrGap) {
		t.Errorf("told of %v", all)
	}
}
