package redis

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strconv"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"docusign-auth-proxy/internal/store"
)

const (
	program = "docusign-auth-proxy"
	schema  = 1 // of all keys
)

// ErrAccountServer: the store belongs to another DocuSign environment.
var ErrAccountServer = errors.New("the store belongs to another account server")

// connectTime bounds Connect, which a start waits for.
const connectTime = 5 * time.Second

// Connect finds the store, or makes it where there is none, and remembers which one it is. What it says of a wrong key,
// a foreign or a newer store (ErrKey, ErrAccountServer, store.ErrForeign, store.ErrNewer) does not change by itself; all
// else is store.ErrUnreachable and may be tried again.
func (s *Server) Connect(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	meta, err := s.meta(ctx)
	s.breaker.note(err)
	if err != nil {
		return err
	}
	if err := s.checkMeta(meta); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.id != "" && s.id != meta["id"] {
		return store.ErrReplaced
	}
	if s.id == "" {
		if _, err = s.ring.useNames([]byte(meta["names"])); err != nil {
			return err
		}
	}
	s.id = meta["id"]
	return nil
}

// meta reads what the store says of itself. Of several replicas that find none, one makes it.
func (s *Server) meta(ctx context.Context) (meta map[string]string, err error) {
	meta, err = s.pool.HGetAll(ctx, s.key("meta")).Result()
	if err != nil {
		return nil, unreachable(err)
	}
	if len(meta) > 0 {
		return meta, nil
	}
	s.mu.Lock()
	known := s.id
	s.mu.Unlock()
	if known != "" {
		return nil, store.ErrEmptied
	}
	fresh := []any{
		"program", program, "schema", schema, "id", rand.Text(), "account_server", s.o.AccountServer,
		"names", s.ring.newNames(), "made", time.Now().UTC().Format(time.RFC3339),
	}
	err = makeMeta().Run(ctx, s.pool, []string{s.key("meta"), s.key("feed")}, fresh...).Err()
	if err != nil && !errors.Is(err, goredis.Nil) {
		return nil, unreachable(err)
	}
	meta, err = s.pool.HGetAll(ctx, s.key("meta")).Result()
	return meta, unreachable(err)
}

func makeMeta() *goredis.Script {
	return goredis.NewScript(`if redis.call('EXISTS', KEYS[1]) == 1 then return end
redis.call('HSET', KEYS[1], unpack(ARGV))
redis.call('XADD', KEYS[2], '*', 'begun', '')`)
}

func (s *Server) checkMeta(meta map[string]string) error {
	version, err := strconv.Atoi(meta["schema"])
	switch {
	case meta["program"] != program || err != nil:
		return fmt.Errorf("%w: the keys under %s are not of this program", store.ErrForeign, s.key("meta"))
	case version > schema:
		return fmt.Errorf("%w: its schema is %d, this program knows %d", store.ErrNewer, version, schema)
	case meta["account_server"] != s.o.AccountServer:
		return fmt.Errorf("%w: %s, this configuration has %s", ErrAccountServer, meta["account_server"], s.o.AccountServer)
	}
	return nil
}
