package redis

import (
	"context"
	"errors"
	"time"

	"docusign-auth-proxy/internal/observe/ledger"
	"docusign-auth-proxy/internal/store"
)

const (
	resealEvery = time.Hour
	resealTurn  = 5 * time.Minute // the longest that sealing all anew takes
)

// Reseal seals anew what was sealed with the key before: the secret of the names, the records of the buckets that this
// version knows, and the ledger. Values that replicas share for hours end by themselves. It returns how many records
// there were; store.ErrBusy: another replica does it.
func (s *Server) Reseal(ctx context.Context) (count int, err error) {
	lease, err := s.Lease(ctx, "reseal", resealTurn)
	if err != nil {
		return 0, err
	}
	defer lease.Release()
	n, err := s.look(ctx)
	if err != nil {
		return 0, err
	}
	return s.sealedBefore(ctx, n, func(key string, old []any) error { return s.replace(ctx, key, old) })
}

// sealedBefore counts what was sealed with the key before: records, rows of the ledger, and the secret of the names. It
// gives what is to be replaced below a key: field, what is there, and the same sealed anew, in turn.
func (s *Server) sealedBefore(
	ctx context.Context, n nature, found func(key string, old []any) error,
) (count int, err error) {
	sealed := n.meta["names"]
	names, old, err := s.ring.openNames([]byte(sealed))
	if err == nil && old {
		count++
		err = found(s.key("meta"), []any{"names", sealed, s.ring.seal(names, "meta", "names")})
	}
	for _, kind := range ledger.Kinds() {
		if err != nil {
			return count, err
		}
		l := &sharedLedger{s: s, seq: s.key("led", "seq", "none")}
		_, err = l.each(ctx, kind, 0, func(key string, _ ledger.Fields, old []any) error {
			if len(old) == 0 {
				return nil
			}
			count++
			return found(key, old)
		})
	}
	if err != nil {
		return count, err
	}
	records, err := s.recordsBefore(ctx, found)
	return count + records, err
}

// recordsBefore is sealedBefore for the records of the buckets that this version knows.
func (s *Server) recordsBefore(ctx context.Context, found func(key string, old []any) error) (count int, err error) {
	for _, short := range shorts() {
		key := s.key(short[1])
		err := s.pages(ctx, key, func(fields []string) error {
			var renewed []any
			for i := 0; i+1 < len(fields); i += 2 {
				c, old, err := s.ring.openRecord(short[1], fields[i], fields[i+1])
				if err == nil && old && c.Value != nil {
					renewed = append(renewed, fields[i], fields[i+1], s.ring.record(short[1], fields[i], c.Key, c.Value))
				}
			}
			count += len(renewed) / 3
			if len(renewed) == 0 {
				return nil
			}
			return found(key, renewed)
		})
		if err != nil {
			return count, err
		}
	}
	return count, nil
}

// replace puts what was sealed anew, where nobody has written meanwhile.
func (s *Server) replace(ctx context.Context, key string, old []any) error {
	if len(old) == 0 {
		return nil
	}
	_, err := s.run(ctx, replacing(), []string{key}, old...)
	return err
}

func replacing() script {
	return newScript("replace", `
for at = 2, #ARGV, 3 do
	if redis.call('HGET', KEYS[2], ARGV[at]) == ARGV[at + 1] then
		redis.call('HSET', KEYS[2], ARGV[at], ARGV[at + 2])
	end
end
`)
}

// resealBy is what Watch does while there is a key before.
func (s *Server) resealBy(ctx context.Context, next time.Time) time.Time {
	if s.o.PreviousKey == nil || time.Now().Before(next) {
		return next
	}
	if _, err := s.Reseal(ctx); err != nil && !errors.Is(err, store.ErrBusy) {
		s.o.OnError(err)
	}
	return time.Now().Add(resealEvery)
}
