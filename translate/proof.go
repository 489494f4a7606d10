package translate

import (
	"context"
	"errors"
	"net/netip"
	"runtime"
	"sync"
	"time"

	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/translate/legacy"
)

const (
	maxProofsInFlight = 256
	refusedLife       = time.Minute
	proofTime         = 30 * time.Second
	// restAfterWrong is how many times as long as a wrong password took to hash its slot rests afterwards: guessing from any number of
	// addresses then has a quarter of the slots' time, and the callers who know their password the rest of the machine.
	restAfterWrong = 3
)

var errBusy = errors.New("too many passwords are being checked at once")

// prover answers whether a password is right. Each distinct credential is hashed once: the answer is remembered as a keyed
// hash, callers who ask at the same time share one check, and a slow hash never has more than half of the processors.
type prover struct {
	hash     *hasher
	right    *memo[struct{}]
	wrong    *memo[struct{}]
	throttle *throttle
	slots    chan struct{}
	now      func() time.Time

	mu       sync.Mutex
	inFlight map[digest]*proof
}

type proof struct {
	done    chan struct{}
	verdict verdict
	err     error
}

type verdict uint8

const (
	wrongPassword verdict = iota
	rightPassword
	issuedSecret // a secret the proxy issued: right, but it can be revoked, so it is asked for each time
)

func newProver(h *hasher, size int, life time.Duration, now func() time.Time) *prover {
	return &prover{
		hash: h, right: newMemo[struct{}](size, life, now), wrong: newMemo[struct{}](size, refusedLife, now), throttle: newThrottle(now),
		slots: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2)), inFlight: map[digest]*proof{}, now: now,
	}
}

// attempt is one password presented for one user.
type attempt struct {
	client     netip.Addr
	key        string // integrator key
	username   string
	password   Password // what it must match; the zero value for a user nobody knows
	known      bool
	candidates []secret.Text
	decoy      Password               // hashed for unknown users, so that time tells nobody who exists
	accept     func(secret.Text) bool // secrets issued by the proxy that count as the password; may be nil
}

// prove reports whether one of the candidates is the password. lasting is false for a proof that must not be remembered.
func (p *prover) prove(ctx context.Context, a attempt) (lasting bool, err error) {
	for i := range a.candidates {
		// One reading alone: a password that was proven in a header is proven in an envelope as well.
		if _, ok := p.right.get(p.digest(a, a.candidates[i:i+1])); ok {
			return true, nil
		}
	}
	d := p.digest(a, a.candidates)
	if _, ok := p.wrong.get(d); ok {
		return false, &Error{Kind: KindBadLogin, Detail: "the same wrong password again", NextStep: "store the password that the old program sends: docusign-auth-proxy hash-password"}
	}
	pr, err := p.join(d, a)
	if err != nil {
		return false, err
	}
	select {
	case <-pr.done:
	case <-ctx.Done():
		return false, ctx.Err()
	}
	switch {
	case pr.err != nil:
		return false, pr.err
	case pr.verdict != wrongPassword:
		return pr.verdict == rightPassword, nil
	case !a.known:
		return false, &Error{Kind: KindBadLogin, Detail: "no such user in this integration", NextStep: "if this person should be let in, add them under users in the configuration"}
	}
	return false, &Error{Kind: KindBadLogin, Detail: "the password does not match the configured one", NextStep: "store the password that the old program sends: docusign-auth-proxy hash-password"}
}

func (p *prover) digest(a attempt, candidates []secret.Text) digest {
	parts := make([]string, 0, 4+len(candidates))
	fp := a.password.fingerprint()
	parts = append(parts, "proof", legacy.Fold(a.key), legacy.Fold(a.username), string(fp[:]))
	for _, c := range candidates {
		parts = append(parts, c.Reveal())
	}
	return p.hash.sum(parts...)
}

// join finds the check of this credential that is under way, or starts it. The check does not die with its first caller.
func (p *prover) join(d digest, a attempt) (*proof, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if pr, ok := p.inFlight[d]; ok {
		return pr, nil
	}
	if len(p.inFlight) >= maxProofsInFlight {
		return nil, &Error{Kind: KindBusy, Err: errBusy}
	}
	pr := &proof{done: make(chan struct{})}
	p.inFlight[d] = pr
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), proofTime)
		defer cancel()
		var matched int
		pr.verdict, matched, pr.err = p.check(ctx, a)
		switch {
		case pr.err != nil:
		case pr.verdict == rightPassword:
			p.right.put(p.digest(a, a.candidates[matched:matched+1]), struct{}{})
		case pr.verdict == wrongPassword:
			p.wrong.put(d, struct{}{})
		}
		p.mu.Lock()
		delete(p.inFlight, d)
		p.mu.Unlock()
		close(pr.done)
	}()
	return pr, nil
}

// check also says which reading was right.
func (p *prover) check(ctx context.Context, a attempt) (verdict, int, error) {
	user := legacy.Fold(a.key) + "\x00" + legacy.Fold(a.username)
	if !p.throttle.admit(ctx, a.client, user, a.known) {
		return wrongPassword, 0, &Error{Kind: KindThrottled, Detail: "too many wrong passwords from this address", NextStep: "find the program at the client address that sends a wrong password"}
	}
	v, matched, err := p.compare(ctx, a)
	if v != wrongPassword {
		p.throttle.refund(a.client, user)
	}
	return v, matched, err
}

func (p *prover) compare(ctx context.Context, a attempt) (verdict, int, error) {
	for i, c := range a.candidates {
		if a.accept != nil && a.accept(c) {
			return issuedSecret, i, nil
		}
	}
	against := a.password
	if !a.known {
		against = a.decoy
	}
	if !against.slow() {
		v, matched := verdictOf(against, a)
		return v, matched, nil
	}
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return wrongPassword, 0, &Error{Kind: KindBusy, Err: errBusy}
	}
	began := p.now()
	v, matched := verdictOf(against, a)
	if v == rightPassword {
		<-p.slots
	} else {
		time.AfterFunc(restAfterWrong*p.now().Sub(began), func() { <-p.slots })
	}
	return v, matched, nil
}

func verdictOf(against Password, a attempt) (verdict, int) {
	for i, c := range a.candidates {
		if against.Verify(c) && a.known {
			return rightPassword, i
		}
	}
	return wrongPassword, 0
}
