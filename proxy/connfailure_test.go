package proxy

import (
	"docusign-auth-proxy/internal/call"
	"net/netip"
	"testing"
	"time"
)

func TestOldConnectionFailuresMakePlaceForNewOnes(t *testing.T) {
	program := netip.MustParseAddr("127.0.0.1")
	for after, known := range map[time.Duration]bool{time.Minute: false, connFailureKept + time.Second: true} {
		var failures connFailures
		address := netip.MustParseAddr("192.0.2.0")
		for range maxConnFailures {
			address = address.Next()
			failures.note(call.ConnFailure{Client: address, Cause: connCutHead, Last: time.Unix(0, 0)})
		}
		failures.note(call.ConnFailure{Client: program, Cause: connNotTrusted, Last: time.Unix(0, 0).Add(after)})
		if row := failures.rows[connFailureKey{program, connNotTrusted}]; (row != nil) != known {
			t.Errorf("after %s: %+v", after, row)
		}
	}
}
