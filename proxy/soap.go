package proxy

import (
	"net/http"

	"docusign-auth-proxy/translate/reply"
)

type soapCall struct{ ns, op string }

func (c *soapCall) namespace() string {
	if c == nil {
		return ""
	}
	return c.ns
}

func (c *soapCall) operation() string {
	if c == nil {
		return ""
	}
	return c.op
}

func (x *exchange) serveSOAP(r *http.Request) { x.serveREST(r) }
func (x *exchange) passWSDL(r *http.Request)  { x.passOpen(r) }

func (x *exchange) soapCaller(r *http.Request) reply.Caller {
	return reply.Caller{Dialect: reply.ForSOAP(r.Header), RequestID: x.event.RequestID}
}
