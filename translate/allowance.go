package translate

import (
	"context"
	"net/netip"
	"time"
)

// Allowance counts guesses over all replicas, those of a client at one user and all of a client. The error means that
// they cannot be reached while ctx lasts; then the counts of this process stand alone. The names are never told to the
// store in clear.
type Allowance interface {
	// Take uses up one guess of the client at the user of that realm. It says how long to wait before it is checked;
	// negative means that too many wait already, and that nothing was taken. spent: the client has failed so often that
	// a wrong guess is refused like an unchecked one.
	Take(ctx context.Context, client netip.Addr, realm, user string) (wait time.Duration, spent bool, err error)
	// Give gives it back: the password was right, or was not checked.
	Give(ctx context.Context, client netip.Addr, realm, user string, spent bool) error
}

// What an Allowance lets through: as many as one process would.
const (
	UserBurst    = userBurst
	UserRefill   = userRefill
	ClientBurst  = clientBurst
	ClientRefill = clientRefill
	LongestWait  = maxLine * userRefill
)

// allowanceTime is how long a check of a password waits for the count of all replicas.
const allowanceTime = 50 * time.Millisecond

// allowed takes a guess from what all replicas may check, and waits for it. give gives it back. The error is that of a
// guess that finds too many before it.
func (p *Prover) allowed(ctx context.Context, a *attempt) (give func(), err error) {
	give = func() {}
	all := p.allowance.Load()
	if all == nil {
		return give, nil
	}
	k := a.bucket()
	asked, cancel := context.WithTimeout(ctx, p.allowanceTime)
	defer cancel()
	wait, spent, err := (*all).Take(asked, k.client, k.realm, k.user)
	if err != nil {
		return give, nil //nolint:nilerr // the counts of this process stand alone
	}
	if wait < 0 {
		sleepContext(ctx, throttledTime)
		return give, throttledError()
	}
	a.spent = spent
	// What cannot be given back counts as a wrong guess, for a few seconds.
	give = func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.allowanceTime)
		defer cancel()
		_ = (*all).Give(ctx, k.client, k.realm, k.user, spent)
	}
	if wait == 0 {
		return give, nil
	}
	if sleepContext(ctx, wait); ctx.Err() != nil {
		give()
		return give, busyError()
	}
	return give, nil
}
