package app

import (
	"context"
	"errors"

	"docusign-auth-proxy/config"
	"docusign-auth-proxy/internal/store"
	"docusign-auth-proxy/internal/store/redis"
)

// ShareState makes the store of all replicas, for a command that is none of them. It does no I/O, and closing the Store
// closes the Server.
func ShareState(cfg *config.Config) (*redis.Server, *store.Store) {
	server := OpenRedis(cfg, redis.Options{Replica: replicaName()})
	key, before := config.Bytes(cfg.Store.Key), config.Bytes(cfg.Store.PreviousKey)
	return server, store.Share(server, key, before, store.Options{})
}

// WithSharedState reads the store of all replicas, follows its changes while do works on it, and lets go of it.
func WithSharedState(ctx context.Context, cfg *config.Config, do func(*store.Store) error) (err error) {
	_, s := ShareState(cfg)
	if err := s.Read(ctx); err != nil {
		return errors.Join(err, s.Close())
	}
	ctx, end := context.WithCancel(ctx)
	followed := make(chan error, 1)
	go func() { followed <- s.Follow(ctx) }()
	err = do(s)
	end()
	return errors.Join(err, <-followed, s.Close())
}

// retryEverywhere has all replicas ask DocuSign again for what it refused.
func retryEverywhere(ctx context.Context, cfg *config.Config) error {
	server, s := ShareState(cfg)
	err := server.Connect(ctx)
	if err == nil {
		err = server.Claims().Forget(ctx)
	}
	if err == nil {
		err = s.Announce(ctx, store.EventRetry)
	}
	return errors.Join(err, s.Close())
}
