package call

import (
	"net/netip"
	"time"

	"docusign-auth-proxy/internal/cause"
)

// ConnFailure tells of connections that ended before a call on them reached the pipeline: net/http refused the request
// head by itself, or the TLS handshake failed. One value stands for all of one client and cause. Its JSON is part of
// the operations listener's.
type ConnFailure struct {
	Client    netip.Addr `json:"client"`           // invalid = further clients, while maxConnFailures rows are kept
	Door      Door       `json:"door"`             // of the listener; plain forward calls count as sidecar here
	Target    string     `json:"target,omitempty"` // host of the CONNECT or of the server name; "" = none was named
	Cause     string     `json:"cause"`            // one of ConnCauses
	Detail    string     `json:"detail"`
	NextStep  string     `json:"next_step"`
	Count     uint64     `json:"count"`
	First     time.Time  `json:"first,omitzero"`
	Last      time.Time  `json:"last,omitzero"`
	Called    bool       `json:"called"` // other calls of the client came through TLS
	RequestID string     `json:"-"`      // of the last one, as in the log
	Status    int        `json:"-"`      // what net/http answered; 0 = nothing
}

// ConnCauses lists the causes of a ConnFailure.
func ConnCauses() []string {
	var words []string
	for _, id := range []cause.ID{
		cause.UnreadableRequest, cause.HeadTooLarge, cause.UnsupportedCoding, cause.HeadUnfinished, cause.ProxyHeaderMissing,
		cause.NoCA,
		cause.TLSSSLv2, cause.TLSNotTrusted, cause.TLSHungUp, cause.TLSNoCall, cause.TLSVersion, cause.TLSName,
		cause.TLSHandshake, cause.TooManyConnections, cause.ConnectionDisplaced,
	} {
		words = append(words, id.String())
	}
	return words
}
