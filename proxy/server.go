package proxy

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/elazarl/goproxy"

	"docusign-auth-proxy/internal/call"
	"docusign-auth-proxy/internal/spool"
	"docusign-auth-proxy/proxy/authority"
	"docusign-auth-proxy/proxy/conn"
	"docusign-auth-proxy/proxy/egress"
	"docusign-auth-proxy/proxy/forwardauth"
	"docusign-auth-proxy/proxy/tunnel"
	"docusign-auth-proxy/translate"
)

// Config is what a Server keeps for its whole life. All of it must be set, but for ConfigFile, Recorders, Balancers,
// ForwardAuth and Tap.
type Config struct {
	Log           *slog.Logger
	ConfigFile    string // as the operator names it, for the texts of next steps; "" = in general words
	Recorders     call.Recorders
	HeaderBytes   int           // largest request head
	HeaderTimeout time.Duration // for a request head and for a TLS handshake
	IdleTimeout   time.Duration // keep-alive connections of callers
	BodyTimeout   time.Duration // without progress of a request body; until the call is proven at most HeaderTimeout
	DrainBody     int64         // of a request body that is read, and thrown away, after the answer
	ReplayBody    int64         // request bodies up to this size can be sent again after a refused token
	SOAPHeader    int           // largest SOAP header region
	Tunnels       int           // raw tunnels at a time
	TunnelIdle    time.Duration // a raw tunnel without traffic is closed after this
	Connections   int           // callers' connections at a time, for each listener
	ClientShare   int           // of Connections and Tunnels that one client may take, in percent
	Balancers     conn.Balancers
	ForwardAuth   forwardauth.Config // who may ask at that door

	// SOAPREST carries SOAP calls out over REST; it may be nil where no integration wants it.
	SOAPREST SOAPREST

	// Tap gives what listens to the bytes of a call, nil when nothing does. A nil Tap never listens.
	Tap func(*http.Request) call.Tap
}

// State is everything that a reload replaces, as one value. It is not changed after Swap.
type State struct {
	Translator    *translate.Translator
	Policy        *egress.Policy    // which hosts may be reached
	Clients       *egress.Clients   // who may use the forward proxy
	LocalClients  *egress.Clients   // of the sidecar and the hosts-file listener, which ask for no proxy credentials
	Upstream      http.RoundTripper // the way to DocuSign; checks addresses when it dials
	Listed        http.RoundTripper // the way to the hosts of egress.tunnel for plain requests
	TunnelDial    func(ctx context.Context, network, addr string) (net.Conn, error)
	Authority     *authority.Authority   // its certificate is served for download; nil = there is none
	Leaves        *authority.Leaves      // nil = no CA: CONNECT to DocuSign and TLS to the sidecar are refused
	DefaultSite   *url.URL               // origin for calls that name no account and have no user
	AccountServer string                 // host[:port] of the account server, whose paths below /oauth/ are not API paths
	PublicURL     *url.URL               // origin of the sidecar in log-in answers; nil = as the caller addressed it
	Tokens        TokenIssuer            // nil = legacy tokens and API passwords are not issued
	Spools        map[string]*spool.Pool // of the integrations whose SOAP goes over REST, by their names
	Returns       []string               // host:port of public_url, for browsers that use this as their proxy
	OwnWSDL       bool                   // no program calls DocuSign's SOAP services, so neither for their WSDL

	// Released is called once, when another state is in force and the last call that began with this one has ended. nil
	// = nobody waits.
	Released func()

	sidecarTLS, hostsTLS *tls.Config
	calls                *atomic.Int64 // that began with it, and one more while it is in force
}

// begin gives the state in force to a call, which ends it. A state that nobody uses any more is not begun again.
func (s *Server) begin() *State {
	for {
		st := s.state.Load()
		if n := st.calls.Load(); n > 0 && st.calls.CompareAndSwap(n, n+1) {
			return st
		}
	}
}

// end gives back what begin gave.
func (st *State) end() {
	if st.calls.Add(-1) == 0 && st.Released != nil {
		st.Released()
	}
}

// Server is the proxy: listeners, doors and the pipeline behind them.
type Server struct {
	cfg        Config
	state      atomic.Pointer[State]
	http       *http.Server
	front      *conn.Front
	connect    *goproxy.ProxyHttpServer
	upstream   *httputil.ReverseProxy
	tunnels    tunnel.Pool
	endTunnels context.CancelFunc
	rehearsals chan struct{}
	ids        call.IDs
	conflicts  sync.Map // names of integrations whose calls with several credentials have been told of
	active     atomic.Int64
}

// New makes a Server that serves nothing yet.
func New(cfg Config, st *State) *Server {
	s := &Server{cfg: cfg, ids: call.NewIDs(), rehearsals: make(chan struct{}, maxRehearsals)}
	s.front = conn.NewFront(conn.Options{
		Log: cfg.Log, Recorders: cfg.Recorders, NextID: s.ids.Next, Panicked: s.panicked,
		HeaderTimeout: cfg.HeaderTimeout, DrainBody: cfg.DrainBody, Most: cfg.Connections, SharePercent: cfg.ClientShare,
		Balancers: cfg.Balancers,
	})
	s.tunnels.Log, s.tunnels.Idle = cfg.Log, cfg.TunnelIdle
	s.tunnels.Places = conn.NewPlaces(cfg.Tunnels, cfg.ClientShare)
	s.tunnels.Open, s.endTunnels = context.WithCancel(context.Background())
	s.tunnels.Connect = func(ctx context.Context, network, addr string) (net.Conn, error) {
		return s.state.Load().TunnelDial(ctx, network, addr)
	}
	s.upstream = newUpstream(s)
	s.connect = newConnectProxy(s)
	s.Swap(st)
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	s.http = &http.Server{
		Handler:           s,
		Protocols:         protocols,
		ReadHeaderTimeout: cfg.HeaderTimeout,
		IdleTimeout:       cfg.IdleTimeout,
		MaxHeaderBytes:    cfg.HeaderBytes,
		ErrorLog:          log.New(errorLog{s}, "", 0),
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: 100}, // RFC 9113 §6.5.2 recommends no fewer
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			if bound := conn.Of(c); bound != nil {
				return context.WithValue(ctx, bindingKey{}, &bound.Binding)
			}
			return ctx
		},
		ConnState: s.front.State,
	}
	return s
}

// Swap replaces the state; calls under way finish with the one they began with.
func (s *Server) Swap(st *State) {
	next := *st
	next.calls = new(atomic.Int64)
	next.calls.Store(1)
	if next.Leaves != nil {
		next.sidecarTLS = next.Leaves.ServerConfig(next.localNames, nil)
		sites := next.Policy.SiteNames(next.DefaultSite.Host)
		next.hostsTLS = next.Leaves.ServerConfig(func(net.Conn) []string { return sites }, func(sni string) bool {
			h, err := egress.ParseHost(sni, 443)
			if err != nil {
				return false
			}
			d := next.decide(h) // a program that means another environment is told so, for which it needs a certificate
			return d.Action == egress.Intercept || d.Reason == egress.ReasonEnvironment
		})
	}
	if previous := s.state.Swap(&next); previous != nil {
		previous.end()
	}
}

// decide is the policy, which also intercepts the sites that UserInfo has named: a program sent there by its log-in
// answer comes back.
func (st *State) decide(h egress.Host) egress.Decision {
	d := st.Policy.Decide(h)
	if d.Action != egress.Refuse || d.Reason == egress.ReasonEnvironment {
		return d
	}
	known := st.Translator.KnowsHost(h.Authority())
	if h.Port() == 80 { // a program that was sent to a site on plain HTTP
		known = known || st.Translator.KnowsHost(h.WithPort(443).Authority())
	}
	if known {
		return egress.Decision{Action: egress.Intercept, Reason: egress.ReasonDocuSign}
	}
	return d
}

// localNames are those of the certificate for a caller that sends no SNI: the address it dialled. Java sends none for
// localhost either (it has no dot), so on loopback both names are in it.
func (st *State) localNames(c net.Conn) []string {
	ap := conn.AddrPort(c.LocalAddr())
	if !ap.IsValid() {
		return []string{"localhost"}
	}
	address := ap.Addr().WithZone("").String()
	if !ap.Addr().IsLoopback() && st.Authority.Permits(address) == nil {
		return []string{address}
	}
	return []string{address, "localhost"}
}

// Active gives the number of calls under way.
func (s *Server) Active() int64 { return s.active.Load() }

// OpenConnections gives the number of callers' connections, and of their calls over HTTP/2.
func (s *Server) OpenConnections() int64 { return s.front.Open() }

// ConnFailures lists what happened to connections that never became a call, the latest first.
func (s *Server) ConnFailures() []call.ConnFailure { return s.front.Failures() }

// OpenTunnels gives the number of raw tunnels.
func (s *Server) OpenTunnels() int64 { return s.tunnels.Places.Count() }

// Serve takes calls from the listener until Shutdown.
func (s *Server) Serve(l net.Listener, name call.Door) error {
	d := doorOf(name)
	return s.front.Serve(l, d.name, func() *tls.Config { return d.tls(s.state.Load()) })
}

// Run serves the connections that the listeners deliver; it returns nil after Shutdown.
func (s *Server) Run() error {
	if err := s.http.Serve(s.front); err != nil && !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}

// Shutdown stops taking connections, lets the calls under way finish until ctx ends, then closes what is left. It may
// be called again, by a second signal for instance, and then waits as well.
func (s *Server) Shutdown(ctx context.Context) error {
	s.front.Stop()
	err := s.http.Shutdown(ctx)
	s.endTunnels()
	if err != nil {
		_ = s.http.Close()
		return fmt.Errorf("calls were still under way when the time to stop was over: %w", err)
	}
	return nil
}
