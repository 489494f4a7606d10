package translate

import (
	"cmp"
	"context"
	"errors"
	"net/netip"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"docusign-auth-proxy/internal/cache"
	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/internal/panics"
	"docusign-auth-proxy/internal/password"
	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/translate/legacy"
)

const (
	refusedLife = time.Minute
	shownLife   = 24 * time.Hour
	proofTime   = 30 * time.Second
	// throttledTime is how long a refusal takes for a client that has failed too often.
	throttledTime = time.Second
	// restAfterWrong is how many times as long as a wrong password took to hash its slot rests afterwards, unless
	// somebody comes who is no likely guesser (rank): guessing from any number of addresses then has a quarter of the
	// slots' time, and the callers who know their password the rest of the machine.
	restAfterWrong = 3
)

var errWrong = errors.New("no candidate is the password")

// Prover answers whether a password is right; one serves all credentials of a process, through reloads. Each distinct
// credential is hashed once: the answer is remembered as a keyed hash, callers of one client who ask at the same time
// share one check, and slow hashes never have more than half of the processors.
//
// A guess has to wait for its turn among those of its client at its user (throttle), and only then for a slot, if the
// hash is slow. A credential that was right once is taken from the same address without a turn, so guessing at its
// user holds up nobody who has logged in before. Who logs in for the first time while others guess at the same user
// from the same address waits with them: nothing but the password tells them apart, and a prover that looks at every
// password at once would tell a guesser the right one as fast.
type Prover struct {
	// OnPanic is told of each check that panicked, whatever it was for; nil = nobody. It is set before the first check.
	OnPanic func(*panics.Error)

	hash     hasher
	verify   func(password.Password, secret.Text) bool
	memos    atomic.Pointer[proofs]
	throttle *throttle
	// allowance has the last word about a guess that the throttle lets through; nil = this process is alone.
	allowance     atomic.Pointer[Allowance]
	allowanceTime time.Duration // bound of each question to it
	slots         *slots        // of slow hashes
	refusals      *slots        // of refusals, see check

	mu       sync.Mutex
	inFlight map[digest]*proof
	costs    map[string]time.Duration // what one check takes, by Password.cost
}

// proofs is what is remembered of earlier checks.
type proofs struct {
	life  time.Duration
	max   int
	right *cache.Cache[digest, struct{}]
	wrong *cache.Cache[digest, struct{}]
	shown *cache.Cache[digest, struct{}] // right credentials together with the address that presented them
}

// proof is a check under way.
type proof struct {
	done    chan struct{}
	waiters int
	cancel  context.CancelFunc // called when the last waiter leaves
	by      password.Password  // that the candidate matched
	lasting bool               // false for a secret the proxy issued: it can be revoked, so it is asked for each time
	err     error              // errWrong = none is right, or not yet known
}

// NewProver makes a Prover that remembers nothing until Remember is called.
func NewProver() *Prover {
	n := max(1, runtime.GOMAXPROCS(0)/2)
	p := &Prover{
		hash: newHasher(), verify: password.Password.Verify,
		throttle: newThrottle(), slots: newSlots(n), refusals: newSlots(n),
		inFlight: map[digest]*proof{}, costs: map[string]time.Duration{}, allowanceTime: allowanceTime,
	}
	p.Remember(0, 0)
	return p
}

// Share has all replicas together check no more guesses than one process would.
func (p *Prover) Share(a Allowance) { p.allowance.Store(&a) }

// Remember sets for how long, and how many, proven credentials are believed without another check; 0 = none. What is
// remembered is forgotten when either changes.
func (p *Prover) Remember(life time.Duration, most int) {
	if m := p.memos.Load(); m != nil && m.life == life && m.max == most {
		return
	}
	memo := func(life time.Duration) *cache.Cache[digest, struct{}] {
		return cache.New[digest, struct{}](most, life, time.Now)
	}
	right := memo(cmp.Or(life, -1))
	p.memos.Store(&proofs{life: life, max: most, right: right, wrong: memo(refusedLife), shown: memo(shownLife)})
}

// attempt is one password presented for one user.
type attempt struct {
	client     netip.Addr
	realm      string // whose users: an integrator key, or a name for users of the proxy's own
	username   string
	password   password.Password // what it must match; the zero value for a user nobody knows
	known      bool
	pinned     bool // the password was kept at the first call
	candidates []secret.Text
	slowest    password.Password // of the realm: what a refusal takes, whoever is refused
	// accept knows secrets issued by the proxy that count as the password; may be nil. The error is that it cannot tell.
	accept func(context.Context, secret.Text) (bool, error)
	// pin keeps the password of a user who has none, and returns the one that holds from then on and whether it is this
	// one; nil = such a user is refused.
	pin func(secret.Text) (password.Password, bool, error)

	proven bool        // one of the candidates was right before, from the same address
	right  secret.Text // the candidate that is right, once known
	spent  bool        // the client has failed too often at all replicas together
}

func (a *attempt) bucket() bucketKey {
	return bucketKey{ClientOf(a.client), legacy.Fold(a.realm), legacy.Fold(a.username)}
}

// prove checks whether one of the candidates is the password, and returns the password, which may be pinned only now.
// lasting is false for a proof that must not be remembered.
func (p *Prover) prove(ctx context.Context, a attempt) (by password.Password, lasting bool, err error) {
	m := p.memos.Load()
	for i := range a.candidates {
		// One reading alone: a password that was proven in a header is proven in an envelope as well.
		d := p.digest(&a, a.candidates[i])
		if _, ok := m.right.Get(d); !ok {
			continue
		}
		if p.shown(m, &a, d) {
			return a.password, true, nil
		}
		// From another address than the one that was right before it counts as a guess while others guess there: what is
		// remembered must not answer guesses faster than the throttle lets them be checked.
		if free, _ := p.throttle.look(a.bucket()); free {
			m.shown.Put(p.shownDigest(&a, d), struct{}{})
			return a.password, true, nil
		}
	}
	d := p.digest(&a, a.candidates...)
	if _, ok := m.wrong.Get(d); ok && a.pin == nil { // what was wrong from elsewhere may still be pinned
		return by, false, a.wrong("the same wrong password again")
	}
	pr := p.join(p.shownDigest(&a, d), d, a)
	select {
	case <-pr.done:
	case <-ctx.Done():
		p.leave(pr)
		return by, false, ctx.Err()
	}
	switch {
	case pr.err != errWrong:
		return pr.by, pr.lasting, pr.err
	case a.known:
		return by, false, a.wrong("the password does not match the configured one")
	}
	return by, false, a.wrong("no such user in this integration")
}

// wrong tells the operator, never the program, what the attempt was compared with.
func (a *attempt) wrong(detail string) error {
	e := &call.Error{Kind: call.KindBadLogin, Detail: detail}
	switch {
	case !a.known:
		e.Cause = cause.UserNotListed
	case a.password.Kind() == password.None:
		e.Cause = cause.NoPassword
	case a.pinned:
		e.Cause = cause.PinnedPassword
	}
	return e
}

func (p *Prover) digest(a *attempt, candidates ...secret.Text) digest {
	fp := a.password.Fingerprint()
	parts := []string{"proof", legacy.Fold(a.realm), legacy.Fold(a.username), string(fp[:])}
	for _, c := range candidates {
		parts = append(parts, c.Reveal())
	}
	return p.hash.sum(parts...)
}

func (p *Prover) shownDigest(a *attempt, d digest) digest {
	source := sourceOf(a.client).As16()
	return p.hash.sum("shown", string(source[:]), string(d[:]))
}

func (p *Prover) shown(m *proofs, a *attempt, d digest) bool {
	_, ok := m.shown.Get(p.shownDigest(a, d))
	return ok
}

// join finds the check of this credential that is under way for this address, or starts it. It goes on while somebody
// waits for it.
func (p *Prover) join(key, d digest, a attempt) *proof {
	p.mu.Lock()
	defer p.mu.Unlock()
	if pr, ok := p.inFlight[key]; ok && pr.waiters > 0 {
		pr.waiters++
		return pr
	}
	ctx, cancel := context.WithTimeout(context.Background(), proofTime)
	pr := &proof{done: make(chan struct{}), waiters: 1, cancel: cancel, err: errWrong}
	p.inFlight[key] = pr
	go func() {
		defer cancel()
		defer func() {
			if v := recover(); v != nil { // its value may quote the password
				pr.err = &call.Error{Detail: "the check of a password panicked; the stack is in the log"}
				if p.OnPanic != nil {
					p.OnPanic(panics.Of(v))
				}
			}
			p.mu.Lock()
			if p.inFlight[key] == pr {
				delete(p.inFlight, key)
			}
			p.mu.Unlock()
			close(pr.done)
		}()
		pr.lasting, pr.err = p.check(ctx, d, &a)
		pr.by = a.password
	}()
	return pr
}

// leave gives up waiting. A check that nobody waits for any more, and that has not begun to hash, gives its places
// back.
func (p *Prover) leave(pr *proof) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if pr.waiters--; pr.waiters == 0 {
		pr.cancel()
	}
}

// check waits for the attempt's turn and compares. A refusal takes as long whether the user exists or not: where
// hashes are slow, it waits for a slot of its own among all attempts, those at unknown users too, as if each of them
// had to be hashed. The hashes themselves are fewer and never later, so that neither they nor the queue for them
// shows.
func (p *Prover) check(ctx context.Context, d digest, a *attempt) (lasting bool, err error) {
	m := p.memos.Load()
	a.proven = slices.ContainsFunc(a.candidates, func(c secret.Text) bool { return p.shown(m, a, p.digest(a, c)) })
	var turn *bucket
	if !a.proven {
		if turn = p.throttle.admit(ctx, a.bucket(), usual(a.client)); turn == nil {
			if ctx.Err() != nil {
				return false, busyError()
			}
			sleepContext(ctx, throttledTime)
			return false, throttledError()
		}
	}
	began := time.Now()
	var refusal *place
	var rest time.Duration
	if a.slowest.Slow() {
		// Its rank knows nothing of the user: the order of refusals must not tell who exists.
		refusal = p.refusals.join(ClientOf(a.client), rankOf(a.client, false))
		defer func() { p.refusals.leave(refusal, rest) }()
	}
	lasting, err = p.compareInTurn(ctx, a, turn)
	if lasting && err == nil {
		right := p.digest(a, a.right)
		m.right.Put(right, struct{}{})
		m.shown.Put(p.shownDigest(a, right), struct{}{})
	}
	if err != errWrong {
		return lasting, err
	}
	if refusal != nil {
		if refusal.wait(ctx) != nil {
			return false, busyError()
		}
		began, rest = refusal.since, restAfterWrong*p.refusalTime(a)
	}
	floor := p.refusalTime(a)
	if p.throttle.spend(ClientOf(a.client)) || a.spent {
		err, floor = throttledError(), max(floor, throttledTime)
	}
	sleepContext(ctx, floor-time.Since(began))
	if ctx.Err() == nil { // not before its answer: who asks again must not learn sooner that it was wrong
		m.wrong.Put(d, struct{}{})
	}
	return false, err
}

// compareInTurn compares and gives the turn to the next, who does not wait until this one's refusal is told. No turn =
// none was needed.
func (p *Prover) compareInTurn(ctx context.Context, a *attempt, turn *bucket) (lasting bool, err error) {
	if turn != nil {
		defer func() {
			p.throttle.done(turn, usual(a.client), err == errWrong, restAfterWrong*p.refusalTime(a))
		}()
	}
	return p.compare(ctx, a)
}

func busyError() error {
	return &call.Error{
		Kind: call.KindBusy, RetryAfter: proofTime, Err: errors.New("too many passwords are being checked at once"),
	}
}

func throttledError() error {
	return &call.Error{
		Kind: call.KindThrottled, Detail: "too many wrong passwords from this address",
		RetryAfter: userRefill,
	}
}

// compare looks for the candidates among the secrets that the proxy issued, and then compares them with the password.
// One that is not the password, while it cannot be told whether it was issued, is not called wrong.
func (p *Prover) compare(ctx context.Context, a *attempt) (lasting bool, err error) {
	var unknown error
	for _, c := range a.candidates {
		if a.accept == nil {
			break
		}
		accepted, err := a.accept(ctx, c)
		if accepted {
			return false, nil
		}
		unknown = cmp.Or(unknown, err)
	}
	if lasting, err = p.compareAllowed(ctx, a); err == errWrong && unknown != nil {
		return false, unknown
	}
	return lasting, err
}

// compareAllowed compares with the password if all replicas together have a guess left.
func (p *Prover) compareAllowed(ctx context.Context, a *attempt) (lasting bool, err error) {
	give := func() {}
	if !a.proven {
		if give, err = p.allowed(ctx, a); err != nil {
			return false, err
		}
	}
	if err = p.comparePasswords(ctx, a); err != errWrong {
		give()
	}
	return true, err
}

func (p *Prover) comparePasswords(ctx context.Context, a *attempt) error {
	switch {
	case a.known && a.password.Kind() == password.None && a.pin != nil && len(a.candidates) > 0:
		return p.inSlot(ctx, a, p.compareFirst)
	case a.known && a.password.Slow():
		return p.inSlot(ctx, a, p.comparePassword)
	}
	err := p.comparePassword(a)
	if err == errWrong && a.slowest.Slow() && p.cost(a.slowest) == 0 && len(a.candidates) > 0 {
		// What a refusal has to take is not known yet. The check of a user nobody knows, or of one without a slow hash,
		// finds out.
		err = p.inSlot(ctx, a, func(a *attempt) error {
			if p.cost(a.slowest) == 0 {
				p.measured(a.slowest, a.candidates[0])
			}
			return errWrong
		})
	}
	return err
}

// inSlot compares while it holds a slot.
func (p *Prover) inSlot(ctx context.Context, a *attempt, compare func(*attempt) error) error {
	r := provenHere
	if !a.proven {
		_, fresh := p.throttle.look(a.bucket())
		r = rankOf(a.client, fresh && a.known)
	}
	slot, rest := p.slots.join(ClientOf(a.client), r), time.Duration(0)
	defer func() { p.slots.leave(slot, rest) }()
	if slot.wait(ctx) != nil {
		return busyError()
	}
	right := p.memos.Load().right
	for _, c := range a.candidates { // others may have asked meanwhile
		if _, ok := right.Get(p.digest(a, c)); ok {
			a.right = c
			return nil
		}
	}
	err := compare(a)
	if err == errWrong {
		rest = restAfterWrong * time.Since(slot.since)
	}
	return err
}

// compareFirst pins the first reading of a user without a password. Only what was kept counts: somebody else may have
// been quicker.
func (p *Prover) compareFirst(a *attempt) error {
	held, own, err := a.pin(a.candidates[0])
	if err != nil {
		return err
	}
	a.password, a.right = held, a.candidates[0]
	if own {
		return nil
	}
	return p.comparePassword(a)
}

func (p *Prover) comparePassword(a *attempt) error {
	against := a.password
	if !a.known && !a.slowest.Slow() {
		against = a.slowest
	}
	for _, c := range a.candidates {
		if p.measured(against, c) && a.known {
			a.right = c
			return nil
		}
	}
	return errWrong
}

// measured compares and notes how long it took.
func (p *Prover) measured(against password.Password, candidate secret.Text) bool {
	began := time.Now()
	right := p.verify(against, candidate)
	if !against.Slow() {
		return right
	}
	took := time.Since(began)
	p.mu.Lock()
	defer p.mu.Unlock()
	if before := p.costs[against.Cost()]; before > 0 {
		took = (3*before + took) / 4
	}
	p.costs[against.Cost()] = took
	return right
}

func (p *Prover) cost(of password.Password) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.costs[of.Cost()]
}

// refusalTime is how long the refusal of an attempt takes at least: a little longer than the slowest hash of the
// realm, so that time does not tell a user with another kind of password, or one nobody knows, from the rest.
func (p *Prover) refusalTime(a *attempt) time.Duration {
	if !a.slowest.Slow() {
		return 0
	}
	return p.cost(a.slowest) * time.Duration(len(a.candidates)) * 5 / 4
}

// Logins proves users of the proxy itself: of a listener.
type Logins struct {
	prover  *Prover
	realm   string
	users   map[string]password.Password
	slowest password.Password
}

// NewLogins makes Logins. realm tells them from the users of other listeners and of integrations.
func NewLogins(p *Prover, realm string, users []integration.Login) *Logins {
	l := &Logins{prover: p, realm: realm, users: map[string]password.Password{}}
	for _, u := range users {
		l.users[u.Username] = u.Password
		l.slowest = password.Slowest(l.slowest, u.Password)
	}
	return l
}

// Verify checks the password of a user who came from client. The error is an *call.Error of the kind
// call.KindBadLogin, call.KindThrottled or call.KindBusy, or ctx's.
func (l *Logins) Verify(ctx context.Context, client netip.Addr, user string, given secret.Text) error {
	p, known := l.users[user]
	_, _, err := l.prover.prove(ctx, attempt{
		client: client, realm: l.realm, username: user, password: p, known: known,
		candidates: []secret.Text{given}, slowest: l.slowest,
	})
	return err
}
