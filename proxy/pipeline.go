package proxy

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/panics"
	"docusign-auth-proxy/internal/shown"
	"docusign-auth-proxy/proxy/egress"
	"docusign-auth-proxy/translate"
	"docusign-auth-proxy/translate/legacy"
	"docusign-auth-proxy/translate/reply"
)

// Names of the headers that carry legacy credentials, in canonical form.
const (
	headerLegacy = "X-Docusign-Authentication"
	headerActAs  = "X-Docusign-Act-As-User"
)

// ServeHTTP is the one pipeline behind all doors: host binding, recognise, authenticate, decide, token and site, rewrite, send, record.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b, _ := r.Context().Value(bindingKey{}).(*binding)
	if b == nil {
		b = &binding{door: call.DoorSidecar}
	}
	faulty := ""
	if b.conn != nil {
		var closes bool
		if faulty, closes = b.conn.handlerCalled(r); closes {
			w.Header().Set("Connection", "close")
		}
	}
	if r.Method == http.MethodConnect {
		if p := panics.In(safely(func() error { s.connectDoor(w, r, b, s.state.Load()); return nil })); p != nil {
			s.panicked(call.PanicConnect, p, "client", r.RemoteAddr)
			panic(http.ErrAbortHandler) // how far it had got is not known
		}
		return
	}
	st := s.begin()
	defer st.end()
	escapeByByte(r.URL)
	s.active.Add(1)
	defer s.active.Add(-1)
	x := s.newExchange(w, r, b, st)
	defer func(r *http.Request) {
		x.event.BytesIn = x.caller.n.Load()
		defer x.stream.leave()
		defer x.caller.end()
		x.end(recover())
		x.drainBody(r)
	}(r)
	// On a copy: net/http looks at its own request's Body to tell a caller that still waits for 100 Continue.
	r = r.WithContext(context.WithValue(r.Context(), exchangeKey{}, x))
	r.Body = x.caller
	if faulty != "" {
		x.refuse(r, &call.Error{Kind: call.KindBadRequest, Detail: faulty, NextStep: connNextSteps[call.ConnBadCoding]})
		return
	}
	x.serve(r)
}

func (s *Server) newExchange(w http.ResponseWriter, r *http.Request, b *binding, st *State) *exchange {
	x := &exchange{server: s, state: st, binding: b, start: s.cfg.Now(), askedFor: r.URL}
	clean, err := cleanURL(r.URL)
	if x.badPath = err; err == nil {
		r.URL = clean
	}
	x.event = call.Event{
		Time: x.start, RequestID: s.ids.next(), Door: b.door, Method: shown.Method(r.Method), Path: shown.Path(r.URL.Path),
		Client: b.client.Addr(), UserAgent: shown.Text(r.UserAgent()), Limits: call.NotTold(),
	}
	if r.TLS != nil {
		x.event.TLSVersion = r.TLS.Version
	}
	x.caller = newCallerBody(w, r, min(s.cfg.HeaderTimeout, s.cfg.BodyTimeout))
	x.w = countingWriter{ResponseWriter: w, body: x.caller, http10: !r.ProtoAtLeast(1, 1)}
	if s.cfg.Tap != nil {
		x.tapInto(s.cfg.Tap(r), r)
	}
	return x
}

// end records the call, also when its handler panicked. http.ErrAbortHandler goes on to net/http, which drops the connection:
// a cut answer must look cut to the caller.
func (x *exchange) end(p any) {
	if p != nil && p != http.ErrAbortHandler {
		x.server.panicked(call.PanicCall, panics.Of(p), "request_id", x.event.RequestID)
		x.refused(call.OutcomeInternal, "panic", "the proxy failed; the stack is in the log", "report this log line")
		if x.w.status == 0 {
			x.event.Status = http.StatusInternalServerError
			http.Error(&x.w, "internal error", http.StatusInternalServerError)
			p = nil
		} else {
			p = http.ErrAbortHandler
		}
	}
	if p == http.ErrAbortHandler && x.event.Outcome == "" {
		x.refused(call.OutcomeAborted, "cut_off", "the connection broke while the answer was on its way", "")
	}
	if p == nil {
		x.w.sendWhole()
	}
	x.finish()
	if p != nil {
		panic(p)
	}
}

func (s *Server) connectDoor(w http.ResponseWriter, r *http.Request, b *binding, st *State) {
	if b.door != call.DoorSidecar {
		detail := "CONNECT inside a tunnel"
		if b.door == call.DoorHosts {
			detail = "the hosts-file listener takes no CONNECT: set the program's proxy to the address of listen.proxy"
		}
		s.recordRefusedConnect(r, http.StatusMethodNotAllowed, "bad_target", detail, "")
		w.Header().Set("Allow", "GET, HEAD, POST, PUT, DELETE, OPTIONS") // RFC 9110 §15.5.6
		http.Error(w, "docusign-auth-proxy: "+detail, http.StatusMethodNotAllowed)
		return
	}
	if admitted := st.Clients.Admit(r.Context(), b.client, r.Header.Get("Proxy-Authorization")); !admitted.OK() {
		s.recordRefusedConnect(r, admitted.Status, admitted.Reason, admitted.Detail, "")
		writeNotAdmitted(w, r, admitted)
		return
	}
	s.serveConnect(w, r)
}

func writeNotAdmitted(w http.ResponseWriter, r *http.Request, a egress.Admission) {
	if a.Status == http.StatusProxyAuthRequired {
		w.Header().Set("Proxy-Authenticate", a.Challenge)
	}
	if a.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(a.RetryAfter.Seconds())))
	}
	reply.Caller{}.Text(a.Status, "docusign-auth-proxy: "+a.Detail).WriteTo(w, r)
}

// takeStream gives a call over HTTP/2 a place of its own among the connections, since one connection carries many. It answers the
// call itself, and returns false, when there is none.
func (x *exchange) takeStream(r *http.Request) bool {
	if r.ProtoMajor != 2 || x.binding.conn == nil || x.binding.conn.place == nil {
		return true
	}
	taken, displaced := x.binding.conn.place.of.take(x.binding.client.Addr(), nil)
	x.server.displace(displaced)
	if taken == nil {
		x.refuse(r, &call.Error{Kind: call.KindOverloaded, Detail: call.ConnTooMany, NextStep: nextTooMany})
		return false
	}
	x.stream = taken
	return true
}

func (x *exchange) serve(r *http.Request) {
	if !x.takeStream(r) {
		return
	}
	target, ok := x.bind(r)
	if !ok {
		return
	}
	x.route = classify(r.Method, r.URL.Path, r.URL.RawQuery)
	if !target.IsZero() && x.isAccountServer(target, r.URL.Path) {
		x.route = route{api: call.APIAccountServer}
	}
	x.event.API, x.event.Account = x.route.api, shown.Account(x.route.account)
	if !target.IsZero() {
		x.site = translate.Site{Base: httpsOrigin(target)}
	} else {
		x.site = translate.Site{Base: x.state.DefaultSite}
	}
	if x.badPath != nil {
		x.refuse(r, &call.Error{Kind: call.KindBadPath, Detail: "request target", Err: x.badPath})
		return
	}
	if target.IsZero() && x.serveOwn(r) {
		return
	}
	if act := r.Header[headerActAs]; len(act) > 1 && slices.ContainsFunc(act, func(s string) bool { return s != act[0] }) {
		x.refuse(r, &call.Error{Kind: call.KindUnreadable, Detail: "two different X-DocuSign-Act-As-User headers"})
		return
	}
	x.dispatch(r)
}

// dispatch carries out the call by its route. What is not on the list of open calls needs a credential (PROTOCOL.md §16).
func (x *exchange) dispatch(r *http.Request) {
	switch {
	case x.route.api == call.APIAccountServer:
		x.passAccountServer(r)
	case x.route.local == localFormBinding:
		x.refuse(r, &call.Error{
			Kind:     call.KindFormBinding,
			Detail:   "form binding, x.asmx/Operation, has the password in the query or the form",
			NextStep: "let the program send a SOAP envelope to the service's own address",
		})
	case isPreflight(r):
		x.passPreflight(r)
	case x.route.local == localWSDL:
		x.passWSDL(r)
	case x.route.open:
		x.passOpen(r)
	case x.route.local == localHelp:
		x.refuse(r, &call.Error{Kind: call.KindNotFound, Detail: "a SOAP service takes POST, and GET with ?WSDL"})
	case x.route.local == localUnknownService || x.route.api.SOAP():
		x.serveSOAP(r)
	case x.route.local == localToken:
		x.legacyToken(r)
	case x.route.local == localRevoke:
		x.legacyRevoke(r)
	default:
		x.serveREST(r)
	}
}

// isPreflight knows the call with which a browser asks leave before the call proper (Fetch standard, CORS-preflight request;
// PROTOCOL.md §1.4 V18).
func isPreflight(r *http.Request) bool {
	return r.Method == http.MethodOptions && r.Header.Get("Origin") != "" && r.Header.Get("Access-Control-Request-Method") != ""
}

// isAccountServer tells DocuSign's account server from its sites: there is no legacy credential to translate there. A custom one
// may share its host with a site, so the path counts too.
func (x *exchange) isAccountServer(h egress.Host, path string) bool {
	if h.Name() == "account.docusign.com" || h.Name() == "account-d.docusign.com" {
		return true
	}
	_, ok := cutPrefixFold(path, "/oauth/")
	return ok && h.Authority() == x.state.AccountServer
}

// bind finds out where the call is for. It answers the call itself, and returns false, when it may not go there.
// Only the CONNECT target, the absolute URI of a plain forward request, or the SNI of the hosts-file listener counts;
// a Host header does only where a client of that listener sends no SNI.
func (x *exchange) bind(r *http.Request) (egress.Host, bool) {
	b := x.binding
	switch {
	case b.door == call.DoorConnect || b.door == call.DoorHosts:
		return x.bindTunnel(r)
	case r.URL.IsAbs() && !x.isSelf(r.URL.Host, r.URL.Scheme):
		x.event.Door = call.DoorForward
		return x.bindForward(r)
	}
	x.event.Door = call.DoorSidecar
	ok := x.admit(r, x.state.LocalClients.AdmitAddress(x.binding.client)) && x.ofEnvironment(r, egress.Host{})
	return egress.Host{}, ok
}

// ofEnvironment refuses a call that means another environment by any of the names in it: the bound target, the SNI inside a
// tunnel, the Host header (PROTOCOL.md §7). It answers the call itself when it returns false.
func (x *exchange) ofEnvironment(r *http.Request, target egress.Host) bool {
	names := []egress.Host{target}
	h, err := egress.ParseHost(r.Host, 443)
	if err != nil { // with an odd port or several final dots the name is a name all the same
		name, _, _ := strings.Cut(r.Host, ":")
		h, err = egress.ParseHost(strings.TrimRight(name, "."), 443)
	}
	if err == nil {
		names = append(names, h)
	}
	if r.TLS != nil {
		if h, err := egress.ParseHost(r.TLS.ServerName, 443); err == nil {
			names = append(names, h)
		}
	}
	for _, h := range names {
		var wrong *egress.EnvironmentError
		if !errors.As(x.state.Policy.CheckEnvironment(h), &wrong) {
			continue
		}
		x.route = classify(r.Method, r.URL.Path, r.URL.RawQuery)
		x.event.API, x.site = x.route.api, translate.Site{Base: httpsOrigin(h)}
		x.refuse(r, &call.Error{Kind: call.KindWrongEnvironment, Detail: wrong.Error(), NextStep: wrong.NextStep()})
		return false
	}
	return true
}

func (x *exchange) admit(r *http.Request, a egress.Admission) bool {
	if a.OK() {
		return true
	}
	x.event.Status = a.Status
	next := "list the client's network under egress.clients"
	if a.Reason != egress.ReasonClientAddress {
		next = "give the program a login of egress.proxy_users"
	}
	x.refused(call.OutcomeRefused, a.Reason, a.Detail, next)
	writeNotAdmitted(&x.w, r, a)
	return false
}

func (x *exchange) bindTunnel(r *http.Request) (egress.Host, bool) {
	target := x.binding.target
	if x.binding.door == call.DoorHosts {
		if !x.admit(r, x.state.LocalClients.AdmitAddress(x.binding.client)) {
			return target, false
		}
		if r.TLS == nil {
			x.refuseHost(r, "a call to the hosts-file listener without TLS")
			return target, false
		}
		var err error
		if target, err = x.hostsTarget(r); err != nil {
			x.refuseHost(r, err.Error())
			return target, false
		}
	}
	if !x.ofEnvironment(r, target) {
		return target, false
	}
	if r.Host == "" {
		return target, true // HTTP/1.0 knows no Host; the connection says where the call goes
	}
	inner, err := egress.ParseHost(r.Host, target.Port())
	if err != nil || inner.Name() != target.Name() {
		x.refuseHost(r, "the Host header names another host than the connection was opened for")
		return target, false
	}
	return target, true
}

// hostsTarget is the host that a call to the hosts-file listener is for: the SNI, or the Host header where the client's
// TLS is too old for SNI (Java 6, .NET 3.5). The certificate that such a client accepted stands for all of DocuSign's
// names, and for no others.
func (x *exchange) hostsTarget(r *http.Request) (egress.Host, error) {
	name := r.TLS.ServerName
	if name == "" {
		name = r.Host
	}
	target, err := egress.ParseHost(name, 443)
	if err != nil {
		return target, errors.New("a call to the hosts-file listener without a server name")
	}
	target = target.WithPort(443)
	d := x.state.decide(target)
	if r.TLS.ServerName == "" && d.Action != egress.Intercept && d.Reason != egress.ReasonEnvironment {
		return target, errors.New("a call to the hosts-file listener without SNI, and with a Host header that is not DocuSign's")
	}
	return target, nil
}

func (x *exchange) refuseHost(r *http.Request, detail string) {
	x.refuse(r, &call.Error{Kind: call.KindHostMismatch, Detail: detail})
}

func (x *exchange) bindForward(r *http.Request) (egress.Host, bool) {
	if !x.admit(r, x.state.Clients.Admit(r.Context(), x.binding.client, r.Header.Get("Proxy-Authorization"))) {
		return egress.Host{}, false
	}
	port := uint16(80)
	switch {
	case strings.EqualFold(r.URL.Scheme, "https"):
		port = 443
	case !strings.EqualFold(r.URL.Scheme, "http"):
		x.refuse(r, &call.Error{Kind: call.KindBadRequest, Detail: "request target: a scheme that is neither http nor https"})
		return egress.Host{}, false
	}
	target, err := egress.ParseHost(r.URL.Host, port)
	if err != nil {
		x.refuse(r, &call.Error{Kind: call.KindBadRequest, Detail: "request target: " + hostProblem(err)})
		return target, false
	}
	if !x.ofEnvironment(r, target) {
		return target, false
	}
	d := x.state.decide(target)
	switch d.Action {
	case egress.Intercept:
		return target, true
	case egress.Tunnel:
		x.passListed(r, target)
		return target, false
	}
	x.event.Status = http.StatusForbidden
	x.refused(call.OutcomeRefused, d.Reason, withoutHost(d.Detail, target), withoutHost(d.NextStep, target))
	reply.Caller{RequestID: x.event.RequestID}.Text(http.StatusForbidden, "docusign-auth-proxy: "+d.Detail).WriteTo(&x.w, r)
	return target, false
}

// isSelf reports whether an absolute URI names the proxy itself: programs with HTTP_PROXY set may address the sidecar that way.
func (x *exchange) isSelf(host, scheme string) bool {
	port := uint16(80)
	if strings.EqualFold(scheme, "https") {
		port = 443
	}
	h, err := egress.ParseHost(host, port)
	if err != nil || h.Port() != x.binding.local.Port() {
		return false
	}
	return h.Name() == "localhost" && x.binding.local.Addr().IsLoopback() || h.Name() == x.binding.local.Addr().String()
}

// httpsOrigin is the upstream of a bound host: always https, since a bearer never leaves in clear.
func httpsOrigin(h egress.Host) *url.URL {
	if h.Port() == 443 || h.Port() == 80 {
		return &url.URL{Scheme: "https", Host: h.WithPort(443).Authority()}
	}
	return &url.URL{Scheme: "https", Host: h.String()}
}

// serveREST translates a REST call, or says why not.
func (x *exchange) serveREST(r *http.Request) {
	if x.route.local == localPassword {
		x.refusePasswordChange(r)
		return
	}
	if x.passProvisioning(r) || !x.decide(r) {
		return
	}
	if x.route.api == call.APIOther && x.decision.Action == translate.ActionTranslate {
		x.refuse(r, &call.Error{Kind: call.KindNotFound, Detail: "a legacy credential counts below /restapi and at the SOAP services alone"})
		return
	}
	switch {
	case x.route.local != localLogin:
	case x.decision.Action == translate.ActionTranslate:
		x.serveLogin(r)
		return
	default:
		x.edit = func(resp *http.Response) error { return x.editObserved(r, resp) }
	}
	x.send(r)
}

// decide proves the credential and gets token and site. It answers the call itself, and returns false, when that fails.
func (x *exchange) decide(r *http.Request) bool {
	d, err := x.state.Translator.Decide(r.Context(), x.httpCredentials(r))
	if call.KindOf(err) == call.KindNoCredential && x.route.api == call.APIOther {
		// As DocuSign answers for a path it does not have (PROTOCOL.md §8.2).
		x.refuse(r, &call.Error{Kind: call.KindNoPath, Err: err, NextStep: call.ErrorOf(err).NextStep})
		return false
	}
	return x.decided(r, d, err)
}

// httpCredentials is what the HTTP headers of a call carry.
func (x *exchange) httpCredentials(r *http.Request) *translate.Call {
	return &translate.Call{Legacy: r.Header[headerLegacy], Authorization: r.Header["Authorization"], ActAs: r.Header.Get(headerActAs), Client: x.binding.client.Addr()}
}

func (x *exchange) decided(r *http.Request, d *translate.Decision, err error) bool {
	x.decision = d
	if err == nil {
		err = x.proven()
	}
	if err == nil && d.Action == translate.ActionTranslate {
		err = x.prepare(r)
	}
	x.event.Translate = x.server.cfg.Now().Sub(x.start)
	if err != nil {
		x.refuse(r, err)
		return false
	}
	if d.Action == translate.ActionTranslate {
		return true
	}
	x.native, x.ownToken = true, d.OwnToken
	x.event.Mode = "pass"
	if d.Action == translate.ActionObserve {
		x.event.Mode = "observe"
	}
	// Only at the sidecar is the host that the program meant unknown.
	if base := x.state.Translator.KnownSite(d, x.route.account); base != nil && x.event.Door == call.DoorSidecar {
		x.site.Base = base
	}
	return true
}

// proven lets a call whose credential counts take its time, and keep its connection when others want one. It fails if another has got
// the connection's place already: nobody would see the answer.
func (x *exchange) proven() error {
	x.caller.limit.Store(int64(x.server.cfg.BodyTimeout))
	if x.binding.conn != nil && !x.binding.conn.place.setIdle(false) {
		return &call.Error{Kind: call.KindBusy, Detail: call.ConnDisplaced, NextStep: nextTooMany}
	}
	return nil
}

// prepare gets the token and the site of a translated call.
func (x *exchange) prepare(r *http.Request) error {
	tr := x.state.Translator
	token, err := tr.Token(r.Context(), x.decision)
	if err != nil {
		return err
	}
	site, err := tr.Site(r.Context(), x.decision, x.route.account)
	if err != nil {
		return err
	}
	x.token, x.site = token, site
	return nil
}

// refuse answers a call in the caller's dialect and notes the true cause for the operator.
func (x *exchange) refuse(r *http.Request, err error) {
	if x.w.status != 0 {
		return // an answer is already on its way; nothing more can be said
	}
	if r.Context().Err() != nil && !x.caller.slow.Load() { // net/http ends the context of a body that it cannot read
		x.refused(call.OutcomeAborted, "client_gone", "the program hung up before it was answered", "")
		return
	}
	f := reply.FailureOf(err)
	if p := panics.In(err); p != nil { // in a goroutine that this call waited for
		f.Cause = "panic"
		x.server.panicked(call.PanicCall, p, "request_id", x.event.RequestID)
	}
	x.refused(f.Kind.Outcome(), f.Cause, err.Error(), call.ErrorOf(err).NextStep)
	x.answerFailure(r, f)
}

// answerFailure writes a failure as REST or SOAP, whichever the call spoke.
func (x *exchange) answerFailure(r *http.Request, f reply.Failure) {
	if x.soap != nil || x.route.soap() {
		x.soapCaller(r).RefuseOperation(x.soap.namespace(), x.soap.operation(), f).WriteTo(&x.w, r)
		return
	}
	x.restCaller(r).Refuse(f).WriteTo(&x.w, r)
}

func (x *exchange) restCaller(r *http.Request) reply.Caller {
	d := reply.ForREST(r.Header)
	if x.route.api == call.APILegacyOAuth || x.route.api == call.APIAccountServer {
		d = reply.ForOAuth(r.Header)
	}
	return reply.Caller{Dialect: d, RequestID: x.event.RequestID}
}

func (x *exchange) refusePasswordChange(r *http.Request) {
	d, err := x.state.Translator.Decide(r.Context(), x.httpCredentials(r))
	x.decision = d
	if err == nil && d.Action == translate.ActionObserve && x.observesCaller() {
		x.native, x.event.Mode = true, "observe"
		x.send(r)
		return
	}
	if err == nil {
		err = errPasswordChange()
	}
	x.refuse(r, err)
}

// observesCaller reports whether an observed call is certain to come from a program that the operator observes. A token
// that nobody knows only may.
func (x *exchange) observesCaller() bool {
	return x.decision.Attributed() || x.state.Translator.Observed("") != nil
}

// errPasswordChange refuses a call whose body holds the old password in clear.
func errPasswordChange() error {
	return &call.Error{
		Kind: call.KindPasswordChange, Detail: "a password cannot be changed through OAuth",
		NextStep: "change the password in the configuration, and in the program",
	}
}

// passOpen forwards a call that needs no credential, without any and without a body (PROTOCOL.md §2.6).
func (x *exchange) passOpen(r *http.Request) {
	x.event.Mode = "pass"
	x.decision = &translate.Decision{Action: translate.ActionPass, Scheme: legacy.None}
	r.Body, r.ContentLength, r.TransferEncoding = http.NoBody, 0, nil
	for _, name := range [...]string{"X-Http-Method-Override", "X-Http-Method", "X-Method-Override", "Cookie"} {
		delete(r.Header, name)
	}
	x.send(r)
}

// passPreflight forwards a preflight, whose answer does not depend on the query: a password there stays here.
func (x *exchange) passPreflight(r *http.Request) {
	if x.route.api == call.APIOther {
		x.refuse(r, &call.Error{Kind: call.KindNoPath, Detail: "a preflight for a path that is not known"})
		return
	}
	u := *r.URL
	u.RawQuery, u.ForceQuery = "", false
	r.URL = &u
	x.passOpen(r)
}

// passAccountServer forwards a call to the account server with its own credential: the grants and UserInfo of programs that have
// migrated. None of them has a legacy password; where one stands, send refuses it.
func (x *exchange) passAccountServer(r *http.Request) {
	x.native = true
	x.event.Mode = "pass"
	x.decision = &translate.Decision{Action: translate.ActionPass, Scheme: legacy.None}
	x.send(r)
}

// passProvisioning passes on the one call whose legacy header names no user: its integrator key counts beside X-DocuSign-AppToken
// (PROTOCOL.md §1.2). It reports false for every other call.
func (x *exchange) passProvisioning(r *http.Request) bool {
	values := r.Header[headerLegacy]
	if r.Method != http.MethodGet || len(values) != 1 || r.Header.Get("X-Docusign-Apptoken") == "" || len(r.Header["Authorization"]) > 0 ||
		!equalFold(x.route.account, "provisioning") || strings.Trim(r.URL.Path[x.route.end:], "/") != "" {
		return false
	}
	d, upstream, err := x.state.Translator.DecideKeyAlone(values[0])
	if d == nil {
		return false
	}
	x.decision = d
	if err != nil {
		x.refuse(r, err)
		return true
	}
	x.native, x.legacyHeader = true, upstream
	x.event.Mode = "pass"
	x.send(r)
	return true
}
