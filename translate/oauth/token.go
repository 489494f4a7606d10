package oauth

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"docusign-auth-proxy/internal/secret"
)

const (
	unknownLife   = 5 * time.Minute // of a token that came without a usable expires_in
	maxLife       = 24 * time.Hour
	hardMargin    = 30 * time.Second
	maxTokenBytes = 16 << 10
)

// Token is an access token, immutable once it has left the cache. It never prints itself.
type Token struct {
	AccessToken secret.Text
	Obtained    time.Time // when the request for it was sent, local clock
	Expires     time.Time // Obtained plus expires_in, local clock

	// Set once it is in the cache. Pointers, so that fmt shows an address where a Token sits in an unexported field.
	header   *[1]string
	outcomes *[uses]atomic.Uint32 // the first of each Use
}

// Use is what a token is sent for: DocuSign may take a good token for one and refuse it for another (PROTOCOL.md
// §4.10, §14.4).
type Use uint8

// The uses.
const (
	UseREST Use = iota
	UseLogin
	UseSOAP
	UseAccountServer
	uses
)

const (
	outcomeWorked  = 1
	outcomeRefused = 2
)

// Worked notes that DocuSign took the token. Only the first outcome of each use counts: it tells a token that was
// revoked later from a use that refuses every token.
func (t *Token) Worked(u Use) { t.outcomes[u].CompareAndSwap(0, outcomeWorked) }

// Refused notes that DocuSign refused the token.
func (t *Token) Refused(u Use) { t.outcomes[u].CompareAndSwap(0, outcomeRefused) }

func (t *Token) workedFirst(u Use) bool { return t.outcomes[u].Load() == outcomeWorked }

// Header returns the value of the Authorization header. The slice is shared: assign it, never change it.
func (t *Token) Header() []string { return t.header[:] }

// Format keeps every verb of fmt from looking inside.
func (t Token) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "token %s until %s", secret.Mask, t.Expires.Format(time.RFC3339))
}

// sealed checks a token fresh from a grant and completes it; fraction in [0,1) spreads the refreshes.
func sealed(raw *Token, started time.Time, fraction float64) (timed[*Token], error) {
	if raw == nil || !sendable(raw.AccessToken.Reveal()) {
		return timed[*Token]{}, errors.New("the answer holds no access token that could be sent in a header")
	}
	t := *raw
	if t.Obtained.IsZero() {
		t.Obtained = started
	}
	life := unknownLife
	if !t.Expires.IsZero() {
		life = min(t.Expires.Sub(t.Obtained), maxLife)
	}
	if life <= 0 {
		return timed[*Token]{}, errors.New("the token had expired when it arrived")
	}
	t.Expires = t.Obtained.Add(life)
	soft := t.Obtained.Add(time.Duration((0.8 + 0.1*fraction) * float64(life)))
	t.header = &[1]string{"Bearer " + t.AccessToken.Reveal()}
	t.outcomes = new([uses]atomic.Uint32)
	return timed[*Token]{val: &t, soft: soft, edge: t.Expires.Add(-min(hardMargin, life/10))}, nil
}

// sendable keeps line ends and blanks out of the header.
func sendable(token string) bool {
	return token != "" && len(token) <= maxTokenBytes &&
		!strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r >= 0x7f })
}
