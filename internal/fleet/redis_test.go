//go:build linux

package fleet_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"docusign-auth-proxy/internal/processtest"
)

// redisServer is a real one that keeps what it answered over a kill.
type redisServer struct {
	*process
	address string
	client  *goredis.Client
}

func newRedisServer(t *testing.T, s *stage, dir, host string, more ...string) *redisServer {
	t.Helper()
	r := &redisServer{address: processtest.Free(t, host)}
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
	processtest.Await(r.t, filepath.Base(r.log)+" answers", func() error {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		return r.client.Ping(ctx).Err()
	})
}

// moveTo lets it start at another address, with all it holds.
func (r *redisServer) moveTo(address string) {
	r.t.Helper()
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		r.t.Fatal(err)
	}
	r.args[2], r.args[4] = host, port // behind --bind and --port
	r.address = address
	_ = r.client.Close()
	r.client = goredis.NewClient(&goredis.Options{Addr: address, DisableIdentity: true})
}

// sentinelSet is a primary, which f.store is, a secondary that follows it, and a sentinel that replaces one by the
// other.
type sentinelSet struct {
	secondary *redisServer
	address   string // of the sentinel
}

const masterName = "fleet-master"

func (f *fleet) newSentinelSet() *sentinelSet {
	f.t.Helper()
	host, port, err := net.SplitHostPort(f.store.address)
	if err != nil {
		f.t.Fatal(err)
	}
	const secondHost = "127.28.2.2"
	set := &sentinelSet{secondary: newRedisServer(f.t, f.s, f.dir, secondHost,
		"--replicaof", host+" "+port, "--replica-announce-ip", secondHost)}
	set.secondary.start()
	processtest.Await(f.t, "the secondary follows", func() error {
		text, err := f.store.client.Info(f.t.Context(), "replication").Result()
		if err == nil && !strings.Contains(text, "state=online") {
			err = errors.New("it does not yet")
		}
		return err
	})
	set.address = processtest.Free(f.t, "127.28.2.3")
	sentinelHost, sentinelPort, err := net.SplitHostPort(set.address)
	if err != nil {
		f.t.Fatal(err)
	}
	text := fmt.Sprintf("bind %s\nport %s\ndir %s\nsentinel monitor %[4]s %[5]s %[6]s 1\n"+
		"sentinel down-after-milliseconds %[4]s 500\nsentinel failover-timeout %[4]s 3000\n",
		sentinelHost, sentinelPort, f.dir, masterName, host, port)
	path := f.write("sentinel.conf", []byte(text))
	p := newProcess(f.t, f.dir, "sentinel", f.s.redis, path, "--sentinel")
	p.start()
	watch := goredis.NewSentinelClient(&goredis.Options{Addr: set.address, DisableIdentity: true})
	f.t.Cleanup(func() { _ = watch.Close() })
	processtest.Await(f.t, "the sentinel knows both", func() error {
		known, err := watch.Replicas(f.t.Context(), masterName).Result()
		if err == nil && (len(known) != 1 || known[0]["flags"] != "slave" || known[0]["master-link-status"] != "ok") {
			err = errors.New("it does not yet")
		}
		return err
	})
	return set
}
