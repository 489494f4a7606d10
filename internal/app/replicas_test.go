package app

import (
	"bytes"
	"context"
	"testing"
	"time"

	"docusign-auth-proxy/internal/admin"
	"docusign-auth-proxy/internal/store/redis"
	"docusign-auth-proxy/internal/store/redis/redistest"
)

func TestReplicasTellEachOther(t *testing.T) {
	redistest.Each(t, func(t *testing.T, addr string) {
		open := func(name string) *replicas {
			s := redis.Open(redis.Options{
				Addresses: []string{addr}, Namespace: "test", Key: bytes.Repeat([]byte{7}, 32), Replica: name,
				AccountServer: "https://account-d.docusign.com", Timeout: 5 * time.Second,
			})
			t.Cleanup(func() { _ = s.Close() })
			if err := s.Connect(t.Context()); err != nil {
				t.Fatal(err)
			}
			return &replicas{server: s, self: func() admin.Replica { return admin.Replica{Name: name, ConfigHash: name} }}
		}
		a, b := open("a"), open("b")
		if list, at := a.known(); len(list) != 1 || !list[0].Self || !at.IsZero() {
			t.Errorf("before the store was asked it knows %v at %v", list, at)
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- b.run(ctx, func(err error) { t.Error(err) }) }()
		for {
			if err := a.exchange(t.Context()); err != nil {
				t.Fatal(err)
			}
			if list, _ := a.known(); len(list) == 2 {
				break
			}
		}
		list, at := a.known()
		if list[0].Name != "a" || !list[0].Self || list[1].Name != "b" || list[1].Self || list[1].ConfigHash != "b" ||
			at.IsZero() {
			t.Errorf("it knows %+v at %v", list, at)
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := a.exchange(t.Context()); err != nil {
			t.Fatal(err)
		}
		if list, _ := a.known(); len(list) != 1 {
			t.Errorf("one has ended, and it knows %v", list)
		}
	})
}
