package main

import (
	"context"
	"sync/atomic"
	"time"
)

// scenario is one kind of load. The first peer is the measured program, the second the yardstick; further ones are for
// comparison.
type scenario struct {
	name, title string
	peers       []string
	turn        func(b *bench) turn
	figures     []figure
	anew        bool // each turn has a new process, with no stretched memory and no guesses left to check
}

// turn applies the load to a peer once.
type turn func(ctx context.Context, c *child) (measure, error)

// figure is a number that comes out of a measure.
type figure struct {
	name    string
	unit    string
	of      func(measure) float64
	against string  // peer it is divided by; "" = it stands for itself
	most    float64 // goal; 0 = none
	least   float64
}

const mebi = 1 << 20

var (
	cpuFigure = figure{name: "CPU per request", unit: "µs", of: func(m measure) float64 {
		return float64(m.perRequest()) / 1e3
	}}
	rateFigure = figure{name: "requests per second", unit: "/s", of: measure.rate}
	p50Figure  = figure{name: "p50", unit: "ms", of: func(m measure) float64 { return m.p50.Seconds() * 1e3 }}
	p99Figure  = figure{name: "p99", unit: "ms", of: func(m measure) float64 { return m.p99.Seconds() * 1e3 }}
	rssFigure  = figure{name: "resident set", unit: "MiB", of: func(m measure) float64 {
		return float64(m.after.resident) / mebi
	}}
	speed    = figure{name: "throughput", unit: "MB/s", of: measure.throughput}
	cpuPerMB = figure{name: "CPU per MB", unit: "µs", of: func(m measure) float64 {
		return float64(m.cpu.Microseconds()) / (float64(m.bytes) / 1e6)
	}}
	grownBy = figure{name: "resident set added", unit: "MiB", of: func(m measure) float64 {
		return float64(m.grown()) / mebi
	}}
)

func (f figure) over(peer string) figure { f.against = peer; return f }
func (f figure) atMost(g float64) figure { f.most = g; return f }
func (f figure) atLeast(g float64) figure {
	f.least = g
	return f
}

// usual are the figures of small calls, as ratios to a peer.
func usual(peer string, cpuGoal float64) []figure {
	return []figure{
		cpuFigure.over(peer).atMost(cpuGoal), rateFigure.over(peer), p50Figure.over(peer), p99Figure.over(peer),
		rssFigure.over(peer),
	}
}

// scenarios is the whole list, in the order in which they run.
func scenarios() []scenario { return append(passingOn(), overREST()...) }

// passingOn are those of calls that go on to DocuSign as what they are.
func passingOn() []scenario {
	return []scenario{
		{
			name: "get16", title: "Translated GET of 2 KB, sidecar, 16 connections", peers: []string{peerProxy, peerReverse},
			turn: gets(16, false), figures: usual(peerReverse, 1.10),
		},
		{
			name: "get256", title: "Translated GET of 2 KB, sidecar, 256 connections", peers: []string{peerProxy, peerReverse},
			turn: gets(256, false), figures: usual(peerReverse, 1.10),
		},
		{
			name: "connect16", title: "Translated GET of 2 KB, intercepted, 16 connections",
			peers: []string{peerProxy, peerReverseConnect, peerGoproxy},
			turn:  gets(16, true), figures: append(usual(peerReverseConnect, 1.10), cpuFigure.over(peerGoproxy)),
		},
		{
			name: "connect256", title: "Translated GET of 2 KB, intercepted, 256 connections",
			peers: []string{peerProxy, peerReverseConnect, peerGoproxy},
			turn:  gets(256, true), figures: append(usual(peerReverseConnect, 1.10), cpuFigure.over(peerGoproxy)),
		},
		{
			name: "fresh", title: "CONNECT, TLS and one translated GET on a new connection each, 8 at a time",
			peers:   []string{peerProxy, peerGoproxy, peerGoproxyCached, peerReverseConnect},
			turn:    freshGets(false),
			figures: append(usual(peerGoproxy, 0.6), cpuFigure.over(peerGoproxyCached), cpuFigure.over(peerReverseConnect)),
		},
		{
			name: "resumed", title: "The same with TLS 1.2 by a program that resumes its sessions",
			peers: []string{peerProxy, peerGoproxy, peerReverseConnect},
			turn:  freshGets(true), figures: append(usual(peerGoproxy, 0.6), cpuFigure.over(peerReverseConnect)),
		},
		{
			name: "upload10", title: "Upload of 10 MB, sidecar, 4 connections", peers: []string{peerProxy, peerReverse},
			turn:    uploads(10e6, 4, uploadOf),
			figures: []figure{speed.over(peerReverse).atLeast(0.95), cpuPerMB.over(peerReverse)},
		},
		{
			name: "upload100rss", title: "One upload of 100 MB, sidecar", peers: []string{peerProxy, peerReverse}, anew: true,
			turn: oneUpload, figures: []figure{grownBy.atMost(2), grownBy.over(peerReverse), speed.over(peerReverse)},
		},
		{
			name: "wrongpw", title: "Good callers beside 1,000 wrong passwords a second from their own address",
			peers: []string{peerProxy}, anew: true,
			turn: guesses(false), figures: guessFigures(),
		},
		{
			name: "wrongpwspread", title: "Good callers beside 1,000 wrong passwords a second from 64 addresses",
			peers: []string{peerProxy}, anew: true,
			turn: guesses(true), figures: guessFigures(),
		},
		{
			name: "soap30", title: "SOAP envelope of 30 MB with UsernameToken, sidecar, 2 connections",
			peers:   []string{peerProxy, peerReverse},
			turn:    uploads(30e6, 2, soapOf),
			figures: []figure{speed.over(peerReverse).atLeast(0.9), cpuPerMB.over(peerReverse)},
		},
		{
			name: "soaprss", title: "SOAP envelopes of 30 MB, 8 in flight", peers: []string{peerProxy, peerReverse}, anew: true,
			turn: soapInFlight(30e6), figures: []figure{perFlight.atMost(2), perFlight.over(peerReverse)},
		},
	}
}

// overREST are those of SOAP that is carried out over REST.
func overREST() []scenario {
	return []scenario{
		{
			name: "rest25", title: "CreateAndSendEnvelope with a PDF of 25 MB over REST, sidecar, 2 connections",
			peers:   []string{peerREST, peerProxy},
			turn:    uploads(pdfBase64, 2, soapOf),
			figures: []figure{speed.over(peerProxy).atLeast(0.5), cpuPerMB.over(peerProxy)},
		},
		{
			name: "rest25rss", title: "CreateAndSendEnvelope with a PDF of 25 MB over REST, 8 in flight",
			peers: []string{peerREST, peerProxy}, anew: true,
			turn: soapInFlight(pdfBase64), figures: []figure{perFlight.atMost(1), perFlight.over(peerProxy)},
		},
		{
			name: "restpdf25", title: "RequestPDF of 25 MB over REST, sidecar, 2 connections",
			peers:   []string{peerREST, peerProxy},
			turn:    asks(2, 8, pdfMessage),
			figures: []figure{rateFigure.over(peerProxy).atLeast(0.8), cpuFigure.over(peerProxy)},
		},
		{
			name: "rest1000", title: "RequestStatuses with 1,000 envelopes over REST, one after another",
			peers: []string{peerREST}, anew: true,
			turn: asks(1, 4, statusesMessage), figures: []figure{grownBy.atMost(8), p50Figure},
		},
	}
}

func scenarioNames() []string {
	var out []string
	for _, s := range scenarios() {
		out = append(out, s.name)
	}
	return out
}

func scenarioNamed(name string) *scenario {
	for _, s := range scenarios() {
		if s.name == name {
			return &s
		}
	}
	return nil
}

// reach says how to get to a peer, and which credential its upstream sees.
func (b *bench) reach(c *child, connect bool) (target, string) {
	t := target{addr: c.addr}
	if connect {
		t.tls = programTLS(b.roots, false)
	}
	switch c.name {
	case peerProxy:
		return t, bearerSeen
	case peerREST:
		return t, "" // its SOAP answers are its own, not the upstream's
	}
	return t, legacySeen
}

const turnLimit = 10 * time.Minute

func gets(conns int, connect bool) func(*bench) turn {
	return func(b *bench) turn {
		return func(ctx context.Context, c *child) (measure, error) {
			l := load{conns: conns, warm: max(b.requests/10, conns), requests: b.requests, limit: turnLimit}
			l.to, l.want = b.reach(c, connect)
			l.message = func(i int) message { return getMessage(userName(i%warmUsers), password) }
			return l.run(ctx, c)
		}
	}
}

func freshGets(resume bool) func(*bench) turn {
	return func(b *bench) turn {
		return func(ctx context.Context, c *child) (measure, error) {
			n := max(b.requests/20, 50)
			l := load{conns: 8, warm: n / 10, requests: n, fresh: true, limit: turnLimit}
			l.to, l.want = b.reach(c, true)
			l.to.tls = programTLS(b.roots, resume)
			l.message = func(i int) message { return getMessage(userName(i%warmUsers), password) }
			return l.run(ctx, c)
		}
	}
}

// pdfBase64 is how long 25 MB are in base64.
const pdfBase64 = 25_000_000 / 3 * 4

// No two connections send the same bytes at a time: of a creation over REST the second would wait for the first.
func uploadOf(size, conn int) message { return uploadMessage(userName(conn), uploadBody(size)) }
func soapOf(size, conn int) message {
	return soapMessage("CreateAndSendEnvelope", soapBody(userName(conn), size))
}

func uploads(size, conns int, of func(size, conn int) message) func(*bench) turn {
	return func(b *bench) turn {
		messages := each(conns, size, of)
		return func(ctx context.Context, c *child) (measure, error) {
			n := max(b.requests*int(10e6)/size/300, 2*conns)
			l := load{
				conns: conns, warm: conns, requests: n, limit: turnLimit,
				message: func(conn int) message { return messages[conn] },
			}
			l.to, l.want = b.reach(c, false)
			return l.run(ctx, c)
		}
	}
}

// each makes a message for each connection.
func each(conns, size int, of func(size, conn int) message) []message {
	messages := make([]message, conns)
	for i := range messages {
		messages[i] = of(size, i)
	}
	return messages
}

// asks makes small requests with large answers, each a share of the small GETs in number.
func asks(conns, least int, of func(user string) message) func(*bench) turn {
	return func(b *bench) turn {
		return func(ctx context.Context, c *child) (measure, error) {
			l := load{
				conns: conns, warm: conns, requests: max(b.requests/1000, least), limit: turnLimit,
				message: func(conn int) message { return of(userName(conn)) },
			}
			l.to, l.want = b.reach(c, false)
			return l.run(ctx, c)
		}
	}
}

// oneUpload follows uploads of 10 MB, so that what is added is the size of the body and not the first use of the way.
func oneUpload(b *bench) turn {
	small, large := uploadOf(10e6, 0), uploadOf(100e6, 0)
	return func(ctx context.Context, c *child) (measure, error) {
		warm := load{conns: 1, requests: 4, limit: turnLimit, message: func(int) message { return small }}
		warm.to, warm.want = b.reach(c, false)
		if _, err := warm.run(ctx, c); err != nil {
			return measure{}, err
		}
		w := &worker{load: &load{to: warm.to, want: warm.want}, m: large}
		defer w.close()
		m := measure{requests: 1, bytes: int64(len(large.body))}
		err := m.around(c, func() error {
			start := time.Now()
			err := w.once(ctx)
			m.wall = time.Since(start)
			return err
		})
		return m, err
	}
}

const inFlight = 8

var perFlight = figure{name: "resident set added per request in flight", unit: "MiB", of: func(m measure) float64 {
	return float64(m.grown()) / inFlight / mebi
}}

func soapInFlight(size int) func(*bench) turn {
	return func(b *bench) turn {
		messages := each(inFlight, size, soapOf)
		return func(ctx context.Context, c *child) (measure, error) {
			to, want := b.reach(c, false)
			first := func(int) message { return messages[0] }
			warm := load{to: to, want: want, conns: 1, requests: 2, limit: turnLimit, message: first}
			if _, err := warm.run(ctx, c); err != nil {
				return measure{}, err
			}
			workers := make([]*worker, inFlight)
			for i := range workers {
				workers[i] = &worker{load: &load{to: to, want: want}, m: messages[i]}
				defer workers[i].close()
			}
			out := measure{requests: inFlight, bytes: inFlight * int64(len(messages[0].body))}
			err := out.around(c, func() (err error) {
				out.wall, err = all(ctx, workers, inFlight, false)
				return err
			})
			return out, err
		}
	}
}

func guesses(spread bool) func(*bench) turn {
	return func(b *bench) turn {
		d := 5 * time.Second
		if b.quick {
			d = time.Second
		}
		return guessing{duration: d, spread: spread, turn: new(atomic.Int64)}.run
	}
}

func extra(name, unit string) figure {
	return figure{name: name, unit: unit, of: func(m measure) float64 { return m.extra[name] }}
}

func guessFigures() []figure {
	slower := figure{name: "p99 under guessing / quiet p99", unit: "times", of: func(m measure) float64 {
		return m.extra[guessedP99] / m.extra[quietP99]
	}}
	return []figure{slower.atMost(3), extra(quietP99, "ms"), extra(guessedP99, "ms"), extra(guessesPer, "/s")}
}
