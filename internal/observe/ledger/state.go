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
	// StateIdle: no call within Window.
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
	// StateNotKnown is never derived here: it takes the place of a state that follows from calls that did not come, where
	// not all calls are known.
	StateNotKnown State = "not_known"
)

// Window is how long calls count: without one for so long an integration is StateIdle.
const Window = 14 * 24 * time.Hour

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

// State applies the rules given with the constants. A call exactly Window old is too old.
func (e Evidence) State(now time.Time) State {
	recent := func(t time.Time) bool { return !t.IsZero() && now.Sub(t) < Window }
	legacy, native := recent(e.Forwarded) || recent(e.Translated), recent(e.Native)
	switch {
	case e.Mode == integration.Block:
		return StateBlocked
	case e.Forwarded.IsZero() && e.Translated.IsZero() && e.Native.IsZero():
		return StateNeverSeen
	case !legacy && !native:
		return StateIdle
	case e.Recent > 0 && e.Failed*100 >= e.Recent*FailingPercent:
		return StateFailing
	case legacy && native:
		return StateMixed
	case native:
		return StateNative
	case e.Forwarded.After(e.Translated):
		return StateLegacy
	}
	return StateTranslated
}
