package mistakes_test

import (
	"bytes"
	"encoding/base64"
	"testing"

	"docusign-auth-proxy/internal/app/apptest"
	"docusign-auth-proxy/internal/cause"
	"docusign-auth-proxy/internal/store/redis/redistest"
)

// stores are mistakes with the server that replicas share. Calls whose credential the proxy knows go well all the same.
func stores() []mistake {
	const kept, isAway = "--appendonly", "the store of all replicas is away"
	on := func(args ...string) func(*place) {
		return func(p *place) { p.shares(args...) }
	}
	return []mistake{
		{name: "a store that deletes keys when it is full", before: on(kept, "yes", "--maxmemory-policy", "allkeys-lru"),
			cause: cause.StoreEvicts, status: 200, says: "envelopes", line: "store", noHeader: wentWell, check: "store memory"},
		{name: "a store that keeps nothing", before: on(), cause: cause.StoreForgets, status: 200, says: "envelopes",
			line: "store", noHeader: wentWell, check: "store persistence"},
		{name: "a store that ends", before: on(kept, "yes"), call: func(p *place) apptest.Answer {
			p.list()
			p.store.Kill()
			return p.list()
		}, cause: cause.StoreAway, status: 200, says: "envelopes", line: isAway, noHeader: wentWell, check: "store server"},
		{name: "a store that wants another password", before: func(p *place) {
			on(kept, "yes", "--requirepass", "another one")(p)
			p.put("redis-password", []byte("canary-redis"))
			p.Change(func(s apptest.Section) {
				s.At("store").At("redis")["password"] = apptest.Section{"file": "redis-password"}
			})
		}, cause: cause.StorePassword, status: 200, says: "envelopes", line: isAway, noHeader: wentWell,
			check: "store server"},
	}
}

// shares starts a server, and lets the proxy keep its state there.
func (p *place) shares(args ...string) {
	p.T.Helper()
	p.store = redistest.Start(p.T, args...)
	p.put("store.key", []byte(base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32))))
	p.Change(func(s apptest.Section) {
		s["store"] = apptest.Section{
			"redis": apptest.Section{"addresses": []any{p.store.Addr}, "timeout": "2s"}, "key": apptest.Section{"file": "store.key"},
		}
	})
}

func TestEveryMistakeWithTheStoreIsToldWithTheSameNextStep(t *testing.T) {
	t.Parallel()
	redistest.Require(t, redistest.Program)
	tellAlike(t, stores())
}
