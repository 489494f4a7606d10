package redis

import (
	"context"
	"time"

	"docusign-auth-proxy/internal/store"
)

// Lease takes a turn. What lies under its name has a fence, so that a holder who comes late takes it from nobody.
func (s *records) Lease(ctx context.Context, name string, life time.Duration) (*store.Lease, error) {
	keys := []string{s.key("lease", "store", s.ring.name("lease", name)), s.key("fence")}
	held, until, err := s.lease(ctx, keys, "", life)
	if err != nil {
		return nil, err
	}
	return &store.Lease{
		Until: until,
		Extend: func(ctx context.Context, life time.Duration) (time.Time, error) {
			_, until, err := s.lease(ctx, keys, held, life)
			return until, err
		},
		Release: func() {
			// Where this fails, the turn ends by itself.
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.o.Timeout)
			defer cancel()
			_, _ = s.run(ctx, giveLease(), keys[:1], held)
		},
	}, nil
}

// lease takes a turn for life from now on, also if held is what it was taken with before.
func (s *records) lease(
	ctx context.Context, keys []string, held string, life time.Duration,
) (now string, until time.Time, err error) {
	until = time.Now().Add(life) // it ends here before it ends in the store
	answer, err := s.run(ctx, takeLease(), keys, s.o.Replica, life.Milliseconds(), held)
	if err != nil {
		return "", time.Time{}, err
	}
	now, ok := answer.(string)
	if !ok {
		return "", time.Time{}, store.ErrBusy
	}
	return now, until, nil
}

func takeLease() script {
	return newScript("lease", nextFence+`
local other = redis.call('GET', KEYS[2])
if other and other ~= ARGV[4] then return false end
local held = ARGV[4]
if held == '' then held = ARGV[2] .. ':' .. next_fence(KEYS[3]) end
redis.call('SET', KEYS[2], held, 'PX', ARGV[3])
return held
`)
}

func giveLease() script {
	return newScript("release", `if redis.call('GET', KEYS[2]) == ARGV[2] then redis.call('DEL', KEYS[2]) end`)
}
