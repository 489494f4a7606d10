//go:build linux

package fleet_test

import (
	"context"
	"net"
	"path/filepath"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
)

// redisServer is a real one that keeps what it answered over a kill.
type redisServer struct {
	*process
	address string
	client  *goredis.Client
}

func newRedisServer(t *testing.T, s *stage, dir, host string, more ...string) *redisServer {
	t.Helper()
	r := &redisServer{address: free(t, host)}
	_, port, err := net.SplitHostPort(r.address)
	if err != nil {
		t.Fatal(err)
	}
	args := append([]string{
		s.redis, "--bind", host, "--port", port, "--dir", dir, "--appendonly", "yes", "--save", "",
		"--appenddirname", "append-" + port, "--maxmemory-policy", "noeviction",
	}, more...)
	r.process = newProcess(t, dir, "redis-"+port, args...)
	r.client = goredis.NewClient(&goredis.Options{Addr: r.address, DisableIdentity: true})
	t.Cleanup(func() { _ = r.client.Close() })
	return r
}

// start waits until it answers.
func (r *redisServer) start() {
	r.t.Helper()
	r.process.start()
	await(r.t, filepath.Base(r.log)+" answers", func() error {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		return r.client.Ping(ctx).Err()
	})
}
