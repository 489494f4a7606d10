package redis_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/secret"
	"docusign-auth-proxy/internal/store"
	"docusign-auth-proxy/internal/store/redis"
	"docusign-auth-proxy/internal/store/redis/redistest"
)

// works does a bit of everything.
func works(t *testing.T, s *redis.Server) {
	t.Helper()
	t.Run("it works", func(t *testing.T) { everything(t, s) })
}

// copied waits until another server has all of this one.
func copied(t *testing.T, server *redistest.Server) {
	t.Helper()
	raw := rawClient(t, server.Addr)
	eventually(t, "the copy is made", func() bool {
		pipe := raw.Pipeline()
		pipe.Set(t.Context(), "copied", 1, 0)
		wait := pipe.Do(t.Context(), "WAIT", 1, 100)
		_, err := pipe.Exec(t.Context())
		return err == nil && wait.Val() == int64(1)
	})
}

func everything(t *testing.T, s *redis.Server) {
	end := must(t)(s.End(t.Context()))
	seen := followWhile(t, s, end, store.IsAway) // after a fail-over it may be led to the server that is gone
	c := put(fmt.Sprint(time.Now()), "1")
	c.If = store.Absent
	at := must(t)(s.Commit(t.Context(), []store.Change{c}))
	if got := <-seen; got.at != at {
		t.Errorf("the feed has %v, the commit said %v", got.at, at)
	}
	if value, ok, err := s.Get(t.Context(), c.Bucket, c.Key); string(value) != "1" || !ok || err != nil {
		t.Errorf("it has %q, %v, %v", value, ok, err)
	}
	if got := all(t, s); got[c.Key] != "1" {
		t.Errorf("there is %v", got)
	}
	lease, err := s.Lease(t.Context(), "work", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	lease.Release()
}

func TestAUserWithItsRightsOverTLSInAnotherDatabase(t *testing.T) {
	certs := redistest.NewCertificates(t)
	rights := "+" + strings.Join(redis.Commands(), " +")
	user := "--user proxy on >phrase resetchannels ~{test}:* -@all +select " + rights
	server := redistest.Start(t, append(certs.Args(), strings.Fields(user)...)...)
	o := options(server.Addr)
	o.TLS = &tls.Config{RootCAs: certs.Pool, Certificates: []tls.Certificate{certs.Pair}, MinVersion: tls.VersionTLS12}
	o.Username, o.Password, o.Database = "proxy", secret.New("phrase"), 3
	works(t, connect(t, o))
	o.Namespace = "other"
	foreign := redis.Open(o)
	defer foreign.Close()
	known, ok := errors.AsType[cause.Explained](foreign.Connect(t.Context()))
	if !ok {
		t.Fatal("it may use other keys")
	}
	if row, _ := known.Row(); row != cause.StoreRight {
		t.Errorf("it says %v", known)
	}
}

func TestACluster(t *testing.T) {
	var nodes []*redistest.Server
	user := "--user proxy on >phrase resetchannels ~{test}:* -@all +select +" + strings.Join(redis.Commands(), " +") +
		" +cluster|slots +command" // as docs/scale.md has it
	for range 3 {
		nodes = append(nodes, redistest.Start(t, append(strings.Fields(user), "--cluster-enabled", "yes",
			"--cluster-node-timeout", "2000")...))
	}
	raw := rawClient(t, nodes[0].Addr)
	for i, node := range nodes {
		c := rawClient(t, node.Addr)
		if err := c.ClusterAddSlotsRange(t.Context(), 16384*i/3, 16384*(i+1)/3-1).Err(); err != nil {
			t.Fatal(err)
		}
		if err := raw.ClusterMeet(t.Context(), "127.0.0.1", node.Port()).Err(); err != nil {
			t.Fatal(err)
		}
	}
	for _, node := range nodes {
		eventually(t, "the nodes know each other", func() bool {
			info := rawClient(t, node.Addr).ClusterInfo(t.Context()).Val()
			return strings.Contains(info, "cluster_state:ok") && strings.Contains(info, "cluster_known_nodes:3")
		})
	}
	moved := 0
	for _, node := range nodes {
		o := options(node.Addr)
		o.Username, o.Password = "proxy", secret.New("phrase")
		alone := redis.Open(o)
		defer alone.Close()
		if known, ok := errors.AsType[cause.Explained](alone.Connect(t.Context())); ok {
			if row, _ := known.Row(); row == cause.StoreCluster {
				moved++
			}
		}
		o.Cluster = true
		works(t, connect(t, o))
		for _, f := range connect(t, o).Examine(t.Context()) {
			if f.Row != 0 && f.Row != cause.StoreForgets {
				t.Errorf("%s: %s", f.Check, f.Row.Means(f.Fill...))
			}
		}
	}
	for _, node := range nodes {
		if refused := rawClient(t, node.Addr).Do(t.Context(), "ACL", "LOG").Val(); fmt.Sprint(refused) != "[]" {
			t.Errorf("a node refuses %v", refused)
		}
	}
	if moved != 2 {
		t.Errorf("without cluster: true, %d of 3 nodes say what is missing, want 2", moved)
	}
}

func TestSentinelsFindTheServer(t *testing.T) {
	first := redistest.Start(t, "--repl-diskless-sync-delay", "0")
	second := redistest.Start(t, "--replicaof", "127.0.0.1", first.Port())
	var addrs []string
	var sentinels []*redistest.Server
	for range 3 {
		file := filepath.Join(t.TempDir(), "sentinel.conf")
		text := fmt.Sprintf("sentinel monitor store 127.0.0.1 %s 2\nsentinel down-after-milliseconds store 500\n"+
			"sentinel failover-timeout store 3000\n"+
			"user proxy on >phrase resetchannels &+switch-master &+replica-reconf-done -@all "+ // as docs/scale.md has it
			"+sentinel|get-master-addr-by-name +sentinel|sentinels +subscribe +ping\n", first.Port())
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s := redistest.Start(t, redistest.ConfigFile, file, "--sentinel")
		sentinels = append(sentinels, s)
		addrs = append(addrs, s.Addr)
	}
	eventually(t, "sentinels know each other and the replica", func() bool {
		for _, s := range sentinels {
			masters := fmt.Sprint(rawClient(t, s.Addr).Do(t.Context(), "SENTINEL", "MASTERS").Val())
			if !strings.Contains(masters, "num-other-sentinels:2") || !strings.Contains(masters, "num-slaves:1") {
				return false
			}
		}
		return true
	})
	o := options("")
	o.Addresses, o.Timeout = append([]string{"127.0.0.1:1"}, addrs...), time.Second // the first one is dead
	o.Sentinel = &redis.Sentinel{Master: "unknown", Username: "proxy", Password: secret.New("phrase")}
	nobody := redis.Open(o)
	defer nobody.Close()
	known, ok := errors.AsType[cause.Explained](nobody.Connect(t.Context()))
	if !ok {
		t.Fatal("a master that they do not know has no cause")
	}
	if row, _ := known.Row(); row != cause.StoreSentinel {
		t.Errorf("a master that they do not know: %v", known)
	}
	o.Sentinel = &redis.Sentinel{Master: "store", Username: "proxy", Password: secret.New("phrase")}
	s := connect(t, o)
	go s.Watch(t.Context())
	works(t, s)
	copied(t, first)
	first.Kill()
	eventually(t, "the new master is found", func() bool {
		_, err := s.Commit(t.Context(), []store.Change{put("after", "1")})
		return err == nil
	})
	works(t, s)
	for _, sentinel := range sentinels {
		if refused := rawClient(t, sentinel.Addr).Do(t.Context(), "ACL", "LOG").Val(); fmt.Sprint(refused) != "[]" {
			t.Errorf("a sentinel refuses %v", refused)
		}
	}
	if !strings.Contains(second.Log(), "MASTER MODE enabled") {
		t.Error("the second server has not taken over")
	}
}
