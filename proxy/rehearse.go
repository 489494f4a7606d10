package proxy

import (
	"context"
	"slices"
	"time"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/internal/panics"
	"docusign-auth-proxy/translate/soaprest"
)

// maxRehearsals is how many observed calls are rehearsed at a time; above it some are not, which loses nothing but a
// sample.
const maxRehearsals = 64

// rehearse finds out beside the observed call whether translating it would have worked. The outcome is recorded with
// the call when it is known in time, else by its own log line.
func rehearse(c *incoming) {
	d, tr, s := c.decision, c.state.Translator, c.server
	if d == nil || d.Integration == nil {
		return
	}
	select {
	case s.rehearsals <- struct{}{}:
	default:
		return
	}
	impossible := notOverREST(c)
	e := call.Event{
		Time: c.start, RequestID: c.event.RequestID, Integration: d.IntegrationName(), Scheme: d.Scheme.String(),
		Door: c.event.Door, API: c.event.API, Operation: c.event.Operation,
	}
	_, e.Authenticator, e.Principal = d.Shown()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.r.Context()), time.Minute)
	st := c.state
	values := func() []string { return s.values(d, st, &e) }
	st.calls.Add(1) // this call has begun with it, so somebody uses it
	go func() {
		defer st.end()
		defer func() { <-s.rehearsals }()
		defer cancel()
		s.rehearsal(&e, values, func() error {
			if err := tr.Rehearse(ctx, d); err != nil {
				return err
			}
			return impossible
		})
	}()
}

// notOverREST says why an observed operation would be refused where SOAP is to go over REST; nil = it would not.
func notOverREST(c *incoming) error {
	if c.soap == nil || c.route.Service == nil || c.decision.Integration.SOAP != integration.OverREST {
		return nil
	}
	class, reason := soaprest.Classify(c.route.Service, c.event.Operation)
	if class != soaprest.Impossible {
		return nil
	}
	return &call.Error{
		Kind: call.KindNotOverREST, Detail: c.event.Operation + " is not carried out over REST: " + reason,
	}
}

// rehearsal reports what came of a rehearsal.
func (s *Server) rehearsal(e *call.Event, values func() []string, f func() error) {
	e.Rehearsal = "would_work"
	if err := panics.Try(f); err != nil {
		e.Rehearsal = call.CauseOf(err)
		why, fill := call.ErrorOf(err).Row()
		if p := panics.In(err); p != nil {
			why, e.Rehearsal = cause.Panic, cause.Panic.String()
			s.panicked(call.PanicRehearsal, p, "request_id", e.RequestID)
		}
		e.NextStep = why.Next(slices.Concat(values(), fill)...)
		s.cfg.Log.Warn("rehearsal",
			"request_id", e.RequestID, "integration", e.Integration, "result", e.Rehearsal, "error", err,
			"next_step", e.NextStep)
	}
	call.Tell(s.cfg.Recorders, func(r interface{ RecordRehearsal(*call.Event) }) { r.RecordRehearsal(e) })
}
