package redis_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"docusign-auth-proxy/internal/store/redis"
	"docusign-auth-proxy/internal/store/redis/redistest"
)

func TestReplicasKnowEachOther(t *testing.T) {
	redistest.Each(t, func(t *testing.T, addr string) {
		var all []*redis.Server
		for n := range 3 {
			o := options(addr)
			o.Replica = fmt.Sprint("replica ", n)
			all = append(all, connect(t, o))
		}
		check := func(name string, want ...string) {
			t.Helper()
			list, err := all[0].Replicas(t.Context())
			var got []string
			for _, a := range list {
				if a.Ago < 0 || a.Ago > time.Minute {
					t.Errorf("%s: heard of %s %v ago", name, a.Value, a.Ago)
				}
				got = append(got, string(a.Value))
			}
			if slices.Sort(got); err != nil || !slices.Equal(got, want) {
				t.Errorf("%s: %v, %v, want %v", name, got, err, want)
			}
		}
		announce := func(n int, value string, life time.Duration) {
			t.Helper()
			if err := all[n].Announce(t.Context(), []byte(value), life); err != nil {
				t.Fatal(err)
			}
		}
		check("nobody")
		announce(0, "a", time.Hour)
		announce(1, "b", time.Hour)
		announce(1, "b canary", time.Hour)
		check("two", "a", "b canary")
		raw := rawClient(t, addr)
		for _, key := range raw.Keys(t.Context(), "*:rep:*").Val() {
			dump := key + raw.Get(t.Context(), key).Val()
			if strings.Contains(dump, "canary") || strings.Contains(dump, "replica 1") {
				t.Errorf("the server is told %q", dump)
			}
		}
		if err := all[1].Withdraw(t.Context()); err != nil {
			t.Fatal(err)
		}
		check("one has ended", "a")
		announce(2, "c", time.Hour)
		for _, key := range raw.Keys(t.Context(), "*:rep:*").Val() { // as its life does
			if err := raw.Del(t.Context(), key).Err(); err != nil {
				t.Fatal(err)
			}
		}
		announce(0, "a", time.Hour)
		check("one was killed", "a")
	})
}

func TestAReplicaThatIsSilentIsGone(t *testing.T) {
	redistest.Each(t, func(t *testing.T, addr string) {
		a := connect(t, options(addr))
		if err := a.Announce(t.Context(), []byte("a"), time.Millisecond); err != nil {
			t.Fatal(err)
		}
		raw := rawClient(t, addr)
		ids := raw.ZRange(t.Context(), "{test}:rep", 0, -1).Val()
		if ttl := raw.PTTL(t.Context(), "{test}:rep:"+ids[0]).Val(); ttl > time.Millisecond {
			t.Errorf("it lives for %v", ttl)
		}
		o := options(addr)
		o.Replica = "other"
		b := connect(t, o)
		for len(raw.ZRange(t.Context(), "{test}:rep", 0, -1).Val()) != 1 || t.Context().Err() != nil ||
			slices.Equal(raw.ZRange(t.Context(), "{test}:rep", 0, -1).Val(), ids) {
			if err := b.Announce(t.Context(), []byte("b"), time.Millisecond); err != nil {
				t.Fatal(err)
			}
		}
	})
}
