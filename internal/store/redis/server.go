// Package redis is the store that replicas share: Redis or Valkey, from version 7.0. It must never give the server a
// secret or a name in clear, believe a server that lost or replaced what it had, or hold a caller up for longer than
// Options.Timeout, and in a crowd crowdTime as long.
// internal/app opens it; package store keeps its records in it, translate/oauth, translate and the ledger share through
// it what the account server limits, what guesses cost and what was counted.
package redis

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"strings"
	"sync"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"

	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/internal/store"
)

// Options say how the server is reached. Addresses, Namespace, Key, AccountServer, Replica and Timeout are required.
type Options struct {
	Addresses []string // host:port: the server, or all sentinels, or some nodes of a cluster
	Username  string
	Password  secret.Text
	Database  int
	TLS       *tls.Config // nil = none
	Sentinel  *Sentinel   // Addresses are those of sentinels
	Cluster   bool        // Addresses are nodes of a cluster

	Namespace     string // first part of every key
	Key           []byte // 32 bytes that the server never sees
	PreviousKey   []byte // opens what was sealed before Key; nil = there is none
	AccountServer string // origin: demo and production must not share a store
	Replica       string // the name of this process among all, never used before

	LooksOnly   bool          // Connect makes no store where there is none: one that was emptied could not be restored
	Timeout     time.Duration // bound of one question
	Connections int           // at most, besides one for the feed; 0 means 8
	// Observe is told of every question: how it ended (nil, or the error) and how long it took. nil = nobody.
	Observe func(operation string, err error, took time.Duration)
	// OnError is told of a record that this key did not seal for its place: it is left out. nil = nobody.
	OnError func(error)
	// OnRefused is told when the server begins to refuse changes although it answers, and with nil when it takes them
	// again. nil = nobody.
	OnRefused func(error)
}

// Sentinel says what to ask sentinels for.
type Sentinel struct {
	Master   string // name of the master set
	Username string // at the sentinels themselves
	Password secret.Text
}

// Server is the store that replicas share. It is safe for any number of goroutines.
type Server struct{ records }

// records keeps what package store puts, and the feed of its changes.
type records struct {
	identity
	mine mine
}

// identity knows which store it is, and finds out whether it still is that one.
type identity struct{ link }

// link is the connection: one pool with its breaker.
type link struct {
	o       Options
	ring    *keyring
	breaker breaker
	slots   chan struct{} // one for each connection
	scripts sync.Map      // by name, each a *goredis.Script

	mu       sync.Mutex
	pool     goredis.UniversalClient
	id       string // of the store that was found first; "" = none yet
	isCopied bool   // other servers copy what it has
	madeAt   time.Time
}

// Open makes a Server. It does no I/O; Connect does.
func Open(o Options) *Server {
	goredis.SetLogger(&logging.VoidLogger{}) // it would write to standard error, beside Observe
	if o.Observe == nil {
		o.Observe = func(string, error, time.Duration) {}
	}
	if o.OnError == nil {
		o.OnError = func(error) {}
	}
	if o.OnRefused == nil {
		o.OnRefused = func(error) {}
	}
	if o.Connections == 0 {
		o.Connections = 8
	}
	return &Server{records{identity: identity{link{
		o: o, pool: o.client(o.Connections), ring: newKeyring(o), slots: make(chan struct{}, o.Connections),
	}}}}
}

// client makes a pool that never waits longer than the caller, repeats nothing, keeps few connections, and ends them
// at different times, so that no crowd connects at once. Every question has a deadline of its own.
func (o Options) client(connections int) goredis.UniversalClient {
	c := &goredis.UniversalOptions{
		Addrs: o.Addresses, Username: o.Username, Password: o.Password.Reveal(), DB: o.Database, TLSConfig: o.TLS,
		Dialer:        o.dialer(),
		IsClusterMode: o.Cluster, ContextTimeoutEnabled: true, MaxRetries: -1, DialerRetries: 1,
		PoolSize: connections, PipelinePoolSize: -1, DialTimeout: o.Timeout, PoolTimeout: o.Timeout,
		ReadTimeout: longestQuestion, WriteTimeout: longestQuestion,
		ConnMaxLifetime: connLife, ConnMaxLifetimeJitter: connLife / 3,
		Protocol: 2, DisableIdentity: true, // no commands that an ACL may forbid
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
	if s := o.Sentinel; s != nil {
		c.MasterName, c.SentinelUsername, c.SentinelPassword = s.Master, s.Username, s.Password.Reveal()
	}
	return goredis.NewUniversalClient(c)
}

const (
	connLife        = 30 * time.Minute
	longestQuestion = 30 * time.Second
)

// Close ends all connections but those of Follow, which end with their contexts.
func (s *link) Close() error { return s.client().Close() }

func (s *link) client() goredis.UniversalClient {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pool
}

// key is a key of the store. Its first part in braces has a cluster put all of them in one slot, so that scripts see
// every key.
func (s *link) key(parts ...string) string {
	return "{" + s.o.Namespace + "}:" + strings.Join(parts, ":")
}

// known is the id of the store that this process knows.
func (s *link) known() (id string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.id == "" {
		return "", fmt.Errorf("%w: it has not been reached yet", store.ErrUnreachable)
	}
	return s.id, nil
}

// Made is when somebody made the store; zero = it has not been found, or does not say.
func (s *link) Made() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.madeAt
}

// Known tells whether Connect or Examine has found the store.
func (s *link) Known() bool {
	_, err := s.known()
	return err == nil
}

// do asks one question, unless the breaker is open. The error is what a script refused with, or wraps
// store.ErrUnreachable: that there is no value is none. A caller who has gone, or waits less long, says nothing of the
// server.
func (s *link) do(
	ctx context.Context, operation string, limit time.Duration,
	ask func(context.Context, goredis.UniversalClient) error,
) (err error) {
	if err = s.takeSlot(ctx, limit); err != nil {
		return err
	}
	defer func() { <-s.slots }()
	turn, err := s.breaker.state()
	if err != nil {
		return err
	}
	asked, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	began := time.Now()
	if err = s.fault(ask(asked, s.client())); err == goredis.Nil { //nolint:errorlint // a fault may wrap it
		err = nil
	}
	s.o.Observe(operation, err, time.Since(began))
	if until, ok := ctx.Deadline(); ctx.Err() == nil && !(ok && until.Before(began.Add(limit)) && late(err)) {
		if s.breaker.note(turn, err) && refuses(err) {
			s.o.OnRefused(err)
		}
	}
	return err
}

// crowdTime is how many times the bound of a question it may wait for a connection, while the store answers others.
const crowdTime = 8

// takeSlot waits for a connection. A crowd of this process says nothing of the server, so its wait is no part of a
// question's time; if the store goes away meanwhile, the questions before find that out.
func (s *link) takeSlot(ctx context.Context, limit time.Duration) error {
	waiting, cancel := context.WithTimeout(ctx, crowdTime*limit)
	defer cancel()
	select {
	case s.slots <- struct{}{}:
		return nil
	case <-waiting.Done():
		return cmp.Or(ctx.Err(), fmt.Errorf("%w: all its connections are in use", store.ErrUnreachable))
	}
}

// run runs a script on the store that this process knows. keys come after the key of meta, which the script checks.
func (s *link) run(ctx context.Context, script script, keys []string, args ...any) (answer any, err error) {
	return s.runWithin(ctx, s.o.Timeout, script, keys, args...)
}

func (s *link) runWithin(
	ctx context.Context, limit time.Duration, script script, keys []string, args ...any,
) (answer any, err error) {
	id, err := s.known()
	if err != nil {
		return nil, err
	}
	err = s.do(ctx, script.name, limit, func(ctx context.Context, c goredis.UniversalClient) (err error) {
		answer, err = script.on(ctx, c, s, id, keys, args...)
		return err
	})
	return answer, err
}
