package oauth

import (
	"context"
	"errors"
	"time"
)

// ErrStale means that a newer turn has written what this one wanted to write.
var ErrStale = errors.New("another replica has fetched it meanwhile")

// Shared lets replicas fetch once what the account server limits. Config.Shared nil = this process is alone.
// Each error but ErrStale means that the others cannot be reached.
type Shared interface {
	// Claim gives the value, a failure that others remember, the turn to fetch it, or how long somebody else has the turn.
	// refused is the fingerprint of the value that DocuSign has just refused; "" = none was.
	Claim(ctx context.Context, w Wanted, refused string) (Claim, error)
	// Settle writes what came of a turn and gives it back. ErrStale: it came too late, and nothing was written.
	Settle(ctx context.Context, t Turn, r Result) error
	// Forget lifts all failures that are remembered, and those of turns that have begun. The other replicas still have to
	// be told to ask anew.
	Forget(ctx context.Context) error
}

// Wanted is a value that replicas share.
type Wanted struct {
	Kind string        // "at" an access token, "ui" UserInfo, "lk" a look-up
	Name string        // whose: never told to the store in clear
	Life time.Duration // what it must have left to be of use
}

// Claim is the answer: exactly one of Value, Failure, Turn and Busy is set.
type Claim struct {
	Value       []byte
	Fingerprint string        // of Value
	Life        time.Duration // that Value has left
	Failure     []byte
	Pause       time.Duration // until Failure may be tried again
	Turn        Turn
	Busy        time.Duration // that somebody else's turn has left at most
}

// Turn is the right to fetch one value. A later turn has a greater fence.
type Turn struct {
	Wanted
	Fence uint64 // 0 = none
}

// Result is what came of a turn: a value with its life, or a failure with its pause, or nothing that others can use.
type Result struct {
	Value       []byte
	Fingerprint string        // of Value, to tell which one was refused
	Life        time.Duration // 0 with a failure
	Failure     []byte
	Pause       time.Duration
}
