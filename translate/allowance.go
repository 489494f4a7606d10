package translate

import (
	"context"
	"net/netip"
)

// Allowance counts guesses over all replicas. The error means that they cannot be reached; then the counts of this
// process stand alone.
type Allowance interface {
	// Take uses up one guess of the user by the client, and reports whether there was one left.
	Take(ctx context.Context, g Guesses) (allowed bool, err error)
	// Give gives it back: the password was right.
	Give(ctx context.Context, g Guesses) error
}

// Guesses are one client's at one user. Their names are never told to the store in clear.
type Guesses struct {
	Client      netip.Addr
	Realm, User string
}
