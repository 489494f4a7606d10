package translate

import (
	"context"
	"net/netip"
	"time"
)

// Allowance counts guesses over all replicas. The error means that they cannot be reached; then the counts of this
// process stand alone. The names are never told to the store in clear.
type Allowance interface {
	// Take uses up one guess of the client at the user of that realm, and says after which pause there is one: 0 = it was
	// taken.
	Take(ctx context.Context, client netip.Addr, realm, user string) (wait time.Duration, err error)
	// Give gives it back: the password was right.
	Give(ctx context.Context, client netip.Addr, realm, user string) error
}
