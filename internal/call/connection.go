package call

import (
	"net/netip"
	"time"
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
	RequestID string     `json:"-"` // of the last one, as in the log
	Status    int        `json:"-"` // what net/http answered; 0 = nothing
}

// Causes of a ConnFailure.
const (
	ConnBadHead    = "unreadable_request"
	ConnLargeHead  = "head_too_large"
	ConnBadCoding  = "unsupported_coding"
	ConnCutHead    = "head_unfinished"
	ConnNoCA       = "no_ca"
	ConnSSL2       = "tls_sslv2"
	ConnNotTrusted = "tls_not_trusted"
	ConnHungUp     = "tls_hung_up"
	ConnNoCall     = "tls_no_call"
	ConnOldTLS     = "tls_version"
	ConnName       = "tls_name"
	ConnHandshake  = "tls_handshake"
	ConnTooMany    = "too_many_connections"
	ConnDisplaced  = "connection_displaced"
)

// ConnCauses lists the causes of a ConnFailure.
func ConnCauses() []string {
	return []string{
		ConnBadHead, ConnLargeHead, ConnBadCoding, ConnCutHead, ConnNoCA, ConnSSL2, ConnNotTrusted, ConnHungUp, ConnNoCall,
		ConnOldTLS, ConnName, ConnHandshake, ConnTooMany, ConnDisplaced,
	}
}
