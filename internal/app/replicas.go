package app

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strconv"
	"sync"
	"time"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/admin"
	"docusign-auth-proxy/internal/observe/ledger"
	"docusign-auth-proxy/internal/store"
	"docusign-auth-proxy/internal/store/redis"
)

// A replica that says nothing for announceLife is gone.
const (
	announceEvery = 10 * time.Second
	announceLife  = 3 * announceEvery
)

// replicas tells the other replicas of this one, and keeps what they told.
type replicas struct {
	server *redis.Server
	self   func() admin.Replica // what this one says of itself

	mu   sync.Mutex
	list []admin.Replica
	at   time.Time // when it was read; zero = never
}

func newReplicas(p *App) *replicas {
	version, commit, _ := BuildVersion()
	return &replicas{server: p.shared.server, self: func() admin.Replica {
		r := admin.Replica{
			Name: p.shared.replica, Version: version, Commit: commit, Started: p.started,
			ConfigHash: p.current.Load().alike.ConfigHash,
			Operations: reachable(p.operations.Addr()), UnsentCalls: p.ledger.Sharing().Unsent,
		}
		if seen := p.shared.Sight(); seen.Read {
			r.FeedPosition, r.FeedLagSeconds = seen.At.String(), time.Since(seen.Contact).Seconds()
		}
		return r
	}}
}

// reachable is an address by which other machines may know a listener.
func reachable(listens net.Addr) string {
	at, err := netip.ParseAddrPort(listens.String())
	host, hostErr := os.Hostname()
	if err != nil || hostErr != nil || !at.Addr().IsUnspecified() {
		return listens.String()
	}
	return net.JoinHostPort(host, strconv.Itoa(int(at.Port())))
}

// run announces this replica until ctx ends, and takes it back then. A store that is away tells of itself.
func (r *replicas) run(ctx context.Context, log *slog.Logger) error {
	tick := time.NewTicker(announceEvery)
	defer tick.Stop()
	for {
		if err := r.exchange(ctx); err != nil && !store.IsAway(err) && ctx.Err() == nil {
			log.Error("replicas", "error", err)
		}
		select {
		case <-ctx.Done():
			if err := r.server.Withdraw(context.WithoutCancel(ctx)); err != nil && !store.IsAway(err) {
				return err
			}
			return nil
		case <-tick.C:
		}
	}
}

// exchange tells the others of this one, and reads what they told.
func (r *replicas) exchange(ctx context.Context) error {
	value, err := json.Marshal(r.self())
	if err == nil {
		err = r.server.Announce(ctx, value, announceLife)
	}
	if err != nil {
		return fmt.Errorf("announce this replica: %w", err)
	}
	list, err := readReplicas(ctx, r.server)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list, r.at = list, time.Now()
	return nil
}

// readReplicas gives the replicas that live.
func readReplicas(ctx context.Context, server *redis.Server) ([]admin.Replica, error) {
	said, err := server.Replicas(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the list of replicas: %w", err)
	}
	list := []admin.Replica{}
	for _, one := range said {
		var replica admin.Replica
		if err := json.Unmarshal(one.Value, &replica); err != nil {
			return nil, fmt.Errorf("read the list of replicas: %w", err)
		}
		replica.HeardSeconds, replica.Self = one.Ago.Seconds(), false
		list = append(list, replica)
	}
	return list, nil
}

// Replicas lists those that live, to be compared with a configuration and this version. The server must be known.
func Replicas(ctx context.Context, cfg *config.Config, server *redis.Server) (*admin.Replicas, error) {
	r := replicasOf(cfg)
	r.AsOf = time.Now()
	var err error
	r.List, err = readReplicas(ctx, server)
	return r, err
}

// replicasOf has what replicas are compared with.
func replicasOf(cfg *config.Config) *admin.Replicas {
	version, _, _ := BuildVersion()
	return &admin.Replicas{
		Store: cfg.Store.Redis.Namespace, Version: version, ConfigHash: cfg.Hash(config.Bytes(cfg.Store.Key)),
	}
}

// status is what all replicas know together.
func (r *replicas) status(alike *admin.Replicas, l *ledger.Ledger) *admin.Replicas {
	s := *alike
	s.List, s.AsOf = r.known()
	s.Made = r.server.Made()
	s.Counts = *l.Sharing()
	return &s
}

// known gives the list with this replica as it is now, and when it was read.
func (r *replicas) known() (list []admin.Replica, at time.Time) {
	self := r.self()
	self.Self = true
	list = []admin.Replica{self}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, one := range r.list {
		if one.Name != self.Name {
			list = append(list, one)
		}
	}
	return list, r.at
}
