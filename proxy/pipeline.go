package proxy

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/integration"
	"docusign-auth-proxy/internal/panics"
	"docusign-auth-proxy/internal/shown"
	"docusign-auth-proxy/proxy/conn"
	"docusign-auth-proxy/proxy/egress"
	"docusign-auth-proxy/proxy/forwardauth"
	"docusign-auth-proxy/proxy/route"
	"docusign-auth-proxy/translate"
	"docusign-auth-proxy/translate/reply"
	"docusign-auth-proxy/translate/soap"
	"docusign-auth-proxy/translate/soaprest"
	"docusign-auth-proxy/translate/soaprest/redirect"
)

// exchange is one call and its answer: the one place that writes to the caller and records.
type exchange struct {
	incoming
	w       conn.Writer
	badPath error    // why the path is refused
	leave   func()   // gives back the client's place that the call has taken
	out     *forward // nil before the call goes to DocuSign
	tap     call.Tap // nil when nothing listens
}

type exchangeKey struct{}

// ServeHTTP is the one pipeline behind all doors: host binding, recognise, authenticate, decide, token and site,
// rewrite, send, record.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r, b, faulty := s.bind(w, r)
	if b.Door == call.DoorForwardAuth && b.Conn != nil && r.Method != http.MethodConnect {
		serveQuestion(s, w, r, b)
		return
	}
	if r.Method == http.MethodConnect {
		if p := panics.Caught(func() { s.serveConnect(w, r, b, faulty) }); p != nil {
			s.panicked(call.PanicConnect, p, "client", b.Client.String())
			panic(http.ErrAbortHandler) // how far it had got is not known
		}
		return
	}
	st := s.begin()
	defer st.end()
	s.active.Add(1)
	defer s.active.Add(-1)
	x := s.newExchange(w, r, b, st)
	defer func() {
		x.event.BytesIn = x.caller.Count()
		defer x.leave()
		defer x.caller.End()
		x.end(recover())
		x.drainBody()
	}()
	n, err := x.serve(faulty)
	x.deliver(n, err)
}

func (s *Server) newExchange(w http.ResponseWriter, r *http.Request, b *conn.Binding, st *State) *exchange {
	x := &exchange{
		incoming: incoming{server: s, state: st, binding: b, start: time.Now(), askedFor: r.URL}, leave: func() {},
	}
	route.EscapeByByte(r.URL)
	if clean, err := route.Clean(r.URL); err == nil {
		r.URL = clean
	} else {
		x.badPath = err
	}
	// On a copy: net/http looks at its own request's Body to tell a caller that still waits for 100 Continue.
	x.r = r.WithContext(context.WithValue(r.Context(), exchangeKey{}, x))
	x.caller = conn.NewBody(w, r, min(s.cfg.HeaderTimeout, s.cfg.BodyTimeout))
	x.r.Body = x.caller
	x.w = conn.Writer{ResponseWriter: w, Body: x.caller, HTTP10: !r.ProtoAtLeast(1, 1)}
	x.event = call.Event{
		Time: x.start, RequestID: s.ids.Next(), Door: b.Door, Method: shown.Method(r.Method), Path: shown.Path(r.URL.Path),
		Client: b.Client.Addr(), UserAgent: shown.Text(r.UserAgent()), Limits: call.NotTold(),
	}
	if r.TLS != nil {
		x.event.TLSVersion = r.TLS.Version
	}
	if isReturn(r.URL.Path) {
		x.event.Path = redirect.Path
	} else if s.cfg.Tap != nil {
		x.tapInto(s.cfg.Tap(r), r)
	}
	if b.Door == call.DoorForwardAuth {
		if q, ok := r.Context().Value(questionKey{}).(*forwardauth.Question); ok {
			own := *x.state // the gateway sends the call instead of this proxy
			own.Upstream, q.RequestID = q, x.event.RequestID
			x.state = &own
		}
	}
	return x
}

// serve finds out what kind of call it is and lets it say what comes of it.
func (x *exchange) serve(faulty error) (next, error) {
	if faulty != nil {
		x.route = route.Classify(x.r.Method, x.r.URL.Path, x.r.URL.RawQuery) // for the dialect
		return next{}, faulty
	}
	var ok bool
	if x.leave, ok = x.server.front.TakePlace(x.r, x.binding); !ok {
		const many = cause.TooManyConnections
		return next{}, &call.Error{Kind: call.KindOverloaded, Cause: many, Detail: many.String()}
	}
	target, n, err := doorOf(x.binding.Door).bind(&x.incoming)
	if err != nil || n != (next{}) {
		return n, err
	}
	x.route = route.Classify(x.r.Method, x.r.URL.Path, x.r.URL.RawQuery)
	x.site = translate.Site{Base: x.state.DefaultSite}
	if !target.IsZero() {
		x.site.Base = target.Origin()
		if x.isAccountServer(target, x.r.URL.Path) {
			x.route = route.Route{API: call.APIAccountServer}
		}
	}
	x.event.API, x.event.Account = x.route.API, shown.Account(x.route.Account)
	if x.badPath != nil {
		return next{}, &call.Error{Kind: call.KindBadPath, Detail: "request target", Err: x.badPath}
	}
	if target.IsZero() && isReturn(x.r.URL.Path) {
		return serveReturn(&x.incoming)
	}
	if target.IsZero() && isOwnPage(x.r) {
		return serveOwn(&x.incoming)
	}
	act := x.r.Header[headerActAs]
	if len(act) > 1 && slices.ContainsFunc(act, func(s string) bool { return s != act[0] }) {
		return next{}, &call.Error{Kind: call.KindUnreadable, Detail: "two different X-DocuSign-Act-As-User headers"}
	}
	return x.kind()(&x.incoming)
}

// kind chooses the kind of call by its route. What is not on the list of open calls needs a credential (PROTOCOL.md
// §16).
func (x *exchange) kind() handler {
	switch {
	case x.route.API == call.APIAccountServer:
		return passAccountServer
	case x.route.Local == route.FormBinding:
		return refuseFormBinding
	case isPreflight(x.r):
		return passPreflight
	case x.route.Local == route.WSDL && x.state.OwnWSDL:
		return serveWSDL
	case x.route.Local == route.WSDL:
		return passWSDL
	case x.route.Open:
		return passOpen
	case x.route.Local == route.Help:
		return refuseHelp
	case x.route.Local == route.UnknownService || x.route.API.SOAP():
		return serveSOAP
	case x.route.Local == route.Token:
		return serveToken
	case x.route.Local == route.Revoke:
		return serveRevoke
	case x.route.Local == route.Password:
		return servePassword
	}
	return serveREST
}

// isAccountServer tells DocuSign's account server from its sites: there is no legacy credential to translate there. A
// custom one may share its host with a site, so the path counts too.
func (x *exchange) isAccountServer(h egress.Host, path string) bool {
	if h.Name() == "account.docusign.com" || h.Name() == "account-d.docusign.com" {
		return true
	}
	_, ok := route.CutPrefixFold(path, "/oauth/")
	return ok && h.Authority() == x.state.AccountServer
}

// deliver writes what came of the call to the caller.
func (x *exchange) deliver(n next, err error) {
	if err == nil && n.forward != nil {
		err = x.send(n.forward)
	}
	if err == nil && n.stream != nil {
		err = x.write(n.stream)
	}
	switch {
	case err != nil:
		x.refuse(err)
	case n.answer != nil:
		n.answer.WriteTo(&x.w, x.r)
	}
}

// send forwards the call and copies DocuSign's answer.
func (x *exchange) send(f *forward) error {
	if err := f.prepare(); err != nil {
		return err
	}
	if x.event.Mode == "observe" {
		rehearse(&x.incoming)
	}
	x.out = f
	x.server.upstream.ServeHTTP(&x.w, x.r)
	return f.failed
}

// refuse answers a call in the caller's dialect and notes the true cause for the operator.
func (x *exchange) refuse(err error) {
	if x.w.Status != 0 {
		return // an answer is already on its way; nothing more can be said
	}
	if x.r.Context().Err() != nil && !x.caller.Slow() { // net/http ends the context of a body that it cannot read
		detail := "the program hung up before it was answered"
		if x.out != nil {
			detail = "the program hung up while DocuSign was working on the call"
		}
		x.refused(call.OutcomeAborted, cause.ClientGone, detail)
		return
	}
	var unread *soap.Error
	if errors.As(err, &unread) && x.soap != nil {
		err = x.soap.refusal(unread)
	}
	f := reply.FailureOf(err)
	why, fill := call.ErrorOf(err).Row()
	if p := panics.In(err); p != nil { // in a goroutine that this call waited for
		why, f.Cause = cause.Panic, cause.Panic.String()
		x.server.panicked(call.PanicCall, p, "request_id", x.event.RequestID)
	}
	x.refused(f.Kind.Outcome(), why, err.Error(), fill...)
	x.event.Cause = f.Cause // a step that failed has the word of what was asked for
	op := x.soap.operation()
	x.replier().RefuseOperation(op.Namespace, op.Local, f).WriteTo(&x.w, x.r)
}

// end records the call, also when its handler panicked. http.ErrAbortHandler goes on to net/http, which drops the
// connection: a cut answer must look cut to the caller.
func (x *exchange) end(p any) {
	if p != nil && p != http.ErrAbortHandler {
		x.server.panicked(call.PanicCall, panics.Of(p), "request_id", x.event.RequestID)
		x.refused(call.OutcomeInternal, cause.Panic, "the proxy failed; the stack is in the log")
		if x.w.Status == 0 {
			x.event.Status = http.StatusInternalServerError
			http.Error(&x.w, "internal error", http.StatusInternalServerError)
			p = nil
		} else {
			p = http.ErrAbortHandler
		}
	}
	if p == http.ErrAbortHandler && x.event.Outcome == "" {
		x.refused(call.OutcomeAborted, cause.CutOff, "the connection broke while the answer was on its way")
	}
	if p == nil {
		x.w.SendWhole()
	}
	x.finish()
	if p != nil {
		panic(p)
	}
}

// finish fills in the event and records it.
func (x *exchange) finish() {
	e := &x.event
	e.Total = time.Since(x.start)
	if e.Status == 0 {
		e.Status = x.w.Status
	}
	e.BytesOut = x.w.Bytes
	describe(&x.incoming)
	if e.Outcome == "" {
		e.Outcome = call.OutcomeOf(e.Status)
	}
	if e.Cause != "" {
		e.NextStep = x.nextStep()
	}
	if x.tap != nil {
		x.server.observed(e, func() { x.tap.Done(e, x.carried()) })
	}
	x.server.tellConflict(e)
	x.server.record(e)
}

func describe(c *incoming) {
	e, d := &c.event, c.decision
	if c.route.Service != nil && c.route.Service.Has(e.Operation) {
		class, _ := soaprest.Classify(c.route.Service, e.Operation)
		e.Class = string(class)
	}
	if c.rest != nil {
		c.rest.describe(e)
	}
	e.Integration = d.IntegrationName()
	if d == nil {
		e.Scheme = "none"
		return
	}
	e.Key, e.Authenticator, e.Principal = d.Shown()
	e.Scheme, e.Conflict = d.Scheme.String(), d.Conflict
	e.UnknownUser = d.Integration != nil && d.Scheme.Legacy() && !d.Listed()
	if d.Integration == nil {
		return
	}
	if e.Mode == "" {
		e.Mode = string(d.Integration.Mode)
	}
	e.AppPassword = e.API.SOAP() && d.Integration.SOAP == integration.AppPassword
}

// tellConflict warns once for each integration: its program sends several credentials on every call (PROTOCOL.md
// §4.3). The metric counts them all.
func (s *Server) tellConflict(e *call.Event) {
	if !e.Conflict {
		return
	}
	if _, told := s.conflicts.LoadOrStore(e.Integration, struct{}{}); !told {
		s.cfg.Log.Warn("several credentials in one call; told once for this integration",
			"integration", e.Integration, "api", e.API, "request_id", e.RequestID, "scheme", e.Scheme,
			"next_step", cause.SeveralCredentials.Next())
	}
}

// drainBody lets the program send the rest of its request.
func (x *exchange) drainBody() {
	switch {
	case !x.caller.Remains():
	case x.w.Status == 0:
		x.w.Header().Set("Connection", "close") // net/http answers now, for nobody
	default:
		x.caller.Finish(x.server.front.Running(), x.server.cfg.DrainBody, x.r.Header.Get("Expect") != "")
	}
}
