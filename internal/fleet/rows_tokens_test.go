//go:build linux

package fleet_test

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"docusign-auth-proxy/internal/processtest"
)

// usedAtOnce uses tokens at another replica as soon as they were issued, and revokes them.
func usedAtOnce(t *testing.T, s *stage) string {
	const tokens, users = 1000, 50
	f := s.start(t, plan{replicas: 3, users: users})
	for i := range users { // the account server is no part of this row
		for _, r := range f.replicas {
			f.allGood([]outcome{newProgram(byHeader, userNumber(i), "", to(r.proxy)).list(t.Context())})
		}
	}
	var refused atomic.Int64
	var wg sync.WaitGroup
	held := make([]*program, tokens)
	for worker := range 8 {
		wg.Go(func() {
			for i := worker; i < tokens && !t.Failed(); i += 8 {
				p := newProgram(byToken, userNumber(i%users), "", to(f.replicas[i%3].proxy))
				if o := p.login(t.Context()); !o.good() {
					t.Errorf("issue: %v", o)
					return
				}
				p.base = to(f.replicas[(i+1)%3].proxy)
				if o := p.list(t.Context()); !o.good() {
					refused.Add(1)
					t.Errorf("used at another replica: %v", o)
				}
				held[i] = p
			}
		})
	}
	wg.Wait()
	dead, slowest := 0, time.Duration(0)
	for i := tokens - users; i < tokens && !t.Failed(); i += 5 { // a user's last ones: not all of them are kept
		slowest = max(slowest, f.revokedEverywhere(held[i]))
		dead++
	}
	return fmt.Sprintf("%d tokens used at another replica at once, %d refused; %d revoked, dead everywhere within %.2f s",
		tokens, refused.Load(), dead, slowest.Seconds())
}

// revokedEverywhere revokes at one replica and tells how long the others believe the token.
func (f *fleet) revokedEverywhere(p *program) time.Duration {
	t := f.t
	t.Helper()
	for _, r := range f.replicas {
		p.base = to(r.proxy)
		f.allGood([]outcome{p.list(t.Context())})
	}
	p.base = to(f.replicas[0].proxy)
	if o := p.revoke(t.Context()); !o.good() {
		t.Errorf("revoke: %v", o)
	}
	began := time.Now()
	for _, r := range f.replicas {
		p.base = to(r.proxy)
		processtest.Await(t, "the token is dead at "+r.name, func() error {
			if o := p.list(t.Context()); o.status != http.StatusUnauthorized {
				return fmt.Errorf("%v", o)
			}
			return nil
		})
	}
	took := time.Since(began)
	if took > 3*time.Second { // 1 s on a machine that has nothing else to do
		t.Errorf("a revoked token was believed for %v", took)
	}
	return took
}
