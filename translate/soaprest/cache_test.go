package soaprest

import (
	"context"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"docusign-auth-proxy/internal/integration"
)

// poll is one that asks for the status of an envelope.
type poll struct {
	cache *statusCache
	key   statusKey
	life  time.Duration
	asked atomic.Int32
	err   error
	size  int
}

func newPoll() *poll {
	return &poll{
		cache: newStatusCache(time.Now), life: time.Minute,
		key: statusKey{integration.TokenOwner{Integration: "crm", Authenticator: "anna@example.com"}, "e1", "recipients"},
	}
}

func (p *poll) ask(context.Context) (*status, error) {
	n := p.asked.Add(1)
	if p.err != nil {
		return nil, p.err
	}
	var noise strings.Builder
	for i := 0; noise.Len() < p.size; i++ {
		digest := sha512.Sum512([]byte(strconv.Itoa(i)))
		noise.WriteString(hex.EncodeToString(digest[:]))
	}
	return &status{json: []byte(strconv.Itoa(int(n)) + noise.String()), at: time.Now()}, nil
}

// want polls, and says which GET the answer must come from.
func (p *poll) want(t *testing.T, get string, cached bool) {
	t.Helper()
	s, c, err := p.cache.get(t.Context(), p.key, p.life, p.ask)
	if err != nil || !strings.HasPrefix(string(s.json), get) || c != cached {
		t.Errorf("got %.20s, cached %v, %v; want %s, %v", s.json, c, err, get, cached)
	}
}

func TestAStatusIsAskedForOnceInItsLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPoll()
		p.want(t, "1", false)
		time.Sleep(time.Minute - 1)
		p.want(t, "1", true)
		time.Sleep(time.Nanosecond)
		p.want(t, "2", false)
		p.want(t, "2", true)
		p.life = 0
		p.want(t, "3", false)
		p.want(t, "4", false)
	})
}

func TestPollsThatDifferInOneThing(t *testing.T) {
	for name, change := range map[string]func(*statusKey){
		"another integration": func(k *statusKey) { k.owner.Integration = "shop" },
		"another user":        func(k *statusKey) { k.owner.Authenticator = "ben@example.com" },
		"another principal":   func(k *statusKey) { k.owner.Principal = "cora@example.com" },
		"another envelope":    func(k *statusKey) { k.envelope = "e2" },
		"other members":       func(k *statusKey) { k.members = "tabs" },
	} {
		t.Run(name, func(t *testing.T) {
			p := newPoll()
			p.want(t, "1", false)
			change(&p.key)
			p.want(t, "2", false)
		})
	}
}

func TestAChangeIsSeenAtOnce(t *testing.T) {
	p := newPoll()
	p.want(t, "1", false)
	p.cache.forget("e2")
	p.want(t, "1", true)
	p.cache.forget("e1")
	p.want(t, "2", false)

	// A GET that was under way when the envelope was changed is answered to its caller, and to nobody later.
	p = newPoll()
	_, _, err := p.cache.get(t.Context(), p.key, p.life, func(ctx context.Context) (*status, error) {
		p.cache.forget("e1")
		p.want(t, "1", false) // this one is kept
		return p.ask(ctx)
	})
	if err != nil {
		t.Fatal(err)
	}
	p.want(t, "1", true)
}

func TestErrorsAndLargeAnswersAreNotKept(t *testing.T) {
	p := newPoll()
	p.err = errors.New("no")
	if _, _, err := p.cache.get(t.Context(), p.key, p.life, p.ask); !errors.Is(err, p.err) {
		t.Errorf("got %v", err)
	}
	p.err = nil
	p.want(t, "2", false)
	p.cache.forget("e1")
	p.size = 10 * maxStatus
	p.want(t, "3", false)
	p.want(t, "4", false)
}

func TestTheCacheIsBounded(t *testing.T) {
	p := newPoll()
	for i := range maxStatuses + 100 {
		p.key.envelope = strconv.Itoa(i)
		p.want(t, strconv.Itoa(i+1), false)
	}
	if n := p.cache.kept.Len(); n > maxStatuses {
		t.Errorf("%d are kept", n)
	}
}

func TestPollsAtOnceShareOneGET(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPoll()
		slow := func(ctx context.Context) (*status, error) {
			time.Sleep(time.Second)
			return p.ask(ctx)
		}
		var wg sync.WaitGroup
		var shared atomic.Int32
		for range 20 {
			wg.Go(func() {
				s, cached, err := p.cache.get(t.Context(), p.key, p.life, slow)
				if err != nil || string(s.json) != "1" {
					t.Errorf("got %v, %v", s, err)
				}
				if cached {
					shared.Add(1)
				}
			})
		}
		wg.Wait()
		if p.asked.Load() != 1 || shared.Load() != 19 {
			t.Errorf("asked %d times for %d others", p.asked.Load(), shared.Load())
		}
	})
}

func TestOneThatGoesAwayTakesNobodyAlong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPoll()
		ctx, leave := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			_, _, err := p.cache.get(ctx, p.key, p.life, func(ctx context.Context) (*status, error) {
				<-ctx.Done()
				return nil, ctx.Err()
			})
			if !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
		})
		synctest.Wait()
		for range 2 {
			wg.Go(func() {
				if s, _, err := p.cache.get(t.Context(), p.key, p.life, p.ask); err != nil || string(s.json) != "1" {
					t.Errorf("got %v, %v", s, err)
				}
			})
		}
		impatient, stop := context.WithCancel(t.Context())
		stop()
		if _, _, err := p.cache.get(impatient, p.key, p.life, p.ask); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		leave()
		wg.Wait()
	})
}

func TestAPanicLeavesNobodyWaiting(t *testing.T) {
	p := newPoll()
	func() {
		defer func() {
			if recover() == nil {
				t.Error("no panic")
			}
		}()
		_, _, err := p.cache.get(t.Context(), p.key, p.life, func(context.Context) (*status, error) { panic("bug") })
		t.Error(err)
	}()
	p.want(t, "1", false)
}
