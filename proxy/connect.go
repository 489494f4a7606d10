package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/elazarl/goproxy"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/shown"
	"docusign-auth-proxy/proxy/conn"
	"docusign-auth-proxy/proxy/egress"
	"docusign-auth-proxy/proxy/tunnel"
)

// newConnectProxy makes the goproxy server that handles CONNECT and nothing else. Its handler decides every CONNECT
// itself: falling through would reach goproxy's default, which tunnels anywhere.
func newConnectProxy(s *Server) *goproxy.ProxyHttpServer {
	p := goproxy.NewProxyHttpServer()
	p.Logger = log.New(io.Discard, "", 0) // it would log addresses in its own words; the decision is recorded here
	p.Tr = &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("the default transport is not used")
	}}
	p.ConnectDial = nil
	p.ConnectDialWithReq = func(r *http.Request, network, addr string) (net.Conn, error) {
		return s.tunnels.Dial(r, bindingOf(r), network, addr)
	}
	p.ConnectionErrHandler = func(w io.Writer, ctx *goproxy.ProxyCtx, err error) {
		f := tunnel.FailureOf(ctx.Req.URL.Host, err)
		s.recordRefusedConnect(ctx.Req, f.Status, f.Reason, f.Cause, f.Fill...)
		f.Answer(w)
	}
	p.OnRequest().HandleConnectFunc(s.handleConnect)
	return p
}

// handleConnect decides by policy alone (DESIGN: nothing falls through to goproxy's defaults).
func (s *Server) handleConnect(target string, ctx *goproxy.ProxyCtx) (*goproxy.ConnectAction, string) {
	st := s.state.Load()
	// The target as it came: net/url takes user info and a path off, and neither belongs there (RFC 9110 §9.3.6, RFC
	// 9112 §3.2.3).
	host, err := egress.ParseHost(ctx.Req.RequestURI, 0)
	if err != nil {
		return s.refuseConnect(ctx, http.StatusBadRequest, cause.BadTarget, "detail", egress.Problem(err))
	}
	d := st.decide(host)
	switch d.Action {
	case egress.Intercept:
		if st.Leaves == nil && host.Port() != 80 {
			return s.refuseConnect(ctx, http.StatusForbidden, cause.NoCA)
		}
		hijack := func(r *http.Request, client net.Conn, _ *goproxy.ProxyCtx) { s.intercept(r, client, host) }
		return &goproxy.ConnectAction{Action: goproxy.ConnectHijack, Hijack: hijack}, target
	case egress.Tunnel:
		s.logConnect(ctx.Req, host.String(), "tunnel", d.Reason)
		return &goproxy.ConnectAction{Action: goproxy.ConnectAccept}, host.String()
	}
	return s.refuseConnect(ctx, http.StatusForbidden, d.Cause, d.Fill...)
}

func (s *Server) logConnect(r *http.Request, host, action, reason string) {
	s.cfg.Log.Info("connect", "target", host, "action", action, "reason", reason, "client", bindingOf(r).Client.String())
}

func (s *Server) refuseConnect(
	ctx *goproxy.ProxyCtx, status int, why cause.ID, fill ...string,
) (*goproxy.ConnectAction, string) {
	s.logConnect(ctx.Req, shown.Host(ctx.Req.URL.Host), "refuse", why.String())
	s.recordRefusedConnect(ctx.Req, status, why.String(), why, fill...)
	body := tunnel.Text(why, fill...) + "\n"
	ctx.Resp = &http.Response{
		StatusCode: status, ProtoMajor: 1, ProtoMinor: 1, Request: ctx.Req, ContentLength: int64(len(body)), Close: true,
		Header: http.Header{"Content-Type": {"text/plain; charset=utf-8"}, "X-Docusign-Auth-Proxy-Cause": {why.String()}},
		Body:   io.NopCloser(strings.NewReader(body)),
	}
	return &goproxy.ConnectAction{Action: goproxy.ConnectReject}, ""
}

// recordRefusedConnect lets refused tunnels show in log and metrics like refused calls, and on the status page.
func (s *Server) recordRefusedConnect(r *http.Request, status int, reason string, why cause.ID, fill ...string) {
	client, door := bindingOf(r).Client.Addr(), call.DoorConnect
	if bindingOf(r).Door == call.DoorForwardAuth {
		door = call.DoorForwardAuth
	}
	if host, err := egress.ParseHost(r.URL.Host, 443); err == nil {
		fill = egress.Decision{Fill: fill}.Shown(host)
	}
	fill = append([]string{"client", client.String(), "config", s.cfg.ConfigFile}, fill...)
	s.front.Refused(call.ConnFailure{
		Client: client, Door: door, Target: shown.Host(r.URL.Host), Cause: reason, Last: time.Now(),
		Status: status, Detail: why.Means(fill...), NextStep: why.Next(fill...),
	})
	s.record(&call.Event{
		Time: time.Now(), RequestID: s.ids.Next(), Door: door, API: call.APIOther,
		Method: shown.Method(r.Method), Path: shown.Host(r.URL.Host), UserAgent: shown.Text(r.UserAgent()),
		Client: client, Integration: "unknown", Scheme: "none", Status: status, Outcome: call.OutcomeRefused, Cause: reason,
		Detail: why.Means(fill...), NextStep: why.Next(fill...),
	})
}

// intercept answers the CONNECT and hands the connection, not yet handshaken, to the inner server.
func (s *Server) intercept(r *http.Request, client net.Conn, host egress.Host) {
	const established = "HTTP/1.%d 200 Connection established\r\n\r\n"
	b := bindingOf(r)
	var over http.ResponseWriter // the answer to a CONNECT that came over HTTP/2
	if stream, ok := client.(interface{ ResponseWriter() http.ResponseWriter }); ok {
		over = stream.ResponseWriter()
	} else if _, err := fmt.Fprintf(client, established, min(r.ProtoMinor, 1)); err != nil {
		_ = client.Close()
		return
	}
	// The calls inside have a line each; this one would double the log of a program that opens a tunnel for every call.
	s.cfg.Log.Debug("connect",
		"target", host.String(), "action", "intercept", "reason", "docusign", "client", b.Client.String())
	s.front.Inside(client, b, host, over, func() *tls.Config {
		if leaves := s.state.Load().Leaves; leaves != nil {
			return leaves.Config(host.Name())
		}
		return nil
	})
}

// serveConnect is the pipeline's way into goproxy.
func (s *Server) serveConnect(w http.ResponseWriter, r *http.Request, b *conn.Binding, faulty error) {
	if faulty != nil {
		why, fill := call.ErrorOf(faulty).Row()
		s.recordRefusedConnect(r, http.StatusBadRequest, why.String(), why, fill...)
		http.Error(w, tunnel.Text(why, fill...), http.StatusBadRequest)
		return
	}
	if detail := doorOf(b.Door).noConnect; detail != "" {
		why := cause.WrongDoor
		s.recordRefusedConnect(r, http.StatusMethodNotAllowed, why.String(), why, "detail", detail)
		w.Header().Set("Allow", "GET, HEAD, POST, PUT, DELETE, OPTIONS") // RFC 9110 §15.5.6
		http.Error(w, tunnel.Text(why, "detail", detail), http.StatusMethodNotAllowed)
		return
	}
	clients, auth := s.state.Load().Clients, r.Header.Get("Proxy-Authorization")
	if admitted := clients.Admit(r.Context(), b.AdmittedAs(), auth); !admitted.OK() {
		s.recordRefusedConnect(r, admitted.Status, admitted.Reason, admitted.Cause, admitted.Fill...)
		tunnel.NotAdmitted(admitted).WriteTo(w, r)
		return
	}
	s.connect.ServeHTTP(s.tunnels.Near(w), r)
}
