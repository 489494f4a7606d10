package app

import (
	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/observe/ledger"
	"docusign-auth-proxy/translate/legacy"
)

// ledgerRecorder enters every call into the ledger.
type ledgerRecorder struct{ ledger *ledger.Ledger }

// Record implements call.Recorder.
func (r ledgerRecorder) Record(e *call.Event) {
	if e.Method == "CONNECT" {
		return // a refused tunnel is no call of an integration
	}
	if e.Scheme == legacy.None.String() && e.Outcome == call.OutcomeOK && e.Integration == ledger.Unknown {
		return // a WSDL, service_information, the hint at the root: they need no credential and belong to nobody
	}
	row := ledger.Event{
		Time: e.Time, Integration: e.Integration, Key: e.Key, Authenticator: e.Authenticator, Principal: e.Principal, UnknownUser: e.UnknownUser,
		Scheme: e.Scheme, Door: string(e.Door), API: string(e.API), Way: wayOf(e), Outcome: string(e.Outcome), Status: e.Status,
		Client: e.Client.String(), UserAgent: e.UserAgent, BytesIn: e.BytesIn, BytesOut: e.BytesOut,
	}
	if e.Outcome != call.OutcomeOK {
		row.Error = plainError(e)
	}
	r.ledger.Record(&row)
}

func plainError(e *call.Event) string {
	switch {
	case e.Detail == "":
		return e.Cause
	case e.NextStep == "":
		return e.Detail
	}
	return e.Detail + " \u2192 " + e.NextStep
}

// wayOf says how the credential went on, or would have.
func wayOf(e *call.Event) ledger.Way {
	switch {
	case e.Scheme == legacy.None.String():
		return ledger.WayNone
	case e.Scheme == legacy.OAuthBearer.String():
		return ledger.WayNative
	case e.Mode == "observe":
		return ledger.WayForwarded
	case e.AppPassword:
		return ledger.WayAppPassword
	}
	return ledger.WayTranslated
}
