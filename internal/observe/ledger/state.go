package ledger

import (
	"time"

	"docusign-auth-proxy/internal/integration"
)

// State is where an integration stands on its way from legacy credentials to its own OAuth.
type State string

// The states, in order of precedence: the first whose rule holds is the one. Only calls that carried a credential
// count, refused ones too, unless of users that the configuration does not list; fetching a WSDL does not.
const (
	// StateBlocked: its mode is block. What it still sends is refused.
	StateBlocked State = "blocked"
	// StateNeverSeen: no call was ever recorded.
	StateNeverSeen State = "never_seen"
	// StateIdle: no call since IdleAfter or longer.
	StateIdle State = "idle"
	// StateFailing: of the last FailingSample calls (or as many as there were) FailingPercent or more did not end ok.
	StateFailing State = "failing"
	// StateMixed: within Window there were both legacy credentials and the program's own OAuth tokens.
	StateMixed State = "mixed"
	// StateNative: within Window there were only its own OAuth tokens. It needs the proxy no more.
	StateNative State = "native"
	// StateLegacy: the latest legacy credential was forwarded as it came. It works as long as DocuSign lets it.
	StateLegacy State = "legacy"
	// StateTranslated: the latest legacy credential was replaced by the proxy.
	StateTranslated State = "translated"
)

// What makes an integration StateFailing. A repaired one leaves the state with its third good call.
const (
	FailingSample  = 10 // calls
	FailingPercent = 80
)

// Evidence is what a State is derived from. Zero times mean never.
type Evidence struct {
	Mode       integration.Mode
	Forwarded  time.Time
	Translated time.Time
	Native     time.Time
	Recent     int // of the last FailingSample calls, how many there were
	Failed     int // and how many of them failed
}

// State applies the rules given with the constants. A call exactly IdleAfter or Window old is too old. If neither kind
// of credential falls within Window, as with a Window shorter than IdleAfter, the latest call decides.
func (e Evidence) State(now time.Time, idleAfter, window time.Duration) State {
	legacy := later(e.Forwarded, e.Translated)
	last := later(legacy, e.Native)
	switch {
	case e.Mode == integration.Block:
		return StateBlocked
	case last.IsZero():
		return StateNeverSeen
	case now.Sub(last) >= idleAfter:
		return StateIdle
	case e.Recent > 0 && e.Failed*100 >= e.Recent*FailingPercent:
		return StateFailing
	}
	legacyCounts := !legacy.IsZero() && now.Sub(legacy) < window
	nativeCounts := !e.Native.IsZero() && now.Sub(e.Native) < window
	if !legacyCounts && !nativeCounts {
		legacyCounts, nativeCounts = legacy.Equal(last), !legacy.Equal(last)
	}
	switch {
	case legacyCounts && nativeCounts:
		return StateMixed
	case nativeCounts:
		return StateNative
	case e.Forwarded.After(e.Translated):
		return StateLegacy
	default:
		return StateTranslated
	}
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
