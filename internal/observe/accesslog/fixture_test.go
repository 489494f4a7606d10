package accesslog_test

import (
	"net/http"
	"net/netip"
	"time"

	"docusign-auth-proxy/internal/call"
)

const (
	nightlyKey = "230546a7-9c55-40ad-8fbf-af205d5494ad"
	envelope   = "/restapi/v2/accounts/1234567/envelopes/93be49ab-0000-4000-8000-000000000001"
)

var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

// goodCall is a translated call that went well.
func goodCall() call.Event {
	return call.Event{
		Time: noon, RequestID: "0badcafe-1", Door: call.DoorConnect, API: call.APIRest2, Method: http.MethodGet,
		Path:   envelope,
		Client: netip.MustParseAddr("127.0.0.1"), UserAgent: "Example/1.0", Integration: "nightly", Key: nightlyKey,
		Authenticator: "anna@example.com", Principal: "anna@example.com", Scheme: "header_json", Mode: "translate",
		Account: "1234567",
		Site:    "demo.docusign.net", Status: 200, Outcome: call.OutcomeOK, Total: 120 * time.Millisecond,
		Translate: 40 * time.Microsecond,
		Upstream:  110 * time.Millisecond, BytesIn: 10, BytesOut: 2048, TLSVersion: 0x0301, Limits: call.NotTold(),
	}
}

// hostileEvent carries the canary in every text that a caller could reach, and beyond.
func hostileEvent(canary string) call.Event {
	e := goodCall()
	e.RequestID, e.Operation, e.Path, e.UserAgent, e.Integration, e.Key = canary, canary, "/"+canary, canary, canary,
		canary
	e.Door, e.API, e.Outcome = call.Door(canary), call.API(canary), call.Outcome(canary)
	e.Authenticator, e.Principal, e.Scheme, e.Mode, e.Account, e.Site = canary, canary+"x", canary, canary, canary, canary
	e.Cause, e.Detail, e.NextStep, e.TraceToken, e.Replayed, e.Rehearsal = canary, canary, canary, canary, canary, canary
	e.Status, e.TLSVersion, e.Conflict, e.Rewritten = -7, 0xffff, true, 1
	return e
}
