package conn

import (
	"net/netip"
	"testing"
	"time"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/cause"
)

func TestOldConnectionFailuresMakePlaceForNewOnes(t *testing.T) {
	program := netip.MustParseAddr("127.0.0.1")
	for after, known := range map[time.Duration]bool{time.Minute: false, failureKept + time.Second: true} {
		var list failures
		address := netip.MustParseAddr("192.0.2.0")
		for range maxFailures {
			address = address.Next()
			list.note(call.ConnFailure{Client: address, Cause: cause.HeadUnfinished.String(), Last: time.Unix(0, 0)})
		}
		list.note(call.ConnFailure{Client: program, Cause: cause.TLSNotTrusted.String(), Last: time.Unix(0, 0).Add(after)})
		if row := list.rows[failureKey{program, cause.TLSNotTrusted.String()}]; (row != nil) != known {
			t.Errorf("after %s: %+v", after, row)
		}
	}
}
