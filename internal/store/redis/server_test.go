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
	return followWhile(t, s, from, func(error) bool { return false })
}

// followWhile is follow that begins anew after an end that again allows for. Nothing more is seen after another one.
func followWhile(t *testing.T, s *redis.Server, from store.Mark, again func(error) bool) <-chan commit {
	ctx, cancel := context.WithCancel(t.Context())
	seen, ended := make(chan commit), make(chan error, 1)
	go func() {
		defer close(seen)
		apply := func(changes []store.Change, at store.Mark) {
			if from = at; len(changes) == 0 {
				return // nothing is new
			}
			select {
			case seen <- commit{changes, at}:
			case <-ctx.Done():
			}
		}
		err := s.Follow(ctx, from, apply)
		for again(err) {
			time.Sleep(20 * time.Millisecond)
			err = s.Follow(ctx, from, apply)
		}
		ended <- err
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	return seen
}
