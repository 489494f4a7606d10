package proxy

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"strconv"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/services"
	"docusign-auth-proxy/proxy/body"
	"docusign-auth-proxy/translate/reply"
	"docusign-auth-proxy/translate/soap"
	"docusign-auth-proxy/translate/soaprest"
	"docusign-auth-proxy/translate/soaprest/answer"
	"docusign-auth-proxy/translate/soaprest/fault"
)

// SOAPREST carries out operations of SOAP over REST; *soaprest.Engine is one.
type SOAPREST interface {
	Serve(context.Context, *soaprest.Call) (*answer.Answer, error)
	// Return says where a browser goes that comes back from DocuSign; "" = nowhere. The error may be redirect.ErrGone.
	Return(ctx context.Context, state string, query url.Values) (location string, err error)
}

// overREST carries the operation out over REST: DocuSign sees a token and no SOAP (SOAP-REST.md).
type overREST struct{}

// Prepare gets the token. The site depends on the account that the message names.
func (overREST) Prepare(s *soapCall) (err error) {
	s.token, err = s.state.Translator.Token(s.r.Context(), s.decision)
	return err
}

// Carry gives the message to the engine. Its header is not read there: the credential in it goes nowhere.
func (o overREST) Carry(s *soapCall) (next, error) {
	switch {
	case s.inBody && s.operation().Local == "Login":
		return serveCredential(s)
	case s.route.Service.Namespace == services.NamespaceAccountManagement:
		return o.account(s)
	}
	notes, user := &soaprest.Notes{}, s.user()
	s.rest = &restCall{notes: notes, user: user}
	in := s.decision.Integration
	a, err := s.server.cfg.SOAPREST.Serve(s.r.Context(), &soaprest.Call{
		Service: s.route.Service, Operation: s.operation().Local,
		ContentType: s.message.ContentType(s.r.Header.Get("Content-Type")),
		Message:     &body.Streamed{Reader: s.message.Reader(), Closer: s.r.Body},
		SOAP12:      s.message.Version == soap.NamespaceSOAP12, HasTimestamp: s.message.HasTimestamp,
		MessageID: s.message.MessageID, HTTP10: !s.r.ProtoAtLeast(1, 1), Owner: s.decision.Owner(), Integration: in,
		User: user, Spools: s.state.Spools[in.Name], PublicURL: in.SOAPREST.PublicURL, Notes: notes,
	})
	switch {
	case is[*soap.Error](err): // found while the message was read
		return next{}, err
	case body.IsCallerError(err):
		return next{}, s.bodyError(err)
	case err != nil:
		return next{}, err
	}
	return next{stream: a}, nil
}

// account answers the operations of accountmanagement.asmx that need no DocuSign, and refuses the others in the result
// where there is a place for it (SOAP-REST.md §1.4).
func (overREST) account(s *soapCall) (next, error) {
	operation := s.operation()
	if operation.Local == operationPing {
		return answered(s.replier().Ping(operation.Namespace))
	}
	return next{}, &call.Error{
		Kind: call.KindNotOverREST, Detail: s.event.Operation + " is not carried out over REST",
		Public: s.event.Operation + " cannot be carried out over REST (proxy). Nothing was sent.",
	}
}

// write sends an answer that is made while it is sent. One that breaks off must look cut off, never complete
// (SOAP-REST.md §6.4).
func (x *exchange) write(a *answer.Answer) error {
	defer a.Close()
	h := x.w.Header()
	maps.Copy(h, a.Header)
	h.Set(reply.RequestIDHeader, x.event.RequestID)
	x.rest.describe(&x.event)
	if cause := x.event.Cause; cause != "" {
		h.Set(reply.CauseHeader, cause)
	}
	switch {
	case a.Length >= 0:
		h.Set("Content-Length", strconv.FormatInt(a.Length, 10))
	case x.w.HTTP10: // without a length, the end of the connection is the end of the answer, and nobody sees a break
		return errors.New("an answer without length to an HTTP/1.0 caller")
	}
	x.w.WriteHeader(a.Status)
	if err := a.Write(&x.w); err != nil {
		x.refused(call.OutcomeAborted, cause.CutOff, "the answer broke off on its way: "+err.Error())
		panic(http.ErrAbortHandler)
	}
	return nil
}

// restCall is what is known of a call that is carried out over REST.
type restCall struct {
	notes *soaprest.Notes
	user  *apiUser
}

// describe tells what the call came to.
func (r *restCall) describe(e *call.Event) {
	n := r.notes
	why := (&fault.Fault{Name: n.Fault, Reason: n.FaultReason}).Error()
	e.OverREST, e.RESTCalls, e.Envelope = true, n.RESTCalls, n.Envelope
	e.Journal, e.Dropped, e.Cached = n.Journal, n.Dropped, n.Cached
	e.Account, e.Site, e.Upstream = n.Account, n.Site, n.Upstream
	r.user.describe(e)
	switch {
	case n.Fault == "" || e.Cause != "":
	case n.Status != 0:
		e.Outcome, e.Cause = call.OutcomeOf(n.Status), "docusign_"+strconv.Itoa(n.Status)
		e.Detail = why
	case n.FaultClient:
		e.Outcome, e.Cause, e.Detail = call.OutcomeRefused, call.KindNotOverREST.String(), why
	case n.FaultOwn:
		e.Outcome, e.Cause, e.Detail = call.OutcomeInternal, cause.SOAPFailed.String(), why
	default:
		e.Outcome, e.Cause, e.Detail = call.OutcomeUnreachable, cause.SOAPFailed.String(), why
	}
}

// serveWSDL answers with the proxy's own WSDL: where SOAP goes over REST, DocuSign's services are never called
// (SOAP-REST.md §11.12).
func serveWSDL(c *incoming) (next, error) {
	c.needsNone()
	service := c.route.Service
	if service == nil {
		service = services.ByWSDLPath(c.r.URL.Path)
	}
	address := *c.origin(c.site.Base)
	address.Path = service.Path
	var text bytes.Buffer
	if err := service.WriteWSDL(&text, address.String()); err != nil {
		return next{}, err
	}
	return answered(reply.Answer{Body: text.Bytes(), Header: http.Header{"Content-Type": {"text/xml; charset=utf-8"}}})
}
