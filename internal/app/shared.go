package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/admin"
	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/observe/ledger"
	"docusign-auth-proxy/internal/observe/metrics"
	"docusign-auth-proxy/internal/store"
	"docusign-auth-proxy/internal/store/redis"
	"docusign-auth-proxy/translate"
)

// firstRead bounds how long a start waits for the store that replicas share.
const firstRead = 20 * time.Second

// shared is the store of all replicas, as this one has it.
type shared struct {
	*store.Store
	server  *redis.Server
	replica string // name of this process among all
	cfg     config.Store
	log     *slog.Logger
	check   storeCheck
	back    func() // called when the store is there again; must not wait

	read atomic.Bool // it was, since the start
	told cause.ID    // why it is away, as the log has it; 0 = it is not
}

// openState opens what outlives the process: the store, and in it the ledger.
func openState(p *App, cfg *config.Config) (err error) {
	keep := ledger.Options{OnError: func(err error) {
		if !store.IsAway(err) { // the store tells of that itself
			p.log.Error("ledger", "error", err)
		}
	}}
	if cfg.Store.Redis == nil {
		p.store, err = openStore(cfg, p.log)
		keep.Store = p.store
	} else if p.shared, err = openShared(p, cfg); err == nil {
		p.store = p.shared.Store
		keep.Shared = p.shared.server.Ledger(p.shared.replica, false)
	}
	if err == nil {
		p.ledger, err = ledger.New(keep)
	}
	return err
}

// openShared makes the connection to the store of all replicas and reads it. One that cannot be reached is tried again
// by Follow; the error is of one that is not for this process.
func openShared(p *App, cfg *config.Config) (*shared, error) {
	s := &shared{replica: replicaName(), cfg: cfg.Store, log: p.log, back: func() {}}
	s.server = OpenRedis(cfg, redis.Options{
		Replica: s.replica,
		Observe: func(operation string, err error, took time.Duration) {
			if p.metrics != nil { // not during the first read
				p.metrics.ObserveStore(operation, err, took)
			}
		},
		OnError: func(err error) {
			s.check.lose(err)
			if p.metrics != nil {
				p.metrics.CountUnreadable()
			}
		},
		OnRefused: s.refused,
	})
	s.check.examine, s.check.config, s.check.log = s.server.Examine, p.path, p.log
	s.Store = shareOver(s.server, cfg, store.Options{
		MaxStale: cfg.Store.MaxStale, OnAway: s.away,
		OnError: func(err error) { p.log.Error("store", "error", err) },
		OnEvent: func(event string) {
			if event == store.EventRetry {
				p.current.retry()
			}
		},
	})
	ctx, cancel := context.WithTimeout(context.Background(), firstRead)
	defer cancel()
	err := s.Read(ctx)
	if err == nil || store.IsAway(err) {
		return s, nil
	}
	if known, ok := errors.AsType[cause.Explained](err); ok {
		err = fmt.Errorf("%w (%s)", err, cause.NextStep(known, "config", p.path))
	}
	return nil, errors.Join(fmt.Errorf("store: %w", err), s.server.Close())
}

// allowance counts guesses at passwords over all replicas.
func (s *shared) allowance() translate.Allowance {
	return s.server.Allowance(redis.Rate{Burst: translate.UserBurst, Refill: translate.UserRefill},
		redis.Rate{Burst: translate.ClientBurst, Refill: translate.ClientRefill}, translate.LongestWait)
}

// retry tells every replica that somebody has repaired something at DocuSign.
func (s *shared) retry() {
	if s == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), firstRead)
	defer cancel()
	if err := askAnew(ctx, s.server, s.Store); err != nil {
		s.log.Warn("the other replicas were not told to ask DocuSign again", "error", err)
	}
}

// askAnew has all replicas ask DocuSign again for what it refused.
func askAnew(ctx context.Context, server *redis.Server, s *store.Store) error {
	return errors.Join(server.Claims().Forget(ctx), s.Announce(ctx, store.EventRetry))
}

// away is told when the store goes away, and with nil when it is back, by one goroutine at a time. The error's text
// changes while an outage goes on: who reads the log wants to know only that something else is to be done.
func (s *shared) away(err error) {
	id, _ := rowOf(err)
	switch {
	case err == nil:
		s.read.Store(true)
		s.told = 0
		s.log.Info("the store of all replicas is followed", "store", s.cfg.Redis.Namespace)
		s.back()
	case errors.Is(err, store.ErrGap):
		s.log.Warn("the feed of changes was trimmed; everything is read anew", "error", err)
	case id != s.told:
		s.told = id
		s.lacks(err, "the store of all replicas is away")
	}
}

// refused is told when the store begins to refuse changes, and with nil when it takes them again: who follows it does
// not notice.
func (s *shared) refused(err error) {
	if err == nil {
		s.log.Info("the store of all replicas takes changes again", "store", s.cfg.Redis.Namespace)
		return
	}
	s.lacks(err, "the store of all replicas takes no changes")
}

func (s *shared) lacks(err error, what string) {
	id, fill := rowOf(err)
	effect := "calls go on with what this replica knows; what only the store knows is answered with 503"
	switch {
	case s.read.Load():
	case s.cfg.ColdStart == coldServe:
		effect = "this replica has read nothing yet: calls that need no store go on, all others are answered with 503"
	default:
		effect = "this replica is not ready: it has read nothing yet, and store.cold_start has it wait"
	}
	//nolint:sloglint // what is one of the two sentences of its callers
	advised(s.log, id, append(fill, "config", s.check.config)...).Error(what, "error", err, "effect", effect)
}

func rowOf(err error) (cause.ID, []string) {
	if known, ok := errors.AsType[cause.Explained](err); ok {
		return known.Row()
	}
	return cause.StoreUnreachable, nil
}

// ready says why this replica must not get calls yet; nil = it may. Once the store was read, that it is away is no
// reason: all replicas would go at the same time.
func (s *shared) ready() error {
	if s == nil || s.cfg.ColdStart == coldServe {
		return nil
	}
	if seen := s.Sight(); !seen.Read {
		return fmt.Errorf("the store of all replicas was not read yet: %w", seen.Err)
	}
	return nil
}

// wrong tells what is wrong with the server: why it cannot be used, and what is doubtful.
func (s *shared) wrong() []redis.Finding {
	return s.check.known(cmp.Or(s.Sight().Err, s.server.State().Err))
}

// coldServe is the word of store.cold_start.
const coldServe = "serve"

// metrics tells how the store and the other replicas are seen from here.
func (s *shared) metrics(all *admin.Replicas) metrics.Shared {
	seen, server := s.Sight(), s.server.State()
	m := metrics.Shared{
		Name: s.cfg.Redis.Namespace, Up: seen.Err == nil && server.Err == nil, LastContact: server.LastContact,
		MaxStale: s.cfg.MaxStale, Replicas: len(all.List), Unsent: all.Counts.Unsent,
	}
	if seen.Read {
		m.FeedLag = time.Since(seen.Contact)
	}
	for _, f := range s.wrong() {
		m.Faults = append(m.Faults, f.Row)
	}
	for _, d := range all.Differences(time.Now()) {
		m.Faults = append(m.Faults, d.Row)
	}
	return m
}
