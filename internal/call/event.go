// Package call is one call as everybody sees it: where it came in, who made it, how it ended and why. It must import
// nothing of the house, and its values hold no secret, no query and no body. The proxy fills an Event in; log, metrics,
// ledger, captures and the operations listener read it.
package call

import (
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Door is the way a call came in.
type Door string

const (
	DoorForward Door = "forward" // plain absolute-form request to the forward proxy
	DoorConnect Door = "connect" // CONNECT with TLS interception
	DoorSidecar Door = "sidecar" // origin-form request to the proxy's own address
	DoorHosts   Door = "hosts"   // TLS listener that the machine's hosts file points at

	DoorForwardAuth Door = "forward_auth" // a gateway asks what becomes of a call, and sends it itself
)

// Doors lists the ways in.
func Doors() []Door { return []Door{DoorForward, DoorConnect, DoorSidecar, DoorHosts, DoorForwardAuth} }

// API is the part of DocuSign a call is for.
type API string

// The parts beside the SOAP services, whose names stand in internal/services.
const (
	APIRest2         API = "rest_v2"
	APIRest21        API = "rest_v2.1"
	APIRestOther     API = "rest_other"
	APILegacyOAuth   API = "legacy_oauth"
	APIAccountServer API = "account_server"
	APIOther         API = "other"
)

// APIs lists the parts beside the SOAP services.
func APIs() []API {
	return []API{APIRest2, APIRest21, APIRestOther, APILegacyOAuth, APIAccountServer, APIOther}
}

// SOAP reports whether the API speaks SOAP.
func (a API) SOAP() bool { return strings.HasPrefix(string(a), "soap_") }

// Outcome is how a call ended.
type Outcome string

const (
	OutcomeOK          Outcome = "ok"             // answered below 400, by DocuSign or on its behalf
	OutcomeClientError Outcome = "client_error"   // DocuSign answered 4xx, or a SOAP fault that is about the call
	OutcomeServerError Outcome = "upstream_error" // DocuSign answered 5xx
	OutcomeRefused     Outcome = "refused"        // the proxy refused the credential or the call
	OutcomeToken       Outcome = "token_error"    // no token could be had
	OutcomeUnreachable Outcome = "unreachable"    // DocuSign could not be reached or did not answer
	OutcomeAborted     Outcome = "aborted"        // the program hung up
	OutcomeInternal    Outcome = "internal_error" // a fault in the proxy
	OutcomeHandedOver  Outcome = "handed_over"    // a gateway got token and site, and sends the call itself
)

// Good reports whether a call ended well as far as is known: what a gateway sends is not seen again.
func (o Outcome) Good() bool { return o == OutcomeOK || o == OutcomeHandedOver }

// Outcomes lists the ways a call ends.
func Outcomes() []Outcome {
	return []Outcome{
		OutcomeOK, OutcomeClientError, OutcomeServerError, OutcomeRefused, OutcomeToken, OutcomeUnreachable, OutcomeAborted,
		OutcomeInternal, OutcomeHandedOver,
	}
}

// OutcomeOf is that of an answer with a status; 0 = there was none.
func OutcomeOf(status int) Outcome {
	switch {
	case status == 0:
		return OutcomeAborted
	case status < 400:
		return OutcomeOK
	case status < 500:
		return OutcomeClientError
	}
	return OutcomeServerError
}

// UnknownIntegration names the calls that belong to no integration of the configuration.
const UnknownIntegration = "unknown"

// Event is everything that is recorded about one call. It holds no secret, no query and no body.
type Event struct {
	Time          time.Time
	RequestID     string
	Door          Door
	API           API
	Operation     string // SOAP operation; "" for REST
	Method        string
	Path          string
	Client        netip.Addr
	UserAgent     string
	Integration   string // name from the configuration, or "unknown"
	Key           string // integrator key as presented; "" when there was none
	Authenticator string
	Principal     string
	UnknownUser   bool // the integration is known, this user is not
	Scheme        string
	AppPassword   bool   // an App Password goes upstream instead of a token
	Mode          string // translate, observe, block or pass
	Account       string // as in the path
	Site          string // host the call went to
	Status        int
	Outcome       Outcome
	Cause         string // bounded word; "" when the call went well
	Detail        string // what really happened, for the operator
	NextStep      string // what the operator does about it
	TraceToken    string // X-DocuSign-TraceToken of the answer
	Total         time.Duration
	Translate     time.Duration // spent on credential, token and site
	Upstream      time.Duration // until DocuSign's answer began
	BytesIn       int64
	BytesOut      int64
	Replayed      string // why the call was sent a second time; "" when it was not
	Rewritten     int    // base URLs rewritten in the answer
	Conflict      bool   // several credentials were present
	Rehearsal     string // observe: "would_work" or the cause why not
	TLSVersion    uint16 // of the caller's connection; 0 = none
	Limits        RateLimits
	SOAPCall
}

// SOAPCall is what is recorded of a SOAP call beside the rest.
type SOAPCall struct {
	// Class says how well REST carries the operation out, one of SOAPClasses; "" for REST and for an operation that is
	// not known. It is there also where the call went to DocuSign as SOAP.
	Class     string
	OverREST  bool     // it was carried out over REST
	RESTCalls int      // that it took
	Envelope  string   // GUID of the envelope that it was about, where only one was
	Journal   string   // what became of a creation, one of Creations; "" = none was asked for
	Dropped   []string // elements left out as decoration, by their paths
	Cached    bool     // the answer came from memory
}

// SOAPClasses lists how well an operation is carried out over REST.
func SOAPClasses() []string { return []string{"whole", "approximate", "impossible"} }

// JournalStates lists what the journal knows of a creation.
func JournalStates() []string {
	return []string{"intended", "done", "refused", "not_created", "unknown"}
}

// Creations lists what becomes of a creation over REST.
func Creations() []string { return append(JournalStates(), "repeated") }

// OnBehalf reports whether the authenticator acted for somebody else.
func (e *Event) OnBehalf() bool { return e.Principal != "" && e.Principal != e.Authenticator }

// RateLimits are DocuSign's own figures in the answer (PROTOCOL.md §12); -1 = not told.
type RateLimits struct {
	HourlyLimit, HourlyRemaining, BurstLimit, BurstRemaining int64
	Reset                                                    int64 // Unix seconds
}

// Recorder is told of every call when it is over, after the answer. It must never wait for a disk, a reader or the
// network, and must keep no reference to the event.
type Recorder interface{ Record(*Event) }

// Recorders are all who are told.
type Recorders []Recorder

// Tell calls tell for those of the recorders that are an R as well: they want to know of more than calls.
func Tell[R any](rs Recorders, tell func(R)) {
	for _, r := range rs {
		if more, ok := r.(R); ok {
			tell(more)
		}
	}
}

// Read takes the figures that an answer tells.
func (l *RateLimits) Read(h http.Header) {
	for _, limit := range [...]struct {
		name string
		to   *int64
	}{
		{"X-Ratelimit-Limit", &l.HourlyLimit}, {"X-Ratelimit-Remaining", &l.HourlyRemaining}, {"X-Ratelimit-Reset", &l.Reset},
		{"X-Burstlimit-Limit", &l.BurstLimit}, {"X-Burstlimit-Remaining", &l.BurstRemaining},
	} {
		if v := h[limit.name]; len(v) > 0 {
			if n, err := strconv.ParseInt(v[0], 10, 64); err == nil && n >= 0 {
				*limit.to = n
			}
		}
	}
}

// Told reports whether DocuSign told a limit.
func (l *RateLimits) Told() bool { return l.HourlyLimit > 0 || l.BurstLimit > 0 }

// Where a panic was caught: labels of the metric that counts them.
const (
	PanicCall       = "call"       // of a program
	PanicConnect    = "connect"    // a CONNECT, a connection that is being sorted, a handshake
	PanicProof      = "proof"      // the check of a password
	PanicRehearsal  = "rehearsal"  // of an observed call
	PanicRecord     = "record"     // of a call, in log, ledger, metrics or capture: it is lost
	PanicBackground = "background" // reload, store, ledger, log-ins
	PanicOperations = "operations" // the operations listener
)

// PanicPlaces lists where panics are caught.
func PanicPlaces() []string {
	return []string{PanicCall, PanicConnect, PanicProof, PanicRehearsal, PanicRecord, PanicBackground, PanicOperations}
}

// NotTold are the limits of an answer that tells none.
func NotTold() RateLimits {
	return RateLimits{HourlyLimit: -1, HourlyRemaining: -1, BurstLimit: -1, BurstRemaining: -1, Reset: -1}
}
