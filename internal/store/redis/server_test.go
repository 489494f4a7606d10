package redis_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"docusign-auth-proxy/internal/store"
	"docusign-auth-proxy/internal/store/redis"
)

// options are those of a replica in these tests.
func options(addr string) redis.Options {
	return redis.Options{
		Addresses: []string{addr}, Namespace: "test", Key: bytes.Repeat([]byte{7}, 32),
		AccountServer: "https://account-d.docusign.com", Replica: "replica", Timeout: 5 * time.Second,
	}
}

func connect(t *testing.T, o redis.Options) *redis.Server {
	t.Helper()
	s := redis.Open(o)
	t.Cleanup(func() { _ = s.Close() }) // it may be closed already
	if err := s.Connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

// rawClient is what somebody at the server itself has.
func rawClient(t *testing.T, addr string) *goredis.Client {
	c := goredis.NewClient(&goredis.Options{Addr: addr})
	t.Cleanup(func() { _ = c.Close() })
	return c
}

type commit struct {
	changes []store.Change
	at      store.Mark
}

// follow gives what a follower sees, until the test ends.
func follow(t *testing.T, s *redis.Server, from store.Mark) <-chan commit {
	ctx, cancel := context.WithCancel(t.Context())
	seen, ended := make(chan commit), make(chan error, 1)
	go func() {
		ended <- s.Follow(ctx, from, func(changes []store.Change, at store.Mark) {
			if len(changes) == 0 {
				return // nothing is new
			}
			select {
			case seen <- commit{changes, at}:
			case <-ctx.Done():
			}
		})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	return seen
}
