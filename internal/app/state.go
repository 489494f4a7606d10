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
	return server, shareOver(server, cfg, store.Options{})
}

// shareOver makes the store of all replicas over a connection, with the keys of the configuration.
func shareOver(server *redis.Server, cfg *config.Config, o store.Options) *store.Store {
	return store.Share(server, config.Bytes(cfg.Store.Key), config.Bytes(cfg.Store.PreviousKey), o)
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

// retryEverywhere is askAnew for a command.
func retryEverywhere(ctx context.Context, cfg *config.Config) error {
	server, s := ShareState(cfg)
	err := server.Connect(ctx)
	if err == nil {
		err = askAnew(ctx, server, s)
	}
	return errors.Join(err, s.Close())
}
