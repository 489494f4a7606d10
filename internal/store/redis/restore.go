package redis

import (
	"context"
	"crypto/rand"
	"errors"

	goredis "github.com/redis/go-redis/v9"

	"docusign-auth-proxy/internal/store"
)

// Restore fills an empty server with all records that this process has, and makes it the store that it was: with the
// same id, so that the other replicas take it, and the same hidden names. store.ErrConflict: it is not empty, or
// somebody else fills it. Nobody believes it before the last record is there; what fails may be repeated.
func (s *Server) Restore(ctx context.Context, records []store.Change) error {
	id, err := s.known()
	if err != nil {
		return err
	}
	const page = 500
	own := rand.Text()
	for len(records) > 0 {
		n := min(page, len(records))
		keys, args := []string{s.key("meta"), s.key("restore")}, []any{own}
		for _, c := range records[:n] {
			short := shortOf(c.Bucket)
			field := s.ring.name("record", short, c.Key)
			keys = append(keys, s.key(short))
			args = append(args, field, s.ring.record(short, field, c.Key, c.Value))
		}
		if err := s.fill(ctx, fillPage, keys, args); err != nil {
			return err
		}
		records = records[n:]
	}
	keys := []string{s.key("meta"), s.key("restore"), s.key("feed")}
	if err := s.fill(ctx, fillEnd, keys, append([]any{own}, s.newMeta(id, *s.ring.names.Load())...)); err != nil {
		return err
	}
	s.probe(ctx) // and everybody may use it again
	return s.State().Err
}

// fill runs one of the two scripts below. The breaker is open: the store is empty.
func (s *Server) fill(ctx context.Context, lua string, keys []string, args []any) error {
	ctx, cancel := context.WithTimeout(ctx, 4*s.o.Timeout)
	defer cancel()
	err := s.fault(goredis.NewScript(mayFill+lua).Run(ctx, s.client(), keys, args...).Err())
	if errors.Is(err, goredis.Nil) {
		return nil
	}
	return err
}

// The scripts of Restore have KEYS: meta, who fills the store, then the feed or a hash for each record; ARGV: who runs
// it, then what meta has or field and record of each.
const (
	mayFill = `
if redis.call('EXISTS', KEYS[1]) == 1 then return redis.error_reply('CONFLICT') end
local who = redis.call('GET', KEYS[2])
if who and who ~= ARGV[1] then return redis.error_reply('CONFLICT') end
redis.call('SET', KEYS[2], ARGV[1], 'PX', 60000)
`
	fillPage = `for k = 3, #KEYS do redis.call('HSET', KEYS[k], ARGV[2 * k - 4], ARGV[2 * k - 3]) end`
	fillEnd  = `
redis.call('HSET', KEYS[1], unpack(ARGV, 2))
redis.call('XADD', KEYS[3], '*', 'begun', '')
redis.call('DEL', KEYS[2])
`
)
